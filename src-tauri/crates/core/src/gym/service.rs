//! First run, and the settings of a branch.
use super::wire::{Branch, Desk, Direction, SetUp, SetupStatus, UpdateBranch};
use crate::actor::Actor;
use crate::audit::{self, Change};
use crate::auth::login::{self, Device, NewSession};
use crate::auth::model::{Permission, Role};
use crate::auth::password::{self, Secret, check_password, check_pin};
use crate::auth::permissions;
use crate::auth::staff::{check_email, check_name};
use crate::day::BranchCalendar;
use crate::error::Error;
use crate::ids::{AccountId, BranchId, DeskId, GymId};
use crate::money;
use crate::services::Services;
use sqlx::PgConnection;

impl Direction {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::In => "in",
            Self::Out => "out",
            Self::Both => "both",
        }
    }

    /// Unknown text cannot be stored (a constraint), so it counts as the default.
    pub fn parse(text: &str) -> Self {
        match text {
            "out" => Self::Out,
            "both" => Self::Both,
            _ => Self::In,
        }
    }
}

/// What a host shows first. `desk` is the host's own; without one the branch's first desk counts.
pub async fn status(services: &Services, desk: Option<DeskId>) -> Result<SetupStatus, Error> {
    let mut db = services.db.acquire().await?;
    let gym_name = sqlx::query_scalar!("select name from gyms").fetch_optional(&mut *db).await?;
    let row = sqlx::query!(
        "select id, name, direction, branch_id from desks where $1::uuid is null or id = $1 order by created_at, id limit 1",
        desk.map(|d| d.0)
    )
    .fetch_optional(&mut *db)
    .await?;
    let Some(row) = row else {
        return Ok(SetupStatus { is_set_up: gym_name.is_some(), gym_name, branch: None, desk: None });
    };
    let branch = fetch_branch(&mut db, BranchId(row.branch_id)).await?;
    let desk = Desk { id: DeskId(row.id), name: row.name, direction: Direction::parse(&row.direction) };
    Ok(SetupStatus { is_set_up: gym_name.is_some(), gym_name, branch: Some(branch), desk: Some(desk) })
}

/// The branch with its rules.
pub async fn fetch_branch(db: &mut PgConnection, id: BranchId) -> Result<Branch, Error> {
    let row = sqlx::query!(
        "select b.*, g.default_country from branches b join gyms g on g.id = b.gym_id where b.id = $1",
        id.0
    )
    .fetch_optional(db)
    .await?
    .ok_or(Error::NotFound("branch"))?;
    Ok(Branch {
        id,
        code: row.code,
        name: row.name,
        time_zone: row.time_zone,
        currency_exponent: money::exponent(&row.currency).unwrap_or(2),
        currency: row.currency,
        day_starts_at: row.day_starts_at,
        anti_passback_minutes: row.anti_passback_minutes,
        auto_checkout_hours: row.auto_checkout_hours,
        undo_minutes: row.undo_minutes,
        capacity: row.capacity,
        daily_entries: row.daily_entries,
        default_country: row.default_country,
    })
}

impl Branch {
    /// How this branch counts days.
    pub fn calendar(&self) -> Result<BranchCalendar, Error> {
        BranchCalendar::stored(&self.time_zone, self.day_starts_at)
    }
}

fn check_time_zone(name: &str) -> Result<(), Error> {
    name.parse::<chrono_tz::Tz>().map(|_| ()).map_err(|_| Error::invalid("time_zone", "time_zone_unknown"))
}

fn check_hour(hour: i16) -> Result<(), Error> {
    if (0..=12).contains(&hour) { Ok(()) } else { Err(Error::invalid("day_starts_at", "out_of_range")) }
}

/// The wizard: creates gym, branch, desk and owner in one step and logs the owner in. Works once.
pub async fn set_up(
    services: &Services,
    device_name: &str,
    ip: Option<String>,
    request: SetUp,
) -> Result<NewSession, Error> {
    let gym_name = check_name("gym_name", &request.gym_name)?;
    let branch_name = check_name("branch_name", &request.branch_name)?;
    let owner_name = check_name("owner_name", &request.owner_name)?;
    let owner_email = check_email("owner_email", &request.owner_email)?;
    check_time_zone(&request.time_zone)?;
    check_hour(request.day_starts_at)?;
    if money::exponent(&request.currency).is_none() {
        return Err(Error::invalid("currency", "currency_unknown"));
    }
    if request.default_country.parse::<phonenumber::country::Id>().is_err() {
        return Err(Error::invalid("default_country", "country_unknown"));
    }
    check_password("owner_password", &request.owner_password)?;
    if let Some(pin) = &request.owner_pin {
        check_pin("owner_pin", pin)?;
    }
    let password_hash = password::hash(Secret::new(request.owner_password)).await?;
    let pin_hash = match request.owner_pin {
        Some(pin) => Some(password::hash(Secret::new(pin)).await?),
        None => None,
    };
    let now = services.now();
    let (gym, branch, desk, owner) =
        (GymId::new(now), BranchId::new(now), DeskId::new(now), AccountId::new(now));
    let mut tx = services.db.begin().await?;
    sqlx::query!(
        "insert into gyms (id, name, default_country, created_at) values ($1, $2, $3, $4)",
        gym.0,
        gym_name,
        request.default_country,
        now
    )
    .execute(&mut *tx)
    .await
    .map_err(|error| match Error::constraint(&error) {
        Some("gyms_only_one") => Error::conflict("already_set_up"),
        _ => error.into(),
    })?;
    sqlx::query!(
        "insert into branches (id, gym_id, code, name, time_zone, currency, day_starts_at, created_at)
         values ($1, $2, '1', $3, $4, $5, $6, $7)",
        branch.0,
        gym.0,
        branch_name,
        request.time_zone,
        request.currency,
        request.day_starts_at,
        now
    )
    .execute(&mut *tx)
    .await?;
    sqlx::query!(
        "insert into desks (id, branch_id, name, created_at) values ($1, $2, '1', $3)",
        desk.0,
        branch.0,
        now
    )
    .execute(&mut *tx)
    .await?;
    permissions::store_defaults(&mut tx).await?;
    sqlx::query!(
        "insert into accounts (id, full_name, email, password_hash, pin_hash, created_at) values ($1, $2, $3, $4, $5, $6)",
        owner.0,
        owner_name,
        owner_email,
        password_hash,
        pin_hash,
        now
    )
    .execute(&mut *tx)
    .await?;
    sqlx::query!(
        "insert into profiles (account_id, kind, created_at) values ($1, $2, $3)",
        owner.0,
        Role::Owner.as_str(),
        now
    )
    .execute(&mut *tx)
    .await?;
    let system = Actor::System { branch: Some(branch), desk: Some(desk) };
    let after = Some(serde_json::json!({ "gym": gym_name, "branch": branch_name, "owner": owner }));
    audit::record(
        &mut tx,
        &system,
        now,
        Change { act: "gym.set_up", subject_kind: "gym", subject: Some(gym.0), before: None, after },
    )
    .await?;
    let device = Device { name: device_name.to_owned(), ip, desk };
    let session = login::open_session(&mut tx, services, owner, &device).await?;
    tx.commit().await?;
    Ok(session)
}

/// The desk of that name at the branch, created when it is new: every host is one desk.
pub async fn desk_named(services: &Services, name: &str) -> Result<Option<DeskId>, Error> {
    let name = check_name("desk", name)?;
    let mut db = services.db.acquire().await?;
    // Of a branch, its own; a database that is alone has the one that was made first.
    let branch = sqlx::query_scalar!(
        "select id from branches order by (id = (select branch_id from sync_node)) desc nulls last, created_at, id limit 1"
    )
    .fetch_optional(&mut *db)
    .await?;
    let Some(branch) = branch else { return Ok(None) };
    let now = services.now();
    sqlx::query!(
        "insert into desks (id, branch_id, name, created_at) values ($1, $2, $3, $4) on conflict on constraint desks_name_key do nothing",
        DeskId::new(now).0,
        branch,
        name,
        now
    )
    .execute(&mut *db)
    .await?;
    let id = sqlx::query_scalar!("select id from desks where branch_id = $1 and name = $2", branch, name)
        .fetch_one(&mut *db)
        .await?;
    Ok(Some(DeskId(id)))
}

/// A branch that joined with nothing in its database gets its first desk when its own row has come. True when it has one.
pub async fn first_desk(services: &Services) -> Result<bool, Error> {
    let mut db = services.db.acquire().await?;
    sqlx::query!(
        "insert into desks (id, branch_id, name, created_at)
         select $1, b.id, '1', $2 from branches b join sync_node n on n.branch_id = b.id where not exists (select from desks)",
        DeskId::new(services.now()).0,
        services.now()
    )
    .execute(&mut *db)
    .await?;
    Ok(sqlx::query_scalar!(r#"select exists (select from desks) as "is!""#).fetch_one(&mut *db).await?)
}

/// Settings → Branch, for everybody at the desk to read.
pub async fn branch(services: &Services, actor: &Actor) -> Result<Branch, Error> {
    let id = actor.branch()?;
    let mut db = services.db.acquire().await?;
    fetch_branch(&mut db, id).await
}

/// The branches that this house keeps.
pub async fn branches(services: &Services) -> Result<Vec<BranchId>, Error> {
    let mut db = services.db.acquire().await?;
    Ok(sqlx::query_scalar!(r#"select id as "id: BranchId" from branches order by code"#)
        .fetch_all(&mut *db)
        .await?)
}

/// Settings → Branch.
pub async fn update_branch(
    services: &Services,
    actor: &Actor,
    request: UpdateBranch,
) -> Result<SetupStatus, Error> {
    actor.require(Permission::EditSettings)?;
    let gym_name = check_name("gym_name", &request.gym_name)?;
    let name = check_name("name", &request.name)?;
    let desk_name = check_name("desk_name", &request.desk_name)?;
    check_time_zone(&request.time_zone)?;
    check_hour(request.day_starts_at)?;
    for (field, value, low, high) in [
        ("anti_passback_minutes", Some(request.anti_passback_minutes), 0, 1440),
        ("auto_checkout_hours", Some(request.auto_checkout_hours), 1, 24),
        ("undo_minutes", Some(request.undo_minutes), 0, 240),
        ("capacity", request.capacity, 1, 1_000_000),
        ("daily_entries", request.daily_entries, 1, 1000),
    ] {
        if value.is_some_and(|value| !(low..=high).contains(&value)) {
            return Err(Error::invalid(field, "out_of_range"));
        }
    }
    let (branch, desk) = (actor.branch()?, actor.desk()?);
    let now = services.now();
    let mut tx = services.db.begin().await?;
    let before = fetch_branch(&mut tx, branch).await?;
    sqlx::query!("update gyms set name = $1", gym_name).execute(&mut *tx).await?;
    sqlx::query!(
        "update branches set name = $2, time_zone = $3, day_starts_at = $4, anti_passback_minutes = $5, auto_checkout_hours = $6,
             undo_minutes = $7, capacity = $8, daily_entries = $9 where id = $1",
        branch.0,
        name,
        request.time_zone,
        request.day_starts_at,
        request.anti_passback_minutes,
        request.auto_checkout_hours,
        request.undo_minutes,
        request.capacity,
        request.daily_entries
    )
    .execute(&mut *tx)
    .await?;
    sqlx::query!(
        "update desks set name = $2, direction = $3 where id = $1",
        desk.0,
        desk_name,
        request.desk_direction.as_str()
    )
    .execute(&mut *tx)
    .await
    .map_err(|error| match Error::constraint(&error) {
        Some("desks_name_key") => Error::invalid("desk_name", "taken"),
        _ => error.into(),
    })?;
    let after = fetch_branch(&mut tx, branch).await?;
    audit::record(
        &mut tx,
        actor,
        now,
        Change {
            act: "branch.updated",
            subject_kind: "branch",
            subject: Some(branch.0),
            before: Some(serde_json::json!(before)),
            after: Some(serde_json::json!(after)),
        },
    )
    .await?;
    tx.commit().await?;
    status(services, Some(desk)).await
}
