//! Entering, approving and paying bills.
use crate::actor::Actor;
use crate::audit::{self, Change};
use crate::auth::model::{Permission, Role};
use crate::error::Error;
use crate::expenses::model;
use crate::expenses::store::{self, Filter};
use crate::expenses::wire::{
    ChooseExpense, CreateExpense, DecideExpense, Expense, ExpenseFile, ExpenseMethod, ExpensePaid,
    ExpenseState, ExpenseVerdict, Expenses, ListExpenses, PayExpense,
};
use crate::files::{self, NewFile, blocking};
use crate::gym::service::fetch_branch;
use crate::ids::{AccountId, ExpenseId, TransactionId};
use crate::members::form::{line, text};
use crate::payments::idempotency::{self, Key};
use crate::payments::posting::{Header, Kind, Posting, account};
use crate::services::Services;
use crate::till;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Months, Utc};
use sqlx::PgConnection;

const REASON_LENGTH: usize = 500;
const REFERENCE_LENGTH: usize = 64;
const QUERY_LENGTH: usize = 100;
/// Bills of at most so long a time in one list.
const MOST_MONTHS: Months = Months::new(60);

/// Whoever may see money or approve sees every bill; others see those they entered themselves.
fn may_look(actor: &Actor) -> Result<Option<AccountId>, Error> {
    let all = [Permission::SeeMoney, Permission::ApproveExpenses];
    if all.iter().any(|permission| actor.require(*permission).is_ok()) {
        return Ok(None);
    }
    actor.require(Permission::EnterExpenses)?;
    Ok(actor.account())
}

/// Bills of some days with their sums.
///
/// # Errors
/// [`Error::Invalid`] `out_of_range` in `until` when that is before `from` or more than five years after.
pub async fn list(services: &Services, actor: &Actor, request: ListExpenses) -> Result<Expenses, Error> {
    let only_of = may_look(actor)?;
    let latest = request.from.checked_add_months(MOST_MONTHS);
    if request.until < request.from || latest.is_none_or(|latest| request.until > latest) {
        return Err(Error::invalid("until", "out_of_range"));
    }
    let query = request.query.as_deref().map_or(Ok(None), |typed| line("query", typed, QUERY_LENGTH))?;
    let filter = Filter {
        branch: actor.branch()?,
        id: None,
        only_of,
        from: Some(request.from),
        until: Some(request.until),
        category: request.category,
        state: request.state,
        like: query.map(|query| {
            format!("%{}%", query.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_"))
        }),
        offset: request.offset.max(0),
    };
    let mut db = services.db.acquire().await?;
    let (records, total) = store::fetch(&mut db, &filter).await?;
    Ok(Expenses {
        rows: records.into_iter().map(|record| record.expense).collect(),
        total,
        sums: store::sums(&mut db, &filter).await?,
        categories: store::categories(&mut db, filter.branch, only_of).await?,
    })
}

/// A bill with its paper. A retry with the same id enters nothing again.
///
/// # Errors
/// [`Error::Invalid`] as of [`model::check`] and [`model::paper`].
pub async fn create(services: &Services, actor: &Actor, request: CreateExpense) -> Result<Expense, Error> {
    actor.require(Permission::EnterExpenses)?;
    let now = services.now();
    let mut db = services.db.acquire().await?;
    let branch = fetch_branch(&mut db, actor.branch()?).await?;
    drop(db);
    let form = model::check(request.form, branch.calendar()?.business_day(now))?;
    let paper = match request.file_base64 {
        Some(encoded) => {
            let work = move || model::paper(files::decode("file_base64", &encoded, "file_unreadable")?);
            let (mime, bytes) = blocking(work).await?;
            Some(NewFile::write(services, mime, bytes).await?)
        }
        None => None,
    };
    let stored = async {
        let mut tx = services.db.begin().await?;
        let file = match &paper {
            Some(paper) => Some(paper.insert(&mut tx, actor, now).await?),
            None => None,
        };
        if !store::insert(&mut tx, actor, request.id, &form, &branch.currency, file, now).await? {
            // A retry: what it brought is there already.
            return Ok(None);
        }
        let expense = store::fetch_one(&mut tx, branch.id, request.id, None).await?.expense;
        audited(&mut tx, actor, now, "expense.entered", &expense).await?;
        tx.commit().await?;
        Ok::<_, Error>(Some(expense))
    }
    .await;
    if let (Some(paper), Err(_) | Ok(None)) = (paper, &stored) {
        paper.remove(services).await;
    }
    match stored? {
        Some(expense) => Ok(expense),
        None => get(services, actor, request.id).await,
    }
}

async fn get(services: &Services, actor: &Actor, id: ExpenseId) -> Result<Expense, Error> {
    let only_of = may_look(actor)?;
    let mut db = services.db.acquire().await?;
    Ok(store::fetch_one(&mut db, actor.branch()?, id, only_of).await?.expense)
}

/// The paper of a bill.
pub async fn file(services: &Services, actor: &Actor, request: ChooseExpense) -> Result<ExpenseFile, Error> {
    let only_of = may_look(actor)?;
    let mut db = services.db.acquire().await?;
    let record = store::fetch_one(&mut db, actor.branch()?, request.expense_id, only_of).await?;
    let file = files::read(services, &mut db, record.file.ok_or(Error::NotFound("file"))?).await?;
    Ok(ExpenseFile { mime: file.mime, base64: STANDARD.encode(file.bytes) })
}

/// Approves or rejects a bill, once. Nobody approves what they entered themselves, but for the owner.
///
/// # Errors
/// [`Error::Conflict`] `already_decided`, `own_expense`; [`Error::Invalid`] in `reason` for a rejection without one.
pub async fn decide(services: &Services, actor: &Actor, request: DecideExpense) -> Result<Expense, Error> {
    actor.require(Permission::ApproveExpenses)?;
    let reason = request.reason.as_deref().map_or(Ok(None), |typed| text("reason", typed, REASON_LENGTH))?;
    if request.verdict == ExpenseVerdict::Rejected && reason.is_none() {
        return Err(Error::invalid("reason", "required"));
    }
    let now = services.now();
    let branch = actor.branch()?;
    let mut tx = services.db.begin().await?;
    let record = store::fetch_one(&mut tx, branch, request.expense_id, None).await?;
    if record.account.is_some() && record.account == actor.account() && !is_owner(actor) {
        return Err(Error::conflict("own_expense"));
    }
    store::decide(&mut tx, actor, request.expense_id, request.verdict, reason.as_deref(), now).await?;
    let expense = store::fetch_one(&mut tx, branch, request.expense_id, None).await?.expense;
    let act = match request.verdict {
        ExpenseVerdict::Approved => "expense.approved",
        ExpenseVerdict::Rejected => "expense.rejected",
    };
    audited(&mut tx, actor, now, act, &expense).await?;
    tx.commit().await?;
    Ok(expense)
}

fn is_owner(actor: &Actor) -> bool {
    matches!(actor, Actor::Staff(staff) if staff.roles.contains(&Role::Owner))
}

/// Pays an approved bill, once: in cash out of the desk's drawer, or by the bank.
///
/// # Errors
/// [`Error::Conflict`] `not_approved`, `already_paid`.
pub async fn pay(services: &Services, actor: &Actor, request: PayExpense) -> Result<ExpensePaid, Error> {
    actor.require(match request.method {
        ExpenseMethod::Cash => Permission::CashMovement,
        ExpenseMethod::BankTransfer => Permission::ApproveExpenses,
    })?;
    let only_of = may_look(actor)?;
    let key = Key::of(request.idempotency_key, "expense_pay", &request)?;
    let reference =
        request.reference.as_deref().map_or(Ok(None), |typed| line("reference", typed, REFERENCE_LENGTH))?;
    let now = services.now();
    let branch = actor.branch()?;
    let write = async || {
        let mut tx = services.db.begin().await?;
        let expense = store::fetch_one(&mut tx, branch, request.expense_id, only_of).await?.expense;
        match expense.state {
            ExpenseState::Waiting | ExpenseState::Rejected => return Err(Error::conflict("not_approved")),
            ExpenseState::Paid => return Err(Error::conflict("already_paid")),
            ExpenseState::Approved => {}
        }
        let place = fetch_branch(&mut tx, branch).await?;
        let today = place.calendar()?.business_day(now);
        let paid = ExpensePaid { transaction_id: TransactionId::new(now), amount: expense.amount.clone() };
        let mut posting = Posting::new(Header {
            id: paid.transaction_id,
            kind: Kind::Expense,
            at: now,
            business_day: today,
            currency: paid.amount.currency.clone(),
            idempotency_key: key.id,
            reverses: None,
            reason: Some(expense.description.clone()),
        });
        let (from, shift) = match request.method {
            ExpenseMethod::Cash => {
                let drawer = till::store::drawer(&mut tx, actor, None).await?;
                if drawer.currency != paid.amount.currency {
                    return Err(Error::invalid("method", "currency_wrong"));
                }
                let shift =
                    till::store::shift_for_money(&mut tx, actor, drawer.till, &drawer.currency, today, now)
                        .await?;
                (account::CASH, Some(shift))
            }
            ExpenseMethod::BankTransfer => (account::BANK_TRANSFER, None),
        };
        posting.entry(account::EXPENSE, None, paid.amount.minor);
        posting.entry(from, None, -paid.amount.minor);
        posting.write(&mut tx, actor).await?;
        store::pay(&mut tx, expense.id, paid.transaction_id, request.method, shift, reference.as_deref())
            .await?;
        audited(&mut tx, actor, now, "expense.paid", &expense).await?;
        idempotency::remember(&mut tx, &key, &paid, now).await?;
        tx.commit().await?;
        Ok(paid)
    };
    let written = write().await;
    idempotency::or_first(services, &key, written).await
}

async fn audited(
    db: &mut PgConnection,
    actor: &Actor,
    now: DateTime<Utc>,
    act: &str,
    expense: &Expense,
) -> Result<(), Error> {
    let change = Change {
        act,
        subject_kind: "expense",
        subject: Some(expense.id.0),
        before: None,
        after: Some(serde_json::json!(expense)),
    };
    audit::record(db, actor, now, change).await
}
