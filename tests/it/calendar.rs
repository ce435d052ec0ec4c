//! Days, periods and hours against golden tables (see golden/generate.py), and what holds of all of them.
use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, TimeDelta, TimeZone as _, Utc};
use chrono_tz::Tz;
use gatehouse_core::day::{BranchCalendar, Duration, end_day, fits_anchor};
use gatehouse_core::ids::{SubscriptionEventId, SubscriptionId};
use gatehouse_core::plans::wire::{AccessWindow, BranchScope, PlanKind, VisitRule};
use gatehouse_core::subscriptions::access::{Window, is_open, opens_next};
use gatehouse_core::subscriptions::model::{Event, Happening, Period, Terms, fold, renewal};
use gatehouse_core::subscriptions::wire::Status;
use proptest::prelude::*;
use uuid::Uuid;

/// The rows of a golden table.
fn golden(table: &'static str) -> Vec<csv::StringRecord> {
    let rows: Vec<_> = csv::Reader::from_reader(table.as_bytes())
        .records()
        .collect::<Result<_, _>>()
        .expect("a well-formed table");
    assert!(rows.len() >= 200, "a table worth the name");
    rows
}

fn day(text: &str) -> NaiveDate {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn number(text: &str) -> u32 {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn terms(duration: Duration, starts_on: NaiveDate, visits: Option<i32>) -> Terms {
    Terms {
        kind: if visits.is_some() { PlanKind::VisitPack } else { PlanKind::Gym },
        duration,
        visits,
        visit_rule: VisitRule::PerEntry,
        windows: Vec::new(),
        branch_scope: BranchScope::All,
        branch_ids: Vec::new(),
        anchor_day: starts_on.day(),
        freeze_days: 0,
        freeze_times: 0,
        minimum_term_days: 0,
        notice_days: 0,
        auto_renew: false,
    }
}

fn granted(id: u128, starts_on: NaiveDate, ends_on: NaiveDate, visits: Option<i32>) -> Event {
    let what = Happening::Granted { period: Period { starts_on, ends_on }, visits };
    Event { id: SubscriptionEventId(Uuid::from_u128(id)), on: NaiveDate::MIN, what }
}

fn voided(id: u128, event: u128) -> Event {
    let what = Happening::Voided { event: SubscriptionEventId(Uuid::from_u128(event)) };
    Event { id: SubscriptionEventId(Uuid::from_u128(id)), on: NaiveDate::MIN, what }
}

#[test]
fn a_period_ends_on_the_day_the_calendar_says() {
    for row in golden(include_str!("golden/end_days.csv")) {
        let start = day(&row[0]);
        let duration = match &row[1] {
            "days" => Duration::Days(number(&row[2])),
            _ => Duration::Months(number(&row[2])),
        };
        assert_eq!(end_day(start, duration, start.day()), Some(day(&row[3])), "{row:?}");
    }
}

#[test]
fn renewals_never_drift_from_the_day_they_were_first_sold_on() {
    let mut events: Vec<Event> = Vec::new();
    for row in golden(include_str!("golden/renewals.csv")) {
        let (anchor, nth) = (day(&row[0]), number(&row[2]));
        let terms = terms(Duration::Months(number(&row[1])), anchor, None);
        if nth == 0 {
            events.clear();
        }
        // Bought on the first day, or a day before the old period ends: the dates are the same.
        let period = if nth == 0 {
            let ends_on = end_day(anchor, terms.duration, anchor.day()).expect("in range");
            Period { starts_on: anchor, ends_on }
        } else {
            let state = fold(&terms, &events);
            let last = state.end().expect("something in force");
            let early = renewal(&terms, &state, last.pred_opt().expect("in range"), &[], false);
            let on_time = renewal(&terms, &state, last.succ_opt().expect("in range"), &[], false);
            assert_eq!(early, on_time, "{row:?}");
            early.expect("renewed").period
        };
        assert_eq!((period.starts_on, period.ends_on), (day(&row[3]), day(&row[4])), "{row:?}");
        events.push(granted(u128::from(nth), period.starts_on, period.ends_on, None));
    }
}

#[test]
fn the_business_day_is_the_one_of_the_branchs_wall() {
    for row in golden(include_str!("golden/business_days.csv")) {
        let zone: Tz = row[0].parse().expect("a zone");
        let calendar = BranchCalendar { zone, day_starts_at: number(&row[1]) };
        let at: DateTime<Utc> = row[2].parse().expect("an instant");
        assert_eq!(calendar.business_day(at), day(&row[3]), "{row:?}");
    }
}

#[test]
fn hours_open_and_close_with_the_business_day() {
    for row in golden(include_str!("golden/windows.csv")) {
        let (low, high) = row[0].split_once('-').unwrap_or((&row[0], &row[0]));
        let days = (low.parse().expect("a weekday")..=high.parse().expect("a weekday")).collect();
        let window = AccessWindow { days, from: row[1].into(), to: row[2].into() };
        let windows = [Window::parse(&window).expect("hours")];
        let calendar = BranchCalendar { zone: Tz::UTC, day_starts_at: number(&row[3]) };
        let at: NaiveDateTime = row[4].parse().expect("a time");
        assert_eq!(is_open(&windows, calendar, at.and_utc()), &row[5] == "true", "{row:?}");
        let next = opens_next(&windows, calendar, at.and_utc());
        let expected = (!row[6].is_empty()).then(|| row[6].parse::<NaiveDateTime>().expect("a time"));
        assert_eq!(next, expected, "{row:?}");
    }
}

#[test]
fn a_length_of_nothing_has_no_end() {
    let start = day("2026-01-31");
    assert_eq!(end_day(start, Duration::Days(0), 31), None);
    assert_eq!(end_day(start, Duration::Months(0), 31), None);
    assert_eq!(end_day(NaiveDate::MAX, Duration::Days(2), 31), None);
    assert_eq!(end_day(start, Duration::Months(u32::MAX), 31), None);
}

#[test]
fn an_anchor_that_does_not_lead_to_the_start_is_no_anchor() {
    // Imported: 11 January to 11 February. The next period is a whole month all the same.
    assert!(!fits_anchor(day("2026-02-12"), 11));
    assert_eq!(end_day(day("2026-02-12"), Duration::Months(1), 11), Some(day("2026-03-11")));
    assert!(fits_anchor(day("2026-02-28"), 31));
    assert!(!fits_anchor(day("2024-02-28"), 31));
}

/// Zones with every kind of change: by an hour, by half an hour, at midnight, none.
fn zones() -> impl Strategy<Value = Tz> {
    prop::sample::select(vec![
        Tz::Africa__Cairo,
        Tz::Europe__Berlin,
        Tz::America__Santiago,
        Tz::Australia__Lord_Howe,
        Tz::Africa__Casablanca,
        Tz::Asia__Kathmandu,
        Tz::UTC,
    ])
}

fn days() -> impl Strategy<Value = NaiveDate> {
    (0_i64..36_525).prop_map(|ahead| day("2000-01-01") + TimeDelta::days(ahead))
}

fn durations() -> impl Strategy<Value = Duration> {
    prop_oneof![(1_u32..=3660).prop_map(Duration::Days), (1_u32..=120).prop_map(Duration::Months)]
}

proptest! {
    #[test]
    fn the_business_day_never_goes_back(
        zone in zones(),
        day_starts_at in 0_u32..=12,
        seconds in 0_i64..2_000_000_000,
        later in 0_i64..200_000,
    ) {
        let calendar = BranchCalendar { zone, day_starts_at };
        let at = Utc.timestamp_opt(seconds, 0).single().expect("an instant");
        prop_assert!(calendar.business_day(at) <= calendar.business_day(at + TimeDelta::seconds(later)));
    }

    #[test]
    fn the_minute_of_the_business_day_reads_the_wall(
        zone in zones(),
        day_starts_at in 0_u32..=12,
        seconds in 0_i64..2_000_000_000,
    ) {
        let calendar = BranchCalendar { zone, day_starts_at };
        let at = Utc.timestamp_opt(seconds, 0).single().expect("an instant");
        let (day, minute) = calendar.business_minute(at);
        prop_assert_eq!(day, calendar.business_day(at));
        prop_assert!((day_starts_at * 60..day_starts_at * 60 + 1440).contains(&minute));
        let wall = day.and_hms_opt(0, 0, 0).expect("midnight") + TimeDelta::minutes(minute.into());
        let local = at.with_timezone(&zone).naive_local();
        prop_assert!(local - wall < TimeDelta::minutes(1) && local >= wall);
    }

    #[test]
    fn renewing_month_by_month_ends_where_one_long_sale_ends(start in days(), months in 1_u32..=24) {
        let mut events = Vec::new();
        let monthly = terms(Duration::Months(1), start, None);
        let mut period =
            Period { starts_on: start, ends_on: end_day(start, monthly.duration, start.day()).expect("in range") };
        for nth in 1..=months {
            events.push(granted(nth.into(), period.starts_on, period.ends_on, None));
            prop_assert_eq!(Some(period.ends_on), end_day(start, Duration::Months(nth), start.day()));
            let state = fold(&monthly, &events);
            period = renewal(&monthly, &state, start, &[], false).expect("renewed").period;
            prop_assert_eq!(period.starts_on.pred_opt(), state.end());
        }
    }

    #[test]
    fn a_renewal_is_never_shorter_than_it_was_sold(
        start in days(),
        duration in durations(),
        today in days(),
        from_old_end: bool,
    ) {
        let terms = terms(duration, start, None);
        let ends_on = end_day(start, duration, start.day()).expect("in range");
        let state = fold(&terms, &[granted(1, start, ends_on, None)]);
        let next = renewal(&terms, &state, today, &[], from_old_end).expect("renewed");
        let length = (next.period.ends_on - next.period.starts_on).num_days() + 1;
        match duration {
            Duration::Days(days) => prop_assert_eq!(length, i64::from(days)),
            Duration::Months(months) => {
                prop_assert!((i64::from(months) * 28..=i64::from(months) * 31).contains(&length));
            }
        }
        // The two starts that staff may choose from are today and the day after the old end.
        let after = ends_on.succ_opt().expect("in range");
        prop_assert!(next.period.starts_on == after || next.period.starts_on == today);
        prop_assert_eq!(next.alternative_start.is_some(), after < today);
        if after >= today {
            prop_assert_eq!(next.period.starts_on, after);
        }
    }

    #[test]
    fn a_status_is_what_the_days_and_visits_say(
        start in days(),
        length in 1_i64..400,
        offset in -50_i64..500,
        visits in prop::option::of(1_i32..20),
        used in prop::collection::vec(0_i64..400, 0..25),
    ) {
        let ends_on = start + TimeDelta::days(length - 1);
        let today = start + TimeDelta::days(offset);
        let terms = terms(Duration::Days(u32::try_from(length).expect("small")), start, visits);
        let state = fold(&terms, &[granted(1, start, ends_on, visits)]);
        let used: Vec<_> = used
            .into_iter()
            .map(|ahead| start + TimeDelta::days(ahead))
            .filter(|day| *day <= today && *day <= ends_on)
            .collect();
        let spent = i64::try_from(used.len()).expect("small");
        let is_spent = visits.is_some_and(|visits| spent >= i64::from(visits));
        let expected = if today < start {
            Status::Upcoming
        } else if is_spent {
            Status::Completed
        } else if today <= ends_on {
            Status::Active
        } else {
            Status::Expired
        };
        prop_assert_eq!(state.status(today, &used), expected);
        let covers = (start..=ends_on).contains(&today);
        prop_assert_eq!(state.remaining_days(today), covers.then(|| (ends_on - today).num_days()));
        let left = visits.filter(|_| covers).map(|visits| i64::from(visits) - spent);
        prop_assert_eq!(state.visits_left(today, &used), left);
    }

    #[test]
    fn a_void_leaves_what_was_there_before(
        start in days(),
        duration in durations(),
        visits in prop::option::of(1_i32..20),
        today in days(),
    ) {
        let terms = terms(duration, start, visits);
        let ends_on = end_day(start, duration, start.day()).expect("in range");
        let sold = granted(1, start, ends_on, visits);
        let before = fold(&terms, &[sold]);
        let next = renewal(&terms, &before, today, &[], false).expect("renewed").period;
        let renewed = granted(2, next.starts_on, next.ends_on, visits);
        prop_assert_eq!(fold(&terms, &[sold, renewed, voided(3, 2)]), before);
        let nothing = fold(&terms, &[sold, renewed, voided(3, 2), voided(4, 1)]);
        prop_assert_eq!(nothing.status(today, &[]), Status::Cancelled);
        prop_assert_eq!(nothing.span(today), None);
    }

    #[test]
    fn hours_that_are_closed_open_at_the_time_that_is_told(
        zone in zones(),
        day_starts_at in 0_u32..=12,
        seconds in 1_700_000_000_i64..1_800_000_000,
        weekdays in prop::collection::vec(1_u8..=7, 1..4),
        from in 0_u32..1440,
        length in 1_u32..1440,
    ) {
        let clock = |minute: u32| format!("{:02}:{:02}", minute / 60, minute % 60);
        let window =
            AccessWindow { days: weekdays, from: clock(from), to: clock((from + length) % 1440) };
        let windows = [Window::parse(&window).expect("hours")];
        let calendar = BranchCalendar { zone, day_starts_at };
        let at = Utc.timestamp_opt(seconds, 0).single().expect("an instant");
        match opens_next(&windows, calendar, at) {
            None => prop_assert!(is_open(&windows, calendar, at)),
            Some(opens_at) => {
                prop_assert!(!is_open(&windows, calendar, at));
                prop_assert!(opens_at > at.with_timezone(&zone).naive_local());
                // A wall that never shows that time, in the night the clocks change, opens when it shows a later one.
                if let Some(then) = zone.from_local_datetime(&opens_at).earliest() {
                    prop_assert!(is_open(&windows, calendar, then.to_utc()));
                }
            }
        }
    }
}

/// An id for a subscription that is only looked at.
fn subscription(id: u128) -> SubscriptionId {
    SubscriptionId(Uuid::from_u128(id))
}

mod door {
    //! Which of several subscriptions opens the door.
    use super::*;
    use gatehouse_core::ids::BranchId;
    use gatehouse_core::subscriptions::door::{Closed, Held, Moment, Opening, choose};

    const HOME: BranchId = BranchId(Uuid::from_u128(1));
    const OTHER: BranchId = BranchId(Uuid::from_u128(2));

    /// Wednesday, 11 March 2026, 12:00.
    fn noon_at(branch: BranchId) -> Moment {
        Moment {
            at: "2026-03-11T12:00:00Z".parse().expect("an instant"),
            calendar: BranchCalendar { zone: Tz::UTC, day_starts_at: 0 },
            branch,
            home_branch: HOME,
        }
    }

    fn held(id: u128, kind: PlanKind, from: &str, to: &str, visits: Option<i32>) -> Held {
        let terms = Terms { kind, ..terms(Duration::Months(1), day(from), visits) };
        let state = fold(&terms, &[granted(id, day(from), day(to), visits)]);
        Held { id: subscription(id), terms, state, used: Vec::new() }
    }

    fn monthly(id: u128, from: &str, to: &str) -> Held {
        held(id, PlanKind::Gym, from, to, None)
    }

    fn pack(id: u128, from: &str, to: &str) -> Held {
        held(id, PlanKind::VisitPack, from, to, Some(2))
    }

    fn opening(id: u128, takes_visit: bool) -> Opening {
        Opening { id: subscription(id), takes_visit }
    }

    #[test]
    fn the_one_that_ends_soonest_opens() {
        let ours = [monthly(1, "2026-03-01", "2026-03-31"), monthly(2, "2026-02-20", "2026-03-19")];
        assert_eq!(choose(&ours, &noon_at(HOME)), Ok(opening(2, false)));
    }

    #[test]
    fn a_pack_is_not_drained_while_a_monthly_runs() {
        let ours = [pack(1, "2026-03-01", "2026-03-12"), monthly(2, "2026-03-01", "2026-03-31")];
        assert_eq!(choose(&ours, &noon_at(HOME)), Ok(opening(2, false)));
        assert_eq!(choose(&ours[..1], &noon_at(HOME)), Ok(opening(1, true)));
    }

    #[test]
    fn of_two_packs_the_one_already_used_today_opens_again_for_nothing() {
        let mut paid = pack(1, "2026-03-01", "2026-03-31");
        paid.terms.visit_rule = VisitRule::PerDay;
        paid.used = vec![day("2026-03-10"), day("2026-03-11")];
        let ours = [pack(2, "2026-03-01", "2026-03-12"), paid.clone()];
        assert_eq!(choose(&ours, &noon_at(HOME)), Ok(opening(1, false)));
        // The same use by entry leaves it empty.
        paid.terms.visit_rule = VisitRule::PerEntry;
        assert_eq!(choose(&[paid], &noon_at(HOME)), Err(vec![(subscription(1), Closed::NoVisitsLeft)]));
    }

    #[test]
    fn personal_training_never_opens_the_door() {
        let ours = [held(1, PlanKind::PersonalTraining, "2026-03-01", "2026-03-31", Some(8))];
        assert_eq!(choose(&ours, &noon_at(HOME)), Err(vec![(subscription(1), Closed::NeverOpens)]));
    }

    #[test]
    fn a_subscription_opens_only_its_branches() {
        let mut listed = monthly(1, "2026-03-01", "2026-03-31");
        listed.terms.branch_scope = BranchScope::Listed;
        listed.terms.branch_ids = vec![OTHER];
        let mut at_home = monthly(2, "2026-03-01", "2026-03-31");
        at_home.terms.branch_scope = BranchScope::Home;
        assert_eq!(choose(&[listed.clone()], &noon_at(OTHER)), Ok(opening(1, false)));
        assert_eq!(choose(&[listed], &noon_at(HOME)), Err(vec![(subscription(1), Closed::WrongBranch)]));
        assert_eq!(choose(&[at_home.clone()], &noon_at(HOME)), Ok(opening(2, false)));
        assert_eq!(choose(&[at_home], &noon_at(OTHER)), Err(vec![(subscription(2), Closed::WrongBranch)]));
    }

    #[test]
    fn what_is_nearest_to_opening_is_told_first() {
        let mut off_peak = monthly(4, "2026-03-01", "2026-03-31");
        let hours = AccessWindow { days: vec![3], from: "14:00".into(), to: "16:00".into() };
        off_peak.terms.windows = vec![Window::parse(&hours).expect("hours")];
        let ours = [
            monthly(1, "2026-01-01", "2026-01-31"),
            monthly(2, "2026-02-01", "2026-02-28"),
            monthly(3, "2026-04-01", "2026-04-30"),
            off_peak,
        ];
        let opens_at = "2026-03-11T14:00:00".parse().expect("a time");
        assert_eq!(
            choose(&ours, &noon_at(HOME)),
            Err(vec![
                (subscription(4), Closed::OutsideHours { opens_at: Some(opens_at) }),
                (subscription(3), Closed::NotStarted { starts_on: day("2026-04-01") }),
                (subscription(2), Closed::Expired { ended_on: day("2026-02-28") }),
                (subscription(1), Closed::Expired { ended_on: day("2026-01-31") }),
            ])
        );
        assert_eq!(choose(&[], &noon_at(HOME)), Err(Vec::new()));
    }

    #[test]
    fn the_last_day_still_opens_and_the_next_does_not() {
        let ends_today = [monthly(1, "2026-02-12", "2026-03-11")];
        let mut moment = noon_at(HOME);
        assert_eq!(choose(&ends_today, &moment), Ok(opening(1, false)));
        moment.at += TimeDelta::days(1);
        let ended_on = day("2026-03-11");
        assert_eq!(choose(&ends_today, &moment), Err(vec![(subscription(1), Closed::Expired { ended_on })]));
    }

    #[test]
    fn a_renewed_pack_uses_the_visits_of_the_day() {
        // Two visits used up on the 5th, renewed that day: the old period still covers the days of the new.
        let terms = terms(Duration::Days(30), day("2026-03-01"), Some(2));
        let used = vec![day("2026-03-02"), day("2026-03-05")];
        let first = granted(1, day("2026-03-01"), day("2026-03-30"), Some(2));
        let next =
            renewal(&terms, &fold(&terms, &[first]), day("2026-03-05"), &used, false).expect("renewed");
        assert_eq!((next.period.starts_on, next.period.ends_on), (day("2026-03-05"), day("2026-04-03")));
        let events = [first, granted(2, next.period.starts_on, next.period.ends_on, Some(2))];
        let state = fold(&terms, &events);
        assert_eq!(state.visits_left(day("2026-03-11"), &used), Some(2));
        let more = [used, vec![day("2026-03-11")]].concat();
        assert_eq!(state.visits_left(day("2026-03-11"), &more), Some(1));
        // Unused visits go with their period.
        assert_eq!(state.visits_left(day("2026-04-01"), &more), Some(1));
        assert_eq!(state.status(day("2026-04-04"), &more), Status::Expired);
    }
}
