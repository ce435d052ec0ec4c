//! Are the books as they were written? Everything that can be computed again is: each transaction's balance and
//! digest, each till's numbers and chain of receipts, and each receipt against the ledger. Rows are streamed, so a
//! gym of ten years needs no more memory than a new one.
mod copy;
mod ledger;
mod receipts;

use crate::error::Error;
use serde::Serialize;
use sqlx::{AssertSqlSafe, PgPool};

/// What was looked at, and the first row that is not as it was written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Verified {
    pub transactions: u64,
    pub entries: u64,
    pub receipts: u64,
    pub tills: u64,
    pub broken: Option<Broken>,
}

/// A row that is not as it was written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Broken {
    pub table: &'static str,
    /// Of a receipt that is missing, the till's.
    pub id: String,
    /// A receipt's running number.
    pub number: Option<i64>,
    pub what: String,
}

/// Both readers see the same moment, while the desks go on working.
const SNAPSHOT: &str = "begin isolation level repeatable read read only";

/// Reads it all through, the ledger and the receipts at the same time.
pub async fn verify(db: &PgPool) -> Result<Verified, Error> {
    let mut first = db.begin_with(SNAPSHOT).await?;
    let mut second = db.begin_with(SNAPSHOT).await?;
    let snapshot =
        sqlx::query_scalar!(r#"select pg_export_snapshot() as "id!""#).fetch_one(&mut *first).await?;
    // An identifier the server made a moment ago.
    let same = AssertSqlSafe(format!("set transaction snapshot '{snapshot}'"));
    sqlx::raw_sql(same).execute(&mut *second).await?;
    let (books, chains) = tokio::try_join!(ledger::examine(&mut first), receipts::examine(&mut second))?;
    first.rollback().await?;
    second.rollback().await?;
    Ok(Verified {
        transactions: books.transactions,
        entries: books.entries,
        receipts: chains.receipts,
        tills: chains.tills,
        broken: books.broken.or(chains.broken),
    })
}
