//! What a desk did while it could not ask: stored as it happened, each scan once, however often it is told.
use super::emergency::QueuedScan;
use super::store::{self, Entered, Record};
use crate::actor::DeskActor;
use crate::error::Error;
use crate::gym::service::fetch_branch;
use crate::ids::{AccountId, ScanId};
use crate::services::Services;
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;

/// Scans taken in one call.
pub const MOST: usize = 500;
/// As at the door: how often a number is taken anew after another desk was faster.
const ATTEMPTS: usize = 12;

/// What became of a call.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replayed {
    /// Stored now, or before.
    pub stored: Vec<ScanId>,
    /// Those the database does not take: the desk keeps them aside.
    pub refused: Vec<ScanId>,
}

/// Stores what the desk did. People were let in or not: that is not judged again, and a pack may be overdrawn.
///
/// # Errors
/// `too_many` for more than [`MOST`]; the database's, and then the desk tells it all again.
pub async fn take(services: &Services, desk: DeskActor, scans: &[QueuedScan]) -> Result<Replayed, Error> {
    if scans.len() > MOST {
        return Err(Error::invalid("scans", "too_many"));
    }
    let mut db = services.db.acquire().await?;
    let calendar = fetch_branch(&mut db, desk.branch).await?.calendar()?;
    let now = services.now();
    let mut answer = Replayed::default();
    for told in scans {
        // A desk whose clock is ahead does not write into tomorrow.
        let at = told.at.min(now);
        match stored(&mut db, desk, told, at, calendar.business_day(at)).await {
            Ok(()) => answer.stored.push(told.scan),
            Err(error) if is_refusal(&error) => {
                tracing::error!(scan = %told.scan, %error, "a desk told of a scan that cannot be stored");
                answer.refused.push(told.scan);
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(answer)
}

async fn stored(
    db: &mut PgConnection,
    desk: DeskActor,
    told: &QueuedScan,
    at: chrono::DateTime<chrono::Utc>,
    business_day: chrono::NaiveDate,
) -> Result<(), sqlx::Error> {
    let mut told = told.clone();
    let asked_as = told.scan;
    let mut attempts = 0;
    loop {
        attempts += 1;
        let facts = store::before_replay(db, desk, &told).await?;
        if facts.is_stored {
            let was_let_in = told.entered.is_some() && !facts.has_entry;
            if was_let_in && told.scan == asked_as {
                // Refused here, but too late: the desk had stopped waiting and let them in. Both are true.
                told.scan = second(asked_as);
                continue;
            }
            return Ok(());
        }
        // The visit that ended may have been ended at another desk meanwhile.
        let leaves = told.leaves.filter(|_| facts.can_leave);
        let entered = told.entered.as_ref().map(|entered| Entered {
            seq: facts.next_seq,
            subscription: entered.subscription,
            visit_no: facts.next_visit_no.filter(|_| entered.takes_visit && entered.subscription.is_some()),
            // A photo of the phone may have been used at another desk meanwhile: both were let in.
            step: entered.step.filter(|_| !facts.step_used),
        });
        let record = Record {
            scan: told.scan,
            branch: desk.branch,
            desk: desk.desk,
            account: account_here(facts.account_was_here, told.account),
            source: told.source,
            at,
            business_day,
            pass: told.pass,
            member: told.member,
            code_hint: told.code_hint.as_deref(),
            outcome: told.outcome,
            reasons: &told.reasons,
            entry: told.entry,
            override_reason: told.override_reason.as_deref(),
            entered,
            leaves,
        };
        match store::write(db, &record).await {
            Err(error) if store::lost_race(&error) && attempts < ATTEMPTS => {}
            done => return done,
        }
    }
}

/// Data that the database does not take, however often it is told (classes 22 and 23). A number that others keep taking is
/// told again.
fn is_refusal(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
    code.is_some_and(|code| code.starts_with("22") || code.starts_with("23")) && !store::lost_race(error)
}

/// The id of what a desk did about a scan that was answered otherwise here; always the same one.
fn second(scan: ScanId) -> ScanId {
    ScanId(uuid::Uuid::from_u128(scan.0.as_u128() ^ 1))
}

/// Nobody did anything at a desk where they never logged in, whatever the desk says.
fn account_here(was_here: bool, account: Option<AccountId>) -> Option<AccountId> {
    account.filter(|_| was_here)
}
