//! Plays an operation through the product's services: looks up what it needs, asks, and keeps what was answered.
use super::script::{Op, What};
use chrono::{NaiveDate, TimeDelta};
use gatehouse_core::actor::Actor;
use gatehouse_core::checkin::service::check_in;
use gatehouse_core::checkin::wire::{CheckIn, Source, Who};
use gatehouse_core::demo::dice::Dice;
use gatehouse_core::error::Error;
use gatehouse_core::expenses::service as expenses;
use gatehouse_core::expenses::wire::{CreateExpense, ExpenseForm};
use gatehouse_core::ids::{ExpenseId, MemberId, PlanId, ScanId, TransactionId};
use gatehouse_core::members::service as members;
use gatehouse_core::members::wire::{ChooseMember, MemberForm, RegisterMember, UpdateMember};
use gatehouse_core::money::Money;
use gatehouse_core::payments::refund::refund;
use gatehouse_core::payments::service::{debts, member_payments, pay_debts};
use gatehouse_core::payments::wire::{Method, PayDebts, Payment, Refund, RefundForm, RefundTo};
use gatehouse_core::plans::service::set_price;
use gatehouse_core::plans::wire::SetPrice;
use gatehouse_core::sales::service::{sale_preview, sell};
use gatehouse_core::sales::void::void_sale;
use gatehouse_core::sales::wire::{Basket, Line, Sell, VoidSale};
use gatehouse_core::services::Services;
use gatehouse_core::subscriptions::acts::{act, preview};
use gatehouse_core::subscriptions::service::member_subscriptions;
use gatehouse_core::subscriptions::wire::{Act, DoAct, PreviewAct};
use uuid::Uuid;

/// A request with all that it says; sent again after a lost answer, it is the same.
#[derive(Clone, Debug)]
pub enum Ask {
    Register {
        id: MemberId,
        form: MemberForm,
    },
    /// `mark` is what the editor wrote into the field that is only theirs.
    Edit {
        id: MemberId,
        form: Box<MemberForm>,
        shown: Box<MemberForm>,
        mark: String,
    },
    Sell(Sell),
    Pay(PayDebts),
    Refund(Refund),
    Void(VoidSale),
    Act(DoAct),
    CheckIn(CheckIn),
    Expense {
        id: ExpenseId,
        form: ExpenseForm,
    },
    Price(SetPrice),
}

/// What was answered as done, by where it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ack {
    Row {
        table: &'static str,
        id: Uuid,
    },
    Edit {
        member: Uuid,
        mark: String,
    },
    /// Nothing new, or nothing that has an id.
    Repeat,
}

/// Somebody who works: at a branch's desk, or at headquarters.
pub struct Desk {
    pub services: Services,
    pub actor: Actor,
    /// The field of members that only they write: see [`own_field`].
    pub name: String,
    pub plans: Vec<PlanId>,
    pub last_sale: Option<TransactionId>,
}

impl Desk {
    /// Looks up what the operation needs. None when there is nothing to do: no debt, no subscription.
    pub async fn prepare(&mut self, op: &Op) -> Result<Option<Ask>, Error> {
        let mut dice = Dice::new(op.roll);
        let member_id = MemberId(op.member);
        Ok(match op.what {
            What::Register => {
                let form = MemberForm {
                    full_name: format!("Member {}", dice.below(1_000_000)),
                    language: "en".to_owned(),
                    ..MemberForm::default()
                };
                Some(Ask::Register { id: member_id, form })
            }
            What::Edit => Some(self.edit(member_id, &mut dice).await?),
            What::Sell => {
                let line = Line::New { plan_id: *dice.pick(&self.plans), starts_on: None };
                self.sale(op.id, Basket::of(member_id, line), &mut dice).await?
            }
            What::Renew => match self.subscription(member_id, &mut dice).await? {
                Some(subscription_id) => {
                    let line = Line::Renew { subscription_id, from_old_end: false };
                    self.sale(op.id, Basket { member_id: None, lines: vec![line] }, &mut dice).await?
                }
                None => None,
            },
            What::Pay => self.payment(op.id, member_id, &mut dice).await?,
            What::Refund => self.refund(op.id, member_id, &mut dice).await?,
            What::Void => self.last_sale.take().map(|transaction_id| {
                Ask::Void(VoidSale { idempotency_key: op.id, transaction_id, reason: "soak".to_owned() })
            }),
            What::Freeze => {
                let days = i32::try_from(dice.between(1, 5)).unwrap_or(1);
                self.act(op.id, member_id, Act::Freeze { from: None, days }, &mut dice).await?
            }
            What::Gift => {
                let days = i32::try_from(dice.between(1, 9)).unwrap_or(1);
                self.act(op.id, member_id, Act::Gift { days, visits: 0 }, &mut dice).await?
            }
            What::CheckIn => Some(Ask::CheckIn(CheckIn {
                scan_id: ScanId(op.id),
                who: Who::Member(member_id),
                source: Source::Search,
            })),
            What::Expense => {
                let form = ExpenseForm {
                    category: "repairs".to_owned(),
                    supplier: None,
                    description: format!("Bill {}", dice.below(1_000)),
                    amount_minor: dice.between(1, 100_000),
                    tax_minor: 0,
                    incurred_on: NaiveDate::from_ymd_opt(2026, 3, 1).unwrap_or_default(),
                    due_on: None,
                };
                Some(Ask::Expense { id: ExpenseId(op.id), form })
            }
            What::Price => {
                let from = self.services.now().date_naive() + TimeDelta::days(dice.between(0, 2));
                let price_minor = dice.between(300, 900) * 100;
                let plan_id = *dice.pick(&self.plans);
                Some(Ask::Price(SetPrice { plan_id, from, price_minor, only_this_branch: false }))
            }
        })
    }

    /// Asks; what was done.
    pub async fn ask(&mut self, ask: Ask) -> Result<Ack, Error> {
        let (services, actor) = (&self.services, &self.actor);
        let row = |table, id| Ack::Row { table, id };
        let booked = |transaction: TransactionId| row("ledger_transactions", transaction.0);
        Ok(match ask {
            Ask::Register { id, form } => {
                members::register(services, actor, RegisterMember { id, form }).await?;
                row("members", id.0)
            }
            Ask::Edit { id, form, shown, mark } => {
                members::update(services, actor, UpdateMember { id, form: *form, shown: Some(*shown) })
                    .await?;
                Ack::Edit { member: id.0, mark }
            }
            Ask::Sell(request) => {
                let sale = sell(services, actor, request).await?;
                self.last_sale = Some(sale.transaction_id);
                booked(sale.transaction_id)
            }
            Ask::Pay(request) => booked(pay_debts(services, actor, request).await?.transaction_id),
            Ask::Refund(request) => booked(refund(services, actor, request).await?.transaction_id),
            Ask::Void(request) => booked(void_sale(services, actor, request).await?.transaction_id),
            Ask::Act(request) => row("subscription_events", act(services, actor, request).await?.event_id.0),
            Ask::CheckIn(request) => {
                let scan = request.scan_id;
                let verdict = check_in(services, actor, request).await?;
                // Shown again, and not stored again.
                if verdict.repeated { Ack::Repeat } else { row("scans", scan.0) }
            }
            Ask::Expense { id, form } => {
                expenses::create(services, actor, CreateExpense { id, form, file_base64: None }).await?;
                row("expenses", id.0)
            }
            Ask::Price(request) => {
                set_price(services, actor, request).await?;
                Ack::Repeat
            }
        })
    }

    /// A field that everybody writes, and one that only this desk does.
    async fn edit(&self, id: MemberId, dice: &mut Dice) -> Result<Ask, Error> {
        let member = members::get(&self.services, &self.actor, ChooseMember { member_id: id }).await?;
        let mut form = member.form.clone();
        let mark = format!("{:08x}", dice.below(1 << 32));
        form.custom_fields.insert(own_field(&self.name), mark.clone());
        if dice.below(2) == 0 {
            form.goal = Some(format!("{} {mark}", self.name));
        }
        Ok(Ask::Edit { id, form: form.into(), shown: member.form.into(), mark })
    }

    /// Paid in cash, by card, or not yet.
    async fn sale(&self, key: Uuid, basket: Basket, dice: &mut Dice) -> Result<Option<Ask>, Error> {
        let seen = sale_preview(&self.services, &self.actor, basket.clone()).await?;
        let total = seen.total.minor;
        let payments = match dice.below(10) {
            0..=5 => vec![cash(total)],
            6..=7 => vec![card(total, dice)],
            8 => vec![cash(total / 2)],
            _ => Vec::new(),
        };
        let paid: i64 = payments.iter().map(|payment| payment.amount.minor).sum();
        Ok(Some(Ask::Sell(Sell {
            idempotency_key: key,
            basket,
            expected_total: seen.total,
            expected_starts_on: seen.lines.iter().find_map(|line| line.starts_on),
            credit_minor: 0,
            payments,
            owe_until: (paid < total).then(|| NaiveDate::from_ymd_opt(2027, 1, 1).unwrap_or_default()),
        })))
    }

    async fn payment(&self, key: Uuid, member_id: MemberId, dice: &mut Dice) -> Result<Option<Ask>, Error> {
        let debts = debts(&self.services, &self.actor, ChooseMember { member_id }).await?;
        let (owed, credit) = (debts.owed.minor, debts.credit.minor);
        let in_advance = owed == 0 && dice.below(3) == 0;
        if owed == 0 && !in_advance {
            return Ok(None);
        }
        let (credit_minor, payments) = match dice.below(4) {
            _ if in_advance => (0, vec![cash(dice.between(1_000, 9_000))]),
            0 if credit > 0 => (credit.min(owed), Vec::new()),
            1 if owed > 1 => (0, vec![cash(owed / 2)]),
            _ => (0, vec![card(owed, dice)]),
        };
        Ok(Some(Ask::Pay(PayDebts {
            idempotency_key: key,
            member_id,
            charge_ids: Vec::new(),
            credit_minor,
            payments,
            in_advance,
        })))
    }

    async fn refund(&self, key: Uuid, member_id: MemberId, dice: &mut Dice) -> Result<Option<Ask>, Error> {
        let paid = member_payments(&self.services, &self.actor, ChooseMember { member_id }).await?.rows;
        let left: Vec<_> = paid.into_iter().filter(|payment| payment.refundable.minor > 0).collect();
        if left.is_empty() {
            return Ok(None);
        }
        let payment = dice.pick(&left);
        let refundable = payment.refundable.minor;
        let amount = if dice.below(2) == 0 { refundable } else { dice.between(1, refundable) };
        let to = match dice.below(3) {
            0 => RefundTo::Cash,
            1 => RefundTo::CardTerminal { reference: format!("{:06}", dice.below(1_000_000)) },
            _ => RefundTo::Credit,
        };
        Ok(Some(Ask::Refund(Refund {
            idempotency_key: key,
            form: RefundForm {
                payment_id: payment.payment_id,
                amount: egp(amount),
                take_back: to == RefundTo::Credit || dice.below(2) == 0,
                to,
                end_subscriptions: dice.below(4) == 0,
            },
            reason: "soak".to_owned(),
        })))
    }

    async fn act(
        &self,
        key: Uuid,
        member_id: MemberId,
        what: Act,
        dice: &mut Dice,
    ) -> Result<Option<Ask>, Error> {
        let Some(subscription_id) = self.subscription(member_id, dice).await? else { return Ok(None) };
        let request = PreviewAct { subscription_id, act: what.clone() };
        let seen = preview(&self.services, &self.actor, request).await?;
        Ok(Some(Ask::Act(DoAct {
            idempotency_key: key,
            subscription_id,
            act: what,
            version: seen.version,
            reason: Some("soak".to_owned()),
            expected_due: seen.due,
            payments: Vec::new(),
            owe_until: None,
        })))
    }

    /// One of the member's, wherever it was sold.
    async fn subscription(
        &self,
        member_id: MemberId,
        dice: &mut Dice,
    ) -> Result<Option<gatehouse_core::ids::SubscriptionId>, Error> {
        let rows = member_subscriptions(&self.services, &self.actor, ChooseMember { member_id }).await?.rows;
        Ok((!rows.is_empty()).then(|| dice.pick(&rows).id))
    }
}

/// The member's field that only the desk of that name writes.
pub fn own_field(desk: &str) -> String {
    format!("of {desk}")
}

fn egp(minor: i64) -> Money {
    Money::new(minor, "EGP")
}

fn cash(minor: i64) -> Payment {
    Payment { method: Method::Cash, amount: egp(minor), tendered: None, reference: None }
}

fn card(minor: i64, dice: &mut Dice) -> Payment {
    let slip = format!("{:06}", dice.below(1_000_000));
    Payment { method: Method::CardTerminal, amount: egp(minor), tendered: None, reference: Some(slip) }
}
