//! Frames and films for tests.

use std::time::Duration;

use image::{ExtendedColorType, ImageEncoder, codecs::jpeg::JpegEncoder};

use super::frame::{Colour, Frame};
use crate::frame::LumaFrame;

/// A QR code in the middle of a grey wall. Too small a wall shows an empty one.
pub(crate) fn card(width: usize, height: usize, text: &str) -> LumaFrame {
    let code = qrcode::QrCode::new(text).unwrap();
    let colours = code.to_colors();
    let side = code.width();
    let module = width.min(height) * 7 / 10 / (side + 8);
    let mut pixels = vec![120; width * height];
    if module > 0 {
        let outer = (side + 8) * module;
        let (left, top) = ((width - outer) / 2, (height - outer) / 2);
        for y in 0..outer {
            for x in 0..outer {
                let (column, row) = ((x / module).wrapping_sub(4), (y / module).wrapping_sub(4));
                let dark = column < side && row < side && colours[row * side + column] == qrcode::Color::Dark;
                pixels[(top + y) * width + left + x] = if dark { 30 } else { 220 };
            }
        }
    }
    LumaFrame::new(width, height, pixels).unwrap()
}

/// The card as a grey JPEG file.
pub(crate) fn jpeg(width: usize, height: usize, text: &str) -> Vec<u8> {
    let card = card(width, height, text);
    let mut file = Vec::new();
    JpegEncoder::new_with_quality(&mut file, 80)
        .write_image(
            &card.pixels,
            u32::try_from(width).unwrap(),
            u32::try_from(height).unwrap(),
            ExtendedColorType::L8,
        )
        .unwrap();
    file
}

/// A film of one frame for each card.
pub(crate) fn y4m(width: usize, height: usize, texts: &[&str]) -> Vec<u8> {
    let mut film = format!("YUV4MPEG2 W{width} H{height} F100:1 Ip C420jpeg\n").into_bytes();
    for text in texts {
        film.extend(b"FRAME\n");
        film.extend(card(width, height, text).pixels);
        film.extend(vec![128; 2 * width.div_ceil(2) * height.div_ceil(2)]);
    }
    film
}

/// A frame of one pixel.
pub(crate) fn blank_frame(at: Duration) -> Frame {
    let luma = LumaFrame { width: 1, height: 1, pixels: vec![0] };
    Frame { luma, at, still: false, colour: Colour::None }
}
