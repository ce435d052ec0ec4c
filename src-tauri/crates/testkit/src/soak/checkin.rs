//! The suite of the door: check-ins, overrides and undos, many of them sent twice.
#[cfg(test)]
mod tests;

use crate::house::House;
use crate::soak::desk::{Desk, Sent};
use crate::soak::killer::Target;
use crate::soak::wire::{Answer, Request};
use crate::soak::{Judgement, Plan, Suite, count, lock, share};
use chrono::{DateTime, TimeDelta, Utc};
use gatehouse_core::actor::Actor;
use gatehouse_core::checkin::service::{check_in, let_in, undo_entry};
use gatehouse_core::checkin::wire::{CheckIn, LetIn, Outcome, Source, UndoEntry, Verdict, Who};
use gatehouse_core::demo::dice::Dice;
use gatehouse_core::error::Error;
use gatehouse_core::ids::{
    BranchId, EntryId, MemberId, PassId, PlanId, ScanId, SubscriptionEventId, SubscriptionId,
};
use gatehouse_core::passes::payload::Payload;
use gatehouse_core::random;
use gatehouse_core::services::Services;
use serde::{Deserialize, Serialize};
use sqlx::{PgConnection, PgPool};
use std::collections::{HashMap, HashSet, VecDeque};
use std::io;
use std::sync::{Arc, Mutex};

/// Few enough that desks meet over the same member all the time.
const MEMBERS: u64 = 240;
/// Of a hundred requests: answered ones sent again, and ones sent to two desks at once.
const AGAIN: u64 = 9;
const TWICE: u64 = 9;
const LET_IN: u64 = 5;
const UNDO: u64 = 5;

/// Operations between two kills.
const OPS_PER_KILL: u64 = 600;

/// A request of this suite.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "op", rename_all = "snake_case")]
pub enum Ask {
    CheckIn { scan_id: ScanId, code: String },
    LetIn { scan_id: ScanId, member_id: MemberId },
    Undo { entry_id: EntryId },
}

/// What was done for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "done", rename_all = "snake_case")]
pub enum Done {
    Verdict { scan_id: ScanId, outcome: Outcome, entry_id: Option<EntryId>, repeated: bool },
    Undone { entry_id: EntryId },
}

impl From<Verdict> for Done {
    fn from(verdict: Verdict) -> Self {
        Self::Verdict {
            scan_id: verdict.scan_id,
            outcome: verdict.outcome,
            entry_id: verdict.entry_id,
            repeated: verdict.repeated,
        }
    }
}

/// A request with its answer.
pub type Told = crate::soak::Told<Ask, Done>;

/// What all desks of a run draw from.
pub struct Door {
    seed: u64,
    ops: u64,
    base: DateTime<Utc>,
    members: Vec<(MemberId, String)>,
    /// Requests on their way at one desk, for another to send too.
    copies: Mutex<VecDeque<Ask>>,
    /// Requests that were answered.
    answered: Mutex<Vec<Ask>>,
}

impl Suite for Door {
    type Ask = Ask;
    type Done = Done;

    const NAME: &'static str = "checkin";
    const CLIENTS: usize = 8;
    const TARGETS: &'static [Target] = &[Target::App, Target::Database];
    const LEAST_UNANSWERED: u64 = 1;

    fn kills(ops: u64) -> u64 {
        (ops / OPS_PER_KILL).max(1)
    }

    /// A gym with members, cards and subscriptions: unlimited, small packs, large packs, packs by the day.
    async fn prepare(owner: &PgPool, plan: &Plan, base: DateTime<Utc>) -> Result<Self, sqlx::Error> {
        let mut tx = owner.begin().await?;
        let House { branch, .. } = House::build(&mut tx, "Soak", Self::CLIENTS, base).await?;
        let offer = PlanId::new(base);
        sqlx::query(
            "insert into plans (id, name, kind, duration_unit, duration_count, created_at) values ($1, 'Soak', 'gym', 'days', 90, $2)",
        )
        .bind(offer)
        .bind(base)
        .execute(&mut *tx)
        .await?;
        let mut members = Vec::new();
        for number in 0..MEMBERS {
            members.push(member(&mut tx, number, branch, offer, base).await?);
        }
        tx.commit().await?;
        Ok(Self {
            seed: plan.seed,
            ops: plan.ops,
            base,
            members,
            copies: Mutex::default(),
            answered: Mutex::default(),
        })
    }

    async fn answer(services: &Services, actor: &Actor, ask: Ask) -> Result<Done, Error> {
        match ask {
            Ask::CheckIn { scan_id, code } => {
                let request = CheckIn { scan_id, who: Who::Code(code), source: Source::Webcam };
                check_in(services, actor, request).await.map(Done::from)
            }
            Ask::LetIn { scan_id, member_id } => {
                let request = LetIn { scan_id, member_id, reason: "soak".to_owned() };
                let_in(services, actor, request).await.map(Done::from)
            }
            Ask::Undo { entry_id } => {
                let request = UndoEntry { entry_id, reason: None };
                undo_entry(services, actor, request).await.map(|()| Done::Undone { entry_id })
            }
        }
    }

    async fn play(self: Arc<Self>, mut desk: Desk, number: usize) -> io::Result<Vec<Told>> {
        let own = u64::try_from(number).unwrap_or(0);
        let mut dice = Dice::new(self.seed.wrapping_mul(1000).wrapping_add(own).wrapping_add(1));
        let mut told = Vec::new();
        let mut entries = Vec::new();
        for index in 0..share(self.ops, Self::CLIENTS, number) {
            let (ask, sent) = self.draw(&mut dice, &entries);
            let request = Request { desk: number, ask: ask.clone() };
            let answer = desk.ask(own << 32 | index, &request, sent).await?;
            if let Answer::Done(Done::Verdict { entry_id: Some(entry), repeated: false, .. }) = answer {
                entries.push(entry);
            }
            lock(&self.answered).push(ask.clone());
            told.push(Told { ask, answer });
        }
        Ok(told)
    }

    fn duplicates(told: &[Told]) -> usize {
        let nonces = told.iter().filter_map(|told| match told.ask {
            Ask::CheckIn { scan_id, .. } | Ask::LetIn { scan_id, .. } => Some(scan_id),
            Ask::Undo { .. } => None,
        });
        let mut seen = HashSet::new();
        nonces.filter(|nonce| !seen.insert(*nonce)).count()
    }

    async fn judge(owner: &PgPool, told: &[Told]) -> Result<Judgement, sqlx::Error> {
        Ok(Judgement {
            lost: lost(owner, told).await?,
            doubled: doubled(owner).await?,
            ..Judgement::default()
        })
    }
}

/// A member of one of the four kinds, with the text of the card.
async fn member(
    db: &mut PgConnection,
    number: u64,
    branch: BranchId,
    offer: PlanId,
    base: DateTime<Utc>,
) -> Result<(MemberId, String), sqlx::Error> {
    let member = MemberId::new(base);
    sqlx::query(
        "insert into members (id, home_branch_id, number, full_name, created_at, updated_at) values ($1, $2, $3, $4, $5, $5)",
    )
    .bind(member)
    .bind(branch)
    .bind(format!("{number}"))
    .bind(format!("Member {number}"))
    .bind(base)
    .execute(&mut *db)
    .await?;
    let (pass_number, secret) = (random::bytes(), random::bytes());
    sqlx::query("insert into passes (id, pass_id, member_id, kind, secret, issued_at) values ($1, $2, $3, 'card', $4, $5)")
        .bind(PassId::new(base))
        .bind(pass_number.as_slice())
        .bind(member)
        .bind(secret.as_slice())
        .bind(base)
        .execute(&mut *db)
        .await?;
    let (visits, visit_rule) = match number % 4 {
        0 => (None, "per_day"),
        1 => (Some(3), "per_entry"),
        2 => (Some(200), "per_entry"),
        _ => (Some(30), "per_day"),
    };
    let subscription = SubscriptionId::new(base);
    sqlx::query(
        "insert into subscriptions (id, branch_id, member_id, plan_id, plan_name, kind, duration_unit, duration_count,
             visits, visit_rule, access_windows, branch_scope, anchor_day, created_at)
         values ($1, $2, $3, $4, 'Soak', 'gym', 'days', 90, $5, $6, '[]', 'home', 1, $7)",
    )
    .bind(subscription)
    .bind(branch)
    .bind(member)
    .bind(offer)
    .bind(visits)
    .bind(visit_rule)
    .bind(base)
    .execute(&mut *db)
    .await?;
    let today = base.date_naive();
    sqlx::query(
        "insert into subscription_events (id, branch_id, subscription_id, seq, kind, at, business_day, starts_on, ends_on, visits)
         values ($1, $2, $3, 1, 'taken_over', $4, $5, $5, $6, $7)",
    )
    .bind(SubscriptionEventId::new(base))
    .bind(branch)
    .bind(subscription)
    .bind(base)
    .bind(today - TimeDelta::days(1))
    .bind(today + TimeDelta::days(365))
    .bind(visits)
    .execute(&mut *db)
    .await?;
    Ok((member, Payload::card(pass_number, &secret).encode()))
}

impl Door {
    fn draw(&self, dice: &mut Dice, entries: &[EntryId]) -> (Ask, Sent) {
        if let Some(copy) = lock(&self.copies).pop_front() {
            return (copy, Sent::Again);
        }
        let roll = dice.below(100);
        if roll < AGAIN {
            let answered = lock(&self.answered);
            if !answered.is_empty() {
                return (dice.pick(&answered).clone(), Sent::Again);
            }
        }
        if roll < AGAIN + UNDO
            && let Some(entry_id) = entries.last()
        {
            return (Ask::Undo { entry_id: *entry_id }, Sent::First);
        }
        let (member_id, code) = dice.pick(&self.members).clone();
        let scan_id = ScanId::new(self.base);
        let ask = if roll < AGAIN + UNDO + LET_IN {
            Ask::LetIn { scan_id, member_id }
        } else {
            Ask::CheckIn { scan_id, code }
        };
        if dice.below(100) < TWICE {
            lock(&self.copies).push_back(ask.clone());
        }
        (ask, Sent::First)
    }
}

/// Answers that are not stored as they were given, and entries whose visit was not taken.
pub async fn lost(owner: &PgPool, told: &[Told]) -> Result<u64, sqlx::Error> {
    let rows: Vec<(ScanId, String, Option<EntryId>)> =
        sqlx::query_as("select id, outcome, entry_id from scans").fetch_all(owner).await?;
    let scans: HashMap<ScanId, (String, Option<EntryId>)> =
        rows.into_iter().map(|(id, outcome, entry)| (id, (outcome, entry))).collect();
    let entries: Vec<EntryId> = sqlx::query_scalar("select id from entries").fetch_all(owner).await?;
    let undone: Vec<EntryId> =
        sqlx::query_scalar("select entry_id from entry_voids").fetch_all(owner).await?;
    let (entries, undone) = (set(entries), set(undone));
    let mut lost = 0;
    for Told { ask, answer } in told {
        let kept = match answer {
            Answer::Done(Done::Verdict { scan_id, outcome, entry_id, .. }) => {
                let stored = scans.get(scan_id);
                stored.is_some_and(|(stored, entry)| stored == word(*outcome) && entry == entry_id)
                    && entry_id.is_none_or(|entry| entries.contains(&entry))
            }
            Answer::Done(Done::Undone { entry_id }) => undone.contains(entry_id),
            Answer::Refused { .. } => true,
            Answer::Hello { .. } | Answer::Unknown => false,
        };
        if !kept {
            eprintln!("lost: {ask:?} was answered {answer:?}");
            lost += 1;
        }
    }
    let untaken = "select count(*) from entries e join subscriptions s on s.id = e.subscription_id
        where s.visits is not null and s.visit_rule = 'per_entry'
          and not exists (select from visit_uses u where u.entry_id = e.id and u.subscription_id = s.id)";
    Ok(lost + count(owner, "an entry without its visit", untaken).await?)
}

/// What a second copy of anything would break, by SQL alone.
pub async fn doubled(owner: &PgPool) -> Result<u64, sqlx::Error> {
    let mut doubled = 0;
    for (what, query) in [
        (
            "a scan with two entries",
            "select count(*) from (select from entries group by scan_id having count(*) > 1) twice",
        ),
        (
            "an entry whose scan does not name it",
            "select count(*) from entries e where not exists (select from scans s where s.id = e.scan_id and s.entry_id = e.id)",
        ),
        // An undo and an entry that follows it may have read the fast clock the other way round: an hour of it
        // are three seconds.
        (
            "a second entry inside the window",
            "select count(*) from entries b
             where b.override_reason is null and exists (
                 select from entries a
                 where a.branch_id = b.branch_id and a.member_id = b.member_id and a.seq < b.seq
                   and a.at > b.at - interval '120 minutes'
                   and not exists (select from entry_voids v where v.entry_id = a.id and v.at < b.at + interval '1 hour'))",
        ),
        (
            "more visits used than granted",
            "select count(*) from subscriptions s
             where s.visits is not null
               and (select count(*) from visit_uses u where u.subscription_id = s.id
                      and not exists (select from entry_voids v where v.entry_id = u.entry_id))
                 > (select sum(e.visits) from subscription_events e where e.subscription_id = s.id)",
        ),
        (
            "two visits of a pack by the day on one day",
            "select count(*) from (
                 select from visit_uses u join subscriptions s on s.id = u.subscription_id
                 where s.visit_rule = 'per_day' and not exists (select from entry_voids v where v.entry_id = u.entry_id)
                 group by u.subscription_id, u.business_day having count(*) > 1) twice",
        ),
        (
            "an override with another number of audit rows",
            "select abs((select count(*) from entries where override_reason is not null)
                      - (select count(*) from audit_log where act = 'entry.let_in'))",
        ),
        (
            "an undo with another number of audit rows",
            "select abs((select count(*) from entry_voids) - (select count(*) from audit_log where act = 'entry.undone'))",
        ),
    ] {
        doubled += count(owner, what, query).await?;
    }
    Ok(doubled)
}

fn set(ids: Vec<EntryId>) -> HashSet<EntryId> {
    ids.into_iter().collect()
}

fn word(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Admitted => "admitted",
        Outcome::Refused => "refused",
        Outcome::Attention => "attention",
    }
}
