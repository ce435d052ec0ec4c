//! The certificate that PayPal signs its messages with: where it may come from, whom it must belong to, and whether a
//! signature is its own.
use crate::gateways::GatewayError;
use chrono::{DateTime, Utc};
use gatehouse_core::error::Error;
use reqwest::Url;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, ServerName, TrustAnchor, UnixTime};
use std::fmt;
use std::time::Duration;
use webpki::{ALL_VERIFICATION_ALGS, EndEntityCert, KeyUsage, anchor_from_trusted_cert};

const FOLDER: &str = "/v1/notifications/certs/";

/// Which certificates are believed.
#[derive(Clone)]
pub struct Certificates {
    /// Scheme, host and port of the only place they are fetched from.
    origin: String,
    /// The name they are issued to.
    name: String,
    roots: Vec<TrustAnchor<'static>>,
}

impl Certificates {
    /// PayPal's own, by the roots that browsers trust.
    pub fn live() -> Self {
        Self::of_paypal("https://api.paypal.com", "messageverificationcerts.paypal.com")
    }

    /// Those of PayPal's sandbox.
    pub fn sandbox() -> Self {
        Self::of_paypal("https://api.sandbox.paypal.com", "messageverificationcerts.sandbox.paypal.com")
    }

    fn of_paypal(origin: &str, name: &str) -> Self {
        Self { origin: origin.into(), name: name.into(), roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() }
    }

    /// Those of another house, such as a stand-in of PayPal's, by its own root.
    ///
    /// # Errors
    /// [`Error::Invalid`] in `root` for what is no certificate.
    pub fn of(origin: impl Into<String>, name: impl Into<String>, root: &[u8]) -> Result<Self, Error> {
        let bad = || Error::invalid("root", "malformed");
        let root = CertificateDer::from_pem_slice(root).map_err(|_| bad())?;
        let roots = vec![anchor_from_trusted_cert(&root).map_err(|_| bad())?.to_owned()];
        Ok(Self { origin: origin.into(), name: name.into(), roots })
    }

    /// The address to fetch a certificate from, if it is one of PayPal's: anywhere else somebody could offer a
    /// certificate of their own.
    pub fn path_of(&self, address: &str) -> Option<String> {
        let url = Url::parse(address).ok()?;
        let ours = Url::parse(&self.origin).ok()?;
        let plain = url.username().is_empty() && url.password().is_none() && url.query().is_none();
        let name = url.path().strip_prefix(FOLDER)?;
        let good_name =
            !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
        (plain && good_name && url.fragment().is_none() && url.origin() == ours.origin()).then(|| url.into())
    }
}

impl fmt::Debug for Certificates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Certificates({}, {}, {} roots)", self.origin, self.name, self.roots.len())
    }
}

/// What the certificate says about a signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Good,
    Wrong,
    /// The certificate is not trusted here; it says nothing.
    Undecided,
}

/// A certificate and those between it and a root.
pub struct Signer {
    chain: Vec<CertificateDer<'static>>,
}

impl Signer {
    pub fn of_pem(text: &[u8]) -> Result<Self, GatewayError> {
        let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(text).collect();
        match chain {
            Ok(chain) if !chain.is_empty() => Ok(Self { chain }),
            _ => Err(GatewayError::Malformed("no certificate".to_owned())),
        }
    }

    /// Checks the certificate's chain, dates and name, then the signature.
    pub fn verify(
        &self,
        trusted: &Certificates,
        now: DateTime<Utc>,
        message: &[u8],
        signature: &[u8],
    ) -> Verdict {
        let Some((own, between)) = self.chain.split_first() else { return Verdict::Undecided };
        let Ok(certificate) = EndEntityCert::try_from(own) else { return Verdict::Undecided };
        let Ok(name) = ServerName::try_from(trusted.name.as_str()) else { return Verdict::Undecided };
        let since_1970 = Duration::from_secs(u64::try_from(now.timestamp()).unwrap_or(0));
        let chain = certificate.verify_for_usage(
            ALL_VERIFICATION_ALGS,
            &trusted.roots,
            between,
            UnixTime::since_unix_epoch(since_1970),
            KeyUsage::server_auth(),
            None,
            None,
        );
        if chain.is_err() || certificate.verify_is_valid_for_subject_name(&name).is_err() {
            return Verdict::Undecided;
        }
        match certificate.verify_signature(webpki::ring::RSA_PKCS1_2048_8192_SHA256, message, signature) {
            Ok(()) => Verdict::Good,
            Err(_) => Verdict::Wrong,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_comes_from_paypal_or_not_at_all() {
        let live = Certificates::live();
        let good = "https://api.paypal.com/v1/notifications/certs/CERT-360caa42-fca2a594-a5cafa77";
        assert_eq!(live.path_of(good).as_deref(), Some(good));
        for bad in [
            "https://api.paypal.com.evil.example/v1/notifications/certs/CERT-1",
            "https://evil.example/v1/notifications/certs/CERT-1",
            "https://api.paypal.com@evil.example/v1/notifications/certs/CERT-1",
            "https://evil@api.paypal.com/v1/notifications/certs/CERT-1",
            "http://api.paypal.com/v1/notifications/certs/CERT-1",
            "https://api.paypal.com:8443/v1/notifications/certs/CERT-1",
            "https://api.sandbox.paypal.com/v1/notifications/certs/CERT-1",
            "https://api.paypal.com/v1/notifications/certs/",
            "https://api.paypal.com/v1/notifications/certs/../../v2/somebody",
            "https://api.paypal.com/v1/notifications/certs/CERT-1?to=evil.example",
            "https://api.paypal.com/v1/notifications/certs/CERT-1/x",
            "https://api.paypal.com/redirect",
            "CERT-1",
            "",
        ] {
            assert_eq!(live.path_of(bad), None, "{bad}");
        }
    }
}
