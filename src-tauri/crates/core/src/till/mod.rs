//! Drawers and their shifts.
pub mod store;
