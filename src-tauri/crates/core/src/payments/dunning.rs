//! When a debt is asked for by itself.
//!
//! Attempt 0 falls on the due day, the others so many days after it as the branch's schedule says; its length is the
//! cap. A debt that is paid has no attempts left, and attempts that nobody made while the PC was off are not made up
//! for: only the latest is.
use chrono::{NaiveDate, TimeDelta};

/// The attempt that is to be made on `today`; none where it was made, it is not time yet, or the cap is reached.
/// `schedule` is in days after the due day, rising; `made` are the attempts made so far.
pub fn attempt_due(due_on: NaiveDate, schedule: &[i32], made: &[i16], today: NaiveDate) -> Option<i16> {
    let day_of = |attempt: usize| {
        let after = if attempt == 0 { 0 } else { schedule.get(attempt - 1).copied()? };
        due_on.checked_add_signed(TimeDelta::days(i64::from(after)))
    };
    let latest =
        (0..=schedule.len()).rev().find(|attempt| day_of(*attempt).is_some_and(|day| day <= today))?;
    let latest = i16::try_from(latest).ok()?;
    made.iter().all(|one| *one < latest).then_some(latest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().expect("a day")
    }

    #[test]
    fn attempts_follow_the_schedule_to_its_end_and_are_not_made_up_for() {
        let due_on = day("2026-03-10");
        for (made, today, expected) in [
            (&[][..], "2026-03-09", None),
            (&[], "2026-03-10", Some(0)),
            (&[0], "2026-03-10", None),
            (&[0], "2026-03-11", Some(1)),
            (&[0, 1], "2026-03-12", None),
            (&[0, 1], "2026-03-13", Some(2)),
            // Off for a week: one attempt, not three.
            (&[], "2026-03-16", Some(2)),
            (&[2], "2026-03-16", None),
            (&[0, 1, 2], "2026-03-17", Some(3)),
            (&[0, 1, 2, 3], "2027-03-17", None),
        ] {
            assert_eq!(attempt_due(due_on, &[1, 3, 7], made, day(today)), expected, "{made:?} on {today}");
        }
        assert_eq!(attempt_due(due_on, &[], &[], day("2026-03-10")), Some(0));
        assert_eq!(attempt_due(due_on, &[], &[0], day("2026-04-10")), None);
    }
}
