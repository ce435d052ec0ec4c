//! One grey picture, the common currency of sources and decoders.

/// A grey picture: 8 bits a pixel, row by row, without padding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LumaFrame {
    /// Pixels in a row.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// `width * height` bytes, 0 is black.
    pub pixels: Vec<u8>,
}

impl LumaFrame {
    /// A frame over these pixels, or `None` when their number is not `width * height`.
    pub fn new(width: usize, height: usize, pixels: Vec<u8>) -> Option<Self> {
        (width.checked_mul(height)? == pixels.len()).then_some(Self { width, height, pixels })
    }

    /// Whether there is anything to look at; decoders are only asked about frames for which this holds.
    pub fn is_sound(&self) -> bool {
        self.width > 0 && self.height > 0 && self.width.checked_mul(self.height) == Some(self.pixels.len())
    }
}
