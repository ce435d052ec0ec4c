//! Passwords and PINs: the rules they must meet and their argon2id hashes.
use crate::error::Error;
use crate::random;
use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, Params, PasswordHasher, PasswordVerifier, Version};

/// OWASP Password Storage Cheat Sheet, argon2id: 19 MiB, 2 passes, 1 lane.
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;

/// A password or PIN on its way to be hashed. Cannot be printed.
#[derive(Clone)]
pub struct Secret(String);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl Secret {
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }
}

/// At least 8 characters with an upper-case letter and a digit; at most 200, so that hashing stays cheap.
pub fn check_password(field: &'static str, password: &str) -> Result<(), Error> {
    let length = password.chars().count();
    if length < 8 {
        return Err(Error::invalid(field, "password_too_short"));
    }
    if length > 200 {
        return Err(Error::invalid(field, "too_long"));
    }
    if !password.chars().any(char::is_uppercase) {
        return Err(Error::invalid(field, "password_needs_upper_case"));
    }
    if !password.chars().any(|c| c.is_ascii_digit()) {
        return Err(Error::invalid(field, "password_needs_digit"));
    }
    Ok(())
}

/// 4 to 8 digits, not all the same.
pub fn check_pin(field: &'static str, pin: &str) -> Result<(), Error> {
    if !(4..=8).contains(&pin.len()) || !pin.bytes().all(|b| b.is_ascii_digit()) {
        return Err(Error::invalid(field, "pin_format"));
    }
    if pin.bytes().all(|b| Some(b) == pin.bytes().next()) {
        return Err(Error::invalid(field, "pin_too_simple"));
    }
    Ok(())
}

fn argon2() -> Result<Argon2<'static>, Error> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None).map_err(|e| Error::Internal(e.to_string()))?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

/// Hashes off the async threads.
pub async fn hash(secret: Secret) -> Result<String, Error> {
    blocking(move || {
        let salt = random::bytes::<16>();
        let hash = argon2()?.hash_password_with_salt(secret.0.as_bytes(), &salt);
        Ok(hash.map_err(|e| Error::Internal(e.to_string()))?.to_string())
    })
    .await
}

/// What checking a secret found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Check {
    Wrong,
    Right,
    /// Right, but hashed with weaker parameters than today's: hash it again.
    RightButOld,
}

/// Checks off the async threads. Without a stored hash it works just as long and says [`Check::Wrong`], so that
/// an unknown account cannot be told by the time it takes.
pub async fn check(secret: Secret, stored: Option<String>) -> Result<Check, Error> {
    blocking(move || {
        let Some(stored) = stored else {
            let salt = [0u8; 16];
            let _: Result<_, _> = argon2()?.hash_password_with_salt(secret.0.as_bytes(), &salt);
            return Ok(Check::Wrong);
        };
        let parsed = PasswordHash::new(&stored).map_err(|e| Error::Internal(e.to_string()))?;
        if argon2()?.verify_password(secret.0.as_bytes(), &parsed).is_err() {
            return Ok(Check::Wrong);
        }
        let params = Params::try_from(&parsed).map_err(|e| Error::Internal(e.to_string()))?;
        let is_old = params.m_cost() < MEMORY_KIB || params.t_cost() < PASSES;
        Ok(if is_old { Check::RightButOld } else { Check::Right })
    })
    .await
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    tokio::task::spawn_blocking(work).await.map_err(|e| Error::Internal(e.to_string()))?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_needs_length_an_upper_case_letter_and_a_digit() {
        for (password, code) in [
            ("Ab1", Some("password_too_short")),
            ("abcdefg1", Some("password_needs_upper_case")),
            ("Abcdefgh", Some("password_needs_digit")),
            ("Abcdefg1", None),
            ("Éclair99", None),
        ] {
            let found = check_password("password", password).err().map(|e| e.to_wire().code);
            assert_eq!(found.as_deref(), code, "{password}");
        }
        assert!(check_password("password", &"A1".repeat(101)).is_err());
    }

    #[test]
    fn a_pin_is_four_to_eight_digits_and_not_one_digit_repeated() {
        for (pin, good) in [
            ("1234", true),
            ("12345678", true),
            ("123", false),
            ("123456789", false),
            ("12a4", false),
            ("0000", false),
            ("١٢٣٤", false),
        ] {
            assert_eq!(check_pin("pin", pin).is_ok(), good, "{pin}");
        }
    }

    #[tokio::test]
    async fn a_hash_made_with_weaker_parameters_is_right_but_old() {
        let weak = Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::new(8, 1, 1, None).unwrap());
        let old = weak.hash_password_with_salt(b"Abcdefg1", &[7u8; 16]).unwrap().to_string();
        assert_eq!(check(Secret::new("Abcdefg1"), Some(old.clone())).await.unwrap(), Check::RightButOld);
        assert_eq!(check(Secret::new("Abcdefg2"), Some(old)).await.unwrap(), Check::Wrong);
        let new = hash(Secret::new("Abcdefg1")).await.unwrap();
        assert!(new.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{new}");
        assert_eq!(check(Secret::new("Abcdefg1"), Some(new)).await.unwrap(), Check::Right);
        assert_eq!(check(Secret::new("Abcdefg1"), None).await.unwrap(), Check::Wrong);
    }

    #[test]
    fn a_secret_does_not_print_itself() {
        assert_eq!(format!("{:?}", Secret::new("Abcdefg1")), "Secret(…)");
    }
}
