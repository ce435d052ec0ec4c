//! Camera buffers to grey and to red-green-blue.

use std::borrow::Cow;

use thiserror::Error;
use zune_jpeg::JpegDecoder;
use zune_jpeg::errors::DecodeErrors;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

use super::frame::Colour;
use crate::frame::LumaFrame;

/// Longest side of a video frame in pixels. Webcams reach 3840; a damaged header reaches 65535.
pub(crate) const MAX_SIDE: usize = 8192;

/// How a camera lays out a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Layout {
    Yuyv,
    Nv12,
    Grey,
    Mjpeg,
    Rgb,
    Bgr,
}

/// Why a buffer is no frame. Such a frame is dropped; the next one comes in a moment.
#[derive(Debug, Error)]
pub(crate) enum PixelError {
    #[error("{have} bytes instead of {want}")]
    Short { have: usize, want: usize },
    #[error("damaged JPEG: {0:?}")]
    Jpeg(DecodeErrors),
    #[error("a frame of {0} x {1} pixels")]
    Size(usize, usize),
}

/// Splits a camera's buffer into grey and colour. A buffer may be longer than its frame.
pub(crate) fn split(
    layout: Layout,
    width: usize,
    height: usize,
    raw: &[u8],
) -> Result<(LumaFrame, Colour), PixelError> {
    if layout == Layout::Mjpeg {
        return Ok((jpeg_luma(raw)?, Colour::Jpeg(raw.to_vec())));
    }
    if width == 0 || height == 0 || width > MAX_SIDE || height > MAX_SIDE {
        return Err(PixelError::Size(width, height));
    }
    let area = width * height;
    let want = match layout {
        Layout::Yuyv => area * 2,
        Layout::Nv12 => area + 2 * width.div_ceil(2) * height.div_ceil(2),
        Layout::Grey => area,
        Layout::Rgb | Layout::Bgr | Layout::Mjpeg => area * 3,
    };
    let raw = raw.get(..want).ok_or(PixelError::Short { have: raw.len(), want })?;
    let (pixels, colour) = match layout {
        // Luma is every second byte.
        Layout::Yuyv => (raw.chunks_exact(2).map(|pair| pair[0]).collect(), Colour::Yuyv(raw.to_vec())),
        Layout::Nv12 => (raw[..area].to_vec(), Colour::Nv12(raw.to_vec())),
        Layout::Grey => (raw.to_vec(), Colour::None),
        Layout::Rgb | Layout::Mjpeg => (raw.chunks_exact(3).map(weigh).collect(), Colour::Rgb(raw.to_vec())),
        Layout::Bgr => (raw.chunks_exact(3).map(weigh).collect(), Colour::Bgr(raw.to_vec())),
    };
    Ok((LumaFrame { width, height, pixels }, colour))
}

/// Grey of three colours; green counts twice, so the order of red and blue does not matter.
fn weigh(pixel: &[u8]) -> u8 {
    u8::try_from((u16::from(pixel[0]) + 2 * u16::from(pixel[1]) + u16::from(pixel[2])) / 4).unwrap_or(u8::MAX)
}

/// Brightness of a JPEG picture.
pub(crate) fn jpeg_luma(file: &[u8]) -> Result<LumaFrame, PixelError> {
    let (width, height, pixels) = jpeg(file, ColorSpace::Luma)?;
    LumaFrame::new(width, height, pixels).ok_or(PixelError::Size(width, height))
}

fn jpeg(file: &[u8], colours: ColorSpace) -> Result<(usize, usize, Vec<u8>), PixelError> {
    let options = DecoderOptions::default()
        .set_max_width(MAX_SIDE)
        .set_max_height(MAX_SIDE)
        .jpeg_set_out_colorspace(colours);
    let file = with_tables(file);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(&file[..]), options);
    let pixels = decoder.decode().map_err(PixelError::Jpeg)?;
    let (width, height) = decoder.dimensions().ok_or(PixelError::Size(0, 0))?;
    Ok((width, height, pixels))
}

/// The file as the decoder wants it. Many webcams leave out the Huffman tables, as they are always those of ITU-T T.81
/// annex K.3; the decoder fills them in for a file that says that it comes from a film (`AVI1`).
fn with_tables(file: &[u8]) -> Cow<'_, [u8]> {
    const FILM: &[u8] = b"\xFF\xE0\x00\x08AVI1\0\0";
    let mut place = 2;
    while let Some(&[0xFF, kind, high, low]) = file.get(place..place + 4) {
        match kind {
            0xC4 => return Cow::Borrowed(file),
            0xDA => return Cow::Owned([&file[..2], FILM, &file[2..]].concat()),
            _ => place += 2 + usize::from(u16::from_be_bytes([high, low])),
        }
    }
    Cow::Borrowed(file)
}

/// Every `step`-th pixel of every `step`-th row, grey.
pub(crate) fn grey(luma: &LumaFrame, step: usize) -> Vec<u8> {
    grid(luma, step).map(|(x, y)| luma.pixels[y * luma.width + x]).collect()
}

/// Every `step`-th pixel of every `step`-th row in red, green, blue; `None` for a grey source.
pub(crate) fn rgb(luma: &LumaFrame, colour: &Colour, step: usize) -> Option<Vec<u8>> {
    let (w, h) = (luma.width, luma.height);
    let half = w.div_ceil(2);
    let y_at = |x: usize, y: usize| luma.pixels[y * w + x];
    match colour {
        Colour::None => None,
        Colour::Yuyv(raw) => Some(
            grid(luma, step)
                .flat_map(|(x, y)| {
                    let pair = y * w * 2 + (x & !1) * 2;
                    from_yuv(y_at(x, y), raw[pair + 1], *raw.get(pair + 3).unwrap_or(&128))
                })
                .collect(),
        ),
        Colour::Nv12(raw) => Some(
            grid(luma, step)
                .flat_map(|(x, y)| {
                    let pair = w * h + ((y / 2) * half + x / 2) * 2;
                    from_yuv(y_at(x, y), raw[pair], raw[pair + 1])
                })
                .collect(),
        ),
        Colour::I420(raw) => Some(
            grid(luma, step)
                .flat_map(|(x, y)| {
                    let u = w * h + (y / 2) * half + x / 2;
                    from_yuv(y_at(x, y), raw[u], raw[u + half * h.div_ceil(2)])
                })
                .collect(),
        ),
        Colour::Jpeg(file) => {
            let (width, height, pixels) = jpeg(file, ColorSpace::RGB).ok()?;
            (width == w && height == h).then(|| pick(luma, step, &pixels, [0, 1, 2]))
        }
        Colour::Rgb(pixels) => Some(pick(luma, step, pixels, [0, 1, 2])),
        Colour::Bgr(pixels) => Some(pick(luma, step, pixels, [2, 1, 0])),
    }
}

fn pick(luma: &LumaFrame, step: usize, pixels: &[u8], order: [usize; 3]) -> Vec<u8> {
    grid(luma, step)
        .flat_map(|(x, y)| {
            let at = (y * luma.width + x) * 3;
            order.map(|channel| pixels[at + channel])
        })
        .collect()
}

fn grid(luma: &LumaFrame, step: usize) -> impl Iterator<Item = (usize, usize)> + use<> {
    let (columns, rows) = (luma.width / step, luma.height / step);
    (0..rows).flat_map(move |y| (0..columns).map(move |x| (x * step, y * step)))
}

/// JFIF (full range) conversion, in 16-bit fixed point.
fn from_yuv(y: u8, u: u8, v: u8) -> [u8; 3] {
    let (y, u, v) = (i32::from(y), i32::from(u) - 128, i32::from(v) - 128);
    let clamp = |value: i32| u8::try_from(value.clamp(0, 255)).unwrap_or(0);
    [
        clamp(y + ((v * 91_881 + 32_768) >> 16)),
        clamp(y - ((u * 22_554 + v * 46_802 + 32_768) >> 16)),
        clamp(y + ((u * 116_130 + 32_768) >> 16)),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_luma_of_yuyv_is_every_second_byte() {
        let raw = [10, 1, 20, 2, 30, 3, 40, 4, /* left over */ 9, 9];
        let (luma, colour) = split(Layout::Yuyv, 2, 2, &raw).unwrap();
        assert_eq!(luma.pixels, [10, 20, 30, 40]);
        assert_eq!(colour, Colour::Yuyv(raw[..8].to_vec()));
    }

    #[test]
    fn nv12_and_grey_begin_with_their_luma() {
        let raw = [1, 2, 3, 4, 128, 128];
        assert_eq!(split(Layout::Nv12, 2, 2, &raw).unwrap().0.pixels, [1, 2, 3, 4]);
        assert_eq!(
            split(Layout::Grey, 2, 2, &raw).unwrap(),
            (LumaFrame { width: 2, height: 2, pixels: vec![1, 2, 3, 4] }, Colour::None)
        );
    }

    #[test]
    fn a_webcams_jpeg_without_huffman_tables_is_read() {
        let whole = crate::source::testing::jpeg(64, 48, "GH0");
        let mut bare = whole.clone();
        while let Some(table) = bare.windows(2).position(|marker| marker == [0xFF, 0xC4]) {
            let length = usize::from(u16::from_be_bytes([bare[table + 2], bare[table + 3]]));
            bare.drain(table..table + 2 + length);
        }
        assert!(bare.len() < whole.len());
        assert_eq!(jpeg_luma(&bare).unwrap(), jpeg_luma(&whole).unwrap());
        // And with what else a camera's buffer holds behind it.
        bare.resize(bare.len() + 5000, 0xD9);
        assert_eq!(jpeg_luma(&bare).unwrap(), jpeg_luma(&whole).unwrap());
    }

    #[test]
    fn a_short_buffer_is_no_frame() {
        for (layout, bytes) in [(Layout::Yuyv, 7), (Layout::Nv12, 5), (Layout::Grey, 3), (Layout::Rgb, 11)] {
            let error = split(layout, 2, 2, &vec![0; bytes]).unwrap_err();
            assert!(matches!(error, PixelError::Short { have, .. } if have == bytes), "{error}");
        }
        assert!(matches!(split(Layout::Mjpeg, 2, 2, &[0xFF, 0xD8, 0xFF]), Err(PixelError::Jpeg(_))));
        assert!(matches!(split(Layout::Grey, 0, 2, &[]), Err(PixelError::Size(0, 2))));
    }

    #[test]
    fn every_layout_shows_the_same_red() {
        let luma = |w: usize, h: usize| LumaFrame { width: w, height: h, pixels: vec![76; w * h] };
        let (u, v) = (85, 255);
        let mut nv12 = vec![76; 16];
        nv12.extend([u, v].repeat(4));
        let mut i420 = vec![76; 16];
        i420.extend([u; 4]);
        i420.extend([v; 4]);
        for colour in [
            Colour::Yuyv([76, u, 76, v].repeat(8)),
            Colour::Nv12(nv12),
            Colour::I420(i420),
            Colour::Rgb([254, 0, 0].repeat(16)),
            Colour::Bgr([0, 0, 254].repeat(16)),
        ] {
            let rgb = rgb(&luma(4, 4), &colour, 2).unwrap();
            assert_eq!(rgb.len(), 12);
            assert!(rgb.chunks(3).all(|p| p[0] >= 253 && p[1] <= 1 && p[2] <= 1), "{colour:?}: {rgb:?}");
        }
        assert_eq!(rgb(&luma(4, 4), &Colour::None, 1), None);
    }
}
