//! Rows of subscriptions and their events.
use crate::actor::Actor;
use crate::error::Error;
use crate::ids::{BranchId, ClosureId, MemberId, PlanId, SubscriptionEventId, SubscriptionId, TransactionId};
use crate::payments::batch::{Batch, refused};
use crate::plans::model::duration;
use crate::plans::store::PriceRow;
use crate::plans::wire::{AccessWindow, BranchScope, DurationUnit, PlanForm, PlanKind, VisitRule};
use crate::subscriptions::access::Window;
use crate::subscriptions::door::Held;
use crate::subscriptions::model::{Columns, Event, State, Terms, fold};
use crate::subscriptions::wire::EventKind;
use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use serde_json::json;
use sqlx::PgConnection;
use sqlx::types::Json;
use std::collections::HashMap;
use uuid::Uuid;

/// Of a row of `subscriptions` what [`Terms`] are made of.
#[derive(Clone, Debug, Serialize, Deserialize)]
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
    pub freeze_days: i32,
    pub freeze_times: i32,
    pub minimum_term_days: i32,
    pub notice_days: i32,
    pub auto_renew: bool,
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
            freeze_days: self.freeze_days,
            freeze_times: self.freeze_times,
            minimum_term_days: self.minimum_term_days,
            notice_days: self.notice_days,
            auto_renew: self.auto_renew,
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
    pub predecessor_id: Option<SubscriptionId>,
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
    pub business_day: NaiveDate,
    pub starts_on: Option<NaiveDate>,
    pub ends_on: Option<NaiveDate>,
    pub visits: Option<i32>,
    pub days: Option<i32>,
    pub about_event_id: Option<SubscriptionEventId>,
    pub successor_id: Option<SubscriptionId>,
    pub voids_event_id: Option<SubscriptionEventId>,
    pub reason: Option<String>,
    pub ledger_transaction_id: Option<TransactionId>,
    /// Name of who did it.
    pub by: Option<String>,
    /// What was charged, in minor units.
    pub charged: Option<i64>,
    pub currency: Option<String>,
}

impl EventRow {
    fn columns(&self) -> Columns {
        Columns {
            id: self.id,
            kind: self.kind,
            business_day: self.business_day,
            starts_on: self.starts_on,
            ends_on: self.ends_on,
            visits: self.visits,
            days: self.days,
            voids: self.voids_event_id,
            about: self.about_event_id,
        }
    }
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
    /// Since when something of that is due.
    pub due_since: Option<NaiveDate>,
}

impl Record {
    fn read(sold: Sold, mut events: Vec<EventRow>, used: Vec<NaiveDate>) -> Result<Self, Error> {
        events.sort_by_key(|event| (event.seq, event.at, event.id.0));
        Ok(Self { terms: sold.terms.parse()?, sold, events, used, owed: 0, due_since: None })
    }

    /// Where a subscription may not be named: with the columns that are read of it.
    pub(crate) fn of_row(
        sold: Option<Json<Sold>>,
        events: Option<Json<Vec<EventRow>>>,
        used: Option<Vec<NaiveDate>>,
    ) -> Result<Option<Self>, Error> {
        let (events, used) = (events.map(|events| events.0), used.unwrap_or_default());
        sold.map(|sold| Self::read(sold.0, events.unwrap_or_default(), used)).transpose()
    }

    /// What happened, in order.
    pub fn life(&self) -> Vec<Event> {
        self.events.iter().filter_map(|row| row.columns().read()).collect()
    }

    pub fn state(&self) -> State {
        fold(&self.terms, &self.life())
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
                       order by e.seq, e.at, e.id), '[]')
                   from subscription_events e
                   left join accounts a on a.id = e.account_id
                   left join charges c on c.transaction_id = e.ledger_transaction_id and c.subscription_id = s.id
                   where e.subscription_id = s.id) as "events!: Json<Vec<EventRow>>",
               (select coalesce(array_agg(u.business_day), '{}') from visit_uses u
                   where u.subscription_id = s.id
                     and not exists (select from entry_voids v where v.entry_id = u.entry_id)) as "used!: Vec<NaiveDate>",
               (select coalesce(sum(o.owed), 0)::bigint from charges c join open_charges o on o.charge_id = c.id
                   where c.subscription_id = s.id) as "owed!",
               (select min(o.due_on) from charges c join open_charges o on o.charge_id = c.id
                   where c.subscription_id = s.id) as due_since
           from subscriptions s
           where s.member_id = $1
           order by s.created_at desc, s.id desc"#,
        member.0
    )
    .fetch_all(db)
    .await?;
    rows.into_iter()
        .map(|row| {
            let record = Record::read(row.sold.0, row.events.0, row.used)?;
            Ok(Record { owed: row.owed, due_since: row.due_since, ..record })
        })
        .collect()
}

/// The last day that each of these members has, personal training left out: what was frozen, given or cancelled counts.
/// Who never had one is missing.
pub async fn ends_of(db: &mut PgConnection, members: &[Uuid]) -> Result<HashMap<MemberId, NaiveDate>, Error> {
    let rows = sqlx::query!(
        r#"select to_json(s) as "sold!: Json<Sold>",
               (select coalesce(json_agg(e), '[]')
                   from subscription_events e where e.subscription_id = s.id) as "events!: Json<Vec<EventRow>>"
           from subscriptions s
           where s.member_id = any($1) and s.kind <> 'personal_training'"#,
        members
    )
    .fetch_all(db)
    .await?;
    let mut ends = HashMap::new();
    for row in rows {
        let record = Record::read(row.sold.0, row.events.0, Vec::new())?;
        if let Some(end) = record.state().end() {
            let last: &mut NaiveDate = ends.entry(record.sold.member_id).or_insert(end);
            *last = end.max(*last);
        }
    }
    Ok(ends)
}

/// A plan as it stands now.
#[derive(Clone, Debug)]
pub struct PlanOnOffer {
    pub id: PlanId,
    pub form: PlanForm,
    pub archived: bool,
    pub tax: Option<Tax>,
    pub(crate) prices: Vec<PriceRow>,
}

impl PlanOnOffer {
    /// A month that nobody can buy yet: it has no price.
    pub fn unpriced(id: PlanId, form: PlanForm) -> Self {
        Self { id, form, archived: false, tax: None, prices: Vec::new() }
    }
}

/// A tax rate as a sale uses it.
#[derive(Clone, Debug, Deserialize)]
pub struct Tax {
    pub name: String,
    /// Hundredths of a per cent.
    pub bp: i32,
}

/// What a line of a sale names.
#[derive(Clone, Debug, Default)]
pub struct Offered {
    pub plan: Option<PlanOnOffer>,
    /// The subscription, where one is named.
    pub record: Option<Record>,
}

/// A plan, or a subscription with its plan, in one round trip.
pub async fn offered(
    db: &mut PgConnection,
    plan: Option<PlanId>,
    subscription: Option<SubscriptionId>,
) -> Result<Offered, Error> {
    let row = sqlx::query_as!(
        OfferedRow,
        r#"select plan as "plan: PlanId", archived, form as "form: Json<PlanForm>", tax as "tax: Json<Tax>",
               prices as "prices: Json<Vec<PriceRow>>", sold as "sold: Json<Sold>", events as "events: Json<Vec<EventRow>>", used
           from offered_line($1, $2)"#,
        plan.map(|id| id.0),
        subscription.map(|id| id.0)
    )
    .fetch_one(db)
    .await?;
    row.read()
}

/// A plan that is there, and the version of the settings that it is of.
pub async fn offered_at(db: &mut PgConnection, plan: PlanId) -> Result<(Uuid, Option<PlanOnOffer>), Error> {
    let row = sqlx::query!(
        r#"select (select version from settings_version) as "version!", plan as "plan: PlanId", archived,
               form as "form: Json<PlanForm>", tax as "tax: Json<Tax>", prices as "prices: Json<Vec<PriceRow>>"
           from offered_line($1, null)"#,
        plan.0
    )
    .fetch_one(db)
    .await?;
    let offered = OfferedRow {
        plan: row.plan,
        archived: row.archived,
        form: row.form,
        tax: row.tax,
        prices: row.prices,
        ..OfferedRow::default()
    };
    Ok((row.version, offered.read()?.plan))
}

/// Of `offered_line`.
#[derive(Debug, Default)]
pub(crate) struct OfferedRow {
    pub plan: Option<PlanId>,
    pub archived: Option<bool>,
    pub form: Option<Json<PlanForm>>,
    pub tax: Option<Json<Tax>>,
    pub prices: Option<Json<Vec<PriceRow>>>,
    pub sold: Option<Json<Sold>>,
    pub events: Option<Json<Vec<EventRow>>>,
    pub used: Option<Vec<NaiveDate>>,
}

impl OfferedRow {
    pub fn read(self) -> Result<Offered, Error> {
        let record = Record::of_row(self.sold, self.events, self.used)?;
        let plan = self.plan.zip(self.form).map(|(id, form)| PlanOnOffer {
            id,
            form: form.0,
            archived: self.archived.unwrap_or_default(),
            tax: self.tax.map(|tax| tax.0),
            prices: self.prices.map(|prices| prices.0).unwrap_or_default(),
        });
        Ok(Offered { plan, record })
    }
}

/// A subscription's first row: the plan's terms as they are today.
#[expect(clippy::too_many_arguments, reason = "each is a column")]
pub async fn insert(
    db: &mut PgConnection,
    id: SubscriptionId,
    branch: BranchId,
    member: MemberId,
    plan: &PlanOnOffer,
    anchor_day: u32,
    predecessor: Option<SubscriptionId>,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    let mut batch = Batch::default();
    batch.add("subscriptions", row(id, branch, member, plan, anchor_day, predecessor, now));
    batch.write(db).await?;
    Ok(())
}

/// The same as a row of a [`Batch`].
pub fn row(
    id: SubscriptionId,
    branch: BranchId,
    member: MemberId,
    plan: &PlanOnOffer,
    anchor_day: u32,
    predecessor: Option<SubscriptionId>,
    now: DateTime<Utc>,
) -> serde_json::Value {
    let form = &plan.form;
    json!({
        "id": id, "branch_id": branch, "member_id": member, "plan_id": plan.id, "plan_name": form.name,
        "kind": form.kind, "duration_unit": form.duration_unit, "duration_count": form.duration_count,
        "visits": form.visits, "visit_rule": form.visit_rule, "access_windows": form.access_windows,
        "branch_scope": form.branch_scope, "branch_ids": form.branch_ids, "freeze_days": form.freeze_days,
        "freeze_times": form.freeze_times, "minimum_term_days": form.minimum_term_days,
        "notice_days": form.notice_days, "trainer_account_id": form.trainer_account_id,
        "anchor_day": anchor_day, "created_at": now, "auto_renew": form.auto_renew,
        "predecessor_id": predecessor,
    })
}

/// What is to be added to a subscription's life; the days mean what [`crate::subscriptions::model`] says.
#[derive(Clone, Copy, Debug)]
pub struct NewEvent<'a> {
    pub id: SubscriptionEventId,
    pub subscription: SubscriptionId,
    pub seq: i32,
    pub kind: EventKind,
    pub at: DateTime<Utc>,
    pub business_day: NaiveDate,
    pub starts_on: Option<NaiveDate>,
    pub ends_on: Option<NaiveDate>,
    pub visits: Option<i32>,
    pub days: Option<i32>,
    pub voids: Option<SubscriptionEventId>,
    pub about: Option<SubscriptionEventId>,
    pub successor: Option<SubscriptionId>,
    pub closure: Option<ClosureId>,
    pub reason: Option<&'a str>,
    pub transaction: Option<TransactionId>,
}

impl NewEvent<'_> {
    /// One with nothing in it yet.
    pub fn new(
        subscription: SubscriptionId,
        seq: i32,
        kind: EventKind,
        at: DateTime<Utc>,
        business_day: NaiveDate,
    ) -> Self {
        Self {
            id: SubscriptionEventId::new(at),
            subscription,
            seq,
            kind,
            at,
            business_day,
            starts_on: None,
            ends_on: None,
            visits: None,
            days: None,
            voids: None,
            about: None,
            successor: None,
            closure: None,
            reason: None,
            transaction: None,
        }
    }
}

impl NewEvent<'_> {
    /// As a row of a [`Batch`].
    pub fn row(&self, actor: &Actor) -> Result<serde_json::Value, Error> {
        Ok(json!({
            "id": self.id, "branch_id": actor.branch()?, "subscription_id": self.subscription, "seq": self.seq,
            "kind": self.kind, "at": self.at, "business_day": self.business_day, "starts_on": self.starts_on,
            "ends_on": self.ends_on, "visits": self.visits, "voids_event_id": self.voids, "reason": self.reason,
            "account_id": actor.account(), "ledger_transaction_id": self.transaction, "days": self.days,
            "about_event_id": self.about, "successor_id": self.successor, "closure_id": self.closure,
        }))
    }
}

/// Adds the event. Of two who saw the same subscription and add to it at once, the second is refused.
pub async fn add_event(db: &mut PgConnection, actor: &Actor, event: NewEvent<'_>) -> Result<(), Error> {
    let mut batch = Batch::default();
    batch.add("subscription_events", event.row(actor)?);
    batch.write(db).await.map_err(refused)?;
    Ok(())
}

/// What is owed for a subscription, in minor units, and since when something of it is due.
pub async fn owed(
    db: &mut PgConnection,
    subscription: SubscriptionId,
) -> Result<(i64, Option<NaiveDate>), Error> {
    let row = sqlx::query!(
        r#"select coalesce(sum(o.owed), 0)::bigint as "owed!", min(o.due_on) as due_on
           from charges c join open_charges o on o.charge_id = c.id where c.subscription_id = $1"#,
        subscription.0
    )
    .fetch_one(db)
    .await?;
    Ok((row.owed, row.due_on))
}

/// Since when something of a subscription was due at the end of a day and not paid by then.
pub async fn due_on(
    db: &mut PgConnection,
    subscription: SubscriptionId,
    day: NaiveDate,
) -> Result<Option<NaiveDate>, Error> {
    Ok(sqlx::query_scalar!(
        "select min(c.due_on) from charges c join ledger_transactions made on made.id = c.transaction_id
         where c.subscription_id = $1 and made.business_day <= $2
           and c.amount
             > coalesce((select sum(x.amount) from charge_credits x join ledger_transactions t on t.id = x.transaction_id
                         where x.charge_id = c.id and t.business_day <= $2), 0)
             + coalesce((select sum(a.amount) from allocations a
                         join payments p on p.id = a.payment_id
                         join ledger_transactions t on t.id = coalesce(a.transaction_id, p.transaction_id)
                         where a.charge_id = c.id and t.business_day <= $2), 0)",
        subscription.0,
        day
    )
    .fetch_one(db)
    .await?)
}

/// The same terms for another member.
pub async fn insert_copy(
    db: &mut PgConnection,
    id: SubscriptionId,
    of: SubscriptionId,
    member: MemberId,
    branch: BranchId,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    sqlx::query!(
        "insert into subscriptions (id, branch_id, member_id, plan_id, plan_name, kind, duration_unit, duration_count, visits,
             visit_rule, access_windows, branch_scope, branch_ids, freeze_days, freeze_times, minimum_term_days, notice_days,
             trainer_account_id, anchor_day, created_at, auto_renew, predecessor_id)
         select $1, $4, $3, plan_id, plan_name, kind, duration_unit, duration_count, visits,
             visit_rule, access_windows, branch_scope, branch_ids, freeze_days, freeze_times, minimum_term_days, notice_days,
             trainer_account_id, anchor_day, $5, auto_renew, id
         from subscriptions where id = $2",
        id.0,
        of.0,
        member.0,
        branch.0,
        now
    )
    .execute(db)
    .await
    .map_err(|error| match Error::constraint(&error) {
        Some("subscriptions_member_fkey") => Error::NotFound("member"),
        _ => error.into(),
    })?;
    Ok(())
}
