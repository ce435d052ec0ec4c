//! The process that is never killed: plays the desks, keeps the log, kills, and judges.
use crate::soak::app;
use crate::soak::desk::{Desk, Shared};
use crate::soak::killer::kill;
use crate::soak::log::Log;
use crate::soak::wire::Answer;
use crate::soak::{Judgement, Plan, Report, Suite, Told};
use chrono::{DateTime, Utc};
use gatehouse_core::db;
use gatehouse_pg::{APP_ROLE, Server};
use sqlx::postgres::PgPoolOptions;
use std::error::Error;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use tokio::process::{Child, Command};
use tokio::time::sleep;

/// One request in so many, at least, is a deliberate duplicate: with fewer, a run proves little.
const DUPLICATES_IN: usize = 10;
/// One request in so many, at least, is done and not refused.
const DONE_IN: usize = 2;

/// Runs a suite; the folder with log and database stays when anything is wrong.
pub async fn run<S: Suite>(plan: &Plan) -> Result<Report, Box<dyn Error>> {
    let started = Instant::now();
    let folder = Folder::create()?;
    let base = app::base();
    let suite = Arc::new(prepare::<S>(&folder.path, plan, base).await?);
    let log = Log::create(&folder.path.join("client.log"))?;
    let shared = Arc::new(Shared::new(folder.path.join("app.sock"), log));
    let keeper = tokio::spawn(keep_running::<S>(shared.clone(), folder.path.clone(), base));
    let killer = tokio::spawn(kill_in_turn::<S>(shared.clone(), folder.path.clone(), plan.ops));
    let mut clients = Vec::new();
    for number in 0..S::CLIENTS {
        let desk = Desk::new(shared.clone());
        clients.push(tokio::spawn(suite.clone().play(desk, number)));
    }
    let mut told = Vec::new();
    for client in clients {
        told.extend(client.await?.map_err(|error| error.to_string())?);
    }
    shared.running.store(false, Ordering::SeqCst);
    let unanswered = killer.await??;
    keeper.await??;
    proves_something::<S>(plan, &told, &unanswered)?;
    let found = Judgement { failed: failed(&told), ..judge::<S>(&folder.path, &told).await? };
    if !found.is_clean() {
        eprintln!("log and database are kept in {}", folder.keep().display());
    }
    Ok(Report {
        suite: plan.suite,
        seed: plan.seed,
        ops: plan.ops,
        kills: u64::try_from(unanswered.len())?,
        least_unanswered: unanswered.into_iter().min().unwrap_or(0),
        found,
        seconds: started.elapsed().as_secs(),
    })
}

fn proves_something<S: Suite>(
    plan: &Plan,
    told: &[Told<S::Ask, S::Done>],
    unanswered: &[u64],
) -> Result<(), String> {
    let duplicates = S::duplicates(told);
    if duplicates * DUPLICATES_IN < told.len() {
        return Err(format!("only {duplicates} of {} requests were duplicates", told.len()));
    }
    let done = told.iter().filter(|told| matches!(told.answer, Answer::Done(_))).count();
    if done * DONE_IN < told.len() {
        return Err(format!("only {done} of {} requests were done", told.len()));
    }
    let kills = S::kills(plan.ops);
    if u64::try_from(unanswered.len()).is_ok_and(|killed| killed < kills) {
        return Err(format!("only {} of {kills} kills cut enough off", unanswered.len()));
    }
    Ok(())
}

fn failed<A, D>(told: &[Told<A, D>]) -> u64 {
    let failed = told
        .iter()
        .filter(|told| matches!(&told.answer, Answer::Refused { code } if code == app::INTERNAL))
        .count();
    u64::try_from(failed).unwrap_or(u64::MAX)
}

async fn prepare<S: Suite>(folder: &Path, plan: &Plan, base: DateTime<Utc>) -> Result<S, Box<dyn Error>> {
    let server = Server::start(&app::database(folder)).await?;
    db::migrate(&server.owner_url().expose(), Some(APP_ROLE)).await?;
    let owner = PgPoolOptions::new().max_connections(2).connect(&server.owner_url().expose()).await?;
    let suite = S::prepare(&owner, plan, base).await?;
    owner.close().await;
    server.stop().await?;
    Ok(suite)
}

async fn judge<S: Suite>(folder: &Path, told: &[Told<S::Ask, S::Done>]) -> Result<Judgement, Box<dyn Error>> {
    let server = Server::start(&app::database(folder)).await?;
    let owner = PgPoolOptions::new().max_connections(2).connect(&server.owner_url().expose()).await?;
    let found = S::judge(&owner, told).await?;
    owner.close().await;
    server.stop().await?;
    Ok(found)
}

/// Starts the app, and again whenever it was killed; kills it at the end.
async fn keep_running<S: Suite>(
    shared: Arc<Shared>,
    folder: PathBuf,
    base: DateTime<Utc>,
) -> Result<(), String> {
    let mut child = start_app::<S>(&folder, base)?;
    while shared.running.load(Ordering::SeqCst) {
        if child.try_wait().map_err(|error| error.to_string())?.is_some() {
            child = start_app::<S>(&folder, base)?;
        }
        sleep(Duration::from_millis(20)).await;
    }
    child.kill().await.map_err(|error| error.to_string())
}

fn start_app<S: Suite>(folder: &Path, base: DateTime<Utc>) -> Result<Child, String> {
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    Command::new(program)
        .arg("--app")
        .arg(folder)
        .arg(base.to_rfc3339())
        .arg(S::NAME)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| error.to_string())
}

/// Kills spread evenly over the run; of each that counts, how many writes it cut off.
async fn kill_in_turn<S: Suite>(shared: Arc<Shared>, folder: PathBuf, ops: u64) -> Result<Vec<u64>, String> {
    let wanted = S::kills(ops);
    let mut unanswered = Vec::new();
    for number in 0..wanted {
        let target = S::TARGETS[usize::try_from(number).unwrap_or(0) % S::TARGETS.len()];
        while shared.running.load(Ordering::SeqCst) {
            if shared.done.load(Ordering::SeqCst) < ops * (number + 1) / (wanted + 1) {
                sleep(Duration::from_millis(2)).await;
                continue;
            }
            let cut_off = kill(&shared, &folder, target, S::LEAST_UNANSWERED)
                .await
                .map_err(|error| error.to_string())?;
            if let Some(cut_off) = cut_off.filter(|cut_off| *cut_off >= S::LEAST_UNANSWERED) {
                unanswered.push(cut_off);
                break;
            }
            sleep(Duration::from_millis(50)).await;
        }
    }
    Ok(unanswered)
}

/// The folder of a run, where an unprivileged Postgres can reach it.
pub struct Folder {
    pub path: PathBuf,
    kept: bool,
}

impl Folder {
    pub fn create() -> std::io::Result<Self> {
        let path = tempfile::Builder::new().prefix("gatehouse-soak-").tempdir_in("/var/tmp")?.keep();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755))?;
        Ok(Self { path, kept: false })
    }

    pub fn keep(mut self) -> PathBuf {
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
