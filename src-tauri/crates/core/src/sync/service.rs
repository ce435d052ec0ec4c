//! Acts around the relay that people ask for.
use super::store;
use crate::actor::Actor;
use crate::auth::model::Permission;
use crate::error::Error;
use crate::services::Services;
use uuid::Uuid;

/// Sends an event that headquarters keeps aside once more.
///
/// # Errors
/// [`Error::Forbidden`] for whoever may not set the gym up.
pub async fn resend(services: &Services, actor: &Actor, event: Uuid) -> Result<(), Error> {
    actor.require(Permission::EditSettings)?;
    let mut db = services.db.acquire().await?;
    store::resend(&mut db, event).await
}
