//! What is stored at headquarters and at the branches, against each other and against what was answered, by SQL that
//! shares nothing with the relay.
use super::desk::{Ack, own_field};
use crate::books;
use crate::soak::money::judge::difference;
use gatehouse_core::verify::verify;
use serde::Serialize;
use serde_json::Value;
use sqlx::{AssertSqlSafe, PgPool, Row as _};
use std::collections::{BTreeMap, HashMap, HashSet};
use uuid::Uuid;

/// Rows that differ are printed, so many of a table.
const SHOWN: usize = 3;

/// Said of a branch, it is no disagreement: events of subscriptions are fed, and the money for them is not.
const OF_ANOTHER_BRANCH: &str = "a sale has no subscription event, or an event no sale";

/// What to judge.
pub struct Case<'a> {
    pub hq: &'a PgPool,
    pub branches: Vec<Witness<'a>>,
    /// Who works at headquarters, and what they were told.
    pub hq_desk: Told,
    /// Headquarters was put back: what it wrote itself since the backup is gone by definition.
    pub hq_restored: bool,
    /// Ids of everything that was ever asked for: keys, scans, bills, members.
    pub asked: Vec<Uuid>,
}

/// A branch.
pub struct Witness<'a> {
    pub db: &'a PgPool,
    pub told: Told,
    /// What a restore took back and headquarters had never got.
    pub forfeited: Forfeited,
}

/// What a desk was told, in order.
#[derive(Clone, Debug, Default)]
pub struct Told {
    pub desk: String,
    pub acks: Vec<Ack>,
}

/// Events that were only in a database that was put back.
#[derive(Clone, Debug, Default)]
pub struct Forfeited {
    rows: HashSet<(String, String)>,
    /// Members with what was written into the branch's own field.
    marks: HashSet<(Uuid, String)>,
}

impl Forfeited {
    pub fn add(&mut self, table: String, key: String, row: &Value, field: &str) {
        if let (Ok(member), Some(mark)) = (key.parse(), row["custom_fields"][field].as_str())
            && table == "members"
        {
            self.marks.insert((member, mark.to_owned()));
        }
        self.rows.insert((table, key));
    }
}

/// What the judge counted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Found {
    /// Answered and not at headquarters.
    pub lost: u64,
    /// Answered, and gone with a restored database before headquarters had it: by definition.
    pub lost_by_restore: u64,
    /// There twice, or without having been asked for.
    pub doubled: u64,
    /// Rows that one end has and another has not, or has differently; sums that do not hold.
    pub differs: u64,
    /// How far ledger, receipts and drawers are apart, in minor units: at each branch, and between it and headquarters.
    pub difference_minor: u64,
    /// Kept aside at either end.
    pub aside: u64,
}

impl Found {
    pub fn is_clean(&self) -> bool {
        self.lost == 0
            && self.doubled == 0
            && self.differs == 0
            && self.difference_minor == 0
            && self.aside == 0
    }
}

/// Looks at everything.
pub async fn judge(case: &Case<'_>) -> Result<Found, sqlx::Error> {
    let mut found = Found::default();
    agree(case, &mut found).await?;
    let mut everywhere = vec![(case.hq, "")];
    everywhere.extend(case.branches.iter().map(|branch| (branch.db, OF_ANOTHER_BRANCH)));
    for (db, but) in everywhere {
        for (what, query) in DOUBLED {
            let count: i64 = sqlx::query_scalar(*query).bind(&case.asked).fetch_one(db).await?;
            found.doubled += told(what, count);
        }
        found.aside += told("kept aside", aside(db).await?);
        for disagreement in books::disagreements(db).await {
            if but.is_empty() || !disagreement.starts_with(but) {
                found.differs += told(&disagreement, 1);
            }
        }
        match verify(db).await {
            Ok(read) if read.broken.is_none() => {}
            read => found.differs += told(&format!("{read:?}"), 1),
        }
    }
    for branch in &case.branches {
        found.difference_minor += difference(branch.db).await?;
    }
    for (what, query) in SUMS {
        found.difference_minor += apart(case, what, query).await?;
    }
    for branch in &case.branches {
        lost(case, branch, &mut found).await?;
        edits(case, &branch.told, Some(&branch.forfeited), &mut found).await?;
    }
    edits(case, &case.hq_desk, None, &mut found).await?;
    Ok(found)
}

fn told(what: &str, count: i64) -> u64 {
    if count != 0 {
        eprintln!("{what}: {count}");
    }
    count.unsigned_abs()
}

async fn aside(db: &PgPool) -> Result<i64, sqlx::Error> {
    let rows: Vec<(String, String, Value)> = sqlx::query_as(
        "select tbl, reason, event from sync_quarantine where resolved_at is null
         union all select tbl, coalesce(reason, ''), row from sync_outbox where answer = 'quarantine'",
    )
    .fetch_all(db)
    .await?;
    for (table, reason, event) in rows.iter().take(SHOWN) {
        eprintln!("kept aside: {table}: {reason}: {event}");
    }
    Ok(i64::try_from(rows.len()).unwrap_or(i64::MAX))
}

/// A table's rows by digest, without the columns that each database keeps for itself; how often each is there.
async fn rows(db: &PgPool, table: &str, but: &str) -> Result<HashMap<String, i64>, sqlx::Error> {
    let mut db = db.acquire().await?;
    sqlx::query("set timezone = 'UTC'").execute(&mut *db).await?;
    let query = format!(
        "select md5((to_jsonb(x) - t.own_columns)::text), count(*) from {table} x, sync_tables t where t.name = '{table}' and {but} group by 1"
    );
    let rows = sqlx::query(AssertSqlSafe(query)).fetch_all(&mut *db).await?;
    Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
}

/// Shared tables, headquarters' own and facts that feed are the same everywhere; other facts of headquarters are those
/// of its branches.
async fn agree(case: &Case<'_>, found: &mut Found) -> Result<(), sqlx::Error> {
    let tables: Vec<(String, bool)> = sqlx::query_as(
        "select name, owner in ('headquarters', 'shared') or feeds from sync_tables where owner <> 'local' order by place",
    )
    .fetch_all(case.hq)
    .await?;
    for (table, is_everywhere) in tables {
        // What is written at headquarters is written down at no desk.
        let but = if table == "audit_log" && case.hq_restored { "desk_id is not null" } else { "true" };
        let there = rows(case.hq, &table, but).await?;
        let mut here = Vec::new();
        for branch in &case.branches {
            here.push(rows(branch.db, &table, but).await?);
        }
        if is_everywhere {
            for (number, own) in here.iter().enumerate() {
                found.differs += differ(&format!("{table} of branch {number}"), own, &there);
            }
        } else {
            let mut all = HashMap::new();
            for (row, count) in here.into_iter().flatten() {
                *all.entry(row).or_insert(0) += count;
            }
            found.differs += differ(&table, &all, &there);
        }
    }
    Ok(())
}

fn differ(what: &str, here: &HashMap<String, i64>, there: &HashMap<String, i64>) -> u64 {
    let keys: HashSet<_> = here.keys().chain(there.keys()).collect();
    let apart = |key: &&&String| here.get(**key).unwrap_or(&0) - there.get(**key).unwrap_or(&0);
    let (more, less): (Vec<_>, Vec<_>) =
        keys.iter().filter(|key| apart(key) != 0).partition(|key| apart(key) > 0);
    let count = |keys: &[&&String]| keys.iter().map(|key| apart(key).unsigned_abs()).sum::<u64>();
    let (more, less) = (count(&more), count(&less));
    if more + less > 0 {
        eprintln!("{what}: {more} rows only there, {less} only at headquarters");
    }
    more + less
}

/// Each counts what should not be, in one database. $1: everything that was asked for.
const DOUBLED: &[(&str, &str)] = &[
    (
        "a receipt's number twice",
        "select count(*) from (select from receipts group by till_id, number having count(*) > 1) twice where $1::uuid[] is not null",
    ),
    (
        "a key with two transactions",
        "select count(*) from (select from ledger_transactions group by idempotency_key having count(*) > 1) twice where $1::uuid[] is not null",
    ),
    (
        "a transaction with two payments of a kind",
        "select count(*) from (select from payments group by transaction_id, method having count(*) > 1) twice where $1::uuid[] is not null",
    ),
    (
        "a member's number twice",
        "select count(*) from (select from members group by number having count(*) > 1) twice where $1::uuid[] is not null",
    ),
    (
        "a transaction that nobody asked for",
        "select count(*) from ledger_transactions where kind in ('sale', 'renewal', 'payment', 'allocation', 'refund', 'credit_note', 'void')
         and idempotency_key <> all ($1)",
    ),
    ("a member whom nobody registered", "select count(*) from members where id <> all ($1)"),
    ("a scan that nobody made", "select count(*) from scans where id <> all ($1)"),
    ("a bill that nobody entered", "select count(*) from expenses where id <> all ($1)"),
];

/// Sums by something, at headquarters and over all branches.
const SUMS: &[(&str, &str)] = &[
    ("ledger", "select account, sum(amount)::bigint from ledger_entries group by 1"),
    (
        "receipts",
        "select till_id::text, coalesce(sum((document::jsonb -> 'totals' ->> 'gross')::bigint), 0)::bigint from receipts group by 1",
    ),
    (
        "drawers",
        "select shift_id::text || method, sum(amount)::bigint from (
             select shift_id, method, amount from payments union all select shift_id, method, -amount from refunds) m
         where shift_id is not null group by 1",
    ),
];

async fn apart(case: &Case<'_>, what: &str, query: &'static str) -> Result<u64, sqlx::Error> {
    let mut sums = BTreeMap::<String, i64>::new();
    let dbs = case.branches.iter().map(|branch| (branch.db, 1)).chain([(case.hq, -1)]);
    for (db, sign) in dbs {
        let rows: Vec<(String, i64)> = sqlx::query_as(query).fetch_all(db).await?;
        for (key, sum) in rows {
            *sums.entry(key).or_default() += sign * sum;
        }
    }
    let apart: u64 = sums.values().map(|sum| sum.unsigned_abs()).sum();
    if apart > 0 {
        eprintln!("{what}: {apart} minor units between branches and headquarters");
    }
    Ok(apart)
}

/// Rows that were answered for are at headquarters, and at the branch itself.
async fn lost(case: &Case<'_>, branch: &Witness<'_>, found: &mut Found) -> Result<(), sqlx::Error> {
    let mut by_table = HashMap::<&str, Vec<Uuid>>::new();
    for ack in &branch.told.acks {
        if let Ack::Row { table, id } = ack {
            by_table.entry(table).or_default().push(*id);
        }
    }
    for (table, ids) in by_table {
        for (db, place) in [(case.hq, "headquarters"), (branch.db, "the branch")] {
            let query = format!(
                "select asked.id from unnest($1::uuid[]) as asked (id) where not exists (select from {table} x where x.id = asked.id)"
            );
            let missing: Vec<Uuid> =
                sqlx::query_scalar(AssertSqlSafe(query)).bind(&ids).fetch_all(db).await?;
            for id in missing {
                let forfeited = branch.forfeited.rows.contains(&(table.to_owned(), id.to_string()));
                match (forfeited, place) {
                    (false, _) => {
                        found.lost += 1;
                        eprintln!("lost at {place}: {table} {id}");
                    }
                    (true, "headquarters") => found.lost_by_restore += 1,
                    (true, _) => {}
                }
            }
        }
    }
    Ok(())
}

/// The field that only one desk writes has what that desk wrote last.
async fn edits(
    case: &Case<'_>,
    told: &Told,
    forfeited: Option<&Forfeited>,
    found: &mut Found,
) -> Result<(), sqlx::Error> {
    let field = own_field(&told.desk);
    let mut written = HashMap::<Uuid, Vec<&str>>::new();
    for ack in &told.acks {
        if let Ack::Edit { member, mark } = ack {
            written.entry(*member).or_default().push(mark);
        }
    }
    for (member, marks) in written {
        let stands: Option<String> =
            sqlx::query_scalar("select custom_fields ->> $2 from members where id = $1")
                .bind(member)
                .bind(&field)
                .fetch_optional(case.hq)
                .await?
                .flatten();
        let gone = |mark: &&&str| match forfeited {
            Some(forfeited) => forfeited.marks.contains(&(member, (**mark).to_owned())),
            None => case.hq_restored,
        };
        found.lost_by_restore +=
            u64::try_from(marks.iter().filter(gone).count()).unwrap_or(0) * u64::from(forfeited.is_some());
        let newest = marks.iter().rposition(|mark| !gone(&mark));
        let place = stands.as_deref().and_then(|stands| marks.iter().rposition(|mark| *mark == stands));
        // Of what went with a restored database, some of it may have arrived.
        if place >= newest {
            continue;
        }
        found.lost += 1;
        eprintln!("{} wrote {marks:?} about {member}, {stands:?} stands", told.desk);
    }
    Ok(())
}
