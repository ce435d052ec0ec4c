//! `gatehousectl import`: members from a CSV file, rehearsed first.
use crate::house::{fail, open};
use gatehouse_core::actor::Actor;
use gatehouse_core::error::Error;
use gatehouse_core::gym::service::status;
use gatehouse_core::import::{Finding, Report, Severity, service};
use gatehouse_core::services::Services;
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(Debug, clap::Args)]
#[command(after_help = HELP)]
pub struct ImportArgs {
    /// The file, UTF-8, separated by comma, semicolon or tab
    file: PathBuf,
    /// Store it; without this nothing is changed
    #[arg(long)]
    commit: bool,
    /// With --commit: leave out rows with errors instead of storing nothing
    #[arg(long, requires = "commit")]
    skip_refused: bool,
    /// The report as one JSON object
    #[arg(long)]
    json: bool,
}

const HELP: &str = "\
Columns: full_name native_name number phone email birth_date sex notes language alias plan starts_on ends_on visits_left
Days are 2026-11-21, 21/11/2026 or 21.11.2026. A row that an earlier run brought in is skipped.
Exit codes: 0 no errors in the file, 1 the import failed, 3 rows with errors";

/// Exit code for a file with rows that cannot come in.
const ROWS_REFUSED: u8 = 3;

/// Rehearses or imports, and reports line by line.
pub async fn run(args: ImportArgs, data_dir: Option<PathBuf>) -> ExitCode {
    let house = match open(data_dir).await {
        Ok(house) => house,
        Err(error) => return fail(&error),
    };
    let done = import(&args, &house.services).await;
    house.close().await;
    let report = match done {
        Ok(report) => report,
        Err(error) => return fail(&error),
    };
    if args.json {
        println!("{}", serde_json::json!(report));
    } else {
        tell(&report);
    }
    if report.has_errors() { ExitCode::from(ROWS_REFUSED) } else { ExitCode::SUCCESS }
}

async fn import(args: &ImportArgs, services: &Services) -> Result<Report, Error> {
    let bytes = tokio::fs::read(&args.file)
        .await
        .map_err(|error| Error::Internal(format!("cannot read {}: {error}", args.file.display())))?;
    let place = status(services, None).await?;
    let (Some(branch), Some(desk)) = (place.branch, place.desk) else {
        let what = "the gym is not set up yet: open Gatehouse once, or run `gatehousectl demo`";
        return Err(Error::Internal(what.to_owned()));
    };
    let actor = Actor::System { branch: Some(branch.id), desk: Some(desk.id) };
    if args.commit {
        service::run(services, &actor, &bytes, args.skip_refused).await
    } else {
        service::rehearse(services, &actor, &bytes).await
    }
}

fn tell(report: &Report) {
    for finding in &report.findings {
        println!("{}", sentence(finding));
    }
    let verb = if report.stored { "brought in" } else { "would be brought in" };
    println!(
        "{} rows: {} members {verb}, {} of them with a running subscription, {} card codes; {} already there, {} refused",
        report.rows, report.members, report.subscriptions, report.aliases, report.already, report.refused
    );
    if !report.stored {
        println!("Nothing was stored.");
    }
}

fn sentence(finding: &Finding) -> String {
    let severity = match finding.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    };
    let field = if finding.field.is_empty() { String::new() } else { format!(" {}:", finding.field) };
    let other = finding.other.as_ref().map(|other| format!(" ({other})")).unwrap_or_default();
    format!("line {}: {severity}:{field} {}{other}", finding.line, words(finding.code))
}

/// A code as English.
fn words(code: &str) -> &str {
    match code {
        "alias_characters" => "the code has control characters",
        "alias_is_member_number" => "the code is a member's number here",
        "alias_is_pass" => "the code looks like one of our own passes",
        "alias_length" => "the code is shorter than 3 or longer than 128 characters",
        "alias_taken" => "another member has this code",
        "column_missing" => "the file has no such column",
        "column_twice" => "the file has this column twice",
        "column_unknown" => "no such column; see --help",
        "control_characters" => "has control characters",
        "csv_unreadable" => "this is no CSV",
        "date_in_future" => "lies in the future",
        "date_invalid" => "no such day",
        "date_too_early" => "lies before 1900",
        "email_format" => "no e-mail address",
        "email_shared" => "another member has this address",
        "encoding_not_utf8" => "the file is not UTF-8 from here on; save it as CSV UTF-8",
        "encoding_utf16" => "the file is UTF-16; save it as CSV UTF-8",
        "ends_before_start" => "lies before the start",
        "file_too_large" => "the file is larger than 64 MB",
        "language_unknown" => "is en, ar or hi",
        "line_twice" => "the same as another line",
        "member_known" => "a member with this name and birth date is there",
        "number_taken" => "another member has this number",
        "out_of_range" => "out of range",
        "phone_format" => "no phone number with 10 to 15 digits",
        "phone_shared" => "another member has this phone",
        "plan_unknown" => "the gym sells no such plan",
        "required" => "is missing",
        "sex_unknown" => "is f or m",
        "subscription_over" => "is over already: only the member comes in",
        "too_long" => "is too long",
        "visits_not_counted" => "the plan counts no visits",
        "wrong_number_of_fields" => "has more or fewer fields than the header",
        other => other,
    }
}
