//! Passes: the codes members carry, printed or on the phone.
pub mod alias;
pub mod card;
pub mod payload;
pub mod print;
pub mod service;
pub mod store;
pub mod wire;
