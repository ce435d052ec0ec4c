//! Giving money back by way of the gateway it came by.
use super::settle::show;
use super::{Gateways, told};
use crate::gateways::{GatewayError, Settlement};
use chrono::TimeDelta;
use gatehouse_core::actor::Actor;
use gatehouse_core::error::Error;
use gatehouse_core::ids::RequestId;
use gatehouse_core::payments::gateways::wire::RemoteMethod;
use gatehouse_core::payments::requests::refund::{self as booking, ToSend};
use gatehouse_core::payments::requests::settle::AtGateway;
use gatehouse_core::payments::requests::wire::{AskRefund, PaymentRequest};
use gatehouse_core::services::Services;

/// A refund that its gateway knows nothing of after so long was never made.
const LOST_AFTER: TimeDelta = TimeDelta::minutes(10);

/// Gives money back: stored as being sent, then sent, then booked. A refusal is told and booked as failed; after a lost
/// answer the request stays `sent`, and asking about it settles it.
///
/// # Errors
/// As [`booking::ask`], and those of the gateway as in [`super::ask()`].
pub async fn refund(
    services: &Services,
    gateways: &Gateways,
    actor: &Actor,
    request: AskRefund,
) -> Result<PaymentRequest, Error> {
    let known = booking::ask(services, actor, request).await?;
    let (id, is_new) = (known.id, known.is_new);
    match booking::to_send(services, actor, id).await? {
        // A retry of the same key never sends again by itself: the first may be under way.
        Some(to_send) if is_new => send(services, gateways, actor, &to_send).await,
        _ => show(services, actor, id).await,
    }
}

async fn send(
    services: &Services,
    gateways: &Gateways,
    actor: &Actor,
    refund: &ToSend,
) -> Result<PaymentRequest, Error> {
    let sent = match gateways.of(services, actor.branch()?, refund.method).await {
        Ok((gateway, _)) => gateway.refund(&refund.capture, &refund.amount, refund.request.0).await,
        Err(error) => {
            booking::refused(services, actor, refund.request, "not_set_up").await?;
            return Err(error);
        }
    };
    match sent {
        // A bank that takes its time has the money already.
        Ok(done) => booking::done(services, actor, refund.request, &done.id).await,
        Err(error) => {
            let reason = match &error {
                GatewayError::Refused { code } => Some(code.as_str()),
                GatewayError::ExpiredKeys => Some("keys_refused"),
                GatewayError::Unreachable(_) => Some("unreachable"),
                GatewayError::Unknown(_) | GatewayError::Malformed(_) => None,
            };
            if let Some(reason) = reason {
                booking::refused(services, actor, refund.request, reason).await?;
            }
            Err(told(error))
        }
    }
}

/// Settles a refund whose answer got lost. PayPal is told again with the same key; Paymob, which knows no keys, is asked
/// how much of the payment it gave back.
pub(super) async fn resend(
    services: &Services,
    gateways: &Gateways,
    actor: &Actor,
    at: &AtGateway,
) -> Result<PaymentRequest, Error> {
    let id: RequestId = at.request;
    let Some(refund) = booking::to_send(services, actor, id).await? else {
        return show(services, actor, id).await;
    };
    if refund.method == RemoteMethod::PayPal {
        return send(services, gateways, actor, &refund).await;
    }
    let (gateway, _) = gateways.of(services, at.branch, at.method).await?;
    let order_id = refund.order_id.as_deref().ok_or(Error::conflict("gateway_unknown"))?;
    let given_back = match gateway.inquire(order_id).await.map_err(told)? {
        Settlement::Refunded { refunded, .. } => refunded.minor,
        _ => 0,
    };
    if given_back >= refund.given_back + refund.amount.minor {
        // Its own id is unknown; this names it as well.
        let found = format!("{}-{id}", refund.capture);
        return booking::done(services, actor, id, &found).await;
    }
    if refund.asked_at + LOST_AFTER < services.now() {
        return booking::refused(services, actor, id, "not_given_back").await;
    }
    show(services, actor, id).await
}
