//! The staff interface over HTTP: the page, and `/rpc/<command>`.
//!
//! The session is an httpOnly, SameSite=Lax cookie; every state change carries the session's CSRF token in a
//! header, and a call from another origin is refused.
use crate::payments;
use crate::rpc::{Caller, Csrf, SessionChange};
use crate::served::{Front, Served};
use axum::body::Bytes;
use axum::extract::{ConnectInfo, DefaultBodyLimit, Path, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use gatehouse_core::error::WireError;
use gatehouse_core::payments::gateways::wire::RemoteMethod;
use std::borrow::Cow;
use std::net::SocketAddr;
use std::sync::Arc;
use tower_http::set_header::SetResponseHeaderLayer;

const COOKIE: &str = "gatehouse_session";
const CSRF_HEADER: &str = "x-gatehouse-csrf";
/// A photo of 16 MB as base64, and some room.
const BODY_LIMIT: usize = 24 * 1024 * 1024;
/// A gateway's message has some kilobytes.
const MESSAGE_LIMIT: usize = 256 * 1024;
const POLICY: &str = "default-src 'self'; img-src 'self' data: blob:; style-src 'self' 'unsafe-inline'; \
    font-src 'self' data:; media-src 'self' data: blob:; object-src 'none'; base-uri 'none'; frame-ancestors 'none'; \
    form-action 'self'";

/// A file of the interface: its bytes, by path below the root.
pub type Asset = fn(&str) -> Option<Cow<'static, [u8]>>;

#[derive(Clone)]
struct App {
    front: Arc<Front>,
    asset: Asset,
}

/// The whole service. `asset` finds the interface's files.
pub fn router(front: Arc<Front>, asset: Asset) -> Router {
    let fixed = |name: HeaderName, value: &'static str| {
        SetResponseHeaderLayer::overriding(name, HeaderValue::from_static(value))
    };
    Router::new()
        .route("/rpc/{command}", post(answer))
        .route("/healthz", get(health))
        .route("/webhooks/paymob", post(paymob).layer(DefaultBodyLimit::max(MESSAGE_LIMIT)))
        .route("/webhooks/paypal", post(paypal).layer(DefaultBodyLimit::max(MESSAGE_LIMIT)))
        .fallback(get(page))
        .with_state(App { front, asset })
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .layer(fixed(header::CONTENT_SECURITY_POLICY, POLICY))
        .layer(fixed(header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .layer(fixed(header::X_FRAME_OPTIONS, "DENY"))
        .layer(fixed(header::REFERRER_POLICY, "no-referrer"))
}

async fn health(State(app): State<App>) -> Response {
    let well = match app.front.now() {
        Served::Host(host) => host.status().await.is_ok(),
        // A desk is well as long as it answers, with its branch machine or without.
        Served::Desk(_) => true,
    };
    if well {
        (StatusCode::OK, "ok").into_response()
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "the database is away").into_response()
    }
}

/// Open to the world: the signature is the proof. Whoever sends the wrong one learns nothing but that.
async fn message(app: &App, method: RemoteMethod, headers: &HeaderMap, uri: &Uri, body: &[u8]) -> StatusCode {
    let query = uri.query().unwrap_or_default();
    let Served::Host(host) = app.front.now() else { return StatusCode::NOT_FOUND };
    match payments::receive(host.services(), &host.gateways, method, headers, query, body).await {
        payments::Answer::Taken => StatusCode::OK,
        payments::Answer::Refused => StatusCode::UNAUTHORIZED,
        payments::Answer::Malformed => StatusCode::BAD_REQUEST,
        payments::Answer::Later => StatusCode::SERVICE_UNAVAILABLE,
    }
}

async fn paymob(State(app): State<App>, uri: Uri, headers: HeaderMap, body: Bytes) -> StatusCode {
    message(&app, RemoteMethod::Paymob, &headers, &uri, &body).await
}

async fn paypal(State(app): State<App>, uri: Uri, headers: HeaderMap, body: Bytes) -> StatusCode {
    message(&app, RemoteMethod::PayPal, &headers, &uri, &body).await
}

async fn answer(
    State(app): State<App>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    Path(command): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    if !same_origin(&headers) {
        return refuse(StatusCode::FORBIDDEN, "origin", "the call comes from another page");
    }
    let request = if body.is_empty() { Ok(serde_json::Value::Null) } else { serde_json::from_slice(&body) };
    let Ok(request) = request else {
        return refuse(StatusCode::BAD_REQUEST, "request_malformed", "the body is not JSON");
    };
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let caller = Caller {
        token: cookie(&headers),
        csrf: Csrf::Sent(text(CSRF_HEADER)),
        device: text(header::USER_AGENT.as_str()).map(|agent| agent.chars().take(200).collect()),
        ip: Some(peer.ip().to_string()),
        desk: None,
    };
    match app.front.call(&caller, &command, request).await {
        Ok(reply) => {
            let cookie = match reply.session {
                SessionChange::Keep => None,
                SessionChange::Open(token) => Some(set_cookie(&headers, &token, 60 * 60 * 24 * 7)),
                SessionChange::Close => Some(set_cookie(&headers, "", 0)),
            };
            let mut response = Json(reply.body).into_response();
            response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
            if let Some(Ok(value)) = cookie.map(|text| HeaderValue::from_str(&text)) {
                response.headers_mut().insert(header::SET_COOKIE, value);
            }
            response
        }
        Err(error) => (status_of(&error), Json(error)).into_response(),
    }
}

fn refuse(status: StatusCode, code: &str, message: &str) -> Response {
    let error = WireError {
        code: code.into(),
        message: message.into(),
        field: None,
        params: serde_json::Value::Null,
    };
    (status, Json(error)).into_response()
}

fn status_of(error: &WireError) -> StatusCode {
    match error.code.as_str() {
        "not_logged_in" => StatusCode::UNAUTHORIZED,
        "locked" | "forbidden" | "csrf" => StatusCode::FORBIDDEN,
        "not_found" => StatusCode::NOT_FOUND,
        "too_many_attempts" => StatusCode::TOO_MANY_REQUESTS,
        "database_unreachable" | "branch_machine_away" | "branch_machine_silent" => {
            StatusCode::SERVICE_UNAVAILABLE
        }
        "internal" => StatusCode::INTERNAL_SERVER_ERROR,
        _ if error.field.is_some() => StatusCode::UNPROCESSABLE_ENTITY,
        _ => StatusCode::CONFLICT,
    }
}

fn cookie(headers: &HeaderMap) -> Option<String> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(name, value)| *name == COOKIE && !value.is_empty())
        .map(|(_, value)| value.to_owned())
}

/// `Secure` except on loopback, where there is no TLS to be had and nothing leaves the machine.
fn set_cookie(headers: &HeaderMap, value: &str, max_age: u32) -> String {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let secure = if is_loopback(host) { "" } else { "; Secure" };
    format!("{COOKIE}={value}; Path=/; HttpOnly; SameSite=Lax; Max-Age={max_age}{secure}")
}

fn is_loopback(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => host,
    };
    matches!(name, "localhost" | "127.0.0.1" | "[::1]")
}

/// A browser names the page a call comes from; it must be this host. Other clients send no Origin.
fn same_origin(headers: &HeaderMap) -> bool {
    let Some(origin) = headers.get(header::ORIGIN) else { return true };
    let (Ok(origin), Some(host)) =
        (origin.to_str(), headers.get(header::HOST).and_then(|host| host.to_str().ok()))
    else {
        return false;
    };
    origin.split_once("://").is_some_and(|(_, from)| from.eq_ignore_ascii_case(host))
}

/// A file of the interface, or the page itself for every other path: the interface does its own routing.
async fn page(State(app): State<App>, uri: Uri) -> Response {
    let path = uri.path().trim_start_matches('/');
    let (found, path) = match (app.asset)(path) {
        Some(bytes) if !path.is_empty() => (Some(bytes), path),
        _ if path.contains('.') => (None, path),
        _ => ((app.asset)("index.html"), "index.html"),
    };
    let Some(bytes) = found else { return StatusCode::NOT_FOUND.into_response() };
    // Vite names files by content, so only the page itself can change.
    let cache = if path == "index.html" { "no-cache" } else { "public, max-age=31536000, immutable" };
    let headers = [(header::CONTENT_TYPE, mime(path)), (header::CACHE_CONTROL, cache)];
    (headers, bytes.into_owned()).into_response()
}

fn mime(path: &str) -> &'static str {
    match path.rsplit_once('.').map_or("", |(_, ending)| ending) {
        "html" => "text/html; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "woff2" => "font/woff2",
        "json" => "application/json",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| (name.parse::<HeaderName>().unwrap(), HeaderValue::from_str(value).unwrap()))
            .collect()
    }

    #[test]
    fn a_call_from_another_page_is_refused() {
        for (origin, host, good) in [
            (Some("http://127.0.0.1:8080"), "127.0.0.1:8080", true),
            (Some("https://desk.example"), "desk.example", true),
            (Some("http://evil.example"), "127.0.0.1:8080", false),
            (Some("null"), "127.0.0.1:8080", false),
            (None, "127.0.0.1:8080", true),
        ] {
            let mut pairs = vec![("host", host)];
            pairs.extend(origin.map(|origin| ("origin", origin)));
            assert_eq!(same_origin(&headers(&pairs)), good, "{origin:?} at {host}");
        }
    }

    #[test]
    fn the_cookie_is_secure_wherever_tls_can_be_had() {
        assert!(!set_cookie(&headers(&[("host", "localhost:8080")]), "t", 1).contains("Secure"));
        assert!(!set_cookie(&headers(&[("host", "[::1]:8080")]), "t", 1).contains("Secure"));
        let far = set_cookie(&headers(&[("host", "desk.example")]), "t", 1);
        assert!(far.contains("; Secure") && far.contains("HttpOnly") && far.contains("SameSite=Lax"));
        assert!(set_cookie(&headers(&[]), "t", 1).contains("Secure"));
    }

    #[test]
    fn the_session_is_found_among_other_cookies() {
        let found = cookie(&headers(&[("cookie", "a=b; gatehouse_session=tok; c=d")]));
        assert_eq!(found.as_deref(), Some("tok"));
        assert_eq!(cookie(&headers(&[("cookie", "gatehouse_session=; xgatehouse_session=tok")])), None);
    }
}
