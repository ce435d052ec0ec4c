//! Hours at which a plan opens the door.
use crate::day::{BranchCalendar, DAY_MINUTES};
use crate::plans::wire::AccessWindow;
use chrono::{DateTime, Datelike, Days, NaiveDate, NaiveDateTime, TimeDelta, Utc};

/// Hours on some weekdays, in minutes on the wall since midnight.
///
/// A weekday means the business day of that name: in a gym whose day ends at 03:00, 01:00 on Saturday is
/// still Friday night and Friday's hours decide. A window that runs past midnight is open to its end even
/// where the next business day has begun meanwhile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Window {
    /// Bit 0 is Monday, bit 6 Sunday.
    days: u8,
    from: u32,
    /// Exclusive; above 1440 where it runs past midnight.
    to: u32,
}

impl Window {
    /// Reads the form a plan stores.
    ///
    /// # Errors
    /// The code of what is wrong with it: `window_days`, `window_time`, `window_empty`.
    pub fn parse(window: &AccessWindow) -> Result<Self, &'static str> {
        let mut days = 0_u8;
        for day in &window.days {
            if !(1..=7).contains(day) {
                return Err("window_days");
            }
            days |= 1 << (day - 1);
        }
        if days == 0 {
            return Err("window_days");
        }
        let from = minutes(&window.from).filter(|from| *from < DAY_MINUTES).ok_or("window_time")?;
        let to = minutes(&window.to).ok_or("window_time")?;
        if from == to {
            return Err("window_empty");
        }
        Ok(Self { days, from, to: if to > from { to } else { to + DAY_MINUTES } })
    }

    fn has(&self, day: NaiveDate) -> bool {
        self.days & (1 << day.weekday().num_days_from_monday()) != 0
    }

    /// `minute` counts from the midnight that `day`, a business day, began with.
    fn is_open(&self, day: NaiveDate, minute: u32) -> bool {
        let hours = self.from..self.to;
        let today = self.has(day)
            && (hours.contains(&minute)
                || (minute >= DAY_MINUTES && hours.contains(&(minute - DAY_MINUTES))));
        let since_yesterday = || {
            day.pred_opt().is_some_and(|yesterday| self.has(yesterday))
                && hours.contains(&(minute + DAY_MINUTES))
        };
        today || since_yesterday()
    }
}

/// `HH:MM` up to 24:00, strictly two digits each.
fn minutes(text: &str) -> Option<u32> {
    let (hours, minutes) = text.split_once(':')?;
    let number = |part: &str| {
        (part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit()))
            .then(|| part.parse::<u32>().ok())?
    };
    let (hours, minutes) = (number(hours)?, number(minutes)?);
    (minutes < 60 && hours * 60 + minutes <= DAY_MINUTES).then_some(hours * 60 + minutes)
}

/// True when the door is open under these windows; none at all is any time.
pub fn is_open(windows: &[Window], calendar: BranchCalendar, at: DateTime<Utc>) -> bool {
    let (day, minute) = calendar.business_minute(at);
    windows.is_empty() || windows.iter().any(|window| window.is_open(day, minute))
}

/// When the windows open next after `at`, as the clock on the wall shows it; `None` when they are open.
pub fn opens_next(windows: &[Window], calendar: BranchCalendar, at: DateTime<Utc>) -> Option<NaiveDateTime> {
    if is_open(windows, calendar, at) {
        return None;
    }
    let (today, now) = calendar.business_minute(at);
    let day_starts = calendar.day_starts_at * 60;
    (0..=7).find_map(|ahead| {
        let day = today.checked_add_days(Days::new(ahead))?;
        let minute = windows
            .iter()
            // Where hours can begin: as written, where the business day begins, after midnight.
            .flat_map(|window| [window.from, day_starts, window.from + DAY_MINUTES])
            .filter(|minute| (day_starts..day_starts + DAY_MINUTES).contains(minute))
            .filter(|minute| ahead > 0 || *minute > now)
            .filter(|minute| windows.iter().any(|window| window.is_open(day, *minute)))
            .min()?;
        Some(day.and_hms_opt(0, 0, 0)? + TimeDelta::minutes(i64::from(minute)))
    })
}
