//! The command list: what a window or a browser can ask, and nothing else.
//!
//! Each line names a command, its request and its answer; from it come the dispatcher that the desktop window and
//! the HTTP route `/rpc/<command>` share, and the TypeScript map of the interface.
mod commands;
#[cfg(test)]
mod tests;
pub mod typescript;

use crate::host::Host;
use gatehouse_core::actor::Actor;
use gatehouse_core::auth::login::{self, Current, Device, NewSession};
use gatehouse_core::auth::wire::Me;
use gatehouse_core::error::{Error, WireError};
use gatehouse_core::services::Services;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use ts_rs::TS;

/// Who calls: what the transport knows about it.
#[derive(Clone, Debug, Default)]
pub struct Caller {
    /// Token of the session: the window's own, or a browser's cookie.
    pub token: Option<String>,
    /// What the caller sent in `x-gatehouse-csrf`. The window is not a browser and needs none.
    pub csrf: Csrf,
    /// Kept with a session: browser and system.
    pub device: Option<String>,
    pub ip: Option<String>,
}

/// Proof that a call comes from our own page.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Csrf {
    /// Our own process: no other page can call it.
    #[default]
    NotNeeded,
    Sent(Option<String>),
}

/// What a transport has to do about the session.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
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
        Ok(Device { name, ip: self.caller.ip.clone(), desk: self.host.desk().await? })
    }

    /// Hands the new session to the caller and notes who stands at the desk.
    fn open(&mut self, session: NewSession) -> Me {
        self.host.stand_at_desk(Some(session.token.clone()));
        self.session = SessionChange::Open(session.token);
        session.me
    }

    fn close(&mut self) {
        self.host.stand_at_desk(None);
        self.session = SessionChange::Close;
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
    if let Err(error) = &answer
        && error.lost_connection()
        && host.house.bring_back().await
    {
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

async fn attempt(
    host: &Arc<Host>,
    caller: &Caller,
    command: &str,
    request: serde_json::Value,
) -> Result<Reply, Error> {
    let current = match &caller.token {
        Some(token) => login::authenticate(host.services(), token).await?,
        None => None,
    };
    if let (Csrf::Sent(sent), Some(current)) = (&caller.csrf, &current)
        && !commands::reads_only(command)
        && sent.as_deref() != Some(current.me.csrf_token.as_str())
    {
        return Err(Error::conflict("csrf"));
    }
    let mut call = Call { host, caller, current, session: SessionChange::Keep };
    let body = commands::dispatch(&mut call, command, request).await?;
    Ok(Reply { body, session: call.session })
}
