//! The command line of Gatehouse.

mod checkin;
mod demo;
mod doctor;
mod house;
mod hq;
mod import;
mod metrics;
mod pair;
mod scan;
mod serve;
mod verify;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// The command line of Gatehouse, the reception desk and back office of a gym.
#[derive(Debug, Parser)]
#[command(name = "gatehousectl", version, after_help = ENVIRONMENT)]
struct Cli {
    /// Folder of database and files, instead of the account's data folder
    #[arg(long, global = true, value_name = "DIR")]
    data_dir: Option<PathBuf>,

    #[command(subcommand)]
    command: Command,
}

const ENVIRONMENT: &str = "\
Environment:
  GATEHOUSE_HOME          as --data-dir
  GATEHOUSE_DATABASE_URL  a Postgres server (15 or newer) instead of the embedded one, as the app role
  GATEHOUSE_MIGRATE_URL   the same database as the owner role, for migrations
  GATEHOUSE_LAN_LISTEN    address:port at which other desks may ask this machine
  GATEHOUSE_HEADQUARTERS_URL
                          the headquarters' database as this branch, instead of what joining has stored
  GATEHOUSE_HQ_OWNER_URL  the headquarters' database as its owner, for `hq` and `metrics`
  GATEHOUSE_LOG           what is logged, for example info or gatehouse_net=debug";

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve the staff interface to browsers
    Serve(serve::ServeArgs),
    /// Read codes from a picture, a folder, a film, a webcam, a camera over HTTP or a serial scanner
    Scan(scan::ScanArgs),
    /// Check a member in by the text of a code
    Checkin(checkin::CheckInArgs),
    /// Fill the gym with made-up members and their history; sets it up first if it is empty
    Demo(demo::DemoArgs),
    /// Bring in members from a CSV file; a rehearsal unless --commit is given
    Import(import::ImportArgs),
    /// Make this computer a desk of a branch computer
    Pair(pair::PairArgs),
    /// Make a headquarters, let branches in, join one
    Hq(hq::HqArgs),
    /// Print figures of the relay for a monitoring system
    Metrics(metrics::MetricsArgs),
    /// Bring the database up to date; a backup is taken first
    Migrate,
    /// Compute receipts and ledger anew; name the first row that is not as it was written
    Verify(verify::VerifyArgs),
    /// Check this installation and say what is wrong
    Doctor(doctor::DoctorArgs),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    // Scanning needs no database and no runtime.
    let command = match cli.command {
        Command::Scan(args) => return scan::run(&args),
        other => other,
    };
    house::log_to_stderr();
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => return house::fail(&error),
    };
    runtime.block_on(async {
        match command {
            Command::Scan(_) => ExitCode::SUCCESS,
            Command::Serve(args) => serve::run(args, cli.data_dir).await,
            Command::Checkin(args) => checkin::run(args, cli.data_dir).await,
            Command::Demo(args) => demo::run(args, cli.data_dir).await,
            Command::Import(args) => import::run(args, cli.data_dir).await,
            Command::Pair(args) => pair::run(args, cli.data_dir).await,
            Command::Hq(args) => hq::run(args, cli.data_dir).await,
            Command::Metrics(args) => metrics::run(args, cli.data_dir).await,
            Command::Migrate => house::migrate(cli.data_dir).await,
            Command::Verify(args) => verify::run(args, cli.data_dir).await,
            Command::Doctor(args) => doctor::run(args, cli.data_dir).await,
        }
    })
}
