//! What a desk is told of its headquarters, and what somebody decides there.
use super::branches::{scan, with_a_card};
use super::{Branch, House, edit, everywhere, number, register};
use chrono::TimeDelta;
use gatehouse_core::actor::Actor;
use gatehouse_core::auth::model::Permission;
use gatehouse_core::checkin::wire::Outcome;
use gatehouse_core::clock::Clock;
use gatehouse_core::error::Error;
use gatehouse_core::ids::{MemberId, PlanId, new_id};
use gatehouse_core::members::service as members;
use gatehouse_core::members::wire::ChooseMember;
use gatehouse_core::plans::service::create_plan;
use gatehouse_core::plans::wire::CreatePlan;
use gatehouse_core::services::Services;
use gatehouse_core::sync::metrics::metrics;
use gatehouse_core::sync::relay::Stopped;
use gatehouse_core::sync::view::{
    Choice, ChooseOutage, DecideConflict, DecidePair, EventKind, EventState, LeaveOut, Likeness,
    ListConflicts, ListSyncRows, RowsOf, SettleOverdrawn, SettledBy, SignOutage, Standing, SyncMode,
    SyncPage, SyncRow,
};
use gatehouse_core::sync::{conflicts, contact, pairs, rows, service, settle, sheet, status, store};
use gatehouse_testkit::{TestGym, pack_form, plan_form, without};
use uuid::Uuid;

/// A round as the relay makes it, written down.
async fn round(branch: &Branch) {
    let services = &branch.gym.services;
    let mut hq = branch.connect().await;
    let begun = contact::begin(services, &mut hq).await.expect("headquarters answers");
    branch.round().await;
    contact::done(services, begun).await.expect("written down");
}

async fn standing(gym: &TestGym) -> Option<Standing> {
    status::status(&gym.services, &gym.reception).await.expect("a status").standing
}

async fn page(gym: &TestGym) -> SyncPage {
    status::page(&gym.services, &gym.reception).await.expect("a page")
}

/// The services of whoever works at headquarters' own database.
fn at_headquarters(house: &House) -> Services {
    house.first.gym.services.over(house.hq.app.clone())
}

async fn listed(services: &Services, gym: &TestGym, of: RowsOf) -> Vec<SyncRow> {
    rows::rows(services, &gym.owner, ListSyncRows { of, offset: 0 }).await.expect("rows").rows
}

async fn away(branch: &Branch, minutes: i64) {
    branch.gym.clock.advance(TimeDelta::minutes(minutes));
    contact::failed(&branch.gym.services, &Stopped::Refused("no network".into()))
        .await
        .expect("written down");
}

/// Both branches change the goal of one member while apart; the second sends last.
async fn crossed() -> (House, MemberId) {
    let house = House::new().await;
    let member = register(&house.first.gym, "Mona Adel").await.id;
    house.meet().await;
    edit(&house.first.gym, member, |form| form.goal = Some("run".into())).await;
    edit(&house.second.gym, member, |form| form.goal = Some("swim".into())).await;
    house.first.round().await;
    house.second.round().await;
    house.first.round().await;
    (house, member)
}

async fn goal(services: &Services, gym: &TestGym, member_id: MemberId) -> Option<String> {
    members::get(services, &gym.reception, ChooseMember { member_id }).await.expect("a member").form.goal
}

#[tokio::test]
async fn the_figures_for_monitoring_are_those_of_the_page_at_either_end() {
    let house = House::new().await;
    let gym = &house.first.gym;
    register(gym, "Mona Adel").await;
    let system = Actor::System { branch: None, desk: None };
    let here = metrics(&gym.services, &system).await.expect("figures");
    let waiting = |kind: &str| {
        here.lines()
            .find_map(|line| line.strip_prefix(&format!("gatehouse_sync_waiting_events{{kind=\"{kind}\"}} ")))
    };
    let queued =
        number(&gym.db.owner, "select count(*) from sync_outbox where answer is null and tbl = 'members'")
            .await;
    assert_eq!((waiting("members"), queued), (Some("1"), 1), "{here}");
    house.meet().await;
    let here = metrics(&gym.services, &system).await.expect("figures");
    assert!(
        !here.contains("waiting_events") && here.contains("gatehouse_sync_mode{mode=\"branch\"} 1"),
        "{here}"
    );
    let there = metrics(&at_headquarters(&house), &system).await.expect("figures");
    for branch in status::page(&at_headquarters(&house), &system).await.expect("a page").branches {
        let received = format!(
            "gatehouse_branch_received_events_total{{branch=\"{}\"}} {}\n",
            branch.name, branch.received
        );
        assert!(branch.received > 0 && there.contains(&received), "{received} {there}");
        let seen = format!(
            "gatehouse_branch_seen_timestamp_seconds{{branch=\"{}\"}} {}\n",
            branch.name,
            branch.last_seen_at.expect("seen").timestamp()
        );
        assert!(there.contains(&seen), "{seen} {there}");
    }
    assert!(!there.contains("Mona"), "{there}");
}

#[tokio::test]
async fn a_gym_that_is_alone_is_told_nothing() {
    let gym = TestGym::new().await;
    let told = status::status(&gym.services, &gym.reception).await.expect("a status");
    assert_eq!((told.mode, told.standing, told.sheets), (SyncMode::Alone, None, 0));
    assert!(page(&gym).await.branch.is_none());
}

#[tokio::test]
async fn a_branch_says_whether_it_is_in_step_and_what_waits() {
    let house = House::new().await;
    let gym = &house.first.gym;
    round(&house.first).await;
    gym.clock.advance(TimeDelta::seconds(12));
    assert_eq!(standing(gym).await, Some(Standing::InStep { seconds: 12 }));
    away(&house.first, 1).await;
    register(gym, "Mona Adel").await;
    let told = page(gym).await;
    let branch = told.branch.expect("a branch");
    // The member and the audit log's row about it.
    assert_eq!(told.status.standing, Some(Standing::Offline { waiting: 2 }));
    let waiting: Vec<_> = branch.waiting.iter().map(|kind| (kind.kind, kind.count)).collect();
    assert_eq!(waiting, [(EventKind::Members, 1), (EventKind::Other, 1)]);
    assert_eq!(branch.failure.as_deref(), Some("headquarters refused: no network"));
    let of = RowsOf::Waiting { kind: Some(EventKind::Members) };
    let rows = listed(&gym.services, gym, of).await;
    assert_eq!(rows.len(), 1);
    assert_eq!((rows[0].member.as_deref(), rows[0].state), (Some("Mona Adel"), EventState::Waiting));
    assert!(rows[0].fields.iter().any(|field| field.field == "full_name" && field.before.is_none()));
    round(&house.first).await;
    assert_eq!(standing(gym).await, Some(Standing::InStep { seconds: 0 }));
    assert!(page(gym).await.branch.expect("a branch").waiting.is_empty());
}

#[tokio::test]
async fn headquarters_sees_each_branch_and_the_rows_behind_its_numbers() {
    let house = House::new().await;
    let gym = &house.first.gym;
    register(gym, "Mona Adel").await;
    house.meet().await;
    let services = at_headquarters(&house);
    // Headquarters noted the visits by its server's clock.
    sqlx::query("update sync_branches set last_seen_at = $1 where branch_id = $2")
        .bind(gym.clock.now())
        .bind(gym.branch)
        .execute(&house.hq.owner)
        .await
        .expect("seen");
    sqlx::query("update sync_branches set last_seen_at = $1 where branch_id = $2")
        .bind(gym.clock.now() - TimeDelta::minutes(6))
        .bind(house.second.gym.branch)
        .execute(&house.hq.owner)
        .await
        .expect("seen");
    let told = status::page(&services, &gym.owner).await.expect("a page");
    assert_eq!(told.status.standing, Some(Standing::BranchesSilent { count: 1 }));
    let silent: Vec<_> = told.branches.iter().map(|branch| (branch.name.as_str(), branch.silent)).collect();
    assert_eq!(silent.len(), 2);
    assert_eq!(silent[1], ("Branch 2", true));
    assert!(!silent[0].1);
    let of = RowsOf::Received { branch_id: gym.branch.0 };
    let page = rows::rows(&services, &gym.owner, ListSyncRows { of, offset: 0 }).await.expect("rows");
    assert_eq!(page.total, told.branches[0].received);
    assert!(page.rows.iter().any(|row| row.member.as_deref() == Some("Mona Adel")));
}

#[tokio::test]
async fn an_event_that_is_set_aside_is_left_out_with_a_reason_and_the_branch_is_told() {
    let house = House::new().await;
    let (first, second) = (&house.first.gym, &house.second.gym);
    // Both branches give a new colleague the same user name.
    for gym in [first, second] {
        sqlx::query("insert into accounts (id, full_name, username, created_at) values ($1, 'A colleague', 'rami', $2)")
            .bind(new_id(gym.clock.now()))
            .bind(gym.clock.now())
            .execute(&gym.db.app)
            .await
            .expect("an account");
    }
    house.first.round().await;
    round(&house.second).await;
    // The other's account does not fit here either.
    assert_eq!(standing(second).await, Some(Standing::NeedsHeadquarters { count: 2 }));
    let aside = listed(&second.services, second, RowsOf::Aside { branch_id: None }).await;
    assert_eq!(aside[0].reason.as_deref(), Some("accounts_username_key"));
    assert!(
        aside[0]
            .fields
            .iter()
            .any(|field| field.field == "username" && field.after.as_deref() == Some("rami"))
    );

    let services = at_headquarters(&house);
    let request = || LeaveOut { event_id: aside[0].id, reason: "He works at the first branch".into() };
    let nobody = without(&first.owner, &[Permission::EditSettings]);
    let refused = service::leave_out(&services, &nobody, request()).await.expect_err("a refusal");
    assert_eq!(refused.to_wire().code, "forbidden");
    let refused =
        service::leave_out(&second.services, &second.owner, request()).await.expect_err("a refusal");
    assert_eq!(refused.to_wire().code, "not_headquarters");
    let empty = LeaveOut { reason: " ".into(), ..request() };
    let refused = service::leave_out(&services, &first.owner, empty).await.expect_err("a refusal");
    assert_eq!(refused.to_wire().code, "required");
    service::leave_out(&services, &first.owner, request()).await.expect("left out");
    let again = service::leave_out(&services, &first.owner, request()).await.expect_err("a refusal");
    assert_eq!(again.to_wire().code, "not_found");

    sqlx::query("update accounts set username = 'rami2' where username = 'rami'")
        .execute(&second.db.app)
        .await
        .expect("mended");
    round(&house.second).await;
    assert_eq!(standing(second).await, Some(Standing::InStep { seconds: 0 }));
    let told = listed(&second.services, second, RowsOf::Aside { branch_id: None }).await;
    assert_eq!(told[0].state, EventState::LeftOut);
    assert_eq!(told[0].left_out.as_deref(), Some("He works at the first branch"));
    // The other branch has heard nothing of it.
    round(&house.first).await;
    assert_eq!(first.count("select count(*) from audit_log where act = 'event.left_out'").await, 0);
}

#[tokio::test]
async fn an_event_that_is_set_aside_is_sent_again_once_its_cause_is_mended() {
    let house = House::new().await;
    let (first, second) = (&house.first.gym, &house.second.gym);
    for gym in [first, second] {
        sqlx::query("insert into accounts (id, full_name, username, created_at) values ($1, 'A colleague', 'rami', $2)")
            .bind(new_id(gym.clock.now()))
            .bind(gym.clock.now())
            .execute(&gym.db.app)
            .await
            .expect("an account");
    }
    house.first.round().await;
    house.second.round().await;
    let aside = listed(&second.services, second, RowsOf::Aside { branch_id: None }).await;
    sqlx::query("update accounts set username = 'rami1' where username = 'rami'")
        .execute(&first.db.app)
        .await
        .expect("mended");
    house.first.round().await;
    service::resend(&second.services, &second.owner, aside[0].id).await.expect("sent again");
    assert_eq!(second.count("select count(*) from audit_log where act = 'event.sent_again'").await, 1);
    house.second.round().await;
    assert!(listed(&second.services, second, RowsOf::Aside { branch_id: None }).await.is_empty());
    assert_eq!(number(&house.hq.owner, "select count(*) from accounts where username like 'rami%'").await, 2);
}

#[tokio::test]
async fn the_value_that_stands_is_kept_and_both_ends_know_who_said_so() {
    let (house, member) = crossed().await;
    let second = &house.second.gym;
    assert_eq!(page(second).await.branch.expect("a branch").conflicts, 1);
    let open = conflicts::list(&second.services, &second.reception, ListConflicts { branch_id: None })
        .await
        .expect("conflicts")
        .rows;
    let [one] = open.as_slice() else { panic!("{open:?}") };
    assert_eq!(
        (one.member.as_deref(), one.field.as_str(), one.kept.as_deref(), one.lost.as_deref(), one.can_take),
        (Some("Mona Adel"), "goal", Some("swim"), Some("run"), true)
    );
    let decide = DecideConflict { event_id: one.event_id, field: "goal".into(), choice: Choice::Keep };
    let trainer = without(&second.reception, &[Permission::EditMembers]);
    let refused = conflicts::decide(&second.services, &trainer, decide.clone()).await.expect_err("a refusal");
    assert_eq!(refused.to_wire().code, "forbidden");
    let rows =
        conflicts::decide(&second.services, &second.reception, decide.clone()).await.expect("decided").rows;
    assert_eq!(rows[0].decided.as_ref().map(|decision| decision.choice), Some(Choice::Keep));
    let again = conflicts::decide(&second.services, &second.reception, decide).await.expect_err("a refusal");
    assert_eq!(again.to_wire().code, "already_decided");
    let services = at_headquarters(&house);
    let before = status::page(&services, &second.owner).await.expect("a page").branches;
    assert_eq!(before.iter().map(|branch| branch.conflicts).sum::<i64>(), 1);
    house.meet().await;
    let after = status::page(&services, &second.owner).await.expect("a page").branches;
    assert_eq!(after.iter().map(|branch| branch.conflicts).sum::<i64>(), 0);
    assert_eq!(goal(&services, second, member).await.as_deref(), Some("swim"));
}

#[tokio::test]
async fn the_other_value_is_taken_by_an_ordinary_edit_that_goes_everywhere() {
    let (house, member) = crossed().await;
    let services = at_headquarters(&house);
    let (first, second) = (&house.first.gym, &house.second.gym);
    let open =
        conflicts::list(&services, &first.owner, ListConflicts { branch_id: None }).await.expect("conflicts");
    let decide =
        DecideConflict { event_id: open.rows[0].event_id, field: "goal".into(), choice: Choice::TakeOther };
    conflicts::decide(&services, &first.owner, decide).await.expect("decided");
    assert_eq!(number(&house.hq.owner, "select count(*) from sync_conflicts where seen_at is null").await, 0);
    house.meet().await;
    house.agree().await;
    for gym in [first, second] {
        assert_eq!(goal(&gym.services, gym, member).await.as_deref(), Some("run"));
        assert_eq!(page(gym).await.branch.expect("a branch").conflicts, 0);
    }
}

/// One sheet, signed or not, of the only outage there is.
async fn only_sheet(gym: &TestGym) -> Uuid {
    let outages = sheet::list(&gym.services, &gym.reception).await.expect("outages").rows;
    assert_eq!(outages.len(), 1, "{outages:?}");
    outages[0].id
}

#[tokio::test]
async fn after_an_outage_there_is_a_sheet_with_all_that_was_done_meanwhile() {
    let house = House::new().await;
    let (first, second) = (&house.first.gym, &house.second.gym);
    let before = register(first, "Mona Adel").await.id;
    let plan = PlanId::new(first.clock.now());
    let form = everywhere(plan_form("Monthly"));
    let request = CreatePlan { id: plan, form, price_minor: 75_000 };
    create_plan(&at_headquarters(&house), &first.owner, request).await.expect("a plan");
    house.meet().await;
    round(&house.second).await;
    // A lost try or two is no outage.
    away(&house.second, 4).await;
    register(second, "Before It").await;
    round(&house.second).await;
    assert!(sheet::list(&second.services, &second.reception).await.expect("outages").rows.is_empty());
    // Nor is a long silence in which nothing was done.
    away(&house.second, 60).await;
    round(&house.second).await;
    assert!(sheet::list(&second.services, &second.reception).await.expect("outages").rows.is_empty());

    away(&house.second, 1).await;
    edit(first, before, |form| form.goal = Some("run".into())).await;
    edit(second, before, |form| form.goal = Some("swim".into())).await;
    let member = register(second, "Karim Nabil").await.id;
    second.sell_plan(member, plan).await;
    house.first.round().await;
    away(&house.second, 90).await;
    round(&house.second).await;
    let told =
        sheet::get(&second.services, &second.reception, ChooseOutage { outage_id: only_sheet(second).await })
            .await
            .expect("a sheet");
    assert_eq!(told.outage.ended_at - told.outage.began_at, TimeDelta::minutes(91));
    assert_eq!((told.scans, told.aside, told.waiting, told.conflicts), (0, 0, 0, 1));
    let said: Vec<_> =
        told.lines.iter().map(|row| (row.table.as_str(), row.member.as_deref(), row.state)).collect();
    assert!(said.contains(&("members", Some("Mona Adel"), EventState::Conflict)), "{said:?}");
    assert!(said.contains(&("members", Some("Karim Nabil"), EventState::Arrived)), "{said:?}");
    let sale = told.lines.iter().find(|row| row.table == "ledger_transactions").expect("the sale");
    assert_eq!((sale.member.as_deref(), sale.act.as_deref()), (Some("Karim Nabil"), Some("sale")));
    assert!(sale.amount.as_ref().is_some_and(|amount| amount.minor > 0));
    assert!(told.others > 0 && !said.iter().any(|(table, ..)| *table == "ledger_entries"));
    assert!(told.lines.iter().all(|row| row.member.as_deref() != Some("Before It")));
    assert_eq!(told.sales + told.edits, i64::try_from(told.lines.len()).expect("few"));
}

#[tokio::test]
async fn a_sheet_is_signed_once_by_somebody_with_a_name() {
    let house = House::new().await;
    let gym = &house.first.gym;
    round(&house.first).await;
    register(gym, "Mona Adel").await;
    away(&house.first, 10).await;
    round(&house.first).await;
    let outage_id = only_sheet(gym).await;
    assert_eq!(status::status(&gym.services, &gym.reception).await.expect("a status").sheets, 1);
    let request = || SignOutage { outage_id, note: Some("All there".into()) };
    let nobody = without(&gym.reception, &[Permission::EditMembers]);
    assert!(matches!(sheet::sign(&gym.services, &nobody, request()).await, Err(Error::Forbidden(_))));
    let signed = sheet::sign(&gym.services, &gym.reception, request()).await.expect("signed").outage.signed;
    let signature = signed.expect("a signature");
    assert_eq!((signature.at, signature.note.as_deref()), (gym.clock.now(), Some("All there")));
    assert!(!signature.by.is_empty());
    let again = sheet::sign(&gym.services, &gym.owner, request()).await.expect_err("a refusal");
    assert_eq!(again.to_wire().code, "already_signed");
    assert_eq!(status::status(&gym.services, &gym.reception).await.expect("a status").sheets, 0);
    assert_eq!(gym.count("select count(*) from audit_log where act = 'outage.signed'").await, 1);
}

#[tokio::test]
async fn how_far_the_clocks_are_apart_is_seen_at_the_branch() {
    let house = House::new().await;
    round(&house.first).await;
    let skew = page(&house.first.gym).await.branch.expect("a branch").clock_skew_ms.expect("a difference");
    // The tests' clock stands far from the server's.
    assert!(skew.abs() > 60_000, "{skew}");
    let mut db = house.first.gym.services.db.acquire().await.expect("a connection");
    let node = store::node(&mut db).await.expect("a node");
    assert_eq!(node.aside, 0);
}

#[tokio::test]
async fn a_visit_used_at_two_branches_stands_below_zero_until_somebody_settles_it() {
    let (house, member, subscription, text) = with_a_card(pack_form("One visit", 1, 60)).await;
    for branch in [&house.first, &house.second] {
        assert_eq!(scan(branch, &text).await.outcome, Outcome::Admitted);
        let here = settle::list(&branch.gym.services, &branch.gym.owner).await.expect("a list").rows;
        assert!(here.is_empty(), "each has used it once: {here:?}");
    }
    house.meet().await;
    let (first, second) = (&house.first.gym, &house.second.gym);
    for (services, gym) in
        [(first.services.clone(), first), (second.services.clone(), second), (at_headquarters(&house), first)]
    {
        let rows = settle::list(&services, &gym.owner).await.expect("a list").rows;
        let [one] = rows.as_slice() else { panic!("{rows:?}") };
        assert_eq!(
            (one.subscription_id, one.member_id, one.visits, one.entries.len()),
            (subscription, member, 1, 2)
        );
        assert_ne!(one.entries[0].branch, one.entries[1].branch);
    }
    assert_eq!(second.count("select count(*) from entries").await, 2, "both stay");
    let request = |reason: &str| SettleOverdrawn {
        idempotency_key: new_id(second.clock.now()),
        subscription_id: subscription,
        by: SettledBy::Forgiven,
        reason: reason.to_owned(),
    };
    let refused = settle::settle(&second.services, &second.reception, request("both were in"))
        .await
        .expect_err("a refusal");
    assert_eq!(refused.to_wire().code, "forbidden");
    let refused = settle::settle(&second.services, &second.owner, request(" ")).await.expect_err("a refusal");
    assert_eq!(refused.to_wire().code, "required");
    let left =
        settle::settle(&second.services, &second.owner, request("both were in")).await.expect("settled");
    assert!(left.rows.is_empty());
    let again = settle::settle(&second.services, &second.owner, request("both were in"))
        .await
        .expect_err("a refusal");
    assert_eq!(again.to_wire().code, "not_overdrawn");
    house.meet().await;
    house.agree().await;
    assert!(settle::list(&first.services, &first.owner).await.expect("a list").rows.is_empty());
    assert_eq!(
        number(&house.hq.owner, "select count(*) from audit_log where act = 'overdrawn.forgiven'").await,
        1
    );
}

/// The same person at both branches, by phone.
async fn registered_twice(house: &House) -> (MemberId, MemberId) {
    let mut ids = Vec::new();
    for gym in [&house.first.gym, &house.second.gym] {
        let id = register(gym, "Mona Adel").await.id;
        edit(gym, id, |form| form.phone = Some("0100 123 4567".into())).await;
        ids.push(id);
    }
    house.meet().await;
    (ids[0], ids[1])
}

#[tokio::test]
async fn a_person_of_two_branches_is_suggested_once_and_not_after_somebody_said_that_they_are_two() {
    let house = House::new().await;
    let (first, second) = (&house.first.gym, &house.second.gym);
    let (one, other) = registered_twice(&house).await;
    let rows = pairs::list(&first.services, &first.reception).await.expect("pairs").rows;
    let [pair] = rows.as_slice() else { panic!("{rows:?}") };
    assert_eq!(pair.because, [Likeness::Phone]);
    assert_ne!(pair.one.branch, pair.other.branch);
    let request = DecidePair { member_id: one, other_id: other, duplicate_id: None };
    let left = pairs::decide(&first.services, &first.reception, request).await.expect("decided");
    assert!(left.rows.is_empty());
    let again = pairs::decide(&first.services, &first.reception, request).await.expect_err("a refusal");
    assert_eq!(again.to_wire().code, "already_decided");
    house.meet().await;
    house.agree().await;
    assert!(pairs::list(&second.services, &second.reception).await.expect("pairs").rows.is_empty());
}

#[tokio::test]
async fn a_duplicate_goes_out_of_use_everywhere_and_keeps_what_happened_under_it() {
    let house = House::new().await;
    let (first, second) = (&house.first.gym, &house.second.gym);
    let plan = PlanId::new(first.clock.now());
    let request = CreatePlan { id: plan, form: everywhere(plan_form("Monthly")), price_minor: 75_000 };
    create_plan(&at_headquarters(&house), &first.owner, request).await.expect("a plan");
    house.meet().await;
    let (one, other) = registered_twice(&house).await;
    second.sell_plan(other, plan).await;
    let request = DecidePair { member_id: one, other_id: other, duplicate_id: Some(other) };
    let refused = pairs::decide(&second.services, &second.reception, request).await.expect_err("a refusal");
    assert_eq!(refused.to_wire().code, "duplicate_in_use");
    let request = DecidePair { duplicate_id: Some(one), ..request };
    pairs::decide(&second.services, &second.reception, request).await.expect("decided");
    house.meet().await;
    house.agree().await;
    for gym in [first, second] {
        let gone = members::get(&gym.services, &gym.reception, ChooseMember { member_id: one }).await;
        assert_eq!(gone.expect_err("out of use").to_wire().code, "not_found");
        assert_eq!(gym.count("select count(*) from members").await, 2);
    }
    assert_eq!(
        number(&house.hq.owner, "select count(*) from audit_log where act = 'member.duplicate'").await,
        1
    );
}
