//! Labelled photos of real codes.

use std::error::Error;
use std::path::Path;

use gatehouse_scan::{Cascade, Format, Symbol};

use super::decoders::{self, REFERENCE, Reading};
use super::labels::{self, RULE};
use super::turns::Turns;
use crate::bench::figure::Figure;

/// Every photo this often, so that the CPU figure is not one cold run.
const ROUNDS: usize = 5;

/// `photos` and `photos-cpu`.
pub fn run(folder: &Path) -> Result<(), Box<dyn Error>> {
    let photos = labels::load(folder)?;
    let reader = decoders::reference();
    let mut turns = Turns::default();
    let (mut ours_right, mut reference_right, mut wrong) = (0_u32, 0_u32, Vec::new());
    for round in 0..ROUNDS {
        for photo in &photos {
            // A picture has no past: what a cascade learnt from another one must not help.
            let mut cascade = Cascade::new();
            let ours = || cascade.read_picture(&photo.frame);
            let (ours, reference) = turns.take(ours, || decoders::zxing(&reader, &photo.frame));
            if round > 0 {
                continue;
            }
            let ours: Vec<Reading> =
                ours.iter().filter(|symbol| symbol.format == Format::Qr).map(reading).collect();
            ours_right += u32::from(photo.is_right(&ours));
            reference_right += u32::from(photo.is_right(&reference));
            wrong.extend(photo.wrong_texts(&ours).iter().map(|text| format!("{}: {text:?}", photo.name)));
        }
    }
    let alone = |read: fn(&_) -> Vec<Reading>| {
        photos.iter().filter(|photo| photo.is_right(&read(&photo.frame))).count()
    };
    let note = format!(
        "of {}; {REFERENCE}; rule: {RULE}; alone: rxing {}, rqrr {}; wrong texts where the label is ASCII: {} {wrong:?}",
        photos.len(),
        alone(decoders::rxing),
        alone(decoders::rqrr),
        wrong.len(),
    );
    let (right, reference) = (f64::from(ours_right), f64::from(reference_right));
    Figure::against("scan", "photos", "photos right", right, reference).noting(note).print()?;
    let (ours, reference) = turns.milliseconds();
    let note = format!("thread CPU of a still, mean of {ROUNDS} rounds in turns; {REFERENCE}");
    Figure::against("scan", "photos-cpu", "ms", ours, reference).noting(note).print()?;
    Ok(())
}

/// A symbol carries text only; bytes without a meaning show as the characters of the same number.
fn reading(symbol: &Symbol) -> Reading {
    let bytes = symbol.text.chars().map(|c| u8::try_from(u32::from(c)).ok()).collect();
    Reading { text: Some(symbol.text.clone()), bytes }
}
