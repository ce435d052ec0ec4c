//! `gatehousectl hq`: a headquarters is made, branches are let in and shut out, and an installation becomes a branch.
use crate::house::{fail, open};
use clap::Subcommand;
use gatehouse_core::actor::Actor;
use gatehouse_core::clock::SystemClock;
use gatehouse_core::db;
use gatehouse_core::error::Error;
use gatehouse_core::ids::{BranchId, new_id};
use gatehouse_core::sealed::KeyFile;
use gatehouse_core::secret::Secret;
use gatehouse_core::services::Services;
use gatehouse_core::sync::view::ForgetLost;
use gatehouse_core::sync::wire::{BranchLink, EnrolBranch, Headquarters, JoinHeadquarters, Mode, Reach};
use gatehouse_core::sync::{join, lost, office, store};
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

/// Connections to the headquarters' database.
const CONNECTIONS: u32 = 2;
/// Postgres 15.
const OLDEST: i32 = 150_000;
const PORT: u16 = 5432;

#[derive(Debug, clap::Args)]
#[command(after_help = "\
A headquarters is a Postgres server (15 or newer) with TLS that every branch can reach, and nothing else:
  gatehousectl hq init --url postgres://OWNER:PASSWORD@HOST/DATABASE
  gatehousectl hq enrol \"Heliopolis\" --url …      prints a code, once
  gatehousectl hq join CODE                       at the branch
The file of the server's certificate has to hold its whole chain, the authority's certificate last: branches keep that
one, and speak to no server that cannot show a certificate by it.")]
pub struct HqArgs {
    #[command(subcommand)]
    command: Hq,
}

#[derive(Debug, clap::Args)]
struct Office {
    /// The headquarters' database as its owner
    #[arg(long, env = "GATEHOUSE_HQ_OWNER_URL", hide_env_values = true, value_name = "URL")]
    url: String,
}

#[derive(Debug, Subcommand)]
enum Hq {
    /// Make a database the headquarters, or bring it up to date
    Init {
        #[command(flatten)]
        office: Office,
        /// The name by which branches reach the server, instead of the URL's
        #[arg(long)]
        host: Option<String>,
        /// Its port, instead of the URL's
        #[arg(long)]
        port: Option<u16>,
        /// Where the server lets nobody make roles: a login role that its administrator has made for all branches
        #[arg(long, value_name = "ROLE")]
        shared_role: Option<String>,
        /// A role that Gatehouse's screens may use there (`GATEHOUSE_DATABASE_URL`)
        #[arg(long, value_name = "ROLE")]
        app_role: Option<String>,
    },
    /// Make a code that lets a branch in once, within three days; what let it in before is void
    Enrol {
        #[command(flatten)]
        office: Office,
        /// Name or number of the branch; any name for the first one, which brings the gym along
        branch: String,
        /// It is a new one, of this number: the first digits of its members' numbers
        #[arg(long, value_name = "NUMBER")]
        new: Option<String>,
        /// Of the shared role
        #[arg(long, env = "GATEHOUSE_HQ_SHARED_PASSWORD", hide_env_values = true, value_name = "PASSWORD")]
        shared_password: Option<String>,
    },
    /// List the branches
    Branches {
        #[command(flatten)]
        office: Office,
        /// One JSON object instead of lines
        #[arg(long)]
        json: bool,
    },
    /// After the headquarters was put back from a backup: what was made there since and only branches still have
    Lost {
        #[command(flatten)]
        office: Office,
        /// Take it from them
        #[arg(long)]
        take: bool,
        /// Nothing is missing any more: throw away what is offered, now and later, at the branches too
        #[arg(long, value_name = "REASON", conflicts_with = "take")]
        forget: Option<String>,
        /// One JSON object instead of lines
        #[arg(long)]
        json: bool,
    },
    /// Shut a branch out from its next call on
    Revoke {
        #[command(flatten)]
        office: Office,
        /// Name or number of the branch
        branch: String,
    },
    /// Make this installation a branch
    Join {
        /// As `enrol` has printed it
        code: String,
    },
    /// After a database was put back from a backup, before anything else is done with it: says so to the others
    Restored {
        /// The headquarters' database as its owner; without it, this installation's own database
        #[arg(long, env = "GATEHOUSE_HQ_OWNER_URL", hide_env_values = true, value_name = "URL")]
        url: Option<String>,
        /// At a branch: do not wait for headquarters, which is gone for good. What was sold since the backup is gone, too, and
        /// numbers of receipts may be given out twice
        #[arg(long, conflicts_with = "url")]
        without_headquarters: bool,
    },
}

pub async fn run(args: HqArgs, data_dir: Option<PathBuf>) -> ExitCode {
    let done = match args.command {
        Hq::Init { office, host, port, shared_role, app_role } => {
            init(&office.url, host, port, shared_role, app_role).await
        }
        Hq::Enrol { office, branch, new, shared_password } => {
            enrol(&office.url, &branch, new, shared_password.map(Secret::new).as_ref()).await
        }
        Hq::Branches { office, json } => branches(&office.url, json).await,
        Hq::Lost { office, take, forget, json } => what_is_lost(&office.url, take, forget, json).await,
        Hq::Revoke { office, branch } => revoke(&office.url, &branch).await,
        Hq::Join { code } => joined(code, data_dir).await,
        Hq::Restored { url, without_headquarters } => restored(url, without_headquarters, data_dir).await,
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(text) => fail(&text),
    }
}

async fn init(
    url: &str,
    host: Option<String>,
    port: Option<u16>,
    shared_role: Option<String>,
    app_role: Option<String>,
) -> Result<(), String> {
    let options: PgConnectOptions =
        url.parse().map_err(|error| format!("the URL cannot be read: {error}"))?;
    let host = host.unwrap_or_else(|| options.get_host().to_owned());
    if host.starts_with('/') {
        return Err("branches do not reach a socket: give the server's name with --host".to_owned());
    }
    let port = port.unwrap_or(if options.get_port() == 0 { PORT } else { options.get_port() });
    let told = |error: sqlx::Error| format!("the database cannot be used: {error}");
    let mut db = PgConnection::connect_with(&options).await.map_err(told)?;
    let version: i32 = sqlx::query_scalar("select current_setting('server_version_num')::int")
        .fetch_one(&mut db)
        .await
        .map_err(told)?;
    if version < OLDEST {
        return Err(format!("Postgres {} is too old; a headquarters needs 15 or newer", version / 10_000));
    }
    db::migrate(url, app_role.as_deref()).await.map_err(|error| sentence(&error))?;
    let services = services(url).await?;
    let founds = office::set_up(&services, &Reach { host: host.clone(), port, shared_role })
        .await
        .map_err(|error| sentence(&error))?;
    let database = options.get_database().unwrap_or(options.get_username()).replace('"', "\"\"");
    // Tables that a migration has added take part; and nobody but the roles made here logs in, or makes tables of his own.
    db.execute(AssertSqlSafe(format!(
        "select sync_refresh(); revoke connect, temporary, create on database \"{database}\" from public"
    )))
    .await
    .map_err(told)?;
    if let Some(role) = app_role {
        let role = role.replace('"', "\"\"");
        db.execute(AssertSqlSafe(format!(
            "grant connect, temporary on database \"{database}\" to \"{role}\""
        )))
        .await
        .map_err(told)?;
    }
    println!(
        "{} Branches reach it at {host}:{port}.",
        if founds { "This database is the headquarters." } else { "The headquarters is up to date." }
    );
    Ok(())
}

async fn enrol(
    url: &str,
    branch: &str,
    new: Option<String>,
    shared_password: Option<&Secret>,
) -> Result<(), String> {
    let services = services(url).await?;
    let state = state(&services).await?;
    let named = |name: &str| EnrolBranch { name: Some(name.to_owned()), ..EnrolBranch::default() };
    let request = match new {
        Some(number) => EnrolBranch { number: Some(number), ..named(branch) },
        None if !state.founded => named(branch),
        None => EnrolBranch { branch_id: Some(find(&state, branch)?), ..EnrolBranch::default() },
    };
    let code = office::enrol(&services, &nobody(), request, shared_password)
        .await
        .map_err(|error| sentence(&error))?;
    println!("{}", code.code);
    eprintln!(
        "For {}, once, until {}. It is not shown again; what let the branch in before is void.",
        code.name,
        code.expires_at.format("%Y-%m-%d %H:%M UTC")
    );
    Ok(())
}

async fn branches(url: &str, json: bool) -> Result<(), String> {
    let state = state(&services(url).await?).await?;
    if json {
        println!("{}", serde_json::json!({ "rows": state.branches }));
        return Ok(());
    }
    for branch in &state.branches {
        let seen =
            branch.last_seen_at.map_or("never".to_owned(), |at| at.format("%Y-%m-%d %H:%M UTC").to_string());
        println!(
            "{:<4} {:<30} {:<10} seen {seen}",
            branch.number.as_deref().unwrap_or("-"),
            branch.name,
            standing(branch)
        );
    }
    Ok(())
}

fn standing(branch: &BranchLink) -> &'static str {
    match branch {
        BranchLink { revoked_at: Some(_), .. } => "revoked",
        BranchLink { joined: true, code_expires_at: None, .. } => "joined",
        BranchLink { code_expires_at: Some(_), .. } => "code made",
        _ => "no code",
    }
}

async fn what_is_lost(url: &str, take: bool, forget: Option<String>, json: bool) -> Result<(), String> {
    let services = services(url).await?;
    let told = |error: Error| sentence(&error);
    let taken = if take { lost::take(&services, &nobody()).await.map_err(told)?.taken } else { 0 };
    if let Some(reason) = &forget {
        let request = ForgetLost { reason: reason.clone() };
        lost::forget(&services, &nobody(), request).await.map_err(told)?;
    }
    let rows = lost::list(&services, &nobody()).await.map_err(told)?;
    if json {
        println!("{}", serde_json::json!({ "taken": taken, "rows": rows }));
        return Ok(());
    }
    for row in &rows {
        let why = match (&row.reason, row.differs) {
            (Some(reason), _) => format!("does not fit: {reason}"),
            (None, true) => "the branches do not agree what it was".to_owned(),
            (None, false) => String::new(),
        };
        println!("{:<20} {:<40} at {} branches  {why}", row.tbl, row.key, row.branches);
    }
    match (take, &forget) {
        (true, _) => println!("{taken} rows taken, {} left.", rows.len()),
        (_, Some(_)) => println!("Nothing is missing any more."),
        _ => println!("{} rows are lost here. `--take` takes them from the branches.", rows.len()),
    }
    Ok(())
}

async fn revoke(url: &str, branch: &str) -> Result<(), String> {
    let services = services(url).await?;
    let id = find(&state(&services).await?, branch)?;
    office::revoke(&services, &nobody(), id).await.map_err(|error| sentence(&error))?;
    println!("{branch} is refused from its next call on. A new code lets it in again.");
    Ok(())
}

async fn joined(code: String, data_dir: Option<PathBuf>) -> Result<(), String> {
    let house = open(data_dir).await.map_err(|error| error.to_string())?;
    let done = join::join(&house.services, &nobody(), JoinHeadquarters { code }).await;
    house.close().await;
    let state = done.map_err(|error| sentence(&error))?;
    println!(
        "This installation is a branch of {}. {} events wait to be sent; a running app begins within half a minute.",
        state.host.unwrap_or_default(),
        state.waiting
    );
    Ok(())
}

async fn restored(
    url: Option<String>,
    without_headquarters: bool,
    data_dir: Option<PathBuf>,
) -> Result<(), String> {
    let house = match &url {
        Some(_) => None,
        None => Some(open(data_dir).await.map_err(|error| error.to_string())?),
    };
    let owner =
        url.unwrap_or_else(|| house.as_ref().map(|house| house.owner_url().to_owned()).unwrap_or_default());
    let services = services(&owner).await?;
    let said = say_restored(&services, without_headquarters).await;
    services.db.close().await;
    if let Some(house) = house {
        house.close().await;
    }
    match said.map_err(|error| sentence(&error))? {
        Mode::Alone => println!("This database has no headquarters; there is nobody to tell."),
        Mode::Branch if without_headquarters => println!("This branch goes on with what the backup has."),
        Mode::Branch => println!(
            "The next round fetches what this branch had sent since the backup; until then nothing is sold or registered here."
        ),
        Mode::Headquarters => println!(
            "The branches send again what the backup does not have. What was made here since, they offer: see `gatehousectl hq lost`."
        ),
    }
    Ok(())
}

async fn say_restored(services: &Services, without_headquarters: bool) -> Result<Mode, Error> {
    let mut tx = services.db.begin().await?;
    store::restored(&mut tx, new_id(services.now())).await?;
    if without_headquarters {
        store::takes_back(&mut tx, false).await?;
    }
    tx.commit().await?;
    Ok(office::state(services, &nobody()).await?.mode)
}

/// Whoever has the owner's URL may do what the owner may.
pub fn nobody() -> Actor {
    Actor::System { branch: None, desk: None }
}

pub async fn services(url: &str) -> Result<Services, String> {
    let db = db::connect(url, CONNECTIONS)
        .await
        .map_err(|error| format!("the database cannot be used: {error}"))?;
    // Neither files nor keys of its own are at a headquarters.
    let nowhere = std::env::temp_dir();
    let keys = KeyFile::at(nowhere.join("gatehouse-headquarters.key"));
    Ok(Services::new(db, Arc::new(SystemClock), nowhere, keys))
}

async fn state(services: &Services) -> Result<Headquarters, String> {
    let state = office::state(services, &nobody()).await.map_err(|error| sentence(&error))?;
    match state.mode {
        Mode::Headquarters => Ok(state),
        Mode::Alone | Mode::Branch => Err(sentence(&Error::conflict("no_headquarters"))),
    }
}

fn find(state: &Headquarters, branch: &str) -> Result<BranchId, String> {
    let known = |row: &&BranchLink| row.name == branch || row.number.as_deref() == Some(branch);
    let mut found = state.branches.iter().filter(known);
    match (found.next(), found.next()) {
        (Some(one), None) => Ok(one.branch_id),
        (Some(_), Some(_)) => Err(format!("several branches are called {branch}; give its number")),
        (None, _) => Err(format!("no branch is called {branch}; --new NUMBER makes one")),
    }
}

/// What the screens say, in words for a terminal.
fn sentence(error: &Error) -> String {
    let wire = error.to_wire();
    let text = match wire.code.as_str() {
        "required" => "no code was given",
        "code_truncated" => "the end of the code is missing",
        "code_mistyped" => "the code has a letter that is not as it was printed",
        "code_newer" => "the code was made by a newer release; update this installation first",
        "code_used" => "the code was used already, or a newer one has replaced it",
        "code_expired" => "the code has expired; ask for a new one",
        "code_unknown" => "headquarters does not know this code",
        "branch_revoked" => "headquarters has shut this branch out",
        "another_gym" => "this installation has a gym of its own, and the headquarters another one",
        "another_branch" => "the code is for another branch than this installation",
        "not_founded" => "the headquarters has no gym yet, and another branch was to bring it",
        "nothing_to_found" => {
            "the headquarters has no gym yet: the first branch to join must be one that is set up"
        }
        "sync_joined" => "this database has joined a headquarters already",
        "sync_one_branch" => "this database serves several branches; only that of one branch can join",
        "headquarters_unreachable" => "headquarters cannot be reached",
        "headquarters_no_postgres" => "what answers at that address is no Postgres server",
        "headquarters_no_tls" => "the server does not offer TLS",
        "headquarters_no_database" => "the server has no such database",
        "headquarters_other_ca" => "the server's certificate is not by the authority that the code names",
        "headquarters_chain" => {
            "the server does not show who certifies it: its certificate file has to hold the whole chain, the authority last"
        }
        "headquarters_certificate_expired" => "the server's certificate has expired, or is not valid yet",
        "headquarters_other_name" => "the server's certificate is for another host name",
        "headquarters_certificate" => "the server's certificate cannot be used",
        "headquarters_older" => {
            "the headquarters is older than this installation; run `gatehousectl hq init` there"
        }
        "headquarters_no_reach" => "say first how branches reach it: gatehousectl hq init --host NAME",
        "headquarters_shared_role" => {
            "branches share one role there: give its password with --shared-password"
        }
        "headquarters_no_such_role" => "the shared role is not there, or may not log in",
        "headquarters_no_create_role" => {
            "the owner may make no roles there: have the administrator make one, and give it with --shared-role"
        }
        "no_headquarters" => "this database is no headquarters; gatehousectl hq init makes it one",
        "branch_number" => "a branch's number has one to three digits",
        "taken" => "that number is taken",
        _ => return error.to_string(),
    };
    match wire.params.get("why").and_then(serde_json::Value::as_str) {
        Some(why) => format!("{text}: {why}"),
        None => text.to_owned(),
    }
}
