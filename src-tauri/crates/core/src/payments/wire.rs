//! Requests and answers about payments.
use crate::ids::{ChargeId, MandateId, MemberId, PaymentId, ReceiptId, TransactionId};
use crate::money::Money;
use crate::payments::gateways::wire::RemoteMethod;
use crate::subscriptions::wire::Standing;
use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use ts_rs::TS;
use uuid::Uuid;

#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, TS, sqlx::Type,
)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum Method {
    Cash,
    CardTerminal,
    /// A transfer by UPI, confirmed with its UTR.
    Upi,
    BankTransfer,
    Voucher,
    Paymob,
    #[serde(rename = "paypal")]
    #[sqlx(rename = "paypal")]
    PayPal,
}

/// One way of paying a part of a sale.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Payment {
    pub method: Method,
    pub amount: Money,
    /// Cash handed over, at least the amount.
    pub tendered: Option<Money>,
    /// The terminal's slip number, a transfer's reference (of UPI the UTR), the voucher's code.
    pub reference: Option<String>,
}

/// What is owed by a member, or for one.
#[derive(Clone, Debug, Serialize, TS)]
pub struct Debts {
    /// Who pays for the member: the household's payer, or the member.
    pub payer_id: MemberId,
    pub payer_name: String,
    /// Oldest first.
    pub rows: Vec<OpenCharge>,
    pub owed: Money,
    /// What the payer has to their credit.
    pub credit: Money,
}

#[derive(Clone, Debug, Serialize, TS)]
pub struct OpenCharge {
    pub charge_id: ChargeId,
    pub description: String,
    pub member_name: Option<String>,
    pub due_on: NaiveDate,
    /// 0 until the day after.
    pub days_overdue: i64,
    pub amount: Money,
    pub owed: Money,
}

/// Money for what is owed, or in advance.
#[derive(Clone, Debug, Serialize, Deserialize, TS)]
pub struct PayDebts {
    pub idempotency_key: Uuid,
    /// The payer, or somebody the payer pays for.
    pub member_id: MemberId,
    /// Which charges; none is all, oldest first.
    #[serde(default)]
    pub charge_ids: Vec<ChargeId>,
    /// From the payer's credit, in minor units.
    #[serde(default)]
    pub credit_minor: i64,
    pub payments: Vec<Payment>,
    /// What is paid beyond the debt stays as credit; otherwise it is refused.
    #[serde(default)]
    pub in_advance: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Paid {
    pub transaction_id: TransactionId,
    pub receipt_id: ReceiptId,
    pub receipt_number: i64,
    /// To hand back.
    pub change: Money,
    pub still_owed: Money,
    pub credit: Money,
}

/// Gives a payment back, in part or whole. The preview and the refund take the same.
#[derive(Clone, Debug, Serialize, Deserialize, TS)]
pub struct RefundForm {
    pub payment_id: PaymentId,
    pub amount: Money,
    pub to: RefundTo,
    /// What was paid for is taken back with it; otherwise it is owed again.
    pub take_back: bool,
    /// Subscriptions that were paid with it end yesterday.
    #[serde(default)]
    pub end_subscriptions: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum RefundTo {
    Cash,
    CardTerminal {
        reference: String,
    },
    Upi {
        reference: String,
    },
    BankTransfer {
        reference: String,
    },
    /// Onto the voucher it came from.
    Voucher,
    /// Stays with the gym as the payer's credit.
    Credit,
}

#[derive(Clone, Debug, Serialize, TS)]
pub struct RefundPreview {
    pub method: Method,
    pub paid: Money,
    /// What can still go back.
    pub refundable: Money,
    /// Charges it had settled and, of each, what is taken off.
    pub lines: Vec<RefundLine>,
    /// Owed again afterwards.
    pub owed_again: Money,
    /// Subscriptions that end, before and after.
    pub ends: Vec<EndedStanding>,
}

#[derive(Clone, Debug, Serialize, TS)]
pub struct RefundLine {
    pub charge_id: ChargeId,
    pub description: String,
    pub amount: Money,
}

#[derive(Clone, Debug, Serialize, TS)]
pub struct EndedStanding {
    pub before: Standing,
    pub after: Standing,
}

#[derive(Clone, Debug, Serialize, Deserialize, TS)]
pub struct Refund {
    pub idempotency_key: Uuid,
    #[serde(flatten)]
    pub form: RefundForm,
    pub reason: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Refunded {
    pub transaction_id: TransactionId,
    pub receipt_id: ReceiptId,
    pub receipt_number: i64,
    pub amount: Money,
}

/// Gives up a debt.
#[derive(Clone, Debug, Serialize, Deserialize, TS)]
pub struct WriteOff {
    pub idempotency_key: Uuid,
    pub charge_id: ChargeId,
    pub amount: Money,
    pub reason: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct WrittenOff {
    pub transaction_id: TransactionId,
    pub still_owed: Money,
}

/// Payments of a member or by them, newest first.
#[derive(Clone, Debug, Serialize, TS)]
pub struct MemberPayments {
    pub rows: Vec<PaymentShown>,
}

#[derive(Clone, Debug, Serialize, TS)]
pub struct PaymentShown {
    pub payment_id: PaymentId,
    pub transaction_id: TransactionId,
    pub at: DateTime<Utc>,
    pub method: Method,
    pub amount: Money,
    pub refundable: Money,
    /// Not used for a charge yet.
    pub unused: Money,
    pub reference: Option<String>,
    pub receipt_id: Option<ReceiptId>,
    pub receipt_number: Option<String>,
    /// What it paid for.
    pub paid_for: Vec<String>,
}

/// Who owes how much, for how long.
#[derive(Clone, Debug, Serialize, TS)]
pub struct Receivables {
    /// Most owed first.
    pub rows: Vec<Receivable>,
    /// Of all of them together.
    pub total: Ageing,
}

#[derive(Clone, Debug, Serialize, TS)]
pub struct Receivable {
    pub payer_id: MemberId,
    pub payer_name: String,
    pub phone: Option<String>,
    pub oldest_due_on: NaiveDate,
    pub ageing: Ageing,
}

/// Debt by the days since it was due.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, TS)]
pub struct Ageing {
    pub currency: String,
    pub not_due: i64,
    pub days_1_30: i64,
    pub days_31_60: i64,
    pub days_61_90: i64,
    pub days_over_90: i64,
    pub owed: i64,
}

/// How the branch deals with money.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct MoneySettings {
    pub prices_include_tax: bool,
    /// Cash is rounded to a multiple of this many minor units; 1 is not at all.
    pub cash_rounding_minor: i32,
    /// Minor units owed beyond the grace from which the door stays shut; none never.
    pub debt_blocks_from: Option<i64>,
    pub debt_grace_days: i32,
    /// Days after the due day on which an automatic payment is tried again.
    pub dunning_days: Vec<i32>,
    pub tax_number: Option<String>,
    pub address: Option<String>,
    pub receipt_footer: Option<String>,
}

/// A payment method that a member left with a gateway for what is due later.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, TS)]
pub struct Mandate {
    pub id: MandateId,
    pub method: RemoteMethod,
    /// As people read it: `MasterCard •••• 2346`.
    pub label: String,
    pub created_at: DateTime<Utc>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, TS)]
pub struct Mandates {
    pub rows: Vec<Mandate>,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize, TS)]
pub struct RevokeMandate {
    pub mandate_id: MandateId,
}
