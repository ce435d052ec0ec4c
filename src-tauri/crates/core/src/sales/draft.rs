//! A sale before it happens. The preview shows a draft, the sale commits one: the same code, so they agree.
use crate::day::end_day;
use crate::error::Error;
use crate::ids::{BranchId, ProductId, SubscriptionId};
use crate::money::Money;
use crate::payments::tax::taxed;
use crate::plans::model::{duration, price_on};
use crate::plans::wire::{PlanForm, PlanPrice};
use crate::retail::model::check_quantity;
use crate::retail::wire::Product;
use crate::sales::store::Counter;
use crate::sales::wire::{Line, LinePreview, Shortage};
use crate::subscriptions::model::{Period, renewal};
use crate::subscriptions::store::{Offered, PlanOnOffer, Record, Tax};
use chrono::{Datelike, Days, NaiveDate};

/// How far from today a new subscription may start, either way.
const START_WITHIN: Days = Days::new(366);
/// Lines of one sale at most.
pub const MOST_LINES: usize = 100;

/// One line with its price and, of a subscription, its days.
#[derive(Clone, Debug)]
pub struct DraftLine {
    pub description: String,
    pub quantity: i32,
    /// Price of one, in minor units.
    pub unit: i64,
    /// Of all, tax included.
    pub amount: i64,
    pub tax_amount: i64,
    pub tax: Option<Tax>,
    pub goods: Goods,
    pub warnings: Vec<&'static str>,
}

/// What is handed over for the money.
#[derive(Clone, Debug)]
pub enum Goods {
    New {
        plan: Box<PlanOnOffer>,
        period: Period,
        visits: Option<i32>,
    },
    Renewed {
        subscription: SubscriptionId,
        seq: i32,
        period: Period,
        visits: Option<i32>,
        alternative_start: Option<NaiveDate>,
    },
    Product {
        product: ProductId,
        native_name: Option<String>,
        /// Before the sale.
        stock: i64,
        low_stock_at: Option<i32>,
    },
    Voucher,
}

impl Goods {
    /// Days of a subscription.
    pub fn period(&self) -> Option<Period> {
        match self {
            Self::New { period, .. } | Self::Renewed { period, .. } => Some(*period),
            Self::Product { .. } | Self::Voucher => None,
        }
    }

    /// What comes off the shelf.
    pub fn product(&self) -> Option<ProductId> {
        match self {
            Self::Product { product, .. } => Some(*product),
            Self::New { .. } | Self::Renewed { .. } | Self::Voucher => None,
        }
    }

    pub fn visits(&self) -> Option<i32> {
        match self {
            Self::New { visits, .. } | Self::Renewed { visits, .. } => *visits,
            Self::Product { .. } | Self::Voucher => None,
        }
    }
}

impl DraftLine {
    pub fn preview(&self, currency: &str) -> LinePreview {
        let money = |minor| Money::new(minor, currency);
        LinePreview {
            description: self.description.clone(),
            quantity: self.quantity,
            unit: money(self.unit),
            amount: money(self.amount),
            tax: money(self.tax_amount),
            tax_name: self.tax.as_ref().map(|tax| tax.name.clone()),
            starts_on: self.goods.period().map(|period| period.starts_on),
            ends_on: self.goods.period().map(|period| period.ends_on),
            visits: self.goods.visits(),
            alternative_start: match &self.goods {
                Goods::Renewed { alternative_start, .. } => *alternative_start,
                Goods::New { .. } | Goods::Product { .. } | Goods::Voucher => None,
            },
        }
    }
}

/// Dates and price of a line, on the branch's business day.
///
/// # Errors
/// [`Error::NotFound`] for a plan or subscription that is not there; [`Error::Conflict`] with `plan_archived`,
/// `no_price`, `nothing_to_renew`; [`Error::Invalid`] for a start too far from today, a subscription for nobody, a
/// voucher over nothing.
pub fn draft(line: &Line, offered: &Offered, counter: &Counter) -> Result<DraftLine, Error> {
    if let Line::Voucher { amount } = line {
        return voucher(amount, &counter.currency);
    }
    if let (Line::Renew { .. }, None) = (line, &offered.record) {
        return Err(Error::NotFound("subscription"));
    }
    if counter.customer.is_none() {
        return Err(Error::invalid("member_id", "required"));
    }
    let plan = offered.plan.as_ref().ok_or(Error::NotFound("plan"))?;
    let price = price_today(plan, counter.branch, &counter.currency, counter.today)?;
    let (description, goods, mut warnings) = match (line, &offered.record) {
        (Line::Renew { from_old_end, .. }, Some(record)) => renewed(plan, record, *from_old_end, counter)?,
        (Line::New { starts_on, .. }, _) => new(plan, *starts_on, counter.today)?,
        _ => return Err(Error::NotFound("plan")),
    };
    if goods.period().is_some_and(|period| period.starts_on < counter.today) {
        warnings.push("starts_in_past");
    }
    let bp = plan.tax.as_ref().map_or(0, |tax| tax.bp);
    let priced =
        taxed(price, bp, counter.prices_include_tax).ok_or(Error::invalid("lines", "amount_too_large"))?;
    Ok(DraftLine {
        description,
        quantity: 1,
        unit: price,
        amount: priced.gross,
        tax_amount: priced.tax,
        tax: plan.tax.clone(),
        goods,
        warnings,
    })
}

/// Today's price of a plan at a branch, in minor units.
pub(crate) fn price_today(
    plan: &PlanOnOffer,
    branch: BranchId,
    currency: &str,
    today: NaiveDate,
) -> Result<i64, Error> {
    let prices: Vec<PlanPrice> = plan.prices.iter().cloned().map(PlanPrice::from).collect();
    price_on(&prices, branch, currency, today)
        .map(|price| price.price.minor)
        .ok_or(Error::conflict("no_price"))
}

fn voucher(amount: &Money, currency: &str) -> Result<DraftLine, Error> {
    amount.require_price("lines")?;
    if amount.currency != currency {
        return Err(Error::invalid("lines", "currency_wrong"));
    }
    if amount.minor == 0 {
        return Err(Error::invalid("lines", "amount_not_positive"));
    }
    Ok(DraftLine {
        description: "Voucher".to_owned(),
        quantity: 1,
        unit: amount.minor,
        amount: amount.minor,
        // Tax is due when it is spent.
        tax_amount: 0,
        tax: None,
        goods: Goods::Voucher,
        warnings: Vec::new(),
    })
}

/// Price, tax and stock of something from the shelf.
///
/// # Errors
/// [`Error::NotFound`] for a product that is not there; [`Error::Conflict`] with `product_archived`, `no_price`;
/// [`Error::Invalid`] in `quantity` for less than one.
pub fn draft_product(
    product: Option<&Product>,
    quantity: i32,
    counter: &Counter,
) -> Result<DraftLine, Error> {
    check_quantity(quantity)?;
    let product = product.ok_or(Error::NotFound("product"))?;
    if product.archived_at.is_some() {
        return Err(Error::conflict("product_archived"));
    }
    let unit = product.price.as_ref().ok_or(Error::conflict("no_price"))?.minor;
    let priced = unit
        .checked_mul(i64::from(quantity))
        .and_then(|price| taxed(price, product.tax_bp, counter.prices_include_tax))
        .ok_or(Error::invalid("lines", "amount_too_large"))?;
    Ok(DraftLine {
        description: product.form.name.clone(),
        quantity,
        unit,
        amount: priced.gross,
        tax_amount: priced.tax,
        tax: product.tax_name.clone().map(|name| Tax { name, bp: product.tax_bp }),
        goods: Goods::Product {
            product: product.id,
            native_name: product.form.native_name.clone(),
            stock: product.stock,
            low_stock_at: product.form.low_stock_at,
        },
        warnings: Vec::new(),
    })
}

type Drafted = (String, Goods, Vec<&'static str>);

fn new(plan: &PlanOnOffer, starts_on: Option<NaiveDate>, today: NaiveDate) -> Result<Drafted, Error> {
    if plan.archived {
        return Err(Error::conflict("plan_archived"));
    }
    let too_far = || Error::invalid("starts_on", "out_of_range");
    let starts_on = starts_on.unwrap_or(today);
    let earliest = today.checked_sub_days(START_WITHIN).ok_or_else(too_far)?;
    let latest = today.checked_add_days(START_WITHIN).ok_or_else(too_far)?;
    if !(earliest..=latest).contains(&starts_on) {
        return Err(too_far());
    }
    let length = duration(plan.form.duration_unit, plan.form.duration_count);
    let ends_on = end_day(starts_on, length, starts_on.day()).ok_or_else(too_far)?;
    let period = Period { starts_on, ends_on };
    let goods = Goods::New { plan: Box::new(plan.clone()), period, visits: plan.form.visits };
    Ok((plan.form.name.clone(), goods, Vec::new()))
}

/// The sold terms at today's price. An archived plan is still renewed: it only left the list.
fn renewed(
    plan: &PlanOnOffer,
    record: &Record,
    from_old_end: bool,
    counter: &Counter,
) -> Result<Drafted, Error> {
    let renewal = renewal(&record.terms, &record.state(), counter.today, &record.used, from_old_end)
        .ok_or(Error::conflict("nothing_to_renew"))?;
    let goods = Goods::Renewed {
        subscription: record.sold.id,
        seq: record.next_seq(),
        period: renewal.period,
        visits: record.terms.visits,
        alternative_start: renewal.alternative_start,
    };
    let mut warnings = if sells_the_same(&plan.form, record) { Vec::new() } else { vec!["plan_changed"] };
    if record.state().last_day.is_some_and(|last| last < renewal.period.ends_on) {
        warnings.push("cancelled_before");
    }
    Ok((record.sold.plan_name.clone(), goods, warnings))
}

/// Whether today's price is for what the member has.
fn sells_the_same(form: &PlanForm, record: &Record) -> bool {
    duration(form.duration_unit, form.duration_count) == record.terms.duration
        && form.visits == record.terms.visits
}

/// What the shelf runs short of by these lines; a product on several lines counts once.
pub fn shortages(lines: &[DraftLine]) -> Vec<Shortage> {
    let mut found: Vec<Shortage> = Vec::new();
    for line in lines {
        let Goods::Product { product, stock, low_stock_at, .. } = &line.goods else { continue };
        if found.iter().any(|shortage| shortage.product_id == *product) {
            continue;
        }
        let sold: i64 = lines
            .iter()
            .filter(|other| other.goods.product() == Some(*product))
            .map(|other| i64::from(other.quantity))
            .sum();
        let left = stock - sold;
        if left < 0 || low_stock_at.is_some_and(|limit| left <= i64::from(limit)) {
            found.push(Shortage { product_id: *product, name: line.description.clone(), left });
        }
    }
    found
}
