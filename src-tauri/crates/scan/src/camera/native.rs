//! Webcams through nokhwa, on every system.
//!
//! nokhwa's `output-threaded` camera is not used: when its camera is unplugged it spins, and when the camera
//! freezes its drop never returns.

use nokhwa::Camera;
use nokhwa::utils::{CameraFormat, CameraIndex, FrameFormat, RequestedFormat, RequestedFormatType};

use super::Stream;
use super::choice::{self, Cost, Offer};
use super::trouble::Trouble;
use crate::frame::LumaFrame;
use crate::source::Colour;
use crate::source::pixels::{self, Layout};

/// Formats that we know how to read.
const READABLE: [FrameFormat; 6] = [
    FrameFormat::YUYV,
    FrameFormat::NV12,
    FrameFormat::GRAY,
    FrameFormat::MJPEG,
    FrameFormat::RAWRGB,
    FrameFormat::RAWBGR,
];

struct Native {
    camera: Camera,
    format: CameraFormat,
}

/// Opens a camera in its best format and starts it.
pub(super) fn open(index: u32) -> Result<Box<dyn Stream>, Trouble> {
    let any = RequestedFormat::with_formats(RequestedFormatType::None, &READABLE);
    let mut camera = Camera::new(CameraIndex::Index(index), any).map_err(|error| trouble(&error))?;
    // `RequestedFormatType::Closest` finds nothing where the very size is missing, so the choice is ours.
    if let Ok(formats) = camera.compatible_camera_formats() {
        let formats: Vec<_> = formats.into_iter().filter(|f| READABLE.contains(&f.format())).collect();
        let offers: Vec<_> = formats.iter().map(offer).collect();
        let best = choice::best(&offers).map(|place| formats[place]);
        if let Some(best) = best.filter(|best| *best != camera.camera_format()) {
            camera.set_camera_requset(exactly(best)).map_err(|error| trouble(&error))?;
        }
    }
    camera.open_stream().map_err(|error| trouble(&error))?;
    let format = camera.camera_format();
    tracing::info!(index, %format, "camera opened");
    Ok(Box::new(Native { camera, format }))
}

fn exactly(format: CameraFormat) -> RequestedFormat<'static> {
    RequestedFormat::with_formats(RequestedFormatType::Exact(format), &READABLE)
}

fn offer(format: &CameraFormat) -> Offer {
    let cost = match layout(format.format()) {
        Layout::Yuyv | Layout::Nv12 | Layout::Grey => Cost::Free,
        Layout::Rgb | Layout::Bgr => Cost::Rgb,
        Layout::Mjpeg => Cost::Jpeg,
    };
    Offer { width: format.width(), height: format.height(), fps: format.frame_rate(), cost }
}

fn layout(format: FrameFormat) -> Layout {
    match format {
        FrameFormat::YUYV => Layout::Yuyv,
        FrameFormat::NV12 => Layout::Nv12,
        FrameFormat::GRAY => Layout::Grey,
        FrameFormat::MJPEG => Layout::Mjpeg,
        FrameFormat::RAWRGB => Layout::Rgb,
        FrameFormat::RAWBGR => Layout::Bgr,
    }
}

fn trouble(error: &nokhwa::NokhwaError) -> Trouble {
    Trouble::from_text(&error.to_string())
}

impl Stream for Native {
    fn next(&mut self) -> Result<(LumaFrame, Colour), Trouble> {
        let raw = self.camera.frame_raw().map_err(|error| trouble(&error))?;
        let (width, height) = (self.format.width() as usize, self.format.height() as usize);
        pixels::split(layout(self.format.format()), width, height, &raw)
            .map_err(|error| Trouble::Damaged(error.to_string()))
    }
}
