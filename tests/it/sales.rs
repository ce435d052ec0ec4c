//! Selling, renewing, taking over and voiding, with the ledger behind them.
use chrono::{NaiveDate, TimeDelta};
use gatehouse_core::auth::model::{Permission, Role};
use gatehouse_core::clock::Clock;
use gatehouse_core::error::Error;
use gatehouse_core::ids::{MemberId, PlanId, SubscriptionId, TransactionId, new_id};
use gatehouse_core::members::wire::ChooseMember;
use gatehouse_core::money::Money;
use gatehouse_core::payments::wire::{Method, Payment};
use gatehouse_core::plans::service::{archive_plan, set_price, update_plan};
use gatehouse_core::plans::wire::{ChoosePlan, SetPrice, UpdatePlan};
use gatehouse_core::subscriptions::service::{
    member_subscriptions, sale_preview, sell, take_over, void_sale,
};
use gatehouse_core::subscriptions::wire::{
    EventKind, Offer, Sale, Status, Subscription, TakeOver, VoidSale, Voided,
};
use gatehouse_testkit::{GymSetup, TestGym, pack_form, plan_form, without};
use uuid::Uuid;

fn day(text: &str) -> NaiveDate {
    text.parse().expect("a day")
}

fn code(error: Error) -> String {
    error.to_wire().code
}

fn field(error: Error) -> (String, String) {
    let wire = error.to_wire();
    (wire.field.unwrap_or_default(), wire.code)
}

fn new(member_id: MemberId, plan_id: PlanId) -> Offer {
    Offer::New { member_id, plan_id, starts_on: None }
}

fn renew(subscription_id: SubscriptionId) -> Offer {
    Offer::Renew { subscription_id, from_old_end: false }
}

async fn subscriptions(gym: &TestGym, member_id: MemberId) -> Vec<Subscription> {
    member_subscriptions(&gym.services, &gym.owner, ChooseMember { member_id })
        .await
        .expect("the member's subscriptions")
        .rows
}

async fn the_only_one(gym: &TestGym, member: MemberId) -> Subscription {
    let mut rows = subscriptions(gym, member).await;
    assert_eq!(rows.len(), 1);
    rows.remove(0)
}

async fn void(gym: &TestGym, transaction_id: TransactionId) -> Result<Voided, Error> {
    let idempotency_key = new_id(gym.clock.now());
    let request = VoidSale { idempotency_key, transaction_id, reason: "wrong plan".into() };
    void_sale(&gym.services, &gym.reception, request).await
}

/// Rows that a sale leaves, and none of them twice.
async fn money_rows(gym: &TestGym) -> [i64; 6] {
    [
        gym.count("select count(*) from ledger_transactions").await,
        gym.count("select count(*) from ledger_entries").await,
        gym.count("select count(*) from charges").await,
        gym.count("select count(*) from payments").await,
        gym.count("select count(*) from allocations").await,
        gym.count("select count(*) from subscription_events").await,
    ]
}

async fn balance(gym: &TestGym, account: &str) -> i64 {
    sqlx::query_scalar("select coalesce(sum(amount), 0)::bigint from ledger_entries where account = $1")
        .bind(account)
        .fetch_one(&gym.db.owner)
        .await
        .expect("a balance")
}

#[tokio::test]
async fn a_sale_charges_takes_the_money_and_starts_the_subscription() {
    let gym = TestGym::new().await;
    let (member, plan) = (gym.member("Mona Adel").await, gym.monthly().await);
    let preview = sale_preview(&gym.services, &gym.reception, new(member, plan)).await.expect("a preview");
    assert_eq!((preview.starts_on, preview.ends_on), (day("2026-03-11"), day("2026-04-10")));
    assert_eq!(preview.total, Money::new(75_000, "EGP"));
    assert!(preview.warnings.is_empty());

    let mut request = gym.sale_of(new(member, plan)).await;
    request.payments[0].tendered = Some(gym.money(80_000));
    let sale = sell(&gym.services, &gym.reception, request).await.expect("a sale");
    assert_eq!((sale.starts_on, sale.ends_on), (preview.starts_on, preview.ends_on));
    assert_eq!(sale.change, gym.money(5_000));

    assert_eq!(money_rows(&gym).await, [1, 4, 1, 1, 1, 1]);
    assert_eq!(balance(&gym, "cash").await, 75_000);
    assert_eq!(balance(&gym, "revenue").await, -75_000);
    assert_eq!(balance(&gym, "receivable").await, 0);
    assert_eq!(gym.count("select count(*) from audit_log where act = 'subscription.sold'").await, 1);

    let sold = the_only_one(&gym, member).await;
    assert_eq!((sold.status, sold.remaining_days), (Status::Active, Some(30)));
    assert_eq!((sold.starts_on, sold.ends_on), (day("2026-03-11"), day("2026-04-10")));
    assert_eq!(sold.owed, gym.money(0));
    assert!(sold.opens_door);
    assert_eq!(sold.events[0].amount, Some(gym.money(75_000)));
    assert_eq!(sold.events[0].by.as_deref(), Some("reception of the house"));
}
