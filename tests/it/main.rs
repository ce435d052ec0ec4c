//! The gym from the outside: services against a real Postgres, and the golden tables.

mod sales;
mod testkit;
