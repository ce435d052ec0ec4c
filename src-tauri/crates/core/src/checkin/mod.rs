//! The door: one engine and one rule set for every way in.
pub mod wire;
