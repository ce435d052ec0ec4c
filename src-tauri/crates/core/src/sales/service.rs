//! Selling.
use crate::actor::Actor;
use crate::audit::{self, Change};
use crate::auth::model::Permission;
use crate::error::Error;
use crate::ids::{
    ChargeId, MemberId, PaymentId, PlanId, ProductId, ReceiptId, ShiftId, SubscriptionId, TransactionId,
};
use crate::money::Money;
use crate::payments::batch::{Batch, refused};
use crate::payments::idempotency::{self, Key};
use crate::payments::model::{Settled, Terms, rounded, settle};
use crate::payments::posting::{
    CreditKind, Earned, Header, Kind, NewCharge, NewCredit, NewPayment, Posting, spread,
};
use crate::payments::store::credit_of;
use crate::payments::wire::Payment;
use crate::plans::store::At;
use crate::receipts::document::{ReceiptKind, ReceiptLine};
use crate::receipts::give::{self as receipt, Slip};
use crate::retail::store::{self as retail, Which};
use crate::retail::wire::Product;
use crate::sales::draft::{DraftLine, Goods, MOST_LINES, draft, draft_product, shortages};
use crate::sales::shelf::Shelf;
use crate::sales::store::{self, Counter, counter_with};
use crate::sales::wire::{Basket, Line, Sale, SalePreview, Sell, SoldSubscription};
use crate::services::Services;
use crate::subscriptions::model::Period;
use crate::subscriptions::store::{self as subscriptions, NewEvent, Offered, Record, offered};
use crate::subscriptions::wire::{EventKind, Status};
use crate::till::store::shift_for_money;
use chrono::{DateTime, Datelike, NaiveDate, Utc};
use serde::de::DeserializeOwned;
use sqlx::{Connection as _, PgConnection};

/// A basket with everything decided about it.
struct Draft {
    counter: Counter,
    lines: Vec<DraftLine>,
    total: i64,
}

/// Lines, dates, tax and total of a basket, before anything happens.
pub async fn sale_preview(services: &Services, actor: &Actor, basket: Basket) -> Result<SalePreview, Error> {
    actor.require(Permission::Sell)?;
    let mut db = services.line().await?;
    let (draft, _) = plan(&mut db, &services.shelf, actor, &basket, None, services.now()).await?;
    let mut warnings: Vec<&str> = draft.lines.iter().flat_map(|line| line.warnings.iter().copied()).collect();
    let counter = &draft.counter;
    let customer = counter.customer.as_ref();
    if customer.is_some_and(|customer| customer.suspended) {
        warnings.push("member_suspended");
    }
    if let Some(customer) = customer {
        let held = subscriptions::of_member(&mut db, customer.member).await?;
        let twice = |line: &DraftLine| match &line.goods {
            Goods::New { plan, period, .. } => held.iter().any(|record| {
                record.terms.kind == plan.form.kind && runs_over(record, *period, counter.today)
            }),
            Goods::Renewed { .. } | Goods::Product { .. } | Goods::Voucher => false,
        };
        if draft.lines.iter().any(twice) {
            warnings.push("already_running");
        }
    }
    services.rest(db);
    let money = |minor| Money::new(minor, counter.currency.clone());
    Ok(SalePreview {
        member_id: customer.map(|customer| customer.member),
        payer_name: customer.map(|customer| customer.payer_name.clone()),
        lines: draft.lines.iter().map(|line| line.preview(&counter.currency)).collect(),
        total: money(draft.total),
        tax: money(draft.lines.iter().map(|line| line.tax_amount).sum()),
        cash_total: money(rounded(draft.total, counter.cash_rounding)),
        credit: money(customer.map_or(0, |customer| customer.credit)),
        owed: money(customer.map_or(0, |customer| customer.owed)),
        warnings: warnings.into_iter().map(str::to_owned).collect(),
        short: shortages(&draft.lines),
    })
}

/// True when the member would have two of a kind at once.
fn runs_over(record: &Record, period: Period, today: NaiveDate) -> bool {
    let state = record.state();
    let lives =
        matches!(state.status(today, &record.used), Status::Active | Status::Upcoming | Status::Frozen);
    lives && state.end().is_some_and(|last| last >= period.starts_on)
}

async fn plan(
    db: &mut PgConnection,
    shelf: &Shelf,
    actor: &Actor,
    basket: &Basket,
    key: Option<&Key>,
    now: DateTime<Utc>,
) -> Result<(Draft, Option<idempotency::Stored>), Error> {
    if basket.lines.is_empty() {
        return Err(Error::invalid("lines", "required"));
    }
    if basket.lines.len() > MOST_LINES {
        return Err(Error::invalid("lines", "too_many"));
    }
    let mut lines = basket.lines.iter().map(named_by);
    let first = lines.next().unwrap_or_default();
    let key = key.map(|key| key.id);
    let (mut counter, mut answered, offer) =
        counter_with(db, shelf, actor, basket.member_id, key, first, now).await?;
    let mut named = vec![offer];
    for line in lines {
        named.push(match line {
            (None, None) => Offered::default(),
            (plan, subscription) => offered(db, plan, subscription).await?,
        });
    }
    let member = buyer(basket, &named)?;
    if member != counter.customer.as_ref().map(|customer| customer.member) {
        // Only a later line says whose it is.
        (counter, answered) = store::counter(db, actor, member, key, now).await?;
    }
    let products = products(db, basket, &counter).await?;
    let mut lines = Vec::with_capacity(named.len());
    let mut total = 0_i64;
    for (line, offered) in basket.lines.iter().zip(&named) {
        let drafted = match line {
            Line::Product { product_id, quantity } => {
                let product = products.iter().find(|product| product.id == *product_id);
                draft_product(product, *quantity, &counter)
            }
            line => draft(line, offered, &counter),
        };
        let line = match drafted {
            Ok(line) => line,
            // The first answer counts, whatever has become of the plan meanwhile.
            Err(_) if answered.is_some() => continue,
            Err(error) => return Err(error),
        };
        total = total
            .checked_add(line.amount)
            .filter(|total| *total <= crate::money::LARGEST_MINOR)
            .ok_or(Error::invalid("lines", "amount_too_large"))?;
        lines.push(line);
    }
    Ok((Draft { counter, lines, total }, answered))
}

/// The plan or subscription that a line names.
fn named_by(line: &Line) -> (Option<PlanId>, Option<SubscriptionId>) {
    match line {
        Line::New { plan_id, .. } => (Some(*plan_id), None),
        Line::Renew { subscription_id, .. } => (None, Some(*subscription_id)),
        Line::Product { .. } | Line::Voucher { .. } => (None, None),
    }
}

/// What the basket takes from the shelf.
async fn products(db: &mut PgConnection, basket: &Basket, counter: &Counter) -> Result<Vec<Product>, Error> {
    let named = |line: &Line| match line {
        Line::Product { product_id, .. } => Some(*product_id),
        Line::New { .. } | Line::Renew { .. } | Line::Voucher { .. } => None,
    };
    let ids: Vec<ProductId> = basket.lines.iter().filter_map(named).collect();
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let at = At { branch: counter.branch, currency: &counter.currency, today: counter.today };
    retail::fetch(db, Which::These(&ids), at).await
}

/// The member of the basket; a renewal knows whose it is.
fn buyer(basket: &Basket, named: &[Offered]) -> Result<Option<MemberId>, Error> {
    let mut buyer = basket.member_id;
    let mut renewed = Vec::new();
    for record in named.iter().filter_map(|offered| offered.record.as_ref()) {
        if *buyer.get_or_insert(record.sold.member_id) != record.sold.member_id {
            return Err(Error::NotFound("subscription"));
        }
        if renewed.contains(&record.sold.id) {
            return Err(Error::invalid("lines", "renewed_twice"));
        }
        renewed.push(record.sold.id);
    }
    Ok(buyer)
}

/// Sells what is in the basket: subscriptions, charges, payments, ledger, receipt and audit in one transaction, once
/// per key.
pub async fn sell(services: &Services, actor: &Actor, request: Sell) -> Result<Sale, Error> {
    actor.require(Permission::Sell)?;
    let key = Key::of(request.idempotency_key, "sell", &request)?;
    let now = services.now();
    let mut db = services.line().await?;
    let (draft, answered) = plan(&mut db, &services.shelf, actor, &request.basket, Some(&key), now).await?;
    if let Some(first) = key.answer(answered)? {
        return Ok(first);
    }
    agrees_with_preview(&request, &draft)?;
    let settled = settled(actor, &request, &draft)?;
    let shift = draft.counter.shift;
    let mut written = write_sale(&mut db, actor, &key, &request, &draft, &settled, shift).await;
    // Somebody closed it meanwhile.
    if matches!(written, Err(Error::Conflict { code: "shift_changed", .. })) {
        written = write_sale(&mut db, actor, &key, &request, &draft, &settled, None).await;
    }
    if written.is_ok() {
        services.rest(db);
    } else {
        drop(db);
    }
    first_of_two(services, &key, written).await
}

/// The member pays what the preview said, for the days it said.
fn agrees_with_preview(request: &Sell, draft: &Draft) -> Result<(), Error> {
    let currency = &draft.counter.currency;
    if request.expected_total.currency != *currency {
        return Err(Error::invalid("expected_total", "currency_wrong"));
    }
    if request.expected_total.minor != draft.total {
        let params = serde_json::json!({ "minor": draft.total, "currency": currency });
        return Err(Error::Conflict { code: "price_changed", params });
    }
    let starts_on = draft.lines.iter().find_map(|line| line.goods.period()).map(|period| period.starts_on);
    if let (Some(expected), Some(starts_on)) = (request.expected_starts_on, starts_on)
        && expected != starts_on
    {
        let params = serde_json::json!({ "starts_on": starts_on });
        return Err(Error::Conflict { code: "dates_changed", params });
    }
    Ok(())
}

fn settled(actor: &Actor, request: &Sell, draft: &Draft) -> Result<Settled, Error> {
    let counter = &draft.counter;
    let credit = counter.customer.as_ref().map_or(0, |customer| customer.credit);
    if request.credit_minor < 0 || request.credit_minor > draft.total {
        return Err(Error::invalid("credit_minor", "out_of_range"));
    }
    if request.credit_minor > credit {
        return Err(Error::Conflict {
            code: "credit_too_small",
            params: serde_json::json!({ "minor": credit, "currency": counter.currency }),
        });
    }
    if let Some(until) = request.owe_until {
        actor.require(Permission::SellOnCredit)?;
        if counter.customer.is_none() {
            return Err(Error::invalid("member_id", "required"));
        }
        if until < counter.today || (until - counter.today).num_days() > 366 {
            return Err(Error::invalid("owe_until", "out_of_range"));
        }
    }
    let due = Money::new(draft.total - request.credit_minor, counter.currency.clone());
    let terms = Terms { cash_rounding: counter.cash_rounding, may_owe: request.owe_until.is_some() };
    settle(&due, request.payments.clone(), terms)
}

/// `shift` is the till's, where one was open.
async fn write_sale(
    db: &mut PgConnection,
    actor: &Actor,
    key: &Key,
    request: &Sell,
    draft: &Draft,
    settled: &Settled,
    shift: Option<ShiftId>,
) -> Result<Sale, Error> {
    let counter = &draft.counter;
    let (now, today) = (counter.now, counter.today);
    let payer = counter.customer.as_ref().map(|customer| customer.payer);
    let renews = draft.lines.iter().all(|line| matches!(line.goods, Goods::Renewed { .. }));
    let mut posting = Posting::new(Header {
        id: TransactionId::new(now),
        kind: if renews { Kind::Renewal } else { Kind::Sale },
        at: now,
        business_day: today,
        currency: counter.currency.clone(),
        idempotency_key: key.id,
        reverses: None,
        reason: None,
    });
    let transaction = posting.header().id;
    let shift = match shift {
        None if !settled.payments.is_empty() => Some(open_shift(db, actor, counter).await?),
        shift => shift,
    };
    let mut batch = Batch::default();
    let mut sold = Vec::new();
    let mut charges = Vec::new();
    let mut vouchers = Vec::new();
    for line in &draft.lines {
        let subscription = subscription_of(&mut batch, counter, &line.goods);
        let due_on = request.owe_until.unwrap_or(today);
        let charge = posting.charge(charge_of(line, counter, subscription, due_on));
        charges.extend(charge.map(|charge| (charge, line.amount)));
        if let (Goods::Voucher, Some(charge)) = (&line.goods, charge) {
            vouchers.push((charge, line.amount));
        }
        if let Some(subscription) = subscription {
            sold.push((subscription, line));
        }
    }
    let mut money = credit_of(db, payer, &counter.currency, request.credit_minor).await?;
    if let Some(shift) = shift {
        batch.hold_shift(shift);
        money.extend(pay_into(db, &mut posting, counter, payer, &settled.payments, shift).await?);
    }
    round(&mut posting, payer, &mut charges, settled.rounding);
    for (payment, charge, amount) in spread(&money, &charges) {
        posting.allocate(payment, charge, amount);
    }
    let digest = posting.into_batch(actor, &mut batch)?;
    let goods = draft.lines.iter().filter_map(|line| Some((line.goods.product()?, line.quantity)));
    retail::take(&mut batch, actor, transaction, goods, today, now)?;
    let mut sale = Sale {
        transaction_id: transaction,
        receipt_id: ReceiptId::new(now),
        receipt_number: 0,
        subscriptions: Vec::new(),
        voucher_codes: Vec::new(),
        total: Money::new(draft.total, counter.currency.clone()),
        change: settled.change.clone(),
        owed: Money::new(settled.owed, counter.currency.clone()),
    };
    for (subscription, line) in sold {
        let event = event_of(subscription, &line.goods, transaction, counter);
        batch.add("subscription_events", event.row(actor)?);
        sale.subscriptions.extend(line.goods.period().map(|period| SoldSubscription {
            subscription_id: subscription,
            event_id: event.id,
            starts_on: period.starts_on,
            ends_on: period.ends_on,
        }));
    }
    for (charge, amount) in vouchers {
        sale.voucher_codes.push(store::add_voucher(&mut batch, actor, counter, amount, charge));
    }
    let slip = Slip {
        id: sale.receipt_id,
        kind: ReceiptKind::Sale,
        transaction,
        digest: &digest,
        shift,
        lines: draft.lines.iter().map(|line| on_paper(line, counter)).collect(),
        payments: &settled.payments,
        credit_used: request.credit_minor,
        rounding: -settled.rounding,
        change: Some(&settled.change),
        still_due: settled.owed,
        original_number: None,
        reason: None,
    };
    receipt::add(&mut batch, counter, &slip)?;
    idempotency::answer(&mut batch, key, &sale, now)?;
    audit_sale(&mut batch, actor, &sale, renews, now)?;
    let number = batch.write(db).await.map_err(refused)?;
    sale.receipt_number = number.ok_or(Error::Internal("a receipt without a number".to_owned()))?;
    Ok(sale)
}

fn audit_sale(
    batch: &mut Batch,
    actor: &Actor,
    sale: &Sale,
    renews: bool,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    let after = Some(serde_json::to_value(sale).map_err(|error| Error::Internal(error.to_string()))?);
    let act = match (renews, sale.subscriptions.is_empty()) {
        (true, _) => "subscription.renewed",
        (false, false) => "subscription.sold",
        (false, true) => "sale.made",
    };
    let subject = sale.subscriptions.first().map(|sold| sold.subscription_id.0);
    audit::add(batch, actor, now, Change { act, subject_kind: "subscription", subject, before: None, after });
    Ok(())
}

/// A shift for a till without one, or the one that somebody else just opened.
async fn open_shift(db: &mut PgConnection, actor: &Actor, counter: &Counter) -> Result<ShiftId, Error> {
    let mut tx = db.begin().await?;
    let shift =
        shift_for_money(&mut tx, actor, counter.till, &counter.currency, counter.today, counter.now).await?;
    tx.commit().await?;
    Ok(shift)
}

/// Payments taken at the desk, into the posting and the till's shift; and what of each can be put to a charge.
pub(crate) async fn take_money(
    db: &mut PgConnection,
    actor: &Actor,
    counter: &Counter,
    posting: &mut Posting,
    payer: Option<MemberId>,
    payments: &[Payment],
) -> Result<(Option<ShiftId>, Vec<(PaymentId, i64)>), Error> {
    if payments.is_empty() {
        return Ok((None, Vec::new()));
    }
    let shift =
        shift_for_money(db, actor, counter.till, &counter.currency, counter.today, counter.now).await?;
    Ok((Some(shift), pay_into(db, posting, counter, payer, payments, shift).await?))
}

/// Payments into a posting and a shift; and what of each can be put to a charge.
async fn pay_into(
    db: &mut PgConnection,
    posting: &mut Posting,
    counter: &Counter,
    payer: Option<MemberId>,
    payments: &[Payment],
    shift: ShiftId,
) -> Result<Vec<(PaymentId, i64)>, Error> {
    let mut money = Vec::with_capacity(payments.len());
    for payment in payments {
        let voucher = store::voucher_of(db, payment, &counter.currency, counter.today).await?;
        let id = posting.pay(NewPayment {
            payer,
            method: payment.method,
            amount: payment.amount.minor,
            tendered: payment.tendered.as_ref().map(|tendered| tendered.minor),
            reference: payment.reference.clone(),
            shift: Some(shift),
            request: None,
            voucher,
        });
        money.push((id, payment.amount.minor));
    }
    Ok(money)
}

/// What a line is to be paid.
fn charge_of(
    line: &DraftLine,
    counter: &Counter,
    subscription: Option<SubscriptionId>,
    due_on: NaiveDate,
) -> NewCharge {
    NewCharge {
        member: counter.customer.as_ref().map(|customer| customer.member),
        payer: counter.customer.as_ref().map(|customer| customer.payer),
        subscription,
        product: line.goods.product(),
        description: line.description.clone(),
        quantity: line.quantity,
        unit_amount: line.unit,
        amount: line.amount,
        tax_name: line.tax.as_ref().map(|tax| tax.name.clone()),
        tax_bp: line.tax.as_ref().map_or(0, |tax| tax.bp),
        tax_amount: line.tax_amount,
        due_on,
        earned: if matches!(line.goods, Goods::Voucher) { Earned::Voucher } else { Earned::Revenue },
    }
}

/// The row of a new subscription; of a renewed one it is there.
fn subscription_of(batch: &mut Batch, counter: &Counter, goods: &Goods) -> Option<SubscriptionId> {
    match (goods, &counter.customer) {
        (Goods::New { plan, period, .. }, Some(customer)) => {
            let id = SubscriptionId::new(counter.now);
            let anchor = period.starts_on.day();
            let row =
                subscriptions::row(id, counter.branch, customer.member, plan, anchor, None, counter.now);
            batch.add("subscriptions", row);
            Some(id)
        }
        (Goods::Renewed { subscription, .. }, _) => Some(*subscription),
        (Goods::New { .. } | Goods::Product { .. } | Goods::Voucher, _) => None,
    }
}

fn event_of(
    subscription: SubscriptionId,
    goods: &Goods,
    transaction: TransactionId,
    counter: &Counter,
) -> NewEvent<'static> {
    let (kind, seq) = match goods {
        Goods::Renewed { seq, .. } => (EventKind::Renewed, *seq),
        Goods::New { .. } | Goods::Product { .. } | Goods::Voucher => (EventKind::Sold, 1),
    };
    NewEvent {
        starts_on: goods.period().map(|period| period.starts_on),
        ends_on: goods.period().map(|period| period.ends_on),
        visits: goods.visits(),
        transaction: Some(transaction),
        ..NewEvent::new(subscription, seq, kind, counter.now, counter.today)
    }
}

/// What rounding cash gave up comes off the last charge; what it took too much is a charge of its own.
pub(crate) fn round(
    posting: &mut Posting,
    payer: Option<MemberId>,
    charges: &mut Vec<(ChargeId, i64)>,
    rounding: i64,
) {
    if rounding < 0 {
        let charge = posting.charge(NewCharge {
            member: payer,
            payer,
            subscription: None,
            product: None,
            description: "Rounding".to_owned(),
            quantity: 1,
            unit_amount: -rounding,
            amount: -rounding,
            tax_name: None,
            tax_bp: 0,
            tax_amount: 0,
            due_on: posting.header().business_day,
            earned: Earned::Rounding,
        });
        charges.extend(charge.map(|charge| (charge, -rounding)));
    }
    let mut left = rounding.max(0);
    for (charge, amount) in charges.iter_mut().rev() {
        let part = left.min(*amount);
        *amount -= part;
        left -= part;
        posting.credit(NewCredit {
            charge: *charge,
            payer,
            kind: CreditKind::Rounding,
            amount: part,
            tax_amount: 0,
            earned: Earned::Revenue,
        });
    }
}

fn on_paper(line: &DraftLine, counter: &Counter) -> ReceiptLine {
    ReceiptLine {
        description: line.description.clone(),
        native_description: match &line.goods {
            Goods::New { plan, .. } => plan.form.native_name.clone(),
            Goods::Product { native_name, .. } => native_name.clone(),
            Goods::Renewed { .. } | Goods::Voucher => None,
        },
        quantity: i64::from(line.quantity),
        unit: line.unit,
        gross: line.amount,
        tax_rate: line.tax.as_ref().map(|tax| u32::try_from(tax.bp).unwrap_or(0)),
        tax: line.tax_amount,
        tax_included: counter.prices_include_tax,
    }
}

/// The caller that came second with the same key gets what the first got.
pub(crate) async fn first_of_two<T: DeserializeOwned>(
    services: &Services,
    key: &Key,
    written: Result<T, Error>,
) -> Result<T, Error> {
    match written {
        // Whatever refused the second, it may have been the first's own rows.
        Err(error) if idempotency::was_raced(&error) => {
            let mut db = services.db.acquire().await?;
            idempotency::recall(&mut db, key).await?.ok_or(error)
        }
        other => other,
    }
}
