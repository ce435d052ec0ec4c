//! What the two ends of a pairing prove to each other. Pure.
use hmac::{Hmac, KeyInit, Mac as _};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

/// Characters of a code: no two of them look alike or sound like a word.
const ALPHABET: &[u8; 32] = b"23456789ABCDEFGHJKLMNPQRSTUVWXYZ";
/// Sixty bits: nobody tries them all against a proof before the code expires.
pub const CODE_LENGTH: usize = 12;

/// What a code is stored and used as.
pub type Key = [u8; 32];
/// SHA-256 of a certificate.
pub type Fingerprint = [u8; 32];

/// The code as it is shown, in groups of four.
pub fn code(random: [u8; CODE_LENGTH]) -> String {
    let letters: Vec<char> =
        random.iter().map(|byte| char::from(ALPHABET[usize::from(*byte % 32)])).collect();
    letters.chunks(4).map(|group| group.iter().collect::<String>()).collect::<Vec<_>>().join("-")
}

/// The key of a code, however it was typed; none for what cannot be one.
pub fn key(code: &str) -> Option<Key> {
    let typed: Vec<u8> = code
        .chars()
        .filter(|c| !matches!(c, '-' | ' ' | '\u{a0}' | '\t'))
        .map(|c| u8::try_from(c.to_ascii_uppercase()).ok().filter(|byte| ALPHABET.contains(byte)))
        .collect::<Option<_>>()?;
    (typed.len() == CODE_LENGTH).then(|| Sha256::digest(&typed).into())
}

/// A proof to know a key, bound to one request and one certificate.
fn proof(key: &Key, who: &str, fingerprint: &Fingerprint, nonce: &[u8], text: &str) -> Vec<u8> {
    let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(key).expect("HMAC takes a key of any length");
    for part in [who.as_bytes(), fingerprint, nonce, text.as_bytes()] {
        mac.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        mac.update(part);
    }
    mac.finalize().into_bytes().to_vec()
}

/// The desk's: it knows the code, and wants this name.
pub fn of_desk(key: &Key, fingerprint: &Fingerprint, nonce: &[u8], name: &str) -> Vec<u8> {
    proof(key, "desk", fingerprint, nonce, name)
}

/// The branch machine's: it knows the code, and gives this token.
pub fn of_branch(key: &Key, fingerprint: &Fingerprint, nonce: &[u8], token: &str) -> Vec<u8> {
    proof(key, "branch machine", fingerprint, nonce, token)
}

/// Compares in constant time.
pub fn is_same(a: &[u8], b: &[u8]) -> bool {
    a.ct_eq(b).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_read_however_it_was_typed() {
        let shown = code([0, 1, 2, 31, 32, 255, 7, 8, 9, 10, 11, 12]);
        assert_eq!(shown.len(), CODE_LENGTH + 2);
        let read = key(&shown);
        assert!(read.is_some());
        assert_eq!(key(&shown.to_lowercase()), read);
        assert_eq!(key(&format!(" {} ", shown.replace('-', " "))), read);
        for wrong in
            ["", "2345", "2345-6789-ABC0", "2345-6789-ABCDE", "٢٣٤٥-6789-ABCD", "2345-6789-ABC\u{1F600}"]
        {
            assert_eq!(key(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_proof_holds_for_its_end_certificate_request_and_text_only() {
        let (right, other) = ([1; 32], [2; 32]);
        let proof = of_desk(&right, &[3; 32], b"nonce", "2");
        for another in [
            of_desk(&other, &[3; 32], b"nonce", "2"),
            of_desk(&right, &[4; 32], b"nonce", "2"),
            of_desk(&right, &[3; 32], b"nonce2", ""),
            of_desk(&right, &[3; 32], b"nonce", "3"),
            of_branch(&right, &[3; 32], b"nonce", "2"),
        ] {
            assert!(!is_same(&proof, &another));
        }
        assert!(is_same(&proof, &of_desk(&right, &[3; 32], b"nonce", "2")));
    }
}
