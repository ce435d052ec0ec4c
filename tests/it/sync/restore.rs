//! A database is put back from a backup, at either end, while others go on.
use super::{Branch, House, edit, everywhere, founded, number, opened, pulled, register};
use gatehouse_core::actor::Actor;
use gatehouse_core::checkin::service::check_in;
use gatehouse_core::checkin::wire::{CheckIn, Outcome, Source, Who};
use gatehouse_core::clock::Clock;
use gatehouse_core::expenses::service as expenses;
use gatehouse_core::expenses::wire::{CreateExpense, ExpenseForm};
use gatehouse_core::ids::{ExpenseId, MemberId, PlanId, ScanId, SubscriptionId, new_id};
use gatehouse_core::members::service as members;
use gatehouse_core::members::wire::{MemberForm, RegisterMember};
use gatehouse_core::sales::service::sell;
use gatehouse_core::sales::wire::{Basket, Line};
use gatehouse_core::sync::model::{Limits, written};
use gatehouse_core::sync::wire::{Answer, Lost};
use gatehouse_core::sync::{lost, store};
use gatehouse_core::verify::verify;
use gatehouse_testkit::{TestDb, TestGym, books, plan_form};
use sqlx::{AssertSqlSafe, Executor};

/// Two branches in step, that sell the same plan.
async fn house() -> (House, PlanId) {
    let gym = TestGym::new().await;
    let plan = gym.plan(everywhere(plan_form("Monthly")), 40_000).await;
    let (hq, first) = founded(gym).await;
    let second = opened(&hq, "2", &first.gym.setup).await;
    let house = House { hq, first, second };
    house.meet().await;
    (house, plan)
}

/// From a backup, and its others are told.
async fn put_back(db: &TestDb, backup: &TestDb, house: &House) {
    db.restore(backup).await;
    let mut owner = db.owner.acquire().await.expect("a connection");
    store::restored(&mut owner, new_id(house.first.gym.clock.now())).await.expect("restored");
}

async fn newest_subscription(branch: &Branch) -> SubscriptionId {
    sqlx::query_scalar("select id from subscriptions order by created_at desc, id desc limit 1")
        .fetch_one(&branch.gym.db.owner)
        .await
        .expect("a subscription")
}

async fn agree(house: &House, receipts: i64) {
    house.meet().await;
    house.agree().await;
    let db = &house.hq.owner;
    assert_eq!(number(db, "select count(*) from receipts").await, receipts);
    assert_eq!(verify(db).await.expect("read").broken, None);
    assert_eq!(books::disagreements(db).await, Vec::<String>::new());
    assert_eq!(number(db, "select count(*) from sync_quarantine where resolved_at is null").await, 0);
}

#[tokio::test]
async fn a_sale_waits_whole_for_what_another_branch_has_to_send_again() {
    let (house, plan) = house().await;
    let member = register(&house.second.gym, "Mona Adel").await.id;
    house.meet().await;
    let backup = house.hq.backup().await;
    house.second.gym.sell_plan(member, plan).await;
    house.meet().await;
    let subscription_id = newest_subscription(&house.first).await;
    let line = Line::Renew { subscription_id, from_old_end: false };
    house.first.gym.sell(Basket { member_id: None, lines: vec![line] }).await;
    house.first.gym.sell_plan(member, plan).await;
    house.first.round().await;
    assert_eq!(number(&house.hq.owner, "select count(*) from receipts").await, 3);
    // What was sold at the second is gone at headquarters, and the first is quicker to send again.
    put_back(&house.hq, &backup, &house).await;
    for _ in 0..5 {
        let round = house.first.round().await;
        assert!(round.put_off >= 10 && round.quarantined == 0, "{round:?}");
        // The renewal with all that belongs to it; the other sale does not wait.
        for query in [
            "select count(*) from ledger_transactions",
            "select count(*) from receipts",
            "select count(*) from payments",
            "select count(*) from allocations",
            "select count(*) from subscription_events",
        ] {
            assert_eq!(number(&house.hq.owner, query).await, 1, "{query}");
        }
    }
    house.second.round().await;
    agree(&house, 3).await;
}

#[tokio::test]
async fn a_restored_branch_opens_its_door_and_takes_no_money_before_it_has_its_own_rows() {
    let (house, plan) = house().await;
    let gym = &house.first.gym;
    let member = register(gym, "Mona Adel").await.id;
    house.meet().await;
    house.second.gym.sell_plan(member, plan).await;
    house.meet().await;
    // Of before the first has opened the day's shift.
    let backup = gym.db.backup().await;
    gym.sell_plan(member, plan).await;
    let other = register(gym, "Karim Nabil").await.id;
    gym.sell_plan(other, plan).await;
    let admitted = async || {
        let request = CheckIn {
            scan_id: ScanId::new(gym.clock.now()),
            who: Who::Member(member),
            source: Source::Search,
        };
        check_in(&gym.services, &gym.reception, request).await.expect("a verdict").outcome
            == Outcome::Admitted
    };
    assert!(admitted().await);
    house.meet().await;
    put_back(&gym.db, &backup, &house).await;
    for _ in 0..2 {
        let request = gym.sale_of(Basket::of(member, Line::New { plan_id: plan, starts_on: None })).await;
        let refused = sell(&gym.services, &gym.reception, request).await.expect_err("a refusal");
        assert_eq!(refused.to_wire().code, "own_rows_missing");
        let form =
            MemberForm { full_name: "Third".to_owned(), language: "en".to_owned(), ..MemberForm::default() };
        let request = RegisterMember { id: MemberId::new(gym.clock.now()), form };
        let refused = members::register(&gym.services, &gym.reception, request).await.expect_err("a refusal");
        assert_eq!(refused.to_wire().code, "own_rows_missing");
    }
    // Counted as the member's first entry once more.
    assert!(admitted().await);
    let round = house.first.round().await;
    assert!(round.taken_back > 10, "{round:?}");
    assert_eq!((round.put_off, round.quarantined), (0, 0));
    let third = register(gym, "Third").await.id;
    gym.sell_plan(third, plan).await;
    agree(&house, 4).await;
    assert_eq!(number(&house.hq.owner, "select count(distinct (till_id, number)) from receipts").await, 4);
    assert_eq!(number(&house.hq.owner, "select count(*) from till_shifts").await, 2);
    assert_eq!(number(&house.hq.owner, "select count(distinct number) from members").await, 3);
    assert_eq!(number(&house.hq.owner, "select count(*) from entries").await, 2);
}

#[tokio::test]
async fn a_restored_branch_whose_headquarters_is_gone_for_good_can_be_told_to_go_on() {
    let (house, plan) = house().await;
    let gym = &house.first.gym;
    let member = register(gym, "Mona Adel").await.id;
    let backup = gym.db.backup().await;
    put_back(&gym.db, &backup, &house).await;
    let mut owner = gym.db.owner.acquire().await.expect("a connection");
    store::takes_back(&mut owner, false).await.expect("told");
    gym.sell_plan(member, plan).await;
}

#[tokio::test]
async fn own_rows_come_back_over_a_line_that_is_cut_again_and_again() {
    let (house, plan) = house().await;
    let gym = &house.first.gym;
    let backup = gym.db.backup().await;
    for name in ["Mona Adel", "Karim Nabil"] {
        let member = register(gym, name).await.id;
        gym.sell_plan(member, plan).await;
    }
    house.meet().await;
    put_back(&gym.db, &backup, &house).await;
    // A page a line: headquarters says hello, gives one page, and is gone.
    let mut pages = 0;
    loop {
        let mut local = gym.db.owner.acquire().await.expect("a connection");
        let node = store::node(&mut local).await.expect("a node");
        store::takes_back(&mut local, true).await.expect("begun");
        let since = node.own_since.unwrap_or_default();
        let mut hq = house.first.connect().await;
        let Answer::Given(page) = store::own(&mut hq, since, 4).await.expect("a page") else {
            panic!("refused")
        };
        let until = page.cursor.parse().expect("a cursor");
        assert!(until > since, "{since}");
        store::take_back(&mut local, &page, until).await.expect("taken back");
        pages += 1;
        if pages == 3 {
            break;
        }
    }
    let before = number(&gym.db.owner, "select count(*) from sync_outbox").await;
    let round = house.first.round().await;
    let all = number(&gym.db.owner, "select count(*) from sync_outbox").await;
    assert!(
        before >= 12 && i64::try_from(round.taken_back).expect("few") <= all - 12,
        "{before} {all} {round:?}"
    );
    agree(&house, 2).await;
    // In transactions as before, under numbers that the database will not give out again.
    let came_back =
        "select count(distinct xid) from sync_outbox where xid::text::numeric >= 2305843009213693952";
    let sent = "select count(distinct xid) from sync_inbox i where branch_id = (select branch_id from receipts limit 1)";
    let (came_back, sent) = (number(&gym.db.owner, came_back).await, number(&house.hq.owner, sent).await);
    assert!(came_back > 4 && came_back <= sent, "{came_back} of {sent}");
}

/// Of a page's events those of allocations.
fn allocations_of(events: &serde_json::Value) -> serde_json::Value {
    let all = events.as_array().expect("an array").iter();
    all.filter(|event| event["tbl"] == "allocations").cloned().collect()
}

#[tokio::test]
async fn a_row_that_waits_to_be_taken_back_is_not_forgotten_when_headquarters_is_put_back_too() {
    let (house, plan) = house().await;
    let gym = &house.first.gym;
    let member = register(gym, "Mona Adel").await.id;
    let backup = gym.db.backup().await;
    gym.sell_plan(member, plan).await;
    house.meet().await;
    let hq_backup = house.hq.backup().await;
    put_back(&gym.db, &backup, &house).await;
    // One page: an allocation, and not what it refers to.
    let mut local = gym.db.owner.acquire().await.expect("a connection");
    let mut hq = house.first.connect().await;
    let Answer::Given(mut page) = store::own(&mut hq, uuid::Uuid::nil(), 5_000).await.expect("a page") else {
        panic!("refused")
    };
    page.rows = allocations_of(&page.rows);
    page.sent = page.sent.as_ref().map(allocations_of);
    store::takes_back(&mut local, true).await.expect("begun");
    store::take_back(&mut local, &page, uuid::Uuid::nil()).await.expect("taken back");
    assert_eq!(gym.count("select count(*) from sync_quarantine where resolved_at is null").await, 1);
    drop((local, hq));
    put_back(&house.hq, &hq_backup, &house).await;
    house.first.round().await;
    assert_eq!(gym.count("select count(*) from allocations").await, 1);
    agree(&house, 1).await;
    assert_eq!(gym.count("select count(*) from sync_quarantine where resolved_at is null").await, 0);
}

#[tokio::test]
async fn what_the_one_before_has_on_its_way_comes_too_late_from_the_first_call_of_the_new_one() {
    let (house, plan) = house().await;
    let gym = &house.first.gym;
    let member = register(gym, "Mona Adel").await.id;
    house.meet().await;
    let backup = gym.db.backup().await;
    gym.sell_plan(member, plan).await;
    let now = gym.clock.now();
    let mut slow = house.first.connect().await;
    let mut local = gym.services.db.acquire().await.expect("a connection");
    let node = store::node(&mut local).await.expect("a node");
    store::hello(&mut slow, 0, node.incarnation.expect("a branch"), 1, false, now).await.expect("an answer");
    let batch = store::take(&mut local, Limits::default(), &[]).await.expect("a batch");
    assert!(batch.len() > 10);
    drop(local);
    put_back(&gym.db, &backup, &house).await;
    // The new one has only said hello yet.
    let mut local = gym.services.db.acquire().await.expect("a connection");
    let node = store::node(&mut local).await.expect("a node");
    let mut line = house.first.connect().await;
    let hello = store::hello(&mut line, 0, node.incarnation.expect("a branch"), 0, false, now).await;
    let Answer::Given(hello) = hello.expect("an answer") else { panic!("refused") };
    assert!(hello.restored);
    let answer = store::push(&mut slow, &written(&batch)).await.expect("an answer");
    assert!(matches!(&answer, Answer::Refused { refused } if refused == "overtaken"), "{answer:?}");
    drop((local, line, slow));
    house.first.round().await;
    gym.sell_plan(member, plan).await;
    agree(&house, 1).await;
}

#[tokio::test]
async fn an_edit_that_comes_before_the_registration_of_its_member_stands() {
    let (house, _) = house().await;
    let backup = house.hq.backup().await;
    let member = register(&house.second.gym, "Mona Adel").await.id;
    house.meet().await;
    edit(&house.first.gym, member, |form| form.goal = Some("run".into())).await;
    house.meet().await;
    put_back(&house.hq, &backup, &house).await;
    house.first.round().await;
    agree(&house, 0).await;
    for db in [&house.hq.owner, &house.first.gym.db.owner, &house.second.gym.db.owner] {
        assert_eq!(number(db, "select count(*) from members where goal = 'run'").await, 1);
    }
}

#[tokio::test]
async fn a_registration_that_is_sent_again_takes_back_no_edit_of_the_member() {
    let (house, _) = house().await;
    let backup = house.hq.backup().await;
    let member = register(&house.first.gym, "Mona Adel").await.id;
    house.meet().await;
    edit(&house.second.gym, member, |form| form.goal = Some("swim".into())).await;
    house.meet().await;
    put_back(&house.hq, &backup, &house).await;
    house.second.round().await;
    // The first reads what the second has sent again, and has its own row still to be sent.
    let epoch =
        sqlx::query_scalar("select epoch from sync_node").fetch_one(&house.hq.owner).await.expect("an epoch");
    store::met(&mut house.first.gym.db.owner.acquire().await.expect("a connection"), epoch)
        .await
        .expect("met");
    pulled(&house.first, "select count(*) from members where goal = 'swim' and exists (select from sync_node where cursor <> '0:0')").await;
    assert_eq!(
        number(
            &house.first.gym.db.owner,
            "select count(*) from sync_outbox where answer is null and tbl = 'members'"
        )
        .await,
        1
    );
    house.meet().await;
    house.agree().await;
    assert_eq!(number(&house.hq.owner, "select count(*) from members where goal = 'swim'").await, 1);
}

#[tokio::test]
async fn of_two_changes_of_a_row_the_later_one_arrives_later() {
    let (house, _) = house().await;
    let backup = house.hq.backup().await;
    let member = register(&house.second.gym, "Mona Adel").await.id;
    house.meet().await;
    put_back(&house.hq, &backup, &house).await;
    let first = &house.first.gym.db.owner;
    let note = format!(
        "insert into member_notes (id, member_id, body, at_door, created_at) values (gen_random_uuid(), '{}', 'one', 'none', now())",
        member.0
    );
    first.execute(AssertSqlSafe(note)).await.expect("a note");
    first.execute("update member_notes set body = 'two'").await.expect("an edit");
    // It keeps its copy of the member for itself.
    let epoch =
        sqlx::query_scalar("select epoch from sync_node").fetch_one(&house.hq.owner).await.expect("an epoch");
    let mut local = first.acquire().await.expect("a connection");
    assert!(store::met(&mut local, epoch).await.expect("met"));
    store::copied(&mut local).await.expect("noted");
    drop(local);
    let round = house.first.round().await;
    assert_eq!(round.put_off, 2, "{round:?}");
    // They wait behind everything new; but not behind what comes later to the same note.
    house.second.round().await;
    first.execute("update member_notes set body = 'three'").await.expect("an edit");
    agree(&house, 0).await;
    for db in [&house.hq.owner, first, &house.second.gym.db.owner] {
        assert_eq!(number(db, "select count(*) from member_notes where body = 'three'").await, 1);
    }
    assert_eq!(number(&house.hq.owner, "select count(*) from sync_conflicts").await, 0);
}

#[tokio::test]
async fn what_headquarters_keeps_aside_comes_back_to_a_restored_branch_too() {
    let (house, _) = house().await;
    house
        .hq
        .owner
        .execute("alter table expenses add constraint of_a_test check (amount <> 666)")
        .await
        .expect("a rule");
    let gym = &house.first.gym;
    let backup = gym.db.backup().await;
    let form = ExpenseForm {
        category: "repairs".to_owned(),
        supplier: None,
        description: "A lamp".to_owned(),
        amount_minor: 666,
        tax_minor: 0,
        incurred_on: gym.clock.now().date_naive(),
        due_on: None,
    };
    let request = CreateExpense { id: ExpenseId::new(gym.clock.now()), form, file_base64: None };
    expenses::create(&gym.services, &gym.owner, request).await.expect("a bill");
    assert_eq!(house.first.round().await.quarantined, 1);
    put_back(&gym.db, &backup, &house).await;
    house.first.round().await;
    assert_eq!(gym.count("select count(*) from expenses").await, 1);
    let aside = "select count(*) from sync_outbox where answer = 'quarantine' and reason = 'of_a_test'";
    assert_eq!(gym.count(aside).await, 1);
}

#[tokio::test]
async fn a_headquarters_that_knows_an_older_incarnation_takes_back_nothing_newer() {
    let (house, _) = house().await;
    let gym = &house.first.gym;
    let backup = house.hq.backup().await;
    // Put back once, and long in step again.
    let own = gym.db.backup().await;
    put_back(&gym.db, &own, &house).await;
    house.meet().await;
    gym.db.owner.execute("update tills set name = 'By the door'").await.expect("a till is named");
    house.meet().await;
    put_back(&house.hq, &backup, &house).await;
    house.first.round().await;
    let named = "select count(*) from tills where name = 'By the door'";
    assert!(number(&gym.db.owner, named).await > 0);
    agree(&house, 0).await;
    assert!(number(&house.hq.owner, named).await > 0);
}

/// Made at headquarters: a plan with its price, a member, somebody who may log in.
async fn made_at_headquarters(house: &House) -> (PlanId, MemberId) {
    house
        .hq
        .owner
        .execute(
            "insert into plans select (jsonb_populate_record(p, jsonb_build_object('id', gen_random_uuid(), 'name', 'Yearly'))).* from plans p;
             insert into plan_prices
             select (jsonb_populate_record(r, jsonb_build_object('id', gen_random_uuid(), 'plan_id', y.id))).*
             from plan_prices r cross join (select id from plans where name = 'Yearly') y;
             insert into members
             select (jsonb_populate_record(m, jsonb_build_object('id', gen_random_uuid(), 'full_name', 'Huda Samir', 'number', '500000001'))).*
             from members m limit 1;
             insert into member_notes (id, member_id, body, at_door, created_at)
             select gen_random_uuid(), id, 'came to the office', 'none', now() from members where full_name = 'Huda Samir';
             insert into accounts
             select (jsonb_populate_record(a, jsonb_build_object('id', gen_random_uuid(), 'full_name', 'Office', 'username', 'office',
                 'email', null, 'phone', null, 'password_hash', '$argon2id$of the password', 'pin_hash', '$argon2id$of the PIN'))).*
             from accounts a limit 1",
        )
        .await
        .expect("made at headquarters");
    let plan = sqlx::query_scalar("select id from plans where name = 'Yearly'");
    let member = sqlx::query_scalar("select id from members where full_name = 'Huda Samir'");
    (
        plan.fetch_one(&house.hq.owner).await.expect("a plan"),
        member.fetch_one(&house.hq.owner).await.expect("a member"),
    )
}

/// A backup of headquarters, and what was made there after it; both branches have it.
async fn about_to_lose() -> (House, TestDb, PlanId, MemberId) {
    let (house, _) = house().await;
    register(&house.first.gym, "Mona Adel").await;
    house.meet().await;
    let backup = house.hq.backup().await;
    let (plan, member) = made_at_headquarters(&house).await;
    house.meet().await;
    (house, backup, plan, member)
}

async fn what_is_lost(house: &House) -> Vec<Lost> {
    store::lost(&mut house.hq.owner.acquire().await.expect("a connection")).await.expect("a list")
}

async fn take_lost(house: &House) -> i32 {
    store::take_lost(&mut house.hq.owner.acquire().await.expect("a connection")).await.expect("taken")
}

#[tokio::test]
async fn what_headquarters_made_since_its_backup_and_branches_sold_by_is_not_lost() {
    let (house, backup, plan, member) = about_to_lose().await;
    house.first.gym.sell_plan(member, plan).await;
    house.first.round().await;
    assert_eq!(number(&house.hq.owner, "select count(*) from receipts").await, 1);
    put_back(&house.hq, &backup, &house).await;
    let round = house.first.round().await;
    assert!(round.offered >= 3 && round.quarantined == 0 && round.put_off > 0, "{round:?}");
    // What anybody may make is there again; what headquarters alone may make waits for its word, and the sale for that.
    let db = &house.hq.owner;
    assert_eq!(number(db, "select count(*) from members where full_name = 'Huda Samir'").await, 1);
    assert_eq!(number(db, "select count(*) from member_notes").await, 1);
    assert_eq!(number(db, "select count(*) from plans where name = 'Yearly'").await, 0);
    assert_eq!(number(db, "select count(*) from accounts where username = 'office'").await, 0);
    assert_eq!(number(db, "select count(*) from receipts").await, 0);
    assert_eq!(house.first.round().await.offered, 0, "once is enough");
    house.second.round().await;
    let rows = what_is_lost(&house).await;
    let tables: Vec<_> = rows.iter().map(|row| row.tbl.as_str()).collect();
    assert_eq!(tables, ["accounts", "plans", "plan_prices"], "{rows:?}");
    assert!(rows.iter().all(|row| row.branches == 2 && !row.differs && row.reason.is_none()), "{rows:?}");
    assert_eq!(take_lost(&house).await, 3);
    assert_eq!(what_is_lost(&house).await.len(), 0);
    agree(&house, 1).await;
    assert_eq!(number(db, "select count(*) from plans where name = 'Yearly'").await, 1);
    assert_eq!(
        number(&house.second.gym.db.owner, "select count(*) from accounts where username = 'office'").await,
        1
    );
    assert_eq!(number(db, "select count(*) from sync_conflicts").await, 0);
}

#[tokio::test]
async fn what_branches_do_not_agree_about_or_does_not_fit_is_not_taken_back() {
    let (house, backup, ..) = about_to_lose().await;
    // Somebody at the first branch would like a cheaper price.
    let forged = "set local gatehouse.relay = 'on'; update plan_prices set amount = 1 where plan_id in (select id from plans where name = 'Yearly')";
    let mut tx = house.first.gym.db.owner.begin().await.expect("a transaction");
    tx.execute(forged).await.expect("forged");
    tx.commit().await.expect("committed");
    put_back(&house.hq, &backup, &house).await;
    // Meanwhile headquarters has given the user name to somebody else.
    house
        .hq
        .owner
        .execute(
            "insert into accounts select (jsonb_populate_record(a, jsonb_build_object('id', gen_random_uuid(), 'full_name', 'Another',
                 'username', 'office', 'email', null, 'phone', null))).* from accounts a limit 1",
        )
        .await
        .expect("an account");
    for branch in [&house.first, &house.second] {
        branch.round().await;
    }
    assert_eq!(take_lost(&house).await, 1);
    let rows = what_is_lost(&house).await;
    let left: Vec<_> =
        rows.iter().map(|row| (row.tbl.as_str(), row.differs, row.reason.as_deref())).collect();
    assert_eq!(left, [("accounts", false, Some("accounts_username_key")), ("plan_prices", true, None)]);
    let prices =
        "select count(*) from plan_prices where plan_id in (select id from plans where name = 'Yearly')";
    assert_eq!(number(&house.hq.owner, prices).await, 0);
    let mut hq = house.hq.owner.acquire().await.expect("a connection");
    store::forget_lost(&mut hq).await.expect("forgotten");
    assert_eq!(what_is_lost(&house).await.len(), 0);
}

#[tokio::test]
async fn what_headquarters_deleted_does_not_come_back_by_way_of_a_branch_that_was_away() {
    let (house, _) = house().await;
    let made = "insert into tax_rates select (jsonb_populate_record(t, jsonb_build_object('id', gen_random_uuid(), 'name', 'Old tax'))).* from tax_rates t limit 1";
    house.hq.owner.execute(made).await.expect("a rate");
    house.meet().await;
    house.hq.owner.execute("delete from tax_rates where name = 'Old tax'").await.expect("deleted");
    house.first.round().await;
    let backup = house.hq.backup().await;
    put_back(&house.hq, &backup, &house).await;
    for branch in [&house.second, &house.first] {
        assert_eq!(branch.round().await.offered, 0);
    }
    assert_eq!(what_is_lost(&house).await.len(), 0);
    agree(&house, 0).await;
    let there = "select count(*) from tax_rates where name = 'Old tax'";
    assert_eq!(number(&house.second.gym.db.owner, there).await, 0);
}

#[tokio::test]
async fn copies_are_given_again_when_the_line_is_cut_between() {
    let (house, backup, ..) = about_to_lose().await;
    put_back(&house.hq, &backup, &house).await;
    // All of it is queued and offered, and the branch has not noted that.
    let mut local = house.first.gym.services.db.acquire().await.expect("a connection");
    let epoch =
        sqlx::query_scalar("select epoch from sync_node").fetch_one(&house.hq.owner).await.expect("an epoch");
    assert!(store::met(&mut local, epoch).await.expect("met"));
    for mut copies in store::copies(&mut local).await.expect("copies") {
        let mut hq = house.first.connect().await;
        let Answer::Given(lacking) = store::lacks(&mut hq, &copies).await.expect("an answer") else {
            panic!("refused")
        };
        copies.keys = lacking.keys.into();
        let rows = store::copy(&mut local, &copies).await.expect("copied");
        if !rows.is_empty() {
            let offered = store::offer(&mut hq, &copies.tbl, &rows).await.expect("an answer");
            assert!(matches!(offered, Answer::Given(_)), "{offered:?}");
        }
    }
    let queued = "select count(*) from sync_outbox where tbl in ('members', 'member_notes') and row ->> 'id' in (
        select id::text from members where full_name = 'Huda Samir' union all select id::text from member_notes)";
    assert_eq!(number(&house.first.gym.db.owner, queued).await, 2);
    drop(local);
    let round = house.first.round().await;
    assert!(round.offered >= 3, "{round:?}");
    assert_eq!(number(&house.first.gym.db.owner, queued).await, 2, "nothing is queued twice");
    assert_eq!(take_lost(&house).await, 3);
    agree(&house, 0).await;
}

#[tokio::test]
async fn the_hash_of_a_password_that_was_lost_is_neither_listed_nor_kept_in_the_audit_log() {
    let (house, backup, ..) = about_to_lose().await;
    let hash = "select count(*) from accounts where username = 'office' and password_hash is not null and pin_hash is not null";
    assert_eq!(number(&house.hq.owner, hash).await, 1);
    put_back(&house.hq, &backup, &house).await;
    house.first.round().await;
    let services = house.first.gym.services.over(house.hq.owner.clone());
    let office = Actor::System { branch: None, desk: None };
    let listed = serde_json::to_string(&lost::list(&services, &office).await.expect("a list")).expect("text");
    assert!(
        listed.contains("office") && !listed.contains("_hash") && !listed.contains("$argon2"),
        "{listed}"
    );
    let done = lost::take(&services, &office).await.expect("taken");
    assert_eq!((done.taken, done.left), (3, 0));
    assert_eq!(number(&house.hq.owner, hash).await, 1, "it is the same password");
    let kept = "select count(*) from audit_log where act = 'headquarters.lost_taken' and before::text like '%office%'";
    assert_eq!(number(&house.hq.owner, kept).await, 1);
    let told =
        "select count(*) from audit_log where before::text like '%\\_hash%' or before::text like '%$argon2%'";
    assert_eq!(number(&house.hq.owner, told).await, 0);
}

/// A price from tomorrow on, as headquarters sets one.
const DEARER: &str = "update plan_prices set valid = daterange(lower(valid), '2026-03-12');
     insert into plan_prices
     select (jsonb_populate_record(r, jsonb_build_object('id', gen_random_uuid(), 'valid', '[2026-03-12,)', 'amount', 90000))).* from plan_prices r";

const PRICES: &str =
    "select coalesce(string_agg(valid::text || ' ' || amount, ', ' order by valid), '') from plan_prices";

async fn prices(db: &sqlx::PgPool) -> String {
    sqlx::query_scalar(PRICES).fetch_one(db).await.expect("prices")
}

#[tokio::test]
async fn a_price_that_comes_from_headquarters_is_asked_by_the_very_next_sale() {
    let (house, plan) = house().await;
    let gym = &house.first.gym;
    let member = gym.member("Mona Adel").await;
    let basket = Basket::of(member, Line::New { plan_id: plan, starts_on: None });
    let old = gym.sale_of(basket.clone()).await;
    gym.sell_plan(member, plan).await;
    house.hq.owner.execute("update plan_prices set amount = 41000").await.expect("another price");
    house.first.round().await;
    let refused = sell(&gym.services, &gym.reception, old).await.expect_err("the price of before");
    assert_eq!(refused.to_wire().code, "price_changed");
    assert_eq!(gym.sale_of(basket).await.expected_total, gym.money(41_000));
}

/// Headquarters is put back to before `DEARER`, and both branches have said what they have.
async fn price_lost() -> (House, String, String) {
    let (house, _) = house().await;
    let backup = house.hq.backup().await;
    let before = prices(&house.hq.owner).await;
    house.hq.owner.execute(DEARER).await.expect("a price");
    house.meet().await;
    let after = prices(&house.hq.owner).await;
    put_back(&house.hq, &backup, &house).await;
    assert_eq!(prices(&house.hq.owner).await, before);
    for branch in [&house.first, &house.second] {
        let round = branch.round().await;
        assert_eq!((round.offered, round.set_aside), (1, 1), "{round:?}");
        // Both cannot be: it sells as it knew, until somebody has said what it is.
        assert_eq!(prices(&branch.gym.db.owner).await, after);
    }
    (house, before, after)
}

async fn all_prices(house: &House) -> [String; 3] {
    agree(house, 0).await;
    for branch in [&house.first, &house.second] {
        let aside = "select count(*) from sync_quarantine where resolved_at is null";
        assert_eq!(number(&branch.gym.db.owner, aside).await, 0);
    }
    [
        prices(&house.hq.owner).await,
        prices(&house.first.gym.db.owner).await,
        prices(&house.second.gym.db.owner).await,
    ]
}

#[tokio::test]
async fn a_price_that_headquarters_set_after_its_backup_is_taken_back_and_ends_the_one_before() {
    let (house, _, after) = price_lost().await;
    assert_eq!(take_lost(&house).await, 1);
    assert_eq!(all_prices(&house).await, [after.as_str(); 3]);
}

#[tokio::test]
async fn a_price_that_is_taken_back_ends_where_one_begins_that_was_set_meanwhile() {
    let (house, ..) = price_lost().await;
    let meanwhile = DEARER.replace("2026-03-12", "2026-04-01").replace("90000", "95000");
    house.hq.owner.execute(AssertSqlSafe(meanwhile)).await.expect("a price");
    house.first.round().await;
    assert_eq!(take_lost(&house).await, 1);
    let all = "[2026-03-11,2026-03-12) 40000, [2026-03-12,2026-04-01) 90000, [2026-04-01,) 95000";
    assert_eq!(all_prices(&house).await, [all; 3]);
}

#[tokio::test]
async fn two_prices_of_the_same_day_are_for_somebody_to_decide() {
    let (house, before, _) = price_lost().await;
    let meanwhile = DEARER.replace("90000", "95000");
    house.hq.owner.execute(AssertSqlSafe(meanwhile)).await.expect("a price");
    assert_eq!(take_lost(&house).await, 0);
    let rows = what_is_lost(&house).await;
    assert_eq!(rows[0].reason.as_deref(), Some("plan_prices_no_overlap"), "{rows:?}");
    let meanwhile = prices(&house.hq.owner).await;
    assert_ne!(meanwhile, before);
    store::forget_lost(&mut house.hq.owner.acquire().await.expect("a connection")).await.expect("forgotten");
    assert_eq!(all_prices(&house).await, [meanwhile.as_str(); 3]);
}

#[tokio::test]
async fn what_headquarters_does_not_want_back_goes_from_the_branches_too() {
    let (house, before, _) = price_lost().await;
    store::forget_lost(&mut house.hq.owner.acquire().await.expect("a connection")).await.expect("forgotten");
    assert_eq!(all_prices(&house).await, [before.as_str(); 3]);
}

#[tokio::test]
async fn a_branch_that_was_away_while_headquarters_forgot_does_not_keep_what_is_forgotten() {
    let (house, _) = house().await;
    let backup = house.hq.backup().await;
    let before = prices(&house.hq.owner).await;
    house.hq.owner.execute(DEARER).await.expect("a price");
    house.second.round().await;
    put_back(&house.hq, &backup, &house).await;
    house.first.round().await;
    store::forget_lost(&mut house.hq.owner.acquire().await.expect("a connection")).await.expect("forgotten");
    assert_eq!(house.second.round().await.offered, 1);
    assert_eq!(all_prices(&house).await, [before.as_str(); 3]);
    assert_eq!(number(&house.hq.owner, "select count(*) from sync_refusals").await, 0);
}

#[tokio::test]
async fn of_a_row_that_is_set_aside_again_only_the_newest_waits() {
    let (house, ..) = price_lost().await;
    // Twice more, and neither fits: the branch knows another price for those days.
    for amount in [41_000, 42_000] {
        let edit = format!("update plan_prices set amount = {amount}");
        house.hq.owner.execute(AssertSqlSafe(edit)).await.expect("edited");
        assert_eq!(house.first.round().await.set_aside, 1);
    }
    let db = &house.first.gym.db.owner;
    let aside = "select count(*) from sync_quarantine where resolved_at is null";
    assert_eq!(number(db, aside).await, 1);
    // When there is room, it is the last one that stands.
    store::forget_lost(&mut house.hq.owner.acquire().await.expect("a connection")).await.expect("forgotten");
    assert_eq!(all_prices(&house).await, ["[2026-03-11,) 42000"; 3]);
}
