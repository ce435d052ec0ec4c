//! Requests and answers about payments.
use crate::money::Money;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, TS, sqlx::Type)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum Method {
    Cash,
    CardTerminal,
}

/// One way of paying a part of a sale.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Payment {
    pub method: Method,
    pub amount: Money,
    /// Cash handed over, at least the amount.
    pub tendered: Option<Money>,
    /// The terminal's slip number.
    pub reference: Option<String>,
}
