//! From fields to a member, with everything that can be said about them without the database.
use super::Finding;
use super::file::Record;
use crate::error::Error;
use crate::ids::{BranchId, MemberId};
use crate::members::wire::{MemberForm, Sex};
use crate::members::{form, number};
use crate::passes::alias;
use chrono::{Datelike, NaiveDate};
use sha2::{Digest, Sha256};

/// A member to bring in.
#[derive(Clone, Debug)]
pub struct Newcomer {
    pub line: u64,
    /// Drawn from what the line says, so that the same line is the same member in a second run.
    pub id: MemberId,
    pub form: MemberForm,
    /// A number of ours to keep, with its running number.
    pub number: Option<(String, i64)>,
    /// Codes that open for this member.
    pub aliases: Vec<String>,
    pub subscription: Option<Running>,
}

/// A subscription that runs in the old system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Running {
    /// As typed.
    pub plan: String,
    pub starts_on: NaiveDate,
    pub ends_on: NaiveDate,
    pub visits_left: Option<i32>,
}

/// What the branch decides about a row.
pub struct Rules<'a> {
    pub branch: BranchId,
    pub branch_code: &'a str,
    pub default_country: &'a str,
    pub today: NaiveDate,
}

/// The member of a row, unless something is wrong with it; either way everything there is to say.
pub fn parse(record: &Record, rules: &Rules<'_>, findings: &mut Vec<Finding>) -> Option<Newcomer> {
    let line = record.line;
    let before = findings.len();
    let birth_date = day(record, "birth_date", findings);
    let sex = sex(record, findings);
    let typed = |column: &str| record.get(column).map(str::to_owned);
    let member = MemberForm {
        full_name: typed("full_name").unwrap_or_default(),
        native_name: typed("native_name"),
        phone: typed("phone"),
        email: typed("email"),
        birth_date,
        sex,
        notes: typed("notes"),
        language: typed("language").unwrap_or_default().to_lowercase(),
        ..MemberForm::default()
    };
    let member = form::check(member, rules.default_country, rules.today)
        .map_err(|error| findings.push(refusal(line, &error)))
        .ok();
    let mut warnings = Vec::new();
    let mut newcomer = Newcomer {
        line,
        id: id(record, rules.branch),
        form: MemberForm::default(),
        number: None,
        aliases: Vec::new(),
        subscription: running(record, rules.today, findings, &mut warnings),
    };
    if let Some(code) = record.get("alias") {
        match alias::check(code) {
            Ok(code) => newcomer.aliases.push(code),
            Err(error) => findings.push(Finding { field: "alias".to_owned(), ..refusal(line, &error) }),
        }
    }
    newcomer.form = member.unwrap_or_default();
    if let Some(old) = record.get("number") {
        keep_number(&mut newcomer, old, rules.branch_code, findings);
    }
    let is_good = findings.len() == before;
    findings.append(&mut warnings);
    is_good.then_some(newcomer)
}

/// A number that this branch could have given out is kept; any other goes on as a code of the member's card.
fn keep_number(newcomer: &mut Newcomer, old: &str, branch_code: &str, findings: &mut Vec<Finding>) {
    let digits = crate::members::fold::digits(old);
    let ours = number::fits(&digits) && digits.len() == old.chars().count();
    let sequence = digits
        .strip_prefix(branch_code)
        .and_then(|rest| rest.get(..rest.len().checked_sub(1)?))
        .and_then(|sequence| sequence.parse::<i64>().ok());
    if let (true, Some(sequence)) = (ours, sequence)
        && number::member_number(branch_code, sequence) == digits
    {
        newcomer.number = Some((digits, sequence));
        return;
    }
    match alias::check(old) {
        Ok(code) if newcomer.aliases.contains(&code) => {}
        Ok(code) => newcomer.aliases.push(code),
        Err(_) if old.chars().count() < 3 => {
            newcomer.form.custom_fields.insert("old number".to_owned(), old.to_owned());
        }
        Err(error) => findings.push(Finding { field: "number".to_owned(), ..refusal(newcomer.line, &error) }),
    }
}

fn running(
    record: &Record,
    today: NaiveDate,
    findings: &mut Vec<Finding>,
    warnings: &mut Vec<Finding>,
) -> Option<Running> {
    let line = record.line;
    let starts_on = day(record, "starts_on", findings);
    let ends_on = day(record, "ends_on", findings);
    let visits_left = record.get("visits_left").and_then(|typed| match typed.parse::<i32>() {
        Ok(visits) if (0..=10_000).contains(&visits) => Some(visits),
        _ => {
            findings.push(Finding::error(line, "visits_left", "out_of_range"));
            None
        }
    });
    let Some(plan) = record.get("plan") else {
        if ["starts_on", "ends_on", "visits_left"].iter().any(|column| record.get(column).is_some()) {
            findings.push(Finding::error(line, "plan", "required"));
        }
        return None;
    };
    for (column, day) in [("starts_on", starts_on), ("ends_on", ends_on)] {
        if record.get(column).is_none() {
            findings.push(Finding::error(line, column, "required"));
        }
        if day.is_some_and(|day| !(1990..=2100).contains(&day.year())) {
            findings.push(Finding::error(line, column, "out_of_range"));
        }
    }
    let (starts_on, ends_on) = (starts_on?, ends_on?);
    if ends_on < starts_on {
        findings.push(Finding::error(line, "ends_on", "ends_before_start"));
        return None;
    }
    if ends_on < today {
        // The member comes in; what is over is not brought over.
        warnings.push(Finding::warning(line, "ends_on", "subscription_over"));
        return None;
    }
    Some(Running { plan: plan.to_owned(), starts_on, ends_on, visits_left })
}

pub(super) fn refusal(line: u64, error: &Error) -> Finding {
    match error {
        Error::Invalid { field, code, .. } => Finding::error(line, field, code),
        _ => Finding::error(line, "", "internal"),
    }
}

/// The day in a column, in any of the spellings that leave no doubt.
pub(super) fn day(record: &Record, column: &str, findings: &mut Vec<Finding>) -> Option<NaiveDate> {
    let typed: String = record.get(column)?.chars().map(crate::members::fold::ascii_digit).collect();
    let parsed = ["%Y-%m-%d", "%d/%m/%Y", "%d.%m.%Y"]
        .iter()
        .find_map(|format| NaiveDate::parse_from_str(&typed, format).ok())
        // A year of two digits says too little.
        .filter(|day| day.year() >= 1000);
    if parsed.is_none() {
        findings.push(Finding::error(record.line, column, "date_invalid"));
    }
    parsed
}

fn sex(record: &Record, findings: &mut Vec<Finding>) -> Option<Sex> {
    let typed = record.get("sex")?.to_lowercase();
    match typed.as_str() {
        "f" | "female" | "w" | "أنثى" | "انثى" => Some(Sex::Female),
        "m" | "male" | "ذكر" => Some(Sex::Male),
        _ => {
            findings.push(Finding::error(record.line, "sex", "sex_unknown"));
            None
        }
    }
}

/// A UUID version 8 (RFC 9562: free for the application) of what identifies the person in the line.
fn id(record: &Record, branch: BranchId) -> MemberId {
    let mut digest = Sha256::new_with_prefix(branch.0.as_bytes());
    for column in ["number", "alias", "full_name", "native_name", "phone", "email", "birth_date"] {
        digest.update(record.get(column).unwrap_or_default());
        digest.update([0]);
    }
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest.finalize()[..16]);
    MemberId(uuid::Builder::from_custom_bytes(bytes).into_uuid())
}
