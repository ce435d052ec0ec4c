//! Opens the house: the database (embedded, or a remote one by URL), its migrations, the services.
use crate::lan::Paired;
use gatehouse_core::clock::{Clock, SystemClock};
use gatehouse_core::db;
use gatehouse_core::sealed::KeyFile;
use gatehouse_core::services::Services;
use gatehouse_pg::{Config, Server};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// Connections a host keeps to the database.
const CONNECTIONS: u32 = 12;
/// How long calls under way may take when the house closes.
const LAST_CALLS: Duration = Duration::from_secs(3);
/// Backups taken before a migration that are kept.
const BACKUPS_KEPT: usize = 5;

/// Where the database and the files are.
#[derive(Clone, Debug)]
pub struct Place {
    /// Folder of everything this installation keeps: `postgres/`, `files/`, `backups/`, `printed/`,
    /// `desk.json`, `secrets.key`, `logs/`.
    pub data_dir: PathBuf,
    /// The installer's folder for bundled files.
    pub resources: Option<PathBuf>,
    /// The app role's URL of a remote server; none for the embedded one.
    pub database_url: Option<String>,
    /// The owner's URL of a remote server, for migrations.
    pub migrate_url: Option<String>,
    /// The headquarters' database with this branch's own role, instead of the way that joining has stored.
    pub headquarters_url: Option<String>,
}

impl Place {
    /// From `GATEHOUSE_HOME`, `GATEHOUSE_DATABASE_URL`, `GATEHOUSE_MIGRATE_URL` and `GATEHOUSE_HEADQUARTERS_URL`;
    /// `data_dir` wins over the first.
    pub fn from_env(data_dir: Option<PathBuf>, resources: Option<PathBuf>) -> Self {
        let of = |name: &str| std::env::var(name).ok().filter(|value| !value.trim().is_empty());
        let embedded = gatehouse_pg::default_home();
        let data_dir = data_dir.unwrap_or_else(|| embedded.parent().unwrap_or(&embedded).to_owned());
        Self {
            data_dir,
            resources,
            database_url: of("GATEHOUSE_DATABASE_URL"),
            migrate_url: of("GATEHOUSE_MIGRATE_URL"),
            headquarters_url: of("GATEHOUSE_HEADQUARTERS_URL"),
        }
    }
}

/// Why the house could not be opened. Each reads as a sentence for the person at the machine.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error(transparent)]
    Embedded(#[from] gatehouse_pg::Error),
    #[error("The database at GATEHOUSE_DATABASE_URL cannot be used: {0}")]
    Remote(String),
    #[error("The database could not be brought up to date: {0}")]
    Migration(String),
    #[error("The folder {0} cannot be used: {1}")]
    Folder(PathBuf, std::io::Error),
    #[error("This computer is a desk of the branch computer at {0}; that one has the database.")]
    IsDesk(String),
}

/// An open database with its services.
pub struct House {
    pub services: Services,
    pub place: Place,
    owner_url: String,
    server: Option<Server>,
}

impl House {
    /// Starts or joins the embedded server, or connects to the remote one; backs up and migrates where a
    /// migration is pending.
    pub async fn open(place: Place) -> Result<Self, OpenError> {
        Self::open_with_clock(place, Arc::new(SystemClock)).await
    }

    /// As [`House::open`], with another clock.
    pub async fn open_with_clock(place: Place, clock: Arc<dyn Clock>) -> Result<Self, OpenError> {
        make_private(&place.data_dir)?;
        let paired = Paired::read(&place.data_dir).map_err(|error| OpenError::Remote(error.to_string()))?;
        if let Some(paired) = paired {
            return Err(OpenError::IsDesk(paired.address));
        }
        let files = place.data_dir.join("files");
        make_private(&files)?;
        let (server, app_url, owner_url) = if let Some(url) = &place.database_url {
            (None, url.clone(), place.migrate_url.clone().unwrap_or_else(|| url.clone()))
        } else {
            let mut config = Config::new(place.data_dir.join("postgres"));
            config.resources.clone_from(&place.resources);
            let server = Server::start(&config).await?;
            let (app, owner) = (server.app_url().expose(), server.owner_url().expose());
            (Some(server), app, owner)
        };
        migrate(&place, server.as_ref(), &app_url, &owner_url, clock.as_ref()).await?;
        let pool = db::connect(&app_url, CONNECTIONS).await.map_err(|e| OpenError::Remote(e.to_string()))?;
        let keys = KeyFile::at(place.data_dir.join("secrets.key"));
        let services = Services::new(pool, clock, files, keys);
        Ok(Self { services, place, owner_url, server })
    }

    /// The owner's URL, for commands that need it.
    pub fn owner_url(&self) -> &str {
        &self.owner_url
    }

    /// The embedded server, if that is the one in use.
    pub fn server(&self) -> Option<&Server> {
        self.server.as_ref()
    }

    /// After a lost connection: brings the embedded server back, by this process if need be. True when it is
    /// worth trying again.
    pub async fn bring_back(&self) -> bool {
        match &self.server {
            Some(server) => match server.ensure().await {
                Ok(_) => true,
                Err(error) => {
                    tracing::error!(%error, "the database did not come back");
                    false
                }
            },
            None => false,
        }
    }

    /// Closes the connections and stops the server if this process owns it.
    pub async fn close(&self) {
        // A call that hangs does not keep the app from closing: the server ends its session.
        if tokio::time::timeout(LAST_CALLS, self.services.db.close()).await.is_err() {
            tracing::warn!("a call was still under way when the database was closed");
        }
        if let Some(server) = &self.server
            && let Err(error) = server.stop().await
        {
            tracing::error!(%error, "the database did not stop cleanly");
        }
    }
}

async fn migrate(
    place: &Place,
    server: Option<&Server>,
    app_url: &str,
    owner_url: &str,
    clock: &dyn Clock,
) -> Result<(), OpenError> {
    let failed = |error: gatehouse_core::error::Error| OpenError::Migration(error.to_string());
    let pending = db::pending_migrations(owner_url).await.map_err(failed)?;
    if let (Some(server), true) = (server, pending.is_update()) {
        let backups = place.data_dir.join("backups");
        make_private(&backups)?;
        let to = backups.join(format!("before-migration-{}", clock.now().format("%Y%m%dT%H%M%S")));
        server.backup(&to).await?;
        tracing::info!(backup = %to.display(), "backed up before a migration");
        forget_old_backups(&backups);
    }
    let app_role = (app_url != owner_url).then(|| db::role_of(app_url)).flatten();
    if pending.is_any() || app_role.is_some() {
        db::migrate(owner_url, app_role.as_deref()).await.map_err(failed)?;
    }
    Ok(())
}

fn make_private(folder: &Path) -> Result<(), OpenError> {
    std::fs::create_dir_all(folder).map_err(|error| OpenError::Folder(folder.to_owned(), error))
}

fn forget_old_backups(folder: &Path) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    let mut backups: Vec<PathBuf> = entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| {
            path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("before-migration-"))
        })
        .collect();
    backups.sort();
    for old in backups.iter().rev().skip(BACKUPS_KEPT) {
        if let Err(error) = std::fs::remove_dir_all(old) {
            tracing::warn!(%error, backup = %old.display(), "an old backup stays");
        }
    }
}
