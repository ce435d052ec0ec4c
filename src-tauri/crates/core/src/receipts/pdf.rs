//! Receipts as PDF: real text in its own script, tagged, the same bytes for the same receipt.
use super::page::{Paper, failed, lay_out};
use super::sheet::Sheet;
use super::{Print, Roll};
use crate::error::Error;
use typst::foundations::Smart;
use typst_pdf::PdfOptions;

/// A receipt on A4, on as many pages as it needs.
pub fn a4(print: &Print<'_>) -> Result<Vec<u8>, Error> {
    pdf(print, Paper::A4)
}

/// A receipt on one page as wide as the roll and as long as the receipt.
pub fn roll(print: &Print<'_>, roll: Roll) -> Result<Vec<u8>, Error> {
    pdf(print, Paper::Roll(roll))
}

fn pdf(print: &Print<'_>, paper: Paper) -> Result<Vec<u8>, Error> {
    let pages = lay_out(print, &Sheet::new(print), paper)?;
    let options =
        PdfOptions { creator: Smart::Custom(Some("Gatehouse".to_owned())), ..PdfOptions::default() };
    typst_pdf::pdf(&pages, &options).map_err(|why| failed(&why))
}
