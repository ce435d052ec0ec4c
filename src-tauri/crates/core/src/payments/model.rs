//! Whether what is handed over pays what is due.
use crate::error::Error;
use crate::members::form::line;
use crate::money::{LARGEST_MINOR, Money};
use crate::payments::wire::{Method, Payment};

/// Ways of paying one sale at most.
const MOST_PARTS: usize = 10;
/// Characters of a terminal's slip number.
const REFERENCE_LENGTH: usize = 64;

impl Method {
    /// The ledger account that money paid this way lands on.
    pub fn account(self) -> &'static str {
        match self {
            Self::Cash => "cash",
            Self::CardTerminal => "card_terminal",
        }
    }
}

/// Payments that pay a total exactly, and what goes back to the member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settled {
    pub payments: Vec<Payment>,
    pub change: Money,
}

/// Checks payments against what is due: each above zero and in its currency, together exactly the total. Cash
/// may be tendered above its amount; a card slip has its number.
///
/// # Errors
/// [`Error::Invalid`] in `payments` with one of `too_many`, `currency_wrong`, `amount_not_positive`,
/// `amount_too_large`, `tendered_too_little`, `tendered_not_cash`, `reference_required`, `payments_do_not_match`.
pub fn settle(total: &Money, payments: Vec<Payment>) -> Result<Settled, Error> {
    let refused = |code| Err(Error::invalid("payments", code));
    if payments.len() > MOST_PARTS {
        return refused("too_many");
    }
    let mut paid: i64 = 0;
    let mut change: i64 = 0;
    let mut settled = Vec::with_capacity(payments.len());
    for payment in payments {
        let amount = &payment.amount;
        if amount.currency != total.currency {
            return refused("currency_wrong");
        }
        if amount.minor <= 0 {
            return refused("amount_not_positive");
        }
        if amount.minor > LARGEST_MINOR {
            return refused("amount_too_large");
        }
        if let Some(tendered) = &payment.tendered {
            if payment.method != Method::Cash {
                return refused("tendered_not_cash");
            }
            if tendered.currency != total.currency {
                return refused("currency_wrong");
            }
            if tendered.minor < amount.minor {
                return refused("tendered_too_little");
            }
            if tendered.minor > LARGEST_MINOR {
                return refused("amount_too_large");
            }
            change += tendered.minor - amount.minor;
        }
        let typed = payment.reference.as_deref().unwrap_or_default();
        let reference = line("reference", typed, REFERENCE_LENGTH)?;
        if payment.method == Method::CardTerminal && reference.is_none() {
            return refused("reference_required");
        }
        // At most ten amounts below 2^53 each: no overflow.
        paid += amount.minor;
        settled.push(Payment { reference, ..payment });
    }
    if paid != total.minor {
        return Err(Error::Invalid {
            field: "payments",
            code: "payments_do_not_match",
            params: serde_json::json!({ "due": total.minor, "given": paid, "currency": total.currency }),
        });
    }
    Ok(Settled { payments: settled, change: Money::new(change, total.currency.clone()) })
}

#[cfg(test)]
mod tests {
    use super::*;

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
        let settled = settle(&egp(75_000), vec![cash(75_000, Some(80_000))]).expect("paid");
        assert_eq!(settled.change, egp(5_000));
    }

    #[test]
    fn a_sale_can_be_paid_in_two_ways() {
        let settled =
            settle(&egp(75_000), vec![cash(25_000, Some(30_000)), card(50_000, " 0042 ")]).expect("paid");
        assert_eq!(settled.change, egp(5_000));
        assert_eq!(settled.payments[1].reference.as_deref(), Some("0042"));
    }

    #[test]
    fn nothing_due_takes_no_payment() {
        assert_eq!(settle(&egp(0), Vec::new()).expect("free").change, egp(0));
        assert!(settle(&egp(0), vec![cash(0, None)]).is_err());
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
        ] {
            match settle(&egp(75_000), payments) {
                Err(Error::Invalid { field: "payments", code: found, .. }) => assert_eq!(found, code),
                other => panic!("{code}: {other:?}"),
            }
        }
    }
}
