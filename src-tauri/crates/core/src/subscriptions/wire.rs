//! Requests and answers about subscriptions and selling them.
use crate::ids::{MemberId, PlanId, SubscriptionEventId, SubscriptionId, TransactionId};
use crate::money::Money;
use crate::payments::wire::Payment;
use crate::plans::wire::{DurationUnit, PlanKind};
use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use ts_rs::TS;
use uuid::Uuid;

/// Derived at read time from days, events and the ledger; never stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    Upcoming,
    Active,
    Frozen,
    Overdue,
    Expired,
    /// Voided or cancelled before its end.
    Cancelled,
    /// All visits used.
    Completed,
}

#[derive(Clone, Debug, Serialize, TS)]
pub struct Subscription {
    pub id: SubscriptionId,
    pub plan_id: PlanId,
    pub plan_name: String,
    pub kind: PlanKind,
    pub duration_unit: DurationUnit,
    pub duration_count: i32,
    pub status: Status,
    pub starts_on: NaiveDate,
    /// Inclusive, in the branch's business day.
    pub ends_on: NaiveDate,
    /// 0 on the last day; none unless running.
    pub remaining_days: Option<i64>,
    pub visits_total: Option<i64>,
    pub visits_left: Option<i64>,
    pub freeze_days_remaining: i32,
    /// Name of the trainer that the sale assigned.
    pub trainer: Option<String>,
    /// True when this is the one that opens the door now.
    pub opens_door: bool,
    pub owed: Money,
    pub events: Vec<SubscriptionEvent>,
}

#[derive(Clone, Debug, Serialize, TS)]
pub struct SubscriptionEvent {
    pub id: SubscriptionEventId,
    pub kind: EventKind,
    pub at: DateTime<Utc>,
    pub starts_on: Option<NaiveDate>,
    pub ends_on: Option<NaiveDate>,
    pub visits: Option<i32>,
    pub by: Option<String>,
    pub reason: Option<String>,
    pub transaction_id: Option<TransactionId>,
    pub amount: Option<Money>,
    pub voided: bool,
    /// Until when this sale can still be voided; none when it cannot.
    pub voidable_until: Option<DateTime<Utc>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, TS, sqlx::Type)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum EventKind {
    Sold,
    Renewed,
    TakenOver,
    Voided,
}

#[derive(Clone, Debug, Serialize, TS)]
pub struct Subscriptions {
    /// Newest first, former ones included.
    pub rows: Vec<Subscription>,
}

/// What is to be sold. The preview and the sale take the same.
#[derive(Clone, Debug, Serialize, Deserialize, TS)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Offer {
    /// A new subscription.
    New {
        member_id: MemberId,
        plan_id: PlanId,
        /// Default: today.
        starts_on: Option<NaiveDate>,
    },
    /// The next period of one they have: keeps the sold duration, at today's price.
    Renew {
        subscription_id: SubscriptionId,
        /// For a lapsed one: count from the day after the old end instead of from today.
        #[serde(default)]
        from_old_end: bool,
    },
}

#[derive(Clone, Debug, Serialize, TS)]
pub struct SalePreview {
    pub member_id: MemberId,
    pub plan_name: String,
    pub starts_on: NaiveDate,
    pub ends_on: NaiveDate,
    pub visits: Option<i32>,
    /// What will be charged.
    pub total: Money,
    /// For a lapsed subscription: the other start that staff may choose.
    pub alternative_start: Option<NaiveDate>,
    /// Codes of things to mention: `already_running`, `starts_in_past`, `plan_changed`, `member_suspended`.
    pub warnings: Vec<String>,
}

#[derive(Clone, Debug, Serialize, Deserialize, TS)]
pub struct Sell {
    /// Made by the caller once per sale; a retry returns the first result.
    pub idempotency_key: Uuid,
    #[serde(flatten)]
    pub offer: Offer,
    /// What the preview said; a price that changed meanwhile is refused.
    pub expected_total: Money,
    /// First day of the preview; refused when somebody renewed meanwhile, or the day has turned.
    #[serde(default)]
    pub expected_starts_on: Option<NaiveDate>,
    /// Exactly the total; cash may be tendered above it.
    pub payments: Vec<Payment>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Sale {
    pub transaction_id: TransactionId,
    pub subscription_id: SubscriptionId,
    pub event_id: SubscriptionEventId,
    pub starts_on: NaiveDate,
    pub ends_on: NaiveDate,
    pub total: Money,
    /// To hand back.
    pub change: Money,
}

/// Bring over a subscription that runs in an old system: kept as it was sold there, nothing is charged.
#[derive(Clone, Debug, Serialize, Deserialize, TS)]
pub struct TakeOver {
    pub idempotency_key: Uuid,
    pub member_id: MemberId,
    pub plan_id: PlanId,
    pub starts_on: NaiveDate,
    /// Inclusive.
    pub ends_on: NaiveDate,
    pub visits_left: Option<i32>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct TakenOver {
    /// A transaction without entries: nothing was charged. Its void takes the subscription back.
    pub transaction_id: TransactionId,
    pub subscription_id: SubscriptionId,
    pub event_id: SubscriptionEventId,
}

#[derive(Clone, Debug, Serialize, Deserialize, TS)]
pub struct VoidSale {
    pub idempotency_key: Uuid,
    pub transaction_id: TransactionId,
    pub reason: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Voided {
    /// The transaction that takes the sale back.
    pub transaction_id: TransactionId,
    /// To hand back, by method.
    pub returned: Vec<Payment>,
}
