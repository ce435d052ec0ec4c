//! Members from another system, as a CSV file: rehearsed first, then for real.
//!
//! The file is UTF-8, with `,`, `;` or tabs, and a header. Columns, all but the first optional, in any order:
//! `full_name native_name number phone email birth_date sex notes language alias plan starts_on ends_on visits_left`.
//! Days are `2026-11-21`, `21/11/2026` or `21.11.2026`. A plan is named as the gym names it; with it a running
//! subscription is brought over as it was sold there, and nothing is charged.
pub mod file;
pub mod ledger;
pub mod row;
pub mod service;

use serde::Serialize;

/// Whether a row can come in all the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Comes in; somebody should look.
    Warning,
    /// Does not come in.
    Error,
}

/// Something about one field of one line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// In the file, the header being 1.
    pub line: u64,
    /// The column; empty for the line as a whole.
    pub field: String,
    pub code: &'static str,
    pub severity: Severity,
    /// Whom or what it collides with: a line, or a member's number.
    pub other: Option<String>,
}

impl Finding {
    pub fn error(line: u64, field: &str, code: &'static str) -> Self {
        Self { line, field: field.to_owned(), code, severity: Severity::Error, other: None }
    }

    pub fn warning(line: u64, field: &str, code: &'static str) -> Self {
        Self { severity: Severity::Warning, ..Self::error(line, field, code) }
    }

    #[must_use]
    pub fn with(mut self, other: impl Into<String>) -> Self {
        self.other = Some(other.into());
        self
    }
}

/// What an import would do, or has done.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Rows of the file that are not blank.
    pub rows: u64,
    /// Members that come in.
    pub members: u64,
    /// Of those, with a subscription that runs.
    pub subscriptions: u64,
    /// Codes of old cards.
    pub aliases: u64,
    /// Rows that an earlier run brought in.
    pub already: u64,
    /// Rows left out for an error.
    pub refused: u64,
    pub findings: Vec<Finding>,
    /// False for a rehearsal.
    pub stored: bool,
}

impl Report {
    pub fn has_errors(&self) -> bool {
        self.findings.iter().any(|finding| finding.severity == Severity::Error)
    }
}
