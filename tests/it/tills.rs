//! Tills: the float, cash in and out, the blind count, and shifts that are closed once.
use chrono::{NaiveDate, TimeDelta};
use gatehouse_core::actor::Actor;
use gatehouse_core::auth::model::{Permission, Role};
use gatehouse_core::clock::Clock;
use gatehouse_core::error::Error;
use gatehouse_core::ids::{MemberId, PlanId, ShiftId, TillId, new_id};
use gatehouse_core::money::{LARGEST_MINOR, Money};
use gatehouse_core::payments::wire::{Method, Payment};
use gatehouse_core::sales::service::sell;
use gatehouse_core::sales::void::void_sale;
use gatehouse_core::sales::wire::{Basket, Line, Sale, VoidSale};
use gatehouse_core::till::service::{
    close, count, create_till, get, list, list_shifts, move_cash, open, rename_till, set_desk_till,
    shift_report, shift_rows,
};
use gatehouse_core::till::wire::{
    CashDirection, CashMoved, CauseKind, ChooseShift, ChooseTill, CloseTill, CountLine, CountTill, Counted,
    CreateTill, Figure, ListShiftRows, ListShifts, MoveCash, OpenShift, OpenTill, RenameTill, SetDeskTill,
    ShiftOpened, ShiftReport, ShiftRows, Till, TillCount, Tills,
};
use gatehouse_testkit::{GymSetup, TestGym, without};
use sqlx::Executor as _;

fn day(text: &str) -> NaiveDate {
    text.parse().expect("a day")
}

fn days(from: &str, until: &str) -> ListShifts {
    ListShifts { from: day(from), until: day(until), till_id: None }
}

fn code(error: Error) -> String {
    error.to_wire().code
}

fn field(error: Error) -> (String, String) {
    let wire = error.to_wire();
    (wire.field.unwrap_or_default(), wire.code)
}

fn total(minor: i64) -> Counted {
    Counted::Total(minor)
}

async fn till(gym: &TestGym, actor: &Actor) -> Till {
    get(&gym.services, actor, ChooseTill::default()).await.expect("the desk's till")
}

async fn running(gym: &TestGym, actor: &Actor) -> OpenShift {
    till(gym, actor).await.shift.expect("a shift that runs")
}

async fn open_with(gym: &TestGym, actor: &Actor, float: i64) -> Result<ShiftOpened, Error> {
    let request = OpenTill { idempotency_key: new_id(gym.clock.now()), counted: total(float) };
    open(&gym.services, actor, request).await
}

async fn moved(gym: &TestGym, direction: CashDirection, amount_minor: i64) -> Result<CashMoved, Error> {
    let idempotency_key = new_id(gym.clock.now());
    let request = MoveCash { idempotency_key, direction, amount_minor, reason: "change".into() };
    move_cash(&gym.services, &gym.reception, request).await
}

async fn counted(gym: &TestGym, shift_id: ShiftId, counted: Counted) -> Result<TillCount, Error> {
    count(&gym.services, &gym.reception, CountTill { shift_id, counted }).await
}

fn closing(gym: &TestGym, shift_id: ShiftId, variance_minor: i64, left: i64) -> CloseTill {
    CloseTill {
        idempotency_key: new_id(gym.clock.now()),
        shift_id,
        variance_minor,
        left_in_drawer_minor: left,
        reason: (variance_minor != 0).then(|| "nobody knows".to_owned()),
    }
}

/// Counts and closes, leaving some of it as the next float.
async fn close_with(gym: &TestGym, shift: ShiftId, in_drawer: i64, left: i64) -> ShiftReport {
    let count = counted(gym, shift, total(in_drawer)).await.expect("a count");
    let request = closing(gym, shift, count.variance.minor, left);
    close(&gym.services, &gym.reception, request).await.expect("a Z report")
}

async fn report(gym: &TestGym, actor: &Actor, shift_id: ShiftId) -> Result<ShiftReport, Error> {
    shift_report(&gym.services, actor, ChooseShift { shift_id }).await
}

async fn rows(gym: &TestGym, actor: &Actor, shift_id: ShiftId, figure: Figure) -> Result<ShiftRows, Error> {
    shift_rows(&gym.services, actor, ListShiftRows { shift_id, figure, offset: 0 }).await
}

fn card(gym: &TestGym, minor: i64) -> Payment {
    let reference = Some("0042".to_owned());
    Payment { method: Method::CardTerminal, amount: gym.money(minor), tendered: None, reference }
}

async fn sell_for(
    gym: &TestGym,
    actor: &Actor,
    member: MemberId,
    plan: PlanId,
    payments: Vec<Payment>,
) -> Sale {
    let basket = Basket::of(member, Line::New { plan_id: plan, starts_on: None });
    let request = gatehouse_core::sales::wire::Sell { payments, ..gym.sale_of(basket).await };
    sell(&gym.services, actor, request).await.expect("a sale")
}

async fn balance(gym: &TestGym, account: &str) -> i64 {
    sqlx::query_scalar("select coalesce(sum(amount), 0)::bigint from ledger_entries where account = $1")
        .bind(account)
        .fetch_one(&gym.db.owner)
        .await
        .expect("a balance")
}

#[tokio::test]
async fn a_shift_is_opened_with_a_counted_float_once() {
    let gym = TestGym::new().await;
    let before = till(&gym, &gym.reception).await;
    assert!(before.shift.is_none());
    assert_eq!((before.currency.as_str(), before.denominations[0]), ("EGP", 20_000));
    let lines = vec![CountLine { minor: 20_000, count: 2 }, CountLine { minor: 500, count: 20 }];
    let request = OpenTill { idempotency_key: new_id(gym.clock.now()), counted: Counted::Lines(lines) };
    let opened = open(&gym.services, &gym.reception, request.clone()).await.expect("open");
    assert_eq!((opened.float.clone(), opened.difference.clone()), (gym.money(50_000), gym.money(0)));
    let shift = running(&gym, &gym.reception).await;
    assert_eq!((shift.id, shift.number, shift.float_counted), (opened.shift_id, 1, true));
    assert_eq!((shift.float, shift.business_day), (gym.money(50_000), day("2026-03-11")));
    // The first float comes out of the safe.
    assert_eq!((balance(&gym, "cash").await, balance(&gym, "safe").await), (50_000, -50_000));

    assert_eq!(open(&gym.services, &gym.reception, request).await.expect("a retry"), opened);
    let again = open_with(&gym, &gym.manager, 1).await.expect_err("it runs");
    assert_eq!(code(again), "shift_open");
    assert_eq!(gym.count("select count(*) from till_shifts").await, 1);
    assert_eq!(balance(&gym, "cash").await, 50_000);
    // The other desk has a drawer of its own.
    assert!(till(&gym, &gym.second_reception).await.shift.is_none());
    open_with(&gym, &gym.second_reception, 0).await.expect("another drawer");
}

#[tokio::test]
async fn two_people_who_open_a_till_at_once_get_one_shift() {
    let gym = TestGym::new().await;
    let (one, other) =
        tokio::join!(open_with(&gym, &gym.reception, 10_000), open_with(&gym, &gym.manager, 20_000));
    let refused = match (one, other) {
        (Ok(_), Err(error)) | (Err(error), Ok(_)) => error,
        both => panic!("{both:?}"),
    };
    assert_eq!(code(refused), "shift_open");
    assert_eq!(gym.count("select count(*) from till_shifts").await, 1);
}

#[tokio::test]
async fn the_database_keeps_one_open_shift_per_till_and_closed_ones_as_they_are() {
    let gym = TestGym::new().await;
    let shift = open_with(&gym, &gym.reception, 10_000).await.expect("open").shift_id;
    let twice = "insert into till_shifts (id, branch_id, till_id, number, business_day, opened_at, currency, float_amount, float_counted)
        select gen_random_uuid(), branch_id, till_id, 2, business_day, opened_at, currency, 0, true from till_shifts";
    let error = gym.db.owner.execute(twice).await.expect_err("a second one");
    assert_eq!(Error::constraint(&error), Some("till_shifts_one_open_key"));
    close_with(&gym, shift, 10_000, 10_000).await;
    let later = "update till_shifts set counted_amount = counted_amount + 1";
    let error = gym.db.owner.execute(later).await.expect_err("a Z report is final");
    assert_eq!(Error::constraint(&error), Some("till_shifts_closed_stays"));
}

#[tokio::test]
async fn a_sale_without_an_open_shift_opens_one_with_what_was_left() {
    let gym = TestGym::new().await;
    let plan = gym.monthly().await;
    let shift = open_with(&gym, &gym.reception, 30_000).await.expect("open").shift_id;
    close_with(&gym, shift, 30_000, 12_500).await;
    gym.sell_plan(gym.member("Mona Adel").await, plan).await;
    let shift = running(&gym, &gym.manager).await;
    assert_eq!((shift.number, shift.float, shift.float_counted), (2, gym.money(12_500), false));
    assert_eq!(shift.payments.len(), 1);
    assert_eq!(report(&gym, &gym.manager, shift.id).await.expect("X").expected, gym.money(87_500));
}

#[tokio::test]
async fn a_float_that_differs_from_what_was_left_is_a_cash_difference() {
    let gym = TestGym::new().await;
    let shift = open_with(&gym, &gym.reception, 30_000).await.expect("open").shift_id;
    close_with(&gym, shift, 30_000, 20_000).await;
    let opened = open_with(&gym, &gym.reception, 19_500).await.expect("open");
    assert_eq!(opened.difference, gym.money(-500));
    assert_eq!((balance(&gym, "cash").await, balance(&gym, "cash_difference").await), (19_500, 500));
}

#[tokio::test]
async fn cash_in_and_out_move_between_drawer_and_safe_with_a_receipt() {
    let gym = TestGym::new().await;
    open_with(&gym, &gym.reception, 10_000).await.expect("open");
    let key = new_id(gym.clock.now());
    let request = MoveCash {
        idempotency_key: key,
        direction: CashDirection::CashIn,
        amount_minor: 5_000,
        reason: " coins ".into(),
    };
    let moved_in = move_cash(&gym.services, &gym.reception, request.clone()).await.expect("cash in");
    assert_eq!(move_cash(&gym.services, &gym.reception, request).await.expect("a retry"), moved_in);
    let out = moved(&gym, CashDirection::CashOut, 12_000).await.expect("cash out");
    assert_eq!((moved_in.receipt_number, out.receipt_number), (1, 2));
    assert_eq!((balance(&gym, "cash").await, balance(&gym, "safe").await), (3_000, -3_000));
    assert_eq!(gym.count("select count(*) from cash_movements where reason in ('coins', 'change')").await, 2);
    assert_eq!(gym.count("select count(*) from receipts where kind in ('cash_in', 'cash_out')").await, 2);
    let x = report(&gym, &gym.manager, out.shift_id).await.expect("X");
    assert_eq!((x.cash_in.amount.minor, x.cash_out.amount.minor, x.expected.minor), (5_000, 12_000, 3_000));

    for (amount, expected) in [
        (0, ("amount_minor", "amount_not_positive")),
        (-1, ("amount_minor", "amount_negative")),
        (LARGEST_MINOR + 1, ("amount_minor", "amount_too_large")),
        (i64::MIN, ("amount_minor", "amount_negative")),
    ] {
        let error = moved(&gym, CashDirection::CashIn, amount).await.expect_err(expected.1);
        assert_eq!(field(error), (expected.0.to_owned(), expected.1.to_owned()));
    }
    let request = MoveCash {
        idempotency_key: new_id(gym.clock.now()),
        direction: CashDirection::CashOut,
        amount_minor: 1,
        reason: "  ".into(),
    };
    let error = move_cash(&gym.services, &gym.reception, request).await.expect_err("no reason");
    assert_eq!(field(error), ("reason".to_owned(), "required".to_owned()));
    assert_eq!(gym.count("select count(*) from cash_movements").await, 2);
}

#[tokio::test]
async fn nobody_who_counts_is_told_what_to_count() {
    let gym = TestGym::new().await;
    let (member, plan) = (gym.member("Mona Adel").await, gym.monthly().await);
    let shift = open_with(&gym, &gym.reception, 10_000).await.expect("open").shift_id;
    sell_for(&gym, &gym.reception, member, plan, vec![gym.cash(50_000), card(&gym, 25_000)]).await;

    let seen = running(&gym, &gym.reception).await;
    assert_eq!(seen.payments.iter().map(|total| total.method).collect::<Vec<_>>(), [Method::CardTerminal]);
    assert_eq!(seen.receipts, 1);
    let known = running(&gym, &gym.manager).await;
    assert_eq!(known.payments.len(), 2);
    assert_eq!((known.payments[0].method, known.payments[0].amount.minor), (Method::Cash, 50_000));
    for denied in [
        report(&gym, &gym.reception, shift).await.map(drop),
        rows(&gym, &gym.reception, shift, Figure::Sales).await.map(drop),
        rows(&gym, &gym.reception, shift, Figure::Receipts).await.map(drop),
    ] {
        assert_eq!(code(denied.expect_err("it would tell")), "forbidden");
    }
    // Closing without a count tells nothing either.
    let early = close(&gym.services, &gym.reception, closing(&gym, shift, 0, 0)).await.expect_err("no count");
    assert_eq!(early.to_wire().params, serde_json::Value::Null);
    assert_eq!(code(early), "not_counted");

    let count = counted(&gym, shift, total(60_000)).await.expect("a count");
    assert_eq!((count.expected, count.variance, count.causes.len()), (gym.money(60_000), gym.money(0), 0));
    close(&gym.services, &gym.reception, closing(&gym, shift, 0, 10_000)).await.expect("closed");
    let z = report(&gym, &gym.reception, shift).await.expect("a Z report is for who closed it");
    assert_eq!(z.expected, gym.money(60_000));
}

#[tokio::test]
async fn a_closed_shift_leaves_the_float_and_sends_the_rest_to_the_safe() {
    let gym = TestGym::new().await;
    let plan = gym.monthly().await;
    let (mona, omar) = (gym.member("Mona Adel").await, gym.member("Omar Nabil").await);
    let shift = open_with(&gym, &gym.reception, 50_000).await.expect("open").shift_id;
    sell_for(&gym, &gym.reception, mona, plan, vec![gym.cash(75_000)]).await;
    let wrong = sell_for(&gym, &gym.reception, omar, plan, vec![gym.cash(70_000), card(&gym, 5_000)]).await;
    let void = VoidSale {
        idempotency_key: new_id(gym.clock.now()),
        transaction_id: wrong.transaction_id,
        reason: "wrong plan".into(),
    };
    void_sale(&gym.services, &gym.reception, void).await.expect("voided");
    moved(&gym, CashDirection::CashOut, 40_000).await.expect("cash out");
    gym.clock.advance(TimeDelta::hours(8));

    // 500.00 + 750.00 + 700.00 - 700.00 - 400.00 is 850.00; 20.00 are missing.
    let count = counted(&gym, shift, total(83_000)).await.expect("a count");
    assert_eq!((count.expected, count.variance.clone()), (gym.money(85_000), gym.money(-2_000)));
    let request = CloseTill { reason: None, ..closing(&gym, shift, -2_000, 30_000) };
    let error = close(&gym.services, &gym.reception, request).await.expect_err("a variance has a reason");
    assert_eq!(field(error), ("reason".to_owned(), "required".to_owned()));
    for left in [-1, 83_001] {
        let error = close(&gym.services, &gym.reception, closing(&gym, shift, -2_000, left)).await;
        let refused = ("left_in_drawer_minor".to_owned(), "out_of_range".to_owned());
        assert_eq!(field(error.expect_err("more than there is")), refused);
    }
    let request = closing(&gym, shift, -2_000, 30_000);
    let z = close(&gym.services, &gym.reception, request.clone()).await.expect("a Z report");
    assert_eq!(close(&gym.services, &gym.reception, request).await.expect("a retry"), z);

    let methods = |totals: &[gatehouse_core::till::wire::MethodTotal]| {
        totals.iter().map(|sum| (sum.method, sum.count, sum.amount.minor)).collect::<Vec<_>>()
    };
    assert_eq!(methods(&z.payments), [(Method::Cash, 2, 145_000), (Method::CardTerminal, 1, 5_000)]);
    assert_eq!(methods(&z.refunds), [(Method::Cash, 1, 70_000), (Method::CardTerminal, 1, 5_000)]);
    assert_eq!((z.sales.count, z.sales.amount.minor), (2, 150_000));
    assert_eq!((z.credits.count, z.credits.amount.minor), (1, 75_000));
    assert_eq!((z.cash_out.count, z.cash_out.amount.minor, z.cash_in.count), (1, 40_000, 0));
    let receipts = z.receipts.expect("receipts");
    assert_eq!((receipts.first, receipts.last, receipts.count), (1, 4, 4));
    let closing_of = z.closing.clone().expect("closed");
    assert_eq!((closing_of.counted_amount.minor, closing_of.variance.minor), (83_000, -2_000));
    assert_eq!((closing_of.left_in_drawer.minor, closing_of.to_safe.minor), (30_000, 53_000));
    assert_eq!(closing_of.closed_by.as_deref(), Some("reception of the house"));
    assert_eq!(closing_of.variance_reason.as_deref(), Some("nobody knows"));

    assert_eq!(balance(&gym, "cash").await, 30_000);
    assert_eq!(balance(&gym, "cash_difference").await, 2_000);
    // 500.00 came out of it for the float, 400.00 and 530.00 went in.
    assert_eq!(balance(&gym, "safe").await, 43_000);
    assert_eq!(report(&gym, &gym.owner, shift).await.expect("the same for ever"), z);
    assert_eq!(
        gym.count("select count(*) from audit_log where act in ('till.counted', 'till.closed')").await,
        2
    );
    let again = counted(&gym, shift, total(1)).await.expect_err("closed");
    assert_eq!(code(again), "shift_closed");
    let again =
        close(&gym.services, &gym.reception, closing(&gym, shift, -2_000, 0)).await.expect_err("closed");
    assert_eq!(code(again), "shift_closed");
}

#[tokio::test]
async fn a_second_shift_does_not_sum_the_first_again() {
    let gym = TestGym::new().await;
    let plan = gym.monthly().await;
    let first = open_with(&gym, &gym.reception, 20_000).await.expect("open").shift_id;
    sell_for(&gym, &gym.reception, gym.member("Mona Adel").await, plan, vec![gym.cash(75_000)]).await;
    moved(&gym, CashDirection::CashIn, 1_000).await.expect("cash in");
    let z = close_with(&gym, first, 96_000, 20_000).await;
    assert_eq!(z.closing.as_ref().map(|closing| closing.variance.minor), Some(0));

    // The same day, the same till, the same people.
    gym.clock.advance(TimeDelta::minutes(1));
    let second = open_with(&gym, &gym.reception, 20_000).await.expect("open").shift_id;
    sell_for(&gym, &gym.reception, gym.member("Omar Nabil").await, plan, vec![card(&gym, 75_000)]).await;
    sell_for(&gym, &gym.reception, gym.member("Sara Fathy").await, plan, vec![gym.cash(75_000)]).await;
    let x = report(&gym, &gym.manager, second).await.expect("X");
    assert_eq!((x.number, x.sales.count, x.sales.amount.minor), (2, 2, 150_000));
    assert_eq!(x.payments.iter().map(|sum| sum.amount.minor).collect::<Vec<_>>(), [75_000, 75_000]);
    assert_eq!((x.cash_in.count, x.expected.minor), (0, 95_000));
    assert_eq!(x.receipts.map(|range| (range.first, range.last)), Some((3, 4)));
    let z = close_with(&gym, second, 95_000, 0).await;
    assert_eq!(z.closing.map(|closing| (closing.variance.minor, closing.to_safe.minor)), Some((0, 95_000)));
    assert_eq!(report(&gym, &gym.manager, first).await.expect("Z").sales.count, 1);

    let request = days("2026-03-11", "2026-03-11");
    let of_the_day = list_shifts(&gym.services, &gym.manager, request).await.expect("shifts").rows;
    assert_eq!(of_the_day.iter().map(|shift| shift.number).collect::<Vec<_>>(), [2, 1]);
    let expected: Vec<_> = of_the_day.iter().filter_map(|shift| shift.expected.as_ref()).collect();
    assert_eq!(expected, [&gym.money(95_000), &gym.money(96_000)]);
}

#[tokio::test]
async fn takings_after_utc_midnight_stay_on_the_branchs_day() {
    // West of Greenwich the evening is tomorrow in UTC; at 20:30 in New York it is 00:30 there.
    let evening = GymSetup {
        now: "2026-03-11T21:00:00Z",
        time_zone: "America/New_York",
        currency: "USD",
        day_starts_at: 0,
    };
    // In Cairo the business day lasts until 03:00; 00:30 UTC is 02:30 there.
    let night = GymSetup { day_starts_at: 3, now: "2026-03-11T21:00:00Z", ..GymSetup::default() };
    for setup in [evening, night] {
        let gym = TestGym::with(setup).await;
        let plan = gym.monthly().await;
        let shift = open_with(&gym, &gym.reception, 0).await.expect("open").shift_id;
        sell_for(&gym, &gym.reception, gym.member("Mona Adel").await, plan, vec![gym.cash(75_000)]).await;
        gym.clock.set("2026-03-12T00:30:00Z");
        sell_for(&gym, &gym.reception, gym.member("Omar Nabil").await, plan, vec![gym.cash(75_000)]).await;
        close_with(&gym, shift, 150_000, 0).await;
        sell_for(&gym, &gym.reception, gym.member("Sara Fathy").await, plan, vec![gym.cash(75_000)]).await;

        let today = day("2026-03-11");
        let days: Vec<NaiveDate> =
            sqlx::query_scalar("select distinct business_day from ledger_transactions")
                .fetch_all(&gym.db.owner)
                .await
                .expect("days");
        assert_eq!(days, [today], "{}", gym.setup.time_zone);
        let request = ListShifts { from: today, until: today, till_id: None };
        let shifts = list_shifts(&gym.services, &gym.owner, request).await.expect("shifts").rows;
        assert_eq!(shifts.len(), 2, "{}", gym.setup.time_zone);
        let tomorrow = day("2026-03-12");
        let request = ListShifts { from: tomorrow, until: tomorrow, till_id: None };
        assert!(list_shifts(&gym.services, &gym.owner, request).await.expect("shifts").rows.is_empty());
    }
}

#[tokio::test]
async fn a_card_payment_booked_as_cash_is_named_first() {
    let gym = TestGym::new().await;
    let (plan, pack) = (gym.monthly().await, gym.ten_visits().await);
    let shift = open_with(&gym, &gym.reception, 10_000).await.expect("open").shift_id;
    let mona = gym.member("Mona Adel").await;
    let sale = sell_for(&gym, &gym.reception, mona, plan, vec![gym.cash(75_000)]).await;
    sell_for(&gym, &gym.reception, mona, pack, vec![card(&gym, 40_000)]).await;

    let short = counted(&gym, shift, total(10_000)).await.expect("a count");
    assert_eq!(short.variance, gym.money(-75_000));
    assert_eq!(short.causes[0].kind, CauseKind::Exact);
    let row = &short.causes[0].rows[0];
    assert_eq!((row.transaction_id, row.receipt_number), (sale.transaction_id, Some(sale.receipt_number)));
    assert_eq!((row.member.as_deref(), row.amount.clone()), (Some("Mona Adel"), gym.money(75_000)));
    // The other way round: the card was cash.
    let over = counted(&gym, shift, total(125_000)).await.expect("a count");
    assert_eq!(over.causes[0].kind, CauseKind::SwappedMethod);
    assert_eq!(over.causes[0].rows[0].method, Some(Method::CardTerminal));
    // 20 notes of 200 and so on, and one of 50 overlooked.
    let lines = vec![CountLine { minor: 20_000, count: 4 }];
    let missed = counted(&gym, shift, Counted::Lines(lines)).await.expect("a count");
    assert_eq!(missed.causes[0].kind, CauseKind::NoteMissed);
    assert_eq!(missed.causes[0].denomination, Some(gym.money(5_000)));
    // Counted three times, all of it on record.
    assert_eq!(gym.count("select count(*) from audit_log where act = 'till.counted'").await, 3);
}

#[tokio::test]
async fn money_that_moves_after_the_count_is_counted_again() {
    let gym = TestGym::new().await;
    let plan = gym.monthly().await;
    let shift = open_with(&gym, &gym.reception, 10_000).await.expect("open").shift_id;
    let count = counted(&gym, shift, total(10_000)).await.expect("a count");
    assert_eq!(count.variance.minor, 0);
    sell_for(&gym, &gym.reception, gym.member("Mona Adel").await, plan, vec![gym.cash(75_000)]).await;
    let error = close(&gym.services, &gym.reception, closing(&gym, shift, 0, 0)).await.expect_err("moved");
    assert_eq!(code(error), "till_moved");
    assert!(running(&gym, &gym.reception).await.is_counted);
    close_with(&gym, shift, 85_000, 10_000).await;
}

#[tokio::test]
async fn sales_and_closings_at_once_lose_no_money_between_shifts() {
    let gym = TestGym::new().await;
    let plan = gym.monthly().await;
    let mut members = Vec::new();
    for number in 0..12 {
        members.push(gym.member(&format!("Member {number}")).await);
    }
    open_with(&gym, &gym.reception, 0).await.expect("open");
    let selling = async {
        for pair in members.chunks(2) {
            tokio::join!(
                sell_for(&gym, &gym.reception, pair[0], plan, vec![gym.cash(75_000)]),
                sell_for(&gym, &gym.manager, pair[1], plan, vec![gym.cash(75_000)]),
            );
        }
    };
    let closing_shifts = async {
        for _ in 0..12 {
            let Some(shift) = till(&gym, &gym.manager).await.shift else { continue };
            let known = report(&gym, &gym.manager, shift.id).await.expect("X").expected.minor;
            let Ok(count) = counted(&gym, shift.id, total(known)).await else { continue };
            match close(&gym.services, &gym.reception, closing(&gym, shift.id, count.variance.minor, 0)).await
            {
                Ok(_) => {}
                Err(error) => assert_eq!(code(error), "till_moved"),
            }
        }
    };
    tokio::join!(selling, closing_shifts);
    if let Some(shift) = till(&gym, &gym.manager).await.shift {
        let known = report(&gym, &gym.manager, shift.id).await.expect("X").expected.minor;
        close_with(&gym, shift.id, known, 0).await;
    }
    let apart = "select count(*) from till_shifts s where expected_amount <> s.float_amount
        + (select coalesce(sum(amount), 0) from payments where shift_id = s.id)";
    assert_eq!(gym.count(apart).await, 0, "a closed shift was sold into");
    assert_eq!(gym.count("select count(*) from payments where shift_id is null").await, 0);
    assert_eq!(
        gym.count("select sum(expected_amount - float_amount)::bigint from till_shifts").await,
        900_000
    );
    let (cash, safe, off) =
        (balance(&gym, "cash").await, balance(&gym, "safe").await, balance(&gym, "cash_difference").await);
    // What a count found short is short in the safe.
    assert_eq!((cash, safe + off), (0, 900_000));
    assert!(gym.count("select count(*) from till_shifts").await >= 1);
}

#[tokio::test]
async fn every_figure_opens_to_rows_that_make_it() {
    let gym = TestGym::new().await;
    let plan = gym.monthly().await;
    let shift = open_with(&gym, &gym.reception, 100_000).await.expect("open").shift_id;
    let mona = gym.member("Mona Adel").await;
    let sale = sell_for(&gym, &gym.reception, mona, plan, vec![gym.cash(25_000), card(&gym, 50_000)]).await;
    let void = VoidSale {
        idempotency_key: new_id(gym.clock.now()),
        transaction_id: sale.transaction_id,
        reason: "wrong member".into(),
    };
    void_sale(&gym.services, &gym.reception, void).await.expect("voided");
    moved(&gym, CashDirection::CashIn, 700).await.expect("cash in");
    moved(&gym, CashDirection::CashOut, 300).await.expect("cash out");

    for (figure, expected) in [
        (Figure::Sales, vec![(75_000, Some("Mona Adel"), Some("Monthly"), Some(1))]),
        (Figure::Credits, vec![(75_000, Some("Mona Adel"), Some("Monthly"), Some(2))]),
        (Figure::Payments(Method::Cash), vec![(25_000, Some("Mona Adel"), None, Some(1))]),
        (Figure::Payments(Method::CardTerminal), vec![(50_000, Some("Mona Adel"), Some("0042"), Some(1))]),
        (Figure::Payments(Method::Upi), vec![]),
        (Figure::Refunds(Method::Cash), vec![(25_000, Some("Mona Adel"), None, Some(2))]),
        (Figure::CashIn, vec![(700, None, Some("change"), Some(3))]),
        (Figure::CashOut, vec![(300, None, Some("change"), Some(4))]),
        (Figure::Expenses, vec![]),
        (
            Figure::Receipts,
            vec![
                (75_000, Some("Mona Adel"), Some("sale"), Some(1)),
                (-75_000, Some("Mona Adel"), Some("void"), Some(2)),
                (700, None, Some("cash_in"), Some(3)),
                (-300, None, Some("cash_out"), Some(4)),
            ],
        ),
    ] {
        let found = rows(&gym, &gym.manager, shift, figure).await.expect("rows");
        let seen: Vec<_> = found
            .rows
            .iter()
            .map(|row| (row.amount.minor, row.member.as_deref(), row.text.as_deref(), row.receipt_number))
            .collect();
        assert_eq!(seen, expected, "{figure:?}");
        assert_eq!(usize::try_from(found.total), Ok(expected.len()), "{figure:?}");
        assert!(found.rows.iter().all(|row| row.by.as_deref() == Some("reception of the house")));
    }
}

#[tokio::test]
async fn desks_that_share_a_drawer_share_its_shift() {
    let gym = TestGym::new().await;
    let plan = gym.monthly().await;
    let tills = list(&gym.services, &gym.reception).await.expect("tills");
    assert_eq!((tills.rows.len(), tills.desks.len()), (2, 2));
    let request = || SetDeskTill { desk_id: gym.second_desk, till_id: tills.rows[0].id };
    let error = set_desk_till(&gym.services, &gym.reception, request()).await.expect_err("not theirs");
    assert_eq!(code(error), "forbidden");
    let after = set_desk_till(&gym.services, &gym.owner, request()).await.expect("set");
    assert!(after.desks.iter().all(|desk| desk.till_id == tills.rows[0].id));

    let shift = open_with(&gym, &gym.reception, 0).await.expect("open").shift_id;
    sell_for(&gym, &gym.second_reception, gym.member("Mona Adel").await, plan, vec![gym.cash(75_000)]).await;
    assert_eq!(running(&gym, &gym.second_reception).await.id, shift);
    assert_eq!(report(&gym, &gym.manager, shift).await.expect("X").expected, gym.money(75_000));

    // A till of another branch is none of theirs.
    let elsewhere = gym.at_branch(&gym.owner, gym.second_branch("2").await).await;
    let theirs = list(&gym.services, &elsewhere).await.expect("tills").rows[0].id;
    let request = SetDeskTill { desk_id: gym.second_desk, till_id: theirs };
    assert_eq!(
        code(set_desk_till(&gym.services, &gym.owner, request).await.expect_err("elsewhere")),
        "not_found"
    );
    let request = ChooseTill { till_id: Some(theirs) };
    assert_eq!(code(get(&gym.services, &gym.owner, request).await.expect_err("elsewhere")), "not_found");
    assert_eq!(code(report(&gym, &elsewhere, shift).await.expect_err("elsewhere")), "not_found");
}

#[tokio::test]
async fn a_till_is_added_named_and_named_anew() {
    let gym = TestGym::new().await;
    let id = TillId::new(gym.clock.now());
    let create = async |id, name: &str| {
        create_till(&gym.services, &gym.owner, CreateTill { id, name: name.into() }).await
    };
    let rename = async |till_id, name: &str| {
        rename_till(&gym.services, &gym.owner, RenameTill { till_id, name: name.into() }).await
    };
    let names = |tills: Tills| -> Vec<(i16, String)> {
        tills.rows.into_iter().map(|row| (row.number, row.name)).collect()
    };
    let before = names(list(&gym.services, &gym.owner).await.expect("tills"));
    let first = till(&gym, &gym.reception).await;
    assert_eq!(before.len(), 2);
    let bar = (3, "Juice bar".to_owned());
    for _ in 0..2 {
        let after = names(create(id, "  Juice bar ").await.expect("a till, once"));
        assert_eq!(after, [&before[..], std::slice::from_ref(&bar)].concat());
    }
    assert_eq!(gym.count("select count(*) from audit_log where act = 'till.created'").await, 1);
    // It gives out receipts as every till does.
    assert_eq!(gym.count("select count(*) from receipt_chains where last_number = 0").await, 3);

    let other = TillId::new(gym.clock.now());
    let long = "n".repeat(41);
    for (name, expected) in [("  ", "required"), (long.as_str(), "too_long"), ("JUICE bar", "taken")] {
        let error = create(other, name).await.expect_err("refused");
        assert_eq!(field(error), ("name".to_owned(), expected.to_owned()), "{name:?}");
        let error = rename(first.id, name).await.expect_err("refused");
        assert_eq!(field(error), ("name".to_owned(), expected.to_owned()), "{name:?}");
    }
    assert_eq!(code(rename(other, "Nowhere").await.expect_err("no such till")), "not_found");
    let error =
        create_till(&gym.services, &gym.reception, CreateTill { id: other, name: "Mine".into() }).await;
    assert_eq!(code(error.expect_err("not reception's")), "forbidden");
    let error =
        rename_till(&gym.services, &gym.reception, RenameTill { till_id: first.id, name: "Mine".into() })
            .await;
    assert_eq!(code(error.expect_err("not reception's")), "forbidden");

    // Its own name in other letters is no other till's.
    rename(id, "juice BAR").await.expect("a name");
    rename(first.id, "Front desk").await.expect("a name");
    assert_eq!(till(&gym, &gym.reception).await.name, "Front desk");
    assert_eq!(gym.count("select count(*) from audit_log where act = 'till.renamed'").await, 2);

    // Another branch has names of its own, and no way to ours.
    let there = gym.second_branch("2").await;
    let away = gym.at_branch(&gym.owner, there).await;
    let request = RenameTill { till_id: id, name: "Theirs".into() };
    assert_eq!(code(rename_till(&gym.services, &away, request).await.expect_err("not theirs")), "not_found");
    let request = CreateTill { id, name: "Theirs".into() };
    let error = create_till(&gym.services, &away, request).await.expect_err("the id is ours");
    assert_eq!(field(error), ("id".to_owned(), "id_taken".to_owned()));
    let request = CreateTill { id: other, name: "Front desk".into() };
    create_till(&gym.services, &away, request).await.expect("their own front desk");
}

#[tokio::test]
async fn two_people_who_name_tills_alike_at_once_name_one() {
    let gym = TestGym::new().await;
    let create = || {
        let request = CreateTill { id: TillId::new(gym.clock.now()), name: "Bar".into() };
        create_till(&gym.services, &gym.owner, request)
    };
    let (one, two, three) = tokio::join!(create(), create(), create());
    let outcomes = [one, two, three];
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1);
    assert_eq!(gym.count("select count(*) from tills where name = 'Bar'").await, 1);
}

#[tokio::test]
async fn shifts_are_listed_by_till_and_their_rows_name_their_receipts() {
    let gym = TestGym::new().await;
    let (plan, mona) = (gym.monthly().await, gym.member("Mona Adel").await);
    let first = open_with(&gym, &gym.reception, 10_000).await.expect("open").shift_id;
    let second = open_with(&gym, &gym.second_reception, 5_000).await.expect("open").shift_id;
    let drawer = till(&gym, &gym.second_reception).await.id;
    let found = async |till_id| {
        let request = ListShifts { till_id, ..days("2026-03-11", "2026-03-11") };
        let rows = list_shifts(&gym.services, &gym.manager, request).await.expect("shifts").rows;
        rows.into_iter().map(|row| row.id).collect::<Vec<_>>()
    };
    assert_eq!(found(None).await.len(), 2);
    assert_eq!(found(Some(drawer)).await, [second]);
    assert!(found(Some(TillId::new(gym.clock.now()))).await.is_empty());

    let sale = sell_for(&gym, &gym.reception, mona, plan, vec![gym.cash(75_000)]).await;
    let carried = moved(&gym, CashDirection::CashOut, 2_000).await.expect("carried");
    for (figure, receipt) in [
        (Figure::Sales, sale.receipt_id),
        (Figure::Payments(Method::Cash), sale.receipt_id),
        (Figure::CashOut, carried.receipt_id),
    ] {
        let rows = rows(&gym, &gym.manager, first, figure).await.expect("rows").rows;
        assert_eq!(rows.iter().map(|row| row.receipt_id).collect::<Vec<_>>(), [Some(receipt)], "{figure:?}");
    }
    let all = rows(&gym, &gym.manager, first, Figure::Receipts).await.expect("rows").rows;
    let ids: Vec<_> = all.iter().filter_map(|row| row.receipt_id).collect();
    assert_eq!(ids, [sale.receipt_id, carried.receipt_id]);
    // What a count is told names them too.
    let count = counted(&gym, first, total(10_000 + 75_000)).await.expect("a count");
    assert_eq!(count.causes[0].rows[0].receipt_id, Some(carried.receipt_id));
}

#[tokio::test]
async fn a_till_needs_its_permissions() {
    let gym = TestGym::new().await;
    let shift = open_with(&gym, &gym.reception, 0).await.expect("open").shift_id;
    let trainer = gym.staff(Role::Trainer).await;
    let key = || new_id(gym.clock.now());
    let move_request = || MoveCash {
        idempotency_key: key(),
        direction: CashDirection::CashIn,
        amount_minor: 1,
        reason: "change".into(),
    };
    let today = || days("2026-03-11", "2026-03-11");
    let without_cash = without(&gym.reception, &[Permission::CashMovement]);
    let without_close = without(&gym.reception, &[Permission::CloseTill]);
    for denied in [
        get(&gym.services, &trainer, ChooseTill::default()).await.map(drop),
        list(&gym.services, &trainer).await.map(drop),
        open_with(&gym, &trainer, 0).await.map(drop),
        move_cash(&gym.services, &without_cash, move_request()).await.map(drop),
        count(&gym.services, &without_close, CountTill { shift_id: shift, counted: total(0) })
            .await
            .map(drop),
        close(&gym.services, &without_close, closing(&gym, shift, 0, 0)).await.map(drop),
        list_shifts(&gym.services, &gym.reception, today()).await.map(drop),
    ] {
        assert_eq!(code(denied.expect_err("not theirs")), "forbidden");
    }
    // An accountant reads and closes nothing.
    let accountant = gym.staff(Role::Accountant).await;
    assert_eq!(list_shifts(&gym.services, &accountant, today()).await.expect("shifts").rows.len(), 1);
    let error = close(&gym.services, &accountant, closing(&gym, shift, 0, 0)).await.expect_err("not theirs");
    assert_eq!(code(error), "forbidden");
    let long = days("2026-03-11", "2027-03-13");
    let error = list_shifts(&gym.services, &gym.owner, long).await.expect_err("too long");
    assert_eq!(field(error), ("until".to_owned(), "out_of_range".to_owned()));
}

#[tokio::test]
async fn a_currency_without_known_notes_is_counted_in_one_sum() {
    let gym =
        TestGym::with(GymSetup { currency: "XOF", time_zone: "Africa/Dakar", ..GymSetup::default() }).await;
    assert!(till(&gym, &gym.reception).await.denominations.is_empty());
    let lines = Counted::Lines(vec![CountLine { minor: 1_000, count: 1 }]);
    let request = OpenTill { idempotency_key: new_id(gym.clock.now()), counted: lines };
    let error = open(&gym.services, &gym.reception, request).await.expect_err("unknown notes");
    assert_eq!(field(error), ("counted".to_owned(), "denomination_unknown".to_owned()));
    let shift = open_with(&gym, &gym.reception, 25_000).await.expect("open").shift_id;
    let z = close_with(&gym, shift, 25_000, 5_000).await;
    assert_eq!(z.closing.map(|closing| closing.counted), Some(Counted::Total(25_000)));
    assert_eq!(z.float, Money::new(25_000, "XOF"));
}

#[tokio::test]
async fn a_gym_that_runs_already_gets_the_new_acts_as_a_new_one_does() {
    let gym = TestGym::new().await;
    let stored = async || -> Vec<(String, String)> {
        sqlx::query_as("select role, permission from role_permissions order by role, permission")
            .fetch_all(&gym.db.owner)
            .await
            .expect("the matrix")
    };
    let of_a_new_gym = stored().await;
    let migration = include_str!("../../migrations/20261121103000_counter.sql");
    let from = migration.find("insert into role_permissions").expect("the statement");
    let until = migration[from..].find(';').expect("its end") + from;
    gym.db
        .owner
        .execute(
            "delete from role_permissions where permission in ('open_till', 'close_till', 'cash_movement', 'edit_products',
                 'move_stock', 'enter_expenses', 'approve_expenses', 'sell_on_credit', 'freeze_subscriptions', 'gift_days',
                 'cancel_subscriptions', 'waive_terms', 'transfer_subscriptions', 'refund', 'write_off', 'edit_households')",
        )
        .await
        .expect("as it was before");
    assert_ne!(stored().await, of_a_new_gym);
    gym.db.owner.execute(&migration[from..until]).await.expect("granted");
    assert_eq!(stored().await, of_a_new_gym);
}
