//! One HTTP client for the gateways: time-outs, retries where they are safe, and what an answer means.
use super::GatewayError;
use axum::body::Bytes;
use gatehouse_core::error::Error;
use gatehouse_core::secret::Secret;
use reqwest::{Client, Method, StatusCode, Url, redirect};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// Largest answer that is read, in bytes.
const LARGEST_ANSWER: usize = 1024 * 1024;

/// How long a gateway may take.
#[derive(Clone, Debug)]
pub struct Timing {
    /// To a connection, TLS included.
    pub connect: Duration,
    /// For one whole attempt.
    pub total: Duration,
    /// Waits before the second, third … attempt of what may be repeated.
    pub retries: Vec<Duration>,
}

impl Default for Timing {
    /// For somebody who stands at the desk: a minute in the worst case.
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            total: Duration::from_secs(15),
            retries: vec![Duration::from_millis(300), Duration::from_secs(2)],
        }
    }
}

/// What a call changes at the gateway, hence whether it may be repeated and what silence means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Nothing. Repeated; silence leaves all as it was.
    Read,
    /// Something, once, however often it is sent: it carries the vendor's key against doubling. Repeated.
    Keyed,
    /// Something, each time. Never repeated.
    Once,
}

/// One call.
pub struct Call {
    method: Method,
    path: String,
    headers: Vec<(&'static str, Secret)>,
    body: Option<Vec<u8>>,
}

impl Call {
    pub fn get(path: impl Into<String>) -> Self {
        Self { method: Method::GET, path: path.into(), headers: Vec::new(), body: None }
    }

    pub fn post(path: impl Into<String>) -> Self {
        Self { method: Method::POST, ..Self::get(path) }
    }

    /// A header; all are kept as secrets, since half of them are.
    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, Secret::new(value)));
        self
    }

    pub fn bearer(mut self, token: &Secret) -> Self {
        self.headers.retain(|(name, _)| *name != "authorization");
        self.header("authorization", format!("Bearer {}", token.expose()))
    }

    pub fn body(self, kind: &'static str, bytes: Vec<u8>) -> Self {
        Self { body: Some(bytes), ..self.header("content-type", kind) }
    }

    pub fn json(self, value: &impl Serialize) -> Self {
        let bytes = serde_json::to_vec(value).unwrap_or_default();
        self.body("application/json", bytes)
    }
}

/// Method and path only: half of the headers are keys, and bodies carry the tokens of saved cards.
impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Call({} {})", self.method, self.path)
    }
}

/// An answer that the gateway meant: neither a server's error nor about our keys.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    body: Bytes,
}

impl Answer {
    pub fn bytes(&self) -> &[u8] {
        &self.body
    }

    pub fn read<T: DeserializeOwned>(&self) -> Result<T, GatewayError> {
        serde_json::from_slice(&self.body).map_err(|error| GatewayError::Malformed(error.to_string()))
    }

    /// Reads a good answer; another is a refusal with the code that `code` finds in it.
    pub fn accepted<T: DeserializeOwned>(
        &self,
        code: impl FnOnce(&serde_json::Value) -> Option<String>,
    ) -> Result<T, GatewayError> {
        if self.status.is_success() { self.read() } else { Err(self.refusal(code)) }
    }

    pub fn refusal(&self, code: impl FnOnce(&serde_json::Value) -> Option<String>) -> GatewayError {
        let found = serde_json::from_slice(&self.body).ok().and_then(|value| code(&value));
        GatewayError::refused(found.unwrap_or_else(|| format!("http_{}", self.status.as_u16())))
    }
}

/// The client of one gateway.
pub struct Http {
    client: Client,
    base: Url,
    retries: Vec<Duration>,
}

impl Http {
    /// # Errors
    /// [`Error::Invalid`] in `base_url`: `malformed`, or `insecure` for plain HTTP beyond this machine, which would
    /// send the keys in the clear.
    pub fn new(base: &str, timing: &Timing) -> Result<Self, Error> {
        let base = web_address(base)?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let internal =
            |error: &dyn std::fmt::Display| Error::Internal(format!("the gateways' client: {error}"));
        let roots = rustls::RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        let tls = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| internal(&error))?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let client = Client::builder()
            .tls_backend_preconfigured(tls)
            .connect_timeout(timing.connect)
            .timeout(timing.total)
            // An answer that sends the keys elsewhere is none.
            .redirect(redirect::Policy::none())
            .user_agent(concat!("Gatehouse/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| internal(&error))?;
        Ok(Self { client, base, retries: timing.retries.clone() })
    }

    /// The page of that path, for people.
    pub fn address(&self, path: &str) -> Result<Url, GatewayError> {
        self.base.join(path).map_err(|error| GatewayError::Malformed(error.to_string()))
    }

    /// Sends a call, again where that is safe.
    pub async fn send(&self, call: &Call, effect: Effect) -> Result<Answer, GatewayError> {
        let mut waits = self.retries.iter();
        let mut lost = None;
        loop {
            let outcome = self.attempt(call, effect).await;
            let passing = matches!(outcome, Err(GatewayError::Unreachable(_) | GatewayError::Unknown(_)));
            match waits.next() {
                Some(wait) if passing && effect != Effect::Once => {
                    lost = lost.or(outcome.err().filter(|error| matches!(error, GatewayError::Unknown(_))));
                    tokio::time::sleep(*wait).await;
                }
                // The last attempt did nothing; an earlier one may have.
                _ => match (outcome, lost) {
                    (Err(GatewayError::Unreachable(_) | GatewayError::ExpiredKeys), Some(lost)) => {
                        return Err(lost);
                    }
                    (outcome, _) => return outcome,
                },
            }
        }
    }

    async fn attempt(&self, call: &Call, effect: Effect) -> Result<Answer, GatewayError> {
        let mut request = self.client.request(call.method.clone(), self.address(&call.path)?);
        for (name, value) in &call.headers {
            request = request.header(*name, value.expose());
        }
        if let Some(body) = &call.body {
            request = request.body(body.clone());
        }
        let lost = |error: reqwest::Error| {
            let text = error.without_url().to_string();
            if effect == Effect::Read { GatewayError::Unreachable(text) } else { GatewayError::Unknown(text) }
        };
        let mut response = match request.send().await {
            Ok(response) => response,
            // Before a connection there is nothing that could have been done.
            Err(error) if error.is_connect() || error.is_builder() => {
                return Err(GatewayError::Unreachable(error.without_url().to_string()));
            }
            Err(error) => return Err(lost(error)),
        };
        let status = response.status();
        match status.as_u16() {
            401 | 403 => return Err(GatewayError::ExpiredKeys),
            429 => return Err(GatewayError::Unreachable("too many calls".to_owned())),
            500.. if effect == Effect::Read => {
                return Err(GatewayError::Unreachable(format!("status {status}")));
            }
            500.. => return Err(GatewayError::Unknown(format!("status {status}"))),
            _ => {}
        }
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(lost)? {
            if body.len() + chunk.len() > LARGEST_ANSWER {
                return Err(GatewayError::Malformed("it is too long".to_owned()));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Answer { status, body: body.into() })
    }
}

/// An `https` address, or a plain one on this machine.
pub fn web_address(text: &str) -> Result<Url, Error> {
    let url = Url::parse(text.trim()).map_err(|_| Error::invalid("base_url", "malformed"))?;
    match url.scheme() {
        "https" if url.has_host() => Ok(url),
        "http" if is_loopback(&url) => Ok(url),
        "http" => Err(Error::invalid("base_url", "insecure")),
        _ => Err(Error::invalid("base_url", "malformed")),
    }
}

fn is_loopback(url: &Url) -> bool {
    matches!(url.host_str(), Some("127.0.0.1" | "localhost" | "[::1]"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_leave_this_machine_only_encrypted() {
        for (address, code) in [
            ("http://accept.paymob.com", Some("insecure")),
            ("http://127.0.0.1.example.com", Some("insecure")),
            ("ftp://accept.paymob.com", Some("malformed")),
            ("accept.paymob.com", Some("malformed")),
            ("", Some("malformed")),
            ("https://accept.paymob.com", None),
            ("http://127.0.0.1:8080", None),
            ("http://localhost:8080/", None),
        ] {
            let found = match Http::new(address, &Timing::default()) {
                Err(Error::Invalid { field: "base_url", code, .. }) => Some(code),
                Err(other) => panic!("{other:?}"),
                Ok(_) => None,
            };
            assert_eq!(found, code, "{address}");
        }
    }

    #[test]
    fn a_call_prints_no_key() {
        let call = Call::post("/v1/intention/").header("authorization", "Token egy_sk_live_1");
        let call = call.body("text/plain", b"e98aceb9".to_vec());
        assert_eq!(format!("{call:?}"), "Call(POST /v1/intention/)");
    }
}
