//! Asks the branch machine, and nobody else: the one whose certificate was seen when this desk was paired.
use super::certificate::fingerprint;
use gatehouse_core::desks::proof::Fingerprint;
use gatehouse_core::error::{Error, WireError};
use gatehouse_core::secret::Secret;
use reqwest::{Client, StatusCode, redirect};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, DigitallySignedStruct, SignatureScheme};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// To a connection, TLS included: on one network, this is long.
const CONNECT: Duration = Duration::from_millis(1200);
/// The largest answer that is read: a snapshot of a large gym.
pub const LARGEST: usize = 96 * 1024 * 1024;

/// Why there is no answer.
#[derive(Debug)]
pub enum Trouble {
    /// Nobody answers, or not in time, or without its database. Whether anything was done is not known.
    Away(String),
    /// Somebody else answers.
    OtherMachine,
    /// It does not know this desk (any more).
    Unknown,
    /// It answered, and refused.
    Refused(WireError),
}

/// The way to the branch machine.
pub struct Link {
    client: Client,
    base: String,
    token: Option<Secret>,
    seen: Arc<Pinned>,
}

impl Link {
    /// `pinned` is the certificate to insist on; without it any is taken and remembered.
    pub fn new(address: &str, pinned: Option<Fingerprint>, token: Option<Secret>) -> Result<Self, Error> {
        let trouble = |error: &dyn std::fmt::Display| Error::Internal(error.to_string());
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let seen = Arc::new(Pinned { wanted: pinned, seen: Mutex::default(), provider: provider.clone() });
        let tls = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| trouble(&error))?
            .dangerous()
            .with_custom_certificate_verifier(seen.clone())
            .with_no_client_auth();
        let client = Client::builder()
            .tls_backend_preconfigured(tls)
            .connect_timeout(CONNECT)
            .redirect(redirect::Policy::none())
            .no_proxy()
            .build()
            .map_err(|error| trouble(&error))?;
        Ok(Self { client, base: format!("https://{address}"), token, seen })
    }

    /// The certificate of the last connection.
    pub fn fingerprint(&self) -> Option<Fingerprint> {
        *self.seen.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One question. What takes longer than `within` counts as no answer.
    pub async fn ask<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
        within: Duration,
    ) -> Result<T, Trouble> {
        // What an earlier connection was shown says nothing about this one.
        *self.seen.seen.lock().unwrap_or_else(PoisonError::into_inner) = None;
        let body = serde_json::to_vec(body).map_err(|error| Trouble::Away(error.to_string()))?;
        let mut call = self
            .client
            .post(format!("{}{path}", self.base))
            .header("content-type", "application/json")
            .timeout(within)
            .body(body);
        if let Some(token) = &self.token {
            call = call.bearer_auth(token.expose());
        }
        let mut answer = call.send().await.map_err(|error| self.silence(&error))?;
        let status = answer.status();
        let mut bytes = Vec::new();
        while let Some(part) = answer.chunk().await.map_err(|error| self.silence(&error))? {
            if bytes.len() + part.len() > LARGEST {
                return Err(Trouble::Away("the answer is too large".to_owned()));
            }
            bytes.extend_from_slice(&part);
        }
        match status {
            StatusCode::OK => serde_json::from_slice(&bytes)
                .map_err(|error| Trouble::Away(format!("no answer of ours: {error}"))),
            StatusCode::UNAUTHORIZED => Err(Trouble::Unknown),
            _ => match serde_json::from_slice::<WireError>(&bytes) {
                Ok(error) if error.code != "database_unreachable" && error.code != "internal" => {
                    Err(Trouble::Refused(error))
                }
                Ok(error) => Err(Trouble::Away(error.code)),
                Err(_) => Err(Trouble::Away(status.to_string())),
            },
        }
    }

    fn silence(&self, error: &reqwest::Error) -> Trouble {
        let other =
            self.seen.wanted.is_some_and(|wanted| self.fingerprint().is_some_and(|seen| seen != wanted));
        if error.is_connect() && other {
            return Trouble::OtherMachine;
        }
        let mut why = error.to_string();
        let mut source = std::error::Error::source(error);
        while let Some(cause) = source {
            why = format!("{why}: {cause}");
            source = cause.source();
        }
        Trouble::Away(why)
    }
}

/// Takes one certificate for good, whatever name and dates are in it.
#[derive(Debug)]
struct Pinned {
    wanted: Option<Fingerprint>,
    seen: Mutex<Option<Fingerprint>>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let shown = fingerprint(end_entity);
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = Some(shown);
        if self.wanted.is_some_and(|wanted| wanted != shown) {
            return Err(rustls::Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure));
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let known = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, cert, dss, known)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let known = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, cert, dss, known)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
