//! The relay as a process of its own, which is killed: rounds one after the other, as fast as they come.
use crate::FakeClock;
use gatehouse_core::db;
use gatehouse_core::demo::dice::Dice;
use gatehouse_core::sealed::KeyFile;
use gatehouse_core::services::Services;
use gatehouse_core::sync::model::Limits;
use gatehouse_core::sync::relay::{Round, Stopped, round};
use serde::{Deserialize, Serialize};
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions as _, Connection, PgConnection};
use std::fs::OpenOptions;
use std::io::{Read as _, Write as _};
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;
use tokio::process::{Child, Command};
use tokio::sync::Mutex;
use tokio::time::{sleep, timeout};

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Between two rounds.
const PAUSE: Duration = Duration::from_millis(15);
/// After one that failed.
const BREATH: Duration = Duration::from_millis(60);
/// How long the relay may take to have a line.
const CONNECT: Duration = Duration::from_secs(5);

/// What the process is told.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Order {
    /// The branch's database, as the services log in.
    pub branch: String,
    /// Headquarters, by way of the line.
    pub headquarters: String,
    /// Where it writes what became of its rounds.
    pub log: PathBuf,
    pub seed: u64,
    /// Events and rows of a batch or a page at most: a small run has to have many, a long one has to come to its end.
    pub most: i64,
    /// Where its clock stands.
    pub now: String,
}

/// What became of one round.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Line {
    pub sent: usize,
    pub read: usize,
    pub quarantined: usize,
    pub set_aside: usize,
    pub taken_back: usize,
    /// The connection went.
    pub cut: bool,
    /// It stopped for another reason than that.
    pub failed: Option<String>,
}

impl Line {
    fn of(done: Result<Round, Stopped>) -> Self {
        match done {
            Ok(round) => Self {
                sent: round.sent,
                read: round.read,
                quarantined: round.quarantined,
                set_aside: round.set_aside,
                taken_back: round.taken_back,
                ..Self::default()
            },
            Err(Stopped::Failed(error)) if error.lost_connection() => Self { cut: true, ..Self::default() },
            Err(error) => Self { failed: Some(error.to_string()), ..Self::default() },
        }
    }
}

/// The process: goes on until it is killed, or its parent is gone.
pub async fn run(order: &str) -> Result<(), Failure> {
    let order: Order = serde_json::from_str(order)?;
    let (parent_goes, parent_gone) = tokio::sync::oneshot::channel::<()>();
    std::thread::spawn(move || {
        // Nobody writes; the end is the parent's.
        let _end = std::io::stdin().read(&mut [0; 1]);
        drop(parent_goes);
    });
    tokio::select! {
        _ = parent_gone => Ok(()),
        failed = rounds(&order) => failed,
    }
}

async fn rounds(order: &Order) -> Result<(), Failure> {
    let mut dice = Dice::new(order.seed);
    let mut log = OpenOptions::new().create(true).append(true).open(&order.log)?;
    let services = loop {
        match db::connect(&order.branch, 3).await {
            Ok(pool) => break services(pool, &order.now),
            Err(_) => sleep(PAUSE).await,
        }
    };
    let headquarters: PgConnectOptions = order.headquarters.parse()?;
    loop {
        let limits = Limits {
            events: i32::try_from(dice.between(1, order.most))?,
            rows: i32::try_from(dice.between(1, order.most))?,
            ..Limits::default()
        };
        let line = match timeout(CONNECT, headquarters.connect()).await {
            Ok(Ok(mut hq)) => rounds_on(&services, &mut hq, limits, &mut log).await?,
            Ok(Err(_)) | Err(_) => Line { cut: true, ..Line::default() },
        };
        write(&mut log, &line)?;
        sleep(BREATH).await;
    }
}

/// Rounds on one connection, until one fails.
async fn rounds_on(
    services: &Services,
    hq: &mut PgConnection,
    limits: Limits,
    log: &mut std::fs::File,
) -> Result<Line, Failure> {
    loop {
        let line = Line::of(round(services, hq, limits).await);
        if line.cut || line.failed.is_some() {
            return Ok(line);
        }
        write(log, &line)?;
        sleep(PAUSE).await;
    }
}

fn write(log: &mut std::fs::File, line: &Line) -> Result<(), Failure> {
    let mut text = serde_json::to_vec(line)?;
    text.push(b'\n');
    Ok(log.write_all(&text)?)
}

/// What a round needs of the services.
pub fn services(db: sqlx::PgPool, now: &str) -> Services {
    let keys = KeyFile::at(std::env::temp_dir().join("no.key"));
    Services::new(db, Arc::new(FakeClock::at(now)), std::env::temp_dir(), keys)
}

/// Starts the process, and again when it was killed.
pub struct Keeper {
    program: PathBuf,
    order: Order,
    child: Mutex<Option<Child>>,
}

impl Keeper {
    pub fn new(program: PathBuf, order: Order) -> Self {
        Self { program, order, child: Mutex::default() }
    }

    pub async fn start(&self) -> Result<(), Failure> {
        let mut child = self.child.lock().await;
        if child.is_none() {
            *child = Some(
                Command::new(&self.program)
                    .arg("--relay")
                    .arg(serde_json::to_string(&self.order)?)
                    .stdin(Stdio::piped())
                    .stdout(Stdio::null())
                    .kill_on_drop(true)
                    .spawn()?,
            );
        }
        Ok(())
    }

    /// In the middle of whatever it does.
    pub async fn kill(&self) -> Result<(), Failure> {
        let Some(mut child) = self.child.lock().await.take() else { return Ok(()) };
        if let Some(status) = child.try_wait()? {
            return Err(format!("the relay ended by itself: {status}").into());
        }
        child.kill().await?;
        Ok(())
    }

    /// A round in this process, over the same line, again and again until one ends well.
    pub async fn round(&self, db: sqlx::PgPool, limits: Limits) -> Result<Round, Failure> {
        let services = services(db, &self.order.now);
        let headquarters: PgConnectOptions = self.order.headquarters.parse()?;
        for _ in 0..400 {
            if let Ok(Ok(mut hq)) = timeout(CONNECT, headquarters.connect()).await {
                match round(&services, &mut hq, limits).await {
                    Ok(round) => {
                        hq.close().await?;
                        return Ok(round);
                    }
                    Err(Stopped::Failed(error)) if error.lost_connection() => {}
                    Err(error) => return Err(error.into()),
                }
            }
            sleep(BREATH).await;
        }
        Err("no round in four hundred ended well".into())
    }

    /// What became of all rounds.
    pub fn lines(&self) -> Result<Vec<Line>, Failure> {
        let text = std::fs::read_to_string(&self.order.log).unwrap_or_default();
        // A kill may leave half a line.
        Ok(text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect())
    }

    /// Where headquarters is reached.
    pub fn headquarters(&self) -> &str {
        &self.order.headquarters
    }
}
