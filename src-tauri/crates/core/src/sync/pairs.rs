//! The same person, registered at two branches. Which records look alike is a rule; that they are one person somebody says,
//! and that they are two is remembered.
use super::view::{DecidePair, Likeness, MemberPair, MemberPairs, PairedMember};
use crate::actor::Actor;
use crate::audit::{self, Change};
use crate::auth::model::Permission;
use crate::error::Error;
use crate::ids::MemberId;
use crate::members::fold::fold;
use crate::services::Services;
use serde_json::json;

/// Pairs that are looked at, and shown, at once.
const MOST: i64 = 5_000;
const SHOWN: usize = 100;

/// What makes two records look like one person: the same phone or e-mail, or the same name (in either script, however it is
/// spelled) with the same birth date. Two birth dates that differ are two people, whatever else they share: families share a
/// phone.
fn alike(one: &PairedMember, other: &PairedMember) -> Vec<Likeness> {
    if one.birth_date.zip(other.birth_date).is_some_and(|(one, other)| one != other) {
        return Vec::new();
    }
    let same = |one: &Option<String>, other: &Option<String>| one.is_some() && one == other;
    let mut found = Vec::new();
    if same(&one.phone, &other.phone) {
        found.push(Likeness::Phone);
    }
    if same(&one.email, &other.email) {
        found.push(Likeness::Email);
    }
    if one.birth_date.is_some() && one.birth_date == other.birth_date && same_name(one, other) {
        found.push(Likeness::NameAndBirthDate);
    }
    found
}

fn same_name(one: &PairedMember, other: &PairedMember) -> bool {
    let names = |member: &PairedMember| {
        [Some(member.full_name.clone()), member.native_name.clone()]
            .into_iter()
            .flatten()
            .map(|name| fold(&name))
            .filter(|name| !name.is_empty())
            .collect::<Vec<_>>()
    };
    let others = names(other);
    names(one).iter().any(|name| others.contains(name))
}

/// Records of different branches that look alike, are in no household together, and about which nobody has decided.
///
/// # Errors
/// [`Error::Forbidden`] for whoever may not see members.
pub async fn list(services: &Services, actor: &Actor) -> Result<MemberPairs, Error> {
    actor.require(Permission::ViewMembers)?;
    let mut db = services.db.acquire().await?;
    let rows = sqlx::query!(
        r#"with pair as (
               select a.id as one, b.id as other from members a join members b on b.phone = a.phone and a.id < b.id
               union select a.id, b.id from members a join members b on b.email = a.email and a.id < b.id
               union select a.id, b.id from members a join members b on b.birth_date = a.birth_date and a.id < b.id
           )
           select a.id as "a_id!: MemberId", a.number as "a_number!", a.full_name as "a_name!", a.native_name as a_native, a.phone as a_phone,
               a.email as a_email, a.birth_date as a_birth, ab.name as "a_branch!", a.created_at as "a_at!",
               (select count(*) from subscriptions s where s.member_id = a.id) as "a_subscriptions!",
               (select count(*) from entries e where e.member_id = a.id) as "a_entries!",
               b.id as "b_id!: MemberId", b.number as "b_number!", b.full_name as "b_name!", b.native_name as b_native, b.phone as b_phone,
               b.email as b_email, b.birth_date as b_birth, bb.name as "b_branch!", b.created_at as "b_at!",
               (select count(*) from subscriptions s where s.member_id = b.id) as "b_subscriptions!",
               (select count(*) from entries e where e.member_id = b.id) as "b_entries!"
           from pair join members a on a.id = pair.one join members b on b.id = pair.other
           join branches ab on ab.id = a.home_branch_id join branches bb on bb.id = b.home_branch_id
           where a.home_branch_id <> b.home_branch_id and a.deleted_at is null and b.deleted_at is null
             and (a.birth_date is null or b.birth_date is null or a.birth_date = b.birth_date)
             and not exists (select from member_pairs p where p.member_id = a.id and p.other_id = b.id)
             and not exists (select from household_members h join household_members g on g.household_id = h.household_id
                             where h.member_id = a.id and g.member_id = b.id)
           order by greatest(a.created_at, b.created_at) desc, a.id, b.id limit $1"#,
        MOST
    )
    .fetch_all(&mut *db)
    .await?;
    let pairs = rows.into_iter().map(|row| {
        let one = PairedMember {
            id: row.a_id,
            number: row.a_number,
            full_name: row.a_name,
            native_name: row.a_native,
            phone: row.a_phone,
            email: row.a_email,
            birth_date: row.a_birth,
            branch: row.a_branch,
            registered_at: row.a_at,
            subscriptions: row.a_subscriptions,
            entries: row.a_entries,
        };
        let other = PairedMember {
            id: row.b_id,
            number: row.b_number,
            full_name: row.b_name,
            native_name: row.b_native,
            phone: row.b_phone,
            email: row.b_email,
            birth_date: row.b_birth,
            branch: row.b_branch,
            registered_at: row.b_at,
            subscriptions: row.b_subscriptions,
            entries: row.b_entries,
        };
        let because = alike(&one, &other);
        MemberPair { one, other, because }
    });
    Ok(MemberPairs { rows: pairs.filter(|pair| !pair.because.is_empty()).take(SHOWN).collect() })
}

/// Says whether two records are one person. The duplicate goes out of use; what happened under it stays where it is.
///
/// # Errors
/// [`Error::Forbidden`] for whoever may not edit members; [`Error::NotFound`]; [`Error::Invalid`] for a duplicate that is
/// neither; [`Error::Conflict`] `already_decided`, or `duplicate_in_use` while it has a subscription that goes on, or owes.
pub async fn decide(services: &Services, actor: &Actor, request: DecidePair) -> Result<MemberPairs, Error> {
    actor.require(Permission::EditMembers)?;
    let (one, other) = (request.member_id.min(request.other_id), request.member_id.max(request.other_id));
    if one == other || request.duplicate_id.is_some_and(|id| id != one && id != other) {
        return Err(Error::invalid("duplicate_id", "not_one_of_them"));
    }
    let now = services.now();
    let mut tx = services.db.begin().await?;
    let there = sqlx::query_scalar!(
        r#"select count(*) as "count!" from members where id in ($1, $2) and deleted_at is null"#,
        one.0,
        other.0
    )
    .fetch_one(&mut *tx)
    .await?;
    if there < 2 {
        return Err(Error::NotFound("member"));
    }
    if let Some(duplicate) = request.duplicate_id {
        let records = crate::subscriptions::store::of_member(&mut tx, duplicate).await?;
        // A day more than any branch's day is ahead of UTC.
        let today = now.date_naive().pred_opt().unwrap_or_default();
        if records
            .iter()
            .any(|record| record.owed > 0 || record.state().end().is_some_and(|end| end >= today))
        {
            return Err(Error::conflict("duplicate_in_use"));
        }
        sqlx::query!("update members set deleted_at = $1, updated_at = $1 where id = $2", now, duplicate.0)
            .execute(&mut *tx)
            .await?;
    }
    let verdict = if request.duplicate_id.is_some() { "same" } else { "different" };
    let said = sqlx::query!(
        "insert into member_pairs (member_id, other_id, verdict, duplicate_id, at, account_id) values ($1, $2, $3, $4, $5, $6)
         on conflict do nothing",
        one.0,
        other.0,
        verdict,
        request.duplicate_id.map(|id| id.0),
        now,
        actor.account().map(|id| id.0)
    )
    .execute(&mut *tx)
    .await?;
    if said.rows_affected() == 0 {
        return Err(Error::conflict("already_decided"));
    }
    let change = Change {
        act: if request.duplicate_id.is_some() { "member.duplicate" } else { "member.not_a_duplicate" },
        subject_kind: "member",
        subject: Some(request.duplicate_id.unwrap_or(one).0),
        before: None,
        after: Some(json!({ "member_id": one, "other_id": other, "duplicate_id": request.duplicate_id })),
    };
    audit::record(&mut tx, actor, now, change).await?;
    tx.commit().await?;
    list(services, actor).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::{DateTime, NaiveDate};
    use proptest::prelude::*;
    use uuid::Uuid;

    fn member(name: &str, phone: Option<&str>, email: Option<&str>, born: Option<&str>) -> PairedMember {
        PairedMember {
            id: MemberId(Uuid::nil()),
            number: String::new(),
            full_name: name.to_owned(),
            native_name: None,
            phone: phone.map(str::to_owned),
            email: email.map(str::to_owned),
            birth_date: born.map(|day| day.parse().expect("a day")),
            branch: String::new(),
            registered_at: DateTime::UNIX_EPOCH,
            subscriptions: 0,
            entries: 0,
        }
    }

    #[test]
    fn one_person_is_known_by_phone_by_mail_or_by_name_and_birth_date() {
        let born = Some("1990-02-28");
        let mona = member("Mona Adel", Some("+201"), Some("m@x.example"), born);
        for (other, because) in [
            (member("Somebody", Some("+201"), None, None), vec![Likeness::Phone]),
            (member("Somebody", None, Some("m@x.example"), None), vec![Likeness::Email]),
            (member("mona  ADEL", None, None, born), vec![Likeness::NameAndBirthDate]),
            (mona.clone(), vec![Likeness::Phone, Likeness::Email, Likeness::NameAndBirthDate]),
            (member("Mona Adel", None, None, None), vec![]),
            (member("Mona Adel", None, None, Some("1990-02-27")), vec![]),
            // A mother and her daughter on one phone.
            (member("Sara Adel", Some("+201"), None, Some("2015-06-01")), vec![]),
            (member("Somebody", None, None, born), vec![]),
        ] {
            assert_eq!(alike(&mona, &other), because, "{other:?}");
        }
        let native = PairedMember { native_name: Some("منى عادل".into()), ..mona.clone() };
        let arabic = member("مني عادل", None, None, born);
        assert_eq!(alike(&native, &arabic), [Likeness::NameAndBirthDate]);
    }

    fn anybody() -> impl Strategy<Value = PairedMember> {
        let day =
            prop::option::of((0_i32..3).prop_map(|day| NaiveDate::from_num_days_from_ce_opt(730_000 + day)));
        ("[ab]{1,2}", prop::option::of("[12]"), prop::option::of("[xy]"), day).prop_map(
            |(name, phone, email, born)| PairedMember {
                birth_date: born.flatten(),
                ..member(&name, phone.as_deref(), email.as_deref(), None)
            },
        )
    }

    proptest! {
        #[test]
        fn it_does_not_matter_which_of_two_is_asked_about(one in anybody(), other in anybody()) {
            prop_assert_eq!(alike(&one, &other), alike(&other, &one));
        }

        #[test]
        fn two_birth_dates_are_two_people(one in anybody(), other in anybody()) {
            let differ = one.birth_date.zip(other.birth_date).is_some_and(|(one, other)| one != other);
            let found = alike(&one, &other);
            prop_assert!(!differ || found.is_empty());
        }
    }
}
