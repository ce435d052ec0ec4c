//! The counter: what is sold together on one receipt, how it is paid, and taking it back.
//!
//! The preview and the sale are made from the same draft.
pub mod draft;
pub mod service;
pub(crate) mod shelf;
pub mod store;
pub mod void;
pub mod wire;
