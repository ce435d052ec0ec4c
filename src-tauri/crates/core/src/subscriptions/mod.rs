//! Subscriptions: what was sold, for which days, and what is left of it.
pub mod wire;
