//! What a subscription is on a given day: a pure fold of its events.
use crate::day::{Duration, end_day, fits_anchor};
use crate::ids::{BranchId, SubscriptionEventId};
use crate::plans::wire::{BranchScope, PlanKind, VisitRule};
use crate::subscriptions::access::Window;
use crate::subscriptions::wire::{EventKind, Status};
use chrono::{Datelike, NaiveDate};

/// What was agreed when it was sold. Editing the plan later changes nothing here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terms {
    pub kind: PlanKind,
    pub duration: Duration,
    /// Visits that each period grants; none is as many as they like.
    pub visits: Option<i32>,
    pub visit_rule: VisitRule,
    /// Empty is any time.
    pub windows: Vec<Window>,
    pub branch_scope: BranchScope,
    /// Where it opens when the scope is [`BranchScope::Listed`].
    pub branch_ids: Vec<BranchId>,
    /// Day of the month the first period began on.
    pub anchor_day: u32,
}

/// Days from `starts_on` to `ends_on`, both inclusive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Period {
    pub starts_on: NaiveDate,
    pub ends_on: NaiveDate,
}

impl Period {
    pub fn contains(&self, day: NaiveDate) -> bool {
        self.starts_on <= day && day <= self.ends_on
    }
}

/// One thing that happened to a subscription.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event {
    pub id: SubscriptionEventId,
    pub what: Happening,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Happening {
    /// Sold, renewed or taken over: a period, and its visits if they are counted.
    Granted { period: Period, visits: Option<i32> },
    /// An earlier event is taken back, as if it had never granted anything.
    Voided { event: SubscriptionEventId },
}

impl Event {
    /// From the columns of `subscription_events`; `None` for a row the schema would not accept.
    pub fn from_columns(
        id: SubscriptionEventId,
        kind: EventKind,
        starts_on: Option<NaiveDate>,
        ends_on: Option<NaiveDate>,
        visits: Option<i32>,
        voids: Option<SubscriptionEventId>,
    ) -> Option<Self> {
        let what = match kind {
            EventKind::Voided => Happening::Voided { event: voids? },
            EventKind::Sold | EventKind::Renewed | EventKind::TakenOver => {
                Happening::Granted { period: Period { starts_on: starts_on?, ends_on: ends_on? }, visits }
            }
        };
        Some(Self { id, what })
    }
}

/// A period in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grant {
    pub event: SubscriptionEventId,
    pub period: Period,
    /// Visits of this period. They do not outlive it.
    pub visits: Option<i32>,
    /// Day of the month this period counts months from.
    pub anchor_day: u32,
}

/// What the events left in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    /// In the order they were granted.
    pub grants: Vec<Grant>,
}

/// Folds the events, in the order of their sequence, into what is in force.
pub fn fold(terms: &Terms, events: &[Event]) -> State {
    let voided = |id| events.iter().any(|event| event.what == Happening::Voided { event: id });
    let mut grants: Vec<Grant> = Vec::new();
    for event in events {
        let Happening::Granted { period, visits } = event.what else { continue };
        if voided(event.id) {
            continue;
        }
        let anchor_day = anchor_of(terms, &grants, period.starts_on);
        grants.push(Grant { event: event.id, period, visits, anchor_day });
    }
    State { grants }
}

/// A period that follows another without a gap keeps its anchor; any other counts from its own first day, and
/// so does one whose first day the anchor does not lead to (imported dates are kept as sold).
fn anchor_of(terms: &Terms, before: &[Grant], starts_on: NaiveDate) -> u32 {
    let inherited = match before.last() {
        None => Some(terms.anchor_day),
        Some(_) => before
            .iter()
            .rev()
            .find(|grant| grant.period.ends_on.succ_opt() == Some(starts_on))
            .map(|grant| grant.anchor_day),
    };
    inherited.filter(|anchor| fits_anchor(starts_on, *anchor)).unwrap_or_else(|| starts_on.day())
}

impl State {
    /// Periods that run into or over each other read as one: the days from the first to the last of those
    /// around `on`; before the next one starts, the next; after the last, the last. `None` when nothing is in
    /// force.
    pub fn span(&self, on: NaiveDate) -> Option<Period> {
        let mut periods: Vec<Period> = self.grants.iter().map(|grant| grant.period).collect();
        periods.sort_by_key(|period| (period.starts_on, period.ends_on));
        let mut spans: Vec<Period> = Vec::new();
        for period in periods {
            match spans.last_mut() {
                Some(last) if last.ends_on.succ_opt().is_none_or(|next| period.starts_on <= next) => {
                    last.ends_on = last.ends_on.max(period.ends_on);
                }
                _ => spans.push(period),
            }
        }
        spans.iter().find(|span| on <= span.ends_on).or(spans.last()).copied()
    }

    /// Days after `on` that are still covered: 0 on the last day; `None` unless running on `on`.
    pub fn remaining_days(&self, on: NaiveDate) -> Option<i64> {
        let span = self.span(on).filter(|span| span.contains(on))?;
        Some((span.ends_on - on).num_days())
    }

    /// Visits of the periods that cover `on`; `None` when they are not counted, or nothing covers it.
    pub fn visits_granted(&self, on: NaiveDate) -> Option<i64> {
        self.covering(on).try_fold(None, |sum: Option<i64>, grant| {
            Some(Some(sum.unwrap_or(0) + i64::from(grant.visits?)))
        })?
    }

    /// Visits left on `on`: granted − used. `used` holds the business day of every visit consumed and not
    /// undone, in any order. Below zero when two branches used the same one offline.
    pub fn visits_left(&self, on: NaiveDate, used: &[NaiveDate]) -> Option<i64> {
        let left = self.balances(used);
        let mut covering =
            self.grants.iter().zip(left).filter(|(grant, _)| grant.period.contains(on)).peekable();
        covering.peek()?;
        covering.try_fold(0, |sum, (_, left)| Some(sum + left?))
    }

    /// What the subscription is on `on`. Visits used later are not to be in `used`.
    pub fn status(&self, on: NaiveDate, used: &[NaiveDate]) -> Status {
        let Some(span) = self.span(on) else { return Status::Cancelled };
        if on < span.starts_on {
            return Status::Upcoming;
        }
        if on <= span.ends_on {
            return if self.visits_left(on, used).is_some_and(|left| left <= 0) {
                Status::Completed
            } else {
                Status::Active
            };
        }
        if self.visits_left(span.ends_on, used).is_some_and(|left| left <= 0) {
            Status::Completed
        } else {
            Status::Expired
        }
    }

    /// Last day of everything in force.
    pub fn last_day(&self) -> Option<NaiveDate> {
        self.grants.iter().map(|grant| grant.period.ends_on).max()
    }

    /// Visits left of each grant, `None` where they are not counted. A visit comes off the period that ends
    /// soonest among those that covered its day and had one left; a visit too many is owed by the first.
    fn balances(&self, used: &[NaiveDate]) -> Vec<Option<i64>> {
        let mut left: Vec<Option<i64>> =
            self.grants.iter().map(|grant| grant.visits.map(i64::from)).collect();
        let mut used = used.to_vec();
        used.sort_unstable();
        for day in used {
            let covering = self
                .grants
                .iter()
                .enumerate()
                .filter(|(_, grant)| grant.visits.is_some() && grant.period.contains(day));
            let taken = covering.min_by_key(|(index, grant)| {
                (left[*index].is_some_and(|left| left <= 0), grant.period.ends_on, *index)
            });
            if let Some(left) = taken.and_then(|(index, _)| left[index].as_mut()) {
                *left -= 1;
            }
        }
        left
    }

    fn covering(&self, on: NaiveDate) -> impl Iterator<Item = &Grant> {
        self.grants.iter().filter(move |grant| grant.period.contains(on))
    }
}

/// The next period of a subscription.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Renewal {
    pub period: Period,
    /// For a lapsed one: the start not taken, today or the day after the old end.
    pub alternative_start: Option<NaiveDate>,
}

/// Where a renewal made on `today` begins and ends. A running subscription goes on the day after its end; one
/// that lapsed, or whose visits are used up, starts again today, or on request the day after the old end. It
/// keeps the sold duration. `None` when nothing is in force to renew, or beyond the calendar's range.
pub fn renewal(
    terms: &Terms,
    state: &State,
    today: NaiveDate,
    used: &[NaiveDate],
    from_old_end: bool,
) -> Option<Renewal> {
    let after_end = state.last_day()?.succ_opt()?;
    let runs_on = after_end > today && state.status(today, used) != Status::Completed;
    // Of a pack that is used up, a period still to come is waited for.
    let has_next = state.grants.iter().any(|grant| grant.period.starts_on > today);
    let (starts_on, other) = if runs_on || has_next || after_end == today {
        (after_end, None)
    } else if from_old_end {
        (after_end, Some(today))
    } else {
        (today, Some(after_end))
    };
    let anchor = anchor_of(terms, &state.grants, starts_on);
    let ends_on = end_day(starts_on, terms.duration, anchor)?;
    Some(Renewal { period: Period { starts_on, ends_on }, alternative_start: other })
}
