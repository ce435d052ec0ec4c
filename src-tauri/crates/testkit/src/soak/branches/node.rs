//! A Postgres of the run, which is killed, backed up and put back.
use gatehouse_core::db;
use gatehouse_pg::{Config, Durability, Server};
use rustix::process::{Pid, Signal, kill_process};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{Connection as _, PgConnection, PgPool};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::sync::Mutex;

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Connections that look or prepare; the services have their own.
const OWNERS: u32 = 3;
const DESKS: u32 = 3;
/// Of what fails for a moment: a twentieth of a second each.
const TRIES: u32 = 100;

pub struct Node {
    config: Config,
    /// None while it is put back.
    server: Mutex<Option<Server>>,
    pub owner: PgPool,
    pub app: PgPool,
    pub owner_url: String,
    pub app_url: String,
    /// Where the server listens.
    pub socket: PathBuf,
}

impl Node {
    /// Starts the server of a folder with a migrated database in it.
    pub async fn open(home: &Path, durability: Durability) -> Result<Self, Failure> {
        let config = Config { durability, max_connections: 40, ..Config::new(home) };
        let server = Server::start(&config).await?;
        let (owner_url, app_url) = (server.owner_url().expose(), server.app_url().expose());
        let options: PgConnectOptions = owner_url.parse()?;
        let folder = options.get_socket().ok_or("the server has no socket")?;
        let socket = folder.join(format!(".s.PGSQL.{}", options.get_port()));
        let owner = PgPoolOptions::new()
            .max_connections(OWNERS)
            .acquire_timeout(Duration::from_secs(20))
            .connect_with(options)
            .await?;
        let app = db::connect(&app_url, DESKS).await?;
        Ok(Self { config, server: Mutex::new(Some(server)), owner, app, owner_url, app_url, socket })
    }

    /// As the superuser.
    pub async fn admin_url(&self) -> Result<String, Failure> {
        let server = self.server.lock().await;
        Ok(server.as_ref().ok_or("the server is away")?.admin_url().expose())
    }

    /// Brings it back when it was killed.
    pub async fn ensure(&self) -> Result<(), Failure> {
        if let Some(server) = &*self.server.lock().await {
            server.ensure().await?;
        }
        Ok(())
    }

    /// Without a chance to tidy up; it stays away so long.
    pub async fn kill(&self, away: Duration) -> Result<(), Failure> {
        let server = self.server.lock().await;
        if let Some(server) = &*server
            && let Some(pid) = Pid::from_raw(server.pid().await)
        {
            // Gone already is as good.
            let _gone = kill_process(pid, Signal::KILL);
            // On a busy machine it dies a while after the call: `ensure` would find it well, and nobody would ask again.
            let program = format!("/proc/{}/exe", pid.as_raw_nonzero());
            while std::fs::read_link(&program).is_ok() {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            tokio::time::sleep(away).await;
        }
        drop(server);
        self.ensure().await
    }

    /// Copies it while it works.
    pub async fn backup(&self, to: &Path) -> Result<(), Failure> {
        let server = self.server.lock().await;
        let server = server.as_ref().ok_or("the server is away")?;
        loop {
            server.ensure().await?;
            match server.backup(to).await {
                Ok(()) => return Ok(()),
                // Somebody killed it meanwhile.
                Err(gatehouse_pg::Error::Sql(_)) => tokio::time::sleep(Duration::from_millis(50)).await,
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Puts it back to a copy. `last` may look at the database that is given up.
    pub async fn restore(
        &self,
        from: &Path,
        last: impl AsyncFnOnce(&PgPool) -> Result<(), Failure>,
        first: impl AsyncFnOnce(&PgPool) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let mut place = self.server.lock().await;
        let server = place.take().ok_or("the server is away")?;
        let mut tries = 0;
        server.ensure().await?;
        // One that was killed a moment ago is perhaps not yet seen to be gone; to a new caller it does not answer.
        while let Err(error) = PgConnection::connect(&self.owner_url).await {
            tries += 1;
            if tries > TRIES {
                return Err(error.into());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
            server.ensure().await?;
        }
        last(&self.owner).await?;
        server.stop().await?;
        drop(server);
        let mut tries = 0;
        while let Err(error) = gatehouse_pg::restore(&self.config, from).await {
            tries += 1;
            // Another server of the run is being started: its process has our lock for an instant, too.
            if !matches!(error, gatehouse_pg::Error::InUse(_)) || tries > TRIES {
                return Err(error.into());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let server = Server::start(&self.config).await?;
        first(&self.owner).await?;
        *place = Some(server);
        Ok(())
    }

    pub async fn close(&self) -> Result<(), Failure> {
        self.owner.close().await;
        self.app.close().await;
        if let Some(server) = self.server.lock().await.take() {
            server.stop().await?;
        }
        Ok(())
    }
}
