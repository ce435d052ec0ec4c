//! The window's side of the command list: one IPC command carries them all.
use gatehouse_core::error::WireError;
use gatehouse_net::rpc::{Caller, SessionChange};
use gatehouse_net::served::Front;
use std::sync::{Arc, Mutex, PoisonError};
use tauri::State;
use tokio::sync::watch;

/// What the window's commands share.
pub struct Window {
    /// None until the database is up.
    pub host: watch::Receiver<Opening>,
    /// The session's token. It stays in this process; the page never sees it.
    pub token: Mutex<Option<String>>,
}

/// How far the start has come.
#[derive(Clone, Default)]
pub enum Opening {
    #[default]
    UnderWay,
    Open(Arc<Front>),
    /// With a sentence for the person at the machine.
    Failed(String),
}

fn plain(code: &str, message: String) -> WireError {
    WireError {
        code: code.to_owned(),
        field: None,
        params: serde_json::json!({ "why": message.clone() }),
        message,
    }
}

/// Answers one command of the page.
#[tauri::command]
pub async fn rpc(
    window: State<'_, Window>,
    command: String,
    request: serde_json::Value,
) -> Result<serde_json::Value, WireError> {
    let mut opening = window.host.clone();
    let opened =
        opening.wait_for(|opening| !matches!(opening, Opening::UnderWay)).await.map(|opened| opened.clone());
    let front = match opened {
        Ok(Opening::Open(front)) => front,
        Ok(Opening::Failed(why)) => return Err(plain("start_failed", why)),
        Ok(Opening::UnderWay) | Err(_) => return Err(plain("start_failed", "the app is closing".to_owned())),
    };
    let token = window.token.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let reply = front.call(&Caller { token, ..Caller::default() }, &command, request).await?;
    match reply.session {
        SessionChange::Keep => {}
        SessionChange::Open(token) => {
            *window.token.lock().unwrap_or_else(PoisonError::into_inner) = Some(token);
        }
        SessionChange::Close => *window.token.lock().unwrap_or_else(PoisonError::into_inner) = None,
    }
    Ok(reply.body)
}
