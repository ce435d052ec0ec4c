//! Requests and answers about products and stock.
use crate::ids::{PriceId, ProductId, TaxRateId, TransactionId};
use crate::money::Money;
use crate::plans::wire::PlanPrice;
use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use ts_rs::TS;
use uuid::Uuid;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct ProductForm {
    pub name: String,
    pub native_name: Option<String>,
    pub category: Option<String>,
    pub tax_rate_id: Option<TaxRateId>,
    /// Warns from this many left; none never warns.
    pub low_stock_at: Option<i32>,
    /// What the scanner reads on it.
    #[serde(default)]
    pub barcodes: Vec<String>,
}

#[derive(Debug, Deserialize, TS)]
pub struct CreateProduct {
    pub id: ProductId,
    #[serde(flatten)]
    pub form: ProductForm,
    /// Price of one from today on, in the branch's currency.
    pub price_minor: i64,
}

#[derive(Debug, Deserialize, TS)]
pub struct UpdateProduct {
    pub id: ProductId,
    #[serde(flatten)]
    pub form: ProductForm,
}

#[derive(Debug, Deserialize, TS)]
pub struct ChooseProduct {
    pub product_id: ProductId,
}

#[derive(Debug, Default, Deserialize, TS)]
pub struct ListProducts {
    #[serde(default)]
    pub archived: bool,
    /// Only those at or below their limit.
    #[serde(default)]
    pub low_stock: bool,
}

#[derive(Clone, Debug, Serialize, TS)]
pub struct Products {
    pub rows: Vec<Product>,
}

#[derive(Clone, Debug, Serialize, TS)]
pub struct Product {
    pub id: ProductId,
    #[serde(flatten)]
    pub form: ProductForm,
    /// Today's price of one at this branch; none means it cannot be sold today.
    pub price: Option<Money>,
    pub prices: Vec<PlanPrice>,
    pub tax_name: Option<String>,
    /// Hundredths of a per cent.
    pub tax_bp: i32,
    /// At this branch; below zero when more was sold than ever came in.
    pub stock: i64,
    pub is_low: bool,
    pub archived_at: Option<DateTime<Utc>>,
}

#[derive(Debug, Deserialize, TS)]
pub struct FindProduct {
    /// As the scanner read it.
    pub code: String,
}

/// A new price from a day on; the price that ran over that day ends the day before.
#[derive(Debug, Deserialize, TS)]
pub struct SetProductPrice {
    pub product_id: ProductId,
    pub from: NaiveDate,
    pub price_minor: i64,
    /// Only this branch, or every branch without a price of its own.
    #[serde(default)]
    pub only_this_branch: bool,
}

/// Why stock changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, TS, sqlx::Type)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum StockKind {
    Delivery,
    /// Written by a sale.
    Sale,
    /// A sold thing came back.
    Return,
    /// What was counted; the difference is booked.
    Count,
    Waste,
}

#[derive(Clone, Debug, Serialize, Deserialize, TS)]
pub struct MoveStock {
    pub idempotency_key: Uuid,
    pub product_id: ProductId,
    pub kind: StockKind,
    /// How many came, came back or were thrown away; of a count, how many are there.
    pub quantity: i32,
    #[serde(default)]
    pub note: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct StockMoved {
    pub product_id: ProductId,
    pub change: i64,
    /// Afterwards.
    pub stock: i64,
}

#[derive(Debug, Deserialize, TS)]
pub struct ListStockMovements {
    pub product_id: ProductId,
    #[serde(default)]
    pub offset: i64,
}

/// 100 movements at this branch, newest first.
#[derive(Clone, Debug, Serialize, TS)]
pub struct StockMovements {
    pub rows: Vec<StockMovement>,
    pub total: i64,
}

#[derive(Clone, Debug, Serialize, TS)]
pub struct StockMovement {
    pub at: DateTime<Utc>,
    pub kind: StockKind,
    /// Above zero: more in stock.
    pub quantity: i32,
    pub by: Option<String>,
    pub note: Option<String>,
    pub transaction_id: Option<TransactionId>,
}

/// A price that has not begun; the one before it goes on.
#[derive(Debug, Deserialize, TS)]
pub struct WithdrawProductPrice {
    pub product_id: ProductId,
    pub price_id: PriceId,
}
