//! Putting members on one bill, and taking them off it. What was charged before stays with whoever owed it.
use super::wire::{Belonging, Household, HouseholdMember, HouseholdOf, Relation, SetHousehold};
use crate::actor::Actor;
use crate::audit::{self, Change};
use crate::auth::model::Permission;
use crate::error::Error;
use crate::ids::{HouseholdId, MemberId, new_id};
use crate::members::form::line;
use crate::members::wire::ChooseMember;
use crate::services::Services;
use chrono::{DateTime, Utc};
use sqlx::PgConnection;

/// People of one household at most.
const MOST_MEMBERS: usize = 20;
const NAME_LENGTH: usize = 100;

/// The household a member belongs to.
pub async fn household_of(
    services: &Services,
    actor: &Actor,
    request: ChooseMember,
) -> Result<HouseholdOf, Error> {
    actor.require(Permission::ViewMembers)?;
    let mut db = services.db.acquire().await?;
    let id = sqlx::query_scalar!(
        r#"select household_id as "id: HouseholdId" from household_members where member_id = $1 and left_at is null"#,
        request.member_id.0
    )
    .fetch_optional(&mut *db)
    .await?;
    let household = match id {
        Some(id) => Some(fetch(&mut db, id).await?),
        None => None,
    };
    Ok(HouseholdOf { household })
}

async fn fetch(db: &mut PgConnection, id: HouseholdId) -> Result<Household, Error> {
    let rows = sqlx::query!(
        r#"select h.name, hm.member_id as "member: MemberId", m.full_name, m.number, hm.relation as "relation: Relation",
               hm.guardian_id as "guardian_id: MemberId", g.full_name as "guardian?"
           from households h
           join household_members hm on hm.household_id = h.id and hm.left_at is null
           join members m on m.id = hm.member_id
           left join members g on g.id = hm.guardian_id
           where h.id = $1
           order by hm.relation <> 'payer', m.full_name, m.id"#,
        id.0
    )
    .fetch_all(db)
    .await?;
    let name = rows.first().map(|row| row.name.clone()).ok_or(Error::NotFound("household"))?;
    let members = rows.into_iter().map(|row| HouseholdMember {
        member_id: row.member,
        full_name: row.full_name,
        number: row.number,
        relation: row.relation,
        guardian_id: row.guardian_id,
        guardian_name: row.guardian,
    });
    Ok(Household { id, name, members: members.collect() })
}

/// Makes or changes a household.
///
/// # Errors
/// [`Error::Invalid`] for no name, nobody but a payer, none or two payers, somebody twice, a guardian who is not of the
/// household; [`Error::Conflict`] `in_other_household` for somebody who belongs to another.
pub async fn set(services: &Services, actor: &Actor, request: SetHousehold) -> Result<Household, Error> {
    actor.require(Permission::EditHouseholds)?;
    let name = line("name", &request.name, NAME_LENGTH)?.ok_or(Error::invalid("name", "required"))?;
    let payer = checked(&request.members)?;
    let now = services.now();
    let mut tx = services.db.begin().await?;
    let before = match fetch(&mut tx, request.id).await {
        Ok(household) => Some(serde_json::json!(household)),
        Err(Error::NotFound(_)) => None,
        Err(error) => return Err(error),
    };
    sqlx::query!(
        "insert into households (id, name, payer_id, created_at, updated_at) values ($1, $2, $3, $4, $4)
         on conflict (id) do update set name = $2, payer_id = $3, updated_at = $4",
        request.id.0,
        name,
        payer.0,
        now
    )
    .execute(&mut *tx)
    .await
    .map_err(refused)?;
    // Rows say from when to when somebody belonged to it, and as what.
    sqlx::query!(
        "update household_members set left_at = $2 where household_id = $1 and left_at is null",
        request.id.0,
        now
    )
    .execute(&mut *tx)
    .await?;
    for one in &request.members {
        join(&mut tx, request.id, one, payer, now).await?;
    }
    let household = fetch(&mut tx, request.id).await?;
    let change = Change {
        act: "household.set",
        subject_kind: "household",
        subject: Some(request.id.0),
        before,
        after: Some(serde_json::json!(household)),
    };
    audit::record(&mut tx, actor, now, change).await?;
    tx.commit().await?;
    Ok(household)
}

fn checked(members: &[Belonging]) -> Result<MemberId, Error> {
    let refused = |code| Err(Error::invalid("members", code));
    if members.len() < 2 {
        return refused("required");
    }
    if members.len() > MOST_MEMBERS {
        return refused("too_many");
    }
    let mut payers = members.iter().filter(|one| one.relation == Relation::Payer);
    let (Some(payer), None) = (payers.next(), payers.next()) else { return refused("one_payer") };
    let belongs = |id: MemberId| members.iter().filter(|one| one.member_id == id).count();
    if members.iter().any(|one| belongs(one.member_id) > 1) {
        return refused("twice");
    }
    if members.iter().filter_map(|one| one.guardian_id).any(|guardian| belongs(guardian) == 0) {
        return refused("guardian_unknown");
    }
    Ok(payer.member_id)
}

async fn join(
    db: &mut PgConnection,
    household: HouseholdId,
    one: &Belonging,
    payer: MemberId,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    let guardian = (one.relation == Relation::Dependent).then(|| one.guardian_id.unwrap_or(payer));
    sqlx::query!(
        "insert into household_members (id, household_id, member_id, relation, guardian_id, joined_at)
         values ($1, $2, $3, $4, $5, $6)",
        new_id(now),
        household.0,
        one.member_id.0,
        one.relation as Relation,
        guardian.map(|id| id.0),
        now
    )
    .execute(db)
    .await
    .map_err(refused)?;
    Ok(())
}

fn refused(error: sqlx::Error) -> Error {
    match Error::constraint(&error) {
        Some("household_members_one_key") => Error::conflict("in_other_household"),
        Some(
            "household_members_member_fkey" | "households_payer_fkey" | "household_members_guardian_fkey",
        ) => Error::NotFound("member"),
        _ => error.into(),
    }
}
