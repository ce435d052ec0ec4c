//! Postings. A sale debits the member's receivable and credits revenue; each payment debits where the money
//! lands and credits the receivable. Debits are positive, and a transaction sums to zero.
use crate::actor::Actor;
use crate::error::Error;
use crate::ids::{ChargeId, MemberId, PaymentId, SubscriptionId, TransactionId, new_id};
use crate::money::Money;
use crate::payments::wire::{Method, Payment};
use chrono::{DateTime, NaiveDate, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

const RECEIVABLE: &str = "receivable";
const REVENUE: &str = "revenue";

/// What is the same for every posting.
#[derive(Clone, Copy, Debug)]
pub struct Header<'a> {
    pub id: TransactionId,
    /// `sale`, `renewal`, `take_over` or `void`.
    pub kind: &'a str,
    pub at: DateTime<Utc>,
    pub business_day: NaiveDate,
    pub idempotency_key: Uuid,
    pub reverses: Option<TransactionId>,
    pub reason: Option<&'a str>,
}

/// What a member owes for a subscription, and how it was paid on the spot.
#[derive(Clone, Copy, Debug)]
pub struct Charge<'a> {
    pub member: MemberId,
    pub subscription: SubscriptionId,
    pub description: &'a str,
    pub amount: &'a Money,
    /// Together exactly the amount.
    pub payments: &'a [Payment],
}

/// Writes the transaction's first row.
pub async fn open(db: &mut PgConnection, actor: &Actor, header: Header<'_>) -> Result<(), Error> {
    sqlx::query!(
        "insert into ledger_transactions (id, branch_id, kind, at, business_day, idempotency_key, reverses_id, account_id, desk_id, reason)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        header.id.0,
        actor.branch()?.0,
        header.kind,
        header.at,
        header.business_day,
        header.idempotency_key,
        header.reverses.map(|id| id.0),
        actor.account().map(|id| id.0),
        actor.desk().ok().map(|id| id.0),
        header.reason
    )
    .execute(db)
    .await
    .map_err(|error| match Error::constraint(&error) {
        Some("ledger_transactions_reverses_key") => Error::conflict("already_voided"),
        _ => error.into(),
    })?;
    Ok(())
}

/// Charge, payments, their allocation and the entries of all, in one statement. Nothing due writes nothing.
pub async fn charge(db: &mut PgConnection, header: Header<'_>, charge: Charge<'_>) -> Result<(), Error> {
    if charge.amount.minor == 0 {
        return Ok(());
    }
    let new = || new_id(header.at);
    let payment_ids: Vec<Uuid> = charge.payments.iter().map(|_| PaymentId::new(header.at).0).collect();
    let methods: Vec<Method> = charge.payments.iter().map(|payment| payment.method).collect();
    let amounts: Vec<i64> = charge.payments.iter().map(|payment| payment.amount.minor).collect();
    let tendered: Vec<Option<i64>> =
        charge.payments.iter().map(|payment| payment.tendered.as_ref().map(|money| money.minor)).collect();
    let references: Vec<Option<String>> =
        charge.payments.iter().map(|payment| payment.reference.clone()).collect();

    let total = charge.amount.minor;
    let mut entries = vec![(new(), RECEIVABLE, Some(charge.member.0), total), (new(), REVENUE, None, -total)];
    for payment in charge.payments {
        entries.push((new(), payment.method.account(), None, payment.amount.minor));
        entries.push((new(), RECEIVABLE, Some(charge.member.0), -payment.amount.minor));
    }
    let entry_ids: Vec<Uuid> = entries.iter().map(|entry| entry.0).collect();
    let accounts: Vec<String> = entries.iter().map(|entry| entry.1.to_owned()).collect();
    let members: Vec<Option<Uuid>> = entries.iter().map(|entry| entry.2).collect();
    let entry_amounts: Vec<i64> = entries.iter().map(|entry| entry.3).collect();

    let methods: Vec<String> = methods.iter().map(|method| method.account().to_owned()).collect();
    sqlx::query!(
        r#"with charged as (
               insert into charges (id, transaction_id, member_id, subscription_id, description, amount, currency, due_on)
               values ($1, $2, $3, $4, $5, $6, $7, $8)
           ), paid as (
               insert into payments (id, transaction_id, member_id, method, amount, currency, tendered, reference)
               select id, $2, $3, method, amount, $7, tendered, reference
               from unnest($9::uuid[], $10::text[], $11::bigint[], $12::bigint[], $13::text[]) as part (id, method, amount, tendered, reference)
           ), allocated as (
               insert into allocations (payment_id, charge_id, amount)
               select id, $1, amount from unnest($9::uuid[], $11::bigint[]) as part (id, amount)
           )
           insert into ledger_entries (id, transaction_id, account, member_id, amount, currency)
           select id, $2, account, member, amount, $7
           from unnest($14::uuid[], $15::text[], $16::uuid[], $17::bigint[]) as entry (id, account, member, amount)"#,
        ChargeId::new(header.at).0,
        header.id.0,
        charge.member.0,
        charge.subscription.0,
        charge.description,
        total,
        charge.amount.currency,
        header.business_day,
        &payment_ids,
        &methods,
        &amounts,
        &tendered as &[Option<i64>],
        &references as &[Option<String>],
        &entry_ids,
        &accounts,
        &members as &[Option<Uuid>],
        &entry_amounts
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Takes a transaction back: the same entries with the opposite sign.
pub async fn reverse(
    db: &mut PgConnection,
    header: Header<'_>,
    original: TransactionId,
) -> Result<(), Error> {
    let rows = sqlx::query!(
        "select account, member_id, amount, currency from ledger_entries where transaction_id = $1 order by id",
        original.0
    )
    .fetch_all(&mut *db)
    .await?;
    let ids: Vec<Uuid> = rows.iter().map(|_| new_id(header.at)).collect();
    let accounts: Vec<String> = rows.iter().map(|row| row.account.clone()).collect();
    let members: Vec<Option<Uuid>> = rows.iter().map(|row| row.member_id).collect();
    let amounts: Vec<i64> = rows.iter().map(|row| -row.amount).collect();
    let currencies: Vec<String> = rows.iter().map(|row| row.currency.clone()).collect();
    sqlx::query!(
        "insert into ledger_entries (id, transaction_id, account, member_id, amount, currency)
         select id, $1, account, member, amount, currency
         from unnest($2::uuid[], $3::text[], $4::uuid[], $5::bigint[], $6::text[]) as entry (id, account, member, amount, currency)",
        header.id.0,
        &ids,
        &accounts,
        &members as &[Option<Uuid>],
        &amounts,
        &currencies
    )
    .execute(db)
    .await?;
    Ok(())
}

/// What was paid in a transaction, largest first.
pub async fn payments_of(db: &mut PgConnection, transaction: TransactionId) -> Result<Vec<Payment>, Error> {
    let rows = sqlx::query!(
        r#"select method as "method: Method", amount, currency, reference from payments where transaction_id = $1 order by amount desc, id"#,
        transaction.0
    )
    .fetch_all(db)
    .await?;
    let payments = rows.into_iter().map(|row| Payment {
        method: row.method,
        amount: Money::new(row.amount, row.currency),
        tendered: None,
        reference: row.reference,
    });
    Ok(payments.collect())
}
