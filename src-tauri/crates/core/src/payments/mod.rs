//! Money taken and the ledger it is written to.
pub mod wire;
