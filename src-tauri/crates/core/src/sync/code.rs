//! The code that lets a branch in once: one line to paste, or to read out.
use crate::error::Error;
use crate::sealed::hex;
use data_encoding::{Encoding, Specification};
use sha2::{Digest as _, Sha256};
use std::fmt;
use std::sync::LazyLock;
use uuid::Uuid;

/// Of the layout of the bytes.
const VERSION: u8 = 1;
/// At the end: tells a letter that was read wrong.
const CHECK: usize = 4;
/// Letters between two dashes.
const GROUP: usize = 5;
/// Longer is no code: names are at most 255 bytes each.
const LONGEST: usize = 4_000;

/// Digits and letters without those that are taken for one another; these are read as what they look like.
#[expect(clippy::expect_used, reason = "the alphabet is written here")]
static ALPHABET: LazyLock<Encoding> = LazyLock::new(|| {
    let mut letters = Specification::new();
    letters.symbols.push_str("0123456789ABCDEFGHJKMNPQRSTVWXYZ");
    letters.translate.from.push_str("abcdefghjkmnpqrstvwxyzOoIiLl");
    letters.translate.to.push_str("ABCDEFGHJKMNPQRSTVWXYZ001111");
    letters.ignore.push_str("- \t\r\n");
    letters.check_trailing_bits = false;
    letters.encoding().expect("an alphabet")
});

/// What a branch needs to know of its headquarters, and the secret that is used up by joining.
#[derive(Clone, PartialEq, Eq)]
pub struct Code {
    /// The branch, as headquarters calls it; of the one that founds, only until it has joined.
    pub branch: Uuid,
    pub secret: [u8; 16],
    /// SHA-256 of the certificate that the server's own is checked against.
    pub ca: [u8; 32],
    /// Seconds since 1970. Headquarters' own clock decides; this one explains.
    pub expires: u32,
    pub host: String,
    pub port: u16,
    pub database: String,
    /// Where branches share a login: its name and password.
    pub shared: Option<(String, String)>,
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Code for {} at {}:{}/{}", self.branch, self.host, self.port, self.database)
    }
}

impl Code {
    /// What headquarters knows the hash of.
    pub fn secret_text(&self) -> String {
        hex(&self.secret)
    }

    /// In groups, ready to be read out.
    ///
    /// # Errors
    /// [`Error::Invalid`] `too_long` for a name of more than 255 bytes.
    pub fn print(&self) -> Result<String, Error> {
        let mut bytes = vec![VERSION, 0, 0];
        bytes.extend_from_slice(self.branch.as_bytes());
        bytes.extend_from_slice(&self.secret);
        bytes.extend_from_slice(&self.ca);
        bytes.extend_from_slice(&self.expires.to_be_bytes());
        bytes.extend_from_slice(&self.port.to_be_bytes());
        let shared = self.shared.iter().flat_map(|(login, password)| [login, password]);
        for text in [&self.host, &self.database].into_iter().chain(shared) {
            bytes.push(u8::try_from(text.len()).map_err(|_| Error::invalid("code", "too_long"))?);
            bytes.extend_from_slice(text.as_bytes());
        }
        let length = u16::try_from(bytes.len() + CHECK).map_err(|_| Error::invalid("code", "too_long"))?;
        bytes[1..3].copy_from_slice(&length.to_be_bytes());
        bytes.extend_from_slice(&check(&bytes));
        let letters: Vec<char> = ALPHABET.encode(&bytes).chars().collect();
        Ok(letters.chunks(GROUP).map(String::from_iter).collect::<Vec<_>>().join("-"))
    }

    /// # Errors
    /// [`Error::Invalid`] in `code`: `required`; `code_truncated`, when its end is missing; `code_mistyped`, when a letter of
    /// it is not the one it was; `code_newer`, when it was made by a later release.
    pub fn read(text: &str) -> Result<Self, Error> {
        let wrong = |code| Error::invalid("code", code);
        let text = text.trim();
        if text.is_empty() {
            return Err(wrong("required"));
        }
        let known =
            |c: char| (c.is_ascii_alphanumeric() && !"uU".contains(c)) || c == '-' || c.is_ascii_whitespace();
        if text.len() > LONGEST || !text.chars().all(known) {
            return Err(wrong("code_mistyped"));
        }
        let mut letters: String = text.chars().filter(|c| *c != '-' && !c.is_ascii_whitespace()).collect();
        // So many letters make no bytes: one is missing at the end, or one is too much.
        let odd = matches!(letters.len() % 8, 1 | 3 | 6);
        if odd {
            letters.pop();
        }
        let bytes = ALPHABET.decode(letters.as_bytes()).map_err(|_| wrong("code_mistyped"))?;
        let Some(([version, high, low], _)) = bytes.split_first_chunk::<3>() else {
            return Err(wrong("code_truncated"));
        };
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        if *version != VERSION {
            return Err(wrong(if *version > VERSION && *version < 16 {
                "code_newer"
            } else {
                "code_mistyped"
            }));
        } else if bytes.len() < length {
            return Err(wrong("code_truncated"));
        }
        let (body, sum) =
            bytes.split_at_checked(length.saturating_sub(CHECK)).ok_or_else(|| wrong("code_mistyped"))?;
        if odd || bytes.len() != length || sum != check(body) {
            return Err(wrong("code_mistyped"));
        }
        parse(&body[3..]).ok_or_else(|| wrong("code_mistyped"))
    }
}

fn parse(body: &[u8]) -> Option<Code> {
    let (branch, body) = body.split_first_chunk::<16>()?;
    let (secret, body) = body.split_first_chunk::<16>()?;
    let (ca, body) = body.split_first_chunk::<32>()?;
    let (expires, body) = body.split_first_chunk::<4>()?;
    let (port, mut body) = body.split_first_chunk::<2>()?;
    let mut texts = Vec::new();
    while let Some((length, rest)) = body.split_first() {
        let (text, rest) = rest.split_at_checked(usize::from(*length))?;
        texts.push(String::from_utf8(text.to_vec()).ok()?);
        body = rest;
    }
    let mut texts = texts.into_iter();
    let (host, database) = (texts.next()?, texts.next()?);
    let shared = texts.next().zip(texts.next());
    Some(Code {
        branch: Uuid::from_bytes(*branch),
        secret: *secret,
        ca: *ca,
        expires: u32::from_be_bytes(*expires),
        host,
        port: u16::from_be_bytes(*port),
        database,
        shared,
    })
}

fn check(bytes: &[u8]) -> [u8; CHECK] {
    let sum: [u8; 32] = Sha256::digest(bytes).into();
    [sum[0], sum[1], sum[2], sum[3]]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn codes() -> impl Strategy<Value = Code> {
        let shared = proptest::option::of(("[a-z_]{1,20}", "[!-~]{1,40}"));
        (
            any::<[u8; 16]>(),
            any::<[u8; 16]>(),
            any::<[u8; 32]>(),
            any::<u32>(),
            "[a-z0-9.-]{1,60}",
            any::<u16>(),
            "[a-z_]{1,30}",
            shared,
        )
            .prop_map(|(branch, secret, ca, expires, host, port, database, shared)| Code {
                branch: Uuid::from_bytes(branch),
                secret,
                ca,
                expires,
                host,
                port,
                database,
                shared,
            })
    }

    fn refusal(text: &str) -> &'static str {
        match Code::read(text) {
            Err(Error::Invalid { code, .. }) => code,
            other => panic!("{text}: {other:?}"),
        }
    }

    proptest! {
        #[test]
        fn what_was_printed_is_read(code in codes()) {
            prop_assert_eq!(Code::read(&code.print().expect("printed")).expect("read"), code);
        }

        #[test]
        fn it_may_be_read_out_in_small_letters_and_without_dashes(code in codes()) {
            let text = code.print().expect("printed");
            let spoken = format!(" {}\r\n", text.to_lowercase().replace('-', " ").replace('0', "o").replace('1', "l"));
            prop_assert_eq!(Code::read(&spoken).expect("read"), code);
        }

        #[test]
        fn one_wrong_letter_is_noticed(code in codes(), place in any::<prop::sample::Index>(), letter in "[0-9A-HJKMNP-TV-Z]") {
            let text = code.print().expect("printed");
            let places: Vec<usize> = text.match_indices(|c| c != '-').map(|(at, _)| at).collect();
            // The last letter of an odd length has bits that say nothing.
            let at = places[place.index(places.len() - 1)];
            prop_assume!(text[at..=at] != letter);
            let mut wrong = text.clone();
            wrong.replace_range(at..=at, &letter);
            prop_assert!(Code::read(&wrong).is_err());
        }

        #[test]
        fn a_missing_end_is_noticed(code in codes(), keep in any::<prop::sample::Index>()) {
            let text = code.print().expect("printed");
            let keep = keep.index(text.len() - 2);
            prop_assert!(Code::read(&text[..keep]).is_err());
        }

        #[test]
        fn any_text_is_answered(text in any::<String>()) {
            let _ = Code::read(&text);
        }
    }

    #[test]
    fn each_mistake_has_its_name() {
        let code = Code {
            branch: Uuid::nil(),
            secret: [7; 16],
            ca: [9; 32],
            expires: 1_700_000_000,
            host: "hq.example.com".to_owned(),
            port: 5432,
            database: "gatehouse".to_owned(),
            shared: None,
        };
        let text = code.print().expect("printed");
        assert!(text.len() < 210, "{} letters are too many to read out", text.len());
        assert_eq!(refusal(""), "required");
        assert_eq!(refusal("hello, world"), "code_mistyped");
        assert_eq!(refusal("hello world, this is no code"), "code_mistyped");
        assert_eq!(refusal(&text[..text.len() - 12]), "code_truncated");
        assert_eq!(refusal(&text[..5]), "code_truncated");
        assert_eq!(refusal(&format!("{text}-ABCDE")), "code_mistyped");
        assert_eq!(
            refusal(&text.replacen(&text[30..31], if &text[30..31] == "Z" { "Y" } else { "Z" }, 1)),
            "code_mistyped"
        );
        assert_eq!(refusal(&format!("08{}", &text[2..])), "code_newer");
        assert!(!format!("{code:?}").contains("0707"), "the secret is not printed");
    }
}
