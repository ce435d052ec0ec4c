//! Approach clips: who reads a card that is brought to the camera, and in which frame.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt::Write as _;

use gatehouse_scan::{Cascade, LumaFrame};

use super::approach::{self, Clip, FRAMES, Kind, SEED};
use super::decoders::{self, REFERENCE};
use super::turns::Turns;
use crate::bench::figure::Figure;

/// Results of one kind of clip.
#[derive(Debug, Default)]
struct Tally {
    clips: u32,
    ours: u32,
    reference: u32,
    later: u32,
    wrong: u32,
    /// Sums over the clips that both read: frames until the first read, counted from 1.
    both: u32,
    ours_frames: u32,
    reference_frames: u32,
}

/// `clips`, `clips-first-read`, `clips-cpu` and `empty-frame-cpu`.
pub fn run() -> Result<(), Box<dyn Error>> {
    let mut turns = Turns::default();
    let mut kinds: BTreeMap<&'static str, Tally> = BTreeMap::new();
    for clip in approach::clips(SEED) {
        watch(&clip, kinds.entry(clip.kind.name()).or_default(), &mut turns);
    }
    let all = kinds.values().fold(Tally::default(), Tally::plus);
    let mut by_kind = String::new();
    for (name, kind) in &kinds {
        write!(by_kind, " {name} {}:{} of {},", kind.ours, kind.reference, kind.clips)?;
    }
    let share = 100.0 * f64::from(all.reference) / f64::from(all.clips);
    let note = format!(
        "of {} clips of {FRAMES} frames, seed {SEED:#x}; the reference reads {share:.1} %; ours:reference{by_kind} \
         wrong texts {}; {REFERENCE}",
        all.clips, all.wrong
    );
    let (ours, reference) = (f64::from(all.ours), f64::from(all.reference));
    Figure::against("scan", "clips", "clips read", ours, reference).noting(note).print()?;

    let mut first =
        Figure::against("scan", "clips-first-read", "clips read later", f64::from(all.later), 0.0);
    first.ratio = Some(f64::from(all.ours_frames) / f64::from(all.reference_frames.max(1)));
    let mean = |frames: u32| f64::from(frames) / f64::from(all.both.max(1));
    let note = format!(
        "clips in which ours reads later than the reference or never; ratio is that of the mean first frame over \
         the {} clips that both read: {:.2} to {:.2}",
        all.both,
        mean(all.ours_frames),
        mean(all.reference_frames)
    );
    first.noting(note).print()?;

    let (ours, reference) = turns.milliseconds();
    let note = "thread CPU of a frame, mean over every frame of every clip, in turns";
    Figure::against("scan", "clips-cpu", "ms", ours, reference).noting(note).print()?;

    let (ours, reference) = empty_hall();
    let note =
        "thread CPU of a 720p frame with no code in it, mean of a minute at 5 frames a second, in turns";
    Figure::against("scan", "empty-frame-cpu", "ms", ours, reference).noting(note).print()?;
    Ok(())
}

/// Shows one clip to both sides.
fn watch(clip: &Clip, tally: &mut Tally, turns: &mut Turns) {
    let reader = decoders::reference();
    let mut cascade = Cascade::new();
    let (mut ours_first, mut reference_first) = (None, None);
    for (number, frame) in (1..).zip(clip.frames()) {
        let (ours, reference) = turns.take(|| cascade.read(&frame), || decoders::zxing(&reader, &frame));
        let expected = clip.text();
        if ours.iter().any(|symbol| symbol.text == expected) {
            ours_first = ours_first.or(Some(number));
        }
        tally.wrong += u32::from(ours.iter().any(|symbol| symbol.text != expected));
        if reference.iter().any(|reading| reading.text.as_deref() == Some(expected)) {
            reference_first = reference_first.or(Some(number));
        }
    }
    tally.clips += 1;
    tally.ours += u32::from(ours_first.is_some());
    tally.reference += u32::from(reference_first.is_some());
    match (ours_first, reference_first) {
        (Some(ours), Some(reference)) => {
            tally.both += 1;
            tally.ours_frames += ours;
            tally.reference_frames += reference;
            tally.later += u32::from(ours > reference);
        }
        (None, Some(_)) => tally.later += 1,
        _ => {}
    }
}

/// What most of a day costs: nobody at the desk.
fn empty_hall() -> (f64, f64) {
    let reader = decoders::reference();
    let mut cascade = Cascade::new();
    let mut turns = Turns::default();
    let frames: Vec<LumaFrame> = approach::empty_hall(SEED).take(10).collect();
    for number in 0..300 {
        let frame = &frames[number % frames.len()];
        turns.take(|| cascade.read(frame), || decoders::zxing(&reader, frame));
    }
    turns.milliseconds()
}

impl Tally {
    fn plus(self, other: &Self) -> Self {
        Self {
            clips: self.clips + other.clips,
            ours: self.ours + other.ours,
            reference: self.reference + other.reference,
            later: self.later + other.later,
            wrong: self.wrong + other.wrong,
            both: self.both + other.both,
            ours_frames: self.ours_frames + other.ours_frames,
            reference_frames: self.reference_frames + other.reference_frames,
        }
    }
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Blur => "blur",
            Self::LowLight => "low light",
            Self::Glare => "glare",
            Self::Tilt => "tilt",
            Self::Inverted => "inverted",
            Self::Motion => "motion",
            Self::Distance => "distance",
        }
    }
}
