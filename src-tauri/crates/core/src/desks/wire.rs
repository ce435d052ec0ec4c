//! Requests and answers about the other desks of a branch.
use crate::ids::{DeskId, PairedDeskId};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// A machine that was made a desk.
#[derive(Clone, Debug, Serialize, TS)]
pub struct PairedDesk {
    pub id: PairedDeskId,
    pub desk_id: DeskId,
    pub name: String,
    pub ip: Option<String>,
    pub paired_at: DateTime<Utc>,
    pub last_seen_at: DateTime<Utc>,
}

/// A new one-time code, shown once.
#[derive(Clone, Debug, Serialize, TS)]
pub struct DeskCode {
    pub code: String,
    pub expires_at: DateTime<Utc>,
}

#[derive(Debug, Deserialize, TS)]
pub struct ChoosePairedDesk {
    pub id: PairedDeskId,
}

/// What a machine sends that wants to be a desk.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AskPairing {
    /// Name of the desk to be: a new one, or one that gets another machine.
    pub name: String,
    /// Hex; new for every request.
    pub nonce: String,
    /// Hex; see [`crate::desks::proof::of_desk`].
    pub proof: String,
}

/// What it gets.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Pairing {
    pub desk_id: DeskId,
    pub token: String,
    /// Hex; see [`crate::desks::proof::of_branch`].
    pub proof: String,
}
