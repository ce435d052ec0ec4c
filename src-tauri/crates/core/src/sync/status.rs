//! How things stand between a branch and its headquarters: the chip, and the page behind it.
use super::contact;
use super::event;
use super::lost;
use super::outage::{self, SILENCE, in_contact};
use super::view::{BranchLine, BranchPage, Standing, SyncMode, SyncPage, SyncStatus, WaitingKind};
use crate::actor::Actor;
use crate::auth::model::Permission;
use crate::db::MIGRATIONS;
use crate::error::Error;
use crate::services::Services;
use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use std::collections::BTreeMap;

/// A queue is there with every write; the chip speaks of it only when it stays.
const AT_ONCE_SECONDS: i64 = 30;

/// What a chip is told from.
#[derive(Clone, Copy, Debug)]
struct Facts {
    mode: SyncMode,
    own_rows_missing: bool,
    in_contact: bool,
    in_step_at: Option<DateTime<Utc>>,
    waiting: i64,
    aside: i64,
    conflicts: i64,
    branches: i64,
    silent: i64,
}

/// The one thing to be said: what stops everything first, then what waits for somebody, then what goes on by itself.
fn standing(facts: Facts, now: DateTime<Utc>) -> Option<Standing> {
    let seconds = facts.in_step_at.map(|at| (now - at).num_seconds().max(0));
    match facts.mode {
        SyncMode::Alone => None,
        SyncMode::Branch if facts.own_rows_missing => Some(Standing::OwnRowsMissing),
        SyncMode::Branch if !facts.in_contact => Some(Standing::Offline { waiting: facts.waiting }),
        SyncMode::Branch if facts.aside > 0 => Some(Standing::NeedsHeadquarters { count: facts.aside }),
        _ if facts.aside + facts.conflicts > 0 => {
            Some(Standing::ToDecide { count: facts.aside + facts.conflicts })
        }
        SyncMode::Branch => Some(match seconds {
            Some(seconds) if facts.waiting == 0 || seconds <= AT_ONCE_SECONDS => Standing::InStep { seconds },
            _ => Standing::Sending { waiting: facts.waiting },
        }),
        SyncMode::Headquarters if facts.silent > 0 => Some(Standing::BranchesSilent { count: facts.silent }),
        SyncMode::Headquarters => Some(Standing::BranchesInStep { count: facts.branches }),
    }
}

/// Anybody who is logged in may know whether the branch is in step.
fn require_staff(actor: &Actor) -> Result<(), Error> {
    match actor {
        Actor::Staff(_) | Actor::System { .. } => Ok(()),
        Actor::Desk(_) => Err(Error::Locked),
    }
}

/// For the chip.
///
/// # Errors
/// [`Error::Locked`] from a desk without a person.
pub async fn status(services: &Services, actor: &Actor) -> Result<SyncStatus, Error> {
    require_staff(actor)?;
    let mut db = services.db.acquire().await?;
    status_now(&mut db, services.now()).await
}

pub(super) async fn mode(db: &mut PgConnection) -> Result<SyncMode, Error> {
    let mode = sqlx::query_scalar!("select mode from sync_node").fetch_one(db).await?;
    Ok(match mode.as_str() {
        "branch" => SyncMode::Branch,
        "headquarters" => SyncMode::Headquarters,
        _ => SyncMode::Alone,
    })
}

async fn status_now(db: &mut PgConnection, now: DateTime<Utc>) -> Result<SyncStatus, Error> {
    let mode = mode(db).await?;
    if mode == SyncMode::Alone {
        return Ok(SyncStatus { mode, standing: None, sheets: 0 });
    }
    let counts = sqlx::query!(
        r#"select in_step_at, own_rows_missing,
               (select count(*) from sync_outbox where answer is null) as "waiting!",
               (select count(*) from sync_outages where signed_at is null) as "sheets!",
               (select count(*) from sync_branches where revoked_at is null) as "branches!",
               (select count(*) from sync_branches
                where revoked_at is null and (last_seen_at is null or last_seen_at < $1)) as "silent!"
           from sync_node"#,
        now - SILENCE
    )
    .fetch_one(&mut *db)
    .await?;
    let (there, here) = aside(db).await?;
    let conflicts = conflicts(db).await?;
    let contact = contact::contact(db).await?;
    let facts = Facts {
        mode,
        own_rows_missing: counts.own_rows_missing,
        in_contact: in_contact(
            outage::Contact {
                reached: contact.reached_at,
                done: contact.at,
                failing: contact.failing_since.is_some(),
            },
            now,
        ),
        in_step_at: counts.in_step_at,
        waiting: counts.waiting,
        aside: there + here + lost::count(db).await?,
        conflicts,
        branches: counts.branches,
        silent: counts.silent,
    };
    Ok(SyncStatus { mode, standing: standing(facts, now), sheets: counts.sheets })
}

/// Events that headquarters keeps aside and has not decided about, as the branch knows it; and rows that are set aside in
/// this database.
async fn aside(db: &mut PgConnection) -> Result<(i64, i64), Error> {
    let row = sqlx::query!(
        r#"select
               (select count(*) from sync_outbox o where answer = 'quarantine' and not exists (
                    select from audit_log a where a.subject_kind = 'sync_event' and a.subject_id = o.id and a.act = 'event.left_out')) as "there!",
               (select count(*) from sync_quarantine where resolved_at is null) as "here!""#
    )
    .fetch_one(db)
    .await?;
    Ok((row.there, row.here))
}

/// Fields that two had changed and nobody has decided about; at either end.
async fn conflicts(db: &mut PgConnection) -> Result<i64, Error> {
    Ok(sqlx::query_scalar!(
        r#"with open as (
               select o.id as event_id, f as field from sync_outbox o
               cross join lateral jsonb_object_keys(case when jsonb_typeof(o.conflicts) = 'object' then o.conflicts else '{}' end) f
               where o.conflicts is not null
               union all
               select event_id, field from sync_conflicts where seen_at is null
           )
           select count(*) as "count!" from open where not exists (
               select from audit_log a where a.subject_kind = 'sync_event' and a.subject_id = open.event_id
                   and a.act = 'conflict.decided' and a.after ->> 'field' = open.field)"#
    )
    .fetch_one(db)
    .await?)
}

/// The page behind the chip.
///
/// # Errors
/// [`Error::Forbidden`] for whoever may not see members.
pub async fn page(services: &Services, actor: &Actor) -> Result<SyncPage, Error> {
    actor.require(Permission::ViewMembers)?;
    let mut db = services.db.acquire().await?;
    let status = status_now(&mut db, services.now()).await?;
    let (branch, branches) = match status.mode {
        SyncMode::Alone => (None, Vec::new()),
        SyncMode::Branch => (Some(branch_page(&mut db).await?), Vec::new()),
        SyncMode::Headquarters => (None, branch_lines(&mut db, services.now()).await?),
    };
    let lost = lost::count(&mut db).await?;
    Ok(SyncPage { status, branch, branches, lost })
}

async fn branch_page(db: &mut PgConnection) -> Result<BranchPage, Error> {
    let contact = contact::contact(db).await?;
    let aside = aside(db).await?;
    let node = sqlx::query!("select in_step_at, audited_on from sync_node").fetch_one(&mut *db).await?;
    Ok(BranchPage {
        in_step_at: node.in_step_at,
        contact_at: contact.at,
        failing_since: contact.failing_since,
        failure: contact.failure,
        clock_skew_ms: contact.clock_skew_ms,
        waiting: waiting(db).await?,
        aside_there: aside.0,
        aside_here: aside.1,
        conflicts: conflicts(db).await?,
        rounds: contact.rounds,
        failures: contact.failures,
        audited_on: node.audited_on,
    })
}

async fn waiting(db: &mut PgConnection) -> Result<Vec<WaitingKind>, Error> {
    let tables = sqlx::query!(
        r#"select tbl, count(*) as "count!", min(at) as "oldest_at!" from sync_outbox where answer is null group by tbl"#
    )
    .fetch_all(db)
    .await?;
    let mut kinds = BTreeMap::new();
    for table in tables {
        let kind = event::kind(&table.tbl);
        let one = kinds.entry(kind).or_insert(WaitingKind { kind, count: 0, oldest_at: table.oldest_at });
        one.count += table.count;
        one.oldest_at = one.oldest_at.min(table.oldest_at);
    }
    Ok(kinds.into_values().collect())
}

async fn branch_lines(db: &mut PgConnection, now: DateTime<Utc>) -> Result<Vec<BranchLine>, Error> {
    let newest = MIGRATIONS.iter().map(|migration| migration.version).max().unwrap_or(0);
    Ok(sqlx::query_as!(
        BranchLine,
        r#"select s.branch_id, coalesce(b.name, s.role::text) as "name!", s.last_seen_at,
               (s.revoked_at is null and (s.last_seen_at is null or s.last_seen_at < $1)) as "silent!",
               s.waiting, s.version, coalesce(s.version < $2, false) as "behind!", s.clock_skew_ms,
               (select count(*) from sync_quarantine q where q.branch_id = s.branch_id and q.resolved_at is null) as "aside!",
               (select count(*) from sync_conflicts c where c.branch_id = s.branch_id and c.seen_at is null and not exists (
                    select from audit_log a where a.subject_kind = 'sync_event' and a.subject_id = c.event_id
                        and a.act = 'conflict.decided' and a.after ->> 'field' = c.field)) as "conflicts!",
               (select count(*) from sync_inbox i where i.branch_id = s.branch_id) as "received!",
               s.audited_on, s.audit_agreed,
               (select count(*) from sync_refusals r where r.branch_id = s.branch_id) as "refusals!",
               s.revoked_at
           from sync_branches s left join branches b on b.id = s.branch_id
           order by s.revoked_at is not null, b.code, s.role"#,
        now - SILENCE,
        newest
    )
    .fetch_all(db)
    .await?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn now() -> DateTime<Utc> {
        DateTime::from_timestamp(1_780_000_000, 0).expect("a moment")
    }

    fn facts() -> Facts {
        Facts {
            mode: SyncMode::Branch,
            own_rows_missing: false,
            in_contact: true,
            in_step_at: Some(now() - chrono::TimeDelta::seconds(12)),
            waiting: 0,
            aside: 0,
            conflicts: 0,
            branches: 3,
            silent: 0,
        }
    }

    #[test]
    fn the_chip_says_what_matters_most() {
        let hq = Facts { mode: SyncMode::Headquarters, ..facts() };
        let ago = |seconds| Some(now() - chrono::TimeDelta::seconds(seconds));
        for (facts, said) in [
            (facts(), Standing::InStep { seconds: 12 }),
            (Facts { waiting: 4, ..facts() }, Standing::InStep { seconds: 12 }),
            (Facts { waiting: 4, in_step_at: ago(31), ..facts() }, Standing::Sending { waiting: 4 }),
            (Facts { in_step_at: ago(31), ..facts() }, Standing::InStep { seconds: 31 }),
            (Facts { waiting: 4, in_step_at: None, ..facts() }, Standing::Sending { waiting: 4 }),
            (
                Facts { own_rows_missing: true, in_contact: false, aside: 1, ..facts() },
                Standing::OwnRowsMissing,
            ),
            (
                Facts { waiting: 37, aside: 1, in_contact: false, ..facts() },
                Standing::Offline { waiting: 37 },
            ),
            (
                Facts { waiting: 4, aside: 1, conflicts: 2, ..facts() },
                Standing::NeedsHeadquarters { count: 1 },
            ),
            (Facts { conflicts: 2, ..facts() }, Standing::ToDecide { count: 2 }),
            (hq, Standing::BranchesInStep { count: 3 }),
            (Facts { silent: 2, ..hq }, Standing::BranchesSilent { count: 2 }),
            (Facts { silent: 2, aside: 1, conflicts: 3, ..hq }, Standing::ToDecide { count: 4 }),
        ] {
            assert_eq!(standing(facts, now()), Some(said), "{facts:?}");
        }
    }

    proptest! {
        #[test]
        fn who_is_alone_has_no_chip_and_everybody_else_has_one(
            in_contact: bool, waiting in 0_i64..9, aside in 0_i64..9, conflicts in 0_i64..9, silent in 0_i64..9, headquarters: bool,
        ) {
            let facts = Facts { in_contact, waiting, aside, conflicts, silent, ..facts() };
            prop_assert_eq!(standing(Facts { mode: SyncMode::Alone, ..facts }, now()), None);
            let mode = if headquarters { SyncMode::Headquarters } else { SyncMode::Branch };
            let said = standing(Facts { mode, ..facts }, now());
            prop_assert!(said.is_some());
        }
    }
}
