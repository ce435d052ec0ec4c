//! Requests and answers about receipts.
use super::document::{ReceiptDocument, ReceiptKind};
use crate::ids::{MemberId, ReceiptId, TillId, TransactionId};
use crate::money::Money;
use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// Which receipts of the branch; the newest first.
#[derive(Debug, Default, Deserialize, TS)]
#[serde(default)]
pub struct ListReceipts {
    /// First and last business day.
    pub from: Option<NaiveDate>,
    pub to: Option<NaiveDate>,
    pub till_id: Option<TillId>,
    /// As printed (`1-2-000123`) or the running number alone (`123`).
    pub number: Option<String>,
    pub member_id: Option<MemberId>,
    pub kind: Option<ReceiptKind>,
    pub offset: i64,
    /// 50 by default, at most 200.
    pub limit: Option<i64>,
}

#[derive(Clone, Debug, Serialize, TS)]
pub struct ReceiptRow {
    pub id: ReceiptId,
    /// As printed.
    pub number: String,
    pub kind: ReceiptKind,
    pub at: DateTime<Utc>,
    pub business_day: NaiveDate,
    pub till_id: TillId,
    pub till_name: String,
    pub member_id: Option<MemberId>,
    pub member_name: Option<String>,
    pub staff_name: String,
    pub total: Money,
}

#[derive(Clone, Debug, Serialize, TS)]
pub struct ReceiptPage {
    pub rows: Vec<ReceiptRow>,
    pub total: i64,
}

#[derive(Debug, Deserialize, TS)]
pub struct ChooseReceipt {
    pub receipt_id: ReceiptId,
}

/// A receipt as it was given out.
#[derive(Clone, Debug, Serialize, TS)]
pub struct Receipt {
    pub id: ReceiptId,
    pub till_id: TillId,
    pub member_id: Option<MemberId>,
    pub transaction_id: TransactionId,
    pub at: DateTime<Utc>,
    /// The text of its QR code.
    pub code: String,
    /// True when it has been on paper or in a file: the next one is a copy.
    pub printed: bool,
    pub document: ReceiptDocument,
}

#[derive(Debug, Deserialize, TS)]
pub struct PrintReceipt {
    pub receipt_id: ReceiptId,
    pub paper: ReceiptPaper,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum ReceiptPaper {
    A4,
    Mm80,
    Mm58,
}

#[derive(Debug, Deserialize, TS)]
pub struct EmailReceipt {
    pub receipt_id: ReceiptId,
    /// None for the member's own.
    pub address: Option<String>,
}

/// A receipt that waits to be sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, TS)]
pub struct ReceiptQueued {
    pub address: String,
    /// False when it was queued, or sent, to this address before.
    pub is_new: bool,
}
