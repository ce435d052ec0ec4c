//! The gym from the outside: services against a real Postgres, and the golden tables.

mod calendar;
mod checkin;
mod demo;
mod gateways;
mod import;
mod kill;
mod life;
mod members;
mod money;
mod passes;
mod plans;
mod race;
mod receipts;
mod sales;
mod search;
mod testkit;
