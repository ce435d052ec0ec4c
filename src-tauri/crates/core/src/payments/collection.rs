//! Collecting what is due, by itself: a method that the payer left with a gateway is charged, everybody else is
//! reminded by mail; again after so many days as the branch's schedule says, and no more once it is paid.
//!
//! Money is never taken beside a desk. The charge's row is held while an attempt is stored as `sent`; from then on until
//! the gateway's answer is booked the database refuses every other payment of it. A desk that was first has settled the
//! charge, and nothing is sent.
use crate::actor::Actor;
use crate::auth::model::Permission;
use crate::error::Error;
use crate::ids::{BranchId, ChargeId, MailId, MandateId, MemberId, RequestId, new_id};
use crate::money::Money;
use crate::payments::dunning::attempt_due;
use crate::payments::gateways::wire::RemoteMethod;
use crate::payments::mandates;
use crate::payments::requests::model::{Report, reference};
use crate::payments::requests::service::{Act, act, record};
use crate::payments::requests::store::{self, NewEvent, NewRequest};
use crate::payments::requests::wire::{Direction, PaymentRequest, RequestState};
use crate::sales::store::counter;
use crate::secret::Secret;
use crate::services::Services;
use chrono::{DateTime, NaiveDate, Utc};
use serde_json::json;
use sqlx::PgConnection;

/// Debts that one run looks at.
const MOST_DUE: i64 = 500;

/// A debt whose next attempt is due.
#[derive(Clone, Debug)]
pub struct Due {
    pub charge: ChargeId,
    /// 0 on the due day.
    pub attempt: i16,
    payer: MemberId,
    /// What the payer left with a gateway, if this may be charged to it.
    mandate: Option<(MandateId, RemoteMethod)>,
}

/// What an attempt came to before anybody was asked for money.
#[derive(Debug)]
pub enum Begun {
    /// The gateway is to be told; until its answer is booked nobody else can pay.
    Charge(ToCharge),
    Reminded,
    /// Nothing to be done: paid meanwhile, attempted by another run, on its way in another way, or nobody to write to.
    Left,
}

/// What is needed to charge a method that was left with a gateway.
#[derive(Clone, Debug)]
pub struct ToCharge {
    pub request: RequestId,
    pub branch: BranchId,
    pub method: RemoteMethod,
    pub amount: Money,
    pub description: String,
    pub payer_name: String,
    pub email: Option<String>,
    pub phone: Option<String>,
    pub token: Secret,
    /// When it was sent for the first time.
    pub sent_at: DateTime<Utc>,
}

/// Debts of the branch whose next attempt is due today.
pub async fn due(services: &Services, actor: &Actor) -> Result<Vec<Due>, Error> {
    actor.require(Permission::Sell)?;
    let mut db = services.db.acquire().await?;
    let (counter, _) = counter(&mut db, actor, None, None, services.now()).await?;
    let rows = sqlx::query!(
        r#"select o.charge_id as "charge: ChargeId", o.due_on, o.payer_id as "payer!: MemberId", b.dunning_days as schedule,
               array(select a.attempt from collection_attempts a where a.charge_id = o.charge_id) as "made!",
               m.id as "mandate?: MandateId", m.kind as "method?: RemoteMethod"
           from open_charges o
           join charges c on c.id = o.charge_id
           join ledger_transactions t on t.id = c.transaction_id
           join branches b on b.id = t.branch_id
           left join lateral (
               select p.id, p.kind from payment_mandates p
               join gateways g on g.branch_id = b.id and g.kind = p.kind and g.enabled
               where p.member_id = o.payer_id and p.branch_id = b.id and p.revoked_at is null and c.subscription_id is not null
               order by p.created_at desc limit 1) m on true
           where t.branch_id = $1 and o.due_on <= $2 and o.payer_id is not null
           order by o.due_on, o.charge_id
           limit $3"#,
        counter.branch.0,
        counter.today,
        MOST_DUE
    )
    .fetch_all(&mut *db)
    .await?;
    let due = rows.into_iter().filter_map(|row| {
        let attempt = attempt_due(row.due_on, &row.schedule, &row.made, counter.today)?;
        Some(Due { charge: row.charge, attempt, payer: row.payer, mandate: row.mandate.zip(row.method) })
    });
    Ok(due.collect())
}

/// Makes an attempt: stored as sent where a method is to be charged, a mail otherwise. Each attempt is made once, by
/// however many this is run.
pub async fn begin(services: &Services, actor: &Actor, due: &Due) -> Result<Begun, Error> {
    actor.require(Permission::Sell)?;
    let now = services.now();
    let mut tx = services.db.begin().await?;
    let (counter, _) = counter(&mut tx, actor, Some(due.payer), None, now).await?;
    let Some(owed) = hold(&mut tx, due.charge).await? else { return Ok(Begun::Left) };
    if is_under_way(&mut tx, due.charge).await? {
        return Ok(Begun::Left);
    }
    let saved = match due.mandate {
        Some((mandate, method)) => {
            mandates::token(services, &mut tx, mandate).await?.map(|token| (method, token))
        }
        None => None,
    };
    let amount = Money::new(owed, counter.currency.clone());
    let payer = store::payer(&mut tx, due.payer).await?.ok_or(Error::NotFound("member"))?;
    let description = description(&mut tx, due.charge).await?;
    let Some((method, token)) = saved else {
        if !attempted(&mut tx, due, counter.branch, None, now, counter.today).await? {
            return Ok(Begun::Left);
        }
        let params = json!({ "gym": counter.paper.gym, "description": description, "amount": amount });
        let key = format!("debt {} {}", due.charge, due.attempt);
        let told = mail(&mut tx, &counter.paper.language, payer.email, &key, "debt", params, now).await?;
        tx.commit().await?;
        return Ok(if told { Begun::Reminded } else { Begun::Left });
    };
    let id = RequestId::new(now);
    let reference = reference();
    let new = NewRequest {
        id,
        branch: counter.branch,
        direction: Direction::Payment,
        method,
        payer: Some(due.payer),
        payment: None,
        amount: &amount,
        reference: &reference,
        at: now,
        business_day: counter.today,
        idempotency_key: new_id(now),
        charges: &[(due.charge, owed)],
        is_automatic: true,
        keep_method: false,
    };
    store::insert(&mut tx, actor, new).await?;
    if !attempted(&mut tx, due, counter.branch, Some(id), now, counter.today).await? {
        return Ok(Begun::Left);
    }
    store::append(&mut tx, actor, id, 0, RequestState::Created, now, NewEvent::default()).await?;
    store::append(&mut tx, actor, id, 1, RequestState::Sent, now, NewEvent::default()).await?;
    let after = json!({ "charge_id": due.charge, "attempt": due.attempt, "amount": amount });
    record(&mut tx, actor, now, id, "payment_request.charged_by_itself", after).await?;
    tx.commit().await?;
    Ok(Begun::Charge(ToCharge {
        request: id,
        branch: counter.branch,
        method,
        amount,
        description,
        payer_name: payer.full_name,
        email: payer.email,
        phone: payer.phone,
        token,
        sent_at: now,
    }))
}

/// What is owed on the charge, held until the transaction ends.
async fn hold(db: &mut PgConnection, charge: ChargeId) -> Result<Option<i64>, Error> {
    Ok(sqlx::query_scalar!("select hold_open_charge($1)", charge.0).fetch_one(db).await?)
}

/// True where somebody was asked for it in another way and may be paying right now.
async fn is_under_way(db: &mut PgConnection, charge: ChargeId) -> Result<bool, Error> {
    Ok(sqlx::query_scalar!(
        r#"select exists (
               select from payment_request_charges a
               join lateral (select kind from payment_request_events where request_id = a.request_id
                             order by seq desc limit 1) e on true
               where a.charge_id = $1 and e.kind in ('created', 'sent', 'ordered', 'claimed', 'mismatch')) as "found!""#,
        charge.0
    )
    .fetch_one(db)
    .await?)
}

async fn description(db: &mut PgConnection, charge: ChargeId) -> Result<String, Error> {
    Ok(sqlx::query_scalar!("select description from charges where id = $1", charge.0).fetch_one(db).await?)
}

/// Stores the attempt; false where another run made it.
async fn attempted(
    db: &mut PgConnection,
    due: &Due,
    branch: BranchId,
    request: Option<RequestId>,
    now: DateTime<Utc>,
    today: NaiveDate,
) -> Result<bool, Error> {
    let stored = sqlx::query!(
        "insert into collection_attempts (id, branch_id, charge_id, attempt, request_id, at, business_day)
         values ($1, $2, $3, $4, $5, $6, $7) on conflict (charge_id, attempt) do nothing",
        new_id(now),
        branch.0,
        due.charge.0,
        due.attempt,
        request.map(|id| id.0),
        now,
        today
    )
    .execute(db)
    .await?;
    Ok(stored.rows_affected() == 1)
}

/// Queues a mail, once for one key; false where there is no address.
async fn mail(
    db: &mut PgConnection,
    language: &str,
    address: Option<String>,
    key: &str,
    template: &str,
    params: serde_json::Value,
    now: DateTime<Utc>,
) -> Result<bool, Error> {
    let Some(address) = address else { return Ok(false) };
    sqlx::query!(
        "insert into mail_outbox (id, dedupe_key, to_address, language, template, params, created_at, next_try_at)
         values ($1, $2, $3, $4, $5, $6, $7, $7) on conflict (dedupe_key) do nothing",
        MailId::new(now).0,
        key,
        address,
        language,
        template,
        params,
        now
    )
    .execute(db)
    .await?;
    Ok(true)
}

/// A charge whose answer got lost, to be found again; none once it is booked.
///
/// # Errors
/// [`Error::Conflict`] `method_revoked` where the payer took the method back meanwhile: somebody has to look into the
/// gateway's account.
pub async fn under_way(
    services: &Services,
    actor: &Actor,
    request: RequestId,
) -> Result<Option<ToCharge>, Error> {
    actor.require(Permission::Sell)?;
    let mut db = services.db.acquire().await?;
    let row = store::one(&mut db, request).await?;
    if actor.branch()? != row.branch || row.state != RequestState::Sent || row.direction != Direction::Payment
    {
        return Ok(None);
    }
    let payer = row.payer.ok_or(Error::NotFound("member"))?;
    let token = mandates::token_of(services, &mut db, payer, row.branch, row.method, row.at).await?;
    let token = token.ok_or(Error::conflict("method_revoked"))?;
    let contact = store::payer(&mut db, payer).await?.ok_or(Error::NotFound("member"))?;
    let asked = store::asked(&mut db, request).await?;
    Ok(Some(ToCharge {
        request,
        branch: row.branch,
        method: row.method,
        amount: row.amount,
        description: asked.into_iter().next().map(|asked| asked.description).unwrap_or_default(),
        payer_name: contact.full_name,
        email: contact.email,
        phone: contact.phone,
        token,
        sent_at: row.at,
    }))
}

/// Books what the gateway says became of a charge: the order and its outcome in one transaction, so that nobody pays in
/// between. A payer whose method was declined is told by mail.
pub async fn charged(
    services: &Services,
    actor: &Actor,
    request: RequestId,
    order_id: Option<&str>,
    report: &Report,
) -> Result<PaymentRequest, Error> {
    actor.require(Permission::Sell)?;
    act(services, actor, request, Act::Charged(order_id, report)).await
}

/// The mail about a charge that was declined.
pub(super) async fn tell_declined(
    db: &mut PgConnection,
    actor: &Actor,
    row: &store::RequestRow,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    let Some(payer) = row.payer else { return Ok(()) };
    let (counter, _) = counter(db, actor, Some(payer), None, now).await?;
    let address = store::payer(db, payer).await?.and_then(|payer| payer.email);
    let params = json!({ "gym": counter.paper.gym, "amount": row.amount, "method": row.method });
    let key = format!("declined {}", row.id);
    mail(db, &counter.paper.language, address, &key, "declined", params, now).await?;
    Ok(())
}
