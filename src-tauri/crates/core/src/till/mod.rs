//! Drawers and their shifts: the float, cash in and out, the blind count, and the report that closes a shift.
pub mod denominations;
pub mod model;
pub mod report;
pub mod service;
pub mod store;
pub mod wire;
