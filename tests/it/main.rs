//! The gym from the outside: services against a real Postgres, and the golden tables.

mod calendar;
mod kill;
mod plans;
mod sales;
mod testkit;
