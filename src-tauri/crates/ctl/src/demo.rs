//! `gatehousectl demo`: a believable gym to show, measure and try out.
use crate::house::{fail, open};
use gatehouse_core::demo::{self, Demo, Report};
use gatehouse_core::error::Error;
use gatehouse_net::house::House;
use std::io::{IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(Debug, clap::Args)]
pub struct DemoArgs {
    /// How many members to make
    #[arg(long, default_value_t = 2_000, value_parser = clap::value_parser!(u32).range(1..=5_000_000))]
    members: u32,
    /// Days of sales and visits before today
    #[arg(long, default_value_t = 730, value_parser = clap::value_parser!(u32).range(0..=3_650))]
    days: u32,
    /// The same seed makes the same members and visits
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Of a hundred members, those who buy packs of visits
    #[arg(long, default_value_t = 25, value_parser = clap::value_parser!(u8).range(0..=100))]
    packs: u8,
    /// The report as one JSON object
    #[arg(long)]
    json: bool,
}

/// Makes the gym and says how fast.
pub async fn run(args: DemoArgs, data_dir: Option<PathBuf>) -> ExitCode {
    let house = match open(data_dir).await {
        Ok(house) => house,
        Err(error) => return fail(&error),
    };
    let made = make(&args, &house).await;
    house.close().await;
    match made {
        Ok(report) => {
            tell(&args, report);
            ExitCode::SUCCESS
        }
        Err(error) => fail(&error),
    }
}

async fn make(args: &DemoArgs, house: &House) -> Result<Report, Error> {
    let demo = Demo {
        members: args.members,
        days: args.days,
        seed: args.seed,
        pack_percent: args.packs,
        now: house.services.now(),
    };
    let shows_progress = std::io::stderr().is_terminal();
    let report = demo::generate(&house.services, house.owner_url(), demo, |rows| {
        if shows_progress {
            eprint!("\r{rows} rows");
            let _ = std::io::stderr().flush();
        }
    })
    .await?;
    if shows_progress {
        eprint!("\r");
    }
    Ok(report)
}

fn tell(args: &DemoArgs, report: Report) {
    if args.json {
        println!(
            "{}",
            serde_json::json!({
                "members": report.members, "running": report.running, "native_names": report.native_names,
                "visits": report.visits, "rows": report.rows, "seconds": report.seconds,
                "rows_per_second": report.rows_per_second().round(),
                "login": report.login.map(|login| serde_json::json!({
                    "owner": login.owner_email, "reception": login.reception_username, "password": login.password,
                })),
            })
        );
        return;
    }
    println!(
        "{} members ({} with a running subscription, {} with names beyond Latin), {} visits",
        report.members, report.running, report.native_names, report.visits
    );
    println!("{} rows in {:.1} s: {:.0} rows/s", report.rows, report.seconds, report.rows_per_second());
    if let Some(login) = report.login {
        println!(
            "Log in as {} or {}, password {}",
            login.owner_email, login.reception_username, login.password
        );
    }
}
