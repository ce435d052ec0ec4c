//! Paymob (Egypt, Saudi Arabia, Emirates, Oman, Pakistan).
//!
//! Published at <https://developers.paymob.com/paymob-docs>: "Create Intention", "Unified Checkout", "Transaction
//! Inquiry, by Order ID or Reference", "Refund" and "HMAC Transaction Callback". Amounts are whole minor units of the
//! currency, also the thousandths of Oman's rial.
mod card;
mod charge;
mod signature;
mod transaction;

use super::http::{Answer, Call, Effect, Http};
use super::token::{Age, Granted, TokenCache};
use super::{
    Created, Event, GatewayError, Payer, PaymentOrder, Refund, RefundState, Settlement, Timing, WebhookError,
};
use axum::http::StatusCode;
use chrono::TimeDelta;
use gatehouse_core::clock::Clock;
use gatehouse_core::error::Error;
use gatehouse_core::money::{LARGEST_MINOR, Money, exponent};
use gatehouse_core::secret::Secret;
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;
use transaction::Transaction;

/// Paymob publishes an hour for its authentication token.
const TOKEN_LIVES: TimeDelta = TimeDelta::minutes(60);
/// What Paymob wants in the fields of an address that nobody knows at a desk.
const NOT_AVAILABLE: &str = "NA";

/// Keys and addresses, from Paymob's dashboard.
#[derive(Clone, Debug)]
pub struct PaymobConfig {
    /// `https://accept.paymob.com`, or the country's own.
    pub base_url: String,
    /// Goes into the payer's link.
    pub public_key: String,
    /// Creates and refunds.
    pub secret_key: Secret,
    /// Gets the token that inquiries need.
    pub api_key: Secret,
    /// Signs Paymob's messages to us.
    pub hmac_secret: Secret,
    /// The ways of paying that are offered, by their ids.
    pub integrations: Vec<i64>,
    /// The "Moto" integration, which charges saved cards without their owners.
    pub moto_integration: Option<i64>,
    pub timing: Timing,
}

pub struct Paymob {
    config: PaymobConfig,
    http: Http,
    token: TokenCache,
    clock: Arc<dyn Clock>,
}

#[derive(Deserialize)]
struct Intention {
    intention_order_id: i64,
    client_secret: Secret,
}

#[derive(Deserialize)]
struct Token {
    token: Secret,
}

impl Paymob {
    /// # Errors
    /// [`Error::Invalid`] in `base_url`.
    pub fn new(config: PaymobConfig, clock: Arc<dyn Clock>) -> Result<Self, Error> {
        let http = Http::new(&config.base_url, &config.timing)?;
        Ok(Self { config, http, token: TokenCache::default(), clock })
    }

    /// `POST /v1/intention/`, then the Unified Checkout page with the intention's client secret.
    pub async fn create(&self, order: &PaymentOrder) -> Result<Created, GatewayError> {
        let cents = cents(&order.amount)?;
        let mut body = json!({
            "amount": cents,
            "currency": order.amount.currency,
            "payment_methods": self.config.integrations,
            // Paymob takes 50 characters of a name; the sum of the items has to be the amount.
            "items": [{ "name": order.description.chars().take(50).collect::<String>(), "amount": cents, "quantity": 1 }],
            "billing_data": billing(&order.payer),
            "special_reference": order.request.to_string(),
        });
        if let Some(url) = &order.notify_url {
            body["notification_url"] = json!(url);
        }
        if let Some(url) = &order.return_url {
            body["redirection_url"] = json!(url);
        }
        if order.save {
            // The page offers to keep the card where the integration allows it, and the payer decides. The flag is from
            // Paymob's "Saved Cards, CIT then MIT", <https://github.com/PaymobAccept/Paymob-AI-Integration-Skill>.
            body["extras"] = json!({ "save_card": true });
        }
        // No key against doubling here, so it is sent once; an intention whose page nobody got cannot be paid.
        let call = self.with_secret_key(Call::post("/v1/intention/")).json(&body);
        let intention: Intention = self.http.send(&call, Effect::Once).await?.accepted(refusal)?;
        let mut page = self.http.address("/unifiedcheckout/")?;
        page.query_pairs_mut()
            .append_pair("publicKey", &self.config.public_key)
            .append_pair("clientSecret", intention.client_secret.expose());
        Ok(Created { order_id: intention.intention_order_id.to_string(), pay_url: page.into() })
    }

    /// `POST /api/ecommerce/orders/transaction_inquiry`: the last transaction of an order; if that was done to a
    /// payment (a refund), `GET /api/acceptance/transactions/{id}` for the payment.
    pub async fn inquire(&self, order_id: &str) -> Result<Settlement, GatewayError> {
        let order: i64 = order_id.parse().map_err(|_| GatewayError::refused("order_unknown"))?;
        // An order without a transaction: nobody has tried to pay.
        let found = self.last_payment("order_id", &order.to_string()).await?;
        let Some(transaction) = found else { return Ok(Settlement::Pending) };
        if transaction.order_id()? != order {
            return Err(GatewayError::Malformed("the answer is about another order".to_owned()));
        }
        transaction.settlement().map_err(GatewayError::Malformed)
    }

    /// The payment that an order's last transaction is or was done to, by Paymob's id or our reference of the order.
    async fn last_payment(&self, by: &str, id: &str) -> Result<Option<Transaction>, GatewayError> {
        let ask = |token: &Secret| {
            Call::post("/api/ecommerce/orders/transaction_inquiry")
                .json(&json!({ "auth_token": token.expose(), by: id }))
        };
        let answer = self.with_token(Effect::Read, ask).await?;
        if answer.status == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        let last: Transaction = answer.accepted(refusal)?;
        let Some(payment) = last.parent() else { return Ok(Some(last)) };
        let path = format!("/api/acceptance/transactions/{payment}");
        let answer = self.with_token(Effect::Read, |token| Call::get(&path).bearer(token)).await?;
        answer.accepted(refusal).map(Some)
    }

    /// Sends with the kept token, and once more with a new one if it was withdrawn before its time: a refused token did
    /// nothing.
    async fn with_token(
        &self,
        effect: Effect,
        call: impl Fn(&Secret) -> Call,
    ) -> Result<Answer, GatewayError> {
        loop {
            let (token, age) = self.token.get(self.clock.now(), self.fetch_token()).await?;
            match self.http.send(&call(&token), effect).await {
                Err(GatewayError::ExpiredKeys) if age == Age::Kept => self.token.forget(&token).await,
                outcome => return outcome,
            }
        }
    }

    async fn fetch_token(&self) -> Result<Granted, GatewayError> {
        let call = Call::post("/api/auth/tokens").json(&json!({ "api_key": self.config.api_key.expose() }));
        let Token { token } = self.http.send(&call, Effect::Read).await?.accepted(refusal)?;
        Ok(Granted { token, lives: TOKEN_LIVES })
    }

    /// `POST /api/acceptance/void_refund/refund`. Sent once: Paymob has no key against doubling.
    pub async fn refund(&self, capture_id: &str, amount: &Money) -> Result<Refund, GatewayError> {
        let transaction: i64 = capture_id.parse().map_err(|_| GatewayError::refused("capture_unknown"))?;
        let call = self
            .with_secret_key(Call::post("/api/acceptance/void_refund/refund"))
            .json(&json!({ "transaction_id": transaction, "amount_cents": cents(amount)? }));
        let answer = self.http.send(&call, Effect::Once).await?;
        if !answer.status.is_success() {
            return Err(answer.refusal(refusal));
        }
        // A success that cannot be read is still a success somewhere.
        let unclear = |text: String| GatewayError::Unknown(text);
        let refund: Transaction = answer.read().map_err(|error| unclear(error.to_string()))?;
        match refund.refund().map_err(unclear)? {
            transaction::RefundOutcome::Done => {
                Ok(Refund { id: refund.id.to_string(), state: RefundState::Done })
            }
            transaction::RefundOutcome::Pending => {
                Ok(Refund { id: refund.id.to_string(), state: RefundState::Pending })
            }
            transaction::RefundOutcome::Declined(code) => Err(GatewayError::refused(code)),
        }
    }

    /// The "transaction processed" callback and the one about a saved card: a POST with the transaction or the card,
    /// signed in the query's `hmac`.
    pub fn read_webhook(&self, query: &str, body: &[u8]) -> Result<Option<Event>, WebhookError> {
        let hmac = signature::of_query(query).ok_or(WebhookError::Unsigned)?;
        let message: Value = serde_json::from_slice(body).map_err(|_| WebhookError::WrongSignature)?;
        let object = message.get("obj").ok_or(WebhookError::WrongSignature)?;
        let is_card = message.get("type").is_some_and(|kind| kind == "TOKEN");
        let signed = if is_card { signature::Signed::Card } else { signature::Signed::Transaction };
        if !signature::verify(signed, object, &self.config.hmac_secret, &hmac) {
            return Err(WebhookError::WrongSignature);
        }
        let event = if is_card { card::event(object) } else { transaction::event(object) };
        event.map(Some).map_err(WebhookError::Malformed)
    }

    fn with_secret_key(&self, call: Call) -> Call {
        call.header("authorization", format!("Token {}", self.config.secret_key.expose()))
    }
}

/// What Paymob wants to know of a payer.
fn billing(payer: &Payer) -> Value {
    let text = |text: &str| if text.trim().is_empty() { NOT_AVAILABLE } else { text.trim() }.to_owned();
    json!({
        "first_name": text(&payer.first_name),
        "last_name": text(&payer.last_name),
        "email": text(payer.email.as_deref().unwrap_or_default()),
        "phone_number": text(payer.phone.as_deref().unwrap_or_default()),
    })
}

/// An amount as Paymob counts it.
fn cents(amount: &Money) -> Result<i64, GatewayError> {
    if exponent(&amount.currency).is_none() {
        return Err(GatewayError::refused("currency_not_supported"));
    }
    if amount.minor <= 0 || amount.minor > LARGEST_MINOR {
        return Err(GatewayError::refused("amount_not_payable"));
    }
    Ok(amount.minor)
}

/// The text of a refusal: `{"detail": …}`, `{"message": …}` or the first field that is complained about.
fn refusal(answer: &Value) -> Option<String> {
    let object = answer.as_object()?;
    let named = ["code", "detail", "message"].iter().find_map(|key| object.get(*key).and_then(Value::as_str));
    named.map(str::to_owned).or_else(|| object.keys().next().map(|field| format!("field {field}")))
}
