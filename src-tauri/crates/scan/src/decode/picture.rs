//! Stills from files, mails and the clipboard: told by their content, refused before they cost anything.

use std::io::Cursor;

use image::{DynamicImage, ImageDecoder, ImageError, ImageFormat, ImageReader, Limits};
use thiserror::Error;

use crate::frame::LumaFrame;

/// How large a picture may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PictureLimits {
    /// Bytes of the file.
    pub bytes: usize,
    /// Width times height.
    pub pixels: u64,
}

impl Default for PictureLimits {
    /// 16 MB, the limit for any uploaded file, and 24 megapixels, more than a phone's usual 12.
    fn default() -> Self {
        Self { bytes: 16 * 1024 * 1024, pixels: 24_000_000 }
    }
}

/// Why a file is not taken as a picture.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PictureError {
    /// The file is larger than allowed, whatever it holds.
    #[error("the file has {bytes} bytes, at most {limit} are taken")]
    FileTooLarge {
        /// Bytes of the file.
        bytes: usize,
        /// Bytes allowed.
        limit: usize,
    },
    /// The content is no PNG, JPEG, GIF or WebP, whatever the file's name says.
    #[error("this is not a PNG, JPEG, GIF or WebP picture")]
    NotAPicture,
    /// More pixels than allowed. Told from the header, before anything is unpacked.
    #[error("the picture is {width} x {height}, at most {limit} pixels are taken")]
    TooManyPixels {
        /// Pixels in a row.
        width: u32,
        /// Rows.
        height: u32,
        /// Pixels allowed.
        limit: u64,
    },
    /// It starts like a picture but cannot be unpacked: cut short or corrupted.
    #[error("the picture is damaged")]
    Damaged,
}

/// A picture file as a grey frame. Transparency is laid over white, since codes are dark on nothing.
pub fn picture_from_bytes(bytes: &[u8], limits: PictureLimits) -> Result<LumaFrame, PictureError> {
    if bytes.len() > limits.bytes {
        return Err(PictureError::FileTooLarge { bytes: bytes.len(), limit: limits.bytes });
    }
    let format = image::guess_format(bytes).map_err(|_| PictureError::NotAPicture)?;
    if !matches!(format, ImageFormat::Png | ImageFormat::Jpeg | ImageFormat::Gif | ImageFormat::WebP) {
        return Err(PictureError::NotAPicture);
    }
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    // The widest pixel (four channels of 16 bits) and as much again for the decoder's own buffers.
    let mut memory = Limits::default();
    memory.max_alloc = Some(limits.pixels.saturating_mul(16).saturating_add(16 * 1024 * 1024));
    reader.limits(memory);
    let decoder = reader.into_decoder().map_err(damaged)?;
    let (width, height) = decoder.dimensions();
    if u64::from(width) * u64::from(height) > limits.pixels {
        return Err(PictureError::TooManyPixels { width, height, limit: limits.pixels });
    }
    let picture = DynamicImage::from_decoder(decoder).map_err(damaged)?;
    let frame = luma(picture);
    if frame.is_sound() { Ok(frame) } else { Err(PictureError::Damaged) }
}

fn damaged(_: ImageError) -> PictureError {
    PictureError::Damaged
}

fn luma(picture: DynamicImage) -> LumaFrame {
    let grey = if picture.color().has_alpha() {
        let mut over_white = picture.into_luma_alpha8();
        let (width, height) = over_white.dimensions();
        let pixels = over_white.pixels_mut().map(|pixel| {
            let [value, alpha] = pixel.0.map(u16::from);
            u8::try_from((value * alpha + 255 * (255 - alpha)) / 255).unwrap_or(u8::MAX)
        });
        return LumaFrame { width: width as usize, height: height as usize, pixels: pixels.collect() };
    } else {
        picture.into_luma8()
    };
    let (width, height) = grey.dimensions();
    LumaFrame { width: width as usize, height: height as usize, pixels: grey.into_raw() }
}
