//! zxing-cpp, the leading decoder.

use zxingcpp::{Barcode, BarcodeFormat, BarcodeReader, Binarizer, ImageFormat, ImageView, PointI, TextMode};

use super::{Format, Look, Symbol};
use crate::frame::LumaFrame;

/// The formats with bars that membership cards carry.
const BARS: [BarcodeFormat; 4] =
    [BarcodeFormat::EAN13, BarcodeFormat::EAN8, BarcodeFormat::Code128, BarcodeFormat::Code39];

/// zxing-cpp in the settings that the cascade needs.
pub(super) struct Lead {
    /// QR codes, every option on. Only what is called a QR code today: no Micro QR, no rMQR.
    whole: BarcodeReader,
    /// The same with Micro QR, rMQR and the first model.
    any_kind: BarcodeReader,
    /// `whole` for small pictures, with codes that were located but not read.
    part: BarcodeReader,
    /// `part` with one threshold for the whole picture instead of local ones.
    flat: BarcodeReader,
    /// Bars, a few lines across the picture.
    bars: BarcodeReader,
    /// Bars, every line.
    all_bars: BarcodeReader,
}

impl Lead {
    pub(super) fn new() -> Self {
        let any = || BarcodeReader::new().try_harder(true).try_rotate(true).text_mode(TextMode::Plain);
        let qr = || any().try_invert(true).formats([BarcodeFormat::QRCodeModel2]);
        let part = || qr().try_downscale(false).return_errors(true);
        Self {
            whole: qr().try_downscale(true).binarizer(Binarizer::LocalAverage),
            any_kind: qr().try_downscale(true).formats([BarcodeFormat::QRCode]),
            part: part(),
            flat: part().binarizer(Binarizer::GlobalHistogram),
            bars: any().try_harder(false).try_invert(false).try_downscale(false).formats(BARS),
            all_bars: any().try_invert(true).try_downscale(true).formats(BARS),
        }
    }

    /// QR codes anywhere in a frame.
    pub(super) fn whole(&self, frame: &LumaFrame) -> Vec<Symbol> {
        look(&self.whole, frame).read
    }

    /// QR codes of every kind anywhere in a picture.
    pub(super) fn any_kind(&self, frame: &LumaFrame) -> Vec<Symbol> {
        look(&self.any_kind, frame).read
    }

    /// QR codes in a part of a frame.
    pub(super) fn part(&self, frame: &LumaFrame) -> Look {
        look(&self.part, frame)
    }

    /// QR codes in a part of a frame, with one threshold for all of it.
    pub(super) fn flat(&self, frame: &LumaFrame) -> Look {
        look(&self.flat, frame)
    }

    /// Bars that lie across a good part of the frame.
    pub(super) fn bars(&self, frame: &LumaFrame) -> Vec<Symbol> {
        look(&self.bars, frame).read
    }

    /// Bars anywhere in a picture.
    pub(super) fn all_bars(&self, frame: &LumaFrame) -> Vec<Symbol> {
        look(&self.all_bars, frame).read
    }
}

fn look(reader: &BarcodeReader, frame: &LumaFrame) -> Look {
    let view = ImageView::from_slice(&frame.pixels, frame.width, frame.height, ImageFormat::Lum);
    let found = view.and_then(|view| reader.from(view)).unwrap_or_default();
    let mut look = Look::default();
    for code in &found {
        let Some(format) = format_of(code.format()) else { continue };
        if code.is_valid() {
            look.read.push(Symbol { text: code.text(), format, corners: corners(code) });
        } else if format == Format::Qr {
            look.unread.push(corners(code).map(|(x, y)| (f64::from(x), f64::from(y))));
        }
    }
    look
}

fn corners(code: &Barcode) -> [(i32, i32); 4] {
    let at = code.position();
    [at.top_left, at.top_right, at.bottom_right, at.bottom_left].map(|PointI { x, y }| (x, y))
}

fn format_of(format: BarcodeFormat) -> Option<Format> {
    Some(match format {
        BarcodeFormat::QRCode
        | BarcodeFormat::QRCodeModel1
        | BarcodeFormat::QRCodeModel2
        | BarcodeFormat::MicroQRCode
        | BarcodeFormat::RMQRCode => Format::Qr,
        BarcodeFormat::EAN13 | BarcodeFormat::UPCA | BarcodeFormat::ISBN => Format::Ean13,
        BarcodeFormat::EAN8 => Format::Ean8,
        BarcodeFormat::Code128 => Format::Code128,
        BarcodeFormat::Code39 => Format::Code39,
        _ => return None,
    })
}
