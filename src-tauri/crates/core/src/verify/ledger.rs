//! The ledger: every transaction balances and is the one that was posted.
use super::Broken;
use super::copy::{Row, Rows, read};
use crate::error::Error;
use crate::ids::TransactionId;
use crate::payments::posting::{canonical_entry, canonical_header};
use sha2::{Digest as _, Sha256};
use sqlx::PgConnection;
use uuid::Uuid;

const TABLE: &str = "ledger_transactions";

const BOOKS: &str = "copy (
    select t.id, t.kind, t.at, t.business_day, t.reverses_id, t.digest, e.account, e.member_id, e.amount, e.currency
    from ledger_transactions t left join ledger_entries e on e.transaction_id = t.id
    order by t.id, e.id
) to stdout (format binary)";

/// What was found.
#[derive(Debug, Default)]
pub struct Books {
    pub transactions: u64,
    pub entries: u64,
    pub broken: Option<Broken>,
}

pub async fn examine(db: &mut PgConnection) -> Result<Books, Error> {
    let mut books = read(db, BOOKS, judge).await?;
    // A foreign key forbids it; somebody who could switch that off leaves such rows behind.
    let stray = sqlx::query_scalar!(
        "select e.id from ledger_entries e left join ledger_transactions t on t.id = e.transaction_id
         where t.id is null order by e.id limit 1"
    )
    .fetch_optional(db)
    .await?;
    if let (None, Some(id)) = (&books.broken, stray) {
        let what = "its transaction is not there".to_owned();
        books.broken = Some(Broken { table: "ledger_entries", id: id.to_string(), number: None, what });
    }
    Ok(books)
}

/// A transaction while its entries come.
struct Open {
    id: Uuid,
    /// As it was posted.
    digest: Vec<u8>,
    text: String,
    /// By currency; there is one but in books that somebody else wrote.
    sums: Vec<(String, i128)>,
}

fn judge(rows: &mut Rows) -> Result<Books, Error> {
    let mut books = Books::default();
    let mut open: Option<Open> = None;
    while let Some(row) = rows.next_row()? {
        let id = row.uuid(0)?.unwrap_or_default();
        if open.as_ref().is_none_or(|open| open.id != id) {
            books.broken = open.take().and_then(Open::close);
            if books.broken.is_some() {
                return Ok(books);
            }
            books.transactions += 1;
            open = Some(Open::new(id, &row)?);
        }
        // Null where a transaction moved nothing.
        if let (Some(open), Some(amount)) = (&mut open, row.int(8)?) {
            books.entries += 1;
            open.add(&row, amount)?;
        }
    }
    books.broken = open.and_then(Open::close);
    Ok(books)
}

impl Open {
    fn new(id: Uuid, row: &Row<'_>) -> Result<Self, Error> {
        let reverses = row.uuid(4)?.map(TransactionId);
        let text = canonical_header(TransactionId(id), row.text(1)?, row.instant(2)?, row.day(3)?, reverses);
        Ok(Self { id, digest: row.bytes(5).unwrap_or_default().to_vec(), text, sums: Vec::new() })
    }

    fn add(&mut self, row: &Row<'_>, amount: i64) -> Result<(), Error> {
        let currency = row.text(9)?;
        canonical_entry(&mut self.text, row.text(6)?, row.uuid(7)?, amount, currency);
        match self.sums.iter_mut().find(|(known, _)| known == currency) {
            Some((_, sum)) => *sum += i128::from(amount),
            None => self.sums.push((currency.to_owned(), i128::from(amount))),
        }
        Ok(())
    }

    fn close(self) -> Option<Broken> {
        let what = if let Some((currency, sum)) = self.sums.iter().find(|(_, sum)| *sum != 0) {
            format!("its entries sum to {sum} minor units of {currency} instead of 0")
        } else if Sha256::digest(&self.text).as_slice() != self.digest {
            "it or its entries are not as they were posted: the digest does not fit".to_owned()
        } else {
            return None;
        };
        Some(Broken { table: TABLE, id: self.id.to_string(), number: None, what })
    }
}
