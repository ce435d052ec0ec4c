//! The decoders that the cascade is measured against, each alone.

use std::panic::{AssertUnwindSafe, catch_unwind};

use gatehouse_scan::LumaFrame;
use rxing::DecodeHints;
use zxingcpp::{BarcodeFormat, BarcodeReader, Binarizer, ImageFormat, ImageView, TextMode};

/// What the reference is set to, for the record.
pub const REFERENCE: &str = "zxing-cpp 0.5 alone: tryHarder tryRotate tryInvert tryDownscale, LocalAverage, \
                             every symbol, format QRCode";

/// zxing-cpp with everything on that helps it find QR codes.
pub fn reference() -> BarcodeReader {
    BarcodeReader::new()
        .try_harder(true)
        .try_rotate(true)
        .try_invert(true)
        .try_downscale(true)
        .binarizer(Binarizer::LocalAverage)
        .text_mode(TextMode::Plain)
        .formats([BarcodeFormat::QRCode])
}

/// What a decoder that hands out texts and bytes says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading {
    /// As text, when it is one.
    pub text: Option<String>,
    /// As bytes, when the decoder hands them out.
    pub bytes: Option<Vec<u8>>,
}

/// All QR codes that zxing-cpp finds.
pub fn zxing(reader: &BarcodeReader, frame: &LumaFrame) -> Vec<Reading> {
    let view = ImageView::from_slice(&frame.pixels, frame.width, frame.height, ImageFormat::Lum);
    let found = view.and_then(|view| reader.from(view)).unwrap_or_default();
    found.iter().map(|code| Reading { text: Some(code.text()), bytes: Some(code.bytes()) }).collect()
}

/// All QR codes that rqrr finds; a panic counts as nothing.
pub fn rqrr(frame: &LumaFrame) -> Vec<Reading> {
    let read = || {
        let at = |x: usize, y: usize| frame.pixels[y * frame.width + x];
        let mut picture = rqrr::PreparedImage::prepare_from_greyscale(frame.width, frame.height, at);
        let grids = picture.detect_grids();
        let bytes = grids.iter().filter_map(|grid| {
            let mut bytes = Vec::new();
            grid.decode_to(&mut bytes).ok()?;
            Some(bytes)
        });
        bytes
            .map(|bytes| Reading { text: String::from_utf8(bytes.clone()).ok(), bytes: Some(bytes) })
            .collect()
    };
    catch_unwind(AssertUnwindSafe(read)).unwrap_or_default()
}

/// The QR code that rxing finds, inverted ones too; it hands out texts only. A panic counts as nothing.
pub fn rxing(frame: &LumaFrame) -> Vec<Reading> {
    let (Ok(width), Ok(height)) = (u32::try_from(frame.width), u32::try_from(frame.height)) else {
        return Vec::new();
    };
    let read = || {
        let mut hints =
            DecodeHints { TryHarder: Some(true), AlsoInverted: Some(true), ..DecodeHints::default() };
        let format = Some(rxing::BarcodeFormat::QR_CODE);
        let pixels = frame.pixels.clone();
        rxing::helpers::detect_in_luma_with_hints(pixels, width, height, format, &mut hints).ok()
    };
    let found = catch_unwind(AssertUnwindSafe(read)).ok().flatten();
    found.map(|code| Reading { text: Some(code.getText().to_owned()), bytes: None }).into_iter().collect()
}
