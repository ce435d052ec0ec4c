//! Benchmarks: every figure beside its reference, one JSON line each. One module per area.

pub mod checkin;
pub mod figure;
mod floor;
mod measure;
pub mod money;
mod people;
pub mod scan;
pub mod search;
pub mod stage;
pub mod sync;
pub mod window;
