//! A durable Postgres of the benchmarks' own, with databases that are built once and found again.
use std::fs;
use std::path::{Path, PathBuf};

use gatehouse_core::db;
use gatehouse_pg::{APP_ROLE, Config, Error, OWNER_ROLE, Server};
use rustix::fs::{Advice, fadvise};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};

/// The server, below the target folder or where root's Postgres can reach it.
pub struct Stage {
    server: Server,
    home: PathBuf,
}

type Failure = Box<dyn std::error::Error>;

impl Stage {
    /// Starts the area's server with the settings of the product.
    pub async fn open(area: &str) -> Result<Self, Failure> {
        let below =
            std::env::current_exe()?.ancestors().nth(2).map_or_else(std::env::temp_dir, Path::to_owned);
        match start(&below.join("bench-postgres").join(area)).await {
            Err(Error::Unreachable { .. }) => {
                Ok(start(&Path::new("/var/tmp/gatehouse-bench").join(area)).await?)
            }
            started => Ok(started?),
        }
    }

    /// A migrated database of that name, which ends in [`schema`]; whether it had to be made. Half-built ones of a run that was cut off are
    /// made again: say [`Stage::built`] when it is whole.
    pub async fn database(&self, name: &str) -> Result<bool, Failure> {
        let mut admin = PgConnection::connect(&self.server.admin_url().expose()).await?;
        let known: bool = sqlx::query_scalar("select exists (select from pg_database where datname = $1)")
            .bind(name)
            .fetch_one(&mut admin)
            .await?;
        if known {
            return Ok(false);
        }
        // Nobody will ask for those of other migrations again, and they are large.
        let (kind, schema) = (name.split('_').next(), name.rsplit('_').next());
        let stale: Vec<String> = sqlx::query_scalar(
            "select datname::text from pg_database where split_part(datname, '_', 1) = $1 and datname !~ ($2 || '(_half)?$')",
        )
        .bind(kind)
        .bind(schema)
        .fetch_all(&mut admin)
        .await?;
        for name in stale {
            admin.execute(AssertSqlSafe(format!("drop database {name} with (force)"))).await?;
        }
        let half = format!("{name}_half");
        admin.execute(AssertSqlSafe(format!("drop database if exists {half} with (force)"))).await?;
        admin.execute(AssertSqlSafe(format!("create database {half} owner {OWNER_ROLE}"))).await?;
        db::migrate(&self.owner_url(&half), Some(APP_ROLE)).await?;
        Ok(true)
    }

    /// The half database becomes the whole one. Nobody may be connected to it.
    pub async fn built(&self, name: &str) -> Result<(), Failure> {
        let mut admin = PgConnection::connect(&self.server.admin_url().expose()).await?;
        admin.execute(AssertSqlSafe(format!("alter database {name}_half rename to {name}"))).await?;
        admin.execute("checkpoint").await?;
        Ok(())
    }

    pub fn owner_url(&self, name: &str) -> String {
        self.server.owner_url().with_database(name).expose()
    }

    pub fn app_url(&self, name: &str) -> String {
        self.server.app_url().with_database(name).expose()
    }

    /// Stops the server, has the system forget the pages of its files, and starts it again: nothing is in memory.
    pub async fn chill(self) -> Result<Self, Failure> {
        let home = self.home;
        self.server.stop().await?;
        forget(&home)?;
        Ok(start(&home).await?)
    }

    pub async fn close(self) -> Result<(), Failure> {
        Ok(self.server.stop().await?)
    }
}

/// Differs as soon as the migrations do.
pub fn schema() -> String {
    let sum = db::MIGRATIONS.iter().fold(0_u64, |sum, migration| {
        migration.checksum.iter().fold(sum, |sum, byte| sum.wrapping_mul(31).wrapping_add(u64::from(*byte)))
    });
    format!("{sum:x}")
}

async fn start(home: &Path) -> Result<Stage, Error> {
    if let Some(folder) = home.parent() {
        // A failure shows when the server starts.
        let _ = fs::create_dir_all(folder);
    }
    let server = Server::start(&Config::new(home)).await?;
    Ok(Stage { server, home: home.to_owned() })
}

/// Drops the page cache of all files below the folder.
fn forget(folder: &Path) -> std::io::Result<()> {
    for item in fs::read_dir(folder)? {
        let item = item?;
        let kind = item.file_type()?;
        if kind.is_dir() {
            forget(&item.path())?;
        } else if kind.is_file() {
            let file = fs::File::open(item.path())?;
            file.sync_all()?;
            fadvise(&file, 0, None, Advice::DontNeed)?;
        }
    }
    Ok(())
}
