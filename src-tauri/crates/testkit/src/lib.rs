//! Real Postgres, gyms and clocks for tests.

mod cluster;

pub use cluster::TestDb;
