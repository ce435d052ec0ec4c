//! `gatehousectl import`: members, and the books of an old system, from CSV files, rehearsed first.
use crate::house::{fail, open};
use gatehouse_core::actor::Actor;
use gatehouse_core::error::Error;
use gatehouse_core::gym::service::status;
use gatehouse_core::import::ledger::{self, LedgerReport, What};
use gatehouse_core::import::{Finding, Report, Severity, service};
use gatehouse_core::money::decimal;
use gatehouse_core::payments::wire::Method;
use gatehouse_core::services::Services;
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(Debug, clap::Args)]
#[command(after_help = HELP)]
pub struct ImportArgs {
    /// The file, UTF-8, separated by comma, semicolon or tab
    file: PathBuf,
    /// What is in the file
    #[arg(long, value_enum, default_value_t = Kind::Members)]
    kind: Kind,
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

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Kind {
    Members,
    /// What an old system sold
    Subscriptions,
    /// What it was paid and gave back
    Payments,
}

const HELP: &str = "\
Columns of members: full_name native_name number phone email birth_date sex notes language alias plan starts_on ends_on
  visits_left
Columns of subscriptions: external_id number phone email plan starts_on ends_on sold_on visits_left price currency
Columns of payments: external_id number phone email date amount currency method reference subscription refunds
Days are 2026-11-21, 21/11/2026 or 21.11.2026, amounts 1250.50. A row that an earlier run brought in is skipped.

To bring old books over: members first, without plans; then subscriptions, which members owe until their payments are
there; then payments at once, before the doors open. A payment names in `subscription` the external id of what it pays
for, or settles what the member owes longest; a refund names in `refunds` the external id of the payment it gives back.
Methods: cash, card, upi, transfer, paymob, paypal.
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
    let done = match done {
        Ok(done) => done,
        Err(error) => return fail(&error),
    };
    match (&done, args.json) {
        (Done::Members(report), true) => println!("{}", serde_json::json!(report)),
        (Done::Books(report), true) => println!("{}", serde_json::json!(report)),
        (Done::Members(report), false) => tell(report),
        (Done::Books(report), false) => tell_books(report),
    }
    let has_errors = match &done {
        Done::Members(report) => report.has_errors(),
        Done::Books(report) => report.has_errors(),
    };
    if has_errors { ExitCode::from(ROWS_REFUSED) } else { ExitCode::SUCCESS }
}

enum Done {
    Members(Report),
    Books(LedgerReport),
}

async fn import(args: &ImportArgs, services: &Services) -> Result<Done, Error> {
    let bytes = tokio::fs::read(&args.file)
        .await
        .map_err(|error| Error::Internal(format!("cannot read {}: {error}", args.file.display())))?;
    let place = status(services, None).await?;
    let (Some(branch), Some(desk)) = (place.branch, place.desk) else {
        let what = "the gym is not set up yet: open Gatehouse once, or run `gatehousectl demo`";
        return Err(Error::Internal(what.to_owned()));
    };
    let actor = Actor::System { branch: Some(branch.id), desk: Some(desk.id) };
    let books = match args.kind {
        Kind::Members => {
            let done = if args.commit {
                service::run(services, &actor, &bytes, args.skip_refused).await
            } else {
                service::rehearse(services, &actor, &bytes).await
            };
            return done.map(Done::Members);
        }
        Kind::Subscriptions => ledger::Kind::Subscriptions,
        Kind::Payments => ledger::Kind::Payments,
    };
    let done = if args.commit {
        ledger::service::run(services, &actor, books, &bytes, args.skip_refused).await
    } else {
        ledger::service::rehearse(services, &actor, books, &bytes).await
    };
    done.map(Done::Books)
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

fn tell_books(report: &LedgerReport) {
    for finding in &report.findings {
        println!("{}", sentence(finding));
    }
    let verb = if report.stored { "brought in" } else { "would be brought in" };
    println!(
        "{} rows: {} {verb}; {} already there, {} refused",
        report.rows, report.new, report.already, report.refused
    );
    for sum in &report.sums {
        let what = match sum.what {
            What::Charges => "charges",
            What::Payments => "payments",
            What::Refunds => "refunds",
        };
        let way = sum.method.map_or("", way);
        let amount = decimal(sum.minor, &sum.currency);
        println!("  {what:<9} {way:<14} {:>7} {amount:>20} {}", sum.count, sum.currency);
    }
    for sum in &report.accounts {
        println!("  ledger: {:<24} {:>20} {}", sum.account, decimal(sum.minor, &sum.currency), sum.currency);
    }
    let amount = |minor| decimal(minor, &report.currency);
    println!(
        "Of everything imported, {} {currency} are owed then, and {} {currency} are credit.",
        amount(report.owed),
        amount(report.credit),
        currency = report.currency
    );
    if report.stored {
        println!("Read back from the ledger: the same.");
    } else {
        println!("Nothing was stored.");
    }
}

/// A method as the file names it.
fn way(method: Method) -> &'static str {
    match method {
        Method::Cash => "cash",
        Method::CardTerminal => "card",
        Method::Upi => "upi",
        Method::BankTransfer => "transfer",
        Method::Voucher => "voucher",
        Method::Paymob => "paymob",
        Method::PayPal => "paypal",
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
        "above_charge" => "more than was owed: this much stays credit",
        "alias_characters" => "the code has control characters",
        "alias_is_member_number" => "the code is a member's number here",
        "alias_is_pass" => "the code looks like one of our own passes",
        "alias_length" => "the code is shorter than 3 or longer than 128 characters",
        "alias_taken" => "another member has this code",
        "amount_format" => "no amount such as 1250.50",
        "amount_negative" => "lies below zero; money given back is a line of its own with `refunds`",
        "amount_not_positive" => "is zero",
        "amount_too_large" => "is larger than 2^53 - 1 minor units",
        "column_missing" => "the file has no such column",
        "column_twice" => "the file has this column twice",
        "column_unknown" => "no such column; see --help",
        "control_characters" => "has control characters",
        "csv_unreadable" => "this is no CSV",
        "currency_unknown" => "no currency that is known here",
        "currency_wrong" => "not the currency of this branch",
        "date_in_future" => "lies in the future",
        "date_invalid" => "no such day",
        "date_too_early" => "lies before 1900",
        "email_format" => "no e-mail address",
        "email_shared" => "another member has this address",
        "encoding_not_utf8" => "the file is not UTF-8 from here on; save it as CSV UTF-8",
        "encoding_utf16" => "the file is UTF-16; save it as CSV UTF-8",
        "ends_before_start" => "lies before the start",
        "external_id_reused" => "came in earlier with other content",
        "external_id_twice" => "stands in the file twice",
        "file_too_large" => "the file is larger than 64 MB",
        "language_unknown" => "is en, ar or hi",
        "line_twice" => "the same as another line",
        "member_ambiguous" => "several members fit; name another of number, phone and e-mail",
        "member_differs" => "is another member's",
        "member_known" => "a member with this name and birth date is there",
        "member_unknown" => "no member fits",
        "method_unknown" => "is cash, card, upi, transfer, paymob or paypal",
        "not_of_refund" => "a refund names its payment, no subscription",
        "number_taken" => "another member has this number",
        "out_of_range" => "out of range",
        "payment_unknown" => "no such payment was imported",
        "phone_format" => "no phone number with 10 to 15 digits",
        "phone_shared" => "another member has this phone",
        "plan_unknown" => "the gym sells no such plan",
        "refund_above_payment" => "more than is left of the payment",
        "refund_before_payment" => "lies before the payment",
        "required" => "is missing",
        "sex_unknown" => "is f or m",
        "subscription_known" => "the member has this plan with these days",
        "subscription_over" => "is over already: only the member comes in",
        "subscription_unknown" => "no such subscription was imported",
        "sum_too_large" => "with it the file comes to more than 2^53 - 1 minor units",
        "too_long" => "is too long",
        "too_many_decimals" => "has more decimals than the currency",
        "visits_not_counted" => "the plan counts no visits",
        "wrong_number_of_fields" => "has more or fewer fields than the header",
        other => other,
    }
}
