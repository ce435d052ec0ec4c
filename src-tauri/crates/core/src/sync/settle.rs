//! Visits that two branches, apart, let somebody in on twice. Both entries stay as they were; the pack stands below zero
//! until somebody has settled it: the member pays for the visit, or it is forgiven. Either way the pack is given the visit
//! back by an ordinary event, so that it stands right at every branch.
use super::view::{Overdrawn, OverdrawnEntry, OverdrawnList, SettleOverdrawn, SettledBy};
use crate::actor::Actor;
use crate::audit::{self, Change};
use crate::auth::model::Permission;
use crate::error::Error;
use crate::gym::service::fetch_branch;
use crate::ids::{BranchId, MemberId, SubscriptionId};
use crate::members::form::line;
use crate::services::Services;
use crate::subscriptions::acts;
use crate::subscriptions::store as subscriptions;
use crate::subscriptions::wire::{Act, DoAct, PreviewAct};
use serde_json::json;
use sqlx::PgConnection;
use std::collections::HashMap;
use uuid::Uuid;

const REASON_LENGTH: usize = 200;

/// What is to be settled, at whichever end.
///
/// # Errors
/// [`Error::Forbidden`] for whoever may not see members.
pub async fn list(services: &Services, actor: &Actor) -> Result<OverdrawnList, Error> {
    actor.require(Permission::ViewMembers)?;
    let branch = actor.branch()?;
    let mut db = services.db.acquire().await?;
    Ok(OverdrawnList { rows: overdrawn(&mut db, services, branch).await? })
}

async fn overdrawn(
    db: &mut PgConnection,
    services: &Services,
    branch: BranchId,
) -> Result<Vec<Overdrawn>, Error> {
    // Two databases count up the same numbers: only a pack with a number used twice can be overdrawn.
    let twice = sqlx::query!(
        r#"select s.id as "id: SubscriptionId", s.member_id as "member_id: MemberId", m.full_name
           from (select distinct subscription_id from (
                     select subscription_id, visit_no from visit_uses u
                     where not exists (select from entry_voids v where v.entry_id = u.entry_id)
                     group by 1, 2 having count(*) > 1) t) twice
           join subscriptions s on s.id = twice.subscription_id
           join members m on m.id = s.member_id
           where m.deleted_at is null order by m.full_name, s.id"#
    )
    .fetch_all(&mut *db)
    .await?;
    if twice.is_empty() {
        return Ok(Vec::new());
    }
    let today = today(db, services, branch).await?;
    let entries = entries(db, &twice.iter().map(|row| row.id.0).collect::<Vec<_>>()).await?;
    let mut found = Vec::new();
    for row in twice {
        let records = subscriptions::of_member(db, row.member_id).await?;
        let Some(record) = records.iter().find(|record| record.sold.id == row.id) else { continue };
        let visits = record.state().overdrawn(today, &record.used);
        if visits > 0 {
            found.push(Overdrawn {
                subscription_id: row.id,
                member_id: row.member_id,
                member: row.full_name,
                plan: record.sold.plan_name.clone(),
                visits,
                entries: entries.get(&row.id.0).cloned().unwrap_or_default(),
            });
        }
    }
    Ok(found)
}

async fn today(
    db: &mut PgConnection,
    services: &Services,
    branch: BranchId,
) -> Result<chrono::NaiveDate, Error> {
    let branch = fetch_branch(db, branch).await?;
    Ok(branch.calendar()?.business_day(services.now()))
}

/// The entries that used a visit which another one used, too.
async fn entries(
    db: &mut PgConnection,
    subscriptions: &[Uuid],
) -> Result<HashMap<Uuid, Vec<OverdrawnEntry>>, Error> {
    let rows = sqlx::query!(
        r#"select u.subscription_id, e.at, b.name as branch
           from visit_uses u join entries e on e.id = u.entry_id join branches b on b.id = e.branch_id
           where u.subscription_id = any($1) and not exists (select from entry_voids v where v.entry_id = u.entry_id)
             and exists (select from visit_uses o where o.subscription_id = u.subscription_id and o.visit_no = u.visit_no and o.id <> u.id
                         and not exists (select from entry_voids v where v.entry_id = o.entry_id))
           order by e.at desc, e.id"#,
        subscriptions
    )
    .fetch_all(db)
    .await?;
    let mut found: HashMap<Uuid, Vec<OverdrawnEntry>> = HashMap::new();
    for row in rows {
        found.entry(row.subscription_id).or_default().push(OverdrawnEntry { at: row.at, branch: row.branch });
    }
    Ok(found)
}

/// Settles all that is too much of one pack.
///
/// # Errors
/// [`Error::Forbidden`] for whoever may not give visits; [`Error::Invalid`] without a reason; [`Error::Conflict`]
/// `not_overdrawn`, and whatever the pack's own rules say.
pub async fn settle(
    services: &Services,
    actor: &Actor,
    request: SettleOverdrawn,
) -> Result<OverdrawnList, Error> {
    actor.require(Permission::GiftDays)?;
    let reason =
        line("reason", &request.reason, REASON_LENGTH)?.ok_or(Error::invalid("reason", "required"))?;
    let mut db = services.db.acquire().await?;
    let one = overdrawn(&mut db, services, actor.branch()?)
        .await?
        .into_iter()
        .find(|one| one.subscription_id == request.subscription_id)
        .ok_or(Error::conflict("not_overdrawn"))?;
    drop(db);
    let visits = i32::try_from(one.visits).map_err(|_| Error::invalid("visits", "out_of_range"))?;
    let act = Act::Gift { days: 0, visits };
    let preview = PreviewAct { subscription_id: request.subscription_id, act: act.clone() };
    let seen = acts::preview(services, actor, preview).await?;
    let gift = DoAct {
        idempotency_key: request.idempotency_key,
        subscription_id: request.subscription_id,
        act,
        version: seen.version,
        reason: Some(reason.clone()),
        expected_due: seen.due,
        payments: Vec::new(),
        owe_until: None,
    };
    acts::act(services, actor, gift).await?;
    let mut tx = services.db.begin().await?;
    let change = Change {
        act: match request.by {
            SettledBy::Charged => "overdrawn.charged",
            SettledBy::Forgiven => "overdrawn.forgiven",
        },
        subject_kind: "subscription",
        subject: Some(request.subscription_id.0),
        before: Some(json!({ "visits": -one.visits })),
        after: Some(json!({ "reason": reason })),
    };
    audit::record(&mut tx, actor, services.now(), change).await?;
    sqlx::query!("select pg_notify('gatehouse_status', '')").execute(&mut *tx).await?;
    tx.commit().await?;
    list(services, actor).await
}
