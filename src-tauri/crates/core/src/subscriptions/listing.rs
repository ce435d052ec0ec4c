//! Subscriptions as the member page shows them.
use crate::ids::BranchId;
use crate::money::Money;
use crate::subscriptions::door::{Moment, choose};
use crate::subscriptions::model::{Freeze, Period, State};
use crate::subscriptions::store::{EventRow, Record};
use crate::subscriptions::wire::{EventKind, Status, Subscription, SubscriptionEvent};
use chrono::{DateTime, NaiveDate, TimeDelta, Utc};

/// How long a sale can be voided.
pub const VOID_WINDOW: TimeDelta = TimeDelta::minutes(15);

/// Newest first, as they came.
pub fn list(records: &[Record], moment: &Moment, currency: &str, with_amounts: bool) -> Vec<Subscription> {
    let held: Vec<_> = records.iter().map(Record::held).collect();
    let opening = choose(&held, moment).ok().map(|opening| opening.id);
    records
        .iter()
        .map(|record| {
            let mut shown = show(record, moment, currency, with_amounts);
            shown.opens_door = opening == Some(shown.id);
            shown
        })
        .collect()
}

fn show(record: &Record, moment: &Moment, currency: &str, with_amounts: bool) -> Subscription {
    let today = moment.today();
    let state = record.state();
    // Of one that was taken back entirely, the days it had been sold for.
    let span = state
        .span(today)
        .or_else(|| first_period(record))
        .unwrap_or(Period { starts_on: today, ends_on: today });
    // Before it starts and after its end, the visits of the nearest day that has any.
    let visit_day = today.clamp(span.starts_on, span.ends_on);
    let freeze = state.freeze_from(today);
    Subscription {
        id: record.sold.id,
        plan_id: record.sold.plan_id,
        plan_name: record.sold.plan_name.clone(),
        kind: record.sold.terms.kind,
        duration_unit: record.sold.terms.duration_unit,
        duration_count: record.sold.terms.duration_count,
        status: status(record, &state, today),
        starts_on: span.starts_on,
        ends_on: span.ends_on,
        remaining_days: state.remaining_days(today),
        visits_total: state.visits_granted(visit_day),
        visits_left: state.visits_left(visit_day, &record.used),
        freeze_days_remaining: state.freeze_days_remaining(&record.terms, today),
        frozen_from: freeze.map(|freeze| freeze.from),
        frozen_until: freeze.map(Freeze::until),
        cancelled_on: state.last_day,
        auto_renew: state.auto_renew,
        predecessor_id: record.sold.predecessor_id,
        overdue_since: record.due_since.filter(|due| *due < today),
        trainer: record.sold.trainer.clone(),
        opens_door: false,
        owed: Money::new(record.owed, currency),
        events: record
            .events
            .iter()
            .map(|event| show_event(event, record, &state, moment, with_amounts))
            .collect(),
    }
}

/// What it is today, what is owed for it considered: one that runs and is not paid is overdue.
pub fn status(record: &Record, state: &State, today: NaiveDate) -> Status {
    match state.status(today, &record.used) {
        Status::Active if record.due_since.is_some_and(|due| due < today) => Status::Overdue,
        other => other,
    }
}

fn first_period(record: &Record) -> Option<Period> {
    let first = record.events.first()?;
    Some(Period { starts_on: first.starts_on?, ends_on: first.ends_on? })
}

fn show_event(
    event: &EventRow,
    record: &Record,
    state: &State,
    moment: &Moment,
    with_amounts: bool,
) -> SubscriptionEvent {
    let voidable_until =
        voidable_until(event, record, state, moment.branch).filter(|until| moment.at <= *until);
    let amount = event.charged.zip(event.currency.clone());
    SubscriptionEvent {
        id: event.id,
        kind: event.kind,
        at: event.at,
        starts_on: event.starts_on,
        ends_on: event.ends_on,
        visits: event.visits,
        days: event.days,
        successor_id: event.successor_id,
        by: event.by.clone(),
        reason: event.reason.clone(),
        transaction_id: event.ledger_transaction_id,
        // Who sold it a moment ago has seen the price.
        amount: amount
            .filter(|_| with_amounts || voidable_until.is_some())
            .map(|(minor, currency)| Money::new(minor, currency)),
        voided: record.events.iter().any(|other| other.voids_event_id == Some(event.id)),
        voidable_until,
    }
}

/// Until when this event can be taken back: only the last one, only at the branch that made it, and only what was
/// sold or taken over.
pub fn voidable_until(
    event: &EventRow,
    record: &Record,
    state: &State,
    branch: BranchId,
) -> Option<DateTime<Utc>> {
    let grants = matches!(event.kind, EventKind::Sold | EventKind::Renewed | EventKind::TakenOver);
    let is_last = state.grants.last().is_some_and(|grant| grant.event == event.id);
    let taken_back = |id| {
        record.events.iter().any(|other| other.voids_event_id == Some(id) || other.about_event_id == Some(id))
    };
    // A freeze or a gift since then stands on it.
    let stands_alone = record.events.iter().filter(|other| other.seq > event.seq).all(|other| {
        other.voids_event_id.is_some() || other.about_event_id.is_some() || taken_back(other.id)
    });
    let is_ours = event.branch_id == branch && event.ledger_transaction_id.is_some();
    (grants && is_last && stands_alone && is_ours).then(|| event.at + VOID_WINDOW)
}
