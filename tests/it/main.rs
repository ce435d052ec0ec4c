//! The gym from the outside: services against a real Postgres, and the golden tables.

mod calendar;
mod demo;
mod import;
mod kill;
mod members;
mod plans;
mod sales;
mod search;
mod testkit;
