//! What is computed from a body: age and body mass index.
use super::wire::{Bmi, BmiCategory};
use chrono::NaiveDate;

/// Whole years on `today`; somebody born on 29 February turns a year older on 1 March of other years.
/// `None` before birth.
pub fn age(birth_date: NaiveDate, today: NaiveDate) -> Option<u32> {
    today.years_since(birth_date)
}

/// Body mass index, weight in kg over the square of height in m, rounded half up to one decimal. The WHO class is
/// that of the rounded figure, so the two never contradict each other on the screen, and is given from age 20:
/// below, the index is read by age and sex (WHO growth reference 5-19 years), so the number stands alone.
///
/// Classes: WHO Technical Report Series 894 (2000), table 2.1. `None` without a height.
pub fn bmi(weight_grams: i64, height_millimetres: i64, age: Option<u32>) -> Option<Bmi> {
    let (grams, millimetres) = (u64::try_from(weight_grams).ok()?, u64::try_from(height_millimetres).ok()?);
    // g / 1000 over (mm / 1000)², in tenths: g × 10,000 / mm².
    let square = millimetres.checked_mul(millimetres)?;
    let doubled = grams.checked_mul(20_000)?.checked_add(square)?;
    let tenths = u32::try_from(doubled.checked_div(square.checked_mul(2)?)?).ok()?;
    let category = age.filter(|years| *years >= 20).map(|_| match tenths {
        ..185 => BmiCategory::Underweight,
        185..250 => BmiCategory::Normal,
        250..300 => BmiCategory::Overweight,
        300..350 => BmiCategory::ObeseOne,
        350..400 => BmiCategory::ObeseTwo,
        400.. => BmiCategory::ObeseThree,
    });
    Some(Bmi { tenths, category })
}

#[cfg(test)]
mod tests {
    use super::*;
    use BmiCategory::{Normal, ObeseOne, ObeseThree, ObeseTwo, Overweight, Underweight};

    fn day(text: &str) -> NaiveDate {
        text.parse().expect("a day")
    }

    #[test]
    fn the_index_and_its_class_follow_the_golden_table() {
        let adult = Some(20);
        for (grams, millimetres, age, tenths, category) in [
            (70_000, 1_750, adult, 229, Some(Normal)),
            (56_600, 1_750, adult, 185, Some(Normal)),
            (56_400, 1_750, adult, 184, Some(Underweight)),
            // 18.45 and 24.95 exactly: half goes up.
            (73_800, 2_000, adult, 185, Some(Normal)),
            (99_800, 2_000, adult, 250, Some(Overweight)),
            (99_799, 2_000, adult, 249, Some(Normal)),
            (100_000, 2_000, adult, 250, Some(Overweight)),
            (120_000, 2_000, adult, 300, Some(ObeseOne)),
            (119_799, 2_000, adult, 299, Some(Overweight)),
            (140_000, 2_000, adult, 350, Some(ObeseTwo)),
            (160_000, 2_000, adult, 400, Some(ObeseThree)),
            (159_799, 2_000, adult, 399, Some(ObeseTwo)),
            (70_000, 1_750, Some(19), 229, None),
            (70_000, 1_750, None, 229, None),
            (700_000, 1_500, Some(45), 3111, Some(ObeseThree)),
        ] {
            let found = bmi(grams, millimetres, age).expect("an index");
            assert_eq!((found.tenths, found.category), (tenths, category), "{grams} g, {millimetres} mm");
        }
    }

    #[test]
    fn there_is_no_index_without_a_height() {
        assert!(bmi(70_000, 0, Some(30)).is_none());
        assert!(bmi(-1, 1_750, Some(30)).is_none());
        assert!(bmi(i64::MAX, i64::MAX, Some(30)).is_none());
    }

    #[test]
    fn age_counts_whole_years() {
        for (born, today, years) in [
            ("2000-05-10", "2020-05-09", Some(19)),
            ("2000-05-10", "2020-05-10", Some(20)),
            ("2004-02-29", "2024-02-28", Some(19)),
            ("2004-02-29", "2024-02-29", Some(20)),
            ("2004-02-29", "2025-02-28", Some(20)),
            ("2004-02-29", "2025-03-01", Some(21)),
            ("2024-01-01", "2023-12-31", None),
        ] {
            assert_eq!(age(day(born), day(today)), years, "{born} on {today}");
        }
    }
}
