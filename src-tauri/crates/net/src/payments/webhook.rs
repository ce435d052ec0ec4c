//! A gateway's messages to us. What is not signed is not looked at, let alone stored.
use super::Gateways;
use super::settle::{check_one, keep_saved, report_of};
use crate::gateways::{Event, News, Settlement, WebhookError};
use axum::http::HeaderMap;
use gatehouse_core::error::Error;
use gatehouse_core::ids::BranchId;
use gatehouse_core::payments::gateways::service::branches_with;
use gatehouse_core::payments::gateways::wire::RemoteMethod;
use gatehouse_core::payments::mandates;
use gatehouse_core::payments::requests::settle as booking;
use gatehouse_core::services::Services;

/// What the sender is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Taken, or of no concern to us: not to be sent again.
    Taken,
    /// Unsigned, or signed by somebody else.
    Refused,
    Malformed,
    /// Not now: to be sent again.
    Later,
}

/// Takes a message. Amount and currency count as little as anybody's word until they are those of our own request.
pub async fn receive(
    services: &Services,
    gateways: &Gateways,
    method: RemoteMethod,
    headers: &HeaderMap,
    query: &str,
    body: &[u8],
) -> Answer {
    match take(services, gateways, method, headers, query, body).await {
        Ok(answer) => answer,
        Err(error) => {
            tracing::error!(%error, ?method, "a gateway's message could not be taken");
            Answer::Later
        }
    }
}

async fn take(
    services: &Services,
    gateways: &Gateways,
    method: RemoteMethod,
    headers: &HeaderMap,
    query: &str,
    body: &[u8],
) -> Result<Answer, Error> {
    let mut answer = Answer::Refused;
    // The message does not say for which branch it is; the branch whose key it was signed with is.
    for branch in branches_with(services, method).await? {
        let (gateway, _) = gateways.of(services, branch, method).await?;
        match gateway.read_webhook(headers, query, body).await {
            Ok(Some(event)) => return follow(services, gateways, branch, method, event).await,
            Ok(None) => return Ok(Answer::Taken),
            Err(WebhookError::Unsigned) => return Ok(Answer::Refused),
            Err(WebhookError::WrongSignature) => {}
            Err(WebhookError::Malformed(why)) => {
                tracing::warn!(why, ?method, "a gateway's message cannot be read");
                return Ok(Answer::Malformed);
            }
            Err(WebhookError::Unverifiable(error)) => {
                tracing::warn!(%error, ?method, "a gateway's message cannot be verified now");
                answer = Answer::Later;
            }
        }
    }
    Ok(answer)
}

async fn follow(
    services: &Services,
    gateways: &Gateways,
    branch: BranchId,
    method: RemoteMethod,
    event: Event,
) -> Result<Answer, Error> {
    let Some(row) = booking::by_order(services, branch, method, &event.order_id).await? else {
        // Somebody's who uses the same account elsewhere.
        tracing::info!(order = event.order_id, ?method, "a message about an order that is not ours");
        return Ok(Answer::Taken);
    };
    let actor = booking::in_whose_name(&row);
    let outcome = match event.news {
        News::Outcome(outcome) => outcome,
        News::Saved(method) => {
            mandates::keep(services, &actor, row.id, &method.token, &method.label).await?;
            return Ok(Answer::Taken);
        }
    };
    if outcome == Settlement::Pending {
        // It says that there is something to ask about, such as an approval to capture. Should nobody answer, the
        // clock asks again.
        let at = booking::look_up(services, &actor, row.id).await?;
        if let Err(error) = check_one(services, gateways, &actor, &at).await {
            tracing::warn!(%error, request = %row.id, "a payment could not be asked about");
        }
        return Ok(Answer::Taken);
    }
    keep_saved(services, &actor, row.id, &outcome).await?;
    let is_paid = matches!(&outcome, Settlement::Paid(capture) if capture.saved.is_none());
    booking::report(services, &actor, row.id, &report_of(outcome), Some(&event.event_id)).await?;
    if is_paid && row.keep_method {
        // PayPal's message about the money says nothing about the wallet; its order does.
        let at = booking::look_up(services, &actor, row.id).await?;
        if let Err(error) = check_one(services, gateways, &actor, &at).await {
            tracing::warn!(%error, request = %row.id, "whether the method was kept could not be asked");
        }
    }
    Ok(Answer::Taken)
}
