//! Asking for money, and what people at the desk do with a request.
use crate::actor::Actor;
use crate::audit::{self, Change};
use crate::auth::model::Permission;
use crate::error::Error;
use crate::ids::{BranchId, ChargeId, RequestId};
use crate::members::form::line;
use crate::money::{LARGEST_MINOR, Money};
use crate::payments::gateways::service::enabled;
use crate::payments::gateways::wire::{GatewaySettings, RemoteMethod};
use crate::payments::idempotency::{self, Key};
use crate::payments::requests::model::{Report, Wish, allow, reference};
use crate::payments::requests::refund;
use crate::payments::requests::settle::{self, Proof};
use crate::payments::requests::store::{self, NewEvent, NewRequest, RequestRow, Wanted};
use crate::payments::requests::wire::{
    AskPayment, CancelRequest, ChooseRequest, ClaimTransfer, ConfirmTransfer, Direction, ListRequests,
    PaymentRequest, PaymentRequests, RequestState,
};
use crate::payments::upi;
use crate::sales::service::first_of_two;
use crate::sales::store::{Counter, counter};
use crate::services::Services;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::json;
use sqlx::PgConnection;

/// Rows of a list at most.
const MOST_ROWS: i64 = 200;
const MOST_CHARGES: usize = 50;
const LONGEST_REFERENCE: usize = 64;
const LONGEST_REASON: usize = 200;
const COMMAND: &str = "payment_request";
/// How often an act is tried again when somebody else was faster.
const ATTEMPTS: usize = 4;

/// What is stored under the caller's key.
#[derive(Serialize, Deserialize)]
struct Made {
    request_id: RequestId,
}

/// What has to happen before a request can be stored.
#[derive(Debug)]
pub enum Prepared {
    /// It was made before, with this very key.
    Known(PaymentRequest),
    /// Nothing: a transfer needs no gateway.
    Direct,
    /// The gateway has to be given an order first.
    Order(ToOrder),
}

/// What is needed to order a payment at its gateway.
#[derive(Clone, Debug)]
pub struct ToOrder {
    pub branch: BranchId,
    pub amount: Money,
    pub description: String,
    pub payer_name: String,
    pub email: Option<String>,
    pub phone: Option<String>,
    /// The payer agrees that the method be kept.
    pub keep_method: bool,
}

/// The order that a gateway made.
#[derive(Clone, Debug)]
pub struct Ordered {
    pub order_id: String,
    /// Where it is paid.
    pub pay_url: String,
}

/// Checks what is asked for, and says whether a gateway has to be asked first. The order comes before the row: an order
/// whose page nobody was given is never paid, and what the gateway refuses leaves nothing behind.
///
/// # Errors
/// As [`ask`].
pub async fn prepare(services: &Services, actor: &Actor, request: &AskPayment) -> Result<Prepared, Error> {
    actor.require(Permission::Sell)?;
    let key = Key::of(request.idempotency_key, COMMAND, request)?;
    let mut db = services.db.acquire().await?;
    if let Some(made) = idempotency::recall::<Made>(&mut db, &key).await? {
        return Ok(Prepared::Known(view(&store::one(&mut db, made.request_id).await?)?));
    }
    let branch = actor.branch()?;
    let counter = check(&mut db, services, actor, request).await?;
    parts(&mut db, request).await?;
    if !request.method.is_gateway() {
        return Ok(Prepared::Direct);
    }
    let payer = store::payer(&mut db, request.payer_id).await?.ok_or(Error::NotFound("member"))?;
    Ok(Prepared::Order(ToOrder {
        branch,
        amount: request.amount.clone(),
        description: counter.paper.gym,
        payer_name: payer.full_name,
        email: payer.email,
        phone: payer.phone,
        keep_method: request.keep_method,
    }))
}

/// Asks a member for money: the request, what it is for and its first events, once per key. `ordered` is the gateway's
/// order, after [`prepare`].
///
/// # Errors
/// [`Error::Invalid`] in `amount`, `charge_ids`; [`Error::Conflict`] `method_not_set_up`, `charge_not_open`.
pub async fn ask(
    services: &Services,
    actor: &Actor,
    request: AskPayment,
    ordered: Option<Ordered>,
) -> Result<PaymentRequest, Error> {
    actor.require(Permission::Sell)?;
    let key = Key::of(request.idempotency_key, COMMAND, &request)?;
    let written = write(services, actor, &key, &request, ordered).await;
    let made = first_of_two(services, &key, written).await?;
    show(services, made.request_id).await
}

async fn check(
    db: &mut PgConnection,
    services: &Services,
    actor: &Actor,
    request: &AskPayment,
) -> Result<Counter, Error> {
    let (counter, _) = counter(db, actor, Some(request.payer_id), None, services.now()).await?;
    check_amount(&request.amount, &counter.currency)?;
    Ok(counter)
}

async fn write(
    services: &Services,
    actor: &Actor,
    key: &Key,
    request: &AskPayment,
    ordered: Option<Ordered>,
) -> Result<Made, Error> {
    let now = services.now();
    let branch = actor.branch()?;
    let (settings, ..) = enabled(services, branch, request.method).await?;
    let mut tx = services.db.begin().await?;
    let id = RequestId::new(now);
    let made = Made { request_id: id };
    // First, so that a second caller with the same key waits here.
    idempotency::remember(&mut tx, key, &made, now).await?;
    let counter = check(&mut tx, services, actor, request).await?;
    let charges = parts(&mut tx, request).await?;
    let reference = reference();
    let detail = match &settings {
        GatewaySettings::Upi { address, name, merchant_code } => {
            let payee = upi::Payee { address, name, merchant_code: merchant_code.as_deref() };
            let note: String = counter.paper.gym.chars().take(upi::LONGEST_NOTE).collect();
            Some(json!({ "pay_url": upi::link(&payee, &request.amount, &reference, &note)? }))
        }
        GatewaySettings::BankTransfer { instructions } => Some(json!({ "instructions": instructions })),
        GatewaySettings::Paymob { .. } | GatewaySettings::PayPal { .. } => None,
    };
    let new = NewRequest {
        id,
        branch,
        direction: Direction::Payment,
        method: request.method,
        payer: Some(request.payer_id),
        payment: None,
        amount: &request.amount,
        reference: &reference,
        at: now,
        business_day: counter.today,
        idempotency_key: key.id,
        charges: &charges,
        is_automatic: false,
        keep_method: request.keep_method && request.method.is_gateway(),
    };
    store::insert(&mut tx, actor, new).await?;
    let event = NewEvent { detail, ..NewEvent::default() };
    store::append(&mut tx, actor, id, 0, RequestState::Created, now, event).await?;
    if request.method.is_gateway() {
        let ordered = ordered.ok_or(Error::conflict("gateway_not_asked"))?;
        let detail = Some(json!({ "pay_url": ordered.pay_url }));
        let event = NewEvent { order_id: Some(&ordered.order_id), detail, ..NewEvent::default() };
        store::append(&mut tx, actor, id, 1, RequestState::Ordered, now, event).await?;
    }
    let after = json!({ "method": request.method, "amount": request.amount, "payer_id": request.payer_id });
    record(&mut tx, actor, now, id, "payment_request.made", after).await?;
    tx.commit().await?;
    Ok(made)
}

pub(super) fn check_amount(amount: &Money, currency: &str) -> Result<(), Error> {
    if amount.currency != currency {
        return Err(Error::invalid("amount", "currency_wrong"));
    }
    if amount.minor <= 0 {
        return Err(Error::invalid("amount", "amount_not_positive"));
    }
    if amount.minor > LARGEST_MINOR {
        return Err(Error::invalid("amount", "amount_too_large"));
    }
    Ok(())
}

/// How much is asked for which charge.
async fn parts(db: &mut PgConnection, request: &AskPayment) -> Result<Vec<(ChargeId, i64)>, Error> {
    if request.charge_ids.len() > MOST_CHARGES {
        return Err(Error::invalid("charge_ids", "too_many"));
    }
    let open = store::owed(db, &request.charge_ids).await?;
    let mut left = request.amount.minor;
    let mut parts = Vec::with_capacity(request.charge_ids.len());
    for id in &request.charge_ids {
        let charge = open.iter().find(|row| row.charge == *id).ok_or(Error::conflict("charge_not_open"))?;
        if charge.payer != Some(request.payer_id) {
            return Err(Error::invalid("charge_ids", "other_payer"));
        }
        if charge.currency != request.amount.currency {
            return Err(Error::invalid("amount", "currency_wrong"));
        }
        if parts.iter().any(|(known, _)| known == id) {
            return Err(Error::invalid("charge_ids", "twice"));
        }
        let part = charge.owed.min(left);
        if part > 0 {
            parts.push((*id, part));
        }
        left -= part;
    }
    if left > 0 && !request.charge_ids.is_empty() {
        return Err(Error::invalid("amount", "amount_above_due"));
    }
    Ok(parts)
}

/// Requests of the branch, newest first.
pub async fn list(
    services: &Services,
    actor: &Actor,
    request: ListRequests,
) -> Result<PaymentRequests, Error> {
    may_look(actor)?;
    let wanted = Wanted {
        branch: Some(actor.branch()?),
        payer: request.payer_id,
        only_open: !request.with_closed,
        limit: MOST_ROWS,
        ..Wanted::default()
    };
    let mut db = services.db.acquire().await?;
    let rows = store::list(&mut db, &wanted).await?;
    Ok(PaymentRequests { rows: rows.iter().map(view).collect::<Result<_, _>>()? })
}

/// One request of the branch.
pub async fn get(
    services: &Services,
    actor: &Actor,
    request: ChooseRequest,
) -> Result<PaymentRequest, Error> {
    may_look(actor)?;
    let mut db = services.db.acquire().await?;
    view(&of_branch(&mut db, actor, request.request_id).await?)
}

/// The payer says that the transfer was made. Nothing is booked by it.
pub async fn claim(
    services: &Services,
    actor: &Actor,
    request: ClaimTransfer,
) -> Result<PaymentRequest, Error> {
    actor.require(Permission::Sell)?;
    let typed = request.reference.as_deref().filter(|text| !text.trim().is_empty());
    act(services, actor, request.request_id, Act::Claim(typed)).await
}

async fn claimed(
    tx: &mut PgConnection,
    actor: &Actor,
    row: &RequestRow,
    now: DateTime<Utc>,
    typed: Option<&str>,
) -> Result<(), Error> {
    allow(row.state, Wish::Claim)?;
    by_hand(row)?;
    let reference = typed.map(|text| transfer_number(row.method, text)).transpose()?;
    let event = NewEvent { reference: reference.as_deref(), ..NewEvent::default() };
    store::append(tx, actor, row.id, row.seq, RequestState::Claimed, now, event).await?;
    record(tx, actor, now, row.id, "payment_request.claimed", json!({ "reference": reference })).await
}

/// Somebody has seen the transfer in the bank's statement: books it.
///
/// # Errors
/// [`Error::Invalid`] in `reference` or `utr`; [`Error::Conflict`] `reference_used`, `request_confirmed`,
/// `gateway_decides`.
pub async fn confirm_transfer(
    services: &Services,
    actor: &Actor,
    request: ConfirmTransfer,
) -> Result<PaymentRequest, Error> {
    may_look(actor)?;
    act(services, actor, request.request_id, Act::ConfirmTransfer(&request.reference)).await
}

async fn transfer_seen(
    tx: &mut PgConnection,
    actor: &Actor,
    row: &RequestRow,
    now: DateTime<Utc>,
    typed: &str,
) -> Result<(), Error> {
    by_hand(row)?;
    let reference = transfer_number(row.method, typed)?;
    // The same number again is the same answer, not a second booking.
    if row.state == RequestState::Confirmed && row.transfer.as_deref() == Some(&reference) {
        return Ok(());
    }
    allow(row.state, Wish::Confirm)?;
    settle::confirm(tx, actor, row, now, Proof { reference: &reference, message: None }).await
}

/// Gives a request up. Money that comes all the same is booked all the same.
pub async fn cancel(
    services: &Services,
    actor: &Actor,
    request: CancelRequest,
) -> Result<PaymentRequest, Error> {
    actor.require(Permission::Sell)?;
    let reason =
        line("reason", &request.reason, LONGEST_REASON)?.ok_or(Error::invalid("reason", "required"))?;
    act(services, actor, request.request_id, Act::Cancel(&reason)).await
}

async fn cancelled(
    tx: &mut PgConnection,
    actor: &Actor,
    row: &RequestRow,
    now: DateTime<Utc>,
    reason: &str,
) -> Result<(), Error> {
    allow(row.state, Wish::Cancel)?;
    let event = NewEvent { detail: Some(json!({ "reason": reason })), ..NewEvent::default() };
    store::append(tx, actor, row.id, row.seq, RequestState::Cancelled, now, event).await?;
    record(tx, actor, now, row.id, "payment_request.cancelled", json!({ "reason": reason })).await
}

/// Whoever takes money or keeps the books may look and confirm.
pub(super) fn may_look(actor: &Actor) -> Result<(), Error> {
    actor.require(Permission::Sell).or_else(|_| actor.require(Permission::SeeMoney))
}

/// Everything that can happen to a request after it was made.
#[derive(Clone, Copy, Debug)]
pub(in crate::payments) enum Act<'a> {
    /// With the number that the payer shows, if any.
    Claim(Option<&'a str>),
    /// With the number in the bank's statement.
    ConfirmTransfer(&'a str),
    /// With a reason.
    Cancel(&'a str),
    /// What a gateway says, with the id of its message.
    Report(&'a Report, Option<&'a str>),
    /// What became of a charge to a kept method, with the gateway's order.
    Charged(Option<&'a str>, &'a Report),
    Expire,
    /// With the gateway's id of the refund.
    RefundDone(&'a str),
    /// With the gateway's reason.
    RefundRefused(&'a str),
}

/// Does one thing with a request in one transaction; again if somebody else was faster.
pub(in crate::payments) async fn act(
    services: &Services,
    actor: &Actor,
    id: RequestId,
    act: Act<'_>,
) -> Result<PaymentRequest, Error> {
    let mut attempt = 1;
    loop {
        let mut tx = services.db.begin().await?;
        let row = of_branch(&mut tx, actor, id).await?;
        let now = services.now();
        let done = match act {
            Act::Claim(typed) => claimed(&mut tx, actor, &row, now, typed).await,
            Act::ConfirmTransfer(typed) => transfer_seen(&mut tx, actor, &row, now, typed).await,
            Act::Cancel(reason) => cancelled(&mut tx, actor, &row, now, reason).await,
            Act::Report(report, message) => {
                settle::reported(&mut tx, actor, &row, now, report, message).await
            }
            Act::Charged(order, report) => settle::charged(&mut tx, actor, &row, now, order, report).await,
            Act::Expire => settle::expired(&mut tx, actor, &row, now).await,
            Act::RefundDone(refund) => refund::booked(&mut tx, actor, &row, now, refund).await,
            Act::RefundRefused(reason) => refund::not_given(&mut tx, actor, &row, now, reason).await,
        };
        match done {
            Ok(()) => {
                tx.commit().await?;
                return show(services, id).await;
            }
            Err(error) if attempt < ATTEMPTS && is_passing(&error) => attempt += 1,
            Err(error) => return Err(error),
        }
    }
}

/// True where reading again may change the answer.
pub(super) fn is_passing(error: &Error) -> bool {
    matches!(
        error,
        Error::Conflict {
            code: "request_changed" | "already_settled" | "already_confirmed" | "message_known",
            ..
        }
    )
}

async fn show(services: &Services, id: RequestId) -> Result<PaymentRequest, Error> {
    let mut db = services.db.acquire().await?;
    view(&store::one(&mut db, id).await?)
}

async fn of_branch(db: &mut PgConnection, actor: &Actor, id: RequestId) -> Result<RequestRow, Error> {
    let row = store::one(db, id).await?;
    if actor.branch()? == row.branch { Ok(row) } else { Err(Error::NotFound("request")) }
}

fn by_hand(row: &RequestRow) -> Result<(), Error> {
    if row.method.is_gateway() { Err(Error::conflict("gateway_decides")) } else { Ok(()) }
}

fn transfer_number(method: RemoteMethod, typed: &str) -> Result<String, Error> {
    match method {
        RemoteMethod::Upi => upi::utr(typed),
        _ => line("reference", typed, LONGEST_REFERENCE)?.ok_or(Error::invalid("reference", "required")),
    }
}

pub(in crate::payments) async fn record(
    db: &mut PgConnection,
    actor: &Actor,
    now: DateTime<Utc>,
    id: RequestId,
    act: &str,
    after: serde_json::Value,
) -> Result<(), Error> {
    let change = Change {
        act,
        subject_kind: "payment_request",
        subject: Some(id.0),
        before: None,
        after: Some(after),
    };
    audit::record(db, actor, now, change).await
}

pub(super) fn view(row: &RequestRow) -> Result<PaymentRequest, Error> {
    let payable = matches!(
        row.state,
        RequestState::Created | RequestState::Ordered | RequestState::Failed | RequestState::Claimed
    ) && row.direction == Direction::Payment;
    let pay_url = row.text("pay_url").filter(|_| payable);
    let pay_qr = pay_url.as_deref().map(upi::qr_svg).transpose()?;
    let found = row.detail.get("found").and_then(|found| serde_json::from_value(found.clone()).ok());
    Ok(PaymentRequest {
        id: row.id,
        direction: row.direction,
        method: row.method,
        state: row.state,
        payer_id: row.payer,
        payer_name: row.payer_name.clone(),
        amount: row.amount.clone(),
        reference: row.reference.clone(),
        at: row.at,
        pay_url,
        pay_qr,
        instructions: row.text("instructions").filter(|_| payable),
        transfer: row.transfer.clone(),
        reason: row.text("reason"),
        refused: row.text("refused"),
        found,
    })
}
