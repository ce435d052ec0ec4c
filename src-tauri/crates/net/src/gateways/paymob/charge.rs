//! Charges to a card that its owner left with Paymob ("Moto").
//!
//! Published as "Payment API Flow", <https://docs.paymob.com/docs/accept-standard-redirect>: an order, a payment key for
//! it; then "Pay With Saved Token", <https://docs.paymob.com/docs/pay-with-saved-token>, and "MIT",
//! <https://developers.paymob.com/paymob-docs/developers/pay-with-saved-cards/mit>. The order carries our reference, and
//! Paymob takes no second order of the same reference, so whatever is sent twice charges once.
use super::transaction::Transaction;
use super::{NOT_AVAILABLE, Paymob, billing, cents, refusal};
use crate::gateways::http::{Call, Effect};
use crate::gateways::{Charged, GatewayError, SavedCharge};
use gatehouse_core::secret::Secret;
use serde::Deserialize;
use serde_json::{Value, json};

/// Seconds that a payment key lives: enough for the call that follows it, so that none is left over.
const KEY_LIVES: i64 = 300;
/// The fields of an address that Paymob wants with a payment key, and nobody knows at a desk.
const ADDRESS: [&str; 9] = [
    "apartment",
    "floor",
    "street",
    "building",
    "shipping_method",
    "postal_code",
    "city",
    "country",
    "state",
];

#[derive(Deserialize)]
struct Registered {
    id: i64,
}

#[derive(Deserialize)]
struct PaymentKey {
    token: Secret,
}

impl Paymob {
    /// Money moves with the last of the three calls only, and that is sent once.
    pub async fn charge(&self, charge: &SavedCharge) -> Result<Charged, GatewayError> {
        let integration =
            self.config.moto_integration.ok_or_else(|| GatewayError::refused("moto_not_set_up"))?;
        let cents = cents(&charge.amount)?;
        let order = self.register(charge, cents).await?;
        let key = self.payment_key(charge, cents, order, integration).await?;
        self.pay(order, &key, &charge.token).await
    }

    /// By our reference. `None` also for an order that was registered and never paid.
    pub async fn find_charge(&self, charge: &SavedCharge) -> Result<Option<Charged>, GatewayError> {
        let reference = charge.request.to_string();
        let found = self.last_payment("merchant_order_id", &reference).await?;
        let Some(transaction) = found else { return Ok(None) };
        if transaction.reference().is_some_and(|named| named != reference) {
            return Err(GatewayError::Malformed("the answer is about another order".to_owned()));
        }
        charged(&transaction).map(Some)
    }

    /// `POST /api/ecommerce/orders`.
    async fn register(&self, charge: &SavedCharge, cents: i64) -> Result<i64, GatewayError> {
        let ask = |token: &Secret| {
            Call::post("/api/ecommerce/orders").json(&json!({
                "auth_token": token.expose(),
                "delivery_needed": "false",
                "amount_cents": cents.to_string(),
                "currency": charge.amount.currency,
                "merchant_order_id": charge.request.to_string(),
                "items": [],
            }))
        };
        let answer = self.with_token(Effect::Once, ask).await.map_err(nothing_taken)?;
        match answer.accepted::<Registered>(refusal) {
            Ok(order) => Ok(order.id),
            // Somebody was here before us, and may have charged. The word is Paymob's; none of its pages lists it.
            Err(GatewayError::Refused { code }) if code == "duplicate" => {
                Err(GatewayError::Unknown("Paymob has an order of this reference already".to_owned()))
            }
            Err(error) => Err(nothing_taken(error)),
        }
    }

    /// `POST /api/acceptance/payment_keys`. A key without a payment is nothing, so it may be asked for again.
    async fn payment_key(
        &self,
        charge: &SavedCharge,
        cents: i64,
        order: i64,
        integration: i64,
    ) -> Result<Secret, GatewayError> {
        let mut payer = billing(&charge.payer);
        for field in ADDRESS {
            payer[field] = json!(NOT_AVAILABLE);
        }
        let ask = |token: &Secret| {
            Call::post("/api/acceptance/payment_keys").json(&json!({
                "auth_token": token.expose(),
                "amount_cents": cents.to_string(),
                "expiration": KEY_LIVES,
                "order_id": order.to_string(),
                "billing_data": payer,
                "currency": charge.amount.currency,
                "integration_id": integration,
                // A second payment of the same order is refused.
                "lock_order_when_paid": "true",
            }))
        };
        let answer = self.with_token(Effect::Read, ask).await?;
        answer.accepted::<PaymentKey>(refusal).map(|key| key.token).map_err(nothing_taken)
    }

    /// `POST /api/acceptance/payments/pay`.
    async fn pay(&self, order: i64, key: &Secret, card: &Secret) -> Result<Charged, GatewayError> {
        let call = Call::post("/api/acceptance/payments/pay").json(&json!({
            "source": { "identifier": card.expose(), "subtype": "TOKEN" },
            "payment_token": key.expose(),
        }));
        let answer = self.http.send(&call, Effect::Once).await.map_err(unclear)?;
        if !answer.status.is_success() {
            return Err(answer.refusal(refusal));
        }
        // A success that cannot be read is still a success somewhere.
        let mut answer: Value = answer.read().map_err(unclear)?;
        // "Pay With Saved Token" shows it as callbacks have it, other pages the transaction alone.
        let object = match answer.get_mut("obj") {
            Some(object) => object.take(),
            None => answer,
        };
        let transaction = Transaction::deserialize(object)
            .map_err(|error| unclear(GatewayError::Malformed(error.to_string())))?;
        if transaction.order_id().map_err(unclear)? != order {
            return Err(GatewayError::Unknown("the answer is about another order".to_owned()));
        }
        charged(&transaction).map_err(unclear)
    }
}

fn charged(transaction: &Transaction) -> Result<Charged, GatewayError> {
    let order_id = Some(transaction.order_id()?.to_string());
    let settlement = transaction.settlement().map_err(GatewayError::Malformed)?;
    Ok(Charged { order_id, settlement })
}

/// Before the payment, silence and nonsense are no more than that.
fn nothing_taken(error: GatewayError) -> GatewayError {
    match error {
        GatewayError::Unknown(text) | GatewayError::Malformed(text) => GatewayError::Unreachable(text),
        other => other,
    }
}

/// With the payment, what cannot be read may have been done.
fn unclear(error: GatewayError) -> GatewayError {
    match error {
        GatewayError::Malformed(text) => GatewayError::Unknown(text),
        other => other,
    }
}
