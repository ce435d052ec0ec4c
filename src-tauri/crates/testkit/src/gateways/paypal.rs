//! A stand-in of PayPal: tokens, orders, captures, saved wallets, refunds, certificates, signed messages and their
//! verification, as published at <https://developer.paypal.com/docs/api>.
use super::front::{Call, Delivery, Front, Listener, Mischief, lock};
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::rand::SystemRandom;
use ring::signature::{
    KeyPair as _, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, RsaKeyPair, UnparsedPublicKey,
};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

/// Certificates made for the stand-in, all valid until 2116 unless their name says otherwise. The key that signs is the
/// one of `SIGNER`; it guards nothing.
pub mod certificates {
    /// The root that the others were issued by.
    pub const ROOT: &str = include_str!("certificates/root.pem");
    /// Issued to `NAME`.
    pub const SIGNER: &str = include_str!("certificates/signer.pem");
    /// Ended in 2018.
    pub const EXPIRED: &str = include_str!("certificates/expired.pem");
    /// Issued to somebody else.
    pub const OTHER_NAME: &str = include_str!("certificates/other-name.pem");
    /// Issued to `NAME` by somebody else.
    pub const UNKNOWN_ROOT: &str = include_str!("certificates/unknown-root.pem");
    /// Issued to `SANDBOX_NAME`, with the key that PayPal's sandbox signed with in 2015 and 2016: its modulus is the
    /// greatest common divisor that two of PayPal's published signatures and their messages have.
    pub const PAYPAL_SANDBOX_2016: &str = include_str!("certificates/paypal-sandbox-2016.pem");
    pub const NAME: &str = "messageverificationcerts.paypal.com";
    pub const SANDBOX_NAME: &str = "messageverificationcerts.sandbox.paypal.com";
    pub(super) const SIGNER_KEY: &str = include_str!("certificates/signer.key.pem");
}

pub struct PaypalStandIn {
    listener: Listener,
    books: Arc<Books>,
}

struct Books {
    front: Front,
    ledger: Mutex<Ledger>,
    signer: RsaKeyPair,
    url: String,
}

#[derive(Default)]
struct Ledger {
    orders: BTreeMap<String, Order>,
    /// Answers by the client's request id.
    by_key: BTreeMap<String, (StatusCode, Value)>,
    /// Saved wallets by their ids.
    vault: BTreeMap<String, Wallet>,
    /// A wallet gets its id only after the capture.
    vaults_late: bool,
    keys_expired: bool,
    tokens: usize,
    certificates: BTreeMap<String, String>,
    messages: usize,
}

struct Order {
    status: &'static str,
    approvals: usize,
    value: String,
    currency: String,
    custom_id: String,
    capture: Option<String>,
    refunds: Vec<String>,
    invoice_id: Option<String>,
    /// Asks to keep the payer's wallet.
    saves: bool,
    /// The wallet that it left, once it has an id, or that it was charged to.
    wallet: Option<String>,
}

#[derive(Default)]
struct Wallet {
    declines: bool,
}

impl PaypalStandIn {
    pub const CLIENT_ID: &str = "client-of-the-stand-in";
    pub const CLIENT_SECRET: &str = "secret-of-the-stand-in";
    pub const WEBHOOK_ID: &str = "3TR748995U920805P";
    /// Whose wallet it is.
    pub const PAYER: &str = "layla@example.com";
    /// The certificate of its messages.
    pub const CERTIFICATE: &str = "CERT-360caa42-fca2a594-a5cafa77";

    /// # Panics
    /// When the stand-in's key cannot be read.
    pub async fn start() -> Self {
        let mut found = None;
        let listener = Listener::start(|url| {
            let der = STANDARD.decode(
                certificates::SIGNER_KEY.lines().filter(|line| !line.starts_with('-')).collect::<String>(),
            );
            let mut ledger = Ledger::default();
            ledger.certificates.insert(Self::CERTIFICATE.to_owned(), certificates::SIGNER.to_owned());
            let books = Arc::new(Books {
                front: Front::new(refuse),
                ledger: Mutex::new(ledger),
                signer: RsaKeyPair::from_pkcs8(&der.expect("base64")).expect("a key"),
                url: url.to_owned(),
            });
            found = Some(books.clone());
            Router::new()
                .route("/v1/oauth2/token", post(token))
                .route("/v2/checkout/orders", post(create))
                .route("/v2/checkout/orders/{id}", get(show))
                .route("/v2/checkout/orders/{id}/capture", post(capture))
                .route("/v2/payments/captures/{id}/refund", post(refund))
                .route("/v1/notifications/certs/{name}", get(certificate))
                .route("/v1/notifications/verify-webhook-signature", post(verify))
                .with_state(books)
        })
        .await;
        Self { listener, books: found.expect("made above") }
    }

    pub fn url(&self) -> &str {
        &self.listener.url
    }

    pub fn misbehave(&self, call: Call, mischief: Mischief) {
        self.books.front.misbehave(call, mischief);
    }

    /// Calls of a kind so far, those that went wrong included.
    pub fn count(&self, call: Call) -> usize {
        self.books.front.count(call)
    }

    /// From now on every key is refused.
    pub fn expire_keys(&self) {
        lock(&self.books.ledger).keys_expired = true;
    }

    /// Ends the access token before its time.
    pub fn withdraw_token(&self) {
        lock(&self.books.ledger).tokens += 1;
    }

    /// Offers a certificate under the name of its own.
    pub fn use_certificate(&self, pem: &str) {
        lock(&self.books.ledger).certificates.insert(Self::CERTIFICATE.to_owned(), pem.to_owned());
    }

    pub fn certificate_url(&self) -> String {
        format!("{}/v1/notifications/certs/{}", self.url(), Self::CERTIFICATE)
    }

    pub fn orders(&self) -> usize {
        lock(&self.books.ledger).orders.len()
    }

    /// Captures in the books, over all orders.
    pub fn captures(&self) -> usize {
        lock(&self.books.ledger).orders.values().filter(|order| order.capture.is_some()).count()
    }

    /// Refunds in the books, as they were asked for.
    pub fn refunds(&self) -> Vec<String> {
        lock(&self.books.ledger).orders.values().flat_map(|order| order.refunds.clone()).collect()
    }

    /// From now on wallets are kept only after the capture, which says so.
    pub fn vault_late(&self) {
        lock(&self.books.ledger).vaults_late = true;
    }

    /// The owner of a saved wallet ends the agreement.
    pub fn forget_wallet(&self, vault_id: &str) {
        lock(&self.books.ledger).vault.remove(vault_id);
    }

    /// A saved wallet has no money from now on.
    pub fn decline_wallet(&self, vault_id: &str) {
        lock(&self.books.ledger).vault.get_mut(vault_id).expect("a wallet").declines = true;
    }

    /// Hours go by: PayPal forgets the keys against doubling.
    pub fn forget_keys(&self) {
        lock(&self.books.ledger).by_key.clear();
    }

    /// What was really charged to a saved wallet, charge by charge.
    pub fn taken_from(&self, vault_id: &str) -> Vec<String> {
        lock(&self.books.ledger).taken(|order| order.wallet.as_deref() == Some(vault_id) && !order.saves)
    }

    /// What was really taken for a reference of the merchant's, charge by charge.
    pub fn taken_for(&self, custom_id: &str) -> Vec<String> {
        lock(&self.books.ledger).taken(|order| order.custom_id == custom_id)
    }

    /// The payer approves the order on PayPal's page.
    pub fn approve(&self, order: &str) {
        self.change(order, |order| {
            order.status = "APPROVED";
            order.approvals += 1;
        });
    }

    /// What is taken is another amount than was asked.
    pub fn change_amount(&self, order: &str, value: &str) {
        self.change(order, |order| value.clone_into(&mut order.value));
    }

    /// PayPal forgets an order that nobody approved in time.
    pub fn forget(&self, order: &str) {
        lock(&self.books.ledger).orders.remove(order);
    }

    /// The payer cancels.
    pub fn void(&self, order: &str) {
        self.change(order, |order| order.status = "VOIDED");
    }

    fn change(&self, order: &str, change: impl FnOnce(&mut Order)) {
        change(lock(&self.books.ledger).orders.get_mut(order).expect("an order"));
    }

    /// The message that the payer has approved, signed.
    pub fn approval_message(&self, order: &str) -> Delivery {
        let resource = lock(&self.books.ledger).orders[order].render(order, &self.books.url);
        self.message("CHECKOUT.ORDER.APPROVED", &resource)
    }

    /// The message that money was taken, signed.
    pub fn capture_message(&self, order: &str) -> Delivery {
        let resource = lock(&self.books.ledger).orders[order].render_capture(order, &self.books.url);
        self.message("PAYMENT.CAPTURE.COMPLETED", &resource)
    }

    /// The wallet of a paid order is kept at last; the message that says so, signed.
    ///
    /// # Panics
    /// When the order does not ask for the wallet.
    pub fn vault_message(&self, order: &str) -> Delivery {
        let vault_id = {
            let mut ledger = lock(&self.books.ledger);
            assert!(ledger.orders[order].saves, "a wallet is kept only where it was asked for");
            ledger.keep_wallet(order)
        };
        let resource = json!({
            "time_created": "2026-03-11T03:00:01.449PDT", "id": vault_id, "customer": { "id": "208743798" },
            "payment_source": { "paypal": { "usage_type": "MERCHANT", "email_address": Self::PAYER } },
            "metadata": { "order_id": order }
        });
        self.message("VAULT.PAYMENT-TOKEN.CREATED", &resource)
    }

    /// Any message, signed.
    ///
    /// # Panics
    /// When the machine has no randomness.
    pub fn message(&self, event_type: &str, resource: &Value) -> Delivery {
        let number = {
            let mut ledger = lock(&self.books.ledger);
            ledger.messages += 1;
            ledger.messages
        };
        let body = json!({
            "id": format!("WH-{number}"), "event_version": "1.0", "create_time": "2026-03-11T10:00:00.000Z",
            "event_type": event_type, "resource": resource
        });
        let body = body.to_string().into_bytes();
        let (id, time) = (format!("103e3700-8b0c-11e6-8695-{number:012}"), "2026-03-11T10:00:01Z");
        let message = format!("{id}|{time}|{}|{}", Self::WEBHOOK_ID, crc32fast::hash(&body));
        let mut signature = vec![0; self.books.signer.public().modulus_len()];
        self.books
            .signer
            .sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message.as_bytes(), &mut signature)
            .expect("a signature");
        let headers = [
            ("paypal-transmission-id", id),
            ("paypal-transmission-time", time.to_owned()),
            ("paypal-transmission-sig", STANDARD.encode(signature)),
            ("paypal-cert-url", self.certificate_url()),
            ("paypal-auth-algo", "SHA256withRSA".to_owned()),
            ("content-type", "application/json".to_owned()),
        ];
        let headers = headers.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        Delivery { query: String::new(), headers, body }
    }
}

impl Ledger {
    fn keep_wallet(&mut self, order: &str) -> String {
        let vault_id = format!("3nqvjt{:02}", self.vault.len() + 1);
        self.vault.insert(vault_id.clone(), Wallet::default());
        self.orders.get_mut(order).expect("an order").wallet = Some(vault_id.clone());
        vault_id
    }

    fn taken(&self, which: impl Fn(&Order) -> bool) -> Vec<String> {
        let paid = self.orders.values().filter(|order| order.capture.is_some());
        paid.filter(|order| which(order)).map(|order| order.value.clone()).collect()
    }

    fn token(&self) -> String {
        format!("A21AA-{}", self.tokens)
    }

    fn knows(&self, headers: &HeaderMap) -> bool {
        let expected = format!("Bearer {}", self.token());
        !self.keys_expired
            && headers.get("authorization").is_some_and(|sent| sent.as_bytes() == expected.as_bytes())
    }

    /// The answer to a key that was used before, else a new one.
    fn once(&mut self, headers: &HeaderMap, act: impl FnOnce(&mut Self) -> (StatusCode, Value)) -> Response {
        let key = headers.get("paypal-request-id").and_then(|key| key.to_str().ok()).map(str::to_owned);
        let known = key.as_ref().and_then(|key| self.by_key.get(key).cloned());
        let answer = known.unwrap_or_else(|| act(self));
        if let Some(key) = key {
            self.by_key.insert(key, answer.clone());
        }
        (answer.0, Json(answer.1)).into_response()
    }
}

impl Order {
    fn render(&self, id: &str, url: &str) -> Value {
        let mut unit = json!({
            "reference_id": "default", "custom_id": self.custom_id,
            "amount": { "currency_code": self.currency, "value": self.value }
        });
        if self.capture.is_some() {
            let refunds: Vec<Value> = self
                .refunds
                .iter()
                .map(|value| json!({ "status": "COMPLETED", "amount": { "currency_code": self.currency, "value": value } }))
                .collect();
            unit["payments"] = json!({ "captures": [self.render_capture(id, url)], "refunds": refunds });
        }
        let mut wallet = json!({});
        if self.capture.is_some() {
            wallet["email_address"] = json!(PaypalStandIn::PAYER);
        }
        if self.capture.is_some() && self.saves {
            wallet["attributes"]["vault"] = match &self.wallet {
                Some(id) => json!({ "id": id, "status": "VAULTED", "customer": { "id": "208743798" } }),
                None => json!({ "status": "APPROVED" }),
            };
        }
        json!({
            "id": id, "intent": "CAPTURE", "status": self.status, "payment_source": { "paypal": wallet },
            "update_time": format!("2026-03-11T10:00:{:02}Z", self.approvals),
            "purchase_units": [unit],
            "links": [
                { "href": format!("{url}/v2/checkout/orders/{id}"), "rel": "self", "method": "GET" },
                { "href": format!("{url}/checkoutnow?token={id}"), "rel": "payer-action", "method": "GET" }
            ]
        })
    }

    fn render_capture(&self, id: &str, url: &str) -> Value {
        let refunded: i64 = self.refunds.iter().map(|value| cents(value)).sum();
        let status = match refunded {
            0 => "COMPLETED",
            part if part < cents(&self.value) => "PARTIALLY_REFUNDED",
            _ => "REFUNDED",
        };
        json!({
            "id": self.capture, "status": status, "final_capture": true,
            "amount": { "currency_code": self.currency, "value": self.value },
            "create_time": "2026-03-11T10:00:00Z",
            "supplementary_data": { "related_ids": { "order_id": id } },
            "links": [{ "href": format!("{url}/v2/checkout/orders/{id}"), "rel": "up", "method": "GET" }]
        })
    }
}

/// Hundredths, to add and compare.
fn cents(value: &str) -> i64 {
    let (whole, part) = value.split_once('.').unwrap_or((value, "00"));
    format!("{whole}{part:0<2}").parse().expect("an amount")
}

fn problem(status: StatusCode, issue: &str) -> (StatusCode, Value) {
    let body = json!({
        "name": "UNPROCESSABLE_ENTITY", "details": [{ "issue": issue }], "message": "The request was refused.",
        "debug_id": "c9a75b43fc807"
    });
    (status, body)
}

fn refuse(code: &str) -> Response {
    let (status, body) = problem(StatusCode::UNPROCESSABLE_ENTITY, code);
    (status, Json(body)).into_response()
}

fn keys_refused() -> Response {
    (StatusCode::UNAUTHORIZED, Json(json!({ "error": "invalid_token" }))).into_response()
}

fn not_found() -> (StatusCode, Value) {
    problem(StatusCode::NOT_FOUND, "INVALID_RESOURCE_ID")
}

fn read(body: &Bytes) -> Value {
    serde_json::from_slice(body).unwrap_or_default()
}

async fn token(State(books): State<Arc<Books>>, headers: HeaderMap, body: Bytes) -> Response {
    let act = || {
        let ledger = lock(&books.ledger);
        let pair = format!("{}:{}", PaypalStandIn::CLIENT_ID, PaypalStandIn::CLIENT_SECRET);
        let expected = format!("Basic {}", STANDARD.encode(pair));
        let known = headers.get("authorization").is_some_and(|sent| sent.as_bytes() == expected.as_bytes());
        if ledger.keys_expired || !known || body != "grant_type=client_credentials" {
            return (StatusCode::UNAUTHORIZED, Json(json!({ "error": "invalid_client" }))).into_response();
        }
        let answer = json!({ "access_token": ledger.token(), "token_type": "Bearer", "expires_in": 32_400 });
        Json(answer).into_response()
    };
    books.front.answer(Call::Token, act).await
}

async fn create(State(books): State<Arc<Books>>, headers: HeaderMap, body: Bytes) -> Response {
    let asked = read(&body);
    let wallet = &asked["payment_source"]["paypal"];
    let vault_id = wallet["vault_id"].as_str();
    let act = || {
        let mut ledger = lock(&books.ledger);
        if !ledger.knows(&headers) {
            return keys_refused();
        }
        if vault_id.is_some() && !headers.contains_key("paypal-request-id") {
            let (status, body) = problem(StatusCode::BAD_REQUEST, "PAYPAL_REQUEST_ID_REQUIRED");
            return (status, Json(body)).into_response();
        }
        ledger.once(&headers, |ledger| {
            let unit = &asked["purchase_units"][0];
            let (Some(value), Some(currency)) =
                (unit["amount"]["value"].as_str(), unit["amount"]["currency_code"].as_str())
            else {
                return problem(StatusCode::BAD_REQUEST, "MISSING_REQUIRED_PARAMETER");
            };
            let invoice_id = unit["invoice_id"].as_str().map(str::to_owned);
            let paid = ledger.orders.values().filter(|order| order.capture.is_some());
            if invoice_id.is_some() && paid.map(|order| &order.invoice_id).any(|paid| *paid == invoice_id) {
                return problem(StatusCode::UNPROCESSABLE_ENTITY, "DUPLICATE_INVOICE_ID");
            }
            match vault_id.map(|id| ledger.vault.get(id)) {
                Some(None) => {
                    return problem(StatusCode::UNPROCESSABLE_ENTITY, "BILLING_AGREEMENT_NOT_FOUND");
                }
                Some(Some(wallet)) if wallet.declines => {
                    return problem(StatusCode::UNPROCESSABLE_ENTITY, "INSTRUMENT_DECLINED");
                }
                _ => {}
            }
            let id = format!("5O190127TN{:07}", ledger.orders.len() + 1);
            let vault = &wallet["attributes"]["vault"];
            let order = Order {
                status: if vault_id.is_some() { "COMPLETED" } else { "PAYER_ACTION_REQUIRED" },
                approvals: 0,
                value: value.to_owned(),
                currency: currency.to_owned(),
                custom_id: unit["custom_id"].as_str().unwrap_or_default().to_owned(),
                capture: vault_id.map(|_| id.replacen("5O", "3C", 1)),
                refunds: Vec::new(),
                invoice_id,
                saves: vault["store_in_vault"] == "ON_SUCCESS" && vault["usage_type"] == "MERCHANT",
                wallet: vault_id.map(str::to_owned),
            };
            let mut answer = order.render(&id, &books.url);
            ledger.orders.insert(id, order);
            let whole = headers.get("prefer").is_some_and(|how| how == "return=representation");
            if vault_id.is_some() && !whole {
                // The minimal answer, which is the default.
                answer = json!({ "id": answer["id"], "status": answer["status"], "links": answer["links"] });
            }
            (StatusCode::CREATED, answer)
        })
    };
    books.front.answer(if vault_id.is_some() { Call::Charge } else { Call::Create }, act).await
}

async fn show(State(books): State<Arc<Books>>, headers: HeaderMap, Path(id): Path<String>) -> Response {
    let act = || {
        let ledger = lock(&books.ledger);
        if !ledger.knows(&headers) {
            return keys_refused();
        }
        let found = ledger.orders.get(&id);
        let (status, body) =
            found.map_or_else(not_found, |order| (StatusCode::OK, order.render(&id, &books.url)));
        (status, Json(body)).into_response()
    };
    books.front.answer(Call::Inquire, act).await
}

async fn capture(State(books): State<Arc<Books>>, headers: HeaderMap, Path(id): Path<String>) -> Response {
    let act = || {
        let mut ledger = lock(&books.ledger);
        if !ledger.knows(&headers) {
            return keys_refused();
        }
        ledger.once(&headers, |ledger| {
            let Some(order) = ledger.orders.get_mut(&id) else { return not_found() };
            match (order.status, &order.capture) {
                (_, Some(_)) => problem(StatusCode::UNPROCESSABLE_ENTITY, "ORDER_ALREADY_CAPTURED"),
                ("APPROVED", None) => {
                    order.status = "COMPLETED";
                    order.capture = Some(id.replacen("5O", "3C", 1));
                    if order.saves && !ledger.vaults_late {
                        ledger.keep_wallet(&id);
                    }
                    (StatusCode::CREATED, ledger.orders[&id].render(&id, &books.url))
                }
                _ => problem(StatusCode::UNPROCESSABLE_ENTITY, "ORDER_NOT_APPROVED"),
            }
        })
    };
    books.front.answer(Call::Capture, act).await
}

async fn refund(
    State(books): State<Arc<Books>>,
    headers: HeaderMap,
    Path(id): Path<String>,
    body: Bytes,
) -> Response {
    let act = || {
        let mut ledger = lock(&books.ledger);
        if !ledger.knows(&headers) {
            return keys_refused();
        }
        ledger.once(&headers, |ledger| {
            let found = ledger.orders.values_mut().find(|order| order.capture.as_deref() == Some(&id));
            let Some(order) = found else { return not_found() };
            let asked = read(&body);
            let value = asked["amount"]["value"].as_str().unwrap_or(&order.value).to_owned();
            if asked["amount"]["currency_code"] != order.currency.as_str() {
                return problem(StatusCode::UNPROCESSABLE_ENTITY, "CURRENCY_MISMATCH");
            }
            let before: i64 = order.refunds.iter().map(|value| cents(value)).sum();
            if before + cents(&value) > cents(&order.value) {
                return problem(StatusCode::UNPROCESSABLE_ENTITY, "REFUND_AMOUNT_EXCEEDED");
            }
            order.refunds.push(value);
            let id = format!("1JU{}{:02}", id, order.refunds.len());
            (StatusCode::CREATED, json!({ "id": id, "status": "COMPLETED", "links": [] }))
        })
    };
    books.front.answer(Call::Refund, act).await
}

async fn certificate(State(books): State<Arc<Books>>, Path(name): Path<String>) -> Response {
    let act = || match lock(&books.ledger).certificates.get(&name) {
        Some(pem) => pem.clone().into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    };
    books.front.answer(Call::Certificate, act).await
}

async fn verify(State(books): State<Arc<Books>>, headers: HeaderMap, body: Bytes) -> Response {
    let act = || {
        if !lock(&books.ledger).knows(&headers) {
            return keys_refused();
        }
        let good = verifies(&books, &body).unwrap_or(false);
        Json(json!({ "verification_status": if good { "SUCCESS" } else { "FAILURE" } })).into_response()
    };
    books.front.answer(Call::Verify, act).await
}

/// Whether the message inside a question was signed here. The checksum is over its bytes as they stand there.
fn verifies(books: &Books, question: &[u8]) -> Option<bool> {
    const EVENT: &str = ",\"webhook_event\":";
    let text = std::str::from_utf8(question).ok()?;
    let (_, event) = text.split_once(EVENT)?;
    let event = event.strip_suffix('}')?;
    let asked: Value = serde_json::from_str(text).ok()?;
    let part = |name: &str| asked[name].as_str();
    let message = format!(
        "{}|{}|{}|{}",
        part("transmission_id")?,
        part("transmission_time")?,
        part("webhook_id")?,
        crc32fast::hash(event.as_bytes())
    );
    let signature = STANDARD.decode(part("transmission_sig")?).ok()?;
    let key = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, books.signer.public_key().as_ref());
    Some(
        part("webhook_id")? == PaypalStandIn::WEBHOOK_ID
            && key.verify(message.as_bytes(), &signature).is_ok(),
    )
}
