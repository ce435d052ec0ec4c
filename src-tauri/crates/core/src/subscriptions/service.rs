//! Selling, renewing, taking over and voiding.
use crate::actor::Actor;
use crate::audit::{self, Change};
use crate::auth::model::Permission;
use crate::day::BranchCalendar;
use crate::error::Error;
use crate::gym::service::fetch_branch;
use crate::ids::{BranchId, MemberId, SubscriptionEventId, SubscriptionId, TransactionId};
use crate::members::form::text;
use crate::members::wire::ChooseMember;
use crate::payments::idempotency::{self, Key};
use crate::payments::ledger::{self, Charge, Header};
use crate::payments::model::{Settled, settle};
use crate::services::Services;
use crate::subscriptions::door::Moment;
use crate::subscriptions::draft::{Draft, draft};
use crate::subscriptions::listing::{list, voidable_until};
use crate::subscriptions::model::Period;
use crate::subscriptions::store::{self, Asked, NewEvent, Record, Scene};
use crate::subscriptions::wire::{
    EventKind, Offer, Sale, SalePreview, Sell, Status, Subscriptions, TakeOver, TakenOver, VoidSale, Voided,
};
use chrono::{DateTime, Datelike, NaiveDate, Utc};
use serde::Serialize;
use serde::de::DeserializeOwned;
use sqlx::PgConnection;

/// Characters of a reason.
const REASON_LENGTH: usize = 500;
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

/// Dates, visits and charge of an offer, before anything happens.
pub async fn sale_preview(services: &Services, actor: &Actor, offer: Offer) -> Result<SalePreview, Error> {
    actor.require(Permission::Sell)?;
    let branch = actor.branch()?;
    let mut db = services.db.acquire().await?;
    let scene = scene(&mut db, branch, asked(&offer, None)).await?;
    let today = business_day(&scene, services.now())?;
    let mut draft = draft(&offer, &scene, branch, today)?;
    if let (Offer::New { .. }, Some(plan)) = (&offer, &scene.plan) {
        let held = store::of_member(&mut db, draft.member).await?;
        if held
            .iter()
            .any(|record| record.terms.kind == plan.form.kind && runs_over(record, draft.period, today))
        {
            draft.warnings.push("already_running");
        }
    }
    Ok(draft.preview())
}

/// True when the member would have two of a kind at once.
fn runs_over(record: &Record, period: Period, today: NaiveDate) -> bool {
    let state = record.state();
    let lives = matches!(state.status(today, &record.used), Status::Active | Status::Upcoming);
    lives && state.last_day().is_some_and(|last| last >= period.starts_on)
}

/// Sells or renews: charge, payments, ledger, subscription, event and audit in one transaction, once per key.
pub async fn sell(services: &Services, actor: &Actor, request: Sell) -> Result<Sale, Error> {
    actor.require(Permission::Sell)?;
    let key = Key::of(request.idempotency_key, "sell", &request)?;
    let branch = actor.branch()?;
    let now = services.now();
    let mut db = services.db.acquire().await?;
    let mut scene = scene(&mut db, branch, asked(&request.offer, Some(&key))).await?;
    drop(db);
    if let Some(first) = key.answer(scene.answered.take())? {
        return Ok(first);
    }
    let today = business_day(&scene, now)?;
    let draft = draft(&request.offer, &scene, branch, today)?;
    agrees_with_preview(&request, &draft)?;
    let settled = settle(&draft.total, request.payments)?;
    let sale = Sale {
        transaction_id: TransactionId::new(now),
        subscription_id: match request.offer {
            Offer::New { .. } => SubscriptionId::new(now),
            Offer::Renew { subscription_id, .. } => subscription_id,
        },
        event_id: SubscriptionEventId::new(now),
        starts_on: draft.period.starts_on,
        ends_on: draft.period.ends_on,
        total: draft.total.clone(),
        change: settled.change.clone(),
    };
    let written = write_sale(services, actor, &key, &scene, &draft, &settled, &sale, today, now).await;
    first_of_two(services, &key, written.map(|()| sale)).await
}

/// The member pays what the preview said, for the days it said.
fn agrees_with_preview(request: &Sell, draft: &Draft) -> Result<(), Error> {
    if request.expected_total.currency != draft.total.currency {
        return Err(Error::invalid("expected_total", "currency_wrong"));
    }
    if request.expected_total != draft.total {
        let params = serde_json::json!({ "minor": draft.total.minor, "currency": draft.total.currency });
        return Err(Error::Conflict { code: "price_changed", params });
    }
    if request.expected_starts_on.is_some_and(|day| day != draft.period.starts_on) {
        let params = serde_json::json!({ "starts_on": draft.period.starts_on });
        return Err(Error::Conflict { code: "dates_changed", params });
    }
    Ok(())
}

#[expect(clippy::too_many_arguments, reason = "everything that was decided before the transaction begins")]
async fn write_sale(
    services: &Services,
    actor: &Actor,
    key: &Key,
    scene: &Scene,
    draft: &Draft,
    settled: &Settled,
    sale: &Sale,
    today: NaiveDate,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    let renewed = scene.record.as_ref();
    let header = Header {
        id: sale.transaction_id,
        kind: if renewed.is_some() { "renewal" } else { "sale" },
        at: now,
        business_day: today,
        idempotency_key: key.id,
        reverses: None,
        reason: None,
    };
    let charge = Charge {
        member: draft.member,
        subscription: sale.subscription_id,
        description: &draft.plan_name,
        amount: &draft.total,
        payments: &settled.payments,
    };
    let event = NewEvent {
        id: sale.event_id,
        subscription: sale.subscription_id,
        seq: renewed.map_or(1, Record::next_seq),
        kind: if renewed.is_some() { EventKind::Renewed } else { EventKind::Sold },
        at: now,
        business_day: today,
        period: Some(draft.period),
        visits: draft.visits,
        voids: None,
        reason: None,
        transaction: sale.transaction_id,
    };
    let mut tx = services.db.begin().await?;
    idempotency::remember(&mut tx, key, sale, now).await?;
    if let (None, Some(plan)) = (renewed, &scene.plan) {
        let anchor = draft.period.starts_on.day();
        store::insert(&mut tx, sale.subscription_id, actor.branch()?, draft.member, plan, anchor, now)
            .await?;
    }
    ledger::open(&mut tx, actor, header).await?;
    store::add_event(&mut tx, actor, event).await?;
    ledger::charge(&mut tx, header, charge).await?;
    let act = if renewed.is_some() { "subscription.renewed" } else { "subscription.sold" };
    audited(&mut tx, actor, now, act, sale.subscription_id, sale).await?;
    tx.commit().await?;
    Ok(())
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
    let branch = actor.branch()?;
    let asked = Asked {
        key: Some(key.id),
        member: Some(request.member_id),
        plan: Some(request.plan_id),
        subscription: None,
    };
    let mut scene = scene(db, branch, asked).await?;
    if let Some(first) = key.answer(scene.answered.take())? {
        return Ok(first);
    }
    let today = business_day(&scene, now)?;
    let member = scene.member.ok_or(Error::NotFound("member"))?;
    let plan = scene.plan.as_ref().ok_or(Error::NotFound("plan"))?;
    let period = imported_period(request, today)?;
    let visits = imported_visits(plan.form.visits, request.visits_left)?;
    let taken = TakenOver {
        transaction_id: TransactionId::new(now),
        subscription_id: SubscriptionId::new(now),
        event_id: SubscriptionEventId::new(now),
    };
    let header = Header {
        id: taken.transaction_id,
        kind: "take_over",
        at: now,
        business_day: today,
        idempotency_key: key.id,
        reverses: None,
        reason: None,
    };
    let event = NewEvent {
        id: taken.event_id,
        subscription: taken.subscription_id,
        seq: 1,
        kind: EventKind::TakenOver,
        at: now,
        business_day: today,
        period: Some(period),
        visits,
        voids: None,
        reason: None,
        transaction: taken.transaction_id,
    };
    idempotency::remember(db, &key, &taken, now).await?;
    store::insert(db, taken.subscription_id, branch, member, plan, period.starts_on.day(), now).await?;
    ledger::open(db, actor, header).await?;
    store::add_event(db, actor, event).await?;
    audited(db, actor, now, "subscription.taken_over", taken.subscription_id, request).await?;
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

/// Takes back the last sale, renewal or take-over of a subscription, within 15 minutes and at the branch that
/// made it: the ledger is reversed and the event voided. Entries made meanwhile stay what they are.
pub async fn void_sale(services: &Services, actor: &Actor, request: VoidSale) -> Result<Voided, Error> {
    actor.require(Permission::VoidSale)?;
    let key = Key::of(request.idempotency_key, "void_sale", &request)?;
    let reason =
        text("reason", &request.reason, REASON_LENGTH)?.ok_or(Error::invalid("reason", "required"))?;
    let branch = actor.branch()?;
    let now = services.now();
    let mut db = services.db.acquire().await?;
    if let Some(first) = idempotency::recall(&mut db, &key).await? {
        return Ok(first);
    }
    let sold = store::sale(&mut db, request.transaction_id).await?.ok_or(Error::NotFound("sale"))?;
    let asked = Asked { subscription: Some(sold.subscription_id), ..Asked::default() };
    let scene = scene(&mut db, branch, asked).await?;
    let today = business_day(&scene, now)?;
    let record = scene.record.ok_or(Error::NotFound("sale"))?;
    may_be_voided(&record, sold.event_id, branch, now)?;
    let returned = ledger::payments_of(&mut db, request.transaction_id).await?;
    drop(db);
    let voided = Voided { transaction_id: TransactionId::new(now), returned };
    let header = Header {
        id: voided.transaction_id,
        kind: "void",
        at: now,
        business_day: today,
        idempotency_key: key.id,
        reverses: Some(request.transaction_id),
        reason: Some(&reason),
    };
    let event = NewEvent {
        id: SubscriptionEventId::new(now),
        subscription: sold.subscription_id,
        seq: record.next_seq(),
        kind: EventKind::Voided,
        at: now,
        business_day: today,
        period: None,
        visits: None,
        voids: Some(sold.event_id),
        reason: Some(&reason),
        transaction: voided.transaction_id,
    };
    let write = async || {
        let mut tx = services.db.begin().await?;
        idempotency::remember(&mut tx, &key, &voided, now).await?;
        ledger::open(&mut tx, actor, header).await?;
        ledger::reverse(&mut tx, header, request.transaction_id).await?;
        store::add_event(&mut tx, actor, event).await?;
        audited(&mut tx, actor, now, "subscription.sale_voided", sold.subscription_id, &request).await?;
        tx.commit().await?;
        Ok(())
    };
    let written = write().await.map(|()| voided.clone());
    first_of_two(services, &key, written).await
}

fn may_be_voided(
    record: &Record,
    event: SubscriptionEventId,
    branch: BranchId,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    if record.events.iter().any(|other| other.voids_event_id == Some(event)) {
        return Err(Error::conflict("already_voided"));
    }
    let event = record.events.iter().find(|row| row.id == event).ok_or(Error::NotFound("sale"))?;
    if event.branch_id != branch {
        return Err(Error::conflict("sold_elsewhere"));
    }
    match voidable_until(event, &record.state(), branch) {
        None => Err(Error::conflict("not_last_sale")),
        Some(until) if now > until => Err(Error::conflict("void_too_late")),
        Some(_) => Ok(()),
    }
}

/// The caller that came second with the same key gets what the first got.
async fn first_of_two<T: DeserializeOwned>(
    services: &Services,
    key: &Key,
    written: Result<T, Error>,
) -> Result<T, Error> {
    match written {
        // Whatever refused the second, it may have been the first's own rows.
        Err(error) if idempotency::was_raced(&error) => {
            let mut db = services.db.acquire().await?;
            idempotency::recall(&mut db, key).await?.ok_or(error)
        }
        other => other,
    }
}

fn asked(offer: &Offer, key: Option<&Key>) -> Asked {
    let key = key.map(|key| key.id);
    match offer {
        Offer::New { member_id, plan_id, .. } => {
            Asked { key, member: Some(*member_id), plan: Some(*plan_id), subscription: None }
        }
        Offer::Renew { subscription_id, .. } => {
            Asked { key, member: None, plan: None, subscription: Some(*subscription_id) }
        }
    }
}

async fn scene(db: &mut PgConnection, branch: BranchId, asked: Asked) -> Result<Scene, Error> {
    store::scene(db, branch, asked).await?.ok_or(Error::NotFound("branch"))
}

fn business_day(scene: &Scene, now: DateTime<Utc>) -> Result<NaiveDate, Error> {
    let zone = scene
        .time_zone
        .parse()
        .map_err(|_| Error::Internal(format!("unknown time zone {}", scene.time_zone)))?;
    let day_starts_at = u32::try_from(scene.day_starts_at).unwrap_or(0);
    Ok(BranchCalendar { zone, day_starts_at }.business_day(now))
}

async fn audited(
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
