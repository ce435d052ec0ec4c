//! One posting: everything that a money write adds to the ledger, in balance by construction.
//!
//! A charge debits the payer's receivable and credits revenue and tax. A payment debits where the money lands and
//! credits the receivable. A credit takes a charge back, a refund a payment. Debits are positive, and a transaction
//! sums to zero. An allocation says which payment settles which charge and moves nothing in the ledger.
use crate::actor::Actor;
use crate::error::Error;
use crate::ids::{
    AllocationId, ChargeId, CreditId, MemberId, PaymentId, ProductId, RefundId, RequestId, ShiftId,
    SubscriptionId, TransactionId, VoucherId, new_id,
};
use crate::money::LARGEST_MINOR;
use crate::payments::batch::{Batch, bytea, refused};
use crate::payments::wire::Method;
use chrono::{DateTime, NaiveDate, Utc};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use sqlx::PgConnection;
use std::fmt::Write as _;
use uuid::Uuid;

/// Accounts of the ledger besides those of [`Method::account`].
pub mod account {
    /// What members owe; below zero, what the gym owes them.
    pub const RECEIVABLE: &str = "receivable";
    pub const REVENUE: &str = "revenue";
    pub const TAX: &str = "tax";
    /// What rounding cash gave or took.
    pub const ROUNDING: &str = "rounding";
    pub const WRITE_OFF: &str = "write_off";
    /// Vouchers sold and not yet spent.
    pub const VOUCHER: &str = "voucher";
    pub const CASH: &str = "cash";
    /// Cash taken out of the drawers.
    pub const SAFE: &str = "safe";
    /// What a count found too much or too little.
    pub const CASH_DIFFERENCE: &str = "cash_difference";
    pub const EXPENSE: &str = "expense";
    pub const BANK_TRANSFER: &str = "bank_transfer";
    /// What an older system had taken before this ledger began.
    pub const OPENING: &str = "opening";
}

/// The account that a charge credits; as stored in `charges.earned`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, sqlx::Type)]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum Earned {
    Revenue,
    /// A voucher is earned when it is spent.
    Voucher,
    Rounding,
}

impl Earned {
    fn as_str(self) -> &'static str {
        match self {
            Self::Revenue => account::REVENUE,
            Self::Voucher => account::VOUCHER,
            Self::Rounding => account::ROUNDING,
        }
    }
}

/// Why the transaction was made; as stored in `ledger_transactions.kind`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Sale,
    Renewal,
    TakeOver,
    Void,
    /// Another plan instead of the one that runs.
    Change,
    Transfer,
    Cancellation,
    Payment,
    Refund,
    CreditNote,
    WriteOff,
    /// Credit of a member put to a charge.
    Allocation,
    CashIn,
    CashOut,
    ShiftOpened,
    ShiftClosed,
    Expense,
    Voucher,
    Import,
}

impl Kind {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sale => "sale",
            Self::Renewal => "renewal",
            Self::TakeOver => "take_over",
            Self::Void => "void",
            Self::Change => "change",
            Self::Transfer => "transfer",
            Self::Cancellation => "cancellation",
            Self::Payment => "payment",
            Self::Refund => "refund",
            Self::CreditNote => "credit_note",
            Self::WriteOff => "write_off",
            Self::Allocation => "allocation",
            Self::CashIn => "cash_in",
            Self::CashOut => "cash_out",
            Self::ShiftOpened => "shift_opened",
            Self::ShiftClosed => "shift_closed",
            Self::Expense => "expense",
            Self::Voucher => "voucher",
            Self::Import => "import",
        }
    }
}

/// What is the same for everything in a posting.
#[derive(Clone, Debug)]
pub struct Header {
    pub id: TransactionId,
    pub kind: Kind,
    pub at: DateTime<Utc>,
    pub business_day: NaiveDate,
    /// ISO 4217; a posting has one currency.
    pub currency: String,
    pub idempotency_key: Uuid,
    pub reverses: Option<TransactionId>,
    pub reason: Option<String>,
}

/// What somebody is to pay for. Amounts in minor units, tax included.
#[derive(Clone, Debug)]
pub struct NewCharge {
    /// Whom it is for; none for a walk-in.
    pub member: Option<MemberId>,
    /// Who owes it.
    pub payer: Option<MemberId>,
    pub subscription: Option<SubscriptionId>,
    pub product: Option<ProductId>,
    pub description: String,
    pub quantity: i32,
    pub unit_amount: i64,
    pub amount: i64,
    pub tax_name: Option<String>,
    pub tax_bp: i32,
    pub tax_amount: i64,
    pub due_on: NaiveDate,
    /// Where it is earned.
    pub earned: Earned,
}

/// Money that came in.
#[derive(Clone, Debug)]
pub struct NewPayment {
    pub payer: Option<MemberId>,
    pub method: Method,
    pub amount: i64,
    /// Cash handed over.
    pub tendered: Option<i64>,
    pub reference: Option<String>,
    pub shift: Option<ShiftId>,
    pub request: Option<RequestId>,
    pub voucher: Option<VoucherId>,
}

/// Money that goes back.
#[derive(Clone, Debug)]
pub struct NewRefund {
    pub payment: PaymentId,
    /// Who had paid it.
    pub payer: Option<MemberId>,
    pub method: Method,
    pub amount: i64,
    pub reference: Option<String>,
    pub shift: Option<ShiftId>,
    pub request: Option<RequestId>,
}

/// How a charge is taken back; as stored in `charge_credits.kind`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CreditKind {
    Void,
    CreditNote,
    WriteOff,
    Rounding,
}

impl CreditKind {
    fn as_str(self) -> &'static str {
        match self {
            Self::Void => "void",
            Self::CreditNote => "credit_note",
            Self::WriteOff => "write_off",
            Self::Rounding => "rounding",
        }
    }
}

/// A charge, or a part of one, that is taken back.
#[derive(Clone, Debug)]
pub struct NewCredit {
    pub charge: ChargeId,
    pub payer: Option<MemberId>,
    pub kind: CreditKind,
    pub amount: i64,
    /// Part of it that is tax; a write-off keeps the tax owed.
    pub tax_amount: i64,
    /// Where the charge was earned.
    pub earned: Earned,
}

struct Entry {
    id: Uuid,
    account: &'static str,
    member: Option<MemberId>,
    amount: i64,
}

/// Collects a posting and writes it.
pub struct Posting {
    header: Header,
    entries: Vec<Entry>,
    charges: Vec<(ChargeId, NewCharge)>,
    payments: Vec<(PaymentId, NewPayment)>,
    allocations: Vec<(PaymentId, ChargeId, i64)>,
    credits: Vec<NewCredit>,
    refunds: Vec<NewRefund>,
}

/// SHA-256 of a transaction's canonical text; `verify` computes it anew.
pub type Fingerprint = Vec<u8>;

impl Posting {
    pub fn new(header: Header) -> Self {
        Self {
            header,
            entries: Vec::new(),
            charges: Vec::new(),
            payments: Vec::new(),
            allocations: Vec::new(),
            credits: Vec::new(),
            refunds: Vec::new(),
        }
    }

    pub fn header(&self) -> &Header {
        &self.header
    }

    /// What is due. Nothing due is no charge.
    pub fn charge(&mut self, charge: NewCharge) -> Option<ChargeId> {
        if charge.amount == 0 {
            return None;
        }
        let id = ChargeId::new(self.header.at);
        self.entry(account::RECEIVABLE, charge.payer, charge.amount);
        self.entry(charge.earned.as_str(), None, charge.tax_amount - charge.amount);
        self.entry(account::TAX, None, -charge.tax_amount);
        self.charges.push((id, charge));
        Some(id)
    }

    /// Money that came in.
    pub fn pay(&mut self, payment: NewPayment) -> PaymentId {
        let id = PaymentId::new(self.header.at);
        self.entry(self.funds(payment.method), None, payment.amount);
        self.entry(account::RECEIVABLE, payment.payer, -payment.amount);
        self.payments.push((id, payment));
        id
    }

    /// Where money of this posting comes to or goes from. What an older system took was never in a drawer here.
    fn funds(&self, method: Method) -> &'static str {
        if self.header.kind == Kind::Import { account::OPENING } else { method.account() }
    }

    /// A payment settles a charge; a negative amount takes that back.
    pub fn allocate(&mut self, payment: PaymentId, charge: ChargeId, amount: i64) {
        if amount != 0 {
            self.allocations.push((payment, charge, amount));
        }
    }

    /// Takes a charge back. What was paid for it has to be taken off it first.
    pub fn credit(&mut self, credit: NewCredit) {
        if credit.amount == 0 {
            return;
        }
        self.entry(account::RECEIVABLE, credit.payer, -credit.amount);
        match credit.kind {
            CreditKind::Void | CreditKind::CreditNote => {
                self.entry(credit.earned.as_str(), None, credit.amount - credit.tax_amount);
                self.entry(account::TAX, None, credit.tax_amount);
            }
            CreditKind::WriteOff => self.entry(account::WRITE_OFF, None, credit.amount),
            CreditKind::Rounding => self.entry(account::ROUNDING, None, credit.amount),
        }
        self.credits.push(credit);
    }

    /// Money goes back; what it had settled has to be taken off it first.
    pub fn refund(&mut self, refund: NewRefund) {
        if refund.amount == 0 {
            return;
        }
        self.entry(self.funds(refund.method), None, -refund.amount);
        self.entry(account::RECEIVABLE, refund.payer, refund.amount);
        self.refunds.push(refund);
    }

    /// An entry of its own; the caller sees to the balance.
    pub fn entry(&mut self, account: &'static str, member: Option<MemberId>, amount: i64) {
        if amount != 0 {
            self.entries.push(Entry { id: new_id(self.header.at), account, member, amount });
        }
    }

    /// Writes it all. Within a transaction; nothing commits here.
    ///
    /// # Errors
    /// As [`Posting::into_batch`] and [`refused`].
    pub async fn write(self, db: &mut PgConnection, actor: &Actor) -> Result<Fingerprint, Error> {
        let mut batch = Batch::default();
        let digest = self.into_batch(actor, &mut batch)?;
        batch.write(db).await.map_err(refused)?;
        Ok(digest)
    }

    /// Adds its rows to a batch.
    ///
    /// # Errors
    /// [`Error::Invalid`] for amounts beyond 2^53 - 1.
    pub fn into_batch(mut self, actor: &Actor, batch: &mut Batch) -> Result<Fingerprint, Error> {
        if self.entries.iter().any(|entry| entry.amount.abs() > LARGEST_MINOR) {
            return Err(Error::invalid("amount", "amount_too_large"));
        }
        self.entries.sort_by_key(|entry| entry.id);
        let digest = self.digest();
        if self.settles_others() {
            batch.hold_what_is_settled();
        }
        let header = &self.header;
        let (transaction, currency) = (header.id, &header.currency);
        batch.add(
            "ledger_transactions",
            json!({
                "id": transaction, "branch_id": actor.branch()?, "kind": header.kind.as_str(), "at": header.at,
                "business_day": header.business_day, "idempotency_key": header.idempotency_key,
                "reverses_id": header.reverses, "account_id": actor.account(), "desk_id": actor.desk().ok(),
                "reason": header.reason, "digest": bytea(&digest),
            }),
        );
        for entry in &self.entries {
            batch.add(
                "ledger_entries",
                json!({
                    "id": entry.id, "transaction_id": transaction, "account": entry.account,
                    "member_id": entry.member, "amount": entry.amount, "currency": currency,
                }),
            );
        }
        for (id, charge) in &self.charges {
            batch.add("charges", charge.row(*id, header));
        }
        for (id, payment) in &self.payments {
            batch.add("payments", payment.row(*id, header));
        }
        for (payment, charge, amount) in &self.allocations {
            batch.add(
                "allocations",
                json!({
                    "id": AllocationId::new(header.at), "transaction_id": transaction, "payment_id": payment,
                    "charge_id": charge, "amount": amount,
                }),
            );
        }
        for credit in &self.credits {
            batch.add(
                "charge_credits",
                json!({
                    "id": CreditId::new(header.at), "transaction_id": transaction, "charge_id": credit.charge,
                    "kind": credit.kind.as_str(), "amount": credit.amount, "tax_amount": credit.tax_amount,
                }),
            );
        }
        for refund in &self.refunds {
            batch.add("refunds", refund.row(header));
        }
        Ok(digest)
    }

    /// It touches payments or charges that were there before it.
    fn settles_others(&self) -> bool {
        let own_charge = |id: ChargeId| self.charges.iter().any(|(own, _)| *own == id);
        let own_payment = |id: PaymentId| self.payments.iter().any(|(own, _)| *own == id);
        !self.refunds.is_empty()
            || self.credits.iter().any(|credit| !own_charge(credit.charge))
            || self
                .allocations
                .iter()
                .any(|(payment, charge, _)| !own_payment(*payment) || !own_charge(*charge))
    }

    fn digest(&self) -> Fingerprint {
        let header = &self.header;
        let mut text = canonical_header(
            header.id,
            header.kind.as_str(),
            header.at,
            header.business_day,
            header.reverses,
        );
        for entry in &self.entries {
            canonical_entry(
                &mut text,
                entry.account,
                entry.member.map(|id| id.0),
                entry.amount,
                &header.currency,
            );
        }
        Sha256::digest(text).to_vec()
    }
}

impl NewCharge {
    fn row(&self, id: ChargeId, header: &Header) -> Value {
        json!({
            "id": id, "transaction_id": header.id, "member_id": self.member, "payer_id": self.payer,
            "subscription_id": self.subscription, "product_id": self.product, "description": self.description,
            "quantity": self.quantity, "unit_amount": self.unit_amount, "amount": self.amount,
            "tax_name": self.tax_name, "tax_bp": self.tax_bp, "tax_amount": self.tax_amount,
            "currency": header.currency, "due_on": self.due_on, "earned": self.earned.as_str(),
        })
    }
}

impl NewPayment {
    fn row(&self, id: PaymentId, header: &Header) -> Value {
        json!({
            "id": id, "transaction_id": header.id, "member_id": self.payer, "method": self.method,
            "amount": self.amount, "currency": header.currency, "tendered": self.tendered,
            "reference": self.reference, "shift_id": self.shift, "request_id": self.request,
            "voucher_id": self.voucher,
        })
    }
}

impl NewRefund {
    fn row(&self, header: &Header) -> Value {
        json!({
            "id": RefundId::new(header.at), "transaction_id": header.id, "payment_id": self.payment,
            "method": self.method, "amount": self.amount, "currency": header.currency,
            "reference": self.reference, "shift_id": self.shift, "request_id": self.request,
        })
    }
}

/// First line of the text that a transaction's digest is made of.
pub fn canonical_header(
    id: TransactionId,
    kind: &str,
    at: DateTime<Utc>,
    business_day: NaiveDate,
    reverses: Option<TransactionId>,
) -> String {
    let reverses = reverses.map(|id| id.to_string()).unwrap_or_default();
    format!("{id}|{kind}|{}|{business_day}|{reverses}\n", at.timestamp_micros())
}

/// Adds the line of an entry; entries come in the order of their ids.
pub fn canonical_entry(text: &mut String, account: &str, member: Option<Uuid>, amount: i64, currency: &str) {
    let member = member.map(|id| id.to_string()).unwrap_or_default();
    // Writing to a String cannot fail.
    let _ = writeln!(text, "{account}|{member}|{amount}|{currency}");
}

/// Which payment settles how much of which charge, both taken in their order.
pub fn spread<P: Copy, C: Copy>(payments: &[(P, i64)], charges: &[(C, i64)]) -> Vec<(P, C, i64)> {
    let mut parts = Vec::new();
    let mut charges = charges.iter().copied();
    let mut charge = charges.next();
    for (payment, amount) in payments {
        let mut left = *amount;
        while left > 0
            && let Some((id, due)) = charge
        {
            let part = left.min(due);
            if part > 0 {
                parts.push((*payment, id, part));
            }
            left -= part;
            charge = if part == due { charges.next() } else { Some((id, due - part)) };
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn payments_settle_charges_in_their_order() {
        assert_eq!(
            spread(&[('a', 30), ('b', 70)], &[(1, 50), (2, 50)]),
            [('a', 1, 30), ('b', 1, 20), ('b', 2, 50)]
        );
        assert_eq!(spread(&[('a', 30)], &[(1, 0), (2, 50)]), [('a', 2, 30)]);
        assert_eq!(spread(&[('a', 80)], &[(1, 50)]), [('a', 1, 50)]);
        assert_eq!(spread::<char, i32>(&[], &[(1, 50)]), []);
    }

    proptest! {
        #[test]
        fn what_is_spread_is_neither_more_than_paid_nor_more_than_due(
            payments in prop::collection::vec(0_i64..10_000, 0..6),
            charges in prop::collection::vec(0_i64..10_000, 0..6),
        ) {
            let paid: Vec<_> = payments.iter().copied().enumerate().collect();
            let due: Vec<_> = charges.iter().copied().enumerate().collect();
            let parts = spread(&paid, &due);
            let sum: i64 = parts.iter().map(|part| part.2).sum();
            prop_assert_eq!(sum, payments.iter().sum::<i64>().min(charges.iter().sum()));
            for (index, amount) in &paid {
                prop_assert!(parts.iter().filter(|part| part.0 == *index).map(|part| part.2).sum::<i64>() <= *amount);
            }
            for (index, amount) in &due {
                prop_assert!(parts.iter().filter(|part| part.1 == *index).map(|part| part.2).sum::<i64>() <= *amount);
            }
            prop_assert!(parts.iter().all(|part| part.2 > 0));
        }
    }
}
