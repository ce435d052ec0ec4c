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
