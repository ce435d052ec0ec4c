//! Accounts, sessions, roles and what each role may do.
pub mod login;
pub mod model;
pub mod password;
pub mod permissions;
pub mod staff;
pub mod wire;
