//! Rows on their way into the database in Postgres' binary COPY format
//! (PostgreSQL manual, COPY, "Binary Format"): nothing to escape, nothing to parse.
use crate::error::Error;
use chrono::{DateTime, NaiveDate, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

const HEADER: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
const TRAILER: [u8; 2] = (-1_i16).to_be_bytes();

macro_rules! tables {
    ($($name:ident: $table:literal ($($column:literal),+)),+ $(,)?) => {
        /// The tables in the order in which their rows can be inserted.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Table { $($name),+ }

        impl Table {
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            fn statement(self) -> &'static str {
                match self {
                    $(Self::$name => concat!("copy ", $table, " (", tables!(@list $($column),+), ") from stdin (format binary)")),+
                }
            }

            pub fn name(self) -> &'static str {
                match self { $(Self::$name => $table),+ }
            }

            fn columns(self) -> i16 {
                match self { $(Self::$name => const { 0_i16 $(+ { let _ = $column; 1 })+ }),+ }
            }
        }
    };
    (@list $first:literal $(, $rest:literal)*) => { concat!($first $(, ", ", $rest)*) };
}

tables! {
    Members: "members" ("id", "home_branch_id", "number", "full_name", "native_name", "phone", "email", "birth_date", "sex",
        "goal", "fitness_level", "tags", "consent", "language", "created_at", "updated_at"),
    SearchKeys: "member_search_keys" ("member_id", "kind", "key"),
    Notes: "member_notes" ("id", "member_id", "body", "at_door", "created_at", "created_by"),
    Measurements: "measurements" ("id", "member_id", "kind", "value", "measured_on", "created_at", "created_by"),
    Passes: "passes" ("id", "pass_id", "member_id", "kind", "secret", "issued_at", "issued_by"),
    Aliases: "pass_aliases" ("code", "pass_id", "created_at", "created_by"),
    Subscriptions: "subscriptions" ("id", "branch_id", "member_id", "plan_id", "plan_name", "kind", "duration_unit", "duration_count",
        "visits", "visit_rule", "access_windows", "branch_scope", "freeze_days", "freeze_times", "anchor_day", "created_at"),
    Transactions: "ledger_transactions" ("id", "branch_id", "kind", "at", "business_day", "idempotency_key", "account_id", "desk_id",
        "digest"),
    LedgerEntries: "ledger_entries" ("id", "transaction_id", "account", "member_id", "amount", "currency"),
    Charges: "charges" ("id", "transaction_id", "member_id", "payer_id", "subscription_id", "description", "unit_amount", "amount", "currency",
        "due_on"),
    Payments: "payments" ("id", "transaction_id", "member_id", "method", "amount", "currency", "tendered", "reference"),
    Allocations: "allocations" ("id", "transaction_id", "payment_id", "charge_id", "amount"),
    Events: "subscription_events" ("id", "branch_id", "subscription_id", "seq", "kind", "at", "business_day", "starts_on", "ends_on",
        "visits", "account_id", "ledger_transaction_id"),
    Scans: "scans" ("id", "branch_id", "desk_id", "account_id", "source", "at", "business_day", "pass_id", "member_id", "code_hint",
        "outcome", "reasons", "entry_id"),
    Entries: "entries" ("id", "branch_id", "member_id", "seq", "scan_id", "desk_id", "account_id", "at", "business_day", "subscription_id"),
    Exits: "exits" ("entry_id", "branch_id", "at", "desk_id", "account_id"),
    VisitUses: "visit_uses" ("id", "branch_id", "subscription_id", "visit_no", "entry_id", "business_day"),
}

/// Rows of all tables that belong together: they are committed in one transaction.
#[derive(Debug)]
pub struct Batch {
    tables: Vec<Vec<u8>>,
    pub rows: u64,
}

impl Default for Batch {
    fn default() -> Self {
        Self { tables: vec![Vec::new(); Table::ALL.len()], rows: 0 }
    }
}

impl Batch {
    /// A new row; the caller adds all its columns in the order of the table's list.
    pub fn row(&mut self, table: Table) -> Row<'_> {
        self.rows += 1;
        let buffer = &mut self.tables[table as usize];
        if buffer.is_empty() {
            buffer.extend(HEADER);
        }
        buffer.extend(table.columns().to_be_bytes());
        Row { buffer, left: table.columns() }
    }

    /// Bytes waiting.
    pub fn size(&self) -> usize {
        self.tables.iter().map(Vec::len).sum()
    }

    /// Sends all rows; the caller's transaction commits them.
    pub async fn send(self, db: &mut PgConnection) -> Result<u64, Error> {
        for (table, mut rows) in Table::ALL.iter().zip(self.tables) {
            if rows.is_empty() {
                continue;
            }
            rows.extend(TRAILER);
            let mut copy = db.copy_in_raw(table.statement()).await?;
            copy.send(rows).await?;
            copy.finish().await?;
        }
        Ok(self.rows)
    }
}

/// A row being written.
pub struct Row<'a> {
    buffer: &'a mut Vec<u8>,
    left: i16,
}

impl Drop for Row<'_> {
    fn drop(&mut self) {
        debug_assert_eq!(self.left, 0, "a row has all its columns");
    }
}

impl Row<'_> {
    pub fn raw(&mut self, bytes: &[u8]) -> &mut Self {
        self.left -= 1;
        let length = i32::try_from(bytes.len()).unwrap_or(0);
        self.buffer.extend(length.to_be_bytes());
        self.buffer.extend(bytes);
        self
    }

    pub fn null(&mut self) -> &mut Self {
        self.left -= 1;
        self.buffer.extend((-1_i32).to_be_bytes());
        self
    }

    fn optional<T>(&mut self, value: Option<T>, write: impl FnOnce(&mut Self, T) -> &mut Self) -> &mut Self {
        match value {
            Some(value) => write(self, value),
            None => self.null(),
        }
    }

    pub fn id(&mut self, id: impl Into<Option<Uuid>>) -> &mut Self {
        self.optional(id.into(), |row, id| row.raw(id.as_bytes()))
    }

    pub fn text<'t>(&mut self, text: impl Into<Option<&'t str>>) -> &mut Self {
        self.optional(text.into(), |row, text| row.raw(text.as_bytes()))
    }

    pub fn json(&mut self, text: &str) -> &mut Self {
        // Version of jsonb's binary format.
        let mut bytes = vec![1];
        bytes.extend(text.as_bytes());
        self.raw(&bytes)
    }

    pub fn smallint(&mut self, value: i16) -> &mut Self {
        self.raw(&value.to_be_bytes())
    }

    pub fn int(&mut self, value: impl Into<Option<i32>>) -> &mut Self {
        self.optional(value.into(), |row, value| row.raw(&value.to_be_bytes()))
    }

    pub fn bigint(&mut self, value: impl Into<Option<i64>>) -> &mut Self {
        self.optional(value.into(), |row, value| row.raw(&value.to_be_bytes()))
    }

    pub fn at(&mut self, at: DateTime<Utc>) -> &mut Self {
        // Microseconds since 2000-01-01.
        self.raw(&(at.timestamp_micros() - 946_684_800_000_000).to_be_bytes())
    }

    pub fn day(&mut self, day: impl Into<Option<NaiveDate>>) -> &mut Self {
        self.optional(day.into(), |row, day| {
            let since_1970 = day.signed_duration_since(NaiveDate::default()).num_days();
            row.raw(&i32::try_from(since_1970 - 10_957).unwrap_or(0).to_be_bytes())
        })
    }

    pub fn texts(&mut self, texts: &[&str]) -> &mut Self {
        const TEXT_OID: i32 = 25;
        let mut bytes = Vec::new();
        let count = i32::try_from(texts.len()).unwrap_or(0);
        for word in [i32::from(count > 0), 0, TEXT_OID] {
            bytes.extend(word.to_be_bytes());
        }
        if count > 0 {
            bytes.extend(count.to_be_bytes());
            bytes.extend(1_i32.to_be_bytes());
        }
        for text in texts {
            bytes.extend(i32::try_from(text.len()).unwrap_or(0).to_be_bytes());
            bytes.extend(text.as_bytes());
        }
        self.raw(&bytes)
    }
}
