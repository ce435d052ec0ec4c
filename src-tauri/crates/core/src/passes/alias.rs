//! Codes of an older system and plain barcodes that stand for a pass.
use crate::error::Error;
use crate::passes::payload::PREFIX;

/// Longest code that can be registered, in characters.
pub const LONGEST: usize = 128;
const SHORTEST: usize = 3;

/// How a foreign code is stored and looked up: without the blanks around it, in upper case, because scanners
/// and people disagree about case and old systems did not mean anything by it. `None` for what cannot be one:
/// too short, too long, or with control characters inside.
pub fn normalize(code: &str) -> Option<String> {
    let code = code.trim();
    if code.chars().take(LONGEST + 1).count() > LONGEST || code.chars().any(char::is_control) {
        return None;
    }
    // Upper case can be longer (ß): the limit is on what is stored.
    let code: String = code.chars().flat_map(char::to_uppercase).collect();
    (SHORTEST..=LONGEST).contains(&code.chars().count()).then_some(code)
}

/// As [`normalize`], for a code somebody registers.
///
/// # Errors
/// `alias_length`, `alias_characters`; `alias_is_pass` for a code that starts as our own do.
pub fn check(code: &str) -> Result<String, Error> {
    let trimmed = code.trim();
    if trimmed.chars().any(char::is_control) {
        return Err(Error::invalid("code", "alias_characters"));
    }
    let code = normalize(trimmed).ok_or(Error::invalid("code", "alias_length"))?;
    if code.starts_with(PREFIX) {
        return Err(Error::invalid("code", "alias_is_pass"));
    }
    Ok(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_codes_are_the_same_in_any_case_and_with_blanks_around() {
        assert_eq!(normalize(" gym-123\r\n").as_deref(), Some("GYM-123"));
        assert_eq!(normalize("4006381333931").as_deref(), Some("4006381333931"));
    }

    #[test]
    fn what_cannot_be_a_code_is_none() {
        let long = "x".repeat(LONGEST + 1);
        for bad in ["", "  ", "ab", "a\0b", "GYM\n123", &long, &"9".repeat(10_000)] {
            assert_eq!(normalize(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn registering_tells_what_is_wrong() {
        let code = |text: &str| check(text).unwrap_err().to_wire().code;
        assert_eq!(code("ab"), "alias_length");
        assert_eq!(code("GYM\u{7}123"), "alias_characters");
        assert_eq!(code("gh:whatever"), "alias_is_pass");
    }
}
