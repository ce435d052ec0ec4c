//! The gym, its branches and desks, and the wizard that creates them.
pub mod service;
pub mod wire;
