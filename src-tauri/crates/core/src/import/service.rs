//! The import itself: rehearse, then the same for real.
use super::row::{Newcomer, Rules, parse};
use super::{Finding, Report, file};
use crate::actor::Actor;
use crate::audit::{self, Change};
use crate::auth::model::Permission;
use crate::error::Error;
use crate::gym::service::fetch_branch;
use crate::gym::wire::Branch;
use crate::ids::{MemberId, PlanId};
use crate::members::{fold, store};
use crate::passes::service::register_alias;
use crate::services::Services;
use crate::subscriptions::service::take_over_within;
use crate::subscriptions::wire::TakeOver;
use chrono::NaiveDate;
use sqlx::PgConnection;
use std::collections::{HashMap, HashSet};
use uuid::Uuid;

/// Rows in one transaction.
const CHUNK: usize = 200;

/// What the import would do; nothing is stored.
pub async fn rehearse(services: &Services, actor: &Actor, file: &[u8]) -> Result<Report, Error> {
    actor.require(Permission::ImportMembers)?;
    let mut db = services.db.acquire().await?;
    Ok(judge(&mut db, services, actor, file).await?.report)
}

/// Brings the good rows in, some hundred in each transaction. Run twice, or again after it was cut off, it brings in
/// nobody twice. With an error anywhere it stores nothing, unless `skip_refused` says to leave those rows out.
pub async fn run(
    services: &Services,
    actor: &Actor,
    file: &[u8],
    skip_refused: bool,
) -> Result<Report, Error> {
    actor.require(Permission::ImportMembers)?;
    let mut db = services.db.acquire().await?;
    let judged = judge(&mut db, services, actor, file).await?;
    drop(db);
    if judged.report.has_errors() && !skip_refused {
        return Ok(judged.report);
    }
    for chunk in judged.newcomers.chunks(CHUNK) {
        let mut tx = services.db.begin().await?;
        for newcomer in chunk {
            bring_in(&mut tx, services, actor, &judged.branch, &judged.plans, newcomer)
                .await
                .map_err(|error| in_line(error, newcomer.line))?;
        }
        tx.commit().await?;
    }
    Ok(Report { stored: true, ..judged.report })
}

struct Judged {
    report: Report,
    newcomers: Vec<Newcomer>,
    branch: Branch,
    plans: HashMap<String, Plan>,
}

#[derive(Clone, Copy)]
struct Plan {
    id: PlanId,
    counts_visits: bool,
}

async fn judge(
    db: &mut PgConnection,
    services: &Services,
    actor: &Actor,
    bytes: &[u8],
) -> Result<Judged, Error> {
    let branch = fetch_branch(db, actor.branch()?).await?;
    let today = branch.calendar()?.business_day(services.now());
    let plans = plans(db).await?;
    let mut judged = Judged { report: Report::default(), newcomers: Vec::new(), branch, plans };
    let (records, mut findings) = match file::read(bytes, file::MEMBERS) {
        Ok(read) => read,
        Err(finding) => {
            judged.report.findings.push(finding);
            return Ok(judged);
        }
    };
    judged.report.rows = u64::try_from(records.len() + findings.len()).unwrap_or(u64::MAX);
    let rules = Rules {
        branch: judged.branch.id,
        branch_code: &judged.branch.code,
        default_country: &judged.branch.default_country,
        today,
    };
    let parsed: Vec<Newcomer> =
        records.iter().filter_map(|record| parse(record, &rules, &mut findings)).collect();
    let known = Known::look_up(db, &parsed).await?;
    let mut seen = Seen::default();
    for newcomer in parsed {
        if known.ids.contains(&newcomer.id.0) {
            judged.report.already += 1;
            continue;
        }
        let before = findings.iter().filter(|finding| finding.severity == super::Severity::Error).count();
        check_plan(&newcomer, &judged.plans, &mut findings);
        known.check(&newcomer, &mut findings);
        seen.check(&newcomer, &mut findings);
        if findings.iter().filter(|finding| finding.severity == super::Severity::Error).count() == before {
            judged.report.members += 1;
            judged.report.subscriptions += u64::from(newcomer.subscription.is_some());
            judged.report.aliases += u64::try_from(newcomer.aliases.len()).unwrap_or(0);
            judged.newcomers.push(newcomer);
        }
    }
    // Numbers brought along first, so that none is given out anew before its owner comes.
    judged.newcomers.sort_by_key(|newcomer| newcomer.number.is_none());
    findings.sort_by_key(|finding| finding.line);
    judged.report.findings = findings;
    judged.report.refused = judged.report.rows - judged.report.members - judged.report.already;
    Ok(judged)
}

/// Plans on sale by what people call them.
async fn plans(db: &mut PgConnection) -> Result<HashMap<String, Plan>, Error> {
    let rows = sqlx::query!(
        r#"select id as "id: PlanId", name, native_name, visits is not null as "counts_visits!" from plans where archived_at is null"#
    )
    .fetch_all(db)
    .await?;
    let mut plans = HashMap::new();
    for row in rows {
        let plan = Plan { id: row.id, counts_visits: row.counts_visits };
        for name in std::iter::once(&row.name).chain(&row.native_name) {
            plans.insert(fold::fold(name), plan);
        }
    }
    Ok(plans)
}

fn check_plan(newcomer: &Newcomer, plans: &HashMap<String, Plan>, findings: &mut Vec<Finding>) {
    let Some(running) = &newcomer.subscription else { return };
    match plans.get(&fold::fold(&running.plan)) {
        None => findings.push(Finding::error(newcomer.line, "plan", "plan_unknown")),
        Some(plan) if plan.counts_visits && running.visits_left.is_none() => {
            findings.push(Finding::error(newcomer.line, "visits_left", "required"));
        }
        Some(plan) if !plan.counts_visits && running.visits_left.is_some() => {
            findings.push(Finding::error(newcomer.line, "visits_left", "visits_not_counted"));
        }
        Some(_) => {}
    }
}

/// A person, as far as a file can tell: name and birth date.
type Person = (String, NaiveDate);

fn person(newcomer: &Newcomer) -> Option<Person> {
    Some((fold::fold(&newcomer.form.full_name), newcomer.form.birth_date?))
}

/// What the gym has already; values are the member's number.
#[derive(Default)]
struct Known {
    ids: HashSet<Uuid>,
    numbers: HashSet<String>,
    aliases: HashMap<String, String>,
    phones: HashMap<String, String>,
    emails: HashMap<String, String>,
    people: HashMap<Person, String>,
}

impl Known {
    async fn look_up(db: &mut PgConnection, newcomers: &[Newcomer]) -> Result<Self, Error> {
        let mut known = Self::default();
        let ids: Vec<Uuid> = newcomers.iter().map(|newcomer| newcomer.id.0).collect();
        known.ids = sqlx::query_scalar!("select id from members where id = any($1)", &ids)
            .fetch_all(&mut *db)
            .await?
            .into_iter()
            .collect();
        let texts = |pick: fn(&Newcomer) -> Option<String>| {
            newcomers.iter().filter_map(pick).collect::<Vec<String>>()
        };
        let codes: Vec<String> = newcomers.iter().flat_map(|newcomer| newcomer.aliases.clone()).collect();
        let numbers = texts(|newcomer| newcomer.number.as_ref().map(|(number, _)| number.clone()));
        let taken: Vec<String> = numbers.iter().chain(&codes).cloned().collect();
        known.numbers = sqlx::query_scalar!("select number from members where number = any($1)", &taken)
            .fetch_all(&mut *db)
            .await?
            .into_iter()
            .collect();
        let rows = sqlx::query!(
            "select a.code, m.number from pass_aliases a join passes p on p.id = a.pass_id join members m on m.id = p.member_id
             where a.code = any($1)",
            &codes
        )
        .fetch_all(&mut *db)
        .await?;
        known.aliases = rows.into_iter().map(|row| (row.code, row.number)).collect();
        let phones = texts(|newcomer| newcomer.form.phone.clone());
        let emails = texts(|newcomer| newcomer.form.email.clone());
        let days: Vec<NaiveDate> = newcomers.iter().filter_map(|newcomer| newcomer.form.birth_date).collect();
        let rows = sqlx::query!(
            "select number, full_name, phone, email, birth_date from members
             where deleted_at is null and (phone = any($1) or email = any($2) or birth_date = any($3))",
            &phones,
            &emails,
            &days
        )
        .fetch_all(db)
        .await?;
        for row in rows {
            if let Some(phone) = row.phone {
                known.phones.insert(phone, row.number.clone());
            }
            if let Some(email) = row.email {
                known.emails.insert(email, row.number.clone());
            }
            if let Some(day) = row.birth_date {
                known.people.insert((fold::fold(&row.full_name), day), row.number);
            }
        }
        Ok(known)
    }

    fn check(&self, newcomer: &Newcomer, findings: &mut Vec<Finding>) {
        let line = newcomer.line;
        if let Some((number, _)) =
            newcomer.number.as_ref().filter(|(number, _)| self.numbers.contains(number))
        {
            findings.push(Finding::error(line, "number", "number_taken").with(number));
        }
        for code in &newcomer.aliases {
            if let Some(number) = self.aliases.get(code) {
                findings.push(Finding::error(line, "alias", "alias_taken").with(number));
            }
            if self.numbers.contains(code) {
                findings.push(Finding::error(line, "alias", "alias_is_member_number").with(code));
            }
        }
        if let Some(number) = person(newcomer).and_then(|person| self.people.get(&person)) {
            findings.push(Finding::error(line, "full_name", "member_known").with(number));
        }
        let shared = |field: &Option<String>, known: &HashMap<String, String>| {
            field.as_ref().and_then(|value| known.get(value)).cloned()
        };
        if let Some(number) = shared(&newcomer.form.phone, &self.phones) {
            findings.push(Finding::warning(line, "phone", "phone_shared").with(number));
        }
        if let Some(number) = shared(&newcomer.form.email, &self.emails) {
            findings.push(Finding::warning(line, "email", "email_shared").with(number));
        }
    }
}

/// What earlier lines of the file have; values are the line.
#[derive(Default)]
struct Seen {
    ids: HashMap<MemberId, u64>,
    numbers: HashMap<String, u64>,
    aliases: HashMap<String, u64>,
    phones: HashMap<String, u64>,
    emails: HashMap<String, u64>,
    people: HashMap<Person, u64>,
}

impl Seen {
    fn check(&mut self, newcomer: &Newcomer, findings: &mut Vec<Finding>) {
        let line = newcomer.line;
        let at = |line: u64| format!("line {line}");
        if let Some(first) = self.ids.insert(newcomer.id, line) {
            findings.push(Finding::error(line, "", "line_twice").with(at(first)));
            return;
        }
        if let Some((number, _)) = &newcomer.number
            && let Some(first) = self.numbers.insert(number.clone(), line)
        {
            findings.push(Finding::error(line, "number", "number_taken").with(at(first)));
        }
        for code in &newcomer.aliases {
            if let Some(first) = self.aliases.insert(code.clone(), line) {
                findings.push(Finding::error(line, "alias", "alias_taken").with(at(first)));
            }
        }
        if let Some(first) = person(newcomer).and_then(|person| self.people.insert(person, line)) {
            findings.push(Finding::error(line, "full_name", "member_known").with(at(first)));
        }
        if let Some(first) = newcomer.form.phone.clone().and_then(|phone| self.phones.insert(phone, line)) {
            findings.push(Finding::warning(line, "phone", "phone_shared").with(at(first)));
        }
        if let Some(first) = newcomer.form.email.clone().and_then(|email| self.emails.insert(email, line)) {
            findings.push(Finding::warning(line, "email", "email_shared").with(at(first)));
        }
    }
}

async fn bring_in(
    db: &mut PgConnection,
    services: &Services,
    actor: &Actor,
    branch: &Branch,
    plans: &HashMap<String, Plan>,
    newcomer: &Newcomer,
) -> Result<(), Error> {
    let now = services.now();
    let number = match &newcomer.number {
        Some((number, sequence)) => {
            // Numbers given out later start behind the ones brought along.
            sqlx::query!(
                "update branches set next_member_seq = greatest(next_member_seq, $2::bigint + 1) where id = $1",
                branch.id.0,
                *sequence
            )
            .execute(&mut *db)
            .await?;
            number.clone()
        }
        None => store::next_number(db, branch.id).await?,
    };
    store::insert(db, newcomer.id, branch.id, &number, &newcomer.form, now).await?;
    let change = Change {
        act: "member.imported",
        subject_kind: "member",
        subject: Some(newcomer.id.0),
        before: None,
        after: Some(serde_json::json!({ "number": number, "line": newcomer.line, "form": newcomer.form })),
    };
    audit::record(db, actor, now, change).await?;
    for code in &newcomer.aliases {
        register_alias(db, actor, now, newcomer.id, code).await?;
    }
    if let Some(running) = &newcomer.subscription {
        let plan = plans.get(&fold::fold(&running.plan)).ok_or(Error::invalid("plan", "plan_unknown"))?;
        let request = TakeOver {
            // One for each member: the same in a second run.
            idempotency_key: newcomer.id.0,
            member_id: newcomer.id,
            plan_id: plan.id,
            starts_on: running.starts_on,
            ends_on: running.ends_on,
            visits_left: running.visits_left,
        };
        take_over_within(db, actor, now, &request).await?;
    }
    Ok(())
}

/// The same, naming the line it is about.
pub(super) fn in_line(error: Error, line: u64) -> Error {
    match error {
        Error::Invalid { field, code, .. } => {
            Error::Invalid { field, code, params: serde_json::json!({ "line": line }) }
        }
        other => other,
    }
}
