//! The books of another system, as two CSV files: what was sold, then what was paid. Rehearsed first, then for real.
//!
//! Files are as those of members. `subscriptions` has the columns `external_id number phone email plan starts_on
//! ends_on sold_on visits_left price currency`, `payments` has `external_id number phone email date amount currency
//! method reference subscription refunds`. Members are named by one or more of number (ours, or one that came with
//! them), phone and e-mail. `subscription` is the external id of the one that is paid; without it a payment settles
//! what the member owes longest. `refunds` is the external id of the payment that a line gives back.
//!
//! History is posted on its own business days, to the account `opening` instead of a drawer, and gets no receipt. What
//! was charged and not paid is open debt; what was paid and not charged is credit. Money given back for something takes
//! as much off its price. The old system has paid the tax: none is found in the amounts.
mod books;
mod names;
mod payments;
mod read;
pub mod service;
mod subscriptions;
mod tally;

use super::{Finding, Severity};
use crate::payments::wire::Method;
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

/// Which of the two files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    Subscriptions,
    Payments,
}

/// What an import of old books would do, or has done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LedgerReport {
    pub kind: Kind,
    /// Rows of the file that are not blank.
    pub rows: u64,
    /// Rows that come in.
    pub new: u64,
    /// Rows that an earlier run brought in.
    pub already: u64,
    /// Rows left out for an error.
    pub refused: u64,
    /// What comes in, by currency and way.
    pub sums: Vec<Sum>,
    /// What that does to the ledger: debits less credits of each account.
    pub accounts: Vec<AccountSum>,
    /// What is still owed afterwards for everything imported at this branch, in minor units of `currency`.
    pub owed: i64,
    /// What is credit afterwards of every payment imported at this branch.
    pub credit: i64,
    /// The branch's.
    pub currency: String,
    pub findings: Vec<Finding>,
    /// False for a rehearsal. When true, sums, accounts, debt and credit were read back from the ledger, and were those
    /// of the file.
    pub stored: bool,
}

impl LedgerReport {
    pub fn has_errors(&self) -> bool {
        self.findings.iter().any(|finding| finding.severity == Severity::Error)
    }
}

/// Rows of one sort and what they come to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Sum {
    pub what: What,
    /// How it was paid, or given back.
    pub method: Option<Method>,
    pub currency: String,
    pub count: u64,
    /// In minor units.
    pub minor: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    Charges,
    Payments,
    Refunds,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AccountSum {
    pub account: String,
    pub currency: String,
    /// In minor units, debits positive.
    pub minor: i64,
}

/// A UUID version 8 (RFC 9562: free for the application) of an external id, so that the same line is the same row in a
/// second run. `what` tells ids of different things apart.
fn id_of(branch: Uuid, what: &str, external_id: &str) -> Uuid {
    let mut digest = Sha256::new_with_prefix(branch.as_bytes());
    digest.update(what);
    digest.update([0]);
    digest.update(external_id);
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest.finalize()[..16]);
    uuid::Builder::from_custom_bytes(bytes).into_uuid()
}
