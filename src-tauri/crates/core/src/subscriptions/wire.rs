//! Requests and answers about subscriptions and selling them.
use crate::ids::{
    ClosureId, MemberId, PlanId, ReceiptId, SubscriptionEventId, SubscriptionId, TransactionId,
};
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
    pub freeze_days_remaining: i64,
    /// The freeze that runs or is to come: first and last day.
    pub frozen_from: Option<NaiveDate>,
    pub frozen_until: Option<NaiveDate>,
    /// Cancelled or replaced: the last day, which may be to come.
    pub cancelled_on: Option<NaiveDate>,
    pub auto_renew: bool,
    /// The one that this one replaced.
    pub predecessor_id: Option<SubscriptionId>,
    /// Since when something of it is due and not paid.
    pub overdue_since: Option<NaiveDate>,
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
    pub days: Option<i32>,
    pub successor_id: Option<SubscriptionId>,
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
    Frozen,
    Thawed,
    Gifted,
    /// Days back for a closure of the gym.
    Extended,
    Cancelled,
    Reinstated,
    /// Another plan goes on in its place.
    Changed,
    /// Another member goes on with the rest.
    Transferred,
    AutoRenewOn,
    AutoRenewOff,
}

#[derive(Clone, Debug, Serialize, TS)]
pub struct Subscriptions {
    /// Newest first, former ones included.
    pub rows: Vec<Subscription>,
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

/// Something that is done to a subscription. The preview and the doing take the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(tag = "act", rename_all = "snake_case")]
pub enum Act {
    /// Ends by itself; its days come back at the end.
    Freeze {
        /// Default: today.
        from: Option<NaiveDate>,
        days: i32,
    },
    /// Ends the freeze that runs, or takes back the one to come.
    Thaw,
    /// Days, visits or both for nothing.
    Gift {
        days: i32,
        #[serde(default)]
        visits: i32,
    },
    Cancel {
        when: CancelWhen,
    },
    /// Takes a cancellation back.
    Reinstate,
    /// Another plan, the unused part of this one deducted.
    Change {
        plan_id: PlanId,
        /// The end stays, and the new plan is paid for the days until then; otherwise it begins anew today.
        keep_end: bool,
        /// First day of the new plan; default: today.
        #[serde(default)]
        from: Option<NaiveDate>,
    },
    /// The rest goes to another member.
    Transfer {
        to_member_id: MemberId,
        /// First day that is theirs; default: today.
        #[serde(default)]
        from: Option<NaiveDate>,
    },
    AutoRenew {
        on: bool,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum CancelWhen {
    /// Yesterday was its last day.
    Now,
    /// When what is paid, and the minimum term, are over.
    AtEnd,
    /// After the notice and the minimum term.
    Notice,
}

#[derive(Clone, Debug, Serialize, Deserialize, TS)]
pub struct PreviewAct {
    pub subscription_id: SubscriptionId,
    #[serde(flatten)]
    pub act: Act,
}

/// How a subscription stands today.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Standing {
    pub plan_name: String,
    pub status: Status,
    pub starts_on: Option<NaiveDate>,
    pub ends_on: Option<NaiveDate>,
    pub remaining_days: Option<i64>,
    pub visits_left: Option<i64>,
    pub freeze_days_remaining: i64,
    pub frozen_from: Option<NaiveDate>,
    pub frozen_until: Option<NaiveDate>,
    pub cancelled_on: Option<NaiveDate>,
    pub auto_renew: bool,
}

#[derive(Clone, Debug, Serialize, TS)]
pub struct ActPreview {
    /// Goes back with the act: refused when something happened in between.
    pub version: i32,
    pub before: Standing,
    pub after: Standing,
    /// The subscription that goes on in its place.
    pub successor: Option<Standing>,
    /// Deducted for what was not used.
    pub credited: Money,
    /// What the new plan costs.
    pub charged: Money,
    /// To pay now.
    pub due: Money,
    /// Left over for the payer.
    pub to_credit: Money,
    /// Codes of things to mention: `minimum_term`, `notice`, `freeze_limit`, `unpaid`.
    pub warnings: Vec<String>,
}

#[derive(Clone, Debug, Serialize, Deserialize, TS)]
pub struct DoAct {
    pub idempotency_key: Uuid,
    pub subscription_id: SubscriptionId,
    #[serde(flatten)]
    pub act: Act,
    /// Of the preview.
    pub version: i32,
    #[serde(default)]
    pub reason: Option<String>,
    /// What the preview said is due.
    pub expected_due: Money,
    /// Exactly what is due; cash may be tendered above it, and rounded.
    #[serde(default)]
    pub payments: Vec<Payment>,
    /// What is not paid stays owed from then on; none refuses that.
    #[serde(default)]
    pub owe_until: Option<NaiveDate>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Acted {
    pub event_id: SubscriptionEventId,
    /// The subscription that goes on in its place.
    pub successor_id: Option<SubscriptionId>,
    pub after: Standing,
    /// Where money was charged or taken.
    pub transaction_id: Option<TransactionId>,
    pub receipt_id: Option<ReceiptId>,
    pub receipt_number: Option<i64>,
    /// To hand back.
    pub change: Money,
    pub owed: Money,
}

/// Days on which the gym was, or will be, shut: whoever could have come gets them back.
#[derive(Clone, Debug, Serialize, Deserialize, TS)]
pub struct Close {
    pub id: ClosureId,
    pub from_on: NaiveDate,
    /// Inclusive.
    pub until_on: NaiveDate,
    pub reason: String,
}

#[derive(Clone, Debug, Serialize, TS)]
pub struct ClosurePreview {
    /// Subscriptions that get days back.
    pub subscriptions: i64,
    /// All their days together.
    pub days: i64,
    /// Each of them, by the member's name.
    pub rows: Vec<ExtendedRow>,
}

/// A subscription that a closure extends, before and after.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, TS)]
pub struct ExtendedRow {
    pub subscription_id: SubscriptionId,
    pub member_id: MemberId,
    pub member_name: String,
    pub member_number: String,
    pub plan_name: String,
    /// Days of the closure on which it runs and is not frozen.
    pub days: i32,
    pub ends_on: NaiveDate,
    /// The same as before where a cancellation stands: nothing runs beyond its day.
    pub new_ends_on: NaiveDate,
}

/// What a closure gave back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, TS)]
pub struct ClosureGiven {
    pub subscriptions: i64,
    pub days: i64,
}

#[derive(Clone, Debug, Serialize, TS)]
pub struct Closures {
    /// Latest first.
    pub rows: Vec<Closure>,
}

#[derive(Clone, Debug, Serialize, TS)]
pub struct Closure {
    pub id: ClosureId,
    pub from_on: NaiveDate,
    pub until_on: NaiveDate,
    pub reason: String,
    pub at: DateTime<Utc>,
    pub subscriptions: i64,
}

/// What a subscription was on a day, as it was known then.
#[derive(Clone, Debug, Serialize, Deserialize, TS)]
pub struct AskStanding {
    pub subscription_id: SubscriptionId,
    pub on: NaiveDate,
}
