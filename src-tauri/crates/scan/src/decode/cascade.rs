//! Which decoder sees which frame, and in which light.
//!
//! Every frame goes to the leading decoder whole, with every option, so nothing is read later than it alone would.
//! A frame that shows it nothing is looked at again, but only where something code-like is: that place is a few
//! hundredths of the frame, so it can be enlarged, sharpened and calmed for a fraction of the first look's time. Where
//! nothing moves for long, nobody stands, and the most code-like place is a shelf: it is looked at less often.

use super::filters::{calmed, contrast, cut, doubled, halved, sharpened, stretched};
use super::fusion::Fusion;
use super::region::{self, Region};
use super::rqrr;
use super::scene::Scene;
use super::{Corners, Lead, Look, Symbol};
use crate::frame::LumaFrame;

/// Modules of a part this large have pixels enough.
const ENLARGE_BELOW: usize = 180;
/// A part larger than this is looked at in half its size: its modules are wider than the filters reach.
const SHRINK_ABOVE: usize = 400;
/// Modules of a smaller picture would vanish in half its size.
const SMALLEST_TO_HALVE: usize = 64;
/// Blank frames after which the views of a code that was located before are forgotten.
const FORGET_AFTER: u32 = 10;
/// Blank frames in which each of the looks has had its turn.
const ROUND: u32 = 6;
/// A part with fewer greys than this between its ink and its paper was taken in little light.
const DIM: i32 = 55;
/// Frames without movement after which nobody is taken to be there: two seconds of a webcam.
const DESERTED_AFTER: u32 = 30;
/// Every how many frames such a picture is looked at more closely all the same. Shares no factor with [`ROUND`], so
/// that each of the looks keeps its turn.
const DESERTED_EVERY: u32 = 5;

/// Reads the frames of one source, one after the other. Cheap to create; keeps what spans the frames of one approach,
/// so every source (and every thread) has its own.
pub struct Cascade {
    lead: Lead,
    fusion: Fusion,
    /// Frames since the last one with a code in it.
    blank: u32,
    /// The same for a code that was located but not read.
    unlocated: u32,
    scene: Scene,
}

/// One way of looking at a picture.
type Glance = fn(&Lead, &LumaFrame) -> Look;

/// A part of a frame as it was shown to a decoder.
struct Part {
    picture: LumaFrame,
    region: Region,
    /// Pixels of the picture for one of the frame.
    scale: f64,
}

#[derive(Debug, Clone, Copy)]
enum Scale {
    Half,
    Same,
    Double,
}

impl Cascade {
    /// A cascade that has seen nothing yet.
    pub fn new() -> Self {
        Self { lead: Lead::new(), fusion: Fusion::new(), blank: 0, unlocated: 0, scene: Scene::default() }
    }

    /// The codes in the next frame of a video. Expensive attempts are spread over the frames that show nothing.
    pub fn read(&mut self, frame: &LumaFrame) -> Vec<Symbol> {
        if !frame.is_sound() {
            return Vec::new();
        }
        let found = self.lead.whole(frame);
        let found = if found.is_empty() { self.look_closer(frame) } else { found };
        if found.is_empty() {
            self.blank = self.blank.wrapping_add(1);
        } else {
            self.blank = 0;
            self.fusion.clear();
        }
        found
    }

    /// The codes in a still, for which there is no next frame: everything is tried at once.
    pub fn read_picture(&mut self, frame: &LumaFrame) -> Vec<Symbol> {
        if !frame.is_sound() {
            return Vec::new();
        }
        let found = self.lead.whole(frame);
        if found.is_empty() { self.try_everything(frame) } else { found }
    }

    fn look_closer(&mut self, frame: &LumaFrame) -> Vec<Symbol> {
        if self.scene.watch(frame) >= DESERTED_AFTER && !self.blank.is_multiple_of(DESERTED_EVERY) {
            return Vec::new();
        }
        let mut unread = None;
        if let Some(region) = region::code_like(frame, 1).first() {
            let part = Part::of(frame, region);
            for look in self.looks(&part.picture).into_iter().flatten() {
                let look = look(&self.lead, &part.picture);
                if !look.read.is_empty() {
                    return part.in_frame(look.read);
                }
                unread = unread.or(look.unread.first().map(|corners| part.corners_in_frame(corners)));
            }
            if self.blank % ROUND == 5 {
                let found = rqrr::read(&part.picture);
                if !found.is_empty() {
                    return part.in_frame(found);
                }
            }
        }
        if self.blank % ROUND == 1 {
            let found = self.lead.bars(frame);
            if !found.is_empty() {
                return found;
            }
        }
        self.fuse(frame, unread)
    }

    /// The look that suits the picture, and the one whose turn it is. Every second frame does without, to pay for the
    /// others.
    fn looks(&self, picture: &LumaFrame) -> [Option<Glance>; 2] {
        let turn = self.blank % ROUND;
        // Sharpening raises noise as it does edges, and in little light there is more of the former.
        if contrast(picture) < DIM {
            let second: Option<Glance> = match turn {
                0 | 4 => Some(sharp),
                2 => Some(slightly_calm),
                _ => None,
            };
            [Some(calm), second]
        } else {
            let second: Option<Glance> = match turn {
                0 => Some(very_sharp),
                2 => Some(calm),
                4 => Some(flat),
                _ => None,
            };
            [Some(sharp), second]
        }
    }

    /// Lays this view of an unread code over the former ones and reads the mean; one view alone gains from being
    /// laid straight.
    fn fuse(&mut self, frame: &LumaFrame, unread: Option<Corners>) -> Vec<Symbol> {
        let Some(corners) = unread else {
            self.unlocated += 1;
            if self.unlocated > FORGET_AFTER {
                self.fusion.clear();
            }
            return Vec::new();
        };
        self.unlocated = 0;
        let Some(plane) = self.fusion.add(frame, corners) else { return Vec::new() };
        for sharpen in [0.0, 2.0] {
            let mut found = self.lead.part(&self.fusion.picture(sharpen)).read;
            if let Some(symbol) = found.pop() {
                return vec![Symbol { corners: plane.corners().map(whole_pixels), ..symbol }];
            }
        }
        Vec::new()
    }

    /// In the order of what it costs; what reads a real photo that the lead does not is seldom the same twice.
    fn try_everything(&self, frame: &LumaFrame) -> Vec<Symbol> {
        let mut located = false;
        let mut try_on = |part: &Part, looks: &[Glance]| {
            for look in looks {
                let look = look(&self.lead, &part.picture);
                located |= !look.unread.is_empty();
                if !look.read.is_empty() {
                    return part.in_frame(look.read);
                }
            }
            Vec::new()
        };
        let whole = Region { left: 0, top: 0, width: frame.width, height: frame.height };
        let regions = region::code_like(frame, 1);
        let mut found = self.lead.any_kind(frame);
        if found.is_empty() {
            found = try_on(&Part::at(frame, &whole, Scale::Same), &[plain_flat]);
        }
        if found.is_empty() && frame.width.min(frame.height) >= SMALLEST_TO_HALVE {
            found = try_on(&Part::at(frame, &whole, Scale::Half), &[plain_flat, calm, firm]);
        }
        if let (true, Some(region)) = (found.is_empty(), regions.first()) {
            found = try_on(&Part::of(frame, region), &[sharp, very_sharp]);
        }
        // Where the lead located a code, rqrr would fail on the same modules.
        if found.is_empty() && !located {
            let part = Part::at(frame, regions.first().unwrap_or(&whole), Scale::Same);
            found = part.in_frame(rqrr::read(&part.picture));
        }
        if found.is_empty() { self.lead.all_bars(frame) } else { found }
    }
}

impl Default for Cascade {
    fn default() -> Self {
        Self::new()
    }
}

/// Pixels across a code for one of the sharpening's reach: about a module at version 3, which is what an unsharp
/// picture has smeared.
const CODE_TO_REACH: usize = 48;

fn reach(picture: &LumaFrame) -> usize {
    (picture.width.max(picture.height) / CODE_TO_REACH).clamp(1, 8)
}

fn sharp(lead: &Lead, picture: &LumaFrame) -> Look {
    lead.part(&sharpened(picture, (reach(picture) * 2 / 3).max(1), 2))
}

fn very_sharp(lead: &Lead, picture: &LumaFrame) -> Look {
    lead.part(&sharpened(picture, reach(picture), 4))
}

/// For a picture of which the code may be any part, so that its size tells nothing.
fn firm(lead: &Lead, picture: &LumaFrame) -> Look {
    lead.part(&sharpened(picture, 3, 4))
}

fn calm(lead: &Lead, picture: &LumaFrame) -> Look {
    lead.part(&stretched(&calmed(picture, 2)))
}

fn slightly_calm(lead: &Lead, picture: &LumaFrame) -> Look {
    lead.part(&stretched(&calmed(picture, 1)))
}

fn flat(lead: &Lead, picture: &LumaFrame) -> Look {
    lead.flat(&sharpened(picture, (reach(picture) / 2).max(1), 1))
}

fn plain_flat(lead: &Lead, picture: &LumaFrame) -> Look {
    lead.flat(picture)
}

impl Part {
    /// At the size that suits the decoder.
    fn of(frame: &LumaFrame, region: &Region) -> Self {
        let longer = region.width.max(region.height);
        let scale = if longer < ENLARGE_BELOW {
            Scale::Double
        } else if longer > SHRINK_ABOVE {
            Scale::Half
        } else {
            Scale::Same
        };
        Self::at(frame, region, scale)
    }

    fn at(frame: &LumaFrame, region: &Region, scale: Scale) -> Self {
        let picture = cut(frame, region);
        let (picture, scale) = match scale {
            Scale::Half => (halved(&picture), 0.5),
            Scale::Same => (picture, 1.0),
            Scale::Double => (doubled(&picture), 2.0),
        };
        Self { picture, region: *region, scale }
    }

    fn in_frame(&self, mut symbols: Vec<Symbol>) -> Vec<Symbol> {
        for symbol in &mut symbols {
            let corners = symbol.corners.map(|(x, y)| (f64::from(x), f64::from(y)));
            symbol.corners = self.corners_in_frame(&corners).map(whole_pixels);
        }
        symbols
    }

    #[expect(clippy::cast_precision_loss, reason = "pixels of a frame")]
    fn corners_in_frame(&self, corners: &Corners) -> Corners {
        let (left, top) = (self.region.left as f64, self.region.top as f64);
        corners.map(|(x, y)| (x / self.scale + left, y / self.scale + top))
    }
}

#[expect(clippy::cast_possible_truncation, reason = "pixels of a frame; the cast saturates")]
fn whole_pixels((x, y): (f64, f64)) -> (i32, i32) {
    (x.round() as i32, y.round() as i32)
}
