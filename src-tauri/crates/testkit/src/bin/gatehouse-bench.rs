//! `gatehouse-bench [--area AREA]`: measures one area or all of them, one JSON line per figure.

use std::env;
use std::error::Error;
use std::process::ExitCode;

use gatehouse_testkit::bench::{checkin, money, scan, search, sync, window};

/// Areas by name, in the order in which they run.
const AREAS: [(&str, Run); 7] = [
    ("scan", scan::run),
    ("checkin", checkin::run),
    ("search", search::run),
    ("money", money::run),
    ("sync", sync::run),
    ("start", window::start),
    ("memory", window::memory),
];

type Run = fn() -> Result<(), Box<dyn Error>>;

fn main() -> ExitCode {
    let mut wanted = None;
    let mut arguments = env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            // Without a name, as `make bench` passes it, all areas are meant.
            "--area" => wanted = arguments.next().filter(|area| !area.is_empty()),
            "--help" | "-h" => {
                eprintln!("usage: gatehouse-bench [--area {}]", AREAS.map(|(name, _)| name).join("|"));
                return ExitCode::SUCCESS;
            }
            other => {
                eprintln!("gatehouse-bench: unknown argument {other}; see --help");
                return ExitCode::from(2);
            }
        }
    }
    let mut known = false;
    for (name, run) in AREAS {
        if wanted.as_deref().is_some_and(|area| area != name) {
            continue;
        }
        known = true;
        if let Err(error) = run() {
            eprintln!("gatehouse-bench: {name}: {error}");
            return ExitCode::FAILURE;
        }
    }
    if known {
        return ExitCode::SUCCESS;
    }
    eprintln!("gatehouse-bench: no such area; see --help");
    ExitCode::from(2)
}
