//! Y4M, uncompressed film with a text header (the format of mjpegtools and of `ffmpeg -f yuv4mpegpipe`).

use std::io::{self, BufRead, Read};
use std::time::Duration;

use thiserror::Error;

use super::frame::{Colour, Frame};
use super::pixels::MAX_SIDE;
use crate::frame::LumaFrame;

/// How every Y4M file begins.
pub(super) const MAGIC: &[u8] = b"YUV4MPEG2";

/// Longest header line in bytes.
const MAX_LINE: u64 = 1024;

/// Why a stream is no Y4M film.
#[derive(Debug, Error)]
pub(super) enum Y4mError {
    #[error("its header is damaged")]
    Header,
    #[error("it has frames of {0} x {1} pixels")]
    Size(usize, usize),
    #[error("its colours are stored as {0}, only 8-bit 420, 422, 444 and mono are read")]
    Colours(String),
    #[error("a frame is damaged")]
    Frame,
    #[error("it breaks off in the middle of a frame")]
    Truncated,
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// Reads a film frame by frame.
pub(super) struct Y4m<R> {
    input: R,
    width: usize,
    height: usize,
    layout: Planes,
    /// Length of one frame.
    interval: Duration,
    next: u32,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Planes {
    I420,
    /// Bytes of colour after the luma that nobody needs.
    Skip(usize),
}

impl<R: BufRead> Y4m<R> {
    pub(super) fn new(mut input: R) -> Result<Self, Y4mError> {
        let header = line(&mut input)?.ok_or(Y4mError::Header)?;
        let mut words = header.split(' ');
        if words.next().map(str::as_bytes) != Some(MAGIC) {
            return Err(Y4mError::Header);
        }
        let (mut width, mut height, mut colours, mut interval) = (0, 0, "420", Duration::from_millis(40));
        for word in words.filter(|word| !word.is_empty()) {
            let (kind, value) = word.split_at_checked(1).ok_or(Y4mError::Header)?;
            match kind {
                "W" => width = value.parse().map_err(|_| Y4mError::Header)?,
                "H" => height = value.parse().map_err(|_| Y4mError::Header)?,
                "C" => colours = value,
                "F" => interval = frame_interval(value).ok_or(Y4mError::Header)?,
                _ => {}
            }
        }
        if !(1..=MAX_SIDE).contains(&width) || !(1..=MAX_SIDE).contains(&height) {
            return Err(Y4mError::Size(width, height));
        }
        let layout = match colours {
            "420" | "420jpeg" | "420mpeg2" | "420paldv" => Planes::I420,
            "422" => Planes::Skip(2 * width.div_ceil(2) * height),
            "444" => Planes::Skip(2 * width * height),
            "mono" => Planes::Skip(0),
            other => return Err(Y4mError::Colours(other.into())),
        };
        Ok(Self { input, width, height, layout, interval, next: 0 })
    }

    /// The next frame, or `None` at the end.
    pub(super) fn next_frame(&mut self) -> Result<Option<Frame>, Y4mError> {
        let Some(header) = line(&mut self.input)? else { return Ok(None) };
        if header.split(' ').next() != Some("FRAME") {
            return Err(Y4mError::Frame);
        }
        let area = self.width * self.height;
        let (colour, whole) = match self.layout {
            Planes::I420 => {
                let whole = area + 2 * self.width.div_ceil(2) * self.height.div_ceil(2);
                let all = self.bytes(whole)?;
                (Colour::I420(all.clone()), all)
            }
            Planes::Skip(rest) => (Colour::None, self.bytes(area + rest)?),
        };
        let mut pixels = whole;
        pixels.truncate(area);
        let at = self.interval * self.next;
        self.next += 1;
        let luma = LumaFrame { width: self.width, height: self.height, pixels };
        Ok(Some(Frame { luma, at, still: false, colour }))
    }

    fn bytes(&mut self, count: usize) -> Result<Vec<u8>, Y4mError> {
        let mut bytes = Vec::new();
        let wanted = u64::try_from(count).map_err(|_| Y4mError::Frame)?;
        // Reading to the limit, as a header may promise more than the file has.
        self.input.by_ref().take(wanted).read_to_end(&mut bytes)?;
        if bytes.len() < count { Err(Y4mError::Truncated) } else { Ok(bytes) }
    }
}

/// One line without its end, or `None` at the end of the file.
fn line(input: &mut impl BufRead) -> Result<Option<String>, Y4mError> {
    let mut line = Vec::new();
    input.take(MAX_LINE).read_until(b'\n', &mut line)?;
    if line.is_empty() {
        return Ok(None);
    }
    if line.pop() != Some(b'\n') {
        return Err(Y4mError::Header);
    }
    String::from_utf8(line).map(Some).map_err(|_| Y4mError::Header)
}

/// `30000:1001` frames a second; 0 stands for unknown and is taken as 25.
fn frame_interval(rate: &str) -> Option<Duration> {
    let (frames, seconds) = rate.split_once(':')?;
    let (frames, seconds): (u32, u32) = (frames.parse().ok()?, seconds.parse().ok()?);
    if frames == 0 || seconds == 0 {
        return Some(Duration::from_millis(40));
    }
    let interval = Duration::from_secs(u64::from(seconds)) / frames;
    Some(interval.clamp(Duration::from_millis(1), Duration::from_mins(1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn film(header: &str, frames: &[&[u8]]) -> Vec<u8> {
        let mut film = format!("YUV4MPEG2 {header}\n").into_bytes();
        for frame in frames {
            film.extend_from_slice(b"FRAME\n");
            film.extend_from_slice(frame);
        }
        film
    }

    fn failure(bytes: &[u8]) -> String {
        match Y4m::new(bytes) {
            Err(error) => error.to_string(),
            Ok(mut reel) => loop {
                match reel.next_frame() {
                    Ok(Some(_)) => {}
                    Ok(None) => return "none".into(),
                    Err(error) => return error.to_string(),
                }
            },
        }
    }

    #[test]
    fn frames_come_in_order_with_their_place_in_the_film() {
        let bytes = film("W2 H2 F10:1 Ip C420jpeg", &[&[1, 2, 3, 4, 128, 128], &[5, 6, 7, 8, 128, 128]]);
        let mut reel = Y4m::new(&bytes[..]).unwrap();
        let first = reel.next_frame().unwrap().unwrap();
        assert_eq!((first.luma.width, first.luma.height, first.at), (2, 2, Duration::ZERO));
        assert_eq!(first.luma.pixels, [1, 2, 3, 4]);
        let second = reel.next_frame().unwrap().unwrap();
        assert_eq!((second.luma.pixels, second.at), (vec![5, 6, 7, 8], Duration::from_millis(100)));
        assert_eq!(reel.next_frame().unwrap(), None);
    }

    #[test]
    fn every_8_bit_layout_is_read() {
        for (layout, bytes) in
            [("C420", 6), ("C420mpeg2", 6), ("C422", 8), ("C444", 12), ("Cmono", 4), ("", 6)]
        {
            let bytes = film(&format!("W2 H2 F25:1 {layout}"), &[&vec![7; bytes], &vec![8; bytes]]);
            let mut reel = Y4m::new(&bytes[..]).unwrap();
            reel.next_frame().unwrap().unwrap();
            assert_eq!(reel.next_frame().unwrap().unwrap().luma.pixels, [8; 4], "{layout}");
        }
    }

    #[test]
    fn a_damaged_film_says_what_is_wrong() {
        assert_eq!(failure(b""), "its header is damaged");
        assert_eq!(failure(b"hello\n"), "its header is damaged");
        assert_eq!(failure(b"YUV4MPEG2 W2 H2"), "its header is damaged");
        assert_eq!(failure(b"YUV4MPEG2 Wtwo H2\n"), "its header is damaged");
        assert_eq!(failure(b"YUV4MPEG2 F25:1\n"), "it has frames of 0 x 0 pixels");
        assert_eq!(failure(b"YUV4MPEG2 W99999 H99999\n"), "it has frames of 99999 x 99999 pixels");
        assert!(failure(b"YUV4MPEG2 W2 H2 C420p10\n").starts_with("its colours are stored as 420p10"));
        assert_eq!(failure(b"YUV4MPEG2 W2 H2\nFRAME\n\x01\x02"), "it breaks off in the middle of a frame");
        assert_eq!(failure(b"YUV4MPEG2 W2 H2 Cmono\nFRAME\n\x01\x02\x03\x04rubbish\n"), "a frame is damaged");
        assert_eq!(failure(&[b'Y'; 5000]), "its header is damaged");
    }

    #[test]
    fn a_header_that_promises_gigabytes_costs_nothing() {
        assert_eq!(
            failure(b"YUV4MPEG2 W8192 H8192 C444\nFRAME\nshort"),
            "it breaks off in the middle of a frame"
        );
    }
}
