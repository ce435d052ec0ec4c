//! People on one bill.
pub mod service;
pub mod wire;
