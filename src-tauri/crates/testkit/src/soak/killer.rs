//! Kills app or database in the middle of writes.
use crate::soak::desk::Shared;
use crate::soak::log::Line;
use rustix::process::{Pid, Signal, kill_process};
use std::io;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::time::{sleep, timeout};

/// How long after a kill it may take until everything that it cut off has been asked again and answered.
const RECOVERY: Duration = Duration::from_mins(3);

/// What a kill hits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// The process with the services; its database ends with it.
    App,
    /// The database's main process, without a chance to tidy up.
    Database,
}

/// Kills once while at least so many requests are on their way. How many writes lost their answer by it; none when
/// there was nothing to kill.
pub async fn kill(shared: &Shared, folder: &Path, target: Target, least: u64) -> io::Result<Option<u64>> {
    let pid = match target {
        Target::App => shared.app.load(Ordering::SeqCst),
        Target::Database => database_pid(folder).unwrap_or_else(|| shared.database.load(Ordering::SeqCst)),
    };
    let Some(victim) = Pid::from_raw(pid).filter(|_| is_ours(pid, folder, target)) else { return Ok(None) };
    let kills = shared.kills.load(Ordering::SeqCst);
    let before = shared.sent_after(kills);
    while before.load(Ordering::SeqCst) < least {
        if !shared.running.load(Ordering::SeqCst) {
            return Ok(None);
        }
        tokio::task::yield_now().await;
    }
    shared.cut_off_writes.store(0, Ordering::SeqCst);
    // Whatever was sent before this line and is not answered, the kill cuts off.
    shared.kills.store(kills + 1, Ordering::SeqCst);
    let on_their_way = before.load(Ordering::SeqCst);
    if kill_process(victim, Signal::KILL).is_err() {
        return Ok(None);
    }
    let what = match target {
        Target::App => "app",
        Target::Database => "database",
    };
    let line: Line<'_> = Line::Killed { what, pid, on_their_way };
    shared.log.line(&line)?;
    let recovered = timeout(RECOVERY, async {
        while before.load(Ordering::SeqCst) > 0 || shared.cut_off.load(Ordering::SeqCst) > 0 {
            sleep(Duration::from_millis(5)).await;
        }
    });
    recovered.await.map_err(|_| io::Error::other(format!("the {what} did not come back")))?;
    Ok(Some(shared.cut_off_writes.load(Ordering::SeqCst)))
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
