//! rxing, the leading decoder of a build without C++. It reads less and costs more than zxing-cpp, tells of one code
//! a picture, and of none that it located without reading it.

use std::collections::HashSet;

use rxing::helpers::detect_in_luma_with_hints;
use rxing::{BarcodeFormat, DecodeHints, Point};

use super::contained::contained;
use super::{Format, Look, Symbol};
use crate::frame::LumaFrame;

/// rxing in the settings that the cascade needs.
pub(super) struct Lead;

#[expect(clippy::unused_self, reason = "the shape of the other leading decoder")]
impl Lead {
    pub(super) fn new() -> Self {
        Self
    }

    /// The QR code in a frame.
    pub(super) fn whole(&self, frame: &LumaFrame) -> Vec<Symbol> {
        let hints = DecodeHints { TryHarder: Some(true), AlsoInverted: Some(true), ..DecodeHints::default() };
        look(frame, Some(BarcodeFormat::QR_CODE), hints)
    }

    /// The same: rxing knows one kind.
    pub(super) fn any_kind(&self, _: &LumaFrame) -> Vec<Symbol> {
        Vec::new()
    }

    /// The QR code in a part of a frame.
    pub(super) fn part(&self, frame: &LumaFrame) -> Look {
        Look { read: self.whole(frame), unread: Vec::new() }
    }

    /// The same: rxing chooses its threshold itself.
    pub(super) fn flat(&self, frame: &LumaFrame) -> Look {
        self.part(frame)
    }

    /// Bars that lie across a good part of the frame.
    pub(super) fn bars(&self, frame: &LumaFrame) -> Vec<Symbol> {
        look(frame, None, DecodeHints { PossibleFormats: Some(bars()), ..DecodeHints::default() })
    }

    /// Bars anywhere in a picture.
    pub(super) fn all_bars(&self, frame: &LumaFrame) -> Vec<Symbol> {
        let hints =
            DecodeHints { PossibleFormats: Some(bars()), TryHarder: Some(true), ..DecodeHints::default() };
        look(frame, None, hints)
    }
}

/// The formats with bars that membership cards carry.
fn bars() -> HashSet<BarcodeFormat> {
    HashSet::from([
        BarcodeFormat::EAN_13,
        BarcodeFormat::EAN_8,
        BarcodeFormat::CODE_128,
        BarcodeFormat::CODE_39,
    ])
}

fn look(frame: &LumaFrame, format: Option<BarcodeFormat>, mut hints: DecodeHints) -> Vec<Symbol> {
    let (Ok(width), Ok(height)) = (u32::try_from(frame.width), u32::try_from(frame.height)) else {
        return Vec::new();
    };
    contained(|| {
        let found = detect_in_luma_with_hints(frame.pixels.clone(), width, height, format, &mut hints);
        let symbol = found.ok().and_then(|code| {
            let format = format_of(*code.getBarcodeFormat())?;
            Some(Symbol { text: code.getText().to_owned(), format, corners: corners(code.getPoints()) })
        });
        symbol.into_iter().collect()
    })
}

/// rxing tells the middles of the three finder patterns (bottom left, top left, top right) or the ends of one line.
fn corners(points: &[Point]) -> [(i32, i32); 4] {
    #[expect(clippy::cast_possible_truncation, reason = "pixels of a frame; the cast saturates")]
    let whole = |x: f32, y: f32| (x.round() as i32, y.round() as i32);
    match points {
        [below, corner, right, ..] => [
            whole(corner.x, corner.y),
            whole(right.x, right.y),
            whole(right.x + below.x - corner.x, right.y + below.y - corner.y),
            whole(below.x, below.y),
        ],
        [start, end] => {
            [whole(start.x, start.y), whole(end.x, end.y), whole(end.x, end.y), whole(start.x, start.y)]
        }
        _ => [(0, 0); 4],
    }
}

fn format_of(format: BarcodeFormat) -> Option<Format> {
    Some(match format {
        BarcodeFormat::QR_CODE => Format::Qr,
        BarcodeFormat::EAN_13 | BarcodeFormat::UPC_A => Format::Ean13,
        BarcodeFormat::EAN_8 => Format::Ean8,
        BarcodeFormat::CODE_128 => Format::Code128,
        BarcodeFormat::CODE_39 => Format::Code39,
        _ => return None,
    })
}
