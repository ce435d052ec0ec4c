//! Fields of one line, and what is wrong with them.
use super::names::Names;
use crate::error::Error;
use crate::gym::wire::Branch;
use crate::import::file::Record;
use crate::import::{Finding, row};
use crate::members::fold::ascii_digit;
use crate::members::form::line;
use crate::money::{self, Money};
use chrono::{DateTime, Datelike, NaiveDate, TimeZone as _, Utc};
use std::ops::RangeInclusive;

/// Characters of an id or a reference in the old system.
const ID_LENGTH: usize = 100;
/// Years that history may lie in; ends of subscriptions may lie later.
const YEARS: RangeInclusive<i32> = 1990..=2199;

/// Where the books come to.
pub struct Place {
    pub branch: Branch,
    pub today: NaiveDate,
    pub now: DateTime<Utc>,
}

impl Place {
    pub fn new(branch: Branch, now: DateTime<Utc>) -> Result<Self, Error> {
        let today = branch.calendar()?.business_day(now);
        Ok(Self { branch, today, now })
    }

    /// An instant of a day gone by: its noon, which belongs to that business day wherever the day begins.
    pub fn moment(&self, day: NaiveDate) -> Result<DateTime<Utc>, Error> {
        let noon = day.and_hms_opt(12, 0, 0).ok_or(Error::invalid("date", "out_of_range"))?;
        let zone = self.branch.calendar()?.zone;
        let at = zone.from_local_datetime(&noon).earliest();
        Ok(at.map_or_else(|| noon.and_utc(), |at| at.with_timezone(&Utc)).min(self.now))
    }
}

/// One line being read.
pub struct Line<'a> {
    record: &'a Record,
    place: &'a Place,
    findings: &'a mut Vec<Finding>,
}

impl<'a> Line<'a> {
    pub fn new(record: &'a Record, place: &'a Place, findings: &'a mut Vec<Finding>) -> Self {
        Self { record, place, findings }
    }

    pub fn number(&self) -> u64 {
        self.record.line
    }

    pub fn refuse(&mut self, column: &str, code: &'static str) {
        self.findings.push(Finding::error(self.record.line, column, code));
    }

    pub fn has(&self, column: &str) -> bool {
        self.record.get(column).is_some()
    }

    fn checked<T>(&mut self, column: &'static str, result: Result<T, Error>) -> Option<T> {
        result
            .map_err(|error| {
                let finding = row::refusal(self.record.line, &error);
                self.findings.push(Finding { field: column.to_owned(), ..finding });
            })
            .ok()
    }

    /// A word of the old system: an id, a reference.
    pub fn word(&mut self, column: &'static str) -> Option<String> {
        let typed = self.record.get(column)?;
        self.checked(column, line(column, typed, ID_LENGTH)).flatten()
    }

    /// The same where there has to be one.
    pub fn required_word(&mut self, column: &'static str) -> Option<String> {
        if !self.has(column) {
            self.refuse(column, "required");
        }
        self.word(column)
    }

    /// The names of a member in this line.
    pub fn names(&mut self) -> Option<Names> {
        let country = &self.place.branch.default_country;
        let number = self.word("number");
        let phone =
            self.record.get("phone").map(|typed| crate::members::contact::phone("phone", typed, country));
        let phone = match phone {
            Some(phone) => Some(self.checked("phone", phone)?),
            None => None,
        };
        let email = self.record.get("email").map(|typed| crate::members::contact::email("email", typed));
        let email = match email {
            Some(email) => Some(self.checked("email", email)?),
            None => None,
        };
        Some(Names { number, phone, email })
    }

    pub fn day(&mut self, column: &'static str) -> Option<NaiveDate> {
        let day = row::day(self.record, column, self.findings)?;
        if !YEARS.contains(&day.year()) {
            self.refuse(column, "out_of_range");
            return None;
        }
        Some(day)
    }

    pub fn required_day(&mut self, column: &'static str) -> Option<NaiveDate> {
        if !self.has(column) {
            self.refuse(column, "required");
        }
        self.day(column)
    }

    /// A day that has come.
    pub fn past(&mut self, column: &'static str, day: NaiveDate) {
        if day > self.place.today {
            self.refuse(column, "date_in_future");
        }
    }

    /// An amount in the line's currency, which has to be the branch's.
    pub fn money(&mut self, column: &'static str) -> Option<Money> {
        let ours = &self.place.branch.currency;
        let currency = self.record.get("currency").map_or_else(|| ours.clone(), str::to_uppercase);
        let is_known = money::exponent(&currency).is_some();
        if currency != *ours {
            self.refuse("currency", if is_known { "currency_wrong" } else { "currency_unknown" });
        }
        let Some(typed) = self.record.get(column) else {
            self.refuse(column, "required");
            return None;
        };
        let typed: String =
            typed.chars().map(|letter| if letter == '٫' { '.' } else { ascii_digit(letter) }).collect();
        if !is_known {
            return None;
        }
        match money::parse_minor(&typed, &currency) {
            Ok(minor) => Some(Money::new(minor, currency)),
            Err(code) => {
                self.refuse(column, code);
                None
            }
        }
    }

    pub fn visits(&mut self, column: &'static str) -> Option<i32> {
        let typed = self.record.get(column)?;
        match typed.parse::<i32>() {
            Ok(visits) if (0..=10_000).contains(&visits) => Some(visits),
            _ => {
                self.refuse(column, "out_of_range");
                None
            }
        }
    }
}
