//! Members' photos.
use super::picture;
use super::service::{self, require_member};
use super::wire::{ChooseMember, GetPhoto, Member, Picture, SetPhoto};
use crate::actor::Actor;
use crate::audit::{self, Change};
use crate::auth::model::Permission;
use crate::error::Error;
use crate::files::{self, NewFile, blocking};
use crate::ids::{FileId, MemberId};
use crate::services::Services;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// Stores the picture as the member's photo; the one before it is deleted.
///
/// # Errors
/// [`Error::Invalid`] for `picture_base64`; see [`picture::normalise`].
pub async fn set(services: &Services, actor: &Actor, request: SetPhoto) -> Result<Member, Error> {
    actor.require(Permission::EditMembers)?;
    let encoded = request.picture_base64;
    let jpeg = blocking(move || {
        let bytes = files::decode("picture_base64", &encoded, "picture_unreadable")?;
        picture::normalise("picture_base64", &bytes)
    })
    .await?;
    store(services, actor, request.member_id, jpeg).await?;
    service::get(services, actor, ChooseMember { member_id: request.member_id }).await
}

async fn store(services: &Services, actor: &Actor, member: MemberId, jpeg: Vec<u8>) -> Result<FileId, Error> {
    let now = services.now();
    let file = NewFile::write(services, "image/jpeg", jpeg).await?;
    let stored = async {
        let mut tx = services.db.begin().await?;
        let before = require_member(&mut tx, member).await?.photo_file_id;
        let id = file.insert(&mut tx, actor, now).await?;
        sqlx::query!(
            "update members set photo_file_id = $2, updated_at = $3 where id = $1",
            member.0,
            id.0,
            now
        )
        .execute(&mut *tx)
        .await?;
        let replaced = match before {
            Some(old) => {
                sqlx::query_scalar!("delete from files where id = $1 returning storage_name", old.0)
                    .fetch_optional(&mut *tx)
                    .await?
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
        Ok::<_, Error>((id, replaced))
    }
    .await;
    match stored {
        Ok((id, replaced)) => {
            if let Some(old) = replaced {
                files::remove(services, &old).await;
            }
            Ok(id)
        }
        Err(error) => {
            file.remove(services).await;
            Err(error)
        }
    }
}

/// A stored picture, whole or as a small square. Desks show it beside the verdict, so whoever may check in may see it.
pub async fn get(services: &Services, actor: &Actor, request: GetPhoto) -> Result<Picture, Error> {
    actor.require(Permission::CheckIn).or_else(|_| actor.require(Permission::ViewMembers))?;
    let mut db = services.db.acquire().await?;
    let file = files::read(services, &mut db, request.file_id).await?;
    let base64 = blocking(move || {
        let shown = if request.thumbnail { picture::thumbnail(&file.bytes)? } else { file.bytes };
        Ok(STANDARD.encode(shown))
    })
    .await?;
    Ok(Picture { mime: file.mime, base64 })
}
