use std::fs;
use std::io;

use rustix::process::Pid;

use crate::Error;
use crate::error::At;
use crate::home::Home;

/// What the server of a data folder is doing, from its `postmaster.pid` and the process it names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    Down,
    Starting(Pid),
    Ready(Pid),
    Stopping(Pid),
}

/// What Postgres writes in `postmaster.pid`, the lines we need: 1 pid, 3 start time (Unix seconds),
/// 8 status. <https://www.postgresql.org/docs/18/storage-file-layout.html>
struct PidFile {
    pid: Option<Pid>,
    started: Option<u64>,
    status: String,
}

impl State {
    pub fn of(home: &Home) -> Result<Self, Error> {
        let Some(file) = PidFile::read(home)? else { return Ok(Self::Down) };
        let Some(pid) = file.pid.filter(|pid| serves(*pid, home)) else { return Ok(Self::Down) };
        Ok(match file.status.as_str() {
            "ready" => Self::Ready(pid),
            "stopping" => Self::Stopping(pid),
            _ => Self::Starting(pid),
        })
    }
}

impl PidFile {
    fn read(home: &Home) -> Result<Option<Self>, Error> {
        let path = home.data().join("postmaster.pid");
        let text = match fs::read_to_string(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            other => other.at("Cannot read", &path)?,
        };
        let line = |number: usize| text.lines().nth(number - 1).unwrap_or_default().trim();
        Ok(Some(Self {
            pid: line(1).parse().ok().and_then(Pid::from_raw),
            started: line(3).parse().ok(),
            status: line(8).to_owned(),
        }))
    }
}

/// Whether a process is the server of this data folder: it runs `postgres`, works in the folder (the server
/// changes there at its start) and is not one of the server's own children, which call themselves
/// `postgres: …`.
pub(crate) fn serves(pid: Pid, home: &Home) -> bool {
    let process = process_dir(pid);
    let Ok(exe) = fs::read_link(format!("{process}/exe")) else { return false };
    let Ok(folder) = fs::read_link(format!("{process}/cwd")) else { return false };
    let Ok(title) = fs::read(format!("{process}/cmdline")) else { return false };
    exe.file_name().is_some_and(|name| name.to_string_lossy().starts_with("postgres"))
        && folder == home.data()
        && !title.starts_with(b"postgres: ")
}

/// Removes what a power cut left behind. Postgres itself only looks whether *some* process of its account has
/// the number, and refuses to start when a text editor got it after the reboot. Only for the holder of the
/// lock, and only while nothing serves the folder.
pub(crate) fn clear_stale_files(home: &Home) -> Result<(), Error> {
    let Some(file) = PidFile::read(home)? else { return Ok(()) };
    if file.pid.is_some_and(|pid| unknowable(pid) && !before_boot(file.started)) {
        // A process of another account whose program we may not see: Postgres knows that case itself.
        return Ok(());
    }
    tracing::warn!(pid = ?file.pid, "removing the pid file of a server that is gone");
    for path in [
        home.data().join("postmaster.pid"),
        home.sockets().join(".s.PGSQL.5432.lock"),
        home.sockets().join(".s.PGSQL.5432"),
    ] {
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(error).at("Cannot remove", &path);
            }
            _ => {}
        }
    }
    Ok(())
}

fn unknowable(pid: Pid) -> bool {
    fs::read_link(format!("{}/exe", process_dir(pid)))
        .is_err_and(|error| error.kind() == io::ErrorKind::PermissionDenied)
}

/// `btime` of /proc/stat: when this machine was started, Unix seconds.
fn before_boot(started: Option<u64>) -> bool {
    let boot = fs::read_to_string("/proc/stat").ok().and_then(|text| {
        text.lines().find_map(|line| line.strip_prefix("btime ")?.trim().parse::<u64>().ok())
    });
    matches!((started, boot), (Some(started), Some(boot)) if started < boot)
}

fn process_dir(pid: Pid) -> String {
    format!("/proc/{}", pid.as_raw_nonzero())
}
