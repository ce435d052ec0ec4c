//! The process that is killed: services on the embedded Postgres, answering desks.
use crate::soak::wire::{Answer, Ask, Request};
use chrono::{DateTime, TimeDelta, Utc};
use gatehouse_core::actor::Actor;
use gatehouse_core::checkin::service::{check_in, let_in, undo_entry};
use gatehouse_core::checkin::wire::{CheckIn, LetIn, Source, UndoEntry, Verdict, Who};
use gatehouse_core::clock::{Clock, SystemClock};
use gatehouse_core::db;
use gatehouse_core::error::Error;
use gatehouse_core::ids::{BranchId, DeskId};
use gatehouse_core::services::Services;
use gatehouse_pg::{Config, Server};
use sqlx::Row;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};

/// How much faster than the machine's the gym's clock runs: a minute is twenty hours, so members come back,
/// windows pass and business days change within one run.
const SPEED: i32 = 1200;
const CONNECTIONS: u32 = 10;

/// A clock that runs fast and goes on where it was after a restart.
pub struct FastClock {
    pub base: DateTime<Utc>,
}

impl Clock for FastClock {
    fn now(&self) -> DateTime<Utc> {
        self.base + (SystemClock.now() - self.base) * SPEED
    }
}

/// The database of a run, below its folder.
pub fn database(folder: &Path) -> Config {
    Config::new(folder.join("postgres"))
}

struct App {
    services: Services,
    server: Server,
    branch: BranchId,
    desks: Vec<DeskId>,
}

/// Opens the database and answers until it is killed.
pub async fn run(folder: PathBuf, base: DateTime<Utc>) -> Result<(), Box<dyn std::error::Error>> {
    let server = Server::start(&database(&folder)).await?;
    let pool = db::connect(&server.app_url().expose(), CONNECTIONS).await?;
    let services = Services { db: pool, clock: Arc::new(FastClock { base }), files: folder.join("files") };
    let rows = sqlx::query("select id, branch_id from desks order by name").fetch_all(&services.db).await?;
    let branch = rows.first().ok_or("a gym has a desk")?.get("branch_id");
    let desks = rows.iter().map(|row| row.get("id")).collect();
    let socket = folder.join("app.sock");
    if socket.exists() {
        std::fs::remove_file(&socket)?;
    }
    let listener = UnixListener::bind(&socket)?;
    let app = Arc::new(App { services, server, branch, desks });
    loop {
        let (stream, _) = listener.accept().await?;
        let app = app.clone();
        tokio::spawn(async move {
            // A desk that hangs up is no trouble of ours.
            let _gone = app.serve(stream).await;
        });
    }
}

impl App {
    async fn serve(&self, stream: UnixStream) -> std::io::Result<()> {
        let (from, mut to) = stream.into_split();
        let mut lines = BufReader::new(from).lines();
        let app = i32::try_from(std::process::id()).unwrap_or(0);
        let mut answer = Answer::Hello { app, database: self.server.pid().await };
        loop {
            let mut line = serde_json::to_vec(&answer)?;
            line.push(b'\n');
            to.write_all(&line).await?;
            let Some(request) = lines.next_line().await? else { return Ok(()) };
            answer = self.answer(serde_json::from_str(&request)?).await;
        }
    }

    async fn answer(&self, request: Request) -> Answer {
        let desk = self.desks.get(request.desk % self.desks.len()).copied();
        let actor = Actor::System { branch: Some(self.branch), desk };
        let answer = match request.ask {
            Ask::CheckIn { scan_id, code } => {
                let request = CheckIn { scan_id, who: Who::Code(code), source: Source::Webcam };
                check_in(&self.services, &actor, request).await.map(told)
            }
            Ask::LetIn { scan_id, member_id } => {
                let request = LetIn { scan_id, member_id, reason: "soak".to_owned() };
                let_in(&self.services, &actor, request).await.map(told)
            }
            Ask::Undo { entry_id } => {
                let request = UndoEntry { entry_id, reason: None };
                undo_entry(&self.services, &actor, request).await.map(|()| Answer::Undone { entry_id })
            }
        };
        match answer {
            Ok(answer) => answer,
            Err(Error::Database(_)) => {
                // As the product does after a lost connection. The desk asks again either way.
                let _role = self.server.ensure().await;
                Answer::Unknown
            }
            Err(error) => Answer::Refused { code: error.to_wire().code },
        }
    }
}

/// A verdict as the desk is told it.
pub fn told(verdict: Verdict) -> Answer {
    Answer::Verdict {
        scan_id: verdict.scan_id,
        outcome: verdict.outcome,
        entry_id: verdict.entry_id,
        repeated: verdict.repeated,
    }
}

/// A time in the past of which the fast clock makes a plausible present.
pub fn base() -> DateTime<Utc> {
    SystemClock.now() - TimeDelta::seconds(1)
}
