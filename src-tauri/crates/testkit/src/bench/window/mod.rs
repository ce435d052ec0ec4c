//! Areas `start` and `memory`: the real window against an empty one of the same toolkit, both as release builds on
//! a virtual display of the benchmark's own.
//!
//! `start`: from the start of the process to the first picture of the page, seen from outside in the display's
//! memory, so that both windows are measured alike and neither helps. The house is one that has been used before.
//!
//! `memory`: proportional set size of the window with its WebKit processes and its Postgres, once it no longer
//! moves.
mod display;
mod processes;

use crate::bench::figure::Figure;
use display::Display;
use gatehouse_core::clock::SystemClock;
use gatehouse_core::db;
use gatehouse_core::demo::{self, Demo};
use gatehouse_core::sealed::KeyFile;
use gatehouse_core::services::Services;
use gatehouse_pg::{APP_ROLE, Config, Server};
use processes::Memory;
use std::error::Error;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::thread::sleep;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Starts of each window that are measured; one more of each comes first, for the page cache.
const STARTS: usize = 7;
/// How long a window may take to its first picture, and its memory to settle.
const PATIENCE: Duration = Duration::from_secs(60);
/// Between two looks at the display, and at the memory.
const LOOK: Duration = Duration::from_millis(4);
const LOOK_AT_MEMORY: Duration = Duration::from_secs(3);

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Measures the area `start`.
pub fn start() -> Result<()> {
    let stage = Stage::open()?;
    let (mut ours, mut empty) = (Vec::new(), Vec::new());
    for round in 0..=STARTS {
        let (least, own) = (stage.first_paint(Which::Empty)?, stage.first_paint(Which::Ours)?);
        if round > 0 {
            empty.push(least);
            ours.push(own);
        }
    }
    let note = format!(
        "medians of {STARTS} starts each, by turns; ours {:.0} to {:.0} ms, empty {:.0} to {:.0} ms",
        ours.iter().copied().fold(f64::MAX, f64::min),
        ours.iter().copied().fold(0.0, f64::max),
        empty.iter().copied().fold(f64::MAX, f64::min),
        empty.iter().copied().fold(0.0, f64::max),
    );
    Ok(Figure::against("start", "first-paint", "ms", median(ours), median(empty)).noting(note).print()?)
}

/// Measures the area `memory`.
pub fn memory() -> Result<()> {
    let stage = Stage::open()?;
    let (ours, empty) = (stage.idle(Which::Ours)?, stage.idle(Which::Empty)?);
    let note = format!("ours: {ours}; empty: {empty}");
    Ok(Figure::against("memory", "idle", "MB", ours.total(), empty.total()).noting(note).print()?)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Which {
    Ours,
    Empty,
}

/// A display, a house that has been lived in, and the two programs.
struct Stage {
    display: Display,
    house: TempDir,
    ours: PathBuf,
    empty: PathBuf,
}

impl Stage {
    fn open() -> Result<Self> {
        // Built beside this program.
        let built = std::env::current_exe()?.parent().map_or_else(PathBuf::new, Path::to_owned);
        let (ours, empty) = (built.join("gatehouse"), built.join("examples/empty-window"));
        for program in [&ours, &empty] {
            if !program.is_file() {
                return Err(format!("{} is not built; `make bench` builds it", program.display()).into());
            }
        }
        // Where an unprivileged Postgres gets through.
        let house = tempfile::Builder::new().prefix("gatehouse-bench-").tempdir_in("/var/tmp")?;
        std::fs::set_permissions(house.path(), std::fs::Permissions::from_mode(0o755))?;
        tokio::runtime::Runtime::new()?.block_on(live_in(house.path()))?;
        Ok(Self { display: Display::open()?, house, ours, empty })
    }

    fn first_paint(&self, which: Which) -> Result<f64> {
        let started = Instant::now();
        let window = self.show(which)?;
        let took = started.elapsed().as_secs_f64() * 1000.0;
        window.close()?;
        Ok(took)
    }

    /// Waits until the memory has settled.
    fn idle(&self, which: Which) -> Result<Memory> {
        let window = self.show(which)?;
        let (began, mut before) = (Instant::now(), Memory::default());
        loop {
            sleep(LOOK_AT_MEMORY);
            let now = Memory::of(window.child.id())?;
            // Three seconds that changed less than one part in two hundred.
            if (now.total() - before.total()).abs() < now.total() / 200.0 || began.elapsed() > PATIENCE {
                window.close()?;
                return Ok(now);
            }
            before = now;
        }
    }

    /// Starts the program and returns when its page is on the display.
    fn show(&self, which: Which) -> Result<Window> {
        self.display.wait(PATIENCE, LOOK, false)?;
        let mut command = match which {
            Which::Ours => Command::new(&self.ours),
            Which::Empty => Command::new(&self.empty),
        };
        if which == Which::Ours {
            command.arg("--data-dir").arg(self.house.path());
        }
        let child = command
            .env("DISPLAY", self.display.name())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        let window = Window { child, postgres: postmaster(self.house.path()) };
        self.display.wait(PATIENCE, LOOK, true)?;
        Ok(window)
    }
}

/// A program with its window; closed at the latest when the value goes.
struct Window {
    child: Child,
    /// The note of the server that goes with it.
    postgres: PathBuf,
}

impl Window {
    fn close(mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        // The server ends in good order when the window is gone.
        let began = Instant::now();
        while self.postgres.exists() {
            if began.elapsed() > PATIENCE {
                return Err("the window's Postgres stays".into());
            }
            sleep(LOOK);
        }
        Ok(())
    }
}

impl Drop for Window {
    fn drop(&mut self) {
        // Closed windows are no process of ours any more, which is all that can be wrong here.
        let _gone = self.child.kill().and_then(|()| self.child.wait());
    }
}

/// A gym of the usual size, so that the window opens on the login and not on the wizard.
async fn live_in(folder: &Path) -> Result<()> {
    let server = Server::start(&Config::new(folder.join("postgres"))).await?;
    db::migrate(&server.owner_url().expose(), Some(APP_ROLE)).await?;
    let pool = db::connect(&server.app_url().expose(), 2).await?;
    let keys = KeyFile::at(folder.join("secrets.key"));
    let services = Services::new(pool, Arc::new(SystemClock), folder.join("files"), keys);
    let demo = Demo { members: 500, days: 90, seed: 1, pack_percent: 25, now: services.now() };
    demo::generate(&services, &server.owner_url().expose(), demo, |_| ()).await?;
    services.db.close().await;
    Ok(server.stop().await?)
}

fn postmaster(house: &Path) -> PathBuf {
    house.join("postgres/data/postmaster.pid")
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(0.0)
}
