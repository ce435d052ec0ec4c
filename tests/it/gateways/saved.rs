//! Methods that payers leave with a gateway, and charges to them without their owners.
use super::{order, paymob, paypal, read};
use chrono::{DateTime, Utc};
use gatehouse_core::money::Money;
use gatehouse_core::secret::Secret;
use gatehouse_net::gateways::paymob::PaymobConfig;
use gatehouse_net::gateways::{
    Charged, Event, Gateway, GatewayError, News, Payer, PaymentOrder, SavedCharge, SavedMethod, Settlement,
    WebhookError,
};
use gatehouse_testkit::FakeClock;
use gatehouse_testkit::gateways::{Call, Delivery, Mischief, PaymobStandIn, PaypalStandIn, certificates};
use std::io::Write;
use std::sync::{Arc, Mutex};
use uuid::Uuid;

fn charge(token: &Secret, minor: i64, currency: &str) -> SavedCharge {
    SavedCharge {
        request: Uuid::from_u128(0x0197_0000_0000_7000_8000_0000_0000_0002),
        amount: Money::new(minor, currency),
        description: "Monthly, Iron House, April".into(),
        payer: Payer { first_name: "Layla".into(), ..Payer::default() },
        token: token.clone(),
        first_sent: at("2026-03-11T10:00:00Z"),
    }
}

fn another(charge: &SavedCharge) -> SavedCharge {
    SavedCharge { request: Uuid::from_u128(3), ..charge.clone() }
}

fn reference(charge: &SavedCharge) -> String {
    charge.request.to_string()
}

fn at(text: &str) -> DateTime<Utc> {
    text.parse().expect("a time")
}

fn saving(minor: i64, currency: &str) -> PaymentOrder {
    PaymentOrder { save: true, ..order(minor, currency) }
}

fn refused(code: &str) -> GatewayError {
    GatewayError::Refused { code: code.into() }
}

/// What was paid with a charge.
fn paid(charged: &Charged) -> &Money {
    match &charged.settlement {
        Settlement::Paid(capture) => &capture.amount,
        other => panic!("{other:?}"),
    }
}

fn is_unknown<T>(answer: &Result<T, GatewayError>) -> bool {
    matches!(answer, Err(GatewayError::Unknown(_)))
}

async fn saved(gateway: &Gateway, delivery: &Delivery) -> (String, SavedMethod) {
    match read(gateway, delivery).await {
        Ok(Some(Event { order_id, news: News::Saved(method), .. })) => (order_id, method),
        other => panic!("{other:?}"),
    }
}

/// A member who paid 250 pounds and left the card.
async fn with_card() -> (PaymobStandIn, Gateway, Secret) {
    let stand_in = PaymobStandIn::start().await;
    let (gateway, _) = paymob::client(paymob::config(stand_in.url()));
    let created = gateway.create(&saving(25_000, "EGP")).await.expect("an order");
    let (_, method) = saved(&gateway, &stand_in.pay_and_save(&created.order_id)).await;
    (stand_in, gateway, method.token)
}

/// A member who paid 45 dollars and left the wallet.
async fn with_wallet() -> (PaypalStandIn, Gateway, FakeClock, Secret) {
    let stand_in = PaypalStandIn::start().await;
    let (gateway, clock) = paypal::client(paypal::config(&stand_in, certificates::NAME));
    let method = kept(&stand_in, &gateway).await.expect("a wallet");
    (stand_in, gateway, clock, method.token)
}

/// What a paid order says of the wallet.
async fn kept(stand_in: &PaypalStandIn, gateway: &Gateway) -> Option<SavedMethod> {
    let created = gateway.create(&saving(4_500, "USD")).await.expect("an order");
    stand_in.approve(&created.order_id);
    let mut answers = Vec::new();
    for _ in 0..2 {
        match gateway.inquire(&created.order_id).await {
            Ok(Settlement::Paid(capture)) => answers.push(capture.saved),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(answers[0], answers[1], "by the capture and by the question afterwards");
    answers.remove(0)
}

#[tokio::test]
async fn a_card_is_left_with_paymob_and_charged_without_its_owner() {
    let stand_in = PaymobStandIn::start().await;
    let (gateway, _) = paymob::client(paymob::config(stand_in.url()));
    let created = gateway.create(&saving(25_000, "EGP")).await.expect("an order");
    assert_eq!(stand_in.last_intention()["extras"]["save_card"], true);
    let delivery = stand_in.pay_and_save(&created.order_id);
    let (order_id, method) = saved(&gateway, &delivery).await;
    assert_eq!((order_id, method.label.as_str()), (created.order_id, "MasterCard •••• 2346"));
    assert_eq!(saved(&gateway, &delivery).await.1, method, "twice is the same card");

    let wanted = charge(&method.token, 30_000, "EGP");
    let charged = gateway.charge(&wanted).await.expect("charged");
    assert_eq!(paid(&charged), &wanted.amount);
    let token = method.token.expose();
    assert_eq!(stand_in.taken_from(token), [30_000]);
    assert_eq!(stand_in.taken_for(&reference(&wanted)), [30_000]);
    let asked = gateway.inquire(charged.order_id.as_deref().expect("an order")).await;
    assert_eq!(asked, Ok(charged.settlement.clone()));
    assert_eq!(gateway.find_charge(&wanted).await, Ok(Some(charged)));
}

#[tokio::test]
async fn who_is_not_asked_leaves_no_method() {
    let stand_in = PaymobStandIn::start().await;
    let (gateway, _) = paymob::client(paymob::config(stand_in.url()));
    gateway.create(&order(25_000, "EGP")).await.expect("an order");
    assert!(stand_in.last_intention().get("extras").is_none());

    let stand_in = PaypalStandIn::start().await;
    let (gateway, _) = paypal::client(paypal::config(&stand_in, certificates::NAME));
    let created = gateway.create(&order(4_500, "USD")).await.expect("an order");
    stand_in.approve(&created.order_id);
    let settled = gateway.inquire(&created.order_id).await.expect("paid");
    assert!(matches!(&settled, Settlement::Paid(capture) if capture.saved.is_none()), "{settled:?}");
}

#[tokio::test]
async fn a_declined_card_takes_nothing() {
    let (stand_in, gateway, token) = with_card().await;
    stand_in.decline_card(token.expose());
    let wanted = charge(&token, 30_000, "EGP");
    let charged = gateway.charge(&wanted).await.expect("an answer");
    assert_eq!(charged.settlement, Settlement::Failed { reason: "Insufficient funds".into() });
    assert_eq!(gateway.find_charge(&wanted).await, Ok(Some(charged)));
    assert!(stand_in.taken_from(token.expose()).is_empty());
}

#[tokio::test]
async fn a_card_charge_whose_answer_got_lost_is_found_and_made_once() {
    for mischief in [Mischief::HangAfterwards, Mischief::ServerErrorAfterwards] {
        let (stand_in, gateway, token) = with_card().await;
        let wanted = charge(&token, 30_000, "EGP");
        stand_in.misbehave(Call::Charge, mischief);
        let lost = gateway.charge(&wanted).await;
        assert!(is_unknown(&lost), "{lost:?}");
        let found = gateway.find_charge(&wanted).await.expect("an answer").expect("it was made");
        assert_eq!(paid(&found), &wanted.amount);
        let again = gateway.charge(&wanted).await;
        assert!(is_unknown(&again), "{again:?}");
        assert_eq!((stand_in.taken_from(token.expose()), stand_in.count(Call::Charge)), (vec![30_000], 1));
    }
}

#[tokio::test]
async fn a_card_charge_that_never_got_there_is_not_found() {
    for mischief in [Mischief::ServerError, Mischief::Hang, Mischief::Nonsense] {
        let (stand_in, gateway, token) = with_card().await;
        let wanted = charge(&token, 30_000, "EGP");
        stand_in.misbehave(Call::Charge, mischief);
        let lost = gateway.charge(&wanted).await;
        assert!(is_unknown(&lost), "{lost:?}");
        assert_eq!(gateway.find_charge(&wanted).await, Ok(None));
        gateway.charge(&another(&wanted)).await.expect("charged under another request");
        assert_eq!(stand_in.taken_from(token.expose()), [30_000]);
    }
}

#[tokio::test]
async fn what_goes_wrong_before_a_card_is_charged_took_nothing() {
    let (stand_in, gateway, token) = with_card().await;
    let wanted = charge(&token, 30_000, "EGP");
    stand_in.misbehave(Call::Order, Mischief::HangAfterwards);
    let lost = gateway.charge(&wanted).await;
    assert!(matches!(lost, Err(GatewayError::Unreachable(_))), "{lost:?}");
    assert_eq!(gateway.find_charge(&wanted).await, Ok(None));
    let again = gateway.charge(&wanted).await;
    assert!(is_unknown(&again), "the reference is used up: {again:?}");
    for _ in 0..3 {
        stand_in.misbehave(Call::PaymentKey, Mischief::ServerError);
    }
    let lost = gateway.charge(&another(&wanted)).await;
    assert!(matches!(lost, Err(GatewayError::Unreachable(_))), "{lost:?}");
    assert_eq!((stand_in.taken_from(token.expose()).len(), stand_in.count(Call::Charge)), (0, 0));
}

#[tokio::test]
async fn a_card_that_was_taken_back_is_refused() {
    let (stand_in, gateway, token) = with_card().await;
    stand_in.forget_card(token.expose());
    let wanted = charge(&token, 30_000, "EGP");
    assert_eq!(gateway.charge(&wanted).await, Err(refused("Card token does not exist")));
    assert_eq!(gateway.find_charge(&wanted).await, Ok(None));
    assert!(stand_in.taken_for(&reference(&wanted)).is_empty());
}

#[tokio::test]
async fn a_card_is_charged_with_a_new_token_and_not_with_expired_keys() {
    let (stand_in, gateway, card) = with_card().await;
    let wanted = charge(&card, 30_000, "EGP");
    gateway.charge(&wanted).await.expect("charged");
    stand_in.withdraw_token();
    gateway.charge(&another(&wanted)).await.expect("charged, with a new token");
    assert_eq!((stand_in.count(Call::Token), stand_in.taken_from(card.expose()).len()), (2, 2));
    stand_in.expire_keys();
    let third = SavedCharge { request: Uuid::from_u128(4), ..wanted.clone() };
    assert_eq!(gateway.charge(&third).await, Err(GatewayError::ExpiredKeys));
    assert_eq!(gateway.find_charge(&wanted).await, Err(GatewayError::ExpiredKeys));
    assert_eq!(stand_in.taken_from(card.expose()).len(), 2);
}

#[tokio::test]
async fn a_house_without_a_moto_integration_charges_no_card() {
    let stand_in = PaymobStandIn::start().await;
    let config = PaymobConfig { moto_integration: None, ..paymob::config(stand_in.url()) };
    let (gateway, _) = paymob::client(config);
    let answer = gateway.charge(&charge(&Secret::new("e98aceb9"), 30_000, "EGP")).await;
    assert_eq!(answer, Err(refused("moto_not_set_up")));
    assert_eq!((stand_in.count(Call::Order), stand_in.count(Call::Charge)), (0, 0));
}

#[tokio::test]
async fn what_cannot_be_charged_is_refused_before_it_is_sent() {
    let (cards, by_card, card) = with_card().await;
    let (wallets, by_wallet, _, wallet) = with_wallet().await;
    for (minor, currency, code) in [(0, "EGP", "amount_not_payable"), (100, "XXX", "currency_not_supported")]
    {
        assert_eq!(by_card.charge(&charge(&card, minor, currency)).await, Err(refused(code)));
    }
    for (minor, currency, code) in [(0, "USD", "amount_not_payable"), (100, "EGP", "currency_not_supported")]
    {
        assert_eq!(by_wallet.charge(&charge(&wallet, minor, currency)).await, Err(refused(code)));
    }
    assert_eq!((cards.count(Call::Order), wallets.count(Call::Charge)), (0, 0));
}

#[tokio::test]
async fn a_forged_message_leaves_no_card() {
    let stand_in = PaymobStandIn::start().await;
    let (gateway, _) = paymob::client(paymob::config(stand_in.url()));
    let created = gateway.create(&saving(25_000, "EGP")).await.expect("an order");
    let good = stand_in.pay_and_save(&created.order_id);
    let token = saved(&gateway, &good).await.1.token;
    assert_eq!(read(&gateway, &good.clone().unsigned()).await, Err(WebhookError::Unsigned));
    for (text, other) in [
        (token.expose(), "e98aceb96f5a370ddf46460db9d555f88bf12448f80e1839b0000000"),
        (created.order_id.as_str(), "217503755"),
        ("2346", "4242"),
        ("\"TOKEN\"", "\"TRANSACTION\""),
    ] {
        let forged = read(&gateway, &good.clone().with(text, other)).await;
        assert_eq!(forged, Err(WebhookError::WrongSignature), "{other}");
    }
    let about_the_money = Delivery { query: stand_in.callback(&created.order_id).query, ..good };
    assert_eq!(read(&gateway, &about_the_money).await, Err(WebhookError::WrongSignature));
}

/// The payer's browser carries what Paymob signed of the payment. Cut otherwise, it is the text of a card.
#[tokio::test]
async fn the_signature_of_a_payment_makes_no_card() {
    let stand_in = PaymobStandIn::start().await;
    let (gateway, _) = paymob::client(paymob::config(stand_in.url()));
    let created = gateway.create(&saving(25_000, "EGP")).await.expect("an order");
    stand_in.pay(&created.order_id);
    let card = serde_json::json!({ "type": "TOKEN", "obj": {
        "card_subtype": "25000", "created_at": "2026-03-11T12:00:00.000000",
        "email": "EGPfalsefalse1920364654097558truefalsefalsefalsetruefalse", "id": 2, "masked_pan": "1750",
        "merchant_id": 3, "order_id": "754302852", "token": "false2346MasterCardcardtrue"
    } });
    let forged = Delivery { body: card.to_string().into_bytes(), ..stand_in.callback(&created.order_id) };
    let answer = read(&gateway, &forged).await;
    assert!(matches!(answer, Err(WebhookError::Malformed(_))), "{answer:?}");
}

#[tokio::test]
async fn a_wallet_is_left_with_paypal_and_charged_without_its_owner() {
    let stand_in = PaypalStandIn::start().await;
    let (gateway, _) = paypal::client(paypal::config(&stand_in, certificates::NAME));
    let method = kept(&stand_in, &gateway).await.expect("a wallet");
    assert_eq!(method.label, format!("PayPal {}", PaypalStandIn::PAYER));
    let wanted = charge(&method.token, 3_000, "USD");
    let charged = gateway.charge(&wanted).await.expect("charged");
    assert_eq!(paid(&charged), &wanted.amount);
    assert_eq!(stand_in.taken_from(method.token.expose()), ["30.00"]);
    let asked = gateway.inquire(charged.order_id.as_deref().expect("an order")).await;
    assert_eq!(asked, Ok(charged.settlement.clone()));
    assert_eq!(gateway.charge(&wanted).await, Ok(charged.clone()), "the same key gives the same answer");
    assert_eq!(gateway.find_charge(&wanted).await, Ok(Some(charged)));
    assert_eq!(stand_in.taken_for(&reference(&wanted)), ["30.00"]);
}

#[tokio::test]
async fn a_wallet_that_is_kept_later_comes_in_a_message() {
    let stand_in = PaypalStandIn::start().await;
    let (gateway, _) = paypal::client(paypal::config(&stand_in, certificates::NAME));
    stand_in.vault_late();
    assert_eq!(kept(&stand_in, &gateway).await, None);
    let delivery = stand_in.vault_message("5O190127TN0000001");
    let (order_id, method) = saved(&gateway, &delivery).await;
    assert_eq!((order_id.as_str(), method.label.as_str()), ("5O190127TN0000001", "PayPal layla@example.com"));
    let forged = read(&gateway, &delivery.with(method.token.expose(), "3nqvjt99")).await;
    assert_eq!(forged, Err(WebhookError::WrongSignature));
    let settled = gateway.inquire(&order_id).await.expect("paid");
    assert!(matches!(settled, Settlement::Paid(capture) if capture.saved == Some(method)));
}

#[tokio::test]
async fn a_wallet_without_a_purchase_is_of_no_order() {
    let stand_in = PaypalStandIn::start().await;
    let (gateway, _) = paypal::client(paypal::config(&stand_in, certificates::NAME));
    let resource = serde_json::json!({ "id": "3nqvjt01", "payment_source": { "paypal": {} } });
    let message = stand_in.message("VAULT.PAYMENT-TOKEN.CREATED", &resource);
    assert_eq!(read(&gateway, &message).await, Ok(None));
}

#[tokio::test]
async fn a_declined_wallet_takes_nothing() {
    let (stand_in, gateway, _, token) = with_wallet().await;
    stand_in.decline_wallet(token.expose());
    let settlement = Settlement::Failed { reason: "instrument_declined".into() };
    let wanted = charge(&token, 3_000, "USD");
    assert_eq!(gateway.charge(&wanted).await, Ok(Charged { order_id: None, settlement }));
    assert!(stand_in.taken_from(token.expose()).is_empty());
}

#[tokio::test]
async fn a_wallet_whose_agreement_ended_is_refused() {
    let (stand_in, gateway, _, token) = with_wallet().await;
    stand_in.forget_wallet(token.expose());
    let wanted = charge(&token, 3_000, "USD");
    assert_eq!(gateway.charge(&wanted).await, Err(refused("BILLING_AGREEMENT_NOT_FOUND")));
    assert!(stand_in.taken_for(&reference(&wanted)).is_empty());
}

#[tokio::test]
async fn a_wallet_charge_whose_answer_got_lost_is_made_once() {
    let (stand_in, gateway, _, token) = with_wallet().await;
    let wanted = charge(&token, 3_000, "USD");
    stand_in.misbehave(Call::Charge, Mischief::HangAfterwards);
    stand_in.misbehave(Call::Charge, Mischief::ServerErrorAfterwards);
    let charged = gateway.charge(&wanted).await.expect("charged, at the third attempt");
    assert_eq!((paid(&charged), stand_in.count(Call::Charge)), (&wanted.amount, 3));

    let wanted = another(&wanted);
    for _ in 0..3 {
        stand_in.misbehave(Call::Charge, Mischief::HangAfterwards);
    }
    let lost = gateway.charge(&wanted).await;
    assert!(is_unknown(&lost), "{lost:?}");
    let found = gateway.find_charge(&wanted).await.expect("an answer").expect("it was made");
    assert_eq!(paid(&found), &wanted.amount);
    assert_eq!(stand_in.taken_for(&reference(&wanted)), ["30.00"]);
    assert_eq!(stand_in.taken_from(token.expose()), ["30.00", "30.00"], "one for each request");
}

#[tokio::test]
async fn a_wallet_charge_that_never_got_there_is_made_by_the_question() {
    let (stand_in, gateway, _, token) = with_wallet().await;
    let wanted = charge(&token, 3_000, "USD");
    for mischief in [Mischief::ServerError, Mischief::Hang, Mischief::ServerError] {
        stand_in.misbehave(Call::Charge, mischief);
    }
    let lost = gateway.charge(&wanted).await;
    assert!(is_unknown(&lost), "{lost:?}");
    assert!(stand_in.taken_from(token.expose()).is_empty());
    let found = gateway.find_charge(&wanted).await.expect("an answer").expect("it is made now");
    assert_eq!((paid(&found), stand_in.taken_from(token.expose())), (&wanted.amount, vec!["30.00".into()]));
}

#[tokio::test]
async fn an_answer_of_paypals_that_cannot_be_read_is_unknown() {
    let (stand_in, gateway, _, token) = with_wallet().await;
    let wanted = charge(&token, 3_000, "USD");
    stand_in.misbehave(Call::Charge, Mischief::Nonsense);
    let unclear = gateway.charge(&wanted).await;
    assert!(is_unknown(&unclear), "{unclear:?}");
}

/// PayPal forgets a key after six hours; sent again then, it would be another charge.
#[tokio::test]
async fn a_wallet_charge_of_this_morning_is_not_sent_again() {
    let (stand_in, gateway, clock, token) = with_wallet().await;
    let wanted = charge(&token, 3_000, "USD");
    for _ in 0..3 {
        stand_in.misbehave(Call::Charge, Mischief::HangAfterwards);
    }
    assert!(is_unknown(&gateway.charge(&wanted).await));
    clock.set("2026-03-11T15:00:01Z");
    assert!(is_unknown(&gateway.find_charge(&wanted).await));
    assert_eq!(stand_in.count(Call::Charge), 3);
    // An account that lets no invoice be paid twice holds where the key does not.
    clock.set("2026-03-11T14:59:59Z");
    stand_in.forget_keys();
    assert!(is_unknown(&gateway.find_charge(&wanted).await));
    assert_eq!((stand_in.count(Call::Charge), stand_in.taken_from(token.expose()).len()), (4, 1));
}

#[tokio::test]
async fn expired_keys_charge_no_wallet() {
    let (stand_in, gateway, _, token) = with_wallet().await;
    stand_in.expire_keys();
    let wanted = charge(&token, 3_000, "USD");
    assert_eq!(gateway.charge(&wanted).await, Err(GatewayError::ExpiredKeys));
    assert_eq!(gateway.find_charge(&wanted).await, Err(GatewayError::ExpiredKeys));
    assert!(stand_in.taken_from(token.expose()).is_empty());
}

/// What the last attempt did not reach, the first may have done.
#[tokio::test]
async fn a_gateway_that_goes_away_after_the_charge_leaves_it_unknown() {
    let (stand_in, gateway, _, token) = with_wallet().await;
    let wanted = charge(&token, 3_000, "USD");
    stand_in.misbehave(Call::Charge, Mischief::HangAfterwards);
    let goes_away = async {
        while stand_in.taken_from(token.expose()).is_empty() {
            tokio::task::yield_now().await;
        }
        drop(stand_in);
    };
    let (answer, ()) = tokio::join!(gateway.charge(&wanted), goes_away);
    assert!(is_unknown(&answer), "{answer:?}");
}

/// All that is logged, at every level, by us and the libraries.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("the log").write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn a_token_is_never_printed_nor_logged() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing_subscriber::filter::LevelFilter::TRACE)
        .with_writer(move || writer.clone())
        .finish();
    let _logging = tracing::subscriber::set_default(subscriber);

    let (cards, by_card, card) = with_card().await;
    let (wallets, by_wallet, _, wallet) = with_wallet().await;
    let mut printed = String::new();
    for (gateway, wanted) in
        [(&by_card, charge(&card, 30_000, "EGP")), (&by_wallet, charge(&wallet, 3_000, "USD"))]
    {
        cards.misbehave(Call::Charge, Mischief::HangAfterwards);
        wallets.misbehave(Call::Charge, Mischief::HangAfterwards);
        let method = SavedMethod { token: wanted.token.clone(), label: "PayPal".into() };
        let event = Event { event_id: "1".into(), order_id: "2".into(), news: News::Saved(method) };
        let answers = (gateway.charge(&wanted).await, gateway.find_charge(&wanted).await);
        printed = [printed, format!("{wanted:?} {event:?} {answers:?}")].concat();
    }
    let logged = String::from_utf8(log.0.lock().expect("the log").clone()).expect("text");
    assert!(logged.contains("127.0.0.1"), "it logs");
    assert!(printed.contains("Secret(…)"), "{printed}");
    for token in [&card, &wallet] {
        assert!(!printed.contains(token.expose()) && !logged.contains(token.expose()));
    }
}
