//! A stream of bytes to the JPEG pictures in it: an MJPEG file, or the body of a camera's HTTP answer.

/// Largest picture that is collected, in bytes. What goes on beyond it is no picture of a webcam.
pub const MAX_PICTURE: usize = 16 * 1024 * 1024;

/// Finds whole JPEG pictures in bytes that arrive in pieces. What lies between pictures (padding, the headers of a
/// multipart body) is skipped; a picture that never ends is given up at [`MAX_PICTURE`].
///
/// Markers are walked as ITU-T T.81 annex B lays them out, so that a thumbnail inside a picture does not end it.
#[derive(Debug, Default)]
pub struct JpegSplitter {
    /// What has arrived and is not yet done with.
    held: Vec<u8>,
    /// Where in `held` the picture begins, or the search for the next one.
    start: usize,
    /// How far `held` is understood.
    read: usize,
    place: Place,
    given_up: u64,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Place {
    #[default]
    Between,
    /// At a marker inside a picture.
    Marker,
    /// In entropy-coded data.
    Scan,
}

impl JpegSplitter {
    /// A splitter at the start of a stream.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next bytes and returns the pictures that they complete.
    pub fn push(&mut self, bytes: &[u8]) -> Vec<Vec<u8>> {
        self.held.extend_from_slice(bytes);
        let mut pictures = Vec::new();
        loop {
            match self.step() {
                Step::Picture => {
                    pictures.push(self.held[self.start..self.read].to_vec());
                    self.search_from(self.read);
                }
                Step::Damaged => {
                    self.given_up += 1;
                    // A new picture may begin right where this one broke off.
                    self.search_from(self.read);
                }
                Step::On => {}
                Step::More => break,
            }
        }
        // Once for all pictures, so that rubbish full of beginnings costs no more than its length.
        self.held.drain(..self.start);
        self.read -= self.start;
        self.start = 0;
        if self.held.len() > MAX_PICTURE {
            self.given_up += 1;
            self.held.clear();
            self.search_from(0);
        }
        pictures
    }

    /// Whether the stream stands in the middle of a picture.
    pub fn in_picture(&self) -> bool {
        self.place != Place::Between
    }

    /// Pictures that broke off or never ended.
    pub fn given_up(&self) -> u64 {
        self.given_up
    }

    fn search_from(&mut self, place: usize) {
        self.start = place;
        self.read = place;
        self.place = Place::Between;
    }

    fn step(&mut self) -> Step {
        match self.place {
            Place::Between => self.find_start(),
            Place::Marker => self.walk_marker(),
            Place::Scan => self.skip_scan(),
        }
    }

    fn find_start(&mut self) -> Step {
        let found = self.held[self.start..].windows(3).position(|window| window == [0xFF, 0xD8, 0xFF]);
        let Some(skipped) = found else {
            // The last two bytes may be the beginning of a beginning.
            self.search_from(self.held.len().saturating_sub(2).max(self.start));
            return Step::More;
        };
        self.start += skipped;
        self.read = self.start + 2;
        self.place = Place::Marker;
        Step::On
    }

    fn walk_marker(&mut self) -> Step {
        let Some(&[first, kind]) = self.held.get(self.read..self.read + 2) else { return Step::More };
        match (first, kind) {
            (0xFF, 0xFF) => self.read += 1,
            (0xFF, 0xD9) => {
                self.read += 2;
                return Step::Picture;
            }
            (0xFF, 0x01 | 0xD0..=0xD7) => self.read += 2,
            (0xFF, 0xC0..=0xFE) if kind != 0xD8 => {
                let Some(&[high, low]) = self.held.get(self.read + 2..self.read + 4) else {
                    return Step::More;
                };
                let length = usize::from(u16::from_be_bytes([high, low]));
                if length < 2 {
                    return Step::Damaged;
                }
                if self.held.len() < self.read + 2 + length {
                    return Step::More;
                }
                self.read += 2 + length;
                if kind == 0xDA {
                    self.place = Place::Scan;
                }
            }
            _ => return Step::Damaged,
        }
        Step::On
    }

    fn skip_scan(&mut self) -> Step {
        while let Some(&[first, kind]) = self.held.get(self.read..self.read + 2) {
            match (first, kind) {
                // A stuffed byte, or a restart marker: still the scan.
                (0xFF, 0x00 | 0xD0..=0xD7) => self.read += 2,
                (0xFF, 0xFF) => self.read += 1,
                // The next picture begins although this one has not ended.
                (0xFF, 0xD8) => return Step::Damaged,
                (0xFF, _) => {
                    self.place = Place::Marker;
                    return Step::On;
                }
                _ => self.read += 1,
            }
        }
        Step::More
    }
}

enum Step {
    Picture,
    Damaged,
    On,
    More,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::testing::jpeg;
    use proptest::prelude::*;

    #[test]
    fn pictures_are_found_between_padding_and_part_headers() {
        let (a, b) = (jpeg(64, 48, "a"), jpeg(80, 60, "b"));
        let mut stream = b"--frame\r\nContent-Type: image/jpeg\r\n\r\n".to_vec();
        stream.extend(&a);
        stream.extend([0; 100]);
        stream.extend(b"\r\n--frame\r\nContent-Type: image/jpeg\r\n\r\n");
        stream.extend(&b);
        assert_eq!(JpegSplitter::new().push(&stream), [a, b]);
    }

    #[test]
    fn a_thumbnail_does_not_end_its_picture() {
        let (outer, thumbnail) = (jpeg(64, 48, "outer"), jpeg(16, 16, "t"));
        let mut picture = outer[..2].to_vec();
        picture.extend([0xFF, 0xE1]);
        picture.extend(u16::try_from(thumbnail.len() + 2).unwrap().to_be_bytes());
        picture.extend(&thumbnail);
        picture.extend(&outer[2..]);
        assert_eq!(JpegSplitter::new().push(&picture), [picture]);
    }

    #[test]
    fn a_picture_that_breaks_off_is_given_up_when_the_next_begins() {
        let (a, b) = (jpeg(64, 48, "a"), jpeg(64, 48, "b"));
        let mut stream = a[..a.len() / 2].to_vec();
        stream.extend(&b);
        stream.extend(&a);
        let mut splitter = JpegSplitter::new();
        let pictures = splitter.push(&stream);
        assert_eq!(pictures.last(), Some(&a));
        assert!(splitter.given_up() >= 1);
        assert!(!splitter.in_picture());
    }

    #[test]
    fn a_picture_that_never_ends_does_not_fill_the_memory() {
        let start = jpeg(64, 48, "a");
        let mut splitter = JpegSplitter::new();
        splitter.push(&start[..start.len() - 2]);
        let chunk = vec![0x55; 1024 * 1024];
        for _ in 0..40 {
            assert!(splitter.push(&chunk).is_empty());
            assert!(splitter.held.len() <= MAX_PICTURE);
        }
        assert!(splitter.given_up() >= 1);
        assert_eq!(splitter.push(&start), [start]);
    }

    proptest! {
        #[test]
        fn how_the_bytes_arrive_does_not_matter(
            noise in proptest::collection::vec(any::<u8>(), 0..200),
            sizes in proptest::collection::vec(1usize..700, 1..40),
        ) {
            let mut stream = jpeg(64, 48, "one");
            stream.extend(&noise);
            stream.extend(jpeg(64, 48, "two"));
            let whole = JpegSplitter::new().push(&stream);
            let mut splitter = JpegSplitter::new();
            let mut pieces = Vec::new();
            let mut rest = &stream[..];
            for size in sizes.iter().cycle() {
                if rest.is_empty() { break }
                let (head, tail) = rest.split_at((*size).min(rest.len()));
                pieces.extend(splitter.push(head));
                rest = tail;
            }
            prop_assert_eq!(whole, pieces);
        }

        #[test]
        fn rubbish_never_panics(stream in proptest::collection::vec(prop_oneof![Just(0xFFu8), Just(0xD8), Just(0xDA), any::<u8>()], 0..600)) {
            let mut splitter = JpegSplitter::new();
            for picture in splitter.push(&stream) {
                prop_assert!(picture.starts_with(&[0xFF, 0xD8]) && picture.ends_with(&[0xFF, 0xD9]));
            }
        }
    }
}
