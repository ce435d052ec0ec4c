//! Booking what a gateway reports or somebody has seen in the bank's statement.
use crate::actor::Actor;
use crate::auth::model::Permission;
use crate::error::Error;
use crate::ids::{BranchId, DeskId, ReceiptId, RequestId, TransactionId};
use crate::payments::collection;
use crate::payments::gateways::wire::RemoteMethod;
use crate::payments::posting::{Header, Kind, NewPayment, Posting, spread};
use crate::payments::requests::model::{Report, Step, step};
use crate::payments::requests::service::{Act, act, may_look, record};
use crate::payments::requests::store::{self, NewEvent, RequestRow, Wanted};
use crate::payments::requests::wire::{Direction, PaymentRequest, RequestState};
use crate::payments::wire::Payment;
use crate::receipts::document::{ReceiptKind, ReceiptLine};
use crate::receipts::give::{Slip, give};
use crate::sales::store::counter;
use crate::services::Services;
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::json;
use sqlx::PgConnection;

/// A gateway is asked about an order for so long; then it counts as expired.
const ASKED_FOR: TimeDelta = TimeDelta::days(3);
/// Requests that one run of the job asks about.
const MOST_ASKED: i64 = 200;

/// What shows that the money came.
#[derive(Clone, Copy, Debug)]
pub struct Proof<'a> {
    /// The transfer's number, or the gateway's id of the payment.
    pub reference: &'a str,
    /// The gateway's id of its message, if it was told by one.
    pub message: Option<&'a str>,
}

/// An order that its gateway can be asked about.
#[derive(Clone, Debug)]
pub struct AtGateway {
    pub request: RequestId,
    pub branch: BranchId,
    pub direction: Direction,
    pub method: RemoteMethod,
    /// None of a refund, nor of a charge to a kept method whose answer is outstanding.
    pub order_id: Option<String>,
    /// Older than gateways are asked for.
    pub is_old: bool,
}

/// Who acts for a request when nobody does: the product, at the desk where it was asked for.
pub fn in_whose_name(row: &RequestRow) -> Actor {
    Actor::System { branch: Some(row.branch), desk: row.desk.map(DeskId) }
}

/// Requests that are open at gateways, of all branches, newest first.
pub async fn at_gateways(services: &Services, actor: &Actor) -> Result<Vec<AtGateway>, Error> {
    actor.require(Permission::Sell)?;
    let wanted = Wanted { only_gateways: true, limit: MOST_ASKED, ..Wanted::default() };
    let mut db = services.db.acquire().await?;
    let now = services.now();
    let rows = store::list(&mut db, &wanted).await?;
    Ok(rows.iter().map(|row| at_gateway(row, now)).collect())
}

/// One request of the branch, to ask its gateway about it.
pub async fn look_up(services: &Services, actor: &Actor, id: RequestId) -> Result<AtGateway, Error> {
    may_look(actor)?;
    let mut db = services.db.acquire().await?;
    let row = store::one(&mut db, id).await?;
    if actor.branch()? != row.branch {
        return Err(Error::NotFound("request"));
    }
    Ok(at_gateway(&row, services.now()))
}

/// The request of a gateway's order at a branch.
pub async fn by_order(
    services: &Services,
    branch: BranchId,
    method: RemoteMethod,
    order_id: &str,
) -> Result<Option<RequestRow>, Error> {
    let wanted = Wanted { order: Some(order_id), branch: Some(branch), limit: 1, ..Wanted::default() };
    let mut db = services.db.acquire().await?;
    let found = store::list(&mut db, &wanted).await?.pop();
    Ok(found.filter(|row| row.method == method && row.direction == Direction::Payment))
}

fn at_gateway(row: &RequestRow, now: DateTime<Utc>) -> AtGateway {
    AtGateway {
        request: row.id,
        branch: row.branch,
        direction: row.direction,
        method: row.method,
        order_id: row.order_id.clone(),
        is_old: row.at + ASKED_FOR < now,
    }
}

/// Takes a gateway's report on a payment. Amount and currency are compared with what we asked for; the same report
/// again changes nothing, whichever way it comes. `message` is the gateway's id of a webhook.
pub async fn report(
    services: &Services,
    actor: &Actor,
    id: RequestId,
    report: &Report,
    message: Option<&str>,
) -> Result<PaymentRequest, Error> {
    may_look(actor)?;
    act(services, actor, id, Act::Report(report, message)).await
}

pub(super) async fn reported(
    tx: &mut PgConnection,
    actor: &Actor,
    row: &RequestRow,
    now: DateTime<Utc>,
    report: &Report,
    message: Option<&str>,
) -> Result<(), Error> {
    if row.direction != Direction::Payment {
        return Err(Error::NotFound("request"));
    }
    if let Some(message) = message
        && store::knows_message(tx, row.id, message).await?
    {
        return Ok(());
    }
    match step(&row.amount, row.state, report) {
        Step::Nothing => Ok(()),
        Step::Confirm { capture } => {
            confirm(tx, actor, row, now, Proof { reference: &capture, message }).await
        }
        Step::Mismatch { capture, found } => {
            let detail = json!({ "found": found, "capture": capture });
            let event =
                NewEvent { gateway_event_id: message, detail: Some(detail.clone()), ..NewEvent::default() };
            store::append(tx, actor, row.id, row.seq, RequestState::Mismatch, now, event).await?;
            record(tx, actor, now, row.id, "payment_request.mismatch", detail).await
        }
        Step::Fail { reason } => {
            let detail = Some(json!({ "reason": reason }));
            let event = NewEvent { gateway_event_id: message, detail, ..NewEvent::default() };
            store::append(tx, actor, row.id, row.seq, RequestState::Failed, now, event).await
        }
    }
}

/// Books what became of a charge to a kept method. The order is stored with the outcome: while a request is `sent`,
/// nobody else can pay what it is for.
pub(super) async fn charged(
    tx: &mut PgConnection,
    actor: &Actor,
    row: &RequestRow,
    now: DateTime<Utc>,
    order_id: Option<&str>,
    report: &Report,
) -> Result<(), Error> {
    // Told by another way meanwhile, or not decided yet.
    if row.state != RequestState::Sent || row.direction != Direction::Payment || *report == Report::Pending {
        return Ok(());
    }
    let mut row = RequestRow { state: RequestState::Ordered, ..row.clone() };
    if order_id.is_some() {
        let event = NewEvent { order_id, ..NewEvent::default() };
        store::append(tx, actor, row.id, row.seq, RequestState::Ordered, now, event).await?;
        row.seq += 1;
    }
    reported(tx, actor, &row, now, report, None).await?;
    match report {
        Report::Failed { .. } => collection::tell_declined(tx, actor, &row, now).await,
        _ => Ok(()),
    }
}

/// Nobody paid in time.
pub async fn expire(services: &Services, actor: &Actor, id: RequestId) -> Result<PaymentRequest, Error> {
    actor.require(Permission::Sell)?;
    act(services, actor, id, Act::Expire).await
}

pub(super) async fn expired(
    tx: &mut PgConnection,
    actor: &Actor,
    row: &RequestRow,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    if matches!(row.state, RequestState::Confirmed | RequestState::Expired | RequestState::Mismatch) {
        return Ok(());
    }
    store::append(tx, actor, row.id, row.seq, RequestState::Expired, now, NewEvent::default()).await
}

/// Books a payment that was asked for: payment, ledger, what it settles, receipt, event and audit row. What its charges
/// no longer need, because somebody paid them meanwhile, is the payer's credit.
pub(super) async fn confirm(
    tx: &mut PgConnection,
    actor: &Actor,
    row: &RequestRow,
    now: DateTime<Utc>,
    proof: Proof<'_>,
) -> Result<(), Error> {
    let event =
        NewEvent { gateway_event_id: proof.message, reference: Some(proof.reference), ..NewEvent::default() };
    // First, so that of two at once the second waits here and finds it done.
    store::append(tx, actor, row.id, row.seq, RequestState::Confirmed, now, event).await?;
    let (counter, _) = counter(tx, actor, row.payer, None, now).await?;
    let header = Header {
        id: TransactionId::new(now),
        kind: Kind::Payment,
        at: now,
        business_day: counter.today,
        currency: row.amount.currency.clone(),
        // A request is booked once.
        idempotency_key: row.id.0,
        reverses: None,
        reason: None,
    };
    let transaction = header.id;
    let mut posting = Posting::new(header);
    let payment = posting.pay(NewPayment {
        payer: row.payer,
        method: row.method.method(),
        amount: row.amount.minor,
        tendered: None,
        reference: Some(proof.reference.to_owned()),
        shift: None,
        request: Some(row.id),
        voucher: None,
    });
    let asked = store::asked(tx, row.id).await?;
    let open: Vec<_> = asked.iter().map(|asked| (asked.charge, asked.owed.min(asked.amount))).collect();
    let parts = spread(&[(payment, row.amount.minor)], &open);
    for (payment, charge, amount) in &parts {
        posting.allocate(*payment, *charge, *amount);
    }
    let digest = posting.write(tx, actor).await?;
    let mut lines: Vec<ReceiptLine> = parts
        .iter()
        .filter_map(|(_, charge, amount)| {
            let asked = asked.iter().find(|asked| asked.charge == *charge)?;
            Some(on_paper(&asked.description, *amount))
        })
        .collect();
    let on_account = row.amount.minor - parts.iter().map(|part| part.2).sum::<i64>();
    if on_account > 0 {
        lines.push(on_paper("On account", on_account));
    }
    let paid = Payment {
        method: row.method.method(),
        amount: row.amount.clone(),
        tendered: None,
        reference: Some(proof.reference.to_owned()),
    };
    let after = json!({ "transaction_id": transaction, "amount": row.amount, "reference": proof.reference });
    record(tx, actor, now, row.id, "payment_request.confirmed", after).await?;
    let slip = Slip {
        id: ReceiptId::new(now),
        kind: ReceiptKind::Payment,
        transaction,
        digest: &digest,
        shift: None,
        lines,
        payments: &[paid],
        credit_used: 0,
        rounding: 0,
        change: None,
        still_due: 0,
        original_number: None,
        reason: None,
    };
    give(tx, &counter, slip).await?;
    Ok(())
}

/// A line of a receipt for money that came later: its tax stands on the sale's receipt.
fn on_paper(description: &str, amount: i64) -> ReceiptLine {
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
