//! SQL of both ends: the branch's own database, and the three calls it may make at headquarters.
use super::event;
use super::model::{Batch, Limits, Queued};
use super::wire::{Answer, Copies, Event, Hello, Lacking, Lost, Page, Pushed, Reach, Redeemed};
use crate::error::Error;
use crate::ids::BranchId;
use chrono::{DateTime, NaiveDate, Utc};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use sqlx::PgConnection;
use sqlx::types::Json;
use uuid::Uuid;

/// What a database is.
#[derive(Clone, Debug)]
pub struct Node {
    /// `alone`, `branch` or `headquarters`.
    pub mode: String,
    pub branch: Option<Uuid>,
    pub incarnation: Option<Uuid>,
    /// The headquarters' epoch, as far as it is known.
    pub epoch: Option<Uuid>,
    /// How far the feed was read.
    pub cursor: String,
    pub in_step_at: Option<DateTime<Utc>>,
    /// The last day that was compared with headquarters.
    pub audited_on: Option<NaiveDate>,
    /// Of a branch that was put back from a backup: what it had sent since has not come back yet, and it takes no money.
    pub own_rows_missing: bool,
    /// How far it has come back.
    pub own_since: Option<Uuid>,
    /// Queued and not answered.
    pub waiting: i64,
    /// Kept aside at either end.
    pub aside: i64,
}

pub async fn node(db: &mut PgConnection) -> Result<Node, Error> {
    Ok(sqlx::query_as!(
        Node,
        r#"select mode, branch_id as branch, incarnation, epoch, cursor, in_step_at, audited_on, own_rows_missing, own_since,
               (select count(*) from sync_outbox where answer is null) as "waiting!",
               (select count(*) from sync_outbox where answer = 'quarantine')
                   + (select count(*) from sync_quarantine where resolved_at is null) as "aside!"
           from sync_node"#
    )
    .fetch_one(db)
    .await?)
}

/// Makes a database that is alone the headquarters; as its owner.
pub async fn found(db: &mut PgConnection, epoch: Uuid) -> Result<(), Error> {
    sqlx::query!("select sync_found($1)", epoch).execute(db).await?;
    Ok(())
}

/// Makes a database that is alone a branch, and queues what is in it; as its owner. `founds`: its plans and prices become
/// the headquarters'.
///
/// # Errors
/// A conflict when it has joined already, or holds facts of other branches.
pub async fn join(
    db: &mut PgConnection,
    branch: BranchId,
    incarnation: Uuid,
    founds: bool,
) -> Result<(), Error> {
    sqlx::query!("select sync_join($1, $2, $3)", branch.0, incarnation, founds).execute(db).await.map_err(
        |error| match Error::constraint(&error) {
            Some("sync_joined") => Error::conflict("sync_joined"),
            Some("sync_one_branch") => Error::conflict("sync_one_branch"),
            _ => error.into(),
        },
    )?;
    Ok(())
}

/// Why this database cannot become that branch: `sync_joined`, `sync_one_branch`.
pub async fn hindrance(db: &mut PgConnection, branch: Uuid) -> Result<Option<String>, Error> {
    Ok(sqlx::query_scalar!("select sync_hindrance($1)", branch).fetch_one(db).await?)
}

/// As [`join`], as the app's role.
pub async fn join_as_app(
    db: &mut PgConnection,
    branch: BranchId,
    incarnation: Uuid,
    founds: bool,
) -> Result<(), Error> {
    sqlx::query!("select relay_join($1, $2, $3)", branch.0, incarnation, founds).execute(db).await?;
    Ok(())
}

/// Makes a new secret let a branch in; at headquarters.
///
/// # Errors
/// [`Error::Conflict`] `headquarters_no_create_role` where the owner may make no role.
pub async fn admit(
    db: &mut PgConnection,
    branch: BranchId,
    name: &str,
    secret: &str,
    expires_at: DateTime<Utc>,
) -> Result<(), Error> {
    sqlx::query!("select office_enrol($1, $2, $3, $4)::text", branch.0, name, secret, expires_at)
        .fetch_one(db)
        .await
        .map_err(|error| match error.as_database_error().and_then(sqlx::error::DatabaseError::code) {
            Some(code) if code == "42501" => Error::conflict("headquarters_no_create_role"),
            _ if Error::constraint(&error) == Some("sync_shared_role") => {
                Error::conflict("headquarters_no_such_role")
            }
            _ => error.into(),
        })?;
    Ok(())
}

/// Refuses a branch from its next call on; at headquarters. False when it knows no such branch.
pub async fn shut_out(db: &mut PgConnection, branch: BranchId) -> Result<bool, Error> {
    Ok(sqlx::query_scalar!(r#"select office_revoke($1) as "known!""#, branch.0).fetch_one(db).await?)
}

/// How branches reach this headquarters; as its owner.
pub async fn set_reach(db: &mut PgConnection, reach: &Reach) -> Result<(), Error> {
    sqlx::query!(
        "insert into sync_reach (host, port, shared_role) values ($1, $2, $3::text::name)
         on conflict (one) do update set host = excluded.host, port = excluded.port, shared_role = excluded.shared_role",
        reach.host,
        i32::from(reach.port),
        reach.shared_role
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Uses a code up; at headquarters, as the role that the code names. `secret` takes its place.
pub async fn redeem(
    hq: &mut PgConnection,
    code: &str,
    secret: &str,
    gym: Option<Uuid>,
    branch: Option<Uuid>,
) -> Result<Answer<Redeemed>, Error> {
    read(
        sqlx::query_scalar!(r#"select hq_redeem($1, $2, $3, $4) as "answer!""#, code, secret, gym, branch)
            .fetch_one(hq)
            .await?,
    )
}

/// Lets a database role in as a branch; at headquarters, as its owner.
pub async fn enrol(db: &mut PgConnection, branch: BranchId, role: &str, founds: bool) -> Result<(), Error> {
    sqlx::query!("select sync_enrol($1, $2::text::name, $3)", branch.0, role, founds).execute(db).await?;
    Ok(())
}

/// Remembers the headquarters. After its restore the feed is read from its beginning, and everything is sent again. True
/// while this branch has not looked which of its copies are lost there.
pub async fn met(db: &mut PgConnection, epoch: Uuid) -> Result<bool, Error> {
    sqlx::query!("select relay_met($1)", epoch).execute(&mut *db).await?;
    Ok(sqlx::query_scalar!("select copies_owed from sync_node").fetch_one(db).await?)
}

/// The keys of what this branch has and others may have made, table by table, a thousand at a time.
pub async fn copies(db: &mut PgConnection) -> Result<Vec<Copies>, Error> {
    Ok(sqlx::query_as!(Copies, r#"select tbl as "tbl!", keys as "keys!" from relay_copies()"#)
        .fetch_all(db)
        .await?)
}

/// Queues what this branch may send itself; gives the rows that it may only offer.
pub async fn copy(db: &mut PgConnection, copies: &Copies) -> Result<Vec<Value>, Error> {
    let rows = sqlx::query_scalar!(
        r#"select relay_copy($1, $2) as "rows!: Json<Vec<Value>>""#,
        copies.tbl,
        copies.keys
    )
    .fetch_one(db)
    .await?;
    Ok(rows.0)
}

/// All copies have been looked at.
pub async fn copied(db: &mut PgConnection) -> Result<(), Error> {
    sqlx::query!("select relay_copied()").execute(db).await?;
    Ok(())
}

pub async fn in_step(db: &mut PgConnection, now: DateTime<Utc>) -> Result<(), Error> {
    sqlx::query!("update sync_node set in_step_at = $1", now).execute(db).await?;
    Ok(())
}

/// The next events to send, money first, without those that are `under_way`.
pub async fn take(db: &mut PgConnection, limits: Limits, under_way: &[Uuid]) -> Result<Vec<Queued>, Error> {
    Ok(sqlx::query_as!(
        Queued,
        r#"select id as "id!", seq as "seq!", tbl as "tbl!", op as "op!", "row" as "row!", base, at as "at!", xid, waits as "waits!",
               waited as "waited!"
           from relay_take($1, $2, $3)"#,
        limits.events,
        limits.bytes,
        under_way
    )
    .fetch_all(db)
    .await?)
}

/// True when somebody at this branch has written something in the last two seconds.
pub async fn desk_is_at_work(db: &mut PgConnection) -> Result<bool, Error> {
    Ok(sqlx::query_scalar!(
        r#"select exists (select from sync_outbox where at > now() - interval '2 seconds') as "is!""#
    )
    .fetch_one(db)
    .await?)
}

/// Notes what became of events: `sent` was plainly taken.
pub async fn answered(db: &mut PgConnection, sent: &[Uuid], answers: &[Event]) -> Result<(), Error> {
    // An id that is none is an answer to an event that this queue never had.
    let known: Vec<_> = answers
        .iter()
        .filter(|event| event.id.as_str().is_some_and(|id| Uuid::parse_str(id).is_ok()))
        .collect();
    sqlx::query!("select relay_answered($1, $2)", sent, json!(known)).execute(db).await?;
    Ok(())
}

/// Applies a page; gives how many rows were set aside.
pub async fn apply(db: &mut PgConnection, page: &Page) -> Result<i32, Error> {
    Ok(sqlx::query_scalar!(r#"select relay_apply($1, $2) as "aside!""#, page.rows, page.cursor)
        .fetch_one(db)
        .await?)
}

/// Applies rows of this branch's own, after a restore; what it had sent is in its queue again, as sent.
pub async fn take_back(db: &mut PgConnection, page: &Page, until: Uuid) -> Result<(), Error> {
    let sent = page.sent.clone().unwrap_or_else(|| json!([]));
    sqlx::query!("select relay_take_back($1, $2, $3)", page.rows, sent, until).execute(db).await?;
    Ok(())
}

/// While rows come back, a ledger transaction may be there in part. Where that ends, money is taken again; also where there
/// is no headquarters any more that could give them.
pub async fn takes_back(db: &mut PgConnection, begins: bool) -> Result<(), Error> {
    sqlx::query!("select relay_takes_back($1)", begins).execute(db).await?;
    Ok(())
}

/// Says that a database was put back to an earlier state; as its owner, before anything else is done with it.
pub async fn restored(db: &mut PgConnection, anew: Uuid) -> Result<(), Error> {
    sqlx::query!("select sync_restored($1)", anew).execute(db).await?;
    Ok(())
}

/// Sends an event that headquarters keeps aside once more.
pub async fn resend(db: &mut PgConnection, event: Uuid) -> Result<(), Error> {
    sqlx::query!("select relay_resend($1)", event).execute(db).await?;
    Ok(())
}

/// Members that a relay brought or changed and that cannot be searched for yet; up to `most`.
pub async fn unfound(db: &mut PgConnection, most: i64) -> Result<Vec<Uuid>, Error> {
    Ok(sqlx::query_scalar!("delete from sync_unfound where member_id in (select member_id from sync_unfound limit $1) returning member_id", most)
        .fetch_all(db)
        .await?)
}

pub async fn hello(
    hq: &mut PgConnection,
    version: i64,
    incarnation: Uuid,
    waiting: i64,
    took_back: bool,
    now: DateTime<Utc>,
) -> Result<Answer<Hello>, Error> {
    let report = json!({ "waiting": waiting, "took_back": took_back, "at": now });
    read(
        sqlx::query_scalar!(r#"select hq_hello($1, $2, $3) as "answer!""#, version, incarnation, report)
            .fetch_one(hq)
            .await?,
    )
}

/// Sends a batch.
pub async fn push(hq: &mut PgConnection, batch: &Batch<'_>) -> Result<Answer<Pushed>, Error> {
    let sent = sqlx::query_scalar!(
        r#"select hq_send($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) as "answer!""#,
        &batch.ids,
        &batch.seqs,
        &batch.tbls as _,
        &batch.ops as _,
        &batch.rows as _,
        &batch.bases as _,
        &batch.ats,
        &batch.xids as _,
        &batch.waits,
        &batch.waited
    );
    read(sent.fetch_one(hq).await?)
}

pub async fn pull(hq: &mut PgConnection, cursor: &str, rows: i32) -> Result<Answer<Page>, Error> {
    read(sqlx::query_scalar!(r#"select hq_pull($1, $2) as "answer!""#, cursor, rows).fetch_one(hq).await?)
}

/// What this branch has sent itself, from the event after `since`; the page's cursor is the last one's id.
pub async fn own(hq: &mut PgConnection, since: Uuid, rows: i32) -> Result<Answer<Page>, Error> {
    read(sqlx::query_scalar!(r#"select hq_own($1, $2) as "answer!""#, since, rows).fetch_one(hq).await?)
}

/// Which of these rows headquarters has lost.
pub async fn lacks(hq: &mut PgConnection, copies: &Copies) -> Result<Answer<Lacking>, Error> {
    read(
        sqlx::query_scalar!(r#"select hq_lacks($1, $2) as "answer!""#, copies.tbl, copies.keys)
            .fetch_one(hq)
            .await?,
    )
}

/// Offers rows that headquarters alone may write.
pub async fn offer(hq: &mut PgConnection, tbl: &str, rows: &[Value]) -> Result<Answer<Value>, Error> {
    read(
        sqlx::query_scalar!(r#"select hq_offer($1, $2) as "answer!""#, tbl, json!(rows))
            .fetch_one(hq)
            .await?,
    )
}

/// What branches offer of what is lost here; at headquarters.
pub async fn lost(db: &mut PgConnection) -> Result<Vec<Lost>, Error> {
    let rows = sqlx::query!(
        r#"select tbl as "tbl!", key as "key!", row as "row!", branches as "branches!", differs as "differs!", reason from office_lost()"#
    )
    .fetch_all(db)
    .await?;
    let told = rows.into_iter().map(|lost| Lost {
        // This is printed and kept in the audit log; an account's row has the hashes of its password and PIN.
        fields: event::contents(&lost.row),
        tbl: lost.tbl,
        key: lost.key,
        branches: lost.branches,
        differs: lost.differs,
        reason: lost.reason,
    });
    Ok(told.collect())
}

/// Takes it; gives how many rows. What branches do not agree about stays, and so does what does not fit.
pub async fn take_lost(db: &mut PgConnection) -> Result<i32, Error> {
    Ok(sqlx::query_scalar!(r#"select office_take_lost() as "taken!""#).fetch_one(db).await?)
}

/// Nothing is missing any more: what is offered is thrown away, and what comes later is refused.
pub async fn forget_lost(db: &mut PgConnection) -> Result<(), Error> {
    sqlx::query!("select office_forget_lost()").execute(db).await?;
    Ok(())
}

/// Compares a day's events (by UTC) at both ends; where they differ, the day is queued again. True when they agreed.
pub async fn audit(local: &mut PgConnection, hq: &mut PgConnection, day: NaiveDate) -> Result<bool, Error> {
    let mine =
        sqlx::query_scalar!(r#"select relay_audit($1) as "sums!""#, day).fetch_one(&mut *local).await?;
    let answer =
        sqlx::query_scalar!(r#"select hq_audit($1, $2) as "answer!""#, day, mine).fetch_one(hq).await?;
    let Some(agreed) = answer["agreed"].as_bool() else {
        return Err(Error::Internal(format!("headquarters' answer: {answer}")));
    };
    sqlx::query!("select relay_audited($1, $2)", day, agreed).execute(local).await?;
    Ok(agreed)
}

fn read<T: DeserializeOwned>(answer: Value) -> Result<Answer<T>, Error> {
    serde_json::from_value(answer).map_err(|error| Error::Internal(format!("headquarters' answer: {error}")))
}
