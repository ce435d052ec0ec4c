//! What is due is collected by itself: charged to what the payer left with a gateway, or asked for by mail; never beside
//! somebody who takes it at a desk.
use super::requests::{code, with_paypal};
use chrono::TimeDelta;
use gatehouse_core::actor::Actor;
use gatehouse_core::error::Error;
use gatehouse_core::ids::{MandateId, MemberId, new_id};
use gatehouse_core::members::wire::ChooseMember;
use gatehouse_core::payments::collection::{self, Begun};
use gatehouse_core::payments::gateways::wire::RemoteMethod;
use gatehouse_core::payments::mandates;
use gatehouse_core::payments::requests::wire::AskPayment;
use gatehouse_core::payments::service::pay_debts;
use gatehouse_core::payments::wire::{Paid, PayDebts, RevokeMandate};
use gatehouse_core::plans::wire::PlanForm;
use gatehouse_core::sales::service::sell;
use gatehouse_core::sales::wire::{Basket, Line};
use gatehouse_net::payments::{Collected, Gateways, ask, collect, settle_all};
use gatehouse_testkit::gateways::{Call, Mischief, PaypalStandIn};
use gatehouse_testkit::{TestGym, books, plan_form};

/// What the month costs, as PayPal writes it.
const MONTH: &str = "750.00";

fn by_itself(gym: &TestGym) -> Actor {
    Actor::System { branch: Some(gym.branch), desk: None }
}

async fn run(gym: &TestGym, gateways: &Gateways) -> Collected {
    collect(&gym.services, gateways, &by_itself(gym)).await.expect("a run")
}

/// A month that is due on a day.
async fn owing(gym: &TestGym, member: MemberId, due: &str) {
    let known =
        sqlx::query_scalar("select id from plans where name = 'Monthly'").fetch_optional(&gym.db.owner).await;
    let plan_id = match known.expect("plans") {
        Some(plan) => plan,
        None => gym.monthly().await,
    };
    let mut request = gym.sale_of(Basket::of(member, Line::New { plan_id, starts_on: None })).await;
    request.payments = Vec::new();
    request.owe_until = Some(due.parse().expect("a day"));
    sell(&gym.services, &gym.manager, request).await.expect("sold on credit");
}

/// Somebody who paid a first month by PayPal and left the wallet there.
async fn with_wallet(gym: &TestGym, stand_in: &PaypalStandIn, gateways: &Gateways) -> (MemberId, String) {
    let member = gym.member("Layla Hassan").await;
    sqlx::query("update members set email = 'layla@example.com' where id = $1")
        .bind(member)
        .execute(&gym.db.owner)
        .await
        .expect("an address");
    owing(gym, member, "2026-03-11").await;
    let charges = sqlx::query_scalar("select charge_id from open_charges where payer_id = $1")
        .bind(member)
        .fetch_all(&gym.db.owner)
        .await
        .expect("a charge");
    let request = AskPayment {
        idempotency_key: new_id(gym.services.now()),
        method: RemoteMethod::PayPal,
        payer_id: member,
        charge_ids: charges,
        amount: gym.money(75_000),
        keep_method: true,
    };
    let asked = ask(&gym.services, gateways, &gym.reception, request).await.expect("asked for");
    let order: String = sqlx::query_scalar(
        "select order_id from payment_request_events where request_id = $1 and kind = 'ordered'",
    )
    .bind(asked.id)
    .fetch_one(&gym.db.owner)
    .await
    .expect("an order");
    stand_in.approve(&order);
    assert_eq!(settle_all(&gym.services, gateways).await.expect("settled").confirmed, 1);
    let sealed: (MandateId, Vec<u8>) =
        sqlx::query_as("select id, token from payment_mandates where member_id = $1")
            .bind(member)
            .fetch_one(&gym.db.owner)
            .await
            .expect("a wallet");
    let token = gym.services.keys.open(&format!("payment method {}", sealed.0), &sealed.1).expect("a token");
    (member, token.expose().to_owned())
}

async fn at_the_desk(gym: &TestGym, member: MemberId) -> Result<Paid, Error> {
    let request = PayDebts {
        idempotency_key: new_id(gym.services.now()),
        member_id: member,
        charge_ids: Vec::new(),
        credit_minor: 0,
        payments: vec![gym.cash(75_000)],
        in_advance: false,
    };
    pay_debts(&gym.services, &gym.reception, request).await
}

async fn owed(gym: &TestGym) -> i64 {
    gym.count("select coalesce(sum(owed), 0)::bigint from open_charges").await
}

async fn mails(gym: &TestGym, template: &str) -> i64 {
    sqlx::query_scalar("select count(*) from mail_outbox where template = $1")
        .bind(template)
        .fetch_one(&gym.db.owner)
        .await
        .expect("mails")
}

async fn the_books_agree(gym: &TestGym) {
    assert_eq!(books::disagreements(&gym.db.owner).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_wallet_left_with_the_first_payment_pays_what_is_due_later() {
    let (gym, stand_in, gateways) = with_paypal().await;
    let (member, wallet) = with_wallet(&gym, &stand_in, &gateways).await;
    owing(&gym, member, "2026-03-12").await;
    assert_eq!(run(&gym, &gateways).await, Collected::default(), "not before it is due");

    gym.clock.advance(TimeDelta::days(1));
    assert_eq!(run(&gym, &gateways).await, Collected { paid: 1, ..Collected::default() });
    assert_eq!(stand_in.taken_from(&wallet), [MONTH]);
    assert_eq!(owed(&gym).await, 0);
    assert_eq!(run(&gym, &gateways).await, Collected::default(), "once");
    the_books_agree(&gym).await;

    let kept = mandates::list(&gym.services, &gym.reception, ChooseMember { member_id: member }).await;
    let kept = kept.expect("what is kept").rows;
    assert_eq!(kept.len(), 1);
    let revoke = RevokeMandate { mandate_id: kept[0].id };
    mandates::revoke(&gym.services, &gym.reception, revoke).await.expect("taken back");
    assert_eq!(
        code(mandates::revoke(&gym.services, &gym.reception, revoke).await.expect_err("gone")),
        "not_found"
    );
    owing(&gym, member, "2026-03-12").await;
    assert_eq!(run(&gym, &gateways).await, Collected { reminded: 1, ..Collected::default() });
    assert_eq!(stand_in.taken_from(&wallet), [MONTH], "nothing more from a wallet that was taken back");
}

#[tokio::test]
async fn a_desk_payment_and_an_automatic_retry_do_not_both_charge() {
    let (gym, stand_in, gateways) = with_paypal().await;
    let (member, wallet) = with_wallet(&gym, &stand_in, &gateways).await;

    // The desk was first: nothing is sent.
    owing(&gym, member, "2026-03-11").await;
    let due = collection::due(&gym.services, &by_itself(&gym)).await.expect("due");
    at_the_desk(&gym, member).await.expect("paid in cash");
    let begun = collection::begin(&gym.services, &by_itself(&gym), &due[0]).await.expect("begun");
    assert!(matches!(begun, Begun::Left), "{begun:?}");
    assert!(stand_in.taken_from(&wallet).is_empty());

    // The clock was first: the desk waits for the gateway's answer.
    owing(&gym, member, "2026-03-11").await;
    stand_in.misbehave(Call::Charge, Mischief::HangAfterwards);
    stand_in.misbehave(Call::Charge, Mischief::HangAfterwards);
    stand_in.misbehave(Call::Charge, Mischief::HangAfterwards);
    assert_eq!(run(&gym, &gateways).await, Collected { under_way: 1, ..Collected::default() });
    assert_eq!(code(at_the_desk(&gym, member).await.expect_err("under way")), "collection_under_way");
    assert_eq!(settle_all(&gym.services, &gateways).await.expect("settled").confirmed, 1);
    assert_eq!(stand_in.taken_from(&wallet), [MONTH]);
    assert_eq!(code(at_the_desk(&gym, member).await.expect_err("paid")), "payments_do_not_match");

    // Both at the same moment, again and again.
    let (mut by_desk, mut by_clock) = (0, 1);
    for _ in 0..12 {
        owing(&gym, member, "2026-03-11").await;
        let (desk, clock) = tokio::join!(at_the_desk(&gym, member), run(&gym, &gateways));
        let paid = usize::from(desk.is_ok()) + clock.paid;
        assert_eq!(paid, 1, "{desk:?} {clock:?}");
        by_desk += usize::from(desk.is_ok());
        by_clock += clock.paid;
        assert_eq!(owed(&gym).await, 0);
        // A subscription a minute, so that none is the other.
        gym.clock.advance(TimeDelta::minutes(1));
    }
    assert_eq!(stand_in.taken_from(&wallet).len(), by_clock);
    let in_cash = gym.count("select count(*) from payments where method = 'cash'").await;
    assert_eq!(usize::try_from(in_cash).ok(), Some(by_desk + 1));
    assert_eq!(gym.count("select coalesce(sum(unallocated), 0)::bigint from payment_balances").await, 0);
    the_books_agree(&gym).await;
}

#[tokio::test]
async fn a_declined_wallet_is_tried_by_the_schedule_and_no_more_than_the_cap() {
    let (gym, stand_in, gateways) = with_paypal().await;
    let (member, wallet) = with_wallet(&gym, &stand_in, &gateways).await;
    owing(&gym, member, "2026-03-11").await;
    stand_in.decline_wallet(&wallet);
    let before = stand_in.count(Call::Charge);
    let mut tried = Vec::new();
    for day in 0..40 {
        for _ in 0..2 {
            let done = run(&gym, &gateways).await;
            if done.failed > 0 {
                tried.push(day);
            }
            assert_eq!((done.paid, done.under_way), (0, 0));
        }
        gym.clock.advance(TimeDelta::days(1));
    }
    assert_eq!(tried, [0, 1, 3, 7], "on the due day and by the branch's schedule");
    assert_eq!(stand_in.count(Call::Charge) - before, 4);
    assert_eq!(mails(&gym, "declined").await, 4);
    assert!(stand_in.taken_from(&wallet).is_empty());
    at_the_desk(&gym, member).await.expect("the desk takes it");
    the_books_agree(&gym).await;
}

#[tokio::test]
async fn who_left_no_method_is_reminded_once_an_attempt_and_no_more_once_it_is_paid() {
    let (gym, _stand_in, gateways) = with_paypal().await;
    let member = gym.member("Omar Farouk").await;
    owing(&gym, member, "2026-03-11").await;
    assert_eq!(run(&gym, &gateways).await, Collected::default(), "nobody to write to");
    sqlx::query("update members set email = 'omar@example.com' where id = $1")
        .bind(member)
        .execute(&gym.db.owner)
        .await
        .expect("an address");
    gym.clock.advance(TimeDelta::days(1));
    assert_eq!(run(&gym, &gateways).await, Collected { reminded: 1, ..Collected::default() });
    assert_eq!(run(&gym, &gateways).await, Collected::default());
    at_the_desk(&gym, member).await.expect("paid");
    gym.clock.advance(TimeDelta::days(2));
    assert_eq!(run(&gym, &gateways).await, Collected::default());
    assert_eq!(mails(&gym, "debt").await, 1);
}

#[tokio::test]
async fn a_subscription_that_goes_on_by_itself_is_charged_to_the_wallet_on_its_first_day() {
    let (gym, stand_in, gateways) = with_paypal().await;
    let (member, wallet) = with_wallet(&gym, &stand_in, &gateways).await;
    let form = PlanForm { auto_renew: true, ..plan_form("Every month") };
    let plan = gym.plan(form, 20_000).await;
    gym.sell_plan(member, plan).await;
    gym.clock.set("2026-04-10T10:00:00Z");
    let done = run(&gym, &gateways).await;
    assert_eq!((done.renewed, done.paid), (1, 0), "{done:?}");
    gym.clock.set("2026-04-11T10:00:00Z");
    let done = run(&gym, &gateways).await;
    assert_eq!((done.renewed, done.paid), (0, 1), "{done:?}");
    assert_eq!(stand_in.taken_from(&wallet), ["200.00"]);
    the_books_agree(&gym).await;
}
