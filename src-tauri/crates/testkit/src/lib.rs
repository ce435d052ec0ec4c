//! Real Postgres, gyms and clocks for tests.

#[cfg(feature = "bench")]
pub mod bench;
pub mod books;
mod clock;
mod cluster;
pub mod gateways;
mod gym;
mod house;
pub mod soak;
pub mod tls;

pub use clock::FakeClock;
pub use cluster::TestDb;
pub use gym::{GymSetup, TestGym, pack_form, plan_form, without};
