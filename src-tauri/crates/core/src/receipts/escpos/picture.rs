//! A receipt as the printer's dots.
use crate::error::Error;
use crate::receipts::page::{Paper, lay_out};
use crate::receipts::sheet::Sheet;
use crate::receipts::{Print, Roll};
use typst::utils::Scalar;
use typst_render::RenderOptions;

/// Points of an inch and dots of one: 8 dots to the millimetre.
const POINTS: f64 = 72.0;
const DOTS: f64 = 203.2;
/// Rows in one command: small printers hold no more of a picture at a time.
const BAND: usize = 128;
/// Grey that still gets a dot. Above the middle, so that thin strokes of letters do not break.
const DARK_BELOW: u16 = 160;

/// The receipt in pieces, each a command GS v 0 of its own.
pub fn bands(print: &Print<'_>, sheet: &Sheet, roll: Roll) -> Result<Vec<Vec<u8>>, Error> {
    let pages = lay_out(print, sheet, Paper::Head(roll))?;
    let options = RenderOptions { pixel_per_pt: Scalar::new(DOTS / POINTS), render_bleed: false };
    let width = usize::try_from(roll.dots()).unwrap_or(0);
    let mut rows = Vec::new();
    for page in pages.pages() {
        let pixels = typst_render::render(page, &options);
        let across = usize::try_from(pixels.width()).unwrap_or(0);
        rows.extend(pixels.data().chunks(across * 4).map(|row| dots(row, width)));
    }
    rows.chunks(BAND).map(|rows| band(rows, width / 8)).collect()
}

/// A row of RGBA pixels as one bit for each dot, the left one highest; exactly as wide as the head.
fn dots(row: &[u8], width: usize) -> Vec<u8> {
    let mut packed = vec![0; width / 8];
    for (x, pixel) in row.chunks(4).take(width).enumerate() {
        let grey = pixel.iter().take(3).map(|value| u16::from(*value)).sum::<u16>() / 3;
        if grey < DARK_BELOW {
            packed[x / 8] |= 0x80 >> (x % 8);
        }
    }
    packed
}

/// GS v 0, mode 0, bytes across and rows down, each low byte first.
fn band(rows: &[Vec<u8>], across: usize) -> Result<Vec<u8>, Error> {
    let size =
        |length: usize| u16::try_from(length).map_err(|_| Error::Internal("a band too large".to_owned()));
    let mut command = vec![0x1d, b'v', b'0', 0];
    command.extend(size(across)?.to_le_bytes());
    command.extend(size(rows.len())?.to_le_bytes());
    command.extend(rows.iter().flatten());
    Ok(command)
}
