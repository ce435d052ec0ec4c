//! The product: rules, storage and use cases of a gym. Knows no window, no HTTP, no SMTP.

pub mod actor;
pub mod audit;
pub mod auth;
pub mod checkin;
pub mod clock;
pub mod day;
pub mod db;
pub mod demo;
pub mod error;
pub mod gym;
pub mod ids;
pub mod import;
pub mod members;
pub mod money;
pub mod passes;
pub mod payments;
pub mod plans;
pub mod random;
pub mod receipts;
pub mod secret;
pub mod services;
pub mod subscriptions;
