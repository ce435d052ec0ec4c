//! Requests and answers about tills and their shifts.
use crate::ids::{DeskId, MemberId, ReceiptId, ShiftId, TillId, TransactionId};
use crate::money::Money;
use crate::payments::wire::Method;
use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use ts_rs::TS;
use uuid::Uuid;

/// So many notes or coins of a kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct CountLine {
    /// Worth of one, in minor units.
    pub minor: i64,
    pub count: i64,
}

/// What somebody counted in a drawer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum Counted {
    /// By note and coin; those that are not there may be left out.
    Lines(Vec<CountLine>),
    /// In one sum, minor units.
    Total(i64),
}

/// A till; without one, the desk's own.
#[derive(Debug, Default, Serialize, Deserialize, TS)]
pub struct ChooseTill {
    #[serde(default)]
    pub till_id: Option<TillId>,
}

#[derive(Clone, Debug, Serialize, TS)]
pub struct Till {
    pub id: TillId,
    pub number: i16,
    pub name: String,
    pub currency: String,
    /// Notes and coins to count by, largest first; empty: count in one sum.
    pub denominations: Vec<i64>,
    /// What the last shift left in the drawer.
    pub left_in_drawer: Money,
    pub shift: Option<OpenShift>,
}

/// A shift that runs.
#[derive(Clone, Debug, Serialize, TS)]
pub struct OpenShift {
    pub id: ShiftId,
    pub number: i32,
    pub business_day: NaiveDate,
    pub opened_at: DateTime<Utc>,
    pub opened_by: Option<String>,
    pub float: Money,
    /// False: a sale opened the shift, and the float is what the last one left.
    pub float_counted: bool,
    /// A count was sent; it can be closed.
    pub is_counted: bool,
    pub receipts: i64,
    /// Taken so far. Without cash for who may not see money: the count is blind.
    pub payments: Vec<MethodTotal>,
    /// Given back so far; the same holds for cash.
    pub refunds: Vec<MethodTotal>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct MethodTotal {
    pub method: Method,
    pub count: i64,
    pub amount: Money,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct FigureTotal {
    pub count: i64,
    pub amount: Money,
}

#[derive(Clone, Debug, Serialize, Deserialize, TS)]
pub struct OpenTill {
    pub idempotency_key: Uuid,
    /// The float.
    pub counted: Counted,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct ShiftOpened {
    pub shift_id: ShiftId,
    pub float: Money,
    /// Counted above (below zero: under) what the last shift left.
    pub difference: Money,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, TS, sqlx::Type)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum CashDirection {
    /// From the safe into the drawer.
    CashIn,
    /// From the drawer into the safe.
    CashOut,
}

#[derive(Clone, Debug, Serialize, Deserialize, TS)]
pub struct MoveCash {
    pub idempotency_key: Uuid,
    pub direction: CashDirection,
    pub amount_minor: i64,
    pub reason: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct CashMoved {
    pub transaction_id: TransactionId,
    pub shift_id: ShiftId,
    pub receipt_id: ReceiptId,
    pub receipt_number: i64,
    pub amount: Money,
}

#[derive(Debug, Serialize, Deserialize, TS)]
pub struct ChooseShift {
    pub shift_id: ShiftId,
}

/// Sends a count of a shift that still runs. A second one takes the first one's place; both are in the audit log.
#[derive(Debug, Serialize, Deserialize, TS)]
pub struct CountTill {
    pub shift_id: ShiftId,
    pub counted: Counted,
}

/// What a count came to.
#[derive(Clone, Debug, Serialize, TS)]
pub struct TillCount {
    pub counted: Money,
    pub expected: Money,
    /// Counted less expected.
    pub variance: Money,
    /// Likeliest first.
    pub causes: Vec<VarianceCause>,
}

#[derive(Clone, Debug, Serialize, TS)]
pub struct VarianceCause {
    pub kind: CauseKind,
    pub rows: Vec<ShiftRow>,
    /// The note or coin it is about.
    pub denomination: Option<Money>,
}

/// How a variance may have come about; declared from likely to less likely.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum CauseKind {
    /// Booked in cash, and no such money moved: it was paid another way, or not at all.
    Exact,
    /// Booked as another method and moved in cash.
    SwappedMethod,
    /// Two neighbouring digits of the count swapped.
    TransposedCount,
    /// Booked in one direction, moved in the other: the difference is twice the amount.
    WrongWay,
    /// Two neighbouring digits of the amount swapped when it was booked.
    TransposedAmount,
    NoteMissed,
    /// A note counted that is not there.
    NoteTwice,
    /// Two or three rows wrong at once.
    Together,
    /// Differs like two swapped digits, wherever.
    Transposed,
}

#[derive(Clone, Debug, Serialize, Deserialize, TS)]
pub struct CloseTill {
    pub idempotency_key: Uuid,
    pub shift_id: ShiftId,
    /// As the count's answer said; when money moved since, it is counted again.
    pub variance_minor: i64,
    /// The next shift's float; what else was counted goes into the safe.
    pub left_in_drawer_minor: i64,
    /// Why the drawer differs; required when it does.
    #[serde(default)]
    pub reason: Option<String>,
}

/// An X report of a shift that runs, a Z report of one that was closed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct ShiftReport {
    pub shift_id: ShiftId,
    pub till_id: TillId,
    pub till_name: String,
    /// Of the Z report; no gap per till.
    pub number: i32,
    pub business_day: NaiveDate,
    pub opened_at: DateTime<Utc>,
    pub opened_by: Option<String>,
    pub float: Money,
    pub float_counted: bool,
    /// Charged on this shift's receipts, tax included.
    pub sales: FigureTotal,
    /// Charges taken back by voids and credit notes.
    pub credits: FigureTotal,
    pub payments: Vec<MethodTotal>,
    pub refunds: Vec<MethodTotal>,
    pub cash_in: FigureTotal,
    pub cash_out: FigureTotal,
    /// Bills paid out of the drawer.
    pub expenses: FigureTotal,
    /// Sales less credits by rate.
    pub taxes: Vec<TaxFigure>,
    pub receipts: Option<ReceiptRange>,
    pub expected: Money,
    pub closing: Option<Closing>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct TaxFigure {
    /// None: sold without tax.
    pub name: Option<String>,
    /// Hundredths of a per cent.
    pub rate_bp: i32,
    /// With tax.
    pub gross: Money,
    pub tax: Money,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct ReceiptRange {
    pub first: i64,
    pub last: i64,
    pub count: i64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Closing {
    pub closed_at: DateTime<Utc>,
    pub closed_by: Option<String>,
    pub counted: Counted,
    pub counted_amount: Money,
    pub variance: Money,
    pub variance_reason: Option<String>,
    pub left_in_drawer: Money,
    pub to_safe: Money,
}

/// A figure of a report that can be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum Figure {
    Sales,
    Credits,
    /// Of a method.
    Payments(Method),
    /// Of a method.
    Refunds(Method),
    CashIn,
    CashOut,
    Expenses,
    Receipts,
}

#[derive(Debug, Serialize, Deserialize, TS)]
pub struct ListShiftRows {
    pub shift_id: ShiftId,
    pub figure: Figure,
    #[serde(default)]
    pub offset: i64,
}

/// 200 rows of a figure, oldest first.
#[derive(Clone, Debug, Serialize, TS)]
pub struct ShiftRows {
    pub rows: Vec<ShiftRow>,
    pub total: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, TS, sqlx::Type)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum MovementKind {
    Payment,
    Refund,
    CashIn,
    CashOut,
    Expense,
}

/// A row behind a figure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, TS)]
pub struct ShiftRow {
    pub transaction_id: TransactionId,
    pub at: DateTime<Utc>,
    /// Who did it.
    pub by: Option<String>,
    /// As booked; above zero.
    pub amount: Money,
    pub method: Option<Method>,
    pub member_id: Option<MemberId>,
    pub member: Option<String>,
    /// What was sold, why cash moved, whom a bill is from, a slip's number.
    pub text: Option<String>,
    pub receipt_id: Option<ReceiptId>,
    pub receipt_number: Option<i64>,
}

#[derive(Debug, Serialize, Deserialize, TS)]
pub struct ListShifts {
    pub from: NaiveDate,
    /// Inclusive.
    pub until: NaiveDate,
    /// Only of this drawer.
    #[serde(default)]
    pub till_id: Option<TillId>,
}

/// Shifts by business day, newest first.
#[derive(Clone, Debug, Serialize, TS)]
pub struct Shifts {
    pub rows: Vec<ShiftSummary>,
}

#[derive(Clone, Debug, Serialize, TS)]
pub struct ShiftSummary {
    pub id: ShiftId,
    pub till_id: TillId,
    pub till_name: String,
    pub number: i32,
    pub business_day: NaiveDate,
    pub opened_at: DateTime<Utc>,
    pub opened_by: Option<String>,
    pub float_counted: bool,
    pub closed_at: Option<DateTime<Utc>>,
    pub closed_by: Option<String>,
    pub expected: Option<Money>,
    pub counted: Option<Money>,
    pub variance: Option<Money>,
    pub variance_reason: Option<String>,
}

/// The branch's drawers and which desks use them.
#[derive(Clone, Debug, Serialize, TS)]
pub struct Tills {
    pub rows: Vec<TillRow>,
    pub desks: Vec<DeskTill>,
}

#[derive(Clone, Debug, Serialize, TS)]
pub struct TillRow {
    pub id: TillId,
    pub number: i16,
    pub name: String,
    /// The shift that runs.
    pub shift_id: Option<ShiftId>,
}

#[derive(Clone, Debug, Serialize, TS)]
pub struct DeskTill {
    pub desk_id: DeskId,
    pub desk_name: String,
    pub till_id: TillId,
}

#[derive(Debug, Serialize, Deserialize, TS)]
pub struct SetDeskTill {
    pub desk_id: DeskId,
    pub till_id: TillId,
}

/// Another drawer for the branch; it takes the next number. A retry with the same id makes no second one.
#[derive(Debug, Serialize, Deserialize, TS)]
pub struct CreateTill {
    pub id: TillId,
    pub name: String,
}

/// What is printed from now on; receipts and reports that were given out keep the name they have.
#[derive(Debug, Serialize, Deserialize, TS)]
pub struct RenameTill {
    pub till_id: TillId,
    pub name: String,
}
