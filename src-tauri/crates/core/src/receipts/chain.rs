//! The chain of a till's receipts.
use crate::error::Error;
use crate::ids::{BranchId, MemberId, ReceiptId, ShiftId, TillId, TransactionId};
use crate::payments::posting::Fingerprint;
use crate::receipts::document::ReceiptKind;
use chrono::{DateTime, NaiveDate, Utc};
use sha2::{Digest as _, Sha256};
use sqlx::PgConnection;

/// The place a receipt takes in its till's chain.
#[derive(Debug)]
pub struct Place {
    pub till: TillId,
    pub number: i64,
    /// Hash of the receipt before.
    after: Vec<u8>,
}

/// A receipt to be given out.
#[derive(Clone, Debug)]
pub struct NewReceipt<'a> {
    pub id: ReceiptId,
    pub branch: BranchId,
    pub kind: ReceiptKind,
    pub transaction: TransactionId,
    /// Of the transaction.
    pub digest: &'a Fingerprint,
    pub shift: Option<ShiftId>,
    pub member: Option<MemberId>,
    pub at: DateTime<Utc>,
    pub business_day: NaiveDate,
    /// What is printed, as JSON.
    pub document: &'a str,
}

/// Hash of a receipt: SHA-256 over the hash before (of the first: SHA-256 of nothing), the number as 8 bytes
/// (big-endian), the transaction's digest and the SHA-256 of the document.
pub fn hash(after: &[u8], number: i64, digest: &[u8], document: &str) -> Vec<u8> {
    Sha256::new()
        .chain_update(after)
        .chain_update(number.to_be_bytes())
        .chain_update(digest)
        .chain_update(Sha256::digest(document))
        .finalize()
        .to_vec()
}

/// Takes the till's next number. Its other receipts wait until this transaction ends, so this comes last in it: a
/// number is given out only with what it stands for.
pub async fn take_place(db: &mut PgConnection, till: TillId) -> Result<Place, Error> {
    let row = sqlx::query!(
        "update receipt_chains set last_number = last_number + 1 where till_id = $1 returning last_number, last_hash",
        till.0
    )
    .fetch_one(db)
    .await?;
    Ok(Place { till, number: row.last_number, after: row.last_hash })
}

/// Writes the receipt at its place.
pub async fn write(db: &mut PgConnection, place: &Place, receipt: NewReceipt<'_>) -> Result<(), Error> {
    let hash = hash(&place.after, place.number, receipt.digest, receipt.document);
    sqlx::query!(
        "with chain as (update receipt_chains set last_hash = $12 where till_id = $3)
         insert into receipts (id, branch_id, till_id, number, kind, transaction_id, shift_id, member_id, at, business_day,
             document, hash)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
        receipt.id.0,
        receipt.branch.0,
        place.till.0,
        place.number,
        receipt.kind as ReceiptKind,
        receipt.transaction.0,
        receipt.shift.map(|id| id.0),
        receipt.member.map(|id| id.0),
        receipt.at,
        receipt.business_day,
        receipt.document,
        hash
    )
    .execute(db)
    .await?;
    Ok(())
}
