//! Plans and their prices.
pub mod wire;
