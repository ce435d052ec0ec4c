//! Issuing, revoking and replacing passes, and the aliases they answer to.
use crate::actor::Actor;
use crate::audit::{self, Change};
use crate::auth::model::Permission;
use crate::error::Error;
use crate::ids::{MemberId, PassId};
use crate::members::store as members;
use crate::members::wire::ChooseMember;
use crate::passes::wire::{AddAlias, IssueCard, Pass, PassKind, Passes, RemoveAlias, RevokePass};
use crate::passes::{alias, store};
use crate::random;
use crate::services::Services;
use chrono::{DateTime, Utc};
use serde_json::json;
use sqlx::PgConnection;

/// A member's passes, newest first, revoked ones included.
pub async fn list(services: &Services, actor: &Actor, request: ChooseMember) -> Result<Passes, Error> {
    actor.require(Permission::ViewMembers)?;
    let mut db = services.db.acquire().await?;
    Ok(Passes { rows: store::list(&mut db, request.member_id).await? })
}

/// Issues a card. A retry with the same id gets the card it made.
///
/// # Errors
/// `id_taken` when the id is another member's pass.
pub async fn issue_card(services: &Services, actor: &Actor, request: IssueCard) -> Result<Pass, Error> {
    actor.require(Permission::IssuePass)?;
    if request.replace {
        actor.require(Permission::RevokePass)?;
    }
    let now = services.now();
    let mut tx = services.db.begin().await?;
    if !store::lock_member(&mut tx, request.member_id).await? {
        return Err(Error::NotFound("member"));
    }
    let new = issue(&mut tx, actor, now, request.id, request.member_id).await?;
    if new && request.replace {
        for old in store::replace_cards(&mut tx, request.member_id, request.id, now).await? {
            record_revocation(&mut tx, actor, now, old, "replaced").await?;
        }
    }
    let held = store::fetch(&mut tx, request.id).await?.ok_or(Error::NotFound("pass"))?;
    if held.member_id != request.member_id || held.pass.kind != PassKind::Card {
        return Err(Error::invalid("id", "id_taken"));
    }
    tx.commit().await?;
    Ok(held.pass)
}

async fn issue(
    db: &mut PgConnection,
    actor: &Actor,
    now: DateTime<Utc>,
    id: PassId,
    member: MemberId,
) -> Result<bool, Error> {
    let pass = store::NewPass {
        id,
        pass_number: random::bytes(),
        member_id: member,
        kind: PassKind::Card,
        secret: random::bytes(),
        device: None,
        issued_at: now,
        issued_by: actor.account(),
    };
    if !store::insert(db, &pass).await? {
        return Ok(false);
    }
    let change = Change {
        act: "pass.issued",
        subject_kind: "pass",
        subject: Some(id.0),
        before: None,
        after: Some(json!({ "member_id": member, "kind": "card" })),
    };
    audit::record(db, actor, now, change).await?;
    Ok(true)
}

/// Revokes a pass for good. Revoking it again changes nothing.
///
/// # Errors
/// `reason_required` for an empty reason.
pub async fn revoke(services: &Services, actor: &Actor, request: RevokePass) -> Result<Pass, Error> {
    actor.require(Permission::RevokePass)?;
    let reason = check_reason(&request.reason)?;
    let now = services.now();
    let mut tx = services.db.begin().await?;
    if store::revoke(&mut tx, request.pass_id, now, reason).await? {
        record_revocation(&mut tx, actor, now, request.pass_id, reason).await?;
    }
    let held = store::fetch(&mut tx, request.pass_id).await?.ok_or(Error::NotFound("pass"))?;
    tx.commit().await?;
    Ok(held.pass)
}

async fn record_revocation(
    db: &mut PgConnection,
    actor: &Actor,
    now: DateTime<Utc>,
    pass: PassId,
    reason: &str,
) -> Result<(), Error> {
    let change = Change {
        act: "pass.revoked",
        subject_kind: "pass",
        subject: Some(pass.0),
        before: None,
        after: Some(json!({ "reason": reason })),
    };
    audit::record(db, actor, now, change).await
}

/// A reason somebody typed: not blank, at most 500 characters, no control characters.
///
/// # Errors
/// `reason_required`, `too_long`, `control_characters`, all in `reason`.
pub fn check_reason(reason: &str) -> Result<&str, Error> {
    let reason = reason.trim();
    if reason.is_empty() {
        return Err(Error::invalid("reason", "reason_required"));
    }
    if reason.chars().count() > 500 {
        return Err(Error::invalid("reason", "too_long"));
    }
    if reason.chars().any(|c| c.is_control() && c != '\n') {
        return Err(Error::invalid("reason", "control_characters"));
    }
    Ok(reason)
}

/// Registers a code of an older system for a member, on the newest card; makes a card if there is none.
/// Registering it again for the same member changes nothing.
///
/// # Errors
/// Those of [`alias::check`]; `alias_taken` when another member has it, `alias_is_member_number`.
pub async fn add_alias(services: &Services, actor: &Actor, request: AddAlias) -> Result<Pass, Error> {
    actor.require(Permission::IssuePass)?;
    let code = alias::check(&request.code)?;
    let now = services.now();
    let mut tx = services.db.begin().await?;
    if !store::lock_member(&mut tx, request.member_id).await? {
        return Err(Error::NotFound("member"));
    }
    let pass = register_alias(&mut tx, actor, now, request.member_id, &code).await?;
    let held = store::fetch(&mut tx, pass).await?.ok_or(Error::NotFound("pass"))?;
    tx.commit().await?;
    Ok(held.pass)
}

/// The step of [`add_alias`] inside somebody else's transaction (an import); `code` has passed [`alias::check`].
pub async fn register_alias(
    db: &mut PgConnection,
    actor: &Actor,
    now: DateTime<Utc>,
    member: MemberId,
    code: &str,
) -> Result<PassId, Error> {
    if store::is_member_number(db, code).await? {
        return Err(Error::invalid("code", "alias_is_member_number"));
    }
    let pass = if let Some(pass) = store::newest_card(db, member).await? {
        pass
    } else {
        let id = PassId::new(now);
        issue(db, actor, now, id, member).await?;
        id
    };
    match store::insert_alias(db, code, pass, now, actor.account()).await? {
        None => {}
        // It may hang on a card that was revoked meanwhile.
        Some(owner) if owner == member => {
            store::move_alias(db, code, pass).await?;
            return Ok(pass);
        }
        Some(_) => return Err(Error::invalid("code", "alias_taken")),
    }
    members::add_card_key(db, member, code).await?;
    let change = Change {
        act: "pass.alias_added",
        subject_kind: "pass",
        subject: Some(pass.0),
        before: None,
        after: Some(json!({ "member_id": member, "code": code })),
    };
    audit::record(db, actor, now, change).await?;
    Ok(pass)
}

/// Forgets a code. The pass it stood for stays.
pub async fn remove_alias(services: &Services, actor: &Actor, request: RemoveAlias) -> Result<(), Error> {
    actor.require(Permission::IssuePass)?;
    let code = alias::normalize(&request.code).ok_or(Error::NotFound("alias"))?;
    let now = services.now();
    let mut tx = services.db.begin().await?;
    let member = store::delete_alias(&mut tx, &code).await?.ok_or(Error::NotFound("alias"))?;
    members::remove_card_key(&mut tx, member, &code).await?;
    let change = Change {
        act: "pass.alias_removed",
        subject_kind: "member",
        subject: Some(member.0),
        before: Some(json!({ "code": code })),
        after: None,
    };
    audit::record(&mut tx, actor, now, change).await?;
    tx.commit().await?;
    Ok(())
}
