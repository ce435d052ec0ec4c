//! Requests and answers about the gym itself.
use crate::ids::{BranchId, DeskId};
use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// What a host shows before anything else.
#[derive(Clone, Debug, Serialize, Deserialize, TS)]
pub struct SetupStatus {
    /// False on first run: show the wizard.
    pub is_set_up: bool,
    pub gym_name: Option<String>,
    pub branch: Option<Branch>,
    pub desk: Option<Desk>,
}

/// The wizard's first three pages in one: gym, branch, owner. The owner is logged in by it.
#[derive(Debug, Deserialize, TS)]
pub struct SetUp {
    pub gym_name: String,
    /// ISO 3166 alpha-2, for phone numbers without a country code.
    pub default_country: String,
    pub branch_name: String,
    /// IANA name.
    pub time_zone: String,
    /// ISO 4217.
    pub currency: String,
    /// Local hour 0-12 at which the business day starts.
    pub day_starts_at: i16,
    pub owner_name: String,
    pub owner_email: String,
    pub owner_password: String,
    pub owner_pin: Option<String>,
}

#[derive(Clone, Debug, Serialize, Deserialize, TS)]
pub struct Branch {
    pub id: BranchId,
    pub code: String,
    pub name: String,
    pub time_zone: String,
    pub currency: String,
    /// Digits after the decimal point (ISO 4217).
    pub currency_exponent: u32,
    pub day_starts_at: i16,
    pub anti_passback_minutes: i32,
    pub auto_checkout_hours: i32,
    pub undo_minutes: i32,
    pub capacity: Option<i32>,
    pub daily_entries: Option<i32>,
    pub default_country: String,
}

#[derive(Clone, Debug, Serialize, Deserialize, TS)]
pub struct Desk {
    pub id: DeskId,
    pub name: String,
    /// `in`, `out` or `both`.
    pub direction: Direction,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    In,
    Out,
    Both,
}

/// The whole form of Settings → Branch.
#[derive(Debug, Deserialize, TS)]
pub struct UpdateBranch {
    pub gym_name: String,
    pub name: String,
    pub time_zone: String,
    pub day_starts_at: i16,
    pub anti_passback_minutes: i32,
    pub auto_checkout_hours: i32,
    pub undo_minutes: i32,
    pub capacity: Option<i32>,
    pub daily_entries: Option<i32>,
    pub desk_name: String,
    pub desk_direction: Direction,
}
