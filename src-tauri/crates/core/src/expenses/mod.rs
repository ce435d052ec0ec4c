//! Bills the gym has to pay: entered with the paper, approved by somebody else, paid once.
pub mod model;
pub mod service;
pub mod store;
pub mod wire;
