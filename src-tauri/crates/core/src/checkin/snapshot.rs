//! What the door has to know of the gym, to be judged by where the database cannot be asked: pulled by each desk that uses
//! this machine's database, and kept by it encrypted.
use super::feed;
use super::store::{self, DebtRow, MemberRow, NoteRow, RecentEntry, Row, Scan, SubscriptionRow};
use crate::actor::DeskActor;
use crate::error::Error;
use crate::gym::service as gym;
use crate::gym::wire::SetupStatus;
use crate::ids::{MemberId, PassId, ScanId};
use crate::passes::payload::PassNumber;
use crate::services::Services;
use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use sqlx::Connection as _;

/// Members asked for at a time.
const PAGE: i64 = 500;
/// Used steps of live codes that are older cannot come again.
const STEPS_KEPT: TimeDelta = TimeDelta::minutes(10);

/// A gym at one moment, as one of its desks judges by it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Snapshot {
    pub taken_at: DateTime<Utc>,
    /// Gym, branch and desk, for the screens.
    pub status: SetupStatus,
    pub(super) house: House,
    pub(super) members: Vec<Known>,
    pub(super) passes: Vec<KnownPass>,
    /// Old codes, and the pass each stands for.
    pub(super) aliases: Vec<(String, PassId)>,
    /// Steps of live codes that let somebody in lately.
    pub(super) steps: Vec<(PassId, i64)>,
    /// How many are inside; counted only where there is a capacity.
    pub(super) inside: i64,
}

impl Snapshot {
    /// How many members it knows.
    pub fn members(&self) -> usize {
        self.members.len()
    }
}

/// The rules of branch and desk.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct House {
    pub actor: DeskActor,
    pub time_zone: String,
    pub day_starts_at: i16,
    pub anti_passback_minutes: i32,
    pub auto_checkout_hours: i32,
    pub undo_minutes: i32,
    pub capacity: Option<i32>,
    pub daily_entries: Option<i32>,
    pub direction: String,
    pub currency: String,
    pub debt_blocks_from: Option<i64>,
    pub debt_grace_days: i32,
}

/// All that the door knows of a member.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Known {
    pub member: MemberRow,
    pub notes: Vec<NoteRow>,
    pub subscriptions: Vec<SubscriptionRow>,
    pub entries: Vec<RecentEntry>,
    pub debts: Vec<DebtRow>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct KnownPass {
    pub id: PassId,
    pub number: PassNumber,
    pub member: MemberId,
    pub is_live: bool,
    pub secret: [u8; 32],
    pub revoked_at: Option<DateTime<Utc>>,
}

/// Takes it, for a desk, at one moment of the database.
pub async fn take(services: &Services, actor: DeskActor) -> Result<Snapshot, Error> {
    let now = services.now();
    let here = Scan { branch: actor.branch, desk: actor.desk, id: ScanId::new(now), now };
    let status = gym::status(services, Some(actor.desk)).await?;
    let mut db = services.db.acquire().await?;
    let mut tx = db.begin_with("begin isolation level repeatable read read only").await?;
    let mut house = None;
    let mut members: Vec<Known> = Vec::new();
    loop {
        let after = members.last().map(|known| known.member.id);
        let rows = store::look_up_everybody(&mut tx, here, after, PAGE).await?;
        house = house.or_else(|| rows.first().map(|row| house_of(row, actor)));
        let page: Vec<Known> = rows.into_iter().filter_map(known).collect();
        if page.is_empty() {
            break;
        }
        members.extend(page);
    }
    let house = house.ok_or(Error::NotFound("desk"))?;
    let passes = store::all_passes(&mut tx).await?.into_iter().filter_map(known_pass).collect();
    let aliases = store::all_aliases(&mut tx).await?;
    let steps = store::steps_since(&mut tx, actor.branch, now - STEPS_KEPT).await?;
    let inside = match house.capacity {
        Some(_) => feed::count_inside(&mut *tx, actor.branch, now).await?.0,
        None => 0,
    };
    tx.commit().await?;
    Ok(Snapshot { taken_at: now, status, house, members, passes, aliases, steps, inside })
}

fn house_of(row: &Row, actor: DeskActor) -> House {
    House {
        actor,
        time_zone: row.time_zone.clone(),
        day_starts_at: row.day_starts_at,
        anti_passback_minutes: row.anti_passback_minutes,
        auto_checkout_hours: row.auto_checkout_hours,
        undo_minutes: row.undo_minutes,
        capacity: row.capacity,
        daily_entries: row.daily_entries,
        direction: row.direction.clone(),
        currency: row.currency.clone(),
        debt_blocks_from: row.debt_blocks_from,
        debt_grace_days: row.debt_grace_days,
    }
}

fn known(row: Row) -> Option<Known> {
    Some(Known {
        member: row.member?.0,
        notes: row.notes.map(|json| json.0).unwrap_or_default(),
        subscriptions: row.subscriptions.map(|json| json.0).unwrap_or_default(),
        entries: row.entries.map(|json| json.0).unwrap_or_default(),
        debts: row.debts.map(|json| json.0).unwrap_or_default(),
    })
}

fn known_pass(row: store::PassRow) -> Option<KnownPass> {
    Some(KnownPass {
        id: row.id,
        number: row.number.try_into().ok()?,
        member: row.member_id,
        is_live: row.is_live,
        secret: row.secret.try_into().ok()?,
        revoked_at: row.revoked_at,
    })
}
