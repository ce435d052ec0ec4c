//! Requests and answers about the ways of being paid from afar.
use crate::payments::wire::Method;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use ts_rs::TS;

/// A way of being paid that takes its time.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, TS, sqlx::Type,
)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum RemoteMethod {
    Upi,
    BankTransfer,
    Paymob,
    #[serde(rename = "paypal")]
    #[sqlx(rename = "paypal")]
    PayPal,
}

impl RemoteMethod {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Upi => "upi",
            Self::BankTransfer => "bank_transfer",
            Self::Paymob => "paymob",
            Self::PayPal => "paypal",
        }
    }

    pub fn method(self) -> Method {
        match self {
            Self::Upi => Method::Upi,
            Self::BankTransfer => Method::BankTransfer,
            Self::Paymob => Method::Paymob,
            Self::PayPal => Method::PayPal,
        }
    }

    /// True where a gateway tells whether it was paid; otherwise somebody looks into the bank's statement.
    pub fn is_gateway(self) -> bool {
        matches!(self, Self::Paymob | Self::PayPal)
    }

    /// Names of its keys.
    pub fn keys(self) -> &'static [&'static str] {
        match self {
            Self::Upi | Self::BankTransfer => &[],
            Self::Paymob => &["secret_key", "api_key", "hmac_secret"],
            Self::PayPal => &["client_secret"],
        }
    }
}

/// What is no secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum GatewaySettings {
    Upi {
        /// `name@handle`.
        address: String,
        /// As the payer's app shows it.
        name: String,
        /// Four digits, from the bank.
        merchant_code: Option<String>,
    },
    BankTransfer {
        /// What the payer is told: bank, account, name.
        instructions: String,
    },
    Paymob {
        /// `https://accept.paymob.com`, or the country's own.
        base_url: String,
        public_key: String,
        /// Ids of the ways of paying that are offered.
        integrations: Vec<i64>,
        /// Id of the "Moto" integration, which charges saved cards; without it none is charged.
        #[serde(default)]
        moto_integration: Option<i64>,
        /// Where Paymob sends its messages, if this house can be reached from outside.
        notify_url: Option<String>,
    },
    #[serde(rename = "paypal")]
    PayPal {
        /// `https://api-m.paypal.com`, or `https://api-m.sandbox.paypal.com`.
        base_url: String,
        client_id: String,
        /// Of the webhook in PayPal's dashboard; empty where none is set up.
        webhook_id: String,
    },
}

impl GatewaySettings {
    pub fn method(&self) -> RemoteMethod {
        match self {
            Self::Upi { .. } => RemoteMethod::Upi,
            Self::BankTransfer { .. } => RemoteMethod::BankTransfer,
            Self::Paymob { .. } => RemoteMethod::Paymob,
            Self::PayPal { .. } => RemoteMethod::PayPal,
        }
    }
}

/// A way as the settings page shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, TS)]
pub struct GatewayView {
    pub enabled: bool,
    pub settings: GatewaySettings,
    /// Each key by its name with its last characters, or nothing where none is stored.
    pub keys: BTreeMap<String, String>,
    /// True where keys are stored that this machine cannot decrypt: they have to be entered again.
    pub keys_unreadable: bool,
    pub updated_at: DateTime<Utc>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, TS)]
pub struct GatewayViews {
    pub rows: Vec<GatewayView>,
}

/// Ways that a payer can be asked by.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, TS)]
pub struct RemoteMethods {
    pub rows: Vec<RemoteMethod>,
}

/// Sets one way of the branch.
#[derive(Clone, Debug, Deserialize, TS)]
pub struct SetGateway {
    pub enabled: bool,
    pub settings: GatewaySettings,
    /// New keys by their names; one left out or empty stays as it is.
    #[ts(type = "Record<string, string>")]
    pub keys: BTreeMap<String, crate::secret::Secret>,
}
