//! The tax rates that plans and products name.
pub mod service;
pub mod store;
pub mod wire;
