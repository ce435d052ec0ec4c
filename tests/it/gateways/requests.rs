//! Money that is asked for and on its way: gateways' stand-ins, our database, and what may happen in between.
use super::{headers, timing};
use chrono::TimeDelta;
use gatehouse_core::auth::model::Permission;
use gatehouse_core::error::Error;
use gatehouse_core::ids::{ChargeId, MemberId, PaymentId, new_id};
use gatehouse_core::money::Money;
use gatehouse_core::payments::gateways::service::set;
use gatehouse_core::payments::gateways::wire::{GatewaySettings, RemoteMethod, SetGateway};
use gatehouse_core::payments::requests::service::{cancel, claim, confirm_transfer, list};
use gatehouse_core::payments::requests::wire::{
    AskPayment, AskRefund, CancelRequest, ClaimTransfer, ConfirmTransfer, ListRequests, PaymentRequest,
    RequestState,
};
use gatehouse_core::sales::service::sell;
use gatehouse_core::sales::wire::{Basket, Line};
use gatehouse_core::secret::Secret;
use gatehouse_net::gateways::paypal::Certificates;
use gatehouse_net::payments::{Answer, Gateways, ask, check, receive, refund, settle_all};
use gatehouse_testkit::gateways::{Call, Delivery, Mischief, PaymobStandIn, PaypalStandIn, certificates};
use gatehouse_testkit::{GymSetup, TestGym, without};
use std::collections::BTreeMap;

pub fn code(error: Error) -> String {
    error.to_wire().code
}

/// A gym that takes Paymob.
async fn with_paymob() -> (TestGym, PaymobStandIn, Gateways) {
    let gym = TestGym::new().await;
    let stand_in = PaymobStandIn::start().await;
    let settings = GatewaySettings::Paymob {
        base_url: stand_in.url().into(),
        public_key: PaymobStandIn::PUBLIC_KEY.into(),
        integrations: vec![PaymobStandIn::INTEGRATION],
        moto_integration: Some(PaymobStandIn::MOTO),
        notify_url: None,
    };
    let keys = [
        ("secret_key", PaymobStandIn::SECRET_KEY),
        ("api_key", PaymobStandIn::API_KEY),
        ("hmac_secret", PaymobStandIn::HMAC_SECRET),
    ];
    set_up(&gym, settings, &keys).await;
    (gym, stand_in, Gateways::new(timing(), None))
}

/// A gym that sells in dollars and takes PayPal.
pub async fn with_paypal() -> (TestGym, PaypalStandIn, Gateways) {
    let gym = TestGym::with(GymSetup { currency: "USD", ..GymSetup::default() }).await;
    let stand_in = PaypalStandIn::start().await;
    let settings = GatewaySettings::PayPal {
        base_url: stand_in.url().into(),
        client_id: PaypalStandIn::CLIENT_ID.into(),
        webhook_id: PaypalStandIn::WEBHOOK_ID.into(),
    };
    set_up(&gym, settings, &[("client_secret", PaypalStandIn::CLIENT_SECRET)]).await;
    let trusted = Certificates::of(stand_in.url(), certificates::NAME, certificates::ROOT.as_bytes());
    (gym, stand_in, Gateways::new(timing(), Some(trusted.expect("a root"))))
}

async fn set_up(gym: &TestGym, settings: GatewaySettings, keys: &[(&str, &str)]) {
    let keys: BTreeMap<String, Secret> =
        keys.iter().map(|(name, key)| ((*name).to_owned(), Secret::new(*key))).collect();
    set(&gym.services, &gym.owner, SetGateway { enabled: true, settings, keys }).await.expect("set up");
}

/// Somebody who owes 750.00 for a month.
async fn debtor(gym: &TestGym) -> (MemberId, ChargeId) {
    let member = gym.member("Layla Hassan").await;
    let plan = gym.monthly().await;
    let mut request = gym.sale_of(Basket::of(member, Line::New { plan_id: plan, starts_on: None })).await;
    request.payments = Vec::new();
    request.owe_until = Some("2026-04-10".parse().expect("a day"));
    sell(&gym.services, &gym.manager, request).await.expect("sold on credit");
    let charge = sqlx::query_scalar("select charge_id from open_charges where payer_id = $1")
        .bind(member)
        .fetch_one(&gym.db.owner)
        .await
        .expect("a charge");
    (member, charge)
}

fn asking(
    gym: &TestGym,
    method: RemoteMethod,
    member: MemberId,
    charges: &[ChargeId],
    minor: i64,
) -> AskPayment {
    AskPayment {
        idempotency_key: new_id(gym.services.now()),
        method,
        payer_id: member,
        charge_ids: charges.to_vec(),
        amount: gym.money(minor),
        keep_method: false,
    }
}

async fn deliver(gym: &TestGym, gateways: &Gateways, method: RemoteMethod, delivery: &Delivery) -> Answer {
    receive(&gym.services, gateways, method, &headers(delivery), &delivery.query, &delivery.body).await
}

pub async fn now_is(gym: &TestGym, id: gatehouse_core::ids::RequestId) -> PaymentRequest {
    let all = ListRequests { with_closed: true, ..ListRequests::default() };
    let rows = list(&gym.services, &gym.owner, all).await.expect("requests").rows;
    rows.into_iter().find(|row| row.id == id).expect("the request")
}

/// Payments, refunds, events of requests, postings and receipts: what must not grow where nothing happened.
pub async fn rows(gym: &TestGym) -> Vec<i64> {
    let mut counts = Vec::new();
    for query in [
        "select count(*) from payments",
        "select count(*) from refunds",
        "select count(*) from payment_requests",
        "select count(*) from payment_request_events",
        "select count(*) from ledger_transactions",
        "select count(*) from receipts",
        "select count(*) from audit_log",
        "select count(*) from idempotency_keys",
    ] {
        counts.push(gym.count(query).await);
    }
    counts
}

/// What the member owes (above zero) or has to their credit (below), by the ledger.
pub async fn balance(gym: &TestGym) -> i64 {
    gym.count("select coalesce(sum(amount), 0)::bigint from ledger_entries where account = 'receivable'")
        .await
}

async fn order_of(gym: &TestGym, request: &PaymentRequest) -> String {
    sqlx::query_scalar(
        "select order_id from payment_request_events where request_id = $1 and kind = 'ordered'",
    )
    .bind(request.id)
    .fetch_one(&gym.db.owner)
    .await
    .expect("an order")
}

/// A debt of 750.00 that is asked for by way of Paymob.
pub async fn asked() -> (TestGym, PaymobStandIn, Gateways, PaymentRequest, String) {
    let (gym, stand_in, gateways) = with_paymob().await;
    let (member, charge) = debtor(&gym).await;
    let request = asking(&gym, RemoteMethod::Paymob, member, &[charge], 75_000);
    let request = ask(&gym.services, &gateways, &gym.reception, request).await.expect("a request");
    let order = order_of(&gym, &request).await;
    (gym, stand_in, gateways, request, order)
}

/// The same in dollars, by way of PayPal.
pub async fn asked_paypal() -> (TestGym, PaypalStandIn, Gateways, PaymentRequest, String) {
    let (gym, stand_in, gateways) = with_paypal().await;
    let (member, charge) = debtor(&gym).await;
    let request = asking(&gym, RemoteMethod::PayPal, member, &[charge], 75_000);
    let request = ask(&gym.services, &gateways, &gym.reception, request).await.expect("a request");
    let order = order_of(&gym, &request).await;
    (gym, stand_in, gateways, request, order)
}

#[tokio::test]
async fn a_webhook_books_what_was_asked_for() {
    let (gym, stand_in, gateways, request, order) = asked().await;
    assert_eq!(request.state, RequestState::Ordered);
    assert!(request.pay_url.as_deref().is_some_and(|url| url.starts_with(stand_in.url())));
    assert!(request.pay_qr.as_deref().is_some_and(|svg| svg.contains("<path")));
    stand_in.pay(&order);
    let answer = deliver(&gym, &gateways, RemoteMethod::Paymob, &stand_in.callback(&order)).await;
    assert_eq!(answer, Answer::Taken);
    let settled = now_is(&gym, request.id).await;
    assert_eq!((settled.state, settled.transfer.as_deref()), (RequestState::Confirmed, Some("192036465")));
    assert_eq!((balance(&gym).await, gym.count("select count(*) from open_charges").await), (0, 0));
    assert_eq!(gym.count("select amount from ledger_entries where account = 'paymob'").await, 75_000);
    assert_eq!(gym.count("select count(*) from receipts where kind = 'payment'").await, 1);
}

#[tokio::test]
async fn a_replayed_webhook_credits_once() {
    let (gym, stand_in, gateways, request, order) = asked().await;
    stand_in.pay(&order);
    let delivery = stand_in.callback(&order);
    let four = tokio::join!(
        deliver(&gym, &gateways, RemoteMethod::Paymob, &delivery),
        deliver(&gym, &gateways, RemoteMethod::Paymob, &delivery),
        deliver(&gym, &gateways, RemoteMethod::Paymob, &delivery),
        deliver(&gym, &gateways, RemoteMethod::Paymob, &delivery),
    );
    assert_eq!(four, (Answer::Taken, Answer::Taken, Answer::Taken, Answer::Taken));
    let after_the_first = rows(&gym).await;
    for _ in 0..3 {
        assert_eq!(deliver(&gym, &gateways, RemoteMethod::Paymob, &delivery).await, Answer::Taken);
    }
    check(&gym.services, &gateways, &gym.reception, request.id).await.expect("asked");
    settle_all(&gym.services, &gateways).await.expect("asked");
    assert_eq!(rows(&gym).await, after_the_first);
    assert_eq!((gym.count("select count(*) from payments").await, balance(&gym).await), (1, 0));
}

#[tokio::test]
async fn a_webhook_without_a_signature_stores_nothing() {
    let (gym, stand_in, gateways, request, order) = asked().await;
    stand_in.pay(&order);
    let good = stand_in.callback(&order);
    let before = rows(&gym).await;
    let mut forged = good.clone();
    forged.query = format!("hmac={}", "ab".repeat(64));
    for delivery in [
        good.clone().unsigned(),
        forged,
        good.clone().with("\"amount_cents\":75000", "\"amount_cents\":7500000"),
        Delivery { body: b"not even JSON".to_vec(), ..good.clone() },
    ] {
        assert_eq!(deliver(&gym, &gateways, RemoteMethod::Paymob, &delivery).await, Answer::Refused);
    }
    // A gateway that is not set up here has no keys to sign with.
    assert_eq!(deliver(&gym, &gateways, RemoteMethod::PayPal, &good).await, Answer::Refused);
    assert_eq!(rows(&gym).await, before);
    assert_eq!(now_is(&gym, request.id).await.state, RequestState::Ordered);
}

#[tokio::test]
async fn a_payment_whose_amount_changed_is_not_credited() {
    for (cents, currency) in [(74_999, "EGP"), (7_500_000, "EGP"), (75_000, "PKR")] {
        let (gym, stand_in, gateways, request, order) = asked().await;
        if currency == "EGP" {
            stand_in.pay_another_amount(&order, cents);
        } else {
            stand_in.pay_in_another_currency(&order, currency);
        }
        let delivery = stand_in.callback(&order);
        for _ in 0..2 {
            assert_eq!(deliver(&gym, &gateways, RemoteMethod::Paymob, &delivery).await, Answer::Taken);
        }
        check(&gym.services, &gateways, &gym.reception, request.id).await.expect("asked");
        let told = now_is(&gym, request.id).await;
        assert_eq!((told.state, told.found), (RequestState::Mismatch, Some(Money::new(cents, currency))));
        assert_eq!((gym.count("select count(*) from payments").await, balance(&gym).await), (0, 75_000));
        let events = "select count(*) from payment_request_events where kind = 'mismatch'";
        assert_eq!(gym.count(events).await, 1, "told once");
        let open = list(&gym.services, &gym.reception, ListRequests::default()).await.expect("requests");
        assert!(open.rows.iter().any(|row| row.id == request.id), "shown as to be settled");
    }
}

#[tokio::test]
async fn a_timeout_after_success_is_settled_by_inquiry() {
    let (gym, stand_in, gateways) = with_paypal().await;
    let (member, charge) = debtor(&gym).await;
    let request = asking(&gym, RemoteMethod::PayPal, member, &[charge], 75_000);
    // The order is made and its answer lost, three times over: nothing is stored, and the same key finds the order.
    for _ in 0..3 {
        stand_in.misbehave(Call::Create, Mischief::HangAfterwards);
    }
    let before = rows(&gym).await;
    let lost = ask(&gym.services, &gateways, &gym.reception, request.clone()).await.expect_err("lost");
    assert_eq!((code(lost), rows(&gym).await), ("gateway_outcome_unknown".to_owned(), before));
    let request = ask(&gym.services, &gateways, &gym.reception, request).await.expect("a request");
    assert_eq!(stand_in.orders(), 1);
    let order = order_of(&gym, &request).await;
    stand_in.approve(&order);
    for _ in 0..3 {
        stand_in.misbehave(Call::Capture, Mischief::HangAfterwards);
    }
    let lost = check(&gym.services, &gateways, &gym.reception, request.id).await.expect_err("lost");
    assert_eq!(code(lost), "gateway_outcome_unknown");
    assert_eq!(gym.count("select count(*) from payments").await, 0);
    let run = settle_all(&gym.services, &gateways).await.expect("asked");
    assert_eq!((run.asked, run.confirmed, run.failed), (1, 1, 0));
    assert_eq!(
        settle_all(&gym.services, &gateways).await.expect("asked").asked,
        0,
        "nothing is left to ask about"
    );
    assert_eq!((gym.count("select count(*) from payments").await, stand_in.captures()), (1, 1));
    assert_eq!(balance(&gym).await, 0);
}

#[tokio::test]
async fn expired_gateway_keys_are_told_and_nothing_is_stored() {
    let (gym, stand_in, gateways) = with_paymob().await;
    let (member, charge) = debtor(&gym).await;
    stand_in.expire_keys();
    let before = rows(&gym).await;
    let request = asking(&gym, RemoteMethod::Paymob, member, &[charge], 75_000);
    let refused = ask(&gym.services, &gateways, &gym.reception, request).await.expect_err("refused");
    assert_eq!((code(refused), rows(&gym).await), ("gateway_keys_refused".to_owned(), before));
}

#[tokio::test]
async fn what_the_gateway_refuses_is_told_with_its_reason_and_nothing_is_stored() {
    let (gym, stand_in, gateways) = with_paymob().await;
    let (member, charge) = debtor(&gym).await;
    let before = rows(&gym).await;
    let request = asking(&gym, RemoteMethod::Paymob, member, &[charge], 75_000);
    for (mischief, expected) in [
        (Mischief::Refuse("Integration ID does not exist"), "gateway_refused"),
        (Mischief::ServerError, "gateway_outcome_unknown"),
        (Mischief::Nonsense, "gateway_answer_unreadable"),
    ] {
        stand_in.misbehave(Call::Create, mischief);
        let refused =
            ask(&gym.services, &gateways, &gym.reception, request.clone()).await.expect_err("refused");
        assert_eq!((code(refused), rows(&gym).await), (expected.to_owned(), before.clone()));
    }
}

#[tokio::test]
async fn webhooks_out_of_order_end_with_the_payment_booked() {
    let (gym, stand_in, gateways, request, order) = asked().await;
    stand_in.decline(&order);
    let declined = stand_in.callback(&order);
    stand_in.pay(&order);
    let paid = stand_in.callback(&order);
    for delivery in [&paid, &declined, &paid, &declined] {
        assert_eq!(deliver(&gym, &gateways, RemoteMethod::Paymob, delivery).await, Answer::Taken);
    }
    assert_eq!(now_is(&gym, request.id).await.state, RequestState::Confirmed);
    assert_eq!((gym.count("select count(*) from payments").await, balance(&gym).await), (1, 0));
}

#[tokio::test]
async fn after_a_declined_card_the_next_attempt_counts() {
    let (gym, stand_in, gateways, request, order) = asked().await;
    stand_in.decline(&order);
    let failed = check(&gym.services, &gateways, &gym.reception, request.id).await.expect("asked");
    assert_eq!((failed.state, failed.reason.as_deref()), (RequestState::Failed, Some("Do not honour")));
    assert!(failed.pay_url.is_some(), "the page still works");
    stand_in.pay(&order);
    let run = settle_all(&gym.services, &gateways).await.expect("asked");
    assert_eq!((run.asked, run.confirmed), (1, 1));
}

#[tokio::test]
async fn an_approval_that_paypal_tells_is_captured_at_once() {
    let (gym, stand_in, gateways, request, order) = asked_paypal().await;
    stand_in.approve(&order);
    let approval = stand_in.approval_message(&order);
    assert_eq!(deliver(&gym, &gateways, RemoteMethod::PayPal, &approval).await, Answer::Taken);
    assert_eq!(now_is(&gym, request.id).await.state, RequestState::Confirmed);
    let captured = stand_in.capture_message(&order);
    assert_eq!(deliver(&gym, &gateways, RemoteMethod::PayPal, &captured).await, Answer::Taken);
    assert_eq!((gym.count("select count(*) from payments").await, balance(&gym).await), (1, 0));
}

#[tokio::test]
async fn a_message_about_somebody_elses_order_changes_nothing() {
    let (gym, stand_in, gateways) = with_paypal().await;
    let before = rows(&gym).await;
    let stray = stand_in.message(
        "PAYMENT.CAPTURE.COMPLETED",
        &serde_json::json!({
            "id": "3C190127TN9999999", "status": "COMPLETED", "amount": { "currency_code": "USD", "value": "750.00" },
            "supplementary_data": { "related_ids": { "order_id": "5O190127TN9999999" } }
        }),
    );
    assert_eq!(deliver(&gym, &gateways, RemoteMethod::PayPal, &stray).await, Answer::Taken);
    assert_eq!(rows(&gym).await, before);
}

#[tokio::test]
async fn money_that_comes_for_a_cancelled_request_is_booked_all_the_same() {
    let (gym, stand_in, gateways, request, order) = asked().await;
    let give_up = CancelRequest { request_id: request.id, reason: "pays tomorrow".into() };
    let closed = cancel(&gym.services, &gym.reception, give_up).await.expect("cancelled");
    assert_eq!((closed.state, closed.pay_url), (RequestState::Cancelled, None));
    stand_in.pay(&order);
    settle_all(&gym.services, &gateways).await.expect("asked");
    assert_eq!(now_is(&gym, request.id).await.state, RequestState::Confirmed);
    assert_eq!(balance(&gym).await, 0);
}

#[tokio::test]
async fn what_was_paid_twice_becomes_credit() {
    let (gym, stand_in, gateways, first, order) = asked().await;
    let member = first.payer_id.expect("a payer");
    let charge = sqlx::query_scalar("select charge_id from open_charges").fetch_one(&gym.db.owner).await;
    let again = asking(&gym, RemoteMethod::Paymob, member, &[charge.expect("a charge")], 75_000);
    let again = ask(&gym.services, &gateways, &gym.reception, again).await.expect("a second request");
    let second = order_of(&gym, &again).await;
    stand_in.pay(&order);
    stand_in.pay(&second);
    let (one, other) =
        tokio::join!(settle_all(&gym.services, &gateways), settle_all(&gym.services, &gateways));
    one.expect("asked");
    other.expect("asked, by another host at the same time");
    assert_eq!((gym.count("select count(*) from payments").await, balance(&gym).await), (2, -75_000));
    assert_eq!(gym.count("select sum(unallocated)::bigint from payment_balances").await, 75_000);
}

#[tokio::test]
async fn a_request_that_nobody_pays_is_asked_about_for_three_days() {
    let (gym, _stand_in, gateways, request, _) = asked().await;
    gym.clock.advance(TimeDelta::days(3));
    settle_all(&gym.services, &gateways).await.expect("asked");
    assert_eq!(now_is(&gym, request.id).await.state, RequestState::Ordered);
    gym.clock.advance(TimeDelta::seconds(1));
    settle_all(&gym.services, &gateways).await.expect("asked");
    assert_eq!(now_is(&gym, request.id).await.state, RequestState::Expired);
    assert_eq!(settle_all(&gym.services, &gateways).await.expect("asked").asked, 0);
}

#[tokio::test]
async fn a_gateway_that_is_away_is_asked_once_in_a_run() {
    let (gym, stand_in, gateways, request, _) = asked().await;
    let member = request.payer_id.expect("a payer");
    let more = asking(&gym, RemoteMethod::Paymob, member, &[], 1_000);
    ask(&gym.services, &gateways, &gym.reception, more).await.expect("a request on account");
    drop(stand_in);
    // A client without a connection from before.
    let gateways = Gateways::new(timing(), None);
    let run = settle_all(&gym.services, &gateways).await.expect("asked");
    assert_eq!((run.asked, run.confirmed, run.failed), (1, 0, 1));
    let away = check(&gym.services, &gateways, &gym.reception, request.id).await.expect_err("away");
    assert_eq!(code(away), "gateway_unreachable");
}

#[tokio::test]
async fn the_same_key_asks_once_and_another_request_under_it_is_refused() {
    let (gym, stand_in, gateways) = with_paymob().await;
    let (member, charge) = debtor(&gym).await;
    let request = asking(&gym, RemoteMethod::Paymob, member, &[charge], 75_000);
    let first = ask(&gym.services, &gateways, &gym.reception, request.clone()).await.expect("a request");
    let second = ask(&gym.services, &gateways, &gym.reception, request.clone()).await.expect("the same");
    assert_eq!((first, stand_in.orders()), (second, 1));
    let other = AskPayment { amount: gym.money(100), ..request };
    let reused = ask(&gym.services, &gateways, &gym.reception, other).await.expect_err("refused");
    assert_eq!(code(reused), "idempotency_key_reused");
}

#[tokio::test]
async fn what_cannot_be_asked_for_stores_nothing_and_asks_nobody() {
    let (gym, stand_in, gateways) = with_paymob().await;
    let (member, charge) = debtor(&gym).await;
    let stranger = gym.member("Omar Adel").await;
    let before = rows(&gym).await;
    let ask_for = |request: AskPayment| {
        let (gym, gateways) = (&gym, &gateways);
        async move { code(ask(&gym.services, gateways, &gym.reception, request).await.expect_err("refused")) }
    };
    let good = || asking(&gym, RemoteMethod::Paymob, member, &[charge], 75_000);
    let with = |amount: Money| AskPayment { amount, ..good() };
    assert_eq!(ask_for(with(gym.money(0))).await, "amount_not_positive");
    assert_eq!(ask_for(with(gym.money(-1))).await, "amount_not_positive");
    assert_eq!(ask_for(with(gym.money(75_001))).await, "amount_above_due");
    assert_eq!(ask_for(with(gym.money(i64::MAX))).await, "amount_too_large");
    assert_eq!(ask_for(with(Money::new(75_000, "USD"))).await, "currency_wrong");
    assert_eq!(ask_for(AskPayment { payer_id: stranger, ..good() }).await, "other_payer");
    assert_eq!(ask_for(AskPayment { charge_ids: vec![charge, charge], ..good() }).await, "twice");
    let unknown = ChargeId::new(gym.services.now());
    assert_eq!(ask_for(AskPayment { charge_ids: vec![unknown], ..good() }).await, "charge_not_open");
    assert_eq!(ask_for(AskPayment { method: RemoteMethod::PayPal, ..good() }).await, "method_not_set_up");
    assert_eq!(ask_for(AskPayment { method: RemoteMethod::Upi, ..good() }).await, "method_not_set_up");
    let nobody = without(&gym.reception, &[Permission::Sell]);
    let forbidden = ask(&gym.services, &gateways, &nobody, good()).await.expect_err("refused");
    assert_eq!(code(forbidden), "forbidden");
    assert_eq!((rows(&gym).await, stand_in.count(Call::Create)), (before, 0));
}

/// A gym in India that takes UPI, and somebody who owes it 750 rupees.
async fn with_upi() -> (TestGym, Gateways, MemberId, ChargeId) {
    let setup = GymSetup { currency: "INR", time_zone: "Asia/Kolkata", ..GymSetup::default() };
    let gym = TestGym::with(setup).await;
    let settings = GatewaySettings::Upi {
        address: "ironhouse@okhdfcbank".into(),
        name: "Iron House".into(),
        merchant_code: None,
    };
    set_up(&gym, settings, &[]).await;
    let (member, charge) = debtor(&gym).await;
    (gym, Gateways::new(timing(), None), member, charge)
}

#[tokio::test]
async fn a_upi_transfer_is_pending_until_its_number_was_seen() {
    let (gym, gateways, member, charge) = with_upi().await;
    let request = asking(&gym, RemoteMethod::Upi, member, &[charge], 75_000);
    let request = ask(&gym.services, &gateways, &gym.reception, request).await.expect("a request");
    let link = request.pay_url.as_deref().expect("a link");
    assert!(link.starts_with("upi://pay?pa=ironhouse@okhdfcbank&pn=Iron%20House&"), "{link}");
    assert!(
        link.contains(&format!("&tr={}&", request.reference)) && link.ends_with("&am=750.00&cu=INR"),
        "{link}"
    );
    let claimed = ClaimTransfer { request_id: request.id, reference: Some("4123 5678 9012".into()) };
    let claimed = claim(&gym.services, &gym.reception, claimed).await.expect("claimed");
    assert_eq!((claimed.state, balance(&gym).await), (RequestState::Claimed, 75_000));
    let unchecked =
        check(&gym.services, &gateways, &gym.reception, request.id).await.expect_err("nobody to ask");
    assert_eq!(code(unchecked), "not_a_gateway");
    let seen = |reference: &str| ConfirmTransfer { request_id: request.id, reference: reference.into() };
    let wrong = confirm_transfer(&gym.services, &gym.reception, seen("12345")).await.expect_err("no UTR");
    assert_eq!(code(wrong), "malformed");
    for _ in 0..2 {
        let done =
            confirm_transfer(&gym.services, &gym.reception, seen("412356789012")).await.expect("confirmed");
        assert_eq!((done.state, done.transfer.as_deref()), (RequestState::Confirmed, Some("412356789012")));
    }
    let other = confirm_transfer(&gym.services, &gym.reception, seen("999999999999"))
        .await
        .expect_err("booked already");
    assert_eq!(code(other), "request_confirmed");
    assert_eq!((gym.count("select count(*) from payments").await, balance(&gym).await), (1, 0));
    assert_eq!(gym.count("select amount from ledger_entries where account = 'upi'").await, 75_000);
}

#[tokio::test]
async fn one_transfer_confirms_one_request() {
    let (gym, gateways, member, charge) = with_upi().await;
    let mut requests = Vec::new();
    for charges in [&[charge][..], &[]] {
        let request = asking(&gym, RemoteMethod::Upi, member, charges, 1_000);
        requests.push(ask(&gym.services, &gateways, &gym.reception, request).await.expect("a request"));
    }
    let seen = |request: &PaymentRequest| ConfirmTransfer {
        request_id: request.id,
        reference: "412356789012".into(),
    };
    confirm_transfer(&gym.services, &gym.reception, seen(&requests[0])).await.expect("confirmed");
    let before = rows(&gym).await;
    let twice = confirm_transfer(&gym.services, &gym.reception, seen(&requests[1])).await.expect_err("used");
    assert_eq!((code(twice), rows(&gym).await), ("reference_used".to_owned(), before));
}

/// Credit of 100.00 that came by way of Paymob: the gym, the payment and the gateway's order.
async fn credit() -> (TestGym, PaymobStandIn, Gateways, PaymentId, String) {
    let (gym, stand_in, gateways) = with_paymob().await;
    let member = gym.member("Layla Hassan").await;
    let request = asking(&gym, RemoteMethod::Paymob, member, &[], 10_000);
    let request = ask(&gym.services, &gateways, &gym.reception, request).await.expect("a request");
    let order = order_of(&gym, &request).await;
    stand_in.pay(&order);
    settle_all(&gym.services, &gateways).await.expect("asked");
    let payment =
        sqlx::query_scalar("select id from payments").fetch_one(&gym.db.owner).await.expect("a payment");
    (gym, stand_in, gateways, payment, order)
}

fn back(gym: &TestGym, payment_id: PaymentId, minor: i64) -> AskRefund {
    AskRefund {
        idempotency_key: new_id(gym.services.now()),
        payment_id,
        amount: gym.money(minor),
        reason: "moved away".into(),
    }
}

#[tokio::test]
async fn a_refund_goes_back_by_the_gateway_once() {
    let (gym, stand_in, gateways, payment, order) = credit().await;
    let request = back(&gym, payment, 4_000);
    for _ in 0..2 {
        let done = refund(&gym.services, &gateways, &gym.manager, request.clone()).await.expect("given back");
        assert_eq!(done.state, RequestState::Confirmed);
    }
    assert_eq!((stand_in.refunded(&order), balance(&gym).await), (4_000, -6_000));
    assert_eq!(gym.count("select count(*) from receipts where kind = 'refund'").await, 1);
    let too_much = refund(&gym.services, &gateways, &gym.manager, back(&gym, payment, 6_001)).await;
    assert_eq!(code(too_much.expect_err("refused")), "credit_too_small");
    let forbidden = refund(&gym.services, &gateways, &gym.reception, back(&gym, payment, 100)).await;
    assert_eq!(code(forbidden.expect_err("refused")), "forbidden");
    assert_eq!(stand_in.count(Call::Refund), 1);
}

#[tokio::test]
async fn a_refused_refund_is_told_and_gives_nothing_back() {
    let (gym, stand_in, gateways, payment, order) = credit().await;
    stand_in.misbehave(Call::Refund, Mischief::Refuse("Insufficient balance"));
    let refused = refund(&gym.services, &gateways, &gym.manager, back(&gym, payment, 4_000)).await;
    assert_eq!(code(refused.expect_err("refused")), "gateway_refused");
    assert_eq!((stand_in.refunded(&order), balance(&gym).await), (0, -10_000));
    let again = refund(&gym.services, &gateways, &gym.manager, back(&gym, payment, 4_000)).await;
    assert_eq!(again.expect("given back").state, RequestState::Confirmed);
}

#[tokio::test]
async fn a_refund_that_timed_out_after_its_success_is_settled_by_inquiry() {
    let (gym, stand_in, gateways, payment, order) = credit().await;
    stand_in.misbehave(Call::Refund, Mischief::HangAfterwards);
    let lost = refund(&gym.services, &gateways, &gym.manager, back(&gym, payment, 4_000)).await;
    assert_eq!(code(lost.expect_err("lost")), "gateway_outcome_unknown");
    assert_eq!(balance(&gym).await, -10_000);
    let meanwhile = refund(&gym.services, &gateways, &gym.manager, back(&gym, payment, 100)).await;
    assert_eq!(code(meanwhile.expect_err("one at a time")), "refund_under_way");
    let run = settle_all(&gym.services, &gateways).await.expect("asked");
    assert_eq!((run.asked, run.confirmed), (1, 1));
    assert_eq!((stand_in.refunded(&order), stand_in.count(Call::Refund)), (4_000, 1));
    assert_eq!((balance(&gym).await, gym.count("select count(*) from refunds").await), (-6_000, 1));
}

#[tokio::test]
async fn a_refund_that_never_reached_the_gateway_fails_after_a_while() {
    let (gym, stand_in, gateways, payment, order) = credit().await;
    stand_in.misbehave(Call::Refund, Mischief::Hang);
    let lost = refund(&gym.services, &gateways, &gym.manager, back(&gym, payment, 4_000)).await;
    assert_eq!(code(lost.expect_err("lost")), "gateway_outcome_unknown");
    settle_all(&gym.services, &gateways).await.expect("asked");
    assert_eq!(gym.count("select count(*) from payment_request_events where kind = 'failed'").await, 0);
    gym.clock.advance(TimeDelta::minutes(11));
    settle_all(&gym.services, &gateways).await.expect("asked");
    assert_eq!(gym.count("select count(*) from payment_request_events where kind = 'failed'").await, 1);
    assert_eq!((stand_in.refunded(&order), balance(&gym).await), (0, -10_000));
}
