//! Requests and answers about tax rates.
use crate::ids::TaxRateId;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use ts_rs::TS;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, TS)]
pub struct TaxRate {
    pub id: TaxRateId,
    pub name: String,
    /// Hundredths of a per cent: 1400 is 14 %.
    pub rate_bp: i32,
    pub archived_at: Option<DateTime<Utc>>,
}

#[derive(Debug, Default, Deserialize, TS)]
pub struct ListTaxRates {
    #[serde(default)]
    pub archived: bool,
}

#[derive(Clone, Debug, Serialize, TS)]
pub struct TaxRates {
    pub rows: Vec<TaxRate>,
}

/// A rate never changes, because sold things name it: another rate is another row.
#[derive(Debug, Deserialize, TS)]
pub struct CreateTaxRate {
    pub id: TaxRateId,
    pub name: String,
    pub rate_bp: i32,
}

#[derive(Debug, Deserialize, TS)]
pub struct ChooseTaxRate {
    pub tax_rate_id: TaxRateId,
}
