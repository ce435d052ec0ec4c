use super::{order, outcome, read, timing};
use gatehouse_core::money::Money;
use gatehouse_core::secret::Secret;
use gatehouse_net::gateways::paymob::PaymobConfig;
use gatehouse_net::gateways::{
    Capture, Created, Event, Gateway, GatewayError, News, PaymentOrder, Paymob, Refund, RefundState,
    Settlement, WebhookError,
};
use gatehouse_testkit::FakeClock;
use gatehouse_testkit::gateways::{Call, Mischief, PaymobStandIn};
use std::sync::Arc;
use uuid::Uuid;

pub(super) fn config(base_url: &str) -> PaymobConfig {
    PaymobConfig {
        base_url: base_url.into(),
        public_key: PaymobStandIn::PUBLIC_KEY.into(),
        secret_key: Secret::new(PaymobStandIn::SECRET_KEY),
        api_key: Secret::new(PaymobStandIn::API_KEY),
        hmac_secret: Secret::new(PaymobStandIn::HMAC_SECRET),
        integrations: vec![PaymobStandIn::INTEGRATION],
        moto_integration: Some(PaymobStandIn::MOTO),
        timing: timing(),
    }
}

pub(super) fn client(config: PaymobConfig) -> (Gateway, FakeClock) {
    let clock = FakeClock::at("2026-03-11T10:00:00Z");
    (Gateway::Paymob(Paymob::new(config, Arc::new(clock.clone())).expect("a client")), clock)
}

/// A stand-in, its client, and an order of 250 pounds.
async fn ordered() -> (PaymobStandIn, Gateway, Created) {
    let stand_in = PaymobStandIn::start().await;
    let (gateway, _) = client(config(stand_in.url()));
    let created = gateway.create(&order(25_000, "EGP")).await.expect("an order");
    (stand_in, gateway, created)
}

fn paid(id: &str, minor: i64, currency: &str) -> Settlement {
    Settlement::Paid(Capture { id: id.into(), amount: Money::new(minor, currency), at: None, saved: None })
}

const FIRST: &str = "192036465";
const KEY: Uuid = Uuid::from_u128(7);

#[tokio::test]
async fn the_payer_is_sent_to_paymobs_own_page() {
    let (stand_in, _, created) = ordered().await;
    assert_eq!(created.order_id, "217503754");
    let page = format!(
        "{}/unifiedcheckout/?publicKey=egy_pk_test_stand_in&clientSecret=egy_csk_test_217503754",
        stand_in.url()
    );
    assert_eq!(created.pay_url, page);
    let asked = stand_in.last_intention();
    assert_eq!((&asked["amount"], &asked["currency"]), (&25_000.into(), &"EGP".into()));
    assert_eq!(asked["special_reference"], order(1, "EGP").request.to_string());
}

#[tokio::test]
async fn the_thousandths_of_a_rial_reach_paymob_whole() {
    let stand_in = PaymobStandIn::start().await;
    let (gateway, _) = client(config(stand_in.url()));
    gateway.create(&order(12_345, "OMR")).await.expect("an order");
    assert_eq!(stand_in.last_intention()["amount"], 12_345);
}

#[tokio::test]
async fn an_order_is_pending_until_it_is_paid() {
    let (stand_in, gateway, created) = ordered().await;
    assert_eq!(gateway.inquire(&created.order_id).await, Ok(Settlement::Pending));
    stand_in.begin(&created.order_id);
    assert_eq!(gateway.inquire(&created.order_id).await, Ok(Settlement::Pending));
    stand_in.decline(&created.order_id);
    let failed = Settlement::Failed { reason: "Do not honour".into() };
    assert_eq!(gateway.inquire(&created.order_id).await, Ok(failed));
    stand_in.pay(&created.order_id);
    assert_eq!(gateway.inquire(&created.order_id).await, Ok(paid("192036467", 25_000, "EGP")));
}

#[tokio::test]
async fn a_changed_amount_and_another_currency_are_told_as_they_are() {
    let (stand_in, gateway, created) = ordered().await;
    stand_in.pay_another_amount(&created.order_id, 100);
    assert_eq!(gateway.inquire(&created.order_id).await, Ok(paid(FIRST, 100, "EGP")));
    let event =
        read(&gateway, &stand_in.callback(&created.order_id)).await.expect("signed").expect("followed");
    assert_eq!(outcome(event), paid(FIRST, 100, "EGP"));
    stand_in.pay_in_another_currency(&created.order_id, "PKR");
    assert_eq!(gateway.inquire(&created.order_id).await, Ok(paid("192036466", 25_000, "PKR")));
}

#[tokio::test]
async fn a_callback_says_what_was_paid() {
    let (stand_in, gateway, created) = ordered().await;
    stand_in.pay(&created.order_id);
    let event = read(&gateway, &stand_in.callback(&created.order_id)).await;
    let expected = Event {
        event_id: format!("{FIRST}-paid"),
        order_id: created.order_id,
        news: News::Outcome(paid(FIRST, 25_000, "EGP")),
    };
    assert_eq!(event, Ok(Some(expected)));
}

#[tokio::test]
async fn a_callback_that_comes_twice_is_the_same_event() {
    let (stand_in, gateway, created) = ordered().await;
    stand_in.pay(&created.order_id);
    let delivery = stand_in.callback(&created.order_id);
    let (first, second) = (read(&gateway, &delivery).await, read(&gateway, &delivery).await);
    assert!(first.as_ref().is_ok_and(Option::is_some));
    assert_eq!(first, second);
}

#[tokio::test]
async fn callbacks_out_of_order_are_different_events_of_one_order() {
    let (stand_in, gateway, created) = ordered().await;
    stand_in.decline(&created.order_id);
    let declined = stand_in.callback(&created.order_id);
    stand_in.pay(&created.order_id);
    let paid_for = stand_in.callback(&created.order_id);
    let late = read(&gateway, &paid_for).await.expect("signed").expect("followed");
    let early = read(&gateway, &declined).await.expect("signed").expect("followed");
    assert_eq!(late.order_id, early.order_id);
    assert_ne!(late.event_id, early.event_id);
    assert!(matches!(outcome(late), Settlement::Paid(_)));
    assert!(matches!(outcome(early), Settlement::Failed { .. }));
}

#[tokio::test]
async fn a_callback_that_comes_late_says_what_the_inquiry_said() {
    let (stand_in, gateway, created) = ordered().await;
    stand_in.pay(&created.order_id);
    let late = stand_in.callback(&created.order_id);
    let asked = gateway.inquire(&created.order_id).await.expect("an answer");
    assert_eq!(outcome(read(&gateway, &late).await.expect("signed").expect("followed")), asked);
}

#[tokio::test]
async fn a_callback_without_a_signature_or_with_a_wrong_one_is_refused() {
    let (stand_in, gateway, created) = ordered().await;
    stand_in.pay(&created.order_id);
    let good = stand_in.callback(&created.order_id);
    assert_eq!(read(&gateway, &good.clone().unsigned()).await, Err(WebhookError::Unsigned));
    let wrong = || Err(WebhookError::WrongSignature);
    assert_eq!(
        read(&gateway, &good.clone().with("\"amount_cents\":25000", "\"amount_cents\":1")).await,
        wrong()
    );
    assert_eq!(read(&gateway, &good.clone().with("\"id\":217503754", "\"id\":217503755")).await, wrong());
    let mut other = good.clone();
    other.query = format!("hmac={}", "0".repeat(128));
    assert_eq!(read(&gateway, &other).await, wrong());
    other.query = good.query.clone();
    other.body = b"hmac first, then JSON".to_vec();
    assert_eq!(read(&gateway, &other).await, wrong());
}

#[tokio::test]
async fn a_callback_about_a_refund_is_no_payment() {
    let (stand_in, gateway, created) = ordered().await;
    stand_in.pay(&created.order_id);
    gateway.refund(FIRST, &Money::new(5_000, "EGP"), KEY).await.expect("a refund");
    let event =
        read(&gateway, &stand_in.callback(&created.order_id)).await.expect("signed").expect("followed");
    assert_eq!(outcome(event), Settlement::Pending);
}

#[tokio::test]
async fn a_refund_is_seen_by_the_next_inquiry() {
    let (stand_in, gateway, created) = ordered().await;
    stand_in.pay(&created.order_id);
    let refund = gateway.refund(FIRST, &Money::new(5_000, "EGP"), KEY).await;
    assert_eq!(refund, Ok(Refund { id: "192036466".into(), state: RefundState::Done }));
    let capture = Capture { id: FIRST.into(), amount: Money::new(25_000, "EGP"), at: None, saved: None };
    let refunded = Settlement::Refunded { capture, refunded: Money::new(5_000, "EGP") };
    assert_eq!(gateway.inquire(&created.order_id).await, Ok(refunded));
}

#[tokio::test]
async fn a_refused_refund_gives_paymobs_reason_and_nothing_back() {
    let (stand_in, gateway, created) = ordered().await;
    stand_in.pay(&created.order_id);
    let refused = gateway.refund(FIRST, &Money::new(25_001, "EGP"), KEY).await;
    let reason = GatewayError::Refused { code: "Full Amount has been already refunded".into() };
    assert_eq!(refused, Err(reason));
    stand_in.misbehave(Call::Refund, Mischief::Refuse("Insufficient balance"));
    let refused = gateway.refund(FIRST, &Money::new(100, "EGP"), KEY).await;
    assert_eq!(refused, Err(GatewayError::Refused { code: "Insufficient balance".into() }));
    assert_eq!(stand_in.refunded(&created.order_id), 0);
}

#[tokio::test]
async fn a_refund_that_timed_out_after_its_success_is_unknown_and_never_sent_again() {
    let (stand_in, gateway, created) = ordered().await;
    stand_in.pay(&created.order_id);
    stand_in.misbehave(Call::Refund, Mischief::HangAfterwards);
    let lost = gateway.refund(FIRST, &Money::new(5_000, "EGP"), KEY).await;
    assert!(matches!(lost, Err(GatewayError::Unknown(_))), "{lost:?}");
    assert_eq!(stand_in.count(Call::Refund), 1);
    let settled = gateway.inquire(&created.order_id).await.expect("an answer");
    assert!(
        matches!(&settled, Settlement::Refunded { refunded, .. } if *refunded == Money::new(5_000, "EGP")),
        "{settled:?}"
    );
}

#[tokio::test]
async fn a_refund_whose_answer_cannot_be_read_is_unknown() {
    let (stand_in, gateway, created) = ordered().await;
    stand_in.pay(&created.order_id);
    stand_in.misbehave(Call::Refund, Mischief::Nonsense);
    let unclear = gateway.refund(FIRST, &Money::new(5_000, "EGP"), KEY).await;
    assert!(matches!(unclear, Err(GatewayError::Unknown(_))), "{unclear:?}");
}

#[tokio::test]
async fn an_order_whose_answer_got_lost_is_not_sent_twice() {
    let stand_in = PaymobStandIn::start().await;
    let (gateway, _) = client(config(stand_in.url()));
    for mischief in [Mischief::HangAfterwards, Mischief::ServerErrorAfterwards] {
        stand_in.misbehave(Call::Create, mischief);
        let lost = gateway.create(&order(25_000, "EGP")).await;
        assert!(matches!(lost, Err(GatewayError::Unknown(_))), "{lost:?}");
    }
    assert_eq!((stand_in.count(Call::Create), stand_in.orders()), (2, 2), "one call, one order each");
}

#[tokio::test]
async fn an_inquiry_survives_a_server_error_and_a_time_out() {
    let (stand_in, gateway, created) = ordered().await;
    stand_in.pay(&created.order_id);
    stand_in.misbehave(Call::Inquire, Mischief::ServerError);
    stand_in.misbehave(Call::Inquire, Mischief::Hang);
    assert_eq!(gateway.inquire(&created.order_id).await, Ok(paid(FIRST, 25_000, "EGP")));
    for _ in 0..3 {
        stand_in.misbehave(Call::Inquire, Mischief::ServerError);
    }
    let away = gateway.inquire(&created.order_id).await;
    assert!(matches!(away, Err(GatewayError::Unreachable(_))), "{away:?}");
}

#[tokio::test]
async fn an_answer_that_is_none_is_told_as_such() {
    let (stand_in, gateway, created) = ordered().await;
    stand_in.misbehave(Call::Inquire, Mischief::Nonsense);
    let unclear = gateway.inquire(&created.order_id).await;
    assert!(matches!(unclear, Err(GatewayError::Malformed(_))), "{unclear:?}");
}

#[tokio::test]
async fn expired_keys_are_told_at_every_call() {
    let (stand_in, gateway, created) = ordered().await;
    stand_in.pay(&created.order_id);
    stand_in.expire_keys();
    assert_eq!(gateway.create(&order(25_000, "EGP")).await, Err(GatewayError::ExpiredKeys));
    assert_eq!(gateway.inquire(&created.order_id).await, Err(GatewayError::ExpiredKeys));
    let refund = gateway.refund(FIRST, &Money::new(100, "EGP"), KEY).await;
    assert_eq!(refund, Err(GatewayError::ExpiredKeys));
    assert_eq!((stand_in.orders(), stand_in.refunded(&created.order_id)), (1, 0));
}

#[tokio::test]
async fn a_token_is_kept_until_shortly_before_its_end_and_replaced_when_withdrawn() {
    let stand_in = PaymobStandIn::start().await;
    let (gateway, clock) = client(config(stand_in.url()));
    let created = gateway.create(&order(25_000, "EGP")).await.expect("an order");
    for (moment, tokens) in [("10:00", 1), ("10:58", 1), ("10:59", 2)] {
        clock.set(&format!("2026-03-11T{moment}:30Z"));
        gateway.inquire(&created.order_id).await.expect("an answer");
        assert_eq!(stand_in.count(Call::Token), tokens, "{moment}");
    }
    stand_in.withdraw_token();
    gateway.inquire(&created.order_id).await.expect("an answer, with a new token");
    assert_eq!(stand_in.count(Call::Token), 3);
}

#[tokio::test]
async fn a_gateway_that_is_not_there_is_unreachable() {
    let url = PaymobStandIn::start().await.url().to_owned();
    let (gateway, _) = client(config(&url));
    let away = gateway.create(&order(25_000, "EGP")).await;
    assert!(matches!(away, Err(GatewayError::Unreachable(_))), "{away:?}");
}

#[tokio::test]
async fn what_cannot_be_paid_is_refused_before_it_is_sent() {
    let stand_in = PaymobStandIn::start().await;
    let (gateway, _) = client(config(stand_in.url()));
    for (minor, currency, code) in [
        (0, "EGP", "amount_not_payable"),
        (-1, "EGP", "amount_not_payable"),
        (i64::MAX, "EGP", "amount_not_payable"),
        (100, "XXX", "currency_not_supported"),
    ] {
        let refused = gateway.create(&order(minor, currency)).await;
        assert_eq!(refused, Err(GatewayError::Refused { code: code.into() }), "{minor} {currency}");
    }
    assert_eq!(stand_in.count(Call::Create), 0);
}

#[tokio::test]
async fn paymobs_refusal_of_an_order_is_told_by_its_reason() {
    let stand_in = PaymobStandIn::start().await;
    let (gateway, _) = client(config(stand_in.url()));
    stand_in.misbehave(Call::Create, Mischief::Refuse("Integration ID/Name does not exist in our system"));
    let wanted =
        PaymentOrder { notify_url: Some("https://desk.example/webhooks/paymob".into()), ..order(100, "EGP") };
    let refused = gateway.create(&wanted).await;
    let code = "Integration ID/Name does not exist in our system".into();
    assert_eq!(refused, Err(GatewayError::Refused { code }));
    assert_eq!(stand_in.orders(), 0);
}

#[test]
fn a_configuration_prints_no_key() {
    let printed = format!("{:?}", config("https://accept.paymob.com"));
    for key in [PaymobStandIn::SECRET_KEY, PaymobStandIn::API_KEY, PaymobStandIn::HMAC_SECRET] {
        assert!(!printed.contains(key), "{printed}");
    }
}
