//! The embedded Postgres: find, initialise, start, adopt, stop, back up.
//!
//! One server belongs to one folder, the *home*. Whoever holds the lock in it owns the server: starts it,
//! starts it again when it falls over, stops it at the end. Everybody else joins. When the owner goes, the
//! next caller of [`Server::ensure`] takes the lock and starts the server again.
//!
//! What never happens here: a server as root, a server without fsync (but for tests), a TCP port, a
//! password in a log, a data folder deleted.

mod account;
mod backup;
mod binaries;
mod bootstrap;
mod config;
mod error;
mod home;
mod initdb;
mod postmaster;
mod secrets;
mod server;
mod state;
mod url;

pub use backup::restore;
pub use binaries::{Binaries, default_binaries_dir};
pub use config::{Config, Durability, Lifetime, default_home};
pub use error::Error;
pub use server::{Role, Server};
pub use url::DatabaseUrl;

/// The database of the product.
pub const DATABASE: &str = "gatehouse";
/// The role that migrates and owns every table.
pub const OWNER_ROLE: &str = "gatehouse_owner";
/// The role the product works as: grants only, owns nothing.
pub const APP_ROLE: &str = "gatehouse_app";
/// The cluster's superuser: roles, backups, the tests' databases. The product never works as it.
pub const ADMIN_ROLE: &str = "gatehouse_admin";
/// The major version that this crate starts and whose data folders it accepts.
pub const MAJOR_VERSION: &str = "18";
