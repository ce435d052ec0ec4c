//! Opening the house from the command line.
use gatehouse_net::house::{House, OpenError, Place};
use std::fmt::Display;
use std::io::{self, IsTerminal as _};
use std::path::PathBuf;
use std::process::ExitCode;
use tracing_subscriber::EnvFilter;

/// Warnings to standard error; `GATEHOUSE_LOG` sets another filter.
pub fn log_to_stderr() {
    let filter = EnvFilter::try_from_env("GATEHOUSE_LOG").unwrap_or_else(|_| EnvFilter::new("warn"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(io::stderr().is_terminal())
        .with_writer(io::stderr)
        .init();
}

/// Opens it, starting or joining the database.
pub async fn open(data_dir: Option<PathBuf>) -> Result<House, OpenError> {
    House::open(Place::from_env(data_dir, None)).await
}

/// Says on standard error what went wrong.
pub fn fail(error: &dyn Display) -> ExitCode {
    eprintln!("gatehousectl: {error}");
    ExitCode::FAILURE
}

/// `gatehousectl migrate`: opening migrates.
pub async fn migrate(data_dir: Option<PathBuf>) -> ExitCode {
    match open(data_dir).await {
        Ok(house) => {
            println!("The database is up to date.");
            house.close().await;
            ExitCode::SUCCESS
        }
        Err(error) => fail(&error),
    }
}
