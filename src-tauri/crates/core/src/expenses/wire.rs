//! Requests and answers about expenses.
use crate::ids::{ExpenseId, TransactionId};
use crate::money::Money;
use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use ts_rs::TS;
use uuid::Uuid;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct ExpenseForm {
    /// Such as rent, electricity, repairs.
    pub category: String,
    pub supplier: Option<String>,
    pub description: String,
    /// With tax, in the branch's currency.
    pub amount_minor: i64,
    /// Part of the amount that is tax.
    #[serde(default)]
    pub tax_minor: i64,
    /// Day of the bill.
    pub incurred_on: NaiveDate,
    pub due_on: Option<NaiveDate>,
}

#[derive(Debug, Deserialize, TS)]
pub struct CreateExpense {
    pub id: ExpenseId,
    #[serde(flatten)]
    pub form: ExpenseForm,
    /// The bill: a JPEG, PNG, WebP or PDF file of at most 16 MB.
    #[serde(default)]
    pub file_base64: Option<String>,
}

#[derive(Debug, Deserialize, TS)]
pub struct ChooseExpense {
    pub expense_id: ExpenseId,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, TS)]
pub struct Expense {
    pub id: ExpenseId,
    pub category: String,
    pub supplier: Option<String>,
    pub description: String,
    pub amount: Money,
    pub tax: Money,
    pub incurred_on: NaiveDate,
    pub due_on: Option<NaiveDate>,
    pub state: ExpenseState,
    /// Of the bill's file.
    pub mime: Option<String>,
    pub entered_at: DateTime<Utc>,
    pub entered_by: Option<String>,
    pub decision: Option<ExpenseDecision>,
    pub payment: Option<ExpensePayment>,
}

/// Where a bill stands; from its rows, never stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, TS, sqlx::Type)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum ExpenseState {
    /// Nobody approved it yet.
    Waiting,
    Rejected,
    /// To be paid.
    Approved,
    Paid,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, TS)]
pub struct ExpenseDecision {
    pub verdict: ExpenseVerdict,
    pub reason: Option<String>,
    pub at: DateTime<Utc>,
    pub by: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, TS, sqlx::Type)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum ExpenseVerdict {
    Approved,
    Rejected,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, TS)]
pub struct ExpensePayment {
    pub method: ExpenseMethod,
    pub reference: Option<String>,
    pub at: DateTime<Utc>,
    pub by: Option<String>,
    pub transaction_id: TransactionId,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, TS, sqlx::Type)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum ExpenseMethod {
    /// Out of the desk's drawer, in the shift that runs.
    Cash,
    BankTransfer,
}

#[derive(Debug, Deserialize, TS)]
pub struct DecideExpense {
    pub expense_id: ExpenseId,
    pub verdict: ExpenseVerdict,
    /// Required to reject.
    #[serde(default)]
    pub reason: Option<String>,
}

#[derive(Clone, Debug, Serialize, Deserialize, TS)]
pub struct PayExpense {
    pub idempotency_key: Uuid,
    pub expense_id: ExpenseId,
    pub method: ExpenseMethod,
    /// Of a transfer.
    #[serde(default)]
    pub reference: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct ExpensePaid {
    pub transaction_id: TransactionId,
    pub amount: Money,
}

#[derive(Debug, Deserialize, TS)]
pub struct ListExpenses {
    /// Days of the bills.
    pub from: NaiveDate,
    /// Inclusive.
    pub until: NaiveDate,
    #[serde(default)]
    pub category: Option<String>,
    #[serde(default)]
    pub state: Option<ExpenseState>,
    /// Part of a supplier's name or of a description.
    #[serde(default)]
    pub query: Option<String>,
    #[serde(default)]
    pub offset: i64,
}

/// 50 bills, newest first, and the sums of all that were asked for.
#[derive(Clone, Debug, Serialize, TS)]
pub struct Expenses {
    pub rows: Vec<Expense>,
    pub total: i64,
    /// By month, then by category; rejected bills left out.
    pub sums: Vec<ExpenseSum>,
    /// Every category used so far.
    pub categories: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, TS)]
pub struct ExpenseSum {
    /// Its first day.
    pub month: NaiveDate,
    pub category: String,
    pub count: i64,
    pub amount: Money,
    pub tax: Money,
}

#[derive(Clone, Debug, Serialize, TS)]
pub struct ExpenseFile {
    pub mime: String,
    pub base64: String,
}
