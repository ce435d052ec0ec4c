//! Logging in and out, the idle lock, and switching people at one desk by PIN.
use super::model::{Permission, Role};
use super::password::{self, Check, Secret};
use super::wire::{DeskPerson, Login, Me, SessionRow, Unlock};
use crate::actor::{Actor, DeskActor, StaffActor};
use crate::audit::{self, Change};
use crate::error::Error;
use crate::ids::{AccountId, BranchId, DeskId, SessionId};
use crate::random;
use crate::services::Services;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, TimeDelta, Utc};
use sha2::{Digest as _, Sha256};
use sqlx::PgConnection;
use std::collections::BTreeSet;
use uuid::Uuid;

/// Wrong passwords in a row before the account pauses.
const LOGIN_GUESSES: i32 = 10;
const LOGIN_PAUSE: TimeDelta = TimeDelta::minutes(15);
/// Wrong PINs in a row before only the password works for a while.
const PIN_GUESSES: i32 = 5;
const PIN_PAUSE: TimeDelta = TimeDelta::minutes(5);
/// Sessions one account may have; the oldest goes first.
const SESSIONS_PER_ACCOUNT: i64 = 5;
/// A staff session nobody used for this long is over.
const SESSION_IDLE: TimeDelta = TimeDelta::days(7);
/// `last_seen_at` is only written when it is older than this.
const SEEN_STEP: TimeDelta = TimeDelta::minutes(1);

/// Where a login comes from.
#[derive(Clone, Debug)]
pub struct Device {
    pub name: String,
    pub ip: Option<String>,
    pub desk: DeskId,
}

/// A session as its holder gets it: the token is shown once.
#[derive(Debug)]
pub struct NewSession {
    pub token: String,
    pub me: Me,
}

/// A session found by its token.
#[derive(Clone, Debug)]
pub struct Current {
    /// The desk alone while locked.
    pub actor: Actor,
    pub me: Me,
}

fn digest(token: &str) -> Vec<u8> {
    Sha256::digest(token.as_bytes()).to_vec()
}

fn random_token() -> String {
    URL_SAFE_NO_PAD.encode(random::bytes::<32>())
}

/// E-mail addresses and usernames are compared in lower case.
pub fn fold_identifier(text: &str) -> String {
    text.trim().to_lowercase()
}

/// Logs in by e-mail or username. The answer is the same for an unknown account and a wrong password.
pub async fn login(services: &Services, device: &Device, request: Login) -> Result<NewSession, Error> {
    let now = services.now();
    let identifier = fold_identifier(&request.identifier);
    if identifier.is_empty() {
        return Err(Error::invalid("identifier", "required"));
    }
    let account = sqlx::query!(
        "select id, password_hash, suspended_at, login_blocked_until from accounts
         where (email = $1 or username = $1) and deleted_at is null",
        identifier
    )
    .fetch_optional(&services.db)
    .await?;
    if let Some(until) = account.as_ref().and_then(|a| a.login_blocked_until).filter(|until| *until > now) {
        return Err(Error::TooManyAttempts { seconds: (until - now).num_seconds() + 1 });
    }
    let stored = account.as_ref().and_then(|a| a.password_hash.clone());
    let check = password::check(Secret::new(&request.password), stored).await?;
    let wrong = || Error::invalid("password", "wrong_login");
    let Some(account) = account else { return Err(wrong()) };
    if check == Check::Wrong {
        sqlx::query!(
            "update accounts set
                 failed_logins = case when failed_logins + 1 >= $2 then 0 else failed_logins + 1 end,
                 login_blocked_until = case when failed_logins + 1 >= $2 then $3::timestamptz else login_blocked_until end
             where id = $1",
            account.id,
            LOGIN_GUESSES,
            now + LOGIN_PAUSE
        )
        .execute(&services.db)
        .await?;
        return Err(wrong());
    }
    if account.suspended_at.is_some() {
        return Err(Error::conflict("account_suspended"));
    }
    let rehashed = match check {
        Check::RightButOld => Some(password::hash(Secret::new(&request.password)).await?),
        Check::Right | Check::Wrong => None,
    };
    let mut tx = services.db.begin().await?;
    sqlx::query!(
        "update accounts set failed_logins = 0, login_blocked_until = null, password_hash = coalesce($2, password_hash) where id = $1",
        account.id,
        rehashed
    )
    .execute(&mut *tx)
    .await?;
    let session = open_session(&mut tx, services, AccountId(account.id), device).await?;
    tx.commit().await?;
    Ok(session)
}

/// Opens a session within the caller's transaction. Refuses an account without a staff role.
pub(crate) async fn open_session(
    db: &mut PgConnection,
    services: &Services,
    account: AccountId,
    device: &Device,
) -> Result<NewSession, Error> {
    let now = services.now();
    let token = random_token();
    let id = SessionId::new(now);
    sqlx::query!(
        "insert into sessions (id, account_id, token_hash, csrf_token, device, ip, desk_id, created_at, last_seen_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $8)",
        id.0,
        account.0,
        digest(&token),
        random_token(),
        device.name,
        device.ip,
        device.desk.0,
        now
    )
    .execute(&mut *db)
    .await?;
    sqlx::query!(
        "update sessions set revoked_at = $2 where account_id = $1 and revoked_at is null and id not in
             (select id from sessions where account_id = $1 and revoked_at is null order by created_at desc, id desc limit $3)",
        account.0,
        now,
        SESSIONS_PER_ACCOUNT
    )
    .execute(&mut *db)
    .await?;
    let current = load(db, &token, now).await?.ok_or(Error::NotLoggedIn)?;
    if current.me.roles.iter().all(|role| *role == Role::Member) {
        return Err(Error::conflict("no_staff_role"));
    }
    audit::record(
        db,
        &current.actor,
        now,
        Change {
            act: "session.opened",
            subject_kind: "account",
            subject: Some(account.0),
            before: None,
            after: None,
        },
    )
    .await?;
    Ok(NewSession { token, me: current.me })
}

/// Who holds this token; none when it is unknown, revoked, idle for a week, or its account suspended.
pub async fn authenticate(services: &Services, token: &str) -> Result<Option<Current>, Error> {
    let now = services.now();
    let mut db = services.db.acquire().await?;
    let current = load(&mut db, token, now).await?;
    if current.is_some() {
        sqlx::query!(
            "update sessions set last_seen_at = $2 where token_hash = $1 and last_seen_at < $3",
            digest(token),
            now,
            now - SEEN_STEP
        )
        .execute(&mut *db)
        .await?;
    }
    Ok(current)
}

async fn load(db: &mut PgConnection, token: &str, now: DateTime<Utc>) -> Result<Option<Current>, Error> {
    let row = sqlx::query!(
        r#"select s.id, s.account_id, s.csrf_token, s.locked_at, d.id as desk_id, d.branch_id, a.full_name,
               a.pin_hash is not null as "has_pin!",
               array(select kind from profiles p where p.account_id = a.id order by kind) as "roles!",
               array(select distinct rp.permission from role_permissions rp join profiles p on p.kind = rp.role
                     where p.account_id = a.id) as "permissions!"
           from sessions s
           join accounts a on a.id = s.account_id
           join desks d on d.id = s.desk_id
           where s.token_hash = $1 and s.revoked_at is null and a.suspended_at is null and a.deleted_at is null
             and s.last_seen_at > $2"#,
        digest(token),
        now - SESSION_IDLE
    )
    .fetch_optional(db)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let roles: BTreeSet<Role> = row.roles.iter().filter_map(|kind| Role::parse(kind)).collect();
    let permissions: BTreeSet<Permission> =
        row.permissions.iter().filter_map(|p| Permission::parse(p)).collect();
    let (branch, desk) = (BranchId(row.branch_id), DeskId(row.desk_id));
    let me = Me {
        account_id: AccountId(row.account_id),
        full_name: row.full_name,
        roles: roles.iter().copied().collect(),
        permissions: permissions.iter().copied().collect(),
        branch_id: branch,
        desk_id: desk,
        has_pin: row.has_pin,
        locked: row.locked_at.is_some(),
        csrf_token: row.csrf_token,
    };
    let actor = if me.locked {
        Actor::Desk(DeskActor { branch, desk })
    } else {
        Actor::Staff(StaffActor {
            account: me.account_id,
            session: SessionId(row.id),
            roles,
            permissions,
            branch,
            desk,
        })
    };
    Ok(Some(Current { actor, me }))
}

/// Ends the session; unknown tokens are fine.
pub async fn logout(services: &Services, token: &str) -> Result<(), Error> {
    sqlx::query!(
        "update sessions set revoked_at = $2 where token_hash = $1 and revoked_at is null",
        digest(token),
        services.now()
    )
    .execute(&services.db)
    .await?;
    Ok(())
}

/// Locks the desk: it goes on scanning, everything else needs the PIN.
pub async fn lock(services: &Services, token: &str) -> Result<Me, Error> {
    sqlx::query!(
        "update sessions set locked_at = coalesce(locked_at, $2) where token_hash = $1 and revoked_at is null",
        digest(token),
        services.now()
    )
    .execute(&services.db)
    .await?;
    authenticate(services, token).await?.map(|current| current.me).ok_or(Error::NotLoggedIn)
}

/// Unlocks the desk for the same person or switches to another, by PIN or password. The old session ends.
pub async fn unlock(
    services: &Services,
    token: &str,
    device: &Device,
    request: Unlock,
) -> Result<NewSession, Error> {
    authenticate(services, token).await?.ok_or(Error::NotLoggedIn)?;
    let now = services.now();
    let account = sqlx::query!(
        "select id, pin_hash, password_hash, pin_blocked_until from accounts
         where id = $1 and suspended_at is null and deleted_at is null",
        request.account_id.0
    )
    .fetch_optional(&services.db)
    .await?
    .ok_or(Error::invalid("pin", "wrong_pin"))?;
    let (field, code, secret, stored) = match (request.pin, request.password) {
        (Some(pin), _) => {
            if let Some(until) = account.pin_blocked_until.filter(|until| *until > now) {
                return Err(Error::TooManyAttempts { seconds: (until - now).num_seconds() + 1 });
            }
            ("pin", "wrong_pin", pin, account.pin_hash)
        }
        (None, Some(password)) => ("password", "wrong_login", password, account.password_hash),
        (None, None) => return Err(Error::invalid("pin", "required")),
    };
    let check = password::check(Secret::new(secret), stored).await?;
    if check == Check::Wrong {
        sqlx::query!(
            "update accounts set
                 failed_pins = case when failed_pins + 1 >= $2 then 0 else failed_pins + 1 end,
                 pin_blocked_until = case when failed_pins + 1 >= $2 then $3::timestamptz else pin_blocked_until end
             where id = $1",
            account.id,
            PIN_GUESSES,
            now + PIN_PAUSE
        )
        .execute(&services.db)
        .await?;
        return Err(Error::invalid(field, code));
    }
    let mut tx = services.db.begin().await?;
    sqlx::query!("update accounts set failed_pins = 0, pin_blocked_until = null where id = $1", account.id)
        .execute(&mut *tx)
        .await?;
    sqlx::query!(
        "update sessions set revoked_at = $2 where token_hash = $1 and revoked_at is null",
        digest(token),
        now
    )
    .execute(&mut *tx)
    .await?;
    let session = open_session(&mut tx, services, AccountId(account.id), device).await?;
    tx.commit().await?;
    Ok(session)
}

/// Staff that the lock screen offers: those with a PIN, and whoever holds the session.
pub async fn desk_people(services: &Services, token: &str) -> Result<Vec<DeskPerson>, Error> {
    let current = authenticate(services, token).await?.ok_or(Error::NotLoggedIn)?;
    let rows = sqlx::query!(
        r#"select a.id, a.full_name, a.pin_hash is not null as "has_pin!" from accounts a
           where a.suspended_at is null and a.deleted_at is null and (a.pin_hash is not null or a.id = $1)
             and exists (select 1 from profiles p where p.account_id = a.id and p.kind <> 'member')
           order by a.full_name, a.id"#,
        current.me.account_id.0
    )
    .fetch_all(&services.db)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| DeskPerson {
            account_id: AccountId(row.id),
            full_name: row.full_name,
            has_pin: row.has_pin,
        })
        .collect())
}

/// Open sessions: everybody's for those who manage staff, else one's own.
pub async fn sessions(services: &Services, actor: &Actor) -> Result<Vec<SessionRow>, Error> {
    let Actor::Staff(staff) = actor else { return Err(Error::Locked) };
    let everybody = staff.permissions.contains(&Permission::ManageStaff);
    let rows = sqlx::query!(
        "select s.id, s.account_id, a.full_name, s.device, s.ip, s.created_at, s.last_seen_at, s.second_factor_at, s.locked_at
         from sessions s join accounts a on a.id = s.account_id
         where s.revoked_at is null and s.last_seen_at > $3 and ($1 or s.account_id = $2)
         order by s.last_seen_at desc, s.id",
        everybody,
        staff.account.0,
        services.now() - SESSION_IDLE
    )
    .fetch_all(&services.db)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| SessionRow {
            id: SessionId(row.id),
            account_id: AccountId(row.account_id),
            full_name: row.full_name,
            device: row.device,
            ip: row.ip,
            created_at: row.created_at,
            last_seen_at: row.last_seen_at,
            second_factor_passed: row.second_factor_at.is_some(),
            locked: row.locked_at.is_some(),
            is_this: row.id == staff.session.0,
        })
        .collect())
}

/// Ends a session: one's own, or anybody's for those who manage staff.
pub async fn revoke_session(services: &Services, actor: &Actor, session: SessionId) -> Result<(), Error> {
    let Actor::Staff(staff) = actor else { return Err(Error::Locked) };
    let holder: Option<Uuid> = sqlx::query_scalar!(
        "select account_id from sessions where id = $1 and revoked_at is null",
        session.0
    )
    .fetch_optional(&services.db)
    .await?;
    let holder = holder.ok_or(Error::NotFound("session"))?;
    if holder != staff.account.0 {
        actor.require(Permission::ManageStaff)?;
    }
    let now = services.now();
    let mut tx = services.db.begin().await?;
    sqlx::query!("update sessions set revoked_at = $2 where id = $1", session.0, now)
        .execute(&mut *tx)
        .await?;
    audit::record(
        &mut tx,
        actor,
        now,
        Change {
            act: "session.revoked",
            subject_kind: "account",
            subject: Some(holder),
            before: None,
            after: None,
        },
    )
    .await?;
    tx.commit().await?;
    Ok(())
}
