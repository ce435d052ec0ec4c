//! The suite of the counter: sales, payments of debts, refunds and voids at eight tills, many of them sent twice.
pub mod judge;
#[cfg(test)]
mod tests;

use crate::house::{House, Offer};
use crate::soak::desk::{Desk, Sent};
use crate::soak::killer::Target;
use crate::soak::wire::{Answer, Request};
use crate::soak::{Judgement, Plan, Suite, lock, share};
use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use gatehouse_core::actor::Actor;
use gatehouse_core::demo::dice::Dice;
use gatehouse_core::error::Error;
use gatehouse_core::ids::{MemberId, PaymentId, PlanId, SubscriptionId, TransactionId, new_id};
use gatehouse_core::members::wire::ChooseMember;
use gatehouse_core::money::Money;
use gatehouse_core::payments::refund::refund;
use gatehouse_core::payments::service::{debts, member_payments, pay_debts};
use gatehouse_core::payments::wire::{
    Method, Paid, PayDebts, Payment, Refund, RefundForm, RefundTo, Refunded,
};
use gatehouse_core::sales::service::sell;
use gatehouse_core::sales::void::void_sale;
use gatehouse_core::sales::wire::{Basket, Line, Sale, Sell, VoidSale, Voided};
use gatehouse_core::services::Services;
use serde::{Deserialize, Serialize};
use sqlx::PgPool;
use std::collections::{HashSet, VecDeque};
use std::io;
use std::sync::{Arc, Mutex};
use uuid::Uuid;

/// Few enough that desks meet over the same member all the time.
const MEMBERS: usize = 400;
/// Each with a drawer of its own; four clients stand at each.
const DESKS: usize = 8;
/// Of a hundred requests: answered ones sent again, and ones sent by two clients at once.
const AGAIN: u64 = 9;
const TWICE: u64 = 9;
const VOID: u64 = 8;
const REFUND: u64 = 12;
const PAY: u64 = 16;
/// Sales, debts and subscriptions that desks come back to: the latest.
const REMEMBERED: usize = 300;
/// Cash is counted in multiples of this many piastres.
const COIN: i64 = 5;

/// A request of this suite.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "op", rename_all = "snake_case")]
pub enum Ask {
    Sell(Sell),
    Pay(PayDebts),
    Refund(Refund),
    Void(VoidSale),
    /// What a member owes, looked up before it is paid.
    LookAtDebts {
        member_id: MemberId,
    },
    /// What of a member's payments can go back, looked up before a refund.
    LookAtPayments {
        member_id: MemberId,
    },
}

impl Ask {
    /// Of a write.
    fn key(&self) -> Option<Uuid> {
        match self {
            Self::Sell(asked) => Some(asked.idempotency_key),
            Self::Pay(asked) => Some(asked.idempotency_key),
            Self::Refund(asked) => Some(asked.idempotency_key),
            Self::Void(asked) => Some(asked.idempotency_key),
            Self::LookAtDebts { .. } | Self::LookAtPayments { .. } => None,
        }
    }
}

/// What was done for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "done", rename_all = "snake_case")]
pub enum Done {
    Sold(Sale),
    Paid(Paid),
    Refunded(Refunded),
    Voided(Voided),
    /// In minor units.
    Owes {
        owed: i64,
        credit: i64,
    },
    /// With the minor units that can still go back.
    HasPaid {
        payments: Vec<(PaymentId, i64)>,
    },
}

/// A request with its answer.
pub type Told = crate::soak::Told<Ask, Done>;

/// What all clients of a run draw from.
pub struct Counter {
    seed: u64,
    ops: u64,
    base: DateTime<Utc>,
    members: Vec<MemberId>,
    /// With their prices, tax included.
    plans: [(PlanId, i64); 2],
    /// Requests on their way, for another client to send too.
    copies: Mutex<VecDeque<Ask>>,
    /// Requests that were answered.
    answered: Mutex<Vec<Ask>>,
    /// Subscriptions with the price of their next period.
    subscriptions: Mutex<VecDeque<(SubscriptionId, i64)>>,
    /// Members who paid for something, and members who owe something.
    buyers: Mutex<VecDeque<MemberId>>,
    debtors: Mutex<VecDeque<MemberId>>,
}

impl Suite for Counter {
    type Ask = Ask;
    type Done = Done;

    const NAME: &'static str = "money";
    const CLIENTS: usize = 32;
    const TARGETS: &'static [Target] = &[Target::Database];
    const LEAST_UNANSWERED: u64 = 8;

    fn kills(_ops: u64) -> u64 {
        3
    }

    /// A gym with eight tills that rounds its cash, two plans at odd prices, one of them taxed, and members.
    async fn prepare(owner: &PgPool, plan: &Plan, base: DateTime<Utc>) -> Result<Self, sqlx::Error> {
        let mut tx = owner.begin().await?;
        let house = House::build(&mut tx, "Soak", DESKS, base).await?;
        sqlx::query("update branches set cash_rounding_minor = $1")
            .bind(i32::try_from(COIN).unwrap_or(1))
            .execute(&mut *tx)
            .await?;
        let monthly = Offer { name: "Monthly", visits: None, minor: 75_000, tax_bp: 1_400 };
        let pack = Offer { name: "Pack", visits: Some(10), minor: 40_003, tax_bp: 0 };
        let plans = [
            (house.offer(&mut tx, monthly, base).await?, monthly.minor),
            (house.offer(&mut tx, pack, base).await?, pack.minor),
        ];
        let mut members = Vec::with_capacity(MEMBERS);
        for number in 0..MEMBERS {
            let member = MemberId::new(base);
            sqlx::query(
                "insert into members (id, home_branch_id, number, full_name, created_at, updated_at) values ($1, $2, $3, $4, $5, $5)",
            )
            .bind(member)
            .bind(house.branch)
            .bind(format!("{number}"))
            .bind(format!("Member {number}"))
            .bind(base)
            .execute(&mut *tx)
            .await?;
            members.push(member);
        }
        tx.commit().await?;
        Ok(Self {
            seed: plan.seed,
            ops: plan.ops,
            base,
            members,
            plans,
            copies: Mutex::default(),
            answered: Mutex::default(),
            subscriptions: Mutex::default(),
            buyers: Mutex::default(),
            debtors: Mutex::default(),
        })
    }

    async fn answer(services: &Services, actor: &Actor, ask: Ask) -> Result<Done, Error> {
        match ask {
            Ask::Sell(request) => sell(services, actor, request).await.map(Done::Sold),
            Ask::Pay(request) => pay_debts(services, actor, request).await.map(Done::Paid),
            Ask::Refund(request) => refund(services, actor, request).await.map(Done::Refunded),
            Ask::Void(request) => void_sale(services, actor, request).await.map(Done::Voided),
            Ask::LookAtDebts { member_id } => {
                let debts = debts(services, actor, ChooseMember { member_id }).await?;
                Ok(Done::Owes { owed: debts.owed.minor, credit: debts.credit.minor })
            }
            Ask::LookAtPayments { member_id } => {
                let rows =
                    member_payments(services, actor, ChooseMember { member_id }).await?.rows.into_iter();
                let payments = rows.map(|row| (row.payment_id, row.refundable.minor));
                Ok(Done::HasPaid { payments: payments.filter(|(_, refundable)| *refundable > 0).collect() })
            }
        }
    }

    async fn play(self: Arc<Self>, mut desk: Desk, number: usize) -> io::Result<Vec<Told>> {
        let own = u64::try_from(number).unwrap_or(0);
        let mut dice = Dice::new(self.seed.wrapping_mul(1000).wrapping_add(own).wrapping_add(1));
        let mut told = Vec::new();
        let mut last_sale = None;
        for index in 0..share(self.ops, Self::CLIENTS, number) {
            let (ask, sent) = self.draw(&mut dice, &mut desk, number, &mut last_sale).await;
            let request = Request { desk: number, ask: ask.clone() };
            let answer = desk.ask(own << 32 | index, &request, sent).await?;
            if let (Ask::Sell(sell), Answer::Done(Done::Sold(sale))) = (&ask, &answer) {
                last_sale = Some(sale.transaction_id);
                self.remember(sell, sale);
            }
            lock(&self.answered).push(ask.clone());
            told.push(Told { ask, answer });
        }
        Ok(told)
    }

    fn duplicates(told: &[Told]) -> usize {
        let mut seen = HashSet::new();
        told.iter().filter_map(|told| told.ask.key()).filter(|key| !seen.insert(*key)).count()
    }

    async fn judge(owner: &PgPool, told: &[Told]) -> Result<Judgement, sqlx::Error> {
        judge::judge(owner, told).await
    }
}

impl Counter {
    fn remember(&self, asked: &Sell, sale: &Sale) {
        let Some(member) = asked.basket.member_id else { return };
        for (line, sold) in asked.basket.lines.iter().zip(&sale.subscriptions) {
            if let Line::New { plan_id, .. } = line
                && let Some((_, price)) = self.plans.iter().find(|(plan, _)| plan == plan_id)
            {
                keep(&self.subscriptions, (sold.subscription_id, *price));
            }
        }
        if sale.owed.minor > 0 {
            keep(&self.debtors, member);
        }
        if !asked.payments.is_empty() {
            keep(&self.buyers, member);
        }
    }

    async fn draw(
        &self,
        dice: &mut Dice,
        desk: &mut Desk,
        number: usize,
        last_sale: &mut Option<TransactionId>,
    ) -> (Ask, Sent) {
        if let Some(copy) = lock(&self.copies).pop_front() {
            return (copy, Sent::Again);
        }
        let roll = dice.below(100);
        if roll < AGAIN {
            let answered = lock(&self.answered);
            if !answered.is_empty() {
                return (dice.pick(&answered).clone(), Sent::Again);
            }
        }
        let drawn = if roll < AGAIN + VOID {
            last_sale.take().map(|transaction_id| self.void(transaction_id))
        } else if roll < AGAIN + VOID + REFUND {
            self.refund(dice, desk, number).await
        } else if roll < AGAIN + VOID + REFUND + PAY {
            self.payment(dice, desk, number).await
        } else {
            None
        };
        let ask = drawn.unwrap_or_else(|| Ask::Sell(self.sale(dice)));
        if dice.below(100) < TWICE {
            lock(&self.copies).push_back(ask.clone());
        }
        (ask, Sent::First)
    }

    fn key(&self) -> Uuid {
        new_id(self.base)
    }

    /// One or two subscriptions, new or renewed, paid in one of the ways there are, or not at all.
    fn sale(&self, dice: &mut Dice) -> Sell {
        let renewed = if dice.below(100) < 40 { pick(&self.subscriptions, dice) } else { None };
        let (member_id, mut lines, mut total) = match renewed {
            // Whose it is, the subscription knows.
            Some((subscription_id, price)) => {
                (None, vec![Line::Renew { subscription_id, from_old_end: false }], price)
            }
            None => (Some(*dice.pick(&self.members)), Vec::new(), 0),
        };
        if lines.is_empty() || dice.below(10) == 0 {
            let (plan_id, price) = *dice.pick(&self.plans);
            lines.push(Line::New { plan_id, starts_on: None });
            total += price;
        }
        let half = total / 2;
        let payments = match dice.below(10) {
            0..=3 => vec![cash(rounded(total), dice)],
            4..=6 => vec![card(total, dice)],
            7 => vec![card(half, dice), cash(rounded(total - half), dice)],
            8 => vec![cash(rounded(half), dice)],
            _ => Vec::new(),
        };
        let paid: i64 = payments.iter().map(|payment| payment.amount.minor).sum();
        Sell {
            idempotency_key: self.key(),
            basket: Basket { member_id, lines },
            expected_total: egp(total),
            expected_starts_on: None,
            credit_minor: 0,
            payments,
            owe_until: (paid + COIN < total).then(|| self.some_day()),
        }
    }

    /// Later than any day of the run.
    fn some_day(&self) -> NaiveDate {
        (self.base + TimeDelta::days(300)).date_naive()
    }

    fn void(&self, transaction_id: TransactionId) -> Ask {
        Ask::Void(VoidSale { idempotency_key: self.key(), transaction_id, reason: "soak".to_owned() })
    }

    /// A debt as the desk saw it a moment ago, paid in whole or in part, now and then from credit or beyond the debt.
    async fn payment(&self, dice: &mut Dice, desk: &mut Desk, number: usize) -> Option<Ask> {
        let member_id = pick(&self.debtors, dice)?;
        let look = Request { desk: number, ask: Ask::LookAtDebts { member_id } };
        let Answer::Done(Done::Owes { owed, credit }) = desk.look(&look).await else { return None };
        let usable = owed.min(credit);
        let part = rounded(owed / 2);
        let roll = dice.below(10);
        let (credit_minor, payments) = match roll {
            _ if owed == 0 => return None,
            0..=2 if usable > 0 => (usable, Vec::new()),
            3..=5 if part > 0 => (0, vec![cash(part, dice)]),
            6 => (0, vec![cash(rounded(owed) + 1_000, dice)]),
            7 | 8 if rounded(owed) > 0 => (0, vec![cash(rounded(owed), dice)]),
            _ => (0, vec![card(owed, dice)]),
        };
        Some(Ask::Pay(PayDebts {
            idempotency_key: self.key(),
            member_id,
            charge_ids: Vec::new(),
            credit_minor,
            payments,
            in_advance: roll == 6,
        }))
    }

    /// A payment as the desk saw it a moment ago, given back in whole or in part, in one of the ways there are.
    async fn refund(&self, dice: &mut Dice, desk: &mut Desk, number: usize) -> Option<Ask> {
        let member_id = pick(&self.buyers, dice)?;
        let look = Request { desk: number, ask: Ask::LookAtPayments { member_id } };
        let Answer::Done(Done::HasPaid { payments }) = desk.look(&look).await else { return None };
        if payments.is_empty() {
            return None;
        }
        let (payment_id, refundable) = *dice.pick(&payments);
        let amount = if dice.below(2) == 0 { refundable } else { dice.between(1, refundable) };
        let to = match dice.below(10) {
            0..=4 => RefundTo::Cash,
            5..=7 => RefundTo::CardTerminal { reference: format!("{:06}", dice.below(1_000_000)) },
            _ => RefundTo::Credit,
        };
        Some(Ask::Refund(Refund {
            idempotency_key: self.key(),
            form: RefundForm {
                payment_id,
                amount: egp(amount),
                take_back: to == RefundTo::Credit || dice.below(2) == 0,
                to,
                end_subscriptions: dice.below(4) == 0,
            },
            reason: "soak".to_owned(),
        }))
    }
}

fn keep<T>(latest: &Mutex<VecDeque<T>>, item: T) {
    let mut latest = lock(latest);
    latest.push_back(item);
    if latest.len() > REMEMBERED {
        latest.pop_front();
    }
}

fn pick<T: Copy>(latest: &Mutex<VecDeque<T>>, dice: &mut Dice) -> Option<T> {
    let latest = lock(latest);
    let at = dice.below(u64::try_from(latest.len()).unwrap_or(0));
    latest.get(usize::try_from(at).unwrap_or(0)).copied()
}

fn egp(minor: i64) -> Money {
    Money::new(minor, "EGP")
}

/// What coins there are can pay: the nearest multiple.
fn rounded(minor: i64) -> i64 {
    (minor + COIN / 2) / COIN * COIN
}

/// Every other time counted exactly, otherwise with a note too many.
fn cash(minor: i64, dice: &mut Dice) -> Payment {
    let tendered = (dice.below(2) == 0).then(|| egp(minor + 5_000));
    Payment { method: Method::Cash, amount: egp(minor), tendered, reference: None }
}

fn card(minor: i64, dice: &mut Dice) -> Payment {
    let slip = format!("{:06}", dice.below(1_000_000));
    Payment { method: Method::CardTerminal, amount: egp(minor), tendered: None, reference: Some(slip) }
}
