//! Rows of receipts that were given out.
use super::document::{ReceiptDocument, ReceiptKind};
use super::wire::ListReceipts;
use crate::error::Error;
use crate::ids::{BranchId, MailId, MemberId, ReceiptId, TillId, TransactionId};
use chrono::{DateTime, NaiveDate, Utc};
use sqlx::PgConnection;

/// A receipt as it is kept.
#[derive(Debug)]
pub struct Kept {
    pub id: ReceiptId,
    pub till_id: TillId,
    pub till_name: String,
    pub kind: ReceiptKind,
    pub transaction_id: TransactionId,
    pub member_id: Option<MemberId>,
    pub at: DateTime<Utc>,
    pub business_day: NaiveDate,
    pub document: String,
    pub hash: Vec<u8>,
}

impl Kept {
    pub fn document(&self) -> Result<ReceiptDocument, Error> {
        serde_json::from_str(&self.document)
            .map_err(|error| Error::Internal(format!("receipt {}: {error}", self.id)))
    }
}

/// A page of a branch's receipts, the newest first, and how many there are of them.
pub async fn page(
    db: &mut PgConnection,
    branch: BranchId,
    request: &ListReceipts,
    number: Option<i64>,
    limit: i64,
) -> Result<(Vec<Kept>, i64), Error> {
    let mut total = 0;
    let rows = sqlx::query!(
        r#"select r.id as "id: ReceiptId", r.till_id as "till_id: TillId", t.name as till_name, r.kind as "kind: ReceiptKind",
               r.transaction_id as "transaction_id: TransactionId", r.member_id as "member_id: MemberId", r.at, r.business_day,
               r.document, r.hash, count(*) over () as "total!"
           from receipts r join tills t on t.id = r.till_id
           where r.branch_id = $1 and ($2::date is null or r.business_day >= $2) and ($3::date is null or r.business_day <= $3)
             and ($4::uuid is null or r.till_id = $4) and ($5::bigint is null or r.number = $5)
             and ($6::uuid is null or r.member_id = $6) and ($7::text is null or r.kind = $7)
           order by r.at desc, r.id desc offset $8 limit $9"#,
        branch.0,
        request.from,
        request.to,
        request.till_id.map(|id| id.0),
        number,
        request.member_id.map(|id| id.0),
        request.kind as Option<ReceiptKind>,
        request.offset.max(0),
        limit
    )
    .fetch_all(db)
    .await?
    .into_iter()
    .map(|row| {
        total = row.total;
        Kept {
            id: row.id,
            till_id: row.till_id,
            till_name: row.till_name,
            kind: row.kind,
            transaction_id: row.transaction_id,
            member_id: row.member_id,
            at: row.at,
            business_day: row.business_day,
            document: row.document,
            hash: row.hash,
        }
    })
    .collect();
    Ok((rows, total))
}

/// One receipt of a branch.
pub async fn find(db: &mut PgConnection, branch: BranchId, id: ReceiptId) -> Result<Kept, Error> {
    sqlx::query_as!(
        Kept,
        r#"select r.id as "id: ReceiptId", r.till_id as "till_id: TillId", t.name as till_name, r.kind as "kind: ReceiptKind",
               r.transaction_id as "transaction_id: TransactionId", r.member_id as "member_id: MemberId", r.at, r.business_day,
               r.document, r.hash
           from receipts r join tills t on t.id = r.till_id where r.id = $1 and r.branch_id = $2"#,
        id.0,
        branch.0
    )
    .fetch_optional(db)
    .await?
    .ok_or(Error::NotFound("receipt"))
}

/// Lets one printing of a receipt at a time see whether there was one before.
pub async fn wait_turn(db: &mut PgConnection, id: ReceiptId) -> Result<(), Error> {
    sqlx::query!("select pg_advisory_xact_lock(hashtextextended('receipt ' || $1::uuid, 0))", id.0)
        .execute(db)
        .await?;
    Ok(())
}

/// True when the receipt has been on paper. A printer that could not be reached printed nothing.
pub async fn was_printed(db: &mut PgConnection, id: ReceiptId) -> Result<bool, Error> {
    Ok(sqlx::query_scalar!(
        r#"select count(*) filter (where act = 'receipt.printed') > count(*) filter (where act = 'receipt.not_printed') as "printed!"
           from audit_log where subject_id = $1"#,
        id.0
    )
    .fetch_one(db)
    .await?)
}

pub async fn address_of(db: &mut PgConnection, member: MemberId) -> Result<Option<String>, Error> {
    Ok(sqlx::query_scalar!("select email from members where id = $1", member.0).fetch_one(db).await?)
}

/// Puts a receipt into the post; false when it was there already.
pub async fn queue_mail(
    db: &mut PgConnection,
    receipt: ReceiptId,
    address: &str,
    language: &str,
    params: serde_json::Value,
    now: DateTime<Utc>,
) -> Result<bool, Error> {
    let queued = sqlx::query!(
        "insert into mail_outbox (id, dedupe_key, to_address, language, template, params, receipt_id, created_at, next_try_at)
         values ($1, $2, $3, $4, 'receipt', $5, $6, $7, $7) on conflict (dedupe_key) do nothing",
        MailId::new(now).0,
        format!("receipt {receipt} {address}"),
        address,
        language,
        params,
        receipt.0,
        now
    )
    .execute(db)
    .await?;
    Ok(queued.rows_affected() > 0)
}
