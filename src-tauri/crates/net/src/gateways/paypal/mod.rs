//! PayPal.
//!
//! Published at <https://developer.paypal.com/docs/api>: "Orders v2", "Payments v2", "Webhooks Management v1", "OAuth
//! 2.0" and "Idempotency" (`PayPal-Request-Id`). An order is paid in two steps: the payer approves it on PayPal's
//! page, then we capture it; [`Paypal::inquire`] does the second.
mod amount;
mod certificate;
mod charge;
mod order;
mod webhook;

pub use certificate::Certificates;

use super::http::{Answer, Call, Effect, Http, web_address};
use super::token::{Age, Granted, TokenCache};
use super::{
    Created, Event, GatewayError, PaymentOrder, Refund, RefundState, Settlement, Timing, WebhookError,
};
use axum::http::{HeaderMap, StatusCode};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use certificate::Signer;
use chrono::TimeDelta;
use gatehouse_core::clock::Clock;
use gatehouse_core::error::Error;
use gatehouse_core::money::Money;
use gatehouse_core::secret::Secret;
use order::Order;
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;
use tokio::sync::Mutex;
use uuid::Uuid;
use webhook::Transmission;

/// Characters that PayPal takes of a description.
const DESCRIPTION: usize = 127;

/// Keys and addresses, from PayPal's developer dashboard.
#[derive(Clone, Debug)]
pub struct PaypalConfig {
    /// `https://api-m.paypal.com`, or `https://api-m.sandbox.paypal.com`.
    pub base_url: String,
    pub client_id: String,
    pub client_secret: Secret,
    /// The webhook's id, a part of what PayPal signs.
    pub webhook_id: String,
    pub certificates: Certificates,
    pub timing: Timing,
}

pub struct Paypal {
    config: PaypalConfig,
    http: Http,
    token: TokenCache,
    /// The certificate fetched last, by its address: PayPal signs with one for months.
    signer: Mutex<Option<(String, Arc<Signer>)>>,
    clock: Arc<dyn Clock>,
}

#[derive(Deserialize)]
struct Token {
    access_token: Secret,
    /// Seconds.
    expires_in: i64,
}

#[derive(Deserialize)]
struct RefundAnswer {
    id: String,
    status: String,
}

#[derive(Deserialize)]
struct Verification {
    verification_status: String,
}

impl Paypal {
    /// # Errors
    /// [`Error::Invalid`] in `base_url`.
    pub fn new(config: PaypalConfig, clock: Arc<dyn Clock>) -> Result<Self, Error> {
        let http = Http::new(&config.base_url, &config.timing)?;
        Ok(Self { config, http, token: TokenCache::default(), signer: Mutex::default(), clock })
    }

    /// `POST /v2/checkout/orders`. Repeated with the same key it gives the same order.
    pub async fn create(&self, order: &PaymentOrder) -> Result<Created, GatewayError> {
        let mut experience = json!({ "shipping_preference": "NO_SHIPPING", "user_action": "PAY_NOW" });
        if let Some(url) = &order.return_url {
            experience["return_url"] = json!(url);
            experience["cancel_url"] = json!(url);
        }
        let mut wallet = json!({ "experience_context": experience });
        if order.save {
            // "Save PayPal with the Orders API": kept with the capture, for charges that we start.
            wallet["attributes"] = json!({ "vault": {
                "store_in_vault": "ON_SUCCESS", "usage_type": "MERCHANT", "customer_type": "CONSUMER"
            } });
        }
        let call = Call::post("/v2/checkout/orders")
            .header("paypal-request-id", order.request.to_string())
            .json(&json!({
                "intent": "CAPTURE",
                "purchase_units": [{
                    "custom_id": order.request.to_string(),
                    "description": order.description.chars().take(DESCRIPTION).collect::<String>(),
                    "amount": amount::to_wire(&order.amount)?,
                }],
                "payment_source": { "paypal": wallet },
            }));
        let created: Order = self.call(call, Effect::Keyed).await?.accepted(issue)?;
        let page = created.payer_link().and_then(|link| web_address(link).ok());
        let page =
            page.ok_or_else(|| GatewayError::Malformed("an order without a page to pay it".to_owned()))?;
        Ok(Created { order_id: created.id, pay_url: page.into() })
    }

    /// `GET /v2/checkout/orders/{id}`, and the capture of an approved one.
    pub async fn inquire(&self, order_id: &str) -> Result<Settlement, GatewayError> {
        let path = format!("/v2/checkout/orders/{}", path_part(order_id)?);
        let answer = self.call(Call::get(&path), Effect::Read).await?;
        if answer.status == StatusCode::NOT_FOUND {
            // PayPal forgets orders that nobody approved within hours.
            return Ok(Settlement::Failed { reason: "expired".to_owned() });
        }
        let order: Order = answer.accepted(issue)?;
        if order.id != order_id {
            return Err(GatewayError::Malformed("the answer is about another order".to_owned()));
        }
        if order.is_approved() { self.capture(&path, &order).await } else { order.settlement() }
    }

    /// `POST /v2/checkout/orders/{id}/capture`. PayPal captures an order once, whatever the key.
    async fn capture(&self, path: &str, order: &Order) -> Result<Settlement, GatewayError> {
        let call = Call::post(format!("{path}/capture"))
            // Another approval of the same order, after its card was declined, is another capture.
            .header("paypal-request-id", order.capture_key())
            .header("prefer", "return=representation")
            .body("application/json", b"{}".to_vec());
        let answer = self.call(call, Effect::Keyed).await?;
        if answer.status.is_success() {
            return answer.read::<Order>()?.settlement();
        }
        match answer.refusal(issue) {
            GatewayError::Refused { code } => match code.as_str() {
                "ORDER_ALREADY_CAPTURED" => {
                    self.call(Call::get(path), Effect::Read).await?.accepted::<Order>(issue)?.settlement()
                }
                "ORDER_NOT_APPROVED" | "PAYER_ACTION_REQUIRED" => Ok(Settlement::Pending),
                declined if is_decline(declined) => Ok(Settlement::Failed { reason: code.to_lowercase() }),
                _ => Err(GatewayError::Refused { code }),
            },
            other => Err(other),
        }
    }

    /// `POST /v2/payments/captures/{id}/refund`. Repeated with the same key it gives back once.
    pub async fn refund(&self, capture_id: &str, amount: &Money, key: Uuid) -> Result<Refund, GatewayError> {
        let call = Call::post(format!("/v2/payments/captures/{}/refund", path_part(capture_id)?))
            .header("paypal-request-id", key.to_string())
            .json(&json!({ "amount": amount::to_wire(amount)? }));
        let answer = self.call(call, Effect::Keyed).await?;
        if !answer.status.is_success() {
            return Err(answer.refusal(issue));
        }
        // A success that cannot be read is still a success somewhere.
        let refund: RefundAnswer = answer.read().map_err(|error| GatewayError::Unknown(error.to_string()))?;
        match refund.status.as_str() {
            "COMPLETED" => Ok(Refund { id: refund.id, state: RefundState::Done }),
            "PENDING" => Ok(Refund { id: refund.id, state: RefundState::Pending }),
            _ => Err(GatewayError::refused(refund.status)),
        }
    }

    /// Checks the signature by PayPal's certificate; where the certificate cannot be had or is not trusted here, PayPal
    /// itself is asked (`POST /v1/notifications/verify-webhook-signature`).
    pub async fn read_webhook(
        &self,
        headers: &HeaderMap,
        body: &[u8],
    ) -> Result<Option<Event>, WebhookError> {
        let transmission = Transmission::of(headers)?;
        if self.config.webhook_id.is_empty() || !transmission.is_rsa() {
            return Err(WebhookError::WrongSignature);
        }
        let certificate = self.config.certificates.path_of(&transmission.cert_url);
        let Some(address) = certificate else { return Err(WebhookError::WrongSignature) };
        let message = transmission.message(&self.config.webhook_id, body);
        let verdict = match self.signer(&address).await {
            Ok(signer) => signer.verify(
                &self.config.certificates,
                self.clock.now(),
                message.as_bytes(),
                &transmission.signature,
            ),
            Err(_) => certificate::Verdict::Undecided,
        };
        match verdict {
            certificate::Verdict::Good => {}
            certificate::Verdict::Wrong => return Err(WebhookError::WrongSignature),
            certificate::Verdict::Undecided => self.ask_paypal(&transmission, body).await?,
        }
        webhook::event(body)
    }

    async fn signer(&self, address: &str) -> Result<Arc<Signer>, GatewayError> {
        let mut kept = self.signer.lock().await;
        if let Some((from, signer)) = kept.as_ref()
            && from == address
        {
            return Ok(signer.clone());
        }
        let answer = self.http.send(&Call::get(address), Effect::Read).await?;
        if !answer.status.is_success() {
            return Err(answer.refusal(issue));
        }
        let signer = Arc::new(Signer::of_pem(answer.bytes())?);
        *kept = Some((address.to_owned(), signer.clone()));
        Ok(signer)
    }

    async fn ask_paypal(&self, transmission: &Transmission, body: &[u8]) -> Result<(), WebhookError> {
        let question = transmission.question(&self.config.webhook_id, body)?;
        let call =
            Call::post("/v1/notifications/verify-webhook-signature").body("application/json", question);
        let answer = self.call(call, Effect::Read).await.map_err(WebhookError::Unverifiable)?;
        match answer.accepted::<Verification>(issue) {
            Ok(found) if found.verification_status == "SUCCESS" => Ok(()),
            // A question that PayPal finds malformed was made of a message that it did not send.
            Ok(_) | Err(GatewayError::Refused { .. }) => Err(WebhookError::WrongSignature),
            Err(other) => Err(WebhookError::Unverifiable(other)),
        }
    }

    /// Sends with the kept token, and once more with a new one if it was withdrawn before its time: a refused token
    /// did nothing.
    async fn call(&self, mut call: Call, effect: Effect) -> Result<Answer, GatewayError> {
        loop {
            let (token, age) = self.token.get(self.clock.now(), self.fetch_token()).await?;
            call = call.bearer(&token);
            match self.http.send(&call, effect).await {
                Err(GatewayError::ExpiredKeys) if age == Age::Kept => self.token.forget(&token).await,
                outcome => return outcome,
            }
        }
    }

    /// `POST /v1/oauth2/token` with the client's own credentials.
    async fn fetch_token(&self) -> Result<Granted, GatewayError> {
        let pair = format!("{}:{}", self.config.client_id, self.config.client_secret.expose());
        let call = Call::post("/v1/oauth2/token")
            .header("authorization", format!("Basic {}", STANDARD.encode(pair)))
            .body("application/x-www-form-urlencoded", b"grant_type=client_credentials".to_vec());
        let token: Token = self
            .http
            .send(&call, Effect::Read)
            .await?
            .accepted(|answer| answer.get("error").and_then(Value::as_str).map(str::to_owned))?;
        Ok(Granted {
            token: token.access_token,
            lives: TimeDelta::seconds(token.expires_in.clamp(0, 86_400)),
        })
    }
}

/// True for the issues that are about the payer's means; the others are about the order or our account. Of those that
/// "Orders v2" lists for 422.
fn is_decline(issue: &str) -> bool {
    matches!(
        issue,
        "INSTRUMENT_DECLINED"
            | "PAYER_CANNOT_PAY"
            | "TRANSACTION_REFUSED"
            | "PAYER_ACCOUNT_LOCKED_OR_CLOSED"
            | "PAYER_ACCOUNT_RESTRICTED"
            | "PAYMENT_SOURCE_DECLINED_BY_PROCESSOR"
            | "PAYMENT_SOURCE_CANNOT_BE_USED"
            | "TRANSACTION_LIMIT_EXCEEDED"
    )
}

/// The finest name of a refusal: the issue of its first detail, else its name.
fn issue(answer: &Value) -> Option<String> {
    let detail = answer.pointer("/details/0/issue");
    detail.or_else(|| answer.get("name")).and_then(Value::as_str).map(str::to_owned)
}

/// PayPal's ids are letters and digits; anything else would change the path.
fn path_part(id: &str) -> Result<&str, GatewayError> {
    let good = !id.is_empty() && id.len() <= 64 && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    if good { Ok(id) } else { Err(GatewayError::refused("order_unknown")) }
}
