//! Giving money back by way of the gateway it came by: asked for and stored, then sent, then booked.
use crate::actor::Actor;
use crate::auth::model::Permission;
use crate::error::Error;
use crate::ids::{ReceiptId, RequestId, TransactionId};
use crate::members::form::line;
use crate::money::Money;
use crate::payments::gateways::wire::RemoteMethod;
use crate::payments::idempotency::{self, Key};
use crate::payments::posting::{Header, Kind, NewRefund, Posting};
use crate::payments::requests::model::reference;
use crate::payments::requests::service::{Act, act, check_amount, record};
use crate::payments::requests::store::{self, NewEvent, NewRequest, RequestRow};
use crate::payments::requests::wire::{AskRefund, Direction, PaymentRequest, RequestState};
use crate::payments::wire::{Method, Payment};
use crate::receipts::document::{ReceiptKind, ReceiptLine};
use crate::receipts::give::{Slip, give};
use crate::sales::service::first_of_two;
use crate::sales::store::counter;
use crate::services::Services;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::json;
use sqlx::PgConnection;

const LONGEST_REASON: usize = 200;

#[derive(Serialize, Deserialize)]
struct Made {
    request_id: RequestId,
}

/// A refund that is stored.
#[derive(Clone, Copy, Debug)]
pub struct Asked {
    pub id: RequestId,
    /// False for the same key once more: then it was sent, or is being sent, already.
    pub is_new: bool,
}

/// Stores that a refund is to be asked for, and that it is being sent, before anybody is asked: whatever happens to the
/// answer, there is a row that says it may be on its way. Only the payer's credit goes back, so what it paid for has to
/// be taken back first. Gives the request; again for the same key.
///
/// # Errors
/// [`Error::Invalid`] in `payment_id`, `amount`, `reason`; [`Error::Conflict`] `credit_too_small`,
/// `refund_under_way` while another of the same payment is.
pub async fn ask(services: &Services, actor: &Actor, request: AskRefund) -> Result<Asked, Error> {
    actor.require(Permission::Refund)?;
    let reason =
        line("reason", &request.reason, LONGEST_REASON)?.ok_or(Error::invalid("reason", "required"))?;
    let key = Key::of(request.idempotency_key, "payment_refund", &request)?;
    let mut db = services.db.acquire().await?;
    let known = idempotency::recall::<Made>(&mut db, &key).await?;
    drop(db);
    if let Some(made) = known {
        return Ok(Asked { id: made.request_id, is_new: false });
    }
    match write(services, actor, &key, &request, &reason).await {
        Ok(made) => Ok(Asked { id: made.request_id, is_new: true }),
        raced => {
            first_of_two(services, &key, raced).await.map(|made| Asked { id: made.request_id, is_new: false })
        }
    }
}

async fn write(
    services: &Services,
    actor: &Actor,
    key: &Key,
    request: &AskRefund,
    reason: &str,
) -> Result<Made, Error> {
    let now = services.now();
    let branch = actor.branch()?;
    let mut tx = services.db.begin().await?;
    let id = RequestId::new(now);
    let made = Made { request_id: id };
    idempotency::remember(&mut tx, key, &made, now).await?;
    // Of two refunds of the same payment at once, the second waits and sees the first.
    sqlx::query!("select pg_advisory_xact_lock(hashtextextended($1, 0))", request.payment_id.to_string())
        .execute(&mut *tx)
        .await?;
    let payment = store::refundable(&mut tx, request.payment_id).await?;
    if payment.branch != branch {
        return Err(Error::NotFound("payment"));
    }
    let method = match payment.method {
        Method::Paymob => RemoteMethod::Paymob,
        Method::PayPal => RemoteMethod::PayPal,
        _ => return Err(Error::invalid("payment_id", "not_of_a_gateway")),
    };
    check_amount(&request.amount, &payment.currency)?;
    // Of two whose answers got lost, nobody could tell which was done.
    if payment.under_way > 0 {
        return Err(Error::conflict("refund_under_way"));
    }
    if request.amount.minor > payment.unallocated {
        return Err(Error::conflict("credit_too_small"));
    }
    let (counter, _) = counter(&mut tx, actor, None, None, now).await?;
    let reference = reference();
    let new = NewRequest {
        id,
        branch,
        direction: Direction::Refund,
        method,
        payer: payment.payer,
        payment: Some(request.payment_id),
        amount: &request.amount,
        reference: &reference,
        at: now,
        business_day: counter.today,
        idempotency_key: key.id,
        charges: &[],
        is_automatic: false,
        keep_method: false,
    };
    store::insert(&mut tx, actor, new).await?;
    let event = NewEvent { detail: Some(json!({ "reason": reason })), ..NewEvent::default() };
    store::append(&mut tx, actor, id, 0, RequestState::Created, now, event).await?;
    store::append(&mut tx, actor, id, 1, RequestState::Sent, now, NewEvent::default()).await?;
    let after = json!({ "payment_id": request.payment_id, "amount": request.amount, "reason": reason });
    record(&mut tx, actor, now, id, "payment_request.refund_asked", after).await?;
    tx.commit().await?;
    Ok(made)
}

/// What is needed to give it back.
#[derive(Clone, Debug)]
pub struct ToSend {
    pub request: RequestId,
    pub method: RemoteMethod,
    /// The gateway's id of the payment.
    pub capture: String,
    /// The gateway's order that the payment was.
    pub order_id: Option<String>,
    pub amount: Money,
    /// What is booked as given back of the payment, in minor units: what the gateway gave back beyond is this one.
    pub given_back: i64,
    pub asked_at: DateTime<Utc>,
}

/// The refund as its gateway is to be told it; none when it is over.
pub async fn to_send(services: &Services, actor: &Actor, id: RequestId) -> Result<Option<ToSend>, Error> {
    actor.require(Permission::Refund)?;
    let mut db = services.db.acquire().await?;
    let row = store::one(&mut db, id).await?;
    if actor.branch()? != row.branch || row.direction != Direction::Refund {
        return Err(Error::NotFound("request"));
    }
    let (RequestState::Sent, Some(payment)) = (row.state, row.payment) else { return Ok(None) };
    let payment = store::refundable(&mut db, payment).await?;
    Ok(Some(ToSend {
        request: row.id,
        method: row.method,
        capture: payment.capture.ok_or(Error::conflict("gateway_unknown"))?,
        order_id: payment.order_id,
        given_back: payment.given_back,
        asked_at: row.at,
        amount: row.amount,
    }))
}

/// The gateway gave it back: books it.
pub async fn done(
    services: &Services,
    actor: &Actor,
    id: RequestId,
    refund_id: &str,
) -> Result<PaymentRequest, Error> {
    actor.require(Permission::Refund)?;
    act(services, actor, id, Act::RefundDone(refund_id)).await
}

/// The gateway would not give it back; nothing happened.
pub async fn refused(
    services: &Services,
    actor: &Actor,
    id: RequestId,
    reason: &str,
) -> Result<PaymentRequest, Error> {
    actor.require(Permission::Refund)?;
    act(services, actor, id, Act::RefundRefused(reason)).await
}

pub(super) async fn not_given(
    tx: &mut PgConnection,
    actor: &Actor,
    row: &RequestRow,
    now: DateTime<Utc>,
    reason: &str,
) -> Result<(), Error> {
    if row.state != RequestState::Sent {
        return Ok(());
    }
    let event = NewEvent { detail: Some(json!({ "refused": reason })), ..NewEvent::default() };
    store::append(tx, actor, row.id, row.seq, RequestState::Failed, now, event).await
}

pub(super) async fn booked(
    tx: &mut PgConnection,
    actor: &Actor,
    row: &RequestRow,
    now: DateTime<Utc>,
    refund_id: &str,
) -> Result<(), Error> {
    if row.state == RequestState::Confirmed {
        return Ok(());
    }
    let payment_id = row.payment.ok_or(Error::NotFound("payment"))?;
    let event = NewEvent { reference: Some(refund_id), ..NewEvent::default() };
    store::append(tx, actor, row.id, row.seq, RequestState::Confirmed, now, event).await?;
    let payment = store::refundable(tx, payment_id).await?;
    let (counter, _) = counter(tx, actor, payment.payer, None, now).await?;
    let reason = row.text("reason");
    let header = Header {
        id: TransactionId::new(now),
        kind: Kind::Refund,
        at: now,
        business_day: counter.today,
        currency: row.amount.currency.clone(),
        idempotency_key: row.id.0,
        reverses: None,
        reason: reason.clone(),
    };
    let transaction = header.id;
    let mut posting = Posting::new(header);
    // The credit may have been spent while the gateway was busy. The money is gone all the same: what it paid for last
    // is owed again.
    let mut missing = row.amount.minor - payment.unallocated;
    for (charge, amount) in store::settled_by(tx, payment_id).await? {
        let part = missing.clamp(0, amount);
        posting.allocate(payment_id, charge, -part);
        missing -= part;
    }
    posting.refund(NewRefund {
        payment: payment_id,
        payer: payment.payer,
        method: row.method.method(),
        amount: row.amount.minor,
        reference: Some(refund_id.to_owned()),
        shift: None,
        request: Some(row.id),
    });
    let digest = posting.write(tx, actor).await?;
    let after = json!({ "transaction_id": transaction, "amount": row.amount, "reference": refund_id });
    record(tx, actor, now, row.id, "payment_request.refunded", after).await?;
    let back = Payment {
        method: row.method.method(),
        amount: row.amount.clone(),
        tendered: None,
        reference: Some(refund_id.to_owned()),
    };
    let line = ReceiptLine {
        description: "Refund".to_owned(),
        native_description: None,
        quantity: 1,
        unit: row.amount.minor,
        gross: row.amount.minor,
        tax_rate: None,
        tax: 0,
        tax_included: true,
    };
    let slip = Slip {
        id: ReceiptId::new(now),
        kind: ReceiptKind::Refund,
        transaction,
        digest: &digest,
        shift: None,
        lines: vec![line],
        payments: &[back],
        credit_used: 0,
        rounding: 0,
        change: None,
        still_due: 0,
        original_number: None,
        reason: reason.as_deref(),
    };
    give(tx, &counter, slip).await?;
    Ok(())
}
