//! Acts around the relay that people ask for.
use super::status::mode;
use super::store;
use super::view::{ChooseEvent, LeaveOut, SyncMode};
use crate::actor::Actor;
use crate::audit::{self, Change};
use crate::auth::model::Permission;
use crate::error::Error;
use crate::members::form::line;
use crate::services::Services;
use serde_json::json;
use uuid::Uuid;

pub(super) const REASON_LENGTH: usize = 300;

/// Sends an event that headquarters keeps aside once more.
///
/// # Errors
/// [`Error::Forbidden`] for whoever may not set the gym up.
pub async fn resend(services: &Services, actor: &Actor, event: Uuid) -> Result<(), Error> {
    actor.require(Permission::EditSettings)?;
    let mut tx = services.db.begin().await?;
    store::resend(&mut tx, event).await?;
    let change = Change {
        act: "event.sent_again",
        subject_kind: "sync_event",
        subject: Some(event),
        before: None,
        after: None,
    };
    audit::record(&mut tx, actor, services.now(), change).await?;
    // The relay wakes up, and so does the chip.
    sqlx::query!("select pg_notify('gatehouse_sync', '')").execute(&mut *tx).await?;
    tx.commit().await?;
    Ok(())
}

/// As [`resend`], from the interface.
pub async fn send_again(services: &Services, actor: &Actor, request: ChooseEvent) -> Result<(), Error> {
    resend(services, actor, request.event_id).await
}

/// At headquarters: an event that is set aside stays out, and its branch is told why.
///
/// # Errors
/// [`Error::Forbidden`] for whoever may not set the gym up; [`Error::Conflict`] `not_headquarters` elsewhere;
/// [`Error::NotFound`] when it is not set aside; [`Error::Invalid`] for a reason that says nothing.
pub async fn leave_out(services: &Services, actor: &Actor, request: LeaveOut) -> Result<(), Error> {
    actor.require(Permission::EditSettings)?;
    let reason =
        line("reason", &request.reason, REASON_LENGTH)?.ok_or(Error::invalid("reason", "required"))?;
    let now = services.now();
    let mut tx = services.db.begin().await?;
    if mode(&mut tx).await? != SyncMode::Headquarters {
        return Err(Error::conflict("not_headquarters"));
    }
    let kept = sqlx::query!(
        r#"update sync_quarantine set resolved_at = $1 where id = $2 and resolved_at is null returning branch_id, tbl, reason"#,
        now,
        request.event_id
    )
    .fetch_optional(&mut *tx)
    .await?
    .ok_or(Error::NotFound("event"))?;
    let change = Change {
        act: "event.left_out",
        subject_kind: "sync_event",
        subject: Some(request.event_id),
        before: Some(json!({ "table": kept.tbl, "reason": kept.reason })),
        after: Some(json!({ "reason": reason })),
    };
    audit::record_for(&mut tx, actor, kept.branch_id, now, change).await?;
    sqlx::query!("select pg_notify('gatehouse_status', '')").execute(&mut *tx).await?;
    tx.commit().await?;
    Ok(())
}
