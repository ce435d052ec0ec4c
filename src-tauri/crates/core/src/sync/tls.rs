//! Whom the branch talks to. A server shows its chain of certificates before anything is said; the one that the code names is
//! what the server's own is checked against, now and at every connection after.
use crate::error::Error;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Utc};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, ClientConnection, DigitallySignedStruct, RootCertStore, SignatureScheme,
};
use sha2::{Digest as _, Sha256};
use std::io::{self, Read as _, Write as _};
use std::net::{TcpStream, ToSocketAddrs as _};
use std::sync::Arc;
use std::time::Duration;

/// How long a server may take for one step.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long all of it may take: looking up a name has no limit of its own.
const ALTOGETHER: Duration = Duration::from_secs(30);
/// The request for TLS, of Postgres's protocol.
const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f];

/// A server's certificates, its own first.
pub type Chain = Vec<CertificateDer<'static>>;

/// SHA-256 of a certificate as it is sent.
pub fn fingerprint(certificate: &CertificateDer<'_>) -> [u8; 32] {
    Sha256::digest(certificate).into()
}

/// As text, for `sslrootcert`.
pub fn pem(certificate: &CertificateDer<'_>) -> String {
    let text = STANDARD.encode(certificate);
    let mut pem = String::from("-----BEGIN CERTIFICATE-----\n");
    for start in (0..text.len()).step_by(64) {
        pem.push_str(&text[start..text.len().min(start + 64)]);
        pem.push('\n');
    }
    pem + "-----END CERTIFICATE-----\n"
}

/// The certificates that the Postgres server shows. Nothing else is said to it.
///
/// # Errors
/// [`Error::Conflict`]: `headquarters_unreachable`, `headquarters_no_postgres`, `headquarters_no_tls`.
pub async fn chain(host: &str, port: u16) -> Result<Chain, Error> {
    let host = host.to_owned();
    let shown = tokio::task::spawn_blocking(move || shown(&host, port));
    match tokio::time::timeout(ALTOGETHER, shown).await {
        Ok(Ok(chain)) => chain,
        Ok(Err(_)) | Err(_) => Err(Error::conflict("headquarters_unreachable")),
    }
}

/// The certificate of that fingerprint, if the server's own holds against it for this host at this moment.
///
/// # Errors
/// [`Error::Conflict`]: `headquarters_other_ca`, `headquarters_certificate_expired`, `headquarters_other_name`,
/// `headquarters_certificate`.
pub fn trusted<'a>(
    chain: &'a Chain,
    ca: [u8; 32],
    host: &str,
    now: DateTime<Utc>,
) -> Result<&'a CertificateDer<'static>, Error> {
    let root = chain
        .iter()
        .find(|certificate| fingerprint(certificate) == ca)
        .ok_or(Error::conflict("headquarters_other_ca"))?;
    let unusable = |error: &dyn std::fmt::Display| Error::Conflict {
        code: "headquarters_certificate",
        params: serde_json::json!({ "why": error.to_string() }),
    };
    let mut roots = RootCertStore::empty();
    roots.add(root.clone()).map_err(|error| unusable(&error))?;
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider())
        .build()
        .map_err(|error| unusable(&error))?;
    let name = ServerName::try_from(host).map_err(|error| unusable(&error))?;
    let now = Duration::from_secs(u64::try_from(now.timestamp()).unwrap_or(0));
    let [own, others @ ..] = chain.as_slice() else { return Err(Error::conflict("headquarters_no_tls")) };
    match verifier.verify_server_cert(own, others, &name, &[], UnixTime::since_unix_epoch(now)) {
        Ok(_) => Ok(root),
        Err(rustls::Error::InvalidCertificate(why)) => Err(match why {
            CertificateError::Expired
            | CertificateError::ExpiredContext { .. }
            | CertificateError::NotValidYet
            | CertificateError::NotValidYetContext { .. } => {
                Error::conflict("headquarters_certificate_expired")
            }
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                Error::conflict("headquarters_other_name")
            }
            CertificateError::UnknownIssuer => Error::conflict("headquarters_other_ca"),
            other => unusable(&other),
        }),
        Err(error) => Err(unusable(&error)),
    }
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

fn shown(host: &str, port: u16) -> Result<Chain, Error> {
    let unreachable = |_: io::Error| Error::conflict("headquarters_unreachable");
    let mut line = connect(host, port).map_err(unreachable)?;
    let mut answer = [0];
    line.write_all(&SSL_REQUEST).and_then(|()| line.read_exact(&mut answer)).map_err(unreachable)?;
    match answer {
        [b'S'] => {}
        [b'N'] => return Err(Error::conflict("headquarters_no_tls")),
        _ => return Err(Error::conflict("headquarters_no_postgres")),
    }
    let provider = provider();
    let config = ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(|error| Error::Internal(error.to_string()))?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Looking(provider)))
        .with_no_client_auth();
    let name =
        ServerName::try_from(host.to_owned()).map_err(|_| Error::conflict("headquarters_unreachable"))?;
    let mut tls =
        ClientConnection::new(Arc::new(config), name).map_err(|error| Error::Internal(error.to_string()))?;
    while tls.is_handshaking() {
        tls.complete_io(&mut line).map_err(|_| Error::conflict("headquarters_no_tls"))?;
    }
    let chain =
        tls.peer_certificates().unwrap_or_default().iter().map(|one| one.clone().into_owned()).collect();
    tls.send_close_notify();
    // It was seen; whether the goodbye arrives does not matter.
    drop(tls.complete_io(&mut line));
    Ok(chain)
}

fn connect(host: &str, port: u16) -> io::Result<TcpStream> {
    let mut last = io::ErrorKind::NotFound.into();
    for address in (host, port).to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, PATIENCE) {
            Ok(line) => {
                line.set_read_timeout(Some(PATIENCE))?;
                line.set_write_timeout(Some(PATIENCE))?;
                return Ok(line);
            }
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// Looks at any certificate: what it is worth is decided afterwards, before anything is said.
#[derive(Debug)]
struct Looking(Arc<CryptoProvider>);

impl ServerCertVerifier for Looking {
    fn verify_server_cert(
        &self,
        _own: &CertificateDer<'_>,
        _others: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
