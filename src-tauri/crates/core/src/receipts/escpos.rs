//! Receipts as ESC/POS, the commands of thermal printers ("ESC/POS Command Reference", Epson). A receipt all in Latin
//! letters is sent as text, which is short, sharp and quick; any other as a picture, since few printers know Arabic,
//! fewer shape it, and none Devanagari.
mod picture;

use super::page::qr;
use super::sheet::{Pair, Sheet};
use super::{Mark, Print, Roll};
use crate::error::Error;
use encoding_rs::WINDOWS_1252;
use escpos::driver::Driver;
use escpos::errors::PrinterError;
use escpos::printer::Printer;
use escpos::utils::{Encoder, JustifyMode, Protocol, QRCodeCorrectionLevel, QRCodeModel, QRCodeOption};
use std::cell::RefCell;

/// ESC t 16: code page Windows-1252.
const CODE_PAGE: [u8; 3] = [0x1b, b't', 16];
/// FS . : no double-byte letters. Printers made for China otherwise take two letters with accents for one of theirs.
const SINGLE_BYTES: [u8; 2] = [0x1c, b'.'];
/// ESC p 0 25 250: 50 ms of current on pin 2, half a second of rest. The library's own command lacks both times.
const KICK: [u8; 5] = [0x1b, b'p', 0, 25, 250];
/// Lines between the text and the cutter.
const TAIL: u8 = 2;

/// Whether the drawer may open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drawer {
    /// With the original of a receipt that moved cash.
    Kick,
    Leave,
}

/// What a printer gets for one receipt: everything from waking it to the cut.
pub fn bytes(print: &Print<'_>, roll: Roll, drawer: Drawer) -> Result<Vec<u8>, Error> {
    let sheet = Sheet::new(print);
    let mut printer = Printer::new(Collected::default(), Protocol::new(Encoder::new(WINDOWS_1252)), None);
    printer.init()?;
    if drawer == Drawer::Kick && print.mark == Mark::Original && print.document.moves_cash() {
        printer.custom(&KICK)?;
    }
    if is_latin(&sheet)? {
        text(&mut printer, &sheet, print.code, roll)?;
    } else {
        for band in picture::bands(print, &sheet, roll)? {
            printer.custom(&band)?;
        }
    }
    printer.feeds(TAIL)?.print_cut()?;
    Ok(printer.driver().0.into_inner())
}

/// A slip that shows how wide the paper is and how far the cutter, and opens the drawer where that is asked for.
pub fn test_slip(roll: Roll, drawer: Drawer) -> Result<Vec<u8>, Error> {
    const CODE: &str = "GATEHOUSE";
    let columns = roll.columns();
    let mut printer = Printer::new(Collected::default(), Protocol::new(Encoder::new(WINDOWS_1252)), None);
    printer.init()?;
    if drawer == Drawer::Kick {
        printer.custom(&KICK)?;
    }
    printer.custom(&SINGLE_BYTES)?.custom(&CODE_PAGE)?.justify(JustifyMode::CENTER)?;
    large(&mut printer, "Gatehouse", columns)?;
    printer.writeln(&"1234567890".chars().cycle().take(columns).collect::<String>())?;
    printer.qrcode_option(CODE, code_option(CODE, roll)?)?;
    printer.feeds(TAIL)?.print_cut()?;
    Ok(printer.driver().0.into_inner())
}

/// True when the printer's code page has every letter.
fn is_latin(sheet: &Sheet) -> Result<bool, Error> {
    let all = serde_json::to_string(sheet).map_err(|error| Error::Internal(error.to_string()))?;
    Ok(!WINDOWS_1252.encode(&all).2)
}

fn text(printer: &mut Printer<Collected>, sheet: &Sheet, code: &str, roll: Roll) -> Result<(), Error> {
    let columns = roll.columns();
    printer.custom(&SINGLE_BYTES)?.custom(&CODE_PAGE)?.justify(JustifyMode::CENTER)?.bold(true)?;
    large(printer, &sheet.gym, columns)?;
    printer.bold(false)?;
    for line in &sheet.issuer {
        wrapped(printer, line, columns)?;
    }
    printer.feed()?.bold(true)?;
    large(printer, sheet.title, columns)?;
    if let Some(copy) = sheet.copy {
        large(printer, &format!("*** {copy} ***"), columns)?;
    }
    printer.bold(false)?.justify(JustifyMode::LEFT)?;
    rows(printer, &sheet.facts, columns)?;
    if !sheet.lines.is_empty() {
        rule(printer, columns)?;
        for line in &sheet.lines {
            wrapped(printer, &line.item, columns)?;
            if let Some(other) = &line.other {
                wrapped(printer, other, columns)?;
            }
            let tax = if line.tax.is_empty() { String::new() } else { format!("  ({})", line.tax) };
            row(printer, &format!("  {} x {}{tax}", line.quantity, line.price), &line.amount, columns)?;
        }
    }
    rule(printer, columns)?;
    rows(printer, &sheet.totals, columns)?;
    printer.bold(true)?.size(1, 2)?;
    row(printer, &sheet.total.label, &sheet.total.value, columns)?;
    printer.reset_size()?.bold(false)?;
    rows(printer, &sheet.payments, columns)?;
    printer.feed()?.justify(JustifyMode::CENTER)?;
    printer.qrcode_option(code, code_option(code, roll)?)?;
    for line in sheet.notes.iter().chain(&sheet.footer) {
        wrapped(printer, line, columns)?;
    }
    Ok(())
}

/// The largest modules, of six dots at most, with which the code and its quiet zone fit.
fn code_option(code: &str, roll: Roll) -> Result<QRCodeOption, Error> {
    let modules = u32::try_from(qr(code)?.width()).unwrap_or(0) + 8;
    let dots = u8::try_from((roll.dots() / modules).clamp(3, 6)).unwrap_or(3);
    Ok(QRCodeOption::new(QRCodeModel::Model2, dots, QRCodeCorrectionLevel::M))
}

/// A heading, twice as large where that fits in one line.
fn large(printer: &mut Printer<Collected>, text: &str, columns: usize) -> Result<(), Error> {
    if text.chars().count() * 2 <= columns {
        printer.size(2, 2)?.writeln(text)?.reset_size()?;
        Ok(())
    } else {
        wrapped(printer, text, columns)
    }
}

fn wrapped(printer: &mut Printer<Collected>, text: &str, columns: usize) -> Result<(), Error> {
    for line in textwrap::wrap(text, columns) {
        printer.writeln(&line)?;
    }
    Ok(())
}

fn rule(printer: &mut Printer<Collected>, columns: usize) -> Result<(), Error> {
    printer.writeln(&"-".repeat(columns))?;
    Ok(())
}

fn rows(printer: &mut Printer<Collected>, pairs: &[Pair], columns: usize) -> Result<(), Error> {
    for Pair { label, value } in pairs {
        row(printer, label, value, columns)?;
    }
    Ok(())
}

/// A label and a value at the far side; below each other where one line has no room for both.
fn row(printer: &mut Printer<Collected>, label: &str, value: &str, columns: usize) -> Result<(), Error> {
    let room = columns.saturating_sub(label.chars().count() + 1);
    if value.chars().count() <= room {
        let width = columns - label.chars().count();
        printer.writeln(&format!("{label}{value:>width$}"))?;
        return Ok(());
    }
    wrapped(printer, label, columns)?;
    for line in textwrap::wrap(value, columns) {
        printer.writeln(&format!("{line:>columns$}"))?;
    }
    Ok(())
}

/// Keeps what would go to a printer.
#[derive(Default)]
struct Collected(RefCell<Vec<u8>>);

impl Driver for Collected {
    fn name(&self) -> String {
        "collected".to_owned()
    }

    fn write(&self, data: &[u8]) -> escpos::errors::Result<()> {
        self.0.borrow_mut().extend_from_slice(data);
        Ok(())
    }

    fn read(&self, _buffer: &mut [u8]) -> escpos::errors::Result<usize> {
        Ok(0)
    }

    fn flush(&self) -> escpos::errors::Result<()> {
        Ok(())
    }
}

impl From<PrinterError> for Error {
    fn from(error: PrinterError) -> Self {
        Self::Internal(format!("a receipt in a printer's commands: {error}"))
    }
}
