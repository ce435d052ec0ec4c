//! Calendar days as the branch counts them. The only place that turns an instant into a day.
use chrono::{DateTime, Datelike, Days, Months, NaiveDate, TimeDelta, Utc};
use chrono_tz::Tz;

/// A branch's calendar: its IANA zone and the local hour at which a business day starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BranchCalendar {
    pub zone: Tz,
    /// 0-12; an instant before this local hour belongs to the day before.
    pub day_starts_at: u32,
}

impl BranchCalendar {
    /// The business day an instant belongs to. Wall-clock arithmetic, so a DST change never moves the border
    /// to another local hour.
    pub fn business_day(&self, at: DateTime<Utc>) -> NaiveDate {
        let local = at.with_timezone(&self.zone).naive_local();
        (local - TimeDelta::hours(i64::from(self.day_starts_at))).date()
    }
}

/// Length of a period as sold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Duration {
    Days(u32),
    Months(u32),
}

/// Last day (inclusive) of a period that starts on `start`: n months end on (start + n months, clamped to the
/// month's end) − 1 day, counted from the anchor day of the month; n days end on start + n − 1.
/// `None` beyond the calendar's range.
///
/// `anchor_day` is the day of the month the first period began on: a subscription sold on 31 January that ran
/// to 27 February renews from 28 February but still aims at the 31st.
pub fn end_day(start: NaiveDate, duration: Duration, anchor_day: u32) -> Option<NaiveDate> {
    match duration {
        Duration::Days(days) => start.checked_add_days(Days::new(u64::from(days)))?.pred_opt(),
        Duration::Months(months) => {
            let first = start.with_day(1)?.checked_add_months(Months::new(months))?;
            let next_start = first.with_day(anchor_day).or_else(|| last_of_month(first))?;
            next_start.pred_opt()
        }
    }
}

fn last_of_month(day: NaiveDate) -> Option<NaiveDate> {
    day.with_day(1)?.checked_add_months(Months::new(1))?.pred_opt()
}
