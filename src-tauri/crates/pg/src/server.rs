use std::fs::File;
use std::path::Path;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal};
use sqlx::Connection;
use sqlx::postgres::PgConnection;
use tokio::sync::Mutex;
use tokio::task::spawn_blocking;
use tokio::time::sleep;

use crate::binaries::Binaries;
use crate::config::{Config, Lifetime};
use crate::error::At;
use crate::home::Home;
use crate::postmaster::{self, Postmaster};
use crate::secrets::Secrets;
use crate::state::{self, State};
use crate::url::DatabaseUrl;
use crate::{ADMIN_ROLE, APP_ROLE, DATABASE, Error, OWNER_ROLE, backup, bootstrap, initdb};

/// How often a state is looked at while waiting for another.
const GLANCE: Duration = Duration::from_millis(20);
/// How long a server may take to end before it is told to drop everything (and recover at the next start).
const PATIENCE: Duration = Duration::from_secs(30);

/// How this process came to its server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// It started the server and stops it.
    Started,
    /// The server had outlived its app; this process took it over and stops it.
    Adopted,
    /// Another process owns the server; this one uses it and never stops it.
    Joined,
}

/// The running server, as this process sees it. Dropping it ends the server if this process owns it; prefer
/// [`Server::stop`], which waits.
#[derive(Debug)]
pub struct Server {
    config: Config,
    binaries: Binaries,
    home: Home,
    urls: Urls,
    held: Mutex<Held>,
    stopped: AtomicBool,
    role: std::sync::Mutex<Role>,
}

#[derive(Debug)]
struct Urls {
    admin: DatabaseUrl,
    owner: DatabaseUrl,
    app: DatabaseUrl,
}

#[derive(Debug)]
struct Held {
    role: Role,
    /// Open while this process owns the server.
    lock: Option<File>,
    pid: Pid,
}

impl Held {
    /// A detached server outlives its starter, so nobody owns it: the lock only kept two from starting it.
    fn release_if(&mut self, lifetime: Lifetime) {
        if lifetime == Lifetime::Detached {
            self.lock = None;
        }
    }
}

impl Server {
    /// Makes the database if there is none, and starts, adopts or joins its server.
    pub async fn start(config: &Config) -> Result<Self, Error> {
        let home = Home::open(&config.home)?;
        let binaries = Binaries::find(config.resources.as_deref())?;
        home.account.can_reach(binaries.dir())?;
        let deadline = Instant::now() + config.start_timeout;
        let held = take_or_join(config, &binaries, &home, deadline).await?;
        let secrets = Secrets::read(&home)?
            .ok_or_else(|| std::io::Error::from(std::io::ErrorKind::InvalidData))
            .at("Cannot read", &home.secrets())?;
        let urls = Urls {
            admin: DatabaseUrl::new(&home, ADMIN_ROLE, &secrets.admin, "postgres"),
            owner: DatabaseUrl::new(&home, OWNER_ROLE, &secrets.owner, DATABASE),
            app: DatabaseUrl::new(&home, APP_ROLE, &secrets.app, DATABASE),
        };
        let role = held.role;
        let server = Self {
            config: config.clone(),
            binaries,
            home,
            urls,
            held: Mutex::new(held),
            stopped: AtomicBool::new(false),
            role: std::sync::Mutex::new(role),
        };
        server.wait_for_login(&secrets, deadline).await?;
        server.held.lock().await.release_if(config.lifetime);
        tracing::info!(?role, home = %server.home.root().display(), "the database is ready");
        Ok(server)
    }

    /// Call when a connection was lost: returns at once when the server is up, starts it again when this
    /// process owns it, takes it over when its owner is gone, waits while it is coming up. Connect again
    /// afterwards and repeat with the same idempotency key.
    pub async fn ensure(&self) -> Result<Role, Error> {
        let mut held = self.held.lock().await;
        if self.stopped.load(Ordering::Relaxed) {
            return Err(Error::Stopped);
        }
        if !matches!(State::of(&self.home)?, State::Ready(_)) {
            let deadline = Instant::now() + self.config.start_timeout;
            let again = match held.lock.take() {
                Some(lock) => {
                    own(&self.config, &self.binaries, &self.home, lock, Some(&held), deadline).await?
                }
                None => take_or_join(&self.config, &self.binaries, &self.home, deadline).await?,
            };
            tracing::warn!(role = ?again.role, "the database was away and is back");
            *held = again;
            held.release_if(self.config.lifetime);
            *self.role.lock().unwrap_or_else(PoisonError::into_inner) = held.role;
        }
        Ok(held.role)
    }

    /// How this process came to the server that is running now.
    pub fn role(&self) -> Role {
        *self.role.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// For migrations.
    pub fn owner_url(&self) -> &DatabaseUrl {
        &self.urls.owner
    }

    /// For everything else.
    pub fn app_url(&self) -> &DatabaseUrl {
        &self.urls.app
    }

    /// The superuser, connected to the database `postgres`: for backups and for the tests' databases.
    pub fn admin_url(&self) -> &DatabaseUrl {
        &self.urls.admin
    }

    /// The server's process, for tests and `doctor`.
    pub async fn pid(&self) -> i32 {
        self.held.lock().await.pid.as_raw_nonzero().get()
    }

    /// The folder of the server.
    pub fn home(&self) -> &Path {
        self.home.root()
    }

    /// Copies the running database to a new folder `to`, from which [`crate::restore`] brings it back. Work
    /// goes on meanwhile; what was committed before the end of the call is in it.
    pub async fn backup(&self, to: &Path) -> Result<(), Error> {
        backup::take(&self.home, self.admin_url(), to).await
    }

    /// Ends the server and waits until it is gone, if this process owns it; a server that was joined goes on.
    /// [`Server::ensure`] does not bring it back after this.
    pub async fn stop(&self) -> Result<(), Error> {
        let mut held = self.held.lock().await;
        self.stopped.store(true, Ordering::Relaxed);
        let Some(lock) = held.lock.take() else { return Ok(()) };
        postmaster::signal(held.pid, Signal::INT, &self.home);
        let patience = Instant::now() + PATIENCE;
        while state::serves(held.pid, &self.home) {
            if Instant::now() > patience {
                tracing::warn!("the database does not end; it is cut short and recovers at the next start");
                postmaster::signal(held.pid, Signal::QUIT, &self.home);
                sleep(Duration::from_secs(1)).await;
            }
            sleep(GLANCE).await;
        }
        drop(lock);
        Ok(())
    }

    /// The owner puts roles and database right when the app cannot log in; the others wait for that.
    async fn wait_for_login(&self, secrets: &Secrets, deadline: Instant) -> Result<(), Error> {
        let role = self.held.lock().await.role;
        loop {
            let error = match PgConnection::connect(&self.urls.app.expose()).await {
                Ok(db) => return Ok(db.close().await?),
                Err(error) if Instant::now() > deadline => return Err(error.into()),
                Err(error) => error,
            };
            match role {
                Role::Started | Role::Adopted => {
                    bootstrap::roles_and_database(&self.urls.admin.expose(), secrets).await?;
                }
                Role::Joined => tracing::debug!(%error, "waiting for the owner to set the database up"),
            }
            sleep(GLANCE).await;
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let held = self.held.get_mut();
        if held.lock.is_some() {
            postmaster::signal(held.pid, Signal::INT, &self.home);
        }
    }
}

/// Becomes the owner, or waits until somebody else's server is ready.
async fn take_or_join(
    config: &Config,
    binaries: &Binaries,
    home: &Home,
    deadline: Instant,
) -> Result<Held, Error> {
    loop {
        if let Some(lock) = home.try_lock()? {
            return own(config, binaries, home, lock, None, deadline).await;
        }
        if let State::Ready(pid) = State::of(home)? {
            return Ok(Held { role: Role::Joined, lock: None, pid });
        }
        glance(config, home, deadline).await?;
    }
}

/// With the lock in hand: adopts the server that runs, or starts one. `before` is what this process held
/// already.
async fn own(
    config: &Config,
    binaries: &Binaries,
    home: &Home,
    lock: File,
    before: Option<&Held>,
    deadline: Instant,
) -> Result<Held, Error> {
    let lock = Some(lock);
    loop {
        match State::of(home)? {
            State::Ready(pid) if Secrets::read(home)?.is_some() => {
                let role = before.filter(|before| before.pid == pid).map_or(Role::Adopted, |held| held.role);
                return Ok(Held { role, lock, pid });
            }
            // A server whose passwords are lost is of no use to anybody; they are made anew while it is down.
            State::Ready(pid) => postmaster::signal(pid, Signal::INT, home),
            State::Starting(_) | State::Stopping(_) => {}
            State::Down => {
                let (programs, folder) = (binaries.clone(), home.clone());
                spawn_blocking(move || initdb::prepare(&programs, &folder))
                    .await
                    .map_err(|error| Error::Initdb(error.to_string()))??;
                state::clear_stale_files(home)?;
                match start(config, binaries, home, deadline).await {
                    Ok(pid) => return Ok(Held { role: Role::Started, lock, pid }),
                    Err(Error::StartFailed { log }) if is_passing(&log) => {
                        tracing::debug!(log, "what is left of the last server has to end first");
                    }
                    Err(error) => return Err(error),
                }
            }
        }
        glance(config, home, deadline).await?;
    }
}

/// Starts a server and waits until it is ready.
async fn start(config: &Config, binaries: &Binaries, home: &Home, deadline: Instant) -> Result<Pid, Error> {
    let server = Postmaster::spawn(config, binaries, home)?;
    loop {
        if server.has_exited() {
            return Err(Error::StartFailed { log: server.last_words(home) });
        }
        if State::of(home)? == State::Ready(server.pid) {
            return Ok(server.pid);
        }
        if let Err(error) = glance(config, home, deadline).await {
            postmaster::signal(server.pid, Signal::INT, home);
            return Err(error);
        }
    }
}

/// After `kill -9` of the server its children need a moment to notice; until then a new one refuses to start.
fn is_passing(log: &str) -> bool {
    log.contains("pre-existing shared memory block")
}

async fn glance(config: &Config, home: &Home, deadline: Instant) -> Result<(), Error> {
    if Instant::now() > deadline {
        return Err(Error::NotReady { seconds: config.start_timeout.as_secs(), log: home.log() });
    }
    sleep(GLANCE).await;
    Ok(())
}
