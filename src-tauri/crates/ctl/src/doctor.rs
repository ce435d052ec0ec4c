//! `gatehousectl doctor`: what is wrong with this installation, and what helps.
use crate::house::{fail, open};
use chrono::{DateTime, Utc};
use gatehouse_core::actor::Actor;
use gatehouse_core::sync::status;
use gatehouse_core::sync::view::{BranchLine, Standing, SyncPage};
use gatehouse_net::house::House;
use serde::Serialize;
use sqlx::PgPool;
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Exit codes:\n  0  everything is in order, or only warnings\n  1  something is broken"
)]
pub struct DoctorArgs {
    /// One JSON object instead of lines
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Finding {
    Ok,
    Warning,
    Broken,
}

#[derive(Debug, Serialize)]
struct Check {
    name: &'static str,
    finding: Finding,
    detail: String,
}

#[derive(Debug, Serialize)]
struct Report {
    ok: bool,
    checks: Vec<Check>,
}

pub async fn run(args: DoctorArgs, data_dir: Option<PathBuf>) -> ExitCode {
    let checks = match open(data_dir).await {
        Ok(house) => {
            let checks = examine(&house).await;
            house.close().await;
            checks
        }
        Err(error) => {
            vec![Check { name: "database", finding: Finding::Broken, detail: error.to_string() }]
        }
    };
    let report = Report { ok: checks.iter().all(|check| check.finding != Finding::Broken), checks };
    if args.json {
        match serde_json::to_string(&report) {
            Ok(line) => println!("{line}"),
            Err(error) => return fail(&error),
        }
    } else {
        for check in &report.checks {
            let mark = match check.finding {
                Finding::Ok => "ok     ",
                Finding::Warning => "warning",
                Finding::Broken => "BROKEN ",
            };
            println!("{mark}  {:<12} {}", check.name, check.detail);
        }
    }
    if report.ok { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

async fn examine(house: &House) -> Vec<Check> {
    let db = &house.services.db;
    let mut checks = Vec::new();
    for (name, found) in [
        ("server", server(db).await),
        ("letters", letters(db).await),
        ("durability", durability(db).await),
        ("ledger", ledger(db).await),
        ("gym", gym(db).await),
    ] {
        checks.push(match found {
            Ok((finding, detail)) => Check { name, finding, detail },
            Err(error) => Check { name, finding: Finding::Broken, detail: error.to_string() },
        });
    }
    checks.extend(headquarters(house).await);
    checks.push(cameras());
    checks.push(files(house));
    checks
}

type Found = Result<(Finding, String), sqlx::Error>;

async fn server(db: &PgPool) -> Found {
    let number: i32 =
        sqlx::query_scalar("select current_setting('server_version_num')::int").fetch_one(db).await?;
    let detail = format!("Postgres {}.{}", number / 10_000, number % 10_000);
    Ok(if number >= 150_000 {
        (Finding::Ok, detail)
    } else {
        (Finding::Broken, format!("{detail} is too old; Gatehouse needs 15 or newer"))
    })
}

/// Under the wrong locale, searches in other scripts find nothing.
async fn letters(db: &PgPool) -> Found {
    let known: bool = sqlx::query_scalar(
        "select cardinality(show_trgm('محمد')) > 0 and cardinality(show_trgm('राहुल')) > 0",
    )
    .fetch_one(db)
    .await?;
    Ok(if known {
        (Finding::Ok, "Arabic and Devanagari letters are known to the database".into())
    } else {
        let detail =
            "the database's locale knows only Latin letters; create it with C.UTF-8 or an ICU locale";
        (Finding::Broken, detail.into())
    })
}

async fn durability(db: &PgPool) -> Found {
    let (fsync, commit): (String, String) =
        sqlx::query_as("select current_setting('fsync'), current_setting('synchronous_commit')")
            .fetch_one(db)
            .await?;
    Ok(if fsync == "on" && commit != "off" {
        (Finding::Ok, "a commit survives a power cut".into())
    } else {
        (
            Finding::Broken,
            format!("fsync is {fsync}, synchronous_commit is {commit}: a power cut loses payments"),
        )
    })
}

async fn ledger(db: &PgPool) -> Found {
    let open: bool = sqlx::query_scalar(
        "select has_table_privilege('ledger_entries', 'update') or has_table_privilege('ledger_entries', 'delete')
             or has_table_privilege('ledger_entries', 'truncate')",
    )
    .fetch_one(db)
    .await?;
    let unbalanced: i64 = sqlx::query_scalar(
        "select count(*) from (select 1 from ledger_entries group by transaction_id, currency having sum(amount) <> 0) t",
    )
    .fetch_one(db)
    .await?;
    Ok(match (unbalanced, open) {
        (1.., _) => (Finding::Broken, format!("{unbalanced} ledger transactions do not balance")),
        (_, true) => {
            let detail = "ledger not protected: this role may change ledger rows; give GATEHOUSE_DATABASE_URL the app \
                role and GATEHOUSE_MIGRATE_URL the owner";
            (Finding::Warning, detail.into())
        }
        _ => (Finding::Ok, "balanced, and the database refuses changes to it".into()),
    })
}

async fn gym(db: &PgPool) -> Found {
    let name: Option<String> = sqlx::query_scalar("select name from gyms").fetch_optional(db).await?;
    Ok(match name {
        Some(name) => (Finding::Ok, format!("{name} is set up")),
        None => (Finding::Warning, "no gym yet; start the app, the wizard creates it".into()),
    })
}

/// How the relay fares; a line for a branch, one for each branch at headquarters, none for a gym that is alone.
async fn headquarters(house: &House) -> Vec<Check> {
    let name = "headquarters";
    let actor = Actor::System { branch: None, desk: None };
    let now = house.services.now();
    match status::page(&house.services, &actor).await {
        Ok(page) => {
            lines(&page, now).into_iter().map(|(finding, detail)| Check { name, finding, detail }).collect()
        }
        Err(error) => vec![Check { name, finding: Finding::Broken, detail: error.to_string() }],
    }
}

fn lines(page: &SyncPage, now: DateTime<Utc>) -> Vec<(Finding, String)> {
    let ago = |at: Option<DateTime<Utc>>| {
        at.map_or("never".to_owned(), |at| format!("{} s ago", (now - at).num_seconds()))
    };
    if let Some(branch) = &page.branch {
        let waiting: i64 = branch.waiting.iter().map(|kind| kind.count).sum();
        let aside = branch.aside_there + branch.aside_here;
        let state = match &page.status.standing {
            Some(Standing::Offline { .. }) => "offline",
            Some(Standing::Sending { .. }) => "sending",
            _ => "within reach",
        };
        let mut detail = format!(
            "{state}; waiting {waiting}, set aside {aside}, conflicts {}, last in step {}, rounds {}, failed {}, clock {} ms",
            branch.conflicts,
            ago(branch.in_step_at),
            branch.rounds,
            branch.failures,
            branch.clock_skew_ms.map_or("?".to_owned(), |skew| format!("{skew:+}")),
        );
        if let Some(why) = &branch.failure {
            detail.push_str("; ");
            detail.push_str(why);
        }
        let fine = state == "within reach" && aside == 0;
        return vec![(if fine { Finding::Ok } else { Finding::Warning }, detail)];
    }
    let line = |branch: &BranchLine| {
        let fine = !branch.silent && branch.aside == 0 && branch.audit_agreed != Some(false);
        let detail = format!(
            "{}: seen {}, waiting {}, set aside {}, conflicts {}, refused {}, clock {} ms{}{}",
            branch.name,
            ago(branch.last_seen_at),
            branch.waiting.map_or("?".to_owned(), |waiting| waiting.to_string()),
            branch.aside,
            branch.conflicts,
            branch.refusals,
            branch.clock_skew_ms.map_or("?".to_owned(), |skew| format!("{skew:+}")),
            if branch.behind { ", an older version" } else { "" },
            if branch.audit_agreed == Some(false) { ", the last day compared differed" } else { "" },
        );
        (if fine { Finding::Ok } else { Finding::Warning }, detail)
    };
    page.branches.iter().filter(|branch| branch.revoked_at.is_none()).map(line).collect()
}

fn cameras() -> Check {
    let cameras = gatehouse_scan::cameras();
    let (finding, detail) = if cameras.is_empty() {
        (Finding::Warning, "no webcam found; a hardware scanner and typed numbers work without".to_owned())
    } else {
        let names: Vec<_> =
            cameras.iter().map(|camera| format!("camera:{} {}", camera.index, camera.name)).collect();
        (Finding::Ok, names.join(", "))
    };
    Check { name: "cameras", finding, detail }
}

fn files(house: &House) -> Check {
    let probe = house.services.files.join(".probe");
    let written = std::fs::write(&probe, b"probe").and_then(|()| std::fs::remove_file(&probe));
    let (finding, detail) = match written {
        Ok(()) => (Finding::Ok, format!("{} can be written", house.services.files.display())),
        Err(error) => (Finding::Broken, format!("{}: {error}", house.services.files.display())),
    };
    Check { name: "files", finding, detail }
}
