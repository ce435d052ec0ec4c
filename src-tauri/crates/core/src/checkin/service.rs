//! The use cases of the door.
use crate::actor::Actor;
use crate::audit::{self, Change};
use crate::auth::model::Permission;
use crate::checkin::code::Code;
use crate::checkin::decide::{
    self, DebtRule, Decision, Effect, Facts, MemberFacts, PastEntry, Presented, Rules,
};
use crate::checkin::feed;
use crate::checkin::store::{self, Entered, MemberRow, Question, Record, Row, SubscriptionRow};
use crate::checkin::wire::{
    CheckIn, CheckOut, LetIn, NextAction, Outcome, Reason, Source, UndoEntry, Verdict, VerdictMember,
    VerdictSubscription, Who,
};
use crate::day::BranchCalendar;
use crate::error::Error;
use crate::gym::wire::Direction;
use crate::ids::{EntryId, MemberId, PassId, ScanId, SubscriptionId};
use crate::members::number;
use crate::passes::payload::Payload;
use crate::passes::service::check_reason;
use crate::services::Services;
use crate::subscriptions::door::Held;
use crate::subscriptions::model::{self, Columns, Event};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::json;
use sqlx::{Connection as _, PgConnection};

/// How often a decision is made again after another desk was faster. Each time somebody got further, so this
/// many desks at the same member's heels do not happen.
const ATTEMPTS: usize = 12;
/// Members whose phones must disagree with the desk alike before the desk is suspected.
const ALIKE: usize = 3;
/// Seconds within which two differences count as alike.
const ALIKE_SECONDS: i64 = 60;

/// One scan: whatever was held up, typed or clicked. A retry with the same nonce gets the same answer.
///
/// # Errors
/// `required` in `code` for an empty one.
pub async fn check_in(services: &Services, actor: &Actor, request: CheckIn) -> Result<Verdict, Error> {
    actor.require(Permission::CheckIn)?;
    let asked = Asked::of(&request)?;
    // One connection for question and answer: the pool looks after each one it hands out or takes back.
    let mut db = services.db.acquire().await?;
    for _ in 0..ATTEMPTS {
        let now = services.now();
        let scene = Scene::ask(&mut db, actor, request.scan_id, now, &asked).await?;
        if let Some(answered) = &scene.answered {
            return scene.show_again(&mut db, actor, answered).await;
        }
        let decision = decide::decide(&scene.facts, now, &scene.rules);
        let written = scene.write(&mut db, actor, request.source, &asked, &decision, None).await;
        match written {
            Ok(entry) => return scene.verdict(&mut db, actor, request.source, decision, entry).await,
            Err(error) if store::lost_race(&error) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(Error::conflict("too_busy"))
}

/// Lets a member in once in spite of every reason, because somebody who may says why.
///
/// # Errors
/// [`Error::NotFound`] for no such member; those of [`check_reason`].
pub async fn let_in(services: &Services, actor: &Actor, request: LetIn) -> Result<Verdict, Error> {
    actor.require(Permission::Override)?;
    let reason = check_reason(&request.reason)?;
    let asked = Asked::member(request.member_id);
    let mut db = services.db.acquire().await?;
    for _ in 0..ATTEMPTS {
        let now = services.now();
        let scene = Scene::ask(&mut db, actor, request.scan_id, now, &asked).await?;
        if let Some(answered) = &scene.answered {
            return scene.show_again(&mut db, actor, answered).await;
        }
        let decision =
            decide::let_in(&scene.facts, now, &scene.rules, reason).ok_or(Error::NotFound("member"))?;
        match scene.write(&mut db, actor, Source::Search, &asked, &decision, Some(reason)).await {
            Ok(entry) => return scene.verdict(&mut db, actor, Source::Search, decision, entry).await,
            Err(error) if store::lost_race(&error) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(Error::conflict("too_busy"))
}

/// Ends a member's visit by hand. Somebody who is not inside is told so, which is no error.
pub async fn check_out(services: &Services, actor: &Actor, request: CheckOut) -> Result<Verdict, Error> {
    actor.require(Permission::CheckIn)?;
    if matches!(actor, Actor::Desk(_)) {
        return Err(Error::Locked);
    }
    let asked = Asked::member(request.member_id);
    let mut db = services.db.acquire().await?;
    for _ in 0..ATTEMPTS {
        let now = services.now();
        let scene = Scene::ask(&mut db, actor, ScanId::new(now), now, &asked).await?;
        let member = scene.facts.member.as_ref().ok_or(Error::NotFound("member"))?;
        let decision = decide::check_out(member, now, &scene.rules);
        match scene.write(&mut db, actor, Source::Search, &asked, &decision, None).await {
            Ok(entry) => return scene.verdict(&mut db, actor, Source::Search, decision, entry).await,
            Err(error) if store::lost_race(&error) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(Error::conflict("too_busy"))
}

/// Takes an entry back, and the visit it used. Doing it twice changes nothing.
///
/// # Errors
/// `undo_too_late` after the branch's window, `not_last_entry` when the member has entered again since.
pub async fn undo_entry(services: &Services, actor: &Actor, request: UndoEntry) -> Result<(), Error> {
    actor.require(Permission::UndoEntry)?;
    let reason = match request.reason.as_deref().map(str::trim) {
        None | Some("") => None,
        Some(reason) => Some(check_reason(reason)?),
    };
    let now = services.now();
    let branch = actor.branch()?;
    let mut tx = services.db.begin().await?;
    let entry = store::undoable(&mut tx, request.entry_id, branch).await?.ok_or(Error::NotFound("entry"))?;
    if entry.undone {
        return Ok(());
    }
    if now - entry.at > TimeDelta::minutes(i64::from(entry.undo_minutes)) {
        return Err(Error::Conflict {
            code: "undo_too_late",
            params: json!({ "minutes": entry.undo_minutes }),
        });
    }
    if entry.followed {
        return Err(Error::conflict("not_last_entry"));
    }
    if store::void_entry(&mut tx, request.entry_id, branch, now, actor.account(), reason).await? {
        let change = Change {
            act: "entry.undone",
            subject_kind: "entry",
            subject: Some(request.entry_id.0),
            before: None,
            after: Some(json!({ "reason": reason })),
        };
        audit::record(&mut tx, actor, now, change).await?;
    }
    tx.commit().await?;
    Ok(())
}

/// What a request asks for, before anything is known.
#[derive(Default)]
pub(super) struct Asked {
    code: Option<Code>,
    member: Option<MemberId>,
}

impl Asked {
    pub(super) fn of(request: &CheckIn) -> Result<Self, Error> {
        match &request.who {
            Who::Code(text) if text.trim().is_empty() => Err(Error::invalid("code", "required")),
            Who::Code(text) => Ok(Self { code: Some(Code::parse(text, request.source)), member: None }),
            Who::Member(id) => Ok(Self { code: None, member: Some(*id) }),
        }
    }

    pub(super) fn member(id: MemberId) -> Self {
        Self { code: None, member: Some(id) }
    }

    pub(super) fn question(&self) -> Question<'_> {
        let code = self.code.as_ref();
        let payload = code.and_then(|code| code.payload);
        Question {
            pass_number: payload.map(|payload| payload.pass_number),
            step: payload.map(|payload| i64::from(payload.step)),
            alias: code.and_then(|code| code.alias.as_deref()),
            number: code.and_then(|code| code.number.as_deref()),
            member: self.member,
        }
    }

    pub(super) fn hint(&self) -> Option<&str> {
        self.code.as_ref().map(|code| code.hint.as_str())
    }
}

/// Everything the database knows about a scan, ready to be decided.
pub(super) struct Scene {
    now: DateTime<Utc>,
    scan: ScanId,
    pub(super) rules: Rules,
    pub(super) facts: Facts,
    answered: Option<store::Answered>,
    pub(super) member: Option<MemberRow>,
    subscriptions: Vec<SubscriptionRow>,
    notes: Vec<String>,
    pub(super) pass: Option<PassId>,
    /// Step of the live code held up.
    pub(super) step: Option<i64>,
    next_seq: i32,
}

impl Scene {
    async fn ask(
        db: &mut PgConnection,
        actor: &Actor,
        scan: ScanId,
        now: DateTime<Utc>,
        asked: &Asked,
    ) -> Result<Self, Error> {
        let (branch, desk) = (actor.branch()?, actor.desk()?);
        let here = store::Scan { branch, desk, id: scan, now };
        let mut rows = store::look_up(db, here, &asked.question()).await?;
        let answered = rows.first_mut().ok_or(Error::NotFound("desk"))?.answered.take().map(|json| json.0);
        // A retry is shown for the member it was about, whatever the code means by now.
        if let Some(member) = answered.as_ref().and_then(|answered| answered.member_id) {
            let of_member = Question { member: Some(member), ..Question::default() };
            rows = store::look_up(db, here, &of_member).await?;
        }
        let inside = match rows.first().and_then(|row| row.capacity) {
            Some(_) => feed::count_inside(db, branch, now).await?.0,
            None => 0,
        };
        Ok(Self { answered, ..Self::of(here, rows, asked, inside)? })
    }

    /// The same from rows, wherever they come from; at least one.
    pub(super) fn of(here: store::Scan, rows: Vec<Row>, asked: &Asked, inside: i64) -> Result<Self, Error> {
        let store::Scan { branch, desk, id: scan, now } = here;
        let any = rows.first().ok_or(Error::NotFound("desk"))?;
        let calendar = BranchCalendar::stored(&any.time_zone, any.day_starts_at)?;
        let (presented, row) = resolve(rows, asked, calendar, now)?;
        let rules = Rules {
            branch,
            calendar,
            direction: Direction::parse(&row.direction),
            anti_passback: TimeDelta::minutes(i64::from(row.anti_passback_minutes)),
            auto_checkout: TimeDelta::hours(i64::from(row.auto_checkout_hours)),
            daily_entries: row.daily_entries,
            capacity: row.capacity,
            debt: DebtRule {
                currency: row.currency,
                blocks_from: row.debt_blocks_from,
                grace_days: row.debt_grace_days,
            },
        };
        let member = row.member.map(|json| json.0);
        let debts = row.debts.map(|json| json.0).unwrap_or_default();
        let subscriptions = row.subscriptions.map(|json| json.0).unwrap_or_default();
        let notes = row.notes.map(|json| json.0).unwrap_or_default();
        let entries = row.entries.map(|json| json.0).unwrap_or_default();
        let pass = row.pass_id;
        let step = match (row.pass_is_live, asked.code.as_ref().and_then(|code| code.payload)) {
            (Some(true), Some(payload)) => Some(i64::from(payload.step)),
            _ => None,
        };
        let held = subscriptions.iter().map(held).collect::<Result<Vec<_>, _>>()?;
        let facts = Facts {
            presented,
            inside,
            member: member.as_ref().map(|member| MemberFacts {
                home_branch: member.home_branch_id,
                places: subscriptions
                    .iter()
                    .map(|row| {
                        let place = row.branch_names.clone();
                        (row.id, place.unwrap_or_else(|| member.home_branch_name.clone()))
                    })
                    .collect(),
                suspended: member.suspended,
                blocked_by_note: notes.iter().any(|note| note.blocks),
                has_reminder: notes.iter().any(|note| !note.blocks),
                held,
                entries: entries
                    .into_iter()
                    .map(|entry| PastEntry {
                        id: entry.id,
                        at: entry.at,
                        business_day: entry.business_day,
                        left_at: entry.left_at,
                        undone: entry.undone,
                        same_way: entry.desk_id == desk && entry.pass_id == pass,
                        outcome: entry.outcome,
                        reasons: entry.reasons,
                    })
                    .collect(),
                debts: debts.into_iter().map(|debt| (debt.owed, debt.due_on)).collect(),
            }),
        };
        Ok(Self {
            now,
            scan,
            rules,
            facts,
            answered: None,
            member,
            subscriptions,
            notes: notes.into_iter().map(|note| note.body).collect(),
            pass,
            step,
            next_seq: row.last_seq.unwrap_or(0) + 1,
        })
    }

    /// Stores the scan and what the decision does; the entry it made, repeated or ended.
    async fn write(
        &self,
        db: &mut PgConnection,
        actor: &Actor,
        source: Source,
        asked: &Asked,
        decision: &Decision,
        override_reason: Option<&str>,
    ) -> Result<Option<EntryId>, sqlx::Error> {
        let (Ok(branch), Ok(desk)) = (actor.branch(), actor.desk()) else {
            return Err(sqlx::Error::RowNotFound);
        };
        let (entry, entered, leaves) = match decision.effect {
            Effect::Nothing => (None, None, None),
            Effect::Repeat { entry } => (Some(entry), None, None),
            Effect::Leave { entry } => (Some(entry), None, Some(entry)),
            Effect::Enter { subscription, takes_visit, closes } => {
                let visit_no = subscription.filter(|_| takes_visit).map(|id| self.next_visit_no(id));
                let entered = Entered { seq: self.next_seq, subscription, visit_no, step: self.step };
                (Some(EntryId::new(self.now)), Some(entered), closes)
            }
        };
        let member = self.member.as_ref().map(|member| member.id);
        let record = Record {
            scan: self.scan,
            branch,
            desk,
            account: actor.account(),
            source,
            at: self.now,
            business_day: self.rules.calendar.business_day(self.now),
            pass: self.pass,
            member,
            code_hint: asked.hint().filter(|_| member.is_none()),
            outcome: decision.outcome,
            reasons: &decision.reasons,
            entry,
            override_reason,
            entered,
            leaves,
        };
        match override_reason {
            None => store::write(db, &record).await?,
            Some(reason) => {
                let mut tx = db.begin().await?;
                store::write(&mut tx, &record).await?;
                let change = Change {
                    act: "entry.let_in",
                    subject_kind: "member",
                    subject: member.map(|id| id.0),
                    before: None,
                    after: Some(json!({ "entry_id": entry, "reason": reason, "reasons": decision.reasons })),
                };
                match audit::record(&mut tx, actor, self.now, change).await {
                    Ok(()) => tx.commit().await?,
                    Err(Error::Database(error)) => return Err(error),
                    Err(_) => return Err(sqlx::Error::WorkerCrashed),
                }
            }
        }
        Ok(entry)
    }

    fn next_visit_no(&self, subscription: SubscriptionId) -> i32 {
        let row = self.subscriptions.iter().find(|row| row.id == subscription);
        row.and_then(|row| row.last_visit_no).unwrap_or(0) + 1
    }

    async fn verdict(
        &self,
        db: &mut PgConnection,
        actor: &Actor,
        source: Source,
        mut decision: Decision,
        entry: Option<EntryId>,
    ) -> Result<Verdict, Error> {
        if let [Reason::PassExpired { seconds_off }] = decision.reasons[..] {
            decision.reasons.extend(self.suspect_clock(db, actor, seconds_off).await?);
        }
        let next_action = self.next_action(db, actor, &decision).await?;
        Ok(self.shown(actor, source, decision, entry, next_action))
    }

    /// As it is shown.
    pub(super) fn shown(
        &self,
        actor: &Actor,
        source: Source,
        decision: Decision,
        entry: Option<EntryId>,
        next_action: Option<NextAction>,
    ) -> Verdict {
        let takes = match decision.effect {
            Effect::Enter { subscription: Some(id), takes_visit: true, .. } => Some(id),
            _ => None,
        };
        let subscription = decision.subscription.or_else(|| self.open_subscription());
        let verdict = Verdict {
            member: self.member.as_ref().map(show_member),
            subscription: subscription.and_then(|id| self.show_subscription(id, takes == Some(id))),
            notes: self.notes.clone(),
            next_action,
            can_let_in: entry.is_none()
                && self.member.is_some()
                && actor.require(Permission::Override).is_ok(),
            entry_id: entry,
            repeated: matches!(decision.effect, Effect::Repeat { .. }),
            ..verdict_at(self.now, self.scan, source, decision.outcome, decision.reasons)
        };
        for_actor(verdict, actor)
    }

    /// The stored answer, with the member as they are now.
    async fn show_again(
        &self,
        db: &mut PgConnection,
        actor: &Actor,
        answered: &store::Answered,
    ) -> Result<Verdict, Error> {
        let effect = answered.entry_id.map_or(Effect::Nothing, |entry| Effect::Repeat { entry });
        let decision = Decision {
            outcome: answered.outcome,
            reasons: answered.reasons.clone(),
            effect,
            subscription: None,
        };
        let verdict = self.verdict(db, actor, answered.source, decision, answered.entry_id).await?;
        Ok(Verdict { at: answered.at, repeated: true, ..verdict })
    }

    /// The one to show when the decision names none: what opens, or what is nearest to it.
    fn open_subscription(&self) -> Option<SubscriptionId> {
        let member = self.facts.member.as_ref()?;
        let moment = crate::subscriptions::door::Moment {
            at: self.now,
            calendar: self.rules.calendar,
            branch: self.rules.branch,
            home_branch: member.home_branch,
        };
        match crate::subscriptions::door::choose(&member.held, &moment) {
            Ok(opening) => Some(opening.id),
            Err(closed) => closed.first().map(|(id, _)| *id),
        }
    }

    fn show_subscription(&self, id: SubscriptionId, takes_visit: bool) -> Option<VerdictSubscription> {
        let row = self.subscriptions.iter().find(|row| row.id == id)?;
        let held = self.facts.member.as_ref()?.held.iter().find(|held| held.id == id)?;
        let today = self.rules.calendar.business_day(self.now);
        let span = held.state.span(today)?;
        let left = held.state.visits_left(today, &held.used);
        Some(VerdictSubscription {
            id,
            plan_name: row.plan_name.clone(),
            ends_on: span.ends_on,
            days_left: (span.ends_on - today).num_days(),
            visits_left: left.map(|left| left - i64::from(takes_visit)),
        })
    }

    /// Three members or more whose phones are off by about the same: it is the desk.
    async fn suspect_clock(
        &self,
        db: &mut PgConnection,
        actor: &Actor,
        seconds_off: i64,
    ) -> Result<Option<Reason>, Error> {
        let since = self.now - TimeDelta::hours(1);
        let differences = store::clock_differences(db, actor.branch()?, since).await?;
        let alike = differences.iter().filter(|other| (*other - seconds_off).abs() <= ALIKE_SECONDS).count();
        Ok((alike >= ALIKE).then_some(Reason::DeskClockOff { seconds_off }))
    }

    /// What can be done about it here and now, with its price.
    async fn next_action(
        &self,
        db: &mut PgConnection,
        actor: &Actor,
        decision: &Decision,
    ) -> Result<Option<NextAction>, Error> {
        let Some(reason) = decision.reasons.first() else { return Ok(None) };
        if matches!(reason, Reason::UnknownPass) {
            let may = actor.require(Permission::EditMembers).is_ok();
            return Ok(may.then_some(NextAction::Register));
        }
        let Some(member) = self.member.as_ref().map(|member| member.id) else { return Ok(None) };
        let open_member = || {
            let may = actor.require(Permission::ViewMembers).is_ok();
            may.then_some(NextAction::OpenMember { member_id: member })
        };
        if actor.require(Permission::Sell).is_err() {
            return Ok(if decision.outcome == Outcome::Admitted { None } else { open_member() });
        }
        let (branch, today) = (self.rules.branch, self.rules.calendar.business_day(self.now));
        Ok(match reason {
            Reason::Expired { .. } | Reason::NoVisitsLeft | Reason::EndsSoon { .. } | Reason::LastVisit => {
                let id = decision.subscription.or_else(|| self.open_subscription());
                match self.subscriptions.iter().find(|row| Some(row.id) == id) {
                    Some(row) => Some(NextAction::Renew {
                        subscription_id: row.id,
                        plan_name: row.plan_name.clone(),
                        price: store::price(db, row.plan_id, branch, today).await?,
                    }),
                    None => open_member(),
                }
            }
            Reason::NoSubscription => {
                Some(NextAction::Sell { member_id: member, plan_id: None, price: None })
            }
            Reason::NotStarted { .. } | Reason::OutsideHours { .. } | Reason::WrongBranch { .. } => {
                match store::day_pass(db, branch, today).await? {
                    Some(offer) => Some(NextAction::Sell {
                        member_id: member,
                        plan_id: Some(offer.plan_id),
                        price: offer.price,
                    }),
                    None => open_member(),
                }
            }
            Reason::PassRevoked { .. } | Reason::Suspended | Reason::BlockedByNote | Reason::Reminder => {
                open_member()
            }
            Reason::Debt { owed } => Some(NextAction::Pay { member_id: member, owed: owed.clone() }),
            Reason::Frozen { .. } if actor.require(Permission::FreezeSubscriptions).is_ok() => {
                decision.subscription.map(|subscription_id| NextAction::Thaw { subscription_id })
            }
            Reason::Frozen { .. } => open_member(),
            _ => None,
        })
    }
}

/// A verdict about nobody.
pub(super) fn verdict_at(
    at: DateTime<Utc>,
    scan_id: ScanId,
    source: Source,
    outcome: Outcome,
    reasons: Vec<Reason>,
) -> Verdict {
    Verdict {
        scan_id,
        at,
        source,
        outcome,
        reasons,
        member: None,
        subscription: None,
        notes: Vec::new(),
        next_action: None,
        can_let_in: false,
        entry_id: None,
        repeated: false,
    }
}

/// Which of the things a text may mean it does mean.
fn resolve(
    mut rows: Vec<Row>,
    asked: &Asked,
    calendar: BranchCalendar,
    now: DateTime<Utc>,
) -> Result<(Presented, Row), Error> {
    let typed = asked.code.as_ref().is_some_and(|code| code.typed);
    // A number typed by hand goes before a barcode that reads the same; from a scanner it is the other way round.
    let rank = |row: &Row| match (row.member.is_some(), row.via.as_deref()) {
        (false, _) => 2,
        (true, Some("number")) => i32::from(!typed),
        (true, Some("alias")) => i32::from(typed),
        (true, _) => 0,
    };
    rows.sort_by_key(rank);
    let same_number = |row: &&Row| row.member.is_some() && row.via.as_deref() == Some("number");
    let namesakes: Vec<MemberId> =
        rows.iter().filter(same_number).filter_map(|row| Some(row.member.as_ref()?.id)).collect();
    let mut row = rows.into_iter().next().ok_or(Error::NotFound("desk"))?;
    let code = asked.code.as_ref();
    let presented = match (row.member.is_some(), row.via.as_deref()) {
        (true, Some("number")) if namesakes.len() > 1 => Presented::Ambiguous(namesakes),
        (true, Some("number" | "member")) => Presented::Member,
        (true, Some("pass")) if !is_genuine(&row, code.and_then(|code| code.payload)) => Presented::Forged,
        (true, Some(_)) => Presented::Pass {
            revoked_on: row.revoked_at.map(|at| calendar.business_day(at)),
            seconds_off: code.and_then(|code| code.payload).and_then(|payload| payload.seconds_off(now)),
            step_used: row.pass_is_live == Some(true) && row.step_used == Some(true),
        },
        _ => match code {
            Some(code) if code.has_prefix && code.payload.is_none() => Presented::Forged,
            Some(Code { typed: true, number: Some(typed), .. }) if !number::fits(typed) => {
                Presented::Mistyped
            }
            _ => Presented::Unknown,
        },
    };
    // Who it may be is nobody's business where the code proves nothing.
    if matches!(presented, Presented::Forged | Presented::Ambiguous(_)) {
        row = Row { member: None, notes: None, subscriptions: None, entries: None, pass_id: None, ..row };
    }
    Ok((presented, row))
}

fn is_genuine(row: &Row, payload: Option<Payload>) -> bool {
    let secret = row.secret.as_deref().and_then(|secret| secret.try_into().ok());
    let (Some(payload), Some(secret)) = (payload, secret) else { return false };
    let is_live = payload.kind == crate::passes::wire::PassKind::Live;
    payload.is_signed_with(secret) && row.pass_is_live == Some(is_live)
}

/// A subscription as the rule for the door wants it.
///
/// # Errors
/// When stored hours cannot be read: better no door than one open at all hours.
fn held(row: &SubscriptionRow) -> Result<Held, Error> {
    let terms = row.terms.parse()?;
    let events: Vec<Event> = row
        .events
        .iter()
        .flatten()
        .filter_map(|event| {
            Columns {
                id: event.id,
                kind: event.kind,
                business_day: event.business_day,
                starts_on: event.starts_on,
                ends_on: event.ends_on,
                visits: event.visits,
                days: event.days,
                voids: event.voids,
                about: event.about,
            }
            .read()
        })
        .collect();
    let state = model::fold(&terms, &events);
    Ok(Held { id: row.id, terms, state, used: row.used.clone().unwrap_or_default() })
}

pub(super) fn show_member(row: &MemberRow) -> VerdictMember {
    VerdictMember {
        id: row.id,
        number: row.number.clone(),
        full_name: row.full_name.clone(),
        native_name: row.native_name.clone(),
        photo_file_id: row.photo_file_id,
        language: row.language.clone(),
    }
}

/// A desk without a person shows the verdict and a first name, nothing else.
pub fn for_actor(verdict: Verdict, actor: &Actor) -> Verdict {
    if !matches!(actor, Actor::Desk(_)) {
        return verdict;
    }
    Verdict {
        reasons: verdict
            .reasons
            .into_iter()
            .map(|reason| match reason {
                Reason::AmbiguousNumber { .. } => Reason::AmbiguousNumber { member_ids: Vec::new() },
                Reason::LetInOnce { .. } => Reason::LetInOnce { reason: String::new() },
                reason => reason,
            })
            .filter(|reason| !matches!(reason, Reason::Debt { .. }))
            .collect(),
        member: verdict.member.map(first_name_only),
        subscription: None,
        notes: Vec::new(),
        next_action: None,
        can_let_in: false,
        ..verdict
    }
}

/// The member as a locked desk may show them.
pub(super) fn first_name_only(member: VerdictMember) -> VerdictMember {
    let first = |name: &str| name.split_whitespace().next().unwrap_or_default().to_owned();
    VerdictMember {
        full_name: first(&member.full_name),
        native_name: member.native_name.as_deref().map(first),
        number: String::new(),
        photo_file_id: None,
        ..member
    }
}
