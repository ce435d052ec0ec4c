//! What people at headquarters do: they let branches in, and shut them out. And what anybody may see of it.
use super::code::Code;
use super::wire::{BranchLink, EnrolBranch, Headquarters, Mode, NewCode, Reach};
use super::{link, store, tls};
use crate::actor::Actor;
use crate::audit::{self, Change};
use crate::auth::model::Permission;
use crate::auth::staff::check_name;
use crate::error::Error;
use crate::ids::{BranchId, new_id};
use crate::random;
use crate::secret::Secret;
use crate::services::Services;
use chrono::TimeDelta;
use sqlx::PgConnection;

/// How long a code lets a branch in.
pub const VALID: TimeDelta = TimeDelta::days(3);

/// What this database is, and what it is linked to.
pub async fn state(services: &Services, actor: &Actor) -> Result<Headquarters, Error> {
    actor.require(Permission::EditSettings)?;
    let mut db = services.db.acquire().await?;
    let node = store::node(&mut db).await?;
    let mode = match node.mode.as_str() {
        "branch" => Mode::Branch,
        "headquarters" => Mode::Headquarters,
        _ => Mode::Alone,
    };
    let at = link::place(&mut db).await?.filter(|at| at.joined_at.is_some());
    let mut state = Headquarters {
        mode,
        host: at.as_ref().map(|at| format!("{}:{}", at.host, at.port)),
        joined_at: at.and_then(|at| at.joined_at),
        in_step_at: node.in_step_at,
        waiting: node.waiting,
        founded: sqlx::query_scalar!(r#"select exists (select from gyms) as "is!""#)
            .fetch_one(&mut *db)
            .await?,
        reach: None,
        branches: Vec::new(),
    };
    if mode == Mode::Headquarters {
        state.reach = reach(&mut db).await?;
        state.branches = branches(&mut db).await?;
    }
    Ok(state)
}

async fn reach(db: &mut PgConnection) -> Result<Option<Reach>, Error> {
    let row = sqlx::query!("select host, port, shared_role::text from sync_reach").fetch_optional(db).await?;
    Ok(row.map(|row| Reach {
        host: row.host,
        port: u16::try_from(row.port).unwrap_or_default(),
        shared_role: row.shared_role,
    }))
}

/// Every branch, enrolled or not.
pub async fn branches(db: &mut PgConnection) -> Result<Vec<BranchLink>, Error> {
    Ok(sqlx::query_as!(
        BranchLink,
        r#"select coalesce(b.id, s.branch_id) as "branch_id!: BranchId", b.code as "number?", coalesce(b.name, s.label, '') as "name!",
               s.enrolled_at as "enrolled_at?", s.last_seen_at, s.revoked_at, coalesce(s.by_token, false) as "by_token!",
               (select max(expires_at) from sync_codes c where c.branch_id = s.branch_id and c.used_at is null) as code_expires_at,
               exists (select from sync_codes c where c.branch_id = s.branch_id and c.used_at is not null and c.made_at >= s.enrolled_at)
                   or (s.incarnation is not null and not exists (select from sync_codes c where c.branch_id = s.branch_id)) as "joined!"
           from branches b full join sync_branches s on s.branch_id = b.id order by b.code nulls first, s.enrolled_at"#
    )
    .fetch_all(db)
    .await?)
}

/// Makes a code for a branch. It is shown here and nowhere else.
///
/// # Errors
/// [`Error::Conflict`] `no_headquarters`; `headquarters_no_reach` before anybody has said how branches reach it;
/// `headquarters_shared_role` where the shared role's password is needed; `headquarters_no_create_role`; `headquarters_chain`
/// where the server shows no authority; what [`tls`] says of it as branches will see it. [`Error::Invalid`] in `name` and `number` of a new branch.
pub async fn enrol(
    services: &Services,
    actor: &Actor,
    request: EnrolBranch,
    shared_password: Option<&Secret>,
) -> Result<NewCode, Error> {
    actor.require(Permission::EditSettings)?;
    let mut db = services.db.acquire().await?;
    if store::node(&mut db).await?.mode != "headquarters" {
        return Err(Error::conflict("no_headquarters"));
    }
    let reach = reach(&mut db).await?.ok_or(Error::conflict("headquarters_no_reach"))?;
    let shared = match (&reach.shared_role, shared_password) {
        (Some(role), Some(password)) => Some((role.clone(), password.expose().to_owned())),
        (Some(_), None) => return Err(Error::conflict("headquarters_shared_role")),
        (None, _) => None,
    };
    drop(db);
    // As a branch will see it: a code that could not work is not given out.
    let chain = tls::chain(&reach.host, reach.port).await?;
    let ca = chain.last().map(tls::fingerprint).ok_or(Error::conflict("headquarters_no_tls"))?;
    let now = services.now();
    tls::trusted(&chain, ca, &reach.host, now).map_err(|error| match error {
        // By the last certificate that it shows itself.
        Error::Conflict { code: "headquarters_other_ca", .. } => Error::conflict("headquarters_chain"),
        other => other,
    })?;
    let expires_at = now + VALID;
    let mut tx = services.db.begin().await?;
    let (branch, name) = whom(&mut tx, services, actor, &request).await?;
    let database =
        sqlx::query_scalar!(r#"select current_database()::text as "name!""#).fetch_one(&mut *tx).await?;
    let code = Code {
        branch: branch.0,
        secret: random::bytes(),
        ca,
        expires: u32::try_from(expires_at.timestamp()).unwrap_or(u32::MAX),
        host: reach.host,
        port: reach.port,
        database,
        shared,
    };
    let text = code.print()?;
    store::admit(&mut tx, branch, &name, &code.secret_text(), expires_at).await?;
    note(&mut tx, services, actor, "headquarters.enrolled", branch).await?;
    tx.commit().await?;
    Ok(NewCode { branch_id: branch, name, code: text, expires_at })
}

/// The branch that a code is for: one that is known, a new one, or the one that founds.
async fn whom(
    db: &mut PgConnection,
    services: &Services,
    actor: &Actor,
    request: &EnrolBranch,
) -> Result<(BranchId, String), Error> {
    if let Some(branch) = request.branch_id {
        let name = sqlx::query_scalar!(
            r#"select coalesce((select name from branches where id = $1), (select label from sync_branches where branch_id = $1))"#,
            branch.0
        )
        .fetch_one(db)
        .await?;
        return Ok((branch, name.ok_or(Error::NotFound("branch"))?));
    }
    let name = check_name("name", request.name.as_deref().unwrap_or_default())?;
    let now = services.now();
    let model =
        sqlx::query!("select gym_id, time_zone, currency from branches order by created_at, id limit 1")
            .fetch_optional(&mut *db)
            .await?;
    let Some(model) = model else {
        // One that has not come yet is not let in a second time beside itself.
        let waiting = sqlx::query_scalar!(
            r#"select branch_id as "id: BranchId" from sync_branches where founds and incarnation is null and revoked_at is null limit 1"#
        )
        .fetch_optional(db)
        .await?;
        return Ok((waiting.unwrap_or_else(|| BranchId::new(now)), name));
    };
    let number = request.number.as_deref().unwrap_or_default().trim();
    if !(1..=3).contains(&number.len()) || !number.bytes().all(|digit| digit.is_ascii_digit()) {
        return Err(Error::invalid("number", "branch_number"));
    }
    let branch = BranchId::new(now);
    sqlx::query!(
        "insert into branches (id, gym_id, code, name, time_zone, currency, next_member_seq, created_at) values ($1, $2, $3, $4, $5, $6, 500001, $7)",
        branch.0,
        model.gym_id,
        number,
        name,
        model.time_zone,
        model.currency,
        now
    )
    .execute(&mut *db)
    .await
    .map_err(|error| match Error::constraint(&error) {
        Some("branches_code_key") => Error::invalid("number", "taken"),
        _ => error.into(),
    })?;
    note(db, services, actor, "branch.created", branch).await?;
    Ok((branch, name))
}

/// Shuts a branch out: its next call is refused. What it sent stays, and what it sells meanwhile is kept there.
pub async fn revoke(services: &Services, actor: &Actor, branch: BranchId) -> Result<Headquarters, Error> {
    actor.require(Permission::EditSettings)?;
    let mut tx = services.db.begin().await?;
    if !store::shut_out(&mut tx, branch).await? {
        return Err(Error::NotFound("branch"));
    }
    note(&mut tx, services, actor, "headquarters.revoked", branch).await?;
    tx.commit().await?;
    state(services, actor).await
}

async fn note(
    db: &mut PgConnection,
    services: &Services,
    actor: &Actor,
    act: &str,
    branch: BranchId,
) -> Result<(), Error> {
    let change = Change { act, subject_kind: "branch", subject: Some(branch.0), before: None, after: None };
    audit::record(db, actor, services.now(), change).await
}

/// Makes a database that is alone the headquarters, or says anew how branches reach it; as its owner.
///
/// # Errors
/// [`Error::Conflict`] `sync_joined` for a branch's database; `headquarters_no_create_role` where every branch needs a role of
/// its own and the owner may make none.
pub async fn set_up(services: &Services, reach: &Reach) -> Result<bool, Error> {
    let mut tx = services.db.begin().await?;
    let node = store::node(&mut tx).await?;
    let makes_roles = sqlx::query_scalar!(
        r#"select rolsuper or rolcreaterole as "may!" from pg_roles where rolname = current_user"#
    )
    .fetch_one(&mut *tx)
    .await?;
    if reach.shared_role.is_none() && !makes_roles {
        return Err(Error::conflict("headquarters_no_create_role"));
    }
    let founds = match node.mode.as_str() {
        "alone" => {
            store::found(&mut tx, new_id(services.now())).await?;
            true
        }
        "headquarters" => false,
        _ => return Err(Error::conflict("sync_joined")),
    };
    store::set_reach(&mut tx, reach).await?;
    tx.commit().await?;
    Ok(founds)
}
