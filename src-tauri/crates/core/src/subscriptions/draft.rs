//! A sale before it happens. The preview shows a draft, the sale commits one: the same code, so they agree.
use crate::day::end_day;
use crate::error::Error;
use crate::ids::{BranchId, MemberId, PlanId};
use crate::money::Money;
use crate::plans::model::{duration, price_on};
use crate::plans::wire::{PlanForm, PlanPrice};
use crate::subscriptions::model::{Period, renewal};
use crate::subscriptions::store::{PlanOnOffer, Record, Scene};
use crate::subscriptions::wire::{Offer, SalePreview};
use chrono::{Datelike, Days, NaiveDate};

/// How far from today a new subscription may start, either way.
const START_WITHIN: Days = Days::new(366);

/// Dates and price of an offer, on the branch's business day.
#[derive(Clone, Debug)]
pub struct Draft {
    pub member: MemberId,
    pub plan: PlanId,
    pub plan_name: String,
    pub period: Period,
    pub visits: Option<i32>,
    pub total: Money,
    pub alternative_start: Option<NaiveDate>,
    pub warnings: Vec<&'static str>,
}

impl Draft {
    pub fn preview(self) -> SalePreview {
        SalePreview {
            member_id: self.member,
            plan_name: self.plan_name,
            starts_on: self.period.starts_on,
            ends_on: self.period.ends_on,
            visits: self.visits,
            total: self.total,
            alternative_start: self.alternative_start,
            warnings: self.warnings.into_iter().map(str::to_owned).collect(),
        }
    }
}

/// # Errors
/// [`Error::NotFound`] for a member, plan or subscription that is not there; [`Error::Conflict`] with
/// `plan_archived`, `no_price`, `nothing_to_renew`; [`Error::Invalid`] for a start too far from today.
pub fn draft(offer: &Offer, scene: &Scene, branch: BranchId, today: NaiveDate) -> Result<Draft, Error> {
    let member = match offer {
        Offer::Renew { .. } if scene.record.is_none() => return Err(Error::NotFound("subscription")),
        Offer::New { .. } | Offer::Renew { .. } => scene.member.ok_or(Error::NotFound("member"))?,
    };
    let plan = scene.plan.as_ref().ok_or(Error::NotFound("plan"))?;
    let prices: Vec<PlanPrice> = plan.prices.iter().cloned().map(PlanPrice::from).collect();
    let total = price_on(&prices, branch, &scene.currency, today)
        .map(|price| price.price.clone())
        .ok_or(Error::conflict("no_price"))?;
    let mut draft = match offer {
        Offer::New { starts_on, .. } => new(plan, *starts_on, member, total, today)?,
        Offer::Renew { from_old_end, .. } => {
            let record = scene.record.as_ref().ok_or(Error::NotFound("subscription"))?;
            renewed(plan, record, *from_old_end, member, total, today)?
        }
    };
    if draft.period.starts_on < today {
        draft.warnings.push("starts_in_past");
    }
    if scene.member_suspended {
        draft.warnings.push("member_suspended");
    }
    Ok(draft)
}

fn new(
    plan: &PlanOnOffer,
    starts_on: Option<NaiveDate>,
    member: MemberId,
    total: Money,
    today: NaiveDate,
) -> Result<Draft, Error> {
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
    Ok(Draft {
        member,
        plan: plan.id,
        plan_name: plan.form.name.clone(),
        period: Period { starts_on, ends_on },
        visits: plan.form.visits,
        total,
        alternative_start: None,
        warnings: Vec::new(),
    })
}

/// The sold terms at today's price. An archived plan is still renewed: it only left the list.
fn renewed(
    plan: &PlanOnOffer,
    record: &Record,
    from_old_end: bool,
    member: MemberId,
    total: Money,
    today: NaiveDate,
) -> Result<Draft, Error> {
    let renewal = renewal(&record.terms, &record.state(), today, &record.used, from_old_end)
        .ok_or(Error::conflict("nothing_to_renew"))?;
    let warnings = if sells_the_same(&plan.form, record) { Vec::new() } else { vec!["plan_changed"] };
    Ok(Draft {
        member,
        plan: plan.id,
        plan_name: record.sold.plan_name.clone(),
        period: renewal.period,
        visits: record.terms.visits,
        total,
        alternative_start: renewal.alternative_start,
        warnings,
    })
}

/// Whether today's price is for what the member has.
fn sells_the_same(form: &PlanForm, record: &Record) -> bool {
    duration(form.duration_unit, form.duration_count) == record.terms.duration
        && form.visits == record.terms.visits
}
