//! Whom a line of an old ledger means.
use crate::error::Error;
use crate::ids::MemberId;
use crate::members::fold;
use crate::passes::alias;
use sqlx::PgConnection;
use std::collections::{BTreeSet, HashMap};

/// What a line says about a member: at least one of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names {
    /// Ours, or the old system's as the member's import kept it.
    pub number: Option<String>,
    /// E.164.
    pub phone: Option<String>,
    /// Folded.
    pub email: Option<String>,
}

impl Names {
    pub fn is_empty(&self) -> bool {
        self.number.is_none() && self.phone.is_none() && self.email.is_none()
    }

    /// The column to mend when nobody, or more than one, is meant.
    pub fn column(&self) -> &'static str {
        match self {
            Self { number: Some(_), .. } => "number",
            Self { phone: Some(_), .. } => "phone",
            _ => "email",
        }
    }
}

/// The members that some lines name.
#[derive(Debug, Default)]
pub struct People {
    numbers: HashMap<String, BTreeSet<MemberId>>,
    phones: HashMap<String, BTreeSet<MemberId>>,
    emails: HashMap<String, BTreeSet<MemberId>>,
}

impl People {
    pub async fn look_up(
        db: &mut PgConnection,
        names: impl Iterator<Item = &Names> + Clone,
    ) -> Result<Self, Error> {
        let typed: Vec<String> = names.clone().filter_map(|names| names.number.clone()).collect();
        let digits: Vec<String> = typed.iter().map(|number| digits_alone(number)).collect();
        let codes: Vec<String> =
            typed.iter().map(|number| alias::normalize(number).unwrap_or_default()).collect();
        let phones: Vec<String> = names.clone().filter_map(|names| names.phone.clone()).collect();
        let emails: Vec<String> = names.filter_map(|names| names.email.clone()).collect();
        let mut people = Self::default();
        let rows = sqlx::query!(
            r#"with typed as (select * from unnest($1::text[], $2::text[], $3::text[]) as typed (number, digits, code)),
               found as (
                   select t.number, m.id from typed t join members m on m.number = t.number
                   union select t.number, m.id from typed t join members m on m.number = t.digits
                   union select t.number, p.member_id from typed t
                       join pass_aliases a on a.code = t.code join passes p on p.id = a.pass_id
                   union select t.number, m.id from typed t join members m on m.custom_fields->>'old number' = t.number
               )
               select f.number as "number!", m.id as "id!: MemberId"
               from found f join members m on m.id = f.id and m.deleted_at is null"#,
            &typed,
            &digits,
            &codes
        )
        .fetch_all(&mut *db)
        .await?;
        for row in rows {
            people.numbers.entry(row.number).or_default().insert(row.id);
        }
        let rows = sqlx::query!(
            r#"select id as "id: MemberId", phone, email from members
               where deleted_at is null and (phone = any($1) or email = any($2))"#,
            &phones,
            &emails
        )
        .fetch_all(db)
        .await?;
        for row in rows {
            if let Some(phone) = row.phone {
                people.phones.entry(phone).or_default().insert(row.id);
            }
            if let Some(email) = row.email {
                people.emails.entry(email).or_default().insert(row.id);
            }
        }
        Ok(people)
    }

    /// The one member whom all names fit: a family shares a phone, and the e-mail tells them apart.
    ///
    /// # Errors
    /// `member_unknown` when they fit nobody, `member_ambiguous` when they fit several.
    pub fn find(&self, names: &Names) -> Result<MemberId, &'static str> {
        let nobody = BTreeSet::new();
        let mut fitting: Option<BTreeSet<MemberId>> = None;
        for (name, known) in
            [(&names.number, &self.numbers), (&names.phone, &self.phones), (&names.email, &self.emails)]
        {
            let Some(name) = name else { continue };
            let hits = known.get(name).unwrap_or(&nobody);
            fitting = Some(fitting.map_or_else(|| hits.clone(), |fitting| &fitting & hits));
        }
        let fitting = fitting.unwrap_or_default();
        match fitting.len() {
            0 => Err("member_unknown"),
            1 => fitting.into_iter().next().ok_or("member_unknown"),
            _ => Err("member_ambiguous"),
        }
    }
}

/// A number in digits of any script, as ours are stored; other numbers as they are.
fn digits_alone(number: &str) -> String {
    let digits = fold::digits(number);
    if digits.chars().count() == number.chars().count() { digits } else { number.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    fn member(number: u128) -> MemberId {
        MemberId(Uuid::from_u128(number))
    }

    #[test]
    fn all_that_a_line_says_has_to_fit_one_member() {
        let mut people = People::default();
        people.phones.insert("+201001234567".into(), BTreeSet::from([member(1), member(2)]));
        people.emails.insert("mona@example.com".into(), BTreeSet::from([member(2)]));
        people.numbers.insert("OLD-7".into(), BTreeSet::from([member(1)]));
        let phone = Names { phone: Some("+201001234567".into()), ..Names::default() };
        let both = Names { email: Some("mona@example.com".into()), ..phone.clone() };
        let three = Names { number: Some("OLD-7".into()), ..both.clone() };
        let number = Names { number: Some("OLD-7".into()), ..Names::default() };
        let nobody = Names { number: Some("OLD-8".into()), ..Names::default() };
        for (names, found) in [
            (&phone, Err("member_ambiguous")),
            (&both, Ok(member(2))),
            (&three, Err("member_unknown")),
            (&number, Ok(member(1))),
            (&nobody, Err("member_unknown")),
            (&Names::default(), Err("member_unknown")),
        ] {
            assert_eq!(people.find(names), found, "{names:?}");
        }
    }
}
