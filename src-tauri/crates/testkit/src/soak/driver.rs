//! The process that is never killed: plays the desks, keeps the log, kills, and judges.
use crate::soak::app;
use crate::soak::checkin;
use crate::soak::desk::{Desk, Shared};
use crate::soak::killer::{Target, kill};
use crate::soak::log::Log;
use crate::soak::{Plan, Report};
use chrono::{DateTime, Utc};
use gatehouse_core::db;
use gatehouse_pg::{APP_ROLE, Server};
use sqlx::postgres::PgPoolOptions;
use std::error::Error;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::process::{Child, Command};
use tokio::time::sleep;

/// Desks that work at the same time.
pub const DESKS: usize = 8;
/// Operations between two kills.
const OPS_PER_KILL: u64 = 600;
/// One request in so many, at least, is a deliberate duplicate: with fewer, a run proves little.
const DUPLICATES_IN: usize = 10;
/// Every second run of kills goes for the database.
const TARGETS: [Target; 2] = [Target::App, Target::Database];

/// Runs a suite; the folder with log and database stays when something was lost or doubled.
pub async fn run(plan: &Plan) -> Result<Report, Box<dyn Error>> {
    let started = Instant::now();
    let folder = Folder::create()?;
    let base = app::base();
    let prepared = prepare(&folder.path, plan, base).await?;
    let shared = Arc::new(Shared {
        socket: folder.path.join("app.sock"),
        log: Log::create(&folder.path.join("client.log"))?,
        in_flight: AtomicU64::new(0),
        unanswered: AtomicU64::new(0),
        done: AtomicU64::new(0),
        app: AtomicI32::new(0),
        database: AtomicI32::new(0),
    });
    let running = Arc::new(AtomicBool::new(true));
    let keeper = tokio::spawn(keep_running(folder.path.clone(), base, running.clone()));
    let killer = tokio::spawn(kill_in_turn(shared.clone(), folder.path.clone(), plan.ops, running.clone()));
    let mut desks = Vec::new();
    for number in 0..DESKS {
        let desk = Desk::new(shared.clone());
        desks.push(tokio::spawn(checkin::play(desk, number, prepared.clone())));
    }
    let mut told = Vec::new();
    for desk in desks {
        told.extend(desk.await?.map_err(|error| error.to_string())?);
    }
    running.store(false, Ordering::SeqCst);
    let kills = killer.await??;
    keeper.await??;
    let duplicates = checkin::duplicates(&told);
    if duplicates * DUPLICATES_IN < told.len() {
        return Err(format!("only {duplicates} of {} requests were duplicates", told.len()).into());
    }
    let (lost, doubled) = judge(&folder.path, &told).await?;
    let report = Report {
        suite: plan.suite,
        seed: plan.seed,
        ops: plan.ops,
        kills,
        lost,
        doubled,
        seconds: started.elapsed().as_secs(),
    };
    if lost > 0 || doubled > 0 {
        eprintln!("log and database are kept in {}", folder.keep().display());
    }
    Ok(report)
}

async fn prepare(
    folder: &Path,
    plan: &Plan,
    base: DateTime<Utc>,
) -> Result<Arc<checkin::Prepared>, Box<dyn Error>> {
    let server = Server::start(&app::database(folder)).await?;
    db::migrate(&server.owner_url().expose(), Some(APP_ROLE)).await?;
    let owner = PgPoolOptions::new().max_connections(2).connect(&server.owner_url().expose()).await?;
    let prepared = checkin::prepare(&owner, plan, base).await?;
    owner.close().await;
    server.stop().await?;
    Ok(Arc::new(prepared))
}

async fn judge(folder: &Path, told: &[checkin::Told]) -> Result<(u64, u64), Box<dyn Error>> {
    let server = Server::start(&app::database(folder)).await?;
    let owner = PgPoolOptions::new().max_connections(2).connect(&server.owner_url().expose()).await?;
    let found = (checkin::lost(&owner, told).await?, checkin::doubled(&owner).await?);
    owner.close().await;
    server.stop().await?;
    Ok(found)
}

/// Starts the app, and again whenever it was killed; kills it at the end.
async fn keep_running(folder: PathBuf, base: DateTime<Utc>, running: Arc<AtomicBool>) -> Result<(), String> {
    let mut child = start_app(&folder, base)?;
    while running.load(Ordering::SeqCst) {
        if child.try_wait().map_err(|error| error.to_string())?.is_some() {
            child = start_app(&folder, base)?;
        }
        sleep(Duration::from_millis(20)).await;
    }
    child.kill().await.map_err(|error| error.to_string())
}

fn start_app(folder: &Path, base: DateTime<Utc>) -> Result<Child, String> {
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    Command::new(program)
        .arg("--app")
        .arg(folder)
        .arg(base.to_rfc3339())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| error.to_string())
}

/// Kills spread evenly over the run; how many of them cut a write off.
async fn kill_in_turn(
    shared: Arc<Shared>,
    folder: PathBuf,
    ops: u64,
    running: Arc<AtomicBool>,
) -> Result<u64, String> {
    let wanted = (ops / OPS_PER_KILL).max(1);
    let mut kills = 0;
    while kills < wanted && running.load(Ordering::SeqCst) {
        if shared.done.load(Ordering::SeqCst) < ops * (kills + 1) / (wanted + 1) {
            sleep(Duration::from_millis(2)).await;
            continue;
        }
        let target = TARGETS[usize::try_from(kills).unwrap_or(0) % TARGETS.len()];
        if kill(&shared, &folder, target).await.map_err(|error| error.to_string())? {
            kills += 1;
        }
    }
    Ok(kills)
}

/// The folder of a run, where an unprivileged Postgres can reach it.
struct Folder {
    path: PathBuf,
    kept: bool,
}

impl Folder {
    fn create() -> std::io::Result<Self> {
        let path = tempfile::Builder::new().prefix("gatehouse-soak-").tempdir_in("/var/tmp")?.keep();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755))?;
        Ok(Self { path, kept: false })
    }

    fn keep(mut self) -> PathBuf {
        self.kept = true;
        self.path.clone()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if !self.kept
            && let Err(error) = std::fs::remove_dir_all(&self.path)
        {
            eprintln!("{} stays: {error}", self.path.display());
        }
    }
}
