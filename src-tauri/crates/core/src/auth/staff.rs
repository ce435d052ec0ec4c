//! Staff accounts: create, edit, suspend, delete.
use super::login::fold_identifier;
use super::model::{Permission, Role};
use super::password::{self, Check, Secret, check_password, check_pin};
use super::wire::{ChangeOwnSecret, CreateStaff, ListStaff, StaffPage, StaffRow, UpdateStaff};
use crate::actor::Actor;
use crate::audit::{self, Change};
use crate::error::Error;
use crate::ids::AccountId;
use crate::services::Services;
use chrono::{DateTime, Utc};
use sqlx::PgConnection;

/// Names people, as they are written on cards and receipts: 1-200 characters, no control characters.
pub fn check_name(field: &'static str, name: &str) -> Result<String, Error> {
    let name = name.trim();
    if name.is_empty() {
        return Err(Error::invalid(field, "required"));
    }
    if name.chars().count() > 200 {
        return Err(Error::invalid(field, "too_long"));
    }
    if name.chars().any(char::is_control) {
        return Err(Error::invalid(field, "control_characters"));
    }
    Ok(name.to_owned())
}

fn check_username(username: &str) -> Result<String, Error> {
    let folded = fold_identifier(username);
    let fits = (3..=40).contains(&folded.chars().count())
        && folded.chars().all(|c| c.is_alphanumeric() || matches!(c, '.' | '_' | '-'));
    if fits { Ok(folded) } else { Err(Error::invalid("username", "username_format")) }
}

/// One @ with something on both sides and a dot in the domain; whether it exists only a message can tell.
pub fn check_email(field: &'static str, email: &str) -> Result<String, Error> {
    let folded = fold_identifier(email);
    let fits = folded.len() <= 254
        && !folded.chars().any(|c| c.is_whitespace() || c.is_control())
        && folded.split_once('@').is_some_and(|(local, domain)| {
            !local.is_empty()
                && !domain.contains('@')
                && domain.split('.').count() > 1
                && domain.split('.').all(|part| !part.is_empty())
        });
    if fits { Ok(folded) } else { Err(Error::invalid(field, "email_format")) }
}

fn given(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.trim().is_empty())
}

/// E.164 with the gym's default country (ID1: 10-15 digits).
pub fn check_phone(field: &'static str, phone: &str, country: &str) -> Result<String, Error> {
    let bad = || Error::invalid(field, "phone_format");
    let country = country.parse().ok();
    let number = phonenumber::parse(country, phone.trim()).map_err(|_| bad())?;
    let formatted = number.format().mode(phonenumber::Mode::E164).to_string();
    if (10..=15).contains(&(formatted.len() - 1)) { Ok(formatted) } else { Err(bad()) }
}

pub(crate) async fn default_country(db: &mut PgConnection) -> Result<String, Error> {
    Ok(sqlx::query_scalar!("select default_country from gyms").fetch_one(db).await?)
}

fn taken(error: sqlx::Error) -> Error {
    match Error::constraint(&error) {
        Some("accounts_username_key") => Error::invalid("username", "taken"),
        Some("accounts_email_key") => Error::invalid("email", "taken"),
        Some("accounts_phone_key") => Error::invalid("phone", "taken"),
        Some("accounts_some_login") => Error::invalid("username", "login_needed"),
        _ => error.into(),
    }
}

/// Only an owner makes owners or touches them.
fn check_roles(actor: &Actor, roles: &[Role]) -> Result<(), Error> {
    if roles.is_empty() {
        return Err(Error::invalid("roles", "required"));
    }
    if roles.contains(&Role::Member) {
        return Err(Error::invalid("roles", "role_not_for_staff"));
    }
    if roles.contains(&Role::Owner) && !is_owner(actor) {
        return Err(Error::invalid("roles", "only_owner_makes_owners"));
    }
    Ok(())
}

fn is_owner(actor: &Actor) -> bool {
    match actor {
        Actor::System { .. } => true,
        Actor::Staff(staff) => staff.roles.contains(&Role::Owner),
        Actor::Desk(_) => false,
    }
}

/// Accounts with a staff role, by name.
pub async fn list(services: &Services, actor: &Actor, request: ListStaff) -> Result<StaffPage, Error> {
    actor.require(Permission::ManageStaff)?;
    let pattern = given(request.search).map(|text| {
        let escaped =
            text.trim().to_lowercase().replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
        format!("%{escaped}%")
    });
    let rows = sqlx::query!(
        r#"select a.id, a.full_name, a.username, a.email, a.phone, a.pin_hash is not null as "has_pin!", a.suspended_at, a.created_at,
               array(select kind from profiles p where p.account_id = a.id and p.kind <> 'member' order by kind) as "roles!",
               count(*) over () as "total!"
           from accounts a
           where a.deleted_at is null
             and exists (select 1 from profiles p where p.account_id = a.id and p.kind <> 'member' and ($2::text is null or p.kind = $2))
             and ($1::text is null or lower(a.full_name) like $1 or a.username like $1 or a.email like $1)
             and ($3::bool is null or (a.suspended_at is not null) = $3)
           order by lower(a.full_name), a.id limit $4 offset $5"#,
        pattern,
        request.role.map(Role::as_str),
        request.suspended,
        request.limit.unwrap_or(50).clamp(1, 500),
        request.offset.max(0)
    )
    .fetch_all(&services.db)
    .await?;
    let total = rows.first().map_or(0, |row| row.total);
    let rows = rows
        .into_iter()
        .map(|row| StaffRow {
            id: AccountId(row.id),
            full_name: row.full_name,
            username: row.username,
            email: row.email,
            phone: row.phone,
            roles: row.roles.iter().filter_map(|kind| Role::parse(kind)).collect(),
            has_pin: row.has_pin,
            suspended_at: row.suspended_at,
            created_at: row.created_at,
        })
        .collect();
    Ok(StaffPage { rows, total })
}

/// Creates an account with staff roles.
pub async fn create(services: &Services, actor: &Actor, request: CreateStaff) -> Result<StaffRow, Error> {
    actor.require(Permission::ManageStaff)?;
    check_roles(actor, &request.roles)?;
    let now = services.now();
    let full_name = check_name("full_name", &request.full_name)?;
    let username = given(request.username).map(|text| check_username(&text)).transpose()?;
    let email = given(request.email).map(|text| check_email("email", &text)).transpose()?;
    check_password("password", &request.password)?;
    let password_hash = password::hash(Secret::new(request.password)).await?;
    let pin_hash = hash_pin(given(request.pin)).await?;
    let mut tx = services.db.begin().await?;
    let country = default_country(&mut tx).await?;
    let phone = given(request.phone).map(|text| check_phone("phone", &text, &country)).transpose()?;
    let id = AccountId::new(now);
    sqlx::query!(
        "insert into accounts (id, full_name, username, email, phone, password_hash, pin_hash, created_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8)",
        id.0,
        full_name,
        username,
        email,
        phone,
        password_hash,
        pin_hash,
        now
    )
    .execute(&mut *tx)
    .await
    .map_err(taken)?;
    store_roles(&mut tx, id, &request.roles, now).await?;
    let row = fetch(&mut tx, id).await?;
    let after = Some(serde_json::json!({ "name": row.full_name, "roles": row.roles }));
    audit::record(
        &mut tx,
        actor,
        now,
        Change { act: "staff.created", subject_kind: "account", subject: Some(id.0), before: None, after },
    )
    .await?;
    tx.commit().await?;
    Ok(row)
}

async fn hash_pin(pin: Option<String>) -> Result<Option<String>, Error> {
    let Some(pin) = pin else { return Ok(None) };
    check_pin("pin", &pin)?;
    password::hash(Secret::new(pin)).await.map(Some)
}

async fn store_roles(
    db: &mut PgConnection,
    account: AccountId,
    roles: &[Role],
    now: DateTime<Utc>,
) -> Result<(), Error> {
    let kinds: Vec<String> = roles.iter().map(|role| role.as_str().to_owned()).collect();
    sqlx::query!(
        "delete from profiles where account_id = $1 and kind <> 'member' and kind <> all($2)",
        account.0,
        &kinds
    )
    .execute(&mut *db)
    .await?;
    sqlx::query!(
        "insert into profiles (account_id, kind, created_at) select $1, kind, $3 from unnest($2::text[]) as kind on conflict do nothing",
        account.0,
        &kinds,
        now
    )
    .execute(&mut *db)
    .await?;
    Ok(())
}

async fn fetch(db: &mut PgConnection, id: AccountId) -> Result<StaffRow, Error> {
    let row = sqlx::query!(
        r#"select a.id, a.full_name, a.username, a.email, a.phone, a.pin_hash is not null as "has_pin!", a.suspended_at, a.created_at,
               array(select kind from profiles p where p.account_id = a.id and p.kind <> 'member' order by kind) as "roles!"
           from accounts a where a.id = $1 and a.deleted_at is null for update of a"#,
        id.0
    )
    .fetch_optional(db)
    .await?
    .ok_or(Error::NotFound("account"))?;
    Ok(StaffRow {
        id,
        full_name: row.full_name,
        username: row.username,
        email: row.email,
        phone: row.phone,
        roles: row.roles.iter().filter_map(|kind| Role::parse(kind)).collect(),
        has_pin: row.has_pin,
        suspended_at: row.suspended_at,
        created_at: row.created_at,
    })
}

/// Edits an account; a new password or PIN ends its other sessions.
pub async fn update(services: &Services, actor: &Actor, request: UpdateStaff) -> Result<StaffRow, Error> {
    actor.require(Permission::ManageStaff)?;
    let now = services.now();
    let full_name = request.full_name.map(|name| check_name("full_name", &name)).transpose()?;
    let username = given(request.username).map(|text| check_username(&text)).transpose()?;
    let email = given(request.email).map(|text| check_email("email", &text)).transpose()?;
    let password_hash = match given(request.password) {
        Some(text) => {
            check_password("password", &text)?;
            Some(password::hash(Secret::new(text)).await?)
        }
        None => None,
    };
    let pin_hash = hash_pin(given(request.pin)).await?;
    let mut tx = services.db.begin().await?;
    lock_staff_changes(&mut tx).await?;
    let before = fetch(&mut tx, request.account_id).await?;
    protect_owner(actor, &before)?;
    let country = default_country(&mut tx).await?;
    let phone = given(request.phone).map(|text| check_phone("phone", &text, &country)).transpose()?;
    if let Some(roles) = &request.roles {
        check_roles(actor, roles)?;
        if before.roles.contains(&Role::Owner) && !roles.contains(&Role::Owner) {
            require_another_owner(&mut tx, request.account_id).await?;
        }
        store_roles(&mut tx, request.account_id, roles, now).await?;
    }
    let secret_changed = password_hash.is_some() || pin_hash.is_some();
    sqlx::query!(
        "update accounts set full_name = coalesce($2, full_name), username = coalesce($3, username), email = coalesce($4, email),
             phone = coalesce($5, phone), password_hash = coalesce($6, password_hash), pin_hash = coalesce($7, pin_hash),
             failed_pins = 0, pin_blocked_until = null, failed_logins = 0, login_blocked_until = null
         where id = $1",
        request.account_id.0,
        full_name,
        username,
        email,
        phone,
        password_hash,
        pin_hash
    )
    .execute(&mut *tx)
    .await
    .map_err(taken)?;
    if secret_changed && actor.account() != Some(request.account_id) {
        end_sessions(&mut tx, request.account_id, now).await?;
    }
    let row = fetch(&mut tx, request.account_id).await?;
    audit::record(
        &mut tx,
        actor,
        now,
        Change {
            act: "staff.updated",
            subject_kind: "account",
            subject: Some(request.account_id.0),
            before: Some(serde_json::json!({ "name": before.full_name, "roles": before.roles })),
            after: Some(serde_json::json!({ "name": row.full_name, "roles": row.roles, "secret_changed": secret_changed })),
        },
    )
    .await?;
    tx.commit().await?;
    Ok(row)
}

/// Two managers at once must not both remove "the other" owner: staff changes go one after the other.
async fn lock_staff_changes(db: &mut PgConnection) -> Result<(), Error> {
    sqlx::query!("select id from gyms for update").fetch_optional(db).await?;
    Ok(())
}

fn protect_owner(actor: &Actor, account: &StaffRow) -> Result<(), Error> {
    if account.roles.contains(&Role::Owner) && !is_owner(actor) {
        return Err(Error::conflict("only_owner_edits_owners"));
    }
    Ok(())
}

async fn require_another_owner(db: &mut PgConnection, account: AccountId) -> Result<(), Error> {
    let another = sqlx::query_scalar!(
        r#"select exists (select 1 from profiles p join accounts a on a.id = p.account_id
           where p.kind = 'owner' and a.id <> $1 and a.suspended_at is null and a.deleted_at is null) as "another!""#,
        account.0
    )
    .fetch_one(db)
    .await?;
    if another { Ok(()) } else { Err(Error::conflict("last_owner")) }
}

async fn end_sessions(db: &mut PgConnection, account: AccountId, now: DateTime<Utc>) -> Result<(), Error> {
    sqlx::query!(
        "update sessions set revoked_at = $2 where account_id = $1 and revoked_at is null",
        account.0,
        now
    )
    .execute(db)
    .await?;
    Ok(())
}

/// What becomes of an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    Suspended,
    Reactivated,
    /// Anonymised; what the person did stays.
    Deleted,
}

/// Suspends, reactivates or deletes. Suspended and deleted accounts lose their sessions at once.
pub async fn set_standing(
    services: &Services,
    actor: &Actor,
    account: AccountId,
    standing: Standing,
) -> Result<(), Error> {
    actor.require(Permission::ManageStaff)?;
    if actor.account() == Some(account) {
        return Err(Error::conflict("not_yourself"));
    }
    let now = services.now();
    let mut tx = services.db.begin().await?;
    lock_staff_changes(&mut tx).await?;
    let row = fetch(&mut tx, account).await?;
    protect_owner(actor, &row)?;
    if standing != Standing::Reactivated {
        if row.roles.contains(&Role::Owner) {
            require_another_owner(&mut tx, account).await?;
        }
        end_sessions(&mut tx, account, now).await?;
    }
    let act = match standing {
        Standing::Suspended => {
            sqlx::query!(
                "update accounts set suspended_at = coalesce(suspended_at, $2) where id = $1",
                account.0,
                now
            )
            .execute(&mut *tx)
            .await?;
            "staff.suspended"
        }
        Standing::Reactivated => {
            sqlx::query!("update accounts set suspended_at = null where id = $1", account.0)
                .execute(&mut *tx)
                .await?;
            "staff.reactivated"
        }
        Standing::Deleted => {
            sqlx::query!(
                "update accounts set deleted_at = $2, full_name = '—', username = null, email = null, phone = null,
                     password_hash = null, pin_hash = null where id = $1",
                account.0,
                now
            )
            .execute(&mut *tx)
            .await?;
            "staff.deleted"
        }
    };
    audit::record(
        &mut tx,
        actor,
        now,
        Change { act, subject_kind: "account", subject: Some(account.0), before: None, after: None },
    )
    .await?;
    tx.commit().await?;
    Ok(())
}

/// Changes one's own password or PIN; the current password is asked for again.
pub async fn change_own_secret(
    services: &Services,
    actor: &Actor,
    request: ChangeOwnSecret,
) -> Result<(), Error> {
    let Actor::Staff(staff) = actor else { return Err(Error::Locked) };
    let stored = sqlx::query_scalar!("select password_hash from accounts where id = $1", staff.account.0)
        .fetch_one(&services.db)
        .await?;
    if password::check(Secret::new(request.current_password), stored).await? == Check::Wrong {
        return Err(Error::invalid("current_password", "wrong_password"));
    }
    let password_hash = match given(request.new_password) {
        Some(text) => {
            check_password("new_password", &text)?;
            Some(password::hash(Secret::new(text)).await?)
        }
        None => None,
    };
    let pin_hash = match given(request.new_pin) {
        Some(pin) => {
            check_pin("new_pin", &pin)?;
            Some(password::hash(Secret::new(pin)).await?)
        }
        None => None,
    };
    let now = services.now();
    let mut tx = services.db.begin().await?;
    sqlx::query!(
        "update accounts set password_hash = coalesce($2, password_hash), pin_hash = coalesce($3, pin_hash) where id = $1",
        staff.account.0,
        password_hash,
        pin_hash
    )
    .execute(&mut *tx)
    .await?;
    sqlx::query!(
        "update sessions set revoked_at = $3 where account_id = $1 and id <> $2 and revoked_at is null and $4",
        staff.account.0,
        staff.session.0,
        now,
        password_hash.is_some()
    )
    .execute(&mut *tx)
    .await?;
    audit::record(
        &mut tx,
        actor,
        now,
        Change {
            act: "staff.secret_changed",
            subject_kind: "account",
            subject: Some(staff.account.0),
            before: None,
            after: None,
        },
    )
    .await?;
    tx.commit().await?;
    Ok(())
}
