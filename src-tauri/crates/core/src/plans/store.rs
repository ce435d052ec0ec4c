//! Rows of plans and prices.
use crate::error::Error;
use crate::ids::{AccountId, BranchId, PlanId, PriceId, TaxRateId};
use crate::money::Money;
use crate::plans::model::price_on;
use crate::plans::wire::{
    AccessWindow, BranchScope, DurationUnit, Plan, PlanForm, PlanKind, PlanPrice, VisitRule,
};
use chrono::{DateTime, NaiveDate, Utc};
use serde::Deserialize;
use sqlx::PgConnection;
use sqlx::types::Json;

/// Branch and day a price is asked for.
#[derive(Clone, Copy, Debug)]
pub struct At<'a> {
    pub branch: BranchId,
    pub currency: &'a str,
    pub today: NaiveDate,
}

/// A price as `jsonb_agg` gives it.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct PriceRow {
    pub id: PriceId,
    pub branch_id: Option<BranchId>,
    pub from: NaiveDate,
    pub until: Option<NaiveDate>,
    pub amount: i64,
    pub currency: String,
}

impl From<PriceRow> for PlanPrice {
    fn from(row: PriceRow) -> Self {
        Self {
            id: row.id,
            branch_id: row.branch_id,
            from: row.from,
            until: row.until,
            price: Money::new(row.amount, row.currency),
        }
    }
}

/// One plan or, without an id, all that are archived or are not; by name.
pub async fn fetch(
    db: &mut PgConnection,
    id: Option<PlanId>,
    archived: Option<bool>,
    at: At<'_>,
) -> Result<Vec<Plan>, Error> {
    let rows = sqlx::query!(
        r#"select p.id as "id: PlanId", name, native_name, kind as "kind: PlanKind", training_type, tier,
               duration_unit as "duration_unit: DurationUnit", duration_count, visits, visit_rule as "visit_rule: VisitRule",
               access_windows as "access_windows: Json<Vec<AccessWindow>>", branch_scope as "branch_scope: BranchScope",
               freeze_days, freeze_times, minimum_term_days, notice_days, archived_at,
               trainer_account_id as "trainer: AccountId", tax_rate_id as "tax_rate: TaxRateId", auto_renew,
               (select coalesce(array_agg(b.branch_id order by b.branch_id), '{}') from plan_branches b where b.plan_id = p.id)
                   as "branch_ids!: Vec<BranchId>",
               (select coalesce(jsonb_agg(jsonb_build_object('id', r.id, 'branch_id', r.branch_id, 'from', lower(r.valid),
                       'until', upper(r.valid), 'amount', r.amount, 'currency', r.currency) order by lower(r.valid), r.branch_id), '[]')
                   from plan_prices r where r.plan_id = p.id) as "prices!: Json<Vec<PriceRow>>"
           from plans p
           where ($1::uuid is null or p.id = $1) and ($2::bool is null or (archived_at is not null) = $2)
           order by lower(name), p.id"#,
        id.map(|id| id.0),
        archived
    )
    .fetch_all(db)
    .await?;
    let plans = rows.into_iter().map(|row| {
        let prices: Vec<PlanPrice> = row.prices.0.into_iter().map(PlanPrice::from).collect();
        Plan {
            id: row.id,
            form: PlanForm {
                name: row.name,
                native_name: row.native_name,
                kind: row.kind,
                training_type: row.training_type,
                tier: row.tier,
                duration_unit: row.duration_unit,
                duration_count: row.duration_count,
                visits: row.visits,
                visit_rule: row.visit_rule,
                access_windows: row.access_windows.0,
                branch_scope: row.branch_scope,
                branch_ids: row.branch_ids,
                freeze_days: row.freeze_days,
                freeze_times: row.freeze_times,
                minimum_term_days: row.minimum_term_days,
                notice_days: row.notice_days,
                trainer_account_id: row.trainer,
                tax_rate_id: row.tax_rate,
                auto_renew: row.auto_renew,
            },
            price: price_on(&prices, at.branch, at.currency, at.today).map(|price| price.price.clone()),
            prices,
            archived_at: row.archived_at,
        }
    });
    Ok(plans.collect())
}

/// One plan.
pub async fn fetch_one(db: &mut PgConnection, id: PlanId, at: At<'_>) -> Result<Plan, Error> {
    fetch(db, Some(id), None, at).await?.pop().ok_or(Error::NotFound("plan"))
}

/// The plan's constraints as the field they speak of.
fn refused(error: sqlx::Error) -> Error {
    match Error::constraint(&error) {
        Some("plans_name_key") => Error::invalid("name", "taken"),
        Some("plan_branches_branch_fkey") => Error::invalid("branch_ids", "branch_unknown"),
        _ => error.into(),
    }
}

/// False when a plan with this id is there already.
pub async fn insert(
    db: &mut PgConnection,
    id: PlanId,
    form: &PlanForm,
    now: DateTime<Utc>,
) -> Result<bool, Error> {
    let done = sqlx::query!(
        "insert into plans (id, name, native_name, kind, training_type, tier, duration_unit, duration_count, visits, visit_rule,
             access_windows, branch_scope, freeze_days, freeze_times, minimum_term_days, notice_days, trainer_account_id, created_at,
             tax_rate_id, auto_renew)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20)
         on conflict on constraint plans_pkey do nothing",
        id.0,
        form.name,
        form.native_name,
        form.kind as PlanKind,
        form.training_type,
        form.tier,
        form.duration_unit as DurationUnit,
        form.duration_count,
        form.visits,
        form.visit_rule as VisitRule,
        Json(&form.access_windows) as _,
        form.branch_scope as BranchScope,
        form.freeze_days,
        form.freeze_times,
        form.minimum_term_days,
        form.notice_days,
        form.trainer_account_id.map(|id| id.0),
        now,
        form.tax_rate_id.map(|id| id.0),
        form.auto_renew
    )
    .execute(&mut *db)
    .await
    .map_err(refused)?;
    if done.rows_affected() == 0 {
        return Ok(false);
    }
    replace_branches(db, id, &form.branch_ids).await?;
    Ok(true)
}

/// Writes the whole form. Subscriptions keep the terms they were sold under.
pub async fn update(db: &mut PgConnection, id: PlanId, form: &PlanForm) -> Result<(), Error> {
    sqlx::query!(
        "update plans set name = $2, native_name = $3, kind = $4, training_type = $5, tier = $6, duration_unit = $7, duration_count = $8,
             visits = $9, visit_rule = $10, access_windows = $11, branch_scope = $12, freeze_days = $13, freeze_times = $14,
             minimum_term_days = $15, notice_days = $16, trainer_account_id = $17, tax_rate_id = $18, auto_renew = $19
         where id = $1",
        id.0,
        form.name,
        form.native_name,
        form.kind as PlanKind,
        form.training_type,
        form.tier,
        form.duration_unit as DurationUnit,
        form.duration_count,
        form.visits,
        form.visit_rule as VisitRule,
        Json(&form.access_windows) as _,
        form.branch_scope as BranchScope,
        form.freeze_days,
        form.freeze_times,
        form.minimum_term_days,
        form.notice_days,
        form.trainer_account_id.map(|id| id.0),
        form.tax_rate_id.map(|id| id.0),
        form.auto_renew
    )
    .execute(&mut *db)
    .await
    .map_err(refused)?;
    replace_branches(db, id, &form.branch_ids).await
}

async fn replace_branches(db: &mut PgConnection, id: PlanId, branches: &[BranchId]) -> Result<(), Error> {
    let ids: Vec<_> = branches.iter().map(|branch| branch.0).collect();
    sqlx::query!("delete from plan_branches where plan_id = $1 and branch_id <> all($2)", id.0, &ids)
        .execute(&mut *db)
        .await?;
    sqlx::query!(
        "insert into plan_branches (plan_id, branch_id) select $1, unnest($2::uuid[]) on conflict do nothing",
        id.0,
        &ids
    )
    .execute(db)
    .await
    .map_err(refused)?;
    Ok(())
}

/// Refuses a trainer who is none, or no longer works here.
pub async fn check_trainer(db: &mut PgConnection, trainer: AccountId) -> Result<(), Error> {
    sqlx::query!(
        "select a.id from accounts a join profiles p on p.account_id = a.id and p.kind = 'trainer'
         where a.id = $1 and a.deleted_at is null and a.suspended_at is null",
        trainer.0
    )
    .fetch_optional(db)
    .await?
    .map(|_| ())
    .ok_or(Error::invalid("trainer_account_id", "trainer_unknown"))
}

/// Holds the plan until the transaction ends, so that two people do not change it at once.
pub async fn lock(db: &mut PgConnection, id: PlanId) -> Result<(), Error> {
    sqlx::query!("select id from plans where id = $1 for update", id.0)
        .fetch_optional(db)
        .await?
        .map(|_| ())
        .ok_or(Error::NotFound("plan"))
}

pub async fn set_archived(
    db: &mut PgConnection,
    id: PlanId,
    archived_at: Option<DateTime<Utc>>,
) -> Result<(), Error> {
    sqlx::query!("update plans set archived_at = $2 where id = $1", id.0, archived_at)
        .execute(db)
        .await
        .map_err(refused)?;
    Ok(())
}

/// A price from a day on: the one that ran over that day ends the day before, one that began that very day is
/// replaced, and one already set for later stays and ends this one.
pub async fn set_price(
    db: &mut PgConnection,
    plan: PlanId,
    branch: Option<BranchId>,
    from: NaiveDate,
    price: &Money,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    let branch = branch.map(|branch| branch.0);
    let replaced = sqlx::query!(
        "update plan_prices set amount = $4, currency = $5
         where plan_id = $1 and branch_id is not distinct from $2 and lower(valid) = $3",
        plan.0,
        branch,
        from,
        price.minor,
        price.currency
    )
    .execute(&mut *db)
    .await?;
    if replaced.rows_affected() > 0 {
        return Ok(());
    }
    sqlx::query!(
        "update plan_prices set valid = daterange(lower(valid), $3)
         where plan_id = $1 and branch_id is not distinct from $2 and valid @> $3::date",
        plan.0,
        branch,
        from
    )
    .execute(&mut *db)
    .await?;
    sqlx::query!(
        "insert into plan_prices (id, plan_id, branch_id, valid, amount, currency, created_at)
         values ($1, $2, $3,
             daterange($4, (select min(lower(later.valid)) from plan_prices later
                 where later.plan_id = $2 and later.branch_id is not distinct from $3 and lower(later.valid) > $4)),
             $5, $6, $7)",
        PriceId::new(now).0,
        plan.0,
        branch,
        from,
        price.minor,
        price.currency,
        now
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Takes a price back that begins after today: the one that ends where it begins goes on to where it ended.
///
/// # Errors
/// [`Error::Conflict`] `price_begun` for one that holds today or held before; [`Error::NotFound`] for one that is not
/// the plan's, or another branch's own.
pub async fn withdraw_price(
    db: &mut PgConnection,
    plan: PlanId,
    price: PriceId,
    at: At<'_>,
) -> Result<(), Error> {
    let row = sqlx::query!(
        r#"select branch_id, lower(valid) as "from!", upper(valid) as until from plan_prices
           where id = $1 and plan_id = $2 and (branch_id is null or branch_id = $3)"#,
        price.0,
        plan.0,
        at.branch.0
    )
    .fetch_optional(&mut *db)
    .await?
    .ok_or(Error::NotFound("price"))?;
    if row.from <= at.today {
        return Err(Error::conflict("price_begun"));
    }
    sqlx::query!("delete from plan_prices where id = $1", price.0).execute(&mut *db).await?;
    sqlx::query!(
        "update plan_prices set valid = daterange(lower(valid), $4)
         where plan_id = $1 and branch_id is not distinct from $2 and upper(valid) = $3",
        plan.0,
        row.branch_id,
        row.from,
        row.until
    )
    .execute(db)
    .await?;
    Ok(())
}
