//! The process that is killed: services on the embedded Postgres, answering desks.
use crate::soak::Suite;
use crate::soak::wire::{Answer, Request};
use chrono::{DateTime, TimeDelta, Utc};
use gatehouse_core::actor::Actor;
use gatehouse_core::clock::{Clock, SystemClock};
use gatehouse_core::db;
use gatehouse_core::error::Error;
use gatehouse_core::ids::{BranchId, DeskId};
use gatehouse_core::sealed::KeyFile;
use gatehouse_core::services::Services;
use gatehouse_pg::{Config, Server};
use sqlx::Row;
use std::marker::PhantomData;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};

/// How much faster than the machine's the gym's clock runs: a minute is twenty hours, so members come back,
/// windows pass and business days change within one run.
const SPEED: i32 = 1200;
/// Code of what should not happen.
pub const INTERNAL: &str = "internal";

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

struct App<S> {
    services: Services,
    server: Server,
    branch: BranchId,
    desks: Vec<DeskId>,
    suite: PhantomData<S>,
}

/// Opens the database and answers until it is killed.
pub async fn run<S: Suite>(folder: PathBuf, base: DateTime<Utc>) -> Result<(), Box<dyn std::error::Error>> {
    let server = Server::start(&database(&folder)).await?;
    // One for each client, so that none waits where no kill can cut it off.
    let connections = u32::try_from(S::CLIENTS)? + 2;
    let pool = db::connect(&server.app_url().expose(), connections).await?;
    let keys = KeyFile::at(folder.join("secrets.key"));
    let services = Services::new(pool, Arc::new(FastClock { base }), folder.join("files"), keys);
    let rows = sqlx::query("select id, branch_id from desks order by name").fetch_all(&services.db).await?;
    let branch = rows.first().ok_or("a gym has a desk")?.get("branch_id");
    let desks = rows.iter().map(|row| row.get("id")).collect();
    let socket = folder.join("app.sock");
    if socket.exists() {
        std::fs::remove_file(&socket)?;
    }
    let listener = UnixListener::bind(&socket)?;
    let app = Arc::new(App::<S> { services, server, branch, desks, suite: PhantomData });
    loop {
        let (stream, _) = listener.accept().await?;
        let app = app.clone();
        tokio::spawn(async move {
            // A desk that hangs up is no trouble of ours.
            let _gone = app.serve(stream).await;
        });
    }
}

impl<S: Suite> App<S> {
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

    async fn answer(&self, request: Request<S::Ask>) -> Answer<S::Done> {
        let desk = self.desks.get(request.desk % self.desks.len()).copied();
        let actor = Actor::System { branch: Some(self.branch), desk };
        match S::answer(&self.services, &actor, request.ask).await {
            Ok(done) => Answer::Done(done),
            // It answered, and refused what the services should not have asked of it.
            Err(error @ Error::Database(sqlx::Error::Database(_))) if !error.lost_connection() => {
                eprintln!("the database refused: {error}");
                Answer::Refused { code: INTERNAL.to_owned() }
            }
            Err(Error::Database(_)) => {
                // As the product does after a lost connection. The desk asks again either way.
                let _role = self.server.ensure().await;
                Answer::Unknown
            }
            Err(error) => Answer::Refused { code: error.to_wire().code },
        }
    }
}

/// A time in the past of which the fast clock makes a plausible present.
pub fn base() -> DateTime<Utc> {
    SystemClock.now() - TimeDelta::seconds(1)
}
