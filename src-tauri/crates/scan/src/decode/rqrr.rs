//! rqrr, the second opinion: its own way of finding codes reads some that the leading decoder misses.

use rqrr::{Grid, PreparedImage};

use super::contained::contained;
use super::{Format, Symbol};
use crate::frame::LumaFrame;

/// The codes that rqrr reads. Version 0.11 panics on some real pictures, which here means that it read nothing.
pub(super) fn read(frame: &LumaFrame) -> Vec<Symbol> {
    contained(|| {
        let pixel = |x: usize, y: usize| frame.pixels[y * frame.width + x];
        let mut picture = PreparedImage::prepare_from_greyscale(frame.width, frame.height, pixel);
        picture.detect_grids().iter().filter_map(symbol).collect()
    })
}

fn symbol<G: rqrr::BitGrid>(grid: &Grid<G>) -> Option<Symbol> {
    let (_, text) = grid.decode().ok()?;
    Some(Symbol { text, format: Format::Qr, corners: grid.bounds.map(|at| (at.x, at.y)) })
}
