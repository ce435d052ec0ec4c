//! Members' photos: files under random names in the data folder, outside anything a web server hands out.
use super::picture;
use super::service::{self, require_member};
use super::wire::{ChooseMember, GetPhoto, Member, Picture, SetPhoto};
use crate::actor::Actor;
use crate::audit::{self, Change};
use crate::auth::model::Permission;
use crate::error::Error;
use crate::ids::{FileId, MemberId};
use crate::random;
use crate::services::Services;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// Stores the picture as the member's photo; the one before it is deleted.
///
/// # Errors
/// [`Error::Invalid`] for `picture_base64`; see [`picture::normalise`].
pub async fn set(services: &Services, actor: &Actor, request: SetPhoto) -> Result<Member, Error> {
    actor.require(Permission::EditMembers)?;
    // Four characters carry three bytes; too long is told before anything is decoded.
    if request.picture_base64.len() / 4 * 3 > picture::LARGEST_FILE + 3 {
        return Err(Error::invalid("picture_base64", "file_too_large"));
    }
    let encoded = request.picture_base64;
    let jpeg = blocking(move || {
        let bytes = STANDARD
            .decode(encoded.trim())
            .map_err(|_| Error::invalid("picture_base64", "picture_unreadable"))?;
        picture::normalise("picture_base64", &bytes)
    })
    .await?;
    store(services, actor, request.member_id, jpeg).await?;
    service::get(services, actor, ChooseMember { member_id: request.member_id }).await
}

async fn store(services: &Services, actor: &Actor, member: MemberId, jpeg: Vec<u8>) -> Result<FileId, Error> {
    let now = services.now();
    let id = FileId::new(now);
    let name = random_name();
    let path = services.files.join(&name);
    let digest = Sha256::digest(&jpeg).to_vec();
    let size = i64::try_from(jpeg.len()).map_err(|error| Error::Internal(error.to_string()))?;
    let target = path.clone();
    blocking(move || write_private(&target, &jpeg)).await?;
    let stored = async {
        let mut tx = services.db.begin().await?;
        let before = require_member(&mut tx, member).await?.photo_file_id;
        sqlx::query!(
            "insert into files (id, mime, size_bytes, sha256, storage_name, created_at, created_by) values ($1, 'image/jpeg', $2, $3, $4, $5, $6)",
            id.0,
            size,
            digest,
            name,
            now,
            actor.account().map(|id| id.0),
        )
        .execute(&mut *tx)
        .await?;
        sqlx::query!("update members set photo_file_id = $2, updated_at = $3 where id = $1", member.0, id.0, now)
            .execute(&mut *tx)
            .await?;
        let replaced = match before {
            Some(old) => {
                sqlx::query_scalar!("delete from files where id = $1 returning storage_name", old.0).fetch_optional(&mut *tx).await?
            }
            None => None,
        };
        let change = Change {
            act: "member.photo_set",
            subject_kind: "member",
            subject: Some(member.0),
            before: before.map(|file| serde_json::json!({ "file": file })),
            after: Some(serde_json::json!({ "file": id })),
        };
        audit::record(&mut tx, actor, now, change).await?;
        tx.commit().await?;
        Ok::<_, Error>(replaced)
    }
    .await;
    match stored {
        Ok(replaced) => {
            if let Some(old) = replaced {
                remove(&services.files.join(old)).await;
            }
            Ok(id)
        }
        Err(error) => {
            remove(&path).await;
            Err(error)
        }
    }
}

/// A stored picture, whole or as a small square. Desks show it beside the verdict, so whoever may check in may see it.
pub async fn get(services: &Services, actor: &Actor, request: GetPhoto) -> Result<Picture, Error> {
    actor.require(Permission::CheckIn).or_else(|_| actor.require(Permission::ViewMembers))?;
    let file = sqlx::query!("select mime, storage_name from files where id = $1", request.file_id.0)
        .fetch_optional(&services.db)
        .await?
        .ok_or(Error::NotFound("file"))?;
    let path = services.files.join(&file.storage_name);
    let base64 = blocking(move || {
        let stored = std::fs::read(&path).map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => Error::NotFound("file"),
            _ => Error::Internal(error.to_string()),
        })?;
        let shown = if request.thumbnail { picture::thumbnail(&stored)? } else { stored };
        Ok(STANDARD.encode(shown))
    })
    .await?;
    Ok(Picture { mime: file.mime, base64 })
}

/// 32 hexadecimal digits: nobody guesses the next one.
fn random_name() -> String {
    random::bytes::<16>().iter().fold(String::new(), |mut name, byte| {
        let _ = write!(name, "{byte:02x}");
        name
    })
}

/// Readable by the product's own user only, and on the disk before a row speaks of it.
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
    write().map_err(|error| Error::Internal(format!("storing a picture: {error}")))
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

/// A file left behind costs space and nothing else.
async fn remove(path: &PathBuf) {
    if let Err(error) = tokio::fs::remove_file(path).await {
        tracing::warn!(%error, "an unused picture stays on the disk");
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    tokio::task::spawn_blocking(work).await.map_err(|error| Error::Internal(error.to_string()))?
}
