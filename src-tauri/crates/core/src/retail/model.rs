//! What makes a product one that can be sold, and how its stock may change.
use crate::error::Error;
use crate::members::form::line;
use crate::retail::wire::{ProductForm, StockKind};

const NAME_LENGTH: usize = 100;
const CATEGORY_LENGTH: usize = 60;
const CODE_LENGTH: std::ops::RangeInclusive<usize> = 3..=64;
const MOST_CODES: usize = 20;
/// Of one product in one movement or on one receipt.
pub const MOST_AT_ONCE: i32 = 100_000;
const MOST_IN_STOCK: i32 = 1_000_000;

/// The form as it will be stored: texts trimmed, every number within its range, each barcode once.
///
/// # Errors
/// [`Error::Invalid`] with the field and one of the codes `required`, `too_long`, `control_characters`,
/// `out_of_range`, `too_many`, `barcode_length`.
pub fn check(form: ProductForm) -> Result<ProductForm, Error> {
    let optional =
        |field, text: Option<String>, longest| text.map_or(Ok(None), |text| line(field, &text, longest));
    let name = line("name", &form.name, NAME_LENGTH)?.ok_or(Error::invalid("name", "required"))?;
    if form.low_stock_at.is_some_and(|limit| !(0..=MOST_IN_STOCK).contains(&limit)) {
        return Err(Error::invalid("low_stock_at", "out_of_range"));
    }
    if form.barcodes.len() > MOST_CODES {
        return Err(Error::invalid("barcodes", "too_many"));
    }
    let mut barcodes = Vec::with_capacity(form.barcodes.len());
    for code in &form.barcodes {
        barcodes.extend(barcode("barcodes", code)?);
    }
    barcodes.sort_unstable();
    barcodes.dedup();
    Ok(ProductForm {
        name,
        native_name: optional("native_name", form.native_name, NAME_LENGTH)?,
        category: optional("category", form.category, CATEGORY_LENGTH)?,
        barcodes,
        ..form
    })
}

/// A barcode as it is stored; `None` for an empty line.
pub fn barcode(field: &'static str, typed: &str) -> Result<Option<String>, Error> {
    let code = line(field, typed, *CODE_LENGTH.end())?;
    match code {
        Some(code) if !CODE_LENGTH.contains(&code.chars().count()) => {
            Err(Error::invalid(field, "barcode_length"))
        }
        code => Ok(code),
    }
}

/// How else a scanner may read the same bars: a UPC-A code of 12 digits is an EAN-13 code with a nought in front, and
/// scanners send either.
pub fn spellings(code: &str) -> Vec<String> {
    let mut spellings = vec![code.to_owned()];
    let is_number = code.bytes().all(|byte| byte.is_ascii_digit());
    match code.strip_prefix('0') {
        _ if is_number && code.len() == 12 => spellings.push(format!("0{code}")),
        Some(shorter) if is_number && code.len() == 13 => spellings.push(shorter.to_owned()),
        _ => {}
    }
    spellings
}

/// How many of something are sold, bought or thrown away: one at least.
///
/// # Errors
/// [`Error::Invalid`] in `quantity`: `quantity_not_positive`, `out_of_range`.
pub fn check_quantity(quantity: i32) -> Result<(), Error> {
    match quantity {
        ..=0 => Err(Error::invalid("quantity", "quantity_not_positive")),
        1..=MOST_AT_ONCE => Ok(()),
        _ => Err(Error::invalid("quantity", "out_of_range")),
    }
}

/// What a movement adds to a stock; of a count, what is missing to what was counted.
///
/// # Errors
/// [`Error::Invalid`] in `quantity` as of [`check_quantity`] (a count may be nought), in `kind` for a sale: only the
/// counter sells.
pub fn stock_change(kind: StockKind, quantity: i32, stock: i64) -> Result<i32, Error> {
    match kind {
        StockKind::Count => {
            if !(0..=MOST_IN_STOCK).contains(&quantity) {
                return Err(Error::invalid("quantity", "out_of_range"));
            }
            i32::try_from(i64::from(quantity) - stock).map_err(|_| Error::invalid("quantity", "out_of_range"))
        }
        StockKind::Sale => Err(Error::invalid("kind", "only_at_counter")),
        StockKind::Delivery | StockKind::Return => check_quantity(quantity).map(|()| quantity),
        StockKind::Waste => check_quantity(quantity).map(|()| -quantity),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn shake() -> ProductForm {
        ProductForm {
            name: "Vanilla shake".into(),
            native_name: None,
            category: None,
            tax_rate_id: None,
            low_stock_at: None,
            barcodes: Vec::new(),
        }
    }

    #[test]
    fn a_product_that_cannot_be_sold_is_refused_with_the_field() {
        let long = "x".repeat(10_000);
        for (form, field, code) in [
            (ProductForm { name: " ".into(), ..shake() }, "name", "required"),
            (ProductForm { name: long.clone(), ..shake() }, "name", "too_long"),
            (ProductForm { native_name: Some(long.clone()), ..shake() }, "native_name", "too_long"),
            (ProductForm { category: Some("a\0b".into()), ..shake() }, "category", "control_characters"),
            (ProductForm { low_stock_at: Some(-1), ..shake() }, "low_stock_at", "out_of_range"),
            (ProductForm { low_stock_at: Some(1_000_001), ..shake() }, "low_stock_at", "out_of_range"),
            (ProductForm { barcodes: vec!["12".into()], ..shake() }, "barcodes", "barcode_length"),
            (ProductForm { barcodes: vec![long], ..shake() }, "barcodes", "too_long"),
            (ProductForm { barcodes: vec!["123".into(); 21], ..shake() }, "barcodes", "too_many"),
        ] {
            match check(form) {
                Err(Error::Invalid { field: found, code: why, .. }) => {
                    assert_eq!((found, why), (field, code));
                }
                other => panic!("{field}: {other:?}"),
            }
        }
    }

    #[test]
    fn barcodes_are_kept_once_and_trimmed() {
        let barcodes = vec![" 5449000000996 ".into(), String::new(), "5449000000996".into(), "A-17".into()];
        let form = check(ProductForm { barcodes, ..shake() }).expect("accepted");
        assert_eq!(form.barcodes, ["5449000000996", "A-17"]);
    }

    #[test]
    fn the_same_bars_are_found_however_the_scanner_reads_them() {
        assert_eq!(spellings("036000291452"), ["036000291452", "0036000291452"]);
        assert_eq!(spellings("0036000291452"), ["0036000291452", "036000291452"]);
        assert_eq!(spellings("5449000000996"), ["5449000000996"]);
        assert_eq!(spellings("0-17"), ["0-17"]);
    }

    #[test]
    fn a_movement_has_its_direction() {
        assert_eq!(stock_change(StockKind::Delivery, 24, 3).expect("in"), 24);
        assert_eq!(stock_change(StockKind::Return, 1, 3).expect("in"), 1);
        assert_eq!(stock_change(StockKind::Waste, 2, 3).expect("out"), -2);
        assert_eq!(stock_change(StockKind::Count, 0, -4).expect("counted"), 4);
        assert_eq!(stock_change(StockKind::Count, 7, 10).expect("counted"), -3);
        assert!(stock_change(StockKind::Sale, 1, 3).is_err());
        assert!(stock_change(StockKind::Count, -1, 3).is_err());
        for kind in [StockKind::Delivery, StockKind::Return, StockKind::Waste] {
            for quantity in [0, -1, i32::MIN, MOST_AT_ONCE + 1] {
                assert!(stock_change(kind, quantity, 3).is_err(), "{kind:?} of {quantity}");
            }
        }
    }

    proptest! {
        #[test]
        fn after_a_count_the_stock_is_what_was_counted(counted in 0..=MOST_IN_STOCK, stock in -1_000_000..1_000_000_i64) {
            let change = stock_change(StockKind::Count, counted, stock).expect("counted");
            prop_assert_eq!(stock + i64::from(change), i64::from(counted));
        }
    }
}
