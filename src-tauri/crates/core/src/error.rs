//! What can go wrong, and how it is told at the border: `{code, message, field?, params?}`.
use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// A failed use case. A refusal at the door is no error; it is a verdict.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Input that cannot be accepted; nothing was stored.
    #[error("{code} in {field}")]
    Invalid { field: &'static str, code: &'static str, params: serde_json::Value },
    #[error("{0} not found")]
    NotFound(&'static str),
    /// The state of the gym does not allow it (a second owner, a sale too old to void).
    #[error("{code}")]
    Conflict { code: &'static str, params: serde_json::Value },
    #[error("not logged in")]
    NotLoggedIn,
    /// Logged in, but the desk is locked.
    #[error("the desk is locked")]
    Locked,
    #[error("not permitted: {0}")]
    Forbidden(crate::auth::model::Permission),
    /// Too many attempts; try again after `seconds`.
    #[error("too many attempts")]
    TooManyAttempts { seconds: i64 },
    #[error(transparent)]
    Database(#[from] sqlx::Error),
    /// Reading or writing a file, hashing, encoding: nothing the caller can mend.
    #[error("{0}")]
    Internal(String),
}

impl Error {
    pub fn invalid(field: &'static str, code: &'static str) -> Self {
        Self::Invalid { field, code, params: serde_json::Value::Null }
    }

    /// What [`Error::lost_connection`] tells.
    pub fn connection_lost() -> Self {
        Self::Database(sqlx::Error::PoolTimedOut)
    }

    pub fn conflict(code: &'static str) -> Self {
        Self::Conflict { code, params: serde_json::Value::Null }
    }

    /// The name of the violated constraint, if the database refused for one.
    pub fn constraint(error: &sqlx::Error) -> Option<&str> {
        error.as_database_error().and_then(sqlx::error::DatabaseError::constraint)
    }

    /// True when the database was not there to ask, or went away while it was asked: the same request may succeed
    /// a moment later, and with its id or idempotency key does nothing twice.
    pub fn lost_connection(&self) -> bool {
        match self {
            Self::Database(sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut) => true,
            // Class 57: shut down by the administrator or by a crash, or still starting up. 08: connection lost.
            Self::Database(sqlx::Error::Database(error)) => {
                error.code().is_some_and(|code| code.starts_with("57P0") || code.starts_with("08"))
            }
            _ => false,
        }
    }

    /// True when the database gave up this request in favour of another one (a deadlock, a serialization failure):
    /// the same request may succeed at once.
    pub fn gave_way(&self) -> bool {
        let code = match self {
            Self::Database(error) => error.as_database_error().and_then(sqlx::error::DatabaseError::code),
            _ => None,
        };
        matches!(code.as_deref(), Some("40P01" | "40001"))
    }

    /// True when a branch tried to write what its headquarters owns.
    pub fn is_headquarters_own(&self) -> bool {
        matches!(self, Self::Database(error) if Self::constraint(error) == Some("headquarters_owns"))
    }

    /// True when a branch that was put back from a backup was asked to take money before it has got its own rows back.
    pub fn waits_for_own_rows(&self) -> bool {
        matches!(self, Self::Database(error) if Self::constraint(error) == Some("own_rows_missing"))
    }

    /// As it crosses the border. The interface has a sentence per code; `message` is for logs and other clients.
    pub fn to_wire(&self) -> WireError {
        let (code, field, params) = match self {
            Self::Invalid { field, code, params } => (*code, Some(*field), params.clone()),
            Self::NotFound(what) => ("not_found", None, serde_json::json!({ "what": what })),
            Self::Conflict { code, params } => (*code, None, params.clone()),
            Self::NotLoggedIn => ("not_logged_in", None, serde_json::Value::Null),
            Self::Locked => ("locked", None, serde_json::Value::Null),
            Self::Forbidden(permission) => {
                ("forbidden", None, serde_json::json!({ "permission": permission }))
            }
            Self::TooManyAttempts { seconds } => {
                ("too_many_attempts", None, serde_json::json!({ "seconds": seconds }))
            }
            error if error.lost_connection() => ("database_unreachable", None, serde_json::Value::Null),
            error if error.is_headquarters_own() => ("headquarters_owns", None, serde_json::Value::Null),
            error if error.waits_for_own_rows() => ("own_rows_missing", None, serde_json::Value::Null),
            Self::Database(_) | Self::Internal(_) => ("internal", None, serde_json::Value::Null),
        };
        let message = match self {
            error if error.is_headquarters_own() => {
                "Only headquarters changes this; nothing was stored.".to_owned()
            }
            error if error.waits_for_own_rows() => {
                "This branch was put back from a backup and waits for headquarters; nothing was stored."
                    .to_owned()
            }
            Self::Database(_) | Self::Internal(_) => "Something went wrong; nothing was stored.".to_owned(),
            other => other.to_string(),
        };
        WireError { code: code.to_owned(), message, field: field.map(str::to_owned), params }
    }
}

/// An error at the border.
#[derive(Clone, Debug, Serialize, Deserialize, TS)]
pub struct WireError {
    /// Stable; the interface translates it.
    pub code: String,
    pub message: String,
    /// The request's field it is about.
    pub field: Option<String>,
    /// Values for the translated sentence.
    #[ts(type = "Record<string, string | number> | null")]
    pub params: serde_json::Value,
}
