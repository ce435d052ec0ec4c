//! Creating plans, setting their prices, taking them off the list.
use crate::actor::Actor;
use crate::audit::{self, Change};
use crate::auth::model::Permission;
use crate::error::Error;
use crate::gym::service::fetch_branch;
use crate::ids::{BranchId, PlanId};
use crate::money::Money;
use crate::plans::model;
use crate::plans::store::{self, At};
use crate::plans::wire::{
    ChoosePlan, CreatePlan, ListPlans, Plan, Plans, SetPrice, UpdatePlan, WithdrawPrice,
};
use crate::services::Services;
use chrono::{Months, NaiveDate};
use sqlx::PgConnection;

/// A price is set at most so far ahead.
const PRICE_AHEAD: Months = Months::new(24);

/// The branch the actor works at, on its business day.
pub(crate) struct Here {
    pub branch: BranchId,
    pub currency: String,
    pub today: NaiveDate,
}

impl Here {
    pub async fn find(db: &mut PgConnection, services: &Services, actor: &Actor) -> Result<Self, Error> {
        let branch = fetch_branch(db, actor.branch()?).await?;
        let today = branch.calendar()?.business_day(services.now());
        Ok(Self { branch: branch.id, currency: branch.currency, today })
    }

    pub fn at(&self) -> At<'_> {
        At { branch: self.branch, currency: &self.currency, today: self.today }
    }
}

/// Plans on sale, or those that were archived, with their prices; by name.
pub async fn list_plans(services: &Services, actor: &Actor, request: ListPlans) -> Result<Plans, Error> {
    actor.require(Permission::ViewMembers)?;
    let mut db = services.db.acquire().await?;
    let here = Here::find(&mut db, services, actor).await?;
    let rows = store::fetch(&mut db, None, Some(request.archived), here.at()).await?;
    Ok(Plans { rows })
}

/// A plan with its price from today on, for every branch. A retry with the same id creates nothing again.
pub async fn create_plan(services: &Services, actor: &Actor, request: CreatePlan) -> Result<Plan, Error> {
    actor.require(Permission::EditPlans)?;
    let form = model::check(request.form)?;
    let now = services.now();
    let mut tx = services.db.begin().await?;
    let here = Here::find(&mut tx, services, actor).await?;
    let price = Money::new(request.price_minor, &here.currency);
    price.require_price("price_minor")?;
    if let Some(trainer) = form.trainer_account_id {
        store::check_trainer(&mut tx, trainer).await?;
    }
    if store::insert(&mut tx, request.id, &form, now).await? {
        store::set_price(&mut tx, request.id, None, here.today, &price, now).await?;
        audited(&mut tx, services, actor, "plan.created", None, request.id, &here).await?;
    }
    let plan = store::fetch_one(&mut tx, request.id, here.at()).await?;
    tx.commit().await?;
    Ok(plan)
}

/// Edits a plan for whoever buys it from now on; what was sold stays as it was sold.
pub async fn update_plan(services: &Services, actor: &Actor, request: UpdatePlan) -> Result<Plan, Error> {
    actor.require(Permission::EditPlans)?;
    let form = model::check(request.form)?;
    let mut tx = services.db.begin().await?;
    let here = Here::find(&mut tx, services, actor).await?;
    store::lock(&mut tx, request.id).await?;
    let before = store::fetch_one(&mut tx, request.id, here.at()).await?;
    // Who left meanwhile may stay on the plan; nobody new may join it who is no trainer.
    if let Some(trainer) =
        form.trainer_account_id.filter(|_| form.trainer_account_id != before.form.trainer_account_id)
    {
        store::check_trainer(&mut tx, trainer).await?;
    }
    store::update(&mut tx, request.id, &form).await?;
    let plan = audited(&mut tx, services, actor, "plan.updated", Some(before), request.id, &here).await?;
    tx.commit().await?;
    Ok(plan)
}

/// A new price from a day on, today at the earliest: prices of days gone by are history.
pub async fn set_price(services: &Services, actor: &Actor, request: SetPrice) -> Result<Plan, Error> {
    actor.require(Permission::EditPlans)?;
    let now = services.now();
    let mut tx = services.db.begin().await?;
    let here = Here::find(&mut tx, services, actor).await?;
    let price = Money::new(request.price_minor, &here.currency);
    price.require_price("price_minor")?;
    check_price_day(request.from, here.today)?;
    store::lock(&mut tx, request.plan_id).await?;
    let before = store::fetch_one(&mut tx, request.plan_id, here.at()).await?;
    let branch = request.only_this_branch.then_some(here.branch);
    store::set_price(&mut tx, request.plan_id, branch, request.from, &price, now).await?;
    let plan =
        audited(&mut tx, services, actor, "plan.price_set", Some(before), request.plan_id, &here).await?;
    tx.commit().await?;
    Ok(plan)
}

/// Takes a planned price back before it begins; what was sold or shown until then is untouched.
///
/// # Errors
/// [`Error::Conflict`] `price_begun`: that one is history and can only be followed by another.
pub async fn withdraw_price(
    services: &Services,
    actor: &Actor,
    request: WithdrawPrice,
) -> Result<Plan, Error> {
    actor.require(Permission::EditPlans)?;
    let mut tx = services.db.begin().await?;
    let here = Here::find(&mut tx, services, actor).await?;
    store::lock(&mut tx, request.plan_id).await?;
    let before = store::fetch_one(&mut tx, request.plan_id, here.at()).await?;
    store::withdraw_price(&mut tx, request.plan_id, request.price_id, here.at()).await?;
    let plan =
        audited(&mut tx, services, actor, "plan.price_withdrawn", Some(before), request.plan_id, &here)
            .await?;
    tx.commit().await?;
    Ok(plan)
}

/// Refuses a price for a day gone by, or too far ahead.
pub(crate) fn check_price_day(from: NaiveDate, today: NaiveDate) -> Result<(), Error> {
    if from < today {
        return Err(Error::invalid("from", "in_past"));
    }
    if today.checked_add_months(PRICE_AHEAD).is_none_or(|latest| from > latest) {
        return Err(Error::invalid("from", "out_of_range"));
    }
    Ok(())
}

/// Takes a plan off the list. What was sold of it runs on and can be renewed.
pub async fn archive_plan(services: &Services, actor: &Actor, request: ChoosePlan) -> Result<Plan, Error> {
    set_archived(services, actor, request, true).await
}

/// Puts an archived plan back on the list, unless its name was given to another meanwhile.
pub async fn restore_plan(services: &Services, actor: &Actor, request: ChoosePlan) -> Result<Plan, Error> {
    set_archived(services, actor, request, false).await
}

async fn set_archived(
    services: &Services,
    actor: &Actor,
    request: ChoosePlan,
    archived: bool,
) -> Result<Plan, Error> {
    actor.require(Permission::EditPlans)?;
    let now = services.now();
    let mut tx = services.db.begin().await?;
    let here = Here::find(&mut tx, services, actor).await?;
    store::lock(&mut tx, request.plan_id).await?;
    let before = store::fetch_one(&mut tx, request.plan_id, here.at()).await?;
    if before.archived_at.is_some() == archived {
        return Ok(before);
    }
    store::set_archived(&mut tx, request.plan_id, archived.then_some(now)).await?;
    let act = if archived { "plan.archived" } else { "plan.restored" };
    let plan = audited(&mut tx, services, actor, act, Some(before), request.plan_id, &here).await?;
    tx.commit().await?;
    Ok(plan)
}

/// Records the change and returns the plan after it.
async fn audited(
    db: &mut PgConnection,
    services: &Services,
    actor: &Actor,
    act: &str,
    before: Option<Plan>,
    id: PlanId,
    here: &Here,
) -> Result<Plan, Error> {
    let plan = store::fetch_one(db, id, here.at()).await?;
    let change = Change {
        act,
        subject_kind: "plan",
        subject: Some(id.0),
        before: before.map(|plan| serde_json::json!(plan)),
        after: Some(serde_json::json!(plan)),
    };
    audit::record(db, actor, services.now(), change).await?;
    Ok(plan)
}
