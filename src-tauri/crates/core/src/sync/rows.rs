//! The rows behind the numbers: events as they are kept, told as people read them.
use super::conflicts;
use super::event;
use super::lost;
use super::status::mode;
use super::view::{EventKind, EventState, ListSyncRows, RowsOf, SyncMode, SyncRow, SyncRows};
use crate::actor::Actor;
use crate::auth::model::Permission;
use crate::error::Error;
use crate::money::Money;
use crate::services::Services;
use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::PgConnection;
use std::collections::HashMap;
use uuid::Uuid;

/// Rows of a page.
const PAGE: i64 = 100;

/// An event as it is kept, at either end.
#[derive(Clone, Debug)]
pub(super) struct Kept {
    pub id: Uuid,
    pub at: Option<DateTime<Utc>>,
    pub tbl: String,
    pub op: String,
    pub row: Value,
    pub base: Option<Value>,
    pub answer: Option<String>,
    pub reason: Option<String>,
    pub clashes: bool,
    pub branch_id: Option<Uuid>,
    pub left_out: Option<String>,
}

/// Lists what a number of the page stands for.
///
/// # Errors
/// [`Error::Forbidden`] for whoever may not see members.
pub async fn rows(services: &Services, actor: &Actor, request: ListSyncRows) -> Result<SyncRows, Error> {
    actor.require(Permission::ViewMembers)?;
    let mut db = services.db.acquire().await?;
    let offset = request.offset.max(0);
    let (kept, total) = match request.of {
        RowsOf::Waiting { kind } => {
            let tables = match kind {
                None => None,
                Some(kind) => {
                    let all = sqlx::query_scalar!("select name from sync_tables").fetch_all(&mut *db).await?;
                    Some(all.into_iter().filter(|table| event::kind(table) == kind).collect::<Vec<_>>())
                }
            };
            waiting(&mut db, tables.as_deref(), offset).await?
        }
        RowsOf::Aside { branch_id } => {
            if mode(&mut db).await? == SyncMode::Headquarters {
                aside_here(&mut db, branch_id, offset).await?
            } else {
                aside_there(&mut db, offset).await?
            }
        }
        RowsOf::AsideHere => aside_here(&mut db, None, offset).await?,
        RowsOf::Received { branch_id } => received(&mut db, branch_id, offset).await?,
        RowsOf::Refused { branch_id } => refused(&mut db, branch_id, offset).await?,
        RowsOf::Lost => offered(&mut db, offset).await?,
    };
    Ok(SyncRows { rows: told(&mut db, kept).await?, total })
}

async fn waiting(
    db: &mut PgConnection,
    tables: Option<&[String]>,
    offset: i64,
) -> Result<(Vec<Kept>, i64), Error> {
    let rows = sqlx::query_as!(
        Kept,
        r#"select id, at as "at?", tbl, op, row, base, answer, reason, false as "clashes!", null::uuid as branch_id, null as left_out
           from sync_outbox where answer is null and ($1::text[] is null or tbl = any($1)) order by seq offset $2 limit $3"#,
        tables,
        offset,
        PAGE
    )
    .fetch_all(&mut *db)
    .await?;
    let total = sqlx::query_scalar!(
        r#"select count(*) as "count!" from sync_outbox where answer is null and ($1::text[] is null or tbl = any($1))"#,
        tables
    )
    .fetch_one(db)
    .await?;
    Ok((rows, total))
}

/// At a branch: what headquarters keeps aside, what it decided about last.
async fn aside_there(db: &mut PgConnection, offset: i64) -> Result<(Vec<Kept>, i64), Error> {
    let rows = sqlx::query_as!(
        Kept,
        r#"select o.id, o.at as "at?", tbl, op, row, base, answer, o.reason, conflicts is not null as "clashes!",
               null::uuid as branch_id, a.after ->> 'reason' as left_out
           from sync_outbox o
           left join audit_log a on a.subject_kind = 'sync_event' and a.subject_id = o.id and a.act = 'event.left_out'
           where answer = 'quarantine' order by a.id is not null, seq offset $1 limit $2"#,
        offset,
        PAGE
    )
    .fetch_all(&mut *db)
    .await?;
    let total =
        sqlx::query_scalar!(r#"select count(*) as "count!" from sync_outbox where answer = 'quarantine'"#)
            .fetch_one(db)
            .await?;
    Ok((rows, total))
}

/// What is set aside in this database and not decided: at headquarters what branches sent, at a branch what came.
async fn aside_here(
    db: &mut PgConnection,
    branch: Option<Uuid>,
    offset: i64,
) -> Result<(Vec<Kept>, i64), Error> {
    let rows = sqlx::query_as!(
        Kept,
        r#"select id, at as "at?", tbl, coalesce(event ->> 'op', '') as "op!", coalesce(event -> 'row', '{}') as "row!",
               nullif(event -> 'base', 'null') as base, 'quarantine' as "answer?", reason as "reason?", false as "clashes!",
               branch_id, null as left_out
           from sync_quarantine where resolved_at is null and ($1::uuid is null or branch_id = $1)
           order by sync_quarantine.at, id offset $2 limit $3"#,
        branch,
        offset,
        PAGE
    )
    .fetch_all(&mut *db)
    .await?;
    let total = sqlx::query_scalar!(
        r#"select count(*) as "count!" from sync_quarantine where resolved_at is null and ($1::uuid is null or branch_id = $1)"#,
        branch
    )
    .fetch_one(db)
    .await?;
    Ok((rows, total))
}

async fn received(db: &mut PgConnection, branch: Uuid, offset: i64) -> Result<(Vec<Kept>, i64), Error> {
    let rows = sqlx::query_as!(
        Kept,
        r#"select id, at, tbl, op, row, base, answer as "answer?", reason, false as "clashes!", branch_id as "branch_id?", null as left_out
           from sync_inbox where branch_id = $1 order by id desc offset $2 limit $3"#,
        branch,
        offset,
        PAGE
    )
    .fetch_all(&mut *db)
    .await?;
    let total =
        sqlx::query_scalar!(r#"select count(*) as "count!" from sync_inbox where branch_id = $1"#, branch)
            .fetch_one(db)
            .await?;
    Ok((rows, total))
}

async fn refused(db: &mut PgConnection, branch: Uuid, offset: i64) -> Result<(Vec<Kept>, i64), Error> {
    let rows = sqlx::query_as!(
        Kept,
        r#"select gen_random_uuid() as "id!", at as "at?", coalesce(detail ->> 'tbl', '') as "tbl!", coalesce(detail ->> 'op', '') as "op!",
               coalesce(detail, '{}') as "row!", null::jsonb as base, 'refused' as "answer?", reason as "reason?", false as "clashes!",
               branch_id, null as left_out
           from sync_refusals where branch_id = $1 order by sync_refusals.id desc offset $2 limit $3"#,
        branch,
        offset,
        PAGE
    )
    .fetch_all(&mut *db)
    .await?;
    let total =
        sqlx::query_scalar!(r#"select count(*) as "count!" from sync_refusals where branch_id = $1"#, branch)
            .fetch_one(db)
            .await?;
    Ok((rows, total))
}

/// What branches offer of what this headquarters lost when it was put back.
async fn offered(db: &mut PgConnection, offset: i64) -> Result<(Vec<Kept>, i64), Error> {
    let rows = sqlx::query_as!(
        Kept,
        r#"select gen_random_uuid() as "id!", null::timestamptz as at, tbl as "tbl!", 'insert' as "op!", "row" as "row!", null::jsonb as base,
               'offered' as "answer?", case when differs then 'branches_differ' else reason end as reason, false as "clashes!",
               null::uuid as branch_id, null as left_out
           from office_lost() offset $1 limit $2"#,
        offset,
        PAGE
    )
    .fetch_all(&mut *db)
    .await?;
    Ok((rows, lost::count(db).await?))
}

/// An identifier in a row as it came; whatever else it may be is none.
fn id(row: &Value, field: &str) -> Option<Uuid> {
    row.get(field)?.as_str()?.parse().ok()
}

fn moment(row: &Value, field: &str) -> Option<DateTime<Utc>> {
    row.get(field)?.as_str()?.parse().ok()
}

fn member_of(event: &Kept) -> Option<Uuid> {
    if event.tbl == "members" { id(&event.row, "id") } else { id(&event.row, "member_id") }
}

fn transaction_of(event: &Kept) -> Option<Uuid> {
    if event.tbl == "ledger_transactions" { id(&event.row, "id") } else { id(&event.row, "transaction_id") }
}

/// What a row says happened, in a word of its table's own.
fn act(event: &Kept) -> Option<String> {
    let field = match event.tbl.as_str() {
        "scans" => "outcome",
        "ledger_transactions" | "subscription_events" | "receipts" => "kind",
        "audit_log" => "act",
        "expense_decisions" => "decision",
        _ => return None,
    };
    event::text(event.row.get(field)?)
}

fn state(event: &Kept) -> EventState {
    match event.answer.as_deref() {
        _ if event.left_out.is_some() => EventState::LeftOut,
        None => EventState::Waiting,
        Some("refused") => EventState::Refused,
        Some("offered") if event.reason.is_none() => EventState::Offered,
        Some("ok") if event.clashes => EventState::Conflict,
        Some("ok") => EventState::Arrived,
        Some(_) => EventState::Aside,
    }
}

/// Names, amounts and decisions beside what was kept.
pub(super) async fn told(db: &mut PgConnection, kept: Vec<Kept>) -> Result<Vec<SyncRow>, Error> {
    let all = |of: &dyn Fn(&Kept) -> Option<Uuid>| kept.iter().filter_map(of).collect::<Vec<_>>();
    let subscriptions: HashMap<Uuid, Uuid> = sqlx::query!(
        "select id, member_id from subscriptions where id = any($1)",
        &all(&|event| id(&event.row, "subscription_id"))
    )
    .fetch_all(&mut *db)
    .await?
    .into_iter()
    .map(|row| (row.id, row.member_id))
    .collect();
    let sums = sqlx::query!(
        r#"select coalesce(c.transaction_id, p.transaction_id) as "id!", coalesce(c.amount, p.amount) as "amount!",
               coalesce(c.currency, p.currency) as "currency!", coalesce(c.member_id, p.member_id) as member_id
           from (select transaction_id, sum(amount)::bigint as amount, min(currency) as currency, (array_agg(member_id))[1] as member_id
                 from charges where transaction_id = any($1) group by 1) c
           full join (select transaction_id, sum(amount)::bigint as amount, min(currency) as currency, (array_agg(member_id))[1] as member_id
                      from payments where transaction_id = any($1) group by 1) p on p.transaction_id = c.transaction_id"#,
        &all(&transaction_of)
    )
    .fetch_all(&mut *db)
    .await?;
    let sums: HashMap<Uuid, (Money, Option<Uuid>)> =
        sums.into_iter().map(|row| (row.id, (Money::new(row.amount, row.currency), row.member_id))).collect();
    let member = |event: &Kept| {
        member_of(event)
            .or_else(|| subscriptions.get(&id(&event.row, "subscription_id")?).copied())
            .or_else(|| sums.get(&transaction_of(event)?)?.1)
    };
    let members = names(db, &all(&member)).await?;
    let staff: HashMap<Uuid, String> = sqlx::query!(
        "select id, full_name from accounts where id = any($1)",
        &all(&|event| id(&event.row, "account_id"))
    )
    .fetch_all(&mut *db)
    .await?
    .into_iter()
    .map(|row| (row.id, row.full_name))
    .collect();
    // A shared row names nobody; the audit log's row about it was written at the same moment.
    let audited: HashMap<(Uuid, DateTime<Utc>), String> = sqlx::query!(
        r#"select l.subject_id as "id!", l.at, a.full_name from audit_log l join accounts a on a.id = l.account_id
           where l.subject_id = any($1) and l.subject_kind <> 'sync_event'"#,
        &all(&|event| id(&event.row, "id"))
    )
    .fetch_all(&mut *db)
    .await?
    .into_iter()
    .map(|row| ((row.id, row.at), row.full_name))
    .collect();
    let by = |event: &Kept| {
        let account = id(&event.row, "account_id").filter(|_| event.tbl != "profiles");
        account.and_then(|id| staff.get(&id).cloned()).or_else(|| {
            let written =
                ["updated_at", "created_at"].into_iter().find_map(|field| moment(&event.row, field))?;
            audited.get(&(id(&event.row, "id")?, written)).cloned()
        })
    };
    let branches = branches(db, &all(&|event| event.branch_id)).await?;
    let clashing = all(&|event| event.clashes.then_some(event.id));
    let mut clashes: HashMap<Uuid, Vec<_>> = HashMap::new();
    if !clashing.is_empty() {
        for conflict in conflicts::of_events(db, &clashing).await? {
            clashes.entry(conflict.event_id).or_default().push(conflict);
        }
    }
    let told = kept.into_iter().map(|event| {
        let fields = event::changes(&event.op, event.base.as_ref(), &event.row);
        let kind = event::kind(&event.tbl);
        SyncRow {
            id: event.id,
            at: event.at,
            kind,
            // Somebody who is not here yet has a name in the row.
            member: member(&event)
                .and_then(|id| members.get(&id).cloned())
                .or_else(|| event::text(event.row.get("full_name")?))
                .or_else(|| event::text(event.row.get("name")?).filter(|_| kind == EventKind::Settings))
                .or_else(|| {
                    staff.get(&id(&event.row, "account_id").filter(|_| event.tbl == "profiles")?).cloned()
                }),
            by: by(&event),
            amount: sums
                .get(&transaction_of(&event).unwrap_or_default())
                .map(|(amount, _)| amount.clone())
                .filter(|_| event.tbl == "ledger_transactions")
                .or_else(|| amount_of(&event.row)),
            act: act(&event),
            branch: event.branch_id.and_then(|id| branches.get(&id).cloned()),
            fields,
            state: state(&event),
            conflicts: clashes.remove(&event.id).unwrap_or_default(),
            table: event.tbl,
            op: event.op,
            reason: event.reason,
            left_out: event.left_out,
        }
    });
    Ok(told.collect())
}

async fn branches(db: &mut PgConnection, ids: &[Uuid]) -> Result<HashMap<Uuid, String>, Error> {
    let rows = sqlx::query!("select id, name from branches where id = any($1)", ids).fetch_all(db).await?;
    Ok(rows.into_iter().map(|row| (row.id, row.name)).collect())
}

/// The amount of a row that has one.
fn amount_of(row: &Value) -> Option<Money> {
    Some(Money::new(row.get("amount")?.as_i64()?, row.get("currency")?.as_str()?))
}

pub(super) async fn names(db: &mut PgConnection, ids: &[Uuid]) -> Result<HashMap<Uuid, String>, Error> {
    Ok(sqlx::query!("select id, full_name from members where id = any($1)", ids)
        .fetch_all(db)
        .await?
        .into_iter()
        .map(|row| (row.id, row.full_name))
        .collect())
}
