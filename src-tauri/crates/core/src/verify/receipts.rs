//! Receipts: numbers without a gap, each bound to the one before, and saying what the ledger says.
use super::Broken;
use super::copy::{Row, Rows, read};
use crate::error::Error;
use crate::receipts::chain::hash;
use crate::receipts::document::{PaidBy, ReceiptDocument};
use sha2::{Digest as _, Sha256};
use sqlx::PgConnection;
use std::collections::BTreeMap;
use uuid::Uuid;

const TABLE: &str = "receipts";

/// The last columns are the transaction's digest and the money it moved. Vouchers are left out: selling one moves
/// their account too.
const RECEIPTS: &str = "copy (
    select r.till_id, r.number, r.id, r.kind, r.business_day, r.document, r.hash, t.digest, m.amount
    from receipts r
    left join ledger_transactions t on t.id = r.transaction_id
    left join lateral (
        select abs(sum(e.amount))::bigint as amount from ledger_entries e
        where e.transaction_id = r.transaction_id
          and e.account in ('cash', 'card_terminal', 'upi', 'bank_transfer', 'paymob', 'paypal')
    ) m on true
    order by r.till_id, r.number
) to stdout (format binary)";

/// What was found.
#[derive(Debug, Default)]
pub struct Chains {
    pub receipts: u64,
    pub tills: u64,
    pub broken: Option<Broken>,
}

/// The end of a till's chain.
#[derive(Clone, Debug)]
struct End {
    number: i64,
    hash: Vec<u8>,
}

impl End {
    /// Of a till without receipts.
    fn none() -> Self {
        Self { number: 0, hash: Sha256::digest([]).to_vec() }
    }
}

pub async fn examine(db: &mut PgConnection) -> Result<Chains, Error> {
    let rows = sqlx::query!("select till_id, last_number, last_hash from receipt_chains")
        .fetch_all(&mut *db)
        .await?;
    let ends = rows
        .into_iter()
        .map(|row| (row.till_id, End { number: row.last_number, hash: row.last_hash }))
        .collect();
    // Documents are wide: walking along the index keeps them out of sorts on disk and of queues between workers.
    sqlx::raw_sql("set local enable_sort = off; set local max_parallel_workers_per_gather = 0")
        .execute(&mut *db)
        .await?;
    read(db, RECEIPTS, move |rows| judge(rows, ends)).await
}

fn judge(rows: &mut Rows, mut ends: BTreeMap<Uuid, End>) -> Result<Chains, Error> {
    let mut chains = Chains { tills: ends.len().try_into().unwrap_or(u64::MAX), ..Chains::default() };
    let mut till: Option<(Uuid, End)> = None;
    while let Some(row) = rows.next_row()? {
        let id = row.uuid(0)?.unwrap_or_default();
        if till.as_ref().is_none_or(|(open, _)| *open != id) {
            chains.broken = till.take().and_then(|(till, last)| close(till, &last, ends.remove(&till)));
            if chains.broken.is_some() {
                return Ok(chains);
            }
        }
        let (_, last) = till.get_or_insert_with(|| (id, End::none()));
        chains.receipts += 1;
        chains.broken = look_at(id, last, &row)?;
        if chains.broken.is_some() {
            return Ok(chains);
        }
    }
    chains.broken = till.and_then(|(till, last)| close(till, &last, ends.remove(&till)));
    // Tills whose receipts are all gone, or that never gave one out.
    let rest = || ends.into_iter().find_map(|(till, end)| close(till, &End::none(), Some(end)));
    chains.broken = chains.broken.or_else(rest);
    Ok(chains)
}

/// One receipt after `last`, which it replaces.
fn look_at(till: Uuid, last: &mut End, row: &Row<'_>) -> Result<Option<Broken>, Error> {
    let number = row.int(1)?.unwrap_or_default();
    if number != last.number + 1 {
        return Ok(Some(missing(till, last.number + 1)));
    }
    let document = row.text(5)?;
    let computed = hash(&last.hash, number, row.bytes(7).unwrap_or_default(), document);
    let what = if row.bytes(6) == Some(&computed) {
        contradiction(row, number, document)?
    } else if row.bytes(7).is_none() {
        Some("its transaction is not there".to_owned())
    } else {
        Some(
            "it is not as it was given out: its hash does not fit its content and the receipt before"
                .to_owned(),
        )
    };
    *last = End { number, hash: computed };
    let id = row.uuid(2)?.unwrap_or_default();
    Ok(what.map(|what| Broken { table: TABLE, id: id.to_string(), number: Some(number), what }))
}

/// What a receipt says otherwise than its row and the ledger.
fn contradiction(row: &Row<'_>, number: i64, document: &str) -> Result<Option<String>, Error> {
    let Ok(told) = serde_json::from_str::<ReceiptDocument>(document) else {
        return Ok(Some("its document cannot be read".to_owned()));
    };
    if told.number.rsplit('-').next().and_then(|last| last.parse().ok()) != Some(number) {
        return Ok(Some(format!("its document has the number {}", told.number)));
    }
    let kind = serde_json::to_value(told.kind).ok();
    if kind.as_ref().and_then(serde_json::Value::as_str) != Some(row.text(3)?)
        || told.business_day != row.day(4)?
    {
        return Ok(Some("its kind or its day is not its document's".to_owned()));
    }
    let in_ledger = |method: PaidBy| !matches!(method, PaidBy::Credit | PaidBy::Voucher);
    let paid: i64 =
        told.payments.iter().filter(|payment| in_ledger(payment.method)).map(|payment| payment.amount).sum();
    let moved = row.int(8)?.unwrap_or_default();
    Ok((paid != moved).then(|| format!("it says {paid} minor units were paid, the ledger {moved}")))
}

/// The end of the chain as it is kept against the receipts that are there.
fn close(till: Uuid, last: &End, kept: Option<End>) -> Option<Broken> {
    let Some(kept) = kept else {
        let what = "the till's chain is not there".to_owned();
        return Some(Broken { table: "receipt_chains", id: till.to_string(), number: None, what });
    };
    if kept.number > last.number {
        return Some(missing(till, last.number + 1));
    }
    let what = if kept.number < last.number {
        format!("the chain ends at {}, but there is a receipt {}", kept.number, last.number)
    } else if kept.hash != last.hash {
        "the chain's end is not the last receipt's hash".to_owned()
    } else {
        return None;
    };
    Some(Broken { table: "receipt_chains", id: till.to_string(), number: Some(kept.number), what })
}

fn missing(till: Uuid, number: i64) -> Broken {
    Broken {
        table: TABLE,
        id: till.to_string(),
        number: Some(number),
        what: "this number of the till is missing".to_owned(),
    }
}
