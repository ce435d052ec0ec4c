//! What the counter is asked from.
use crate::actor::Actor;
use crate::error::Error;
use crate::ids::{BranchId, ChargeId, MemberId, PlanId, ShiftId, SubscriptionId, TillId, VoucherId};
use crate::payments::batch::Batch;
use crate::payments::idempotency::Stored;
use crate::payments::wire::{Method, Payment};
use crate::sales::shelf::Shelf;
use crate::subscriptions::store::{EventRow, Offered, Record, Sold};
use chrono::{DateTime, NaiveDate, Utc};
use sqlx::PgConnection;
use sqlx::types::Json;
use uuid::Uuid;

/// The place where something is sold, and for whom.
#[derive(Clone, Debug)]
pub struct Counter {
    pub branch: BranchId,
    pub till: TillId,
    /// The till's shift, open when this was asked.
    pub shift: Option<ShiftId>,
    pub today: NaiveDate,
    pub now: DateTime<Utc>,
    pub currency: String,
    pub prices_include_tax: bool,
    /// Minor units that cash is rounded to.
    pub cash_rounding: i64,
    pub customer: Option<Customer>,
    pub paper: Paper,
}

#[derive(Clone, Debug)]
pub struct Customer {
    pub member: MemberId,
    pub suspended: bool,
    /// Who owes what the member buys.
    pub payer: MemberId,
    pub payer_name: String,
    /// What the payer has to their credit, and owes, in minor units of the branch's currency.
    pub credit: i64,
    pub owed: i64,
}

/// What a receipt says besides what was sold.
#[derive(Clone, Debug)]
pub struct Paper {
    pub gym: String,
    pub branch: String,
    pub branch_code: String,
    pub address: Option<String>,
    pub tax_number: Option<String>,
    pub footer: Option<String>,
    pub till_number: i16,
    pub till_name: String,
    pub time_zone: chrono_tz::Tz,
    pub staff: Option<String>,
    pub member_name: Option<String>,
    pub member_native_name: Option<String>,
    pub member_number: Option<String>,
    pub language: String,
}

/// The place, and who buys there; with the first answer under the caller's key. An actor without a desk works at the
/// branch's first till.
///
/// # Errors
/// [`Error::NotFound`] for a branch or member that is not there.
pub async fn counter(
    db: &mut PgConnection,
    actor: &Actor,
    member: Option<MemberId>,
    key: Option<Uuid>,
    now: DateTime<Utc>,
) -> Result<(Counter, Option<Stored>), Error> {
    let nothing_kept = Shelf::default();
    let (counter, stored, _) = counter_with(db, &nothing_kept, actor, member, key, (None, None), now).await?;
    Ok((counter, stored))
}

/// The same with a plan, or a subscription and its plan; without a member it is that of the subscription. One round trip,
/// when the shelf has what only the settings change.
pub async fn counter_with(
    db: &mut PgConnection,
    shelf: &Shelf,
    actor: &Actor,
    member: Option<MemberId>,
    key: Option<Uuid>,
    (plan, subscription): (Option<PlanId>, Option<SubscriptionId>),
    now: DateTime<Utc>,
) -> Result<(Counter, Option<Stored>, Offered), Error> {
    let (branch, desk) = (actor.branch()?, actor.desk().ok());
    // Once more whenever somebody changed the settings in between.
    loop {
        let place = shelf.place(db, branch, desk).await?;
        let row = sqlx::query!(
            r#"select v.version, k.request_digest as "digest?", k.response as "response?",
                   m.id as "member?: MemberId", m.suspended_at as "suspended_at?", m.full_name as "member_name?",
                   m.native_name as "native_name?", m.number as "member_number?", m.language as "language?",
                   p.id as "payer?: MemberId", p.full_name as "payer_name?",
                   (select id from till_shifts where till_id = $1 and closed_at is null) as "shift: ShiftId",
                   (select full_name from accounts where id = $2) as staff,
                   (select coalesce(sum(unallocated), 0)::bigint from payment_balances
                       where payer_id = p.id and unallocated > 0 and currency = $3) as "credit!",
                   (select coalesce(sum(owed), 0)::bigint from open_charges where payer_id = p.id and currency = $3) as "owed!",
                   to_json(s) as "sold: Json<Sold>",
                   case when s.id is not null then (
                       select coalesce(json_agg(e), '[]')
                       from (select id, branch_id, seq, kind::text, at, business_day, starts_on, ends_on, visits, days,
                                 about_event_id, voids_event_id, successor_id, ledger_transaction_id
                             from subscription_events e where e.subscription_id = s.id) as e) end as "events: Json<Vec<EventRow>>",
                   case when s.id is not null then (
                       select coalesce(array_agg(u.business_day), '{}') from visit_uses u
                       where u.subscription_id = s.id
                         and not exists (select from entry_voids v where v.entry_id = u.entry_id)) end as used
               from settings_version v
               left join idempotency_keys k on k.key = $4
               left join subscriptions s on s.id = $5
               left join members m on m.id = coalesce($6, s.member_id) and m.deleted_at is null
               left join household_members hm on hm.member_id = m.id and hm.left_at is null
               left join households h on h.id = hm.household_id
               left join members p on p.id = coalesce(h.payer_id, m.id)"#,
            place.till.0,
            actor.account().map(|id| id.0),
            place.currency,
            key,
            subscription.map(|id| id.0),
            member.map(|id| id.0),
        )
        .fetch_one(&mut *db)
        .await?;
        if row.version != place.version {
            shelf.clear(row.version);
            continue;
        }
        if member.is_some() && row.member.is_none() {
            return Err(Error::NotFound("member"));
        }
        let record = Record::of_row(row.sold, row.events, row.used)?;
        let plan = match plan.or(record.as_ref().map(|record| record.sold.plan_id)) {
            Some(plan) => shelf.plan(db, plan).await?,
            None => None,
        };
        if plan.as_ref().is_some_and(|plan| plan.version != row.version) {
            continue;
        }
        let customer = row.member.zip(row.payer).map(|(member, payer)| Customer {
            member,
            suspended: row.suspended_at.is_some(),
            payer,
            payer_name: row.payer_name.clone().unwrap_or_default(),
            credit: row.credit,
            owed: row.owed,
        });
        let paper = Paper {
            staff: row.staff,
            member_name: row.member_name,
            member_native_name: row.native_name,
            member_number: row.member_number,
            language: row.language.unwrap_or_else(|| "en".to_owned()),
            ..place.paper.clone()
        };
        let counter = Counter {
            branch,
            till: place.till,
            shift: row.shift,
            today: place.calendar.business_day(now),
            now,
            currency: place.currency.clone(),
            prices_include_tax: place.prices_include_tax,
            cash_rounding: place.cash_rounding,
            customer,
            paper,
        };
        let offered = Offered { plan: plan.map(|kept| kept.plan.clone()), record };
        return Ok((counter, row.digest.zip(row.response), offered));
    }
}

/// The voucher that a payment names, if it can still pay; none for money.
pub async fn voucher_of(
    db: &mut PgConnection,
    payment: &Payment,
    currency: &str,
    today: NaiveDate,
) -> Result<Option<VoucherId>, Error> {
    let (Method::Voucher, Some(code)) = (payment.method, &payment.reference) else { return Ok(None) };
    let row = sqlx::query!(
        r#"select id as "id: VoucherId", currency, expires_on, left_amount from vouchers where code = $1"#,
        code
    )
    .fetch_optional(db)
    .await?
    .ok_or(Error::invalid("payments", "voucher_unknown"))?;
    if row.currency != currency {
        return Err(Error::invalid("payments", "currency_wrong"));
    }
    if row.expires_on.is_some_and(|day| day < today) {
        return Err(Error::invalid("payments", "voucher_expired"));
    }
    if row.left_amount == 0 {
        return Err(Error::conflict("voucher_spent"));
    }
    Ok(Some(row.id))
}

/// Adds to a batch a new gift card over what was charged for it; gives its code.
pub fn add_voucher(
    batch: &mut Batch,
    actor: &Actor,
    counter: &Counter,
    amount: i64,
    charge: ChargeId,
) -> String {
    let code = voucher_code();
    batch.add(
        "vouchers",
        serde_json::json!({
            "id": VoucherId::new(counter.now), "branch_id": counter.branch, "code": code, "amount": amount,
            "currency": counter.currency, "charge_id": charge, "created_at": counter.now,
            "created_by": actor.account(),
        }),
    );
    code
}

/// Twelve letters and digits that are not mistaken for each other (Crockford's base 32): 60 random bits.
fn voucher_code() -> String {
    const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    let code: String = crate::random::bytes::<12>()
        .iter()
        .map(|byte| char::from(ALPHABET[usize::from(byte & 31)]))
        .collect();
    format!("{}-{}-{}", &code[..4], &code[4..8], &code[8..])
}
