//! Connecting, migrating, granting.
use crate::error::Error;
use sqlx::migrate::Migrator;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{Connection, Executor, PgConnection, PgPool};
use std::str::FromStr;
use std::time::Duration;

/// The migrations, compiled in.
pub static MIGRATIONS: Migrator = sqlx::migrate!("../../../migrations");
const GRANTS: &str = include_str!("../../../../migrations/grants.sql");

/// After this, a connection is asked whether it still stands.
pub(crate) const RESTED: Duration = Duration::from_millis(500);

/// A pool for the services, as the app role.
pub async fn connect(url: &str, connections: u32) -> Result<PgPool, Error> {
    let options = PgConnectOptions::from_str(url)?.application_name("gatehouse");
    Ok(PgPoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(Duration::from_secs(15))
        // The server may have gone while a connection rested. Asking one that was in use just now would be a round
        // trip for nothing.
        .test_before_acquire(false)
        .before_acquire(|connection, meta| {
            Box::pin(async move { Ok(meta.idle_for < RESTED || connection.ping().await.is_ok()) })
        })
        .connect_with(options)
        .await?)
}

/// How the database stands against the migrations of this program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pending {
    /// Nothing was ever stored here.
    Everything,
    /// Rows are there: back up before migrating.
    Update,
    Nothing,
}

impl Pending {
    pub fn is_any(self) -> bool {
        self != Self::Nothing
    }

    pub fn is_update(self) -> bool {
        self == Self::Update
    }
}

/// Which migrations have not run yet.
pub async fn pending_migrations(owner_url: &str) -> Result<Pending, Error> {
    let mut db = PgConnection::connect(owner_url).await?;
    let known: bool =
        sqlx::query_scalar("select to_regclass('_sqlx_migrations') is not null").fetch_one(&mut db).await?;
    if !known {
        return Ok(Pending::Everything);
    }
    let done: i64 =
        sqlx::query_scalar("select count(*) from _sqlx_migrations where success").fetch_one(&mut db).await?;
    let all = i64::try_from(MIGRATIONS.iter().count()).unwrap_or(i64::MAX);
    Ok(if done < all { Pending::Update } else { Pending::Nothing })
}

/// The role a URL logs in as.
pub fn role_of(url: &str) -> Option<String> {
    PgConnectOptions::from_str(url).ok().map(|options| options.get_username().to_owned())
}

/// Runs pending migrations as the owner and gives `app_role` its rights.
pub async fn migrate(owner_url: &str, app_role: Option<&str>) -> Result<(), Error> {
    let mut db = PgConnection::connect(owner_url).await?;
    MIGRATIONS.run(&mut db).await.map_err(|error| Error::Internal(error.to_string()))?;
    if let Some(role) = app_role {
        let quoted = format!("\"{}\"", role.replace('"', "\"\""));
        db.execute(sqlx::AssertSqlSafe(GRANTS.replace(":app", &quoted))).await?;
    }
    Ok(())
}
