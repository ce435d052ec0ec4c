//! The judge is judged: what is planted must be counted, and nothing else.
use super::*;
use crate::TestDb;
use crate::soak::app;
use gatehouse_core::clock::SystemClock;
use gatehouse_core::ids::DeskId;
use gatehouse_core::sealed::KeyFile;
use gatehouse_core::services::Services;
use sqlx::{AssertSqlSafe, Executor as _};

/// A house in which the first members of each kind came, one was let in, and one entry was undone.
async fn day_at_the_door() -> (TestDb, Vec<Told>) {
    let db = TestDb::new().await;
    let base = app::base();
    let plan = Plan { suite: "checkin", seed: 1, ops: 8 };
    let door = Door::prepare(&db.owner, &plan, base).await.expect("a gym");
    let keys = KeyFile::at(std::env::temp_dir().join("gatehouse-secrets.key"));
    let services = Services::new(db.app.clone(), Arc::new(SystemClock), std::env::temp_dir(), keys);
    let (branch, desk): (BranchId, DeskId) =
        sqlx::query_as("select branch_id, id from desks order by name limit 1")
            .fetch_one(&db.owner)
            .await
            .expect("a desk");
    let actor = Actor::System { branch: Some(branch), desk: Some(desk) };
    let mut told = Vec::new();
    let mut asks = Vec::new();
    for (_, code) in &door.members[..6] {
        let ask = Ask::CheckIn { scan_id: ScanId::new(base), code: code.clone() };
        // The second time is a retry.
        asks.extend([ask.clone(), ask]);
    }
    asks.push(Ask::LetIn { scan_id: ScanId::new(base), member_id: door.members[6].0 });
    for ask in asks {
        let done = Door::answer(&services, &actor, ask.clone()).await.expect("a verdict");
        told.push(Told { ask, answer: Answer::Done(done) });
    }
    let Answer::Done(Done::Verdict { entry_id: Some(entry_id), .. }) = told[0].answer else {
        panic!("{told:?}")
    };
    let undo = Ask::Undo { entry_id };
    let undone = Door::answer(&services, &actor, undo.clone()).await.expect("undone");
    told.push(Told { ask: undo, answer: Answer::Done(undone) });
    (db, told)
}

/// Counts after a statement that no service would run.
async fn judged_after(planted: &str) -> (u64, u64) {
    let (db, told) = day_at_the_door().await;
    db.owner.execute(AssertSqlSafe(planted)).await.unwrap_or_else(|error| panic!("{planted}: {error}"));
    (lost(&db.owner, &told).await.expect("a count"), doubled(&db.owner).await.expect("a count"))
}

const OTHER_ENTRY: &str = "insert into entries (id, branch_id, member_id, seq, scan_id, desk_id, at, business_day, subscription_id)
    select gen_random_uuid(), e.branch_id, e.member_id, e.seq + 1, %, e.desk_id, e.at, e.business_day, e.subscription_id
    from entries e where e.id = (select entry_id from visit_uses order by id limit 1)";

#[tokio::test]
async fn a_clean_day_has_nothing_lost_and_nothing_doubled() {
    assert_eq!(judged_after("select 1").await, (0, 0));
}

#[tokio::test]
async fn a_planted_loss_is_counted() {
    for planted in [
        // Asked twice, so missed twice.
        "delete from scans where id = (select s.id from scans s join entry_voids v on v.entry_id = s.entry_id)",
        "delete from visit_uses u using subscriptions s where s.id = u.subscription_id and s.visit_rule = 'per_entry'",
        "delete from visit_uses; delete from entries where id = (select id from entries e
             where not exists (select from entry_voids v where v.entry_id = e.id) limit 1)",
        "delete from entry_voids",
        "update scans set outcome = 'refused' where id = (select max(id::text)::uuid from scans where outcome = 'admitted')",
    ] {
        let (lost, _) = judged_after(planted).await;
        assert!(lost > 0, "{planted}");
    }
}

#[tokio::test]
async fn a_planted_double_is_counted() {
    let second_of_a_scan = format!(
        "alter table entries drop constraint entries_scan_key; {}",
        OTHER_ENTRY.replace('%', "e.scan_id")
    );
    let second_in_the_window = OTHER_ENTRY.replace('%', "gen_random_uuid()");
    for planted in [
        second_of_a_scan.as_str(),
        second_in_the_window.as_str(),
        "update subscription_events set visits = 0 where visits = 3",
        "alter table visit_uses drop constraint visit_uses_entry_key;
         insert into visit_uses (id, branch_id, subscription_id, visit_no, entry_id, business_day)
         select gen_random_uuid(), u.branch_id, u.subscription_id, u.visit_no + 1, u.entry_id, u.business_day
         from visit_uses u join subscriptions s on s.id = u.subscription_id where s.visit_rule = 'per_day' limit 1",
        "insert into entry_voids (entry_id, branch_id, at) select id, branch_id, at from entries where override_reason is null
             and not exists (select from entry_voids v where v.entry_id = id) limit 1",
    ] {
        let (_, doubled) = judged_after(planted).await;
        assert!(doubled > 0, "{planted}");
    }
}

#[test]
fn a_request_sent_again_is_a_duplicate() {
    let scan_id = ScanId::new(app::base());
    let ask = Ask::CheckIn { scan_id, code: "x".into() };
    let told = |ask: &Ask| Told { ask: ask.clone(), answer: Answer::Unknown };
    let other = Ask::CheckIn { scan_id: ScanId::new(app::base()), code: "x".into() };
    assert_eq!(Door::duplicates(&[told(&ask), told(&other), told(&ask), told(&ask)]), 2);
}
