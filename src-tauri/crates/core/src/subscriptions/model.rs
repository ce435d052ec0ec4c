//! What a subscription is on a given day: a pure fold of its events.
//!
//! Days that are given (a freeze that ends by itself, a gift, a closure) are put in at a day: the period that covers
//! it, or else the next one, ends that much later, and every period after that one moves as a whole. A thaw takes the
//! days that were not frozen out again in the same place.
use crate::day::{Duration, end_day, fits_anchor};
use crate::ids::{BranchId, SubscriptionEventId};
use crate::plans::wire::{BranchScope, PlanKind, VisitRule};
use crate::subscriptions::access::Window;
use crate::subscriptions::wire::{EventKind, Status};
use chrono::{Datelike, NaiveDate, TimeDelta};

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
    /// Days, and times, that each period may be frozen.
    pub freeze_days: i32,
    pub freeze_times: i32,
    /// Days from the first one that it has to run.
    pub minimum_term_days: i32,
    /// Days between notice and end.
    pub notice_days: i32,
    /// Renews by itself unless somebody said otherwise.
    pub auto_renew: bool,
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

    pub fn days(&self) -> i64 {
        (self.ends_on - self.starts_on).num_days() + 1
    }

    fn moved(self, days: i64) -> Self {
        Self { starts_on: moved(self.starts_on, days), ends_on: moved(self.ends_on, days) }
    }
}

/// Some days later, or earlier; at the end of the calendar it stays.
fn moved(day: NaiveDate, days: i64) -> NaiveDate {
    day.checked_add_signed(TimeDelta::days(days)).unwrap_or(day)
}

/// One thing that happened to a subscription.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event {
    pub id: SubscriptionEventId,
    /// Business day on which it was done.
    pub on: NaiveDate,
    pub what: Happening,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Happening {
    /// Sold, renewed or taken over: a period, and its visits if they are counted.
    Granted {
        period: Period,
        visits: Option<i32>,
    },
    /// An earlier event is taken back, as if it had never been.
    Voided {
        event: SubscriptionEventId,
    },
    /// Does not open the door from the first day of `period` to its last, and gets those days back at its end.
    Frozen {
        period: Period,
    },
    /// A freeze ends early: `on` is the first day that is open again.
    Thawed {
        freeze: SubscriptionEventId,
        on: NaiveDate,
    },
    /// Days, visits or both on top: a gift, or a closure of the gym.
    Given {
        on: NaiveDate,
        days: i64,
        visits: Option<i32>,
    },
    /// Cancelled, or replaced by another: its last day.
    Ended {
        last_day: NaiveDate,
    },
    /// A cancellation is taken back.
    Reinstated {
        cancellation: SubscriptionEventId,
    },
    AutoRenew(bool),
}

/// The columns of `subscription_events` that say what happened.
#[derive(Clone, Copy, Debug)]
pub struct Columns {
    pub id: SubscriptionEventId,
    pub kind: EventKind,
    pub business_day: NaiveDate,
    pub starts_on: Option<NaiveDate>,
    pub ends_on: Option<NaiveDate>,
    pub visits: Option<i32>,
    pub days: Option<i32>,
    pub voids: Option<SubscriptionEventId>,
    pub about: Option<SubscriptionEventId>,
}

impl Columns {
    /// `None` for a row the schema would not accept.
    pub fn read(self) -> Option<Event> {
        let period = || Some(Period { starts_on: self.starts_on?, ends_on: self.ends_on? });
        let what = match self.kind {
            EventKind::Sold | EventKind::Renewed | EventKind::TakenOver => {
                Happening::Granted { period: period()?, visits: self.visits }
            }
            EventKind::Voided => Happening::Voided { event: self.voids? },
            EventKind::Frozen => Happening::Frozen { period: period()? },
            EventKind::Thawed => Happening::Thawed { freeze: self.about?, on: self.starts_on? },
            EventKind::Gifted | EventKind::Extended => Happening::Given {
                on: self.starts_on?,
                days: self.days.map_or(0, i64::from),
                visits: self.visits,
            },
            EventKind::Cancelled | EventKind::Changed | EventKind::Transferred => {
                Happening::Ended { last_day: self.ends_on? }
            }
            EventKind::Reinstated => Happening::Reinstated { cancellation: self.about? },
            EventKind::AutoRenewOn => Happening::AutoRenew(true),
            EventKind::AutoRenewOff => Happening::AutoRenew(false),
        };
        Some(Event { id: self.id, on: self.business_day, what })
    }
}

/// A period in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grant {
    pub event: SubscriptionEventId,
    /// As it runs now, with the days put in.
    pub period: Period,
    /// Days it was sold with.
    pub sold_days: i64,
    /// Visits of this period. They do not outlive it.
    pub visits: Option<i32>,
    /// Day of the month this period counts months from.
    pub anchor_day: u32,
}

/// A freeze with the days it really takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Freeze {
    pub event: SubscriptionEventId,
    pub from: NaiveDate,
    /// 0 for one that was thawed before it began.
    pub days: i64,
    /// The grant it is put into.
    grant: usize,
}

impl Freeze {
    pub fn contains(&self, day: NaiveDate) -> bool {
        self.from <= day && (day - self.from).num_days() < self.days
    }

    /// Last frozen day.
    pub fn until(&self) -> NaiveDate {
        moved(self.from, self.days - 1)
    }
}

/// What the events left in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    /// In the order they were granted.
    pub grants: Vec<Grant>,
    /// In the order they were made.
    pub freezes: Vec<Freeze>,
    /// Nothing runs after this day.
    pub last_day: Option<NaiveDate>,
    /// The event that says so.
    pub ended_by: Option<SubscriptionEventId>,
    pub auto_renew: bool,
}

/// Folds the events, in the order of their sequence, into what is in force.
pub fn fold(terms: &Terms, events: &[Event]) -> State {
    let voided = |id| events.iter().any(|event| event.what == Happening::Voided { event: id });
    let taken_back = |id| {
        let reinstated = Happening::Reinstated { cancellation: id };
        voided(id) || events.iter().any(|event| event.what == reinstated && !voided(event.id))
    };
    let mut state = State {
        grants: Vec::new(),
        freezes: Vec::new(),
        last_day: None,
        ended_by: None,
        auto_renew: terms.auto_renew,
    };
    for event in events.iter().filter(|event| !taken_back(event.id)) {
        state.apply(terms, event);
    }
    state
}

/// The same as it was known at the end of a day: what was done later did not happen yet.
pub fn fold_as_of(terms: &Terms, events: &[Event], day: NaiveDate) -> State {
    let known: Vec<Event> = events.iter().filter(|event| event.on <= day).copied().collect();
    fold(terms, &known)
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
    fn apply(&mut self, terms: &Terms, event: &Event) {
        match event.what {
            Happening::Granted { period, visits } => {
                let anchor_day = anchor_of(terms, &self.grants, period.starts_on);
                let sold_days = period.days();
                // Where visits are counted, a period without a number of its own has what was agreed.
                let visits = visits.or(terms.visits);
                self.grants.push(Grant { event: event.id, period, sold_days, visits, anchor_day });
            }
            Happening::Frozen { period } => {
                if let Some(grant) = self.grant_at(period.starts_on) {
                    let (from, days) = (period.starts_on, period.days());
                    self.put_in(grant, days);
                    self.freezes.push(Freeze { event: event.id, from, days, grant });
                }
            }
            Happening::Thawed { freeze, on } => {
                if let Some(freeze) = self.freezes.iter_mut().find(|one| one.event == freeze) {
                    let kept = (on - freeze.from).num_days().clamp(0, freeze.days);
                    let (grant, unused) = (freeze.grant, freeze.days - kept);
                    freeze.days = kept;
                    self.put_in(grant, -unused);
                }
            }
            Happening::Given { on, days, visits } => {
                if let Some(grant) = self.grant_at(on) {
                    self.put_in(grant, days);
                    if let (Some(has), Some(more)) = (self.grants[grant].visits, visits) {
                        self.grants[grant].visits = Some(has.saturating_add(more));
                    }
                }
            }
            Happening::Ended { last_day } => {
                self.last_day = Some(last_day);
                self.ended_by = Some(event.id);
            }
            Happening::AutoRenew(on) => self.auto_renew = on,
            // Both act on the event they name.
            Happening::Voided { .. } | Happening::Reinstated { .. } => {}
        }
    }

    /// The grant that covers a day, or else the next one.
    fn grant_at(&self, day: NaiveDate) -> Option<usize> {
        (0..self.grants.len())
            .filter(|index| self.grants[*index].period.ends_on >= day)
            .min_by_key(|index| (self.grants[*index].period.starts_on, *index))
    }

    fn put_in(&mut self, at: usize, days: i64) {
        let from = (self.grants[at].period.starts_on, at);
        for (index, grant) in self.grants.iter_mut().enumerate() {
            if index == at {
                grant.period.ends_on = moved(grant.period.ends_on, days);
            } else if (grant.period.starts_on, index) > from {
                grant.period = grant.period.moved(days);
            }
        }
    }

    /// The periods that count, cut where the subscription ended.
    fn running(&self) -> impl Iterator<Item = (&Grant, Period)> {
        self.grants.iter().filter_map(|grant| {
            let Period { starts_on, ends_on } = grant.period;
            let ends_on = self.last_day.map_or(ends_on, |last| ends_on.min(last));
            (starts_on <= ends_on).then_some((grant, Period { starts_on, ends_on }))
        })
    }

    /// Periods that run into or over each other read as one: the days from the first to the last of those
    /// around `on`; before the next one starts, the next; after the last, the last. `None` when nothing is in
    /// force.
    pub fn span(&self, on: NaiveDate) -> Option<Period> {
        let mut periods: Vec<Period> = self.running().map(|(_, period)| period).collect();
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

    /// Days after `on` that are still to be used, frozen ones not counted: 0 on the last day; `None` unless running
    /// on `on`.
    pub fn remaining_days(&self, on: NaiveDate) -> Option<i64> {
        let span = self.span(on).filter(|span| span.contains(on))?;
        let left = Period { starts_on: moved(on, 1), ends_on: span.ends_on };
        Some((span.ends_on - on).num_days() - self.frozen_days(left))
    }

    /// Frozen days of a period.
    pub fn frozen_days(&self, period: Period) -> i64 {
        self.freezes
            .iter()
            .filter(|freeze| freeze.days > 0)
            .map(|freeze| {
                let from = freeze.from.max(period.starts_on);
                ((freeze.until().min(period.ends_on) - from).num_days() + 1).max(0)
            })
            .sum()
    }

    /// The freeze that covers a day.
    pub fn frozen(&self, on: NaiveDate) -> Option<&Freeze> {
        self.freezes.iter().find(|freeze| freeze.contains(on))
    }

    /// The freeze that covers a day, or else the next one to come.
    pub fn freeze_from(&self, on: NaiveDate) -> Option<&Freeze> {
        self.freezes
            .iter()
            .filter(|freeze| freeze.days > 0 && freeze.until() >= on)
            .min_by_key(|freeze| freeze.from)
    }

    /// Days and times that the period around a day was frozen already.
    pub fn frozen_in_period(&self, on: NaiveDate) -> (i64, i64) {
        let Some(grant) = self.grant_at(on) else { return (0, 0) };
        self.freezes
            .iter()
            .filter(|freeze| freeze.grant == grant && freeze.days > 0)
            .fold((0, 0), |(days, times), freeze| (days + freeze.days, times + 1))
    }

    /// Days that the period around a day can still be frozen.
    pub fn freeze_days_remaining(&self, terms: &Terms, on: NaiveDate) -> i64 {
        let (days, times) = self.frozen_in_period(on);
        if times >= i64::from(terms.freeze_times) { 0 } else { (i64::from(terms.freeze_days) - days).max(0) }
    }

    /// Visits of the periods that cover `on`; `None` when they are not counted, or nothing covers it.
    pub fn visits_granted(&self, on: NaiveDate) -> Option<i64> {
        self.running()
            .filter(|(_, period)| period.contains(on))
            .try_fold(None, |sum: Option<i64>, (grant, _)| {
                Some(Some(sum.unwrap_or(0) + i64::from(grant.visits?)))
            })?
    }

    /// Visits left on `on`: granted − used. `used` holds the business day of every visit consumed and not
    /// undone, in any order. Below zero when two branches used the same one offline.
    pub fn visits_left(&self, on: NaiveDate, used: &[NaiveDate]) -> Option<i64> {
        let left = self.balances(used);
        let mut covering = left.iter().filter(|(_, period, _)| period.contains(on)).peekable();
        covering.peek()?;
        covering.try_fold(0, |sum, (_, _, left)| Some(sum + (*left)?))
    }

    /// Visits that were used on top of what is granted on `on`: the same one at two branches that were apart.
    pub fn overdrawn(&self, on: NaiveDate, used: &[NaiveDate]) -> i64 {
        self.visits_left(on, used).map_or(0, |left| left.min(0).saturating_neg())
    }

    /// Visits left of one grant.
    pub fn visits_left_of(&self, event: SubscriptionEventId, used: &[NaiveDate]) -> Option<i64> {
        self.balances(used).into_iter().find(|(grant, _, _)| grant.event == event)?.2
    }

    /// What the subscription is on `on`, leaving what is owed aside. Visits used later are not to be in `used`.
    pub fn status(&self, on: NaiveDate, used: &[NaiveDate]) -> Status {
        let Some(span) = self.span(on) else { return Status::Cancelled };
        if on < span.starts_on {
            return Status::Upcoming;
        }
        if on <= span.ends_on {
            return if self.frozen(on).is_some() {
                Status::Frozen
            } else if self.visits_left(on, used).is_some_and(|left| left <= 0) {
                Status::Completed
            } else {
                Status::Active
            };
        }
        if self.visits_left(span.ends_on, used).is_some_and(|left| left <= 0) {
            Status::Completed
        } else if self.last_day.is_some_and(|last| last < on) {
            Status::Cancelled
        } else {
            Status::Expired
        }
    }

    /// Last day of everything in force.
    pub fn end(&self) -> Option<NaiveDate> {
        self.running().map(|(_, period)| period.ends_on).max()
    }

    /// First day of everything in force.
    pub fn start(&self) -> Option<NaiveDate> {
        self.running().map(|(_, period)| period.starts_on).min()
    }

    /// Part of a grant that is still to be used from `day` on, and the whole of it: in visits where they are counted,
    /// else in days. Frozen days are not used.
    pub fn unused(&self, event: SubscriptionEventId, day: NaiveDate, used: &[NaiveDate]) -> (i64, i64) {
        let Some((grant, period)) = self.running().find(|(grant, _)| grant.event == event) else {
            return (0, 1);
        };
        let rest = Period { starts_on: period.starts_on.max(day), ends_on: period.ends_on };
        if rest.starts_on > rest.ends_on {
            return (0, 1);
        }
        if let (Some(all), Some(left)) = (grant.visits, self.visits_left_of(event, used)) {
            return (left.max(0), i64::from(all).max(1));
        }
        let days = rest.days() - self.frozen_days(rest);
        (days.clamp(0, grant.sold_days), grant.sold_days)
    }

    /// Visits left of each grant, `None` where they are not counted. A visit comes off the period that ends
    /// soonest among those that covered its day and had one left; a visit too many is owed by the first.
    fn balances(&self, used: &[NaiveDate]) -> Vec<(&Grant, Period, Option<i64>)> {
        let mut left: Vec<(&Grant, Period, Option<i64>)> =
            self.running().map(|(grant, period)| (grant, period, grant.visits.map(i64::from))).collect();
        let mut used = used.to_vec();
        used.sort_unstable();
        for day in used {
            let covering = left
                .iter_mut()
                .filter(|(_, period, left)| left.is_some() && period.contains(day))
                .enumerate();
            let taken = covering.min_by_key(|(index, (_, period, left))| {
                (left.is_some_and(|left| left <= 0), period.ends_on, *index)
            });
            if let Some((_, (_, _, Some(left)))) = taken {
                *left -= 1;
            }
        }
        left
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
/// keeps the sold duration; of one that is cancelled for a day to come the fold cuts it there. `None` when nothing is in force to
/// renew, it has ended for good, or beyond the calendar's range.
pub fn renewal(
    terms: &Terms,
    state: &State,
    today: NaiveDate,
    used: &[NaiveDate],
    from_old_end: bool,
) -> Option<Renewal> {
    let after_end = state.end()?.succ_opt()?;
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
    if state.last_day.is_some_and(|last| last < starts_on) {
        return None;
    }
    let anchor = anchor_of(terms, &state.grants, starts_on);
    let ends_on = end_day(starts_on, terms.duration, anchor)?;
    Some(Renewal { period: Period { starts_on, ends_on }, alternative_start: other })
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use proptest::prelude::*;
    use uuid::Uuid;

    /// A month of unlimited visits.
    pub(crate) fn terms() -> Terms {
        Terms {
            kind: PlanKind::Gym,
            duration: Duration::Months(1),
            visits: None,
            visit_rule: VisitRule::PerDay,
            windows: Vec::new(),
            branch_scope: BranchScope::Home,
            branch_ids: Vec::new(),
            anchor_day: 1,
            freeze_days: 30,
            freeze_times: 3,
            minimum_term_days: 0,
            notice_days: 0,
            auto_renew: false,
        }
    }

    fn id(number: usize) -> SubscriptionEventId {
        SubscriptionEventId(Uuid::from_u128(u128::try_from(number).unwrap_or(0)))
    }

    fn day(number: i64) -> NaiveDate {
        NaiveDate::from_ymd_opt(2026, 1, 1).map(|first| moved(first, number)).expect("a day")
    }

    /// Draws of what happens, each some days after the one before, turned into events that fit what is in force.
    fn life(draws: &[(u8, i64, i64)]) -> Vec<Event> {
        let terms = terms();
        let period = Period { starts_on: day(0), ends_on: day(30) };
        let mut events =
            vec![Event { id: id(0), on: day(0), what: Happening::Granted { period, visits: Some(10) } }];
        let mut today = 0;
        for (kind, later, days) in draws {
            today += later;
            let on = day(today);
            let state = fold(&terms, &events);
            let what = match kind {
                0 => match renewal(&terms, &state, on, &[], false) {
                    Some(renewal) => Happening::Granted { period: renewal.period, visits: Some(10) },
                    None => continue,
                },
                1 => Happening::Frozen { period: Period { starts_on: on, ends_on: moved(on, *days) } },
                2 => match state.freeze_from(on) {
                    Some(freeze) => Happening::Thawed { freeze: freeze.event, on },
                    None => continue,
                },
                3 => Happening::Given { on, days: *days, visits: Some(1) },
                4 => Happening::Ended { last_day: moved(on, *days) },
                5 => match state.ended_by {
                    Some(cancellation) => Happening::Reinstated { cancellation },
                    None => continue,
                },
                _ => match state.grants.last() {
                    Some(grant) => Happening::Voided { event: grant.event },
                    None => continue,
                },
            };
            events.push(Event { id: id(events.len()), on, what });
        }
        events
    }

    proptest! {
        #[test]
        fn the_fold_does_not_depend_on_how_the_events_came_in(
            draws in prop::collection::vec((0_u8..7, 0_i64..12, 1_i64..20), 0..12),
            order in prop::collection::vec(any::<prop::sample::Index>(), 1..13),
        ) {
            let events = life(&draws);
            let whole = fold(&terms(), &events);
            // Batches from two branches, in whatever order, are put in the order of their sequence.
            let mut waiting: Vec<(usize, Event)> = events.iter().copied().enumerate().collect();
            let mut arrived: Vec<(usize, Event)> = Vec::new();
            for pick in &order {
                if waiting.is_empty() { break; }
                arrived.push(waiting.remove(pick.index(waiting.len())));
            }
            arrived.extend(waiting);
            arrived.sort_by_key(|(seq, _)| *seq);
            let again: Vec<Event> = arrived.into_iter().map(|(_, event)| event).collect();
            prop_assert_eq!(&whole, &fold(&terms(), &again));
            // And what was known on the last day is all of it.
            prop_assert_eq!(&whole, &fold_as_of(&terms(), &events, day(100_000)));
        }

        /// However many are used, at whichever branch and in whatever order they arrive, what is too much is told, and as
        /// many visits given settle it.
        #[test]
        fn visits_used_twice_are_owed_and_settled_by_as_many(
            days in prop::collection::vec(0_i64..31, 0..25),
            turned in any::<prop::sample::Index>(),
        ) {
            let mut events = vec![Event {
                id: id(0),
                on: day(0),
                what: Happening::Granted { period: Period { starts_on: day(0), ends_on: day(30) }, visits: Some(10) },
            }];
            let mut used: Vec<_> = days.iter().copied().map(day).collect();
            let too_many = i64::try_from(used.len()).unwrap_or(0).saturating_sub(10).max(0);
            prop_assert_eq!(fold(&terms(), &events).overdrawn(day(30), &used), too_many);
            if !used.is_empty() {
                let at = turned.index(used.len());
                used.rotate_left(at);
            }
            prop_assert_eq!(fold(&terms(), &events).overdrawn(day(30), &used), too_many);
            let given = Happening::Given { on: day(30), days: 0, visits: i32::try_from(too_many).ok() };
            events.push(Event { id: id(1), on: day(30), what: given });
            prop_assert_eq!(fold(&terms(), &events).overdrawn(day(30), &used), 0);
        }

        #[test]
        fn what_was_known_on_a_day_stays_what_was_known(
            draws in prop::collection::vec((0_u8..7, 0_i64..12, 1_i64..20), 0..12),
            on in 0_i64..120,
        ) {
            let events = life(&draws);
            let known: Vec<Event> = events.iter().filter(|event| event.on <= day(on)).copied().collect();
            prop_assert_eq!(fold_as_of(&terms(), &events, day(on)), fold(&terms(), &known));
        }

        #[test]
        fn a_freeze_gives_back_exactly_the_days_it_takes(
            later in 0_i64..30,
            days in 1_i64..40,
            thawed_after in prop::option::of(0_i64..40),
        ) {
            let mut events = life(&[]);
            let from = day(later);
            events.push(Event { id: id(1), on: from, what: Happening::Frozen { period: Period { starts_on: from, ends_on: moved(from, days - 1) } } });
            if let Some(after) = thawed_after {
                let on = moved(from, after);
                events.push(Event { id: id(2), on, what: Happening::Thawed { freeze: id(1), on } });
            }
            let state = fold(&terms(), &events);
            let frozen = thawed_after.map_or(days, |after| after.min(days));
            prop_assert_eq!(state.end(), Some(day(30 + frozen)));
            let open = (0..=30 + frozen).filter(|number| state.frozen(day(*number)).is_none()).count();
            prop_assert_eq!(open, 31);
        }
    }
}
