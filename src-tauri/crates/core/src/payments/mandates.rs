//! Payment methods that members left with a gateway. We keep the gateway's token, sealed, and what people call it; the
//! card stays there.
use crate::actor::Actor;
use crate::audit::{self, Change};
use crate::auth::model::Permission;
use crate::error::Error;
use crate::ids::{BranchId, MandateId, MemberId, RequestId};
use crate::members::wire::ChooseMember;
use crate::payments::gateways::wire::RemoteMethod;
use crate::payments::requests::store as requests;
use crate::payments::wire::{Mandate, Mandates, RevokeMandate};
use crate::secret::Secret;
use crate::services::Services;
use chrono::{DateTime, Utc};
use sqlx::PgConnection;

const LONGEST_LABEL: usize = 100;

fn about(id: MandateId) -> String {
    format!("payment method {id}")
}

/// Keeps the method that a request was paid with, if its payer agreed to that; it takes the place of an older one. Told
/// again, it is kept once.
pub async fn keep(
    services: &Services,
    actor: &Actor,
    request: RequestId,
    token: &Secret,
    label: &str,
) -> Result<(), Error> {
    actor.require(Permission::Sell)?;
    let now = services.now();
    let mut tx = services.db.begin().await?;
    let row = requests::one(&mut tx, request).await?;
    let (Some(payer), true) = (row.payer, row.keep_method && actor.branch()? == row.branch) else {
        return Ok(());
    };
    let label: String = label.chars().take(LONGEST_LABEL).collect();
    // Of two messages at once the second waits here.
    sqlx::query!("select pg_advisory_xact_lock(hashtextextended($1, 1))", payer.to_string())
        .execute(&mut *tx)
        .await?;
    let known = sqlx::query_scalar!(
        r#"select exists (select from payment_mandates where request_id = $1) as "known!""#,
        request.0
    )
    .fetch_one(&mut *tx)
    .await?;
    if known {
        return Ok(());
    }
    sqlx::query!(
        "update payment_mandates set revoked_at = $3 where member_id = $1 and kind = $2 and revoked_at is null",
        payer.0,
        row.method as RemoteMethod,
        now
    )
    .execute(&mut *tx)
    .await?;
    let id = MandateId::new(now);
    sqlx::query!(
        "insert into payment_mandates (id, member_id, kind, token, label, created_at, branch_id, request_id)
         values ($1, $2, $3, $4, $5, $6, $7, $8)",
        id.0,
        payer.0,
        row.method as RemoteMethod,
        services.keys.seal(&about(id), token.expose())?,
        label,
        now,
        row.branch.0,
        request.0
    )
    .execute(&mut *tx)
    .await?;
    let after = serde_json::json!({ "method": row.method, "label": label });
    audited(&mut tx, actor, now, "payment_method.kept", payer, after).await?;
    tx.commit().await?;
    Ok(())
}

/// What a member left with gateways.
pub async fn list(services: &Services, actor: &Actor, request: ChooseMember) -> Result<Mandates, Error> {
    actor.require(Permission::ViewMembers)?;
    let mut db = services.db.acquire().await?;
    let rows = sqlx::query_as!(
        Mandate,
        r#"select id as "id: MandateId", kind as "method: RemoteMethod", label, created_at from payment_mandates
           where member_id = $1 and revoked_at is null order by created_at desc"#,
        request.member_id.0
    )
    .fetch_all(&mut *db)
    .await?;
    Ok(Mandates { rows })
}

/// The member takes it back: nothing is charged to it any more.
///
/// # Errors
/// [`Error::NotFound`] for one that is not there or was taken back.
pub async fn revoke(services: &Services, actor: &Actor, request: RevokeMandate) -> Result<(), Error> {
    actor.require(Permission::Sell)?;
    let now = services.now();
    let mut tx = services.db.begin().await?;
    let row = sqlx::query!(
        r#"update payment_mandates set revoked_at = $2, revoked_by = $3 where id = $1 and revoked_at is null
           returning member_id as "member: MemberId", label"#,
        request.mandate_id.0,
        now,
        actor.account().map(|id| id.0)
    )
    .fetch_optional(&mut *tx)
    .await?
    .ok_or(Error::NotFound("payment_method"))?;
    let after = serde_json::json!({ "label": row.label });
    audited(&mut tx, actor, now, "payment_method.revoked", row.member, after).await?;
    tx.commit().await?;
    Ok(())
}

/// The token of one that stands; none of one that was taken back or that this machine cannot open.
pub(super) async fn token(
    services: &Services,
    db: &mut PgConnection,
    id: MandateId,
) -> Result<Option<Secret>, Error> {
    let sealed =
        sqlx::query_scalar!("select token from payment_mandates where id = $1 and revoked_at is null", id.0)
            .fetch_optional(db)
            .await?;
    Ok(sealed.and_then(|sealed| opened(services, id, &sealed)))
}

/// The token that was charged at `at`, though it may have been taken back since.
pub(super) async fn token_of(
    services: &Services,
    db: &mut PgConnection,
    member: MemberId,
    branch: BranchId,
    method: RemoteMethod,
    at: DateTime<Utc>,
) -> Result<Option<Secret>, Error> {
    let row = sqlx::query!(
        r#"select id as "id: MandateId", token from payment_mandates
           where member_id = $1 and branch_id = $2 and kind = $3 and created_at <= $4
             and (revoked_at is null or revoked_at > $4)
           order by created_at desc limit 1"#,
        member.0,
        branch.0,
        method as RemoteMethod,
        at
    )
    .fetch_optional(db)
    .await?;
    Ok(row.and_then(|row| opened(services, row.id, &row.token)))
}

fn opened(services: &Services, id: MandateId, sealed: &[u8]) -> Option<Secret> {
    match services.keys.open(&about(id), sealed) {
        Ok(token) => Some(token),
        Err(error) => {
            tracing::warn!(%error, mandate = %id, "a payment method cannot be opened on this machine");
            None
        }
    }
}

async fn audited(
    db: &mut PgConnection,
    actor: &Actor,
    now: DateTime<Utc>,
    act: &str,
    member: MemberId,
    after: serde_json::Value,
) -> Result<(), Error> {
    let change =
        Change { act, subject_kind: "member", subject: Some(member.0), before: None, after: Some(after) };
    audit::record(db, actor, now, change).await
}
