//! What a headquarters lost when it was put back from a backup, and branches still have: what headquarters alone may write,
//! and accounts. The rest they send by themselves.
use super::service::REASON_LENGTH;
use super::status::mode;
use super::store;
use super::view::{ForgetLost, LostTaken, SyncMode};
use super::wire::Lost;
use crate::actor::Actor;
use crate::audit::{self, Change};
use crate::auth::model::Permission;
use crate::error::Error;
use crate::members::form::line;
use crate::services::Services;
use serde_json::{Value, json};
use sqlx::PgConnection;

/// All of it, in the order in which rows refer to each other.
pub async fn list(services: &Services, actor: &Actor) -> Result<Vec<Lost>, Error> {
    actor.require(Permission::EditSettings)?;
    store::lost(&mut *services.db.acquire().await?).await
}

/// How many rows.
pub(super) async fn count(db: &mut PgConnection) -> Result<i64, Error> {
    Ok(sqlx::query_scalar!(r#"select count(*) as "count!" from office_lost()"#).fetch_one(db).await?)
}

/// Takes it from the branches. What they do not agree about stays in [`list`], and so does what does not fit, with the
/// reason.
///
/// # Errors
/// [`Error::Forbidden`] for whoever may not set the gym up; [`Error::Conflict`] `not_headquarters` elsewhere.
pub async fn take(services: &Services, actor: &Actor) -> Result<LostTaken, Error> {
    actor.require(Permission::EditSettings)?;
    let mut tx = services.db.begin().await?;
    require_headquarters(&mut tx).await?;
    let before = serde_json::to_value(store::lost(&mut tx).await?);
    let before = before.map_err(|error| Error::Internal(error.to_string()))?;
    let done = LostTaken { taken: store::take_lost(&mut tx).await?, left: count(&mut tx).await? };
    note(&mut tx, services, actor, "headquarters.lost_taken", before, json!(done)).await?;
    tx.commit().await?;
    Ok(done)
}

/// Nothing is missing any more: what is offered, now or later, is thrown away, at the branches too. What is offered now is
/// kept in the audit log.
///
/// # Errors
/// As [`take`]; [`Error::Invalid`] for a reason that says nothing.
pub async fn forget(services: &Services, actor: &Actor, request: ForgetLost) -> Result<(), Error> {
    actor.require(Permission::EditSettings)?;
    let reason =
        line("reason", &request.reason, REASON_LENGTH)?.ok_or(Error::invalid("reason", "required"))?;
    let mut tx = services.db.begin().await?;
    require_headquarters(&mut tx).await?;
    let before = serde_json::to_value(store::lost(&mut tx).await?);
    let before = before.map_err(|error| Error::Internal(error.to_string()))?;
    store::forget_lost(&mut tx).await?;
    note(&mut tx, services, actor, "headquarters.lost_forgotten", before, json!({ "reason": reason }))
        .await?;
    tx.commit().await?;
    Ok(())
}

async fn require_headquarters(db: &mut PgConnection) -> Result<(), Error> {
    if mode(db).await? == SyncMode::Headquarters { Ok(()) } else { Err(Error::conflict("not_headquarters")) }
}

async fn note(
    db: &mut PgConnection,
    services: &Services,
    actor: &Actor,
    act: &str,
    before: Value,
    after: Value,
) -> Result<(), Error> {
    let change =
        Change { act, subject_kind: "headquarters", subject: None, before: Some(before), after: Some(after) };
    audit::record(db, actor, services.now(), change).await
}
