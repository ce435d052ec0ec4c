//! The drawing of one card.
use super::text::{Fitted, Style, Weight, draw, fit, is_right_to_left, measure};
use crate::error::Error;
use qrcode::{Color, EcLevel, QrCode};
use std::fmt::Write as _;

/// ISO/IEC 7810 ID-1, called CR80: 85.6 × 54 mm.
pub const WIDTH: u32 = 856;
pub const HEIGHT: u32 = 540;
/// One module of the code: version 3 with its quiet zone of four modules around is 37 modules, 40.7 mm.
const MODULE: u32 = 11;
const QUIET: u32 = 4;
const MARGIN: u32 = 45;
const INK: &str = "#15202b";
const ACCENT: &str = "#1f5eff";
const GREY: &str = "#56616c";

/// What stands on a card.
#[derive(Clone, Debug)]
pub struct Card {
    pub gym_name: String,
    pub full_name: String,
    pub native_name: Option<String>,
    pub number: String,
    /// The text of the code.
    pub payload: String,
}

impl Card {
    /// The drawing as SVG, [`WIDTH`] × [`HEIGHT`] tenths of a millimetre.
    ///
    /// # Errors
    /// [`Error::Internal`] for a payload that is longer than ours are.
    pub fn svg(&self) -> Result<String, Error> {
        let mut svg = format!(
            r##"<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}"><rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>"##
        );
        let code = code(&self.payload)?;
        let side = MODULE * (u32::try_from(code.width()).unwrap_or(0) + 2 * QUIET);
        let left = WIDTH - side - 10;
        draw_code(&mut svg, &code, left + MODULE * QUIET, (HEIGHT - side) / 2 + MODULE * QUIET);
        // The quiet zone is white already, so text may come close to it.
        self.draw_text(&mut svg, left - MARGIN)?;
        svg.push_str("</svg>");
        Ok(svg)
    }

    fn draw_text(&self, svg: &mut String, width: u32) -> Result<(), Error> {
        write!(svg, r#"<rect x="{MARGIN}" y="52" width="70" height="9" rx="4" fill="{ACCENT}"/>"#)
            .map_err(|error| Error::Internal(error.to_string()))?;
        let room = f32::from(u16::try_from(width).unwrap_or(u16::MAX));
        let gym = fit(&self.gym_name, Weight::Strong, room, 2, &[34, 30, 26, 22]);
        let mut y = block(svg, &gym, Weight::Strong, ACCENT, 64) + 28;
        let name = fit(&self.full_name, Weight::Strong, room, 3, &[54, 48, 42, 36, 30, 25]);
        y = block(svg, &name, Weight::Strong, INK, y) + 14;
        if let Some(native) = &self.native_name {
            let native = fit(native, Weight::Strong, room, 2, &[46, 40, 34, 28, 24]);
            block(svg, &native, Weight::Strong, INK, y);
        }
        let number = fit(&self.number, Weight::Regular, room, 1, &[36, 30, 24, 18]);
        let style = Style { weight: Weight::Regular, size: number.size, colour: GREY, right: false };
        for line in &number.lines {
            draw(svg, line, &style, MARGIN, HEIGHT - 50);
        }
        Ok(())
    }
}

/// Lines below `y`; where they end. Lines read from the right end below each other.
fn block(svg: &mut String, fitted: &Fitted, weight: Weight, colour: &str, y: u32) -> u32 {
    let size = fitted.size;
    let right = fitted.lines.iter().any(|line| is_right_to_left(line));
    let widest = fitted.lines.iter().map(|line| measure(line, weight, size)).fold(0.0, f32::max);
    let x = if right { MARGIN + tenths(widest) } else { MARGIN };
    // Arabic stands taller over and under the line.
    let line_height = size * if right { 14 } else { 12 } / 10;
    let style = Style { weight, size, colour, right };
    for (index, line) in (1..).zip(&fitted.lines) {
        draw(svg, line, &style, x, y + index * line_height);
    }
    y + line_height * u32::try_from(fitted.lines.len()).unwrap_or(0)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a width on a card is small and not negative"
)]
fn tenths(width: f32) -> u32 {
    width.round() as u32
}

/// The code at error correction Q, in the smallest version: 3 for our payloads.
fn code(payload: &str) -> Result<QrCode, Error> {
    QrCode::with_error_correction_level(payload, EcLevel::Q)
        .map_err(|error| Error::Internal(error.to_string()))
}

/// Dark modules as one path, a row's neighbours in one stroke: no hairlines between them at any resolution.
fn draw_code(svg: &mut String, code: &QrCode, left: u32, top: u32) {
    svg.push_str(r##"<path shape-rendering="crispEdges" fill="#000000" d=""##);
    let colours = code.to_colors();
    for (y, row) in (0_u32..).zip(colours.chunks(code.width())) {
        let mut x = 0_u32;
        for run in row.chunk_by(|a, b| a == b) {
            let length = u32::try_from(run.len()).unwrap_or(0);
            if run.first() == Some(&Color::Dark) {
                let (from, down) = (left + x * MODULE, top + y * MODULE);
                let across = length * MODULE;
                write!(svg, "M{from} {down}h{across}v{MODULE}h-{across}z")
                    .expect("a string can be written to");
            }
            x += length;
        }
    }
    svg.push_str(r#""/>"#);
}
