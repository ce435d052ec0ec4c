//! Rows of subscriptions and their events.
use crate::actor::Actor;
use crate::error::Error;
use crate::ids::{BranchId, MemberId, PlanId, SubscriptionEventId, SubscriptionId, TransactionId};
use crate::payments::idempotency::Stored;
use crate::plans::model::duration;
use crate::plans::store::PriceRow;
use crate::plans::wire::{AccessWindow, BranchScope, DurationUnit, PlanForm, PlanKind, VisitRule};
use crate::subscriptions::access::Window;
use crate::subscriptions::door::Held;
use crate::subscriptions::model::{Event, Period, State, Terms, fold};
use crate::subscriptions::wire::EventKind;
use chrono::{DateTime, NaiveDate, Utc};
use serde::Deserialize;
use sqlx::PgConnection;
use sqlx::types::Json;
use uuid::Uuid;

/// Of a row of `subscriptions` what [`Terms`] are made of.
#[derive(Clone, Debug, Deserialize)]
pub struct TermsRow {
    pub kind: PlanKind,
    pub duration_unit: DurationUnit,
    pub duration_count: i32,
    pub visits: Option<i32>,
    pub visit_rule: VisitRule,
    pub access_windows: Vec<AccessWindow>,
    pub branch_scope: BranchScope,
    pub branch_ids: Vec<BranchId>,
    pub anchor_day: u32,
}

impl TermsRow {
    /// # Errors
    /// [`Error::Internal`] when stored hours cannot be read: better no door than one open at all hours.
    pub fn parse(&self) -> Result<Terms, Error> {
        Ok(Terms {
            kind: self.kind,
            duration: duration(self.duration_unit, self.duration_count),
            visits: self.visits,
            visit_rule: self.visit_rule,
            windows: windows(&self.access_windows)?,
            branch_scope: self.branch_scope,
            branch_ids: self.branch_ids.clone(),
            anchor_day: self.anchor_day,
        })
    }
}

/// A row of `subscriptions`, as `to_jsonb` gives it.
#[derive(Clone, Debug, Deserialize)]
pub struct Sold {
    pub id: SubscriptionId,
    pub branch_id: BranchId,
    pub member_id: MemberId,
    pub plan_id: PlanId,
    pub plan_name: String,
    #[serde(flatten)]
    pub terms: TermsRow,
    pub freeze_days: i32,
    /// Name of the trainer it assigned; only the member page asks.
    #[serde(default)]
    pub trainer: Option<String>,
}

fn windows(stored: &[AccessWindow]) -> Result<Vec<Window>, Error> {
    stored
        .iter()
        .map(Window::parse)
        .collect::<Result<_, _>>()
        .map_err(|code| Error::Internal(format!("stored access hours: {code}")))
}

/// A row of `subscription_events`, as `to_jsonb` gives it, with what the member page adds.
#[derive(Clone, Debug, Deserialize)]
pub struct EventRow {
    pub id: SubscriptionEventId,
    pub branch_id: BranchId,
    pub seq: i32,
    pub kind: EventKind,
    pub at: DateTime<Utc>,
    pub starts_on: Option<NaiveDate>,
    pub ends_on: Option<NaiveDate>,
    pub visits: Option<i32>,
    pub voids_event_id: Option<SubscriptionEventId>,
    pub reason: Option<String>,
    pub ledger_transaction_id: Option<TransactionId>,
    /// Name of who did it.
    pub by: Option<String>,
    /// What was charged, in minor units.
    pub charged: Option<i64>,
    pub currency: Option<String>,
}

/// A subscription with everything that happened to it.
#[derive(Clone, Debug)]
pub struct Record {
    pub sold: Sold,
    pub terms: Terms,
    /// In the order of their sequence.
    pub events: Vec<EventRow>,
    /// Business day of every visit used and not undone.
    pub used: Vec<NaiveDate>,
    /// Charged and not yet paid, in minor units.
    pub owed: i64,
}

impl Record {
    fn read(sold: Sold, events: Vec<EventRow>, used: Vec<NaiveDate>, owed: i64) -> Result<Self, Error> {
        Ok(Self { terms: sold.terms.parse()?, sold, events, used, owed })
    }

    pub fn state(&self) -> State {
        let events: Vec<Event> = self
            .events
            .iter()
            .filter_map(|row| {
                Event::from_columns(
                    row.id,
                    row.kind,
                    row.starts_on,
                    row.ends_on,
                    row.visits,
                    row.voids_event_id,
                )
            })
            .collect();
        fold(&self.terms, &events)
    }

    /// The sequence number that the next event takes.
    pub fn next_seq(&self) -> i32 {
        self.events.iter().map(|event| event.seq).max().unwrap_or(0) + 1
    }

    pub fn held(&self) -> Held {
        Held { id: self.sold.id, terms: self.terms.clone(), state: self.state(), used: self.used.clone() }
    }
}

/// All subscriptions of a member, newest first.
pub async fn of_member(db: &mut PgConnection, member: MemberId) -> Result<Vec<Record>, Error> {
    let rows = sqlx::query!(
        r#"select to_jsonb(s) || jsonb_build_object('trainer', (select a.full_name from accounts a where a.id = s.trainer_account_id))
                   as "sold!: Json<Sold>",
               (select coalesce(jsonb_agg(to_jsonb(e) || jsonb_build_object('by', a.full_name, 'charged', c.amount, 'currency', c.currency)
                       order by e.seq), '[]')
                   from subscription_events e
                   left join accounts a on a.id = e.account_id
                   left join charges c on c.transaction_id = e.ledger_transaction_id and c.subscription_id = s.id
                   where e.subscription_id = s.id) as "events!: Json<Vec<EventRow>>",
               (select coalesce(array_agg(u.business_day), '{}') from visit_uses u
                   where u.subscription_id = s.id
                     and not exists (select from entry_voids v where v.entry_id = u.entry_id)) as "used!: Vec<NaiveDate>",
               (select coalesce(sum(c.amount - coalesce((select sum(l.amount) from allocations l where l.charge_id = c.id), 0)), 0)::bigint
                   from charges c
                   where c.subscription_id = s.id
                     and not exists (select from ledger_transactions t where t.reverses_id = c.transaction_id)) as "owed!"
           from subscriptions s
           where s.member_id = $1
           order by s.created_at desc, s.id desc"#,
        member.0
    )
    .fetch_all(db)
    .await?;
    rows.into_iter().map(|row| Record::read(row.sold.0, row.events.0, row.used, row.owed)).collect()
}

/// Everything a sale is decided from.
#[derive(Debug)]
pub struct Scene {
    pub time_zone: String,
    pub day_starts_at: i16,
    pub currency: String,
    /// The first answer under the caller's key.
    pub answered: Option<Stored>,
    pub member: Option<MemberId>,
    pub member_suspended: bool,
    pub plan: Option<PlanOnOffer>,
    pub record: Option<Record>,
}

/// A plan as it stands now.
#[derive(Debug)]
pub struct PlanOnOffer {
    pub id: PlanId,
    pub form: PlanForm,
    pub archived: bool,
    pub(crate) prices: Vec<PriceRow>,
}

/// What to look up: a member and a plan for a new subscription, or a subscription to renew.
#[derive(Clone, Copy, Debug, Default)]
pub struct Asked {
    pub key: Option<Uuid>,
    pub member: Option<MemberId>,
    pub plan: Option<PlanId>,
    pub subscription: Option<SubscriptionId>,
}

/// One round trip for all of it. `None` when there is no such branch.
pub async fn scene(db: &mut PgConnection, branch: BranchId, asked: Asked) -> Result<Option<Scene>, Error> {
    let row = sqlx::query!(
        r#"select b.time_zone, b.day_starts_at, b.currency,
               k.request_digest as "digest?", k.response as "response?",
               m.id as "member?: MemberId", m.suspended_at as "suspended_at?",
               p.id as "plan?: PlanId", p.archived_at as "archived_at?",
               case when p.id is not null then to_jsonb(p) || jsonb_build_object('branch_ids',
                   (select coalesce(jsonb_agg(pb.branch_id), '[]') from plan_branches pb where pb.plan_id = p.id)) end
                   as "form: Json<PlanForm>",
               (select coalesce(jsonb_agg(jsonb_build_object('id', r.id, 'branch_id', r.branch_id, 'from', lower(r.valid),
                       'until', upper(r.valid), 'amount', r.amount, 'currency', r.currency)), '[]')
                   from plan_prices r where r.plan_id = p.id) as "prices!: Json<Vec<PriceRow>>",
               to_jsonb(s) as "sold: Json<Sold>",
               (select coalesce(jsonb_agg(to_jsonb(e) order by e.seq), '[]')
                   from subscription_events e where e.subscription_id = s.id) as "events!: Json<Vec<EventRow>>",
               (select coalesce(array_agg(u.business_day), '{}') from visit_uses u
                   where u.subscription_id = s.id
                     and not exists (select from entry_voids v where v.entry_id = u.entry_id)) as "used!: Vec<NaiveDate>"
           from branches b
           left join idempotency_keys k on k.key = $2
           left join subscriptions s on s.id = $3
           left join members m on m.id = coalesce($4, s.member_id) and m.deleted_at is null
           left join plans p on p.id = coalesce($5, s.plan_id)
           where b.id = $1"#,
        branch.0,
        asked.key,
        asked.subscription.map(|id| id.0),
        asked.member.map(|id| id.0),
        asked.plan.map(|id| id.0)
    )
    .fetch_optional(db)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let record = row.sold.map(|sold| Record::read(sold.0, row.events.0, row.used, 0)).transpose()?;
    let plan = row.plan.zip(row.form).map(|(id, form)| PlanOnOffer {
        id,
        form: form.0,
        archived: row.archived_at.is_some(),
        prices: row.prices.0,
    });
    Ok(Some(Scene {
        time_zone: row.time_zone,
        day_starts_at: row.day_starts_at,
        currency: row.currency,
        answered: row.digest.zip(row.response),
        member: row.member,
        member_suspended: row.suspended_at.is_some(),
        plan,
        record,
    }))
}

/// A subscription's first row: the plan's terms as they are today.
pub async fn insert(
    db: &mut PgConnection,
    id: SubscriptionId,
    branch: BranchId,
    member: MemberId,
    plan: &PlanOnOffer,
    anchor_day: u32,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    let form = &plan.form;
    let branch_ids: Vec<Uuid> = form.branch_ids.iter().map(|branch| branch.0).collect();
    sqlx::query!(
        "insert into subscriptions (id, branch_id, member_id, plan_id, plan_name, kind, duration_unit, duration_count, visits,
             visit_rule, access_windows, branch_scope, branch_ids, freeze_days, freeze_times, minimum_term_days, notice_days,
             trainer_account_id, anchor_day, created_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20)",
        id.0,
        branch.0,
        member.0,
        plan.id.0,
        form.name,
        form.kind as PlanKind,
        form.duration_unit as DurationUnit,
        form.duration_count,
        form.visits,
        form.visit_rule as VisitRule,
        Json(&form.access_windows) as _,
        form.branch_scope as BranchScope,
        &branch_ids,
        form.freeze_days,
        form.freeze_times,
        form.minimum_term_days,
        form.notice_days,
        form.trainer_account_id.map(|id| id.0),
        i16::try_from(anchor_day).unwrap_or(1),
        now
    )
    .execute(db)
    .await?;
    Ok(())
}

/// What is to be added to a subscription's life.
#[derive(Clone, Copy, Debug)]
pub struct NewEvent<'a> {
    pub id: SubscriptionEventId,
    pub subscription: SubscriptionId,
    pub seq: i32,
    pub kind: EventKind,
    pub at: DateTime<Utc>,
    pub business_day: NaiveDate,
    pub period: Option<Period>,
    pub visits: Option<i32>,
    pub voids: Option<SubscriptionEventId>,
    pub reason: Option<&'a str>,
    pub transaction: TransactionId,
}

/// Adds the event. Of two who saw the same subscription and add to it at once, the second is refused.
pub async fn add_event(db: &mut PgConnection, actor: &Actor, event: NewEvent<'_>) -> Result<(), Error> {
    sqlx::query!(
        "insert into subscription_events (id, branch_id, subscription_id, seq, kind, at, business_day, starts_on, ends_on, visits,
             voids_event_id, reason, account_id, ledger_transaction_id)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)",
        event.id.0,
        actor.branch()?.0,
        event.subscription.0,
        event.seq,
        event.kind as EventKind,
        event.at,
        event.business_day,
        event.period.map(|period| period.starts_on),
        event.period.map(|period| period.ends_on),
        event.visits,
        event.voids.map(|id| id.0),
        event.reason,
        actor.account().map(|id| id.0),
        event.transaction.0
    )
    .execute(db)
    .await
    .map_err(|error| match Error::constraint(&error) {
        Some("subscription_events_seq_key") => Error::conflict("subscription_changed"),
        Some("subscription_events_voids_key") => Error::conflict("already_voided"),
        _ => error.into(),
    })?;
    Ok(())
}

/// A sale by its transaction: where and when, and the subscription it belongs to.
#[derive(Debug)]
pub struct SaleRow {
    pub branch_id: BranchId,
    pub at: DateTime<Utc>,
    pub event_id: SubscriptionEventId,
    pub subscription_id: SubscriptionId,
}

pub async fn sale(db: &mut PgConnection, transaction: TransactionId) -> Result<Option<SaleRow>, Error> {
    Ok(sqlx::query_as!(
        SaleRow,
        r#"select t.branch_id as "branch_id: BranchId", t.at, e.id as "event_id: SubscriptionEventId",
               e.subscription_id as "subscription_id: SubscriptionId"
           from ledger_transactions t
           join subscription_events e on e.ledger_transaction_id = t.id and e.kind <> 'voided'
           where t.id = $1"#,
        transaction.0
    )
    .fetch_optional(db)
    .await?)
}
