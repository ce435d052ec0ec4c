//! Real Postgres, gyms and clocks for tests.
