//! Notes about a member: silent ones, ones the desk is reminded of, and ones that refuse entry until resolved.
use super::form;
use super::service::require_member;
use super::wire::{AddNote, AtDoor, ChooseMember, MemberNote, MemberNotes, ResolveNote};
use crate::actor::Actor;
use crate::audit::{self, Change};
use crate::auth::model::Permission;
use crate::error::Error;
use crate::ids::{MemberId, NoteId};
use crate::services::Services;
use sqlx::PgConnection;

/// Longest note, as the table allows.
const LONGEST_BODY: usize = 1_000;

/// Adds a note; a retry with the same id gets the first one.
pub async fn add(services: &Services, actor: &Actor, request: AddNote) -> Result<MemberNote, Error> {
    actor.require(Permission::EditMembers)?;
    let body = form::text("body", &request.body, LONGEST_BODY)?.ok_or(Error::invalid("body", "required"))?;
    let now = services.now();
    let mut tx = services.db.begin().await?;
    require_member(&mut tx, request.member_id).await?;
    let added = sqlx::query!(
        "insert into member_notes (id, member_id, body, at_door, created_at, created_by) values ($1, $2, $3, $4, $5, $6)
         on conflict on constraint member_notes_pkey do nothing",
        request.id.0,
        request.member_id.0,
        body,
        request.at_door.as_str(),
        now,
        actor.account().map(|id| id.0),
    )
    .execute(&mut *tx)
    .await?
    .rows_affected();
    if added == 1 {
        let change = Change {
            act: "member.note_added",
            subject_kind: "member",
            subject: Some(request.member_id.0),
            before: None,
            after: Some(serde_json::json!({ "note": request.id, "body": body, "at_door": request.at_door })),
        };
        audit::record(&mut tx, actor, now, change).await?;
    }
    let (_, note) = fetch(&mut tx, request.id).await?.ok_or(Error::NotFound("note"))?;
    tx.commit().await?;
    Ok(note)
}

/// Takes a note off the door; it stays on record. Resolving twice keeps the first time.
pub async fn resolve(services: &Services, actor: &Actor, request: ResolveNote) -> Result<MemberNote, Error> {
    actor.require(Permission::EditMembers)?;
    let now = services.now();
    let mut tx = services.db.begin().await?;
    let (member, _) = fetch(&mut tx, request.note_id).await?.ok_or(Error::NotFound("note"))?;
    let resolved = sqlx::query!(
        "update member_notes set resolved_at = $2, resolved_by = $3 where id = $1 and resolved_at is null",
        request.note_id.0,
        now,
        actor.account().map(|id| id.0),
    )
    .execute(&mut *tx)
    .await?
    .rows_affected();
    if resolved == 1 {
        let change = Change {
            act: "member.note_resolved",
            subject_kind: "member",
            subject: Some(member.0),
            before: None,
            after: Some(serde_json::json!({ "note": request.note_id })),
        };
        audit::record(&mut tx, actor, now, change).await?;
    }
    let (_, note) = fetch(&mut tx, request.note_id).await?.ok_or(Error::NotFound("note"))?;
    tx.commit().await?;
    Ok(note)
}

/// All notes of a member, newest first.
pub async fn list(services: &Services, actor: &Actor, request: ChooseMember) -> Result<MemberNotes, Error> {
    actor.require(Permission::ViewMembers)?;
    let mut db = services.db.acquire().await?;
    let rows = sqlx::query!(
        r#"select n.id as "id: NoteId", n.body, n.at_door, n.created_at, a.full_name as "created_by?", n.resolved_at
           from member_notes n left join accounts a on a.id = n.created_by
           where n.member_id = $1 order by n.created_at desc, n.id desc"#,
        request.member_id.0
    )
    .fetch_all(&mut *db)
    .await?;
    let notes = rows.into_iter().map(|row| MemberNote {
        id: row.id,
        body: row.body,
        at_door: AtDoor::parse(&row.at_door),
        created_at: row.created_at,
        created_by: row.created_by,
        resolved_at: row.resolved_at,
    });
    Ok(MemberNotes { rows: notes.collect() })
}

async fn fetch(db: &mut PgConnection, id: NoteId) -> Result<Option<(MemberId, MemberNote)>, Error> {
    let row = sqlx::query!(
        r#"select n.member_id as "member_id: MemberId", n.body, n.at_door, n.created_at, a.full_name as "created_by?", n.resolved_at
           from member_notes n left join accounts a on a.id = n.created_by where n.id = $1"#,
        id.0
    )
    .fetch_optional(db)
    .await?;
    Ok(row.map(|row| {
        let note = MemberNote {
            id,
            body: row.body,
            at_door: AtDoor::parse(&row.at_door),
            created_at: row.created_at,
            created_by: row.created_by,
            resolved_at: row.resolved_at,
        };
        (row.member_id, note)
    }))
}
