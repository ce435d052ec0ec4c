//! Phone numbers and e-mail addresses in the one form they are stored and looked up in.
use super::fold::ascii_digit;
use crate::error::Error;
use phonenumber::country::Id;

/// A phone number as E.164, 10-15 digits, read with the gym's country where it names none.
///
/// # Errors
/// `phone_format` for what is no number, and outside 10-15 digits.
pub fn phone(field: &'static str, text: &str, default_country: &str) -> Result<String, Error> {
    let typed: String = text
        .trim()
        .chars()
        .map(ascii_digit)
        .filter(|letter| !matches!(letter, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}'))
        .collect();
    if typed.chars().count() > 40 {
        return Err(Error::invalid(field, "phone_format"));
    }
    let is_phone_letter = |letter: char| {
        letter.is_ascii_digit() || matches!(letter, ' ' | '+' | '-' | '(' | ')' | '.' | '/' | '\u{a0}')
    };
    if !typed.chars().all(is_phone_letter) {
        return Err(Error::invalid(field, "phone_format"));
    }
    let typed = typed.strip_prefix("00").map_or(typed.clone(), |rest| format!("+{rest}"));
    let country: Option<Id> = default_country.parse().ok();
    let number = phonenumber::parse(country, &typed).map_err(|_| Error::invalid(field, "phone_format"))?;
    let e164 = number.format().mode(phonenumber::Mode::E164).to_string();
    if !(10..=15).contains(&(e164.len() - 1)) {
        return Err(Error::invalid(field, "phone_format"));
    }
    Ok(e164)
}

/// An e-mail address, case folded. Whether it exists only a message can tell; this refuses what cannot be one.
///
/// # Errors
/// `email_format`.
pub fn email(field: &'static str, text: &str) -> Result<String, Error> {
    let folded = text.trim().to_lowercase();
    let is_address = folded.len() <= 254
        && folded.chars().all(|letter| {
            !letter.is_whitespace() && !letter.is_control() && !"<>()[],;:\\\"".contains(letter)
        })
        && folded.split_once('@').is_some_and(|(local, domain)| {
            (1..=64).contains(&local.len())
                && !domain.contains('@')
                && domain.contains('.')
                && domain
                    .split('.')
                    .all(|label| !label.is_empty() && label.len() <= 63 && !label.starts_with('-'))
        });
    if is_address { Ok(folded) } else { Err(Error::invalid(field, "email_format")) }
}

/// Last four digits, all that lists show.
pub fn phone_tail(e164: &str) -> String {
    e164.get(e164.len().saturating_sub(4)..).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_stored_one_way_however_it_is_typed() {
        for typed in
            ["01001234567", "+20 100 123 4567", "0020-100-123-4567", "٠١٠٠١٢٣٤٥٦٧", "(010) 0123.4567"]
        {
            assert_eq!(phone("phone", typed, "EG").expect(typed), "+201001234567", "{typed}");
        }
        assert_eq!(phone("phone", "098765 43210", "IN").expect("india"), "+919876543210");
        assert_eq!(phone("phone", "+44 20 7946 0958", "EG").expect("london"), "+442079460958");
    }

    #[test]
    fn what_is_no_number_is_refused() {
        let long = "1".repeat(10_000);
        for typed in [
            "",
            "12",
            "12345",
            "abc",
            "call me",
            "0100123456x",
            "+",
            "1 or 1=1",
            "+2010012345678901234",
            &long,
        ] {
            let error = phone("phone", typed, "EG").expect_err(typed);
            assert!(matches!(error, Error::Invalid { field: "phone", .. }), "{typed}");
        }
    }

    #[test]
    fn an_address_is_case_folded_and_checked() {
        assert_eq!(email("email", " Mona@Example.COM ").expect("valid"), "mona@example.com");
        let long = format!("{}@example.com", "a".repeat(65));
        for typed in [
            "",
            "mona",
            "mona@",
            "@example.com",
            "mona@example",
            "a@b@c.de",
            "a b@c.de",
            "a@.de",
            "a@c..de",
            "a\u{0}@c.de",
            &long,
        ] {
            assert!(email("email", typed).is_err(), "{typed}");
        }
    }

    #[test]
    fn lists_show_only_the_tail() {
        assert_eq!(phone_tail("+201001234567"), "4567");
        assert_eq!(phone_tail("+2"), "+2");
    }
}
