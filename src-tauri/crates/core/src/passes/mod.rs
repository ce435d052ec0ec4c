//! Passes: the codes members carry, printed or on the phone.
pub mod wire;
