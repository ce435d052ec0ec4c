//! The command line of Gatehouse.

mod scan;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// The command line of Gatehouse, the reception desk and back office of a gym.
#[derive(Debug, Parser)]
#[command(name = "gatehousectl", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Read codes from a picture, a folder, a film, a webcam, a camera over HTTP or a serial scanner
    Scan(scan::ScanArgs),
}

fn main() -> ExitCode {
    match Cli::parse().command {
        Command::Scan(args) => scan::run(&args),
    }
}
