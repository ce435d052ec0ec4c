//! Webcams through the v4l crate, for those that nokhwa cannot open: any frame rate, GREY, an odd current format.

use std::io;
use std::time::Duration;

use v4l::buffer::Type;
use v4l::framesize::FrameSizeEnum;
use v4l::io::mmap::Stream as Mapped;
use v4l::io::traits::CaptureStream;
use v4l::video::Capture;
use v4l::{Device, Format, FourCC};

use super::Stream;
use super::choice::{self, Cost, Offer};
use super::trouble::Trouble;
use crate::frame::LumaFrame;
use crate::source::Colour;
use crate::source::pixels::{self, Layout};

/// Buffers that the driver fills in turn.
const BUFFERS: u32 = 4;
/// Longest wait for a frame; the watchdog is usually earlier.
const TIMEOUT: Duration = Duration::from_secs(30);

struct Video4Linux {
    stream: Mapped<'static>,
    layout: Layout,
    width: usize,
    height: usize,
    /// Bytes from one row to the next; drivers may pad rows.
    stride: usize,
}

/// Opens a camera in its best format; it starts with the first frame.
pub(super) fn open(index: u32) -> Result<Box<dyn Stream>, Trouble> {
    let index = usize::try_from(index).map_err(|_| Trouble::Gone)?;
    let device = Device::new(index).map_err(|error| trouble(&error))?;
    let wanted = wanted(&device)?;
    let format = device.set_format(&wanted).map_err(|error| trouble(&error))?;
    let layout = layout(format.fourcc)
        .ok_or_else(|| Trouble::Other(format!("it insists on the format {}", format.fourcc)))?;
    let mut stream =
        Mapped::with_buffers(&device, Type::VideoCapture, BUFFERS).map_err(|error| trouble(&error))?;
    stream.set_timeout(TIMEOUT);
    tracing::info!(index, %format, "camera opened by v4l");
    Ok(Box::new(Video4Linux {
        stream,
        layout,
        width: format.width as usize,
        height: format.height as usize,
        stride: format.stride as usize,
    }))
}

/// The best of what the device offers in a layout that we read.
fn wanted(device: &Device) -> Result<Format, Trouble> {
    let formats = device.enum_formats().map_err(|error| trouble(&error))?;
    let mut found = Vec::new();
    for fourcc in formats.iter().map(|format| format.fourcc) {
        let Some(layout) = layout(fourcc) else { continue };
        for size in device.enum_framesizes(fourcc).unwrap_or_default() {
            let (width, height) = match size.size {
                FrameSizeEnum::Discrete(size) => (size.width, size.height),
                FrameSizeEnum::Stepwise(steps) => (steps.max_width.min(1280), steps.max_height.min(720)),
            };
            let fps = fps(device, fourcc, width, height);
            let cost = if layout == Layout::Mjpeg { Cost::Jpeg } else { Cost::Free };
            found.push((fourcc, Offer { width, height, fps, cost }));
        }
    }
    let offers: Vec<_> = found.iter().map(|(_, offer)| *offer).collect();
    let best =
        choice::best(&offers).ok_or_else(|| Trouble::Other("it offers no format that is read".into()))?;
    let (fourcc, offer) = found[best];
    Ok(Format::new(offer.width, offer.height, fourcc))
}

/// The highest frame rate in this format, rounded down; 0 if the driver does not say.
fn fps(device: &Device, fourcc: FourCC, width: u32, height: u32) -> u32 {
    use v4l::frameinterval::FrameIntervalEnum;
    let intervals = device.enum_frameintervals(fourcc, width, height).unwrap_or_default();
    let rates = intervals.into_iter().map(|interval| {
        let shortest = match interval.interval {
            FrameIntervalEnum::Discrete(interval) => interval,
            FrameIntervalEnum::Stepwise(steps) => steps.min,
        };
        shortest.denominator.checked_div(shortest.numerator).unwrap_or_default()
    });
    rates.max().unwrap_or_default()
}

fn layout(fourcc: FourCC) -> Option<Layout> {
    match &fourcc.repr {
        b"YUYV" => Some(Layout::Yuyv),
        b"NV12" => Some(Layout::Nv12),
        b"GREY" => Some(Layout::Grey),
        b"MJPG" | b"JPEG" => Some(Layout::Mjpeg),
        _ => None,
    }
}

fn trouble(error: &io::Error) -> Trouble {
    match error.kind() {
        io::ErrorKind::TimedOut => Trouble::Frozen,
        _ => Trouble::from_errno(error.raw_os_error(), &error.to_string()),
    }
}

impl Stream for Video4Linux {
    fn next(&mut self) -> Result<(LumaFrame, Colour), Trouble> {
        let (buffer, about) = self.stream.next().map_err(|error| trouble(&error))?;
        let used = (about.bytesused as usize).min(buffer.len());
        let rows = unpadded(&buffer[..used], self.layout, self.width, self.stride);
        pixels::split(self.layout, self.width, self.height, rows.as_deref().unwrap_or(&buffer[..used]))
            .map_err(|error| Trouble::Damaged(error.to_string()))
    }
}

/// The rows without their padding; `None` if there is none.
fn unpadded(raw: &[u8], layout: Layout, width: usize, stride: usize) -> Option<Vec<u8>> {
    let row = match layout {
        Layout::Yuyv => width * 2,
        Layout::Nv12 | Layout::Grey => width,
        Layout::Mjpeg | Layout::Rgb | Layout::Bgr => return None,
    };
    (stride > row && row > 0)
        .then(|| raw.chunks(stride).flat_map(|line| &line[..row.min(line.len())]).copied().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn padded_rows_lose_their_padding() {
        let raw = [1, 2, 0, 3, 4, 0];
        assert_eq!(unpadded(&raw, Layout::Grey, 2, 3), Some(vec![1, 2, 3, 4]));
        assert_eq!(unpadded(&raw, Layout::Grey, 3, 3), None);
        assert_eq!(unpadded(&raw, Layout::Mjpeg, 2, 3), None);
    }
}
