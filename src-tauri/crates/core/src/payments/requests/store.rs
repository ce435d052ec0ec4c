//! Rows of requests and their events.
use crate::actor::Actor;
use crate::error::Error;
use crate::ids::{BranchId, ChargeId, MemberId, PaymentId, RequestId, new_id};
use crate::money::Money;
use crate::payments::gateways::wire::RemoteMethod;
use crate::payments::requests::wire::{Direction, RequestState};
use chrono::{DateTime, NaiveDate, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

/// A request with what its events say.
#[derive(Clone, Debug)]
pub struct RequestRow {
    pub id: RequestId,
    pub branch: BranchId,
    pub desk: Option<Uuid>,
    pub direction: Direction,
    pub method: RemoteMethod,
    pub payer: Option<MemberId>,
    pub payer_name: Option<String>,
    /// Of a refund.
    pub payment: Option<PaymentId>,
    pub amount: Money,
    pub reference: String,
    pub at: DateTime<Utc>,
    /// The payer agreed that the method be kept.
    pub keep_method: bool,
    pub state: RequestState,
    /// Number of the last event.
    pub seq: i32,
    /// The gateway's.
    pub order_id: Option<String>,
    /// Of the last event that has one.
    pub transfer: Option<String>,
    /// Details of all events, later ones over earlier ones.
    pub detail: serde_json::Value,
}

impl RequestRow {
    pub fn text(&self, key: &str) -> Option<String> {
        self.detail.get(key).and_then(serde_json::Value::as_str).map(str::to_owned)
    }
}

/// Which requests are meant.
#[derive(Clone, Debug, Default)]
pub struct Wanted<'a> {
    pub id: Option<RequestId>,
    pub order: Option<&'a str>,
    pub branch: Option<BranchId>,
    pub payer: Option<MemberId>,
    /// Only those that are not over.
    pub only_open: bool,
    /// Only those that a gateway can be asked about.
    pub only_gateways: bool,
    pub limit: i64,
}

pub async fn list(db: &mut PgConnection, wanted: &Wanted<'_>) -> Result<Vec<RequestRow>, Error> {
    let rows = sqlx::query!(
        r#"select r.id as "id: RequestId", r.branch_id as "branch: BranchId", r.desk_id, r.direction as "direction: Direction",
               r.kind as "method: RemoteMethod", r.payer_id as "payer: MemberId", m.full_name as "payer_name?",
               r.payment_id as "payment: PaymentId", r.amount, r.currency, r.reference, r.at, r.keep_method,
               e.kind as "state: RequestState", e.seq, o.order_id as "order_id?", t.reference as "transfer?",
               d.detail as "detail?"
           from payment_requests r
           left join members m on m.id = r.payer_id
           join lateral (select kind, seq from payment_request_events where request_id = r.id order by seq desc limit 1) e on true
           left join lateral (select order_id from payment_request_events
               where request_id = r.id and kind = 'ordered' order by seq desc limit 1) o on true
           left join lateral (select reference from payment_request_events
               where request_id = r.id and reference is not null order by seq desc limit 1) t on true
           left join lateral (select jsonb_object_agg(pair.key, pair.value order by x.seq) as detail
               from payment_request_events x cross join jsonb_each(x.detail) pair where x.request_id = r.id) d on true
           where ($1::uuid is null or r.id = $1)
             and ($2::text is null or exists (select from payment_request_events
                 where request_id = r.id and kind = 'ordered' and order_id = $2))
             and ($3::uuid is null or r.branch_id = $3)
             and ($4::uuid is null or r.payer_id = $4)
             and (not $5 or e.kind not in ('confirmed', 'expired', 'cancelled'))
             and (not $6 or (r.kind in ('paymob', 'paypal') and e.kind not in ('confirmed', 'expired', 'mismatch')
                  and (e.kind <> 'failed' or r.direction = 'payment')))
           order by r.id desc
           limit $7"#,
        wanted.id.map(|id| id.0),
        wanted.order,
        wanted.branch.map(|id| id.0),
        wanted.payer.map(|id| id.0),
        wanted.only_open,
        wanted.only_gateways,
        wanted.limit
    )
    .fetch_all(db)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| RequestRow {
            id: row.id,
            branch: row.branch,
            desk: row.desk_id,
            direction: row.direction,
            method: row.method,
            payer: row.payer,
            payer_name: row.payer_name,
            payment: row.payment,
            amount: Money::new(row.amount, row.currency),
            reference: row.reference,
            at: row.at,
            keep_method: row.keep_method,
            state: row.state,
            seq: row.seq,
            order_id: row.order_id,
            transfer: row.transfer,
            detail: row.detail.unwrap_or_default(),
        })
        .collect())
}

/// # Errors
/// [`Error::NotFound`] for a request that is not there.
pub async fn one(db: &mut PgConnection, id: RequestId) -> Result<RequestRow, Error> {
    let wanted = Wanted { id: Some(id), limit: 1, ..Wanted::default() };
    list(db, &wanted).await?.pop().ok_or(Error::NotFound("request"))
}

/// A request to be made.
#[derive(Debug)]
pub struct NewRequest<'a> {
    pub id: RequestId,
    pub branch: BranchId,
    pub direction: Direction,
    pub method: RemoteMethod,
    pub payer: Option<MemberId>,
    pub payment: Option<PaymentId>,
    pub amount: &'a Money,
    pub reference: &'a str,
    pub at: DateTime<Utc>,
    pub business_day: NaiveDate,
    pub idempotency_key: Uuid,
    /// What it is for, with the part of each.
    pub charges: &'a [(ChargeId, i64)],
    /// Made by the clock, to be charged to what the payer left with the gateway.
    pub is_automatic: bool,
    /// The payer agrees that the method be kept for what is due later.
    pub keep_method: bool,
}

pub async fn insert(db: &mut PgConnection, actor: &Actor, new: NewRequest<'_>) -> Result<(), Error> {
    let charges: Vec<Uuid> = new.charges.iter().map(|(charge, _)| charge.0).collect();
    let amounts: Vec<i64> = new.charges.iter().map(|(_, amount)| *amount).collect();
    sqlx::query!(
        "with asked as (
             insert into payment_requests (id, branch_id, direction, kind, payer_id, payment_id, amount, currency, reference, at,
                 business_day, account_id, desk_id, idempotency_key, is_automatic, keep_method)
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $17, $18)
         )
         insert into payment_request_charges (request_id, charge_id, amount)
         select $1, charge, amount from unnest($15::uuid[], $16::bigint[]) as part (charge, amount)",
        new.id.0,
        new.branch.0,
        new.direction as Direction,
        new.method as RemoteMethod,
        new.payer.map(|id| id.0),
        new.payment.map(|id| id.0),
        new.amount.minor,
        new.amount.currency,
        new.reference,
        new.at,
        new.business_day,
        actor.account().map(|id| id.0),
        actor.desk().ok().map(|id| id.0),
        new.idempotency_key,
        &charges,
        &amounts,
        new.is_automatic,
        new.keep_method
    )
    .execute(db)
    .await?;
    Ok(())
}

/// An event to be added.
#[derive(Clone, Debug, Default)]
pub struct NewEvent<'a> {
    pub order_id: Option<&'a str>,
    pub gateway_event_id: Option<&'a str>,
    pub reference: Option<&'a str>,
    pub detail: Option<serde_json::Value>,
}

/// Adds the next event after the one that was read.
///
/// # Errors
/// [`Error::Conflict`] `request_changed` when somebody else added one meanwhile (read again), `message_known` for a
/// gateway's message that was taken before, `reference_used` for a transfer that confirmed something else,
/// `order_known` for a gateway's order that another request has.
pub async fn append(
    db: &mut PgConnection,
    actor: &Actor,
    request: RequestId,
    after: i32,
    kind: RequestState,
    at: DateTime<Utc>,
    event: NewEvent<'_>,
) -> Result<(), Error> {
    sqlx::query!(
        "insert into payment_request_events (id, request_id, seq, kind, at, account_id, order_id, gateway_event_id, reference, detail)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        new_id(at),
        request.0,
        after + 1,
        kind as RequestState,
        at,
        actor.account().map(|id| id.0),
        event.order_id,
        event.gateway_event_id,
        event.reference,
        event.detail
    )
    .execute(db)
    .await
    .map_err(|error| match Error::constraint(&error) {
        Some("payment_request_events_seq_key") => Error::conflict("request_changed"),
        Some("payment_request_events_gateway_key") => Error::conflict("message_known"),
        Some("payment_request_events_reference_key") => Error::conflict("reference_used"),
        Some("payment_request_events_order_key") => Error::conflict("order_known"),
        _ => error.into(),
    })?;
    Ok(())
}

/// True for a gateway's message that was taken before.
pub async fn knows_message(db: &mut PgConnection, request: RequestId, message: &str) -> Result<bool, Error> {
    Ok(sqlx::query_scalar!(
        r#"select exists (select from payment_request_events where request_id = $1 and gateway_event_id = $2) as "known!""#,
        request.0,
        message
    )
    .fetch_one(db)
    .await?)
}

/// Charge of a request: what was asked for it, what is still owed on it, what it is.
#[derive(Clone, Debug)]
pub struct Asked {
    pub charge: ChargeId,
    pub amount: i64,
    pub owed: i64,
    pub description: String,
}

/// What a request is for, in the order it was asked.
pub async fn asked(db: &mut PgConnection, request: RequestId) -> Result<Vec<Asked>, Error> {
    Ok(sqlx::query_as!(
        Asked,
        r#"select a.charge_id as "charge: ChargeId", a.amount, coalesce(o.owed, 0) as "owed!", c.description
           from payment_request_charges a
           join charges c on c.id = a.charge_id
           left join open_charges o on o.charge_id = a.charge_id
           where a.request_id = $1
           order by c.due_on, c.id"#,
        request.0
    )
    .fetch_all(db)
    .await?)
}

/// An open charge with whose it is.
#[derive(Clone, Debug)]
pub struct Owed {
    pub charge: ChargeId,
    pub payer: Option<MemberId>,
    pub owed: i64,
    pub currency: String,
}

pub async fn owed(db: &mut PgConnection, charges: &[ChargeId]) -> Result<Vec<Owed>, Error> {
    let ids: Vec<Uuid> = charges.iter().map(|id| id.0).collect();
    Ok(sqlx::query_as!(
        Owed,
        r#"select charge_id as "charge: ChargeId", payer_id as "payer: MemberId", owed, currency from open_charges
           where charge_id = any ($1) order by due_on, charge_id"#,
        &ids
    )
    .fetch_all(db)
    .await?)
}

/// Who is to pay, as a gateway wants to know it.
#[derive(Clone, Debug)]
pub struct PayerRow {
    pub full_name: String,
    pub email: Option<String>,
    pub phone: Option<String>,
}

pub async fn payer(db: &mut PgConnection, member: MemberId) -> Result<Option<PayerRow>, Error> {
    Ok(sqlx::query_as!(
        PayerRow,
        "select full_name, email, phone from members where id = $1 and deleted_at is null",
        member.0
    )
    .fetch_optional(db)
    .await?)
}

/// A payment with what can go back of it, what is on its way back, and the gateway's order that it was.
#[derive(Clone, Debug)]
pub struct Refundable {
    pub branch: BranchId,
    pub payer: Option<MemberId>,
    pub method: crate::payments::wire::Method,
    pub currency: String,
    /// The gateway's id of the payment.
    pub capture: Option<String>,
    /// What is the payer's credit now.
    pub unallocated: i64,
    /// Asked for and neither booked nor failed.
    pub under_way: i64,
    /// Booked as given back by way of the gateway.
    pub given_back: i64,
    pub order_id: Option<String>,
}

/// # Errors
/// [`Error::NotFound`] for a payment that is not there.
pub async fn refundable(db: &mut PgConnection, payment: PaymentId) -> Result<Refundable, Error> {
    sqlx::query_as!(
        Refundable,
        r#"select t.branch_id as "branch: BranchId", p.member_id as "payer: MemberId", p.method as "method: _", p.currency,
               p.reference as capture, b.unallocated,
               (select coalesce(sum(r.amount), 0)::bigint from payment_requests r
                   where r.payment_id = p.id and r.direction = 'refund'
                     and (select kind from payment_request_events where request_id = r.id order by seq desc limit 1)
                         in ('created', 'sent', 'mismatch')) as "under_way!",
               (select coalesce(sum(amount), 0)::bigint from refunds where payment_id = p.id and method = p.method) as "given_back!",
               (select order_id from payment_request_events where request_id = p.request_id and kind = 'ordered'
                   order by seq desc limit 1) as order_id
           from payments p
           join ledger_transactions t on t.id = p.transaction_id
           join payment_balances b on b.payment_id = p.id
           where p.id = $1"#,
        payment.0
    )
    .fetch_optional(db)
    .await?
    .ok_or(Error::NotFound("payment"))
}

/// What a payment settles, latest first: `(charge, amount)`.
pub async fn settled_by(db: &mut PgConnection, payment: PaymentId) -> Result<Vec<(ChargeId, i64)>, Error> {
    let rows = sqlx::query!(
        r#"select charge_id as "charge: ChargeId", sum(amount)::bigint as "amount!" from allocations where payment_id = $1
           group by charge_id having sum(amount) > 0 order by charge_id desc"#,
        payment.0
    )
    .fetch_all(db)
    .await?;
    Ok(rows.into_iter().map(|row| (row.charge, row.amount)).collect())
}
