//! The line goes, at the worst moments.
use super::{House, differ, facts, first_round, number, register};
use gatehouse_core::clock::Clock;
use gatehouse_core::ids::new_id;
use gatehouse_core::sales::void::void_sale;
use gatehouse_core::sales::wire::VoidSale;
use gatehouse_core::sync::model::{Limits, Queued, plainly_taken, written};
use gatehouse_core::sync::store;
use gatehouse_core::sync::wire::Answer;
use gatehouse_core::verify::verify;
use gatehouse_testkit::{TestDb, TestGym, books, plan_form};
use sqlx::{Connection, Executor};
use std::time::Duration;
use uuid::Uuid;

async fn with_sales(sales: usize) -> House {
    let gym = TestGym::new().await;
    let plan = gym.plan(super::everywhere(plan_form("Monthly")), 40_000).await;
    let (hq, first) = super::founded(gym).await;
    let second = super::opened(&hq, "2", &first.gym.setup).await;
    let house = House { hq, first, second };
    house.meet().await;
    for n in 0..sales {
        let member = register(&house.first.gym, &format!("Member {n}")).await.id;
        house.first.gym.sell_plan(member, plan).await;
    }
    house
}

#[tokio::test]
async fn a_line_cut_before_headquarters_commits_loses_nothing() {
    let house = with_sales(2).await;
    let mut local = house.first.gym.services.db.acquire().await.expect("a connection");
    let batch = store::take(&mut local, Limits::default(), &[]).await.expect("a batch");
    drop(local);
    let mut hq = house.first.connect().await;
    let mut tx = hq.begin().await.expect("a transaction");
    store::push(&mut tx, &written(&batch)).await.expect("an answer that nobody will believe");
    drop(tx);
    drop(hq);
    assert_eq!(number(&house.hq.owner, "select count(*) from receipts").await, 0);
    house.meet().await;
    house.agree().await;
    assert_eq!(number(&house.hq.owner, "select count(*) from receipts").await, 2);
}

#[tokio::test]
async fn a_line_cut_between_commit_and_answer_doubles_nothing() {
    let house = with_sales(2).await;
    let mut local = house.first.gym.services.db.acquire().await.expect("a connection");
    let batch = store::take(&mut local, Limits::default(), &[]).await.expect("a batch");
    drop(local);
    // Committed there; the answer goes nowhere. Twice.
    for _ in 0..2 {
        let mut hq = house.first.connect().await;
        store::push(&mut hq, &written(&batch)).await.expect("an answer");
        drop(hq);
    }
    assert_eq!(number(&house.hq.owner, "select count(*) from receipts").await, 2);
    house.meet().await;
    house.agree().await;
    assert_eq!(books::disagreements(&house.hq.owner).await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn headquarters_may_drop_the_line_at_any_moment() {
    let house = with_sales(12).await;
    let (gym, limits) = (&house.first.gym, Limits { events: 7, rows: 5, ..Limits::default() });
    let plan = sqlx::query_scalar("select id from plans").fetch_one(&gym.db.owner).await.expect("a plan");
    let (mut sales, mut cut) = (12, 0);
    // When it is cut, a slow machine has no session yet and a quick one is done: something new for the next round.
    for pause in 0..200_u64 {
        let kill = async {
            tokio::time::sleep(Duration::from_millis(3 + pause % 60)).await;
            house.hq.end_sessions(house.first.link.get_username()).await;
        };
        let (round, ()) = tokio::join!(house.first.try_round(limits), kill);
        if round.is_err() {
            cut += 1;
        } else if cut < 3 {
            let member = register(gym, &format!("Member {sales}")).await.id;
            gym.sell_plan(member, plan).await;
            sales += 1;
        } else {
            break;
        }
    }
    assert!(cut > 2, "{cut} rounds were cut");
    house.meet().await;
    house.agree().await;
    assert_eq!(number(&house.hq.owner, "select count(*) from receipts").await, sales);
    assert_eq!(verify(&house.hq.owner).await.expect("read").broken, None);
    assert_eq!(books::disagreements(&house.hq.owner).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_broken_event_is_set_aside_and_the_queue_goes_on() {
    let house = with_sales(1).await;
    let db = &house.first.gym.db.owner;
    db.execute(
        "insert into sync_outbox (id, tbl, key, op, row, money)
         select gen_random_uuid(), tbl, gen_random_uuid(), 'insert', row || jsonb_build_object('id', gen_random_uuid(), 'amount', -5), true
         from sync_outbox where tbl = 'payments'").await.expect("a broken event");
    register(&house.first.gym, "Somebody later").await;
    let round = house.first.round().await;
    assert_eq!((round.quarantined, round.put_off), (1, 0));
    assert_eq!(number(&house.hq.owner, "select count(*) from sync_quarantine where reason = 'payments_amount_positive' and resolved_at is null").await, 1);
    assert_eq!(number(&house.hq.owner, "select count(*) from members").await, 2);
    assert_eq!(number(db, "select count(*) from sync_outbox where answer is null").await, 0);
    assert_eq!(number(db, "select count(*) from sync_outbox where answer = 'quarantine' and reason = 'payments_amount_positive'").await, 1);
    // Mended and sent again, it is taken.
    let event = sqlx::query_scalar("update sync_outbox set row = row || '{\"amount\": 5, \"tendered\": null}' where answer = 'quarantine' returning id")
        .fetch_one(db).await.expect("the event");
    store::resend(&mut db.acquire().await.expect("a connection"), event).await.expect("resent");
    assert_eq!(house.first.round().await.sent, 1);
    assert_eq!(
        number(&house.hq.owner, "select count(*) from sync_quarantine where resolved_at is null").await,
        0
    );
    assert_eq!(number(&house.hq.owner, "select count(*) from payments").await, 2);
}

#[tokio::test]
async fn a_credit_is_not_taken_before_the_payment_that_it_gives_back() {
    let gym = TestGym::new().await;
    let plan = gym.plan(super::everywhere(plan_form("Monthly")), 40_000).await;
    let (hq, first) = super::founded(gym).await;
    let second = super::opened(&hq, "2", &first.gym.setup).await;
    let house = House { hq, first, second };
    house.meet().await;
    let gym = &house.first.gym;
    let member = register(gym, "Mona Adel").await.id;
    let transaction_id = gym.sell_plan(member, plan).await.transaction_id;
    let void =
        VoidSale { idempotency_key: new_id(gym.clock.now()), transaction_id, reason: "wrong plan".into() };
    void_sale(&gym.services, &gym.reception, void).await.expect("voided");
    let db = &gym.db.owner;
    // In the same batch, something that no table of allocations takes.
    db.execute(
        "insert into sync_outbox (id, tbl, key, op, row, money)
         select gen_random_uuid(), tbl, gen_random_uuid(), 'insert', row || jsonb_build_object('id', gen_random_uuid(), 'amount', 1000000000000), true
         from sync_outbox where tbl = 'allocations' order by seq limit 1").await.expect("a broken event");
    let round = house.first.round().await;
    assert_eq!((round.quarantined, round.put_off), (1, 0));
    assert_eq!(number(db, "select count(*) from sync_outbox where answer is null").await, 0);
    let settled = "select count(*) from allocations where amount in (40000, -40000)";
    assert_eq!(number(&house.hq.owner, settled).await, 2);
    assert_eq!(number(&house.hq.owner, "select count(*) from charge_credits").await, 1);
    assert_eq!(number(&house.hq.owner, "select count(*) from open_charges").await, 0);
    assert_eq!(verify(&house.hq.owner).await.expect("read").broken, None);
}

#[tokio::test]
async fn what_refers_to_something_that_never_comes_is_set_aside_after_a_day() {
    let house = with_sales(1).await;
    let db = &house.first.gym.db.owner;
    db.execute(
        "insert into sync_outbox (id, tbl, key, op, row, money)
         select gen_random_uuid(), tbl, gen_random_uuid(), 'insert', row || jsonb_build_object('id', gen_random_uuid(), 'transaction_id', gen_random_uuid()), true
         from sync_outbox where tbl = 'payments'").await.expect("an event without its transaction");
    // Another branch may still have to send that, so the number of rounds says nothing; and nothing else waits for it.
    for _ in 0..6 {
        let round = house.first.round().await;
        assert_eq!((round.put_off, round.quarantined), (1, 0), "{round:?}");
    }
    assert_eq!(number(&house.hq.owner, "select count(*) from receipts").await, 1);
    for (waited, came) in [("23 hours", (1, 0)), ("25 hours", (0, 1))] {
        let age = format!(
            "update sync_outbox set put_off_at = now() - interval '{waited}' where put_off_at is not null"
        );
        db.execute(sqlx::AssertSqlSafe(age)).await.expect("time goes by");
        let round = house.first.round().await;
        assert_eq!((round.put_off, round.quarantined), came, "{waited}: {round:?}");
    }
    assert_eq!(house.first.round().await.put_off, 0);
}

#[tokio::test]
async fn a_long_transaction_at_headquarters_hides_no_row_for_ever() {
    let house = with_sales(0).await;
    let mut slow = house.hq.owner.begin().await.expect("a transaction");
    slow.execute("update plans set tier = 'slow'").await.expect("an edit");
    house
        .hq
        .owner
        .execute("update tax_rates set name = name; update branches set name = name || '!'")
        .await
        .expect("an edit");
    // Begun later and done earlier: not given out before the other is.
    house.first.round().await;
    slow.commit().await.expect("committed");
    house.meet().await;
    house.agree().await;
    assert_eq!(number(&house.first.gym.db.owner, "select count(*) from plans where tier = 'slow'").await, 1);
}

#[tokio::test]
async fn a_branch_that_lost_its_database_gets_its_own_rows_back_and_goes_on() {
    let mut house = with_sales(3).await;
    house.meet().await;
    let plan = sqlx::query_scalar("select id from plans").fetch_one(&house.hq.owner).await.expect("a plan");
    let before = facts(&house.first.gym.db.owner, None).await;
    let (setup, branch) = (house.first.gym.setup.clone(), house.first.gym.branch);
    let db = TestDb::new().await;
    let mut owner = db.owner.acquire().await.expect("a connection");
    store::join(&mut owner, branch, new_id(house.first.gym.clock.now()), false).await.expect("joined");
    drop(owner);
    let round = first_round(&db, &house.first.link, &setup).await;
    assert!(round.taken_back > 20, "{round:?}");
    assert_eq!(number(&db.owner, "select count(*) from sync_quarantine where resolved_at is null").await, 0);
    differ("what it had", &before, &facts(&db.owner, None).await);
    assert_eq!(verify(&db.owner).await.expect("read").broken, None);
    assert_eq!(books::disagreements(&db.owner).await, Vec::<String>::new());
    house.first.gym = TestGym::of_branch(db, setup, branch).await;
    let member = register(&house.first.gym, "Somebody new").await;
    house.first.gym.sell_plan(member.id, plan).await;
    house.meet().await;
    house.agree().await;
    assert_eq!(number(&house.hq.owner, "select count(*) from receipts").await, 4);
    assert_eq!(number(&house.hq.owner, "select count(distinct number) from members").await, 4);
}

#[tokio::test]
async fn a_headquarters_put_back_to_an_earlier_state_gets_everything_again() {
    let house = with_sales(2).await;
    house.meet().await;
    // What an older backup would not have.
    house.hq.owner.execute(
        "delete from sync_inbox where tbl in ('scans', 'audit_log', 'receipts', 'member_notes');
         delete from receipts; delete from audit_log; update receipt_chains set last_number = 0, last_hash = sha256('');
         delete from sync_feed where tbl in ('receipts', 'audit_log')",
    ).await.expect("rows are gone");
    let mut owner = house.hq.owner.acquire().await.expect("a connection");
    store::restored(&mut owner, new_id(house.first.gym.clock.now())).await.expect("restored");
    drop(owner);
    house.meet().await;
    house.agree().await;
    assert_eq!(verify(&house.hq.owner).await.expect("read").broken, None);
    assert_eq!(number(&house.hq.owner, "select count(*) from receipts").await, 2);
}

#[tokio::test]
async fn a_day_that_differs_is_sent_again() {
    let house = with_sales(2).await;
    house.meet().await;
    // The queue is stamped by the database's own clock.
    let day: chrono::NaiveDate =
        sqlx::query_scalar("select (max(at) at time zone 'utc')::date from sync_outbox")
            .fetch_one(&house.first.gym.db.owner)
            .await
            .expect("a day");
    let mut hq = house.first.connect().await;
    let mut local = house.first.gym.services.db.acquire().await.expect("a connection");
    assert!(store::audit(&mut local, &mut hq, day).await.expect("an audit"));
    house.hq.owner.execute(
        "delete from sync_inbox where tbl = 'audit_log'; delete from audit_log; delete from sync_feed where tbl = 'audit_log'",
    ).await.expect("rows are gone");
    assert!(!store::audit(&mut local, &mut hq, day).await.expect("an audit"));
    assert_eq!(number(&house.hq.owner, "select count(*) from sync_branches where not audit_agreed").await, 1);
    drop(local);
    house.meet().await;
    house.agree().await;
    let mut local = house.first.gym.services.db.acquire().await.expect("a connection");
    assert!(store::audit(&mut local, &mut hq, day).await.expect("an audit"));
}

#[tokio::test]
async fn a_batch_that_a_restore_has_overtaken_is_refused() {
    let house = with_sales(1).await;
    // Sent before the restore, and held up on its way.
    let mut slow = house.first.connect().await;
    let mut local = house.first.gym.services.db.acquire().await.expect("a connection");
    let node = store::node(&mut local).await.expect("a node");
    let incarnation = node.incarnation.expect("a branch");
    let now = house.first.gym.clock.now();
    store::hello(&mut slow, 0, incarnation, node.waiting, false, now).await.expect("an answer");
    let batch = store::take(&mut local, Limits::default(), &[]).await.expect("a batch");
    drop(local);
    let mut owner = house.first.gym.db.owner.acquire().await.expect("a connection");
    store::restored(&mut owner, new_id(now)).await.expect("restored");
    owner.execute("delete from sync_outbox where answer is null").await.expect("not in the backup");
    drop(owner);
    house.first.round().await;
    let answer = store::push(&mut slow, &written(&batch)).await.expect("an answer");
    assert!(matches!(&answer, Answer::Refused { refused } if refused == "overtaken"), "{answer:?}");
    assert_eq!(number(&house.hq.owner, "select count(*) from receipts").await, 0);
}

#[tokio::test]
async fn a_batch_ends_where_a_transaction_does() {
    let house = with_sales(6).await;
    let mut local = house.first.gym.services.db.acquire().await.expect("a connection");
    let mut batches = 0;
    loop {
        let batch =
            store::take(&mut local, Limits { events: 40, ..Limits::default() }, &[]).await.expect("a batch");
        if batch.is_empty() {
            break;
        }
        batches += 1;
        let mut hq = house.first.connect().await;
        let Answer::Given(pushed) = store::push(&mut hq, &written(&batch)).await.expect("an answer") else {
            panic!("refused")
        };
        let ids: Vec<_> = batch.iter().map(|queued| queued.id).collect();
        let taken = plainly_taken(&ids, &pushed).expect("answers to this batch");
        store::answered(&mut local, &taken, &pushed.answers).await.expect("noted");
        let halves = "select count(*) from (select from ledger_entries group by transaction_id having sum(amount) <> 0) lame";
        assert_eq!(number(&house.hq.owner, halves).await, 0, "after {batches} batches");
        let bare = "select count(*) from ledger_transactions t where not exists (select from receipts r where r.transaction_id = t.id)";
        assert_eq!(number(&house.hq.owner, bare).await, 0, "after {batches} batches");
    }
    assert!(batches > 2, "{batches} batches");
    drop(local);
    house.meet().await;
    house.agree().await;
}

#[tokio::test]
async fn a_batch_that_is_made_ahead_goes_on_where_the_one_under_way_ends() {
    let house = with_sales(6).await;
    let mut local = house.first.gym.services.db.acquire().await.expect("a connection");
    let limits = Limits { events: 40, ..Limits::default() };
    let mut under_way: Vec<Uuid> = Vec::new();
    let mut together = Vec::new();
    loop {
        let batch = store::take(&mut local, limits, &under_way).await.expect("a batch");
        if batch.is_empty() {
            break;
        }
        under_way = together.iter().chain(&batch).map(|queued: &Queued| queued.id).collect();
        together.extend(batch);
    }
    let all = Limits { events: 4_000, ..limits };
    let whole = store::take(&mut local, all, &[]).await.expect("all of it");
    assert!(whole.len() > 80, "{} events", whole.len());
    assert_eq!(together, whole);
    for queued in &whole {
        let row: serde_json::Value = serde_json::from_str(&queued.row).expect("JSON");
        assert!(row.is_object() && queued.xid.is_some(), "{queued:?}");
    }
}

#[tokio::test]
async fn what_a_restored_branch_took_back_survives_a_restore_of_headquarters() {
    let house = with_sales(2).await;
    house.meet().await;
    // The branch loses its last sale and gets it back.
    let now = house.first.gym.clock.now();
    let mut owner = house.first.gym.db.owner.acquire().await.expect("a connection");
    store::restored(&mut owner, new_id(now)).await.expect("restored");
    owner.execute("delete from sync_outbox where answer = 'ok'").await.expect("not in the backup");
    drop(owner);
    let round = house.first.round().await;
    assert!(round.taken_back > 20, "{round:?}");
    let day: chrono::NaiveDate =
        sqlx::query_scalar("select (max(at) at time zone 'utc')::date from sync_inbox")
            .fetch_one(&house.hq.owner)
            .await
            .expect("a day");
    let mut local = house.first.gym.services.db.acquire().await.expect("a connection");
    let mut hq = house.first.connect().await;
    assert!(store::audit(&mut local, &mut hq, day).await.expect("an audit"));
    drop((local, hq));
    // Then headquarters loses it, too.
    house.hq.owner.execute(
        "delete from sync_inbox where tbl in ('scans', 'audit_log', 'receipts');
         delete from receipts; delete from audit_log; update receipt_chains set last_number = 0, last_hash = sha256('');
         delete from sync_feed where tbl in ('receipts', 'audit_log')",
    ).await.expect("rows are gone");
    let mut owner = house.hq.owner.acquire().await.expect("a connection");
    store::restored(&mut owner, new_id(now)).await.expect("restored");
    drop(owner);
    house.meet().await;
    house.agree().await;
    assert_eq!(number(&house.hq.owner, "select count(*) from receipts").await, 2);
}
