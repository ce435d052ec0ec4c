//! Backup of the whole cluster while it runs, by Postgres's own low-level protocol: tell the server, copy its
//! files, take the log that was written meanwhile. The server's package brings no `pg_dump`.
//! <https://www.postgresql.org/docs/18/continuous-archiving.html#BACKUP-LOWLEVEL-BASE-BACKUP>

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use sqlx::postgres::PgConnection;
use sqlx::{Connection, Row};
use tokio::task::spawn_blocking;

use crate::binaries::Binaries;
use crate::config::Config;
use crate::error::At;
use crate::home::Home;
use crate::secrets::Secrets;
use crate::state::State;
use crate::{DatabaseUrl, Error, MAJOR_VERSION, initdb};

/// Folders whose content belongs to the running server only.
const LEFT_EMPTY: [&str; 8] = [
    "pg_dynshmem",
    "pg_notify",
    "pg_replslot",
    "pg_serial",
    "pg_snapshots",
    "pg_stat_tmp",
    "pg_subtrans",
    "pg_wal",
];

pub(crate) async fn take(home: &Home, admin: &DatabaseUrl, to: &Path) -> Result<(), Error> {
    let partial = to.with_added_extension("partial");
    if partial.exists() {
        fs::remove_dir_all(&partial).at("Cannot remove", &partial)?;
    }
    let mut db = PgConnection::connect(&admin.expose()).await?;
    // Keeps the log from being recycled while files are copied; goes with the connection.
    sqlx::query("select pg_create_physical_replication_slot('backup_' || pg_backend_pid(), true, true)")
        .execute(&mut db)
        .await?;
    let start: String = sqlx::query_scalar("select pg_walfile_name(pg_backup_start('gatehouse', true))")
        .fetch_one(&mut db)
        .await?;
    let (data, copy) = (home.data(), partial.clone());
    blocking(move || copy_tree(&data, &copy)).await?;
    let row = sqlx::query(
        "select pg_walfile_name(lsn) as wal, labelfile, spcmapfile from pg_backup_stop(wait_for_archive => false)",
    )
    .fetch_one(&mut db)
    .await?;
    let (end, label): (String, String) = (row.try_get("wal")?, row.try_get("labelfile")?);
    let (wal, data, to) = (partial.join("pg_wal"), home.data().join("pg_wal"), to.to_owned());
    blocking(move || {
        copy_wal(&data, &wal, &start, &end)?;
        let file = partial.join("backup_label");
        fs::write(&file, label).at("Cannot write", &file)?;
        finish(&partial, &to)
    })
    .await?;
    db.close().await?;
    Ok(())
}

/// Puts a backup in the place of the database in `config.home`, which must not be in use. The former data
/// folder is kept beside it under the name that is returned (`None` when there was none).
pub async fn restore(config: &Config, from: &Path) -> Result<Option<PathBuf>, Error> {
    let version = fs::read_to_string(from.join("PG_VERSION")).unwrap_or_default();
    if !from.join("backup_label").is_file() || version.trim() != MAJOR_VERSION {
        return Err(Error::NotABackup(from.to_owned()));
    }
    let home = Home::open(&config.home)?;
    let binaries = Binaries::find(config.resources.as_deref())?;
    let lock = home.try_lock()?.ok_or_else(|| Error::InUse(home.root().to_owned()))?;
    if State::of(&home)? != State::Down {
        return Err(Error::InUse(home.root().to_owned()));
    }
    let from = from.to_owned();
    blocking(move || {
        let new = home.root().join("data.new");
        if new.exists() {
            fs::remove_dir_all(&new).at("Cannot remove", &new)?;
        }
        copy_tree(&from, &new)?;
        copy_wal(&from.join("pg_wal"), &new.join("pg_wal"), "", "~")?;
        give_tree(&home, &new)?;
        let secrets = match Secrets::read(&home)? {
            Some(secrets) => secrets,
            None => Secrets::create(&home)?,
        };
        // Also replays the log that was written during the backup.
        initdb::set_admin_password(&binaries, &home, &new, &secrets)?;
        let data = home.data();
        let kept = if data.exists() { Some(unused_name(&home)?) } else { None };
        if let Some(kept) = &kept {
            fs::rename(&data, kept).at("Cannot set aside", &data)?;
        }
        finish(&new, &data)?;
        drop(lock);
        Ok(kept)
    })
    .await
}

fn unused_name(home: &Home) -> Result<PathBuf, Error> {
    (1..10_000)
        .map(|n| home.root().join(format!("data.before-restore-{n}")))
        .find(|path| !path.exists())
        .ok_or_else(|| io::Error::from(io::ErrorKind::AlreadyExists))
        .at("Cannot set aside", &home.data())
}

fn copy_tree(from: &Path, to: &Path) -> Result<(), Error> {
    make_private_dir(to)?;
    for entry in fs::read_dir(from).at("Cannot read", from)? {
        let entry = entry.at("Cannot read", from)?;
        let (path, copy) = (entry.path(), to.join(entry.file_name()));
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let kind = entry.file_type().at("Cannot read", &path)?;
        if kind.is_dir() && LEFT_EMPTY.contains(&name.as_ref()) {
            make_private_dir(&copy)?;
        } else if kind.is_dir() && !name.starts_with("pgsql_tmp") {
            copy_tree(&path, &copy)?;
        } else if kind.is_file() && !name.starts_with("postmaster.") && !name.starts_with("pg_internal.init")
        {
            match fs::copy(&path, &copy) {
                // Tables are dropped while we copy; the log tells the restored server so.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                other => drop(other.at("Cannot copy", &path)?),
            }
        }
    }
    Ok(())
}

/// Copies the log's segments from `start` to `end`. Their names are hexadecimal and sort by age.
fn copy_wal(from: &Path, to: &Path, start: &str, end: &str) -> Result<(), Error> {
    for folder in ["archive_status", "summaries"] {
        make_private_dir(&to.join(folder))?;
    }
    for entry in fs::read_dir(from).at("Cannot read", from)? {
        let entry = entry.at("Cannot read", from)?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let is_segment = name.len() == 24 && name.bytes().all(|digit| digit.is_ascii_hexdigit());
        if is_segment && (start..=end).contains(&name.as_ref()) {
            fs::copy(entry.path(), to.join(entry.file_name())).at("Cannot copy", &entry.path())?;
        }
    }
    Ok(())
}

fn make_private_dir(path: &Path) -> Result<(), Error> {
    use std::os::unix::fs::DirBuilderExt;
    fs::DirBuilder::new().mode(0o700).recursive(true).create(path).at("Cannot make", path)
}

fn give_tree(home: &Home, path: &Path) -> Result<(), Error> {
    home.account.give(path)?;
    if path.is_dir() {
        for entry in fs::read_dir(path).at("Cannot read", path)? {
            give_tree(home, &entry.at("Cannot read", path)?.path())?;
        }
    }
    Ok(())
}

/// Everything on the disk first, then the name that says it is complete. One call for the whole file system:
/// a thousand small files one by one take ten times as long.
fn finish(partial: &Path, done: &Path) -> Result<(), Error> {
    let folder = File::open(partial).at("Cannot open", partial)?;
    rustix::fs::syncfs(&folder).map_err(io::Error::from).at("Cannot sync", partial)?;
    fs::rename(partial, done).at("Cannot put in place", done)?;
    let parent = done.parent().unwrap_or(done);
    File::open(parent).and_then(|parent| parent.sync_all()).at("Cannot sync", parent)
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    spawn_blocking(work).await.map_err(io::Error::other).at("Cannot copy", Path::new("the database"))?
}
