//! A thermal printer on the table: it takes ESC/POS apart as the paper would show it, and stops at any command that
//! our receipts have no business with.
use gatehouse_scan::{Cascade, LumaFrame};

#[derive(Debug, Default, PartialEq, Eq)]
pub struct Printed {
    /// Lines of text, as the code page has them.
    pub lines: Vec<String>,
    /// What the printer's own QR command was given.
    pub codes: Vec<String>,
    /// Rows of dots, true where there is ink.
    pub dots: Vec<Vec<bool>>,
    /// Rows of each picture command.
    pub bands: Vec<usize>,
    /// Times the drawer opened.
    pub kicks: usize,
    pub cuts: usize,
}

impl Printed {
    pub fn read(bytes: &[u8]) -> Self {
        let mut paper = Self::default();
        let mut line = String::new();
        let mut stored = String::new();
        let mut rest = bytes;
        while !rest.is_empty() {
            rest = match rest {
                // Initialise; code page 1252; single-byte letters; bold, justify, size.
                [0x1b, b'@', rest @ ..]
                | [0x1b, b't', 16, rest @ ..]
                | [0x1c, b'.', rest @ ..]
                | [0x1b, b'E', 0..=1, rest @ ..]
                | [0x1b, b'a', 0..=2, rest @ ..]
                | [0x1d, b'!', _, rest @ ..] => rest,
                [0x1b, b'd', lines, rest @ ..] => {
                    paper.lines.push(std::mem::take(&mut line));
                    paper.lines.extend((1..*lines).map(|_| String::new()));
                    rest
                }
                [0x1b, b'p', 0..=1, _, _, rest @ ..] => {
                    paper.kicks += 1;
                    rest
                }
                [0x1d, b'V', b'A', _, rest @ ..] => {
                    paper.cuts += 1;
                    rest
                }
                [0x1d, b'v', b'0', 0, xl, xh, yl, yh, rest @ ..] => {
                    let across = usize::from(u16::from_le_bytes([*xl, *xh]));
                    let down = usize::from(u16::from_le_bytes([*yl, *yh]));
                    let (picture, rest) = rest.split_at(across * down);
                    paper.bands.push(down);
                    paper.dots.extend(picture.chunks(across).map(|row| {
                        row.iter().flat_map(|byte| (0..8).map(move |bit| byte & (0x80 >> bit) != 0)).collect()
                    }));
                    rest
                }
                [0x1d, b'(', b'k', pl, ph, rest @ ..] => {
                    let (parameters, rest) = rest.split_at(usize::from(u16::from_le_bytes([*pl, *ph])));
                    match parameters {
                        // Model 2, module size, error correction.
                        [49, 65, 50, 0] | [49, 67, 1..=16] | [49, 69, 48..=51] => {}
                        [49, 80, 48, data @ ..] => stored = String::from_utf8(data.to_vec()).expect("text"),
                        [49, 81, 48] => paper.codes.push(stored.clone()),
                        other => panic!("a code command {other:?}"),
                    }
                    rest
                }
                [byte @ (0x20..=0x7e | 0xa0..=0xff), rest @ ..] => {
                    // Windows-1252 and Unicode agree here.
                    line.push(char::from(*byte));
                    rest
                }
                [command, ..] => panic!("{command:#04x} is no command of a receipt, after {line:?}"),
                [] => rest,
            };
        }
        assert!(line.is_empty(), "{line:?} was never printed");
        paper
    }

    /// Codes on the picture, seen by a scanner.
    pub fn seen_codes(&self) -> Vec<String> {
        let width = self.dots.first().map_or(0, Vec::len);
        let luma = self.dots.iter().flatten().map(|ink| if *ink { 0 } else { u8::MAX }).collect();
        let frame = LumaFrame::new(width, self.dots.len(), luma).expect("a picture");
        Cascade::new().read_picture(&frame).into_iter().map(|symbol| symbol.text).collect()
    }
}
