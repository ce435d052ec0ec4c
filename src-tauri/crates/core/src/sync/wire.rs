//! What the two ends say to each other.
use crate::ids::{BranchId, GymId};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

/// Headquarters' answer to the first call of a round.
#[derive(Clone, Debug, Deserialize)]
pub struct Hello {
    pub branch_id: BranchId,
    /// Another one than last time: headquarters was restored.
    pub epoch: Uuid,
    /// Its newest migration.
    pub version: Option<i64>,
    /// None before a branch has founded it.
    pub gym_id: Option<GymId>,
    /// What this branch has sent before is gone here: it takes its own rows back first.
    pub restored: bool,
}

/// Any answer of headquarters: it may refuse the branch as a whole.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub enum Answer<T> {
    Refused { refused: String },
    Given(T),
}

/// The answers to a batch, as they go into the queue.
#[derive(Clone, Debug, Deserialize)]
pub struct Pushed {
    pub answers: Vec<Event>,
}

/// What became of one event.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Event {
    pub id: Value,
    /// `ok`, `wait` or `quarantine`.
    pub answer: String,
    pub reason: Option<String>,
    pub conflicts: Option<Value>,
}

/// A page of the feed.
#[derive(Clone, Debug, Deserialize)]
pub struct Page {
    pub rows: Value,
    pub cursor: String,
    /// The page was full.
    pub more: bool,
}
