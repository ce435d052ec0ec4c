//! The audit log: who changed what, before and after, written in the change's own transaction.
use crate::actor::Actor;
use crate::error::Error;
use crate::ids::new_id;
use crate::payments::batch::Batch;
use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

/// One audited change. `act` is a verb in the past with its subject, such as `member.registered`.
pub struct Change<'a> {
    pub act: &'a str,
    pub subject_kind: &'a str,
    pub subject: Option<Uuid>,
    pub before: Option<serde_json::Value>,
    pub after: Option<serde_json::Value>,
}

/// Writes the row; the caller's transaction commits it.
pub async fn record(
    db: &mut PgConnection,
    actor: &Actor,
    now: DateTime<Utc>,
    change: Change<'_>,
) -> Result<(), Error> {
    record_for(db, actor, actor.branch().ok().map(|id| id.0), now, change).await
}

/// As [`record`], about something of another branch: the row goes there, too.
pub async fn record_for(
    db: &mut PgConnection,
    actor: &Actor,
    branch: Option<Uuid>,
    now: DateTime<Utc>,
    change: Change<'_>,
) -> Result<(), Error> {
    sqlx::query!(
        "insert into audit_log (id, at, branch_id, account_id, desk_id, act, subject_kind, subject_id, before, after)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        new_id(now),
        now,
        branch,
        actor.account().map(|id| id.0),
        actor.desk().ok().map(|id| id.0),
        change.act,
        change.subject_kind,
        change.subject,
        change.before,
        change.after,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Adds the row to a batch instead.
pub fn add(batch: &mut Batch, actor: &Actor, now: DateTime<Utc>, change: Change<'_>) {
    batch.set(
        "audit",
        serde_json::json!({
            "id": new_id(now), "at": now, "branch_id": actor.branch().ok(), "account_id": actor.account(),
            "desk_id": actor.desk().ok(), "act": change.act, "subject_kind": change.subject_kind,
            "subject_id": change.subject, "before": change.before, "after": change.after,
        }),
    );
}
