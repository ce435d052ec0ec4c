//! Keys and passwords of other houses: in a type that cannot be printed.
use serde::Deserialize;
use std::fmt;

/// A key that gives access to money. It has no `Display` and no `Serialize`, and its `Debug` shows nothing, so it
/// reaches neither a log nor an answer by accident. [`Secret::expose`] is the only way to the text.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself, for the one place that sends it or signs with it.
    pub fn expose(&self) -> &str {
        &self.0
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What a person may see of it: its last four characters, or nothing of a key too short to spare them.
    pub fn masked(&self) -> String {
        let characters: Vec<char> = self.0.chars().collect();
        match characters.len() {
            0 => String::new(),
            length if length >= 12 => format!("••••{}", characters[length - 4..].iter().collect::<String>()),
            _ => "••••".to_owned(),
        }
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_never_printed() {
        let key = Secret::new("egy_sk_live_0123456789");
        assert_eq!(format!("{key:?}"), "Secret(…)");
        assert_eq!(format!("{:?}", Some(&key)), "Some(Secret(…))");
    }

    #[test]
    fn a_person_sees_four_characters_of_a_long_key_and_none_of_a_short_one() {
        for (key, shown) in
            [("", ""), ("abc", "••••"), ("12345678901", "••••"), ("egy_sk_live_9876", "••••9876")]
        {
            assert_eq!(Secret::new(key).masked(), shown);
        }
    }
}
