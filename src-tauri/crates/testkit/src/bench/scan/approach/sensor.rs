//! From the scene to grey values: exposure, lens, light, noise.

use gatehouse_scan::LumaFrame;

use super::card::{CODE_X, Card, HALF_HEIGHT, HALF_WIDTH, MODULE, MODULES};
use super::chance::Chance;
use super::pose::{Pose, View};

/// Pixels in a row: 720p.
pub const WIDTH: usize = 1280;
/// Rows: 720p.
pub const HEIGHT: usize = 720;

/// A highlight on the card, in sides of the code from its middle.
#[derive(Debug, Clone, Copy)]
pub struct Glare {
    /// Middle, to the right.
    pub x: f32,
    /// Middle, downwards.
    pub y: f32,
    /// Half its width.
    pub wide: f32,
    /// Half its height.
    pub high: f32,
}

/// Everything about one exposure.
#[derive(Debug, Clone, Copy)]
pub struct Shot {
    /// Where the card is in the middle of the exposure.
    pub pose: Pose,
    /// Deviation of the gaussian that the lens adds, in pixels.
    pub blur: f32,
    /// How far the card moves during the exposure, in pixels.
    pub motion: (f32, f32),
    /// Grey value of no light.
    pub black: f32,
    /// Grey value of a perfectly white card.
    pub white: f32,
    /// Deviation of the noise, in grey values.
    pub noise: f32,
    /// A highlight.
    pub glare: Option<Glare>,
}

/// Long enough that no two rows of a frame are likely to share much of it.
const NOISE_STRIP: usize = 1 << 16;

/// Samples across and down a pixel; also the steps of the motion.
const SAMPLES: usize = 3;

/// The frame that this shot of the card before the background gives.
pub fn expose(shot: &Shot, card: &Card, background: &[f32], chance: &mut Chance) -> LumaFrame {
    let view = shot.pose.view(WIDTH as f32, HEIGHT as f32);
    let mut scene = background.to_vec();
    let window = Window::around(&view, 3.0 * shot.blur + shot.motion.0.hypot(shot.motion.1));
    for y in window.rows() {
        for x in window.columns() {
            scene[y * WIDTH + x] = light_at(x, y, shot, card, &view, background[y * WIDTH + x]);
        }
    }
    if shot.blur > 0.05 {
        soften(&mut scene, &window, shot.blur);
    }
    expose_scene(&scene, shot.black, shot.white, shot.noise, chance)
}

/// Grey values of this light, with noise of this deviation.
pub fn expose_scene(scene: &[f32], black: f32, white: f32, noise: f32, chance: &mut Chance) -> LumaFrame {
    // Each row starts elsewhere in one long strip of noise: as good as fresh numbers, and much faster.
    let strip: Vec<f32> = (0..NOISE_STRIP + WIDTH).map(|_| noise * chance.normal()).collect();
    let mut pixels = Vec::with_capacity(scene.len());
    for row in scene.chunks(WIDTH) {
        let start = chance.below(NOISE_STRIP);
        let lit =
            row.iter().zip(&strip[start..]).map(|(light, noise)| black + (white - black) * light + noise);
        pixels.extend(lit.map(to_byte));
    }
    LumaFrame { width: WIDTH, height: HEIGHT, pixels }
}

/// Light on one pixel: spread over its area and over the time of the exposure.
fn light_at(x: usize, y: usize, shot: &Shot, card: &Card, view: &View, behind: f32) -> f32 {
    let count = (SAMPLES * SAMPLES) as f32;
    let mut sum = 0.0;
    for step in 0..SAMPLES * SAMPLES {
        // Steps of four run through all nine cells of the pixel, so that time and place do not go together.
        let cell = step * 4 % (SAMPLES * SAMPLES);
        let part = |cell: usize| (cell as f32 + 0.5) / SAMPLES as f32;
        let time = (step as f32 + 0.5) / count - 0.5;
        let px = x as f32 + part(cell % SAMPLES) - shot.motion.0 * time;
        let py = y as f32 + part(cell / SAMPLES) - shot.motion.1 * time;
        let (cx, cy) = view.card(px, py);
        sum += match card.reflectance(cx, cy) {
            Some(light) => light + shot.glare.map_or(0.0, |glare| glare.at(cx, cy)),
            None => behind,
        };
    }
    sum / count
}

impl Glare {
    /// Added light: far beyond white in the middle, gone within a third of the radius outside.
    fn at(&self, x: f32, y: f32) -> f32 {
        let side = MODULE * MODULES;
        let (dx, dy) = (((x - CODE_X) / side - self.x) / self.wide, (y / side - self.y) / self.high);
        let reach = dx * dx + dy * dy;
        3.0 * (-reach * reach * 1.1).exp()
    }
}

/// The pixels that the card can touch.
struct Window {
    left: usize,
    top: usize,
    right: usize,
    bottom: usize,
}

impl Window {
    fn around(view: &View, margin: f32) -> Self {
        let corners = [(-1.0, -1.0), (1.0, -1.0), (1.0, 1.0), (-1.0, 1.0)]
            .map(|(x, y): (f32, f32)| view.pixel(x * HALF_WIDTH, y * HALF_HEIGHT));
        let low = |pick: fn(&(f32, f32)) -> f32| corners.iter().map(pick).fold(f32::MAX, f32::min) - margin;
        let high = |pick: fn(&(f32, f32)) -> f32| corners.iter().map(pick).fold(f32::MIN, f32::max) + margin;
        Self {
            left: to_index(low(|at| at.0), WIDTH),
            top: to_index(low(|at| at.1), HEIGHT),
            right: to_index(high(|at| at.0) + 1.0, WIDTH),
            bottom: to_index(high(|at| at.1) + 1.0, HEIGHT),
        }
    }

    fn columns(&self) -> std::ops::Range<usize> {
        self.left..self.right
    }

    fn rows(&self) -> std::ops::Range<usize> {
        self.top..self.bottom
    }
}

/// A gaussian over the window, first along the rows, then down the columns.
fn soften(scene: &mut [f32], window: &Window, deviation: f32) {
    let reach = to_index((3.0 * deviation).ceil(), 64);
    let kernel: Vec<f32> =
        (0..=reach).map(|at| (-((at * at) as f32) / (2.0 * deviation * deviation)).exp()).collect();
    let weight = kernel[0] + 2.0 * kernel[1..].iter().sum::<f32>();
    let along = |source: &[f32], at: usize, step: usize, place: usize, length: usize| {
        let pick = |offset: isize| {
            let to = place.saturating_add_signed(offset).min(length - 1);
            source[at - place * step + to * step]
        };
        let sum: f32 = (1..).zip(&kernel[1..]).map(|(offset, k)| k * (pick(offset) + pick(-offset))).sum();
        (kernel[0] * pick(0) + sum) / weight
    };
    let sharp = scene.to_vec();
    for y in window.rows() {
        for x in window.columns() {
            scene[y * WIDTH + x] = along(&sharp, y * WIDTH + x, 1, x, WIDTH);
        }
    }
    let halfway = scene.to_vec();
    for y in window.rows() {
        for x in window.columns() {
            scene[y * WIDTH + x] = along(&halfway, y * WIDTH + x, WIDTH, y, HEIGHT);
        }
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to the range first")]
fn to_byte(grey: f32) -> u8 {
    (grey + 0.5).clamp(0.0, 255.0) as u8
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to the range first")]
fn to_index(at: f32, limit: usize) -> usize {
    (at.max(0.0) as usize).min(limit)
}
