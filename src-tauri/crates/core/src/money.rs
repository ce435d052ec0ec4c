//! Money: whole minor units of one currency. No floats anywhere.
use crate::error::Error;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// Largest amount that survives a trip through JavaScript: 2^53 - 1 minor units.
pub const LARGEST_MINOR: i64 = 9_007_199_254_740_991;

/// An amount in minor units (piastres, cents, fils) of an ISO 4217 currency.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Money {
    pub minor: i64,
    /// ISO 4217 code, upper case.
    pub currency: String,
}

impl Money {
    pub fn new(minor: i64, currency: impl Into<String>) -> Self {
        Self { minor, currency: currency.into() }
    }

    /// Refuses an amount below zero or above 2^53 - 1, naming the field it came from.
    pub fn require_price(&self, field: &'static str) -> Result<(), Error> {
        if self.minor < 0 {
            return Err(Error::invalid(field, "amount_negative"));
        }
        if self.minor > LARGEST_MINOR {
            return Err(Error::invalid(field, "amount_too_large"));
        }
        Ok(())
    }
}

/// Minor units of an amount as people write it: digits, and a point before at most as many decimals as the currency
/// has. No separators of thousands, which elsewhere are decimal points.
///
/// # Errors
/// `currency_unknown`, `amount_negative`, `amount_format`, `too_many_decimals`, or `amount_too_large` above 2^53 - 1.
pub fn parse_minor(typed: &str, currency: &str) -> Result<i64, &'static str> {
    let exponent = exponent(currency).ok_or("currency_unknown")? as usize;
    if typed.starts_with(['-', '\u{2212}']) {
        return Err("amount_negative");
    }
    let (whole, decimals) = match typed.split_once('.') {
        Some((whole, decimals)) => (whole, Some(decimals)),
        None => (typed, None),
    };
    let is_number = |digits: &str| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number(whole) || !decimals.is_none_or(is_number) {
        return Err("amount_format");
    }
    let decimals = decimals.unwrap_or_default();
    if decimals.len() > exponent {
        return Err("too_many_decimals");
    }
    let minor = format!("{whole}{decimals:0<exponent$}").parse::<i64>();
    minor.ok().filter(|minor| *minor <= LARGEST_MINOR).ok_or("amount_too_large")
}

/// Minor units as people read them, with all decimals of the currency.
pub fn decimal(minor: i64, currency: &str) -> String {
    let exponent = exponent(currency).unwrap_or(0) as usize;
    let sign = if minor < 0 { "-" } else { "" };
    let digits = format!("{:0>width$}", minor.unsigned_abs(), width = exponent + 1);
    let (whole, decimals) = digits.split_at(digits.len() - exponent);
    let point = if exponent == 0 { "" } else { "." };
    format!("{sign}{whole}{point}{decimals}")
}

/// Digits after the decimal point (ISO 4217 exponent); `None` for a code this product does not sell in.
pub fn exponent(currency: &str) -> Option<u32> {
    Some(match currency {
        "BHD" | "IQD" | "JOD" | "KWD" | "LYD" | "OMR" | "TND" => 3,
        "CLP" | "DJF" | "GNF" | "ISK" | "JPY" | "KMF" | "KRW" | "PYG" | "RWF" | "UGX" | "VND" | "VUV"
        | "XAF" | "XOF" | "XPF" => 0,
        "AED" | "AUD" | "BDT" | "BRL" | "CAD" | "CHF" | "CNY" | "CZK" | "DKK" | "DZD" | "EGP" | "ETB"
        | "EUR" | "GBP" | "GHS" | "HKD" | "HUF" | "IDR" | "ILS" | "INR" | "KES" | "LBP" | "LKR" | "MAD"
        | "MUR" | "MXN" | "MYR" | "NGN" | "NOK" | "NPR" | "NZD" | "PEN" | "PHP" | "PKR" | "PLN" | "QAR"
        | "RON" | "RSD" | "SAR" | "SDG" | "SEK" | "SGD" | "SYP" | "THB" | "TRY" | "TWD" | "TZS" | "UAH"
        | "USD" | "YER" | "ZAR" | "ZMW" => 2,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_amount_has_the_decimals_of_its_currency_and_no_more() {
        for (typed, currency, minor) in [
            ("750", "EGP", Ok(75_000)),
            ("750.5", "EGP", Ok(75_050)),
            ("750.05", "EGP", Ok(75_005)),
            ("0.001", "KWD", Ok(1)),
            ("12.345", "KWD", Ok(12_345)),
            ("1200", "JPY", Ok(1_200)),
            ("90071992547409.91", "USD", Ok(LARGEST_MINOR)),
            ("90071992547409.92", "USD", Err("amount_too_large")),
            ("99999999999999999999999999", "JPY", Err("amount_too_large")),
            ("750.505", "EGP", Err("too_many_decimals")),
            ("12.3456", "KWD", Err("too_many_decimals")),
            ("1200.0", "JPY", Err("too_many_decimals")),
            ("-750", "EGP", Err("amount_negative")),
            ("750", "XXX", Err("currency_unknown")),
            ("1,250", "EGP", Err("amount_format")),
            ("750.", "EGP", Err("amount_format")),
            (".5", "EGP", Err("amount_format")),
            ("1e3", "EGP", Err("amount_format")),
            ("+1", "EGP", Err("amount_format")),
            ("1.2.3", "EGP", Err("amount_format")),
            ("", "EGP", Err("amount_format")),
        ] {
            assert_eq!(parse_minor(typed, currency), minor, "{typed} {currency}");
        }
    }

    proptest! {
        #[test]
        fn an_amount_is_read_as_it_is_written(minor in 0..=LARGEST_MINOR, currency in prop::sample::select(vec!["EGP", "KWD", "JPY"])) {
            prop_assert_eq!(parse_minor(&decimal(minor, currency), currency), Ok(minor));
            prop_assert_eq!(decimal(-minor - 1, currency), format!("-{}", decimal(minor + 1, currency)));
        }
    }
}
