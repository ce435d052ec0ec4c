//! Tax on a price.
use crate::money::LARGEST_MINOR;

/// A price with its tax, in minor units.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Taxed {
    /// What is paid, tax included.
    pub gross: i64,
    pub tax: i64,
}

/// Adds the tax to `price`, or finds it in there when prices include it. `rate_bp` is in hundredths of a per cent;
/// half a minor unit rounds up. `None` above 2^53 - 1.
pub fn taxed(price: i64, rate_bp: i32, included: bool) -> Option<Taxed> {
    let (price, rate) = (i128::from(price), i128::from(rate_bp));
    let (of, whole) = if included { (price, 10_000 + rate) } else { (price, 10_000) };
    let tax = (of * rate * 2 + whole) / (whole * 2);
    let gross = if included { price } else { price + tax };
    let minor = |amount: i128| i64::try_from(amount).ok().filter(|amount| *amount <= LARGEST_MINOR);
    Some(Taxed { gross: minor(gross)?, tax: minor(tax)? })
}

/// Part of `whole` that belongs to `part` of `parts`, rounded to the nearest minor unit; 0 of nothing.
pub fn share(whole: i64, part: i64, parts: i64) -> i64 {
    if parts <= 0 {
        return 0;
    }
    let (whole, part, parts) = (i128::from(whole), i128::from(part.clamp(0, parts)), i128::from(parts));
    i64::try_from((whole * part * 2 + parts) / (parts * 2)).unwrap_or(0)
}

/// A price for `part` of what costs it for `whole`, which may be more than all of it; rounded to the nearest minor unit.
/// `None` above 2^53 - 1.
pub fn prorated(price: i64, part: i64, whole: i64) -> Option<i64> {
    let (price, part, whole) = (i128::from(price), i128::from(part), i128::from(whole.max(1)));
    let amount = i64::try_from((price * part * 2 + whole) / (whole * 2)).ok()?;
    (amount <= LARGEST_MINOR).then_some(amount)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tax_is_found_in_a_price_or_put_on_top() {
        for (price, rate_bp, included, gross, tax) in [
            (11_400, 1_400, true, 11_400, 1_400),
            (10_000, 1_400, false, 11_400, 1_400),
            (10_000, 1_800, true, 10_000, 1_525),
            // 0.5 rounds up: 5 % of 10 is 0.5.
            (10, 500, false, 11, 1),
            (9, 500, false, 9, 0),
            (0, 1_400, true, 0, 0),
            (75_000, 0, true, 75_000, 0),
            (75_000, 10_000, false, 150_000, 75_000),
        ] {
            assert_eq!(taxed(price, rate_bp, included), Some(Taxed { gross, tax }), "{price} at {rate_bp}");
        }
        assert_eq!(taxed(LARGEST_MINOR, 1_400, false), None);
        assert!(taxed(LARGEST_MINOR, 1_400, true).is_some());
    }

    #[test]
    fn a_share_is_rounded_to_the_nearest_unit() {
        for (whole, part, parts, expected) in [
            (75_000, 15, 30, 37_500),
            (100, 1, 3, 33),
            (100, 2, 3, 67),
            (1, 1, 2, 1),
            (100, 5, 0, 0),
            (100, 31, 30, 100),
            (100, -1, 30, 0),
            (LARGEST_MINOR, 365, 366, 8_982_589_420_711_644),
        ] {
            assert_eq!(share(whole, part, parts), expected, "{part}/{parts} of {whole}");
        }
    }
}
