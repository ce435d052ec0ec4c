//! Doing something to a subscription: the preview, the act, and what it costs.
use crate::actor::Actor;
use crate::auth::model::Permission;
use crate::error::Error;
use crate::ids::{ReceiptId, SubscriptionEventId, SubscriptionId, TransactionId};
use crate::members::form::text;
use crate::money::Money;
use crate::payments::idempotency::{self, Key};
use crate::payments::model::{Settled, Terms, settle};
use crate::payments::posting::{CreditKind, Earned, Header, Kind, NewCharge, Posting, spread};
use crate::payments::store::{Allocated, ChargeRow, allocated, charges_of_subscription, take_back};
use crate::payments::tax::{prorated, share, taxed};
use crate::receipts::document::{ReceiptKind, ReceiptLine};
use crate::receipts::give::{Slip, give};
use crate::sales::draft::price_today;
use crate::sales::service::{first_of_two, round, take_money};
use crate::sales::store::{Counter, counter};
use crate::sales::void::REASON_LENGTH;
use crate::services::Services;
use crate::subscriptions::actions::{self, Outcome, part_of_price, standing, standing_of_new};
use crate::subscriptions::service::audited;
use crate::subscriptions::store::{self, NewEvent, Offered, PlanOnOffer, Record, offered};
use crate::subscriptions::wire::{
    Act, ActPreview, Acted, AskStanding, DoAct, EventKind, PreviewAct, Standing, Status,
};
use chrono::{DateTime, Datelike, Utc};
use sqlx::PgConnection;

/// An act with everything decided about it; `offer` is the plan to change to.
struct Plan {
    counter: Counter,
    record: Record,
    offer: Option<PlanOnOffer>,
    outcome: Outcome,
    bill: Option<Bill>,
}

/// What a change of plan costs. Amounts in minor units.
struct Bill {
    /// What was paid for the old plan, charge by charge, and how much of it is credited.
    credits: Vec<(ChargeRow, i64)>,
    allocated: Vec<Allocated>,
    unit: i64,
    charge: i64,
    tax: i64,
    /// Of the credits what becomes free to pay the new charge.
    freed: i64,
}

impl Bill {
    fn credited(&self) -> i64 {
        self.credits.iter().map(|(_, amount)| amount).sum()
    }

    fn due(&self) -> i64 {
        (self.charge - self.freed).max(0)
    }
}

fn permission(act: &Act) -> Permission {
    match act {
        Act::Freeze { .. } | Act::Thaw => Permission::FreezeSubscriptions,
        Act::Gift { .. } => Permission::GiftDays,
        Act::Cancel { .. } | Act::Reinstate | Act::AutoRenew { .. } => Permission::CancelSubscriptions,
        Act::Change { .. } => Permission::Sell,
        Act::Transfer { .. } => Permission::TransferSubscriptions,
    }
}

/// What an act would come to: dates, charges and credits, by the code that does it.
pub async fn preview(services: &Services, actor: &Actor, request: PreviewAct) -> Result<ActPreview, Error> {
    actor.require(permission(&request.act))?;
    let mut db = services.db.acquire().await?;
    let plan = plan(&mut db, actor, request.subscription_id, &request.act, services.now()).await?;
    let today = plan.counter.today;
    let money = |minor| Money::new(minor, plan.counter.currency.clone());
    let bill = plan.bill.as_ref();
    Ok(ActPreview {
        version: plan.record.next_seq(),
        before: standing(&plan.record, &plan.record.state(), today),
        after: standing(&plan.record, &plan.outcome.after, today),
        successor: successor_standing(&plan),
        credited: money(bill.map_or(0, Bill::credited)),
        charged: money(bill.map_or(0, |bill| bill.charge)),
        due: money(bill.map_or(0, Bill::due)),
        to_credit: money(bill.map_or(0, |bill| (bill.freed - bill.charge).max(0))),
        warnings: plan.outcome.warnings.iter().map(|code| (*code).to_owned()).collect(),
    })
}

fn successor_standing(plan: &Plan) -> Option<Standing> {
    let (period, visits) = plan.outcome.successor?;
    let (name, freeze_days, auto_renew) = if let Some(new) = &plan.offer {
        (new.form.name.as_str(), new.form.freeze_days, new.form.auto_renew)
    } else {
        let sold = &plan.record.sold;
        (sold.plan_name.as_str(), sold.terms.freeze_days, sold.terms.auto_renew)
    };
    Some(standing_of_new(name, period, visits, freeze_days, auto_renew, plan.counter.today))
}

async fn plan(
    db: &mut PgConnection,
    actor: &Actor,
    subscription: SubscriptionId,
    act: &Act,
    now: DateTime<Utc>,
) -> Result<Plan, Error> {
    let Offered { record, .. } = offered(db, None, Some(subscription)).await?;
    let mut record = record.ok_or(Error::NotFound("subscription"))?;
    let new_plan = match act {
        Act::Change { plan_id, .. } => offered(db, Some(*plan_id), None).await?.plan,
        _ => None,
    };
    let (counter, _) = counter(db, actor, Some(record.sold.member_id), None, now).await?;
    (record.owed, record.due_since) = store::owed(db, subscription).await?;
    let mut outcome = actions::decide(&record, act, new_plan.as_ref(), counter.today, now)?;
    if record.owed > 0 && outcome.successor.is_some() {
        outcome.warnings.push("unpaid");
    }
    let bill = match (act, &new_plan) {
        (Act::Change { keep_end, .. }, Some(new)) => {
            Some(bill(db, &counter, &record, &outcome, new, *keep_end).await?)
        }
        _ => None,
    };
    Ok(Plan { counter, record, offer: new_plan, outcome, bill })
}

/// Credits the unused part of each period that was charged, and charges the new plan.
async fn bill(
    db: &mut PgConnection,
    counter: &Counter,
    record: &Record,
    outcome: &Outcome,
    new: &PlanOnOffer,
    keep_end: bool,
) -> Result<Bill, Error> {
    let Some((period, _)) = outcome.successor else { return Err(Error::conflict("not_running")) };
    let rows = charges_of_subscription(db, record.sold.id).await?;
    let ids: Vec<_> = rows.iter().map(|(_, row)| row.id).collect();
    let allocated = allocated(db, &ids).await?;
    let state = record.state();
    let mut credits = Vec::new();
    let mut freed = 0;
    for (transaction, row) in rows {
        let event = record.events.iter().find(|event| event.ledger_transaction_id == Some(transaction));
        let Some(event) = event else { continue };
        let (part, whole) = state.unused(event.id, period.starts_on, &record.used);
        let open = row.amount - row.credited;
        let amount = share(row.amount, part, whole).min(open);
        let settled: Vec<&Allocated> = allocated.iter().filter(|one| one.charge == row.id).collect();
        let paid: i64 = settled.iter().map(|one| one.amount).sum();
        if amount > 0 {
            // Only what the payer of the new charge had paid can pay it.
            let own = row.payer == counter.customer.as_ref().map(|customer| customer.payer);
            freed += if own { (amount - (open - paid)).max(0) } else { 0 };
            credits.push((row, amount));
        }
    }
    let price = price_today(new, counter.branch, &counter.currency, counter.today)?;
    let (part, whole) = part_of_price(new, period, keep_end);
    let unit = prorated(price, part, whole).ok_or(Error::invalid("plan_id", "amount_too_large"))?;
    let bp = new.tax.as_ref().map_or(0, |tax| tax.bp);
    let priced =
        taxed(unit, bp, counter.prices_include_tax).ok_or(Error::invalid("plan_id", "amount_too_large"))?;
    Ok(Bill { credits, allocated, unit, charge: priced.gross, tax: priced.tax, freed })
}

/// Does it: event, successor, money and audit in one transaction, once per key.
pub async fn act(services: &Services, actor: &Actor, request: DoAct) -> Result<Acted, Error> {
    actor.require(permission(&request.act))?;
    let key = Key::of(request.idempotency_key, "subscription_act", &request)?;
    let reason = text("reason", request.reason.as_deref().unwrap_or_default(), REASON_LENGTH)?;
    let now = services.now();
    let mut db = services.db.acquire().await?;
    if let Some(first) = idempotency::recall(&mut db, &key).await? {
        return Ok(first);
    }
    let plan = plan(&mut db, actor, request.subscription_id, &request.act, now).await?;
    drop(db);
    if plan.record.next_seq() != request.version {
        return Err(Error::conflict("subscription_changed"));
    }
    if plan.outcome.needs_waiver {
        actor.require(Permission::WaiveTerms)?;
        if reason.is_none() {
            return Err(Error::invalid("reason", "required"));
        }
    }
    let settled = settled(actor, &request, &plan)?;
    let written = write(services, actor, &key, &request, &plan, settled, reason.as_deref()).await;
    first_of_two(services, &key, written).await
}

fn settled(actor: &Actor, request: &DoAct, plan: &Plan) -> Result<Settled, Error> {
    let counter = &plan.counter;
    let due = Money::new(plan.bill.as_ref().map_or(0, Bill::due), counter.currency.clone());
    if request.expected_due.currency != due.currency {
        return Err(Error::invalid("expected_due", "currency_wrong"));
    }
    if request.expected_due != due {
        let params = serde_json::json!({ "minor": due.minor, "currency": due.currency });
        return Err(Error::Conflict { code: "price_changed", params });
    }
    if request.owe_until.is_some() {
        actor.require(Permission::SellOnCredit)?;
    }
    let terms = Terms { cash_rounding: counter.cash_rounding, may_owe: request.owe_until.is_some() };
    settle(&due, request.payments.clone(), terms)
}

async fn write(
    services: &Services,
    actor: &Actor,
    key: &Key,
    request: &DoAct,
    plan: &Plan,
    settled: Settled,
    reason: Option<&str>,
) -> Result<Acted, Error> {
    let (counter, outcome) = (&plan.counter, &plan.outcome);
    let (now, today) = (counter.now, counter.today);
    let mut tx = services.db.begin().await?;
    let successor = add_successor(&mut tx, plan, &request.act).await?;
    let mut acted = Acted {
        event_id: SubscriptionEventId::new(now),
        successor_id: successor,
        after: standing(&plan.record, &outcome.after, today),
        transaction_id: None,
        receipt_id: None,
        receipt_number: None,
        change: settled.change.clone(),
        owed: Money::new(settled.owed, counter.currency.clone()),
    };
    if let (Some(bill), Some(new), Some(successor)) = (&plan.bill, &plan.offer, successor) {
        change_bill(&mut tx, actor, key, request, plan, bill, new, successor, &settled, &mut acted).await?;
    }
    let columns = outcome.event;
    let event = NewEvent {
        id: acted.event_id,
        starts_on: columns.starts_on,
        ends_on: columns.ends_on,
        visits: columns.visits,
        days: columns.days,
        about: columns.about,
        successor,
        reason,
        transaction: acted.transaction_id,
        ..NewEvent::new(plan.record.sold.id, request.version, columns.kind, now, today)
    };
    store::add_event(&mut tx, actor, event).await?;
    if let (Some(successor), Some((period, visits))) = (successor, outcome.successor) {
        let kind = EventKind::Sold;
        let event = NewEvent {
            starts_on: Some(period.starts_on),
            ends_on: Some(period.ends_on),
            visits,
            transaction: acted.transaction_id,
            ..NewEvent::new(successor, 1, kind, now, today)
        };
        store::add_event(&mut tx, actor, event).await?;
    }
    idempotency::remember(&mut tx, key, &acted, now).await?;
    let name = audit_name(&request.act);
    audited(&mut tx, actor, now, name, plan.record.sold.id, request).await?;
    tx.commit().await?;
    Ok(acted)
}

fn audit_name(act: &Act) -> &'static str {
    match act {
        Act::Freeze { .. } => "subscription.frozen",
        Act::Thaw => "subscription.thawed",
        Act::Gift { .. } => "subscription.gifted",
        Act::Cancel { .. } => "subscription.cancelled",
        Act::Reinstate => "subscription.reinstated",
        Act::Change { .. } => "subscription.changed",
        Act::Transfer { .. } => "subscription.transferred",
        Act::AutoRenew { .. } => "subscription.auto_renew_set",
    }
}

/// The row of the subscription that goes on.
async fn add_successor(
    db: &mut PgConnection,
    plan: &Plan,
    act: &Act,
) -> Result<Option<SubscriptionId>, Error> {
    let Some((period, _)) = plan.outcome.successor else { return Ok(None) };
    let id = SubscriptionId::new(plan.counter.now);
    let old = plan.record.sold.id;
    match (act, &plan.offer) {
        (Act::Change { .. }, Some(new)) => {
            let member = plan.record.sold.member_id;
            let anchor = period.starts_on.day();
            store::insert(db, id, plan.counter.branch, member, new, anchor, Some(old), plan.counter.now)
                .await?;
        }
        (Act::Transfer { to_member_id, .. }, _) => {
            store::insert_copy(db, id, old, *to_member_id, plan.counter.branch, plan.counter.now).await?;
        }
        _ => return Ok(None),
    }
    Ok(Some(id))
}

#[expect(clippy::too_many_arguments, reason = "everything that was decided before the transaction began")]
async fn change_bill(
    db: &mut PgConnection,
    actor: &Actor,
    key: &Key,
    request: &DoAct,
    plan: &Plan,
    bill: &Bill,
    new: &PlanOnOffer,
    successor: SubscriptionId,
    settled: &Settled,
    acted: &mut Acted,
) -> Result<(), Error> {
    let counter = &plan.counter;
    let (now, today) = (counter.now, counter.today);
    let payer = counter.customer.as_ref().map(|customer| customer.payer);
    let mut posting = Posting::new(Header {
        id: TransactionId::new(now),
        kind: Kind::Change,
        at: now,
        business_day: today,
        currency: counter.currency.clone(),
        idempotency_key: key.id,
        reverses: None,
        reason: None,
    });
    let transaction = posting.header().id;
    let mut allocated = bill.allocated.clone();
    let mut money = Vec::new();
    for (charge, amount) in &bill.credits {
        let freed = take_back(&mut posting, charge, &mut allocated, CreditKind::CreditNote, *amount);
        if charge.payer == payer {
            money.extend(freed);
        }
    }
    let charge = posting.charge(NewCharge {
        member: Some(plan.record.sold.member_id),
        payer,
        subscription: Some(successor),
        product: None,
        description: new.form.name.clone(),
        quantity: 1,
        unit_amount: bill.unit,
        amount: bill.charge,
        tax_name: new.tax.as_ref().map(|tax| tax.name.clone()),
        tax_bp: new.tax.as_ref().map_or(0, |tax| tax.bp),
        tax_amount: bill.tax,
        due_on: request.owe_until.unwrap_or(today),
        earned: Earned::Revenue,
    });
    let mut charges: Vec<_> = charge.map(|id| (id, bill.charge)).into_iter().collect();
    let (shift, taken) = take_money(db, actor, counter, &mut posting, payer, &settled.payments).await?;
    money.extend(taken);
    round(&mut posting, payer, &mut charges, settled.rounding);
    for (payment, charge, amount) in spread(&money, &charges) {
        posting.allocate(payment, charge, amount);
    }
    let digest = posting.write(db, actor).await?;
    let receipt_id = ReceiptId::new(now);
    let slip = Slip {
        id: receipt_id,
        kind: ReceiptKind::Sale,
        transaction,
        digest: &digest,
        shift,
        lines: vec![ReceiptLine {
            description: new.form.name.clone(),
            native_description: new.form.native_name.clone(),
            quantity: 1,
            unit: bill.unit,
            gross: bill.charge,
            tax_rate: new.tax.as_ref().map(|tax| u32::try_from(tax.bp).unwrap_or(0)),
            tax: bill.tax,
            tax_included: counter.prices_include_tax,
        }],
        payments: &settled.payments,
        credit_used: bill.freed.min(bill.charge),
        rounding: -settled.rounding,
        change: Some(&settled.change),
        still_due: settled.owed,
        original_number: None,
        reason: None,
    };
    acted.transaction_id = Some(transaction);
    acted.receipt_id = Some(receipt_id);
    acted.receipt_number = Some(give(db, counter, slip).await?);
    Ok(())
}

/// How a subscription stood at the end of a day, as it was known then: what was done, used and paid later did not
/// happen yet.
pub async fn standing_on(
    services: &Services,
    actor: &Actor,
    request: AskStanding,
) -> Result<Standing, Error> {
    actor.require(Permission::ViewMembers)?;
    let mut db = services.db.acquire().await?;
    let Offered { record, .. } = offered(&mut db, None, Some(request.subscription_id)).await?;
    let mut record = record.ok_or(Error::NotFound("subscription"))?;
    let (state, used) = actions::known_on(&record, request.on);
    record.used = used;
    record.due_since = store::due_on(&mut db, request.subscription_id, request.on).await?;
    let mut standing = standing(&record, &state, request.on);
    if state.grants.is_empty() {
        standing.status = Status::Upcoming;
    }
    Ok(standing)
}
