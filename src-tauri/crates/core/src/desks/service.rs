//! Codes, pairing, the tokens of paired desks.
use super::proof::{self, Fingerprint};
use super::wire::{AskPairing, DeskCode, PairedDesk, Pairing};
use crate::actor::{Actor, DeskActor};
use crate::audit::{self, Change};
use crate::auth::model::Permission;
use crate::auth::staff::check_name;
use crate::error::Error;
use crate::gym::service::desk_named;
use crate::ids::{BranchId, DeskId, PairedDeskId, new_id};
use crate::random;
use crate::sealed::{hex, unhex};
use crate::services::Services;
use chrono::TimeDelta;
use serde_json::json;
use sha2::{Digest as _, Sha256};

/// How long a code can be used.
const CODE_LIFE: TimeDelta = TimeDelta::minutes(10);
/// Wrong proofs after which a code is void.
const WRONG_PROOFS: i32 = 5;
/// `last_seen_at` is only written when it is older than this.
const SEEN_STEP: TimeDelta = TimeDelta::minutes(1);

/// A new code; one before it is void.
pub async fn new_code(services: &Services, actor: &Actor) -> Result<DeskCode, Error> {
    actor.require(Permission::EditSettings)?;
    let now = services.now();
    let code = proof::code(random::bytes());
    let key = proof::key(&code).ok_or(Error::Internal("a code that is none".to_owned()))?;
    let expires_at = now + CODE_LIFE;
    let mut tx = services.db.begin().await?;
    sqlx::query!("update desk_codes set ended_at = $1 where ended_at is null", now).execute(&mut *tx).await?;
    sqlx::query!(
        "insert into desk_codes (id, key, created_by, created_at, expires_at) values ($1, $2, $3, $4, $5)",
        new_id(now),
        key.as_slice(),
        actor.account().map(|id| id.0),
        now,
        expires_at
    )
    .execute(&mut *tx)
    .await?;
    let change =
        Change { act: "desk.code_made", subject_kind: "desk", subject: None, before: None, after: None };
    audit::record(&mut tx, actor, now, change).await?;
    tx.commit().await?;
    Ok(DeskCode { code, expires_at })
}

/// Makes a machine a desk that proves to know the code. `fingerprint` is that of this machine's certificate.
///
/// # Errors
/// `desk_code_wrong` for a wrong, used, expired or replaced code alike; `desk_name_here` for the name of this machine's own
/// desk, `own`.
pub async fn pair(
    services: &Services,
    own: DeskId,
    fingerprint: &Fingerprint,
    ip: Option<String>,
    request: AskPairing,
) -> Result<Pairing, Error> {
    let name = check_name("name", &request.name)?;
    let wrong = || Error::invalid("code", "desk_code_wrong");
    let nonce = unhex(&request.nonce).filter(|nonce| nonce.len() == 16).ok_or_else(wrong)?;
    let shown = unhex(&request.proof).ok_or_else(wrong)?;
    let now = services.now();
    let code = sqlx::query!("select id, key from desk_codes where ended_at is null and expires_at > $1", now)
        .fetch_optional(&services.db)
        .await?
        .ok_or_else(wrong)?;
    let key: proof::Key =
        code.key.as_slice().try_into().map_err(|_| Error::Internal("a damaged key".to_owned()))?;
    if !proof::is_same(&shown, &proof::of_desk(&key, fingerprint, &nonce, &request.name)) {
        sqlx::query!(
            "update desk_codes set wrong = wrong + 1, ended_at = case when wrong + 1 >= $2 then $3::timestamptz end
             where id = $1 and ended_at is null",
            code.id,
            WRONG_PROOFS,
            now
        )
        .execute(&services.db)
        .await?;
        return Err(wrong());
    }
    let desk = desk_named(services, &name).await?.ok_or(Error::conflict("not_set_up"))?;
    if desk == own {
        return Err(Error::invalid("name", "desk_name_here"));
    }
    let token = hex(&random::bytes::<32>());
    let id = PairedDeskId::new(now);
    let mut tx = services.db.begin().await?;
    let used =
        sqlx::query!("update desk_codes set ended_at = $2 where id = $1 and ended_at is null", code.id, now)
            .execute(&mut *tx)
            .await?;
    if used.rows_affected() == 0 {
        return Err(wrong());
    }
    sqlx::query!(
        "update paired_desks set revoked_at = $2 where desk_id = $1 and revoked_at is null",
        desk.0,
        now
    )
    .execute(&mut *tx)
    .await?;
    end_sessions(&mut tx, desk, now).await?;
    sqlx::query!(
        "insert into paired_desks (id, desk_id, token_hash, code_id, ip, paired_at, last_seen_at)
         values ($1, $2, $3, $4, $5, $6, $6)",
        id.0,
        desk.0,
        digest(&token),
        code.id,
        ip,
        now
    )
    .execute(&mut *tx)
    .await?;
    let system = Actor::System { branch: None, desk: Some(desk) };
    let after = Some(json!({ "name": name, "ip": ip }));
    let change =
        Change { act: "desk.paired", subject_kind: "desk", subject: Some(desk.0), before: None, after };
    audit::record(&mut tx, &system, now, change).await?;
    tx.commit().await?;
    let proof = hex(&proof::of_branch(&key, fingerprint, &nonce, &token));
    Ok(Pairing { desk_id: desk, token, proof })
}

/// The desk that holds this token; none when it is unknown or revoked.
pub async fn of_token(services: &Services, token: &str) -> Result<Option<DeskActor>, Error> {
    let now = services.now();
    let mut db = services.db.acquire().await?;
    let row = sqlx::query!(
        "select p.id, p.last_seen_at, d.id as desk_id, d.branch_id from paired_desks p join desks d on d.id = p.desk_id
         where p.token_hash = $1 and p.revoked_at is null",
        digest(token)
    )
    .fetch_optional(&mut *db)
    .await?;
    let Some(row) = row else { return Ok(None) };
    if row.last_seen_at < now - SEEN_STEP {
        sqlx::query!("update paired_desks set last_seen_at = $2 where id = $1", row.id, now)
            .execute(&mut *db)
            .await?;
    }
    Ok(Some(DeskActor { branch: BranchId(row.branch_id), desk: DeskId(row.desk_id) }))
}

/// The machines that are desks now.
pub async fn list(services: &Services, actor: &Actor) -> Result<Vec<PairedDesk>, Error> {
    actor.require(Permission::EditSettings)?;
    let rows = sqlx::query_as!(
        PairedDesk,
        r#"select p.id as "id: PairedDeskId", p.desk_id as "desk_id: DeskId", d.name, p.ip, p.paired_at, p.last_seen_at
           from paired_desks p join desks d on d.id = p.desk_id where p.revoked_at is null order by d.name, p.id"#
    )
    .fetch_all(&services.db)
    .await?;
    Ok(rows)
}

/// Takes a machine's token and its people's sessions away. Its desk, and what was done there, stays.
pub async fn revoke(services: &Services, actor: &Actor, id: PairedDeskId) -> Result<(), Error> {
    actor.require(Permission::EditSettings)?;
    let now = services.now();
    let mut tx = services.db.begin().await?;
    let desk = sqlx::query_scalar!(
        "update paired_desks set revoked_at = $2, revoked_by = $3 where id = $1 and revoked_at is null returning desk_id",
        id.0,
        now,
        actor.account().map(|id| id.0)
    )
    .fetch_optional(&mut *tx)
    .await?
    .ok_or(Error::NotFound("desk"))?;
    end_sessions(&mut tx, DeskId(desk), now).await?;
    let change =
        Change { act: "desk.revoked", subject_kind: "desk", subject: Some(desk), before: None, after: None };
    audit::record(&mut tx, actor, now, change).await?;
    tx.commit().await?;
    Ok(())
}

async fn end_sessions(
    db: &mut sqlx::PgConnection,
    desk: DeskId,
    now: chrono::DateTime<chrono::Utc>,
) -> Result<(), Error> {
    sqlx::query!(
        "update sessions set revoked_at = $2 where desk_id = $1 and revoked_at is null",
        desk.0,
        now
    )
    .execute(db)
    .await?;
    Ok(())
}

fn digest(token: &str) -> Vec<u8> {
    Sha256::digest(token.as_bytes()).to_vec()
}
