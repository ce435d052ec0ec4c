//! The judge is judged: what is planted must be counted, and nothing else.
use super::*;
use crate::TestDb;
use crate::soak::app;
use gatehouse_core::clock::SystemClock;
use gatehouse_core::ids::{BranchId, DeskId};
use gatehouse_core::sealed::KeyFile;
use gatehouse_core::services::Services;
use sqlx::{AssertSqlSafe, Executor as _};

/// A counter at which things were sold for cash, by card, in both ways and on credit, one renewed and one voided, a
/// debt paid, a payment given back in part and another kept as credit, everything asked for twice.
async fn day_at_the_counter() -> (TestDb, Vec<Told>) {
    let db = TestDb::new().await;
    let base = app::base();
    let plan = Plan { suite: "money", seed: 1, ops: 8 };
    let counter = Counter::prepare(&db.owner, &plan, base).await.expect("a gym");
    let keys = KeyFile::at(std::env::temp_dir().join("gatehouse-secrets.key"));
    let services = Services::new(db.app.clone(), Arc::new(SystemClock), std::env::temp_dir(), keys);
    let (branch, desk): (BranchId, DeskId) =
        sqlx::query_as("select branch_id, id from desks order by name limit 1")
            .fetch_one(&db.owner)
            .await
            .expect("a desk");
    let actor = Actor::System { branch: Some(branch), desk: Some(desk) };
    let dice = &mut Dice::new(1);
    let mut told = Vec::new();
    let mut ask = async |ask: Ask| {
        // The second time is a retry.
        for _ in 0..2 {
            let done = Counter::answer(&services, &actor, ask.clone()).await.expect("done");
            told.push(Told { ask: ask.clone(), answer: Answer::Done(done) });
        }
        match &told.last().expect("a request").answer {
            Answer::Done(Done::Sold(sale)) => Some(sale.clone()),
            _ => None,
        }
    };
    let total = counter.plans[1].1;
    let sale = |member: usize, lines: Vec<Line>, payments: Vec<Payment>| Sell {
        idempotency_key: counter.key(),
        basket: Basket { member_id: Some(counter.members[member]), lines },
        expected_total: egp(total),
        expected_starts_on: None,
        credit_minor: 0,
        owe_until: payments.is_empty().then(|| counter.some_day()),
        payments,
    };
    let pack = || vec![Line::New { plan_id: counter.plans[1].0, starts_on: None }];
    let in_cash = sale(0, pack(), vec![cash(rounded(total), dice)]);
    let first = ask(Ask::Sell(in_cash)).await.expect("a sale");
    let split = vec![card(20_000, dice), cash(rounded(total - 20_000), dice)];
    ask(Ask::Sell(sale(1, pack(), split))).await.expect("a sale");
    ask(Ask::Sell(sale(2, pack(), Vec::new()))).await.expect("a sale");
    let again = Line::Renew { subscription_id: first.subscriptions[0].subscription_id, from_old_end: false };
    ask(Ask::Sell(sale(0, vec![again], vec![card(total, dice)]))).await.expect("a renewal");
    let mistake = ask(Ask::Sell(sale(3, pack(), vec![card(total, dice)]))).await.expect("a sale");
    ask(counter.void(mistake.transaction_id)).await;
    ask(Ask::Pay(PayDebts {
        idempotency_key: counter.key(),
        member_id: counter.members[2],
        charge_ids: Vec::new(),
        credit_minor: 0,
        payments: vec![cash(rounded(total / 2), dice)],
        in_advance: false,
    }))
    .await;
    let payments: Vec<PaymentId> =
        sqlx::query_scalar("select id from payments where member_id = $1 order by id")
            .bind(counter.members[1])
            .fetch_all(&db.owner)
            .await
            .expect("two payments");
    for (payment_id, to) in payments.into_iter().zip([RefundTo::Cash, RefundTo::Credit]) {
        let form =
            RefundForm { payment_id, amount: egp(5_001), to, take_back: true, end_subscriptions: false };
        ask(Ask::Refund(Refund { idempotency_key: counter.key(), form, reason: "soak".into() })).await;
    }
    (db, told)
}

/// Counts after a statement that no service would run.
async fn judged_after(planted: &str) -> Judgement {
    let (db, told) = day_at_the_counter().await;
    db.owner.execute(AssertSqlSafe(planted)).await.unwrap_or_else(|error| panic!("{planted}: {error}"));
    Counter::judge(&db.owner, &told).await.expect("a judgement")
}

#[tokio::test]
async fn a_clean_day_has_nothing_lost_nothing_doubled_and_not_a_cent_too_much() {
    assert_eq!(
        judged_after("select 1").await,
        Judgement { difference_minor: Some(0), ..Judgement::default() }
    );
}

#[tokio::test]
async fn a_planted_loss_is_counted() {
    for planted in [
        "delete from receipts where number = 2",
        "delete from subscription_events where kind = 'renewed'",
        "delete from allocations where id = (select min(id::text)::uuid from allocations)",
        "update ledger_transactions set idempotency_key = gen_random_uuid() where kind = 'payment'",
        "update charges set amount = amount - 1, unit_amount = unit_amount - 1 where earned <> 'rounding'",
        "update payments set method = 'bank_transfer' where method = 'card_terminal'",
        "update refunds set amount = amount - 1",
        "update idempotency_keys set response = response || '{\"receipt_number\": 77}' where command = 'void_sale'",
        "update ledger_transactions set reverses_id = null",
    ] {
        let judged = judged_after(planted).await;
        assert!(judged.lost > 0, "{planted}: {judged:?}");
    }
}

/// A row once more, with an id of its own and some columns changed.
fn another(table: &str, condition: &str, changes: &str) -> String {
    format!(
        "insert into {table} select (jsonb_populate_record(row, jsonb_build_object('id', gen_random_uuid()) || {changes})).*
         from {table} as row where {condition} limit 1"
    )
}

#[tokio::test]
async fn a_planted_double_is_counted() {
    let same_key = format!(
        "alter table ledger_transactions drop constraint ledger_transactions_idempotency_key; {}",
        another("ledger_transactions", "kind = 'sale'", "'{}'")
    );
    let nobody_asked = another(
        "ledger_transactions",
        "kind = 'sale'",
        "jsonb_build_object('idempotency_key', gen_random_uuid())",
    );
    let two_receipts = format!(
        "alter table receipts drop constraint receipts_transaction_key; {}",
        another(
            "receipts",
            "number = 1",
            "jsonb_build_object('number', (select max(number) + 1 from receipts))"
        )
    );
    let gap = "update receipts set number = number + 1 where number = (select max(number) from receipts)"
        .to_owned();
    let paid_twice = another("payments", "method = 'cash'", "'{}'");
    let returned_twice = format!(
        "alter table refunds disable trigger user; {}",
        another("refunds", "method = 'cash'", "'{}'")
    );
    let above = "update refunds set amount = 1000000 where method = 'cash'".to_owned();
    let voided_twice = format!(
        "drop index ledger_transactions_reverses_key; {}",
        another(
            "ledger_transactions",
            "kind = 'void'",
            "jsonb_build_object('idempotency_key', gen_random_uuid())"
        )
    );
    let charged_twice = another("charges", "subscription_id is not null", "'{}'");
    let period_twice = another("subscription_events", "kind = 'sold'", "'{\"seq\": 9}'");
    let lame = "update ledger_entries set amount = amount + 1 where account = 'tax' or account = 'revenue'"
        .to_owned();
    let audited_twice = another("audit_log", "act = 'payment.taken'", "'{}'");
    for planted in [
        same_key,
        nobody_asked,
        two_receipts,
        gap,
        paid_twice,
        returned_twice,
        above,
        voided_twice,
        charged_twice,
        period_twice,
        lame,
        audited_twice,
    ] {
        let judged = judged_after(&planted).await;
        assert!(judged.doubled > 0, "{planted}: {judged:?}");
    }
}

#[tokio::test]
async fn a_planted_cent_is_counted() {
    for (planted, cents) in [
        // Away from the receipt and from the ledger.
        ("update payments set amount = amount + 1 where method = 'cash' and tendered is null or tendered > amount", None),
        ("update ledger_entries set amount = amount + 1 where account = 'card_terminal' and amount = 20000", Some(2)),
        ("update refunds set amount = amount - 1 where method = 'cash'", Some(1)),
        (
            "update receipts set document = jsonb_set(document::jsonb, '{payments,0,amount}', '1')::text where kind = 'payment'",
            None,
        ),
        (
            "update receipts set document = jsonb_set(document::jsonb, '{totals,gross}', '40004')::text where number = 1",
            Some(2),
        ),
        // The drawer of another till.
        (
            "insert into till_shifts select (jsonb_populate_record(s, jsonb_build_object('id', gen_random_uuid(), 'till_id', t.id))).*
             from till_shifts s join tills t on t.id <> s.till_id limit 1;
             update payments set shift_id = (select id from till_shifts s where not exists (select from receipts where shift_id = s.id))",
            None,
        ),
    ] {
        let judged = judged_after(planted).await;
        let difference = judged.difference_minor.unwrap_or(0);
        assert!(difference > 0 && cents.is_none_or(|cents| difference == cents), "{planted}: {judged:?}");
    }
}

#[test]
fn a_request_sent_again_is_a_duplicate() {
    let void = |key: u128| {
        let idempotency_key = Uuid::from_u128(key);
        let void =
            VoidSale { idempotency_key, transaction_id: TransactionId(Uuid::nil()), reason: "x".into() };
        Told { ask: Ask::Void(void), answer: Answer::Unknown }
    };
    assert_eq!(Counter::duplicates(&[void(1), void(2), void(1), void(1)]), 2);
}
