//! Notes and coins in use, in minor units, largest first.

/// The notes and coins a drawer is counted by; empty for a currency that is counted in one sum.
pub fn of(currency: &str) -> &'static [i64] {
    match currency {
        "EGP" => &[20_000, 10_000, 5_000, 2_000, 1_000, 500, 100, 50, 25],
        "INR" => &[50_000, 20_000, 10_000, 5_000, 2_000, 1_000, 500, 200, 100],
        "USD" => &[10_000, 5_000, 2_000, 1_000, 500, 200, 100, 50, 25, 10, 5, 1],
        "EUR" => &[50_000, 20_000, 10_000, 5_000, 2_000, 1_000, 500, 200, 100, 50, 20, 10, 5, 2, 1],
        "GBP" => &[5_000, 2_000, 1_000, 500, 200, 100, 50, 20, 10, 5, 2, 1],
        "SAR" => &[50_000, 20_000, 10_000, 5_000, 2_000, 1_000, 500, 200, 100, 50, 25, 10, 5, 1],
        "AED" => &[100_000, 50_000, 20_000, 10_000, 5_000, 2_000, 1_000, 500, 100, 50, 25],
        "QAR" => &[50_000, 20_000, 10_000, 5_000, 1_000, 500, 100, 50, 25],
        "KWD" => &[20_000, 10_000, 5_000, 1_000, 500, 250, 100, 50, 20, 10, 5],
        "BHD" => &[20_000, 10_000, 5_000, 1_000, 500, 100, 50, 25, 10, 5],
        "OMR" => &[50_000, 20_000, 10_000, 5_000, 1_000, 500, 100, 50, 25, 10, 5],
        "JOD" => &[50_000, 20_000, 10_000, 5_000, 1_000, 500, 250, 100, 50],
        "JPY" => &[10_000, 5_000, 2_000, 1_000, 500, 100, 50, 10, 5, 1],
        "CHF" => &[100_000, 20_000, 10_000, 5_000, 2_000, 1_000, 500, 200, 100, 50, 20, 10, 5],
        "CAD" => &[10_000, 5_000, 2_000, 1_000, 500, 200, 100, 25, 10, 5],
        "AUD" => &[10_000, 5_000, 2_000, 1_000, 500, 200, 100, 50, 20, 10, 5],
        _ => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::of;

    #[test]
    fn a_pound_and_a_dinar_have_their_own_notes() {
        assert_eq!(of("EGP").first(), Some(&20_000), "200 pounds");
        assert_eq!(of("KWD").first(), Some(&20_000), "20 dinars, of 1000 fils");
        assert!(of("EGP").contains(&25) && !of("KWD").contains(&25), "25 piastres, no 25 fils");
        assert!(of("JPY").contains(&1), "yen have no decimals");
        assert!(of("XAF").is_empty());
    }

    #[test]
    fn notes_come_largest_first_and_once() {
        for currency in [
            "EGP", "INR", "USD", "EUR", "GBP", "SAR", "AED", "QAR", "KWD", "BHD", "OMR", "JOD", "JPY", "CHF",
            "CAD", "AUD",
        ] {
            assert!(of(currency).windows(2).all(|pair| pair[0] > pair[1]), "{currency}");
            assert!(of(currency).iter().all(|minor| *minor > 0), "{currency}");
        }
    }
}
