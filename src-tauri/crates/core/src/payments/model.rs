//! Whether what is handed over pays what is due.
use crate::error::Error;
use crate::members::form::line;
use crate::money::{LARGEST_MINOR, Money};
use crate::payments::posting::account;
use crate::payments::wire::{Ageing, Method, Payment};
use chrono::NaiveDate;

/// Ways of paying one sale at most.
const MOST_PARTS: usize = 10;
/// Characters of a reference: a slip number, a transfer, a voucher.
pub const REFERENCE_LENGTH: usize = 64;

impl Method {
    /// The ledger account that money paid this way lands on.
    pub fn account(self) -> &'static str {
        match self {
            Self::Cash => account::CASH,
            Self::CardTerminal => "card_terminal",
            Self::Upi => "upi",
            Self::BankTransfer => account::BANK_TRANSFER,
            Self::Voucher => account::VOUCHER,
            Self::Paymob => "paymob",
            Self::PayPal => "paypal",
        }
    }

    /// True where a desk can take it; a gateway's payments come from the gateway.
    pub fn is_taken_at_desk(self) -> bool {
        !matches!(self, Self::Paymob | Self::PayPal)
    }
}

/// Payments checked against a total.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settled {
    pub payments: Vec<Payment>,
    /// To hand back.
    pub change: Money,
    /// What rounding the cash gave up (above zero) or took too much (below), in minor units.
    pub rounding: i64,
    /// What is still due afterwards, in minor units.
    pub owed: i64,
}

/// How a total may be paid.
#[derive(Clone, Copy, Debug)]
pub struct Terms {
    /// Cash is rounded to a multiple of this many minor units; 1 is not at all.
    pub cash_rounding: i64,
    /// Part of the total may stay owed.
    pub may_owe: bool,
}

/// Checks payments against what is due: each above zero and in its currency, together exactly the total, or less
/// where some may stay owed. Cash may be tendered above its amount, and where coins are short the part in cash is
/// rounded; every other way has its reference.
///
/// # Errors
/// [`Error::Invalid`] in `payments` with one of `too_many`, `currency_wrong`, `amount_not_positive`,
/// `amount_too_large`, `method_not_at_desk`, `tendered_too_little`, `tendered_not_cash`, `reference_required`,
/// `utr_wrong`, `payments_do_not_match`.
pub fn settle(total: &Money, payments: Vec<Payment>, terms: Terms) -> Result<Settled, Error> {
    let refused = |code| Err(Error::invalid("payments", code));
    if payments.len() > MOST_PARTS {
        return refused("too_many");
    }
    let (mut cash, mut other, mut change) = (0_i64, 0_i64, 0_i64);
    let mut settled = Vec::with_capacity(payments.len());
    for payment in payments {
        let payment = checked(payment, &total.currency)?;
        // At most ten amounts below 2^53 each: no overflow.
        let minor = payment.amount.minor;
        *(if payment.method == Method::Cash { &mut cash } else { &mut other }) += minor;
        change += payment.tendered.as_ref().map_or(0, |tendered| tendered.minor - minor);
        settled.push(payment);
    }
    let in_cash = total.minor - other;
    let rounding = if cash > 0 && cash == rounded(in_cash, terms.cash_rounding) { in_cash - cash } else { 0 };
    let owed = total.minor - cash - other - rounding;
    let is_countable = cash % terms.cash_rounding.max(1) == 0;
    if !is_countable || owed < 0 || (owed > 0 && !terms.may_owe) {
        return Err(Error::Invalid {
            field: "payments",
            code: "payments_do_not_match",
            params: serde_json::json!({ "due": total.minor, "given": cash + other, "currency": total.currency }),
        });
    }
    let change = Money::new(change, total.currency.clone());
    Ok(Settled { payments: settled, change, rounding, owed })
}

/// Sorts debts, each with its due day, by the days since. In minor units.
pub fn ageing(debts: &[(i64, NaiveDate)], today: NaiveDate, currency: &str) -> Ageing {
    let mut ageing = Ageing { currency: currency.to_owned(), ..Ageing::default() };
    for (owed, due_on) in debts {
        let column = match (today - *due_on).num_days() {
            ..=0 => &mut ageing.not_due,
            1..=30 => &mut ageing.days_1_30,
            31..=60 => &mut ageing.days_31_60,
            61..=90 => &mut ageing.days_61_90,
            _ => &mut ageing.days_over_90,
        };
        *column += owed;
        ageing.owed += owed;
    }
    ageing
}

/// The nearest multiple of `step`; half a step rounds up. Below zero it is zero.
pub fn rounded(minor: i64, step: i64) -> i64 {
    if step <= 1 {
        return minor.max(0);
    }
    (minor.max(0) + step / 2) / step * step
}

fn checked(payment: Payment, currency: &str) -> Result<Payment, Error> {
    let refused = |code| Err(Error::invalid("payments", code));
    let amount = &payment.amount;
    if amount.currency != currency {
        return refused("currency_wrong");
    }
    if amount.minor <= 0 {
        return refused("amount_not_positive");
    }
    if amount.minor > LARGEST_MINOR {
        return refused("amount_too_large");
    }
    if !payment.method.is_taken_at_desk() {
        return refused("method_not_at_desk");
    }
    if let Some(tendered) = &payment.tendered {
        if payment.method != Method::Cash {
            return refused("tendered_not_cash");
        }
        if tendered.currency != currency {
            return refused("currency_wrong");
        }
        if tendered.minor < amount.minor {
            return refused("tendered_too_little");
        }
        if tendered.minor > LARGEST_MINOR {
            return refused("amount_too_large");
        }
    }
    let typed = payment.reference.as_deref().unwrap_or_default();
    let reference = line("reference", typed, REFERENCE_LENGTH)?;
    if payment.method != Method::Cash && reference.is_none() {
        return refused("reference_required");
    }
    // NPCI: the unique transaction reference of a transfer by UPI is twelve digits.
    let is_utr = |text: &String| text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit());
    if payment.method == Method::Upi && !reference.as_ref().is_some_and(is_utr) {
        return refused("utr_wrong");
    }
    Ok(Payment { reference, ..payment })
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXACT: Terms = Terms { cash_rounding: 1, may_owe: false };

    fn egp(minor: i64) -> Money {
        Money::new(minor, "EGP")
    }

    fn cash(minor: i64, tendered: Option<i64>) -> Payment {
        Payment { method: Method::Cash, amount: egp(minor), tendered: tendered.map(egp), reference: None }
    }

    fn card(minor: i64, reference: &str) -> Payment {
        Payment {
            method: Method::CardTerminal,
            amount: egp(minor),
            tendered: None,
            reference: Some(reference.into()),
        }
    }

    #[test]
    fn cash_above_the_amount_gives_change() {
        let settled = settle(&egp(75_000), vec![cash(75_000, Some(80_000))], EXACT).expect("paid");
        assert_eq!(settled.change, egp(5_000));
    }

    #[test]
    fn a_sale_can_be_paid_in_two_ways() {
        let settled = settle(&egp(75_000), vec![cash(25_000, Some(30_000)), card(50_000, " 0042 ")], EXACT)
            .expect("paid");
        assert_eq!(settled.change, egp(5_000));
        assert_eq!(settled.payments[1].reference.as_deref(), Some("0042"));
    }

    #[test]
    fn nothing_due_takes_no_payment() {
        assert_eq!(settle(&egp(0), Vec::new(), EXACT).expect("free").change, egp(0));
        assert!(settle(&egp(0), vec![cash(0, None)], EXACT).is_err());
    }

    #[test]
    fn what_does_not_pay_the_total_is_refused() {
        let other = Payment { amount: Money::new(75_000, "USD"), ..cash(75_000, None) };
        let other_tender = Payment { tendered: Some(Money::new(80_000, "USD")), ..cash(75_000, None) };
        let slip_with_change = Payment { tendered: Some(egp(80_000)), ..card(75_000, "7") };
        for (payments, code) in [
            (vec![], "payments_do_not_match"),
            (vec![cash(74_999, None)], "payments_do_not_match"),
            (vec![cash(75_001, None)], "payments_do_not_match"),
            (vec![cash(40_000, None), cash(40_000, None)], "payments_do_not_match"),
            (vec![cash(80_000, None), cash(-5_000, None)], "amount_not_positive"),
            (vec![cash(75_000, None), cash(0, None)], "amount_not_positive"),
            (vec![cash(75_000, Some(74_999))], "tendered_too_little"),
            (vec![cash(75_000, Some(i64::MAX))], "amount_too_large"),
            (vec![cash(i64::MAX, None), cash(i64::MAX, None)], "amount_too_large"),
            (vec![card(75_000, " ")], "reference_required"),
            (vec![other], "currency_wrong"),
            (vec![other_tender], "currency_wrong"),
            (vec![slip_with_change], "tendered_not_cash"),
            (vec![cash(1, None); 11], "too_many"),
            (vec![Payment { method: Method::Upi, ..card(75_000, "12345") }], "utr_wrong"),
            (vec![Payment { method: Method::Upi, ..card(75_000, "12345678901x") }], "utr_wrong"),
            (vec![Payment { method: Method::Paymob, ..card(75_000, "1") }], "method_not_at_desk"),
            (vec![Payment { method: Method::Voucher, ..card(75_000, "") }], "reference_required"),
        ] {
            match settle(&egp(75_000), payments, EXACT) {
                Err(Error::Invalid { field: "payments", code: found, .. }) => assert_eq!(found, code),
                other => panic!("{code}: {other:?}"),
            }
        }
    }

    #[test]
    fn what_is_not_paid_stays_owed_where_it_may() {
        let terms = Terms { may_owe: true, ..EXACT };
        let settled = settle(&egp(75_000), vec![cash(25_000, None)], terms).expect("a part");
        assert_eq!(settled.owed, 50_000);
        assert_eq!(settle(&egp(75_000), Vec::new(), terms).expect("nothing yet").owed, 75_000);
        assert!(settle(&egp(75_000), vec![cash(75_001, None)], terms).is_err());
    }

    #[test]
    fn only_the_part_in_cash_is_rounded() {
        let terms = Terms { cash_rounding: 5, may_owe: false };
        for (total, payments, rounding) in [
            (1_002, vec![cash(1_000, None)], Some(2)),
            (1_003, vec![cash(1_005, None)], Some(-2)),
            (1_003, vec![card(1_003, "7")], Some(0)),
            (1_003, vec![card(500, "7"), cash(505, None)], Some(-2)),
            (1_002, vec![cash(1_002, None)], None),
            (1_002, vec![cash(1_005, None)], None),
            (1_000, vec![cash(1_000, None)], Some(0)),
        ] {
            let settled = settle(&egp(total), payments.clone(), terms);
            assert_eq!(settled.ok().map(|settled| settled.rounding), rounding, "{total} by {payments:?}");
        }
    }

    #[test]
    fn debts_age_by_the_days_since_they_were_due() {
        let today: NaiveDate = "2026-11-21".parse().expect("a day");
        let due = |days: i64| today - chrono::TimeDelta::days(days);
        let debts: Vec<_> = [-5, 0, 1, 30, 31, 60, 61, 90, 91, 400]
            .into_iter()
            .zip(0..)
            .map(|(days, n)| (1 << n, due(days)))
            .collect();
        let aged = ageing(&debts, today, "EGP");
        assert_eq!(
            (aged.not_due, aged.days_1_30, aged.days_31_60, aged.days_61_90, aged.days_over_90, aged.owed),
            (0b11, 0b1100, 0b11_0000, 0b1100_0000, 0b11_0000_0000, 0b11_1111_1111)
        );
    }
}
