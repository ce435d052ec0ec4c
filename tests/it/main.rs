//! The gym from the outside: services against a real Postgres, and the golden tables.

mod calendar;
mod checkin;
mod demo;
mod desks;
mod expenses;
mod gateways;
mod import;
mod import_ledger;
mod kill;
mod life;
mod members;
mod money;
mod passes;
mod plans;
mod race;
mod receipt_desk;
mod receipts;
mod retail;
mod rpc;
mod sales;
mod search;
mod shelf;
mod sync;
mod testkit;
mod tills;
mod verify;
