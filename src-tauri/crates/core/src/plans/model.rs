//! What makes a plan one that can be sold.
use crate::day::Duration;
use crate::error::Error;
use crate::ids::BranchId;
use crate::members::form::line;
use crate::plans::wire::{BranchScope, DurationUnit, PlanForm, PlanKind, PlanPrice};
use crate::subscriptions::access::Window;
use chrono::NaiveDate;

/// Characters of a plan's name.
pub const NAME_LENGTH: usize = 100;
/// Characters of a training type or tier.
const LABEL_LENGTH: usize = 60;
/// Windows of one plan: three a day for a week is more than anybody writes.
const MOST_WINDOWS: usize = 21;
const MOST_DAYS: i32 = 3660;
const MOST_MONTHS: i32 = 120;

/// The form as it will be stored: texts trimmed, every number within its range.
///
/// # Errors
/// [`Error::Invalid`] with the field and one of the codes `required`, `too_long`, `control_characters`,
/// `out_of_range`, `too_many`, `window_days`, `window_time`, `window_empty`.
pub fn check(form: PlanForm) -> Result<PlanForm, Error> {
    let name = line("name", &form.name, NAME_LENGTH)?.ok_or(Error::invalid("name", "required"))?;
    let optional =
        |field, text: Option<String>, longest| text.map_or(Ok(None), |text| line(field, &text, longest));
    let longest = match form.duration_unit {
        DurationUnit::Days => MOST_DAYS,
        DurationUnit::Months => MOST_MONTHS,
    };
    within("duration_count", form.duration_count, 1, longest)?;
    if let Some(visits) = form.visits {
        within("visits", visits, 1, 10_000)?;
    } else if form.kind == PlanKind::VisitPack {
        return Err(Error::invalid("visits", "required"));
    }
    within("freeze_days", form.freeze_days, 0, 366)?;
    within("freeze_times", form.freeze_times, 0, 50)?;
    within("minimum_term_days", form.minimum_term_days, 0, MOST_DAYS)?;
    within("notice_days", form.notice_days, 0, 366)?;
    if form.access_windows.len() > MOST_WINDOWS {
        return Err(Error::invalid("access_windows", "too_many"));
    }
    for (index, window) in form.access_windows.iter().enumerate() {
        Window::parse(window).map_err(|code| Error::Invalid {
            field: "access_windows",
            code,
            // Counted as people count rows.
            params: serde_json::json!({ "row": index + 1 }),
        })?;
    }
    let mut branch_ids = form.branch_ids;
    branch_ids.sort_unstable();
    branch_ids.dedup();
    match form.branch_scope {
        BranchScope::Listed if branch_ids.is_empty() => {
            return Err(Error::invalid("branch_ids", "required"));
        }
        BranchScope::Listed => {}
        BranchScope::Home | BranchScope::All => branch_ids.clear(),
    }
    Ok(PlanForm {
        name,
        native_name: optional("native_name", form.native_name, NAME_LENGTH)?,
        training_type: optional("training_type", form.training_type, LABEL_LENGTH)?,
        tier: optional("tier", form.tier, LABEL_LENGTH)?,
        branch_ids,
        ..form
    })
}

fn within(field: &'static str, value: i32, low: i32, high: i32) -> Result<(), Error> {
    if (low..=high).contains(&value) { Ok(()) } else { Err(Error::invalid(field, "out_of_range")) }
}

/// The length a plan or subscription was stored with; the schema keeps it above zero.
pub fn duration(unit: DurationUnit, count: i32) -> Duration {
    let count = u32::try_from(count).unwrap_or(0);
    match unit {
        DurationUnit::Days => Duration::Days(count),
        DurationUnit::Months => Duration::Months(count),
    }
}

/// The price that holds at a branch on a day: the branch's own beats the one for every branch. A price in
/// another currency than the branch's is no price there.
pub fn price_on<'a>(
    prices: &'a [PlanPrice],
    branch: BranchId,
    currency: &str,
    day: NaiveDate,
) -> Option<&'a PlanPrice> {
    prices
        .iter()
        .filter(|price| price.price.currency == currency)
        .filter(|price| price.from <= day && price.until.is_none_or(|until| day < until))
        .filter(|price| price.branch_id.is_none_or(|own| own == branch))
        .max_by_key(|price| price.branch_id.is_some())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::PriceId;
    use crate::money::Money;
    use crate::plans::wire::{AccessWindow, VisitRule};
    use uuid::Uuid;

    fn monthly() -> PlanForm {
        PlanForm {
            name: "Monthly".into(),
            native_name: None,
            kind: PlanKind::Gym,
            training_type: None,
            tier: None,
            duration_unit: DurationUnit::Months,
            duration_count: 1,
            visits: None,
            visit_rule: VisitRule::PerDay,
            access_windows: Vec::new(),
            branch_scope: BranchScope::Home,
            branch_ids: Vec::new(),
            freeze_days: 0,
            freeze_times: 0,
            minimum_term_days: 0,
            notice_days: 0,
            trainer_account_id: None,
            tax_rate_id: None,
            auto_renew: false,
        }
    }

    fn window(days: &[u8], from: &str, to: &str) -> Vec<AccessWindow> {
        vec![AccessWindow { days: days.to_vec(), from: from.into(), to: to.into() }]
    }

    #[test]
    fn a_plan_that_cannot_be_sold_is_refused_with_the_field() {
        let long = "x".repeat(10_000);
        let bad: Vec<(PlanForm, &str, &str)> = vec![
            (PlanForm { name: "  ".into(), ..monthly() }, "name", "required"),
            (PlanForm { name: long.clone(), ..monthly() }, "name", "too_long"),
            (PlanForm { name: "a\0b".into(), ..monthly() }, "name", "control_characters"),
            (PlanForm { native_name: Some(long.clone()), ..monthly() }, "native_name", "too_long"),
            (PlanForm { tier: Some(long), ..monthly() }, "tier", "too_long"),
            (PlanForm { duration_count: 0, ..monthly() }, "duration_count", "out_of_range"),
            (PlanForm { duration_count: -3, ..monthly() }, "duration_count", "out_of_range"),
            (PlanForm { duration_count: 121, ..monthly() }, "duration_count", "out_of_range"),
            (PlanForm { visits: Some(0), ..monthly() }, "visits", "out_of_range"),
            (PlanForm { kind: PlanKind::VisitPack, ..monthly() }, "visits", "required"),
            (PlanForm { freeze_days: -1, ..monthly() }, "freeze_days", "out_of_range"),
            (PlanForm { notice_days: 367, ..monthly() }, "notice_days", "out_of_range"),
            (PlanForm { branch_scope: BranchScope::Listed, ..monthly() }, "branch_ids", "required"),
            (
                PlanForm { access_windows: window(&[], "06:00", "16:00"), ..monthly() },
                "access_windows",
                "window_days",
            ),
            (
                PlanForm { access_windows: window(&[8], "06:00", "16:00"), ..monthly() },
                "access_windows",
                "window_days",
            ),
            (
                PlanForm { access_windows: window(&[1], "6:00", "16:00"), ..monthly() },
                "access_windows",
                "window_time",
            ),
            (
                PlanForm { access_windows: window(&[1], "24:00", "16:00"), ..monthly() },
                "access_windows",
                "window_time",
            ),
            (
                PlanForm { access_windows: window(&[1], "06:00", "24:01"), ..monthly() },
                "access_windows",
                "window_time",
            ),
            (
                PlanForm { access_windows: window(&[1], "06:60", "16:00"), ..monthly() },
                "access_windows",
                "window_time",
            ),
            (
                PlanForm { access_windows: window(&[1], "06:00", "06:00"), ..monthly() },
                "access_windows",
                "window_empty",
            ),
        ];
        for (form, field, code) in bad {
            let shown = format!("{form:?}").chars().take(200).collect::<String>();
            match check(form) {
                Err(Error::Invalid { field: f, code: c, .. }) => assert_eq!((f, c), (field, code), "{shown}"),
                other => panic!("{shown}: {other:?}"),
            }
        }
    }

    #[test]
    fn a_plan_is_stored_trimmed() {
        let form = PlanForm { name: "  Monthly ".into(), tier: Some(" ".into()), ..monthly() };
        let stored = check(form).expect("a good plan");
        assert_eq!((stored.name.as_str(), stored.tier), ("Monthly", None));
    }

    fn price(branch: Option<u128>, from: &str, until: Option<&str>, minor: i64, currency: &str) -> PlanPrice {
        PlanPrice {
            id: PriceId(Uuid::from_u128(1)),
            branch_id: branch.map(|id| BranchId(Uuid::from_u128(id))),
            from: from.parse().expect("a day"),
            until: until.map(|day| day.parse().expect("a day")),
            price: Money::new(minor, currency),
        }
    }

    #[test]
    fn the_branchs_own_price_beats_the_general_one() {
        let prices = [
            price(None, "2026-01-01", Some("2026-03-01"), 100, "EGP"),
            price(None, "2026-03-01", None, 120, "EGP"),
            price(Some(7), "2026-02-10", Some("2026-02-20"), 90, "EGP"),
            price(Some(8), "2026-01-01", None, 50, "EGP"),
            price(Some(7), "2026-05-01", None, 3, "KWD"),
        ];
        let here = BranchId(Uuid::from_u128(7));
        for (day, expected) in [
            ("2025-12-31", None),
            ("2026-01-01", Some(100)),
            ("2026-02-09", Some(100)),
            ("2026-02-10", Some(90)),
            ("2026-02-19", Some(90)),
            ("2026-02-20", Some(100)),
            ("2026-02-28", Some(100)),
            ("2026-03-01", Some(120)),
            ("2026-05-01", Some(120)),
        ] {
            let found = price_on(&prices, here, "EGP", day.parse().expect("a day"));
            assert_eq!(found.map(|price| price.price.minor), expected, "{day}");
        }
        let in_dinars = price_on(&prices, here, "KWD", "2026-06-01".parse().expect("a day"));
        assert_eq!(in_dinars.map(|price| price.price.minor), Some(3));
    }
}
