//! What is inside our QR codes: `GH:` and the base45 of `kind(1) pass_id(8) step(4) tag(16)`.
//!
//! Base45 (RFC 9285) uses exactly the alphabet of a QR code's alphanumeric mode, so 29 bytes are 44 characters,
//! and with the prefix they fill version 3 at error correction Q to the last one. The tag is HMAC-SHA256 over
//! kind, pass id and step, keyed by the pass's own secret and cut to 16 bytes: a code can only be made by who
//! holds that one secret, and a stolen one opens nothing else.
use crate::passes::wire::PassKind;
use chrono::{DateTime, Utc};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;

/// Marks a code as ours.
pub const PREFIX: &str = "GH:";
/// Seconds a live code stands for.
pub const STEP_SECONDS: i64 = 30;
/// Steps a live code may be early or late.
pub const WINDOW_STEPS: i64 = 1;

const TAG: usize = 16;
const LENGTH: usize = 1 + 8 + 4 + TAG;

/// The random number of a pass, inside its code.
pub type PassNumber = [u8; 8];
/// What a pass's codes are signed with.
pub type Secret = [u8; 32];

/// A code of ours as read. Nothing is proven until [`Payload::is_signed_with`] says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Payload {
    pub kind: PassKind,
    pub pass_number: PassNumber,
    /// 0 on a card; unix time / 30 s on a phone.
    pub step: u32,
    tag: [u8; TAG],
}

impl Payload {
    /// The code of a printed card: always the same.
    pub fn card(pass_number: PassNumber, secret: &Secret) -> Self {
        Self::signed(PassKind::Card, pass_number, 0, secret)
    }

    /// The code a phone shows at `at`.
    pub fn live(pass_number: PassNumber, secret: &Secret, at: DateTime<Utc>) -> Self {
        let step = u32::try_from(step_at(at)).unwrap_or(0);
        Self::signed(PassKind::Live, pass_number, step, secret)
    }

    fn signed(kind: PassKind, pass_number: PassNumber, step: u32, secret: &Secret) -> Self {
        let tag = tag(kind, pass_number, step, secret);
        Self { kind, pass_number, step, tag }
    }

    /// Whether the holder of `secret` made this code. Takes the same time for every wrong tag.
    pub fn is_signed_with(&self, secret: &Secret) -> bool {
        tag(self.kind, self.pass_number, self.step, secret).ct_eq(&self.tag).into()
    }

    /// The text inside the QR code: 47 characters of its alphanumeric alphabet.
    pub fn encode(&self) -> String {
        let mut bytes = Vec::with_capacity(LENGTH);
        bytes.push(kind_byte(self.kind));
        bytes.extend(self.pass_number);
        bytes.extend(self.step.to_be_bytes());
        bytes.extend(self.tag);
        format!("{PREFIX}{}", base45::encode(bytes))
    }

    /// Reads a code; `None` for anything we did not write, down to another spelling of the same bytes.
    pub fn decode(text: &str) -> Option<Self> {
        let body = text.strip_prefix(PREFIX)?;
        let bytes: [u8; LENGTH] = base45::decode(body).ok()?.try_into().ok()?;
        if base45::encode(bytes) != body {
            return None;
        }
        let (kind, rest) = bytes.split_first()?;
        let (pass_number, rest) = rest.split_first_chunk::<8>()?;
        let (step, tag) = rest.split_first_chunk::<4>()?;
        Some(Self {
            kind: kind_of(*kind)?,
            pass_number: *pass_number,
            step: u32::from_be_bytes(*step),
            tag: tag.try_into().ok()?,
        })
    }

    /// For a live code outside its window: by how many seconds the phone's clock runs ahead (negative: behind).
    pub fn seconds_off(&self, now: DateTime<Utc>) -> Option<i64> {
        let steps = i64::from(self.step) - step_at(now);
        let off = self.kind == PassKind::Live && steps.abs() > WINDOW_STEPS;
        off.then_some(steps * STEP_SECONDS)
    }
}

/// The step of an instant.
pub fn step_at(at: DateTime<Utc>) -> i64 {
    at.timestamp().div_euclid(STEP_SECONDS)
}

fn tag(kind: PassKind, pass_number: PassNumber, step: u32, secret: &Secret) -> [u8; TAG] {
    let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(secret).expect("HMAC takes a key of any length");
    mac.update(&[kind_byte(kind)]);
    mac.update(&pass_number);
    mac.update(&step.to_be_bytes());
    let whole = mac.finalize().into_bytes();
    std::array::from_fn(|index| whole[index])
}

fn kind_byte(kind: PassKind) -> u8 {
    match kind {
        PassKind::Card => 1,
        PassKind::Live => 2,
    }
}

fn kind_of(byte: u8) -> Option<PassKind> {
    match byte {
        1 => Some(PassKind::Card),
        2 => Some(PassKind::Live),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use qrcode::{EcLevel, QrCode, Version};

    const SECRET: Secret = [7; 32];
    const ALPHANUMERIC: &str = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:";

    #[test]
    fn a_code_fits_qr_version_three_with_error_correction_q() {
        let text = Payload::card([255; 8], &SECRET).encode();
        assert_eq!(text.len(), 47);
        assert!(text.chars().all(|c| ALPHANUMERIC.contains(c)), "{text}");
        let code = QrCode::with_error_correction_level(&text, EcLevel::Q).unwrap();
        assert_eq!(code.version(), Version::Normal(3));
    }

    #[test]
    fn another_pass_of_the_same_member_has_nothing_in_common_but_the_kind() {
        let card = Payload::card([1; 8], &SECRET);
        assert!(card.is_signed_with(&SECRET));
        assert!(!card.is_signed_with(&[8; 32]));
        assert!(!Payload { kind: PassKind::Live, ..card }.is_signed_with(&SECRET));
        assert!(!Payload { step: 1, ..card }.is_signed_with(&SECRET));
        assert!(!Payload { pass_number: [2; 8], ..card }.is_signed_with(&SECRET));
    }

    #[test]
    fn a_live_code_says_by_how_much_the_clocks_differ() {
        let at = |seconds: i64| DateTime::from_timestamp(1_800_000_000 + seconds, 0).unwrap();
        let shown = Payload::live([1; 8], &SECRET, at(0));
        for (read_at, off) in [
            (0, None),
            (29, None),
            (59, None),
            (60, Some(-60)),
            (-1, None),
            (-30, None),
            (-31, Some(60)),
            (3600, Some(-3600)),
        ] {
            assert_eq!(shown.seconds_off(at(read_at)), off, "read after {read_at} s");
        }
        assert_eq!(Payload::card([1; 8], &SECRET).seconds_off(at(0)), None);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(number in any::<PassNumber>(), secret in any::<Secret>(), at in 0i64..4_000_000_000) {
            let at = DateTime::from_timestamp(at, 0).unwrap();
            for payload in [Payload::card(number, &secret), Payload::live(number, &secret, at)] {
                prop_assert_eq!(Payload::decode(&payload.encode()), Some(payload));
                prop_assert!(payload.is_signed_with(&secret));
            }
        }

        #[test]
        fn a_damaged_code_is_never_taken_for_the_pass(
            number in any::<PassNumber>(), at in 0usize..47, by in proptest::char::any(),
        ) {
            let text = Payload::card(number, &SECRET).encode();
            let damaged: String =
                text.chars().enumerate().map(|(index, c)| if index == at { by } else { c }).collect();
            prop_assume!(damaged != text);
            let taken = Payload::decode(&damaged).is_some_and(|read| read.is_signed_with(&SECRET));
            prop_assert!(!taken, "{} for {}", damaged, text);
        }

        #[test]
        fn any_text_is_read_without_a_panic(text in any::<String>()) {
            prop_assert_eq!(Payload::decode(&text), None);
            prop_assert_eq!(Payload::decode(&format!("{PREFIX}{text}")), None);
        }
    }

    #[test]
    fn every_single_flip_of_one_code_is_refused() {
        let text = Payload::card([0xA5; 8], &SECRET).encode();
        for at in 0..text.len() {
            for by in ALPHANUMERIC.chars().filter(|by| *by != text.as_bytes()[at] as char) {
                let mut damaged = text.clone();
                damaged.replace_range(at..=at, by.encode_utf8(&mut [0; 4]));
                let taken = Payload::decode(&damaged).is_some_and(|read| read.is_signed_with(&SECRET));
                assert!(!taken, "{damaged}");
            }
        }
    }
}
