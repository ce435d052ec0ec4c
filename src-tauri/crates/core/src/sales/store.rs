//! What the counter is asked from.
use crate::actor::Actor;
use crate::day::BranchCalendar;
use crate::error::Error;
use crate::ids::{BranchId, ChargeId, MemberId, PlanId, ShiftId, SubscriptionId, TillId, VoucherId};
use crate::payments::batch::Batch;
use crate::payments::idempotency::Stored;
use crate::payments::wire::{Method, Payment};
use crate::plans::store::PriceRow;
use crate::plans::wire::PlanForm;
use crate::subscriptions::store::{EventRow, Offered, OfferedRow, Sold, Tax};
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

/// Asks for all of it in one round trip, with the first answer under the caller's key. An actor without a desk works
/// at the branch's first till.
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
    let (counter, stored, _) = counter_with(db, actor, member, key, (None, None), now).await?;
    Ok((counter, stored))
}

/// The same with a plan, or a subscription and its plan, in the same round trip. Without a member it is that of the
/// subscription.
pub async fn counter_with(
    db: &mut PgConnection,
    actor: &Actor,
    member: Option<MemberId>,
    key: Option<Uuid>,
    (plan, subscription): (Option<PlanId>, Option<SubscriptionId>),
    now: DateTime<Utc>,
) -> Result<(Counter, Option<Stored>, Offered), Error> {
    let branch = actor.branch()?;
    // Only who works without a desk has to ask for the till first.
    let mut first = if actor.desk().is_ok() { None } else { Some(first_till(db, branch).await?) };
    let row = loop {
        let found = sqlx::query!(
            r#"select b.time_zone, b.day_starts_at, b.currency, b.prices_include_tax, b.cash_rounding_minor, b.name as branch_name,
                   b.code, b.address, b.tax_number, b.receipt_footer, g.name as gym_name,
                   t.id as "till: TillId", t.number as till_number, t.name as till_name,
                   k.request_digest as "digest?", k.response as "response?",
                   m.id as "member?: MemberId", m.suspended_at as "suspended_at?", m.full_name as "member_name?",
                   m.native_name as "native_name?", m.number as "member_number?", m.language as "language?",
                   p.id as "payer?: MemberId", p.full_name as "payer_name?",
                   (select id from till_shifts where till_id = t.id and closed_at is null) as "shift: ShiftId",
                   (select full_name from accounts where id = $3) as staff,
                   (select coalesce(sum(unallocated), 0)::bigint from payment_balances
                       where payer_id = p.id and unallocated > 0 and currency = b.currency) as "credit!",
                   (select coalesce(sum(owed), 0)::bigint from open_charges where payer_id = p.id and currency = b.currency) as "owed!",
                   o.plan as "plan?: PlanId", o.archived as "archived?", o.form as "form?: Json<PlanForm>", o.tax as "tax?: Json<Tax>",
                   o.prices as "prices?: Json<Vec<PriceRow>>", o.sold as "sold?: Json<Sold>",
                   o.events as "events?: Json<Vec<EventRow>>", o.used as "used?"
               from branches b
               join gyms g on g.id = b.gym_id
               left join desks d on d.id = $2 and d.branch_id = b.id
               join tills t on t.id = coalesce(d.till_id, $8)
               left join idempotency_keys k on k.key = $4
               left join lateral offered_line($6, $7) o on $6 is not null or $7 is not null
               left join members m on m.id = coalesce($5, (o.sold ->> 'member_id')::uuid) and m.deleted_at is null
               left join household_members hm on hm.member_id = m.id and hm.left_at is null
               left join households h on h.id = hm.household_id
               left join members p on p.id = coalesce(h.payer_id, m.id)
               where b.id = $1"#,
            branch.0,
            actor.desk().ok().map(|id| id.0),
            actor.account().map(|id| id.0),
            key,
            member.map(|id| id.0),
            plan.map(|id| id.0),
            subscription.map(|id| id.0),
            first
        )
        .fetch_optional(&mut *db)
        .await?;
        match found {
            Some(row) => break row,
            None if first.is_some() => return Err(Error::NotFound("branch")),
            None => first = Some(first_till(db, branch).await?),
        }
    };
    if member.is_some() && row.member.is_none() {
        return Err(Error::NotFound("member"));
    }
    let calendar = BranchCalendar::stored(&row.time_zone, row.day_starts_at)?;
    let customer = row.member.zip(row.payer).map(|(member, payer)| Customer {
        member,
        suspended: row.suspended_at.is_some(),
        payer,
        payer_name: row.payer_name.clone().unwrap_or_default(),
        credit: row.credit,
        owed: row.owed,
    });
    let paper = Paper {
        gym: row.gym_name,
        branch: row.branch_name,
        branch_code: row.code,
        address: row.address,
        tax_number: row.tax_number,
        footer: row.receipt_footer,
        till_number: row.till_number,
        till_name: row.till_name,
        time_zone: calendar.zone,
        staff: row.staff,
        member_name: row.member_name,
        member_native_name: row.native_name,
        member_number: row.member_number,
        language: row.language.unwrap_or_else(|| "en".to_owned()),
    };
    let counter = Counter {
        branch,
        till: row.till,
        shift: row.shift,
        today: calendar.business_day(now),
        now,
        currency: row.currency,
        prices_include_tax: row.prices_include_tax,
        cash_rounding: i64::from(row.cash_rounding_minor),
        customer,
        paper,
    };
    let offered = OfferedRow {
        plan: row.plan,
        archived: row.archived,
        form: row.form,
        tax: row.tax,
        prices: row.prices,
        sold: row.sold,
        events: row.events,
        used: row.used,
    };
    Ok((counter, row.digest.zip(row.response), offered.read()?))
}

/// The till of who works without a desk.
async fn first_till(db: &mut PgConnection, branch: BranchId) -> Result<Uuid, Error> {
    sqlx::query_scalar!("select id from tills where branch_id = $1 order by number limit 1", branch.0)
        .fetch_optional(db)
        .await?
        .ok_or(Error::NotFound("branch"))
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
