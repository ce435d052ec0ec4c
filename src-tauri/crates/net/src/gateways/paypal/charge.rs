//! Charges to a wallet that its owner left with PayPal: an order that is created and captured in one step.
//!
//! "Orders v2", `POST /v2/checkout/orders` with `payment_source.paypal.vault_id`; the shapes are those of PayPal's own
//! specification, `openapi/checkout_orders_v2.json` at <https://github.com/paypal/paypal-rest-api-specifications>.
use super::order::Order;
use super::{DESCRIPTION, Paypal, amount, is_decline, issue};
use crate::gateways::http::{Call, Effect};
use crate::gateways::{Charged, GatewayError, SavedCharge, Settlement};
use chrono::TimeDelta;
use serde_json::json;

/// PayPal keeps a `PayPal-Request-Id` for six hours; after that the same call would be another charge. An hour less, for
/// clocks that differ.
const KEY_HOLDS: TimeDelta = TimeDelta::hours(5);

impl Paypal {
    /// Repeated with the same key it gives the first answer.
    pub async fn charge(&self, charge: &SavedCharge) -> Result<Charged, GatewayError> {
        let unclear = |error: GatewayError| match error {
            GatewayError::Malformed(text) => GatewayError::Unknown(text),
            other => other,
        };
        let amount = amount::to_wire(&charge.amount)?;
        if self.clock.now() - charge.first_sent > KEY_HOLDS {
            return Err(GatewayError::Unknown("its key is too old to be sent again".to_owned()));
        }
        let reference = charge.request.to_string();
        let call = Call::post("/v2/checkout/orders")
            .header("paypal-request-id", &reference)
            .header("prefer", "return=representation")
            .json(&json!({
                "intent": "CAPTURE",
                "purchase_units": [{
                    "custom_id": reference,
                    // Accounts that block a second payment of the same invoice do so for longer than the key lives.
                    "invoice_id": reference,
                    "description": charge.description.chars().take(DESCRIPTION).collect::<String>(),
                    "amount": amount,
                }],
                "payment_source": { "paypal": { "vault_id": charge.token.expose() } },
            }));
        let answer = self.call(call, Effect::Keyed).await.map_err(unclear)?;
        if answer.status.is_success() {
            // A success that cannot be read is still a success somewhere.
            let order: Order = answer.read().map_err(unclear)?;
            let settlement = order.charged().map_err(unclear)?;
            return Ok(Charged { order_id: Some(order.id), settlement });
        }
        match answer.refusal(issue) {
            GatewayError::Refused { code } if code == "DUPLICATE_INVOICE_ID" => {
                Err(GatewayError::Unknown("PayPal has it already and has forgotten its key".to_owned()))
            }
            GatewayError::Refused { code } if is_decline(&code) => {
                Ok(Charged { order_id: None, settlement: Settlement::Failed { reason: code.to_lowercase() } })
            }
            other => Err(other),
        }
    }
}
