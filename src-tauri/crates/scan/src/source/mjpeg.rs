//! MJPEG files: JPEG pictures one after the other.

use std::io::{self, Read};
use std::time::Duration;

use super::frame::{Colour, Frame};
use super::jpegs::JpegSplitter;
use super::pixels;

/// The format says nothing about time; this is what webcams do.
pub(super) const INTERVAL: Duration = Duration::from_millis(33);

/// Gives each whole picture of a file to `take` until that says no.
pub(super) fn frames(mut input: impl Read, mut take: impl FnMut(Frame) -> bool) -> io::Result<Count> {
    let mut splitter = JpegSplitter::new();
    let mut chunk = vec![0; 64 * 1024];
    let mut count = Count::default();
    loop {
        let read = match input.read(&mut chunk) {
            Ok(0) => return Ok(count),
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        for picture in splitter.push(&chunk[..read]) {
            let at = INTERVAL * (count.good + count.damaged);
            match pixels::jpeg_luma(&picture) {
                Ok(luma) => {
                    count.good += 1;
                    if !take(Frame { luma, at, still: false, colour: Colour::Jpeg(picture) }) {
                        return Ok(count);
                    }
                }
                Err(error) => {
                    count.damaged += 1;
                    tracing::debug!(%error, "a picture of a film is skipped");
                }
            }
        }
    }
}

/// How many pictures a file had.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Count {
    pub(super) good: u32,
    pub(super) damaged: u32,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::testing::jpeg;

    fn count(file: &[u8]) -> Count {
        frames(file, |_| true).unwrap()
    }

    #[test]
    fn every_picture_of_a_film_is_a_frame() {
        let film = [jpeg(64, 48, "a"), jpeg(64, 48, "b"), jpeg(64, 48, "c")].concat();
        let mut times = Vec::new();
        frames(&film[..], |frame| {
            assert_eq!((frame.luma.width, frame.luma.height), (64, 48));
            times.push(frame.at);
            true
        })
        .unwrap();
        assert_eq!(times, [Duration::ZERO, INTERVAL, INTERVAL * 2]);
    }

    #[test]
    fn a_damaged_picture_costs_only_itself() {
        let (good, mut bad) = (jpeg(64, 48, "a"), jpeg(64, 48, "b"));
        // The frame header, and with it the size, becomes nonsense.
        let header = bad.windows(2).position(|w| w == [0xFF, 0xC0]).unwrap();
        bad[header + 5..header + 9].fill(0);
        assert_eq!(count(&[good.clone(), bad, good].concat()), Count { good: 2, damaged: 1 });
    }

    #[test]
    fn a_film_that_breaks_off_keeps_its_whole_pictures() {
        let film = [jpeg(64, 48, "a"), jpeg(64, 48, "b")].concat();
        assert_eq!(count(&film[..film.len() - 20]), Count { good: 1, damaged: 0 });
        assert_eq!(count(b"no picture in here"), Count::default());
    }
}
