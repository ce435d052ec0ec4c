//! Debts, payments for them, giving them up, and the branch's rules about money.
use crate::actor::Actor;
use crate::audit::{self, Change};
use crate::auth::model::Permission;
use crate::error::Error;
use crate::gym::service::fetch_branch;
use crate::ids::{ChargeId, MemberId, PaymentId, ReceiptId, TransactionId};
use crate::members::form::text;
use crate::members::wire::ChooseMember;
use crate::money::{LARGEST_MINOR, Money};
use crate::payments::idempotency::{self, Key};
use crate::payments::model::{Settled, Terms, ageing, settle};
use crate::payments::posting::{CreditKind, Header, Kind, Posting, spread};
use crate::payments::store::{self, Open, allocated, charges, credit_of, take_back};
use crate::payments::wire::{
    Ageing, Debts, MemberPayments, Method, MoneySettings, OpenCharge, Paid, PayDebts, PaymentShown,
    Receivable, Receivables, WriteOff, WrittenOff,
};
use crate::receipts::document::{ReceiptKind, ReceiptLine};
use crate::receipts::give::{Slip, give, number_text};
use crate::sales::service::{first_of_two, round, take_money};
use crate::sales::store::{Counter, Customer, counter};
use crate::sales::void::REASON_LENGTH;
use crate::services::Services;
use chrono::{DateTime, NaiveDate, Utc};
use sqlx::PgConnection;

/// Rows of a member's payments at most.
const MOST_PAYMENTS: i64 = 200;
/// Characters of the branch's lines on a receipt.
const LINES_LENGTH: usize = 500;

/// What is owed by a member or for one.
pub async fn debts(services: &Services, actor: &Actor, request: ChooseMember) -> Result<Debts, Error> {
    actor.require(Permission::Sell)?;
    let mut db = services.db.acquire().await?;
    let (counter, customer, open) = owing(&mut db, actor, request.member_id, services.now()).await?;
    let money = |minor| Money::new(minor, counter.currency.clone());
    Ok(Debts {
        payer_id: customer.payer,
        payer_name: customer.payer_name.clone(),
        owed: money(open.iter().map(|row| row.owed).sum()),
        credit: money(customer.credit),
        rows: open
            .into_iter()
            .map(|row| OpenCharge {
                charge_id: row.charge,
                description: row.description,
                member_name: row.member_name,
                due_on: row.due_on,
                days_overdue: (counter.today - row.due_on).num_days().max(0),
                amount: money(row.amount),
                owed: money(row.owed),
            })
            .collect(),
    })
}

async fn owing(
    db: &mut PgConnection,
    actor: &Actor,
    member: MemberId,
    now: DateTime<Utc>,
) -> Result<(Counter, Customer, Vec<Open>), Error> {
    let (counter, _) = counter(db, actor, Some(member), None, now).await?;
    let customer = counter.customer.clone().ok_or(Error::NotFound("member"))?;
    let open = store::open_charges(db, customer.payer, member, &counter.currency).await?;
    Ok((counter, customer, open))
}

/// Takes money for what is owed, or in advance: payments, allocations, receipt and audit in one transaction.
pub async fn pay_debts(services: &Services, actor: &Actor, request: PayDebts) -> Result<Paid, Error> {
    actor.require(Permission::Sell)?;
    let key = Key::of(request.idempotency_key, "pay_debts", &request)?;
    let now = services.now();
    let mut db = services.db.acquire().await?;
    if let Some(first) = idempotency::recall(&mut db, &key).await? {
        return Ok(first);
    }
    let (counter, customer, mut open) = owing(&mut db, actor, request.member_id, now).await?;
    // What somebody else owes for the member is theirs to pay.
    open.retain(|row| row.payer == Some(customer.payer));
    if !request.charge_ids.is_empty() {
        if request.charge_ids.iter().any(|id| open.iter().all(|row| row.charge != *id)) {
            return Err(Error::conflict("already_settled"));
        }
        open.retain(|row| request.charge_ids.contains(&row.charge));
    }
    drop(db);
    let owed: i64 = open.iter().map(|row| row.owed).sum();
    if !(0..=customer.credit.min(owed)).contains(&request.credit_minor) {
        return Err(Error::conflict("credit_too_small"));
    }
    let settled = settled(&request, &counter, owed)?;
    let written = write_payment(services, actor, &key, &request, &counter, &customer, &open, settled).await;
    first_of_two(services, &key, written).await
}

/// What is paid now: at most what is owed, unless in advance.
fn settled(request: &PayDebts, counter: &Counter, owed: i64) -> Result<Settled, Error> {
    if request.payments.is_empty() && request.credit_minor == 0 {
        return Err(Error::invalid("payments", "required"));
    }
    let given = request
        .payments
        .iter()
        .try_fold(0_i64, |sum, payment| sum.checked_add(payment.amount.minor))
        .filter(|sum| *sum <= LARGEST_MINOR)
        .ok_or(Error::invalid("payments", "amount_too_large"))?;
    let due = owed - request.credit_minor;
    let total = if request.in_advance { given.max(due) } else { due };
    let terms = Terms { cash_rounding: counter.cash_rounding, may_owe: true };
    settle(&Money::new(total, counter.currency.clone()), request.payments.clone(), terms)
}

#[expect(clippy::too_many_arguments, reason = "everything that was decided before the transaction begins")]
async fn write_payment(
    services: &Services,
    actor: &Actor,
    key: &Key,
    request: &PayDebts,
    counter: &Counter,
    customer: &Customer,
    open: &[Open],
    settled: Settled,
) -> Result<Paid, Error> {
    let (now, today) = (counter.now, counter.today);
    let payer = Some(customer.payer);
    let mut tx = services.db.begin().await?;
    let mut posting = Posting::new(Header {
        id: TransactionId::new(now),
        kind: if settled.payments.is_empty() { Kind::Allocation } else { Kind::Payment },
        at: now,
        business_day: today,
        currency: counter.currency.clone(),
        idempotency_key: key.id,
        reverses: None,
        reason: None,
    });
    let transaction = posting.header().id;
    let mut money = credit_of(&mut tx, payer, &counter.currency, request.credit_minor).await?;
    let (shift, taken) = take_money(&mut tx, actor, counter, &mut posting, payer, &settled.payments).await?;
    money.extend(taken);
    let mut dues: Vec<_> = open.iter().map(|row| (row.charge, row.owed)).collect();
    round(&mut posting, payer, &mut dues, settled.rounding);
    let parts = spread(&money, &dues);
    for (payment, charge, amount) in &parts {
        posting.allocate(*payment, *charge, *amount);
    }
    let digest = posting.write(&mut tx, actor).await?;
    let paid_now = |charge: ChargeId| -> i64 {
        parts.iter().filter(|(_, id, _)| *id == charge).map(|(_, _, amount)| amount).sum()
    };
    let mut lines: Vec<ReceiptLine> = open
        .iter()
        .map(|row| (row, paid_now(row.charge)))
        .filter(|(_, amount)| *amount > 0)
        .map(|(row, amount)| plain_line(&row.description, amount))
        .collect();
    let used: i64 = parts.iter().map(|(_, _, amount)| amount).sum();
    let brought: i64 = money.iter().map(|(_, amount)| amount).sum();
    if brought > used {
        lines.push(plain_line("Credit", brought - used));
    }
    let owed: i64 = open.iter().map(|row| row.owed).sum();
    let cash = |minor| Money::new(minor, counter.currency.clone());
    let mut paid = Paid {
        transaction_id: transaction,
        receipt_id: ReceiptId::new(now),
        receipt_number: 0,
        change: settled.change.clone(),
        still_owed: cash((owed - used - settled.rounding.max(0)).max(0)),
        credit: cash(customer.credit - request.credit_minor + brought - used),
    };
    let slip = Slip {
        id: paid.receipt_id,
        kind: ReceiptKind::Payment,
        transaction,
        digest: &digest,
        shift,
        lines,
        payments: &settled.payments,
        credit_used: request.credit_minor,
        rounding: -settled.rounding,
        change: Some(&settled.change),
        still_due: paid.still_owed.minor,
        original_number: None,
        reason: None,
    };
    paid.receipt_number = give(&mut tx, counter, slip).await?;
    idempotency::remember(&mut tx, key, &paid, now).await?;
    let after = Some(serde_json::to_value(&paid).map_err(|error| Error::Internal(error.to_string()))?);
    let change = Change {
        act: "payment.taken",
        subject_kind: "member",
        subject: Some(customer.payer.0),
        before: None,
        after,
    };
    audit::record(&mut tx, actor, now, change).await?;
    tx.commit().await?;
    Ok(paid)
}

/// A line that is money for something charged before.
pub(crate) fn plain_line(description: &str, amount: i64) -> ReceiptLine {
    ReceiptLine {
        description: description.to_owned(),
        native_description: None,
        quantity: 1,
        unit: amount,
        gross: amount,
        tax_rate: None,
        tax: 0,
        tax_included: true,
    }
}

/// Gives up what is owed on a charge, or a part of it.
pub async fn write_off(services: &Services, actor: &Actor, request: WriteOff) -> Result<WrittenOff, Error> {
    actor.require(Permission::WriteOff)?;
    let key = Key::of(request.idempotency_key, "write_off", &request)?;
    let reason =
        text("reason", &request.reason, REASON_LENGTH)?.ok_or(Error::invalid("reason", "required"))?;
    let now = services.now();
    let mut db = services.db.acquire().await?;
    if let Some(first) = idempotency::recall(&mut db, &key).await? {
        return Ok(first);
    }
    let branch = fetch_branch(&mut db, actor.branch()?).await?;
    let today = branch.calendar()?.business_day(now);
    let charge =
        charges(&mut db, None, &[request.charge_id]).await?.pop().ok_or(Error::NotFound("charge"))?;
    let mut settled = allocated(&mut db, &[charge.id]).await?;
    drop(db);
    let paid: i64 = settled.iter().map(|part| part.amount).sum();
    let owed = charge.amount - charge.credited - paid;
    if request.amount.currency != charge.currency {
        return Err(Error::invalid("amount", "currency_wrong"));
    }
    if request.amount.minor <= 0 {
        return Err(Error::invalid("amount", "amount_not_positive"));
    }
    if request.amount.minor > owed {
        return Err(Error::invalid("amount", "amount_above_debt"));
    }
    let mut posting = Posting::new(Header {
        id: TransactionId::new(now),
        kind: Kind::WriteOff,
        at: now,
        business_day: today,
        currency: charge.currency.clone(),
        idempotency_key: key.id,
        reverses: None,
        reason: Some(reason),
    });
    let done = WrittenOff {
        transaction_id: posting.header().id,
        still_owed: Money::new(owed - request.amount.minor, charge.currency.clone()),
    };
    take_back(&mut posting, &charge, &mut settled, CreditKind::WriteOff, request.amount.minor);
    let write = async || {
        let mut tx = services.db.begin().await?;
        posting.write(&mut tx, actor).await?;
        idempotency::remember(&mut tx, &key, &done, now).await?;
        let after = Some(serde_json::to_value(&request).map_err(|error| Error::Internal(error.to_string()))?);
        let audited = Change {
            act: "debt.written_off",
            subject_kind: "charge",
            subject: Some(charge.id.0),
            before: None,
            after,
        };
        audit::record(&mut tx, actor, now, audited).await?;
        tx.commit().await?;
        Ok(done.clone())
    };
    let written = write().await;
    first_of_two(services, &key, written).await
}

/// Payments of a member, newest first.
pub async fn member_payments(
    services: &Services,
    actor: &Actor,
    request: ChooseMember,
) -> Result<MemberPayments, Error> {
    actor.require(Permission::SeeMoney)?;
    let rows = sqlx::query!(
        r#"select p.id as "payment: PaymentId", t.id as "transaction: TransactionId", t.at, p.method as "method: Method", p.amount,
               p.currency, p.reference, b.refundable, b.unallocated, r.id as "receipt?: ReceiptId", r.number as "number?",
               br.code, l.number as "till?",
               (select coalesce(array_agg(distinct c.description), '{}') from allocations a join charges c on c.id = a.charge_id
                   where a.payment_id = p.id and a.amount > 0) as "paid_for!: Vec<String>"
           from payments p
           join payment_balances b on b.payment_id = p.id
           join ledger_transactions t on t.id = p.transaction_id
           join branches br on br.id = t.branch_id
           left join receipts r on r.transaction_id = t.id
           left join tills l on l.id = r.till_id
           where p.member_id = $1
           order by t.at desc, p.id desc
           limit $2"#,
        request.member_id.0,
        MOST_PAYMENTS
    )
    .fetch_all(&services.db)
    .await?;
    let rows = rows.into_iter().map(|row| {
        let money = |minor| Money::new(minor, row.currency.clone());
        PaymentShown {
            payment_id: row.payment,
            transaction_id: row.transaction,
            at: row.at,
            method: row.method,
            amount: money(row.amount),
            refundable: money(row.refundable),
            unused: money(row.unallocated),
            reference: row.reference,
            receipt_id: row.receipt,
            receipt_number: row
                .number
                .zip(row.till)
                .map(|(number, till)| number_text(&row.code, till, number)),
            paid_for: row.paid_for,
        }
    });
    Ok(MemberPayments { rows: rows.collect() })
}

/// Who owes how much, for how long, in the branch's currency.
pub async fn receivables(services: &Services, actor: &Actor) -> Result<Receivables, Error> {
    actor.require(Permission::SeeMoney)?;
    let mut db = services.db.acquire().await?;
    let branch = fetch_branch(&mut db, actor.branch()?).await?;
    let today = branch.calendar()?.business_day(services.now());
    let rows = sqlx::query!(
        r#"select m.id as "payer: MemberId", m.full_name, m.phone, o.owed, o.due_on
           from open_charges o join members m on m.id = o.payer_id
           where o.currency = $1
           order by m.id"#,
        branch.currency
    )
    .fetch_all(&mut *db)
    .await?;
    let mut shown: Vec<Receivable> = Vec::new();
    let mut debts: Vec<Vec<(i64, NaiveDate)>> = Vec::new();
    for row in rows {
        if shown.last().is_none_or(|last| last.payer_id != row.payer) {
            shown.push(Receivable {
                payer_id: row.payer,
                payer_name: row.full_name,
                phone: row.phone,
                oldest_due_on: row.due_on,
                ageing: Ageing::default(),
            });
            debts.push(Vec::new());
        }
        if let (Some(last), Some(debts)) = (shown.last_mut(), debts.last_mut()) {
            last.oldest_due_on = last.oldest_due_on.min(row.due_on);
            debts.push((row.owed, row.due_on));
        }
    }
    for (row, debts) in shown.iter_mut().zip(&debts) {
        row.ageing = ageing(debts, today, &branch.currency);
    }
    shown.sort_by_key(|row| std::cmp::Reverse(row.ageing.owed));
    let all: Vec<_> = debts.into_iter().flatten().collect();
    Ok(Receivables { rows: shown, total: ageing(&all, today, &branch.currency) })
}

/// The branch's rules about money.
pub async fn money_settings(services: &Services, actor: &Actor) -> Result<MoneySettings, Error> {
    actor.require(Permission::Sell)?;
    fetch_settings(&services.db, actor).await
}

async fn fetch_settings(db: &sqlx::PgPool, actor: &Actor) -> Result<MoneySettings, Error> {
    sqlx::query_as!(
        MoneySettings,
        "select prices_include_tax, cash_rounding_minor, debt_blocks_from, debt_grace_days, dunning_days, tax_number, address,
             receipt_footer
         from branches where id = $1",
        actor.branch()?.0
    )
    .fetch_optional(db)
    .await?
    .ok_or(Error::NotFound("branch"))
}

/// Stores them.
///
/// # Errors
/// [`Error::Invalid`] naming the field that is out of range.
pub async fn set_money_settings(
    services: &Services,
    actor: &Actor,
    request: MoneySettings,
) -> Result<MoneySettings, Error> {
    actor.require(Permission::EditSettings)?;
    let range = |field, fits: bool| if fits { Ok(()) } else { Err(Error::invalid(field, "out_of_range")) };
    range("cash_rounding_minor", (1..=100_000).contains(&request.cash_rounding_minor))?;
    range(
        "debt_blocks_from",
        request.debt_blocks_from.is_none_or(|from| (1..=LARGEST_MINOR).contains(&from)),
    )?;
    range("debt_grace_days", (0..=366).contains(&request.debt_grace_days))?;
    let rising = request.dunning_days.windows(2).all(|pair| pair[0] < pair[1]);
    let in_range = request.dunning_days.iter().all(|day| (1..=366).contains(day));
    range("dunning_days", request.dunning_days.len() <= 10 && rising && in_range)?;
    let lines =
        |field, value: &Option<String>| text(field, value.as_deref().unwrap_or_default(), LINES_LENGTH);
    let settings = MoneySettings {
        tax_number: lines("tax_number", &request.tax_number)?,
        address: lines("address", &request.address)?,
        receipt_footer: lines("receipt_footer", &request.receipt_footer)?,
        ..request
    };
    let before = fetch_settings(&services.db, actor).await?;
    let branch = actor.branch()?;
    let mut tx = services.db.begin().await?;
    sqlx::query!(
        "update branches set prices_include_tax = $2, cash_rounding_minor = $3, debt_blocks_from = $4, debt_grace_days = $5,
             dunning_days = $6, tax_number = $7, address = $8, receipt_footer = $9
         where id = $1",
        branch.0,
        settings.prices_include_tax,
        settings.cash_rounding_minor,
        settings.debt_blocks_from,
        settings.debt_grace_days,
        &settings.dunning_days,
        settings.tax_number,
        settings.address,
        settings.receipt_footer
    )
    .execute(&mut *tx)
    .await?;
    let change = Change {
        act: "branch.money_settings_changed",
        subject_kind: "branch",
        subject: Some(branch.0),
        before: Some(serde_json::json!(before)),
        after: Some(serde_json::json!(settings)),
    };
    audit::record(&mut tx, actor, services.now(), change).await?;
    tx.commit().await?;
    Ok(settings)
}
