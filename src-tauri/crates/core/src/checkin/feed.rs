//! What happened at the door: the feed, who is inside, a member's entries.
use crate::actor::Actor;
use crate::auth::model::Permission;
use crate::checkin::service::first_name_only;
use crate::checkin::wire::{
    Entries, EntryRow, Feed, FeedRow, Inside, InsideRow, ListEntries, ListFeed, Outcome, Reason, Source,
    VerdictMember,
};
use crate::error::Error;
use crate::ids::{BranchId, EntryId, FileId, MemberId, ScanId};
use crate::services::Services;
use chrono::{DateTime, TimeDelta, Utc};
use sqlx::PgExecutor;
use sqlx::types::Json;

/// No branch lets anybody stay longer; bounds walks along the index of entries.
const LONGEST_VISIT: TimeDelta = TimeDelta::hours(24);

/// The newest scans of the branch (20 by default, at most 200), with how full the house is. Scans that only showed an earlier verdict again
/// are left out.
pub async fn feed(services: &Services, actor: &Actor, request: ListFeed) -> Result<Feed, Error> {
    actor.require(Permission::CheckIn)?;
    let limit = request.limit.unwrap_or(20).clamp(1, 200);
    let (branch, desk, now) = (actor.branch()?, actor.desk()?, services.now());
    let rows = sqlx::query!(
        r#"select s.id as "id: ScanId", s.at, s.source as "source: Source", s.outcome as "outcome: Outcome",
               s.reasons as "reasons: Json<Vec<Reason>>", e.id as "entry_id?: EntryId",
               v.entry_id is not null as "undone!",
               e.desk_id = $2 and e.at + make_interval(mins => b.undo_minutes) >= $3
                   and not exists (select from entries l where l.branch_id = e.branch_id and l.desk_id = e.desk_id and l.at > e.at)
                   as newest,
               a.full_name as "by?", m.id as "member_id?: MemberId", m.number as "number?", m.full_name as "full_name?",
               m.native_name, m.photo_file_id as "photo_file_id: FileId", m.language as "language?"
           from scans s
           join branches b on b.id = s.branch_id
           left join entries e on e.id = s.entry_id and e.scan_id = s.id
           left join entry_voids v on v.entry_id = e.id
           left join members m on m.id = s.member_id
           left join accounts a on a.id = s.account_id
           where s.branch_id = $1
             and (s.entry_id is null or e.id is not null or s.reasons -> 0 ->> 'kind' = 'checked_out')
           order by s.at desc, s.id desc limit $4"#,
        branch.0,
        desk.0,
        now,
        limit
    )
    .fetch_all(&services.db)
    .await?;
    let may_undo = actor.require(Permission::UndoEntry).is_ok();
    let rows = rows
        .into_iter()
        .map(|row| {
            let member = row.member_id.map(|id| VerdictMember {
                id,
                number: row.number.unwrap_or_default(),
                full_name: row.full_name.unwrap_or_default(),
                native_name: row.native_name,
                photo_file_id: row.photo_file_id,
                language: row.language.unwrap_or_default(),
            });
            FeedRow {
                scan_id: row.id,
                at: row.at,
                source: row.source,
                outcome: row.outcome,
                reasons: row.reasons.0,
                member: member.map(|member| as_seen_by(member, actor)),
                entry_id: row.entry_id,
                undone: row.undone,
                can_undo: may_undo && row.newest == Some(true) && !row.undone,
                by: row.by.filter(|_| !is_locked(actor)),
            }
        })
        .collect();
    let (inside, capacity) = count_inside(&services.db, branch, now).await?;
    Ok(Feed { rows, inside, capacity })
}

/// Who is inside now, the longest there first. A visit nobody ended is over after the branch's hours.
pub async fn inside(services: &Services, actor: &Actor) -> Result<Inside, Error> {
    actor.require(Permission::CheckIn)?;
    let (branch, now) = (actor.branch()?, services.now());
    let rows = sqlx::query!(
        r#"select e.id as "entry_id: EntryId", e.at, m.id as "member_id: MemberId", m.number, m.full_name, m.native_name,
               m.photo_file_id as "photo_file_id: FileId", m.language
           from entries e
           join branches b on b.id = e.branch_id
           join members m on m.id = e.member_id
           where e.branch_id = $1 and e.at > $2::timestamptz - make_interval(hours => b.auto_checkout_hours) and e.at > $3
             and not exists (select from exits x where x.entry_id = e.id)
             and not exists (select from entry_voids v where v.entry_id = e.id)
           order by e.at, e.id"#,
        branch.0,
        now,
        now - LONGEST_VISIT,
    )
    .fetch_all(&services.db)
    .await?;
    let rows = rows
        .into_iter()
        .map(|row| InsideRow {
            member: as_seen_by(
                VerdictMember {
                    id: row.member_id,
                    number: row.number,
                    full_name: row.full_name,
                    native_name: row.native_name,
                    photo_file_id: row.photo_file_id,
                    language: row.language,
                },
                actor,
            ),
            entry_id: row.entry_id,
            since: row.at,
        })
        .collect();
    let (_, capacity) = count_inside(&services.db, branch, now).await?;
    Ok(Inside { rows, capacity })
}

/// How many are inside, and how many may be.
pub(super) async fn count_inside(
    db: impl PgExecutor<'_>,
    branch: BranchId,
    now: DateTime<Utc>,
) -> Result<(i64, Option<i32>), sqlx::Error> {
    let row = sqlx::query!(
        r#"select b.capacity,
               (select count(*) from entries e
                where e.branch_id = b.id and e.at > $2::timestamptz - make_interval(hours => b.auto_checkout_hours) and e.at > $3
                  and not exists (select from exits x where x.entry_id = e.id)
                  and not exists (select from entry_voids v where v.entry_id = e.id)) as "inside!"
           from branches b where b.id = $1"#,
        branch.0,
        now,
        now - LONGEST_VISIT,
    )
    .fetch_one(db)
    .await?;
    Ok((row.inside, row.capacity))
}

/// A member's entries at every branch, newest first.
pub async fn entries(services: &Services, actor: &Actor, request: ListEntries) -> Result<Entries, Error> {
    actor.require(Permission::ViewMembers)?;
    let limit = request.limit.unwrap_or(50).clamp(1, 500);
    let offset = request.offset.max(0);
    let rows = sqlx::query!(
        r#"select e.id as "id: EntryId", e.at, b.name as branch_name, s.source as "source: Source",
               u.plan_name as "plan_name?", x.at as "left_at?", v.entry_id is not null as "undone!", e.override_reason
           from entries e
           join branches b on b.id = e.branch_id
           join scans s on s.id = e.scan_id
           left join subscriptions u on u.id = e.subscription_id
           left join exits x on x.entry_id = e.id
           left join entry_voids v on v.entry_id = e.id
           where e.member_id = $1
           order by e.at desc, e.id desc limit $2 offset $3"#,
        request.member_id.0,
        limit,
        offset
    )
    .fetch_all(&services.db)
    .await?;
    let total = sqlx::query_scalar!(
        r#"select count(*) as "total!" from entries where member_id = $1"#,
        request.member_id.0
    )
    .fetch_one(&services.db)
    .await?;
    let rows = rows
        .into_iter()
        .map(|row| EntryRow {
            id: row.id,
            at: row.at,
            branch_name: row.branch_name,
            source: row.source,
            plan_name: row.plan_name,
            minutes: row.left_at.map(|left| (left - row.at).num_minutes().max(0)),
            undone: row.undone,
            override_reason: row.override_reason,
        })
        .collect();
    Ok(Entries { rows, total, limit, offset })
}

fn is_locked(actor: &Actor) -> bool {
    matches!(actor, Actor::Desk(_))
}

fn as_seen_by(member: VerdictMember, actor: &Actor) -> VerdictMember {
    if is_locked(actor) { first_name_only(member) } else { member }
}
