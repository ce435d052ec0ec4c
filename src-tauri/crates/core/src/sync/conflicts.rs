//! Fields that two had changed. The later arrival stands until somebody says that the other value is the right one.
//!
//! A decision is a row of the audit log about the event: headquarters' goes to the branch whose edit it was, that branch's
//! goes to headquarters, by the relay as it is.
use super::event;
use super::rows::names;
use super::status::mode;
use super::view::{Choice, Conflict, ConflictDecision, Conflicts, DecideConflict, ListConflicts, SyncMode};
use crate::actor::Actor;
use crate::audit::{self, Change};
use crate::auth::model::Permission;
use crate::error::Error;
use crate::ids::MemberId;
use crate::members::service as members;
use crate::members::wire::{ChooseMember, MemberForm, SuspendMember, UpdateMember};
use crate::services::Services;
use serde_json::{Value, json};
use sqlx::PgConnection;
use uuid::Uuid;

/// Most that are shown at once; the undecided come first.
const MOST: i64 = 200;

/// What a conflict is decided with.
struct Found {
    shown: Conflict,
    branch_id: Option<Uuid>,
    lost: Value,
}

/// Undecided ones first, then the latest.
///
/// # Errors
/// [`Error::Forbidden`] for whoever may not see members.
pub async fn list(services: &Services, actor: &Actor, request: ListConflicts) -> Result<Conflicts, Error> {
    actor.require(Permission::ViewMembers)?;
    let mut db = services.db.acquire().await?;
    let found = find(&mut db, None, request.branch_id).await?;
    Ok(Conflicts { rows: found.into_iter().map(|one| one.shown).collect() })
}

/// Of these events.
pub(super) async fn of_events(db: &mut PgConnection, events: &[Uuid]) -> Result<Vec<Conflict>, Error> {
    Ok(find(db, Some(events), None).await?.into_iter().map(|one| one.shown).collect())
}

/// A branch knows those of its own events by headquarters' answer; headquarters has them all.
async fn find(
    db: &mut PgConnection,
    events: Option<&[Uuid]>,
    branch: Option<Uuid>,
) -> Result<Vec<Found>, Error> {
    let rows = sqlx::query!(
        r#"with clash as (
               select o.id as event_id, o.tbl, o.key, o.at, o.row, f.field, f.vals, n.branch_id
               from sync_node n, sync_outbox o
               cross join lateral jsonb_each(case when jsonb_typeof(o.conflicts) = 'object' then o.conflicts else '{}' end) as f (field, vals)
               where o.conflicts is not null
               union all
               select c.event_id, c.tbl, c.key, c.at, i.row, c.field, jsonb_build_object('base', c.base, 'kept', c.kept, 'lost', c.lost), c.branch_id
               from sync_conflicts c left join sync_inbox i on i.id = c.event_id
           )
           select clash.event_id as "event_id!", clash.tbl as "tbl!", clash.key as "key!", clash.at as "at!", clash.row as "row?",
               clash.field as "field!", clash.vals as "vals!", clash.branch_id as "branch_id?", b.name as "branch?",
               a.after ->> 'choice' as "choice?", a.at as "decided_at?", s.full_name as "decided_by?"
           from clash
           left join branches b on b.id = clash.branch_id
           left join lateral (select * from audit_log l
               where l.subject_kind = 'sync_event' and l.subject_id = clash.event_id and l.act = 'conflict.decided'
                 and l.after ->> 'field' = clash.field order by l.at, l.id limit 1) a on true
           left join accounts s on s.id = a.account_id
           where ($1::uuid[] is null or clash.event_id = any($1)) and ($2::uuid is null or clash.branch_id = $2)
           order by a.id is not null, clash.at desc, clash.event_id, clash.field limit $3"#,
        events,
        branch,
        MOST
    )
    .fetch_all(&mut *db)
    .await?;
    let member_of = |table: &str, key: &str, row: Option<&Value>| -> Option<Uuid> {
        if table == "members" { key.parse().ok() } else { row?.get("member_id")?.as_str()?.parse().ok() }
    };
    let ids: Vec<_> = rows.iter().filter_map(|row| member_of(&row.tbl, &row.key, row.row.as_ref())).collect();
    let members = names(db, &ids).await?;
    let found = rows.into_iter().map(|row| {
        let value = |name: &str| row.vals.get(name).and_then(event::text);
        let decided = row.choice.as_deref().zip(row.decided_at).map(|(choice, at)| ConflictDecision {
            choice: if choice == "take_other" { Choice::TakeOther } else { Choice::Keep },
            at,
            by: row.decided_by.clone(),
        });
        Found {
            shown: Conflict {
                event_id: row.event_id,
                at: row.at,
                member: member_of(&row.tbl, &row.key, row.row.as_ref())
                    .and_then(|id| members.get(&id).cloned()),
                branch: row.branch.clone(),
                base: value("base"),
                kept: value("kept"),
                lost: value("lost"),
                can_take: can_take(&row.tbl, &row.field),
                decided,
                table: row.tbl,
                key: row.key,
                field: row.field,
            },
            branch_id: row.branch_id,
            lost: row.vals.get("lost").cloned().unwrap_or(Value::Null),
        }
    });
    Ok(found.collect())
}

/// Fields that a service writes one at a time. Whatever else two had changed, somebody mends in the record itself.
fn can_take(table: &str, field: &str) -> bool {
    table == "members" && (field == "suspended_at" || form_has(field))
}

fn form_has(field: &str) -> bool {
    serde_json::to_value(MemberForm::default()).is_ok_and(|form| form.get(field).is_some())
}

/// The form with the other value in one field.
///
/// # Errors
/// [`Error::Conflict`] `cannot_take` where the value is none that the form can hold.
fn with_other(form: &MemberForm, field: &str, other: &Value) -> Result<MemberForm, Error> {
    let mut fields = serde_json::to_value(form).map_err(|error| Error::Internal(error.to_string()))?;
    fields[field] = other.clone();
    serde_json::from_value(fields).map_err(|_| Error::conflict("cannot_take"))
}

/// Decides about one field. Taking the other value is an ordinary edit, which goes everywhere as any does.
///
/// # Errors
/// [`Error::NotFound`]; [`Error::Conflict`] `already_decided`, or `cannot_take` where no service writes the field alone;
/// whatever the members service says about the value.
pub async fn decide(services: &Services, actor: &Actor, request: DecideConflict) -> Result<Conflicts, Error> {
    actor.require(Permission::EditMembers)?;
    let mut db = services.db.acquire().await?;
    let mode = mode(&mut db).await?;
    let one = find(&mut db, Some(&[request.event_id]), None)
        .await?
        .into_iter()
        .find(|one| one.shown.field == request.field)
        .ok_or(Error::NotFound("conflict"))?;
    if one.shown.decided.is_some() {
        return Err(Error::conflict("already_decided"));
    }
    drop(db);
    if request.choice == Choice::TakeOther {
        // Before the decision: cut in between, the question is still there, and its answer is the same.
        take_other(services, actor, &one).await?;
    }
    let now = services.now();
    let mut tx = services.db.begin().await?;
    let change = Change {
        act: "conflict.decided",
        subject_kind: "sync_event",
        subject: Some(request.event_id),
        before: Some(json!({ "kept": one.shown.kept, "lost": one.shown.lost })),
        after: Some(
            json!({ "field": request.field, "choice": request.choice, "table": one.shown.table, "key": one.shown.key }),
        ),
    };
    audit::record_for(&mut tx, actor, one.branch_id, now, change).await?;
    if mode == SyncMode::Headquarters {
        sqlx::query!(
            "update sync_conflicts set seen_at = $1, seen_by = $2 where event_id = $3 and field = $4",
            now,
            actor.account().map(|id| id.0),
            request.event_id,
            request.field
        )
        .execute(&mut *tx)
        .await?;
    }
    tx.commit().await?;
    list(services, actor, ListConflicts { branch_id: None }).await
}

async fn take_other(services: &Services, actor: &Actor, one: &Found) -> Result<(), Error> {
    let Conflict { table, key, field, .. } = &one.shown;
    if !can_take(table, field) {
        return Err(Error::conflict("cannot_take"));
    }
    let id = MemberId(key.parse().map_err(|_| Error::NotFound("member"))?);
    if field == "suspended_at" {
        let suspended = !one.lost.is_null();
        let reason = suspended.then(|| "suspended at another branch".to_owned());
        members::suspend(services, actor, SuspendMember { member_id: id, suspended, reason }).await?;
    } else {
        let member = members::get(services, actor, ChooseMember { member_id: id }).await?;
        let form = with_other(&member.form, field, &one.lost)?;
        members::update(services, actor, UpdateMember { id, form, shown: Some(member.form) }).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_other_value_replaces_one_field_and_no_other() {
        let form =
            MemberForm { full_name: "Mona".into(), phone: Some("+201".into()), ..MemberForm::default() };
        let taken = with_other(&form, "phone", &json!("+202")).expect("a form");
        assert_eq!((taken.phone.as_deref(), taken.full_name.as_str()), (Some("+202"), "Mona"));
        let emptied = with_other(&form, "phone", &Value::Null).expect("a form");
        assert_eq!(emptied.phone, None);
        assert!(with_other(&form, "birth_date", &json!("soon")).is_err());
    }

    #[test]
    fn what_no_form_has_is_not_taken() {
        assert!(can_take("members", "email") && can_take("members", "suspended_at"));
        assert!(!can_take("members", "*") && !can_take("members", "home_branch_id"));
        assert!(!can_take("accounts", "email"));
    }
}
