//! UPI, India's instant payments: the link that a payer's app opens, its QR code, and the number that proves a
//! transfer.
//!
//! Source: NPCI, "UPI Linking Specifications" 1.6 (November 2017), section 1.2: `upi://pay?` with `pa` payee
//! address, `pn` payee name, `mc` merchant code, `tr` reference, `tn` note, `am` amount, `cu` currency. Nothing
//! comes back from the payer's app: a payment stays pending until somebody has seen it in the bank's statement.
use crate::error::Error;
use crate::money::{LARGEST_MINOR, Money, exponent};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use qrcode::render::svg;
use qrcode::{EcLevel, QrCode};

/// The only currency of UPI.
const CURRENCY: &str = "INR";
const LONGEST_ADDRESS: usize = 255;
const LONGEST_NAME: usize = 99;
const LONGEST_REFERENCE: usize = 35;
/// Characters of a note.
pub const LONGEST_NOTE: usize = 50;
/// Side of the drawn code, with its quiet zone, in pixels; it scales.
const QR_SIDE: u32 = 320;

/// Everything but RFC 3986's unreserved characters; a space becomes `%20`, as apps show `+` as it is.
const VALUE: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
/// An address keeps its `@`, which RFC 3986 allows in a query and some apps need.
const ADDRESS: &AsciiSet = &VALUE.remove(b'@');

/// Who is paid: the gym's side of every link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Payee<'a> {
    /// Virtual payment address, `name@handle`.
    pub address: &'a str,
    /// As the payer's app shows it.
    pub name: &'a str,
    /// ISO 18245 merchant category of four digits, for those who have one from their bank.
    pub merchant_code: Option<&'a str>,
}

/// The link that opens the payer's app with everything filled in.
///
/// `reference` is ours, letters and digits, and comes back in the bank's statement; `note` is shown to the payer.
///
/// # Errors
/// [`Error::Invalid`] naming `upi_address`, `upi_name`, `merchant_code`, `amount`, `reference` or `note`.
pub fn link(payee: &Payee<'_>, amount: &Money, reference: &str, note: &str) -> Result<String, Error> {
    check_payee(payee)?;
    let name = payee.name.trim();
    if reference.is_empty() || !reference.bytes().all(|b| b.is_ascii_alphanumeric()) {
        return Err(Error::invalid("reference", "malformed"));
    }
    if reference.len() > LONGEST_REFERENCE {
        return Err(Error::invalid("reference", "too_long"));
    }
    if note.chars().count() > LONGEST_NOTE {
        return Err(Error::invalid("note", "too_long"));
    }
    let mut link = format!(
        "upi://pay?pa={}&pn={}",
        utf8_percent_encode(payee.address, ADDRESS),
        utf8_percent_encode(name, VALUE)
    );
    let mut add = |key: &str, value: &str| {
        link.push('&');
        link.push_str(key);
        link.push('=');
        link.extend(utf8_percent_encode(value, VALUE));
    };
    if let Some(code) = payee.merchant_code {
        add("mc", code);
    }
    add("tr", reference);
    if !note.trim().is_empty() {
        add("tn", note.trim());
    }
    add("am", &rupees(amount)?);
    add("cu", CURRENCY);
    Ok(link)
}

/// The link as a QR code, an SVG picture with its quiet zone. Error correction M: a phone reads it from a screen.
///
/// # Errors
/// [`Error::Internal`] when the link fits no QR code; one made by [`link`] always does.
pub fn qr_svg(link: &str) -> Result<String, Error> {
    let code = QrCode::with_error_correction_level(link, EcLevel::M)
        .map_err(|error| Error::Internal(format!("a UPI link as QR code: {error}")))?;
    Ok(code.render::<svg::Color<'_>>().min_dimensions(QR_SIDE, QR_SIDE).quiet_zone(true).build())
}

/// Checks the gym's side of its links.
///
/// # Errors
/// [`Error::Invalid`] naming `upi_address`, `upi_name` or `merchant_code`.
pub fn check_payee(payee: &Payee<'_>) -> Result<(), Error> {
    check_address(payee.address)?;
    let name = payee.name.trim();
    if name.is_empty() {
        return Err(Error::invalid("upi_name", "required"));
    }
    if name.chars().count() > LONGEST_NAME {
        return Err(Error::invalid("upi_name", "too_long"));
    }
    if payee.merchant_code.is_some_and(|code| code.len() != 4 || !code.bytes().all(|b| b.is_ascii_digit())) {
        return Err(Error::invalid("merchant_code", "malformed"));
    }
    Ok(())
}

/// Checks a virtual payment address: `name@handle`, where the name has letters, digits, `.`, `-`, `_` and the
/// handle letters and digits, perhaps in parts (`name@bank.npci`).
///
/// # Errors
/// [`Error::Invalid`] in `upi_address`: `required`, `too_long` or `malformed`.
pub fn check_address(address: &str) -> Result<(), Error> {
    let refused = |code| Err(Error::invalid("upi_address", code));
    if address.is_empty() {
        return refused("required");
    }
    if address.len() > LONGEST_ADDRESS {
        return refused("too_long");
    }
    let Some((name, handle)) = address.split_once('@') else { return refused("malformed") };
    let in_name = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_');
    let good_name = !name.is_empty() && name.bytes().all(in_name);
    let good_handle = handle.len() >= 2
        && handle.split('.').all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric()))
        && handle.bytes().next().is_some_and(|b| b.is_ascii_alphabetic());
    if good_name && good_handle { Ok(()) } else { refused("malformed") }
}

/// The number that a bank gives a transfer (UTR, on UPI the same as the RRN): twelve digits. Spaces that people type
/// between groups are dropped.
///
/// # Errors
/// [`Error::Invalid`] in `utr`: `required` or `malformed`.
pub fn utr(typed: &str) -> Result<String, Error> {
    let digits: String = typed.chars().filter(|c| !c.is_whitespace()).collect();
    if digits.is_empty() {
        return Err(Error::invalid("utr", "required"));
    }
    // Twelve zeros pass every count and are no bank's number.
    let all_zero = digits.bytes().all(|b| b == b'0');
    if digits.len() != 12 || !digits.bytes().all(|b| b.is_ascii_digit()) || all_zero {
        return Err(Error::invalid("utr", "malformed"));
    }
    Ok(digits)
}

/// Paise as rupees with two decimals.
fn rupees(amount: &Money) -> Result<String, Error> {
    if amount.currency != CURRENCY {
        return Err(Error::invalid("amount", "currency_wrong"));
    }
    if amount.minor <= 0 {
        return Err(Error::invalid("amount", "amount_not_positive"));
    }
    if amount.minor > LARGEST_MINOR {
        return Err(Error::invalid("amount", "amount_too_large"));
    }
    debug_assert_eq!(exponent(CURRENCY), Some(2));
    Ok(format!("{}.{:02}", amount.minor / 100, amount.minor % 100))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GYM: Payee<'_> = Payee { address: "ironhouse@okhdfcbank", name: "Iron House", merchant_code: None };

    fn inr(minor: i64) -> Money {
        Money::new(minor, "INR")
    }

    fn field_and_code(error: Error) -> (&'static str, &'static str) {
        match error {
            Error::Invalid { field, code, .. } => (field, code),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_link_names_payee_reference_amount_and_currency() {
        let payee = Payee { merchant_code: Some("7997"), ..GYM };
        assert_eq!(
            link(&payee, &inr(149_950), "GH000123", "Monthly & yoga").expect("a link"),
            "upi://pay?pa=ironhouse@okhdfcbank&pn=Iron%20House&mc=7997&tr=GH000123&tn=Monthly%20%26%20yoga&am=1499.50&cu=INR"
        );
    }

    #[test]
    fn a_link_without_note_and_merchant_code_has_neither() {
        assert_eq!(
            link(&GYM, &inr(1), "A1", " ").expect("a link"),
            "upi://pay?pa=ironhouse@okhdfcbank&pn=Iron%20House&tr=A1&am=0.01&cu=INR"
        );
    }

    /// Whatever somebody calls the gym, it cannot add a parameter of its own.
    #[test]
    fn names_of_any_script_are_encoded_byte_by_byte() {
        let payee = Payee { name: "जिम+&pa=thief@upi", ..GYM };
        let link = link(&payee, &inr(100), "A1", "50% off #1").expect("a link");
        assert!(link.contains("pn=%E0%A4%9C%E0%A4%BF%E0%A4%AE%2B%26pa%3Dthief%40upi&"), "{link}");
        assert!(link.contains("tn=50%25%20off%20%231&"), "{link}");
        assert_eq!(link.matches("pa=").count(), 1, "{link}");
    }

    #[test]
    fn amounts_have_two_decimals() {
        for (minor, text) in
            [(1, "0.01"), (10, "0.10"), (100, "1.00"), (12_345, "123.45"), (10_000_000, "100000.00")]
        {
            assert_eq!(rupees(&inr(minor)).expect("rupees"), text);
        }
    }

    #[test]
    fn an_amount_that_nobody_can_pay_is_refused() {
        for (amount, code) in [
            (inr(0), "amount_not_positive"),
            (inr(-100), "amount_not_positive"),
            (inr(LARGEST_MINOR + 1), "amount_too_large"),
            (Money::new(100, "EGP"), "currency_wrong"),
            (Money::new(100, "inr"), "currency_wrong"),
        ] {
            let error = link(&GYM, &amount, "A1", "").expect_err("refused");
            assert_eq!(field_and_code(error), ("amount", code), "{amount:?}");
        }
    }

    #[test]
    fn an_address_is_a_name_and_a_handle() {
        let longest = format!("{}@upi", "a".repeat(LONGEST_ADDRESS - 4));
        for good in [
            "a@upi",
            "9876543210@ybl",
            "iron.house-1_b@okaxis",
            "x@kotak811",
            "123@hdfc0000001.ifsc.npci",
            &longest,
        ] {
            assert!(check_address(good).is_ok(), "{good}");
        }
        let too_long = format!("a{longest}");
        for (bad, code) in [
            ("", "required"),
            ("ironhouse", "malformed"),
            ("@upi", "malformed"),
            ("iron@", "malformed"),
            ("iron@u", "malformed"),
            ("iron@house@upi", "malformed"),
            ("iron house@upi", "malformed"),
            ("iron@up i", "malformed"),
            ("iron&am=1@upi", "malformed"),
            ("iron@.upi", "malformed"),
            ("iron@upi.", "malformed"),
            ("iron@1bank", "malformed"),
            ("जिम@upi", "malformed"),
            (&too_long, "too_long"),
        ] {
            let error = check_address(bad).expect_err(bad);
            assert_eq!(field_and_code(error), ("upi_address", code), "{bad}");
        }
    }

    #[test]
    fn what_does_not_fit_the_link_is_refused_by_its_name() {
        let note = "n".repeat(LONGEST_NOTE + 1);
        let reference = "R".repeat(LONGEST_REFERENCE + 1);
        let name = "N".repeat(LONGEST_NAME + 1);
        for (payee, reference, note, expected) in [
            (GYM, "A1", note.as_str(), ("note", "too_long")),
            (GYM, reference.as_str(), "", ("reference", "too_long")),
            (GYM, "", "", ("reference", "malformed")),
            (GYM, "A-1", "", ("reference", "malformed")),
            (Payee { name: " ", ..GYM }, "A1", "", ("upi_name", "required")),
            (Payee { name: &name, ..GYM }, "A1", "", ("upi_name", "too_long")),
            (Payee { merchant_code: Some("79"), ..GYM }, "A1", "", ("merchant_code", "malformed")),
            (Payee { merchant_code: Some("799a"), ..GYM }, "A1", "", ("merchant_code", "malformed")),
            (Payee { address: "nobody", ..GYM }, "A1", "", ("upi_address", "malformed")),
        ] {
            let error = link(&payee, &inr(100), reference, note).expect_err("refused");
            assert_eq!(field_and_code(error), expected);
        }
        let longest = "ü".repeat(LONGEST_NOTE);
        assert!(link(&GYM, &inr(100), "A1", &longest).is_ok(), "length counts characters, not bytes");
    }

    #[test]
    fn a_utr_has_twelve_digits() {
        assert_eq!(utr(" 4123 5678 9012 ").expect("a number"), "412356789012");
        for (typed, code) in [
            ("", "required"),
            ("  ", "required"),
            ("41235678901", "malformed"),
            ("4123567890123", "malformed"),
            ("41235678901x", "malformed"),
            ("٤١٢٣٥٦٧٨٩٠١٢", "malformed"),
            ("000000000000", "malformed"),
        ] {
            assert_eq!(field_and_code(utr(typed).expect_err(typed)), ("utr", code), "{typed}");
        }
    }

    #[test]
    fn the_drawn_code_says_the_link() {
        let link = link(&GYM, &inr(149_950), "GH000123", "Monthly").expect("a link");
        let svg = qr_svg(&link).expect("a picture");
        let drawn = modules(&svg);
        let meant = QrCode::with_error_correction_level(&link, EcLevel::M).expect("a code");
        let dark = meant.to_colors().iter().filter(|colour| **colour == qrcode::Color::Dark).count();
        assert!(svg.starts_with("<?xml") && svg.ends_with("</svg>"), "{svg}");
        assert_eq!(drawn, dark, "one square per dark module");
    }

    /// Squares in the picture's path.
    fn modules(svg: &str) -> usize {
        svg.split_once("<path").map_or(0, |(_, path)| path.matches('M').count())
    }
}
