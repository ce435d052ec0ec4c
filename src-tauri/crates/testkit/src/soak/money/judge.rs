//! What is stored against what was answered, by SQL that shares nothing with the services.
use super::{Ask, Done, Told};
use crate::books;
use crate::soak::wire::Answer;
use crate::soak::{Judgement, count};
use chrono::NaiveDate;
use gatehouse_core::payments::wire::{Payment, RefundTo};
use serde::Serialize;
use serde_json::{Map, Value};
use sqlx::{FromRow, PgPool};
use std::collections::{HashMap, HashSet};
use uuid::Uuid;

pub async fn judge(owner: &PgPool, told: &[Told]) -> Result<Judgement, sqlx::Error> {
    let disagreements = books::disagreements(owner).await;
    for disagreement in &disagreements {
        eprintln!("{disagreement}");
    }
    let disagreements = u64::try_from(disagreements.len()).unwrap_or(u64::MAX);
    Ok(Judgement {
        lost: lost(owner, told).await?,
        doubled: doubled(owner, told).await? + disagreements,
        difference_minor: Some(difference(owner).await?),
        failed: 0,
    })
}

/// A transaction with everything that it wrote.
#[derive(Debug, FromRow)]
struct Stored {
    id: Uuid,
    key: Uuid,
    reverses_id: Option<Uuid>,
    receipt_id: Option<Uuid>,
    number: Option<i64>,
    /// Rounding left out.
    charged: i64,
    /// Minor units by method.
    paid: Value,
    returned: Value,
    /// What of its own charges it left unpaid.
    owed: i64,
    /// What is kept for a retry.
    response: Option<Value>,
}

const STORED: &str = "with charged as (
         select transaction_id, sum(amount)::bigint as amount, coalesce(sum(amount) filter (where earned <> 'rounding'), 0)::bigint as goods
         from charges group by 1
     ), paid as (
         select transaction_id, jsonb_object_agg(method, amount) as by_method
         from (select transaction_id, method, sum(amount) as amount from payments group by 1, 2) as sums group by 1
     ), returned as (
         select transaction_id, jsonb_object_agg(method, amount) as by_method
         from (select transaction_id, method, sum(amount) as amount from refunds group by 1, 2) as sums group by 1
     ), settled as (
         select transaction_id, sum(amount)::bigint as amount from (
             select transaction_id, amount from allocations union all select transaction_id, amount from charge_credits
         ) as sides group by 1
     )
     select t.id, t.idempotency_key as key, t.reverses_id, r.id as receipt_id, r.number, coalesce(c.goods, 0) as charged,
         coalesce(p.by_method, '{}') as paid, coalesce(b.by_method, '{}') as returned,
         coalesce(c.amount, 0) - coalesce(s.amount, 0) as owed, k.response
     from ledger_transactions t
     left join receipts r on r.transaction_id = t.id
     left join idempotency_keys k on k.key = t.idempotency_key
     left join charged c on c.transaction_id = t.id
     left join paid p on p.transaction_id = t.id
     left join returned b on b.transaction_id = t.id
     left join settled s on s.transaction_id = t.id";

/// Id, subscription, transaction, first and last day of an event.
type EventRow = (Uuid, Uuid, Option<Uuid>, Option<NaiveDate>, Option<NaiveDate>);

type Event = (Uuid, Option<Uuid>, Option<NaiveDate>, Option<NaiveDate>);

/// Answers that are not stored exactly as they were given.
pub async fn lost(owner: &PgPool, told: &[Told]) -> Result<u64, sqlx::Error> {
    let rows: Vec<Stored> = sqlx::query_as(STORED).fetch_all(owner).await?;
    let mut stored: HashMap<Uuid, Vec<Stored>> = HashMap::new();
    for row in rows {
        stored.entry(row.key).or_default().push(row);
    }
    let events: Vec<EventRow> = sqlx::query_as(
        "select id, subscription_id, ledger_transaction_id, starts_on, ends_on from subscription_events",
    )
    .fetch_all(owner)
    .await?;
    let events: HashMap<Uuid, Event> =
        events.into_iter().map(|(id, of, by, from, until)| (id, (of, by, from, until))).collect();
    let mut lost = 0;
    for Told { ask, answer } in told {
        let row = ask.key().and_then(|key| stored.get(&key)).and_then(|rows| rows.first());
        let kept = match answer {
            Answer::Done(done) => row.is_some_and(|row| row.keeps(ask, done, &events)),
            Answer::Refused { .. } => true,
            Answer::Hello { .. } | Answer::Unknown => false,
        };
        if !kept {
            eprintln!("lost: {ask:?} was answered {answer:?}, stored is {row:?}");
            lost += 1;
        }
    }
    Ok(lost)
}

impl Stored {
    fn keeps(&self, ask: &Ask, done: &Done, events: &HashMap<Uuid, Event>) -> bool {
        match (ask, done) {
            (Ask::Sell(request), Done::Sold(sale)) => {
                let sold = sale.subscriptions.iter().all(|sold| {
                    let event = events.get(&sold.event_id.0);
                    event.is_some_and(|(of, by, from, until)| {
                        (*of, *by) == (sold.subscription_id.0, Some(self.id))
                            && (*from, *until) == (Some(sold.starts_on), Some(sold.ends_on))
                    })
                });
                sold && sale.subscriptions.len() == request.basket.lines.len()
                    && self.is_under(sale.transaction_id.0, sale.receipt_id.0, sale.receipt_number, sale)
                    && self.charged == sale.total.minor
                    && self.paid == by_method(&request.payments)
                    && self.owed == sale.owed.minor
            }
            (Ask::Pay(request), Done::Paid(paid)) => {
                self.is_under(paid.transaction_id.0, paid.receipt_id.0, paid.receipt_number, paid)
                    && self.paid == by_method(&request.payments)
            }
            (Ask::Refund(request), Done::Refunded(refunded)) => {
                let method = match request.form.to {
                    RefundTo::Cash => Some("cash"),
                    RefundTo::CardTerminal { .. } => Some("card_terminal"),
                    RefundTo::Upi { .. } => Some("upi"),
                    RefundTo::BankTransfer { .. } => Some("bank_transfer"),
                    RefundTo::Voucher => Some("voucher"),
                    RefundTo::Credit => None,
                };
                let returned = method.map(|method| (method.to_owned(), refunded.amount.minor.into()));
                self.is_under(
                    refunded.transaction_id.0,
                    refunded.receipt_id.0,
                    refunded.receipt_number,
                    refunded,
                ) && self.returned == Value::Object(returned.into_iter().collect())
                    && request.form.amount == refunded.amount
            }
            (Ask::Void(request), Done::Voided(voided)) => {
                self.is_under(voided.transaction_id.0, voided.receipt_id.0, voided.receipt_number, voided)
                    && self.reverses_id == Some(request.transaction_id.0)
                    && self.returned == by_method(&voided.returned)
            }
            _ => false,
        }
    }

    fn is_under(&self, id: Uuid, receipt: Uuid, number: i64, answer: &impl Serialize) -> bool {
        self.id == id
            && self.receipt_id == Some(receipt)
            && self.number == Some(number)
            && serde_json::to_value(answer).is_ok_and(|answer| self.response.as_ref() == Some(&answer))
    }
}

fn by_method(payments: &[Payment]) -> Value {
    let mut sums = Map::new();
    for payment in payments {
        let method = match serde_json::to_value(payment.method) {
            Ok(Value::String(method)) => method,
            other => format!("{other:?}"),
        };
        let before = sums.get(&method).and_then(Value::as_i64).unwrap_or(0);
        sums.insert(method, (before + payment.amount.minor).into());
    }
    Value::Object(sums)
}

/// What is there without an answer, and what a second copy of anything would break.
pub async fn doubled(owner: &PgPool, told: &[Told]) -> Result<u64, sqlx::Error> {
    let done: HashSet<Uuid> = told
        .iter()
        .filter(|told| matches!(told.answer, Answer::Done(_)))
        .filter_map(|told| told.ask.key())
        .collect();
    let keys: Vec<Uuid> =
        sqlx::query_scalar("select idempotency_key from ledger_transactions").fetch_all(owner).await?;
    let mut doubled = 0;
    for key in keys.iter().filter(|key| !done.contains(key)) {
        eprintln!("nobody was told that {key} was done");
        doubled += 1;
    }
    for (what, query) in DOUBLES {
        doubled += count(owner, what, query).await?;
    }
    Ok(doubled)
}

const DOUBLES: [(&str, &str); 12] = [
    (
        "a key of two transactions",
        "select count(*) from (select from ledger_transactions group by idempotency_key having count(*) > 1) twice",
    ),
    (
        "a transaction without a key that is kept, or the other way round",
        "select count(*) from ledger_transactions t full join idempotency_keys k on k.key = t.idempotency_key
         where t.id is null or k.key is null",
    ),
    (
        "a transaction that does not balance",
        "select count(*) from (select from ledger_entries group by transaction_id, currency having sum(amount) <> 0) lame",
    ),
    (
        "a transaction with two receipts",
        "select count(*) from (select from receipts group by transaction_id having count(*) > 1) twice",
    ),
    (
        "a gap or a repeat in the numbers of a till",
        "select count(*) from (
             select from receipts group by till_id
             having min(number) <> 1 or max(number) <> count(*) or count(distinct number) <> count(*)) broken",
    ),
    (
        "a transaction with two payments of a kind",
        "select count(*) from (select from payments group by transaction_id, method having count(*) > 1) twice",
    ),
    (
        "a payment given back twice in a transaction",
        "select count(*) from (select from refunds group by transaction_id, payment_id having count(*) > 1) twice",
    ),
    (
        "more given back than was paid",
        "select count(*) from (
             select from refunds r join payments p on p.id = r.payment_id group by p.id having sum(r.amount) > p.amount) above",
    ),
    (
        "a sale taken back twice",
        "select count(*) from (select from ledger_transactions where reverses_id is not null group by reverses_id having count(*) > 1) twice",
    ),
    (
        "a subscription charged twice in a sale",
        "select count(*) from (
             select from charges where subscription_id is not null group by transaction_id, subscription_id having count(*) > 1) twice",
    ),
    (
        "a period given twice by a sale",
        "select count(*) from (
             select from subscription_events where kind in ('sold', 'renewed')
             group by ledger_transaction_id, subscription_id having count(*) > 1) twice",
    ),
    (
        "another number of audit rows than of transactions",
        "select coalesce(sum(abs(rows)), 0)::bigint from (
             select sum(sign) as rows from (
                 select case when kind in ('sale', 'renewal') then 'sale' when kind in ('payment', 'allocation') then 'payment'
                             when kind in ('refund', 'credit_note') then 'refund' else kind end as kind, 1 as sign
                 from ledger_transactions
                 union all
                 select case when act in ('subscription.sold', 'subscription.renewed', 'sale.made') then 'sale' when act = 'payment.taken' then 'payment'
                             when act = 'payment.refunded' then 'refund' when act = 'subscription.sale_voided' then 'void' else act end, -1
                 from audit_log
             ) as sides group by kind) as differences",
    ),
];

/// How far receipts, ledger and drawers are apart, in minor units: of each till and way of paying, and of each sale.
///
/// Receipts are read from what is printed on them, the ledger by the desk that posted, drawers by their shifts.
pub async fn difference(owner: &PgPool) -> Result<u64, sqlx::Error> {
    let mut difference = 0;
    for (what, query) in BOOKS {
        difference += count(owner, what, query).await?;
    }
    Ok(difference)
}

const BOOKS: [(&str, &str); 3] = [
    (
        "piastres between receipts, ledger and drawers",
        "with paper as (
             select r.till_id, p ->> 'method' as method,
                 sum(case when r.kind in ('refund', 'void') then -1 else 1 end * (p ->> 'amount')::bigint) as amount
             from receipts r cross join lateral jsonb_array_elements(r.document::jsonb -> 'payments') as p
             where p ->> 'method' <> 'credit' group by 1, 2
         ), ledger as (
             select d.till_id, e.account as method, sum(e.amount) as amount
             from ledger_entries e join ledger_transactions t on t.id = e.transaction_id join desks d on d.id = t.desk_id
             where e.account in ('cash', 'card_terminal', 'upi', 'bank_transfer') group by 1, 2
         ), drawer as (
             select s.till_id, m.method, sum(m.amount) as amount
             from (select shift_id, method, amount from payments union all select shift_id, method, -amount from refunds) as m
             join till_shifts s on s.id = m.shift_id group by 1, 2
         )
         select coalesce(sum(abs(coalesce(paper.amount, 0) - coalesce(ledger.amount, 0))
                           + abs(coalesce(ledger.amount, 0) - coalesce(drawer.amount, 0))), 0)::bigint
         from paper full join ledger using (till_id, method) full join drawer using (till_id, method)",
    ),
    (
        "piastres between what receipts charge and what the ledger earned",
        "select coalesce(sum(abs((r.document::jsonb -> 'totals' ->> 'gross')::bigint + coalesce(e.amount, 0))), 0)::bigint
         from receipts r
         left join (select transaction_id, sum(amount) as amount from ledger_entries where account in ('revenue', 'tax') group by 1) e
             on e.transaction_id = r.transaction_id
         where r.kind = 'sale'",
    ),
    (
        "piastres on receipts that are neither charged nor paid nor owed",
        "select coalesce(sum(abs(gross + rounding - paid - due)), 0)::bigint from (
             select (document -> 'totals' ->> 'gross')::bigint as gross, (document -> 'totals' ->> 'rounding')::bigint as rounding,
                 coalesce((document ->> 'still_due')::bigint, 0) as due,
                 (select coalesce(sum((p ->> 'amount')::bigint), 0) from jsonb_array_elements(document -> 'payments') as p) as paid
             from (select document::jsonb as document from receipts where kind = 'sale') as sold) as sums",
    ),
];
