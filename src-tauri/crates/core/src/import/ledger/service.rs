//! The import of old books: rehearse, then the same for real.
use super::payments::{self, Moved};
use super::read::Place;
use super::subscriptions::{self, Sale};
use super::tally::{Open, Tally};
use super::{Kind, LedgerReport};
use crate::actor::Actor;
use crate::auth::model::Permission;
use crate::error::Error;
use crate::gym::service::fetch_branch;
use crate::ids::TransactionId;
use crate::import::file;
use crate::import::service::in_line;
use crate::payments::idempotency::{Key, Stored};
use crate::services::Services;
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use std::collections::HashMap;
use uuid::Uuid;

/// Rows in one transaction.
const CHUNK: usize = 200;

/// What the import would do; nothing is stored.
pub async fn rehearse(
    services: &Services,
    actor: &Actor,
    kind: Kind,
    file: &[u8],
) -> Result<LedgerReport, Error> {
    may_import(actor)?;
    let mut db = services.db.acquire().await?;
    let place = Place::new(fetch_branch(&mut db, actor.branch()?).await?, services.now())?;
    Ok(judge(&mut db, &place, kind, file).await?.0)
}

/// Brings the good rows in, some hundred in each transaction. Run twice, or again after it was cut off, it brings in no
/// row twice. With an error anywhere it stores nothing, unless `skip_refused` says to leave those rows out.
///
/// # Errors
/// [`Error::Conflict`] `already_settled` when somebody pays one of the charges meanwhile: run it again.
/// [`Error::Internal`] when the ledger does not hold what the file says; that is a defect.
pub async fn run(
    services: &Services,
    actor: &Actor,
    kind: Kind,
    file: &[u8],
    skip_refused: bool,
) -> Result<LedgerReport, Error> {
    may_import(actor)?;
    let mut db = services.db.acquire().await?;
    let place = Place::new(fetch_branch(&mut db, actor.branch()?).await?, services.now())?;
    let (report, draft) = judge(&mut db, &place, kind, file).await?;
    if report.has_errors() && !skip_refused {
        return Ok(report);
    }
    drop(db);
    for chunk in draft.entries.chunks(CHUNK) {
        let mut tx = services.db.begin().await?;
        for entry in chunk {
            let written = match entry {
                Entry::Sold(sold) => subscriptions::bring_in(&mut tx, actor, &place, sold).await,
                Entry::Moved(moved) => payments::bring_in(&mut tx, actor, &place, moved).await,
            };
            written.map_err(|error| in_line(error, entry.line()))?;
        }
        tx.commit().await?;
    }
    let mut db = services.db.acquire().await?;
    let keys: Vec<Uuid> = draft.entries.iter().map(Entry::key).collect();
    if Tally::read_back(&mut db, &keys).await? != draft.tally {
        return Err(Error::Internal("the ledger holds other sums than the imported file".to_owned()));
    }
    let open = Open::fetch(&mut db, place.branch.id, &place.branch.currency).await?;
    Ok(LedgerReport { owed: open.owed, credit: open.credit, stored: true, ..report })
}

/// Old books are members' business and money.
fn may_import(actor: &Actor) -> Result<(), Error> {
    actor.require(Permission::ImportMembers)?;
    actor.require(Permission::SeeMoney)
}

/// What can come in of a file.
#[derive(Debug, Default)]
pub struct Draft {
    /// In the order they are to be written.
    pub entries: Vec<Entry>,
    /// Rows that an earlier run brought in.
    pub already: u64,
    pub tally: Tally,
    /// By how much debt and credit grow.
    pub change: Open,
}

/// A row to bring in.
#[derive(Clone, Debug)]
pub enum Entry {
    Sold(Sale),
    Moved(Moved),
}

impl Entry {
    fn line(&self) -> u64 {
        match self {
            Self::Sold(sold) => sold.line,
            Self::Moved(moved) => moved.line,
        }
    }

    fn key(&self) -> Uuid {
        match self {
            Self::Sold(sold) => sold.key.id,
            Self::Moved(moved) => moved.key.id,
        }
    }
}

async fn judge(
    db: &mut PgConnection,
    place: &Place,
    kind: Kind,
    bytes: &[u8],
) -> Result<(LedgerReport, Draft), Error> {
    let columns = match kind {
        Kind::Subscriptions => subscriptions::COLUMNS,
        Kind::Payments => payments::COLUMNS,
    };
    let mut report = LedgerReport {
        kind,
        rows: 0,
        new: 0,
        already: 0,
        refused: 0,
        sums: Vec::new(),
        accounts: Vec::new(),
        owed: 0,
        credit: 0,
        currency: place.branch.currency.clone(),
        findings: Vec::new(),
        stored: false,
    };
    let (records, mut findings) = match file::read(bytes, columns) {
        Ok(read) => read,
        Err(finding) => {
            report.findings.push(finding);
            return Ok((report, Draft::default()));
        }
    };
    let count = |length: usize| u64::try_from(length).unwrap_or(u64::MAX);
    report.rows = count(records.len() + findings.len());
    let draft = match kind {
        Kind::Subscriptions => subscriptions::judge(db, place, &records, &mut findings).await?,
        Kind::Payments => payments::judge(db, place, &records, &mut findings).await?,
    };
    let open = Open::fetch(db, place.branch.id, &place.branch.currency).await?;
    findings.sort_by_key(|finding| finding.line);
    report.findings = findings;
    report.new = count(draft.entries.len());
    report.already = draft.already;
    report.refused = report.rows - report.new - report.already;
    report.sums = draft.tally.sums();
    report.accounts = draft.tally.accounts();
    report.owed = open.owed + draft.change.owed;
    report.credit = open.credit + draft.change.credit;
    Ok((report, draft))
}

/// What is stored under a row's key.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Brought {
    pub transaction_id: TransactionId,
}

/// Rows that came in earlier, by their keys.
pub struct Earlier(HashMap<Uuid, Stored>);

impl Earlier {
    pub async fn look_up(db: &mut PgConnection, keys: &[Uuid]) -> Result<Self, Error> {
        let rows = sqlx::query!(
            "select key, request_digest, response from idempotency_keys where key = any($1)",
            keys
        )
        .fetch_all(db)
        .await?;
        Ok(Self(rows.into_iter().map(|row| (row.key, (row.request_digest, row.response))).collect()))
    }

    /// True for a row that came in as it is now.
    ///
    /// # Errors
    /// `external_id_reused` when it came in with other content.
    pub fn has(&self, key: &Key) -> Result<bool, &'static str> {
        let stored = self.0.get(&key.id).cloned();
        key.answer::<Brought>(stored).map(|first| first.is_some()).map_err(|_| "external_id_reused")
    }
}
