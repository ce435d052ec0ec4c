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
use gatehouse_core::sales::service::{sale_preview, sell};
use gatehouse_core::sales::void::void_sale;
use gatehouse_core::sales::wire::{Basket, Line, Sale, SalePreview, Sell, VoidSale, Voided};
use gatehouse_core::subscriptions::service::{member_subscriptions, take_over};
use gatehouse_core::subscriptions::wire::{EventKind, Status, Subscription, TakeOver};
use gatehouse_testkit::{GymSetup, TestGym, pack_form, plan_form, without};
use sqlx::Executor as _;

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

fn new(member_id: MemberId, plan_id: PlanId) -> Basket {
    Basket::of(member_id, Line::New { plan_id, starts_on: None })
}

fn renew(subscription_id: SubscriptionId) -> Basket {
    renew_from(subscription_id, false)
}

fn renew_from(subscription_id: SubscriptionId, from_old_end: bool) -> Basket {
    Basket { member_id: None, lines: vec![Line::Renew { subscription_id, from_old_end }] }
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
    assert_eq!(
        (preview.lines[0].starts_on, preview.lines[0].ends_on),
        (Some(day("2026-03-11")), Some(day("2026-04-10")))
    );
    assert_eq!(preview.total, Money::new(75_000, "EGP"));
    assert!(preview.warnings.is_empty());

    let mut request = gym.sale_of(new(member, plan)).await;
    request.payments[0].tendered = Some(gym.money(80_000));
    let sale = sell(&gym.services, &gym.reception, request).await.expect("a sale");
    assert_eq!(
        (Some(sale.subscriptions[0].starts_on), Some(sale.subscriptions[0].ends_on)),
        (preview.lines[0].starts_on, preview.lines[0].ends_on)
    );
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

#[tokio::test]
async fn a_sale_can_be_split_between_cash_and_card() {
    let gym = TestGym::new().await;
    let (member, plan) = (gym.member("Mona Adel").await, gym.monthly().await);
    let mut request = gym.sale_of(new(member, plan)).await;
    let card = Payment {
        method: Method::CardTerminal,
        amount: gym.money(50_000),
        tendered: None,
        reference: Some("slip 0042".into()),
    };
    request.payments = vec![gym.cash(25_000), card];
    sell(&gym.services, &gym.reception, request).await.expect("a sale");
    assert_eq!(money_rows(&gym).await, [1, 6, 1, 2, 2, 1]);
    assert_eq!(balance(&gym, "cash").await, 25_000);
    assert_eq!(balance(&gym, "card_terminal").await, 50_000);
    assert_eq!(balance(&gym, "receivable").await, 0);
}

#[tokio::test]
async fn a_free_plan_is_sold_without_a_payment() {
    let gym = TestGym::new().await;
    let member = gym.member("Mona Adel").await;
    let plan = gym.plan(plan_form("Trial"), 0).await;
    let sale = gym.sell_plan(member, plan).await;
    assert_eq!(sale.total, gym.money(0));
    assert_eq!(money_rows(&gym).await, [1, 0, 0, 0, 0, 1]);
    assert_eq!(the_only_one(&gym, member).await.status, Status::Active);
}

#[tokio::test]
async fn payments_that_do_not_pay_the_total_store_nothing() {
    let gym = TestGym::new().await;
    let (member, plan) = (gym.member("Mona Adel").await, gym.monthly().await);
    for (payments, expected) in [
        (vec![], "payments_do_not_match"),
        (vec![gym.cash(74_999)], "payments_do_not_match"),
        (vec![gym.cash(100_000), gym.cash(-25_000)], "amount_not_positive"),
        (vec![Payment { amount: Money::new(75_000, "USD"), ..gym.cash(75_000) }], "currency_wrong"),
        (vec![Payment { tendered: Some(gym.money(100)), ..gym.cash(75_000) }], "tendered_too_little"),
        (vec![Payment { method: Method::CardTerminal, ..gym.cash(75_000) }], "reference_required"),
    ] {
        let mut request = gym.sale_of(new(member, plan)).await;
        request.payments = payments;
        let error = sell(&gym.services, &gym.reception, request).await.expect_err(expected);
        assert_eq!(field(error), ("payments".to_owned(), expected.to_owned()));
    }
    assert_eq!(money_rows(&gym).await, [0; 6]);
    assert_eq!(gym.count("select count(*) from subscriptions").await, 0);
    assert_eq!(gym.count("select count(*) from idempotency_keys").await, 0);
}

#[tokio::test]
async fn a_price_that_changed_since_the_preview_is_refused() {
    let gym = TestGym::new().await;
    let (member, plan) = (gym.member("Mona Adel").await, gym.monthly().await);
    let request = gym.sale_of(new(member, plan)).await;
    let dearer =
        SetPrice { plan_id: plan, from: day("2026-03-11"), price_minor: 80_000, only_this_branch: false };
    set_price(&gym.services, &gym.owner, dearer).await.expect("a new price");
    let error = sell(&gym.services, &gym.reception, request).await.expect_err("the price changed");
    let wire = error.to_wire();
    assert_eq!((wire.code.as_str(), &wire.params["minor"]), ("price_changed", &serde_json::json!(80_000)));
    assert_eq!(money_rows(&gym).await, [0; 6]);
}

#[tokio::test]
async fn a_sale_that_is_retried_happens_once() {
    let gym = TestGym::new().await;
    let (member, plan) = (gym.member("Mona Adel").await, gym.monthly().await);
    let request = gym.sale_of(new(member, plan)).await;
    let first = sell(&gym.services, &gym.reception, request.clone()).await.expect("a sale");
    // Tomorrow, dearer, and the plan archived: a retry still gets the first answer.
    gym.clock.advance(TimeDelta::days(1));
    archive_plan(&gym.services, &gym.owner, ChoosePlan { plan_id: plan }).await.expect("archived");
    let retried = sell(&gym.services, &gym.second_reception, request.clone()).await.expect("the same sale");
    assert_eq!(first, retried);
    assert_eq!(money_rows(&gym).await, [1, 4, 1, 1, 1, 1]);

    let other = Sell { basket: new(gym.member("Omar Nabil").await, plan), ..request };
    let error = sell(&gym.services, &gym.reception, other).await.expect_err("another sale, the same key");
    assert_eq!(code(error), "idempotency_key_reused");
    assert_eq!(money_rows(&gym).await, [1, 4, 1, 1, 1, 1]);
}

#[tokio::test]
async fn two_desks_with_the_same_key_sell_once() {
    let gym = TestGym::new().await;
    let plan = gym.monthly().await;
    for round in 1..=10 {
        let member = gym.member("Mona Adel").await;
        let request = gym.sale_of(new(member, plan)).await;
        let (one, other) = tokio::join!(
            sell(&gym.services, &gym.reception, request.clone()),
            sell(&gym.services, &gym.second_reception, request.clone()),
        );
        assert_eq!(one.expect("a sale"), other.expect("the same sale"));
        assert_eq!(money_rows(&gym).await, [round, 4 * round, round, round, round, round]);
    }
}

#[tokio::test]
async fn two_desks_renewing_at_once_never_sell_two_periods_unseen() {
    let gym = TestGym::new().await;
    let plan = gym.monthly().await;
    for _ in 0..10 {
        let member = gym.member("Mona Adel").await;
        let sold = gym.sell_plan(member, plan).await.subscriptions[0].subscription_id;
        let (first, second) = (gym.sale_of(renew(sold)).await, gym.sale_of(renew(sold)).await);
        let (one, other) = tokio::join!(
            sell(&gym.services, &gym.reception, first),
            sell(&gym.services, &gym.second_reception, second),
        );
        let (won, lost) = match (one, other) {
            (Ok(sale), Err(error)) | (Err(error), Ok(sale)) => (sale, error),
            both => panic!("one desk renews, the other is told: {both:?}"),
        };
        assert!(["subscription_changed", "dates_changed"].contains(&code(lost).as_str()));
        assert_eq!(
            (won.subscriptions[0].starts_on, won.subscriptions[0].ends_on),
            (day("2026-04-11"), day("2026-05-10"))
        );
        assert_eq!(the_only_one(&gym, member).await.ends_on, day("2026-05-10"));
    }
}

#[tokio::test]
async fn a_second_renewal_made_knowingly_follows_the_first() {
    let gym = TestGym::new().await;
    let (member, plan) = (gym.member("Mona Adel").await, gym.monthly().await);
    let sold = gym.sell_plan(member, plan).await.subscriptions[0].subscription_id;
    gym.sell(renew(sold)).await;
    let again = gym.sell(renew(sold)).await;
    assert_eq!(
        (again.subscriptions[0].starts_on, again.subscriptions[0].ends_on),
        (day("2026-05-11"), day("2026-06-10"))
    );
    let row = the_only_one(&gym, member).await;
    assert_eq!((row.starts_on, row.ends_on), (day("2026-03-11"), day("2026-06-10")));
    assert_eq!(row.remaining_days, Some(91));
    assert_eq!(
        row.events.iter().map(|event| event.kind).collect::<Vec<_>>(),
        [EventKind::Sold, EventKind::Renewed, EventKind::Renewed]
    );
}

#[tokio::test]
async fn a_lapsed_subscription_starts_today_or_at_its_old_end() {
    let gym = TestGym::with(GymSetup { now: "2026-01-31T10:00:00Z", ..GymSetup::default() }).await;
    let (member, plan) = (gym.member("Mona Adel").await, gym.monthly().await);
    let sold = gym.sell_plan(member, plan).await;
    assert_eq!(
        (sold.subscriptions[0].starts_on, sold.subscriptions[0].ends_on),
        (day("2026-01-31"), day("2026-02-27"))
    );
    gym.clock.set("2026-03-10T10:00:00Z");
    assert_eq!(the_only_one(&gym, member).await.status, Status::Expired);

    let preview = |from_old_end| {
        let offer = renew_from(sold.subscriptions[0].subscription_id, from_old_end);
        sale_preview(&gym.services, &gym.reception, offer)
    };
    let dates = |preview: &SalePreview| {
        (preview.lines[0].starts_on, preview.lines[0].ends_on, preview.lines[0].alternative_start)
    };
    let from_today = preview(false).await.expect("a preview");
    assert_eq!(
        dates(&from_today),
        (Some(day("2026-03-10")), Some(day("2026-04-09")), Some(day("2026-02-28")))
    );
    let from_old_end = preview(true).await.expect("a preview");
    // The anchor is still the 31st.
    assert_eq!(
        dates(&from_old_end),
        (Some(day("2026-02-28")), Some(day("2026-03-30")), Some(day("2026-03-10")))
    );
    assert_eq!(from_old_end.warnings, ["starts_in_past"]);

    let offer = renew_from(sold.subscriptions[0].subscription_id, true);
    let renewed = gym.sell(offer).await;
    assert_eq!(
        (renewed.subscriptions[0].starts_on, renewed.subscriptions[0].ends_on),
        (day("2026-02-28"), day("2026-03-30"))
    );
    let again = gym.sell(renew(sold.subscriptions[0].subscription_id)).await;
    assert_eq!(
        (again.subscriptions[0].starts_on, again.subscriptions[0].ends_on),
        (day("2026-03-31"), day("2026-04-29"))
    );
}

#[tokio::test]
async fn a_renewal_keeps_the_sold_duration_at_todays_price() {
    let gym = TestGym::new().await;
    let (member, plan) = (gym.member("Mona Adel").await, gym.monthly().await);
    let sold = gym.sell_plan(member, plan).await.subscriptions[0].subscription_id;
    let mut form = plan_form("Quarterly");
    form.duration_count = 3;
    update_plan(&gym.services, &gym.owner, UpdatePlan { id: plan, form }).await.expect("edited");
    let price =
        SetPrice { plan_id: plan, from: day("2026-03-11"), price_minor: 200_000, only_this_branch: false };
    set_price(&gym.services, &gym.owner, price).await.expect("a price");

    let kept = the_only_one(&gym, member).await;
    assert_eq!((kept.plan_name.as_str(), kept.duration_count), ("Monthly", 1));
    assert_eq!(kept.ends_on, day("2026-04-10"));
    let preview = sale_preview(&gym.services, &gym.reception, renew(sold)).await.expect("a preview");
    assert_eq!(
        (preview.lines[0].starts_on, preview.lines[0].ends_on),
        (Some(day("2026-04-11")), Some(day("2026-05-10")))
    );
    assert_eq!((preview.total, preview.warnings), (gym.money(200_000), vec!["plan_changed".to_owned()]));
}

#[tokio::test]
async fn an_archived_plan_is_renewed_but_not_sold() {
    let gym = TestGym::new().await;
    let (member, plan) = (gym.member("Mona Adel").await, gym.monthly().await);
    let sold = gym.sell_plan(member, plan).await.subscriptions[0].subscription_id;
    archive_plan(&gym.services, &gym.owner, ChoosePlan { plan_id: plan }).await.expect("archived");
    let error = sale_preview(&gym.services, &gym.reception, new(member, plan)).await.expect_err("archived");
    assert_eq!(code(error), "plan_archived");
    assert_eq!(gym.sell(renew(sold)).await.subscriptions[0].ends_on, day("2026-05-10"));
}

#[tokio::test]
async fn the_preview_mentions_a_second_of_a_kind_and_a_start_in_the_past() {
    let gym = TestGym::new().await;
    let (member, plan) = (gym.member("Mona Adel").await, gym.monthly().await);
    gym.sell_plan(member, plan).await;
    let offer = Basket::of(member, Line::New { plan_id: plan, starts_on: Some(day("2026-03-01")) });
    let preview = sale_preview(&gym.services, &gym.reception, offer).await.expect("a preview");
    assert_eq!(preview.warnings, ["starts_in_past", "already_running"]);
    let offer = Basket::of(member, Line::New { plan_id: plan, starts_on: Some(day("2026-04-11")) });
    let preview = sale_preview(&gym.services, &gym.reception, offer).await.expect("a preview");
    assert!(preview.warnings.is_empty());
    for far in ["2024-01-01", "2190-01-01"] {
        let offer = Basket::of(member, Line::New { plan_id: plan, starts_on: Some(day(far)) });
        let error = sale_preview(&gym.services, &gym.reception, offer).await.expect_err("too far");
        assert_eq!(field(error), ("starts_on".to_owned(), "out_of_range".to_owned()));
    }
}

#[tokio::test]
async fn what_is_not_there_cannot_be_sold() {
    let gym = TestGym::new().await;
    let (member, plan) = (gym.member("Mona Adel").await, gym.monthly().await);
    let nobody = MemberId(new_id(gym.clock.now()));
    let nothing = PlanId(new_id(gym.clock.now()));
    let never = SubscriptionId(new_id(gym.clock.now()));
    for (offer, what) in
        [(new(nobody, plan), "member"), (new(member, nothing), "plan"), (renew(never), "subscription")]
    {
        let error = sale_preview(&gym.services, &gym.reception, offer).await.expect_err(what);
        assert_eq!(error.to_wire().params["what"], what);
    }
}

#[tokio::test]
async fn a_sale_is_voided_within_a_quarter_of_an_hour() {
    let gym = TestGym::new().await;
    let (member, plan) = (gym.member("Mona Adel").await, gym.monthly().await);
    let sale = gym.sell_plan(member, plan).await;
    let sold = the_only_one(&gym, member).await;
    assert_eq!(sold.events[0].voidable_until, Some(gym.clock.now() + TimeDelta::minutes(15)));

    gym.clock.advance(TimeDelta::minutes(15));
    let voided = void(&gym, sale.transaction_id).await.expect("voided");
    assert_eq!(voided.returned, [gym.cash(75_000)]);
    assert_eq!(balance(&gym, "cash").await, 0);
    assert_eq!(balance(&gym, "revenue").await, 0);
    assert_eq!(balance(&gym, "receivable").await, 0);
    // What was written stays; the void is new rows.
    // The allocation is taken back by a row of its own.
    assert_eq!(money_rows(&gym).await, [2, 8, 1, 1, 2, 2]);
    let row = the_only_one(&gym, member).await;
    assert_eq!((row.status, row.opens_door, row.owed), (Status::Cancelled, false, gym.money(0)));
    assert!(row.events[0].voided);
    assert_eq!(row.events[1].reason.as_deref(), Some("wrong plan"));
    assert_eq!(gym.count("select count(*) from audit_log where act = 'subscription.sale_voided'").await, 1);

    let error = void(&gym, sale.transaction_id).await.expect_err("once is enough");
    assert_eq!(code(error), "already_voided");
    let error = void(&gym, voided.transaction_id).await.expect_err("a void is no sale");
    assert_eq!(code(error), "not_found");
    let error =
        sale_preview(&gym.services, &gym.reception, renew(sale.subscriptions[0].subscription_id)).await;
    assert_eq!(code(error.expect_err("nothing is left of it")), "nothing_to_renew");
}

#[tokio::test]
async fn a_sale_is_not_voided_late_twice_elsewhere_or_without_a_reason() {
    let gym = TestGym::new().await;
    let (member, plan) = (gym.member("Mona Adel").await, gym.monthly().await);
    let sale = gym.sell_plan(member, plan).await;
    let renewal = gym.sell(renew(sale.subscriptions[0].subscription_id)).await;
    let error = void(&gym, sale.transaction_id).await.expect_err("the renewal came after it");
    assert_eq!(code(error), "not_last_sale");

    let request = |transaction_id, reason: &str| VoidSale {
        idempotency_key: new_id(gym.clock.now()),
        transaction_id,
        reason: reason.into(),
    };
    let error = void_sale(&gym.services, &gym.reception, request(renewal.transaction_id, "  ")).await;
    assert_eq!(field(error.expect_err("no reason")), ("reason".to_owned(), "required".to_owned()));
    let branch = gym.second_branch("2").await;
    let elsewhere = gym.at_branch(&gym.manager, branch).await;
    let error = void_sale(&gym.services, &elsewhere, request(renewal.transaction_id, "wrong")).await;
    assert_eq!(code(error.expect_err("another branch sold it")), "sold_elsewhere");

    let again = request(renewal.transaction_id, "wrong member");
    let first = void_sale(&gym.services, &gym.reception, again.clone()).await.expect("voided");
    assert_eq!(void_sale(&gym.services, &gym.reception, again).await.expect("a retry"), first);
    assert_eq!(the_only_one(&gym, member).await.ends_on, day("2026-04-10"));
    // With the renewal gone, the sale is the last again.
    gym.clock.advance(TimeDelta::minutes(15) + TimeDelta::seconds(1));
    assert_eq!(code(void(&gym, sale.transaction_id).await.expect_err("too late")), "void_too_late");
    assert_eq!(the_only_one(&gym, member).await.status, Status::Active);
}

#[tokio::test]
async fn two_desks_voiding_at_once_give_the_money_back_once() {
    let gym = TestGym::new().await;
    let plan = gym.monthly().await;
    for _ in 0..5 {
        let sale = gym.sell_plan(gym.member("Mona Adel").await, plan).await;
        let (one, other) = tokio::join!(void(&gym, sale.transaction_id), void(&gym, sale.transaction_id));
        match (one, other) {
            (Ok(_), Err(error)) | (Err(error), Ok(_)) => assert_eq!(code(error), "already_voided"),
            both => panic!("one void, one refusal: {both:?}"),
        }
        assert_eq!(balance(&gym, "cash").await, 0);
    }
}

#[tokio::test]
async fn a_subscription_of_an_old_system_keeps_its_dates_and_costs_nothing() {
    let gym = TestGym::with(GymSetup { now: "2026-01-20T10:00:00Z", ..GymSetup::default() }).await;
    let (member, plan) = (gym.member("Mona Adel").await, gym.monthly().await);
    // Sold there from the 11th to the 11th; here it would have been to the 10th.
    let request = TakeOver {
        idempotency_key: new_id(gym.clock.now()),
        member_id: member,
        plan_id: plan,
        starts_on: day("2026-01-11"),
        ends_on: day("2026-02-11"),
        visits_left: None,
    };
    let taken = take_over(&gym.services, &gym.manager, request.clone()).await.expect("taken over");
    assert_eq!(take_over(&gym.services, &gym.manager, request.clone()).await.expect("a retry"), taken);
    assert_eq!(money_rows(&gym).await, [1, 0, 0, 0, 0, 1]);
    let row = the_only_one(&gym, member).await;
    assert_eq!((row.ends_on, row.remaining_days), (day("2026-02-11"), Some(22)));
    assert_eq!(row.events[0].kind, EventKind::TakenOver);
    let renewed = gym.sell(renew(taken.subscription_id)).await;
    assert_eq!(
        (renewed.subscriptions[0].starts_on, renewed.subscriptions[0].ends_on),
        (day("2026-02-12"), day("2026-03-11"))
    );

    for (changed, expected) in [
        (TakeOver { ends_on: day("2026-01-19"), ..request.clone() }, ("ends_on", "in_past")),
        (TakeOver { starts_on: day("2026-03-01"), ..request.clone() }, ("ends_on", "ends_before_start")),
        (TakeOver { ends_on: day("2300-01-01"), ..request.clone() }, ("ends_on", "out_of_range")),
        (TakeOver { starts_on: day("1066-10-14"), ..request.clone() }, ("starts_on", "out_of_range")),
        (TakeOver { visits_left: Some(3), ..request.clone() }, ("visits_left", "visits_not_counted")),
    ] {
        let changed = TakeOver { idempotency_key: new_id(gym.clock.now()), ..changed };
        let error = take_over(&gym.services, &gym.manager, changed).await.expect_err(expected.1);
        assert_eq!(field(error), (expected.0.to_owned(), expected.1.to_owned()));
    }
}

#[tokio::test]
async fn a_pack_of_an_old_system_brings_the_visits_that_are_left() {
    let gym = TestGym::new().await;
    let (member, plan) = (gym.member("Mona Adel").await, gym.ten_visits().await);
    let request = |visits_left| TakeOver {
        idempotency_key: new_id(gym.clock.now()),
        member_id: member,
        plan_id: plan,
        starts_on: day("2026-03-01"),
        ends_on: day("2026-04-29"),
        visits_left,
    };
    let missing =
        take_over(&gym.services, &gym.manager, request(None)).await.expect_err("how many are left?");
    assert_eq!(field(missing), ("visits_left".to_owned(), "required".to_owned()));
    let taken = take_over(&gym.services, &gym.manager, request(Some(4))).await.expect("taken over");
    let row = the_only_one(&gym, member).await;
    assert_eq!((row.visits_total, row.visits_left), (Some(4), Some(4)));
    void(&gym, taken.transaction_id).await.expect("a mistake is taken back");
    assert_eq!(the_only_one(&gym, member).await.status, Status::Cancelled);
}

/// Entries, each with the visit it used.
async fn visit(gym: &TestGym, sale: &Sale, member: MemberId, on: &str, seq: i32) {
    let (entry, now) = (new_id(gym.clock.now()), gym.clock.now());
    sqlx::query(
        "insert into entries (id, branch_id, member_id, seq, scan_id, desk_id, at, business_day, subscription_id)
         values ($1, $2, $3, $4, $1, $5, $6, $7, $8)",
    )
    .bind(entry)
    .bind(gym.branch)
    .bind(member)
    .bind(seq)
    .bind(gym.desk)
    .bind(now)
    .bind(day(on))
    .bind(sale.subscriptions[0].subscription_id)
    .execute(&gym.db.owner)
    .await
    .expect("an entry");
    sqlx::query(
        "insert into visit_uses (id, branch_id, subscription_id, visit_no, entry_id, business_day)
         values ($1, $2, $3, $4, $1, $5)",
    )
    .bind(entry)
    .bind(gym.branch)
    .bind(sale.subscriptions[0].subscription_id)
    .bind(seq)
    .bind(day(on))
    .execute(&gym.db.owner)
    .await
    .expect("a visit used");
}

#[tokio::test]
async fn a_pack_that_is_used_up_is_completed_and_starts_again_when_renewed() {
    let gym = TestGym::new().await;
    let member = gym.member("Mona Adel").await;
    let plan = gym.plan(pack_form("Two visits", 2, 60), 10_000).await;
    let sale = gym.sell_plan(member, plan).await;
    visit(&gym, &sale, member, "2026-03-11", 1).await;
    let row = the_only_one(&gym, member).await;
    assert_eq!((row.status, row.visits_total, row.visits_left), (Status::Active, Some(2), Some(1)));
    // A second visit, undone: it is theirs again.
    visit(&gym, &sale, member, "2026-03-12", 2).await;
    gym.clock.advance(TimeDelta::days(1));
    assert_eq!(the_only_one(&gym, member).await.status, Status::Completed);
    gym.db
        .owner
        .execute("insert into entry_voids (entry_id, branch_id, at) select id, branch_id, at from entries where seq = 2")
        .await
        .expect("undone");
    assert_eq!(the_only_one(&gym, member).await.visits_left, Some(1));
    visit(&gym, &sale, member, "2026-03-12", 3).await;

    let renewed = gym.sell(renew(sale.subscriptions[0].subscription_id)).await;
    assert_eq!(
        (renewed.subscriptions[0].starts_on, renewed.subscriptions[0].ends_on),
        (day("2026-03-12"), day("2026-05-10"))
    );
    let row = the_only_one(&gym, member).await;
    assert_eq!((row.status, row.visits_left), (Status::Active, Some(2)));
}

#[tokio::test]
async fn a_voided_sale_leaves_its_entries_alone() {
    let gym = TestGym::new().await;
    let (member, plan) = (gym.member("Mona Adel").await, gym.ten_visits().await);
    let sale = gym.sell_plan(member, plan).await;
    visit(&gym, &sale, member, "2026-03-11", 1).await;
    void(&gym, sale.transaction_id).await.expect("voided");
    assert_eq!(gym.count("select count(*) from entries").await, 1);
    assert_eq!(gym.count("select count(*) from entry_voids").await, 0);
    assert_eq!(the_only_one(&gym, member).await.status, Status::Cancelled);
}

#[tokio::test]
async fn only_those_who_may_sell_void_and_take_over() {
    let gym = TestGym::new().await;
    let (member, plan) = (gym.member("Mona Adel").await, gym.monthly().await);
    let trainer = gym.staff(Role::Trainer).await;
    let request = gym.sale_of(new(member, plan)).await;
    assert_eq!(code(sell(&gym.services, &trainer, request).await.expect_err("a trainer")), "forbidden");
    let preview = sale_preview(&gym.services, &trainer, new(member, plan)).await;
    assert_eq!(code(preview.expect_err("a trainer")), "forbidden");

    let sale = gym.sell_plan(member, plan).await;
    let idempotency_key = new_id(gym.clock.now());
    let request = VoidSale { idempotency_key, transaction_id: sale.transaction_id, reason: "x".into() };
    let without_void = without(&gym.reception, &[Permission::VoidSale]);
    assert_eq!(code(void_sale(&gym.services, &without_void, request).await.expect_err("no")), "forbidden");
    let request = TakeOver {
        idempotency_key,
        member_id: member,
        plan_id: plan,
        starts_on: day("2026-03-11"),
        ends_on: day("2026-04-10"),
        visits_left: None,
    };
    assert_eq!(code(take_over(&gym.services, &gym.reception, request).await.expect_err("no")), "forbidden");

    // Prices of the past are for those who may see money.
    gym.clock.advance(TimeDelta::hours(1));
    let seen = |actor| member_subscriptions(&gym.services, actor, ChooseMember { member_id: member });
    let by_reception = seen(&gym.reception).await.expect("reception sees subscriptions");
    assert_eq!(by_reception.rows[0].events[0].amount, None);
    let by_manager = seen(&gym.manager).await.expect("the manager sees all");
    assert_eq!(by_manager.rows[0].events[0].amount, Some(gym.money(75_000)));
}

#[tokio::test]
async fn the_database_keeps_the_ledger_append_only_and_balanced() {
    let gym = TestGym::new().await;
    let (member, plan) = (gym.member("Mona Adel").await, gym.monthly().await);
    gym.sell_plan(member, plan).await;
    for table in [
        "ledger_transactions",
        "ledger_entries",
        "charges",
        "payments",
        "allocations",
        "subscriptions",
        "subscription_events",
        "idempotency_keys",
        "audit_log",
    ] {
        for statement in [
            format!("update {table} set {} = {}", first_column(table), first_column(table)),
            format!("delete from {table}"),
            format!("truncate {table} cascade"),
        ] {
            let error =
                gym.db.app.execute(sqlx::AssertSqlSafe(statement.as_str())).await.expect_err(&statement);
            assert!(error.to_string().contains("permission denied"), "{statement}: {error}");
        }
    }
    let unbalanced = "insert into ledger_entries (id, transaction_id, account, amount, currency)
        select gen_random_uuid(), id, 'cash', 1, 'EGP' from ledger_transactions";
    let error = gym.db.app.execute(unbalanced).await.expect_err("one piastre too many");
    assert_eq!(Error::constraint(&error), Some("ledger_entries_balance"));
    let two_currencies = "insert into ledger_entries (id, transaction_id, account, amount, currency)
        select gen_random_uuid(), t.id, 'cash', part.amount, part.currency
        from ledger_transactions t, (values (1, 'EGP'), (-1, 'USD')) as part (amount, currency)";
    let error = gym.db.app.execute(two_currencies).await.expect_err("pounds do not balance dollars");
    assert_eq!(Error::constraint(&error), Some("ledger_entries_balance"));
    assert_eq!(gym.count("select count(*) from ledger_entries").await, 4);
}

fn first_column(table: &str) -> &'static str {
    match table {
        "allocations" => "payment_id",
        "idempotency_keys" => "key",
        _ => "id",
    }
}

#[tokio::test]
async fn the_business_day_decides_when_a_subscription_starts() {
    let setup = GymSetup {
        // 02:30 on the 12th in Cairo, of a night that ends at 03:00.
        now: "2026-03-12T00:30:00Z",
        day_starts_at: 3,
        ..GymSetup::default()
    };
    let gym = TestGym::with(setup).await;
    let (member, plan) = (gym.member("Mona Adel").await, gym.monthly().await);
    let sale = gym.sell_plan(member, plan).await;
    assert_eq!(
        (sale.subscriptions[0].starts_on, sale.subscriptions[0].ends_on),
        (day("2026-03-11"), day("2026-04-10"))
    );
    // The last day runs to 03:00 of the next.
    gym.clock.set("2026-04-11T00:59:00Z");
    let row = the_only_one(&gym, member).await;
    assert_eq!((row.status, row.remaining_days), (Status::Active, Some(0)));
    gym.clock.set("2026-04-11T01:00:00Z");
    let row = the_only_one(&gym, member).await;
    assert_eq!((row.status, row.remaining_days, row.opens_door), (Status::Expired, None, false));
}
