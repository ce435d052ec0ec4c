//! Whether a picture can be read at all: exposure and sharpness, from grey values alone.

use crate::camera::CameraState;
use crate::frame::LumaFrame;

/// What is wrong with a picture, if anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Light {
    /// It can be read.
    #[default]
    Good,
    /// Nearly all of it is black.
    TooDark,
    /// Nearly all of it is white.
    TooBright,
    /// There are edges in it, and none is sharp.
    Blurred,
}

/// Grey value that the brightest twentieth of a picture has to reach. A phone's screen in a dark room does.
const DARK: u8 = 55;
/// Grey value that the darkest twentieth of a picture must not reach. The black of a card does not.
const BRIGHT: u8 = 200;
/// Difference of grey within [`REACH`] pixels that counts as an edge.
const EDGE: u8 = 64;
/// How far an edge may stretch, in pixels of a row.
const REACH: usize = 16;
/// Share of an edge's difference, in percent, that two neighbours have where the picture is sharp. A perfect edge
/// has 100; one that stretches over [`REACH`] pixels has 7, and with noise 17.
const SHARP: u8 = 22;
/// Every how many rows are looked at.
const ROWS: usize = 8;

/// A picture's light and sharpness in figures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Measure {
    /// Grey value (0 black, 255 white) of the darkest twentieth.
    pub darkest: u8,
    /// Grey value of the brightest twentieth.
    pub brightest: u8,
    /// Share of an edge's difference, in percent, that two neighbours have at the sharpest edges; none where there
    /// is hardly any edge to judge by.
    pub sharpness: Option<u8>,
}

impl Measure {
    /// Below this the brightest twentieth is too dark.
    pub const DARK: u8 = DARK;
    /// Above this the darkest twentieth is too bright.
    pub const BRIGHT: u8 = BRIGHT;
    /// Below this the sharpest edges are blurred.
    pub const SHARP: u8 = SHARP;

    /// What is wrong with the picture, if anything.
    pub fn light(self) -> Light {
        if self.brightest < DARK {
            Light::TooDark
        } else if self.darkest > BRIGHT {
            Light::TooBright
        } else if self.sharpness.is_some_and(|sharpness| sharpness < SHARP) {
            Light::Blurred
        } else {
            Light::Good
        }
    }
}

/// Judges one picture. Takes about 1 % of the time that decoding it does.
pub fn assess(frame: &LumaFrame) -> Light {
    measure(frame).map_or(Light::Good, Measure::light)
}

/// Measures one picture; none of a picture that is too small to say anything.
pub fn measure(frame: &LumaFrame) -> Option<Measure> {
    if frame.width <= REACH || frame.pixels.len() < frame.width {
        return None;
    }
    let mut histogram = [0usize; 256];
    let mut steepness = Vec::new();
    for row in frame.pixels.chunks_exact(frame.width).step_by(ROWS) {
        for &pixel in row {
            histogram[usize::from(pixel)] += 1;
        }
        steepness.extend(row.windows(REACH).step_by(REACH / 2).filter_map(steepest));
    }
    // The sharpest tenth decides: one sharp object is enough, the wall behind it may be out of focus. With hardly
    // any edge there is nothing to judge by.
    let enough = histogram.iter().sum::<usize>() / 2000;
    let sharpness = (steepness.len() > enough.max(8)).then(|| {
        let place = steepness.len() * 9 / 10;
        *steepness.select_nth_unstable(place).1
    });
    Some(Measure { darkest: percentile(&histogram, 5), brightest: percentile(&histogram, 95), sharpness })
}

/// How much of the difference within these pixels two neighbours have, in percent; `None` where there is no edge.
fn steepest(pixels: &[u8]) -> Option<u8> {
    let (mut low, mut high, mut step) = (u8::MAX, 0, 0);
    for pair in pixels.windows(2) {
        low = low.min(pair[0]).min(pair[1]);
        high = high.max(pair[0]).max(pair[1]);
        step = step.max(pair[0].abs_diff(pair[1]));
    }
    let range = high - low;
    // At most 100: no step is larger than the range that it lies in.
    (range >= EDGE).then(|| u8::try_from(usize::from(step) * 100 / usize::from(range)).unwrap_or(100))
}

/// The grey value below which `percent` of the pixels lie.
fn percentile(histogram: &[usize; 256], percent: usize) -> u8 {
    let wanted = histogram.iter().sum::<usize>() * percent / 100;
    let mut sum = 0;
    (0..=u8::MAX)
        .find(|grey| {
            sum += histogram[usize::from(*grey)];
            sum > wanted
        })
        .unwrap_or(u8::MAX)
}

/// Judgements in a row before the hint changes, so that a hand before the lens does not make it flicker.
const STEADY: u32 = 5;

/// A hint that does not flicker.
#[derive(Debug, Default)]
pub struct Hint {
    shown: Light,
    next: Light,
    count: u32,
}

impl Hint {
    /// Takes the judgement of one more picture and returns the hint to show.
    pub fn update(&mut self, light: Light) -> Light {
        if light == self.shown {
            self.count = 0;
        } else if light == self.next {
            self.count += 1;
        } else {
            self.next = light;
            self.count = 1;
        }
        if self.count >= STEADY {
            self.shown = light;
            self.count = 0;
        }
        self.shown
    }

    /// A code was read: whatever the picture looks like, it is good enough.
    pub fn clear(&mut self) {
        *self = Self::default();
    }
}

impl From<Light> for CameraState {
    fn from(light: Light) -> Self {
        match light {
            Light::Good => Self::Reading,
            Light::TooDark => Self::TooDark,
            Light::TooBright => Self::TooBright,
            Light::Blurred => Self::Blurred,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::testing::card;

    fn map(frame: &LumaFrame, change: impl Fn(u8) -> u8) -> LumaFrame {
        LumaFrame { pixels: frame.pixels.iter().map(|p| change(*p)).collect(), ..*frame }
    }

    /// Three box blurs are nearly a Gaussian one.
    fn blur(frame: &LumaFrame, radius: usize) -> LumaFrame {
        let mut frame = frame.clone();
        for _ in 0..3 {
            let w = frame.width;
            let rows = frame.pixels.chunks(w).flat_map(|row| {
                (0..w).map(|x| {
                    let window = &row[x.saturating_sub(radius)..(x + radius + 1).min(w)];
                    u8::try_from(window.iter().map(|p| usize::from(*p)).sum::<usize>() / window.len())
                        .unwrap()
                })
            });
            frame.pixels = rows.collect();
        }
        frame
    }

    fn noise(frame: &LumaFrame, amount: u8) -> LumaFrame {
        let mut seed = 1u32;
        LumaFrame {
            pixels: frame
                .pixels
                .iter()
                .map(|p| {
                    seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    p.saturating_add(u8::try_from(seed >> 24).unwrap() % amount)
                })
                .collect(),
            ..*frame
        }
    }

    #[test]
    fn a_card_is_judged_by_what_can_be_seen_of_it() {
        let sharp = card(1280, 720, "GH0:CARD");
        for (what, frame, light) in [
            ("as it is", sharp.clone(), Light::Good),
            ("with noise", noise(&sharp, 16), Light::Good),
            ("hardly unsharp", blur(&sharp, 1), Light::Good),
            ("out of focus", blur(&sharp, 5), Light::Blurred),
            ("out of focus, with noise", noise(&blur(&sharp, 5), 8), Light::Blurred),
            ("at night", map(&sharp, |p| p / 8), Light::TooDark),
            ("against the sun", map(&sharp, |p| 215 + p / 8), Light::TooBright),
            ("an empty wall", LumaFrame::new(640, 480, vec![130; 640 * 480]).unwrap(), Light::Good),
            ("a covered lens", LumaFrame::new(640, 480, vec![4; 640 * 480]).unwrap(), Light::TooDark),
            ("nothing", LumaFrame { width: 0, height: 0, pixels: vec![] }, Light::Good),
        ] {
            assert_eq!(assess(&frame), light, "{what}");
        }
    }

    #[test]
    fn the_figures_follow_the_light_and_the_focus() {
        let sharp = card(1280, 720, "GH0:CARD");
        let figures = |frame: &LumaFrame| measure(frame).unwrap();
        let (good, dim, soft) =
            (figures(&sharp), figures(&map(&sharp, |p| p / 2)), figures(&blur(&sharp, 3)));
        assert!(dim.brightest < good.brightest && good.brightest >= Measure::DARK);
        assert!(soft.sharpness < good.sharpness && good.sharpness >= Some(Measure::SHARP));
        let wall = figures(&LumaFrame::new(640, 480, vec![130; 640 * 480]).unwrap());
        assert_eq!(wall, Measure { darkest: 130, brightest: 130, sharpness: None });
    }

    #[test]
    fn a_phone_in_a_dark_room_is_no_reason_to_complain() {
        let mut frame = LumaFrame::new(640, 480, vec![10; 640 * 480]).unwrap();
        for y in 100..340 {
            frame.pixels[y * 640 + 200..y * 640 + 400].fill(210);
        }
        assert_eq!(assess(&frame), Light::Good);
    }

    #[test]
    fn the_hint_changes_only_when_the_picture_stays_bad() {
        let mut hint = Hint::default();
        for _ in 0..4 {
            assert_eq!(hint.update(Light::TooDark), Light::Good);
        }
        assert_eq!(hint.update(Light::Good), Light::Good);
        for _ in 0..4 {
            assert_eq!(hint.update(Light::TooDark), Light::Good);
        }
        assert_eq!(hint.update(Light::TooDark), Light::TooDark);
        assert_eq!(hint.update(Light::Good), Light::TooDark);
        hint.clear();
        assert_eq!(hint.update(Light::Good), Light::Good);
    }
}
