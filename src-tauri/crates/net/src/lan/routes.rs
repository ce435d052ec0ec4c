//! What the branch machine answers its other desks. Without a desk's token: the pairing, and nothing else.
use super::listen::Peer;
use super::wire::{AskReceipt, Forwarded, ForwardedReply, NotPrinted, Pulse, ReceiptBytes, Replay, Scanned};
use crate::desk::wire::DeskEvent;
use crate::host::Host;
use crate::rpc::{self, Caller, SessionChange};
use axum::extract::{ConnectInfo, DefaultBodyLimit, Extension, Path, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, TimeDelta, Utc};
use gatehouse_core::actor::{Actor, DeskActor};
use gatehouse_core::auth::login;
use gatehouse_core::checkin::wire::{CheckIn, Verdict, Who};
use gatehouse_core::checkin::{replay, service as checkin, snapshot};
use gatehouse_core::desks::proof::Fingerprint;
use gatehouse_core::desks::service as desks;
use gatehouse_core::desks::wire::{AskPairing, Pairing};
use gatehouse_core::error::{Error, WireError};
use gatehouse_core::receipts::escpos::{self, Drawer};
use gatehouse_core::receipts::service::{not_printed, take_out};
use gatehouse_core::receipts::{Mark, Print};
use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

/// As over HTTP: a photo of 16 MB as base64, and some room.
const BODY_LIMIT: usize = 24 * 1024 * 1024;
const PAIRING_LIMIT: usize = 4 * 1024;
/// Pairings tried within a minute, by one machine and by all.
const TRIES: usize = 6;
const TRIES_OF_ALL: usize = 30;

/// Commands about the machine itself: about the one the person sits at, or not for another machine to give.
pub(super) const AT_THE_MACHINE: [&str; 18] = [
    "set_up",
    "desk_wait",
    "desk_frame",
    "desk_sources",
    "desk_choose_source",
    "desk_pause",
    "desk_resume",
    "desk_photo",
    "desk_read_picture",
    "desk_link",
    "desk_pair",
    "printer_settings_get",
    "printer_settings_set",
    "printer_test",
    "receipt_print",
    "lan_get",
    "lan_set",
    "desk_code_new",
];

/// An attempt to pair, and from where.
type Try = (DateTime<Utc>, IpAddr);

#[derive(Clone)]
struct Lan {
    /// The door does not keep the house open.
    host: Weak<Host>,
    fingerprint: Fingerprint,
    open: Arc<AtomicBool>,
    tries: Arc<Mutex<VecDeque<Try>>>,
}

pub(super) fn router(host: &Arc<Host>, fingerprint: Fingerprint, open: Arc<AtomicBool>) -> Router {
    let lan = Lan { host: Arc::downgrade(host), fingerprint, open, tries: Arc::default() };
    let for_desks = Router::new()
        .route("/lan/pulse", post(pulse))
        .route("/lan/rpc/{command}", post(call))
        .route("/lan/scan", post(scan))
        .route("/lan/snapshot", post(take_snapshot))
        .route("/lan/replay", post(take_replay))
        .route("/lan/receipt", post(receipt))
        .route("/lan/not-printed", post(receipt_not_printed))
        .fallback(async || StatusCode::NOT_FOUND)
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .layer(from_fn_with_state(lan.clone(), desks_only));
    Router::new()
        .route("/lan/pair", post(pair).layer(DefaultBodyLimit::max(PAIRING_LIMIT)))
        .merge(for_desks)
        .with_state(lan)
}

/// A failed answer: the code, and a status that says whether asking again may help.
struct Failed(Error);

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        Self(error)
    }
}

impl IntoResponse for Failed {
    fn into_response(self) -> Response {
        let status = match &self.0 {
            error if error.lost_connection() => StatusCode::SERVICE_UNAVAILABLE,
            Error::Database(_) | Error::Internal(_) => {
                tracing::error!(error = %self.0, "a desk was not answered");
                StatusCode::INTERNAL_SERVER_ERROR
            }
            Error::TooManyAttempts { .. } => StatusCode::TOO_MANY_REQUESTS,
            _ => StatusCode::CONFLICT,
        };
        (status, Json(self.0.to_wire())).into_response()
    }
}

impl Lan {
    fn host(&self) -> Result<Arc<Host>, Failed> {
        // A door or a house that is being closed is as good as a lost connection.
        let host = self.host.upgrade().filter(|_| self.open.load(Ordering::Relaxed));
        host.ok_or(Failed(Error::connection_lost()))
    }
}

async fn desks_only(State(lan): State<Lan>, mut request: Request, next: Next) -> Response {
    let token = bearer(request.headers());
    let known = match (token, lan.host()) {
        (Some(token), Ok(host)) => desks::of_token(host.services(), &token).await,
        (None, _) => Ok(None),
        (_, Err(closing)) => Err(closing.0),
    };
    match known {
        Ok(Some(desk)) => {
            request.extensions_mut().insert(desk);
            next.run(request).await
        }
        Ok(None) => StatusCode::UNAUTHORIZED.into_response(),
        Err(error) => {
            if error.lost_connection()
                && let Ok(host) = lan.host()
            {
                host.house.bring_back().await;
            }
            Failed(error).into_response()
        }
    }
}

fn bearer(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    value.strip_prefix("Bearer ").map(str::to_owned)
}

async fn pair(
    State(lan): State<Lan>,
    ConnectInfo(Peer(peer)): ConnectInfo<Peer>,
    Json(request): Json<AskPairing>,
) -> Result<Json<Pairing>, Failed> {
    let host = lan.host()?;
    lan.take_a_try(peer.ip(), host.services().now())?;
    let own = host.desk().await?;
    let paired =
        desks::pair(host.services(), own, &lan.fingerprint, Some(peer.ip().to_string()), request).await;
    match &paired {
        Ok(pairing) => tracing::info!(%peer, desk = %pairing.desk_id, "a machine was made a desk"),
        Err(error) => tracing::warn!(%peer, %error, "a machine was not made a desk"),
    }
    Ok(Json(paired?))
}

impl Lan {
    /// # Errors
    /// [`Error::TooManyAttempts`] when this machine, or all together, have tried too often within a minute.
    fn take_a_try(&self, ip: IpAddr, now: DateTime<Utc>) -> Result<(), Error> {
        let mut tries = self.tries.lock().unwrap_or_else(PoisonError::into_inner);
        while tries.front().is_some_and(|(at, _)| now - *at > TimeDelta::minutes(1)) {
            tries.pop_front();
        }
        let of_this = tries.iter().filter(|(_, tried)| *tried == ip).count();
        if of_this >= TRIES || tries.len() >= TRIES_OF_ALL {
            return Err(Error::TooManyAttempts { seconds: 60 });
        }
        tries.push_back((now, ip));
        Ok(())
    }
}

async fn pulse(State(lan): State<Lan>) -> Result<Json<Pulse>, Failed> {
    Ok(Json(Pulse { seq: lan.host()?.station.events.newest() }))
}

async fn call(
    State(lan): State<Lan>,
    Extension(desk): Extension<DeskActor>,
    ConnectInfo(Peer(peer)): ConnectInfo<Peer>,
    Path(command): Path<String>,
    Json(forwarded): Json<Forwarded>,
) -> Result<Json<ForwardedReply>, Failed> {
    let host = lan.host()?;
    if AT_THE_MACHINE.contains(&command.as_str()) {
        let refused: WireError = Error::conflict("only_at_branch_machine").to_wire();
        return Ok(Json(ForwardedReply { answer: Err(refused), session: SessionChange::Keep }));
    }
    let caller = of_desk(forwarded.caller, desk, peer.ip());
    let reply = match rpc::call(&host, &caller, &command, forwarded.request).await {
        Ok(reply) => ForwardedReply { answer: Ok(reply.body), session: reply.session },
        // The database is away: for the desk that is as if this machine were.
        Err(error) if error.code == "database_unreachable" => {
            return Err(Failed(Error::connection_lost()));
        }
        Err(error) => ForwardedReply { answer: Err(error), session: SessionChange::Keep },
    };
    Ok(Json(reply))
}

/// What the desk says of its caller, but for the desk itself.
fn of_desk(caller: Caller, desk: DeskActor, ip: IpAddr) -> Caller {
    Caller { desk: Some(desk), ip: Some(ip.to_string()), ..caller }
}

async fn scan(
    State(lan): State<Lan>,
    Extension(desk): Extension<DeskActor>,
    Json(scanned): Json<Scanned>,
) -> Result<Json<Verdict>, Failed> {
    let host = lan.host()?;
    let current = match &scanned.token {
        Some(token) => login::authenticate(host.services(), token).await?,
        None => None,
    };
    let current = current.filter(|current| current.me.desk_id == desk.desk);
    let actor = current.map_or(Actor::Desk(desk), |current| current.actor);
    let request = CheckIn { scan_id: scanned.scan_id, who: Who::Code(scanned.code), source: scanned.source };
    let verdict = checkin::check_in(host.services(), &actor, request).await?;
    host.station.events.push(DeskEvent::FeedChanged);
    Ok(Json(verdict))
}

async fn take_snapshot(
    State(lan): State<Lan>,
    Extension(desk): Extension<DeskActor>,
) -> Result<Json<snapshot::Snapshot>, Failed> {
    Ok(Json(snapshot::take(lan.host()?.services(), desk).await?))
}

async fn take_replay(
    State(lan): State<Lan>,
    Extension(desk): Extension<DeskActor>,
    Json(told): Json<Replay>,
) -> Result<Json<replay::Replayed>, Failed> {
    let host = lan.host()?;
    let answer = replay::take(host.services(), desk, &told.scans).await?;
    host.station.events.push(DeskEvent::FeedChanged);
    Ok(Json(answer))
}

async fn receipt(
    State(lan): State<Lan>,
    Extension(desk): Extension<DeskActor>,
    ConnectInfo(Peer(peer)): ConnectInfo<Peer>,
    Json(asked): Json<AskReceipt>,
) -> Result<Json<ReceiptBytes>, Failed> {
    let host = lan.host()?;
    let caller = of_desk(asked.caller, desk, peer.ip());
    let actor = rpc::actor_of(&host, &caller, "receipt_print").await?;
    let outgoing = take_out(host.services(), &actor, asked.receipt_id, "printer").await?;
    let number = outgoing.document.number.clone();
    let is_copy = outgoing.mark == Mark::Copy;
    let drawer = if asked.kick_drawer { Drawer::Kick } else { Drawer::Leave };
    let bytes = tokio::task::spawn_blocking(move || {
        escpos::bytes(&Print { language: asked.language, ..outgoing.print() }, asked.roll, drawer)
    })
    .await
    .map_err(|error| Error::Internal(error.to_string()))??;
    Ok(Json(ReceiptBytes { is_copy, number, base64: STANDARD.encode(bytes) }))
}

async fn receipt_not_printed(
    State(lan): State<Lan>,
    Extension(desk): Extension<DeskActor>,
    ConnectInfo(Peer(peer)): ConnectInfo<Peer>,
    Json(told): Json<NotPrinted>,
) -> Result<Json<()>, Failed> {
    let host = lan.host()?;
    let actor = rpc::actor_of(&host, &of_desk(told.caller, desk, peer.ip()), "receipt_print").await?;
    not_printed(host.services(), &actor, told.receipt_id, &told.number, &told.why).await?;
    Ok(Json(()))
}
