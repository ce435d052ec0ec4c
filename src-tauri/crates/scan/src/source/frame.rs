//! A frame as a source hands it over: grey for the decoders, colour for people.

use std::time::Duration;

use image::codecs::jpeg::JpegEncoder;
use image::{ExtendedColorType, ImageEncoder};

use super::pixels;
use crate::frame::LumaFrame;

/// One picture of a source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// What the decoders look at.
    pub luma: LumaFrame,
    /// When it was taken: time since the source was chosen, in a file its place in the film.
    pub at: Duration,
    /// Whether it stands alone. A still gets every attempt at once, a video's attempts are spread.
    pub still: bool,
    /// The same picture with its colours, as the source delivered it.
    pub(crate) colour: Colour,
}

/// Colours in the layout they arrived in; converted only when a person asks for the picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Colour {
    /// The source is grey.
    None,
    /// Packed 4:2:2, Y0 U Y1 V.
    Yuyv(Vec<u8>),
    /// Luma plane, then U and V in turn at half size.
    Nv12(Vec<u8>),
    /// Luma plane, then a U and a V plane at half size.
    I420(Vec<u8>),
    /// A whole JPEG file, perhaps with rubbish behind it.
    Jpeg(Vec<u8>),
    /// Red, green, blue.
    Rgb(Vec<u8>),
    /// Blue, green, red.
    Bgr(Vec<u8>),
}

/// Widest preview in pixels; more than this is lost on a desk's screen and costs time there.
pub const PREVIEW_WIDTH: usize = 640;
/// Widest photo of a member in pixels.
pub const PHOTO_WIDTH: usize = 1280;

impl Frame {
    /// The picture as a JPEG file of at most [`PREVIEW_WIDTH`] pixels in width.
    pub fn preview_jpeg(&self) -> Vec<u8> {
        self.jpeg(PREVIEW_WIDTH, 70)
    }

    /// The picture as a JPEG file fit for a member's record: colour where the source has it, no metadata.
    pub fn photo_jpeg(&self) -> Vec<u8> {
        self.jpeg(PHOTO_WIDTH, 90)
    }

    /// A JPEG file of at most this width; empty for a frame without pixels.
    fn jpeg(&self, max_width: usize, quality: u8) -> Vec<u8> {
        let step = self.luma.width.div_ceil(max_width).max(1);
        let (width, height) = (self.luma.width / step, self.luma.height / step);
        let (pixels, kind) = match pixels::rgb(&self.luma, &self.colour, step) {
            Some(rgb) => (rgb, ExtendedColorType::Rgb8),
            None => (pixels::grey(&self.luma, step), ExtendedColorType::L8),
        };
        let (Ok(width), Ok(height)) = (u32::try_from(width), u32::try_from(height)) else {
            return Vec::new();
        };
        let mut file = Vec::new();
        match JpegEncoder::new_with_quality(&mut file, quality).write_image(&pixels, width, height, kind) {
            Ok(()) => file,
            Err(error) => {
                tracing::debug!(%error, "a frame could not be written as JPEG");
                Vec::new()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(width: usize, height: usize, colour: Colour) -> Frame {
        let luma = LumaFrame::new(width, height, vec![100; width * height]).unwrap();
        Frame { luma, at: Duration::ZERO, still: false, colour }
    }

    fn size(jpeg: &[u8]) -> (u32, u32) {
        let picture = image::load_from_memory(jpeg).unwrap();
        (picture.width(), picture.height())
    }

    #[test]
    fn a_preview_is_at_most_640_wide_and_keeps_its_shape() {
        assert_eq!(size(&frame(1280, 720, Colour::None).preview_jpeg()), (640, 360));
        assert_eq!(size(&frame(1920, 1080, Colour::None).preview_jpeg()), (640, 360));
        assert_eq!(size(&frame(640, 480, Colour::None).preview_jpeg()), (640, 480));
        assert_eq!(size(&frame(320, 240, Colour::None).preview_jpeg()), (320, 240));
    }

    #[test]
    fn a_photo_keeps_the_colours_of_the_camera() {
        // Strong V, weak U: red.
        let red = [100u8, 90, 100, 220].repeat(1280 * 720 / 2);
        let photo =
            image::load_from_memory(&frame(1280, 720, Colour::Yuyv(red)).photo_jpeg()).unwrap().to_rgb8();
        assert_eq!((photo.width(), photo.height()), (1280, 720));
        let [r, g, b] = photo.get_pixel(600, 300).0;
        assert!(r > 200 && g < 80 && b < 80, "{r} {g} {b}");
    }

    #[test]
    fn a_frame_without_pixels_gives_no_file() {
        assert!(frame(0, 0, Colour::None).preview_jpeg().is_empty());
    }
}
