//! Secrets at rest: encrypted with a key that lies in a file of its own, readable by this account only, so that neither a
//! copy of the database nor one of its backups gives them away.
use crate::error::Error;
use crate::random;
use crate::secret::Secret;
use chacha20poly1305::aead::{Aead as _, KeyInit as _, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

const KEY: usize = 32;
/// Long enough to be drawn at random for every text.
const NONCE: usize = 24;

/// Where the key lies. The file is made when something is encrypted for the first time.
#[derive(Clone, Debug)]
pub struct KeyFile(PathBuf);

impl KeyFile {
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// Encrypts a text. `about` says whose it is; it is not stored, and the text opens only for the same.
    /// The result is the nonce and the sealed text.
    pub fn seal(&self, about: &str, text: &str) -> Result<Vec<u8>, Error> {
        let cipher = XChaCha20Poly1305::new(&self.key()?.into());
        let nonce = random::bytes::<NONCE>();
        let payload = Payload { msg: text.as_bytes(), aad: about.as_bytes() };
        let sealed = cipher
            .encrypt(&XNonce::from(nonce), payload)
            .map_err(|_| Error::Internal("a secret could not be encrypted".to_owned()))?;
        Ok([nonce.as_slice(), &sealed].concat())
    }

    /// Opens what [`KeyFile::seal`] made for the same `about`.
    ///
    /// # Errors
    /// [`Error::Conflict`] `secrets_unreadable` when the key is another one or gone, as after moving a database without
    /// its key file: the secrets have to be entered again.
    pub fn open(&self, about: &str, sealed: &[u8]) -> Result<Secret, Error> {
        let unreadable = || Error::conflict("secrets_unreadable");
        let key = read(&self.0)?.ok_or_else(unreadable)?;
        let (nonce, sealed) = sealed.split_first_chunk::<NONCE>().ok_or_else(unreadable)?;
        let payload = Payload { msg: sealed, aad: about.as_bytes() };
        let text = XChaCha20Poly1305::new(&key.into())
            .decrypt(&XNonce::from(*nonce), payload)
            .map_err(|_| unreadable())?;
        String::from_utf8(text).map(Secret::new).map_err(|_| unreadable())
    }

    fn key(&self) -> Result<[u8; KEY], Error> {
        if let Some(key) = read(&self.0)? {
            return Ok(key);
        }
        let new = self.0.with_extension(format!("new-{}", hex(&random::bytes::<8>())));
        let made =
            write_private(&new, &random::bytes::<KEY>()).and_then(|()| match fs::hard_link(&new, &self.0) {
                // Another process of this installation was faster; its key counts.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
                linked => linked,
            });
        let removed = fs::remove_file(&new);
        made.and(removed).map_err(|error| trouble(&self.0, &error))?;
        read(&self.0)?.ok_or_else(|| Error::Internal("the key file vanished".to_owned()))
    }
}

fn read(path: &Path) -> Result<Option<[u8; KEY]>, Error> {
    match fs::read(path) {
        Ok(bytes) => {
            bytes.try_into().map(Some).map_err(|_| Error::Internal("the key file is damaged".to_owned()))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(trouble(path, &error)),
    }
}

fn write_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut options = File::options();
    options.create_new(true).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

fn trouble(path: &Path, error: &io::Error) -> Error {
    Error::Internal(format!("the key file {} cannot be used: {error}", path.display()))
}

/// Two digits a byte.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

/// The bytes of what [`hex`] wrote; none of anything else.
pub fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits: Vec<u8> =
        text.chars().map(|c| c.to_digit(16).and_then(|d| u8::try_from(d).ok())).collect::<Option<_>>()?;
    digits.len().is_multiple_of(2).then(|| digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder() -> tempfile::TempDir {
        tempfile::tempdir().expect("a folder")
    }

    fn is_unreadable<T: std::fmt::Debug>(result: Result<T, Error>) {
        assert!(matches!(result, Err(Error::Conflict { code: "secrets_unreadable", .. })), "{result:?}");
    }

    #[test]
    fn a_secret_opens_for_whom_it_was_sealed_and_for_nobody_else() {
        let folder = folder();
        let keys = KeyFile::at(folder.path().join("secrets.key"));
        let sealed = keys.seal("gateway paymob", "egy_sk_live_1").expect("sealed");
        assert!(!sealed.windows(11).any(|part| part == b"egy_sk_live"), "encrypted");
        assert_eq!(keys.open("gateway paymob", &sealed).expect("opened").expose(), "egy_sk_live_1");
        is_unreadable(keys.open("gateway paypal", &sealed));
        let mut changed = sealed.clone();
        changed[30] ^= 1;
        is_unreadable(keys.open("gateway paymob", &changed));
        is_unreadable(keys.open("gateway paymob", &sealed[..10]));
        assert_ne!(
            sealed,
            keys.seal("gateway paymob", "egy_sk_live_1").expect("sealed"),
            "a nonce of its own"
        );
    }

    #[test]
    fn without_its_key_file_a_secret_stays_shut() {
        let folder = folder();
        let path = folder.path().join("secrets.key");
        let sealed = KeyFile::at(&path).seal("a", "text").expect("sealed");
        fs::remove_file(&path).expect("removed");
        is_unreadable(KeyFile::at(&path).open("a", &sealed));
        KeyFile::at(&path).seal("a", "text").expect("sealed with a new key");
        is_unreadable(KeyFile::at(&path).open("a", &sealed));
    }

    #[test]
    #[cfg(unix)]
    fn the_key_file_is_for_this_account_only_and_alone() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = folder();
        let path = folder.path().join("secrets.key");
        KeyFile::at(&path).seal("a", "text").expect("sealed");
        let mode = fs::metadata(&path).expect("a file").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 1, "nothing left behind");
    }
}
