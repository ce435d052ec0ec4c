//! What may happen to a request, pure.
use crate::error::Error;
use crate::money::Money;
use crate::payments::requests::wire::RequestState;

/// What a gateway says became of an order, by message or asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Report {
    /// Nothing yet.
    Pending,
    Paid {
        /// The gateway's id of the payment; what a refund names.
        capture: String,
        amount: Money,
    },
    /// The last attempt failed; the payer may try again.
    Failed { reason: String },
    /// Paid and given back, wholly or partly, by whomever.
    Refunded { capture: String, amount: Money, refunded: Money },
}

/// What is to be done about a report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// It says nothing new.
    Nothing,
    Confirm {
        capture: String,
    },
    /// Another amount or currency: told, never booked.
    Mismatch {
        capture: String,
        found: Money,
    },
    Fail {
        reason: String,
    },
}

/// Decides what a report means for a payment that was asked for. A late payment counts: money that came for a request
/// that was given up is money that came.
pub fn step(asked: &Money, state: RequestState, report: &Report) -> Step {
    use RequestState as S;
    if matches!(state, S::Confirmed | S::Mismatch) {
        return Step::Nothing;
    }
    match report {
        Report::Paid { capture, amount } if amount == asked => Step::Confirm { capture: capture.clone() },
        Report::Paid { capture, amount } => {
            Step::Mismatch { capture: capture.clone(), found: amount.clone() }
        }
        // It came and went without us: somebody has to look at it.
        Report::Refunded { capture, amount, refunded } => Step::Mismatch {
            capture: capture.clone(),
            found: Money::new(amount.minor - refunded.minor, amount.currency.clone()),
        },
        Report::Failed { reason } if matches!(state, S::Created | S::Ordered | S::Claimed) => {
            Step::Fail { reason: reason.clone() }
        }
        Report::Failed { .. } | Report::Pending => Step::Nothing,
    }
}

/// What somebody at the desk wants with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish {
    Claim,
    Confirm,
    Cancel,
}

/// # Errors
/// [`Error::Conflict`] `request_closed`, or `request_confirmed` where it is too late.
pub fn allow(state: RequestState, wish: Wish) -> Result<(), Error> {
    use RequestState as S;
    match (state, wish) {
        (S::Confirmed, _) => Err(Error::conflict("request_confirmed")),
        // A transfer may turn up in the statement after it was given up.
        (_, Wish::Confirm) => Ok(()),
        (S::Cancelled | S::Expired, _) => Err(Error::conflict("request_closed")),
        // The gateway may be giving it back at this moment.
        (S::Sent, Wish::Cancel) => Err(Error::conflict("request_under_way")),
        (_, Wish::Claim | Wish::Cancel) => Ok(()),
    }
}

/// Our reference: `GH` and ten letters and digits that are not mistaken for each other (Crockford's base 32), 50 random
/// bits. Letters and digits only, as UPI wants it.
pub fn reference() -> String {
    const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    let code = crate::random::bytes::<10>().map(|byte| char::from(ALPHABET[usize::from(byte & 31)]));
    format!("GH{}", code.iter().collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use RequestState as S;

    fn egp(minor: i64) -> Money {
        Money::new(minor, "EGP")
    }

    fn paid(amount: Money) -> Report {
        Report::Paid { capture: "c".into(), amount }
    }

    const ALL: [RequestState; 9] = [
        S::Created,
        S::Sent,
        S::Ordered,
        S::Claimed,
        S::Confirmed,
        S::Failed,
        S::Expired,
        S::Cancelled,
        S::Mismatch,
    ];

    #[test]
    fn what_was_asked_for_is_confirmed_once_however_late_it_comes() {
        for state in ALL {
            let expected = match state {
                S::Confirmed | S::Mismatch => Step::Nothing,
                _ => Step::Confirm { capture: "c".into() },
            };
            assert_eq!(step(&egp(100), state, &paid(egp(100))), expected, "{state:?}");
        }
    }

    #[test]
    fn another_amount_or_currency_is_never_confirmed() {
        for found in [egp(99), egp(101), egp(1), Money::new(100, "USD"), Money::new(100, "egp")] {
            for state in ALL {
                let expected = match state {
                    S::Confirmed | S::Mismatch => Step::Nothing,
                    _ => Step::Mismatch { capture: "c".into(), found: found.clone() },
                };
                assert_eq!(step(&egp(100), state, &paid(found.clone())), expected, "{state:?} {found:?}");
            }
        }
    }

    #[test]
    fn what_came_and_went_is_to_be_looked_at() {
        let report = Report::Refunded { capture: "c".into(), amount: egp(100), refunded: egp(30) };
        let expected = Step::Mismatch { capture: "c".into(), found: egp(70) };
        assert_eq!(step(&egp(100), S::Ordered, &report), expected);
        assert_eq!(step(&egp(100), S::Confirmed, &report), Step::Nothing);
    }

    #[test]
    fn a_failed_attempt_is_told_once_and_undoes_nothing() {
        let report = Report::Failed { reason: "declined".into() };
        for state in ALL {
            let expected = match state {
                S::Created | S::Ordered | S::Claimed => Step::Fail { reason: "declined".into() },
                _ => Step::Nothing,
            };
            assert_eq!(step(&egp(100), state, &report), expected, "{state:?}");
            assert_eq!(step(&egp(100), state, &Report::Pending), Step::Nothing, "{state:?}");
        }
    }

    #[test]
    fn a_request_that_is_over_is_not_reopened_by_hand() {
        for (state, wish, allowed) in [
            (S::Created, Wish::Claim, true),
            (S::Claimed, Wish::Confirm, true),
            (S::Cancelled, Wish::Confirm, true),
            (S::Cancelled, Wish::Claim, false),
            (S::Expired, Wish::Cancel, false),
            (S::Sent, Wish::Cancel, false),
            (S::Mismatch, Wish::Cancel, true),
            (S::Confirmed, Wish::Claim, false),
            (S::Confirmed, Wish::Confirm, false),
            (S::Confirmed, Wish::Cancel, false),
        ] {
            assert_eq!(allow(state, wish).is_ok(), allowed, "{state:?} {wish:?}");
        }
    }

    #[test]
    fn a_reference_fits_every_gateway() {
        let reference = reference();
        assert_eq!(reference.len(), 12);
        assert!(reference.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit()), "{reference}");
    }
}
