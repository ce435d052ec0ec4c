//! Amounts as PayPal writes them: decimal text with as many digits as PayPal takes of the currency.
use crate::gateways::GatewayError;
use gatehouse_core::money::{LARGEST_MINOR, Money, exponent};
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Amount {
    currency_code: String,
    value: String,
}

/// Digits after the point that PayPal takes, for the currencies it takes at all. Forint and Taiwan dollar have two by
/// ISO 4217 and none here. Source: <https://developer.paypal.com/api/rest/reference/currency-codes/>.
fn digits(currency: &str) -> Option<u32> {
    Some(match currency {
        "HUF" | "JPY" | "TWD" => 0,
        "AUD" | "BRL" | "CAD" | "CHF" | "CNY" | "CZK" | "DKK" | "EUR" | "GBP" | "HKD" | "ILS" | "MXN"
        | "MYR" | "NOK" | "NZD" | "PHP" | "PLN" | "SEK" | "SGD" | "THB" | "USD" => 2,
        _ => return None,
    })
}

/// # Errors
/// [`GatewayError::Refused`] before anything is sent: `currency_not_supported`, `amount_not_payable`,
/// `amount_has_decimals` (of a currency that PayPal takes in whole units).
pub fn to_wire(money: &Money) -> Result<Amount, GatewayError> {
    let (Some(digits), Some(exponent)) = (digits(&money.currency), exponent(&money.currency)) else {
        return Err(GatewayError::refused("currency_not_supported"));
    };
    if money.minor <= 0 || money.minor > LARGEST_MINOR {
        return Err(GatewayError::refused("amount_not_payable"));
    }
    let (unit, step) = (10_i64.pow(exponent), 10_i64.pow(exponent.saturating_sub(digits)));
    if money.minor % step != 0 {
        return Err(GatewayError::refused("amount_has_decimals"));
    }
    let whole = money.minor / unit;
    let value = match digits {
        0 => whole.to_string(),
        _ => format!("{whole}.{:0width$}", money.minor % unit, width = exponent as usize),
    };
    Ok(Amount { currency_code: money.currency.clone(), value })
}

/// # Errors
/// [`GatewayError::Malformed`] for what is no amount of a currency that PayPal takes.
pub fn of_wire(amount: &Amount) -> Result<Money, GatewayError> {
    let malformed =
        || GatewayError::Malformed(format!("an amount of {} {}", amount.value, amount.currency_code));
    let exponent = digits(&amount.currency_code).and_then(|_| exponent(&amount.currency_code));
    let exponent = exponent.ok_or_else(malformed)? as usize;
    let (whole, fraction) = amount.value.split_once('.').unwrap_or((&amount.value, "0"));
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    // More digits than the currency has are taken if they say nothing: "500.00" yen.
    let (kept, dropped) = fraction.split_at_checked(exponent).unwrap_or((fraction, ""));
    if !is_number(whole) || !is_number(fraction) || dropped.bytes().any(|b| b != b'0') {
        return Err(malformed());
    }
    let minor: i64 = format!("{whole}{kept:0<exponent$}").parse().map_err(|_| malformed())?;
    if minor > LARGEST_MINOR {
        return Err(malformed());
    }
    Ok(Money::new(minor, amount.currency_code.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wire(value: &str, currency: &str) -> Amount {
        Amount { currency_code: currency.into(), value: value.into() }
    }

    #[test]
    fn amounts_go_there_and_back() {
        for (minor, currency, value) in [
            (1, "USD", "0.01"),
            (10, "USD", "0.10"),
            (1_000, "EUR", "10.00"),
            (123_456, "GBP", "1234.56"),
            (500, "JPY", "500"),
            // Two digits by ISO 4217, none at PayPal.
            (150_000, "HUF", "1500"),
            (9_900, "TWD", "99"),
            (LARGEST_MINOR, "USD", "90071992547409.91"),
        ] {
            let money = Money::new(minor, currency);
            assert_eq!(to_wire(&money), Ok(wire(value, currency)), "{minor} {currency}");
            assert_eq!(of_wire(&wire(value, currency)), Ok(money), "{value} {currency}");
        }
    }

    #[test]
    fn what_paypal_cannot_take_is_refused_before_it_is_sent() {
        for (minor, currency, code) in [
            (1_000, "EGP", "currency_not_supported"),
            (1_000, "KWD", "currency_not_supported"),
            (1_000, "INR", "currency_not_supported"),
            (150_050, "HUF", "amount_has_decimals"),
            (1, "TWD", "amount_has_decimals"),
            (0, "USD", "amount_not_payable"),
            (-1, "USD", "amount_not_payable"),
            (LARGEST_MINOR + 1, "USD", "amount_not_payable"),
        ] {
            assert_eq!(
                to_wire(&Money::new(minor, currency)),
                Err(GatewayError::refused(code)),
                "{minor} {currency}"
            );
        }
    }

    #[test]
    fn other_spellings_of_the_same_amount_are_read() {
        for (value, currency, minor) in [
            ("5", "USD", 500),
            ("5.5", "USD", 550),
            ("5.500", "USD", 550),
            ("500.00", "JPY", 500),
            ("0007.10", "EUR", 710),
        ] {
            assert_eq!(
                of_wire(&wire(value, currency)),
                Ok(Money::new(minor, currency)),
                "{value} {currency}"
            );
        }
    }

    #[test]
    fn what_is_no_amount_is_not_read() {
        for (value, currency) in [
            ("", "USD"),
            (".5", "USD"),
            ("5.", "USD"),
            ("-5.00", "USD"),
            ("+5.00", "USD"),
            ("5,00", "USD"),
            ("1e3", "USD"),
            ("5.001", "USD"),
            ("0.5", "JPY"),
            ("5.00.00", "USD"),
            ("٥.00", "USD"),
            ("99999999999999999999.00", "USD"),
            ("5.00", "EGP"),
            ("5.00", "usd"),
        ] {
            assert!(
                matches!(of_wire(&wire(value, currency)), Err(GatewayError::Malformed(_))),
                "{value} {currency}"
            );
        }
    }
}
