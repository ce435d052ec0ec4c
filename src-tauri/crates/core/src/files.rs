//! Files people hand in: stored under random names in the data folder, outside anything a web server hands out.
//!
//! The bytes are on the disk before a row speaks of them. A file without a row costs space and nothing else.
use crate::actor::Actor;
use crate::error::Error;
use crate::ids::FileId;
use crate::random;
use crate::services::Services;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Utc};
use sha2::{Digest as _, Sha256};
use sqlx::PgConnection;
use std::fmt::Write as _;
use std::path::Path;

/// Largest file accepted, in bytes.
pub const LARGEST_FILE: usize = 16 * 1024 * 1024;

/// The bytes of what crossed the border as base64; too long is told before anything is decoded.
///
/// # Errors
/// [`Error::Invalid`] for `field`: `file_too_large`, and `unreadable` for what is no base64.
pub fn decode(field: &'static str, encoded: &str, unreadable: &'static str) -> Result<Vec<u8>, Error> {
    // Four characters carry three bytes.
    if encoded.len() / 4 * 3 > LARGEST_FILE + 3 {
        return Err(Error::invalid(field, "file_too_large"));
    }
    let bytes = STANDARD.decode(encoded.trim()).map_err(|_| Error::invalid(field, unreadable))?;
    if bytes.len() > LARGEST_FILE {
        return Err(Error::invalid(field, "file_too_large"));
    }
    Ok(bytes)
}

/// A file on the disk that has no row yet.
pub struct NewFile {
    mime: &'static str,
    size: i64,
    digest: Vec<u8>,
    name: String,
}

impl NewFile {
    /// Writes the bytes to the disk.
    pub async fn write(services: &Services, mime: &'static str, bytes: Vec<u8>) -> Result<Self, Error> {
        let size = i64::try_from(bytes.len()).map_err(|error| Error::Internal(error.to_string()))?;
        let name = random_name();
        let path = services.files.join(&name);
        let digest = blocking(move || {
            write_private(&path, &bytes)?;
            Ok(Sha256::digest(&bytes).to_vec())
        })
        .await?;
        Ok(Self { mime, size, digest, name })
    }

    /// Its row, in the caller's transaction.
    pub async fn insert(
        &self,
        db: &mut PgConnection,
        actor: &Actor,
        now: DateTime<Utc>,
    ) -> Result<FileId, Error> {
        let id = FileId::new(now);
        sqlx::query!(
            "insert into files (id, mime, size_bytes, sha256, storage_name, created_at, created_by) values ($1, $2, $3, $4, $5, $6, $7)",
            id.0,
            self.mime,
            self.size,
            self.digest,
            self.name,
            now,
            actor.account().map(|id| id.0),
        )
        .execute(db)
        .await?;
        Ok(id)
    }

    /// When its row could not be written.
    pub async fn remove(self, services: &Services) {
        remove(services, &self.name).await;
    }
}

/// A stored file.
pub struct Stored {
    pub mime: String,
    pub bytes: Vec<u8>,
}

/// # Errors
/// [`Error::NotFound`] without a row or without the file.
pub async fn read(services: &Services, db: &mut PgConnection, id: FileId) -> Result<Stored, Error> {
    let file = sqlx::query!("select mime, storage_name from files where id = $1", id.0)
        .fetch_optional(db)
        .await?
        .ok_or(Error::NotFound("file"))?;
    let path = services.files.join(&file.storage_name);
    let bytes = tokio::fs::read(&path).await.map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => Error::NotFound("file"),
        _ => Error::Internal(error.to_string()),
    })?;
    Ok(Stored { mime: file.mime, bytes })
}

/// Deletes a file whose row is gone.
pub async fn remove(services: &Services, name: &str) {
    if let Err(error) = tokio::fs::remove_file(services.files.join(name)).await {
        tracing::warn!(%error, "an unused file stays on the disk");
    }
}

/// 32 hexadecimal digits: nobody guesses the next one.
fn random_name() -> String {
    random::bytes::<16>().iter().fold(String::new(), |mut name, byte| {
        let _ = write!(name, "{byte:02x}");
        name
    })
}

/// Readable by the product's own user only.
fn write_private(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    use std::io::Write as _;
    let write = || -> std::io::Result<()> {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
            set_mode(folder, 0o700)?;
        }
        let mut options = std::fs::OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(path)?;
        file.write_all(bytes)?;
        file.sync_all()
    };
    write().map_err(|error| Error::Internal(format!("storing a file: {error}")))
}

#[cfg(unix)]
fn set_mode(path: &Path, mode: u32) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))
}

#[cfg(not(unix))]
fn set_mode(_: &Path, _: u32) -> std::io::Result<()> {
    Ok(())
}

/// Decoding, encoding and hashing keep a thread of their own busy.
pub async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    tokio::task::spawn_blocking(work).await.map_err(|error| Error::Internal(error.to_string()))?
}
