//! The sheet of an outage: everything that was done at the desk meanwhile, what became of it, and who looked it through.
use super::event::{self, Line};
use super::rows::{Kept, told};
use super::view::{ChooseOutage, EventState, Outage, OutageSheet, Outages, SignOutage, Signature, SyncRow};
use crate::actor::Actor;
use crate::audit::{self, Change};
use crate::auth::model::Permission;
use crate::error::Error;
use crate::members::form::line;
use crate::services::Services;
use chrono::{DateTime, Utc};
use serde_json::json;
use sqlx::PgConnection;
use uuid::Uuid;

const NOTE_LENGTH: usize = 500;
/// Sheets that are listed.
const LISTED: i64 = 100;

struct Kind {
    id: Uuid,
    began_at: DateTime<Utc>,
    ended_at: DateTime<Utc>,
    first_seq: i64,
    last_seq: i64,
    signed_at: Option<DateTime<Utc>>,
    signed_by: Option<String>,
    note: Option<String>,
}

impl Kind {
    fn told(self) -> Outage {
        Outage {
            id: self.id,
            began_at: self.began_at,
            ended_at: self.ended_at,
            signed: self.signed_at.map(|at| Signature {
                at,
                by: self.signed_by.unwrap_or_default(),
                note: self.note,
            }),
        }
    }
}

async fn find(db: &mut PgConnection, id: Option<Uuid>) -> Result<Vec<Kind>, Error> {
    Ok(sqlx::query_as!(
        Kind,
        r#"select o.id, began_at, ended_at, first_seq, last_seq, signed_at, a.full_name as "signed_by?", note
           from sync_outages o left join accounts a on a.id = o.signed_by
           where $1::uuid is null or o.id = $1 order by ended_at desc, o.id desc limit $2"#,
        id,
        LISTED
    )
    .fetch_all(db)
    .await?)
}

/// The outages of this branch.
///
/// # Errors
/// [`Error::Forbidden`] for whoever may not see members.
pub async fn list(services: &Services, actor: &Actor) -> Result<Outages, Error> {
    actor.require(Permission::ViewMembers)?;
    let mut db = services.db.acquire().await?;
    Ok(Outages { rows: find(&mut db, None).await?.into_iter().map(Kind::told).collect() })
}

/// One of them with all its lines.
///
/// # Errors
/// As [`list`]; [`Error::NotFound`].
pub async fn get(services: &Services, actor: &Actor, request: ChooseOutage) -> Result<OutageSheet, Error> {
    actor.require(Permission::ViewMembers)?;
    let mut db = services.db.acquire().await?;
    let outage = find(&mut db, Some(request.outage_id)).await?.pop().ok_or(Error::NotFound("outage"))?;
    let kept = sqlx::query_as!(
        Kept,
        r#"select o.id, o.at as "at?", tbl, op, row, base, answer, o.reason,
               coalesce(jsonb_typeof(conflicts) = 'object', false) as "clashes!", null::uuid as branch_id,
               a.after ->> 'reason' as left_out
           from sync_outbox o
           left join audit_log a on a.subject_kind = 'sync_event' and a.subject_id = o.id and a.act = 'event.left_out'
           where seq between $1 and $2 order by seq"#,
        outage.first_seq,
        outage.last_seq
    )
    .fetch_all(&mut *db)
    .await?;
    let all = kept.len();
    // Whatever asks something of somebody has a line, and what somebody did.
    let lines: Vec<_> = kept
        .into_iter()
        .filter(|one| {
            event::line(&one.tbl, &one.op).is_some()
                || one.clashes
                || one.answer.as_deref() == Some("quarantine")
        })
        .collect();
    let others = i64::try_from(all - lines.len()).unwrap_or(i64::MAX);
    let lines = told(&mut db, lines).await?;
    let of = |wanted: Line| count(&lines, |row| event::line(&row.table, &row.op) == Some(wanted));
    Ok(OutageSheet {
        outage: outage.told(),
        scans: of(Line::Scan),
        sales: of(Line::Sale),
        edits: of(Line::Edit),
        merged: count(&lines, |row| {
            row.state == EventState::Arrived && event::line(&row.table, &row.op) == Some(Line::Edit)
        }),
        conflicts: lines.iter().map(|row| i64::try_from(row.conflicts.len()).unwrap_or(0)).sum(),
        aside: count(&lines, |row| row.state == EventState::Aside),
        waiting: count(&lines, |row| row.state == EventState::Waiting),
        lines,
        others,
    })
}

fn count(lines: &[SyncRow], counts: impl Fn(&SyncRow) -> bool) -> i64 {
    i64::try_from(lines.iter().filter(|row| counts(row)).count()).unwrap_or(i64::MAX)
}

/// Somebody has looked it through; their name stays on it.
///
/// # Errors
/// [`Error::Forbidden`] for whoever may not edit members; [`Error::NotFound`]; [`Error::Conflict`] `already_signed`;
/// [`Error::Invalid`] for a note that is too long.
pub async fn sign(services: &Services, actor: &Actor, request: SignOutage) -> Result<OutageSheet, Error> {
    actor.require(Permission::EditMembers)?;
    let account = actor.account().ok_or(Error::NotLoggedIn)?;
    let note = request.note.as_deref().map_or(Ok(None), |note| line("note", note, NOTE_LENGTH))?;
    let now = services.now();
    let mut tx = services.db.begin().await?;
    if find(&mut tx, Some(request.outage_id)).await?.is_empty() {
        return Err(Error::NotFound("outage"));
    }
    let signed = sqlx::query!(
        "update sync_outages set signed_at = $1, signed_by = $2, note = $3 where id = $4 and signed_at is null",
        now,
        account.0,
        note,
        request.outage_id
    )
    .execute(&mut *tx)
    .await?;
    if signed.rows_affected() == 0 {
        return Err(Error::conflict("already_signed"));
    }
    let change = Change {
        act: "outage.signed",
        subject_kind: "outage",
        subject: Some(request.outage_id),
        before: None,
        after: Some(json!({ "note": note })),
    };
    audit::record(&mut tx, actor, now, change).await?;
    sqlx::query!("select pg_notify('gatehouse_status', '')").execute(&mut *tx).await?;
    tx.commit().await?;
    get(services, actor, ChooseOutage { outage_id: request.outage_id }).await
}
