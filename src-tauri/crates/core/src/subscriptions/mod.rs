//! Subscriptions: what was sold, for which days, and what is left of it.
//!
//! Nothing here stores a status. A subscription is its terms, fixed when it was sold, and a list of events;
//! [`model::fold`] turns them into periods, and everything else is asked of those on a given day.
pub mod access;
pub mod actions;
pub mod acts;
pub mod auto_renew;
pub mod closures;
pub mod door;
pub mod listing;
pub mod model;
pub mod service;
pub mod store;
pub mod wire;
