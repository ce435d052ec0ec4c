//! Checking what was typed before anything is stored: every refusal names its field.
use super::contact;
use super::wire::MemberForm;
use crate::error::Error;
use chrono::NaiveDate;
use std::collections::BTreeMap;

const LANGUAGES: [&str; 3] = ["en", "ar", "hi"];
const CHANNELS: [&str; 3] = ["email", "sms", "whatsapp"];
const NAME_LENGTH: usize = 200;

/// The form as it is stored: trimmed, empty fields absent, phone in E.164, e-mail folded.
///
/// # Errors
/// [`Error::Invalid`] with the field, and one of the codes `required`, `too_long`, `too_many`, `control_characters`,
/// `phone_format`, `email_format`, `date_in_future`, `date_too_early`, `language_unknown`,
/// `channel_unknown`.
pub fn check(form: MemberForm, default_country: &str, today: NaiveDate) -> Result<MemberForm, Error> {
    let full_name =
        line("full_name", &form.full_name, NAME_LENGTH)?.ok_or(Error::invalid("full_name", "required"))?;
    let language = match form.language.trim() {
        "" => "en".to_owned(),
        known if LANGUAGES.contains(&known) => known.to_owned(),
        _ => return Err(Error::invalid("language", "language_unknown")),
    };
    if form.consent.keys().any(|channel| !CHANNELS.contains(&channel.as_str())) {
        return Err(Error::invalid("consent", "channel_unknown"));
    }
    Ok(MemberForm {
        full_name,
        native_name: optional_line("native_name", form.native_name.as_deref(), NAME_LENGTH)?,
        phone: filled(form.phone.as_deref())
            .map(|typed| contact::phone("phone", typed, default_country))
            .transpose()?,
        email: filled(form.email.as_deref()).map(|typed| contact::email("email", typed)).transpose()?,
        birth_date: form.birth_date.map(|day| past_day("birth_date", day, today)).transpose()?,
        sex: form.sex,
        emergency_name: optional_line("emergency_name", form.emergency_name.as_deref(), NAME_LENGTH)?,
        emergency_phone: filled(form.emergency_phone.as_deref())
            .map(|typed| contact::phone("emergency_phone", typed, default_country))
            .transpose()?,
        goal: optional_text("goal", form.goal.as_deref(), 500)?,
        fitness_level: form.fitness_level,
        health_conditions: optional_text("health_conditions", form.health_conditions.as_deref(), 2_000)?,
        notes: optional_text("notes", form.notes.as_deref(), 5_000)?,
        tags: tags(&form.tags)?,
        custom_fields: custom_fields(form.custom_fields)?,
        consent: form.consent,
        language,
    })
}

/// What somebody changed of the form that they were `shown`, on top of what is `stored` by now: another desk or branch may
/// have changed another field meanwhile. Of own fields and consents, name by name.
pub fn edited(shown: MemberForm, typed: MemberForm, stored: MemberForm) -> MemberForm {
    MemberForm {
        full_name: changed(&shown.full_name, typed.full_name, stored.full_name),
        native_name: changed(&shown.native_name, typed.native_name, stored.native_name),
        phone: changed(&shown.phone, typed.phone, stored.phone),
        email: changed(&shown.email, typed.email, stored.email),
        birth_date: changed(&shown.birth_date, typed.birth_date, stored.birth_date),
        sex: changed(&shown.sex, typed.sex, stored.sex),
        emergency_name: changed(&shown.emergency_name, typed.emergency_name, stored.emergency_name),
        emergency_phone: changed(&shown.emergency_phone, typed.emergency_phone, stored.emergency_phone),
        goal: changed(&shown.goal, typed.goal, stored.goal),
        fitness_level: changed(&shown.fitness_level, typed.fitness_level, stored.fitness_level),
        health_conditions: changed(
            &shown.health_conditions,
            typed.health_conditions,
            stored.health_conditions,
        ),
        notes: changed(&shown.notes, typed.notes, stored.notes),
        tags: changed(&shown.tags, typed.tags, stored.tags),
        custom_fields: changed_by_name(&shown.custom_fields, typed.custom_fields, stored.custom_fields),
        consent: changed_by_name(&shown.consent, typed.consent, stored.consent),
        language: changed(&shown.language, typed.language, stored.language),
    }
}

fn changed<T: PartialEq>(shown: &T, typed: T, stored: T) -> T {
    if typed == *shown { stored } else { typed }
}

fn changed_by_name<T: PartialEq>(
    shown: &BTreeMap<String, T>,
    typed: BTreeMap<String, T>,
    mut stored: BTreeMap<String, T>,
) -> BTreeMap<String, T> {
    stored.retain(|name, _| typed.contains_key(name) || !shown.contains_key(name));
    let own = typed.into_iter().filter(|(name, value)| shown.get(name) != Some(value));
    stored.extend(own);
    stored
}

/// One line of text, trimmed; `None` when nothing is left. Direction marks that come with pasted Arabic are dropped.
pub fn line(field: &'static str, typed: &str, longest: usize) -> Result<Option<String>, Error> {
    checked(field, typed, longest, char::is_control)
}

/// Text of several lines.
pub fn text(field: &'static str, typed: &str, longest: usize) -> Result<Option<String>, Error> {
    checked(field, &typed.replace("\r\n", "\n"), longest, |letter| {
        letter.is_control() && !matches!(letter, '\n' | '\t')
    })
}

/// A day in people's lives: not before 1900, not after today.
pub fn past_day(field: &'static str, day: NaiveDate, today: NaiveDate) -> Result<NaiveDate, Error> {
    if day > today {
        return Err(Error::invalid(field, "date_in_future"));
    }
    if NaiveDate::from_ymd_opt(1900, 1, 1).is_none_or(|earliest| day < earliest) {
        return Err(Error::invalid(field, "date_too_early"));
    }
    Ok(day)
}

fn checked(
    field: &'static str,
    typed: &str,
    longest: usize,
    is_refused: impl Fn(char) -> bool,
) -> Result<Option<String>, Error> {
    let is_direction_mark = |letter: char| matches!(letter, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}');
    let kept: String = typed.chars().filter(|letter| !is_direction_mark(*letter)).collect();
    let kept = kept.trim();
    if kept.chars().count() > longest {
        return Err(Error::Invalid {
            field,
            code: "too_long",
            params: serde_json::json!({ "longest": longest }),
        });
    }
    if kept.chars().any(is_refused) {
        return Err(Error::invalid(field, "control_characters"));
    }
    Ok((!kept.is_empty()).then(|| kept.to_owned()))
}

fn filled(typed: Option<&str>) -> Option<&str> {
    typed.map(str::trim).filter(|typed| !typed.is_empty())
}

fn optional_line(field: &'static str, typed: Option<&str>, longest: usize) -> Result<Option<String>, Error> {
    typed.map_or(Ok(None), |typed| line(field, typed, longest))
}

fn optional_text(field: &'static str, typed: Option<&str>, longest: usize) -> Result<Option<String>, Error> {
    typed.map_or(Ok(None), |typed| text(field, typed, longest))
}

fn too_many(field: &'static str, most: usize) -> Error {
    Error::Invalid { field, code: "too_many", params: serde_json::json!({ "most": most }) }
}

fn tags(typed: &[String]) -> Result<Vec<String>, Error> {
    let mut tags: Vec<String> = Vec::new();
    if typed.len() > 20 {
        return Err(too_many("tags", 20));
    }
    for tag in typed {
        if let Some(tag) = line("tags", tag, 40)?
            && !tags.contains(&tag)
        {
            tags.push(tag);
        }
    }
    Ok(tags)
}

fn custom_fields(typed: BTreeMap<String, String>) -> Result<BTreeMap<String, String>, Error> {
    if typed.len() > 30 {
        return Err(too_many("custom_fields", 30));
    }
    let mut fields = BTreeMap::new();
    for (name, value) in typed {
        let name = line("custom_fields", &name, 40)?.ok_or(Error::invalid("custom_fields", "required"))?;
        if let Some(value) = text("custom_fields", &value, 500)? {
            fields.insert(name, value);
        }
    }
    Ok(fields)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn today() -> NaiveDate {
        "2026-11-21".parse().expect("a day")
    }

    fn mona() -> MemberForm {
        MemberForm { full_name: "Mona Hassan".into(), ..MemberForm::default() }
    }

    fn refusal(form: MemberForm) -> (&'static str, &'static str) {
        match check(form, "EG", today()).expect_err("refused") {
            Error::Invalid { field, code, .. } => (field, code),
            other => panic!("{other}"),
        }
    }

    /// Shown, typed, stored, what stands then.
    #[test]
    fn an_edit_changes_what_was_changed_on_the_screen_and_nothing_else() {
        let goal = |text: &str| MemberForm { goal: Some(text.into()), ..mona() };
        let field = |name: &str, value: &str| BTreeMap::from([(name.to_owned(), value.to_owned())]);
        let own = |fields: &[(&str, &str)]| MemberForm {
            custom_fields: fields.iter().flat_map(|(name, value)| field(name, value)).collect(),
            ..mona()
        };
        let consent = |channels: &[(&str, bool)]| MemberForm {
            consent: channels.iter().map(|(channel, yes)| ((*channel).to_owned(), *yes)).collect(),
            ..mona()
        };
        let named = MemberForm { full_name: "Mona Adel".into(), ..mona() };
        for (shown, typed, stored, stands) in [
            // Left as it was: what somebody else wrote meanwhile stands.
            (goal("run"), goal("run"), goal("swim"), goal("swim")),
            (goal("run"), goal("run"), mona(), mona()),
            // Changed: stands over what somebody else wrote meanwhile.
            (goal("run"), goal("row"), goal("swim"), goal("row")),
            (goal("run"), mona(), goal("swim"), mona()),
            // Two fields, one of each.
            (mona(), named.clone(), goal("swim"), MemberForm { goal: Some("swim".into()), ..named.clone() }),
            // Own fields name by name: added, changed, taken away, and those of others.
            (own(&[]), own(&[("a", "1")]), own(&[("b", "2")]), own(&[("a", "1"), ("b", "2")])),
            (
                own(&[("a", "1")]),
                own(&[("a", "2")]),
                own(&[("a", "3"), ("b", "2")]),
                own(&[("a", "2"), ("b", "2")]),
            ),
            (
                own(&[("a", "1"), ("b", "1")]),
                own(&[("b", "1")]),
                own(&[("a", "1"), ("b", "2")]),
                own(&[("b", "2")]),
            ),
            (own(&[("a", "1")]), own(&[("a", "1")]), own(&[]), own(&[])),
            (
                consent(&[("email", true)]),
                consent(&[("email", true), ("sms", true)]),
                consent(&[("email", false)]),
                consent(&[("email", false), ("sms", true)]),
            ),
        ] {
            assert_eq!(edited(shown, typed, stored), stands);
        }
    }

    #[test]
    fn bad_input_is_refused_with_its_field() {
        let day = |text: &str| Some(text.parse().expect("a day"));
        let long = || "x".repeat(10_000);
        for (form, field, code) in [
            (MemberForm { full_name: " \u{200f} ".into(), ..mona() }, "full_name", "required"),
            (MemberForm { full_name: long(), ..mona() }, "full_name", "too_long"),
            (MemberForm { full_name: "Mona\u{0}Hassan".into(), ..mona() }, "full_name", "control_characters"),
            (MemberForm { full_name: "Mona\nHassan".into(), ..mona() }, "full_name", "control_characters"),
            (MemberForm { native_name: Some(long()), ..mona() }, "native_name", "too_long"),
            (MemberForm { phone: Some("12345".into()), ..mona() }, "phone", "phone_format"),
            (MemberForm { phone: Some("zero".into()), ..mona() }, "phone", "phone_format"),
            (
                MemberForm { emergency_phone: Some("zero".into()), ..mona() },
                "emergency_phone",
                "phone_format",
            ),
            (MemberForm { email: Some("mona@".into()), ..mona() }, "email", "email_format"),
            (MemberForm { birth_date: day("2190-01-01"), ..mona() }, "birth_date", "date_in_future"),
            (MemberForm { birth_date: day("1899-12-31"), ..mona() }, "birth_date", "date_too_early"),
            (MemberForm { tags: vec!["t".into(); 21], ..mona() }, "tags", "too_many"),
            (MemberForm { tags: vec![long()], ..mona() }, "tags", "too_long"),
            (MemberForm { notes: Some(long()), ..mona() }, "notes", "too_long"),
            (MemberForm { language: "tlh".into(), ..mona() }, "language", "language_unknown"),
            (
                MemberForm { consent: BTreeMap::from([("pigeon".into(), true)]), ..mona() },
                "consent",
                "channel_unknown",
            ),
            (
                MemberForm { custom_fields: BTreeMap::from([(long(), "x".into())]), ..mona() },
                "custom_fields",
                "too_long",
            ),
        ] {
            assert_eq!(refusal(form), (field, code));
        }
    }

    #[test]
    fn a_form_is_stored_trimmed_and_normalised() {
        let form = MemberForm {
            full_name: "  Robert'); drop table members;-- ".into(),
            native_name: Some("\u{200f}منى حسن\u{200f} ".into()),
            phone: Some("0100 123 4567".into()),
            email: Some(" Mona@Example.com".into()),
            birth_date: Some(today()),
            goal: Some("  ".into()),
            tags: vec!["early".into(), "early".into(), " ".into()],
            ..MemberForm::default()
        };
        let stored = check(form, "EG", today()).expect("accepted");
        assert_eq!(stored.full_name, "Robert'); drop table members;--");
        assert_eq!(stored.native_name.as_deref(), Some("منى حسن"));
        assert_eq!(stored.phone.as_deref(), Some("+201001234567"));
        assert_eq!(stored.email.as_deref(), Some("mona@example.com"));
        assert_eq!((stored.goal, stored.tags), (None, vec!["early".to_owned()]));
        assert_eq!(stored.language, "en");
    }
}
