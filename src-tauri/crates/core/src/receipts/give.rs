//! Giving out a receipt: its document from what was posted.
use crate::error::Error;
use crate::ids::{ReceiptId, ShiftId, TransactionId};
use crate::money::Money;
use crate::payments::batch::{Batch, NUMBER, bytea};
use crate::payments::posting::Fingerprint;
use crate::payments::wire::{Method, Payment};
use crate::receipts::document::{
    Issuer, Language, PaidBy, ReceiptDocument, ReceiptKind, ReceiptLine, ReceiptMember, ReceiptPayment,
    TaxTotal, Totals, mask,
};
use crate::sales::store::Counter;
use serde_json::json;
use sqlx::PgConnection;
use std::collections::BTreeMap;

/// What is to be put on paper besides the place and the member. Amounts in minor units.
#[derive(Debug)]
pub struct Slip<'a> {
    pub id: ReceiptId,
    pub kind: ReceiptKind,
    pub transaction: TransactionId,
    pub digest: &'a Fingerprint,
    pub shift: Option<ShiftId>,
    pub lines: Vec<ReceiptLine>,
    pub payments: &'a [Payment],
    /// Paid from the payer's credit.
    pub credit_used: i64,
    /// What cash rounding added; below zero where it took away.
    pub rounding: i64,
    pub change: Option<&'a Money>,
    pub still_due: i64,
    pub original_number: Option<String>,
    pub reason: Option<&'a str>,
}

/// Writes the receipt and gives its number; the last thing in a transaction before its answer is stored.
pub async fn give(db: &mut PgConnection, counter: &Counter, slip: Slip<'_>) -> Result<i64, Error> {
    let mut batch = Batch::default();
    add(&mut batch, counter, &slip)?;
    batch.write(db).await?.ok_or(Error::Internal("a receipt without a number".to_owned()))
}

/// Adds the receipt to a batch.
pub fn add(batch: &mut Batch, counter: &Counter, slip: &Slip<'_>) -> Result<(), Error> {
    let document = serde_json::to_string(&document(counter, slip))
        .map_err(|error| Error::Internal(error.to_string()))?;
    let receipt = json!({
        "id": slip.id, "branch_id": counter.branch, "till_id": counter.till, "kind": slip.kind,
        "transaction_id": slip.transaction, "digest": bytea(slip.digest), "shift_id": slip.shift,
        "member_id": counter.customer.as_ref().map(|customer| customer.member), "at": counter.now,
        "business_day": counter.today,
    });
    batch.give(receipt, document);
    Ok(())
}

/// The number as people read it: branch code, till, running number.
pub fn number_text(branch_code: &str, till_number: i16, number: i64) -> String {
    numbered(branch_code, till_number, &format!("{number:06}"))
}

fn numbered(branch_code: &str, till_number: i16, number: &str) -> String {
    format!("{branch_code}-{till_number}-{number}")
}

fn document(counter: &Counter, slip: &Slip<'_>) -> ReceiptDocument {
    let paper = &counter.paper;
    let some = |minor: i64| (minor != 0).then_some(minor);
    let tendered: i64 = slip
        .payments
        .iter()
        .filter(|payment| payment.tendered.as_ref().is_some_and(|tendered| *tendered != payment.amount))
        .filter_map(|payment| payment.tendered.as_ref().map(|tendered| tendered.minor))
        .sum();
    let mut payments: Vec<ReceiptPayment> = slip.payments.iter().map(paid).collect();
    if slip.credit_used != 0 {
        payments.push(ReceiptPayment { method: PaidBy::Credit, amount: slip.credit_used, reference: None });
    }
    let other_payer = counter.customer.as_ref().filter(|customer| customer.payer != customer.member);
    ReceiptDocument {
        kind: slip.kind,
        number: numbered(&paper.branch_code, paper.till_number, NUMBER),
        language: match paper.language.as_str() {
            "ar" => Language::Ar,
            "hi" => Language::Hi,
            _ => Language::En,
        },
        issuer: Issuer {
            gym_name: paper.gym.clone(),
            branch_name: paper.branch.clone(),
            address: lines_of(paper.address.as_deref()),
            tax_number: paper.tax_number.clone(),
            till_name: paper.till_name.clone(),
        },
        issued_at: counter.now.with_timezone(&paper.time_zone).naive_local(),
        business_day: counter.today,
        staff_name: paper.staff.clone().unwrap_or_default(),
        member: paper.member_name.clone().zip(paper.member_number.clone()).map(|(name, number)| {
            ReceiptMember { name, native_name: paper.member_native_name.clone(), number }
        }),
        payer: other_payer.map(|customer| customer.payer_name.clone()),
        currency: counter.currency.clone(),
        exponent: crate::money::exponent(&counter.currency).unwrap_or(2),
        totals: totals(&slip.lines, slip.rounding),
        lines: slip.lines.clone(),
        payments,
        tendered: some(tendered),
        change: slip.change.and_then(|change| some(change.minor)),
        still_due: some(slip.still_due),
        credit: None,
        original_number: slip.original_number.clone(),
        reason: slip.reason.map(str::to_owned),
        footer: lines_of(paper.footer.as_deref()),
    }
}

fn lines_of(text: Option<&str>) -> Vec<String> {
    text.unwrap_or_default()
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .map(str::to_owned)
        .collect()
}

fn paid(payment: &Payment) -> ReceiptPayment {
    ReceiptPayment {
        method: match payment.method {
            Method::Cash => PaidBy::Cash,
            Method::CardTerminal => PaidBy::CardTerminal,
            Method::Upi => PaidBy::Upi,
            Method::BankTransfer => PaidBy::BankTransfer,
            Method::Voucher => PaidBy::Voucher,
            Method::Paymob => PaidBy::Paymob,
            Method::PayPal => PaidBy::Paypal,
        },
        amount: payment.amount.minor,
        reference: payment.reference.as_deref().map(mask),
    }
}

fn totals(lines: &[ReceiptLine], rounding: i64) -> Totals {
    let gross: i64 = lines.iter().map(|line| line.gross).sum();
    let tax: i64 = lines.iter().map(|line| line.tax).sum();
    let mut rates: BTreeMap<u32, TaxTotal> = BTreeMap::new();
    for line in lines {
        let Some(rate) = line.tax_rate else { continue };
        let total = rates.entry(rate).or_insert(TaxTotal { rate, net: 0, tax: 0 });
        total.net += line.gross - line.tax;
        total.tax += line.tax;
    }
    Totals { net: gross - tax, taxes: rates.into_values().collect(), gross, rounding }
}
