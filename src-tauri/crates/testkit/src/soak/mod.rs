//! Soak tests: services under load while their process and the database are killed, judged afterwards by SQL that
//! shares nothing with the services.
//!
//! Three kinds of process. This one drives: it plays the desks, writes the log of what was asked and answered,
//! kills, and is itself never killed. The *app* ([`app`]) is a child with the services and the embedded Postgres,
//! as in the product. The database is the third. What the log says was answered must be stored, exactly once.
//!
//! A suite says which operations the desks send and how the result is judged; driver, app, log and kills are the
//! same for all of them.

pub mod app;
pub mod checkin;
pub mod desk;
pub mod driver;
pub mod killer;
pub mod log;
pub mod wire;

use serde::Serialize;

/// Names of the suites, as `--suite` takes them.
pub const SUITES: [&str; 1] = ["checkin"];

/// What to run.
#[derive(Clone, Debug)]
pub struct Plan {
    pub suite: &'static str,
    /// Decides members, operations and duplicates.
    pub seed: u64,
    /// Requests to send, duplicates included.
    pub ops: u64,
}

/// What came of it.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    pub suite: &'static str,
    pub seed: u64,
    /// Requests sent, retries after a kill not counted.
    pub ops: u64,
    /// Kills that cut off at least one write before its answer.
    pub kills: u64,
    /// Answered and not stored as answered.
    pub lost: u64,
    /// Stored more than once, or a rule broken that a second copy breaks.
    pub doubled: u64,
    pub seconds: u64,
}
