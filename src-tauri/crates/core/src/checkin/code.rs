//! What a text at the door can mean.
use crate::checkin::wire::Source;
use crate::passes::alias;
use crate::passes::payload::{PREFIX, Payload};

/// A text as read, and everything it may stand for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Code {
    /// One of ours, down to the last character; its tag is still to be checked.
    pub payload: Option<Payload>,
    /// As an alias would be stored.
    pub alias: Option<String>,
    /// As a member number would be stored.
    pub number: Option<String>,
    /// Starts as ours do.
    pub has_prefix: bool,
    /// By hand: a number first, since a person does not type barcodes.
    pub typed: bool,
    /// The first characters, for the record of a scan that led to no member.
    pub hint: String,
}

impl Code {
    /// Reads any text, however long or odd.
    pub fn parse(text: &str, source: Source) -> Self {
        let text = text.trim();
        let payload = Payload::decode(text);
        Self {
            alias: if payload.is_some() { None } else { alias::normalize(text) },
            number: if payload.is_some() { None } else { number(text) },
            payload,
            has_prefix: text.starts_with(PREFIX),
            typed: matches!(source, Source::Typed | Source::Search),
            hint: text.chars().filter(|c| !c.is_control()).take(12).collect(),
        }
    }
}

/// Digits in any script, as people read numbers out: blanks and dashes do not count.
fn number(text: &str) -> Option<String> {
    let mut digits = String::new();
    for c in text.chars().take(40) {
        match ascii_digit(c) {
            Some(digit) => digits.push(digit),
            None if matches!(c, ' ' | '-' | '\u{a0}') => {}
            None => return None,
        }
    }
    (text.chars().count() <= 40 && (4..=20).contains(&digits.len())).then_some(digits)
}

/// ASCII, Arabic-Indic, Extended Arabic-Indic and Devanagari digits.
fn ascii_digit(c: char) -> Option<char> {
    let value = ['0', '\u{660}', '\u{6f0}', '\u{966}']
        .into_iter()
        .find_map(|zero| u32::from(c).checked_sub(u32::from(zero)).filter(|value| *value < 10))?;
    char::from_digit(value, 10)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_member_number_is_read_in_any_digits_and_grouping() {
        for text in ["1000423", " 1-00042-3 ", "١٠٠٠٤٢٣", "१०००४२३", "1 000 423"] {
            assert_eq!(Code::parse(text, Source::Typed).number.as_deref(), Some("1000423"), "{text}");
        }
    }

    #[test]
    fn an_old_code_is_an_alias_and_no_number() {
        let code = Code::parse("gym-123\r", Source::Wedge);
        assert_eq!(code.alias.as_deref(), Some("GYM-123"));
        assert_eq!((code.number, code.payload, code.has_prefix), (None, None, false));
    }

    #[test]
    fn a_pass_of_ours_is_nothing_else() {
        let text = Payload::card([3; 8], &[4; 32]).encode();
        let code = Code::parse(&text, Source::Webcam);
        assert!(code.payload.is_some() && code.has_prefix && code.alias.is_none() && code.number.is_none());
        let damaged = Code::parse(&text[..46], Source::Webcam);
        assert!(damaged.payload.is_none() && damaged.has_prefix);
    }

    #[test]
    fn rubbish_means_nothing_and_its_hint_is_harmless() {
        let code = Code::parse(&format!("\0{}", "x".repeat(10_000)), Source::Webcam);
        assert_eq!((code.payload, code.alias, code.number), (None, None, None));
        assert_eq!(code.hint, "x".repeat(12));
    }

    proptest! {
        #[test]
        fn any_text_can_be_held_up(text in any::<String>()) {
            let code = Code::parse(&text, Source::Webcam);
            prop_assert!(!code.hint.contains('\0'));
            prop_assert!(code.alias.is_none_or(|alias| !alias.contains('\0')));
        }
    }
}
