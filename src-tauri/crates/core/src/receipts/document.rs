//! What a receipt says, frozen when it is issued. Its JSON is what is kept, hashed and printed again years later, so
//! it repeats names, rates and the currency's exponent instead of pointing at rows that change.
use chrono::{NaiveDate, NaiveDateTime};
use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// The content of one receipt. Amounts are minor units of `currency` and, whichever way the money went, above zero:
/// the kind says the way. A discount or a rounding down is below.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct ReceiptDocument {
    pub kind: ReceiptKind,
    /// Branch, till and gapless number: `1-2-000123`.
    pub number: String,
    pub language: Language,
    pub issuer: Issuer,
    /// The branch's wall clock.
    pub issued_at: NaiveDateTime,
    pub business_day: NaiveDate,
    pub staff_name: String,
    pub member: Option<ReceiptMember>,
    /// Who paid, where it was not the member: a parent, a company.
    pub payer: Option<String>,
    /// ISO 4217 code.
    pub currency: String,
    /// The currency's decimal places ([`crate::money::exponent`]) on that day.
    pub exponent: u32,
    pub lines: Vec<ReceiptLine>,
    pub totals: Totals,
    pub payments: Vec<ReceiptPayment>,
    /// Cash handed over, where it was more than its payment.
    pub tendered: Option<i64>,
    pub change: Option<i64>,
    /// What stays to be paid of this sale.
    pub still_due: Option<i64>,
    /// What the member has in credit afterwards.
    pub credit: Option<i64>,
    /// The receipt that a refund or a void takes back.
    pub original_number: Option<String>,
    pub reason: Option<String>,
    /// The branch's own lines below.
    pub footer: Vec<String>,
}

impl ReceiptDocument {
    /// True when cash went into the drawer or out of it.
    pub fn moves_cash(&self) -> bool {
        matches!(self.kind, ReceiptKind::CashIn | ReceiptKind::CashOut)
            || self.payments.iter().any(|payment| payment.method == PaidBy::Cash && payment.amount != 0)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, TS, sqlx::Type)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum ReceiptKind {
    Sale,
    /// Money for what was sold before.
    Payment,
    Refund,
    /// A sale taken back as if it had not been.
    Void,
    CashIn,
    CashOut,
}

/// A language receipts are written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum Language {
    En,
    Ar,
    Hi,
}

impl Language {
    /// BCP 47
    pub fn tag(self) -> &'static str {
        match self {
            Self::En => "en",
            Self::Ar => "ar",
            Self::Hi => "hi",
        }
    }
}

/// Who issues it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Issuer {
    pub gym_name: String,
    pub branch_name: String,
    pub address: Vec<String>,
    pub tax_number: Option<String>,
    pub till_name: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct ReceiptMember {
    pub name: String,
    pub native_name: Option<String>,
    pub number: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct ReceiptLine {
    pub description: String,
    pub native_description: Option<String>,
    pub quantity: i64,
    /// Price of one: with its tax when `tax_included`, otherwise without.
    pub unit: i64,
    /// The whole line with its tax.
    pub gross: i64,
    /// Basis points (1400 is 14 %); none for what is not taxed.
    pub tax_rate: Option<u32>,
    pub tax: i64,
    pub tax_included: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Totals {
    pub net: i64,
    /// One row for each rate.
    pub taxes: Vec<TaxTotal>,
    pub gross: i64,
    /// What cash rounding added; below zero where it took away.
    pub rounding: i64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct TaxTotal {
    /// Basis points.
    pub rate: u32,
    pub net: i64,
    pub tax: i64,
}

/// How a part was paid, or paid back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct ReceiptPayment {
    pub method: PaidBy,
    pub amount: i64,
    /// The slip or transfer number as [`mask`] leaves it.
    pub reference: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum PaidBy {
    Cash,
    CardTerminal,
    Upi,
    BankTransfer,
    Voucher,
    Paymob,
    Paypal,
    Credit,
}

/// A reference as paper may show it: its last four characters, and fewer of a short one, so that it can be compared
/// and not be used.
pub fn mask(reference: &str) -> String {
    let characters = reference.chars().count();
    let shown = (characters / 2).min(4);
    let end: String = reference.chars().skip(characters - shown).collect();
    format!("****{end}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_shows_only_its_end() {
        for (reference, shown) in [
            ("123456789012", "****9012"),
            ("0042", "****42"),
            ("7", "****"),
            ("", "****"),
            ("أبجدهوزح", "****هوزح"),
        ] {
            assert_eq!(mask(reference), shown);
        }
    }

    /// A receipt as it was kept on the first day. It must read, and be written in the same letters, or its hash breaks.
    #[test]
    fn a_kept_receipt_is_written_as_it_was() {
        let kept = concat!(
            r#"{"kind":"sale","number":"1-2-000123","language":"en","issuer":{"gym_name":"Nile Strength","#,
            r#""branch_name":"Zamalek","address":["14 Hassan Sabry St."],"tax_number":"123-456-789","#,
            r#""till_name":"Front desk"},"issued_at":"2026-11-21T18:04:30","business_day":"2026-11-21","#,
            r#""staff_name":"Salma Fathy","member":{"name":"Mona Adel","native_name":"منى عادل","#,
            r#""number":"1000018"},"payer":null,"currency":"EGP","exponent":2,"lines":[{"description":"Shake","#,
            r#""native_description":null,"quantity":2,"unit":9500,"gross":19000,"tax_rate":1400,"tax":2333,"#,
            r#""tax_included":true}],"totals":{"net":16667,"taxes":[{"rate":1400,"net":16667,"tax":2333}],"#,
            r#""gross":19000,"rounding":0},"payments":[{"method":"card_terminal","amount":19000,"#,
            r#""reference":"****7755"}],"tendered":null,"change":null,"still_due":null,"credit":null,"#,
            r#""original_number":null,"reason":null,"footer":["Thank you."]}"#
        );
        let document: ReceiptDocument = serde_json::from_str(kept).unwrap();
        assert_eq!(serde_json::to_string(&document).unwrap(), kept);
        assert!(!document.moves_cash());
    }
}
