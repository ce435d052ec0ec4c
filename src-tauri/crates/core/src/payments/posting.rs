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
use crate::payments::wire::Method;
use chrono::{DateTime, NaiveDate, Utc};
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
    /// [`Error::Conflict`] `already_voided`, `already_settled` (somebody else paid or credited the charge, or used the
    /// payment), `refund_above_payment`, `already_confirmed`; [`Error::Invalid`] for amounts beyond 2^53 - 1.
    pub async fn write(mut self, db: &mut PgConnection, actor: &Actor) -> Result<Fingerprint, Error> {
        if self.entries.iter().any(|entry| entry.amount.abs() > LARGEST_MINOR) {
            return Err(Error::invalid("amount", "amount_too_large"));
        }
        self.entries.sort_by_key(|entry| entry.id);
        let digest = self.digest();
        self.write_transaction(db, actor, &digest).await?;
        self.write_charges(db).await?;
        self.write_payments(db).await?;
        self.write_allocations(db).await?;
        self.write_credits(db).await?;
        self.write_refunds(db).await?;
        Ok(digest)
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

    async fn write_transaction(
        &self,
        db: &mut PgConnection,
        actor: &Actor,
        digest: &[u8],
    ) -> Result<(), Error> {
        let header = &self.header;
        let ids: Vec<Uuid> = self.entries.iter().map(|entry| entry.id).collect();
        let accounts: Vec<&str> = self.entries.iter().map(|entry| entry.account).collect();
        let members: Vec<Option<Uuid>> =
            self.entries.iter().map(|entry| entry.member.map(|id| id.0)).collect();
        let amounts: Vec<i64> = self.entries.iter().map(|entry| entry.amount).collect();
        sqlx::query!(
            "with opened as (
                 insert into ledger_transactions (id, branch_id, kind, at, business_day, idempotency_key, reverses_id, account_id,
                     desk_id, reason, digest)
                 values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
             )
             insert into ledger_entries (id, transaction_id, account, member_id, amount, currency)
             select id, $1, account, member, amount, $12
             from unnest($13::uuid[], $14::text[], $15::uuid[], $16::bigint[]) as entry (id, account, member, amount)",
            header.id.0,
            actor.branch()?.0,
            header.kind.as_str(),
            header.at,
            header.business_day,
            header.idempotency_key,
            header.reverses.map(|id| id.0),
            actor.account().map(|id| id.0),
            actor.desk().ok().map(|id| id.0),
            header.reason,
            digest,
            header.currency,
            &ids,
            &accounts as &[&str],
            &members as &[Option<Uuid>],
            &amounts
        )
        .execute(db)
        .await
        .map_err(refused)?;
        Ok(())
    }

    async fn write_charges(&self, db: &mut PgConnection) -> Result<(), Error> {
        for (id, charge) in &self.charges {
            sqlx::query!(
                "insert into charges (id, transaction_id, member_id, payer_id, subscription_id, product_id, description, quantity,
                     unit_amount, amount, tax_name, tax_bp, tax_amount, currency, due_on, earned)
                 values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)",
                id.0,
                self.header.id.0,
                charge.member.map(|id| id.0),
                charge.payer.map(|id| id.0),
                charge.subscription.map(|id| id.0),
                charge.product.map(|id| id.0),
                charge.description,
                charge.quantity,
                charge.unit_amount,
                charge.amount,
                charge.tax_name,
                charge.tax_bp,
                charge.tax_amount,
                self.header.currency,
                charge.due_on,
                charge.earned.as_str()
            )
            .execute(&mut *db)
            .await
            .map_err(refused)?;
        }
        Ok(())
    }

    async fn write_payments(&self, db: &mut PgConnection) -> Result<(), Error> {
        for (id, payment) in &self.payments {
            sqlx::query!(
                "insert into payments (id, transaction_id, member_id, method, amount, currency, tendered, reference, shift_id,
                     request_id, voucher_id)
                 values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
                id.0,
                self.header.id.0,
                payment.payer.map(|id| id.0),
                payment.method as Method,
                payment.amount,
                self.header.currency,
                payment.tendered,
                payment.reference,
                payment.shift.map(|id| id.0),
                payment.request.map(|id| id.0),
                payment.voucher.map(|id| id.0)
            )
            .execute(&mut *db)
            .await
            .map_err(refused)?;
        }
        Ok(())
    }

    async fn write_allocations(&self, db: &mut PgConnection) -> Result<(), Error> {
        if self.allocations.is_empty() {
            return Ok(());
        }
        let ids: Vec<Uuid> = self.allocations.iter().map(|_| AllocationId::new(self.header.at).0).collect();
        let payments: Vec<Uuid> = self.allocations.iter().map(|(payment, _, _)| payment.0).collect();
        let charges: Vec<Uuid> = self.allocations.iter().map(|(_, charge, _)| charge.0).collect();
        let amounts: Vec<i64> = self.allocations.iter().map(|(_, _, amount)| *amount).collect();
        sqlx::query!(
            "insert into allocations (id, transaction_id, payment_id, charge_id, amount)
             select id, $1, payment, charge, amount
             from unnest($2::uuid[], $3::uuid[], $4::uuid[], $5::bigint[]) as part (id, payment, charge, amount)",
            self.header.id.0,
            &ids,
            &payments,
            &charges,
            &amounts
        )
        .execute(db)
        .await
        .map_err(refused)?;
        Ok(())
    }

    async fn write_credits(&self, db: &mut PgConnection) -> Result<(), Error> {
        for credit in &self.credits {
            sqlx::query!(
                "insert into charge_credits (id, transaction_id, charge_id, kind, amount, tax_amount) values ($1, $2, $3, $4, $5, $6)",
                CreditId::new(self.header.at).0,
                self.header.id.0,
                credit.charge.0,
                credit.kind.as_str(),
                credit.amount,
                credit.tax_amount
            )
            .execute(&mut *db)
            .await
            .map_err(refused)?;
        }
        Ok(())
    }

    async fn write_refunds(&self, db: &mut PgConnection) -> Result<(), Error> {
        for refund in &self.refunds {
            sqlx::query!(
                "insert into refunds (id, transaction_id, payment_id, method, amount, currency, reference, shift_id, request_id)
                 values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
                RefundId::new(self.header.at).0,
                self.header.id.0,
                refund.payment.0,
                refund.method as Method,
                refund.amount,
                self.header.currency,
                refund.reference,
                refund.shift.map(|id| id.0),
                refund.request.map(|id| id.0)
            )
            .execute(&mut *db)
            .await
            .map_err(refused)?;
        }
        Ok(())
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

fn refused(error: sqlx::Error) -> Error {
    match Error::constraint(&error) {
        Some("ledger_transactions_reverses_key") => Error::conflict("already_voided"),
        Some("open_charges_not_overpaid" | "payment_balances_not_overused") => {
            Error::conflict("already_settled")
        }
        Some("payment_balances_not_overrefunded") => Error::conflict("refund_above_payment"),
        Some("payments_request_key" | "refunds_request_key") => Error::conflict("already_confirmed"),
        Some("vouchers_not_overspent") => Error::conflict("voucher_spent"),
        _ => error.into(),
    }
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
