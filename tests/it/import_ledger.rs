//! The books of an old system: what it sold, what it was paid, and that all of it balances.
use gatehouse_core::auth::model::{Permission, Role};
use gatehouse_core::clock::Clock;
use gatehouse_core::error::Error;
use gatehouse_core::ids::{MemberId, new_id};
use gatehouse_core::import::ledger::service::{rehearse, run};
use gatehouse_core::import::ledger::{Kind, LedgerReport, What};
use gatehouse_core::import::{Finding, Severity};
use gatehouse_core::members::wire::ChooseMember;
use gatehouse_core::payments::refund::refund;
use gatehouse_core::payments::service::{member_payments, pay_debts};
use gatehouse_core::payments::wire::{Method, PayDebts, Refund, RefundForm, RefundTo};
use gatehouse_core::plans::wire::PlanForm;
use gatehouse_core::subscriptions::service::member_subscriptions;
use gatehouse_core::subscriptions::wire::{Status, Subscription};
use gatehouse_testkit::{GymSetup, TestGym, books, pack_form, plan_form, without};
use std::fmt::Write as _;

const MEMBERS: &str = "full_name,number,phone,email
Mona Adel,OLD-1,0100 123 4567,mona@example.com
Adel Samy,OLD-2,0100 123 4567,adel@example.com
Hoda Fathy,7,0100 765 4321,
";

/// On 11 March 2026. Mona renewed a month, Adel has a pack and owes, Hoda left long ago.
const SOLD: &str = "external_id,number,phone,email,plan,starts_on,ends_on,sold_on,visits_left,price,currency
S-1,OLD-1,,,Monthly,2026-01-31,2026-02-27,2026-01-30,,750.00,EGP
S-2,,01001234567,mona@example.com,Monthly,2026-02-28,2026-03-30,,,750.00,EGP
S-3,OLD-2,,,Ten visits,2026-02-20,2026-04-20,,4,400,
S-4,7,,,MONTHLY,11/01/2025,11.02.2025,,,700.5,egp
S-5,7,,,Monthly,2026-04-01,2026-04-30,,,0,
";

/// S-1 is paid in two parts, S-2 by a payment that names nothing, S-3 in part, S-4 too well.
const PAID: &str = "external_id,number,phone,email,date,amount,currency,method,reference,subscription,refunds
P-1,OLD-1,,,2026-01-30,500.00,EGP,cash,,S-1,
P-2,,,,2026-02-02,250.00,EGP,Card,0042,S-1,
P-3,OLD-1,,,2026-02-28,750.00,EGP,upi,401234567890,,
P-4,OLD-2,,,2026-02-20,150,,cash,,S-3,
P-5,7,,,2025-01-11,800,,card,,S-4,
";

async fn gym() -> TestGym {
    let gym = TestGym::new().await;
    gym.plan(PlanForm { auto_renew: true, ..plan_form("Monthly") }, 80_000).await;
    gym.plan(pack_form("Ten visits", 10, 60), 40_000).await;
    members(&gym).await;
    gym
}

async fn members(gym: &TestGym) {
    let report = gatehouse_core::import::service::run(&gym.services, &gym.manager, MEMBERS.as_bytes(), false)
        .await
        .expect("members");
    assert_eq!(report.members, 3, "{report:?}");
}

async fn bring(gym: &TestGym, kind: Kind, file: &str) -> LedgerReport {
    run(&gym.services, &gym.manager, kind, file.as_bytes(), false).await.expect("a report")
}

/// Rehearses, brings in, and checks that both said the same.
async fn rehearsed(gym: &TestGym, kind: Kind, file: &str) -> LedgerReport {
    let before = rehearse(&gym.services, &gym.manager, kind, file.as_bytes()).await.expect("a report");
    let after = bring(gym, kind, file).await;
    assert!(!before.stored && after.stored, "{after:?}");
    assert_eq!(LedgerReport { stored: true, ..before }, after);
    after
}

async fn member(gym: &TestGym, name: &str) -> MemberId {
    sqlx::query_scalar("select id from members where full_name = $1")
        .bind(name)
        .fetch_one(&gym.db.owner)
        .await
        .expect("a member")
}

async fn subscriptions(gym: &TestGym, name: &str) -> Vec<Subscription> {
    let member_id = member(gym, name).await;
    member_subscriptions(&gym.services, &gym.manager, ChooseMember { member_id }).await.expect("rows").rows
}

/// Whatever came in, the books agree.
async fn agree(gym: &TestGym) {
    assert_eq!(books::disagreements(&gym.db.owner).await, Vec::<String>::new());
}

fn told(findings: &[Finding]) -> Vec<(u64, &str, &'static str)> {
    findings.iter().map(|finding| (finding.line, finding.field.as_str(), finding.code)).collect()
}

fn sums(report: &LedgerReport) -> Vec<(What, Option<Method>, u64, i64)> {
    report.sums.iter().map(|sum| (sum.what, sum.method, sum.count, sum.minor)).collect()
}

fn accounts(report: &LedgerReport) -> Vec<(&str, i64)> {
    report.accounts.iter().map(|sum| (sum.account.as_str(), sum.minor)).collect()
}

#[tokio::test]
async fn a_rehearsal_of_old_books_counts_and_stores_nothing() {
    let gym = gym().await;
    let report =
        rehearse(&gym.services, &gym.manager, Kind::Subscriptions, SOLD.as_bytes()).await.expect("a report");
    assert_eq!(report.findings, []);
    assert_eq!((report.rows, report.new, report.already, report.refused), (5, 5, 0, 0));
    assert_eq!(sums(&report), [(What::Charges, None, 4, 260_050)]);
    assert_eq!(accounts(&report), [("receivable", 260_050), ("revenue", -260_050)]);
    assert_eq!((report.owed, report.credit, report.stored), (260_050, 0, false));
    for question in ["select count(*) from subscriptions", "select count(*) from ledger_transactions"] {
        assert_eq!(gym.count(question).await, 0, "{question}");
    }
}

#[tokio::test]
async fn old_books_come_in_on_their_own_days_and_balance() {
    let gym = gym().await;
    rehearsed(&gym, Kind::Subscriptions, SOLD).await;
    let report = rehearsed(&gym, Kind::Payments, PAID).await;
    assert_eq!(
        sums(&report),
        [
            (What::Payments, Some(Method::Cash), 2, 65_000),
            (What::Payments, Some(Method::CardTerminal), 2, 105_000),
            (What::Payments, Some(Method::Upi), 1, 75_000),
        ]
    );
    assert_eq!(accounts(&report), [("opening", 245_000), ("receivable", -245_000)]);
    // Adel owes 250.00 of his pack, Hoda has 99.50 too much.
    assert_eq!((report.owed, report.credit), (25_000, 9_950));
    assert_eq!(told(&report.findings), [(6, "amount", "above_charge")]);
    assert_eq!(report.findings[0].other.as_deref(), Some("99.50"));
    assert_eq!(report.findings[0].severity, Severity::Warning);

    for (question, answer) in [
        ("select sum(amount)::bigint from ledger_entries", 0),
        ("select sum(amount)::bigint from ledger_entries where account = 'receivable'", 15_050),
        ("select count(*) from ledger_entries where account in ('cash', 'card_terminal', 'upi')", 0),
        ("select count(*) from ledger_transactions where kind = 'import'", 10),
        ("select count(*) from ledger_transactions where business_day = '2026-01-30'", 2),
        ("select count(*) from ledger_transactions where business_day = '2025-01-11'", 2),
        (
            "select count(*) from ledger_transactions t join branches b on b.id = t.branch_id where (t.at at time zone b.time_zone)::date <> t.business_day",
            0,
        ),
        ("select count(*) from receipts", 0),
        ("select count(*) from till_shifts", 0),
        ("select count(*) from payments where shift_id is not null", 0),
        ("select count(*) from payments where method = 'card_terminal' and reference in ('0042', 'P-5')", 2),
        ("select count(*) from subscriptions where auto_renew", 0),
        ("select count(*) from audit_log where act = 'subscription.imported'", 5),
        ("select count(*) from audit_log where act = 'payment.imported'", 5),
    ] {
        assert_eq!(gym.count(question).await, answer, "{question}");
    }
    let mona = subscriptions(&gym, "Mona Adel").await;
    let days: Vec<_> =
        mona.iter().map(|row| (row.status, row.starts_on.to_string(), row.ends_on.to_string())).collect();
    assert_eq!(
        days,
        [
            (Status::Active, "2026-02-28".to_owned(), "2026-03-30".to_owned()),
            (Status::Expired, "2026-01-31".to_owned(), "2026-02-27".to_owned()),
        ]
    );
    assert!(mona.iter().all(|row| row.owed.minor == 0), "{mona:?}");
    let adel = subscriptions(&gym, "Adel Samy").await;
    assert_eq!((adel[0].visits_left, adel[0].owed.minor), (Some(4), 25_000), "{adel:?}");
    let hoda = subscriptions(&gym, "Hoda Fathy").await;
    assert_eq!(
        hoda.iter().map(|row| (row.status, row.ends_on.to_string())).collect::<Vec<_>>(),
        [(Status::Upcoming, "2026-04-30".to_owned()), (Status::Expired, "2025-02-11".to_owned())]
    );
    agree(&gym).await;
}

#[tokio::test]
async fn the_same_books_twice_bring_nothing_twice() {
    let gym = gym().await;
    // Cut off after two lines of five.
    let part = SOLD.lines().take(3).collect::<Vec<_>>().join("\n");
    assert_eq!(bring(&gym, Kind::Subscriptions, &part).await.new, 2);
    let rest = rehearsed(&gym, Kind::Subscriptions, SOLD).await;
    assert_eq!((rest.new, rest.already, rest.refused), (3, 2, 0));
    bring(&gym, Kind::Payments, PAID).await;
    let books = "select sum(abs(amount))::bigint from ledger_entries";
    let before = gym.count(books).await;
    for (kind, file) in [(Kind::Subscriptions, SOLD), (Kind::Payments, PAID)] {
        let again = rehearsed(&gym, kind, file).await;
        assert_eq!((again.new, again.already, again.refused), (0, 5, 0), "{again:?}");
        assert_eq!((sums(&again), accounts(&again)), (vec![], vec![]));
        assert_eq!((again.owed, again.credit), (25_000, 9_950));
    }
    assert_eq!(gym.count(books).await, before);
    // The next day the subscription that is to begin is still the same line.
    gym.clock.advance(chrono::TimeDelta::days(1));
    assert_eq!(bring(&gym, Kind::Subscriptions, SOLD).await.already, 5);

    for (kind, file) in [
        (Kind::Subscriptions, SOLD.replace("700.5", "700.6")),
        (Kind::Payments, PAID.replace("500.00", "500.01")),
    ] {
        let changed = bring(&gym, kind, &file).await;
        assert_eq!(changed.refused, 1);
        assert!(
            told(&changed.findings)
                .iter()
                .any(|(_, field, code)| (*field, *code) == ("external_id", "external_id_reused"))
        );
        assert!(!changed.stored);
    }
}

#[tokio::test]
async fn what_was_given_back_lowers_the_price_and_never_exceeds_what_was_paid() {
    let gym = gym().await;
    bring(&gym, Kind::Subscriptions, SOLD).await;
    // Hoda gets 199.50 back of 800.00: her credit, and 100.00 off the price. The line stands before its payment.
    let file = format!(
        "{}R-1,7,,,2025-01-20,199.50,,cash,,,P-5\n",
        PAID.replace("P-1,OLD-1", "R-2,,,,2026-02-03,50.00,EGP,card,0042,,P-2\nP-1,OLD-1")
    );
    let report = rehearsed(&gym, Kind::Payments, &file).await;
    assert_eq!(
        sums(&report)[3..],
        [
            (What::Refunds, Some(Method::Cash), 1, 19_950),
            (What::Refunds, Some(Method::CardTerminal), 1, 5_000)
        ]
    );
    assert_eq!(accounts(&report), [("opening", 220_050), ("receivable", -235_050), ("revenue", 15_000)]);
    assert_eq!((report.owed, report.credit), (25_000, 0));
    assert_eq!(
        gym.count("select sum(amount)::bigint from charge_credits where kind = 'credit_note'").await,
        15_000
    );

    // A later file gives the rest back, and not a piastre more.
    let header = "external_id,date,amount,method,refunds\n";
    let above = bring(&gym, Kind::Payments, &format!("{header}R-3,2026-03-01,600.51,cash,P-5\n")).await;
    assert_eq!(told(&above.findings), [(2, "amount", "refund_above_payment")]);
    let rest = rehearsed(&gym, Kind::Payments, &format!("{header}R-3,2026-03-01,600.50,cash,P-5\n")).await;
    assert_eq!(accounts(&rest), [("opening", -60_050), ("revenue", 60_050)]);
    let nothing = bring(&gym, Kind::Payments, &format!("{header}R-4,2026-03-01,0.01,cash,P-5\n")).await;
    assert_eq!(told(&nothing.findings), [(2, "amount", "refund_above_payment")]);
    for (question, answer) in [
        ("select sum(amount)::bigint from ledger_entries", 0),
        (
            "select count(*) from payment_balances where refundable <> unallocated + (select coalesce(sum(amount), 0) from allocations a where a.payment_id = payment_balances.payment_id)",
            0,
        ),
        (
            "select sum(r.amount)::bigint from refunds r join payments p on p.id = r.payment_id where p.reference = 'P-5'",
            80_000,
        ),
        ("select count(*) from audit_log where act = 'refund.imported'", 3),
    ] {
        assert_eq!(gym.count(question).await, answer, "{question}");
    }
    agree(&gym).await;
}

#[tokio::test]
async fn every_error_in_what_was_sold_is_told_with_its_line() {
    let gym = gym().await;
    let file = "external_id,number,phone,email,plan,starts_on,ends_on,sold_on,visits_left,price,currency
,OLD-1,,,Monthly,2026-03-01,2026-03-31,,,750,
A-1,,,,Monthly,2026-03-01,2026-03-31,,,750,
A-2,OLD-9,,,Monthly,2026-03-01,2026-03-31,,,750,
A-3,,01001234567,,Monthly,2026-03-01,2026-03-31,,,750,
A-4,OLD-1,,adel@example.com,Monthly,2026-03-01,2026-03-31,,,750,
A-5,OLD-1,,,Gold,2026-03-01,2026-03-31,,,750,
A-6,OLD-1,,,Monthly,2026-02-29,2026-03-31,,,750,
A-7,OLD-1,,,Monthly,2026-03-31,2026-03-01,,,750,
A-8,OLD-1,,,Monthly,2026-03-01,2026-03-31,2026-03-12,,750,
A-9,OLD-1,,,Monthly,2026-03-01,2026-03-31,,3,750,
A-10,OLD-1,,,Ten visits,2026-03-01,2026-03-31,,,400,
A-11,OLD-1,,,Monthly,2026-03-01,2026-03-31,,,750.505,
A-12,OLD-1,,,Monthly,2026-03-01,2026-03-31,,,750,USD
A-13,OLD-1,,,Monthly,2026-03-01,2026-03-31,,,750,POUND
A-14,OLD-1,,,Monthly,2026-03-01,2026-03-31,,,-750,
A-15,OLD-1,,,Monthly,2026-03-01,2026-03-31,,,90071992547409.92,
A-16,OLD-1,,,Monthly,2026-03-01,2026-03-31,,,,
A-17,OLD-1,,,Monthly,2026-03-01,2026-03-31,,,750,
A-17,OLD-1,,,Monthly,2026-04-01,2026-04-30,,,750,
A-18,OLD-1,,,Monthly,2026-03-01,2026-03-31,,,750,
A-19,OLD-2,,,Monthly,2026-03-01,2026-03-31,,,90071992547409.91,
A-20,OLD-2,,,Monthly,1850-03-01,1850-03-31,,,750,
";
    let expected = [
        (2, "external_id", "required"),
        (3, "number", "required"),
        (4, "number", "member_unknown"),
        (5, "phone", "member_ambiguous"),
        (6, "number", "member_unknown"),
        (7, "plan", "plan_unknown"),
        (8, "starts_on", "date_invalid"),
        (9, "ends_on", "ends_before_start"),
        (10, "sold_on", "date_in_future"),
        (11, "visits_left", "visits_not_counted"),
        (12, "visits_left", "required"),
        (13, "price", "too_many_decimals"),
        (14, "currency", "currency_wrong"),
        (15, "currency", "currency_unknown"),
        (16, "price", "amount_negative"),
        (17, "price", "amount_too_large"),
        (18, "price", "required"),
        (20, "external_id", "external_id_twice"),
        (21, "starts_on", "subscription_known"),
        (22, "price", "sum_too_large"),
        (23, "starts_on", "out_of_range"),
        (23, "ends_on", "out_of_range"),
    ];
    let report = bring(&gym, Kind::Subscriptions, file).await;
    assert_eq!(told(&report.findings), expected);
    assert!(report.findings.iter().all(|finding| finding.severity == Severity::Error));
    assert_eq!((report.rows, report.new, report.refused, report.stored), (22, 1, 21, false));
    assert_eq!(gym.count("select count(*) from ledger_transactions").await, 0);

    let rest =
        run(&gym.services, &gym.manager, Kind::Subscriptions, file.as_bytes(), true).await.expect("a report");
    assert_eq!((rest.new, rest.refused, rest.stored), (1, 21, true));
    assert_eq!(gym.count("select sum(amount)::bigint from charges").await, 75_000);
}

#[tokio::test]
async fn every_error_in_what_was_paid_is_told_with_its_line() {
    let gym = gym().await;
    bring(&gym, Kind::Subscriptions, SOLD).await;
    let file = "external_id,number,phone,email,date,amount,currency,method,reference,subscription,refunds
,OLD-1,,,2026-03-01,10,,cash,,,
B-1,,,,2026-03-01,10,,cash,,,
B-2,OLD-9,,,2026-03-01,10,,cash,,,
B-3,OLD-2,,,2026-03-01,10,,cash,,S-1,
B-4,OLD-1,,,2026-03-01,10,,cash,,S-9,
B-5,OLD-1,,,2026-02-30,10,,cash,,,
B-6,OLD-1,,,2026-03-12,10,,cash,,,
B-7,OLD-1,,,2026-03-01,0.00,,cash,,,
B-8,OLD-1,,,2026-03-01,-10,,cash,,,
B-9,OLD-1,,,2026-03-01,10.001,,cash,,,
B-10,OLD-1,,,2026-03-01,1e3,,cash,,,
B-11,OLD-1,,,2026-03-01,10,KWD,cash,,,
B-12,OLD-1,,,2026-03-01,10,,barter,,,
B-13,OLD-1,,,2026-03-01,10,,voucher,,,
B-14,OLD-1,,,2026-03-01,10,,,,,
B-15,OLD-1,,,2026-03-01,10,,cash,,,B-99
B-16,OLD-1,,,2026-03-01,10,,cash,,,
B-17,OLD-1,,,2026-02-28,10,,cash,,,B-16
B-18,OLD-2,,,2026-03-01,10,,cash,,,B-16
B-19,OLD-1,,,2026-03-02,10.01,,cash,,,B-16
B-20,OLD-1,,,2026-03-02,10,,cash,,S-1,B-16
B-16,OLD-1,,,2026-03-02,10,,cash,,,
B-21,OLD-1
";
    let expected = [
        (2, "external_id", "required"),
        (3, "number", "required"),
        (4, "number", "member_unknown"),
        (5, "number", "member_differs"),
        (6, "subscription", "subscription_unknown"),
        (7, "date", "date_invalid"),
        (8, "date", "date_in_future"),
        (9, "amount", "amount_not_positive"),
        (10, "amount", "amount_negative"),
        (11, "amount", "too_many_decimals"),
        (12, "amount", "amount_format"),
        (13, "currency", "currency_wrong"),
        (14, "method", "method_unknown"),
        (15, "method", "method_unknown"),
        (16, "method", "required"),
        (17, "refunds", "payment_unknown"),
        (19, "date", "refund_before_payment"),
        (20, "number", "member_differs"),
        (21, "amount", "refund_above_payment"),
        (22, "subscription", "not_of_refund"),
        (23, "external_id", "external_id_twice"),
        (24, "", "wrong_number_of_fields"),
    ];
    let report = bring(&gym, Kind::Payments, file).await;
    assert_eq!(told(&report.findings), expected);
    assert_eq!((report.rows, report.new, report.refused, report.stored), (23, 1, 22, false));
    assert_eq!(gym.count("select count(*) from payments").await, 0);

    let rest =
        run(&gym.services, &gym.manager, Kind::Payments, file.as_bytes(), true).await.expect("a report");
    assert_eq!((rest.stored, sums(&rest)), (true, vec![(What::Payments, Some(Method::Cash), 1, 1_000)]));
    assert_eq!(gym.count("select sum(amount)::bigint from payments").await, 1_000);
}

#[tokio::test]
async fn amounts_have_the_decimals_of_the_branch_s_currency() {
    for (currency, good, minor, bad) in [
        ("KWD", "12.345", 12_345, "12.3456"),
        ("JPY", "9800", 9_800, "9800.0"),
        ("INR", "999.99", 99_999, "999.999"),
    ] {
        let gym = TestGym::with(GymSetup { currency, ..GymSetup::default() }).await;
        gym.plan(plan_form("Monthly"), 80_000).await;
        members(&gym).await;
        let file = |price| {
            format!(
                "external_id,number,plan,starts_on,ends_on,price\nS-1,OLD-1,Monthly,2026-03-01,2026-03-31,{price}\n"
            )
        };
        let refused = bring(&gym, Kind::Subscriptions, &file(bad)).await;
        assert_eq!(told(&refused.findings), [(2, "price", "too_many_decimals")], "{currency}");
        let report = rehearsed(&gym, Kind::Subscriptions, &file(good)).await;
        assert_eq!(
            (sums(&report), report.currency.as_str()),
            (vec![(What::Charges, None, 1, minor)], currency)
        );
    }
}

#[tokio::test]
async fn where_the_day_ends_at_noon_history_keeps_the_days_of_the_file() {
    let setup = GymSetup { day_starts_at: 12, time_zone: "Pacific/Apia", ..GymSetup::default() };
    let gym = TestGym::with(setup).await;
    gym.plan(plan_form("Monthly"), 80_000).await;
    members(&gym).await;
    // It is 23:00 on the 11th in Apia.
    let sold =
        "external_id,number,plan,starts_on,ends_on,price\nS-1,OLD-1,Monthly,2026-03-11,2026-04-10,750\n";
    let paid = "external_id,number,date,amount,method\nP-1,OLD-1,2026-03-11,100,cash\nP-2,OLD-1,2024-02-29,650,cash\n";
    rehearsed(&gym, Kind::Subscriptions, sold).await;
    let report = rehearsed(&gym, Kind::Payments, paid).await;
    assert_eq!((report.owed, report.credit), (0, 0));
    let branch_day = "select count(*) from ledger_transactions t join branches b on b.id = t.branch_id
        where ((t.at at time zone b.time_zone) - interval '12 hours')::date = t.business_day and t.at <= '2026-03-11T10:00:00Z'";
    assert_eq!(gym.count(branch_day).await, 3);
}

#[tokio::test]
async fn a_payment_meant_for_a_charge_is_not_forestalled_by_one_that_names_none() {
    let gym = gym().await;
    bring(&gym, Kind::Subscriptions, SOLD).await;
    // The first line could pay for S-1, the subscription due longest; the second is meant for it.
    let file = "external_id,number,date,amount,method,subscription
P-1,OLD-1,2026-01-30,750,cash,
P-2,OLD-1,2026-03-01,750,cash,S-1
";
    let report = rehearsed(&gym, Kind::Payments, file).await;
    assert_eq!((report.findings.as_slice(), report.credit), (&[][..], 0));
    assert!(subscriptions(&gym, "Mona Adel").await.iter().all(|row| row.owed.minor == 0));
}

#[tokio::test]
async fn a_thousand_lines_come_in_to_the_piastre() {
    let gym = gym().await;
    let mut sold = "external_id,number,plan,starts_on,ends_on,price\n".to_owned();
    let mut paid = "external_id,number,date,amount,method,refunds\n".to_owned();
    let first: chrono::NaiveDate = "2020-01-01".parse().expect("a day");
    let (mut charged, mut received, mut returned) = (0, 0, 0);
    for number in 0..500_i64 {
        let day = first + chrono::Days::new(u64::try_from(number).expect("positive"));
        let who = ["OLD-1", "OLD-2", "7"][usize::try_from(number % 3).expect("positive")];
        let price = 10_000 + number * 37;
        writeln!(sold, "S-{number},{who},Monthly,{day},{day},{}.{:02}", price / 100, price % 100)
            .expect("text");
        charged += price;
        let amount = 9_000 + number * number % 4_001;
        let method = ["cash", "card", "upi", "transfer", "paymob", "paypal"]
            [usize::try_from(number % 6).expect("positive")];
        writeln!(paid, "P-{number},{who},{day},{}.{:02},{method},", amount / 100, amount % 100)
            .expect("text");
        received += amount;
        if number % 10 == 3 {
            writeln!(paid, "R-{number},{who},{day},12.34,cash,P-{number}").expect("text");
            returned += 1_234;
        }
    }
    rehearsed(&gym, Kind::Subscriptions, &sold).await;
    let report = rehearsed(&gym, Kind::Payments, &paid).await;
    let total = |what| report.sums.iter().filter(|sum| sum.what == what).map(|sum| sum.minor).sum::<i64>();
    assert_eq!((total(What::Payments), total(What::Refunds)), (received, returned));
    let taken_off = gym.count("select sum(amount)::bigint from charge_credits").await;
    assert_eq!(report.owed - report.credit, charged - taken_off - received + returned);
    let receivable = "select sum(amount)::bigint from ledger_entries where account = 'receivable'";
    assert_eq!(gym.count(receivable).await, report.owed - report.credit);
    agree(&gym).await;
}

#[tokio::test]
async fn what_was_carried_over_is_paid_and_given_back_at_the_desk() {
    let gym = gym().await;
    bring(&gym, Kind::Subscriptions, SOLD).await;
    bring(&gym, Kind::Payments, PAID).await;
    let request = PayDebts {
        idempotency_key: new_id(gym.clock.now()),
        member_id: member(&gym, "Adel Samy").await,
        charge_ids: Vec::new(),
        credit_minor: 0,
        payments: vec![gym.cash(25_000)],
        in_advance: false,
    };
    pay_debts(&gym.services, &gym.reception, request).await.expect("paid");
    assert_eq!(subscriptions(&gym, "Adel Samy").await[0].owed.minor, 0);

    // Hoda's credit goes back out of today's drawer.
    let member_id = member(&gym, "Hoda Fathy").await;
    let rows =
        member_payments(&gym.services, &gym.owner, ChooseMember { member_id }).await.expect("payments").rows;
    let form = RefundForm {
        payment_id: rows[0].payment_id,
        amount: gym.money(9_950),
        to: RefundTo::Cash,
        take_back: false,
        end_subscriptions: false,
    };
    let request = Refund {
        idempotency_key: new_id(gym.clock.now()),
        form,
        reason: "too much in the old system".into(),
    };
    refund(&gym.services, &gym.manager, request).await.expect("given back");
    let cash = "select sum(amount)::bigint from ledger_entries where account = 'cash'";
    assert_eq!(gym.count(cash).await, 25_000 - 9_950);
    let again = bring(&gym, Kind::Payments, PAID).await;
    assert_eq!((again.already, again.owed, again.credit), (5, 0, 0));
    agree(&gym).await;
}

#[tokio::test]
async fn only_those_who_may_import_and_see_money_bring_books_in() {
    let gym = gym().await;
    let reception = gym.staff(Role::Reception).await;
    let blind = without(&gym.manager, &[Permission::SeeMoney]);
    for actor in [&reception, &blind] {
        for kind in [Kind::Subscriptions, Kind::Payments] {
            let file = if kind == Kind::Payments { PAID } else { SOLD };
            assert!(matches!(
                rehearse(&gym.services, actor, kind, file.as_bytes()).await,
                Err(Error::Forbidden(_))
            ));
            assert!(matches!(
                run(&gym.services, actor, kind, file.as_bytes(), true).await,
                Err(Error::Forbidden(_))
            ));
        }
    }
    assert_eq!(gym.count("select count(*) from ledger_transactions").await, 0);
}
