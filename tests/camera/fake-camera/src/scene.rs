//! What the camera sees: a card before a wall.

use image::codecs::jpeg::JpegEncoder;
use image::imageops::{FilterType, resize};
use image::{ExtendedColorType, GrayImage, ImageEncoder, Luma};
use qrcode::{Color, QrCode};

use crate::descriptors::FourCc;

/// How good the place is for a camera.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Place {
    /// Evenly lit and sharp.
    Good,
    /// Nearly no light.
    Dark,
    /// Out of focus.
    Blurred,
}

/// Chroma of everything in the scene, a little off grey, so that luma and chroma are not taken for each other.
const U: u8 = 120;
/// See [`U`].
const V: u8 = 136;

/// Black and white of what is held before the lens, which is never quite either.
const INK: u8 = 35;
/// See [`INK`].
const PAPER: u8 = 200;

/// What is held before the lens.
pub enum Shown {
    /// A card with nothing but the QR code of this text.
    Code(QrCode),
    /// This picture.
    Picture(GrayImage),
}

impl Shown {
    /// As large as a hand would hold it before a frame of this size.
    fn drawn(&self, width: u32, height: u32) -> GrayImage {
        const QUIET: u32 = 4;
        match self {
            Self::Code(code) => {
                let modules = u32::try_from(code.width()).unwrap_or(u32::MAX);
                let scale = (width.min(height) * 6 / 10 / (modules + 2 * QUIET)).max(1);
                let side = (modules + 2 * QUIET) * scale;
                GrayImage::from_fn(side, side, |x, y| {
                    let (column, row) = ((x / scale).wrapping_sub(QUIET), (y / scale).wrapping_sub(QUIET));
                    let inside = column < modules && row < modules;
                    let dark = inside && code[(column as usize, row as usize)] == Color::Dark;
                    Luma([if dark { INK } else { PAPER }])
                })
            }
            Self::Picture(picture) => {
                let across = (width * 9 / 10).min(height * 9 / 10 * picture.width() / picture.height());
                let down = across * picture.height() / picture.width();
                let mut card = resize(picture, across, down, FilterType::Triangle);
                for Luma([grey]) in card.pixels_mut() {
                    *grey = byte(usize::from(INK) + usize::from(*grey) * usize::from(PAPER - INK) / 255);
                }
                card
            }
        }
    }
}

/// The card before the wall, in one size.
pub struct Scene {
    width: usize,
    height: usize,
    card: GrayImage,
    place: Place,
}

impl Scene {
    /// The scene with this before the lens.
    pub fn new(width: u16, height: u16, shown: &Shown, place: Place) -> Self {
        let card = shown.drawn(width.into(), height.into());
        Self { width: width.into(), height: height.into(), card, place }
    }

    /// Frame `number` as the camera sends it. The card trembles as in a hand, and the sensor is noisy.
    pub fn frame(&self, fourcc: FourCc, number: u64) -> Result<Vec<u8>, String> {
        let luma = self.luma(number);
        match fourcc {
            FourCc::Grey => Ok(luma),
            FourCc::Yuyv => {
                let chroma = [U, V].into_iter().cycle();
                Ok(luma.into_iter().zip(chroma).flat_map(|(y, c)| [y, c]).collect())
            }
            FourCc::Mjpg => self.jpeg(&luma),
        }
    }

    fn luma(&self, number: u64) -> Vec<u8> {
        let mut noise =
            Noise(0x9E37_79B9 ^ u32::try_from(number % 1000).unwrap_or(0).wrapping_mul(0x85EB_CA6B) | 1);
        let mut pixels: Vec<u8> = (0..self.width * self.height)
            .map(|place| {
                let (x, y) = (place % self.width, place / self.width);
                byte(90 + x * 40 / self.width + y * 30 / self.height)
            })
            .collect();
        self.hold_card(&mut pixels, usize::try_from(number * 3 % 24).unwrap_or(0));
        if self.place == Place::Blurred {
            for _ in 0..3 {
                smear(&mut pixels, self.width);
            }
        }
        for pixel in &mut pixels {
            let lit = if self.place == Place::Dark { *pixel / 10 } else { *pixel };
            *pixel = lit.saturating_add(noise.next());
        }
        pixels
    }

    fn hold_card(&self, pixels: &mut [u8], tremble: usize) {
        let (across, down) = (self.card.width() as usize, self.card.height() as usize);
        let left = (self.width - across) / 2 + tremble.min(self.width / 20);
        let top = (self.height - down) / 2;
        for (row, line) in self.card.chunks_exact(across).enumerate() {
            pixels[(top + row) * self.width + left..][..across].copy_from_slice(line);
        }
    }

    fn jpeg(&self, luma: &[u8]) -> Result<Vec<u8>, String> {
        let size = |side: usize| u32::try_from(side).map_err(|_| "the frame is too large".to_owned());
        let rgb: Vec<u8> = luma.iter().flat_map(|grey| [*grey; 3]).collect();
        let mut file = Vec::new();
        JpegEncoder::new_with_quality(&mut file, 80)
            .write_image(&rgb, size(self.width)?, size(self.height)?, ExtendedColorType::Rgb8)
            .map_err(|error| error.to_string())?;
        Ok(without_huffman_tables(&file))
    }
}

/// The file without its Huffman tables: many webcams leave them out, as they are always the standard ones.
fn without_huffman_tables(file: &[u8]) -> Vec<u8> {
    const TABLES: [u8; 2] = [0xFF, 0xC4];
    const SCAN: [u8; 2] = [0xFF, 0xDA];
    let mut kept = file[..2].to_vec();
    let mut rest = &file[2..];
    while rest.len() > 4 && rest[..2] != SCAN {
        let length = 2 + usize::from(u16::from_be_bytes([rest[2], rest[3]]));
        let (segment, after) = rest.split_at(length.min(rest.len()));
        if segment[..2] != TABLES {
            kept.extend_from_slice(segment);
        }
        rest = after;
    }
    kept.extend_from_slice(rest);
    kept
}

/// A blur of 15 pixels along the rows.
fn smear(pixels: &mut [u8], width: usize) {
    const RADIUS: usize = 7;
    for row in pixels.chunks_mut(width) {
        let sharp = row.to_vec();
        for (x, pixel) in row.iter_mut().enumerate() {
            let window = &sharp[x.saturating_sub(RADIUS)..(x + RADIUS + 1).min(sharp.len())];
            *pixel = byte(window.iter().map(|p| usize::from(*p)).sum::<usize>() / window.len());
        }
    }
}

fn byte(value: usize) -> u8 {
    u8::try_from(value).unwrap_or(u8::MAX)
}

/// Noise of a cheap sensor, the same in every run (xorshift).
struct Noise(u32);

impl Noise {
    fn next(&mut self) -> u8 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 17;
        self.0 ^= self.0 << 5;
        (self.0 & 7).to_le_bytes()[0]
    }
}
