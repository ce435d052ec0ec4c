//! What a member is found by: the rows of `member_search_keys` and `name_prefixes`, as pure functions. Whoever
//! writes members in bulk uses the same ones, so that search treats all members alike.
use super::fold::{digits, fold, words};
use std::collections::BTreeSet;

/// Kind of a search key, as stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KeyKind {
    /// Folded name, with one of its words moved to the front.
    Name,
    /// Digits of the phone, reversed: the tail is what people say.
    Phone,
    Email,
    Number,
    /// Code of an older card.
    Card,
}

impl KeyKind {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Name => "n",
            Self::Phone => "p",
            Self::Email => "e",
            Self::Number => "m",
            Self::Card => "c",
        }
    }
}

/// The fields search looks at.
#[derive(Clone, Copy, Debug, Default)]
pub struct Searched<'a> {
    pub number: &'a str,
    pub full_name: &'a str,
    pub native_name: Option<&'a str>,
    /// E.164.
    pub phone: Option<&'a str>,
    pub email: Option<&'a str>,
}

/// Words beyond this many get no rotation of their own; nobody types the thirteenth name first.
const MOST_WORDS: usize = 12;
/// Prefixes of these lengths can be found with a typo in them.
pub const SHORTEST_PREFIX: usize = 3;
pub const LONGEST_PREFIX: usize = 8;

/// All keys of a member except those of cards.
pub fn member_keys(member: Searched<'_>) -> BTreeSet<(KeyKind, String)> {
    let mut keys = BTreeSet::new();
    for name in std::iter::once(member.full_name).chain(member.native_name) {
        keys.extend(name_keys(name).into_iter().map(|key| (KeyKind::Name, key)));
    }
    keys.insert((KeyKind::Number, member.number.to_owned()));
    if let Some(phone) = member.phone {
        keys.insert((KeyKind::Phone, reversed(&digits(phone))));
    }
    if let Some(email) = member.email {
        keys.insert((KeyKind::Email, email.to_lowercase()));
    }
    keys
}

/// Key of a card's code.
pub fn card_key(code: &str) -> String {
    code.trim().to_lowercase()
}

/// Text back to front.
pub fn reversed(text: &str) -> String {
    text.chars().rev().collect()
}

/// One key per word of the folded name, each word first once and the others after it in their order. A name
/// written with a loose particle (`Abd El Rahman`, `عبد الرحمن`) gets the keys of its joined spelling too.
pub fn name_keys(name: &str) -> BTreeSet<String> {
    let folded = fold(name);
    let mut keys = BTreeSet::new();
    for spelling in [words(&folded).into_iter().map(str::to_owned).collect(), joined(&words(&folded))] {
        let spelling: Vec<String> = spelling;
        for first in 0..spelling.len().min(MOST_WORDS) {
            let mut key = spelling[first].clone();
            for (_, word) in spelling.iter().enumerate().filter(|(at, _)| *at != first) {
                key.push(' ');
                key.push_str(word);
            }
            keys.insert(key);
        }
    }
    keys
}

/// The words with each particle glued to the word after it.
fn joined(words: &[&str]) -> Vec<String> {
    let mut joined: Vec<String> = Vec::with_capacity(words.len());
    let mut glue = false;
    for word in words {
        match joined.last_mut() {
            Some(last) if glue => last.push_str(word),
            _ => joined.push((*word).to_owned()),
        }
        glue = matches!(
            *word,
            "عبد"
                | "ابو"
                | "ال"
                | "ابن"
                | "بن"
                | "abd"
                | "abdel"
                | "abdul"
                | "abo"
                | "abu"
                | "al"
                | "el"
                | "bin"
                | "ben"
                | "de"
                | "di"
                | "la"
                | "le"
                | "mc"
                | "o"
                | "van"
                | "von"
        );
    }
    joined
}

/// Prefixes of the name's words that a mistyped query can be led to.
pub fn name_prefixes(name: &str) -> BTreeSet<String> {
    name_keys(name).iter().filter_map(|key| key.split(' ').next()).flat_map(word_prefixes).collect()
}

/// Prefixes of one folded word.
pub fn word_prefixes(word: &str) -> impl Iterator<Item = String> + '_ {
    let ends = word.char_indices().map(|(at, letter)| at + letter.len_utf8());
    ends.take(LONGEST_PREFIX).skip(SHORTEST_PREFIX - 1).map(|end| word[..end].to_owned())
}

/// The text itself and everything one deletion away. Two texts within one typo of each other (a letter added,
/// missing, replaced, or two neighbours swapped) share at least one of these (W. Garbe, `SymSpell`).
pub fn deletions(text: &str) -> BTreeSet<String> {
    let letters: Vec<char> = text.chars().collect();
    let mut variants = BTreeSet::from([text.to_owned()]);
    for at in 0..letters.len() {
        variants
            .insert(letters.iter().enumerate().filter(|(i, _)| *i != at).map(|(_, letter)| letter).collect());
    }
    variants
}

/// Typos, at most one, that turn `typed` into the beginning of `word`: `Some(0)` for a plain prefix.
pub fn typos_in_prefix(typed: &str, word: &str) -> Option<usize> {
    if word.starts_with(typed) {
        return Some(0);
    }
    let mut first = typed.chars().take(2);
    let (one, two) = (first.next(), first.next());
    let mut starts = word.chars().take(2);
    let starts = [starts.next(), starts.next()];
    // One typo leaves a letter of the first two among the first two.
    if two.is_some() && !starts.contains(&one) && !starts.contains(&two) {
        return None;
    }
    let length = typed.chars().count();
    // Where the letter at each place ends in bytes; a prefix one shorter, as long, or one longer can be meant.
    word.char_indices()
        .map(|(at, letter)| at + letter.len_utf8())
        .take(length + 1)
        .skip(length.saturating_sub(2))
        .any(|end| strsim::osa_distance(typed, &word[..end]) <= 1)
        .then_some(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_word_of_a_name_stands_first_once() {
        let keys: Vec<String> = name_keys("Ali Mohamed Hassan").into_iter().collect();
        assert_eq!(keys, ["ali mohamed hassan", "hassan ali mohamed", "mohamed ali hassan"]);
    }

    #[test]
    fn a_loose_particle_is_found_joined_too() {
        let keys = name_keys("عبد الرحمن علي");
        for start in ["عبدالرحمن", "عبد الرحمن", "الرحمن", "علي"] {
            assert!(keys.iter().any(|key| key.starts_with(start)), "{start}");
        }
    }

    #[test]
    fn a_phone_is_kept_from_its_tail() {
        let keys = member_keys(Searched {
            number: "1000423",
            full_name: "Mona",
            phone: Some("+201001234567"),
            ..Searched::default()
        });
        assert!(keys.contains(&(KeyKind::Phone, "765432100102".into())));
        assert!(keys.contains(&(KeyKind::Number, "1000423".into())));
    }

    #[test]
    fn one_typo_in_a_prefix_is_seen() {
        for (typed, word, typos) in [
            ("moham", "mohamed", Some(0)),
            ("mohmed", "mohamed", Some(1)),
            ("mohmaed", "mohamed", Some(1)),
            ("mohaned", "mohamed", Some(1)),
            ("mohhamed", "mohamed", Some(1)),
            ("mohx", "mohamed", Some(1)),
            ("nohaned", "mohamed", None),
            ("حمسن", "حسن", Some(1)),
        ] {
            assert_eq!(typos_in_prefix(typed, word), typos, "{typed} in {word}");
        }
    }

    proptest! {
        #[test]
        fn a_word_and_its_typo_share_a_deletion(word in "[a-dا-ث]{4,8}", at in 0usize..8, letter in "[a-d]", act in 0u8..4) {
            let mut typed: Vec<char> = word.chars().collect();
            let at = at % typed.len();
            let letter = letter.chars().next().expect("a letter");
            match act {
                0 => { typed.remove(at); }
                1 => typed.insert(at, letter),
                2 => typed[at] = letter,
                _ => { let next = (at + 1) % typed.len(); if next > at { typed.swap(at, next); } }
            }
            let typed: String = typed.into_iter().collect();
            prop_assert!(deletions(&word).intersection(&deletions(&typed)).next().is_some());
            prop_assert!(typos_in_prefix(&typed, &word).is_some());
        }
    }
}
