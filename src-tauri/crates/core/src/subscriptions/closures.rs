//! Days on which the gym is shut: whoever could have come gets them back.
use crate::actor::Actor;
use crate::auth::model::Permission;
use crate::error::Error;
use crate::gym::service::fetch_branch;
use crate::ids::{BranchId, SubscriptionEventId, SubscriptionId};
use crate::members::form::text;
use crate::sales::void::REASON_LENGTH;
use crate::services::Services;
use crate::subscriptions::model::{Event, Happening, Period, State, fold};
use crate::subscriptions::service::audited_closure;
use crate::subscriptions::store::{self, NewEvent, Record, offered};
use crate::subscriptions::wire::{
    Close, Closure, ClosureGiven, ClosurePreview, Closures, EventKind, ExtendedRow,
};
use sqlx::PgConnection;

/// Days of one closure at most.
const MOST_DAYS: i64 = 366;
/// Closures shown.
const SHOWN: i64 = 100;

/// A subscription with the days of the closure that it ran on.
struct Missed {
    record: Record,
    member_name: String,
    member_number: String,
    days: i32,
}

impl Missed {
    /// How it ends before and after; the same fold as when it is read later.
    fn row(self, closure: Period) -> Option<ExtendedRow> {
        let mut life = self.record.life();
        let (before, on) = (self.record.state(), closure.starts_on);
        let days = i64::from(self.days);
        let what = Happening::Given { on, days, visits: None };
        // Nothing refers to an event that has not happened yet.
        life.push(Event { id: SubscriptionEventId(uuid::Uuid::nil()), on, what });
        Some(ExtendedRow {
            subscription_id: self.record.sold.id,
            member_id: self.record.sold.member_id,
            member_name: self.member_name,
            member_number: self.member_number,
            plan_name: self.record.sold.plan_name,
            days: self.days,
            ends_on: before.span(on)?.ends_on,
            new_ends_on: fold(&self.record.terms, &life).span(on)?.ends_on,
        })
    }
}

/// Which subscriptions get how many days, and how they end then, before anything happens.
pub async fn preview(services: &Services, actor: &Actor, request: Close) -> Result<ClosurePreview, Error> {
    actor.require(Permission::GiftDays)?;
    let mut db = services.db.acquire().await?;
    let closure = checked(&request)?;
    let missed = missed(&mut db, actor.branch()?, closure).await?;
    let rows: Vec<ExtendedRow> = missed.into_iter().filter_map(|one| one.row(closure)).collect();
    let subscriptions = i64::try_from(rows.len()).unwrap_or(i64::MAX);
    Ok(ClosurePreview { subscriptions, days: rows.iter().map(|row| i64::from(row.days)).sum(), rows })
}

fn checked(request: &Close) -> Result<Period, Error> {
    let closure = Period { starts_on: request.from_on, ends_on: request.until_on };
    if !(1..=MOST_DAYS).contains(&closure.days()) {
        return Err(Error::invalid("until_on", "out_of_range"));
    }
    Ok(closure)
}

/// The subscriptions of the branch's members that a closure keeps from coming.
async fn missed(db: &mut PgConnection, branch: BranchId, closure: Period) -> Result<Vec<Missed>, Error> {
    // Coarse: events only ever move an end later, so what ended for good long before is left out by its last period.
    let found = sqlx::query!(
        r#"select s.id as "id: SubscriptionId", m.full_name, m.number
           from subscriptions s join members m on m.id = s.member_id
           where s.branch_id = $1
             and exists (select from subscription_events e where e.subscription_id = s.id and e.starts_on <= $3)
             and exists (select from subscription_events e where e.subscription_id = s.id
                         and coalesce(e.ends_on, e.starts_on) > $2::date - 1100)
           order by lower(m.full_name), m.id, s.id"#,
        branch.0,
        closure.starts_on,
        closure.ends_on
    )
    .fetch_all(&mut *db)
    .await?;
    let mut missed = Vec::new();
    for row in found {
        let Some(record) = offered(db, None, Some(row.id)).await?.record else { continue };
        let days = missed_days(&record.state(), closure);
        if days > 0 {
            missed.push(Missed {
                record,
                member_name: row.full_name,
                member_number: row.number,
                days: i32::try_from(days).unwrap_or(0),
            });
        }
    }
    Ok(missed)
}

/// Days of the closure on which it ran and was not frozen.
fn missed_days(state: &State, closure: Period) -> i64 {
    let mut day = Some(closure.starts_on);
    let mut days = 0;
    while let Some(one) = day.filter(|day| *day <= closure.ends_on) {
        if state.remaining_days(one).is_some() && state.frozen(one).is_none() {
            days += 1;
        }
        day = one.succ_opt();
    }
    days
}

/// Records the closure and gives the days back, once per subscription, all in one transaction.
pub async fn close(services: &Services, actor: &Actor, request: Close) -> Result<ClosureGiven, Error> {
    actor.require(Permission::GiftDays)?;
    let closure = checked(&request)?;
    let reason =
        text("reason", &request.reason, REASON_LENGTH)?.ok_or(Error::invalid("reason", "required"))?;
    let branch = actor.branch()?;
    let now = services.now();
    let mut tx = services.db.begin().await?;
    let today = fetch_branch(&mut tx, branch).await?.calendar()?.business_day(now);
    let stored = sqlx::query!(
        "insert into closures (id, branch_id, from_on, until_on, reason, at, account_id) values ($1, $2, $3, $4, $5, $6, $7)
         on conflict on constraint closures_pkey do nothing",
        request.id.0,
        branch.0,
        closure.starts_on,
        closure.ends_on,
        reason,
        now,
        actor.account().map(|id| id.0)
    )
    .execute(&mut *tx)
    .await
    .map_err(|error| match Error::constraint(&error) {
        Some("closures_no_overlap") => Error::conflict("already_closed"),
        _ => error.into(),
    })?;
    if stored.rows_affected() == 0 {
        return told(&mut tx, request.id.0).await;
    }
    let missed = missed(&mut tx, branch, closure).await?;
    for one in &missed {
        let event = NewEvent {
            starts_on: Some(closure.starts_on),
            days: Some(one.days),
            closure: Some(request.id),
            reason: Some(&reason),
            ..NewEvent::new(one.record.sold.id, one.record.next_seq(), EventKind::Extended, now, today)
        };
        store::add_event(&mut tx, actor, event).await?;
    }
    audited_closure(&mut tx, actor, now, &request).await?;
    let done = told(&mut tx, request.id.0).await?;
    tx.commit().await?;
    Ok(done)
}

async fn told(db: &mut PgConnection, closure: uuid::Uuid) -> Result<ClosureGiven, Error> {
    Ok(sqlx::query_as!(
        ClosureGiven,
        r#"select count(*) as "subscriptions!", coalesce(sum(days), 0)::bigint as "days!" from subscription_events where closure_id = $1"#,
        closure
    )
    .fetch_one(db)
    .await?)
}

/// Closures of the branch, latest first.
pub async fn list(services: &Services, actor: &Actor) -> Result<Closures, Error> {
    actor.require(Permission::ViewMembers)?;
    let rows = sqlx::query_as!(
        Closure,
        r#"select id as "id: crate::ids::ClosureId", from_on, until_on, reason, at,
               (select count(*) from subscription_events e where e.closure_id = c.id) as "subscriptions!"
           from closures c where branch_id = $1 order by from_on desc limit $2"#,
        actor.branch()?.0,
        SHOWN
    )
    .fetch_all(&services.db)
    .await?;
    Ok(Closures { rows })
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::NaiveDate;

    fn day(text: &str) -> NaiveDate {
        text.parse().expect("a day")
    }

    fn period(from: &str, to: &str) -> Period {
        Period { starts_on: day(from), ends_on: day(to) }
    }

    #[test]
    fn only_days_that_could_have_been_used_come_back() {
        let id = |number| SubscriptionEventId(uuid::Uuid::from_u128(number));
        let terms = crate::subscriptions::model::tests::terms();
        let events = [
            Event {
                id: id(1),
                on: day("2026-01-01"),
                what: Happening::Granted { period: period("2026-01-01", "2026-01-31"), visits: None },
            },
            Event {
                id: id(2),
                on: day("2026-01-09"),
                what: Happening::Frozen { period: period("2026-01-10", "2026-01-14") },
            },
        ];
        let state: State = fold(&terms, &events);
        for (closure, days) in [
            (period("2026-01-05", "2026-01-06"), 2),
            (period("2026-01-09", "2026-01-11"), 1),
            (period("2026-01-10", "2026-01-14"), 0),
            (period("2025-12-25", "2026-01-02"), 2),
            // It ends five days later for the freeze.
            (period("2026-02-05", "2026-02-10"), 1),
            (period("2026-02-06", "2026-02-10"), 0),
        ] {
            assert_eq!(missed_days(&state, closure), days, "{closure:?}");
        }
    }
}
