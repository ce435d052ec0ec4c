//! Accounts, sessions, roles and what each role may do.
pub mod model;
pub mod wire;
