use std::fs;
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread;

use rustix::process::{Pid, Signal, getpid, getppid, kill_process, set_parent_process_death_signal};

use crate::binaries::Binaries;
use crate::config::{Config, Durability, Lifetime};
use crate::error::At;
use crate::home::Home;
use crate::{Error, state};

/// A server that this process started.
#[derive(Debug)]
pub(crate) struct Postmaster {
    pub pid: Pid,
    exited: Arc<AtomicBool>,
    log_from: u64,
}

impl Postmaster {
    /// Starts the server; it is not ready yet.
    pub fn spawn(config: &Config, binaries: &Binaries, home: &Home) -> Result<Self, Error> {
        let log = home.open_log()?;
        let log_from = log.metadata().at("Cannot read", &home.log())?.len();
        let program = binaries.program("postgres");
        let mut command = Command::new(&program);
        command
            .arg("-D")
            .arg(home.data())
            .args(settings(config, home))
            .env_clear()
            .env("LC_ALL", "C")
            .stdin(Stdio::null())
            .stdout(log.try_clone().at("Cannot open", &home.log())?)
            .stderr(log)
            // Ctrl-C in a terminal is for the app, which then stops the server in good order.
            .process_group(0);
        home.account.run(&mut command);
        if config.lifetime == Lifetime::WithOwner {
            goes_with_its_parent(&mut command);
        }

        // The signal at the parent's death fires when the spawning *thread* ends, not the process. So this
        // thread waits for the server, and ends after it.
        let (started, start) = mpsc::channel();
        let exited = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&exited);
        thread::Builder::new()
            .name("postgres-parent".into())
            .spawn(move || match command.spawn() {
                Ok(mut child) => {
                    drop(started.send(Ok(child.id())));
                    let status = child.wait();
                    tracing::info!(?status, "the database server has ended");
                    flag.store(true, Ordering::Release);
                }
                Err(error) => drop(started.send(Err(error))),
            })
            .at("Cannot start", &program)?;
        let pid = start
            .recv()
            .map_err(io::Error::other)
            .flatten()
            .and_then(|pid| i32::try_from(pid).map_err(io::Error::other))
            .and_then(|pid| Pid::from_raw(pid).ok_or_else(|| io::Error::other("no process number")))
            .at("Cannot start", &program)?;
        Ok(Self { pid, exited, log_from })
    }

    pub fn has_exited(&self) -> bool {
        self.exited.load(Ordering::Acquire)
    }

    /// What the server wrote since it was started, its last lines.
    pub fn last_words(&self, home: &Home) -> String {
        let mut text = String::new();
        if let Ok(mut log) = fs::File::open(home.log()) {
            let read = log.seek(SeekFrom::Start(self.log_from)).and_then(|_| log.read_to_string(&mut text));
            if let Err(error) = read {
                tracing::warn!(%error, "the server's log cannot be read");
            }
        }
        let fatal: Vec<&str> = text.lines().filter(|line| line.contains("FATAL:")).collect();
        if fatal.is_empty() {
            text.lines().rev().take(3).collect::<Vec<_>>().into_iter().rev().collect::<Vec<_>>().join(" | ")
        } else {
            fatal.join(" | ")
        }
    }
}

/// Asks a server to end: SIGINT is Postgres's fast shutdown (clients are cut off, data is flushed), SIGQUIT the
/// immediate one (recovery at the next start).
pub(crate) fn signal(pid: Pid, signal: Signal, home: &Home) {
    if state::serves(pid, home)
        && let Err(error) = kill_process(pid, signal)
    {
        tracing::warn!(%error, ?signal, "the database server cannot be signalled");
    }
}

/// Given on the command line, so that no file in the data folder can turn fsync off or open a port.
fn settings(config: &Config, home: &Home) -> Vec<String> {
    let fsync = match config.durability {
        Durability::Durable => "on",
        Durability::OffForTests => "off",
    };
    [
        "listen_addresses=".to_owned(),
        format!("unix_socket_directories={}", quoted(home.sockets())),
        "unix_socket_permissions=0700".to_owned(),
        "port=5432".to_owned(),
        format!("fsync={fsync}"),
        format!("full_page_writes={fsync}"),
        format!("synchronous_commit={fsync}"),
        format!("max_connections={}", config.max_connections),
        "timezone=UTC".to_owned(),
        "log_timezone=UTC".to_owned(),
        "jit=off".to_owned(),
        // A desk reads a page here and there; handing that to a worker process takes longer than reading it.
        "io_method=sync".to_owned(),
        "cluster_name=gatehouse".to_owned(),
    ]
    .into_iter()
    .flat_map(|setting| ["-c".to_owned(), setting])
    .collect()
}

/// The setting is a list: spaces and commas in a path need quotes.
fn quoted(path: &Path) -> String {
    format!("\"{}\"", path.to_string_lossy().replace('"', "\"\""))
}

#[expect(unsafe_code, reason = "a child can only set its own death signal, between fork and exec")]
fn goes_with_its_parent(command: &mut Command) {
    let parent = getpid();
    let set = move || {
        // After the change of account, which clears it. Closures run after it.
        set_parent_process_death_signal(Some(Signal::INT))?;
        // Whoever died before that line sends no signal any more.
        if getppid() == Some(parent) { Ok(()) } else { Err(io::ErrorKind::BrokenPipe.into()) }
    };
    // SAFETY: between fork and exec only async-signal-safe calls are allowed; the closure makes two plain
    // system calls and builds errors without allocating.
    unsafe {
        command.pre_exec(set);
    }
}
