//! Money, rates and days as paper shows them. Figures are 0-9 in every language, as on cards and phones.
use super::document::Language;
use chrono::{Datelike, NaiveDate, NaiveDateTime, Timelike};

/// Digits of an amount with its decimal places and its groups: `1,250.500`; below zero with a hyphen, which every
/// printer has.
pub fn amount(minor: i64, exponent: u32, groups: Groups) -> String {
    let digits = minor.unsigned_abs().to_string();
    let places = usize::try_from(exponent).unwrap_or(0);
    let padded = format!("{digits:0>width$}", width = places + 1);
    let (whole, fraction) = padded.split_at(padded.len() - places);
    let sign = if minor < 0 { "-" } else { "" };
    let point = if places == 0 { "" } else { "." };
    format!("{sign}{}{point}{fraction}", grouped(whole, groups))
}

/// How many digits of the whole part stand together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Groups {
    Thousands,
    /// Three, then always two: 12,34,567.
    Lakh,
}

impl Groups {
    /// As readers of the language, and holders of the currency, count.
    pub fn of(currency: &str, language: Language) -> Self {
        if currency == "INR" || language == Language::Hi { Self::Lakh } else { Self::Thousands }
    }
}

fn grouped(whole: &str, groups: Groups) -> String {
    let mut text = String::with_capacity(whole.len() * 3 / 2);
    for (index, digit) in whole.chars().enumerate() {
        let left = whole.len() - index;
        let starts_group = match groups {
            Groups::Thousands => left.is_multiple_of(3),
            Groups::Lakh => left == 3 || left > 3 && left % 2 == 1,
        };
        if index > 0 && starts_group {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// An amount with its currency's code: `EGP 1,250.00`. The code, since `£` is the money of a dozen countries.
pub fn with_code(minor: i64, currency: &str, exponent: u32, language: Language) -> String {
    format!("{currency} {}", amount(minor, exponent, Groups::of(currency, language)))
}

/// A tax rate of basis points: `14%`, `5.5%`, `0.25%`.
pub fn rate(basis_points: u32) -> String {
    let (whole, rest) = (basis_points / 100, basis_points % 100);
    match (rest, rest % 10) {
        (0, _) => format!("{whole}%"),
        (rest, 0) => format!("{whole}.{}%", rest / 10),
        (rest, _) => format!("{whole}.{rest:02}%"),
    }
}

/// A day with its weekday: `Sat 21 November 2026`.
pub fn day(day: NaiveDate, language: Language) -> String {
    let (weekdays, months) = match language {
        Language::En => (&WEEKDAYS_EN, &MONTHS_EN),
        Language::Ar => (&WEEKDAYS_AR, &MONTHS_AR),
        Language::Hi => (&WEEKDAYS_HI, &MONTHS_HI),
    };
    // chrono counts weekdays from Monday, below 7, and months below 12.
    let weekday = weekdays[day.weekday().num_days_from_monday() as usize];
    let month = months[day.month0() as usize];
    let separator = if language == Language::Ar { "،" } else { "" };
    format!("{weekday}{separator} {} {month} {}", day.day(), day.year())
}

/// A day and the clock: `Sat 21 November 2026, 18:04`.
pub fn moment(at: NaiveDateTime, language: Language) -> String {
    let comma = if language == Language::Ar { '،' } else { ',' };
    format!("{}{comma} {:02}:{:02}", day(at.date(), language), at.hour(), at.minute())
}

// Names as the Unicode CLDR has them.
const WEEKDAYS_EN: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
const WEEKDAYS_AR: [&str; 7] = ["الاثنين", "الثلاثاء", "الأربعاء", "الخميس", "الجمعة", "السبت", "الأحد"];
const WEEKDAYS_HI: [&str; 7] = ["सोम", "मंगल", "बुध", "गुरु", "शुक्र", "शनि", "रवि"];
const MONTHS_EN: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const MONTHS_AR: [&str; 12] = [
    "يناير",
    "فبراير",
    "مارس",
    "أبريل",
    "مايو",
    "يونيو",
    "يوليو",
    "أغسطس",
    "سبتمبر",
    "أكتوبر",
    "نوفمبر",
    "ديسمبر",
];
const MONTHS_HI: [&str; 12] =
    ["जनवरी", "फ़रवरी", "मार्च", "अप्रैल", "मई", "जून", "जुलाई", "अगस्त", "सितंबर", "अक्टूबर", "नवंबर", "दिसंबर"];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::money::{LARGEST_MINOR, exponent};

    fn money(minor: i64, currency: &str, language: Language) -> String {
        with_code(minor, currency, exponent(currency).unwrap(), language)
    }

    #[test]
    fn an_amount_has_the_decimal_places_of_its_currency() {
        for (minor, currency, text) in [
            (0, "EGP", "EGP 0.00"),
            (5, "EGP", "EGP 0.05"),
            (75_000, "EGP", "EGP 750.00"),
            (123_456_789, "EGP", "EGP 1,234,567.89"),
            (-2_500, "EGP", "EGP -25.00"),
            (1, "KWD", "KWD 0.001"),
            (12_500, "KWD", "KWD 12.500"),
            (1_250_500, "KWD", "KWD 1,250.500"),
            (-999, "KWD", "KWD -0.999"),
            (0, "JPY", "JPY 0"),
            (980, "JPY", "JPY 980"),
            (1_234_567, "JPY", "JPY 1,234,567"),
            (99_900, "INR", "INR 999.00"),
            (149_900, "INR", "INR 1,499.00"),
            (12_345_678_900, "INR", "INR 12,34,56,789.00"),
            (i64::MIN, "JPY", "JPY -9,223,372,036,854,775,808"),
            (LARGEST_MINOR, "EGP", "EGP 90,071,992,547,409.91"),
        ] {
            assert_eq!(money(minor, currency, Language::En), text);
        }
    }

    #[test]
    fn hindi_counts_in_lakh_whatever_the_currency() {
        assert_eq!(money(123_456_789, "EGP", Language::Hi), "EGP 12,34,567.89");
        assert_eq!(money(123_456_789, "EGP", Language::Ar), "EGP 1,234,567.89");
    }

    #[test]
    fn a_rate_shows_no_more_places_than_it_has() {
        for (basis_points, text) in
            [(0, "0%"), (1_400, "14%"), (550, "5.5%"), (25, "0.25%"), (1_205, "12.05%"), (10_000, "100%")]
        {
            assert_eq!(rate(basis_points), text);
        }
    }

    #[test]
    fn a_moment_names_its_weekday_in_each_language() {
        let at = NaiveDate::from_ymd_opt(2026, 11, 21).and_then(|day| day.and_hms_opt(18, 4, 59)).unwrap();
        assert_eq!(moment(at, Language::En), "Sat 21 November 2026, 18:04");
        assert_eq!(moment(at, Language::Ar), "السبت، 21 نوفمبر 2026، 18:04");
        assert_eq!(moment(at, Language::Hi), "शनि 21 नवंबर 2026, 18:04");
    }
}
