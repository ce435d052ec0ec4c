//! How the relay fares, written down round by round: for the chip at the desk, and to know when an outage is over.
use super::outage;
use super::relay::Stopped;
use crate::error::Error;
use crate::ids::new_id;
use crate::services::Services;
use chrono::{DateTime, Utc};
use sqlx::PgConnection;

/// What was so when a round began.
#[derive(Clone, Copy, Debug)]
pub struct Begun {
    mark: i64,
}

/// A round begins and headquarters answers: notes the end of the queue, and how far the clocks are apart.
///
/// # Errors
/// [`Error::Database`]: of either end.
pub async fn begin(services: &Services, hq: &mut PgConnection) -> Result<Begun, Error> {
    let before = services.now();
    let there = sqlx::query_scalar!(r#"select clock_timestamp() as "now!""#).fetch_one(hq).await?;
    let now = services.now();
    // Headquarters looked at its clock somewhere in between.
    let skew = (before + (now - before) / 2 - there).num_milliseconds();
    let mark = sqlx::query_scalar!(
        r#"update sync_contact set reached_at = $1, clock_skew_ms = $2
           returning (select coalesce(max(seq), 0) from sync_outbox) as "mark!""#,
        now,
        skew
    )
    .fetch_one(&services.db)
    .await?;
    Ok(Begun { mark })
}

/// A round is done: contact is there, and if it was away for long, there is a sheet to look through.
pub async fn done(services: &Services, begun: Begun) -> Result<(), Error> {
    let now = services.now();
    let mut tx = services.db.begin().await?;
    let last = sqlx::query!("select at, mark from sync_contact for update").fetch_one(&mut *tx).await?;
    // What was queued while the round ran and is answered already is the round's.
    let mark = sqlx::query_scalar!(
        r#"select coalesce((select min(seq) - 1 from sync_outbox where answer is null and seq > $1),
               (select max(seq) from sync_outbox), 0) as "mark!""#,
        begun.mark
    )
    .fetch_one(&mut *tx)
    .await?;
    if let Some(outage) = outage::ended(last.at, now) {
        sqlx::query!(
            "insert into sync_outages (id, began_at, ended_at, first_seq, last_seq)
             select $1, $2, $3, min(seq), max(seq) from sync_outbox where seq > $4 and seq <= $5 having count(*) > 0",
            new_id(now),
            outage.began,
            outage.ended,
            last.mark,
            mark
        )
        .execute(&mut *tx)
        .await?;
    }
    sqlx::query!(
        "update sync_contact set at = $1, mark = $2, rounds = rounds + 1, failing_since = null, failure = null",
        now,
        mark
    )
    .execute(&mut *tx)
    .await?;
    told(&mut tx).await?;
    tx.commit().await?;
    Ok(())
}

/// A round failed, or there was none.
pub async fn failed(services: &Services, why: &Stopped) -> Result<(), Error> {
    let mut tx = services.db.begin().await?;
    sqlx::query!(
        "update sync_contact set failures = failures + 1, failing_since = coalesce(failing_since, $1), failure = $2",
        services.now(),
        why.to_string()
    )
    .execute(&mut *tx)
    .await?;
    told(&mut tx).await?;
    tx.commit().await?;
    Ok(())
}

/// Whoever shows it looks again.
async fn told(db: &mut PgConnection) -> Result<(), Error> {
    sqlx::query!("select pg_notify('gatehouse_status', '')").execute(db).await?;
    Ok(())
}

/// As [`done`] and [`failed`] have left it.
#[derive(Clone, Debug)]
pub struct Contact {
    pub reached_at: Option<DateTime<Utc>>,
    pub at: Option<DateTime<Utc>>,
    /// The clock here less that of headquarters.
    pub clock_skew_ms: Option<i64>,
    pub rounds: i64,
    pub failures: i64,
    pub failing_since: Option<DateTime<Utc>>,
    pub failure: Option<String>,
}

pub async fn contact(db: &mut PgConnection) -> Result<Contact, Error> {
    Ok(sqlx::query_as!(
        Contact,
        "select reached_at, at, clock_skew_ms, rounds, failures, failing_since, failure from sync_contact"
    )
    .fetch_one(db)
    .await?)
}
