//! What the two ends say to each other, and what people ask of either.
use super::view::FieldChange;
use crate::ids::{BranchId, GymId};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use ts_rs::TS;
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
    /// Its plans and prices become the headquarters'.
    pub founds: bool,
}

/// A code that was taken.
#[derive(Clone, Debug, Deserialize)]
pub struct Redeemed {
    pub branch_id: BranchId,
    pub founds: bool,
}

/// Any answer of headquarters: it may refuse the branch as a whole.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub enum Answer<T> {
    Refused { refused: String },
    Given(T),
}

/// The answers to a batch.
#[derive(Clone, Debug, Deserialize)]
pub struct Pushed {
    /// Of events that were not plainly taken.
    pub answers: Vec<Event>,
    /// How many were.
    pub ok: usize,
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
    /// Of a branch's own: the events that these rows came by.
    pub sent: Option<Value>,
    pub cursor: String,
    /// The page was full.
    pub more: bool,
}

/// Keys of rows of one table, each an object of its key's columns.
#[derive(Clone, Debug)]
pub struct Copies {
    pub tbl: String,
    pub keys: Value,
}

/// Those of them that headquarters has lost.
#[derive(Clone, Debug, Deserialize)]
pub struct Lacking {
    pub keys: Vec<Value>,
}

/// A row that headquarters lost when it was put back, as branches still have it.
#[derive(Clone, Debug, Serialize)]
pub struct Lost {
    pub tbl: String,
    pub key: String,
    /// What is in it, without identifiers, hashes and secrets.
    pub fields: Vec<FieldChange>,
    /// How many branches offer it.
    pub branches: i64,
    /// They do not agree what was in it.
    pub differs: bool,
    /// Why it could not be taken: a constraint's name, or what Postgres said.
    pub reason: Option<String>,
}

/// What a database is among others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    Alone,
    Branch,
    Headquarters,
}

/// What this database is, and what it is linked to.
#[derive(Clone, Debug, Serialize, TS)]
pub struct Headquarters {
    pub mode: Mode,
    /// Of a branch: host and port of its headquarters.
    pub host: Option<String>,
    pub joined_at: Option<DateTime<Utc>>,
    /// When there was last nothing left to send or to read.
    pub in_step_at: Option<DateTime<Utc>>,
    /// Events that headquarters has not taken yet.
    pub waiting: i64,
    /// A gym is here; a headquarters without one waits for the branch that founds it.
    pub founded: bool,
    /// Of a headquarters: how branches reach it, once that was said.
    pub reach: Option<Reach>,
    /// Of a headquarters: every branch.
    pub branches: Vec<BranchLink>,
}

/// How branches reach a headquarters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Reach {
    pub host: String,
    pub port: u16,
    /// Where only the server's administrator makes roles: the one that branches share.
    pub shared_role: Option<String>,
}

/// A branch as its headquarters knows it.
#[derive(Clone, Debug, Serialize, TS)]
pub struct BranchLink {
    pub branch_id: BranchId,
    /// First part of its members' numbers; none before it has come.
    pub number: Option<String>,
    pub name: String,
    /// None where no code was ever made.
    pub enrolled_at: Option<DateTime<Utc>>,
    /// Its newest code was used.
    pub joined: bool,
    /// Of a code that was not used yet.
    pub code_expires_at: Option<DateTime<Utc>>,
    pub last_seen_at: Option<DateTime<Utc>>,
    pub revoked_at: Option<DateTime<Utc>>,
    /// It logs in as the shared role.
    pub by_token: bool,
}

/// Makes a code: for a branch that is there, or for a new one of that name and number. What let it in before is void then.
#[derive(Clone, Debug, Default, Serialize, Deserialize, TS)]
pub struct EnrolBranch {
    pub branch_id: Option<BranchId>,
    pub name: Option<String>,
    /// Not for the branch that founds: it brings its own.
    pub number: Option<String>,
}

/// A code, shown once.
#[derive(Clone, Debug, Serialize, TS)]
pub struct NewCode {
    pub branch_id: BranchId,
    pub name: String,
    pub code: String,
    pub expires_at: DateTime<Utc>,
}

#[derive(Clone, Debug, Serialize, Deserialize, TS)]
pub struct RevokeBranch {
    pub branch_id: BranchId,
}

#[derive(Clone, Serialize, Deserialize, TS)]
pub struct JoinHeadquarters {
    /// As it was pasted or typed.
    pub code: String,
}
