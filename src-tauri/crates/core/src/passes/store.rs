//! SQL of passes and aliases.
use crate::ids::{AccountId, MemberId, PassId};
use crate::passes::payload::{PassNumber, Secret};
use crate::passes::wire::{Pass, PassKind};
use chrono::{DateTime, Utc};
use sqlx::PgConnection;

/// A pass to be stored.
pub struct NewPass<'a> {
    pub id: PassId,
    pub pass_number: PassNumber,
    pub member_id: MemberId,
    pub kind: PassKind,
    pub secret: Secret,
    pub device: Option<&'a str>,
    pub issued_at: DateTime<Utc>,
    pub issued_by: Option<AccountId>,
}

/// Adds a pass; false when its id is taken.
pub async fn insert(db: &mut PgConnection, pass: &NewPass<'_>) -> Result<bool, sqlx::Error> {
    let done = sqlx::query!(
        "insert into passes (id, pass_id, member_id, kind, secret, device, issued_at, issued_by)
         values ($1, $2, $3, $4, $5, $6, $7, $8) on conflict on constraint passes_pkey do nothing",
        pass.id.0,
        &pass.pass_number,
        pass.member_id.0,
        pass.kind.as_str(),
        &pass.secret,
        pass.device,
        pass.issued_at,
        pass.issued_by.map(|id| id.0),
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// A pass and whose it is.
pub struct Held {
    pub pass: Pass,
    pub member_id: MemberId,
}

pub async fn fetch(db: &mut PgConnection, id: PassId) -> Result<Option<Held>, sqlx::Error> {
    let row = sqlx::query!(
        r#"select p.member_id as "member_id: MemberId", p.kind, p.device, p.issued_at, p.revoked_at, p.revoked_reason,
                  array(select a.code from pass_aliases a where a.pass_id = p.id order by a.code) as "aliases!"
           from passes p where p.id = $1"#,
        id.0
    )
    .fetch_optional(db)
    .await?;
    Ok(row.map(|row| Held {
        member_id: row.member_id,
        pass: Pass {
            id,
            kind: PassKind::parse(&row.kind),
            device: row.device,
            issued_at: row.issued_at,
            revoked_at: row.revoked_at,
            revoked_reason: row.revoked_reason,
            aliases: row.aliases,
        },
    }))
}

/// All passes of a member, newest first.
pub async fn list(db: &mut PgConnection, member: MemberId) -> Result<Vec<Pass>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"select p.id as "id: PassId", p.kind, p.device, p.issued_at, p.revoked_at, p.revoked_reason,
                  array(select a.code from pass_aliases a where a.pass_id = p.id order by a.code) as "aliases!"
           from passes p where p.member_id = $1 order by p.issued_at desc, p.id desc"#,
        member.0
    )
    .fetch_all(db)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| Pass {
            id: row.id,
            kind: PassKind::parse(&row.kind),
            device: row.device,
            issued_at: row.issued_at,
            revoked_at: row.revoked_at,
            revoked_reason: row.revoked_reason,
            aliases: row.aliases,
        })
        .collect())
}

/// Whether there is such a member (one who asked to be forgotten counts as none).
pub async fn lock_member(db: &mut PgConnection, member: MemberId) -> Result<bool, sqlx::Error> {
    let found = sqlx::query_scalar!(
        "select id from members where id = $1 and deleted_at is null for no key update",
        member.0
    )
    .fetch_optional(db)
    .await?;
    Ok(found.is_some())
}

/// Revokes one pass; false when it was revoked already.
pub async fn revoke(
    db: &mut PgConnection,
    id: PassId,
    at: DateTime<Utc>,
    reason: &str,
) -> Result<bool, sqlx::Error> {
    let done = sqlx::query!(
        "update passes set revoked_at = $2, revoked_reason = $3 where id = $1 and revoked_at is null",
        id.0,
        at,
        reason
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Revokes the member's cards but `except`, and lets their aliases stand for the new one: the old barcode tag
/// on the key ring is not what was lost.
pub async fn replace_cards(
    db: &mut PgConnection,
    member: MemberId,
    except: PassId,
    at: DateTime<Utc>,
) -> Result<Vec<PassId>, sqlx::Error> {
    let revoked = sqlx::query_scalar!(
        r#"update passes set revoked_at = $3, revoked_reason = 'replaced'
           where member_id = $1 and kind = 'card' and id <> $2 and revoked_at is null returning id as "id: PassId""#,
        member.0,
        except.0,
        at
    )
    .fetch_all(&mut *db)
    .await?;
    let ids: Vec<_> = revoked.iter().map(|id| id.0).collect();
    sqlx::query!("update pass_aliases set pass_id = $1 where pass_id = any($2)", except.0, &ids)
        .execute(db)
        .await?;
    Ok(revoked)
}

/// The card aliases hang on: the member's newest that is not revoked.
pub async fn newest_card(db: &mut PgConnection, member: MemberId) -> Result<Option<PassId>, sqlx::Error> {
    sqlx::query_scalar!(
        r#"select id as "id: PassId" from passes
           where member_id = $1 and kind = 'card' and revoked_at is null order by issued_at desc, id desc limit 1"#,
        member.0
    )
    .fetch_optional(db)
    .await
}

/// Registers a code; `None` when it was free, else whose it is.
pub async fn insert_alias(
    db: &mut PgConnection,
    code: &str,
    pass: PassId,
    at: DateTime<Utc>,
    by: Option<AccountId>,
) -> Result<Option<MemberId>, sqlx::Error> {
    let done = sqlx::query!(
        "insert into pass_aliases (code, pass_id, created_at, created_by) values ($1, $2, $3, $4)
         on conflict on constraint pass_aliases_pkey do nothing",
        code,
        pass.0,
        at,
        by.map(|id| id.0)
    )
    .execute(&mut *db)
    .await?;
    if done.rows_affected() == 1 {
        return Ok(None);
    }
    sqlx::query_scalar!(
        r#"select p.member_id as "id: MemberId" from pass_aliases a join passes p on p.id = a.pass_id where a.code = $1"#,
        code
    )
    .fetch_optional(db)
    .await
}

/// Lets a registered code stand for another pass of the same member.
pub async fn move_alias(db: &mut PgConnection, code: &str, pass: PassId) -> Result<(), sqlx::Error> {
    sqlx::query!("update pass_aliases set pass_id = $2 where code = $1", code, pass.0).execute(db).await?;
    Ok(())
}

/// Whether a member's number reads the same: a code that is both would open for one of them by chance.
pub async fn is_member_number(db: &mut PgConnection, code: &str) -> Result<bool, sqlx::Error> {
    let found = sqlx::query_scalar!(
        "select m.id from branches b join members m on m.home_branch_id = b.id and m.number = $1 limit 1",
        code
    )
    .fetch_optional(db)
    .await?;
    Ok(found.is_some())
}

/// Removes a code; whose it was.
pub async fn delete_alias(db: &mut PgConnection, code: &str) -> Result<Option<MemberId>, sqlx::Error> {
    sqlx::query_scalar!(
        r#"delete from pass_aliases a using passes p where p.id = a.pass_id and a.code = $1
           returning p.member_id as "id: MemberId""#,
        code
    )
    .fetch_optional(db)
    .await
}

/// What a card shows, with what its code is signed with.
pub struct Printable {
    pub pass_number: Vec<u8>,
    pub secret: Vec<u8>,
    pub kind: String,
    pub revoked: bool,
    pub full_name: String,
    pub native_name: Option<String>,
    pub number: String,
    pub gym_name: String,
}

/// Passes to print, in the order asked for; those there are none of are left out.
pub async fn printables(db: &mut PgConnection, ids: &[PassId]) -> Result<Vec<Printable>, sqlx::Error> {
    let ids: Vec<_> = ids.iter().map(|id| id.0).collect();
    sqlx::query_as!(
        Printable,
        r#"select p.pass_id as pass_number, p.secret, p.kind, p.revoked_at is not null as "revoked!", m.full_name,
                  m.native_name, m.number, g.name as gym_name
           from unnest($1::uuid[]) with ordinality as wanted (id, place)
           join passes p on p.id = wanted.id
           join members m on m.id = p.member_id and m.deleted_at is null
           cross join gyms g
           order by wanted.place"#,
        &ids
    )
    .fetch_all(db)
    .await
}
