//! Soak tests: services under load while their process and the database are killed, judged afterwards by SQL that
//! shares nothing with the services.
//!
//! Three kinds of process. This one drives: it plays the desks, writes the log of what was asked and answered,
//! kills, and is itself never killed. The *app* ([`app`]) is a child with the services and the embedded Postgres,
//! as in the product. The database is the third. What the log says was answered must be stored, exactly once.
//!
//! A suite ([`Suite`]) says which operations the desks send, what is killed, and how the result is judged; driver,
//! app, log and kills are the same for all of them.

pub mod app;
pub mod branches;
pub mod checkin;
pub mod desk;
pub mod driver;
pub mod killer;
pub mod log;
pub mod money;
pub mod wire;

use chrono::{DateTime, Utc};
use desk::Desk;
use gatehouse_core::actor::Actor;
use gatehouse_core::error::Error;
use gatehouse_core::services::Services;
use killer::Target;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sqlx::PgPool;
use std::fmt::Debug;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use wire::Answer;

/// Names of the suites, as `--suite` takes them.
pub const SUITES: [&str; 3] = [checkin::Door::NAME, money::Counter::NAME, branches::NAME];

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
    /// Requests sent; neither retries after a kill nor what a desk looked up before.
    pub ops: u64,
    /// Kills that cut off enough writes before their answer.
    pub kills: u64,
    /// Of these kills the one that cut off the fewest: writes that were sent before it, were not answered, and were
    /// answered as done when they were sent again.
    pub least_unanswered: u64,
    #[serde(flatten)]
    pub found: Judgement,
    pub seconds: u64,
}

/// What the judge counted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Judgement {
    /// Answered and not stored as answered.
    pub lost: u64,
    /// Stored more than once or without an answer, or a rule broken that a second copy breaks.
    pub doubled: u64,
    /// Of a suite with money: how far receipts, ledger and drawers are apart, in minor units.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub difference_minor: Option<u64>,
    /// Answered as something that should not happen: a defect, or rows locked the wrong way round.
    pub failed: u64,
}

impl Judgement {
    pub fn is_clean(&self) -> bool {
        self.lost == 0 && self.doubled == 0 && self.difference_minor.unwrap_or(0) == 0 && self.failed == 0
    }
}

/// A request with its answer.
#[derive(Clone, Debug)]
pub struct Told<A, D> {
    pub ask: A,
    pub answer: Answer<D>,
}

/// Operations and judge of a run. The value is what all its desks draw from.
pub trait Suite: Sized + Send + Sync + 'static {
    /// A request; the same may be sent again, at the same desk or another.
    type Ask: Clone + Debug + Serialize + DeserializeOwned + Send + Sync + 'static;
    /// What was done for it.
    type Done: Clone + Debug + Serialize + DeserializeOwned + Send + Sync + 'static;

    const NAME: &'static str;
    /// Those who ask at the same time.
    const CLIENTS: usize;
    /// What is killed, in turn.
    const TARGETS: &'static [Target];
    /// A kill that cut off fewer writes does not count.
    const LEAST_UNANSWERED: u64;

    /// Kills in a run of so many requests.
    fn kills(ops: u64) -> u64;

    /// Fills an empty database.
    fn prepare(
        owner: &PgPool,
        plan: &Plan,
        base: DateTime<Utc>,
    ) -> impl Future<Output = Result<Self, sqlx::Error>> + Send;

    /// The app's part: what a request does.
    fn answer(
        services: &Services,
        actor: &Actor,
        ask: Self::Ask,
    ) -> impl Future<Output = Result<Self::Done, Error>> + Send;

    /// Plays one client to the end of its share.
    fn play(
        self: Arc<Self>,
        desk: Desk,
        number: usize,
    ) -> impl Future<Output = io::Result<Vec<Told<Self::Ask, Self::Done>>>> + Send;

    /// How many requests were sent on purpose although the same one had been sent before.
    fn duplicates(told: &[Told<Self::Ask, Self::Done>]) -> usize;

    /// What is in the database against what was answered.
    fn judge(
        owner: &PgPool,
        told: &[Told<Self::Ask, Self::Done>],
    ) -> impl Future<Output = Result<Judgement, sqlx::Error>> + Send;
}

/// Runs the suite of one process that the plan names.
pub async fn run(plan: &Plan) -> Result<Report, Box<dyn std::error::Error>> {
    if plan.suite == money::Counter::NAME {
        driver::run::<money::Counter>(plan).await
    } else {
        driver::run::<checkin::Door>(plan).await
    }
}

/// The child of a run: answers until it is killed.
pub async fn serve(
    suite: &str,
    folder: PathBuf,
    base: DateTime<Utc>,
) -> Result<(), Box<dyn std::error::Error>> {
    if suite == money::Counter::NAME {
        app::run::<money::Counter>(folder, base).await
    } else {
        app::run::<checkin::Door>(folder, base).await
    }
}

/// Requests of one client: the operations divided evenly, the first few have one more.
fn share(ops: u64, clients: usize, number: usize) -> u64 {
    let (clients, number) = (u64::try_from(clients).unwrap_or(1), u64::try_from(number).unwrap_or(0));
    ops / clients + u64::from(number < ops % clients)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One number from the database; named on standard error when it is not zero.
async fn count(owner: &PgPool, what: &str, query: &'static str) -> Result<u64, sqlx::Error> {
    let count: i64 = sqlx::query_scalar(query).fetch_one(owner).await?;
    if count != 0 {
        eprintln!("{what}: {count}");
    }
    Ok(count.unsigned_abs())
}
