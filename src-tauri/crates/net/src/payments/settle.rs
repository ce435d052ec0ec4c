//! Asking gateways what became of what was asked for. A desk has no public address, so this is how most payments are
//! settled; a message only makes it sooner.
use super::collect::find;
use super::refund::resend;
use super::{Gateways, told};
use crate::gateways::{Capture, Settlement};
use gatehouse_core::actor::Actor;
use gatehouse_core::error::Error;
use gatehouse_core::ids::RequestId;
use gatehouse_core::payments::mandates;
use gatehouse_core::payments::requests::model::Report;
use gatehouse_core::payments::requests::service as requests;
use gatehouse_core::payments::requests::settle::{self as booking, AtGateway};
use gatehouse_core::payments::requests::wire::{ChooseRequest, Direction, PaymentRequest, RequestState};
use gatehouse_core::services::Services;
use std::collections::HashSet;

/// What one run of [`settle_all`] did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Run {
    /// Requests that were asked about.
    pub asked: usize,
    /// Of these booked.
    pub confirmed: usize,
    /// Of these without an answer.
    pub failed: usize,
}

/// Asks the gateway about one request, now.
pub async fn check(
    services: &Services,
    gateways: &Gateways,
    actor: &Actor,
    request: RequestId,
) -> Result<PaymentRequest, Error> {
    let at = booking::look_up(services, actor, request).await?;
    if !at.method.is_gateway() {
        return Err(Error::conflict("not_a_gateway"));
    }
    check_one(services, gateways, actor, &at).await
}

/// Asks about everything that is open at gateways. One that does not answer is not asked again in the same run, so that
/// it keeps the others waiting once at most.
pub async fn settle_all(services: &Services, gateways: &Gateways) -> Result<Run, Error> {
    let everywhere = Actor::System { branch: None, desk: None };
    let mut run = Run::default();
    let mut silent = HashSet::new();
    for at in booking::at_gateways(services, &everywhere).await? {
        if silent.contains(&(at.branch, at.method)) {
            continue;
        }
        run.asked += 1;
        let actor = Actor::System { branch: Some(at.branch), desk: None };
        match check_one(services, gateways, &actor, &at).await {
            Ok(request) if request.state == RequestState::Confirmed => run.confirmed += 1,
            Ok(_) => {}
            Err(error) => {
                run.failed += 1;
                if matches!(
                    error,
                    Error::Conflict { code: "gateway_unreachable" | "gateway_keys_refused", .. }
                ) {
                    silent.insert((at.branch, at.method));
                }
                tracing::warn!(%error, request = %at.request, "a payment could not be asked about");
            }
        }
    }
    Ok(run)
}

pub(super) async fn check_one(
    services: &Services,
    gateways: &Gateways,
    actor: &Actor,
    at: &AtGateway,
) -> Result<PaymentRequest, Error> {
    if at.direction == Direction::Refund {
        return resend(services, gateways, actor, at).await;
    }
    let Some(order_id) = at.order_id.as_deref() else {
        return find(services, gateways, actor, at).await;
    };
    let (gateway, _) = gateways.of(services, at.branch, at.method).await?;
    let settlement = gateway.inquire(order_id).await.map_err(told)?;
    keep_saved(services, actor, at.request, &settlement).await?;
    let request = booking::report(services, actor, at.request, &report_of(settlement), None).await?;
    let is_open = matches!(
        request.state,
        RequestState::Created | RequestState::Ordered | RequestState::Claimed | RequestState::Failed
    );
    if at.is_old && (is_open || request.state == RequestState::Cancelled) {
        return booking::expire(services, actor, at.request).await;
    }
    Ok(request)
}

/// A method that the gateway kept with this payment is kept here as well.
pub(super) async fn keep_saved(
    services: &Services,
    actor: &Actor,
    request: RequestId,
    settlement: &Settlement,
) -> Result<(), Error> {
    match settlement {
        Settlement::Paid(Capture { saved: Some(method), .. }) => {
            mandates::keep(services, actor, request, &method.token, &method.label).await
        }
        _ => Ok(()),
    }
}

/// The request as it stands.
pub(super) async fn show(
    services: &Services,
    actor: &Actor,
    request_id: RequestId,
) -> Result<PaymentRequest, Error> {
    requests::get(services, actor, ChooseRequest { request_id }).await
}

pub(super) fn report_of(settlement: Settlement) -> Report {
    match settlement {
        Settlement::Pending => Report::Pending,
        Settlement::Paid(capture) => Report::Paid { capture: capture.id, amount: capture.amount },
        Settlement::Failed { reason } => Report::Failed { reason },
        Settlement::Refunded { capture, refunded } => {
            Report::Refunded { capture: capture.id, amount: capture.amount, refunded }
        }
    }
}
