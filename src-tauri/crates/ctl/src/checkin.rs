//! `gatehousectl checkin`: one scan at the desk of this machine, without a window.

use crate::house;
use clap::builder::NonEmptyStringValueParser;
use gatehouse_core::actor::Actor;
use gatehouse_core::checkin::service::check_in;
use gatehouse_core::checkin::wire::{CheckIn, Outcome, Source, Verdict, Who};
use gatehouse_core::error::Error;
use gatehouse_core::gym;
use gatehouse_core::ids::{DeskId, ScanId};
use gatehouse_core::services::Services;
use gatehouse_net::desk::DeskFile;
use std::path::PathBuf;
use std::process::ExitCode;
use uuid::Uuid;

/// Checks a member in by the text of a code, an old code or a member number.
#[derive(Debug, clap::Args)]
#[command(after_help = EXIT_CODES)]
pub struct CheckInArgs {
    /// What was read: the text inside a QR code, an old system's code, or a member number
    #[arg(long, value_parser = NonEmptyStringValueParser::new())]
    code: String,

    /// Nonce of this scan: the same again gets the same answer
    #[arg(long, value_name = "UUID")]
    scan_id: Option<Uuid>,

    /// The desk; otherwise the one this machine is, or the branch's first
    #[arg(long, value_name = "UUID")]
    desk: Option<Uuid>,

    /// The whole verdict as one JSON line
    #[arg(long)]
    json: bool,
}

const EXIT_CODES: &str = "\
Exit codes:
  0  admitted (look at the reasons: something may have to be said)
  1  the scan could not be decided; nothing was stored
  2  the command line is wrong
  3  refused
  4  to be looked at: nobody was let in yet";

/// Runs the command.
pub async fn run(args: CheckInArgs, data_dir: Option<PathBuf>) -> ExitCode {
    let house = match house::open(data_dir).await {
        Ok(house) => house,
        Err(error) => return house::fail(&error),
    };
    let desk = args
        .desk
        .map(DeskId)
        .or_else(|| DeskFile::open(house.place.data_dir.join("desk.json")).read().desk_id);
    let mut verdict = scan(&house.services, &args, desk).await;
    // The database may have gone with another process that owned it: the same nonce makes trying again harmless.
    if matches!(verdict, Err(Error::Database(_))) && house.bring_back().await {
        verdict = scan(&house.services, &args, desk).await;
    }
    house.close().await;
    match verdict {
        Ok(verdict) => tell(&verdict, args.json),
        Err(error) => {
            let error = error.to_wire();
            match error.field {
                Some(field) => house::fail(&format!("{field}: {} ({})", error.message, error.code)),
                None => house::fail(&format!("{} ({})", error.message, error.code)),
            }
        }
    }
}

async fn scan(services: &Services, args: &CheckInArgs, desk: Option<DeskId>) -> Result<Verdict, Error> {
    let status = gym::service::status(services, desk).await?;
    let (Some(branch), Some(desk)) = (status.branch, status.desk) else {
        return Err(Error::NotFound(if status.is_set_up { "desk" } else { "gym" }));
    };
    let actor = Actor::System { branch: Some(branch.id), desk: Some(desk.id) };
    let scan_id = args.scan_id.map_or_else(|| ScanId::new(services.now()), ScanId);
    check_in(services, &actor, CheckIn { scan_id, who: Who::Code(args.code.clone()), source: Source::Cli })
        .await
}

fn tell(verdict: &Verdict, json: bool) -> ExitCode {
    let line = if json { serde_json::to_string(verdict) } else { words(verdict) };
    match line {
        Ok(line) => println!("{line}"),
        Err(error) => return house::fail(&error),
    }
    match (verdict.outcome, verdict.entry_id) {
        (Outcome::Refused, _) => ExitCode::from(3),
        (Outcome::Attention, None) => ExitCode::from(4),
        (Outcome::Admitted | Outcome::Attention, _) => ExitCode::SUCCESS,
    }
}

/// `admitted  Mona Adel`, or `refused  Mona Adel  expired`.
fn words(verdict: &Verdict) -> Result<String, serde_json::Error> {
    let mut words = vec![verdict.outcome.as_str().to_owned()];
    words.extend(verdict.member.as_ref().map(|member| member.full_name.clone()));
    for reason in &verdict.reasons {
        let reason = serde_json::to_value(reason)?;
        words.extend(reason.get("kind").and_then(serde_json::Value::as_str).map(str::to_owned));
    }
    Ok(words.join("\t"))
}
