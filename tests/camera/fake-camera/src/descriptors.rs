//! What the camera tells the computer about itself: USB 2.0 chapter 9, and USB Video Class 1.0 ("UVC").
//!
//! It has one function of two interfaces: control (with an input terminal wired to an output terminal) and streaming
//! over a bulk endpoint.

use std::str::FromStr;

/// Bytes in one payload transfer at most.
pub const MAX_PAYLOAD: u32 = 16384;
/// Length of UVC 1.0's probe and commit controls.
pub const PROBE: usize = 26;

/// A pixel layout that the camera can send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FourCc {
    /// Packed 4:2:2.
    Yuyv,
    /// Luma alone.
    Grey,
    /// JPEG pictures.
    Mjpg,
}

impl FourCc {
    /// Data1 of the layout's GUID; the rest is the same for all.
    fn guid(self) -> [u8; 4] {
        match self {
            Self::Yuyv => *b"YUY2",
            Self::Grey => *b"Y800",
            Self::Mjpg => *b"MJPG",
        }
    }

    fn bits(self) -> u8 {
        if self == Self::Grey { 8 } else { 16 }
    }
}

/// One layout in one size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mode {
    /// The layout.
    pub fourcc: FourCc,
    /// Pixels in a row.
    pub width: u16,
    /// Rows.
    pub height: u16,
}

impl FromStr for Mode {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parse = || {
            let (fourcc, size) = text.split_once(':')?;
            let (width, height) = size.split_once('x')?;
            let fourcc = match fourcc {
                "YUYV" => FourCc::Yuyv,
                "GREY" => FourCc::Grey,
                "MJPG" => FourCc::Mjpg,
                _ => return None,
            };
            Some(Self { fourcc, width: width.parse().ok()?, height: height.parse().ok()? })
        };
        parse().ok_or_else(|| format!("{text:?} is not like YUYV:640x480"))
    }
}

impl Mode {
    /// Bytes of the largest frame.
    fn frame_bytes(self) -> u32 {
        u32::from(self.width) * u32::from(self.height) * 2
    }
}

/// Every mode is a format of its own with a single frame size, so a mode's place (from 1) is its format index.
pub struct Offer {
    /// What the camera can send.
    pub modes: Vec<Mode>,
    /// Time between two frames in units of 100 ns.
    pub interval: u32,
}

/// A composite device of a made-up vendor, so that no quirk of a real one applies.
pub const DEVICE: [u8; 18] = [18, 1, 0, 2, 0xEF, 2, 1, 64, 0xFF, 0xFF, 0x01, 0x00, 0, 1, 1, 2, 0, 1];

/// The device qualifier: the same at full speed.
pub const QUALIFIER: [u8; 10] = [10, 6, 0, 2, 0xEF, 2, 1, 64, 1, 0];

/// A string descriptor.
pub fn string(text: &str) -> Vec<u8> {
    let mut descriptor = vec![0, 3];
    descriptor.extend(text.encode_utf16().take(126).flat_map(u16::to_le_bytes));
    descriptor[0] = low(descriptor.len());
    descriptor
}

const VIDEO: u8 = 0x0E;
const CLASS_SPECIFIC: u8 = 0x24;

impl Offer {
    /// The configuration with all that belongs to it.
    pub fn configuration(&self) -> Vec<u8> {
        let mut all = vec![9, 2, 0, 0, 2, 1, 0, 0x80, 250];
        // Interface association: interfaces 0 and 1 are one video function.
        all.extend([8, 0x0B, 0, 2, VIDEO, 3, 0, 2]);
        self.control_interface(&mut all);
        self.streaming_interface(&mut all);
        let length = all.len();
        all[2..4].copy_from_slice(&short(length));
        all
    }

    #[expect(clippy::unused_self, reason = "the counterpart of streaming_interface")]
    fn control_interface(&self, all: &mut Vec<u8>) {
        all.extend([9, 4, 0, 0, 0, VIDEO, 1, 0, 2]);
        // Header: UVC 1.0, 40 bytes in all, clock 48 MHz, streaming interface 1.
        all.extend([13, CLASS_SPECIFIC, 1, 0, 1, 40, 0, 0, 0x6C, 0xDC, 2, 1, 1]);
        // Input terminal 1: a camera (0x0201) without lens controls.
        all.extend([18, CLASS_SPECIFIC, 2, 1, 1, 2, 0, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0]);
        // Output terminal 3: USB streaming (0x0101), fed by terminal 1.
        all.extend([9, CLASS_SPECIFIC, 3, 3, 1, 1, 0, 1, 0]);
    }

    fn streaming_interface(&self, all: &mut Vec<u8>) {
        let mut formats = Vec::new();
        for (place, mode) in self.modes.iter().enumerate() {
            self.format(&mut formats, low(place + 1), *mode);
        }
        let header = 13 + self.modes.len();
        all.extend([9, 4, 1, 0, 1, VIDEO, 2, 0, 0]);
        all.extend([low(header), CLASS_SPECIFIC, 1, low(self.modes.len())]);
        all.extend(short(header + formats.len()));
        // Endpoint 0x81, no still pictures, no triggers, one control byte for each format, none set.
        all.extend([0x81, 0, 3, 0, 0, 0, 1]);
        all.extend(self.modes.iter().map(|_| 0));
        all.extend(formats);
        // The bulk endpoint, 512 bytes a packet.
        all.extend([7, 5, 0x81, 2, 0, 2, 0]);
    }

    fn format(&self, all: &mut Vec<u8>, place: u8, mode: Mode) {
        let compressed = mode.fourcc == FourCc::Mjpg;
        if compressed {
            all.extend([11, CLASS_SPECIFIC, 6, place, 1, 0, 1, 0, 0, 0, 0]);
        } else {
            all.extend([27, CLASS_SPECIFIC, 4, place, 1]);
            all.extend(mode.fourcc.guid());
            all.extend([0, 0, 0x10, 0, 0x80, 0, 0, 0xAA, 0, 0x38, 0x9B, 0x71]);
            all.extend([mode.fourcc.bits(), 1, 0, 0, 0, 0]);
        }
        all.extend([30, CLASS_SPECIFIC, if compressed { 7 } else { 5 }, 1, 0]);
        all.extend(mode.width.to_le_bytes());
        all.extend(mode.height.to_le_bytes());
        let bits_a_second = u64::from(mode.frame_bytes()) * 8 * 10_000_000 / u64::from(self.interval.max(1));
        let bits_a_second = u32::try_from(bits_a_second).unwrap_or(u32::MAX);
        for value in [bits_a_second, bits_a_second, mode.frame_bytes(), self.interval] {
            all.extend(value.to_le_bytes());
        }
        // One interval, discrete.
        all.push(1);
        all.extend(self.interval.to_le_bytes());
        // Colours: BT.709 primaries and gamma, BT.601 matrix.
        all.extend([6, CLASS_SPECIFIC, 13, 1, 1, 4]);
    }

    /// The mode that a probe asks for, and its format index; the first one if it asks for none that there is.
    pub fn mode(&self, format: u8) -> (u8, Mode) {
        let wanted =
            usize::from(format).checked_sub(1).filter(|place| *place < self.modes.len()).unwrap_or(0);
        (low(wanted + 1), self.modes[wanted])
    }

    /// What the camera answers to a probe for this format.
    pub fn probe(&self, format: u8) -> [u8; PROBE] {
        let (place, mode) = self.mode(format);
        let mut probe = [0; PROBE];
        // The interval is kept fixed.
        probe[0] = 1;
        probe[2] = place;
        probe[3] = 1;
        probe[4..8].copy_from_slice(&self.interval.to_le_bytes());
        probe[18..22].copy_from_slice(&mode.frame_bytes().to_le_bytes());
        probe[22..26].copy_from_slice(&MAX_PAYLOAD.to_le_bytes());
        probe
    }
}

fn low(value: usize) -> u8 {
    value.to_le_bytes()[0]
}

fn short(value: usize) -> [u8; 2] {
    let bytes = value.to_le_bytes();
    [bytes[0], bytes[1]]
}
