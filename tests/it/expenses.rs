//! Bills: entered with their paper, approved by somebody else, paid once.
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::NaiveDate;
use gatehouse_core::actor::Actor;
use gatehouse_core::auth::model::{Permission, Role};
use gatehouse_core::clock::Clock;
use gatehouse_core::error::Error;
use gatehouse_core::expenses::service::{create, decide, file, list, pay};
use gatehouse_core::expenses::wire::{
    ChooseExpense, CreateExpense, DecideExpense, Expense, ExpenseForm, ExpenseMethod, ExpensePaid,
    ExpenseState, ExpenseVerdict, ListExpenses, PayExpense,
};
use gatehouse_core::ids::{ExpenseId, new_id};
use gatehouse_core::till::service::{get, shift_report, shift_rows};
use gatehouse_core::till::wire::{ChooseShift, ChooseTill, Figure, ListShiftRows};
use gatehouse_testkit::{TestGym, without};

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

fn bill(category: &str, description: &str, amount_minor: i64) -> ExpenseForm {
    ExpenseForm {
        category: category.to_owned(),
        supplier: Some("Nile Repairs".to_owned()),
        description: description.to_owned(),
        amount_minor,
        tax_minor: 0,
        incurred_on: day("2026-03-10"),
        due_on: None,
    }
}

async fn entered(gym: &TestGym, actor: &Actor, form: ExpenseForm) -> Expense {
    let request = CreateExpense { id: ExpenseId(new_id(gym.clock.now())), form, file_base64: None };
    create(&gym.services, actor, request).await.expect("a bill")
}

async fn verdict(
    gym: &TestGym,
    actor: &Actor,
    expense_id: ExpenseId,
    verdict: ExpenseVerdict,
) -> Result<Expense, Error> {
    let request = DecideExpense { expense_id, verdict, reason: Some("seen".into()) };
    decide(&gym.services, actor, request).await
}

async fn approved(gym: &TestGym, form: ExpenseForm) -> ExpenseId {
    let id = entered(gym, &gym.reception, form).await.id;
    verdict(gym, &gym.manager, id, ExpenseVerdict::Approved).await.expect("approved");
    id
}

async fn paid(
    gym: &TestGym,
    actor: &Actor,
    expense_id: ExpenseId,
    method: ExpenseMethod,
) -> Result<ExpensePaid, Error> {
    let idempotency_key = new_id(gym.clock.now());
    pay(&gym.services, actor, PayExpense { idempotency_key, expense_id, method, reference: None }).await
}

fn all() -> ListExpenses {
    ListExpenses {
        from: day("2026-01-01"),
        until: day("2026-12-31"),
        category: None,
        state: None,
        query: None,
        offset: 0,
    }
}

async fn balance(gym: &TestGym, account: &str) -> i64 {
    sqlx::query_scalar("select coalesce(sum(amount), 0)::bigint from ledger_entries where account = $1")
        .bind(account)
        .fetch_one(&gym.db.owner)
        .await
        .expect("a balance")
}

fn stored_files(gym: &TestGym) -> usize {
    std::fs::read_dir(&gym.services.files).map_or(0, Iterator::count)
}

#[tokio::test]
async fn a_bill_is_approved_by_somebody_else_and_paid_out_of_the_drawer_once() {
    let gym = TestGym::new().await;
    let form = ExpenseForm { tax_minor: 1_400, ..bill("Repairs", "Treadmill belt", 11_400) };
    let bill = entered(&gym, &gym.reception, form).await;
    assert_eq!(
        (bill.state, bill.amount.clone(), bill.tax.clone()),
        (ExpenseState::Waiting, gym.money(11_400), gym.money(1_400))
    );
    let error = paid(&gym, &gym.reception, bill.id, ExpenseMethod::Cash).await.expect_err("not approved");
    assert_eq!(code(error), "not_approved");
    let seen = verdict(&gym, &gym.manager, bill.id, ExpenseVerdict::Approved).await.expect("approved");
    assert_eq!(seen.state, ExpenseState::Approved);
    assert_eq!(seen.decision.and_then(|decision| decision.by).as_deref(), Some("manager of the house"));
    for again in [ExpenseVerdict::Approved, ExpenseVerdict::Rejected] {
        let error = verdict(&gym, &gym.owner, bill.id, again).await.expect_err("decided");
        assert_eq!(code(error), "already_decided");
    }

    let request = PayExpense {
        idempotency_key: new_id(gym.clock.now()),
        expense_id: bill.id,
        method: ExpenseMethod::Cash,
        reference: None,
    };
    let first = pay(&gym.services, &gym.reception, request.clone()).await.expect("paid");
    assert_eq!(pay(&gym.services, &gym.reception, request).await.expect("a retry"), first);
    let error = paid(&gym, &gym.reception, bill.id, ExpenseMethod::Cash).await.expect_err("paid");
    assert_eq!(code(error), "already_paid");
    let error = paid(&gym, &gym.owner, bill.id, ExpenseMethod::BankTransfer).await.expect_err("paid");
    assert_eq!(code(error), "already_paid");
    assert_eq!((balance(&gym, "expense").await, balance(&gym, "cash").await), (11_400, -11_400));

    let shift = get(&gym.services, &gym.manager, ChooseTill::default()).await.expect("the till").shift;
    let shift_id = shift.expect("paying opened it").id;
    let x = shift_report(&gym.services, &gym.manager, ChooseShift { shift_id }).await.expect("X");
    assert_eq!((x.expenses.count, x.expenses.amount.minor, x.expected.minor), (1, 11_400, -11_400));
    let request = ListShiftRows { shift_id, figure: Figure::Expenses, offset: 0 };
    let rows = shift_rows(&gym.services, &gym.manager, request).await.expect("rows").rows;
    assert_eq!(rows[0].text.as_deref(), Some("Nile Repairs: Treadmill belt"));
    assert_eq!(rows[0].transaction_id, first.transaction_id);
}

#[tokio::test]
async fn a_bill_paid_at_two_desks_at_once_is_paid_once() {
    let gym = TestGym::new().await;
    let id = approved(&gym, bill("Rent", "March", 2_500_000)).await;
    let (one, other) = tokio::join!(
        paid(&gym, &gym.manager, id, ExpenseMethod::Cash),
        paid(&gym, &gym.owner, id, ExpenseMethod::BankTransfer)
    );
    let refused = match (one, other) {
        (Ok(_), Err(error)) | (Err(error), Ok(_)) => error,
        both => panic!("{both:?}"),
    };
    assert_eq!(code(refused), "already_paid");
    assert_eq!(balance(&gym, "expense").await, 2_500_000);
}

#[tokio::test]
async fn nobody_approves_a_bill_of_their_own_but_the_owner() {
    let gym = TestGym::new().await;
    let own = entered(&gym, &gym.manager, bill("Rent", "March", 1)).await.id;
    let error = verdict(&gym, &gym.manager, own, ExpenseVerdict::Approved).await.expect_err("their own");
    assert_eq!(code(error), "own_expense");
    let accountant = gym.staff(Role::Accountant).await;
    verdict(&gym, &accountant, own, ExpenseVerdict::Approved).await.expect("somebody else");
    let owners = entered(&gym, &gym.owner, bill("Rent", "April", 1)).await.id;
    verdict(&gym, &gym.owner, owners, ExpenseVerdict::Approved).await.expect("the owner");
    let request = DecideExpense {
        expense_id: entered(&gym, &gym.reception, bill("Rent", "May", 1)).await.id,
        verdict: ExpenseVerdict::Rejected,
        reason: Some(" ".into()),
    };
    let error = decide(&gym.services, &gym.manager, request).await.expect_err("why");
    assert_eq!(field(error), ("reason".to_owned(), "required".to_owned()));
    let rejected = entered(&gym, &gym.reception, bill("Fun", "Fireworks", 1)).await.id;
    verdict(&gym, &gym.manager, rejected, ExpenseVerdict::Rejected).await.expect("rejected");
    let error = paid(&gym, &gym.manager, rejected, ExpenseMethod::Cash).await.expect_err("rejected");
    assert_eq!(code(error), "not_approved");
}

#[tokio::test]
async fn bills_are_found_and_added_up_by_month_and_category() {
    let gym = TestGym::new().await;
    let on = |text: &str, form: ExpenseForm| ExpenseForm { incurred_on: day(text), ..form };
    let rent = approved(&gym, on("2026-02-01", bill("Rent", "February", 1_000))).await;
    approved(&gym, on("2026-03-01", bill("Rent", "March", 1_100))).await;
    approved(&gym, on("2026-03-05", ExpenseForm { tax_minor: 7, ..bill("Repairs", "Belt, 100 % new", 50) }))
        .await;
    entered(&gym, &gym.reception, on("2026-03-06", bill("Repairs", "Rope", 25))).await;
    let rejected = entered(&gym, &gym.reception, on("2026-03-07", bill("Fun", "Fireworks", 9_999))).await.id;
    verdict(&gym, &gym.manager, rejected, ExpenseVerdict::Rejected).await.expect("rejected");
    paid(&gym, &gym.manager, rent, ExpenseMethod::BankTransfer).await.expect("paid");
    assert_eq!(balance(&gym, "bank_transfer").await, -1_000);

    let found = list(&gym.services, &gym.manager, all()).await.expect("bills");
    assert_eq!(found.total, 5);
    let shown: Vec<_> = found.rows.iter().map(|row| (row.description.as_str(), row.state)).collect();
    assert_eq!(
        shown,
        [
            ("Fireworks", ExpenseState::Rejected),
            ("Rope", ExpenseState::Waiting),
            ("Belt, 100 % new", ExpenseState::Approved),
            ("March", ExpenseState::Approved),
            ("February", ExpenseState::Paid),
        ]
    );
    let sums: Vec<_> = found
        .sums
        .iter()
        .map(|sum| (sum.month.to_string(), sum.category.as_str(), sum.count, sum.amount.minor, sum.tax.minor))
        .collect();
    assert_eq!(
        sums,
        [
            ("2026-02-01".to_owned(), "Rent", 1, 1_000, 0),
            ("2026-03-01".to_owned(), "Rent", 1, 1_100, 0),
            ("2026-03-01".to_owned(), "Repairs", 2, 75, 7),
        ]
    );
    assert_eq!(found.categories, ["Fun", "Rent", "Repairs"]);
    for (request, expected) in [
        (ListExpenses { category: Some("Rent".into()), ..all() }, 2),
        (ListExpenses { state: Some(ExpenseState::Waiting), ..all() }, 1),
        (ListExpenses { state: Some(ExpenseState::Rejected), ..all() }, 1),
        (ListExpenses { query: Some("ROPE".into()), ..all() }, 1),
        (ListExpenses { query: Some("nile".into()), ..all() }, 5),
        // Signs of a pattern are letters like any other.
        (ListExpenses { query: Some("100 %".into()), ..all() }, 1),
        (ListExpenses { query: Some("_".into()), ..all() }, 0),
        (ListExpenses { from: day("2026-03-02"), ..all() }, 3),
        (ListExpenses { until: day("2026-02-28"), ..all() }, 1),
        (ListExpenses { offset: 5, ..all() }, 0),
    ] {
        let asked = format!("{request:?}");
        assert_eq!(
            list(&gym.services, &gym.owner, request).await.expect("bills").rows.len(),
            expected,
            "{asked}"
        );
    }
    let request = ListExpenses { from: day("2026-03-02"), until: day("2026-03-01"), ..all() };
    let error = list(&gym.services, &gym.owner, request).await.expect_err("backwards");
    assert_eq!(field(error), ("until".to_owned(), "out_of_range".to_owned()));
    let elsewhere = gym.at_branch(&gym.owner, gym.second_branch("2").await).await;
    assert_eq!(list(&gym.services, &elsewhere, all()).await.expect("bills").total, 0);
}

#[tokio::test]
async fn a_bills_paper_is_kept_under_a_random_name_and_judged_by_content() {
    let gym = TestGym::new().await;
    let pdf = b"%PDF-1.7\n1 0 obj\nendobj\n%%EOF\n".to_vec();
    let id = ExpenseId(new_id(gym.clock.now()));
    let request =
        || CreateExpense { id, form: bill("Rent", "March", 1), file_base64: Some(STANDARD.encode(&pdf)) };
    let bill_with_paper = create(&gym.services, &gym.reception, request()).await.expect("a bill");
    assert_eq!(bill_with_paper.mime.as_deref(), Some("application/pdf"));
    assert_eq!(stored_files(&gym), 1);
    // A retry brings the file again; one is kept.
    assert_eq!(create(&gym.services, &gym.reception, request()).await.expect("a retry"), bill_with_paper);
    assert_eq!((stored_files(&gym), gym.count("select count(*) from files").await), (1, 1));
    let name: String =
        sqlx::query_scalar("select storage_name from files").fetch_one(&gym.db.owner).await.expect("a name");
    assert!(name.len() == 32 && name.bytes().all(|byte| byte.is_ascii_hexdigit()), "{name}");
    let opened =
        file(&gym.services, &gym.manager, ChooseExpense { expense_id: id }).await.expect("the paper");
    assert_eq!(opened.mime, "application/pdf");
    assert_eq!(STANDARD.decode(opened.base64).expect("base64"), pdf);

    for (content, expected) in [
        (STANDARD.encode(b"MZ no bill"), "file_type"),
        (STANDARD.encode(b"%PDF-1.7 cut off"), "file_unreadable"),
        ("not base64!".to_owned(), "file_unreadable"),
        ("A".repeat(24 * 1024 * 1024), "file_too_large"),
    ] {
        let request = CreateExpense {
            id: ExpenseId(new_id(gym.clock.now())),
            form: bill("Rent", "April", 1),
            file_base64: Some(content),
        };
        let error = create(&gym.services, &gym.reception, request).await.expect_err(expected);
        assert_eq!(field(error), ("file_base64".to_owned(), expected.to_owned()));
    }
    let bad = ExpenseForm { amount_minor: -1, ..bill("Rent", "April", 1) };
    let request = CreateExpense {
        id: ExpenseId(new_id(gym.clock.now())),
        form: bad,
        file_base64: request().file_base64,
    };
    let error = create(&gym.services, &gym.reception, request).await.expect_err("no amount");
    assert_eq!(field(error), ("amount_minor".to_owned(), "amount_not_positive".to_owned()));
    assert_eq!((stored_files(&gym), gym.count("select count(*) from expenses").await), (1, 1));
}

#[tokio::test]
async fn who_only_enters_bills_sees_their_own() {
    let gym = TestGym::new().await;
    let rent = approved(&gym, bill("Rent", "March", 2_500_000)).await;
    let owners = entered(&gym, &gym.owner, bill("Salaries", "March", 9_000_000)).await.id;
    let seen = list(&gym.services, &gym.reception, all()).await.expect("bills");
    assert_eq!(seen.rows.iter().map(|row| row.id).collect::<Vec<_>>(), [rent]);
    assert_eq!((seen.sums.len(), seen.categories.as_slice()), (1, ["Rent".to_owned()].as_slice()));
    let error = file(&gym.services, &gym.reception, ChooseExpense { expense_id: owners }).await;
    assert_eq!(code(error.expect_err("not theirs")), "not_found");
    verdict(&gym, &gym.manager, owners, ExpenseVerdict::Approved).await.expect("approved");
    let error = paid(&gym, &gym.reception, owners, ExpenseMethod::Cash).await.expect_err("not theirs");
    assert_eq!(code(error), "not_found");

    let trainer = gym.staff(Role::Trainer).await;
    let request = CreateExpense {
        id: ExpenseId(new_id(gym.clock.now())),
        form: bill("Rent", "x", 1),
        file_base64: None,
    };
    let no_drawer = without(&gym.reception, &[Permission::CashMovement]);
    for denied in [
        create(&gym.services, &trainer, request).await.map(drop),
        list(&gym.services, &trainer, all()).await.map(drop),
        verdict(&gym, &gym.reception, rent, ExpenseVerdict::Approved).await.map(drop),
        paid(&gym, &gym.reception, rent, ExpenseMethod::BankTransfer).await.map(drop),
        paid(&gym, &no_drawer, rent, ExpenseMethod::Cash).await.map(drop),
    ] {
        assert_eq!(code(denied.expect_err("not theirs")), "forbidden");
    }
    paid(&gym, &gym.reception, rent, ExpenseMethod::Cash).await.expect("their own, out of the drawer");
}
