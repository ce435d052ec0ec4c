//! What branches do without each other, and what they have afterwards.
use super::{
    Branch, House, differ, does, edit, everywhere, facts, fed, founded, number, opened, pulled, register,
};
use crate::passes::{card, payload};
use gatehouse_core::checkin::service::check_in;
use gatehouse_core::checkin::wire::{CheckIn, Outcome, Source, Verdict, Who};
use gatehouse_core::clock::Clock;
use gatehouse_core::ids::{MemberId, PlanId, ScanId, SubscriptionId};
use gatehouse_core::members::search::search;
use gatehouse_core::members::service as members;
use gatehouse_core::members::wire::{MemberForm, SearchMembers, UpdateMember};
use gatehouse_core::plans::service::create_plan;
use gatehouse_core::plans::wire::CreatePlan;
use gatehouse_core::subscriptions::wire::Act;
use gatehouse_core::sync::model::{Limits, Queued, written};
use gatehouse_core::sync::store;
use gatehouse_core::sync::wire::Answer;
use gatehouse_core::verify::verify;
use gatehouse_testkit::{TestGym, books, pack_form, plan_form};
use sqlx::Connection;

pub async fn scan(branch: &Branch, text: &str) -> Verdict {
    let gym = &branch.gym;
    let request = CheckIn {
        scan_id: ScanId::new(gym.clock.now()),
        who: Who::Code(text.to_owned()),
        source: Source::Webcam,
    };
    check_in(&gym.services, &gym.reception, request).await.expect("a verdict")
}

async fn sold(gym: &TestGym, member: MemberId, plan: PlanId) -> SubscriptionId {
    gym.sell_plan(member, plan).await;
    sqlx::query_scalar("select id from subscriptions order by created_at desc, id desc limit 1")
        .fetch_one(&gym.db.owner)
        .await
        .expect("a subscription")
}

/// A house whose gym lived alone first, with a plan and a member that has a card.
pub async fn with_a_card(
    form: gatehouse_core::plans::wire::PlanForm,
) -> (House, MemberId, SubscriptionId, String) {
    let gym = TestGym::new().await;
    let plan = gym.plan(everywhere(form), 40_000).await;
    let member = register(&gym, "Mona Adel").await.id;
    let subscription = sold(&gym, member, plan).await;
    let text = payload(&gym, card(&gym, member).await.id).await;
    let (hq, first) = founded(gym).await;
    let second = opened(&hq, "2", &first.gym.setup).await;
    let house = House { hq, first, second };
    house.meet().await;
    (house, member, subscription, text)
}

#[tokio::test]
async fn a_gym_that_lived_alone_joins_with_all_it_has() {
    let gym = TestGym::new().await;
    let plan = gym.plan(everywhere(pack_form("Ten visits", 10, 60)), 40_000).await;
    for name in ["Mona Adel", "Karim Nabil"] {
        let member = register(&gym, name).await.id;
        sold(&gym, member, plan).await;
        let text = payload(&gym, card(&gym, member).await.id).await;
        let request =
            CheckIn { scan_id: ScanId::new(gym.clock.now()), who: Who::Code(text), source: Source::Webcam };
        let verdict = check_in(&gym.services, &gym.reception, request).await.expect("a verdict");
        assert_eq!(verdict.outcome, Outcome::Admitted);
    }
    let before = (facts(&gym.db.owner, None).await, fed(&gym.db.owner).await);
    let (hq, branch) = founded(gym).await;
    assert_eq!(number(&hq.owner, "select count(*) from sync_quarantine").await, 0);
    assert_eq!(
        branch.gym.count("select count(*) from sync_outbox where answer is distinct from 'ok'").await,
        0
    );
    differ("facts", &before.0, &facts(&hq.owner, None).await);
    differ("the rest", &before.1, &fed(&hq.owner).await);
    let read = verify(&hq.owner).await.expect("read");
    assert_eq!((read.receipts, read.broken), (2, None));
    assert_eq!(books::disagreements(&hq.owner).await, Vec::<String>::new());
}

#[tokio::test]
async fn what_is_sold_at_a_branch_is_at_headquarters_and_nothing_else_waits() {
    let house = House::new().await;
    let plan = CreatePlan {
        id: PlanId::new(house.first.gym.clock.now()),
        form: everywhere(plan_form("Monthly")),
        price_minor: 75_000,
    };
    let plan_id = plan.id;
    let refused =
        create_plan(&house.first.gym.services, &house.first.gym.owner, plan).await.expect_err("a refusal");
    assert_eq!(refused.to_wire().code, "headquarters_owns");
    // Headquarters' own screens work in its database.
    let services = house.first.gym.services.over(house.hq.app.clone());
    let plan = CreatePlan { id: plan_id, form: everywhere(plan_form("Monthly")), price_minor: 75_000 };
    create_plan(&services, &house.first.gym.owner, plan).await.expect("a plan");
    house.meet().await;
    for branch in [&house.first, &house.second] {
        let member = register(&branch.gym, "Mona Adel").await.id;
        sold(&branch.gym, member, plan_id).await;
    }
    house.meet().await;
    house.agree().await;
    assert_eq!(number(&house.hq.owner, "select count(*) from receipts").await, 2);
    assert_eq!(number(&house.hq.owner, "select count(distinct number) from members").await, 2);
    assert_eq!(verify(&house.hq.owner).await.expect("read").broken, None);
    assert_eq!(books::disagreements(&house.hq.owner).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_member_of_one_branch_is_found_and_let_in_at_the_other() {
    let (house, member, _, text) = with_a_card(pack_form("Ten visits", 10, 60)).await;
    let request = SearchMembers { query: "mona ad".to_owned(), limit: None };
    let hits = search(&house.second.gym.services, &house.second.gym.reception, request).await.expect("hits");
    assert_eq!(hits.rows.iter().map(|hit| hit.id).collect::<Vec<_>>(), [member]);
    assert_eq!(scan(&house.second, &text).await.outcome, Outcome::Admitted);
    house.meet().await;
    house.agree().await;
    assert_eq!(number(&house.first.gym.db.owner, "select count(*) from visit_uses").await, 1);
}

#[tokio::test]
async fn the_last_visit_used_at_two_branches_without_a_network_is_two_entries() {
    let (house, _, _, text) = with_a_card(pack_form("One visit", 1, 60)).await;
    for branch in [&house.first, &house.second] {
        assert_eq!(scan(branch, &text).await.outcome, Outcome::Admitted);
    }
    house.meet().await;
    house.agree().await;
    for db in [&house.hq.owner, &house.first.gym.db.owner, &house.second.gym.db.owner] {
        assert_eq!(number(db, "select count(*) from visit_uses where visit_no = 1").await, 2);
    }
}

#[tokio::test]
async fn what_two_branches_do_to_one_subscription_happens_both() {
    let (house, _, subscription, _) = with_a_card(gatehouse_core::plans::wire::PlanForm {
        freeze_days: 30,
        freeze_times: 2,
        ..plan_form("Monthly")
    })
    .await;
    does(&house.first.gym, subscription, Act::Freeze { from: None, days: 5 }).await.expect("frozen");
    does(&house.second.gym, subscription, Act::Gift { days: 3, visits: 0 }).await.expect("given");
    house.meet().await;
    house.agree().await;
    for db in [&house.hq.owner, &house.first.gym.db.owner, &house.second.gym.db.owner] {
        assert_eq!(number(db, "select count(*) from subscription_events where seq = 2").await, 2);
    }
    // The next one knows both.
    does(&house.first.gym, subscription, Act::Gift { days: 1, visits: 0 }).await.expect("given");
    house.meet().await;
    assert_eq!(
        number(&house.second.gym.db.owner, "select count(*) from subscription_events where seq = 3").await,
        1
    );
}

#[tokio::test]
async fn edits_of_different_fields_both_stand_and_of_the_same_the_later_arrival() {
    let (house, member, ..) = with_a_card(plan_form("Monthly")).await;
    edit(&house.first.gym, member, |form| {
        form.phone = Some("0100 123 4567".into());
        form.goal = Some("run".into());
    })
    .await;
    edit(&house.second.gym, member, |form| {
        form.email = Some("mona@example.com".into());
        form.goal = Some("swim".into());
    })
    .await;
    house.first.round().await;
    // Not sent yet, and not hidden by what came, once no other test's transaction hides that from the feed.
    pulled(&house.second, "select count(*) from members where phone is not null").await;
    let fields = "select array[phone, email, goal] from members";
    let seen: Vec<Option<String>> =
        sqlx::query_scalar(fields).fetch_one(&house.second.gym.db.owner).await.expect("fields");
    let (phone, email) = (Some("+201001234567".to_owned()), Some("mona@example.com".to_owned()));
    assert_eq!(seen, [phone.clone(), email.clone(), Some("swim".to_owned())]);

    house.meet().await;
    house.agree().await;
    let stands: Vec<Option<String>> =
        sqlx::query_scalar(fields).fetch_one(&house.hq.owner).await.expect("fields");
    assert_eq!(stands, [phone, email, Some("swim".to_owned())]);
    let conflict: (String, String, String) =
        sqlx::query_as("select field, kept #>> '{}', lost #>> '{}' from sync_conflicts")
            .fetch_one(&house.hq.owner)
            .await
            .expect("one conflict");
    assert_eq!(conflict, ("goal".to_owned(), "swim".to_owned(), "run".to_owned()));
}

#[tokio::test]
async fn a_database_of_several_branches_cannot_join_as_one() {
    let gym = TestGym::new().await;
    let other = gym.second_branch("2").await;
    let reception = gym.at_branch(&gym.reception, other).await;
    let plan = gym.plan(everywhere(plan_form("Monthly")), 40_000).await;
    let member = gym.member("Mona Adel").await;
    let request = gym
        .sale_of(gatehouse_core::sales::wire::Basket::of(
            member,
            gatehouse_core::sales::wire::Line::New { plan_id: plan, starts_on: None },
        ))
        .await;
    gatehouse_core::sales::service::sell(&gym.services, &reception, request).await.expect("a sale");
    let mut own = gym.db.owner.acquire().await.expect("the branch");
    let refused = store::join(&mut own, gym.branch, uuid::Uuid::nil(), true).await.expect_err("a refusal");
    assert_eq!(refused.to_wire().code, "sync_one_branch");
    assert_eq!(gym.count("select count(*) from sync_outbox").await, 0);
}

#[tokio::test]
async fn an_entry_that_unbalances_the_ledger_does_not_come_by_way_of_the_relay_whatever_the_session_says() {
    let (house, ..) = with_a_card(plan_form("Monthly")).await;
    for origin in ["", "00000000-0000-0000-0000-000000000001"] {
        let mut tx = house.first.gym.services.db.begin().await.expect("a transaction");
        sqlx::query("select set_config('gatehouse.origin', $1, false)")
            .bind(origin)
            .execute(&mut *tx)
            .await
            .expect("set");
        let aside: i32 = sqlx::query_scalar(
            "select relay_apply((select jsonb_agg(jsonb_build_object('tbl', 'ledger_entries', 'op', 'put',
                 'row', to_jsonb(e) || jsonb_build_object('id', gen_random_uuid()))) from (select * from ledger_entries limit 1) as e), null)",
        )
        .fetch_one(&mut *tx)
        .await
        .expect("applied");
        assert_eq!(aside, 0);
        let refused = tx.commit().await.expect_err("a refusal").to_string();
        assert!(refused.contains("does not balance"), "{origin}: {refused}");
    }
}

#[tokio::test]
async fn of_a_page_only_what_is_here_as_it_says_and_was_not_edited_since_says_nothing_new() {
    let house = House::new().await;
    let gym = &house.first.gym;
    register(gym, "A is as it was").await;
    let edited = register(gym, "B was edited here").await.id;
    register(gym, "C was changed there").await;
    house.meet().await;
    edit(gym, edited, |form| form.goal = Some("swim".into())).await;
    let page: serde_json::Value = sqlx::query_scalar(
        "select jsonb_agg(jsonb_build_object('tbl', 'members', 'op', 'put',
                'row', case when full_name like 'C%' then r || '{\"goal\": \"row\"}' else r end) order by full_name)
         from (select full_name, to_jsonb(m) - (select own_columns from sync_tables where name = 'members') as r from members m) as mine",
    )
    .fetch_one(&gym.db.owner)
    .await
    .expect("a page");
    let known: Vec<i32> = sqlx::query_scalar("select relay_known($1)")
        .bind(&page)
        .fetch_one(&gym.db.owner)
        .await
        .expect("known");
    assert_eq!(known, [1]);
    let mut odd = page.clone();
    odd[0]["row"]["id"] = serde_json::json!("x");
    let known: Vec<i32> = sqlx::query_scalar("select relay_known($1)")
        .bind(&odd)
        .fetch_one(&gym.db.owner)
        .await
        .expect("known");
    assert_eq!(known, [0; 0], "each by itself shows which is odd");
}

/// What a branch would send now.
async fn batch(branch: &Branch) -> Vec<Queued> {
    let mut local = branch.gym.services.db.acquire().await.expect("a connection");
    store::take(&mut local, Limits::default(), &[]).await.expect("a batch")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn edits_that_two_branches_send_at_the_same_moment_both_stand() {
    let (house, member, ..) = with_a_card(plan_form("Monthly")).await;
    edit(&house.first.gym, member, |form| form.goal = Some("run".into())).await;
    edit(&house.second.gym, member, |form| form.email = Some("mona@example.com".into())).await;
    let (one, other) = (batch(&house.first).await, batch(&house.second).await);
    let mut line = house.first.connect().await;
    let mut slow = line.begin().await.expect("a transaction");
    store::push(&mut slow, &written(&one)).await.expect("an answer");
    let mut line = house.second.connect().await;
    let sent = tokio::spawn(async move { store::push(&mut line, &written(&other)).await.map(drop) });
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    assert!(!sent.is_finished());
    slow.commit().await.expect("committed");
    sent.await.expect("an end").expect("an answer");
    let both = "select count(*) from members where goal = 'run' and email = 'mona@example.com'";
    assert_eq!(number(&house.hq.owner, both).await, 1);
    house.meet().await;
    house.agree().await;
}

#[tokio::test]
async fn a_member_who_is_edited_three_times_in_a_batch_is_merged_edit_by_edit_and_written_once() {
    let (house, member, ..) = with_a_card(plan_form("Monthly")).await;
    edit(&house.second.gym, member, |form| form.goal = Some("swim".into())).await;
    house.second.round().await;
    let first = &house.first.gym;
    edit(first, member, |form| form.goal = Some("run".into())).await;
    edit(first, member, |form| form.email = Some("mona@example.com".into())).await;
    edit(first, member, |form| form.goal = Some("row".into())).await;
    let fed = "select count(*) from sync_feed where tbl = 'members'";
    let before = number(&house.hq.owner, fed).await;
    house.first.round().await;
    assert_eq!(number(&house.hq.owner, fed).await, before + 1);
    let stands = "select count(*) from members where goal = 'row' and email = 'mona@example.com'";
    assert_eq!(number(&house.hq.owner, stands).await, 1);
    // Only the first of them met what the other branch had written.
    let clash =
        "select count(*) from sync_conflicts where field = 'goal' and kept = '\"run\"' and lost = '\"swim\"'";
    assert_eq!(number(&house.hq.owner, clash).await, 1);
    assert_eq!(
        number(&house.hq.owner, "select count(*) from sync_conflicts where field in ('goal', 'email')").await,
        1
    );
    house.meet().await;
    house.agree().await;
}

#[tokio::test]
async fn branches_that_edit_the_same_members_in_opposite_orders_do_not_stop_each_other() {
    let house = House::new().await;
    let mut members = Vec::new();
    for number in 0..12 {
        members.push(register(&house.first.gym, &format!("Member {number}")).await.id);
    }
    house.meet().await;
    let sent = async |branch: &Branch| {
        let batch = batch(branch).await;
        match store::push(&mut branch.connect().await, &written(&batch)).await.expect("an answer") {
            Answer::Given(pushed) => pushed,
            refused @ Answer::Refused { .. } => panic!("{refused:?}"),
        }
    };
    for turn in 0..3 {
        for &id in &members {
            edit(&house.first.gym, id, |form| form.goal = Some(format!("Goal {turn}"))).await;
        }
        for &id in members.iter().rev() {
            edit(&house.second.gym, id, |form| form.notes = Some(format!("Note {turn}"))).await;
        }
        let (one, other) = tokio::join!(sent(&house.first), sent(&house.second));
        // Who gives way to another's lock is told to wait.
        for sent in [one, other] {
            let clashes = sent.answers.iter().filter(|event| event.answer == "ok").count();
            assert!(clashes == sent.answers.len() && sent.ok + clashes >= 12, "{sent:?}");
        }
        house.meet().await;
    }
    house.agree().await;
    let both = "select count(*) from members where goal = 'Goal 2' and notes = 'Note 2'";
    assert_eq!(number(&house.hq.owner, both).await, 12);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_edit_that_replaces_what_a_relay_has_just_brought_says_so() {
    let (house, member, ..) = with_a_card(plan_form("Monthly")).await;
    let gym = &house.first.gym;
    // Brought, and not committed yet.
    let mut relay = gym.db.owner.begin().await.expect("a transaction");
    sqlx::query("update members set goal = 'swim'").execute(&mut *relay).await.expect("an edit");
    let saves = async {
        let form =
            MemberForm { full_name: "Mona Adel".into(), language: "en".into(), ..MemberForm::default() };
        members::update(&gym.services, &gym.reception, UpdateMember { id: member, form, shown: None })
            .await
            .expect("edited");
    };
    let commits = async {
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
        relay.commit().await.expect("committed");
    };
    tokio::join!(saves, commits);
    let told = "select count(*) from audit_log where act = 'member.updated' and before ->> 'goal' = 'swim'";
    assert_eq!(number(&gym.db.owner, told).await, 1);
}
