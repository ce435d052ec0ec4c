//! rqrr, the second opinion: its own way of finding codes reads some that the leading decoder misses.

use std::panic::{AssertUnwindSafe, catch_unwind};

use rqrr::{Grid, PreparedImage};

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

/// What the decoder returns, or nothing if it panics. Its only state is the picture made for this call.
pub(super) fn contained(read: impl FnOnce() -> Vec<Symbol>) -> Vec<Symbol> {
    catch_unwind(AssertUnwindSafe(read)).unwrap_or_default()
}

fn symbol<G: rqrr::BitGrid>(grid: &Grid<G>) -> Option<Symbol> {
    let (_, text) = grid.decode().ok()?;
    Some(Symbol { text, format: Format::Qr, corners: grid.bounds.map(|at| (at.x, at.y)) })
}
