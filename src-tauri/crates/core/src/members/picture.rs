//! What becomes of an uploaded picture: judged by its content, refused before it can fill the memory, turned
//! upright, and encoded anew, so that nothing the camera wrote beside the pixels (place, time, device) is kept.
use crate::error::Error;
use crate::files::LARGEST_FILE;
use image::codecs::jpeg::JpegEncoder;
use image::imageops::FilterType;
use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits, RgbImage};
use std::io::Cursor;

/// Most pixels accepted: decoded, they fit 150 MB.
const MOST_PIXELS: u64 = 36_000_000;
/// Longer side of a photo as stored, in pixels.
const LONGER_SIDE: u32 = 1_024;
/// Longer side of a photographed paper: small print stays readable.
const PAPER_SIDE: u32 = 2_400;
/// Side of a thumbnail, in pixels.
const THUMBNAIL: u32 = 160;
const QUALITY: u8 = 85;

/// The picture as it is stored: JPEG, upright, at most 1,024 pixels on its longer side, no metadata.
///
/// # Errors
/// [`Error::Invalid`] for `field`: `file_too_large`, `picture_unreadable` (no PNG, JPEG, GIF or WebP by content, or
/// a damaged one), `picture_too_many_pixels`.
pub fn normalise(field: &'static str, bytes: &[u8]) -> Result<Vec<u8>, Error> {
    normalised(field, bytes, LONGER_SIDE)
}

/// A photographed bill: as [`normalise`], with at most 2,400 pixels on its longer side.
pub fn normalise_paper(field: &'static str, bytes: &[u8]) -> Result<Vec<u8>, Error> {
    normalised(field, bytes, PAPER_SIDE)
}

fn normalised(field: &'static str, bytes: &[u8], longer_side: u32) -> Result<Vec<u8>, Error> {
    if bytes.len() > LARGEST_FILE {
        return Err(Error::invalid(field, "file_too_large"));
    }
    let unreadable = |_| Error::invalid(field, "picture_unreadable");
    let format = image::guess_format(bytes).map_err(unreadable)?;
    if !matches!(format, ImageFormat::Png | ImageFormat::Jpeg | ImageFormat::Gif | ImageFormat::WebP) {
        return Err(Error::invalid(field, "picture_unreadable"));
    }
    let mut decoder =
        ImageReader::with_format(Cursor::new(bytes), format).into_decoder().map_err(unreadable)?;
    let (width, height) = decoder.dimensions();
    if u64::from(width) * u64::from(height) > MOST_PIXELS {
        return Err(Error::invalid(field, "picture_too_many_pixels"));
    }
    let mut limits = Limits::default();
    limits.max_alloc = Some(MOST_PIXELS * 8);
    decoder.set_limits(limits).map_err(unreadable)?;
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let mut picture = DynamicImage::from_decoder(decoder).map_err(unreadable)?;
    if picture.width().max(picture.height()) > longer_side {
        picture = picture.resize(longer_side, longer_side, FilterType::Triangle);
    }
    picture.apply_orientation(orientation);
    encode(&on_white(&picture))
}

/// A small square for lists, cut from the middle.
pub fn thumbnail(jpeg: &[u8]) -> Result<Vec<u8>, Error> {
    let picture = image::load_from_memory_with_format(jpeg, ImageFormat::Jpeg)
        .map_err(|error| Error::Internal(error.to_string()))?;
    encode(&picture.resize_to_fill(THUMBNAIL, THUMBNAIL, FilterType::Triangle).to_rgb8())
}

/// JPEG knows no transparency.
fn on_white(picture: &DynamicImage) -> RgbImage {
    if !picture.color().has_alpha() {
        return picture.to_rgb8();
    }
    let rgba = picture.to_rgba8();
    RgbImage::from_fn(rgba.width(), rgba.height(), |x, y| {
        let [red, green, blue, alpha] = rgba.get_pixel(x, y).0;
        let over = |channel: u8| {
            let mixed = u16::from(channel) * u16::from(alpha) + 255 * (255 - u16::from(alpha));
            u8::try_from(mixed / 255).unwrap_or(u8::MAX)
        };
        image::Rgb([over(red), over(green), over(blue)])
    })
}

fn encode(picture: &RgbImage) -> Result<Vec<u8>, Error> {
    let mut jpeg = Vec::new();
    JpegEncoder::new_with_quality(&mut jpeg, QUALITY)
        .encode_image(picture)
        .map_err(|error| Error::Internal(error.to_string()))?;
    Ok(jpeg)
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::{Rgb, Rgba, RgbaImage};

    fn as_format(picture: &DynamicImage, format: ImageFormat) -> Vec<u8> {
        let mut bytes = Cursor::new(Vec::new());
        picture.write_to(&mut bytes, format).expect("encodes");
        bytes.into_inner()
    }

    /// Left half red, right half blue.
    fn halves(width: u32, height: u32) -> DynamicImage {
        let colour = |x, _| if x < width / 2 { Rgb([220, 20, 20]) } else { Rgb([20, 20, 220]) };
        DynamicImage::ImageRgb8(RgbImage::from_fn(width, height, colour))
    }

    /// The JPEG with an EXIF block behind its first marker: this orientation, and a camera's name.
    fn with_exif(jpeg: &[u8], orientation: u8) -> Vec<u8> {
        let mut tiff = b"II*\0\x08\0\0\0\x02\0".to_vec();
        tiff.extend([0x0f, 0x01, 2, 0, 4, 0, 0, 0, b'c', b'a', b'm', 0]);
        tiff.extend([0x12, 0x01, 3, 0, 1, 0, 0, 0, orientation, 0, 0, 0]);
        tiff.extend([0, 0, 0, 0]);
        let length = u16::try_from(tiff.len() + 8).expect("short");
        let mut bytes = jpeg[..2].to_vec();
        bytes.extend([0xff, 0xe1]);
        bytes.extend(length.to_be_bytes());
        bytes.extend(b"Exif\0\0");
        bytes.extend(tiff);
        bytes.extend(&jpeg[2..]);
        bytes
    }

    fn code(result: Result<Vec<u8>, Error>) -> &'static str {
        match result.expect_err("refused") {
            Error::Invalid { field: "photo", code, .. } => code,
            other => panic!("{other}"),
        }
    }

    #[test]
    fn a_turned_photo_is_stored_upright_and_without_its_metadata() {
        let turned = with_exif(&as_format(&halves(64, 32), ImageFormat::Jpeg), 6);
        let stored = normalise("photo", &turned).expect("accepted");
        assert!(!stored.windows(4).any(|bytes| bytes == b"Exif"));
        let picture = image::load_from_memory(&stored).expect("a picture").to_rgb8();
        assert_eq!(picture.dimensions(), (32, 64));
        // Turned by a quarter to the right, the left half is on top.
        assert!(picture.get_pixel(16, 8).0[0] > 150 && picture.get_pixel(16, 56).0[2] > 150);
    }

    #[test]
    fn every_accepted_format_becomes_a_jpeg_of_at_most_1024_pixels() {
        for format in [ImageFormat::Png, ImageFormat::Jpeg, ImageFormat::Gif, ImageFormat::WebP] {
            let stored = normalise("photo", &as_format(&halves(1_600, 400), format)).expect("accepted");
            assert_eq!(image::guess_format(&stored).expect("known"), ImageFormat::Jpeg);
            let picture = image::load_from_memory(&stored).expect("a picture");
            assert_eq!((picture.width(), picture.height()), (1_024, 256), "{format:?}");
            let small =
                image::load_from_memory(&thumbnail(&stored).expect("a thumbnail")).expect("a picture");
            assert_eq!((small.width(), small.height()), (160, 160));
        }
    }

    #[test]
    fn transparent_becomes_white() {
        let clear = DynamicImage::ImageRgba8(RgbaImage::from_pixel(8, 8, Rgba([0, 0, 0, 0])));
        let stored = normalise("photo", &as_format(&clear, ImageFormat::Png)).expect("accepted");
        assert!(
            image::load_from_memory(&stored)
                .expect("a picture")
                .to_rgb8()
                .get_pixel(4, 4)
                .0
                .iter()
                .all(|c| *c > 250)
        );
    }

    #[test]
    fn what_is_no_picture_is_refused_by_its_content() {
        let png = as_format(&halves(64, 64), ImageFormat::Png);
        assert_eq!(code(normalise("photo", b"just text, named photo.png")), "picture_unreadable");
        assert_eq!(code(normalise("photo", b"")), "picture_unreadable");
        assert_eq!(code(normalise("photo", &png[..png.len() / 2])), "picture_unreadable");
        assert_eq!(code(normalise("photo", b"%PDF-1.7")), "picture_unreadable");
        assert_eq!(code(normalise("photo", &vec![0; LARGEST_FILE + 1])), "file_too_large");
    }

    #[test]
    fn a_bomb_is_refused_by_its_header_alone() {
        // Header of an 8000 × 5000 PNG, no pixels behind it: decoding would complain about those instead.
        let mut png = as_format(&halves(8, 8), ImageFormat::Png);
        png[16..20].copy_from_slice(&8_000_u32.to_be_bytes());
        png[20..24].copy_from_slice(&5_000_u32.to_be_bytes());
        let crc = png[12..29].iter().fold(u32::MAX, |crc, byte| {
            (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
                if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 }
            })
        });
        png[29..33].copy_from_slice(&(!crc).to_be_bytes());
        assert_eq!(code(normalise("photo", &png)), "picture_too_many_pixels");
    }
}
