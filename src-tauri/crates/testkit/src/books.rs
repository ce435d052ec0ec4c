//! Whether the books agree: what must hold whatever happened, asked of the rows themselves.
use sqlx::{PgPool, Row as _};

/// Each gives rows where there should be none: the first column says which.
const CHECKS: &[(&str, &str)] = &[
    (
        "a transaction does not balance",
        "select transaction_id::text from ledger_entries group by transaction_id, currency having sum(amount) <> 0",
    ),
    (
        "a key was used twice",
        "select idempotency_key::text from ledger_transactions group by 1 having count(*) > 1",
    ),
    (
        "more went back than was paid",
        "select p.id::text from payments p join refunds r on r.payment_id = p.id group by p.id having sum(r.amount) > p.amount",
    ),
    (
        "a payment is used for more than it is",
        "select p.id::text from payments p
         where p.amount < coalesce((select sum(a.amount) from allocations a where a.payment_id = p.id), 0)
                        + coalesce((select sum(r.amount) from refunds r where r.payment_id = p.id), 0)",
    ),
    (
        "a charge is paid and credited beyond its amount",
        "select c.id::text from charges c
         where c.amount < coalesce((select sum(a.amount) from allocations a where a.charge_id = c.id), 0)
                        + coalesce((select sum(x.amount) from charge_credits x where x.charge_id = c.id), 0)",
    ),
    (
        "what is still owed is not what the rows say",
        "select c.id::text from charges c left join open_charges o on o.charge_id = c.id
         where coalesce(o.owed, 0) <> c.amount
             - coalesce((select sum(a.amount) from allocations a where a.charge_id = c.id), 0)
             - coalesce((select sum(x.amount) from charge_credits x where x.charge_id = c.id), 0)",
    ),
    (
        "what is left of a payment is not what the rows say",
        "select p.id::text from payments p join payment_balances b on b.payment_id = p.id
         where b.refundable <> p.amount - coalesce((select sum(r.amount) from refunds r where r.payment_id = p.id), 0)
            or b.unallocated <> b.refundable - coalesce((select sum(a.amount) from allocations a where a.payment_id = p.id), 0)",
    ),
    (
        "what the ledger says a member owes is not what the charges say",
        "select who::text from (
             select member_id as who, amount from ledger_entries where account = 'receivable'
             union all select payer_id, -owed from open_charges
             union all select payer_id, unallocated from payment_balances
         ) as parts group by who having sum(amount) <> 0",
    ),
    (
        "a till's receipts have a gap",
        "select t.id::text from tills t join receipt_chains c on c.till_id = t.id left join receipts r on r.till_id = t.id
         group by t.id, c.last_number
         having count(r.id) <> c.last_number or coalesce(max(r.number), 0) <> c.last_number",
    ),
    (
        "a payment at a desk has no receipt",
        "select p.id::text from payments p join ledger_transactions t on t.id = p.transaction_id
         where p.shift_id is not null and not exists (select from receipts r where r.transaction_id = t.id)",
    ),
    (
        "the drawers are not what the ledger says of cash",
        "select 'cash' from (
             select coalesce((select sum(p.amount) from payments p join ledger_transactions t on t.id = p.transaction_id
                              where p.method = 'cash' and t.kind <> 'import'), 0)
                  - coalesce((select sum(r.amount) from refunds r join ledger_transactions t on t.id = r.transaction_id
                              where r.method = 'cash' and t.kind <> 'import'), 0)
                  + coalesce((select sum(case kind when 'cash_in' then amount else -amount end) from cash_movements), 0) as drawer,
                  coalesce((select sum(e.amount) from ledger_entries e join ledger_transactions t on t.id = e.transaction_id
                            where e.account = 'cash' and t.kind not in ('shift_opened', 'shift_closed', 'expense')), 0) as ledger
         ) as sums where drawer <> ledger",
    ),
    (
        "a voucher was spent beyond its amount",
        "select v.id::text from vouchers v
         where v.amount < coalesce((select sum(p.amount) from payments p where p.voucher_id = v.id), 0)
                        - coalesce((select sum(r.amount) from refunds r join payments p on p.id = r.payment_id
                                    where p.voucher_id = v.id and r.method = 'voucher'), 0)",
    ),
    (
        "a sale has no subscription event, or an event no sale",
        "select e.id::text from subscription_events e
         where e.kind in ('renewed') and not exists (select from ledger_transactions t where t.id = e.ledger_transaction_id)",
    ),
];

/// What does not agree, a sentence each; nothing when the books are in order.
///
/// # Panics
/// When the database does not answer.
pub async fn disagreements(db: &PgPool) -> Vec<String> {
    let mut found = Vec::new();
    for (what, query) in CHECKS {
        let rows = sqlx::query(*query).fetch_all(db).await.unwrap_or_else(|error| panic!("{what}: {error}"));
        found.extend(rows.iter().map(|row| {
            let which: Option<String> = row.get(0);
            format!("{what}: {}", which.unwrap_or_default())
        }));
    }
    found
}
