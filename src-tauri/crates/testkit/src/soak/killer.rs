//! Kills app and database in turn, each time in the middle of a write.
use crate::soak::desk::Shared;
use crate::soak::log::Line;
use rustix::process::{Pid, Signal, kill_process};
use std::io;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::time::{sleep, timeout};

/// How long after a kill the desks may take to notice that an answer is missing.
const NOTICE: Duration = Duration::from_secs(10);

/// What a kill hits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// The process with the services; its database ends with it.
    App,
    /// The database's main process, without a chance to tidy up.
    Database,
}

/// Kills once while requests are on their way. Whether at least one of them lost its answer: only then it counts.
pub async fn kill(shared: &Shared, folder: &Path, target: Target) -> io::Result<bool> {
    let pid = match target {
        Target::App => shared.app.load(Ordering::SeqCst),
        Target::Database => database_pid(folder).unwrap_or_else(|| shared.database.load(Ordering::SeqCst)),
    };
    let Some(victim) = Pid::from_raw(pid).filter(|_| is_ours(pid, folder, target)) else { return Ok(false) };
    while shared.in_flight.load(Ordering::SeqCst) == 0 {
        tokio::task::yield_now().await;
    }
    let (before, unanswered) =
        (shared.unanswered.load(Ordering::SeqCst), shared.in_flight.load(Ordering::SeqCst));
    if kill_process(victim, Signal::KILL).is_err() {
        return Ok(false);
    }
    let what = match target {
        Target::App => "app",
        Target::Database => "database",
    };
    shared.log.line(&Line::Killed { what, pid, unanswered })?;
    let noticed = timeout(NOTICE, async {
        while shared.unanswered.load(Ordering::SeqCst) == before {
            sleep(Duration::from_millis(5)).await;
        }
    });
    Ok(noticed.await.is_ok())
}

/// Whether the number still belongs to the process meant, and not to somebody who got it after.
fn is_ours(pid: i32, folder: &Path, target: Target) -> bool {
    match target {
        Target::App => std::fs::read(format!("/proc/{pid}/cmdline"))
            .is_ok_and(|line| String::from_utf8_lossy(&line).contains(&*folder.to_string_lossy())),
        Target::Database => {
            std::fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|at| at.starts_with(folder))
        }
    }
}

/// The server's main process, as Postgres itself noted it.
fn database_pid(folder: &Path) -> Option<i32> {
    let note = std::fs::read_to_string(folder.join("postgres/data/postmaster.pid")).ok()?;
    note.lines().next()?.trim().parse().ok()
}
