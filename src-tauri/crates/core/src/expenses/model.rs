//! What makes a bill one that can be paid, and which files are bills.
use crate::error::Error;
use crate::expenses::wire::ExpenseForm;
use crate::files::LARGEST_FILE;
use crate::members::form::{line, past_day, text};
use crate::members::picture;
use crate::money::LARGEST_MINOR;
use chrono::{Months, NaiveDate};

const CATEGORY_LENGTH: usize = 60;
const SUPPLIER_LENGTH: usize = 100;
const DESCRIPTION_LENGTH: usize = 500;
/// A bill is due at most so long after its day.
const DUE_WITHIN: Months = Months::new(24);
/// Where a PDF file says that it is whole.
const PDF_TAIL: usize = 1_024;

/// The form as it will be stored.
///
/// # Errors
/// [`Error::Invalid`] with the field and one of the codes `required`, `too_long`, `control_characters`,
/// `amount_not_positive`, `amount_too_large`, `tax_above_amount`, `date_in_future`, `date_too_early`, `due_before_bill`,
/// `out_of_range`.
pub fn check(form: ExpenseForm, today: NaiveDate) -> Result<ExpenseForm, Error> {
    let category =
        line("category", &form.category, CATEGORY_LENGTH)?.ok_or(Error::invalid("category", "required"))?;
    let description = text("description", &form.description, DESCRIPTION_LENGTH)?
        .ok_or(Error::invalid("description", "required"))?;
    let supplier = form.supplier.map_or(Ok(None), |name| line("supplier", &name, SUPPLIER_LENGTH))?;
    if form.amount_minor <= 0 {
        return Err(Error::invalid("amount_minor", "amount_not_positive"));
    }
    if form.amount_minor > LARGEST_MINOR {
        return Err(Error::invalid("amount_minor", "amount_too_large"));
    }
    if !(0..=form.amount_minor).contains(&form.tax_minor) {
        return Err(Error::invalid("tax_minor", "tax_above_amount"));
    }
    past_day("incurred_on", form.incurred_on, today)?;
    if let Some(due) = form.due_on {
        if due < form.incurred_on {
            return Err(Error::invalid("due_on", "due_before_bill"));
        }
        if form.incurred_on.checked_add_months(DUE_WITHIN).is_none_or(|latest| due > latest) {
            return Err(Error::invalid("due_on", "out_of_range"));
        }
    }
    Ok(ExpenseForm { category, supplier, description, ..form })
}

/// The file of a bill as it is stored, with its type by content: a picture encoded anew, a whole PDF as it is.
///
/// # Errors
/// [`Error::Invalid`] in `file_base64` with `file_too_large`, `file_type`, `file_unreadable`, or as of
/// [`picture::normalise`].
pub fn paper(bytes: Vec<u8>) -> Result<(&'static str, Vec<u8>), Error> {
    const FIELD: &str = "file_base64";
    if bytes.len() > LARGEST_FILE {
        return Err(Error::invalid(FIELD, "file_too_large"));
    }
    if bytes.starts_with(b"%PDF-") {
        let tail = &bytes[bytes.len().saturating_sub(PDF_TAIL)..];
        if !tail.windows(5).any(|end| end == b"%%EOF") {
            return Err(Error::invalid(FIELD, "file_unreadable"));
        }
        return Ok(("application/pdf", bytes));
    }
    match image::guess_format(&bytes) {
        Ok(image::ImageFormat::Jpeg | image::ImageFormat::Png | image::ImageFormat::WebP) => {
            Ok(("image/jpeg", picture::normalise_paper(FIELD, &bytes)?))
        }
        _ => Err(Error::invalid(FIELD, "file_type")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::{DynamicImage, ImageFormat, RgbImage};
    use std::io::Cursor;

    fn day(text: &str) -> NaiveDate {
        text.parse().expect("a day")
    }

    fn rent() -> ExpenseForm {
        ExpenseForm {
            category: "Rent".into(),
            supplier: None,
            description: "March".into(),
            amount_minor: 2_500_000,
            tax_minor: 0,
            incurred_on: day("2026-03-01"),
            due_on: None,
        }
    }

    #[test]
    fn a_bill_that_cannot_be_is_refused_with_the_field() {
        let long = "x".repeat(10_000);
        for (form, field, code) in [
            (ExpenseForm { category: " ".into(), ..rent() }, "category", "required"),
            (ExpenseForm { category: long.clone(), ..rent() }, "category", "too_long"),
            (ExpenseForm { description: String::new(), ..rent() }, "description", "required"),
            (ExpenseForm { description: "a\0b".into(), ..rent() }, "description", "control_characters"),
            (ExpenseForm { supplier: Some(long), ..rent() }, "supplier", "too_long"),
            (ExpenseForm { amount_minor: 0, ..rent() }, "amount_minor", "amount_not_positive"),
            (ExpenseForm { amount_minor: -1, ..rent() }, "amount_minor", "amount_not_positive"),
            (ExpenseForm { amount_minor: LARGEST_MINOR + 1, ..rent() }, "amount_minor", "amount_too_large"),
            (ExpenseForm { tax_minor: -1, ..rent() }, "tax_minor", "tax_above_amount"),
            (ExpenseForm { tax_minor: 2_500_001, ..rent() }, "tax_minor", "tax_above_amount"),
            (ExpenseForm { incurred_on: day("2026-03-12"), ..rent() }, "incurred_on", "date_in_future"),
            (ExpenseForm { incurred_on: day("1899-12-31"), ..rent() }, "incurred_on", "date_too_early"),
            (ExpenseForm { due_on: Some(day("2026-02-28")), ..rent() }, "due_on", "due_before_bill"),
            (ExpenseForm { due_on: Some(day("2028-03-02")), ..rent() }, "due_on", "out_of_range"),
        ] {
            match check(form, day("2026-03-11")) {
                Err(Error::Invalid { field: found, code: why, .. }) => {
                    assert_eq!((found, why), (field, code));
                }
                other => panic!("{field}: {other:?}"),
            }
        }
        assert_eq!(check(rent(), day("2026-03-11")).expect("accepted"), rent());
    }

    fn picture(format: ImageFormat) -> Vec<u8> {
        let mut bytes = Cursor::new(Vec::new());
        DynamicImage::ImageRgb8(RgbImage::new(3_000, 30)).write_to(&mut bytes, format).expect("encodes");
        bytes.into_inner()
    }

    #[test]
    fn a_bill_is_judged_by_its_content() {
        for format in [ImageFormat::Jpeg, ImageFormat::Png, ImageFormat::WebP] {
            let (mime, bytes) = paper(picture(format)).expect("a picture");
            assert_eq!(mime, "image/jpeg");
            let stored = image::load_from_memory_with_format(&bytes, ImageFormat::Jpeg).expect("a JPEG");
            assert_eq!((stored.width(), stored.height()), (2_400, 24), "{format:?}");
        }
        let pdf = b"%PDF-1.7\n1 0 obj\nendobj\n%%EOF\n".to_vec();
        assert_eq!(paper(pdf.clone()).expect("a PDF"), ("application/pdf", pdf));
        for (bytes, code) in [
            (picture(ImageFormat::Gif), "file_type"),
            (b"just text, named bill.pdf".to_vec(), "file_type"),
            (b"MZ\x90\0".to_vec(), "file_type"),
            (Vec::new(), "file_type"),
            (b"%PDF-1.7 cut off".to_vec(), "file_unreadable"),
            (picture(ImageFormat::Png)[..60].to_vec(), "picture_unreadable"),
            (vec![0; LARGEST_FILE + 1], "file_too_large"),
        ] {
            match paper(bytes) {
                Err(Error::Invalid { field: "file_base64", code: why, .. }) => assert_eq!(why, code),
                other => panic!("{code}: {other:?}"),
            }
        }
    }
}
