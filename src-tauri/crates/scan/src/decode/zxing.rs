//! zxing-cpp, the leading decoder.

use zxingcpp::{BarcodeFormat, BarcodeReader, ImageFormat, ImageView, PointI, TextMode};

use super::{Format, Symbol};
use crate::frame::LumaFrame;

/// zxing-cpp with every option that helps a webcam.
pub(super) struct Zxing {
    reader: BarcodeReader,
}

impl Zxing {
    pub(super) fn new() -> Self {
        let formats = [
            BarcodeFormat::QRCode,
            BarcodeFormat::EAN13,
            BarcodeFormat::EAN8,
            BarcodeFormat::Code128,
            BarcodeFormat::Code39,
        ];
        let reader = BarcodeReader::new()
            .try_harder(true)
            .try_rotate(true)
            .try_invert(true)
            .try_downscale(true)
            .text_mode(TextMode::Plain)
            .formats(formats);
        Self { reader }
    }

    pub(super) fn read(&self, frame: &LumaFrame) -> Vec<Symbol> {
        let Ok(view) = ImageView::from_slice(&frame.pixels, frame.width, frame.height, ImageFormat::Lum)
        else {
            return Vec::new();
        };
        let Ok(found) = self.reader.from(view) else {
            return Vec::new();
        };
        found
            .iter()
            .filter_map(|code| {
                let at = code.position();
                let corners = [at.top_left, at.top_right, at.bottom_right, at.bottom_left]
                    .map(|PointI { x, y }| (x, y));
                Some(Symbol { text: code.text(), format: format_of(code.format())?, corners })
            })
            .collect()
    }
}

fn format_of(format: BarcodeFormat) -> Option<Format> {
    Some(match format {
        BarcodeFormat::QRCode | BarcodeFormat::QRCodeModel1 | BarcodeFormat::QRCodeModel2 => Format::Qr,
        BarcodeFormat::EAN13 | BarcodeFormat::UPCA | BarcodeFormat::ISBN => Format::Ean13,
        BarcodeFormat::EAN8 => Format::Ean8,
        BarcodeFormat::Code128 => Format::Code128,
        BarcodeFormat::Code39 => Format::Code39,
        _ => return None,
    })
}
