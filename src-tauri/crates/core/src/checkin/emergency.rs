//! The door of a desk whose branch machine does not answer: the same rule, by what the desk last knew of the gym and what it
//! has done since. Pure.
use super::decide::{self, Decision, Effect};
use super::service::{Asked, Scene, first_name_only, show_member, verdict_at};
use super::snapshot::{House, Known, KnownPass, Snapshot};
use super::store::{Question, RecentEntry, Row, Scan};
use super::wire::{CheckIn, CheckOut, LetIn, Outcome, Reason, Source, Verdict, VerdictMember};
use crate::actor::{Actor, DeskActor};
use crate::auth::model::Permission;
use crate::error::Error;
use crate::ids::{AccountId, EntryId, MemberId, PassId, ScanId, SubscriptionId};
use crate::passes::payload::PassNumber;
use crate::passes::service::check_reason;
use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use sqlx::types::Json;
use std::collections::HashMap;

/// How long a snapshot is good for: a day later too many have paid, ended or been suspended.
pub const GOOD_FOR: TimeDelta = TimeDelta::hours(24);
/// A snapshot from the future: the desk's clock was set back.
const CLOCK_OFF: TimeDelta = TimeDelta::minutes(10);

/// A scan that the database has yet to be told of, with what it was answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueuedScan {
    /// Told twice, it is stored once.
    pub scan: ScanId,
    pub at: DateTime<Utc>,
    pub account: Option<AccountId>,
    pub source: Source,
    pub pass: Option<PassId>,
    pub member: Option<MemberId>,
    pub code_hint: Option<String>,
    pub outcome: Outcome,
    pub reasons: Vec<Reason>,
    /// The entry the scan made, repeated or ended.
    pub entry: Option<EntryId>,
    pub override_reason: Option<String>,
    pub entered: Option<QueuedEntry>,
    /// The visit that ends.
    pub leaves: Option<EntryId>,
}

/// What an admission adds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueuedEntry {
    pub business_day: NaiveDate,
    pub subscription: Option<SubscriptionId>,
    pub takes_visit: bool,
    /// Step of the live code it uses up.
    pub step: Option<i64>,
}

/// A snapshot, ready to be asked.
pub struct Book {
    snapshot: Snapshot,
    members: HashMap<MemberId, usize>,
    numbers: HashMap<String, Vec<usize>>,
    pass_numbers: HashMap<PassNumber, usize>,
    passes: HashMap<PassId, usize>,
    aliases: HashMap<String, PassId>,
}

/// What is asked at the door.
pub enum Ask<'a> {
    CheckIn(&'a CheckIn),
    LetIn(&'a LetIn),
    CheckOut(&'a CheckOut),
}

impl Book {
    pub fn new(snapshot: Snapshot) -> Self {
        let mut numbers: HashMap<String, Vec<usize>> = HashMap::new();
        for (place, known) in snapshot.members.iter().enumerate() {
            numbers.entry(known.member.number.clone()).or_default().push(place);
        }
        let members = snapshot.members.iter().enumerate();
        Self {
            members: members.map(|(place, known)| (known.member.id, place)).collect(),
            numbers,
            pass_numbers: snapshot
                .passes
                .iter()
                .enumerate()
                .map(|(place, pass)| (pass.number, place))
                .collect(),
            passes: snapshot.passes.iter().enumerate().map(|(place, pass)| (pass.id, place)).collect(),
            aliases: snapshot.aliases.iter().cloned().collect(),
            snapshot,
        }
    }

    pub fn snapshot(&self) -> &Snapshot {
        &self.snapshot
    }

    /// Whose it is.
    pub fn desk(&self) -> DeskActor {
        self.snapshot.house.actor
    }

    /// Judges. `queue` is what was done since the snapshot. The second half is what the database has to be told, nothing for a
    /// scan that the queue has already.
    ///
    /// # Errors
    /// Those of the same question to the database.
    pub fn judge(
        &self,
        queue: &[QueuedScan],
        actor: &Actor,
        ask: &Ask<'_>,
        now: DateTime<Utc>,
    ) -> Result<(Verdict, Option<QueuedScan>), Error> {
        let (asked, scan, source) = match ask {
            Ask::CheckIn(request) => {
                actor.require(Permission::CheckIn)?;
                (Asked::of(request)?, request.scan_id, request.source)
            }
            Ask::LetIn(request) => {
                actor.require(Permission::Override)?;
                (Asked::member(request.member_id), request.scan_id, Source::Search)
            }
            Ask::CheckOut(request) => {
                actor.require(Permission::CheckIn)?;
                if matches!(actor, Actor::Desk(_)) {
                    return Err(Error::Locked);
                }
                (Asked::member(request.member_id), ScanId::new(now), Source::Search)
            }
        };
        let taken_at = self.snapshot.taken_at;
        if now - taken_at > GOOD_FOR || taken_at - now > CLOCK_OFF {
            return Ok(unjudged(actor, scan, source, now, Reason::SnapshotTooOld { taken_at }));
        }
        let DeskActor { branch, desk } = self.desk();
        let here = Scan { branch, desk, id: scan, now };
        let rows = self.look_up(&asked.question(), queue);
        let scene = Scene::of(here, rows, &asked, self.inside(queue))?;
        let told = queue.iter().find(|told| told.scan == scan);
        let mut reason = None;
        let mut decision = match (told, ask) {
            (Some(told), _) => shown_again(told),
            (None, Ask::CheckIn(_)) => decide::decide(&scene.facts, now, &scene.rules),
            (None, Ask::LetIn(request)) => {
                let why = check_reason(&request.reason)?;
                reason = Some(why.to_owned());
                decide::let_in(&scene.facts, now, &scene.rules, why).ok_or(Error::NotFound("member"))?
            }
            (None, Ask::CheckOut(_)) => {
                let member = scene.facts.member.as_ref().ok_or(Error::NotFound("member"))?;
                decide::check_out(member, now, &scene.rules)
            }
        };
        if told.is_none() {
            decision.reasons.push(Reason::FromSnapshot { taken_at });
        }
        let (entry, entered, leaves) = match decision.effect {
            Effect::Nothing => (None, None, None),
            Effect::Repeat { entry } => (Some(entry), None, None),
            Effect::Leave { entry } => (Some(entry), None, Some(entry)),
            Effect::Enter { subscription, takes_visit, closes } => {
                let business_day = scene.rules.calendar.business_day(now);
                let entered = QueuedEntry { business_day, subscription, takes_visit, step: scene.step };
                (Some(EntryId::new(now)), Some(entered), closes)
            }
        };
        let member = scene.member.as_ref().map(|member| member.id);
        let queued = told.is_none().then(|| QueuedScan {
            scan,
            at: now,
            account: actor.account(),
            source,
            pass: scene.pass,
            member,
            code_hint: asked.hint().filter(|_| member.is_none()).map(str::to_owned),
            outcome: decision.outcome,
            reasons: decision.reasons.clone(),
            entry,
            override_reason: reason,
            entered,
            leaves,
        });
        let verdict = scene.shown(actor, source, decision, entry, None);
        Ok((Verdict { at: told.map_or(now, |told| told.at), ..verdict }, queued))
    }

    /// A member as this actor may see them.
    pub fn shown(&self, member: MemberId, actor: &Actor) -> Option<VerdictMember> {
        let place = self.members.get(&member)?;
        let shown = show_member(&self.snapshot.members[*place].member);
        Some(if matches!(actor, Actor::Desk(_)) { first_name_only(shown) } else { shown })
    }

    pub fn capacity(&self) -> Option<i32> {
        self.snapshot.house.capacity
    }

    /// How many are inside; zero unless there is a capacity.
    pub fn inside(&self, queue: &[QueuedScan]) -> i64 {
        let came = queue.iter().filter(|told| told.entered.is_some()).count();
        let left = queue.iter().filter(|told| told.leaves.is_some()).count();
        let of = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
        self.snapshot.inside + of(came) - of(left)
    }

    /// As the database answers `store::look_up`, at least one row.
    fn look_up(&self, question: &Question<'_>, queue: &[QueuedScan]) -> Vec<Row> {
        let of_pass = |via: &str, pass: &KnownPass| {
            let known = self.members.get(&pass.member).map(|place| &self.snapshot.members[*place]);
            let step_used = question.step.is_some_and(|step| {
                let used = |(id, at): &(PassId, i64)| *id == pass.id && *at == step;
                let queued = |told: &QueuedScan| {
                    told.pass == Some(pass.id)
                        && told.entered.as_ref().is_some_and(|entered| entered.step == Some(step))
                };
                self.snapshot.steps.iter().any(used) || queue.iter().any(queued)
            });
            Row {
                via: Some(via.to_owned()),
                pass_id: Some(pass.id),
                pass_is_live: Some(pass.is_live && via == "pass"),
                secret: (via == "pass").then(|| pass.secret.to_vec()),
                revoked_at: pass.revoked_at,
                step_used: Some(step_used),
                ..self.row(known, queue)
            }
        };
        let of_member = |via: &str, place: &usize| Row {
            via: Some(via.to_owned()),
            ..self.row(self.snapshot.members.get(*place), queue)
        };
        let pass = |place: &usize| &self.snapshot.passes[*place];
        let mut rows = Vec::new();
        if let Some(number) = question.pass_number {
            rows.extend(self.pass_numbers.get(&number).map(|place| of_pass("pass", pass(place))));
        } else {
            let alias = question.alias.and_then(|alias| self.passes.get(self.aliases.get(alias)?));
            rows.extend(alias.map(|place| of_pass("alias", pass(place))));
            let same_number = question.number.and_then(|number| self.numbers.get(number));
            rows.extend(same_number.into_iter().flatten().map(|place| of_member("number", place)));
            let member = question.member.and_then(|id| self.members.get(&id));
            rows.extend(member.map(|place| of_member("member", place)));
        }
        if rows.is_empty() {
            rows.push(self.row(None, queue));
        }
        rows
    }

    fn row(&self, known: Option<&Known>, queue: &[QueuedScan]) -> Row {
        let House { actor, .. } = self.snapshot.house;
        let house = self.snapshot.house.clone();
        let known = known.map(|known| since(known.clone(), queue, actor));
        let (member, notes, subscriptions, entries, debts) = match known {
            Some(known) => (
                Some(Json(known.member)),
                Some(Json(known.notes)),
                Some(Json(known.subscriptions)),
                Some(Json(known.entries)),
                Some(Json(known.debts)),
            ),
            None => (None, None, None, None, None),
        };
        Row {
            time_zone: house.time_zone,
            day_starts_at: house.day_starts_at,
            anti_passback_minutes: house.anti_passback_minutes,
            auto_checkout_hours: house.auto_checkout_hours,
            undo_minutes: house.undo_minutes,
            capacity: house.capacity,
            daily_entries: house.daily_entries,
            direction: house.direction,
            answered: None,
            via: None,
            pass_id: None,
            pass_is_live: None,
            secret: None,
            revoked_at: None,
            step_used: None,
            member,
            notes,
            subscriptions,
            entries,
            last_seq: None,
            debts,
            currency: house.currency,
            debt_blocks_from: house.debt_blocks_from,
            debt_grace_days: house.debt_grace_days,
        }
    }
}

/// Nothing to judge by: the desk says so, and the scan is told of as it was.
pub fn unjudged(
    actor: &Actor,
    scan: ScanId,
    source: Source,
    now: DateTime<Utc>,
    reason: Reason,
) -> (Verdict, Option<QueuedScan>) {
    let reasons = vec![reason];
    let queued = QueuedScan {
        scan,
        at: now,
        account: actor.account(),
        source,
        pass: None,
        member: None,
        code_hint: None,
        outcome: Outcome::Refused,
        reasons: reasons.clone(),
        entry: None,
        override_reason: None,
        entered: None,
        leaves: None,
    };
    (verdict_at(now, scan, source, Outcome::Refused, reasons), Some(queued))
}

fn shown_again(told: &QueuedScan) -> Decision {
    Decision {
        outcome: told.outcome,
        reasons: told.reasons.clone(),
        effect: told.entry.map_or(Effect::Nothing, |entry| Effect::Repeat { entry }),
        subscription: None,
    }
}

/// The member after what this desk has done. What the snapshot has already is known by its id.
fn since(mut known: Known, queue: &[QueuedScan], here: DeskActor) -> Known {
    for told in queue.iter().filter(|told| told.member == Some(known.member.id)) {
        if let (Some(entry), Some(entered)) = (told.entry, &told.entered)
            && known.entries.iter().all(|other| other.id != entry)
        {
            known.entries.insert(
                0,
                RecentEntry {
                    id: entry,
                    at: told.at,
                    business_day: entered.business_day,
                    desk_id: here.desk,
                    left_at: None,
                    undone: false,
                    pass_id: told.pass,
                    outcome: told.outcome,
                    reasons: told.reasons.clone(),
                },
            );
            let used = known.subscriptions.iter_mut().find(|row| Some(row.id) == entered.subscription);
            if let Some(row) = used.filter(|_| entered.takes_visit) {
                row.used.get_or_insert_default().push(entered.business_day);
            }
        }
        let left = known.entries.iter_mut().find(|entry| Some(entry.id) == told.leaves);
        if let Some(entry) = left.filter(|entry| entry.left_at.is_none()) {
            entry.left_at = Some(told.at);
        }
    }
    known
}
