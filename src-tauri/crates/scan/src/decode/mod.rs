//! Codes in a frame: the cascade of decoders, and stills from files.

mod cascade;
mod contained;
mod filters;
mod fusion;
mod picture;
mod plane;
mod region;
mod rqrr;
#[cfg(not(feature = "zxing"))]
mod rxing;
mod scene;
#[cfg(feature = "zxing")]
mod zxing;

#[cfg(test)]
mod tests;

pub use cascade::Cascade;
pub use picture::{PictureError, PictureLimits, picture_from_bytes};

#[cfg(not(feature = "zxing"))]
use rxing::Lead;
#[cfg(feature = "zxing")]
use zxing::Lead;

#[cfg(not(any(feature = "zxing", feature = "pure-rust")))]
compile_error!("a leading decoder is needed: feature `zxing` or feature `pure-rust`");

/// The kinds of code that a membership card carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// QR code, our own passes among them.
    Qr,
    /// EAN-13; a UPC-A code is one with a leading zero.
    Ean13,
    /// EAN-8.
    Ean8,
    /// Code 128.
    Code128,
    /// Code 39.
    Code39,
}

/// One code found in a frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Symbol {
    /// What the code says.
    pub text: String,
    /// What kind of code it is.
    pub format: Format,
    /// Its corners in pixels: top left, top right, bottom right, bottom left as the code sees itself.
    pub corners: [(i32, i32); 4],
}

/// Corners of a code before rounding, in the order of [`Symbol::corners`].
type Corners = [(f64, f64); 4];

/// What a look at a picture gave.
#[derive(Default)]
struct Look {
    /// Codes that were read.
    read: Vec<Symbol>,
    /// Corners of QR codes that were located but not read.
    unread: Vec<Corners>,
}
