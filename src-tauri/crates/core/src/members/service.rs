//! Use cases of member records.
use super::wire::{
    ChooseMember, ListMembers, Member, MemberPage, RegisterMember, SuspendMember, UpdateMember,
};
use super::{form, search, store};
use crate::actor::Actor;
use crate::audit::{self, Change};
use crate::auth::model::Permission;
use crate::error::Error;
use crate::gym::service::fetch_branch;
use crate::gym::wire::Branch;
use crate::ids::{BranchId, MemberId};
use crate::services::Services;
use chrono::NaiveDate;
use sqlx::PgConnection;

const DEFAULT_PAGE: i64 = 50;
const LARGEST_PAGE: i64 = 200;

/// Registers a member at the actor's branch under the next number. The id is the caller's: a retry gets the member
/// of the first try, whatever its form says.
///
/// # Errors
/// [`Error::Invalid`] with the field; see [`form::check`].
pub async fn register(services: &Services, actor: &Actor, request: RegisterMember) -> Result<Member, Error> {
    actor.require(Permission::EditMembers)?;
    let now = services.now();
    let mut tx = services.db.begin().await?;
    let (branch, today) = branch_today(&mut tx, services, actor.branch()?).await?;
    if let Some(first) = store::fetch_member(&mut tx, request.id, today).await? {
        return Ok(first);
    }
    let form = form::check(request.form, &branch.default_country, today)?;
    let number = store::next_number(&mut tx, branch.id).await?;
    match store::insert(&mut tx, request.id, branch.id, &number, &form, now).await {
        Ok(()) => {}
        // The same form sent twice at once: the other one came first.
        Err(error) if Error::constraint(&error) == Some("members_pkey") => {
            tx.rollback().await?;
            let mut db = services.db.acquire().await?;
            return store::fetch_member(&mut db, request.id, today).await?.ok_or(Error::NotFound("member"));
        }
        Err(error) => return Err(error.into()),
    }
    let change = Change {
        act: "member.registered",
        subject_kind: "member",
        subject: Some(request.id.0),
        before: None,
        after: Some(serde_json::json!({ "number": number, "form": form })),
    };
    audit::record(&mut tx, actor, now, change).await?;
    let member = store::fetch_member(&mut tx, request.id, today).await?.ok_or(Error::NotFound("member"))?;
    tx.commit().await?;
    Ok(member)
}

/// Replaces what the form holds.
pub async fn update(services: &Services, actor: &Actor, request: UpdateMember) -> Result<Member, Error> {
    actor.require(Permission::EditMembers)?;
    let now = services.now();
    let mut tx = services.db.begin().await?;
    let (branch, today) = branch_today(&mut tx, services, actor.branch()?).await?;
    // What is written down as having been there before is what this edit replaces.
    store::hold(&mut tx, request.id).await?;
    let before = store::fetch(&mut tx, request.id).await?.ok_or(Error::NotFound("member"))?;
    let form = match request.shown {
        Some(shown) => form::edited(shown, request.form, before.form.clone()),
        None => request.form,
    };
    let form = form::check(form, &branch.default_country, today)?;
    store::update(&mut tx, request.id, &before.number, &form, now).await?;
    let change = Change {
        act: "member.updated",
        subject_kind: "member",
        subject: Some(request.id.0),
        before: Some(serde_json::json!(before.form)),
        after: Some(serde_json::json!(form)),
    };
    audit::record(&mut tx, actor, now, change).await?;
    let member = store::fetch_member(&mut tx, request.id, today).await?.ok_or(Error::NotFound("member"))?;
    tx.commit().await?;
    Ok(member)
}

/// One member with what is derived: age, body mass index, notes for the door.
pub async fn get(services: &Services, actor: &Actor, request: ChooseMember) -> Result<Member, Error> {
    actor.require(Permission::ViewMembers)?;
    let mut db = services.db.acquire().await?;
    let (_, today) = branch_today(&mut db, services, actor.branch()?).await?;
    store::fetch_member(&mut db, request.member_id, today).await?.ok_or(Error::NotFound("member"))
}

/// A page of all members, newest first, or of those a search finds, best first.
pub async fn list(services: &Services, actor: &Actor, request: ListMembers) -> Result<MemberPage, Error> {
    actor.require(Permission::ViewMembers)?;
    let limit = request.limit.unwrap_or(DEFAULT_PAGE).clamp(1, LARGEST_PAGE);
    let offset = request.offset.max(0);
    let mut db = services.db.acquire().await?;
    let typed = request.search.as_deref().map(str::trim).filter(|typed| !typed.is_empty());
    let (found, total) = if let Some(typed) = typed {
        let most = usize::try_from(LARGEST_PAGE).unwrap_or(1);
        let all = search::find(&mut db, typed, most).await?;
        let page = all
            .iter()
            .copied()
            .skip(usize::try_from(offset).unwrap_or(0))
            .take(usize::try_from(limit).unwrap_or(1));
        (page.collect(), i64::try_from(all.len()).unwrap_or(i64::MAX))
    } else {
        let (ids, total) = store::page(&mut db, offset, limit).await?;
        (ids.into_iter().map(search::Found::exact).collect::<Vec<_>>(), total)
    };
    Ok(MemberPage { rows: search::hits(&mut db, &found).await?, total })
}

/// Suspends a member, or lets one come again. Entries and sales stay as they are; the door asks for this.
pub async fn suspend(services: &Services, actor: &Actor, request: SuspendMember) -> Result<Member, Error> {
    actor.require(Permission::SuspendMembers)?;
    let reason = match &request.reason {
        Some(typed) => form::line("reason", typed, 500)?,
        None => None,
    };
    let now = services.now();
    let mut tx = services.db.begin().await?;
    let (_, today) = branch_today(&mut tx, services, actor.branch()?).await?;
    let before = store::fetch(&mut tx, request.member_id).await?.ok_or(Error::NotFound("member"))?;
    if before.suspended_at.is_some() != request.suspended {
        store::set_suspended(&mut tx, request.member_id, request.suspended.then_some(now)).await?;
        let change = Change {
            act: if request.suspended { "member.suspended" } else { "member.reinstated" },
            subject_kind: "member",
            subject: Some(request.member_id.0),
            before: None,
            after: Some(serde_json::json!({ "reason": reason })),
        };
        audit::record(&mut tx, actor, now, change).await?;
    }
    let member =
        store::fetch_member(&mut tx, request.member_id, today).await?.ok_or(Error::NotFound("member"))?;
    tx.commit().await?;
    Ok(member)
}

/// The branch, and the business day it has now.
pub(super) async fn branch_today(
    db: &mut PgConnection,
    services: &Services,
    branch: BranchId,
) -> Result<(Branch, NaiveDate), Error> {
    let branch = fetch_branch(db, branch).await?;
    let today = branch.calendar()?.business_day(services.now());
    Ok((branch, today))
}

/// Fails unless the member exists.
pub(super) async fn require_member(db: &mut PgConnection, id: MemberId) -> Result<store::Stored, Error> {
    store::fetch(db, id).await?.ok_or(Error::NotFound("member"))
}
