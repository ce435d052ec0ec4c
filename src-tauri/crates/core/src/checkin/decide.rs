//! The decision at the door: pure, from facts to verdict.
//!
//! Reasons come in the order in which they decide:
//! 1. the code: unknown, forged, mistyped, ambiguous, revoked, outside its window, replayed: nothing else is told
//!    to who holds it;
//! 2. the person: suspended, blocked by a note;
//! 3. where they are: already inside, too soon after the last entry;
//! 4. what they owe;
//! 5. what they bought: [`door::choose`] names the subscription that is nearest to opening;
//! 6. the house: entries of the day used up, full.
//!
//! All refusals of 2-6 are listed, so that mending the first does not reveal the next at the following scan.
//! What is to be mentioned to a member who gets in (a reminder, the end in sight) makes it attention, not refusal.
use crate::checkin::wire::{Outcome, Reason};
use crate::day::BranchCalendar;
use crate::gym::wire::Direction;
use crate::ids::{BranchId, EntryId, MemberId, SubscriptionId};
use crate::money::Money;
use crate::subscriptions::door::{self, Closed, Held, Moment};
use chrono::{DateTime, NaiveDate, TimeDelta, Utc};

/// Seconds in which the same code at the same desk is the same visit to the door: the verdict is shown again.
/// After it, and at any other desk at once, the anti-passback window refuses; a card handed back over the
/// barrier is not green for two hours.
pub const REPEAT_SECONDS: i64 = 120;
/// The same for a live code whose step is used up: long enough for a second look of the camera, too short for a
/// photo of the phone.
pub const REPLAY_SECONDS: i64 = 10;
/// At a desk for both ways: a code seen again this soon is the same pass through the door, not the way back.
pub const TURN_SECONDS: i64 = 60;
/// Days before the end from which it is mentioned, unless the whole period is not much longer.
pub const ENDS_SOON_DAYS: i64 = 3;
const SHORT_PERIOD_DAYS: i64 = 7;

/// The branch's and the desk's rules.
#[derive(Clone, Debug)]
pub struct Rules {
    pub branch: BranchId,
    pub calendar: BranchCalendar,
    pub direction: Direction,
    /// Time after an entry in which the same member is not let in again.
    pub anti_passback: TimeDelta,
    /// Time after which a visit without a check-out counts as over.
    pub auto_checkout: TimeDelta,
    pub daily_entries: Option<i32>,
    pub capacity: Option<i32>,
    pub debt: DebtRule,
}

/// From when on debt keeps the door shut.
#[derive(Clone, Debug)]
pub struct DebtRule {
    pub currency: String,
    /// Minor units owed beyond the grace from which it does; none never.
    pub blocks_from: Option<i64>,
    /// Days after the due day that are still forgiven.
    pub grace_days: i32,
}

impl DebtRule {
    /// What is owed beyond the grace on `today`, if that is enough to refuse. A debt is overdue from the day after
    /// its due day on, and past the grace so many days later.
    fn refuses(&self, debts: &[(i64, NaiveDate)], today: NaiveDate) -> Option<i64> {
        let late = |due_on: NaiveDate| (today - due_on).num_days() > i64::from(self.grace_days);
        let owed: i64 = debts.iter().filter(|(_, due_on)| late(*due_on)).map(|(owed, _)| owed).sum();
        self.blocks_from.filter(|from| owed >= *from).map(|_| owed)
    }
}

/// What was held up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Presented {
    /// Nothing of ours, no alias, no number.
    Unknown,
    /// Looks like ours and is not.
    Forged,
    /// A typed number whose check digit is wrong.
    Mistyped,
    /// A number that several branches gave out.
    Ambiguous(Vec<MemberId>),
    /// The member's number, or a click on their name.
    Member,
    /// A pass whose tag verifies, or an alias of one.
    Pass {
        revoked_on: Option<NaiveDate>,
        /// A live code outside its window.
        seconds_off: Option<i64>,
        /// The live code's step let somebody in already.
        step_used: bool,
    },
}

/// Everything the decision depends on besides the rules and the time.
#[derive(Clone, Debug)]
pub struct Facts {
    pub presented: Presented,
    pub member: Option<MemberFacts>,
    /// Members inside now; counted only where there is a capacity.
    pub inside: i64,
}

#[derive(Clone, Debug)]
pub struct MemberFacts {
    pub home_branch: BranchId,
    /// Where each subscription opens, in words.
    pub places: Vec<(SubscriptionId, String)>,
    pub suspended: bool,
    pub blocked_by_note: bool,
    pub has_reminder: bool,
    /// The member's subscriptions with their visits used.
    pub held: Vec<Held>,
    /// Entries of the last days at this branch, newest first.
    pub entries: Vec<PastEntry>,
    /// What is owed for the member, in minor units of the branch's currency, and since when it is due.
    pub debts: Vec<(i64, NaiveDate)>,
}

/// An earlier entry.
#[derive(Clone, Debug)]
pub struct PastEntry {
    pub id: EntryId,
    pub at: DateTime<Utc>,
    pub business_day: NaiveDate,
    pub left_at: Option<DateTime<Utc>>,
    pub undone: bool,
    /// Made with the same pass (or none, by number or name) at the same desk as now.
    pub same_way: bool,
    pub outcome: Outcome,
    pub reasons: Vec<Reason>,
}

/// What to answer and what to write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    pub outcome: Outcome,
    pub reasons: Vec<Reason>,
    pub effect: Effect,
    /// The subscription the verdict is about.
    pub subscription: Option<SubscriptionId>,
}

/// What the decision does besides being recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    Nothing,
    /// The verdict of this entry is shown again.
    Repeat {
        entry: EntryId,
    },
    Enter {
        subscription: Option<SubscriptionId>,
        takes_visit: bool,
        /// The visit before, which nobody ended.
        closes: Option<EntryId>,
    },
    Leave {
        entry: EntryId,
    },
}

/// Decides.
pub fn decide(facts: &Facts, now: DateTime<Utc>, rules: &Rules) -> Decision {
    if let Some(reason) = unreadable(&facts.presented) {
        return reason;
    }
    let Some(member) = &facts.member else { return refused(vec![Reason::UnknownPass]) };
    let visit = Visit::of(member, now, rules);
    match rules.direction {
        Direction::Out => return leave(&visit, now),
        Direction::Both if visit.turns_back(now) => return leave(&visit, now),
        Direction::In | Direction::Both => {}
    }
    if let Some(reason) = stale(&facts.presented) {
        return refused(vec![reason]);
    }
    if let Some(last) = visit.last.filter(|last| is_repeat(last, &facts.presented, now, rules)) {
        return Decision {
            outcome: last.outcome,
            reasons: last.reasons.clone(),
            effect: Effect::Repeat { entry: last.id },
            subscription: None,
        };
    }
    if matches!(facts.presented, Presented::Pass { step_used: true, .. }) {
        return refused(vec![Reason::PassReplayed]);
    }
    enter(facts, member, &visit, now, rules)
}

/// Lets the member in whatever speaks against it; what did is told after the reason given.
pub fn let_in(facts: &Facts, now: DateTime<Utc>, rules: &Rules, reason: &str) -> Option<Decision> {
    let member = facts.member.as_ref()?;
    let visit = Visit::of(member, now, rules);
    let judged = enter(facts, member, &visit, now, rules);
    let (subscription, takes_visit) = match door::choose(&member.held, &moment(member, now, rules)) {
        Ok(opening) => (Some(opening.id), opening.takes_visit),
        Err(_) => (None, false),
    };
    let mut reasons = vec![Reason::LetInOnce { reason: reason.to_owned() }];
    reasons.extend(judged.reasons);
    Some(Decision {
        outcome: Outcome::Admitted,
        reasons,
        effect: Effect::Enter { subscription, takes_visit, closes: visit.open.map(|entry| entry.id) },
        subscription: subscription.or(judged.subscription),
    })
}

/// Ends the member's visit.
pub fn check_out(member: &MemberFacts, now: DateTime<Utc>, rules: &Rules) -> Decision {
    leave(&Visit::of(member, now, rules), now)
}

fn moment(member: &MemberFacts, now: DateTime<Utc>, rules: &Rules) -> Moment {
    Moment { at: now, calendar: rules.calendar, branch: rules.branch, home_branch: member.home_branch }
}

fn refused(reasons: Vec<Reason>) -> Decision {
    Decision { outcome: Outcome::Refused, reasons, effect: Effect::Nothing, subscription: None }
}

/// Codes that lead to nobody, not even on the way out.
fn unreadable(presented: &Presented) -> Option<Decision> {
    match presented {
        Presented::Unknown => Some(refused(vec![Reason::UnknownPass])),
        Presented::Forged => Some(refused(vec![Reason::ForgedPass])),
        Presented::Mistyped => Some(refused(vec![Reason::MistypedNumber])),
        Presented::Ambiguous(ids) => Some(Decision {
            outcome: Outcome::Attention,
            ..refused(vec![Reason::AmbiguousNumber { member_ids: ids.clone() }])
        }),
        Presented::Member | Presented::Pass { .. } => None,
    }
}

/// Passes that are the member's and open nothing (any more).
fn stale(presented: &Presented) -> Option<Reason> {
    let Presented::Pass { revoked_on, seconds_off, .. } = presented else { return None };
    revoked_on
        .map(|on| Reason::PassRevoked { on })
        .or(seconds_off.map(|seconds_off| Reason::PassExpired { seconds_off }))
}

/// The member's last visit that was not undone.
struct Visit<'a> {
    last: Option<&'a PastEntry>,
    /// The same, while it lasts.
    open: Option<&'a PastEntry>,
}

impl<'a> Visit<'a> {
    fn of(member: &'a MemberFacts, now: DateTime<Utc>, rules: &Rules) -> Self {
        let last = member.entries.iter().find(|entry| !entry.undone);
        let open = last.filter(|entry| entry.left_at.is_none() && now < entry.at + rules.auto_checkout);
        Self { last, open }
    }

    /// At a desk for both ways: inside for longer than a step through the door, or just left.
    fn turns_back(&self, now: DateTime<Utc>) -> bool {
        let turn = TimeDelta::seconds(TURN_SECONDS);
        self.open.is_some_and(|open| now - open.at > turn)
            || self.last.and_then(|last| last.left_at).is_some_and(|left| now - left <= turn)
    }
}

fn leave(visit: &Visit<'_>, now: DateTime<Utc>) -> Decision {
    let out = |entry: &PastEntry, until: DateTime<Utc>, effect| Decision {
        outcome: Outcome::Admitted,
        reasons: vec![Reason::CheckedOut { minutes: (until - entry.at).num_minutes().max(0) }],
        effect,
        subscription: None,
    };
    if let Some(open) = visit.open {
        return out(open, now, Effect::Leave { entry: open.id });
    }
    let just_left = visit.last.and_then(|last| {
        let left = last.left_at.filter(|left| now - *left <= TimeDelta::seconds(REPEAT_SECONDS))?;
        Some(out(last, left, Effect::Repeat { entry: last.id }))
    });
    just_left.unwrap_or_else(|| Decision { outcome: Outcome::Attention, ..refused(vec![Reason::NotInside]) })
}

fn is_repeat(last: &PastEntry, presented: &Presented, now: DateTime<Utc>, rules: &Rules) -> bool {
    let used = matches!(presented, Presented::Pass { step_used: true, .. });
    let seconds = TimeDelta::seconds(if used { REPLAY_SECONDS } else { REPEAT_SECONDS });
    last.same_way && last.left_at.is_none() && now - last.at <= seconds.min(rules.anti_passback)
}

fn enter(
    facts: &Facts,
    member: &MemberFacts,
    visit: &Visit<'_>,
    now: DateTime<Utc>,
    rules: &Rules,
) -> Decision {
    let moment = moment(member, now, rules);
    let today = moment.today();
    let mut reasons = Vec::new();
    if member.suspended {
        reasons.push(Reason::Suspended);
    }
    if member.blocked_by_note {
        reasons.push(Reason::BlockedByNote);
    }
    reasons.extend(passback(visit, now, rules));
    if let Some(owed) = rules.debt.refuses(&member.debts, today) {
        reasons.push(Reason::Debt { owed: Money::new(owed, rules.debt.currency.clone()) });
    }
    let opening = door::choose(&member.held, &moment);
    if let Err(closed) = &opening {
        reasons.push(closed.first().map_or(Reason::NoSubscription, |(id, why)| told(*id, why, member)));
    }
    let entered = member.entries.iter().filter(|entry| !entry.undone && entry.business_day == today).count();
    if let Some(limit) = rules.daily_entries.filter(|limit| i64::from(*limit) <= count(entered)) {
        reasons.push(Reason::DailyLimit { entries: limit });
    }
    // Who is inside already takes no second place.
    let inside = facts.inside - i64::from(visit.open.is_some());
    if let Some(capacity) = rules.capacity.filter(|capacity| i64::from(*capacity) <= inside) {
        reasons.push(Reason::CapacityFull { capacity });
    }
    match opening {
        Ok(opening) if reasons.is_empty() => {
            let mentions = mentions(member, opening, today);
            Decision {
                outcome: if mentions.is_empty() { Outcome::Admitted } else { Outcome::Attention },
                reasons: mentions,
                effect: Effect::Enter {
                    subscription: Some(opening.id),
                    takes_visit: opening.takes_visit,
                    closes: visit.open.map(|entry| entry.id),
                },
                subscription: Some(opening.id),
            }
        }
        Ok(opening) => Decision { subscription: Some(opening.id), ..refused(reasons) },
        Err(closed) => Decision { subscription: closed.first().map(|(id, _)| *id), ..refused(reasons) },
    }
}

fn passback(visit: &Visit<'_>, now: DateTime<Utc>, rules: &Rules) -> Option<Reason> {
    let last = visit.last.filter(|last| now - last.at < rules.anti_passback)?;
    Some(if visit.open.is_some() {
        Reason::AlreadyInside { since: last.at }
    } else {
        Reason::TooSoon { wait_seconds: (last.at + rules.anti_passback - now).num_seconds().max(1) }
    })
}

fn told(id: SubscriptionId, why: &Closed, member: &MemberFacts) -> Reason {
    match why {
        Closed::OutsideHours { opens_at } => {
            Reason::OutsideHours { opens_at: opens_at.map(|at| at.format("%H:%M").to_string()) }
        }
        Closed::WrongBranch => {
            let place = member.places.iter().find(|(place, _)| *place == id);
            Reason::WrongBranch { branch: place.map(|(_, name)| name.clone()).unwrap_or_default() }
        }
        Closed::Frozen { until } => Reason::Frozen { until: *until },
        Closed::NoVisitsLeft => Reason::NoVisitsLeft,
        Closed::NotStarted { starts_on } => Reason::NotStarted { starts_on: *starts_on },
        Closed::Expired { ended_on } => Reason::Expired { ended_on: *ended_on },
        Closed::Cancelled | Closed::NeverOpens => Reason::NoSubscription,
    }
}

fn mentions(member: &MemberFacts, opening: door::Opening, today: NaiveDate) -> Vec<Reason> {
    let mut mentions = Vec::new();
    if member.has_reminder {
        mentions.push(Reason::Reminder);
    }
    let Some(held) = member.held.iter().find(|held| held.id == opening.id) else { return mentions };
    let granted = held.state.visits_granted(today);
    let left = held.state.visits_left(today, &held.used);
    // A single visit is no pack that comes to its end.
    if opening.takes_visit && left == Some(1) && granted.is_some_and(|granted| granted > 1) {
        mentions.push(Reason::LastVisit);
    }
    let long = held
        .state
        .span(today)
        .is_some_and(|span| (span.ends_on - span.starts_on).num_days() >= SHORT_PERIOD_DAYS);
    if let Some(days_left) = held.state.remaining_days(today).filter(|days| long && *days <= ENDS_SOON_DAYS) {
        mentions.push(Reason::EndsSoon { days_left });
    }
    mentions
}

fn count(entries: usize) -> i64 {
    i64::try_from(entries).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
