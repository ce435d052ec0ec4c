//! What was sold: subscriptions with their days as sold, and a charge on the day they were sold.
use super::names::{Names, People};
use super::read::{Line, Place};
use super::service::{Brought, Draft, Earlier, Entry};
use super::{What, id_of};
use crate::actor::Actor;
use crate::audit::{self, Change};
use crate::error::Error;
use crate::ids::{MemberId, PlanId, SubscriptionId, TransactionId};
use crate::import::Finding;
use crate::import::file::Record;
use crate::members::fold;
use crate::money::Money;
use crate::payments::idempotency::{self, Key};
use crate::payments::posting::{Earned, Header, Kind as PostingKind, NewCharge, Posting};
use crate::subscriptions::store::{self, NewEvent, PlanOnOffer};
use crate::subscriptions::wire::EventKind;
use chrono::{Datelike, NaiveDate};
use serde::Serialize;
use sqlx::PgConnection;
use std::collections::HashMap;
use std::sync::Arc;
use uuid::Uuid;

/// Columns of the file.
pub const COLUMNS: &[&str] = &[
    "external_id",
    "number",
    "phone",
    "email",
    "plan",
    "starts_on",
    "ends_on",
    "sold_on",
    "visits_left",
    "price",
    "currency",
];

/// A line as typed.
struct Typed {
    line: u64,
    external_id: String,
    names: Names,
    plan: String,
    starts_on: NaiveDate,
    ends_on: NaiveDate,
    sold_on: Option<NaiveDate>,
    visits_left: Option<i32>,
    price: Money,
}

/// A subscription to bring in.
#[derive(Clone, Debug)]
pub struct Sale {
    pub line: u64,
    pub key: Key,
    external_id: String,
    id: SubscriptionId,
    member: MemberId,
    plan: Arc<PlanOnOffer>,
    starts_on: NaiveDate,
    ends_on: NaiveDate,
    sold_on: NaiveDate,
    visits: Option<i32>,
    price: Money,
}

/// What makes a line the same line in a second run.
#[derive(Serialize)]
struct Content<'a> {
    member: MemberId,
    plan: PlanId,
    starts_on: NaiveDate,
    ends_on: NaiveDate,
    sold_on: Option<NaiveDate>,
    visits_left: Option<i32>,
    price: &'a Money,
}

/// The id a subscription gets, and is found by.
pub fn id(place: &Place, external_id: &str) -> SubscriptionId {
    SubscriptionId(id_of(place.branch.id.0, "subscription", external_id))
}

fn key_id(place: &Place, external_id: &str) -> Uuid {
    id_of(place.branch.id.0, "subscription's sale", external_id)
}

fn parse(record: &Record, place: &Place, findings: &mut Vec<Finding>) -> Option<Typed> {
    let before = findings.len();
    let mut line = Line::new(record, place, findings);
    let external_id = line.required_word("external_id");
    let names = line.names();
    if names.as_ref().is_some_and(Names::is_empty) {
        line.refuse("number", "required");
    }
    let plan = line.required_word("plan");
    let (starts_on, ends_on) = (line.required_day("starts_on"), line.required_day("ends_on"));
    if starts_on.zip(ends_on).is_some_and(|(starts_on, ends_on)| ends_on < starts_on) {
        line.refuse("ends_on", "ends_before_start");
    }
    let sold_on = line.day("sold_on");
    if let Some(day) = sold_on {
        line.past("sold_on", day);
    }
    let visits_left = line.visits("visits_left");
    let price = line.money("price");
    let number = line.number();
    if findings.len() > before {
        return None;
    }
    Some(Typed {
        line: number,
        external_id: external_id?,
        names: names?,
        plan: plan?,
        starts_on: starts_on?,
        ends_on: ends_on?,
        sold_on,
        visits_left,
        price: price?,
    })
}

/// What of the file can come in, and everything there is to say about it.
pub async fn judge(
    db: &mut PgConnection,
    place: &Place,
    records: &[Record],
    findings: &mut Vec<Finding>,
) -> Result<Draft, Error> {
    let typed: Vec<Typed> = records.iter().filter_map(|record| parse(record, place, findings)).collect();
    let people = People::look_up(db, typed.iter().map(|row| &row.names)).await?;
    let plans = Plans::look_up(db, &typed).await?;
    let keys: Vec<Uuid> = typed.iter().map(|row| key_id(place, &row.external_id)).collect();
    let earlier = Earlier::look_up(db, &keys).await?;
    let mut held = Held::look_up(db, &people, &typed).await?;
    let mut draft = Draft::default();
    let mut lines: HashMap<String, u64> = HashMap::new();
    for row in typed {
        let line = row.line;
        if let Some(first) = lines.insert(row.external_id.clone(), line) {
            findings
                .push(Finding::error(line, "external_id", "external_id_twice").with(format!("line {first}")));
            continue;
        }
        let member = match people.find(&row.names) {
            Ok(member) => member,
            Err(code) => {
                findings.push(Finding::error(line, row.names.column(), code));
                continue;
            }
        };
        let Some(plan) = plans.get(&row.plan) else {
            findings.push(Finding::error(line, "plan", "plan_unknown"));
            continue;
        };
        let content = Content {
            member,
            plan: plan.id,
            starts_on: row.starts_on,
            ends_on: row.ends_on,
            sold_on: row.sold_on,
            visits_left: row.visits_left,
            price: &row.price,
        };
        let key = Key::of(key_id(place, &row.external_id), "import_subscription", &content)?;
        match earlier.has(&key) {
            Ok(false) => {}
            Ok(true) => {
                draft.already += 1;
                continue;
            }
            Err(code) => {
                findings.push(Finding::error(line, "external_id", code));
                continue;
            }
        }
        let visits = match visits_left(plan.form.visits, row.visits_left, row.ends_on < place.today) {
            Ok(visits) => visits,
            Err(code) => {
                findings.push(Finding::error(line, "visits_left", code));
                continue;
            }
        };
        if let Some(other) = held.claim(member, plan.id, row.starts_on, row.ends_on, line) {
            findings.push(Finding::error(line, "starts_on", "subscription_known").with(other));
            continue;
        }
        if !draft.tally.add(What::Charges, None, &row.price) {
            findings.push(Finding::error(line, "price", "sum_too_large"));
            continue;
        }
        draft.change.owed += row.price.minor;
        draft.entries.push(Entry::Sold(Sale {
            line,
            key,
            id: id(place, &row.external_id),
            external_id: row.external_id,
            member,
            plan: Arc::clone(plan),
            starts_on: row.starts_on,
            ends_on: row.ends_on,
            // What is to begin later has been sold by now.
            sold_on: row.sold_on.unwrap_or(row.starts_on.min(place.today)),
            visits,
            price: row.price,
        }));
    }
    Ok(draft)
}

/// Visits are carried over where the plan counts them, and only there. Of what is over, none are left.
fn visits_left(of_plan: Option<i32>, left: Option<i32>, is_over: bool) -> Result<Option<i32>, &'static str> {
    match (of_plan, left) {
        (Some(_), None) if is_over => Ok(Some(0)),
        (Some(_), None) => Err("required"),
        (None, Some(_)) => Err("visits_not_counted"),
        (_, left) => Ok(left),
    }
}

/// Plans by what people call them; those no longer on sale, too.
struct Plans(HashMap<String, Arc<PlanOnOffer>>);

impl Plans {
    async fn look_up(db: &mut PgConnection, typed: &[Typed]) -> Result<Self, Error> {
        let rows = sqlx::query!(
            r#"select id as "id: PlanId", name, native_name from plans order by archived_at is null, archived_at"#
        )
        .fetch_all(&mut *db)
        .await?;
        let mut ids = HashMap::new();
        for row in rows {
            for name in std::iter::once(&row.name).chain(&row.native_name) {
                ids.insert(fold::fold(name), row.id);
            }
        }
        let mut plans: HashMap<PlanId, Arc<PlanOnOffer>> = HashMap::new();
        let mut by_name = HashMap::new();
        for row in typed {
            let name = fold::fold(&row.plan);
            let Some(id) = ids.get(&name) else { continue };
            if !plans.contains_key(id) {
                let plan = store::offered(db, Some(*id), None).await?.plan;
                let mut plan = plan.ok_or(Error::NotFound("plan"))?;
                // Nobody is charged by itself because of an import.
                plan.form.auto_renew = false;
                plans.insert(*id, Arc::new(plan));
            }
            if let Some(plan) = plans.get(id) {
                by_name.insert(name, Arc::clone(plan));
            }
        }
        Ok(Self(by_name))
    }

    fn get(&self, name: &str) -> Option<&Arc<PlanOnOffer>> {
        self.0.get(&fold::fold(name))
    }
}

/// Member, plan, first and last day.
type Period = (MemberId, PlanId, NaiveDate, NaiveDate);

/// Periods that members have already: one brought over with its member must not come a second time.
struct Held(HashMap<Period, String>);

impl Held {
    async fn look_up(db: &mut PgConnection, people: &People, typed: &[Typed]) -> Result<Self, Error> {
        let members: Vec<Uuid> =
            typed.iter().filter_map(|row| people.find(&row.names).ok()).map(|member| member.0).collect();
        let rows = sqlx::query!(
            r#"select s.member_id as "member: MemberId", s.plan_id as "plan: PlanId", e.starts_on as "starts_on!",
                   e.ends_on as "ends_on!", s.plan_name
               from subscriptions s
               join subscription_events e on e.subscription_id = s.id and e.kind in ('sold', 'renewed', 'taken_over')
               where s.member_id = any($1) and not exists (select from subscription_events v where v.voids_event_id = e.id)"#,
            &members
        )
        .fetch_all(db)
        .await?;
        let held =
            rows.into_iter().map(|row| ((row.member, row.plan, row.starts_on, row.ends_on), row.plan_name));
        Ok(Self(held.collect()))
    }

    /// Who has it already, if anybody: the plan's name, or a line of the file.
    fn claim(
        &mut self,
        member: MemberId,
        plan: PlanId,
        starts_on: NaiveDate,
        ends_on: NaiveDate,
        line: u64,
    ) -> Option<String> {
        let period = (member, plan, starts_on, ends_on);
        let other = self.0.get(&period).cloned();
        if other.is_none() {
            self.0.insert(period, format!("line {line}"));
        }
        other
    }
}

/// Writes one, within a transaction.
pub async fn bring_in(db: &mut PgConnection, actor: &Actor, place: &Place, sold: &Sale) -> Result<(), Error> {
    let at = place.moment(sold.sold_on)?;
    let header = Header {
        id: TransactionId::new(at),
        kind: PostingKind::Import,
        at,
        business_day: sold.sold_on,
        currency: sold.price.currency.clone(),
        idempotency_key: sold.key.id,
        reverses: None,
        reason: Some(sold.external_id.clone()),
    };
    let brought = Brought { transaction_id: header.id };
    idempotency::remember(db, &sold.key, &brought, place.now).await?;
    let anchor = sold.starts_on.day();
    store::insert(db, sold.id, actor.branch()?, sold.member, &sold.plan, anchor, None, at).await?;
    let event = NewEvent {
        starts_on: Some(sold.starts_on),
        ends_on: Some(sold.ends_on),
        visits: sold.visits,
        transaction: Some(header.id),
        ..NewEvent::new(sold.id, 1, EventKind::TakenOver, at, sold.sold_on)
    };
    let mut posting = Posting::new(header);
    posting.charge(NewCharge {
        member: Some(sold.member),
        payer: Some(sold.member),
        subscription: Some(sold.id),
        product: None,
        description: sold.plan.form.name.clone(),
        quantity: 1,
        unit_amount: sold.price.minor,
        amount: sold.price.minor,
        tax_name: None,
        tax_bp: 0,
        tax_amount: 0,
        due_on: sold.sold_on,
        earned: Earned::Revenue,
    });
    posting.write(db, actor).await?;
    store::add_event(db, actor, event).await?;
    let after = serde_json::json!({
        "external_id": sold.external_id,
        "line": sold.line,
        "starts_on": sold.starts_on,
        "ends_on": sold.ends_on,
        "price": sold.price,
    });
    let change = Change {
        act: "subscription.imported",
        subject_kind: "subscription",
        subject: Some(sold.id.0),
        before: None,
        after: Some(after),
    };
    audit::record(db, actor, place.now, change).await
}
