//! The rows of one money write, sent to the database in one call: `write_money` of the migrations puts them where they
//! belong, in an order in which they refer to each other. Outside of a transaction the call is one by itself.
use crate::error::Error;
use crate::ids::ShiftId;
use crate::sealed::hex;
use serde_json::{Map, Value};
use sqlx::PgConnection;
use sqlx::types::Json;

/// Where the running number goes in a receipt's document.
pub const NUMBER: &str = "{number}";

/// Rows by table, each an object of its columns, and what [`Batch::set`] adds.
#[derive(Debug, Default)]
pub struct Batch {
    rows: Map<String, Value>,
    document: Option<String>,
}

impl Batch {
    /// Adds a row to a table. A column that it does not name is null, so nulls are not sent.
    pub fn add(&mut self, table: &str, mut row: Value) {
        if let Value::Object(columns) = &mut row {
            columns.retain(|_, value| !value.is_null());
        }
        match self.rows.get_mut(table) {
            Some(Value::Array(rows)) => rows.push(row),
            _ => self.set(table, Value::Array(vec![row])),
        }
    }

    pub(crate) fn set(&mut self, name: &str, value: Value) {
        self.rows.insert(name.to_owned(), value);
    }

    /// The shift that takes the money: it must be open, and a closing waits until the write is done.
    pub fn hold_shift(&mut self, shift: ShiftId) {
        self.set("shift", Value::String(shift.to_string()));
    }

    /// Payments and charges that were there before are held, in one order, before anything is settled.
    pub(crate) fn hold_what_is_settled(&mut self) {
        self.set("settles_others", Value::Bool(true));
    }

    /// The receipt; its document has [`NUMBER`] in place of the number.
    pub(crate) fn give(&mut self, receipt: Value, document: String) {
        self.set("receipt", receipt);
        self.document = Some(document);
    }

    /// Writes it all; gives the receipt's number.
    ///
    /// # Errors
    /// [`Error::Database`] with the constraint that refused.
    pub async fn write(self, db: &mut PgConnection) -> Result<Option<i64>, sqlx::Error> {
        sqlx::query_scalar!("select write_money($1, $2)", Json(Value::Object(self.rows)) as _, self.document)
            .fetch_one(db)
            .await
    }
}

/// Bytes as a `bytea` column reads them from text.
pub fn bytea(bytes: &[u8]) -> String {
    format!("\\x{}", hex(bytes))
}

/// What a constraint's refusal of a money write means.
pub fn refused(error: sqlx::Error) -> Error {
    match Error::constraint(&error) {
        Some("ledger_transactions_reverses_key" | "subscription_events_voids_key") => {
            Error::conflict("already_voided")
        }
        Some("open_charges_not_overpaid" | "payment_balances_not_overused") => {
            Error::conflict("already_settled")
        }
        Some("payment_balances_not_overrefunded") => Error::conflict("refund_above_payment"),
        Some("payments_request_key" | "refunds_request_key") => Error::conflict("already_confirmed"),
        Some("vouchers_not_overspent") => Error::conflict("voucher_spent"),
        Some("collection_under_way") => Error::conflict("collection_under_way"),
        Some("till_shifts_open") => Error::conflict("shift_changed"),
        Some("subscription_events_seq_key" | "subscription_events_about_key") => {
            Error::conflict("subscription_changed")
        }
        Some("subscription_events_closure_key") => Error::conflict("already_extended"),
        _ => error.into(),
    }
}
