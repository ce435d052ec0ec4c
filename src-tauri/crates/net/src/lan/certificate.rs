//! The certificate that the branch machine shows its desks: made once, kept in the data folder, known by its fingerprint.
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use gatehouse_core::desks::proof::Fingerprint;
use gatehouse_core::error::Error;
use rcgen::{CertificateParams, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::Path;
use std::sync::Arc;

const FILE: &str = "lan.json";
/// No desk looks at the name; it looks at the fingerprint.
const NAME: &str = "gatehouse.local";

/// Certificate and key.
pub struct Identity {
    certificate: Vec<u8>,
    key: Vec<u8>,
}

#[derive(Serialize, Deserialize)]
struct Stored {
    certificate: String,
    key: String,
}

impl Identity {
    /// Opens it, and makes it the first time.
    pub fn open(data_dir: &Path) -> Result<Self, Error> {
        let path = data_dir.join(FILE);
        let trouble = |error: &dyn std::fmt::Display| {
            Error::Internal(format!("the certificate in {} cannot be used: {error}", path.display()))
        };
        match fs::read(&path) {
            Ok(bytes) => {
                let stored: Stored = serde_json::from_slice(&bytes).map_err(|error| trouble(&error))?;
                let read = |text: &str| STANDARD.decode(text).map_err(|error| trouble(&error));
                Ok(Self { certificate: read(&stored.certificate)?, key: read(&stored.key)? })
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let key = KeyPair::generate().map_err(|error| trouble(&error))?;
                let made =
                    CertificateParams::new(vec![NAME.to_owned()]).and_then(|params| params.self_signed(&key));
                let certificate = made.map_err(|error| trouble(&error))?.der().to_vec();
                let new = Self { certificate, key: key.serialize_der() };
                let stored =
                    Stored { certificate: STANDARD.encode(&new.certificate), key: STANDARD.encode(&new.key) };
                let bytes = serde_json::to_vec(&stored).map_err(|error| trouble(&error))?;
                write_private(&path, &bytes).map_err(|error| trouble(&error))?;
                Ok(new)
            }
            Err(error) => Err(trouble(&error)),
        }
    }

    pub fn fingerprint(&self) -> Fingerprint {
        fingerprint(&self.certificate)
    }

    /// TLS 1.2 and 1.3 with this certificate.
    pub fn server(&self) -> Result<Arc<rustls::ServerConfig>, Error> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(self.key.clone()));
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .and_then(|builder| {
                let chain = vec![CertificateDer::from(self.certificate.clone())];
                builder.with_no_client_auth().with_single_cert(chain, key)
            });
        config.map(Arc::new).map_err(|error| Error::Internal(error.to_string()))
    }
}

pub fn fingerprint(certificate: &[u8]) -> Fingerprint {
    Sha256::digest(certificate).into()
}

/// By rename, so that a power cut leaves the old or the new file; for this account only.
pub fn write_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let beside = path.with_extension("new");
    let mut options = File::options();
    options.create(true).truncate(true).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&beside)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&beside, path)?;
    // The name as well as the content has to be on the disk.
    #[cfg(unix)]
    if let Some(folder) = path.parent() {
        File::open(folder)?.sync_all()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_certificate_is_made_once_and_a_damaged_one_is_not_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let first = Identity::open(folder.path()).unwrap();
        assert!(first.server().is_ok());
        assert_eq!(Identity::open(folder.path()).unwrap().fingerprint(), first.fingerprint());
        fs::write(folder.path().join(FILE), b"{}").unwrap();
        assert!(Identity::open(folder.path()).is_err(), "paired desks know the old one");
    }
}
