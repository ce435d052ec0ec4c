//! Every money write carries a key made by the caller, once per intent. The first result is stored under it in
//! the write's own transaction; a retry gets that result, and the same key with other content is an error.
use crate::error::Error;
use crate::payments::batch::{Batch, bytea};
use crate::services::Services;
use chrono::{DateTime, Utc};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;
use sha2::{Digest as _, Sha256};
use sqlx::PgConnection;
use uuid::Uuid;

/// A caller's key with what it was used for.
#[derive(Clone, Debug)]
pub struct Key {
    pub id: Uuid,
    command: &'static str,
    digest: Vec<u8>,
}

/// What is stored under a key: the request's digest and the first answer.
pub type Stored = (Vec<u8>, serde_json::Value);

impl Key {
    /// # Errors
    /// [`Error::Invalid`] for the nil id, which is what a caller sends that forgot to make one.
    pub fn of(id: Uuid, command: &'static str, request: &impl Serialize) -> Result<Self, Error> {
        if id.is_nil() {
            return Err(Error::invalid("idempotency_key", "required"));
        }
        let text = serde_json::to_vec(request).map_err(|error| Error::Internal(error.to_string()))?;
        let digest = Sha256::new().chain_update(command).chain_update([0]).chain_update(text).finalize();
        Ok(Self { id, command, digest: digest.to_vec() })
    }

    /// The first answer, if `stored` is one to this very request.
    ///
    /// # Errors
    /// [`Error::Conflict`] `idempotency_key_reused` when it answered another.
    pub fn answer<T: DeserializeOwned>(&self, stored: Option<Stored>) -> Result<Option<T>, Error> {
        let Some((digest, response)) = stored else { return Ok(None) };
        if digest != self.digest {
            return Err(Error::conflict("idempotency_key_reused"));
        }
        serde_json::from_value(response).map(Some).map_err(|error| Error::Internal(error.to_string()))
    }
}

/// The first answer to this request, if there is one.
pub async fn recall<T: DeserializeOwned>(db: &mut PgConnection, key: &Key) -> Result<Option<T>, Error> {
    let row = sqlx::query!("select request_digest, response from idempotency_keys where key = $1", key.id)
        .fetch_optional(db)
        .await?;
    key.answer(row.map(|row| (row.request_digest, row.response)))
}

/// Stores the answer in the write's transaction. A second caller with the same key is held up by whichever of the two
/// rows that carry it was written first, until it is known whether this one commits.
pub async fn remember(
    db: &mut PgConnection,
    key: &Key,
    response: &impl Serialize,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    let mut batch = Batch::default();
    answer(&mut batch, key, response, now)?;
    batch.write(db).await?;
    Ok(())
}

/// Adds the answer to a batch; the number of the batch's receipt is put into it.
pub fn answer(
    batch: &mut Batch,
    key: &Key,
    response: &impl Serialize,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    let response = serde_json::to_value(response).map_err(|error| Error::Internal(error.to_string()))?;
    batch.set(
        "answer",
        json!({
            "key": key.id, "command": key.command, "request_digest": bytea(&key.digest), "response": response,
            "at": now,
        }),
    );
    Ok(())
}

/// True for the error of the caller that came second with the same key.
pub fn was_raced(error: &Error) -> bool {
    let Error::Database(error) = error else { return false };
    matches!(Error::constraint(error), Some("idempotency_keys_pkey" | "ledger_transactions_idempotency_key"))
}

/// The first answer to this request where `written` failed because another caller brought the same key first:
/// whatever refused the second, it may have been the first's own rows.
pub async fn or_first<T: DeserializeOwned>(
    services: &Services,
    key: &Key,
    written: Result<T, Error>,
) -> Result<T, Error> {
    let Err(error) = written else { return written };
    if error.lost_connection() {
        return Err(error);
    }
    let mut db = services.db.acquire().await?;
    recall(&mut db, key).await?.ok_or(error)
}
