//! Money taken and the ledger it is written to.
//!
//! The ledger is double entry and append-only: what was posted stays, and a mistake is taken back by a posting
//! of the opposite sign. The database refuses everything else.
pub mod batch;
pub mod collection;
pub mod dunning;
pub mod gateways;
pub mod idempotency;
pub mod mandates;
pub mod model;
pub mod posting;
pub mod refund;
pub mod requests;
pub mod service;
pub mod store;
pub mod tax;
pub mod upi;
pub mod wire;
