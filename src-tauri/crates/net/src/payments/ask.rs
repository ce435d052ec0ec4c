//! Asking a member for money.
use super::{Gateways, told};
use crate::gateways::{Payer, PaymentOrder};
use gatehouse_core::actor::Actor;
use gatehouse_core::error::Error;
use gatehouse_core::payments::gateways::wire::GatewaySettings;
use gatehouse_core::payments::requests::service::{self as requests, Ordered, Prepared};
use gatehouse_core::payments::requests::wire::{AskPayment, PaymentRequest};
use gatehouse_core::services::Services;

/// Makes a request that the payer can pay: at a gateway the order first, then the row. What a gateway refuses leaves
/// nothing behind.
///
/// # Errors
/// As [`requests::ask`], and [`Error::Conflict`] `gateway_keys_refused`, `gateway_refused` (with its `reason`),
/// `gateway_unreachable`, `gateway_outcome_unknown`, `gateway_answer_unreadable`. After each of them the same key may be
/// used again.
pub async fn ask(
    services: &Services,
    gateways: &Gateways,
    actor: &Actor,
    request: AskPayment,
) -> Result<PaymentRequest, Error> {
    let to_order = match requests::prepare(services, actor, &request).await? {
        Prepared::Known(known) => return Ok(known),
        Prepared::Direct => return requests::ask(services, actor, request, None).await,
        Prepared::Order(to_order) => to_order,
    };
    let (gateway, settings) = gateways.of(services, to_order.branch, request.method).await?;
    let notify_url = match settings {
        GatewaySettings::Paymob { notify_url, .. } => notify_url,
        _ => None,
    };
    let order = PaymentOrder {
        request: request.idempotency_key,
        amount: to_order.amount,
        description: to_order.description,
        payer: Payer::named(&to_order.payer_name, to_order.email, to_order.phone),
        return_url: None,
        notify_url,
        save: to_order.keep_method,
    };
    let created = gateway.create(&order).await.map_err(told)?;
    let ordered = Ordered { order_id: created.order_id, pay_url: created.pay_url };
    requests::ask(services, actor, request, Some(ordered)).await
}
