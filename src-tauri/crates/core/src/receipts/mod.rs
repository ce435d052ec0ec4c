//! Receipts: numbered without a gap per till, each bound to the one before by its hash; what one says, frozen when it
//! is issued; and its ways out: PDF, a thermal printer's bytes, the post.
pub mod chain;
pub mod document;
pub mod escpos;
pub mod give;
mod page;
pub mod pdf;
pub mod service;
mod sheet;
mod store;
pub mod text;
pub mod wire;
mod words;

use document::{Language, ReceiptDocument};
use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// One receipt on its way to paper. What is added to the frozen document here is not part of its content.
#[derive(Clone, Copy, Debug)]
pub struct Print<'a> {
    pub document: &'a ReceiptDocument,
    /// The text of its QR code. It carries the hash of the document, so it cannot stand inside.
    pub code: &'a str,
    pub mark: Mark,
    /// The language of the words around the content, where it is not the document's own.
    pub language: Option<Language>,
}

/// Whether the paper is the first of its receipt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    Original,
    Copy,
}

/// The paper of a thermal printer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum Roll {
    Mm80,
    Mm58,
}

impl Roll {
    pub fn paper_millimetres(self) -> u32 {
        match self {
            Self::Mm80 => 80,
            Self::Mm58 => 58,
        }
    }

    /// How far the head reaches.
    pub fn head_millimetres(self) -> u32 {
        match self {
            Self::Mm80 => 72,
            Self::Mm58 => 48,
        }
    }

    /// Dots across: eight to the millimetre.
    pub fn dots(self) -> u32 {
        self.head_millimetres() * 8
    }

    /// Letters across, each 12 dots wide.
    pub fn columns(self) -> usize {
        match self {
            Self::Mm80 => 48,
            Self::Mm58 => 32,
        }
    }
}
