//! `gatehouse-soak --suite checkin|money|branches [--seed n] [--ops n]`: kills app and database under load and counts what
//! was lost or doubled; of branches, their databases, their headquarters and their relays. One JSON line.

use chrono::{DateTime, Utc};
use gatehouse_pg::Durability;
use gatehouse_testkit::soak::branches::{self, Mould};
use gatehouse_testkit::soak::{self, Plan, SUITES};
use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;

enum Work {
    Help,
    /// The child that is killed.
    App {
        folder: PathBuf,
        base: DateTime<Utc>,
        suite: &'static str,
    },
    /// The child of a branch that is killed.
    Relay(String),
    Drive(Plan),
}

fn main() -> ExitCode {
    let work = match parse(std::env::args().skip(1)) {
        Ok(work) => work,
        Err(wrong) => {
            eprintln!("gatehouse-soak: {wrong}; see --help");
            return ExitCode::from(2);
        }
    };
    match run(work) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("gatehouse-soak: {error}");
            ExitCode::FAILURE
        }
    }
}

fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Work, String> {
    let mut plan = Plan { suite: SUITES[0], seed: 1, ops: 0 };
    let mut ops = None;
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or(format!("{argument} wants a value"));
        match argument.as_str() {
            "--help" | "-h" => return Ok(Work::Help),
            "--app" => {
                let folder = value()?.into();
                let base = value()?.parse().map_err(|error| format!("{error}"))?;
                let suite = suite(&value()?)?;
                return Ok(Work::App { folder, base, suite });
            }
            "--relay" => return Ok(Work::Relay(value()?)),
            "--suite" => plan.suite = suite(&value()?)?,
            "--seed" => plan.seed = value()?.parse().map_err(|error| format!("--seed: {error}"))?,
            "--ops" => ops = Some(value()?.parse().map_err(|error| format!("--ops: {error}"))?),
            name => plan.suite = suite(name)?,
        }
    }
    plan.ops = ops.unwrap_or_else(|| full_size(plan.suite));
    Ok(Work::Drive(plan))
}

/// Operations of a run that proves what it is for; of branches, each branch's.
fn full_size(suite: &str) -> u64 {
    match suite {
        branches::NAME => 10_000,
        "money" => 20_000,
        _ => 5_000,
    }
}

fn suite(name: &str) -> Result<&'static str, String> {
    SUITES.into_iter().find(|suite| *suite == name).ok_or(format!("there is no suite {name}"))
}

fn run(work: Work) -> Result<ExitCode, Box<dyn Error>> {
    let runtime = tokio::runtime::Runtime::new()?;
    match work {
        Work::Help => {
            println!("usage: gatehouse-soak [--suite {}] [--seed n] [--ops n]", SUITES.join("|"));
            Ok(ExitCode::SUCCESS)
        }
        Work::App { folder, base, suite } => {
            runtime.block_on(soak::serve(suite, folder, base))?;
            Ok(ExitCode::SUCCESS)
        }
        Work::Relay(order) => {
            runtime.block_on(branches::relay::run(&order)).map_err(|error| error.to_string())?;
            Ok(ExitCode::SUCCESS)
        }
        Work::Drive(plan) if plan.suite == branches::NAME => {
            let report = runtime.block_on(branches(&plan)).map_err(|error| error.to_string())?;
            println!("{}", serde_json::to_string(&report)?);
            Ok(if report.is_clean() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
        }
        Work::Drive(plan) => {
            let report = runtime.block_on(soak::run(&plan))?;
            println!("{}", serde_json::to_string(&report)?);
            Ok(if report.found.is_clean() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
        }
    }
}

async fn branches(plan: &Plan) -> Result<branches::Report, Box<dyn Error + Send + Sync>> {
    let durability = Durability::Durable;
    let plan = branches::Plan { seed: plan.seed, ops: plan.ops, durability, relay: std::env::current_exe()? };
    branches::run(&plan, &Mould::make(durability).await?).await
}
