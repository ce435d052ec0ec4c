//! Requests and answers about plans.
use crate::ids::{AccountId, BranchId, PlanId, PriceId, TaxRateId};
use crate::money::Money;
use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use ts_rs::TS;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, TS, sqlx::Type)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum PlanKind {
    Gym,
    Class,
    /// Never opens the door.
    PersonalTraining,
    DayPass,
    VisitPack,
    Course,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, TS, sqlx::Type)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum DurationUnit {
    Days,
    Months,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, TS, sqlx::Type)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum VisitRule {
    PerDay,
    PerEntry,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, TS, sqlx::Type)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum BranchScope {
    Home,
    Listed,
    All,
}

/// Hours of the branch's local time in which the plan opens the door; `to` is exclusive, and a window whose
/// `to` is not after `from` runs past midnight.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct AccessWindow {
    /// ISO weekdays, 1 Monday - 7 Sunday.
    pub days: Vec<u8>,
    /// `HH:MM`
    pub from: String,
    /// `HH:MM`, `24:00` for the end of the day.
    pub to: String,
}

#[derive(Clone, Debug, Serialize, Deserialize, TS)]
pub struct PlanForm {
    pub name: String,
    pub native_name: Option<String>,
    pub kind: PlanKind,
    pub training_type: Option<String>,
    pub tier: Option<String>,
    pub duration_unit: DurationUnit,
    pub duration_count: i32,
    pub visits: Option<i32>,
    pub visit_rule: VisitRule,
    pub access_windows: Vec<AccessWindow>,
    pub branch_scope: BranchScope,
    #[serde(default)]
    pub branch_ids: Vec<BranchId>,
    pub freeze_days: i32,
    pub freeze_times: i32,
    pub minimum_term_days: i32,
    pub notice_days: i32,
    /// Whose plan it is: selling it assigns the member to this trainer.
    #[serde(default)]
    pub trainer_account_id: Option<AccountId>,
    #[serde(default)]
    pub tax_rate_id: Option<TaxRateId>,
    /// Subscriptions begin with automatic renewal.
    #[serde(default)]
    pub auto_renew: bool,
}

#[derive(Debug, Deserialize, TS)]
pub struct CreatePlan {
    pub id: PlanId,
    #[serde(flatten)]
    pub form: PlanForm,
    /// Price from today on, in the branch's currency.
    pub price_minor: i64,
}

#[derive(Debug, Deserialize, TS)]
pub struct UpdatePlan {
    pub id: PlanId,
    #[serde(flatten)]
    pub form: PlanForm,
}

#[derive(Debug, Deserialize, TS)]
pub struct ListPlans {
    #[serde(default)]
    pub archived: bool,
}

#[derive(Clone, Debug, Serialize, TS)]
pub struct Plan {
    pub id: PlanId,
    #[serde(flatten)]
    pub form: PlanForm,
    /// Today's price at this branch; none means it cannot be sold today.
    pub price: Option<Money>,
    pub prices: Vec<PlanPrice>,
    pub archived_at: Option<DateTime<Utc>>,
}

#[derive(Clone, Debug, Serialize, TS)]
pub struct Plans {
    pub rows: Vec<Plan>,
}

#[derive(Clone, Debug, Serialize, TS)]
pub struct PlanPrice {
    pub id: PriceId,
    pub branch_id: Option<BranchId>,
    pub from: NaiveDate,
    /// Exclusive; none is open-ended.
    pub until: Option<NaiveDate>,
    pub price: Money,
}

/// A new price from a day on; the price that ran over that day ends the day before.
#[derive(Clone, Debug, Deserialize, TS)]
pub struct SetPrice {
    pub plan_id: PlanId,
    pub from: NaiveDate,
    pub price_minor: i64,
    /// Only this branch, or every branch without a price of its own.
    #[serde(default)]
    pub only_this_branch: bool,
}

#[derive(Debug, Deserialize, TS)]
pub struct ChoosePlan {
    pub plan_id: PlanId,
}

/// A price that has not begun; the one before it goes on.
#[derive(Debug, Deserialize, TS)]
pub struct WithdrawPrice {
    pub plan_id: PlanId,
    pub price_id: PriceId,
}
