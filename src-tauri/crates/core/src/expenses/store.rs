//! Rows of expenses.
use crate::actor::Actor;
use crate::error::Error;
use crate::expenses::wire::{
    Expense, ExpenseDecision, ExpenseForm, ExpenseMethod, ExpensePayment, ExpenseState, ExpenseSum,
    ExpenseVerdict,
};
use crate::ids::{AccountId, BranchId, ExpenseId, FileId, ShiftId, TransactionId};
use crate::money::Money;
use chrono::{DateTime, NaiveDate, Utc};
use sqlx::PgConnection;

/// Bills on one page.
const PAGE: i64 = 50;

/// Which bills are meant; all of it has to fit.
#[derive(Clone, Debug)]
pub struct Filter {
    pub branch: BranchId,
    pub id: Option<ExpenseId>,
    /// Entered by this account.
    pub only_of: Option<AccountId>,
    pub from: Option<NaiveDate>,
    pub until: Option<NaiveDate>,
    pub category: Option<String>,
    pub state: Option<ExpenseState>,
    /// A pattern of `ilike`.
    pub like: Option<String>,
    pub offset: i64,
}

impl Filter {
    /// One bill of the branch.
    pub fn one(branch: BranchId, id: ExpenseId, only_of: Option<AccountId>) -> Self {
        Self {
            branch,
            id: Some(id),
            only_of,
            from: None,
            until: None,
            category: None,
            state: None,
            like: None,
            offset: 0,
        }
    }
}

/// A bill with what only services need of it.
#[derive(Clone, Debug)]
pub struct Record {
    pub expense: Expense,
    pub account: Option<AccountId>,
    pub file: Option<FileId>,
}

/// A page of the bills that fit, newest first, and how many fit.
pub async fn fetch(db: &mut PgConnection, filter: &Filter) -> Result<(Vec<Record>, i64), Error> {
    let rows = sqlx::query!(
        r#"select e.id as "id!: ExpenseId", e.category as "category!", e.supplier, e.description as "description!",
               e.amount as "amount!", e.tax_amount as "tax_amount!", e.currency as "currency!", e.incurred_on as "incurred_on!",
               e.due_on, e.state as "state!: ExpenseState", e.file_id as "file: FileId", f.mime as "mime?", e.at as "at!",
               e.account_id as "account: AccountId", a.full_name as "entered_by?",
               e.decision as "decision: ExpenseVerdict", e.decision_reason, e.decided_at, d.full_name as "decided_by?",
               e.method as "method: ExpenseMethod", e.reference, t.at as "paid_at?", p.full_name as "paid_by?",
               e.transaction_id as "transaction: TransactionId", count(*) over () as "total!"
           from expense_states e
           left join files f on f.id = e.file_id
           left join accounts a on a.id = e.account_id
           left join accounts d on d.id = e.decided_by
           left join ledger_transactions t on t.id = e.transaction_id
           left join accounts p on p.id = t.account_id
           where e.branch_id = $1 and ($2::uuid is null or e.id = $2) and ($3::uuid is null or e.account_id = $3)
             and ($4::date is null or e.incurred_on >= $4) and ($5::date is null or e.incurred_on <= $5)
             and ($6::text is null or e.category = $6) and ($7::text is null or e.state = $7)
             and ($8::text is null or e.supplier ilike $8 or e.description ilike $8)
           order by e.incurred_on desc, e.at desc, e.id desc limit $9 offset $10"#,
        filter.branch.0,
        filter.id.map(|id| id.0),
        filter.only_of.map(|id| id.0),
        filter.from,
        filter.until,
        filter.category,
        filter.state as Option<ExpenseState>,
        filter.like,
        PAGE,
        filter.offset
    )
    .fetch_all(db)
    .await?;
    let total = rows.first().map_or(0, |row| row.total);
    let records = rows.into_iter().map(|row| {
        let money = |minor: i64| Money::new(minor, row.currency.clone());
        let decision = row.decision.zip(row.decided_at).map(|(verdict, at)| ExpenseDecision {
            verdict,
            reason: row.decision_reason,
            at,
            by: row.decided_by,
        });
        let payment =
            row.method.zip(row.transaction).zip(row.paid_at).map(|((method, transaction_id), at)| {
                ExpensePayment { method, reference: row.reference, at, by: row.paid_by, transaction_id }
            });
        let expense = Expense {
            id: row.id,
            category: row.category,
            supplier: row.supplier,
            description: row.description,
            amount: money(row.amount),
            tax: money(row.tax_amount),
            incurred_on: row.incurred_on,
            due_on: row.due_on,
            state: row.state,
            mime: row.mime,
            entered_at: row.at,
            entered_by: row.entered_by,
            decision,
            payment,
        };
        Record { expense, account: row.account, file: row.file }
    });
    Ok((records.collect(), total))
}

/// One bill.
///
/// # Errors
/// [`Error::NotFound`], also for one that `only_of` somebody else may see.
pub async fn fetch_one(
    db: &mut PgConnection,
    branch: BranchId,
    id: ExpenseId,
    only_of: Option<AccountId>,
) -> Result<Record, Error> {
    fetch(db, &Filter::one(branch, id, only_of)).await?.0.pop().ok_or(Error::NotFound("expense"))
}

/// Sums of the bills that fit and were not rejected, by month and category.
pub async fn sums(db: &mut PgConnection, filter: &Filter) -> Result<Vec<ExpenseSum>, Error> {
    let rows = sqlx::query!(
        r#"select date_trunc('month', e.incurred_on)::date as "month!", e.category as "category!", e.currency as "currency!",
               count(*) as "count!", sum(e.amount)::bigint as "amount!", sum(e.tax_amount)::bigint as "tax!"
           from expense_states e
           where e.branch_id = $1 and ($2::uuid is null or e.account_id = $2) and e.incurred_on between $3 and $4
             and ($5::text is null or e.category = $5) and ($6::text is null or e.state = $6) and e.state <> 'rejected'
             and ($7::text is null or e.supplier ilike $7 or e.description ilike $7)
           group by 1, 2, 3 order by 1, 2, 3"#,
        filter.branch.0,
        filter.only_of.map(|id| id.0),
        filter.from,
        filter.until,
        filter.category,
        filter.state as Option<ExpenseState>,
        filter.like
    )
    .fetch_all(db)
    .await?;
    let sums = rows.into_iter().map(|row| ExpenseSum {
        month: row.month,
        category: row.category,
        count: row.count,
        amount: Money::new(row.amount, row.currency.clone()),
        tax: Money::new(row.tax, row.currency),
    });
    Ok(sums.collect())
}

/// Categories in use at the branch, by name.
pub async fn categories(
    db: &mut PgConnection,
    branch: BranchId,
    only_of: Option<AccountId>,
) -> Result<Vec<String>, Error> {
    Ok(sqlx::query_scalar!(
        "select distinct category from expenses where branch_id = $1 and ($2::uuid is null or account_id = $2) order by 1",
        branch.0,
        only_of.map(|id| id.0)
    )
    .fetch_all(db)
    .await?)
}

/// False when a bill with this id is there already.
pub async fn insert(
    db: &mut PgConnection,
    actor: &Actor,
    id: ExpenseId,
    form: &ExpenseForm,
    currency: &str,
    file: Option<FileId>,
    now: DateTime<Utc>,
) -> Result<bool, Error> {
    let done = sqlx::query!(
        "insert into expenses (id, branch_id, category, supplier, description, amount, tax_amount, currency, incurred_on, due_on,
             file_id, at, account_id)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) on conflict on constraint expenses_pkey do nothing",
        id.0,
        actor.branch()?.0,
        form.category,
        form.supplier,
        form.description,
        form.amount_minor,
        form.tax_minor,
        currency,
        form.incurred_on,
        form.due_on,
        file.map(|id| id.0),
        now,
        actor.account().map(|id| id.0)
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected() > 0)
}

/// # Errors
/// [`Error::Conflict`] `already_decided`.
pub async fn decide(
    db: &mut PgConnection,
    actor: &Actor,
    id: ExpenseId,
    verdict: ExpenseVerdict,
    reason: Option<&str>,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    sqlx::query!(
        "insert into expense_decisions (expense_id, decision, reason, at, account_id) values ($1, $2, $3, $4, $5)",
        id.0,
        verdict as ExpenseVerdict,
        reason,
        now,
        actor.account().map(|id| id.0)
    )
    .execute(db)
    .await
    .map_err(|error| match Error::constraint(&error) {
        Some("expense_decisions_pkey") => Error::conflict("already_decided"),
        _ => error.into(),
    })?;
    Ok(())
}

/// # Errors
/// [`Error::Conflict`] `already_paid`.
pub async fn pay(
    db: &mut PgConnection,
    id: ExpenseId,
    transaction: TransactionId,
    method: ExpenseMethod,
    shift: Option<ShiftId>,
    reference: Option<&str>,
) -> Result<(), Error> {
    sqlx::query!(
        "insert into expense_payments (expense_id, transaction_id, method, shift_id, reference) values ($1, $2, $3, $4, $5)",
        id.0,
        transaction.0,
        method as ExpenseMethod,
        shift.map(|id| id.0),
        reference
    )
    .execute(db)
    .await
    .map_err(|error| match Error::constraint(&error) {
        Some("expense_payments_pkey") => Error::conflict("already_paid"),
        _ => error.into(),
    })?;
    Ok(())
}
