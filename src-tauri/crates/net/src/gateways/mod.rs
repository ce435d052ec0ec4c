//! Payment gateways: clients of the HTTP APIs that Paymob and PayPal publish, in one common shape.
//!
//! An order is created by API and paid on the gateway's own page, so no card number ever comes near us. Whether it
//! was paid is learned in two ways that say the same: a signed message (webhook), or the question [`Gateway::inquire`].
//! Neither is believed further than it goes: whoever credits a payment matches the gateway's order id and compares
//! amount and currency with what was asked.
//!
//! A payer who agrees leaves the method with the gateway ([`PaymentOrder::save`]); we learn a token of it
//! ([`SavedMethod`]) and may charge it later without the payer: [`Gateway::charge`], and [`Gateway::find_charge`] where
//! the answer got lost.
mod http;
pub mod paymob;
pub mod paypal;
mod token;

pub use http::Timing;
pub use paymob::Paymob;
pub use paypal::Paypal;

use axum::http::HeaderMap;
use chrono::{DateTime, Utc};
use gatehouse_core::money::Money;
use gatehouse_core::secret::Secret;
use uuid::Uuid;

/// A configured gateway.
pub enum Gateway {
    Paymob(Paymob),
    Paypal(Paypal),
}

/// What is to be paid, and by whom.
#[derive(Clone, Debug)]
pub struct PaymentOrder {
    /// Our own id of the request: the gateway's key against doubling, and our reference in its listings.
    pub request: Uuid,
    pub amount: Money,
    /// Shown to the payer.
    pub description: String,
    pub payer: Payer,
    /// Where the payer's browser goes afterwards.
    pub return_url: Option<String>,
    /// Where the gateway sends its messages, for gateways that take it per order (Paymob).
    pub notify_url: Option<String>,
    /// Asks the gateway to keep the payer's method for later charges, if the payer agrees on its page.
    pub save: bool,
}

#[derive(Clone, Debug, Default)]
pub struct Payer {
    pub first_name: String,
    pub last_name: String,
    pub email: Option<String>,
    pub phone: Option<String>,
}

impl Payer {
    /// Gateways want two names; the first word of ours is the first.
    pub fn named(full_name: &str, email: Option<String>, phone: Option<String>) -> Self {
        let (first_name, last_name) = full_name.split_once(' ').unwrap_or((full_name, ""));
        Self { first_name: first_name.to_owned(), last_name: last_name.to_owned(), email, phone }
    }
}

/// An order that waits for its payer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Created {
    /// The gateway's own id; everything is matched by it.
    pub order_id: String,
    /// The page where it is paid.
    pub pay_url: String,
}

/// What became of an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Settlement {
    /// Nobody has paid, or it is under way. As the outcome of a message: ask.
    Pending,
    Paid(Capture),
    /// The last attempt failed. The payer may try again on the same page, so a later answer can be [`Self::Paid`].
    Failed {
        reason: String,
    },
    /// Paid, and wholly or partly given back.
    Refunded {
        capture: Capture,
        refunded: Money,
    },
}

/// Money that was taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Capture {
    /// What a refund names.
    pub id: String,
    /// As the gateway says; to be compared with what was asked.
    pub amount: Money,
    /// When, if the gateway says so with a time zone.
    pub at: Option<DateTime<Utc>>,
    /// The method it was paid with, where the gateway has kept it. `None` takes nothing back: PayPal says it with the
    /// order, not with the message about the capture, and Paymob in a message of its own.
    pub saved: Option<SavedMethod>,
}

/// A payment method that its owner left with the gateway.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SavedMethod {
    /// What a charge names it by. With our keys it is money.
    pub token: Secret,
    /// As people read it: `MasterCard •••• 2346`, `PayPal layla@example.com`.
    pub label: String,
}

/// A charge to a saved method, without its owner.
#[derive(Clone, Debug)]
pub struct SavedCharge {
    /// Our own id of the request: the key against doubling, and our reference in the gateway's listings. A charge that
    /// is to be tried again after a refusal or a decline is another request.
    pub request: Uuid,
    pub amount: Money,
    /// Shown to the payer.
    pub description: String,
    pub payer: Payer,
    /// Of the [`SavedMethod`].
    pub token: Secret,
    /// When it was sent for the first time: PayPal forgets its key against doubling.
    pub first_sent: DateTime<Utc>,
}

/// What became of a charge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Charged {
    /// The gateway's own id, for [`Gateway::inquire`]. PayPal makes no order of a charge that it declines.
    pub order_id: Option<String>,
    /// [`Settlement::Failed`] is final here.
    pub settlement: Settlement,
}

/// A refund that the gateway accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refund {
    pub id: String,
    pub state: RefundState,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefundState {
    Done,
    /// Accepted; the bank takes its time.
    Pending,
}

/// A message whose signature was good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// The same for every delivery of the same message: what was stored once is never credited again.
    pub event_id: String,
    pub order_id: String,
    pub news: News,
}

/// What a message says about its order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum News {
    Outcome(Settlement),
    /// The method it is paid with was kept. Says nothing about the money.
    Saved(SavedMethod),
}

/// Why a gateway did not do what was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GatewayError {
    /// It understood and said no; nothing was done. `code` is the vendor's own, or ours where we did not even ask.
    #[error("the gateway refused: {code}")]
    Refused { code: String },
    /// 401 or 403: the keys are wrong, expired or withdrawn. Nothing was done.
    #[error("the gateway does not accept the keys")]
    ExpiredKeys,
    /// Nothing was done, as far as anybody can tell: it may be tried again.
    #[error("the gateway cannot be reached: {0}")]
    Unreachable(String),
    /// It was sent and no usable answer came: it may have been done. Only [`Gateway::inquire`] tells, and
    /// [`Gateway::find_charge`] of a charge.
    #[error("the gateway's answer got lost: {0}")]
    Unknown(String),
    /// An answer that is not what the vendor publishes.
    #[error("the gateway's answer cannot be read: {0}")]
    Malformed(String),
}

impl GatewayError {
    fn refused(code: impl Into<String>) -> Self {
        Self::Refused { code: code.into() }
    }
}

/// Why a message was not believed. Nothing of it is stored.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WebhookError {
    #[error("the message carries no signature")]
    Unsigned,
    #[error("the message's signature is wrong")]
    WrongSignature,
    /// Neither certificate nor verification service could be reached: the sender has to send it again.
    #[error("the message cannot be verified now: {0}")]
    Unverifiable(GatewayError),
    /// Signed, but not what the vendor publishes.
    #[error("the message cannot be read: {0}")]
    Malformed(String),
}

impl Gateway {
    /// Creates an order.
    ///
    /// # Errors
    /// After [`GatewayError::Unknown`] an order may exist; nobody has its page, so nobody can pay it, and the next
    /// attempt is free to create another.
    pub async fn create(&self, order: &PaymentOrder) -> Result<Created, GatewayError> {
        match self {
            Self::Paymob(gateway) => gateway.create(order).await,
            Self::Paypal(gateway) => gateway.create(order).await,
        }
    }

    /// Asks what became of an order. At PayPal this also takes the money of an order that its payer has approved.
    pub async fn inquire(&self, order_id: &str) -> Result<Settlement, GatewayError> {
        match self {
            Self::Paymob(gateway) => gateway.inquire(order_id).await,
            Self::Paypal(gateway) => gateway.inquire(order_id).await,
        }
    }

    /// Gives back a captured payment, wholly or in part. `key` is the caller's own and the same for every attempt
    /// of the same refund; PayPal heeds it, Paymob knows nothing of the kind.
    ///
    /// # Errors
    /// After [`GatewayError::Unknown`] it may have been given back: inquire before trying again.
    pub async fn refund(&self, capture_id: &str, amount: &Money, key: Uuid) -> Result<Refund, GatewayError> {
        match self {
            Self::Paymob(gateway) => gateway.refund(capture_id, amount).await,
            Self::Paypal(gateway) => gateway.refund(capture_id, amount, key).await,
        }
    }

    /// Charges a saved method, once for one [`SavedCharge::request`].
    ///
    /// # Errors
    /// [`GatewayError::Refused`] also for a token that the gateway does not know (any more) and, by Paymob, as
    /// `moto_not_set_up`. After [`GatewayError::Unknown`] money may have been taken: it is not to be charged again under
    /// another request before [`Gateway::find_charge`] has told.
    pub async fn charge(&self, charge: &SavedCharge) -> Result<Charged, GatewayError> {
        match self {
            Self::Paymob(gateway) => gateway.charge(charge).await,
            Self::Paypal(gateway) => gateway.charge(charge).await,
        }
    }

    /// What became of a charge whose answer got lost. `None`: the gateway knows of no attempt, and none will come of it
    /// once those on their way have had their time; under the same request it cannot be charged any more.
    ///
    /// PayPal cannot be asked by our reference. It is told again with the same key, which gives the first answer; a
    /// charge that never got there is made now. So this is only for a charge that is still wanted.
    ///
    /// # Errors
    /// As [`Gateway::charge`]. PayPal's [`GatewayError::Unknown`] stays where the first attempt is hours old: then
    /// somebody has to look into the account.
    pub async fn find_charge(&self, charge: &SavedCharge) -> Result<Option<Charged>, GatewayError> {
        match self {
            Self::Paymob(gateway) => gateway.find_charge(charge).await,
            Self::Paypal(gateway) => gateway.charge(charge).await.map(Some),
        }
    }

    /// Reads a message (webhook) after checking its signature. `query` is the URL's, without the `?`. `None` for a
    /// signed message about something we do not follow.
    pub async fn read_webhook(
        &self,
        headers: &HeaderMap,
        query: &str,
        body: &[u8],
    ) -> Result<Option<Event>, WebhookError> {
        match self {
            Self::Paymob(gateway) => gateway.read_webhook(query, body),
            Self::Paypal(gateway) => gateway.read_webhook(headers, body).await,
        }
    }
}
