//! Giving money back.
use crate::actor::Actor;
use crate::audit::{self, Change};
use crate::auth::model::Permission;
use crate::error::Error;
use crate::ids::{ChargeId, ReceiptId, SubscriptionId, TransactionId};
use crate::members::form::{line, text};
use crate::money::Money;
use crate::payments::idempotency::{self, Key};
use crate::payments::model::REFERENCE_LENGTH;
use crate::payments::posting::{CreditKind, Header, Kind, NewRefund, Posting};
use crate::payments::service::plain_line;
use crate::payments::store::{
    Allocated, ChargeRow, PaymentRow, allocated, charges, payment, take_back, uses,
};
use crate::payments::wire::{
    EndedStanding, Method, Payment, Refund, RefundForm, RefundLine, RefundPreview, RefundTo, Refunded,
};
use crate::receipts::document::{ReceiptKind, ReceiptLine};
use crate::receipts::give::{Slip, give, number_text};
use crate::sales::service::first_of_two;
use crate::sales::store::{Counter, counter};
use crate::sales::void::REASON_LENGTH;
use crate::services::Services;
use crate::subscriptions::actions::{self, standing};
use crate::subscriptions::store::{self as subscriptions, NewEvent, Record, offered};
use crate::subscriptions::wire::{Act, CancelWhen, EventKind};
use crate::till::store::shift_for_money;
use chrono::{DateTime, Utc};
use sqlx::PgConnection;

/// A refund with everything decided about it.
struct Plan {
    counter: Counter,
    payment: PaymentRow,
    of_receipt: Option<String>,
    charges: Vec<ChargeRow>,
    allocated: Vec<Allocated>,
    /// What is taken off which charge.
    off: Vec<(ChargeId, i64)>,
    to: Option<(Method, Option<String>)>,
    /// Subscriptions that end, with what each is then.
    ends: Vec<(Record, actions::Outcome)>,
}

/// What giving back comes to: charges, debts and subscriptions, by the code that does it.
pub async fn refund_preview(
    services: &Services,
    actor: &Actor,
    form: RefundForm,
) -> Result<RefundPreview, Error> {
    actor.require(Permission::Refund)?;
    let mut db = services.db.acquire().await?;
    let plan = plan(&mut db, actor, &form, services.now()).await?;
    let currency = plan.payment.currency.clone();
    let money = |minor| Money::new(minor, currency.clone());
    let today = plan.counter.today;
    let off: i64 = plan.off.iter().map(|(_, amount)| amount).sum();
    Ok(RefundPreview {
        method: plan.payment.method,
        paid: money(plan.payment.amount),
        refundable: money(plan.payment.refundable),
        lines: plan
            .off
            .iter()
            .filter_map(|(id, amount)| {
                let charge = plan.charges.iter().find(|charge| charge.id == *id)?;
                let description = charge.description.clone();
                Some(RefundLine { charge_id: *id, description, amount: money(*amount) })
            })
            .collect(),
        owed_again: money(if form.take_back { 0 } else { off }),
        ends: plan
            .ends
            .iter()
            .map(|(record, outcome)| EndedStanding {
                before: standing(record, &record.state(), today),
                after: standing(record, &outcome.after, today),
            })
            .collect(),
    })
}

async fn plan(
    db: &mut PgConnection,
    actor: &Actor,
    form: &RefundForm,
    now: DateTime<Utc>,
) -> Result<Plan, Error> {
    let (transaction, payment) = payment(db, form.payment_id).await?.ok_or(Error::NotFound("payment"))?;
    if form.amount.currency != payment.currency {
        return Err(Error::invalid("amount", "currency_wrong"));
    }
    if form.amount.minor <= 0 {
        return Err(Error::invalid("amount", "amount_not_positive"));
    }
    if form.amount.minor > payment.refundable {
        return Err(Error::Conflict {
            code: "refund_above_payment",
            params: serde_json::json!({ "minor": payment.refundable, "currency": payment.currency }),
        });
    }
    let to = way_back(&form.to, &payment)?;
    if to.is_none() && !form.take_back {
        return Err(Error::invalid("take_back", "required"));
    }
    let (counter, _) = counter(db, actor, payment.payer, None, now).await?;
    let (allocations, unused) = uses(db, payment.id).await?;
    // What was never used goes back first; as credit it already is.
    let mut left =
        if to.is_some() { form.amount.minor - unused.min(form.amount.minor) } else { form.amount.minor };
    let mut off = Vec::new();
    for part in &allocations {
        let taken = left.min(part.amount);
        left -= taken;
        if taken > 0 {
            off.push((part.charge, taken));
        }
    }
    if left > 0 {
        return Err(Error::conflict("already_settled"));
    }
    let ids: Vec<ChargeId> = off.iter().map(|(id, _)| *id).collect();
    let rows = charges(db, None, &ids).await?;
    let mut ends = Vec::new();
    if form.end_subscriptions {
        let mut named: Vec<SubscriptionId> = rows.iter().filter_map(|row| row.subscription).collect();
        named.dedup();
        for id in named {
            let Some(record) = offered(db, None, Some(id)).await?.record else { continue };
            let act = Act::Cancel { when: CancelWhen::Now };
            // One that is over has nothing to end.
            if let Ok(outcome) = actions::decide(&record, &act, None, counter.today, now) {
                ends.push((record, outcome));
            }
        }
    }
    Ok(Plan {
        of_receipt: receipt_of(db, transaction).await?,
        allocated: allocated(db, &ids).await?,
        counter,
        payment,
        charges: rows,
        off,
        to,
        ends,
    })
}

/// The method and reference of a refund; none for one that stays as credit.
fn way_back(to: &RefundTo, payment: &PaymentRow) -> Result<Option<(Method, Option<String>)>, Error> {
    let (method, typed) = match to {
        RefundTo::Credit => return Ok(None),
        RefundTo::Cash => return Ok(Some((Method::Cash, None))),
        RefundTo::Voucher if payment.method == Method::Voucher => {
            return Ok(Some((Method::Voucher, payment.reference.clone())));
        }
        RefundTo::Voucher => return Err(Error::invalid("to", "not_paid_by_voucher")),
        RefundTo::CardTerminal { reference } => (Method::CardTerminal, reference),
        RefundTo::Upi { reference } => (Method::Upi, reference),
        RefundTo::BankTransfer { reference } => (Method::BankTransfer, reference),
    };
    let reference =
        line("reference", typed, REFERENCE_LENGTH)?.ok_or(Error::invalid("reference", "required"))?;
    Ok(Some((method, Some(reference))))
}

async fn receipt_of(db: &mut PgConnection, transaction: TransactionId) -> Result<Option<String>, Error> {
    let row = sqlx::query!(
        "select r.number, b.code, t.number as till from receipts r join tills t on t.id = r.till_id
         join branches b on b.id = r.branch_id where r.transaction_id = $1",
        transaction.0
    )
    .fetch_optional(db)
    .await?;
    Ok(row.map(|row| number_text(&row.code, row.till, row.number)))
}

/// Gives it back: refund, what it had paid for, subscriptions, receipt and audit in one transaction, once per key.
pub async fn refund(services: &Services, actor: &Actor, request: Refund) -> Result<Refunded, Error> {
    actor.require(Permission::Refund)?;
    let key = Key::of(request.idempotency_key, "refund", &request)?;
    let reason =
        text("reason", &request.reason, REASON_LENGTH)?.ok_or(Error::invalid("reason", "required"))?;
    let now = services.now();
    let mut db = services.db.acquire().await?;
    if let Some(first) = idempotency::recall(&mut db, &key).await? {
        return Ok(first);
    }
    let plan = plan(&mut db, actor, &request.form, now).await?;
    drop(db);
    let written = write(services, actor, &key, &request, &plan, &reason).await;
    first_of_two(services, &key, written).await
}

/// What a refund gives back, line by line.
fn on_paper(plan: &Plan, amount: i64) -> Vec<ReceiptLine> {
    let mut lines: Vec<_> = plan
        .off
        .iter()
        .filter_map(|(id, taken)| {
            let charge = plan.charges.iter().find(|charge| charge.id == *id)?;
            Some(plain_line(&charge.description, *taken))
        })
        .collect();
    let off: i64 = plan.off.iter().map(|(_, taken)| taken).sum();
    if amount > off {
        lines.push(plain_line("Credit", amount - off));
    }
    lines
}

async fn write(
    services: &Services,
    actor: &Actor,
    key: &Key,
    request: &Refund,
    plan: &Plan,
    reason: &str,
) -> Result<Refunded, Error> {
    let (counter, payment) = (&plan.counter, &plan.payment);
    let (now, today) = (counter.now, counter.today);
    let amount = request.form.amount.minor;
    let mut tx = services.db.begin().await?;
    let mut posting = Posting::new(Header {
        id: TransactionId::new(now),
        kind: if plan.to.is_some() { Kind::Refund } else { Kind::CreditNote },
        at: now,
        business_day: today,
        currency: payment.currency.clone(),
        idempotency_key: key.id,
        reverses: None,
        reason: Some(reason.to_owned()),
    });
    let transaction = posting.header().id;
    for (charge, taken) in &plan.off {
        posting.allocate(payment.id, *charge, -taken);
        let charge = plan.charges.iter().find(|row| row.id == *charge);
        if let (true, Some(charge)) = (request.form.take_back, charge) {
            // Other payments stay where they are: this one made the room.
            let mut others: Vec<Allocated> = plan
                .allocated
                .iter()
                .filter(|part| part.charge == charge.id)
                .map(|part| {
                    let own = part.payment == payment.id;
                    Allocated { amount: part.amount - if own { *taken } else { 0 }, ..*part }
                })
                .collect();
            take_back(&mut posting, charge, &mut others, CreditKind::CreditNote, *taken);
        }
    }
    let mut shift = None;
    let mut returned = Vec::new();
    if let Some((method, reference)) = &plan.to {
        let till_shift = shift_for_money(&mut tx, actor, counter.till, &counter.currency, today, now).await?;
        shift = Some(till_shift);
        posting.refund(NewRefund {
            payment: payment.id,
            payer: payment.payer,
            method: *method,
            amount,
            reference: reference.clone(),
            shift,
            request: None,
        });
        returned.push(Payment {
            method: *method,
            amount: request.form.amount.clone(),
            tendered: None,
            reference: reference.clone(),
        });
    }
    let digest = posting.write(&mut tx, actor).await?;
    for (record, outcome) in &plan.ends {
        let event = NewEvent {
            ends_on: outcome.event.ends_on,
            reason: Some(reason),
            transaction: Some(transaction),
            ..NewEvent::new(record.sold.id, record.next_seq(), EventKind::Cancelled, now, today)
        };
        subscriptions::add_event(&mut tx, actor, event).await?;
    }
    let mut refunded = Refunded {
        transaction_id: transaction,
        receipt_id: ReceiptId::new(now),
        receipt_number: 0,
        amount: request.form.amount.clone(),
    };
    let slip = Slip {
        id: refunded.receipt_id,
        kind: ReceiptKind::Refund,
        transaction,
        digest: &digest,
        shift,
        lines: on_paper(plan, amount),
        payments: &returned,
        credit_used: if plan.to.is_none() { amount } else { 0 },
        rounding: 0,
        change: None,
        still_due: 0,
        original_number: plan.of_receipt.clone(),
        reason: Some(reason),
    };
    refunded.receipt_number = give(&mut tx, counter, slip).await?;
    idempotency::remember(&mut tx, key, &refunded, now).await?;
    let change = Change {
        act: "payment.refunded",
        subject_kind: "payment",
        subject: Some(payment.id.0),
        before: None,
        after: Some(serde_json::json!(request)),
    };
    audit::record(&mut tx, actor, now, change).await?;
    tx.commit().await?;
    Ok(refunded)
}
