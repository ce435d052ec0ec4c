//! Which of a member's subscriptions opens the door.
//!
//! One rule for every way in. A personal-training pack never opens it. Among those that do right now, the one
//! that costs no visit goes first (unlimited, or a pack whose visit of this business day is already used), so
//! that a pack is not drained while a monthly runs; then the one that ends soonest; then the one sold first.
use crate::day::BranchCalendar;
use crate::ids::{BranchId, SubscriptionId};
use crate::plans::wire::{BranchScope, PlanKind, VisitRule};
use crate::subscriptions::access::{is_open, opens_next};
use crate::subscriptions::model::{State, Terms};
use chrono::{DateTime, NaiveDate, NaiveDateTime, Utc};

/// A subscription of the member at the door.
#[derive(Clone, Debug)]
pub struct Held {
    pub id: SubscriptionId,
    pub terms: Terms,
    pub state: State,
    /// Business day of every visit used and not undone.
    pub used: Vec<NaiveDate>,
}

/// Where and when the member stands at the door.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    pub at: DateTime<Utc>,
    pub calendar: BranchCalendar,
    pub branch: BranchId,
    /// The member's.
    pub home_branch: BranchId,
}

impl Moment {
    pub fn today(&self) -> NaiveDate {
        self.calendar.business_day(self.at)
    }
}

/// The subscription that opens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opening {
    pub id: SubscriptionId,
    /// True when the entry takes one visit off it.
    pub takes_visit: bool,
}

/// Why a subscription does not open the door now. In the order in which it helps to be told: nearest to
/// opening first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Closed {
    /// `opens_at` on the wall clock.
    OutsideHours {
        opens_at: Option<NaiveDateTime>,
    },
    WrongBranch,
    /// `until` is the last frozen day.
    Frozen {
        until: NaiveDate,
    },
    NoVisitsLeft,
    NotStarted {
        starts_on: NaiveDate,
    },
    Expired {
        ended_on: NaiveDate,
    },
    /// Nothing of it is in force.
    Cancelled,
    /// Personal training.
    NeverOpens,
}

/// Whether this one opens the door; `Ok(true)` when the entry takes a visit.
pub fn opens(held: &Held, moment: &Moment) -> Result<bool, Closed> {
    let today = moment.today();
    if held.terms.kind == PlanKind::PersonalTraining {
        return Err(Closed::NeverOpens);
    }
    let span = held.state.span(today).ok_or(Closed::Cancelled)?;
    if today < span.starts_on {
        return Err(Closed::NotStarted { starts_on: span.starts_on });
    }
    if today > span.ends_on {
        let cancelled = held.state.last_day.is_some_and(|last| last <= span.ends_on);
        return Err(if cancelled { Closed::Cancelled } else { Closed::Expired { ended_on: span.ends_on } });
    }
    let here = match held.terms.branch_scope {
        BranchScope::All => true,
        BranchScope::Home => moment.branch == moment.home_branch,
        BranchScope::Listed => held.terms.branch_ids.contains(&moment.branch),
    };
    if !here {
        return Err(Closed::WrongBranch);
    }
    if let Some(freeze) = held.state.frozen(today) {
        return Err(Closed::Frozen { until: freeze.until() });
    }
    let takes_visit = match held.state.visits_left(today, &held.used) {
        None => false,
        Some(_) if held.terms.visit_rule == VisitRule::PerDay && held.used.contains(&today) => false,
        Some(left) if left <= 0 => return Err(Closed::NoVisitsLeft),
        Some(_) => true,
    };
    if !is_open(&held.terms.windows, moment.calendar, moment.at) {
        let opens_at = opens_next(&held.terms.windows, moment.calendar, moment.at);
        return Err(Closed::OutsideHours { opens_at });
    }
    Ok(takes_visit)
}

/// The one that opens, or why each does not, nearest to opening first (among lapsed ones the last to end).
pub fn choose(held: &[Held], moment: &Moment) -> Result<Opening, Vec<(SubscriptionId, Closed)>> {
    let mut open = Vec::new();
    let mut closed = Vec::new();
    for one in held {
        match opens(one, moment) {
            Ok(takes_visit) => {
                let ends_on = one.state.span(moment.today()).map(|span| span.ends_on);
                open.push((takes_visit, ends_on, one.id));
            }
            Err(why) => closed.push((one.id, why)),
        }
    }
    if let Some((takes_visit, _, id)) = open.into_iter().min() {
        return Ok(Opening { id, takes_visit });
    }
    closed.sort_by(|(_, a), (_, b)| match (a, b) {
        (Closed::Expired { ended_on: a }, Closed::Expired { ended_on: b }) => b.cmp(a),
        _ => a.cmp(b),
    });
    Err(closed)
}
