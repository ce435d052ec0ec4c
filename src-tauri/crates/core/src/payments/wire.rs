//! Requests and answers about payments.
use crate::money::Money;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, TS, sqlx::Type)]
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
