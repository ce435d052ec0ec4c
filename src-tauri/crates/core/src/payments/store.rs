//! Rows of charges and payments that are still open.
use crate::error::Error;
use crate::ids::{ChargeId, MemberId, PaymentId, ProductId, SubscriptionId, TransactionId};
use crate::payments::posting::{CreditKind, Earned, NewCredit, Posting};
use crate::payments::tax::share;
use crate::payments::wire::Method;
use chrono::NaiveDate;
use sqlx::PgConnection;
use uuid::Uuid;

/// Payments of a payer that have `amount` unused, oldest first, and how much to take of each.
///
/// # Errors
/// [`Error::Conflict`] `credit_too_small`.
pub async fn credit_of(
    db: &mut PgConnection,
    payer: Option<MemberId>,
    currency: &str,
    amount: i64,
) -> Result<Vec<(PaymentId, i64)>, Error> {
    if amount == 0 {
        return Ok(Vec::new());
    }
    let rows = sqlx::query!(
        r#"select payment_id as "payment: PaymentId", unallocated from payment_balances
           where payer_id = $1 and unallocated > 0 and currency = $2 order by payment_id"#,
        payer.map(|id| id.0),
        currency
    )
    .fetch_all(db)
    .await?;
    let mut left = amount;
    let mut taken = Vec::new();
    for row in rows {
        let part = row.unallocated.min(left);
        left -= part;
        if part > 0 {
            taken.push((row.payment, part));
        }
    }
    if left > 0 { Err(Error::conflict("credit_too_small")) } else { Ok(taken) }
}

/// A charge with what became of it. Amounts in minor units.
#[derive(Clone, Debug)]
pub struct ChargeRow {
    pub id: ChargeId,
    pub member: Option<MemberId>,
    pub payer: Option<MemberId>,
    pub subscription: Option<SubscriptionId>,
    pub product: Option<ProductId>,
    pub description: String,
    pub quantity: i32,
    pub unit_amount: i64,
    pub amount: i64,
    pub tax_bp: i32,
    pub tax_amount: i64,
    pub currency: String,
    pub earned: Earned,
    /// Taken back already, and how much of that was tax.
    pub credited: i64,
    pub credited_tax: i64,
}

/// A payment with what of it can still go back.
#[derive(Clone, Debug)]
pub struct PaymentRow {
    pub id: PaymentId,
    pub payer: Option<MemberId>,
    pub method: Method,
    pub amount: i64,
    pub currency: String,
    pub reference: Option<String>,
    pub refundable: i64,
}

/// What a payment settles of a charge, everything taken back deducted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allocated {
    pub payment: PaymentId,
    pub charge: ChargeId,
    pub amount: i64,
}

/// Charges by id, and those of a transaction.
pub async fn charges(
    db: &mut PgConnection,
    transaction: Option<TransactionId>,
    ids: &[ChargeId],
) -> Result<Vec<ChargeRow>, Error> {
    let ids: Vec<Uuid> = ids.iter().map(|id| id.0).collect();
    Ok(sqlx::query_as!(
        ChargeRow,
        r#"select c.id as "id: ChargeId", c.member_id as "member: MemberId", c.payer_id as "payer: MemberId",
               c.subscription_id as "subscription: SubscriptionId", c.product_id as "product: ProductId", c.description, c.quantity,
               c.unit_amount, c.amount, c.tax_bp, c.tax_amount, c.currency, c.earned as "earned: Earned",
               coalesce(x.amount, 0)::bigint as "credited!", coalesce(x.tax, 0)::bigint as "credited_tax!"
           from charges c
           left join lateral (select sum(amount) as amount, sum(tax_amount) as tax from charge_credits where charge_id = c.id) x on true
           where c.transaction_id = $1 or c.id = any ($2)
           order by c.id"#,
        transaction.map(|id| id.0),
        &ids
    )
    .fetch_all(db)
    .await?)
}

/// Charges of a subscription with the transaction that made them, in their order.
pub async fn charges_of_subscription(
    db: &mut PgConnection,
    subscription: SubscriptionId,
) -> Result<Vec<(TransactionId, ChargeRow)>, Error> {
    let ids = sqlx::query!(
        r#"select id as "id: ChargeId", transaction_id as "transaction: TransactionId" from charges
           where subscription_id = $1 order by id"#,
        subscription.0
    )
    .fetch_all(&mut *db)
    .await?;
    let wanted: Vec<ChargeId> = ids.iter().map(|row| row.id).collect();
    let rows = charges(db, None, &wanted).await?;
    Ok(ids.into_iter().map(|row| row.transaction).zip(rows).collect())
}

/// Payments taken in a transaction.
pub async fn payments(db: &mut PgConnection, transaction: TransactionId) -> Result<Vec<PaymentRow>, Error> {
    Ok(sqlx::query_as!(
        PaymentRow,
        r#"select p.id as "id: PaymentId", p.member_id as "payer: MemberId", p.method as "method: Method", p.amount, p.currency,
               p.reference, b.refundable
           from payments p join payment_balances b on b.payment_id = p.id
           where p.transaction_id = $1
           order by p.amount desc, p.id"#,
        transaction.0
    )
    .fetch_all(db)
    .await?)
}

/// What settles these charges, latest payment first.
pub async fn allocated(db: &mut PgConnection, charges: &[ChargeId]) -> Result<Vec<Allocated>, Error> {
    let ids: Vec<Uuid> = charges.iter().map(|id| id.0).collect();
    Ok(sqlx::query_as!(
        Allocated,
        r#"select payment_id as "payment: PaymentId", charge_id as "charge: ChargeId", sum(amount)::bigint as "amount!"
           from allocations where charge_id = any ($1)
           group by payment_id, charge_id having sum(amount) > 0
           order by payment_id desc"#,
        &ids
    )
    .fetch_all(db)
    .await?)
}

/// Takes `amount` of a charge back. What was paid for it beyond the rest becomes the payer's credit again.
///
/// `allocated` is what settles the charge; what is taken off it here is deducted there. Gives what became free of
/// which payment.
pub fn take_back(
    posting: &mut Posting,
    charge: &ChargeRow,
    allocated: &mut [Allocated],
    kind: CreditKind,
    amount: i64,
) -> Vec<(PaymentId, i64)> {
    let open = charge.amount - charge.credited;
    let amount = amount.clamp(0, open);
    let paid: i64 = allocated.iter().filter(|part| part.charge == charge.id).map(|part| part.amount).sum();
    let mut to_free = (amount - (open - paid)).max(0);
    let mut freed = Vec::new();
    for part in allocated.iter_mut().filter(|part| part.charge == charge.id) {
        let free = to_free.min(part.amount);
        to_free -= free;
        part.amount -= free;
        if free > 0 {
            posting.allocate(part.payment, charge.id, -free);
            freed.push((part.payment, free));
        }
    }
    let takes_tax = matches!(kind, CreditKind::Void | CreditKind::CreditNote);
    let tax_amount = if !takes_tax {
        0
    } else if amount == open {
        charge.tax_amount - charge.credited_tax
    } else {
        share(charge.tax_amount, amount, charge.amount)
    };
    posting.credit(NewCredit {
        charge: charge.id,
        payer: charge.payer,
        kind,
        amount,
        tax_amount: tax_amount.min(amount),
        earned: charge.earned,
    });
    freed
}

/// A charge that is not settled.
#[derive(Clone, Debug)]
pub struct Open {
    pub charge: ChargeId,
    pub description: String,
    pub member_name: Option<String>,
    pub payer: Option<MemberId>,
    pub due_on: NaiveDate,
    pub amount: i64,
    pub owed: i64,
}

/// What is owed by a payer or for a member, in one currency, oldest first.
pub async fn open_charges(
    db: &mut PgConnection,
    payer: MemberId,
    member: MemberId,
    currency: &str,
) -> Result<Vec<Open>, Error> {
    Ok(sqlx::query_as!(
        Open,
        r#"select c.id as "charge: ChargeId", c.description, m.full_name as "member_name?", o.payer_id as "payer: MemberId", o.due_on,
               c.amount, o.owed
           from open_charges o
           join charges c on c.id = o.charge_id
           left join members m on m.id = o.member_id
           where (o.payer_id = $1 or o.member_id = $2) and o.currency = $3
           order by o.due_on, c.id"#,
        payer.0,
        member.0,
        currency
    )
    .fetch_all(db)
    .await?)
}

/// One payment with what it is used for.
pub async fn payment(
    db: &mut PgConnection,
    id: PaymentId,
) -> Result<Option<(TransactionId, PaymentRow)>, Error> {
    let transaction = sqlx::query_scalar!(
        r#"select transaction_id as "id: TransactionId" from payments where id = $1"#,
        id.0
    )
    .fetch_optional(&mut *db)
    .await?;
    let Some(transaction) = transaction else { return Ok(None) };
    let found = payments(db, transaction).await?.into_iter().find(|payment| payment.id == id);
    Ok(found.map(|payment| (transaction, payment)))
}

/// What a payment settles, latest charge first, and what of it is unused.
pub async fn uses(db: &mut PgConnection, payment: PaymentId) -> Result<(Vec<Allocated>, i64), Error> {
    let uses = sqlx::query_as!(
        Allocated,
        r#"select payment_id as "payment: PaymentId", charge_id as "charge: ChargeId", sum(amount)::bigint as "amount!"
           from allocations where payment_id = $1
           group by payment_id, charge_id having sum(amount) > 0
           order by charge_id desc"#,
        payment.0
    )
    .fetch_all(&mut *db)
    .await?;
    let unused =
        sqlx::query_scalar!("select unallocated from payment_balances where payment_id = $1", payment.0)
            .fetch_one(db)
            .await?;
    Ok((uses, unused))
}
