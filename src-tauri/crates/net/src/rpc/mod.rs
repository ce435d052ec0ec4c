//! The command list: what a window or a browser can ask, and nothing else.
//!
//! Each line names a command, its request and its answer; from it come the dispatcher that the desktop window and
//! the HTTP route `/rpc/<command>` share, and the TypeScript map of the interface.
mod commands;
#[cfg(test)]
mod tests;
pub mod typescript;

use crate::host::Host;
pub(crate) use commands::{decode, encode};
use gatehouse_core::actor::{Actor, DeskActor};
use gatehouse_core::auth::login::{self, Current, Device, NewSession};
use gatehouse_core::auth::wire::Me;
use gatehouse_core::error::{Error, WireError};
use gatehouse_core::services::Services;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use ts_rs::TS;

/// Who calls: what the transport knows about it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Caller {
    /// Token of the session: the window's own, or a browser's cookie.
    pub token: Option<String>,
    /// What the caller sent in `x-gatehouse-csrf`. The window is not a browser and needs none.
    pub csrf: Csrf,
    /// Kept with a session: browser and system.
    pub device: Option<String>,
    pub ip: Option<String>,
    /// The desk of another machine that passes the call on; said by its token, never by the call.
    #[serde(skip)]
    pub desk: Option<DeskActor>,
}

/// Proof that a call comes from our own page.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Csrf {
    /// Our own process: no other page can call it.
    #[default]
    NotNeeded,
    Sent(Option<String>),
}

/// What a transport has to do about the session.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum SessionChange {
    #[default]
    Keep,
    /// Give the caller this token.
    Open(String),
    /// Take the token from the caller.
    Close,
}

/// An answered call.
#[derive(Debug)]
pub struct Reply {
    pub body: serde_json::Value,
    pub session: SessionChange,
}

/// The empty request or answer: `null`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Nothing;

/// One call under way.
struct Call<'a> {
    host: &'a Arc<Host>,
    caller: &'a Caller,
    current: Option<Current>,
    session: SessionChange,
}

impl Call<'_> {
    fn services(&self) -> &Services {
        self.host.services()
    }

    /// Whoever holds the session; the desk alone while it is locked.
    fn actor(&self) -> Result<&Actor, Error> {
        self.current.as_ref().map(|current| &current.actor).ok_or(Error::NotLoggedIn)
    }

    /// The caller's session, locked or not.
    fn token(&self) -> Result<&str, Error> {
        self.caller.token.as_deref().ok_or(Error::NotLoggedIn)
    }

    async fn device(&self) -> Result<Device, Error> {
        let name = self.caller.device.clone().unwrap_or_else(|| self.host.device.clone());
        let desk = match self.caller.desk {
            Some(other) => other.desk,
            None => self.host.desk().await?,
        };
        Ok(Device { name, ip: self.caller.ip.clone(), desk })
    }

    /// Hands the new session to the caller and notes who stands at the desk.
    fn open(&mut self, session: NewSession) -> Me {
        self.stand_at_desk(Some(session.token.clone()));
        self.session = SessionChange::Open(session.token);
        session.me
    }

    fn close(&mut self) {
        self.stand_at_desk(None);
        self.session = SessionChange::Close;
    }

    /// Another machine's desk notes for itself who stands there.
    fn stand_at_desk(&self, token: Option<String>) {
        if self.caller.desk.is_none() {
            self.host.stand_at_desk(token);
        }
    }
}

/// Answers one call. Failures are logged here, once.
pub async fn call(
    host: &Arc<Host>,
    caller: &Caller,
    command: &str,
    request: serde_json::Value,
) -> Result<Reply, WireError> {
    let mut answer = attempt(host, caller, command, request.clone()).await;
    let again = match &answer {
        Err(error) if error.lost_connection() => host.house.bring_back().await,
        Err(error) => error.gave_way(),
        Ok(_) => false,
    };
    if again {
        // Writes carry an id or an idempotency key, so asking again does nothing twice.
        answer = attempt(host, caller, command, request).await;
    }
    answer.map_err(|error| {
        match &error {
            Error::Database(_) | Error::Internal(_) => tracing::error!(command, %error, "call failed"),
            _ => tracing::debug!(command, %error, "call refused"),
        }
        error.to_wire()
    })
}

/// The caller's session, if it is one of the desk that passes the call on.
async fn session_of(host: &Host, caller: &Caller) -> Result<Option<Current>, Error> {
    let current = match &caller.token {
        Some(token) => login::authenticate(host.services(), token).await?,
        None => None,
    };
    Ok(current.filter(|current| caller.desk.is_none_or(|other| other.desk == current.me.desk_id)))
}

/// Who calls, checked as [`call`] does.
pub(crate) async fn actor_of(host: &Host, caller: &Caller, command: &str) -> Result<Actor, Error> {
    let current = session_of(host, caller).await?.ok_or(Error::NotLoggedIn)?;
    check_csrf(caller, &current.me, command)?;
    Ok(current.actor)
}

/// # Errors
/// `csrf` for a change that does not come from our own page.
pub(crate) fn check_csrf(caller: &Caller, me: &Me, command: &str) -> Result<(), Error> {
    let foreign = match &caller.csrf {
        Csrf::NotNeeded => false,
        Csrf::Sent(sent) => sent.as_deref() != Some(me.csrf_token.as_str()),
    };
    if foreign && !commands::reads_only(command) { Err(Error::conflict("csrf")) } else { Ok(()) }
}

async fn attempt(
    host: &Arc<Host>,
    caller: &Caller,
    command: &str,
    request: serde_json::Value,
) -> Result<Reply, Error> {
    let current = session_of(host, caller).await?;
    if let Some(current) = &current {
        check_csrf(caller, &current.me, command)?;
    }
    let mut call = Call { host, caller, current, session: SessionChange::Keep };
    let body = commands::dispatch(&mut call, command, request).await?;
    Ok(Reply { body, session: call.session })
}
