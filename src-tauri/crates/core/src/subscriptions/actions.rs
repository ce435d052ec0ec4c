//! What can be done to a subscription: pure, from how it stands to the event and how it stands after it. The preview
//! shows the outcome, the service commits it.
use crate::day::end_day;
use crate::error::Error;
use crate::ids::{SubscriptionEventId, SubscriptionId};
use crate::plans::model::duration;
use crate::subscriptions::listing;
use crate::subscriptions::model::{Columns, Event, Freeze, Period, State, fold};
use crate::subscriptions::store::{PlanOnOffer, Record};
use crate::subscriptions::wire::{Act, CancelWhen, EventKind, Standing, Status};
use chrono::{DateTime, Datelike, Days, NaiveDate, Utc};

/// Days of one gift or freeze at most.
const MOST_DAYS: i32 = 366;
/// How far ahead a freeze may begin.
const AHEAD: Days = Days::new(366);

/// What an act comes to.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Of the event; its id, sequence and reason are the caller's.
    pub event: Columns,
    pub after: State,
    /// The subscription that goes on: its first period, and its visits if they are counted.
    pub successor: Option<(Period, Option<i32>)>,
    /// True when only somebody who may waive terms can do it.
    pub needs_waiver: bool,
    pub warnings: Vec<&'static str>,
}

/// Decides about an act on `today`. `plan` is the one to change to.
///
/// # Errors
/// [`Error::Conflict`] with `not_running`, `already_frozen`, `not_frozen`, `already_cancelled`, `not_cancelled`,
/// `plan_archived`, `same_member`, `nothing_left`; [`Error::Invalid`] for days or visits out of range.
pub fn decide(
    record: &Record,
    act: &Act,
    plan: Option<&PlanOnOffer>,
    today: NaiveDate,
    now: DateTime<Utc>,
) -> Result<Outcome, Error> {
    let state = record.state();
    let mut decided = Decided {
        columns: Columns {
            id: SubscriptionEventId::new(now),
            kind: EventKind::Frozen,
            business_day: today,
            starts_on: None,
            ends_on: None,
            visits: None,
            days: None,
            voids: None,
            about: None,
        },
        successor: None,
        needs_waiver: false,
        warnings: Vec::new(),
    };
    match act {
        Act::Freeze { from, days } => decided.freeze(record, &state, from.unwrap_or(today), *days, today)?,
        Act::Thaw => decided.thaw(&state, today)?,
        Act::Gift { days, visits } => decided.gift(record, &state, *days, *visits, today)?,
        Act::Cancel { when } => decided.cancel(record, &state, *when, today)?,
        Act::Reinstate => decided.reinstate(record, &state, today)?,
        Act::Change { keep_end, from, .. } => {
            let plan = plan.ok_or(Error::NotFound("plan"))?;
            decided.change(record, &state, plan, *keep_end, from.unwrap_or(today), today)?;
        }
        Act::Transfer { to_member_id, from } => {
            if *to_member_id == record.sold.member_id {
                return Err(Error::conflict("same_member"));
            }
            decided.transfer(record, &state, from.unwrap_or(today), today)?;
        }
        Act::AutoRenew { on } => {
            lives(record, &state, today)?;
            decided.columns.kind = if *on { EventKind::AutoRenewOn } else { EventKind::AutoRenewOff };
        }
    }
    let mut life = record.life();
    life.extend(decided.columns.read());
    Ok(Outcome {
        after: fold(&record.terms, &life),
        event: decided.columns,
        successor: decided.successor,
        needs_waiver: decided.needs_waiver,
        warnings: decided.warnings,
    })
}

struct Decided {
    columns: Columns,
    successor: Option<(Period, Option<i32>)>,
    needs_waiver: bool,
    warnings: Vec<&'static str>,
}

/// Runs, or is to come, and is not at its end for good.
fn lives(record: &Record, state: &State, today: NaiveDate) -> Result<(), Error> {
    match state.status(today, &record.used) {
        Status::Upcoming | Status::Active | Status::Overdue | Status::Frozen => Ok(()),
        Status::Expired | Status::Cancelled | Status::Completed => Err(Error::conflict("not_running")),
    }
}

/// First day of the subscription that goes on in the place of this one.
fn succeeds_on(
    record: &Record,
    state: &State,
    from: NaiveDate,
    today: NaiveDate,
) -> Result<NaiveDate, Error> {
    lives(record, state, today)?;
    if from < today {
        return Err(Error::invalid("from", "out_of_range"));
    }
    if state.frozen(from).is_some() {
        return Err(Error::conflict("already_frozen"));
    }
    let span = state.span(from).ok_or(Error::conflict("not_running"))?;
    if from > span.ends_on {
        return Err(Error::conflict("not_running"));
    }
    Ok(span.starts_on.max(from))
}

/// Last day of the minimum term.
fn minimum_term_ends(record: &Record, state: &State) -> Option<NaiveDate> {
    let days = u64::try_from(record.terms.minimum_term_days).unwrap_or(0);
    state.start()?.checked_add_days(Days::new(days))?.pred_opt()
}

impl Decided {
    fn freeze(
        &mut self,
        record: &Record,
        state: &State,
        from: NaiveDate,
        days: i32,
        today: NaiveDate,
    ) -> Result<(), Error> {
        if !(1..=MOST_DAYS).contains(&days) {
            return Err(Error::invalid("days", "out_of_range"));
        }
        if from < today || today.checked_add_days(AHEAD).is_none_or(|latest| from > latest) {
            return Err(Error::invalid("from", "out_of_range"));
        }
        let running = state.span(from).is_some_and(|span| span.contains(from));
        let alive = !matches!(
            state.status(today, &record.used),
            Status::Expired | Status::Cancelled | Status::Completed
        );
        if !running || !alive {
            return Err(Error::conflict("not_running"));
        }
        let until = from
            .checked_add_days(Days::new(u64::try_from(days - 1).unwrap_or(0)))
            .ok_or(Error::invalid("days", "out_of_range"))?;
        let overlaps = |freeze: &Freeze| freeze.days > 0 && freeze.from <= until && freeze.until() >= from;
        if state.freezes.iter().any(overlaps) {
            return Err(Error::conflict("already_frozen"));
        }
        if state.freeze_days_remaining(&record.terms, from) < i64::from(days) {
            self.needs_waiver = true;
            self.warnings.push("freeze_limit");
        }
        self.columns.kind = EventKind::Frozen;
        self.columns.starts_on = Some(from);
        self.columns.ends_on = Some(until);
        Ok(())
    }

    fn thaw(&mut self, state: &State, today: NaiveDate) -> Result<(), Error> {
        let freeze = state.freeze_from(today).ok_or(Error::conflict("not_frozen"))?;
        self.columns.kind = EventKind::Thawed;
        self.columns.starts_on = Some(today);
        self.columns.about = Some(freeze.event);
        Ok(())
    }

    fn gift(
        &mut self,
        record: &Record,
        state: &State,
        days: i32,
        visits: i32,
        today: NaiveDate,
    ) -> Result<(), Error> {
        if !(0..=MOST_DAYS).contains(&days) || (days == 0 && visits == 0) {
            return Err(Error::invalid("days", "out_of_range"));
        }
        if !(0..=1000).contains(&visits) {
            return Err(Error::invalid("visits", "out_of_range"));
        }
        if visits > 0 && record.terms.visits.is_none() {
            return Err(Error::invalid("visits", "visits_not_counted"));
        }
        // A pack that is used up within its days takes visits.
        let is_over = state.end().is_none_or(|end| end < today);
        if is_over {
            return Err(Error::conflict("not_running"));
        }
        self.columns.kind = EventKind::Gifted;
        self.columns.starts_on = Some(today);
        self.columns.days = (days > 0).then_some(days);
        self.columns.visits = (visits > 0).then_some(visits);
        Ok(())
    }

    fn cancel(
        &mut self,
        record: &Record,
        state: &State,
        when: CancelWhen,
        today: NaiveDate,
    ) -> Result<(), Error> {
        if state.last_day.is_some() {
            return Err(Error::conflict("already_cancelled"));
        }
        lives(record, state, today)?;
        let out_of_range = || Error::invalid("when", "out_of_range");
        let minimum = minimum_term_ends(record, state).ok_or_else(out_of_range)?;
        let notice = u64::try_from(record.terms.notice_days).unwrap_or(0);
        let noticed = today.checked_add_days(Days::new(notice)).ok_or_else(out_of_range)?;
        let last_day = match when {
            CancelWhen::Now => {
                if minimum >= today {
                    self.warnings.push("minimum_term");
                }
                if noticed > today {
                    self.warnings.push("notice");
                }
                self.needs_waiver = !self.warnings.is_empty();
                today.pred_opt().ok_or_else(out_of_range)?
            }
            CancelWhen::AtEnd => state.end().ok_or_else(out_of_range)?.max(minimum),
            CancelWhen::Notice => noticed.max(minimum),
        };
        self.columns.kind = EventKind::Cancelled;
        self.columns.ends_on = Some(last_day);
        Ok(())
    }

    fn reinstate(&mut self, record: &Record, state: &State, today: NaiveDate) -> Result<(), Error> {
        let event = state.ended_by.ok_or(Error::conflict("not_cancelled"))?;
        let cancelled = record.events.iter().any(|row| row.id == event && row.kind == EventKind::Cancelled);
        if !cancelled {
            return Err(Error::conflict("not_cancelled"));
        }
        self.columns.kind = EventKind::Reinstated;
        self.columns.starts_on = Some(today);
        self.columns.about = Some(event);
        Ok(())
    }

    fn change(
        &mut self,
        record: &Record,
        state: &State,
        plan: &PlanOnOffer,
        keep_end: bool,
        from: NaiveDate,
        today: NaiveDate,
    ) -> Result<(), Error> {
        if plan.archived {
            return Err(Error::conflict("plan_archived"));
        }
        let starts_on = succeeds_on(record, state, from, today)?;
        let length = duration(plan.form.duration_unit, plan.form.duration_count);
        let own_end =
            end_day(starts_on, length, starts_on.day()).ok_or(Error::invalid("plan_id", "out_of_range"))?;
        let ends_on = if keep_end { state.end().unwrap_or(own_end) } else { own_end };
        self.end_for(EventKind::Changed, starts_on)?;
        self.successor = Some((Period { starts_on, ends_on }, plan.form.visits));
        Ok(())
    }

    fn transfer(
        &mut self,
        record: &Record,
        state: &State,
        from: NaiveDate,
        today: NaiveDate,
    ) -> Result<(), Error> {
        let starts_on = succeeds_on(record, state, from, today)?;
        let visits = match state.visits_left(starts_on, &record.used) {
            Some(left) if left <= 0 => return Err(Error::conflict("nothing_left")),
            left => left.and_then(|left| i32::try_from(left).ok()),
        };
        let ends_on = state.end().ok_or(Error::conflict("not_running"))?;
        self.end_for(EventKind::Transferred, starts_on)?;
        self.successor = Some((Period { starts_on, ends_on }, visits));
        Ok(())
    }

    /// Ends the day before its successor begins.
    fn end_for(&mut self, kind: EventKind, starts_on: NaiveDate) -> Result<(), Error> {
        self.columns.kind = kind;
        self.columns.ends_on = Some(starts_on.pred_opt().ok_or(Error::conflict("not_running"))?);
        Ok(())
    }
}

/// How a record stands on `today`, in the state given.
pub fn standing(record: &Record, state: &State, today: NaiveDate) -> Standing {
    let span = state.span(today);
    let visit_day = span.map_or(today, |span| today.clamp(span.starts_on, span.ends_on));
    let freeze = state.freeze_from(today);
    Standing {
        plan_name: record.sold.plan_name.clone(),
        status: listing::status(record, state, today),
        starts_on: span.map(|span| span.starts_on),
        ends_on: span.map(|span| span.ends_on),
        remaining_days: state.remaining_days(today),
        visits_left: state.visits_left(visit_day, &record.used),
        freeze_days_remaining: state.freeze_days_remaining(&record.terms, today),
        frozen_from: freeze.map(|freeze| freeze.from),
        frozen_until: freeze.map(Freeze::until),
        cancelled_on: state.last_day,
        auto_renew: state.auto_renew,
    }
}

/// How a subscription that does not exist yet will stand.
pub fn standing_of_new(
    plan_name: &str,
    period: Period,
    visits: Option<i32>,
    freeze_days: i32,
    auto_renew: bool,
    today: NaiveDate,
) -> Standing {
    let begun = period.starts_on <= today;
    Standing {
        plan_name: plan_name.to_owned(),
        status: if begun { Status::Active } else { Status::Upcoming },
        starts_on: Some(period.starts_on),
        ends_on: Some(period.ends_on),
        remaining_days: begun.then(|| (period.ends_on - today).num_days()),
        visits_left: visits.map(i64::from),
        freeze_days_remaining: i64::from(freeze_days),
        frozen_from: None,
        frozen_until: None,
        cancelled_on: None,
        auto_renew,
    }
}

/// What is charged and credited by a change of plan.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Proration {
    /// For each period that was paid for: its event, and how much of its charge is credited.
    pub credits: Vec<(SubscriptionEventId, i64)>,
    /// For the new plan, tax included.
    pub charge: i64,
}

/// Part of the new plan's price that the days until a kept end cost: 1 of 1 when it begins anew.
pub fn part_of_price(plan: &PlanOnOffer, period: Period, keep_end: bool) -> (i64, i64) {
    if !keep_end {
        return (1, 1);
    }
    let length = duration(plan.form.duration_unit, plan.form.duration_count);
    let whole = end_day(period.starts_on, length, period.starts_on.day())
        .map_or(1, |ends_on| Period { starts_on: period.starts_on, ends_on }.days());
    (period.days(), whole)
}

/// Events as [`fold`] takes them, up to the end of a day.
pub fn known_on(record: &Record, day: NaiveDate) -> (State, Vec<NaiveDate>) {
    let life: Vec<Event> = record.life().into_iter().filter(|event| event.on <= day).collect();
    let used = record.used.iter().filter(|used| **used <= day).copied().collect();
    (fold(&record.terms, &life), used)
}

/// The successor's id is made with the event.
pub fn successor_id(outcome: &Outcome, now: DateTime<Utc>) -> Option<SubscriptionId> {
    outcome.successor.map(|_| SubscriptionId::new(now))
}
