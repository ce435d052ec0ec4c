//! Files and folders: what they are, and their pictures one after the other.

use std::fs::{self, File};
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::error::SourceError;
use super::frame::{Colour, Frame};
use super::mjpeg;
use super::outlet::Outlet;
use super::y4m::{self, Y4m, Y4mError};
use crate::camera::CameraState;
use crate::decode::{PictureLimits, picture_from_bytes};
use crate::frame::LumaFrame;

/// What a path leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A folder, whose pictures are looked at in the order of their names.
    Folder,
    /// A Y4M film.
    Y4m,
    /// An MJPEG film.
    Mjpeg,
    /// Anything else is taken for a picture, and refused if it is none.
    Picture,
}

/// Endings of the files that count as pictures in a folder; what they hold is decided by their content.
const PICTURES: [&str; 5] = ["png", "jpg", "jpeg", "gif", "webp"];

/// What the path leads to, by content. Only an MJPEG film needs its name (`.mjpeg`, `.mjpg`), as it begins as any
/// JPEG picture does.
pub fn kind_of(path: &Path) -> Result<Kind, SourceError> {
    let about = fs::metadata(path).map_err(|error| SourceError::file(path, &error))?;
    if about.is_dir() {
        return Ok(Kind::Folder);
    }
    // A pipe would be waited for, and cannot be read twice.
    if !about.is_file() {
        return Err(SourceError::NoFile(path.into()));
    }
    let mut start = Vec::new();
    File::open(path)
        .and_then(|file| file.take(16).read_to_end(&mut start))
        .map_err(|error| SourceError::file(path, &error))?;
    Ok(if start.starts_with(y4m::MAGIC) {
        Kind::Y4m
    } else if has_ending(path, &["mjpeg", "mjpg"]) {
        Kind::Mjpeg
    } else {
        Kind::Picture
    })
}

/// The pictures in a folder, sorted by name.
pub fn pictures_in(folder: &Path) -> Result<Vec<PathBuf>, SourceError> {
    let entries = fs::read_dir(folder).map_err(|error| SourceError::file(folder, &error))?;
    let mut pictures: Vec<_> = entries
        .filter_map(Result::ok)
        .map(|entry| entry.path())
        .filter(|path| has_ending(path, &PICTURES) && path.is_file())
        .collect();
    if pictures.is_empty() {
        return Err(SourceError::NoPictures(folder.into()));
    }
    pictures.sort();
    Ok(pictures)
}

fn has_ending(path: &Path, endings: &[&str]) -> bool {
    let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
    endings.iter().any(|known| known.eq_ignore_ascii_case(ending))
}

/// Reads one picture file.
pub fn read_picture_file(path: &Path) -> Result<LumaFrame, SourceError> {
    let limits = PictureLimits::default();
    let file = File::open(path).map_err(|error| SourceError::file(path, &error))?;
    let mut bytes = Vec::new();
    // One byte more than allowed is enough to be refused.
    file.take(limits.bytes as u64 + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| SourceError::file(path, &error))?;
    picture_from_bytes(&bytes, limits).map_err(|why| SourceError::Picture { file: path.into(), why })
}

/// Gives each picture or frame of a file or folder to `take`, as fast as it takes them, until it says no.
///
/// In a folder, a picture that cannot be read is passed over, unless none can. A film that breaks off counts as far
/// as it goes.
pub fn each_frame(path: &Path, mut take: impl FnMut(Frame) -> bool) -> Result<(), SourceError> {
    match kind_of(path)? {
        Kind::Picture => {
            take(picture_frame(path)?);
            Ok(())
        }
        Kind::Folder => each_in_folder(path, take),
        Kind::Y4m => each_of_y4m(path, take),
        Kind::Mjpeg => each_of_mjpeg(path, take),
    }
}

fn picture_frame(path: &Path) -> Result<Frame, SourceError> {
    let luma = read_picture_file(path)?;
    // The colours are read again from the file: a still is shown once, not thirty times a second.
    let rgb = fs::read(path).ok().and_then(|bytes| image::load_from_memory(&bytes).ok());
    let colour = rgb
        .map(image::DynamicImage::into_rgb8)
        .filter(|rgb| (rgb.width() as usize, rgb.height() as usize) == (luma.width, luma.height));
    let colour = colour.map_or(Colour::None, |rgb| Colour::Rgb(rgb.into_raw()));
    Ok(Frame { luma, at: Duration::ZERO, still: true, colour })
}

fn each_in_folder(folder: &Path, mut take: impl FnMut(Frame) -> bool) -> Result<(), SourceError> {
    let (mut shown, mut last) = (false, None);
    for path in pictures_in(folder)? {
        match picture_frame(&path) {
            Ok(frame) => {
                shown = true;
                if !take(frame) {
                    break;
                }
            }
            Err(problem) => {
                tracing::warn!(%problem, "a picture is passed over");
                last = Some(problem);
            }
        }
    }
    last.filter(|_| !shown).map_or(Ok(()), Err)
}

fn each_of_y4m(path: &Path, mut take: impl FnMut(Frame) -> bool) -> Result<(), SourceError> {
    let broken = |error: Y4mError| match error {
        Y4mError::Io(error) => SourceError::file(path, &error),
        other => SourceError::film(path, other.to_string()),
    };
    let file = File::open(path).map_err(|error| SourceError::file(path, &error))?;
    let mut reel = Y4m::new(BufReader::new(file)).map_err(broken)?;
    let mut shown = false;
    loop {
        match reel.next_frame() {
            Ok(Some(frame)) => {
                shown = true;
                if !take(frame) {
                    return Ok(());
                }
            }
            // What came before the break was whole and has been looked at.
            Ok(None) | Err(Y4mError::Truncated) if shown => return Ok(()),
            Ok(None) => return Err(SourceError::film(path, "it has no frames")),
            Err(error) => return Err(broken(error)),
        }
    }
}

fn each_of_mjpeg(path: &Path, take: impl FnMut(Frame) -> bool) -> Result<(), SourceError> {
    let count = File::open(path).and_then(|file| mjpeg::frames(file, take));
    match count.map_err(|error| SourceError::file(path, &error))? {
        mjpeg::Count { good: 0, damaged: 0 } => Err(SourceError::film(path, "it holds no JPEG picture")),
        mjpeg::Count { good: 0, .. } => Err(SourceError::film(path, "all its pictures are damaged")),
        _ => Ok(()),
    }
}

/// Shows a file or folder once, a film no faster than it was taken.
pub(super) fn run(path: &Path, outlet: &Outlet) {
    outlet.state(CameraState::Starting);
    // A person may pause a film for as long as it pleases: silence is no fault of a file.
    outlet.expect_frames(false);
    let (mut shown, mut due, mut last) = (false, Instant::now(), Duration::ZERO);
    let result = each_frame(path, |mut frame| {
        if !shown {
            shown = true;
            outlet.state(CameraState::Reading);
            outlet.expect_frames(false);
        }
        due += frame.at.saturating_sub(last);
        last = frame.at;
        if frame.still {
            frame.at = outlet.elapsed();
        }
        match due.checked_duration_since(Instant::now()) {
            Some(early) => outlet.sleep(early),
            // A film that was held up goes on from where it is.
            None => due = Instant::now(),
        }
        outlet.hand_over(frame)
    });
    match result {
        Ok(()) => outlet.state(CameraState::Ended),
        Err(problem) => outlet.state(CameraState::Failed { problem }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::testing::{jpeg, y4m};
    use image::codecs::png::{CompressionType, FilterType, PngEncoder};
    use image::{ExtendedColorType, ImageEncoder};

    fn write(folder: &tempfile::TempDir, name: &str, bytes: &[u8]) -> PathBuf {
        let path = folder.path().join(name);
        fs::write(&path, bytes).unwrap();
        path
    }

    fn frames(path: &Path) -> Result<usize, SourceError> {
        let mut count = 0;
        each_frame(path, |_| {
            count += 1;
            true
        })
        .map(|()| count)
    }

    #[test]
    fn the_content_of_a_file_decides_what_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let film = y4m(64, 48, &["a"]);
        for (name, bytes, kind) in [
            ("film.png", &film[..], Kind::Y4m),
            ("film", &film[..], Kind::Y4m),
            ("film.MJPEG", &jpeg(16, 16, "a"), Kind::Mjpeg),
            ("card.jpg", &jpeg(16, 16, "a"), Kind::Picture),
            ("note.png", b"hello", Kind::Picture),
        ] {
            assert_eq!(kind_of(&write(&folder, name, bytes)), Ok(kind), "{name}");
        }
        assert_eq!(kind_of(folder.path()), Ok(Kind::Folder));
    }

    #[test]
    fn a_path_that_leads_nowhere_says_so() {
        let nowhere = Path::new("/no/such/folder");
        assert_eq!(frames(nowhere), Err(SourceError::Missing(nowhere.into())));
        assert_eq!(
            SourceError::Missing(nowhere.into()).to_string(),
            "there is no file or folder /no/such/folder"
        );
    }

    #[cfg(unix)]
    #[test]
    fn what_is_neither_file_nor_folder_is_refused_and_not_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("socket.png");
        let _socket = std::os::unix::net::UnixListener::bind(&path).unwrap();
        for path in [path.as_path(), Path::new("/dev/zero")] {
            assert_eq!(frames(path), Err(SourceError::NoFile(path.into())));
        }
    }

    #[test]
    fn a_text_file_named_png_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let error = frames(&write(&folder, "card.png", b"this is not a picture")).unwrap_err();
        assert!(matches!(error, SourceError::Picture { .. }), "{error}");
    }

    #[test]
    fn a_40_megapixel_picture_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let mut png = Vec::new();
        let (compression, filter) = (CompressionType::Fast, FilterType::NoFilter);
        PngEncoder::new_with_quality(&mut png, compression, filter)
            .write_image(&vec![0; 8000 * 5000], 8000, 5000, ExtendedColorType::L8)
            .unwrap();
        let error = frames(&write(&folder, "huge.png", &png)).unwrap_err();
        assert!(matches!(error, SourceError::Picture { .. }), "{error}");
    }

    #[test]
    fn a_folder_passes_over_what_it_cannot_read_unless_that_is_all() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(frames(folder.path()), Err(SourceError::NoPictures(folder.path().into())));
        write(&folder, "a.png", b"text");
        assert!(matches!(frames(folder.path()), Err(SourceError::Picture { .. })));
        write(&folder, "b.jpg", &jpeg(64, 48, "b"));
        write(&folder, "labels.txt", b"text");
        assert_eq!(frames(folder.path()), Ok(1));
    }

    #[test]
    fn damaged_and_truncated_films_count_as_far_as_they_go() {
        let folder = tempfile::tempdir().unwrap();
        let film = y4m(64, 48, &["a", "b"]);
        assert_eq!(frames(&write(&folder, "whole.y4m", &film)), Ok(2));
        assert_eq!(frames(&write(&folder, "cut.y4m", &film[..film.len() - 10])), Ok(1));
        assert!(frames(&write(&folder, "stump.y4m", &film[..200])).is_err());
        assert!(frames(&write(&folder, "header.y4m", b"YUV4MPEG2 W64 H48 F25:1\n")).is_err());
        let film = [jpeg(64, 48, "a"), jpeg(64, 48, "b")].concat();
        assert_eq!(frames(&write(&folder, "whole.mjpeg", &film)), Ok(2));
        assert_eq!(frames(&write(&folder, "cut.mjpeg", &film[..film.len() - 10])), Ok(1));
        assert!(frames(&write(&folder, "stump.mjpeg", &film[..100])).is_err());
        assert!(frames(&write(&folder, "empty.mjpeg", b"")).is_err());
    }
}
