//! A stand-in of Paymob: intentions, authentication, transaction inquiry, refunds, saved cards and signed callbacks, as
//! published at <https://developers.paymob.com/paymob-docs> and <https://docs.paymob.com>.
use super::front::{Call, Delivery, Front, Listener, Mischief, lock};
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha512;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex};

pub struct PaymobStandIn {
    listener: Listener,
    books: Arc<Books>,
}

struct Books {
    front: Front,
    state: Mutex<Ledger>,
}

#[derive(Default)]
struct Ledger {
    orders: BTreeMap<i64, Order>,
    transactions: BTreeMap<i64, Transaction>,
    /// By their tokens.
    cards: BTreeMap<String, Card>,
    /// Orders by the keys to pay them.
    payment_keys: BTreeMap<String, i64>,
    keys_expired: bool,
    tokens: usize,
    last_intention: Value,
}

struct Order {
    amount: i64,
    currency: String,
    reference: String,
    /// Asks to keep the payer's card.
    saves: bool,
}

#[derive(Default)]
struct Card {
    declines: bool,
}

#[derive(Clone)]
struct Transaction {
    id: i64,
    order: i64,
    amount: i64,
    currency: String,
    success: bool,
    pending: bool,
    parent: Option<i64>,
    refunded: i64,
    message: &'static str,
    /// The token of the saved card that was charged.
    card: Option<String>,
}

impl PaymobStandIn {
    pub const PUBLIC_KEY: &str = "egy_pk_test_stand_in";
    pub const SECRET_KEY: &str = "egy_sk_test_stand_in";
    pub const API_KEY: &str = "api-key-of-the-stand-in";
    pub const HMAC_SECRET: &str = "0123456789ABCDEF0123456789ABCDEF";
    pub const INTEGRATION: i64 = 4_097_558;
    /// The one that charges saved cards.
    pub const MOTO: i64 = 4_097_559;

    pub async fn start() -> Self {
        let books = Arc::new(Books { front: Front::new(refuse), state: Mutex::default() });
        let router = Router::new()
            .route("/v1/intention/", post(create))
            .route("/api/auth/tokens", post(token))
            .route("/api/ecommerce/orders/transaction_inquiry", post(inquire))
            .route("/api/ecommerce/orders", post(register))
            .route("/api/acceptance/payment_keys", post(payment_key))
            .route("/api/acceptance/payments/pay", post(charge))
            .route("/api/acceptance/transactions/{id}", get(transaction))
            .route("/api/acceptance/void_refund/refund", post(refund))
            .with_state(books.clone());
        Self { listener: Listener::start(|_| router).await, books }
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
        lock(&self.books.state).keys_expired = true;
    }

    /// Ends the authentication token before its time.
    pub fn withdraw_token(&self) {
        lock(&self.books.state).tokens += 1;
    }

    /// The last intention as it was asked for.
    pub fn last_intention(&self) -> Value {
        lock(&self.books.state).last_intention.clone()
    }

    pub fn orders(&self) -> usize {
        lock(&self.books.state).orders.len()
    }

    /// The payer pays what is asked.
    pub fn pay(&self, order: &str) {
        self.attempt(order, |_| {});
    }

    /// The payer pays another amount, or the books of the gateway are wrong.
    pub fn pay_another_amount(&self, order: &str, cents: i64) {
        self.attempt(order, |attempt| attempt.amount = cents);
    }

    pub fn pay_in_another_currency(&self, order: &str, currency: &str) {
        self.attempt(order, |attempt| currency.clone_into(&mut attempt.currency));
    }

    /// The payer's bank says no.
    pub fn decline(&self, order: &str) {
        self.attempt(order, |attempt| {
            attempt.success = false;
            attempt.message = "Do not honour";
        });
    }

    /// The payer is on the way to pay at a kiosk.
    pub fn begin(&self, order: &str) {
        self.attempt(order, |attempt| {
            attempt.success = false;
            attempt.pending = true;
        });
    }

    fn attempt(&self, order: &str, change: impl FnOnce(&mut Transaction)) {
        lock(&self.books.state).attempt(order.parse().expect("an order's id"), change);
    }

    /// The payer pays and leaves the card; the callback that says so, signed.
    ///
    /// # Panics
    /// When the order does not ask for the card.
    pub fn pay_and_save(&self, order: &str) -> Delivery {
        self.pay(order);
        let mut state = lock(&self.books.state);
        let number: i64 = order.parse().expect("an order's id");
        assert!(state.orders[&number].saves, "the page offers to keep the card only where it was asked to");
        let id = 8_555_026 + i64::try_from(state.cards.len()).expect("few");
        let token = format!("e98aceb96f5a370ddf46460db9d555f88bf12448f80e1839b{id}");
        state.cards.insert(token.clone(), Card::default());
        let card = json!({
            "id": id, "token": token, "masked_pan": "xxxx-xxxx-xxxx-2346", "merchant_id": 246_628,
            "card_subtype": "MasterCard", "created_at": "2026-03-11T12:00:01.000000", "email": "NA",
            "order_id": order, "user_added": false, "next_payment_intention": format!("pi_test_{order}")
        });
        Delivery {
            query: format!("hmac={}", sign_card(&card, Self::HMAC_SECRET)),
            headers: vec![("content-type".to_owned(), "application/json".to_owned())],
            body: json!({ "type": "TOKEN", "obj": card }).to_string().into_bytes(),
        }
    }

    /// The bank of a saved card says no from now on.
    pub fn decline_card(&self, token: &str) {
        lock(&self.books.state).cards.get_mut(token).expect("a card").declines = true;
    }

    /// The owner of a saved card takes it back.
    pub fn forget_card(&self, token: &str) {
        lock(&self.books.state).cards.remove(token);
    }

    /// What was really taken from a saved card, in cents, charge by charge.
    pub fn taken_from(&self, token: &str) -> Vec<i64> {
        lock(&self.books.state).taken(|_, one| one.card.as_deref() == Some(token))
    }

    /// What was really taken for a reference of the merchant's, in cents, charge by charge.
    pub fn taken_for(&self, reference: &str) -> Vec<i64> {
        lock(&self.books.state).taken(|order, _| order.reference == reference)
    }

    /// What was given back of an order, in cents.
    pub fn refunded(&self, order: &str) -> i64 {
        let order: i64 = order.parse().expect("an order's id");
        lock(&self.books.state)
            .transactions
            .values()
            .filter(|one| one.order == order)
            .map(|one| one.refunded)
            .sum()
    }

    /// The callback about an order's last transaction, signed.
    ///
    /// # Panics
    /// When nobody has tried to pay it.
    pub fn callback(&self, order: &str) -> Delivery {
        let order: i64 = order.parse().expect("an order's id");
        let state = lock(&self.books.state);
        let last = state.transactions.values().rfind(|one| one.order == order).expect("a transaction");
        let object = state.render(last);
        Delivery {
            query: format!("hmac={}", sign(&object, Self::HMAC_SECRET)),
            headers: vec![("content-type".to_owned(), "application/json".to_owned())],
            body: json!({ "type": "TRANSACTION", "obj": object }).to_string().into_bytes(),
        }
    }
}

impl Ledger {
    fn attempt(&mut self, order: i64, change: impl FnOnce(&mut Transaction)) -> &Transaction {
        let asked = &self.orders[&order];
        let id = 192_036_465 + i64::try_from(self.transactions.len()).expect("few");
        let mut attempt = Transaction {
            id,
            order,
            amount: asked.amount,
            currency: asked.currency.clone(),
            success: true,
            pending: false,
            parent: None,
            refunded: 0,
            message: "Approved",
            card: None,
        };
        change(&mut attempt);
        self.transactions.entry(id).or_insert(attempt)
    }

    fn taken(&self, which: impl Fn(&Order, &Transaction) -> bool) -> Vec<i64> {
        let payments = self.transactions.values().filter(|one| one.success && one.parent.is_none());
        payments.filter(|one| which(&self.orders[&one.order], one)).map(|one| one.amount).collect()
    }

    fn knows(&self, asked: &Value) -> bool {
        !self.keys_expired && asked["auth_token"] == self.token().as_str()
    }

    fn render(&self, one: &Transaction) -> Value {
        json!({
            "id": one.id, "pending": one.pending, "amount_cents": one.amount, "success": one.success,
            "is_auth": false, "is_capture": false, "is_standalone_payment": one.parent.is_none(), "is_voided": false,
            "is_refunded": one.refunded > 0 && one.refunded == one.amount, "is_3d_secure": one.card.is_none(),
            "integration_id": if one.card.is_some() { PaymobStandIn::MOTO } else { PaymobStandIn::INTEGRATION },
            "has_parent_transaction": one.parent.is_some(),
            "order": { "id": one.order, "merchant_order_id": self.orders[&one.order].reference },
            "created_at": "2026-03-11T12:00:00.000000", "currency": one.currency,
            "source_data": { "pan": "2346", "type": "card", "sub_type": "MasterCard" },
            "error_occured": false, "owner": 302_852, "refunded_amount_cents": one.refunded,
            "is_refund": one.parent.is_some(), "parent_transaction": one.parent, "data": { "message": one.message }
        })
    }

    fn token(&self) -> String {
        format!("token-{}", self.tokens)
    }
}

fn refuse(code: &str) -> Response {
    (StatusCode::BAD_REQUEST, Json(json!({ "detail": code }))).into_response()
}

fn keys_refused() -> Response {
    (StatusCode::UNAUTHORIZED, Json(json!({ "detail": "Incorrect credentials" }))).into_response()
}

fn not_found() -> Response {
    (StatusCode::NOT_FOUND, Json(json!({ "detail": "Not found." }))).into_response()
}

fn authorised(headers: &HeaderMap, expected: &str) -> bool {
    headers.get("authorization").is_some_and(|sent| sent == expected)
}

fn with_secret_key(state: &Ledger, headers: &HeaderMap) -> bool {
    !state.keys_expired && authorised(headers, &format!("Token {}", PaymobStandIn::SECRET_KEY))
}

fn read(body: &Bytes) -> Value {
    serde_json::from_slice(body).unwrap_or_default()
}

async fn create(State(books): State<Arc<Books>>, headers: HeaderMap, body: Bytes) -> Response {
    let act = || {
        let mut state = lock(&books.state);
        if !with_secret_key(&state, &headers) {
            return keys_refused();
        }
        let asked = read(&body);
        let (Some(amount), Some(currency)) = (asked["amount"].as_i64(), asked["currency"].as_str()) else {
            return refuse("amount and currency are required");
        };
        let items: Option<i64> = asked["items"].as_array().map(|items| {
            items
                .iter()
                .map(|item| item["amount"].as_i64().unwrap_or(0) * item["quantity"].as_i64().unwrap_or(0))
                .sum()
        });
        if items != Some(amount) {
            return refuse("the items do not sum to the amount");
        }
        if asked["billing_data"]["phone_number"].as_str().is_none_or(str::is_empty) {
            return refuse("billing_data.phone_number is required");
        }
        let id = 217_503_754 + i64::try_from(state.orders.len()).expect("few");
        let reference = asked["special_reference"].as_str().unwrap_or_default().to_owned();
        let saves = asked["extras"]["save_card"] == true;
        state.orders.insert(id, Order { amount, currency: currency.to_owned(), reference, saves });
        state.last_intention = asked;
        let answer = json!({
            "id": format!("pi_test_{id}"), "intention_order_id": id, "client_secret": format!("egy_csk_test_{id}"),
            "status": "intended"
        });
        (StatusCode::CREATED, Json(answer)).into_response()
    };
    books.front.answer(Call::Create, act).await
}

async fn token(State(books): State<Arc<Books>>, body: Bytes) -> Response {
    let act = || {
        let state = lock(&books.state);
        if state.keys_expired || read(&body)["api_key"] != PaymobStandIn::API_KEY {
            return keys_refused();
        }
        (StatusCode::CREATED, Json(json!({ "token": state.token(), "profile": {} }))).into_response()
    };
    books.front.answer(Call::Token, act).await
}

async fn inquire(State(books): State<Arc<Books>>, body: Bytes) -> Response {
    let act = || {
        let state = lock(&books.state);
        let asked = read(&body);
        if !state.knows(&asked) {
            return keys_refused();
        }
        let order: Option<i64> = match asked["merchant_order_id"].as_str() {
            Some(name) => state.orders.iter().find(|(_, order)| order.reference == name).map(|(id, _)| *id),
            None => asked["order_id"].as_str().and_then(|id| id.parse().ok()),
        };
        match state.transactions.values().rfind(|one| Some(one.order) == order) {
            Some(last) => Json(state.render(last)).into_response(),
            None => not_found(),
        }
    };
    books.front.answer(Call::Inquire, act).await
}

async fn transaction(State(books): State<Arc<Books>>, headers: HeaderMap, Path(id): Path<i64>) -> Response {
    let act = || {
        let state = lock(&books.state);
        if state.keys_expired || !authorised(&headers, &format!("Bearer {}", state.token())) {
            return keys_refused();
        }
        state.transactions.get(&id).map_or_else(not_found, |one| Json(state.render(one)).into_response())
    };
    books.front.answer(Call::Inquire, act).await
}

/// "Order Registration API". A second order of the same reference is refused.
async fn register(State(books): State<Arc<Books>>, body: Bytes) -> Response {
    let act = || {
        let mut state = lock(&books.state);
        let asked = read(&body);
        if !state.knows(&asked) {
            return keys_refused();
        }
        let reference = asked["merchant_order_id"].as_str().unwrap_or_default().to_owned();
        let (Some(amount), Some(currency)) = (cents(&asked), asked["currency"].as_str()) else {
            return refuse("amount_cents and currency are required");
        };
        if !reference.is_empty() && state.orders.values().any(|order| order.reference == reference) {
            return (StatusCode::UNPROCESSABLE_ENTITY, Json(json!({ "message": "duplicate" })))
                .into_response();
        }
        let id = 217_503_754 + i64::try_from(state.orders.len()).expect("few");
        let answer =
            json!({ "id": id, "amount_cents": amount, "currency": currency, "merchant_order_id": reference });
        state.orders.insert(id, Order { amount, currency: currency.to_owned(), reference, saves: false });
        (StatusCode::CREATED, Json(answer)).into_response()
    };
    books.front.answer(Call::Order, act).await
}

/// "Payment Key Request", with the whole address it wants.
async fn payment_key(State(books): State<Arc<Books>>, body: Bytes) -> Response {
    const ADDRESS: [&str; 13] = [
        "apartment",
        "email",
        "floor",
        "first_name",
        "street",
        "building",
        "phone_number",
        "shipping_method",
        "postal_code",
        "city",
        "country",
        "last_name",
        "state",
    ];
    let act = || {
        let mut state = lock(&books.state);
        let asked = read(&body);
        if !state.knows(&asked) {
            return keys_refused();
        }
        let order: Option<i64> = asked["order_id"].as_str().and_then(|id| id.parse().ok());
        let Some((id, order)) = order.and_then(|id| state.orders.get(&id).map(|order| (id, order))) else {
            return not_found();
        };
        if cents(&asked) != Some(order.amount) || asked["currency"] != order.currency.as_str() {
            return refuse("amount_cents does not match the order");
        }
        if asked["integration_id"] != PaymobStandIn::MOTO {
            return refuse("Integration ID/Name does not exist in our system");
        }
        let missing = |field: &&str| asked["billing_data"][*field].as_str().is_none_or(str::is_empty);
        if ADDRESS.iter().any(missing) {
            return refuse("billing_data is not complete");
        }
        let key = format!("key-{}-of-{id}", state.payment_keys.len());
        state.payment_keys.insert(key.clone(), id);
        (StatusCode::CREATED, Json(json!({ "token": key }))).into_response()
    };
    books.front.answer(Call::PaymentKey, act).await
}

/// "Pay With Saved Token".
async fn charge(State(books): State<Arc<Books>>, body: Bytes) -> Response {
    let act = || {
        let mut state = lock(&books.state);
        let asked = read(&body);
        let key = asked["payment_token"].as_str().unwrap_or_default();
        let Some(order) = state.payment_keys.get(key).copied().filter(|_| !state.keys_expired) else {
            return keys_refused();
        };
        let token = asked["source"]["identifier"].as_str().unwrap_or_default().to_owned();
        let Some(card) = state.cards.get(&token).filter(|_| asked["source"]["subtype"] == "TOKEN") else {
            return refuse("Card token does not exist");
        };
        if state.transactions.values().any(|one| one.order == order && one.success) {
            return refuse("This order is already paid");
        }
        let declines = card.declines;
        let made = state.attempt(order, |attempt| {
            attempt.card = Some(token);
            if declines {
                attempt.success = false;
                attempt.message = "Insufficient funds";
            }
        });
        let made = made.clone();
        Json(json!({ "type": "TRANSACTION", "obj": state.render(&made) })).into_response()
    };
    books.front.answer(Call::Charge, act).await
}

/// Text in the published samples.
fn cents(asked: &Value) -> Option<i64> {
    asked["amount_cents"].as_str().and_then(|text| text.parse().ok())
}

async fn refund(State(books): State<Arc<Books>>, headers: HeaderMap, body: Bytes) -> Response {
    let act = || {
        let mut state = lock(&books.state);
        if !with_secret_key(&state, &headers) {
            return keys_refused();
        }
        let asked = read(&body);
        let (Some(id), Some(amount)) = (asked["transaction_id"].as_i64(), asked["amount_cents"].as_i64())
        else {
            return refuse("transaction_id and amount_cents are required");
        };
        let Some(payment) = state.transactions.get_mut(&id) else { return not_found() };
        if !payment.success || payment.refunded + amount > payment.amount {
            return refuse("Full Amount has been already refunded");
        }
        payment.refunded += amount;
        let refund = Transaction {
            id: 192_036_465 + i64::try_from(state.transactions.len()).expect("few"),
            parent: Some(id),
            amount,
            refunded: 0,
            ..state.transactions[&id].clone()
        };
        let answer = state.render(&refund);
        state.transactions.insert(refund.id, refund);
        Json(answer).into_response()
    };
    books.front.answer(Call::Refund, act).await
}

/// HMAC-SHA512 over the published fields, written down here once more so that a slip in the client is noticed.
fn sign(object: &Value, secret: &str) -> String {
    let of = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let text = [
        of(&object["amount_cents"]),
        of(&object["created_at"]),
        of(&object["currency"]),
        of(&object["error_occured"]),
        of(&object["has_parent_transaction"]),
        of(&object["id"]),
        of(&object["integration_id"]),
        of(&object["is_3d_secure"]),
        of(&object["is_auth"]),
        of(&object["is_capture"]),
        of(&object["is_refunded"]),
        of(&object["is_standalone_payment"]),
        of(&object["is_voided"]),
        of(&object["order"]["id"]),
        of(&object["owner"]),
        of(&object["pending"]),
        of(&object["source_data"]["pan"]),
        of(&object["source_data"]["sub_type"]),
        of(&object["source_data"]["type"]),
        of(&object["success"]),
    ]
    .concat();
    hmac_of(&text, secret)
}

/// The same for a saved card.
fn sign_card(card: &Value, secret: &str) -> String {
    let of = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let text = [
        of(&card["card_subtype"]),
        of(&card["created_at"]),
        of(&card["email"]),
        of(&card["id"]),
        of(&card["masked_pan"]),
        of(&card["merchant_id"]),
        of(&card["order_id"]),
        of(&card["token"]),
    ]
    .concat();
    hmac_of(&text, secret)
}

fn hmac_of(text: &str, secret: &str) -> String {
    let mac = Hmac::<Sha512>::new_from_slice(secret.as_bytes()).expect("a key of any length");
    let mut hex = String::new();
    for byte in mac.chain_update(text).finalize().into_bytes() {
        write!(hex, "{byte:02x}").expect("a string");
    }
    hex
}
