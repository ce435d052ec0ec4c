//! Requests and answers about money that is on its way.
use crate::ids::{ChargeId, MemberId, PaymentId, RequestId};
use crate::money::Money;
use crate::payments::gateways::wire::RemoteMethod;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use ts_rs::TS;
use uuid::Uuid;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, TS, sqlx::Type)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "text", rename_all = "snake_case")]
#[ts(rename = "RequestDirection")]
pub enum Direction {
    Payment,
    Refund,
}

/// Where a request stands: its last event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, TS, sqlx::Type)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum RequestState {
    /// Asked for.
    Created,
    /// A refund that the gateway was asked for; its answer is outstanding.
    Sent,
    /// The gateway has an order, which the payer can pay.
    Ordered,
    /// The payer says it was paid.
    Claimed,
    /// The money is there and booked, or back.
    Confirmed,
    /// The last attempt failed. A payer may try again on the same page.
    Failed,
    Expired,
    Cancelled,
    /// Another amount or currency came than was asked for: nothing is booked, somebody has to settle it.
    Mismatch,
}

/// Asks a member for money.
#[derive(Clone, Debug, Serialize, Deserialize, TS)]
pub struct AskPayment {
    pub idempotency_key: Uuid,
    pub method: RemoteMethod,
    pub payer_id: MemberId,
    /// What it is for, in the order in which it is settled; empty for credit on account.
    pub charge_ids: Vec<ChargeId>,
    /// All of the charges or a part; of credit any amount.
    pub amount: Money,
    /// The payer agrees that the gateway keeps the method, and that subscriptions which renew by themselves are charged
    /// to it.
    pub keep_method: bool,
}

#[derive(Clone, Debug, Serialize, Deserialize, TS)]
pub struct AskRefund {
    pub idempotency_key: Uuid,
    /// A payment that came by way of a gateway.
    pub payment_id: PaymentId,
    pub amount: Money,
    pub reason: String,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize, TS)]
pub struct ChooseRequest {
    pub request_id: RequestId,
}

/// The payer says that the transfer was made.
#[derive(Clone, Debug, Serialize, Deserialize, TS)]
pub struct ClaimTransfer {
    pub request_id: RequestId,
    /// The transfer's number as the payer shows it; of UPI the UTR.
    pub reference: Option<String>,
}

/// Somebody has seen the transfer in the bank's statement.
#[derive(Clone, Debug, Serialize, Deserialize, TS)]
pub struct ConfirmTransfer {
    pub request_id: RequestId,
    /// The transfer's number in the statement; of UPI the UTR.
    pub reference: String,
}

/// Gives a request up.
#[derive(Clone, Debug, Serialize, Deserialize, TS)]
pub struct CancelRequest {
    pub request_id: RequestId,
    pub reason: String,
}

/// Which requests to list.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize, TS)]
pub struct ListRequests {
    /// Of one member; of all otherwise.
    pub payer_id: Option<MemberId>,
    /// Also those that are over, newest first, 200 at most.
    pub with_closed: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct PaymentRequest {
    pub id: RequestId,
    pub direction: Direction,
    pub method: RemoteMethod,
    pub state: RequestState,
    pub payer_id: Option<MemberId>,
    pub payer_name: Option<String>,
    pub amount: Money,
    /// Ours: the payer and the gateway are told it, and a bank's statement shows it.
    pub reference: String,
    pub at: DateTime<Utc>,
    /// The gateway's page, or UPI's link, while it can be paid.
    pub pay_url: Option<String>,
    /// That as a QR code, an SVG picture.
    pub pay_qr: Option<String>,
    /// What the payer of a bank transfer is told.
    pub instructions: Option<String>,
    /// The transfer's number, or the gateway's id of the payment or refund.
    pub transfer: Option<String>,
    /// Why it failed or was given up; of a refund why it was asked for.
    pub reason: Option<String>,
    /// Why the gateway would not give it back.
    pub refused: Option<String>,
    /// What came instead of the amount.
    pub found: Option<Money>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, TS)]
pub struct PaymentRequests {
    pub rows: Vec<PaymentRequest>,
}
