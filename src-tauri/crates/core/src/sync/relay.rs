//! One round between a branch and its headquarters. All of it is opened by the branch; a cut anywhere loses nothing,
//! since headquarters knows each event by its id and the branch moves its cursor with the rows it applies.
use super::model::{Limits, Queued, fitting, plainly_taken, rest, written};
use super::store;
use super::wire::{Answer, Event};
use crate::db::MIGRATIONS;
use crate::error::Error;
use crate::ids::BranchId;
use crate::members;
use crate::services::Services;
use serde_json::Value;
use sqlx::PgConnection;
use std::time::{Duration, Instant};
use tokio::time::{sleep, timeout};
use uuid::Uuid;

/// Members whose search keys are made in one transaction.
const FOUND_AT_ONCE: i64 = 200;
/// How long headquarters may take for one answer.
const PATIENCE: Duration = Duration::from_mins(1);

/// What a round came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Round {
    /// Events that headquarters has taken.
    pub sent: usize,
    /// Events that it keeps aside.
    pub quarantined: usize,
    /// Events that wait there for something they refer to.
    pub put_off: usize,
    /// Rows of its own that a restored branch got back.
    pub taken_back: usize,
    /// Rows that headquarters has lost and must take itself.
    pub offered: usize,
    /// Rows read from the feed.
    pub read: usize,
    /// The audit of yesterday found a difference, and queued the day again.
    pub audit_differs: bool,
    /// Of those, rows that could not be applied.
    pub set_aside: usize,
}

impl Round {
    /// Nothing is left to be sent.
    pub fn in_step(&self) -> bool {
        self.put_off == 0
    }
}

/// Why there was no round.
#[derive(Debug, thiserror::Error)]
pub enum Stopped {
    /// This database has no headquarters.
    #[error("this database is no branch")]
    NoBranch,
    /// What headquarters said: `not_enrolled`, `headquarters_older`, `too_much`.
    #[error("headquarters refused: {0}")]
    Refused(String),
    /// The database behind the URL is another branch's or another gym's headquarters.
    #[error("the headquarters knows this branch as {0}")]
    AnotherBranch(BranchId),
    #[error(transparent)]
    Failed(#[from] Error),
}

impl From<sqlx::Error> for Stopped {
    fn from(error: sqlx::Error) -> Self {
        Self::Failed(error.into())
    }
}

/// An answer of headquarters, unless the line is dead without saying so.
async fn given<T>(answer: impl Future<Output = Result<Answer<T>, Error>>) -> Result<T, Stopped> {
    let answer =
        timeout(PATIENCE, answer).await.map_err(|_| sqlx::Error::Io(std::io::ErrorKind::TimedOut.into()))?;
    match answer? {
        Answer::Given(answer) => Ok(answer),
        Answer::Refused { refused } => Err(Stopped::Refused(refused)),
    }
}

/// Sends what waits, money first, then reads and applies what is new.
///
/// # Errors
/// [`Stopped`]; what was sent and applied until then stays so.
pub async fn round(services: &Services, hq: &mut PgConnection, limits: Limits) -> Result<Round, Stopped> {
    let mut local = services.db.acquire().await?;
    let node = store::node(&mut local).await?;
    let (Some(branch), Some(incarnation)) = (node.branch, node.incarnation) else {
        return Err(Stopped::NoBranch);
    };
    let version = MIGRATIONS.iter().map(|migration| migration.version).max().unwrap_or(0);
    let hello = given(store::hello(hq, version, incarnation, node.waiting, false, services.now())).await?;
    if hello.branch_id.0 != branch {
        return Err(Stopped::AnotherBranch(hello.branch_id));
    }
    // Headquarters is brought up to date first; until then everything is queued.
    if hello.version.is_some_and(|theirs| theirs < version) {
        return Err(Stopped::Refused("headquarters_older".to_owned()));
    }
    let copies_owed = store::met(&mut local, hello.epoch).await?;
    let mut round = Round::default();
    if hello.restored {
        // What its own rows refer to is in the feed.
        pull_all(services, &mut local, hq, limits, &mut round).await?;
        take_back(services, &mut local, hq, limits, &mut round).await?;
        given(store::hello(hq, version, incarnation, node.waiting, true, services.now())).await?;
    } else if node.own_rows_missing {
        // Headquarters has nothing of it.
        store::takes_back(&mut local, false).await?;
    }
    if copies_owed {
        round.offered = give_copies(&mut local, hq).await?;
    }
    push_all(&mut local, hq, limits, &mut round).await?;
    pull_all(services, &mut local, hq, limits, &mut round).await?;
    if round.in_step() {
        store::in_step(&mut local, services.now()).await?;
        let yesterday = services.now().date_naive().pred_opt();
        if let Some(day) = yesterday.filter(|day| node.audited_on.is_none_or(|last| last < *day)) {
            // What differs is sent by the next round.
            round.audit_differs = !store::audit(&mut local, hq, day).await?;
        }
    }
    Ok(round)
}

/// This database was put back to an earlier state: what it had sent since comes back before it sends anything. Rows that
/// refer to one of a later page are set aside until that comes.
async fn take_back(
    services: &Services,
    local: &mut PgConnection,
    hq: &mut PgConnection,
    limits: Limits,
    round: &mut Round,
) -> Result<(), Stopped> {
    store::takes_back(local, true).await?;
    // A round that was cut goes on where it was.
    let mut since = store::node(local).await?.own_since.unwrap_or(Uuid::nil());
    loop {
        let page = given(store::own(hq, since, limits.rows)).await?;
        since = page.cursor.parse().map_err(|_| Error::Internal(format!("a cursor {}", page.cursor)))?;
        store::take_back(local, &page, since).await?;
        round.taken_back += page.rows.as_array().map_or(0, Vec::len);
        find_members(services).await?;
        if !page.more {
            break;
        }
    }
    store::takes_back(local, false).await?;
    Ok(())
}

/// Headquarters was put back to an earlier state: what was made there since is sent or offered by whoever has a copy. Cut
/// anywhere, the next round does it again. Gives how many rows were offered.
async fn give_copies(local: &mut PgConnection, hq: &mut PgConnection) -> Result<usize, Stopped> {
    let mut offered = 0;
    for mut copies in store::copies(local).await? {
        let lacking = given(store::lacks(hq, &copies)).await?;
        if lacking.keys.is_empty() {
            continue;
        }
        copies.keys = Value::Array(lacking.keys);
        let rows = store::copy(local, &copies).await?;
        if !rows.is_empty() {
            given(store::offer(hq, &copies.tbl, &rows)).await?;
        }
        offered += rows.len();
    }
    store::copied(local).await?;
    Ok(offered)
}

async fn push_all(
    local: &mut PgConnection,
    hq: &mut PgConnection,
    limits: Limits,
    round: &mut Round,
) -> Result<(), Stopped> {
    // What headquarters has taken and the queue does not know yet.
    let mut unnoted: Vec<Uuid> = Vec::new();
    let mut batch = next(local, limits, &[], round).await?;
    // Events that were put off go last. A batch that brought nothing on has only such: the next round tries them again.
    while !batch.is_empty() {
        let began = Instant::now();
        let sending = written(&batch);
        let under_way = sending.ids.clone();
        let (pushed, ahead) = tokio::join!(given(store::push(hq, &sending)), async {
            if !unnoted.is_empty() {
                store::answered(local, &unnoted, &[]).await?;
            }
            // While headquarters reads this batch, the next one is made; unless the desk would feel it.
            let at_work = store::desk_is_at_work(local).await?;
            let ahead = if at_work { Vec::new() } else { next(local, limits, &under_way, round).await? };
            Ok::<_, Error>((at_work, ahead))
        });
        let (pushed, (at_work, ahead)) = (pushed?, ahead?);
        let taken = plainly_taken(&under_way, &pushed)
            .ok_or_else(|| Error::Internal("headquarters answers for another batch".to_owned()))?;
        let count = |answer: &str| pushed.answers.iter().filter(|event| event.answer == answer).count();
        let (sent, quarantined, waits) = (pushed.ok + count("ok"), count("quarantine"), count("wait"));
        round.sent += sent;
        round.quarantined += quarantined;
        if pushed.answers.is_empty() && !ahead.is_empty() {
            unnoted = taken;
            batch = ahead;
            continue;
        }
        // What was made meanwhile may have to wait behind what was put off.
        store::answered(local, &taken, &pushed.answers).await?;
        unnoted.clear();
        if sent + quarantined == 0 {
            round.put_off = waits;
            return Ok(());
        }
        batch = next(local, limits, &[], round).await?;
        if at_work && !batch.is_empty() {
            sleep(rest(began.elapsed())).await;
        }
    }
    Ok(())
}

/// The next batch. What headquarters would not read is kept aside here.
async fn next(
    local: &mut PgConnection,
    limits: Limits,
    under_way: &[Uuid],
    round: &mut Round,
) -> Result<Vec<Queued>, Error> {
    loop {
        let (batch, too_large) = fitting(store::take(local, limits, under_way).await?);
        if too_large.is_empty() {
            return Ok(batch);
        }
        round.quarantined += too_large.len();
        store::answered(local, &[], &kept_here(&too_large)).await?;
        if !batch.is_empty() {
            return Ok(batch);
        }
    }
}

/// The answer that headquarters would give to events that it does not read.
fn kept_here(events: &[Queued]) -> Vec<Event> {
    let answer = |queued: &Queued| Event {
        id: Value::String(queued.id.to_string()),
        answer: "quarantine".to_owned(),
        reason: Some("too_large".to_owned()),
        conflicts: None,
    };
    events.iter().map(answer).collect()
}

async fn pull_all(
    services: &Services,
    local: &mut PgConnection,
    hq: &mut PgConnection,
    limits: Limits,
    round: &mut Round,
) -> Result<(), Stopped> {
    loop {
        let cursor = store::node(local).await?.cursor;
        let page = given(store::pull(hq, &cursor, limits.rows)).await?;
        let rows = page.rows.as_array().map_or(0, Vec::len);
        let mut tx = services.db.begin().await?;
        let aside = store::apply(&mut tx, &page).await?;
        tx.commit().await?;
        round.read += rows;
        round.set_aside += usize::try_from(aside).unwrap_or(0);
        find_members(services).await?;
        if !page.more {
            return Ok(());
        }
    }
}

/// Makes members that came by relay searchable; at either end.
///
/// # Errors
/// [`Error::Database`]; those that are done stay done.
pub async fn find_members(services: &Services) -> Result<(), Error> {
    loop {
        let mut tx = services.db.begin().await?;
        let members: Vec<Uuid> = store::unfound(&mut tx, FOUND_AT_ONCE).await?;
        members::store::write_keys_anew(&mut tx, &members).await?;
        tx.commit().await?;
        if members.is_empty() {
            return Ok(());
        }
    }
}
