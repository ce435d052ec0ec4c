//! How a branch is paid from afar: its UPI address, bank account, and gateways with their keys.
pub mod service;
pub mod store;
pub mod wire;
