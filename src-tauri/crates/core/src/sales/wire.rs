//! Requests and answers of the counter.
use crate::ids::{
    MemberId, PlanId, ProductId, ReceiptId, SubscriptionEventId, SubscriptionId, TransactionId,
};
use crate::money::Money;
use crate::payments::wire::Payment;
use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use ts_rs::TS;
use uuid::Uuid;

/// One thing that is sold.
#[derive(Clone, Debug, Serialize, Deserialize, TS)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Line {
    /// A new subscription.
    New {
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
    /// Something from the shelf, walk-ins too.
    Product { product_id: ProductId, quantity: i32 },
    /// A gift card over an amount.
    Voucher { amount: Money },
}

/// What is to be sold, to whom. The preview and the sale take the same.
#[derive(Clone, Debug, Serialize, Deserialize, TS)]
pub struct Basket {
    /// None for a walk-in, who pays on the spot and buys no subscription.
    pub member_id: Option<MemberId>,
    pub lines: Vec<Line>,
}

impl Basket {
    /// One thing for a member.
    pub fn of(member_id: MemberId, line: Line) -> Self {
        Self { member_id: Some(member_id), lines: vec![line] }
    }
}

#[derive(Clone, Debug, Serialize, TS)]
pub struct SalePreview {
    pub member_id: Option<MemberId>,
    /// Who owes what stays unpaid: the household's payer, or the member.
    pub payer_name: Option<String>,
    pub lines: Vec<LinePreview>,
    /// What will be charged, tax included.
    pub total: Money,
    /// Part of the total that is tax.
    pub tax: Money,
    /// The total as it is paid in cash.
    pub cash_total: Money,
    /// What the payer has to their credit.
    pub credit: Money,
    /// What the payer owes already.
    pub owed: Money,
    /// Codes of things to mention: `already_running`, `starts_in_past`, `plan_changed`, `member_suspended`,
    /// `cancelled_before` (the subscription is cancelled for a day before the new end).
    pub warnings: Vec<String>,
    /// What the shelf runs short of; it is sold all the same.
    pub short: Vec<Shortage>,
}

/// A product of which few are left, or fewer than are sold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, TS)]
pub struct Shortage {
    pub product_id: ProductId,
    pub name: String,
    /// By the books, after the sale; below zero when more is sold than they have.
    pub left: i64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, TS)]
pub struct LinePreview {
    pub description: String,
    pub quantity: i32,
    /// Price of one, as on the price list.
    pub unit: Money,
    /// Of all, tax included.
    pub amount: Money,
    pub tax: Money,
    pub tax_name: Option<String>,
    /// First and last day of a subscription, both inclusive.
    pub starts_on: Option<NaiveDate>,
    pub ends_on: Option<NaiveDate>,
    pub visits: Option<i32>,
    /// For a lapsed subscription: the other start that staff may choose.
    pub alternative_start: Option<NaiveDate>,
}

#[derive(Clone, Debug, Serialize, Deserialize, TS)]
pub struct Sell {
    /// Made by the caller once per sale; a retry returns the first result.
    pub idempotency_key: Uuid,
    #[serde(flatten)]
    pub basket: Basket,
    /// What the preview said; a price that changed meanwhile is refused.
    pub expected_total: Money,
    /// First day of the first subscription in the preview; refused when somebody renewed meanwhile, or the day has
    /// turned.
    #[serde(default)]
    pub expected_starts_on: Option<NaiveDate>,
    /// Part of the total that the payer's credit pays, in minor units.
    #[serde(default)]
    pub credit_minor: i64,
    /// The rest, exactly; cash may be tendered above it, and rounded.
    pub payments: Vec<Payment>,
    /// What is not paid stays owed from then on; none refuses that.
    #[serde(default)]
    pub owe_until: Option<NaiveDate>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Sale {
    pub transaction_id: TransactionId,
    pub receipt_id: ReceiptId,
    /// The till's running number.
    pub receipt_number: i64,
    /// In the order of the basket.
    pub subscriptions: Vec<SoldSubscription>,
    /// Codes of the vouchers sold.
    pub voucher_codes: Vec<String>,
    pub total: Money,
    /// To hand back.
    pub change: Money,
    /// What stays owed.
    pub owed: Money,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct SoldSubscription {
    pub subscription_id: SubscriptionId,
    pub event_id: SubscriptionEventId,
    pub starts_on: NaiveDate,
    pub ends_on: NaiveDate,
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
    pub receipt_id: ReceiptId,
    pub receipt_number: i64,
    /// To hand back, by method.
    pub returned: Vec<Payment>,
}
