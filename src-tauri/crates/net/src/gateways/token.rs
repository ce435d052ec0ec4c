//! Short-lived access tokens, fetched when needed and kept until shortly before they end.
use super::GatewayError;
use chrono::{DateTime, TimeDelta, Utc};
use gatehouse_core::secret::Secret;
use tokio::sync::Mutex;

/// A token is given up this long before its end, so that none ends on its way.
const MARGIN: TimeDelta = TimeDelta::seconds(60);

/// A token just fetched, with its lifetime.
pub struct Granted {
    pub token: Secret,
    pub lives: TimeDelta,
}

/// The token of one gateway.
#[derive(Default)]
pub struct TokenCache {
    held: Mutex<Option<(Secret, DateTime<Utc>)>>,
}

/// Where a token came from: a refused old one is worth a new one, a refused new one is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Age {
    Kept,
    New,
}

impl TokenCache {
    /// The kept token, or one that `fetch` gets when there is none; callers at the same time share one fetch.
    pub async fn get(
        &self,
        now: DateTime<Utc>,
        fetch: impl Future<Output = Result<Granted, GatewayError>>,
    ) -> Result<(Secret, Age), GatewayError> {
        let mut held = self.held.lock().await;
        if let Some((token, until)) = held.as_ref()
            && now < *until
        {
            return Ok((token.clone(), Age::Kept));
        }
        let granted = fetch.await?;
        *held = Some((granted.token.clone(), now + granted.lives - MARGIN));
        Ok((granted.token, Age::New))
    }

    /// Gives up a token that was refused, unless somebody has replaced it already.
    pub async fn forget(&self, refused: &Secret) {
        let mut held = self.held.lock().await;
        if held.as_ref().is_some_and(|(token, _)| token == refused) {
            *held = None;
        }
    }
}
