//! Calendar days as the branch counts them. The only place that turns an instant into a day.
use crate::error::Error;
use chrono::{DateTime, Datelike, Days, Months, NaiveDate, TimeDelta, Timelike, Utc};
use chrono_tz::Tz;

/// Minutes in a day on the wall.
pub const DAY_MINUTES: u32 = 24 * 60;

/// A branch's calendar: its IANA zone and the local hour at which a business day starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BranchCalendar {
    pub zone: Tz,
    /// 0-12; an instant before this local hour belongs to the day before.
    pub day_starts_at: u32,
}

impl BranchCalendar {
    /// As a branch's row holds it.
    ///
    /// # Errors
    /// [`Error::Internal`] for a zone that the time zone database does not have.
    pub fn stored(time_zone: &str, day_starts_at: i16) -> Result<Self, Error> {
        let zone =
            time_zone.parse().map_err(|_| Error::Internal(format!("unknown time zone {time_zone}")))?;
        Ok(Self { zone, day_starts_at: u32::try_from(day_starts_at).unwrap_or(0) })
    }

    /// The business day an instant belongs to. Wall-clock arithmetic, so a DST change never moves the border
    /// to another local hour.
    pub fn business_day(&self, at: DateTime<Utc>) -> NaiveDate {
        let local = at.with_timezone(&self.zone).naive_local();
        (local - TimeDelta::hours(i64::from(self.day_starts_at))).date()
    }

    /// The business day of an instant, and the minutes on the wall since that day's own midnight: 01:30 of a
    /// night that still belongs to the day before is minute 1530.
    pub fn business_minute(&self, at: DateTime<Utc>) -> (NaiveDate, u32) {
        let local = at.with_timezone(&self.zone).naive_local();
        let day = self.business_day(at);
        let minute = local.hour() * 60 + local.minute();
        (day, if day == local.date() { minute } else { minute + DAY_MINUTES })
    }
}

/// Length of a period as sold; at least 1 of either.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Duration {
    Days(u32),
    Months(u32),
}

/// Last day (inclusive) of a period that starts on `start`: n months end on (start + n months, clamped to the
/// month's end) − 1 day, n days end on start + n − 1. `None` beyond the calendar's range or for a length of 0.
///
/// `anchor_day` is the day of the month the first period began on: a subscription sold on 31 January that ran
/// to 27 February renews from 28 February but still aims at the 31st. An anchor that does not lead to `start`
/// (see [`fits_anchor`]) is no anchor of this period, and its own day counts.
pub fn end_day(start: NaiveDate, duration: Duration, anchor_day: u32) -> Option<NaiveDate> {
    match duration {
        Duration::Days(0) | Duration::Months(0) => None,
        Duration::Days(days) => start.checked_add_days(Days::new(u64::from(days) - 1)),
        Duration::Months(months) => {
            let anchor = if fits_anchor(start, anchor_day) { anchor_day } else { start.day() };
            let month = start.with_day(1)?.checked_add_months(Months::new(months))?;
            clamped(month, anchor)?.pred_opt()
        }
    }
}

/// True when `day` is the anchor day of its month, or the month's last day where the month is too short.
pub fn fits_anchor(day: NaiveDate, anchor_day: u32) -> bool {
    clamped(day, anchor_day) == Some(day)
}

/// The given day in the month of `month`, or that month's last.
fn clamped(month: NaiveDate, day: u32) -> Option<NaiveDate> {
    month.with_day(day.min(u32::from(month.num_days_in_month())))
}
