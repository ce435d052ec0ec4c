//! Drawings to files.
use super::drawing::{Card, HEIGHT, WIDTH};
use super::text::options;
use crate::error::Error;
use krilla::Document;
use krilla::geom::{Size, Transform};
use krilla::page::PageSettings;
use krilla_svg::{SurfaceExt, SvgSettings};
use resvg::tiny_skia::{Pixmap, Transform as PixelTransform};
use resvg::usvg::Tree;
use std::fmt::Write as _;

/// Pixels per tenth of a millimetre: 508 dpi, and a module of the code is 22 whole pixels.
const PIXELS: u32 = 2;
/// A4 in tenths of a millimetre, and the cards on it: two columns of five.
const A4: (u32, u32) = (2100, 2970);
const COLUMNS: u32 = 2;
const ROWS: u32 = 5;
const GAP: u32 = 40;
/// Length of a cut mark and its distance from the card's corner.
const MARK: u32 = 15;
const MARK_GAP: u32 = 4;

/// The card as a PNG picture of 1712 × 1080 pixels.
pub fn png(card: &Card) -> Result<Vec<u8>, Error> {
    let tree = tree(&card.svg()?)?;
    let mut pixels = Pixmap::new(WIDTH * PIXELS, HEIGHT * PIXELS)
        .ok_or_else(|| Error::Internal("no room for the picture".to_owned()))?;
    let scale = float(PIXELS);
    resvg::render(&tree, PixelTransform::from_scale(scale, scale), &mut pixels.as_mut());
    pixels.encode_png().map_err(|error| Error::Internal(error.to_string()))
}

/// Cards for a card printer: each on a page of its own size.
pub fn card_pdf(cards: &[Card]) -> Result<Vec<u8>, Error> {
    let mut document = Document::new();
    for card in cards {
        let tree = tree(&card.svg()?)?;
        let mut page = document.start_page_with(page(WIDTH, HEIGHT)?);
        let mut surface = page.surface();
        surface.draw_svg(&tree, size(WIDTH, HEIGHT)?, SvgSettings::default());
        surface.finish();
        page.finish();
    }
    finish(document)
}

/// Ten cards to an A4 sheet, with marks to cut along.
pub fn a4_pdf(cards: &[Card]) -> Result<Vec<u8>, Error> {
    let mut document = Document::new();
    let per_page = usize::try_from(COLUMNS * ROWS).unwrap_or(1);
    for sheet in cards.chunks(per_page) {
        let mut page = document.start_page_with(page(A4.0, A4.1)?);
        let mut surface = page.surface();
        let mut marks =
            format!(r#"<svg xmlns="http://www.w3.org/2000/svg" width="{}" height="{}">"#, A4.0, A4.1);
        marks.push_str(r##"<path fill="none" stroke="#000000" stroke-width="1.5" d=""##);
        for (index, card) in (0_u32..).zip(sheet) {
            let (x, y) = place(index);
            let tree = tree(&card.svg()?)?;
            surface.push_transform(&Transform::from_translate(points(x), points(y)));
            surface.draw_svg(&tree, size(WIDTH, HEIGHT)?, SvgSettings::default());
            surface.pop();
            cut_marks(&mut marks, x, y);
        }
        marks.push_str(r#""/></svg>"#);
        surface.draw_svg(&tree(&marks)?, size(A4.0, A4.1)?, SvgSettings::default());
        surface.finish();
        page.finish();
    }
    finish(document)
}

/// Upper left corner of the `index`-th card of a sheet.
fn place(index: u32) -> (u32, u32) {
    let left = (A4.0 - COLUMNS * WIDTH - (COLUMNS - 1) * GAP) / 2;
    let top = (A4.1 - ROWS * HEIGHT - (ROWS - 1) * GAP) / 2;
    (left + (index % COLUMNS) * (WIDTH + GAP), top + (index / COLUMNS) * (HEIGHT + GAP))
}

fn cut_marks(path: &mut String, x: u32, y: u32) {
    for (corner_x, across) in [(x, -1_i64), (x + WIDTH, 1)] {
        for (corner_y, down) in [(y, -1_i64), (y + HEIGHT, 1)] {
            let (corner_x, corner_y) = (i64::from(corner_x), i64::from(corner_y));
            let (near, far) = (i64::from(MARK_GAP), i64::from(MARK_GAP + MARK));
            write!(
                path,
                "M{} {corner_y}H{}M{corner_x} {}V{}",
                corner_x + across * near,
                corner_x + across * far,
                corner_y + down * near,
                corner_y + down * far
            )
            .expect("a string can be written to");
        }
    }
}

fn tree(svg: &str) -> Result<Tree, Error> {
    Tree::from_str(svg, &options()).map_err(|error| Error::Internal(error.to_string()))
}

fn finish(document: Document) -> Result<Vec<u8>, Error> {
    document.finish().map_err(|error| Error::Internal(format!("{error:?}")))
}

fn page(width: u32, height: u32) -> Result<PageSettings, Error> {
    Ok(PageSettings::new(size(width, height)?))
}

fn size(width: u32, height: u32) -> Result<Size, Error> {
    Size::from_wh(points(width), points(height)).ok_or_else(|| Error::Internal("an empty page".to_owned()))
}

/// Tenths of a millimetre to PDF points (1/72 inch).
fn points(tenths: u32) -> f32 {
    float(tenths) * 72.0 / 254.0
}

fn float(value: u32) -> f32 {
    f32::from(u16::try_from(value).unwrap_or(u16::MAX))
}
