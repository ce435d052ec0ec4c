//! Clips of a card that a member brings to the desk's camera, each with one thing that makes it hard.
//!
//! The ranges below were set so that the reference reads between 40 and 80 % of the clips, before our cascade was
//! tuned on any of them. Changing a range or the seed makes figures incomparable with earlier ones.

mod card;
mod chance;
mod pose;
mod sensor;

use std::f32::consts::TAU;

use gatehouse_scan::LumaFrame;

use self::card::{Card, MODULE};
use self::chance::Chance;
use self::pose::Pose;
use self::sensor::{Glare, HEIGHT, Shot, WIDTH};

/// The seed of every published figure.
pub const SEED: u64 = 0x6761_7465_686F_7573;
/// Clips of each kind.
pub const CLIPS_OF_EACH_KIND: usize = 46;
/// Frames of a clip: a bit more than a second at 15 frames a second.
pub const FRAMES: usize = 18;

/// What makes a clip hard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Out of focus.
    Blur,
    /// Little light: low contrast, much noise.
    LowLight,
    /// A highlight wanders over the code.
    Glare,
    /// Held at a slant.
    Tilt,
    /// Light on dark, a little soft.
    Inverted,
    /// Moved during each exposure.
    Motion,
    /// Never comes close.
    Distance,
}

impl Kind {
    /// Every kind, in the order of the clips.
    pub const ALL: [Self; 7] =
        [Self::Blur, Self::LowLight, Self::Glare, Self::Tilt, Self::Inverted, Self::Motion, Self::Distance];
}

/// One approach. Frames are made when asked for, since all of them would fill gigabytes.
#[derive(Debug, Clone)]
pub struct Clip {
    /// What makes it hard.
    pub kind: Kind,
    card: Card,
    background: Vec<f32>,
    shots: Vec<Shot>,
    noise: Chance,
}

impl Clip {
    /// What the card says.
    pub fn text(&self) -> &str {
        &self.card.text
    }

    /// The frames in order.
    pub fn frames(&self) -> impl Iterator<Item = LumaFrame> {
        let mut noise = self.noise.clone();
        self.shots.iter().map(move |shot| sensor::expose(shot, &self.card, &self.background, &mut noise))
    }
}

/// All clips of a seed, one kind after the other.
pub fn clips(seed: u64) -> impl Iterator<Item = Clip> {
    Kind::ALL.into_iter().enumerate().flat_map(move |(place, kind)| {
        (0..CLIPS_OF_EACH_KIND).map(move |number| {
            // A sequence of its own for each clip, so that one kind can grow without changing the others.
            let mut chance = Chance::new(seed ^ ((place as u64) << 32) ^ number as u64);
            chance.bits();
            clip(kind, &mut chance)
        })
    })
}

/// The hall with nobody in it, frame by frame with fresh noise.
pub fn empty_hall(seed: u64) -> impl Iterator<Item = LumaFrame> {
    let mut chance = Chance::new(seed);
    let background = background(&mut chance);
    std::iter::repeat_with(move || sensor::expose_scene(&background, 15.0, 210.0, 2.0, &mut chance))
}

/// How hard a clip is; the neutral values are those of a good webcam in a lit room.
struct Conditions {
    /// Distance at the start and at the end, mm.
    from: f32,
    to: f32,
    /// Deviation of the lens, in modules.
    blur: f32,
    /// Way during an exposure, in modules.
    motion: f32,
    /// Slant in radians.
    tilt: f32,
    black: f32,
    white: f32,
    noise: f32,
    glare: Option<(f32, f32)>,
}

fn conditions(kind: Kind, chance: &mut Chance) -> Conditions {
    let neutral = Conditions {
        from: chance.between(900.0, 1100.0),
        to: chance.between(380.0, 520.0),
        blur: chance.between(0.1, 0.2),
        motion: chance.between(0.0, 0.3),
        tilt: chance.between(0.0, 0.25),
        black: chance.between(10.0, 30.0),
        white: chance.between(170.0, 230.0),
        noise: chance.between(1.0, 2.5),
        glare: None,
    };
    match kind {
        Kind::Blur => Conditions { blur: chance.between(0.3, 0.65), ..neutral },
        Kind::LowLight => {
            let black = chance.between(8.0, 20.0);
            let white = black + chance.between(8.0, 30.0);
            Conditions { black, white, noise: chance.between(3.0, 6.0), ..neutral }
        }
        Kind::Glare => {
            Conditions { glare: Some((chance.between(0.12, 0.34), chance.between(0.12, 0.34))), ..neutral }
        }
        Kind::Tilt => Conditions { tilt: chance.between(0.75, 1.2), ..neutral },
        Kind::Inverted => {
            let black = chance.between(15.0, 60.0);
            let white = black + chance.between(18.0, 80.0);
            Conditions {
                blur: chance.between(0.25, 0.55),
                black,
                white,
                noise: chance.between(1.5, 4.5),
                ..neutral
            }
        }
        Kind::Motion => Conditions { motion: chance.between(1.0, 2.5), ..neutral },
        Kind::Distance => Conditions {
            from: chance.between(1500.0, 1700.0),
            to: chance.between(600.0, 1050.0),
            blur: chance.between(0.2, 0.4),
            ..neutral
        },
    }
}

fn clip(kind: Kind, chance: &mut Chance) -> Clip {
    let card = Card::draw(chance, kind == Kind::Inverted);
    let is = conditions(kind, chance);
    let background = background(chance);
    let (heading, roll) = (chance.between(0.0, TAU), chance.between(-0.5, 0.5));
    let (tilt_way, sway) = (chance.between(0.0, TAU), chance.between(0.0, TAU));
    let (x, y) = (chance.between(-60.0, 60.0), chance.between(-30.0, 30.0));
    let drift = (chance.between(-0.2, 0.2), chance.between(-0.2, 0.2));
    let shots = (0..FRAMES).map(|frame| {
        let time = frame as f32 / (FRAMES - 1) as f32;
        // Most of the way in the first two thirds, then held.
        let way = (time * 1.4).min(1.0);
        let way = way * way * (3.0 - 2.0 * way);
        let shake = |rate: f32| (sway + rate * frame as f32).sin();
        let tilt = is.tilt + 0.03 * shake(1.1);
        let pose = Pose {
            x: x * (1.0 - 0.6 * way) + 3.0 * shake(0.9) + 2.0 * chance.normal(),
            y: y * (1.0 - 0.6 * way) + 3.0 * shake(1.3) + 2.0 * chance.normal(),
            distance: is.from + (is.to - is.from) * way + 4.0 * chance.normal(),
            yaw: tilt * tilt_way.cos() + 0.015 * chance.normal(),
            pitch: tilt * tilt_way.sin() + 0.015 * chance.normal(),
            roll: roll + 0.04 * shake(0.7) + 0.015 * chance.normal(),
        };
        let module = MODULE * pose.scale();
        let speed = is.motion * module * (1.0 + 0.12 * chance.normal());
        let toward = heading + 0.5 * chance.normal();
        Shot {
            pose,
            blur: is.blur * module * (1.0 + 0.06 * chance.normal()),
            motion: (speed * toward.cos(), speed * toward.sin()),
            black: is.black,
            white: is.white,
            noise: is.noise,
            glare: is.glare.map(|(wide, high)| Glare {
                x: drift.0 + 0.3 * shake(0.35) + 0.04 * chance.normal(),
                y: drift.1 + 0.3 * shake(0.5) + 0.04 * chance.normal(),
                wide,
                high,
            }),
        }
    });
    let shots = shots.collect();
    Clip { kind, card, background, shots, noise: Chance::new(chance.bits()) }
}

/// A reception hall: a slope of light, furniture, a striped wall. Nothing in it is a code.
fn background(chance: &mut Chance) -> Vec<f32> {
    let (across, down, base) =
        (chance.between(-0.2, 0.2), chance.between(-0.2, 0.2), chance.between(0.25, 0.55));
    let mut scene: Vec<f32> = (0..WIDTH * HEIGHT)
        .map(|at| {
            let (x, y) = ((at % WIDTH) as f32 / WIDTH as f32, (at / WIDTH) as f32 / HEIGHT as f32);
            base + across * x + down * y
        })
        .collect();
    for _ in 0..14 {
        let (left, top) = (chance.below(WIDTH), chance.below(HEIGHT));
        let (wide, high) = (40 + chance.below(300), 30 + chance.below(250));
        let (light, stripes) = (chance.between(0.05, 0.85), chance.below(3) == 0);
        for y in top..(top + high).min(HEIGHT) {
            for x in left..(left + wide).min(WIDTH) {
                let stripe = if stripes && x / 9 % 2 == 0 { 0.2 } else { 0.0 };
                scene[y * WIDTH + x] = light + stripe;
            }
        }
    }
    scene
}
