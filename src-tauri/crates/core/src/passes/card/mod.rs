//! The printed card: one drawing, as a picture and as PDF pages.
//!
//! Everything is laid out in tenths of a millimetre, so a drawing says what a ruler shows. Nothing touches the
//! edge: card printers that cannot print to it cut nothing off.
mod document;
mod drawing;
mod outline;
mod text;

pub use document::{a4_pdf, card_pdf, png};
pub use drawing::Card;
