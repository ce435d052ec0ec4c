//! Plans and their prices.
pub mod model;
pub mod service;
pub mod store;
pub mod wire;
