//! The plans a demo gym sells.
use crate::money;

/// A plan on offer. Prices are for Cairo, in whole pounds.
pub struct Offer {
    pub name: &'static str,
    pub native_name: &'static str,
    pub kind: &'static str,
    pub unit: &'static str,
    pub count: i32,
    pub visits: Option<i32>,
    pub windows: &'static str,
    pub pounds: i64,
    /// How often it is chosen, against the others of its group.
    pub weight: u64,
    pub freeze_days: i32,
}

const MONTHS: Offer = Offer {
    name: "",
    native_name: "",
    kind: "gym",
    unit: "months",
    count: 1,
    visits: None,
    windows: "[]",
    pounds: 0,
    weight: 0,
    freeze_days: 0,
};
const PACK: Offer = Offer { kind: "visit_pack", unit: "days", ..MONTHS };
const MORNINGS: &str = r#"[{"days": [1, 2, 3, 4, 5, 6, 7], "from": "06:00", "to": "16:00"}]"#;

/// Of these, [`Offer::visits`] marks the packs.
pub const OFFERS: [Offer; 9] = [
    Offer { name: "Monthly", native_name: "شهري", pounds: 800, weight: 40, freeze_days: 7, ..MONTHS },
    Offer {
        name: "Quarterly",
        native_name: "ربع سنوي",
        count: 3,
        pounds: 2_100,
        weight: 25,
        freeze_days: 14,
        ..MONTHS
    },
    Offer {
        name: "Half-year",
        native_name: "نصف سنوي",
        count: 6,
        pounds: 3_900,
        weight: 15,
        freeze_days: 30,
        ..MONTHS
    },
    Offer {
        name: "Annual",
        native_name: "سنوي",
        count: 12,
        pounds: 7_000,
        weight: 12,
        freeze_days: 60,
        ..MONTHS
    },
    Offer {
        name: "Off-peak monthly",
        native_name: "شهري صباحي",
        pounds: 550,
        weight: 8,
        windows: MORNINGS,
        ..MONTHS
    },
    Offer {
        name: "10 visits",
        native_name: "10 زيارات",
        count: 60,
        visits: Some(10),
        pounds: 700,
        weight: 55,
        ..PACK
    },
    Offer {
        name: "20 visits",
        native_name: "20 زيارة",
        count: 120,
        visits: Some(20),
        pounds: 1_200,
        weight: 35,
        ..PACK
    },
    Offer {
        name: "30 visits",
        native_name: "30 زيارة",
        count: 180,
        visits: Some(30),
        pounds: 1_650,
        weight: 10,
        ..PACK
    },
    Offer {
        name: "8 training sessions",
        native_name: "8 حصص تدريب",
        kind: "personal_training",
        count: 60,
        visits: Some(8),
        pounds: 2_400,
        ..PACK
    },
];

/// Index of the plan for mornings.
pub const OFF_PEAK: usize = 4;
/// Index of the plan that never opens the door.
pub const TRAINING: usize = 8;

/// The price in minor units of a currency, near enough to what such a gym asks for there.
pub fn price(pounds: i64, currency: &str) -> i64 {
    let exponent = money::exponent(currency).unwrap_or(2);
    let (per, of) = match currency {
        "USD" | "EUR" | "GBP" | "JOD" | "KWD" | "BHD" | "OMR" => (1, 15),
        "SAR" | "AED" | "QAR" => (1, 4),
        "INR" => (2, 1),
        _ => (1, 1),
    };
    (pounds * per / of).max(1) * 10_i64.pow(exponent)
}
