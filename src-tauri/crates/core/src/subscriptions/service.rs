//! A member's subscriptions, and taking them over from an old system.
use crate::actor::Actor;
use crate::audit::{self, Change};
use crate::auth::model::Permission;
use crate::error::Error;
use crate::gym::service::fetch_branch;
use crate::ids::{BranchId, MemberId, SubscriptionId, TransactionId};
use crate::members::wire::ChooseMember;
use crate::payments::idempotency::{self, Key};
use crate::payments::posting::{Header, Kind, Posting};
use crate::sales::service::first_of_two;
use crate::sales::store::counter;
use crate::services::Services;
use crate::subscriptions::door::Moment;
use crate::subscriptions::listing::list;
use crate::subscriptions::model::Period;
use crate::subscriptions::store::{self, NewEvent};
use crate::subscriptions::wire::{Close, EventKind, Subscriptions, TakeOver, TakenOver};
use chrono::{DateTime, Datelike, NaiveDate, Utc};
use serde::Serialize;
use sqlx::PgConnection;

/// Years an imported subscription may lie in.
const IMPORTED_YEARS: std::ops::RangeInclusive<i32> = 1990..=2199;

/// All subscriptions of a member, newest first. Amounts of the past are for those who may see money.
pub async fn member_subscriptions(
    services: &Services,
    actor: &Actor,
    request: ChooseMember,
) -> Result<Subscriptions, Error> {
    actor.require(Permission::ViewMembers)?;
    let mut db = services.db.acquire().await?;
    let branch = fetch_branch(&mut db, actor.branch()?).await?;
    let home_branch = home_branch(&mut db, request.member_id).await?;
    let moment = Moment { at: services.now(), calendar: branch.calendar()?, branch: branch.id, home_branch };
    let records = store::of_member(&mut db, request.member_id).await?;
    let with_amounts = actor.require(Permission::SeeMoney).is_ok();
    Ok(Subscriptions { rows: list(&records, &moment, &branch.currency, with_amounts) })
}

async fn home_branch(db: &mut PgConnection, member: MemberId) -> Result<BranchId, Error> {
    sqlx::query_scalar!(
        r#"select home_branch_id as "id: BranchId" from members where id = $1 and deleted_at is null"#,
        member.0
    )
    .fetch_optional(db)
    .await?
    .ok_or(Error::NotFound("member"))
}

/// Brings over a subscription that runs in an old system, with the dates it has there. Nothing is charged.
pub async fn take_over(services: &Services, actor: &Actor, request: TakeOver) -> Result<TakenOver, Error> {
    actor.require(Permission::TakeOver)?;
    let key = Key::of(request.idempotency_key, "take_over", &request)?;
    let write = async || {
        let mut tx = services.db.begin().await?;
        let taken = take_over_within(&mut tx, actor, services.now(), &request).await?;
        tx.commit().await?;
        Ok(taken)
    };
    let written = write().await;
    first_of_two(services, &key, written).await
}

/// The step of [`take_over`] inside somebody else's transaction (an import). A failure leaves rows behind that the
/// caller's rollback has to take away.
pub async fn take_over_within(
    db: &mut PgConnection,
    actor: &Actor,
    now: DateTime<Utc>,
    request: &TakeOver,
) -> Result<TakenOver, Error> {
    let key = Key::of(request.idempotency_key, "take_over", request)?;
    let (counter, answered) = counter(db, actor, Some(request.member_id), Some(key.id), now).await?;
    if let Some(first) = key.answer(answered)? {
        return Ok(first);
    }
    let today = counter.today;
    let offered = store::offered(db, Some(request.plan_id), None).await?;
    let plan = offered.plan.as_ref().ok_or(Error::NotFound("plan"))?;
    let period = imported_period(request, today)?;
    let visits = imported_visits(plan.form.visits, request.visits_left)?;
    let id = SubscriptionId::new(now);
    let posting = Posting::new(Header {
        id: TransactionId::new(now),
        kind: Kind::TakeOver,
        at: now,
        business_day: today,
        currency: counter.currency.clone(),
        idempotency_key: key.id,
        reverses: None,
        reason: None,
    });
    let event = NewEvent {
        starts_on: Some(period.starts_on),
        ends_on: Some(period.ends_on),
        visits,
        transaction: Some(posting.header().id),
        ..NewEvent::new(id, 1, EventKind::TakenOver, now, today)
    };
    let taken = TakenOver { transaction_id: posting.header().id, subscription_id: id, event_id: event.id };
    posting.write(db, actor).await?;
    let anchor = period.starts_on.day();
    store::insert(db, id, counter.branch, request.member_id, plan, anchor, None, now).await?;
    store::add_event(db, actor, event).await?;
    idempotency::remember(db, &key, &taken, now).await?;
    audited(db, actor, now, "subscription.taken_over", id, request).await?;
    Ok(taken)
}

fn imported_period(request: &TakeOver, today: NaiveDate) -> Result<Period, Error> {
    for (field, day) in [("starts_on", request.starts_on), ("ends_on", request.ends_on)] {
        if !IMPORTED_YEARS.contains(&day.year()) {
            return Err(Error::invalid(field, "out_of_range"));
        }
    }
    if request.ends_on < request.starts_on {
        return Err(Error::invalid("ends_on", "ends_before_start"));
    }
    if request.ends_on < today {
        return Err(Error::invalid("ends_on", "in_past"));
    }
    Ok(Period { starts_on: request.starts_on, ends_on: request.ends_on })
}

/// Visits are carried over where the plan counts them, and only there.
fn imported_visits(of_plan: Option<i32>, left: Option<i32>) -> Result<Option<i32>, Error> {
    match (of_plan, left) {
        (Some(_), None) => Err(Error::invalid("visits_left", "required")),
        (None, Some(_)) => Err(Error::invalid("visits_left", "visits_not_counted")),
        (_, Some(left)) if !(0..=10_000).contains(&left) => {
            Err(Error::invalid("visits_left", "out_of_range"))
        }
        (_, left) => Ok(left),
    }
}

pub(crate) async fn audited(
    db: &mut PgConnection,
    actor: &Actor,
    now: DateTime<Utc>,
    act: &str,
    subscription: SubscriptionId,
    after: &impl Serialize,
) -> Result<(), Error> {
    let after = serde_json::to_value(after).map_err(|error| Error::Internal(error.to_string()))?;
    let change = Change {
        act,
        subject_kind: "subscription",
        subject: Some(subscription.0),
        before: None,
        after: Some(after),
    };
    audit::record(db, actor, now, change).await
}

pub(crate) async fn audited_closure(
    db: &mut PgConnection,
    actor: &Actor,
    now: DateTime<Utc>,
    closure: &Close,
) -> Result<(), Error> {
    let change = Change {
        act: "branch.closed",
        subject_kind: "closure",
        subject: Some(closure.id.0),
        before: None,
        after: Some(serde_json::json!(closure)),
    };
    audit::record(db, actor, now, change).await
}
