//! Two desks at the same moment.
use crate::passes::{card, payload};
use chrono::TimeDelta;
use gatehouse_core::actor::Actor;
use gatehouse_core::checkin::service::{check_in, check_out, let_in, undo_entry};
use gatehouse_core::checkin::wire::{
    CheckIn, CheckOut, LetIn, Outcome, Reason, Source, UndoEntry, Verdict, Who,
};
use gatehouse_core::clock::Clock;
use gatehouse_core::ids::ScanId;
use gatehouse_core::plans::wire::{BranchScope, PlanForm};
use gatehouse_testkit::{TestGym, pack_form};
use std::sync::Arc;
use tokio::sync::Barrier;

fn scan(gym: &TestGym, text: &str) -> CheckIn {
    CheckIn { scan_id: ScanId::new(gym.clock.now()), who: Who::Code(text.to_owned()), source: Source::Webcam }
}

/// The requests at the very same moment, each from its own desk.
async fn at_once(gym: &TestGym, requests: Vec<(Actor, CheckIn)>) -> Vec<Verdict> {
    let barrier = Arc::new(Barrier::new(requests.len()));
    let mut desks = Vec::new();
    for (actor, request) in requests {
        let (services, barrier) = (gym.services.clone(), barrier.clone());
        desks.push(tokio::spawn(async move {
            barrier.wait().await;
            check_in(&services, &actor, request).await.expect("a verdict")
        }));
    }
    let mut verdicts = Vec::new();
    for desk in desks {
        verdicts.push(desk.await.expect("no panic"));
    }
    verdicts
}

const fn entered(verdict: &Verdict) -> bool {
    verdict.entry_id.is_some() && !verdict.repeated
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_desks_never_use_one_visit_twice_nor_admit_one_member_twice() {
    const ROUNDS: i64 = 60;
    let gym = TestGym::new().await;
    let pack = gym.plan(pack_form("One visit", 1, 30), 5_000).await;
    for round in 0..ROUNDS {
        let member = gym.member(&format!("Member {round}")).await;
        gym.sell_plan(member, pack).await;
        let text = payload(&gym, card(&gym, member).await.id).await;
        let verdicts = at_once(
            &gym,
            vec![
                (gym.reception.clone(), scan(&gym, &text)),
                (gym.second_reception.clone(), scan(&gym, &text)),
                (gym.second_reception.clone(), scan(&gym, &text)),
            ],
        )
        .await;
        assert_eq!(
            verdicts.iter().filter(|verdict| entered(verdict)).count(),
            1,
            "round {round}: {verdicts:#?}"
        );
        for verdict in verdicts.iter().filter(|verdict| !entered(verdict)) {
            let told = verdict.repeated || matches!(verdict.reasons[0], Reason::AlreadyInside { .. });
            assert!(told, "round {round}: {verdict:#?}");
        }
    }
    assert_eq!(gym.count("select count(*) from entries").await, ROUNDS);
    assert_eq!(gym.count("select count(*) from visit_uses").await, ROUNDS);
    assert_eq!(gym.count("select count(*) from scans").await, 3 * ROUNDS);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_last_visit_of_a_pack_per_entry_is_used_once_even_without_a_passback_window() {
    let gym = TestGym::new().await;
    sqlx::query("update branches set anti_passback_minutes = 0")
        .execute(&gym.db.owner)
        .await
        .expect("a rule");
    let mut form = pack_form("Two entries", 2, 30);
    form.visit_rule = gatehouse_core::plans::wire::VisitRule::PerEntry;
    let pack = gym.plan(form, 5_000).await;
    for round in 0..40 {
        let member = gym.member(&format!("Member {round}")).await;
        gym.sell_plan(member, pack).await;
        let text = payload(&gym, card(&gym, member).await.id).await;
        let desks = [&gym.reception, &gym.second_reception, &gym.manager, &gym.second_reception];
        let requests = desks.into_iter().map(|actor| (actor.clone(), scan(&gym, &text))).collect();
        let verdicts = at_once(&gym, requests).await;
        let used = verdicts.iter().filter(|verdict| entered(verdict)).count();
        assert!(used <= 2, "round {round}: {verdicts:#?}");
    }
    let overdrawn =
        "select count(*) from (select subscription_id from visit_uses group by 1 having count(*) > 2) x";
    assert_eq!(gym.count(overdrawn).await, 0);
    assert_eq!(
        gym.count("select count(*) from entries").await,
        gym.count("select count(*) from visit_uses").await
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_branches_of_one_database_never_use_the_last_visit_twice() {
    let gym = TestGym::new().await;
    let other = gym.second_branch("2").await;
    let away = gym.at_branch(&gym.second_reception, other).await;
    let form = PlanForm { branch_scope: BranchScope::All, ..pack_form("One visit anywhere", 1, 30) };
    let pack = gym.plan(form, 5_000).await;
    for round in 0..40 {
        let member = gym.member(&format!("Member {round}")).await;
        gym.sell_plan(member, pack).await;
        let text = payload(&gym, card(&gym, member).await.id).await;
        let requests = vec![(gym.reception.clone(), scan(&gym, &text)), (away.clone(), scan(&gym, &text))];
        let verdicts = at_once(&gym, requests).await;
        assert!(verdicts.iter().any(entered), "round {round}: {verdicts:#?}");
    }
    assert_eq!(gym.count("select count(*) from visit_uses").await, 40);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_retry_that_overtakes_its_first_try_gets_the_same_verdict() {
    let gym = TestGym::new().await;
    let monthly = gym.monthly().await;
    for round in 0..40 {
        let member = gym.member(&format!("Member {round}")).await;
        gym.sell_plan(member, monthly).await;
        let text = payload(&gym, card(&gym, member).await.id).await;
        let request = scan(&gym, &text);
        let requests = vec![
            (gym.reception.clone(), request.clone()),
            (gym.reception.clone(), request.clone()),
            (gym.second_reception.clone(), request.clone()),
        ];
        let verdicts = at_once(&gym, requests).await;
        assert!(verdicts.iter().all(|verdict| verdict.outcome == Outcome::Admitted), "{verdicts:#?}");
        assert!(verdicts.iter().all(|verdict| verdict.entry_id == verdicts[0].entry_id));
        assert_eq!(verdicts.iter().filter(|verdict| !verdict.repeated).count(), 1);
    }
    assert_eq!(gym.count("select count(*) from scans").await, 40);
    assert_eq!(gym.count("select count(*) from entries").await, 40);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn letting_in_undoing_and_checking_out_at_once_leave_one_story() {
    let gym = TestGym::new().await;
    let member = gym.member("Mona Adel").await;
    gym.sell_plan(member, gym.ten_visits().await).await;
    for _ in 0..25 {
        gym.clock.advance(TimeDelta::hours(3));
        let who = Who::Member(member);
        let scan_id = ScanId::new(gym.clock.now());
        let first = check_in(&gym.services, &gym.reception, CheckIn { scan_id, who, source: Source::Search })
            .await
            .expect("a verdict");
        let entry = first.entry_id;
        let (services, manager, reception) =
            (gym.services.clone(), gym.manager.clone(), gym.second_reception.clone());
        let again =
            LetIn { scan_id: ScanId::new(gym.clock.now()), member_id: member, reason: "forgot a bag".into() };
        let out = async { check_out(&services, &reception, CheckOut { member_id: member }).await };
        let undo = async {
            match entry {
                Some(entry_id) => {
                    undo_entry(&services, &gym.reception, UndoEntry { entry_id, reason: None }).await
                }
                None => Ok(()),
            }
        };
        let (_, out, undone) = tokio::join!(let_in(&services, &manager, again), out, undo);
        out.expect("an answer");
        // Whoever came later may have made it not the last one.
        if let Err(error) = undone {
            assert_eq!(error.to_wire().code, "not_last_entry");
        }
    }
    // No entry twice in the numbering, no visit without its entry, never two uses for one entry.
    assert_eq!(
        gym.count("select count(*) from visit_uses u where not exists (select from entries e where e.id = u.entry_id)")
            .await,
        0
    );
    assert_eq!(
        gym.count("select count(*) from entries").await,
        gym.count("select max(seq)::bigint from entries").await
    );
}
