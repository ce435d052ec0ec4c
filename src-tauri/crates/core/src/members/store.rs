//! SQL of member records.
use super::keys::{self, KeyKind, Searched};
use super::wire::{AtDoor, Bmi, FitnessLevel, Member, MemberForm, MemberNote, Sex};
use super::{body, search};
use crate::error::Error;
use crate::ids::{BranchId, FileId, MemberId, NoteId};
use chrono::{DateTime, NaiveDate, Utc};
use sqlx::PgConnection;
use sqlx::types::Json;
use std::collections::BTreeMap;
use uuid::Uuid;

impl Sex {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Female => "female",
            Self::Male => "male",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        [Self::Female, Self::Male].into_iter().find(|sex| sex.as_str() == text)
    }
}

impl FitnessLevel {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Beginner => "beginner",
            Self::Intermediate => "intermediate",
            Self::Advanced => "advanced",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        [Self::Beginner, Self::Intermediate, Self::Advanced].into_iter().find(|level| level.as_str() == text)
    }
}

impl AtDoor {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Remind => "remind",
            Self::Block => "block",
        }
    }

    /// Unknown text cannot be stored (a constraint), so it counts as silent.
    pub fn parse(text: &str) -> Self {
        match text {
            "remind" => Self::Remind,
            "block" => Self::Block,
            _ => Self::None,
        }
    }
}

/// Takes the next running number of the branch. The row stays locked until the transaction ends, so numbers have
/// no gap from a failed registration and two desks never get the same.
pub async fn next_number(db: &mut PgConnection, branch: BranchId) -> Result<String, Error> {
    let row = sqlx::query!(
        "update branches set next_member_seq = next_member_seq + 1 where id = $1 returning code, next_member_seq - 1 as \"taken!\"",
        branch.0
    )
    .fetch_optional(db)
    .await?
    .ok_or(Error::NotFound("branch"))?;
    Ok(super::number::member_number(&row.code, row.taken))
}

/// Inserts a checked form under a number, with its search keys.
pub async fn insert(
    db: &mut PgConnection,
    id: MemberId,
    branch: BranchId,
    number: &str,
    form: &MemberForm,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "insert into members (id, home_branch_id, number, full_name, native_name, phone, email, birth_date, sex, emergency_name, emergency_phone,
                              goal, fitness_level, health_conditions, notes, tags, custom_fields, consent, language, created_at, updated_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $20)",
        id.0,
        branch.0,
        number,
        form.full_name,
        form.native_name,
        form.phone,
        form.email,
        form.birth_date,
        form.sex.map(Sex::as_str),
        form.emergency_name,
        form.emergency_phone,
        form.goal,
        form.fitness_level.map(FitnessLevel::as_str),
        form.health_conditions,
        form.notes,
        &form.tags,
        Json(&form.custom_fields) as _,
        Json(&form.consent) as _,
        form.language,
        now,
    )
    .execute(&mut *db)
    .await?;
    write_keys(db, id, searched(number, form)).await
}

/// Replaces the record's fields, and its search keys.
pub async fn update(
    db: &mut PgConnection,
    id: MemberId,
    number: &str,
    form: &MemberForm,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    sqlx::query!(
        "update members set full_name = $2, native_name = $3, phone = $4, email = $5, birth_date = $6, sex = $7, emergency_name = $8,
                emergency_phone = $9, goal = $10, fitness_level = $11, health_conditions = $12, notes = $13, tags = $14,
                custom_fields = $15, consent = $16, language = $17, updated_at = $18
         where id = $1",
        id.0,
        form.full_name,
        form.native_name,
        form.phone,
        form.email,
        form.birth_date,
        form.sex.map(Sex::as_str),
        form.emergency_name,
        form.emergency_phone,
        form.goal,
        form.fitness_level.map(FitnessLevel::as_str),
        form.health_conditions,
        form.notes,
        &form.tags,
        Json(&form.custom_fields) as _,
        Json(&form.consent) as _,
        form.language,
        now,
    )
    .execute(&mut *db)
    .await?;
    sqlx::query!("delete from member_search_keys where member_id = $1 and kind <> 'c'", id.0)
        .execute(&mut *db)
        .await?;
    Ok(write_keys(db, id, searched(number, form)).await?)
}

fn searched<'a>(number: &'a str, form: &'a MemberForm) -> Searched<'a> {
    Searched {
        number,
        full_name: &form.full_name,
        native_name: form.native_name.as_deref(),
        phone: form.phone.as_deref(),
        email: form.email.as_deref(),
    }
}

/// Everything these members are found by, cards too, from their rows as they stand.
pub async fn write_keys_anew(db: &mut PgConnection, members: &[Uuid]) -> Result<(), Error> {
    sqlx::query!("delete from member_search_keys where member_id = any($1)", members)
        .execute(&mut *db)
        .await?;
    let rows = sqlx::query!(
        r#"select m.id as "id: MemberId", m.number, m.full_name, m.native_name, m.phone, m.email,
               array(select a.code from pass_aliases a join passes p on p.id = a.pass_id where p.member_id = m.id) as "codes!"
           from members m where m.id = any($1)"#,
        members
    )
    .fetch_all(&mut *db)
    .await?;
    for row in &rows {
        let searched = Searched {
            number: &row.number,
            full_name: &row.full_name,
            native_name: row.native_name.as_deref(),
            phone: row.phone.as_deref(),
            email: row.email.as_deref(),
        };
        write_keys(db, row.id, searched).await?;
        for code in &row.codes {
            add_card_key(db, row.id, code).await?;
        }
    }
    Ok(())
}

/// Everything this member is found by, but cards. Prefixes that nobody's name has any more do no harm: they lead to
/// an empty stretch of keys.
async fn write_keys(db: &mut PgConnection, id: MemberId, searched: Searched<'_>) -> Result<(), sqlx::Error> {
    let (kinds, texts): (Vec<String>, Vec<String>) =
        keys::member_keys(searched).into_iter().map(|(kind, key)| (kind.as_str().to_owned(), key)).unzip();
    sqlx::query!(
        r#"insert into member_search_keys (member_id, kind, key)
           select $1, kind::"char", key from unnest($2::text[], $3::text[]) as given (kind, key) on conflict do nothing"#,
        id.0,
        &kinds,
        &texts,
    )
    .execute(&mut *db)
    .await?;
    let mut prefixes = keys::name_prefixes(searched.full_name);
    prefixes.extend(searched.native_name.map(keys::name_prefixes).unwrap_or_default());
    let (variants, prefixes): (Vec<String>, Vec<String>) = prefixes
        .iter()
        .flat_map(|prefix| keys::deletions(prefix).into_iter().map(|variant| (variant, prefix.clone())))
        .unzip();
    sqlx::query!(
        "insert into name_prefixes (variant, prefix)
         select variant, prefix from unnest($1::text[], $2::text[]) as given (variant, prefix) order by 1, 2 on conflict do nothing",
        &variants,
        &prefixes,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Makes a member findable by the code of a card. Part of storing an alias.
pub async fn add_card_key(db: &mut PgConnection, id: MemberId, code: &str) -> Result<(), Error> {
    sqlx::query!(
        r#"insert into member_search_keys (member_id, kind, key) values ($1, $2::text::"char", $3) on conflict do nothing"#,
        id.0,
        KeyKind::Card.as_str(),
        keys::card_key(code),
    )
    .execute(db)
    .await?;
    Ok(())
}

/// The other way round, when an alias is removed.
pub async fn remove_card_key(db: &mut PgConnection, id: MemberId, code: &str) -> Result<(), Error> {
    sqlx::query!(
        "delete from member_search_keys where member_id = $1 and kind = 'c' and key = $2",
        id.0,
        keys::card_key(code),
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Members with this number: one, or one per branch that gave it out.
pub async fn by_number(db: &mut PgConnection, number: &str) -> Result<Vec<MemberId>, Error> {
    Ok(sqlx::query_scalar!(
        r#"select id as "id: MemberId" from members where number = $1 and deleted_at is null order by id"#,
        number
    )
    .fetch_all(db)
    .await?)
}

/// A record as stored, without what is derived.
pub struct Stored {
    pub id: MemberId,
    pub home_branch: BranchId,
    pub number: String,
    pub form: MemberForm,
    pub photo_file_id: Option<FileId>,
    pub created_at: DateTime<Utc>,
    pub suspended_at: Option<DateTime<Utc>>,
}

/// Nobody else changes the member before the transaction ends; not even the relay, which brings other branches' edits.
pub async fn hold(db: &mut PgConnection, id: MemberId) -> Result<(), Error> {
    sqlx::query!("select from members where id = $1 for no key update", id.0).execute(db).await?;
    Ok(())
}

/// The record; `None` for an unknown id and for an erased member.
pub async fn fetch(db: &mut PgConnection, id: MemberId) -> Result<Option<Stored>, Error> {
    let row = sqlx::query!(
        r#"select home_branch_id, number, full_name, native_name, phone, email, birth_date, sex, emergency_name, emergency_phone, goal,
                  fitness_level, health_conditions, notes, tags, custom_fields as "custom_fields: Json<BTreeMap<String, String>>",
                  consent as "consent: Json<BTreeMap<String, bool>>", language, photo_file_id as "photo_file_id: FileId", created_at, suspended_at
           from members where id = $1 and deleted_at is null"#,
        id.0
    )
    .fetch_optional(db)
    .await?;
    Ok(row.map(|row| Stored {
        id,
        home_branch: BranchId(row.home_branch_id),
        number: row.number,
        photo_file_id: row.photo_file_id,
        created_at: row.created_at,
        suspended_at: row.suspended_at,
        form: MemberForm {
            full_name: row.full_name,
            native_name: row.native_name,
            phone: row.phone,
            email: row.email,
            birth_date: row.birth_date,
            sex: row.sex.as_deref().and_then(Sex::parse),
            emergency_name: row.emergency_name,
            emergency_phone: row.emergency_phone,
            goal: row.goal,
            fitness_level: row.fitness_level.as_deref().and_then(FitnessLevel::parse),
            health_conditions: row.health_conditions,
            notes: row.notes,
            tags: row.tags,
            custom_fields: row.custom_fields.0,
            consent: row.consent.0,
            language: row.language,
        },
    }))
}

/// The record with what is derived from it on `today`.
pub async fn fetch_member(
    db: &mut PgConnection,
    id: MemberId,
    today: NaiveDate,
) -> Result<Option<Member>, Error> {
    let Some(stored) = fetch(db, id).await? else { return Ok(None) };
    let age = stored.form.birth_date.and_then(|born| body::age(born, today));
    Ok(Some(Member {
        id,
        number: stored.number,
        age,
        bmi: fetch_bmi(db, id, age).await?,
        door_notes: open_notes(db, id).await?,
        shares_contact_with: sharing_contact(db, id, &stored.form).await?,
        form: stored.form,
        photo_file_id: stored.photo_file_id,
        created_at: stored.created_at,
        suspended_at: stored.suspended_at,
    }))
}

/// From the latest weight and the latest height.
async fn fetch_bmi(db: &mut PgConnection, id: MemberId, age: Option<u32>) -> Result<Option<Bmi>, Error> {
    let row = sqlx::query!(
        "select (select value from measurements where member_id = $1 and kind = 'weight' order by measured_on desc, created_at desc limit 1) as weight,
                (select value from measurements where member_id = $1 and kind = 'height' order by measured_on desc, created_at desc limit 1) as height",
        id.0
    )
    .fetch_one(db)
    .await?;
    Ok(row.weight.zip(row.height).and_then(|(weight, height)| body::bmi(weight, height, age)))
}

/// Notes that speak at the door, blocking ones first, newest first.
pub async fn open_notes(db: &mut PgConnection, id: MemberId) -> Result<Vec<MemberNote>, Error> {
    let rows = sqlx::query!(
        r#"select n.id as "id: NoteId", n.body, n.at_door, n.created_at, a.full_name as "created_by?", n.resolved_at
           from member_notes n left join accounts a on a.id = n.created_by
           where n.member_id = $1 and n.resolved_at is null and n.at_door <> 'none'
           order by n.at_door <> 'block', n.created_at desc"#,
        id.0
    )
    .fetch_all(db)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| MemberNote {
            id: row.id,
            body: row.body,
            at_door: AtDoor::parse(&row.at_door),
            created_at: row.created_at,
            created_by: row.created_by,
            resolved_at: row.resolved_at,
        })
        .collect())
}

/// Others with the same phone or e-mail, ten at most.
async fn sharing_contact(
    db: &mut PgConnection,
    id: MemberId,
    form: &MemberForm,
) -> Result<Vec<super::wire::MemberHit>, Error> {
    if form.phone.is_none() && form.email.is_none() {
        return Ok(Vec::new());
    }
    let ids = sqlx::query_scalar!(
        r#"select id as "id: MemberId" from members where (phone = $2 or email = $3) and id <> $1 and deleted_at is null order by id limit 10"#,
        id.0,
        form.phone,
        form.email,
    )
    .fetch_all(&mut *db)
    .await?;
    let found: Vec<search::Found> = ids.into_iter().map(search::Found::exact).collect();
    search::hits(db, &found).await
}

/// Suspends or reinstates.
pub async fn set_suspended(
    db: &mut PgConnection,
    id: MemberId,
    at: Option<DateTime<Utc>>,
) -> Result<(), Error> {
    sqlx::query!("update members set suspended_at = $2 where id = $1", id.0, at).execute(db).await?;
    Ok(())
}

/// Ids of a page of all members, newest first, and how many there are.
pub async fn page(db: &mut PgConnection, offset: i64, limit: i64) -> Result<(Vec<MemberId>, i64), Error> {
    let ids = sqlx::query_scalar!(
        r#"select id as "id: MemberId" from members where deleted_at is null order by created_at desc, id desc offset $1 limit $2"#,
        offset,
        limit
    )
    .fetch_all(&mut *db)
    .await?;
    let total = sqlx::query_scalar!(r#"select count(*) as "total!" from members where deleted_at is null"#)
        .fetch_one(db)
        .await?;
    Ok((ids, total))
}
