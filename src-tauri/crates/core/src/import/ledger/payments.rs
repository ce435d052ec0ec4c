//! What was paid and given back, and what it settles.
use super::books::{Books, Paid, Part};
use super::names::{Names, People};
use super::read::{Line, Place};
use super::service::{Brought, Draft, Earlier, Entry};
use super::{What, id_of, subscriptions};
use crate::actor::Actor;
use crate::audit::{self, Change};
use crate::error::Error;
use crate::ids::{ChargeId, MemberId, PaymentId, SubscriptionId, TransactionId};
use crate::import::Finding;
use crate::import::file::Record;
use crate::money::{Money, decimal};
use crate::payments::idempotency::{self, Key};
use crate::payments::posting::{
    CreditKind, Earned, Header, Kind as PostingKind, NewCredit, NewPayment, NewRefund, Posting,
};
use crate::payments::wire::Method;
use chrono::NaiveDate;
use serde::Serialize;
use sqlx::PgConnection;
use std::collections::HashMap;
use uuid::Uuid;

/// Columns of the file.
pub const COLUMNS: &[&str] = &[
    "external_id",
    "number",
    "phone",
    "email",
    "date",
    "amount",
    "currency",
    "method",
    "reference",
    "subscription",
    "refunds",
];

/// A line as typed.
struct Typed {
    line: u64,
    external_id: String,
    names: Names,
    date: NaiveDate,
    amount: Money,
    method: Method,
    reference: Option<String>,
    /// External ids of the subscription paid for, and of the payment given back.
    subscription: Option<String>,
    refunds: Option<String>,
}

/// Money that came in or went back, to be brought in.
#[derive(Clone, Debug)]
pub struct Moved {
    pub line: u64,
    pub key: Key,
    external_id: String,
    payer: MemberId,
    date: NaiveDate,
    amount: Money,
    method: Method,
    reference: Option<String>,
    /// Key of the payment that is given back.
    refunds: Option<Uuid>,
    /// What a payment settles, or what a refund takes off charges.
    parts: Vec<Part>,
}

/// What makes a line the same line in a second run.
#[derive(Serialize)]
struct Content<'a> {
    payer: MemberId,
    date: NaiveDate,
    amount: &'a Money,
    method: Method,
    reference: Option<&'a str>,
    subscription: Option<&'a str>,
    refunds: Option<&'a str>,
}

fn key_id(place: &Place, external_id: &str) -> Uuid {
    id_of(place.branch.id.0, "payment", external_id)
}

fn method(typed: &str) -> Option<Method> {
    Some(match typed.to_lowercase().replace([' ', '-'], "_").as_str() {
        "cash" => Method::Cash,
        "card" | "card_terminal" => Method::CardTerminal,
        "upi" => Method::Upi,
        "transfer" | "bank_transfer" => Method::BankTransfer,
        "paymob" => Method::Paymob,
        "paypal" => Method::PayPal,
        // A voucher of the old system is none of ours.
        _ => return None,
    })
}

fn parse(record: &Record, place: &Place, findings: &mut Vec<Finding>) -> Option<Typed> {
    let before = findings.len();
    let mut line = Line::new(record, place, findings);
    let external_id = line.required_word("external_id");
    let names = line.names();
    let (subscription, refunds) = (line.word("subscription"), line.word("refunds"));
    if names.as_ref().is_some_and(Names::is_empty) && !line.has("subscription") && !line.has("refunds") {
        line.refuse("number", "required");
    }
    if line.has("subscription") && line.has("refunds") {
        line.refuse("subscription", "not_of_refund");
    }
    let date = line.required_day("date");
    if let Some(day) = date {
        line.past("date", day);
    }
    let amount = line.money("amount");
    if amount.as_ref().is_some_and(|amount| amount.minor == 0) {
        line.refuse("amount", "amount_not_positive");
    }
    let typed_method = line.required_word("method");
    let method = typed_method.as_deref().and_then(method);
    if typed_method.is_some() && method.is_none() {
        line.refuse("method", "method_unknown");
    }
    let reference = line.word("reference");
    let number = line.number();
    if findings.len() > before {
        return None;
    }
    Some(Typed {
        line: number,
        external_id: external_id?,
        names: names?,
        date: date?,
        amount: amount?,
        method: method?,
        reference,
        subscription,
        refunds,
    })
}

/// A payment that a refund may give back.
struct Origin {
    payer: MemberId,
    date: NaiveDate,
}

/// Everything that lines are judged by.
struct Desk<'a> {
    place: &'a Place,
    people: People,
    /// Whose subscription it is.
    subscribers: HashMap<SubscriptionId, MemberId>,
    earlier: Earlier,
    books: Books,
    origins: HashMap<Uuid, Origin>,
}

/// What of the file can come in, and everything there is to say about it.
///
/// Payments that name a subscription settle it first, then the others settle what is owed longest, then money goes
/// back; each in the order of days. So no payment takes the place of one that is meant for a charge.
pub async fn judge(
    db: &mut PgConnection,
    place: &Place,
    records: &[Record],
    findings: &mut Vec<Finding>,
) -> Result<Draft, Error> {
    let mut lines: HashMap<String, u64> = HashMap::new();
    let mut typed: Vec<Typed> = Vec::new();
    for record in records {
        let Some(row) = parse(record, place, findings) else { continue };
        if let Some(first) = lines.insert(row.external_id.clone(), row.line) {
            let other = format!("line {first}");
            findings.push(Finding::error(row.line, "external_id", "external_id_twice").with(other));
        } else {
            typed.push(row);
        }
    }
    let mut desk = Desk::look_up(db, place, &typed).await?;
    typed.sort_by_key(|row| (row.refunds.is_some(), row.subscription.is_none(), row.date, row.line));
    let mut draft = Draft::default();
    for row in typed {
        let judged = if row.refunds.is_some() {
            desk.refund(&row, &mut draft)?
        } else {
            desk.payment(&row, &mut draft, findings)?
        };
        match judged {
            Ok(Some(moved)) => draft.entries.push(Entry::Moved(moved)),
            Ok(None) => draft.already += 1,
            Err((column, code)) => findings.push(Finding::error(row.line, column, code)),
        }
    }
    Ok(draft)
}

/// A column and what is wrong in it.
type Refusal = (&'static str, &'static str);
/// What comes in; nothing when it came in earlier.
type Judged = Result<Option<Moved>, Refusal>;

impl<'a> Desk<'a> {
    async fn look_up(db: &mut PgConnection, place: &'a Place, typed: &[Typed]) -> Result<Self, Error> {
        let people = People::look_up(db, typed.iter().map(|row| &row.names)).await?;
        let ids: Vec<Uuid> = typed
            .iter()
            .filter_map(|row| row.subscription.as_deref())
            .map(|external_id| subscriptions::id(place, external_id).0)
            .collect();
        let subscribers: HashMap<SubscriptionId, MemberId> = sqlx::query!(
            r#"select id as "id: SubscriptionId", member_id as "member: MemberId" from subscriptions where id = any($1)"#,
            &ids
        )
        .fetch_all(&mut *db)
        .await?
        .into_iter()
        .map(|row| (row.id, row.member))
        .collect();
        let keys: Vec<Uuid> = typed.iter().map(|row| key_id(place, &row.external_id)).collect();
        let earlier = Earlier::look_up(db, &keys).await?;
        let payers: Vec<Uuid> = typed
            .iter()
            .filter_map(|row| people.find(&row.names).ok())
            .chain(subscribers.values().copied())
            .map(|member| member.0)
            .collect();
        let mut desk =
            Self { place, people, subscribers, earlier, books: Books::default(), origins: HashMap::new() };
        desk.open_charges(db, &payers).await?;
        let refunded: Vec<Uuid> = typed
            .iter()
            .filter_map(|row| row.refunds.as_deref())
            .map(|external_id| key_id(place, external_id))
            .collect();
        desk.earlier_payments(db, &refunded).await?;
        Ok(desk)
    }

    /// What the payers owe of what was imported, the longest first.
    async fn open_charges(&mut self, db: &mut PgConnection, payers: &[Uuid]) -> Result<(), Error> {
        let rows = sqlx::query!(
            r#"select c.id as "id: ChargeId", c.subscription_id as "subscription!: SubscriptionId", o.payer_id as "payer!: MemberId",
                   o.owed
               from open_charges o
               join charges c on c.id = o.charge_id
               join ledger_transactions t on t.id = c.transaction_id and t.kind = 'import'
               where o.payer_id = any($1) and o.currency = $2 and c.subscription_id is not null
               order by o.due_on, c.id"#,
            payers,
            self.place.branch.currency
        )
        .fetch_all(db)
        .await?;
        for row in rows {
            self.books.charge(row.id, row.subscription, row.payer, row.owed);
        }
        Ok(())
    }

    /// Payments of an earlier file that this one gives back, as far as what they are used for was imported, too.
    async fn earlier_payments(&mut self, db: &mut PgConnection, keys: &[Uuid]) -> Result<(), Error> {
        let rows = sqlx::query!(
            r#"select t.idempotency_key as key, t.business_day, p.member_id as "payer!: MemberId", b.unallocated,
                   (select coalesce(array_agg(used.charge_id order by used.due_on, used.charge_id), '{}') from (
                       select a.charge_id, c.due_on from allocations a
                       join charges c on c.id = a.charge_id and c.payer_id = p.member_id
                       join ledger_transactions i on i.id = c.transaction_id and i.kind = 'import'
                       where a.payment_id = p.id
                       group by a.charge_id, c.due_on having sum(a.amount) > 0) as used) as "charges!: Vec<ChargeId>",
                   (select coalesce(array_agg(used.amount order by used.due_on, used.charge_id), '{}') from (
                       select a.charge_id, c.due_on, sum(a.amount)::bigint as amount from allocations a
                       join charges c on c.id = a.charge_id and c.payer_id = p.member_id
                       join ledger_transactions i on i.id = c.transaction_id and i.kind = 'import'
                       where a.payment_id = p.id
                       group by a.charge_id, c.due_on having sum(a.amount) > 0) as used) as "amounts!: Vec<i64>"
               from ledger_transactions t
               join payments p on p.transaction_id = t.id and p.member_id is not null
               join payment_balances b on b.payment_id = p.id
               where t.idempotency_key = any($1) and t.kind = 'import' and p.currency = $2"#,
            keys,
            self.place.branch.currency
        )
        .fetch_all(db)
        .await?;
        for row in rows {
            let parts = row.charges.into_iter().zip(row.amounts).collect();
            self.books.paid(row.key, Paid { unallocated: row.unallocated, parts });
            self.origins.insert(row.key, Origin { payer: row.payer, date: row.business_day });
        }
        Ok(())
    }

    fn payment(
        &mut self,
        row: &Typed,
        draft: &mut Draft,
        findings: &mut Vec<Finding>,
    ) -> Result<Judged, Error> {
        let subscription = row.subscription.as_deref().map(|id| subscriptions::id(self.place, id));
        let payer = match self.payer(row, subscription) {
            Ok(payer) => payer,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let key = self.key(row, payer)?;
        match self.earlier.has(&key) {
            Ok(false) => {}
            Ok(true) => return Ok(Ok(None)),
            Err(code) => return Ok(Err(("external_id", code))),
        }
        if !draft.tally.add(What::Payments, Some(row.method), &row.amount) {
            return Ok(Err(("amount", "sum_too_large")));
        }
        let amount = row.amount.minor;
        let parts = match subscription {
            Some(subscription) => self.books.pay_for(key.id, subscription, amount),
            None => self.books.pay(key.id, payer, amount),
        };
        let settled = total(&parts);
        draft.change.owed -= settled;
        draft.change.credit += amount - settled;
        if settled < amount {
            let credit = decimal(amount - settled, &row.amount.currency);
            findings.push(Finding::warning(row.line, "amount", "above_charge").with(credit));
        }
        self.origins.insert(key.id, Origin { payer, date: row.date });
        Ok(Ok(Some(moved(row, key, payer, None, parts))))
    }

    fn refund(&mut self, row: &Typed, draft: &mut Draft) -> Result<Judged, Error> {
        let payment = key_id(self.place, row.refunds.as_deref().unwrap_or_default());
        let Some(origin) = self.origins.get(&payment) else {
            return Ok(Err(("refunds", "payment_unknown")));
        };
        let (payer, paid_on) = (origin.payer, origin.date);
        if !row.names.is_empty() && self.people.find(&row.names) != Ok(payer) {
            return Ok(Err((row.names.column(), "member_differs")));
        }
        let key = self.key(row, payer)?;
        match self.earlier.has(&key) {
            Ok(false) => {}
            Ok(true) => return Ok(Ok(None)),
            Err(code) => return Ok(Err(("external_id", code))),
        }
        if row.date < paid_on {
            return Ok(Err(("date", "refund_before_payment")));
        }
        let before = draft.tally.clone();
        if !draft.tally.add(What::Refunds, Some(row.method), &row.amount) {
            return Ok(Err(("amount", "sum_too_large")));
        }
        let Some(parts) = self.books.refund(payment, row.amount.minor) else {
            draft.tally = before;
            return Ok(Err(("amount", "refund_above_payment")));
        };
        let taken_off = total(&parts);
        draft.tally.take_off(&Money::new(taken_off, row.amount.currency.clone()));
        draft.change.credit -= row.amount.minor - taken_off;
        Ok(Ok(Some(moved(row, key, payer, Some(payment), parts))))
    }

    fn payer(&self, row: &Typed, subscription: Option<SubscriptionId>) -> Result<MemberId, Refusal> {
        let named = if row.names.is_empty() {
            None
        } else {
            Some(self.people.find(&row.names).map_err(|code| (row.names.column(), code))?)
        };
        let Some(subscription) = subscription else { return named.ok_or(("number", "required")) };
        let subscriber =
            *self.subscribers.get(&subscription).ok_or(("subscription", "subscription_unknown"))?;
        match named {
            Some(named) if named != subscriber => Err((row.names.column(), "member_differs")),
            _ => Ok(subscriber),
        }
    }

    fn key(&self, row: &Typed, payer: MemberId) -> Result<Key, Error> {
        let content = Content {
            payer,
            date: row.date,
            amount: &row.amount,
            method: row.method,
            reference: row.reference.as_deref(),
            subscription: row.subscription.as_deref(),
            refunds: row.refunds.as_deref(),
        };
        Key::of(key_id(self.place, &row.external_id), "import_payment", &content)
    }
}

fn total(parts: &[Part]) -> i64 {
    parts.iter().map(|(_, amount)| amount).sum()
}

fn moved(row: &Typed, key: Key, payer: MemberId, refunds: Option<Uuid>, parts: Vec<Part>) -> Moved {
    Moved {
        line: row.line,
        key,
        external_id: row.external_id.clone(),
        payer,
        date: row.date,
        amount: row.amount.clone(),
        method: row.method,
        // A slip without a number is known by the line it came from.
        reference: row
            .reference
            .clone()
            .or_else(|| (row.method == Method::CardTerminal).then(|| row.external_id.clone())),
        refunds,
        parts,
    }
}

/// Writes one, within a transaction.
pub async fn bring_in(
    db: &mut PgConnection,
    actor: &Actor,
    place: &Place,
    moved: &Moved,
) -> Result<(), Error> {
    let at = place.moment(moved.date)?;
    let mut posting = Posting::new(Header {
        id: TransactionId::new(at),
        kind: PostingKind::Import,
        at,
        business_day: moved.date,
        currency: moved.amount.currency.clone(),
        idempotency_key: moved.key.id,
        reverses: None,
        reason: Some(moved.external_id.clone()),
    });
    let brought = Brought { transaction_id: posting.header().id };
    idempotency::remember(db, &moved.key, &brought, place.now).await?;
    let payment = match moved.refunds {
        None => pay(&mut posting, moved),
        Some(key) => give_back(db, &mut posting, moved, key).await?,
    };
    posting.write(db, actor).await?;
    let act = if moved.refunds.is_some() { "refund.imported" } else { "payment.imported" };
    let after = serde_json::json!({
        "external_id": moved.external_id,
        "line": moved.line,
        "date": moved.date,
        "amount": moved.amount,
        "method": moved.method,
    });
    let change =
        Change { act, subject_kind: "payment", subject: Some(payment.0), before: None, after: Some(after) };
    audit::record(db, actor, place.now, change).await
}

fn pay(posting: &mut Posting, moved: &Moved) -> PaymentId {
    let payment = posting.pay(NewPayment {
        payer: Some(moved.payer),
        method: moved.method,
        amount: moved.amount.minor,
        tendered: None,
        reference: moved.reference.clone(),
        shift: None,
        request: None,
        voucher: None,
    });
    for (charge, amount) in &moved.parts {
        posting.allocate(payment, *charge, *amount);
    }
    payment
}

async fn give_back(
    db: &mut PgConnection,
    posting: &mut Posting,
    moved: &Moved,
    key: Uuid,
) -> Result<PaymentId, Error> {
    let payment = sqlx::query_scalar!(
        r#"select p.id as "id: PaymentId" from ledger_transactions t join payments p on p.transaction_id = t.id
           where t.idempotency_key = $1"#,
        key
    )
    .fetch_optional(db)
    .await?
    .ok_or(Error::NotFound("payment"))?;
    for (charge, amount) in &moved.parts {
        posting.allocate(payment, *charge, -amount);
        posting.credit(NewCredit {
            charge: *charge,
            payer: Some(moved.payer),
            kind: CreditKind::CreditNote,
            amount: *amount,
            tax_amount: 0,
            earned: Earned::Revenue,
        });
    }
    posting.refund(NewRefund {
        payment,
        payer: Some(moved.payer),
        method: moved.method,
        amount: moved.amount.minor,
        reference: moved.reference.clone(),
        shift: None,
        request: None,
    });
    Ok(payment)
}
