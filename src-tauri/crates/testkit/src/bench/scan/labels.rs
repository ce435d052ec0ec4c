//! The labels of the photos, and when a reading counts as right.

use std::error::Error;
use std::fs;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use gatehouse_scan::{LumaFrame, PictureLimits, picture_from_bytes};

use super::decoders::Reading;

/// The rule, for the record.
pub const RULE: &str = "all pictures of the manifest; a text label counts with line ends made equal and blanks at \
                        either end dropped; a label in bytes counts against a decoder's bytes";

/// A labelled picture.
pub struct Photo {
    /// File name.
    pub name: String,
    /// The picture.
    pub frame: LumaFrame,
    label: Label,
}

enum Label {
    Text(String),
    Bytes(Vec<u8>),
}

impl Photo {
    /// Whether one of the readings is what the label says.
    pub fn is_right(&self, readings: &[Reading]) -> bool {
        readings.iter().any(|reading| match &self.label {
            Label::Text(text) => reading.text.as_deref().is_some_and(|read| tidy(read) == *text),
            Label::Bytes(bytes) => reading.bytes.as_ref() == Some(bytes),
        })
    }

    /// Texts that contradict an ASCII label. Other labels leave room for what character set was meant.
    pub fn wrong_texts<'r>(&self, readings: &'r [Reading]) -> Vec<&'r str> {
        let Label::Text(text) = &self.label else { return Vec::new() };
        if !text.is_ascii() {
            return Vec::new();
        }
        readings
            .iter()
            .filter_map(|reading| reading.text.as_deref())
            .filter(|read| tidy(read) != *text)
            .collect()
    }
}

fn tidy(text: &str) -> String {
    text.replace("\r\n", "\n").replace('\r', "\n").trim().to_owned()
}

/// The pictures that `manifest.csv` in this folder names. Its columns begin with file, text, bytes in base64.
pub fn load(folder: &Path) -> Result<Vec<Photo>, Box<dyn Error>> {
    let manifest = folder.join("manifest.csv");
    let mut rows =
        csv::Reader::from_path(&manifest).map_err(|error| format!("{}: {error}", manifest.display()))?;
    let mut photos = Vec::new();
    for row in rows.records() {
        let row = row?;
        let (Some(name), Some(text), Some(bytes)) = (row.get(0), row.get(1), row.get(2)) else {
            return Err(
                "manifest.csv needs the columns file, expected_text, expected_base64_if_not_text".into()
            );
        };
        let file = fs::read(folder.join(name)).map_err(|error| format!("{name}: {error}"))?;
        let frame =
            picture_from_bytes(&file, PictureLimits::default()).map_err(|e| format!("{name}: {e}"))?;
        let label =
            if text.is_empty() { Label::Bytes(STANDARD.decode(bytes)?) } else { Label::Text(tidy(text)) };
        photos.push(Photo { name: name.to_owned(), frame, label });
    }
    Ok(photos)
}
