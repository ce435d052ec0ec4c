//! The door: one engine and one rule set for every way in.
//!
//! A scan is one question to the database (`store::look_up`), one pure decision (`decide`), and one statement
//! that writes everything (`store::write`). Nothing is locked in between: the entries of a member and the visits
//! of a subscription are numbered, and of two that take the same number the database refuses one, which asks and
//! decides again.
pub mod code;
pub mod decide;
pub mod emergency;
pub mod feed;
pub mod replay;
pub mod service;
pub mod snapshot;
pub mod store;
pub mod wire;
