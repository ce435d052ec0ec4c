//! Several views of one code made into one picture.
//!
//! A code that no single frame gives away (noise, highlights, too few pixels) is often located all the same. Each
//! frame of an approach has other faults, so its view is laid over the former ones, to a fraction of a module, and
//! the mean is read. The overlay is inverse compositional alignment (Baker and Matthews 2004) over eight parameters.

#![expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "pixel coordinates of a frame: far below 2^23, and clamped to the frame"
)]

use super::plane::Plane;
use crate::frame::LumaFrame;

/// Pixels along the side of the fused code: six a module at version 3.
const SIDE: usize = 174;
/// White around it, which decoders insist on.
const MARGIN: usize = 28;
/// Alignment looks at every third pixel.
const STRIDE: usize = 3;
/// Views that count at most: old ones fade, so that a steadier hand soon shows.
const MEMORY: f32 = 10.0;
/// Below this likeness (1 is equal) a view is another code, or none.
const LIKENESS: f32 = 0.35;
/// From here on a pixel is burnt out and says nothing.
const BURNT: f32 = 250.0;

/// What the views of one code have added up to.
pub(super) struct Fusion {
    /// Weighted sum of brightness in deviations from the code's own mean, and the weights.
    sum: Vec<f32>,
    weight: Vec<f32>,
    views: u32,
}

/// One look at a code: brightness in deviations from its mean, and which pixels tell anything.
struct View {
    value: Vec<f32>,
    weight: Vec<f32>,
}

impl Fusion {
    pub(super) fn new() -> Self {
        Self { sum: Vec::new(), weight: Vec::new(), views: 0 }
    }

    /// Forgets what was seen.
    pub(super) fn clear(&mut self) {
        self.views = 0;
    }

    /// Adds the view of the code with these corners. Returns where alignment found it.
    pub(super) fn add(&mut self, frame: &LumaFrame, corners: [(f64, f64); 4]) -> Option<Plane> {
        let mut plane = Plane::through(corners)?;
        if self.views > 0 {
            match self.align(frame, plane) {
                Some(better) => plane = better,
                None => self.views = 0,
            }
        }
        let view = View::of(frame, &plane, 1)?;
        if self.views == 0 {
            self.sum = vec![0.0; SIDE * SIDE];
            self.weight = vec![0.0; SIDE * SIDE];
        }
        let keep = 1.0 - 1.0 / MEMORY;
        for at in 0..SIDE * SIDE {
            self.sum[at] = self.sum[at] * keep + view.value[at] * view.weight[at];
            self.weight[at] = self.weight[at] * keep + view.weight[at];
        }
        self.views += 1;
        Some(plane)
    }

    /// The mean of the views as a picture for a decoder; `sharpen` undoes some of the blur that all of them share.
    pub(super) fn picture(&self, sharpen: f32) -> LumaFrame {
        let mut mean: Vec<f32> = (0..SIDE * SIDE).map(|at| self.mean(at)).collect();
        if sharpen > 0.0 {
            let soft = soften(&soften(&mean));
            for (value, soft) in mean.iter_mut().zip(soft) {
                *value += sharpen * (*value - soft);
            }
        }
        let side = SIDE + 2 * MARGIN;
        // The margin is as bright as the code's own rim of paper would be, dark for an inverted code.
        let mut pixels = vec![0; side * side];
        for (at, pixel) in pixels.iter_mut().enumerate() {
            let (x, y) = ((at % side).wrapping_sub(MARGIN), (at / side).wrapping_sub(MARGIN));
            let value = if x < SIDE && y < SIDE { mean[y * SIDE + x] } else { 1.2 };
            *pixel = (128.0 + 55.0 * value).clamp(0.0, 255.0) as u8;
        }
        LumaFrame { width: side, height: side, pixels }
    }

    fn mean(&self, at: usize) -> f32 {
        if self.weight[at] > 0.0 { self.sum[at] / self.weight[at] } else { 0.0 }
    }

    /// Moves the plane until the frame looks like the mean so far; none if it never does.
    fn align(&self, frame: &LumaFrame, start: Plane) -> Option<Plane> {
        let template = Template::of(self);
        let mut plane = start;
        for _ in 0..6 {
            let view = View::of(frame, &plane, STRIDE)?;
            let delta = template.step(&view)?;
            plane = plane.without(delta)?;
            if delta.iter().all(|part| part.abs() < 0.001) {
                break;
            }
        }
        let view = View::of(frame, &plane, STRIDE)?;
        // A code does not jump off its own corners: alignment that does has locked on to something else.
        let reach = 0.15 * distance(start.corners()[0], start.corners()[2]);
        let near = start.corners().iter().zip(plane.corners()).all(|(from, to)| distance(*from, to) < reach);
        (near && template.likeness(&view) > LIKENESS).then_some(plane)
    }
}

impl View {
    /// Looks through the plane at every `stride`-th pixel of the fused picture.
    fn of(frame: &LumaFrame, plane: &Plane, stride: usize) -> Option<Self> {
        let inside = |(x, y): (f64, f64)| {
            x >= -2.0 && y >= -2.0 && x <= frame.width as f64 + 1.0 && y <= frame.height as f64 + 1.0
        };
        if !plane.corners().into_iter().all(inside) {
            return None;
        }
        let across = SIDE.div_ceil(stride);
        let mut value = Vec::with_capacity(across * across);
        for row in (0..SIDE).step_by(stride) {
            for column in (0..SIDE).step_by(stride) {
                let (x, y) = plane.at(place(column), place(row));
                value.push(between(frame, x as f32, y as f32));
            }
        }
        let burnt = value.iter().filter(|value| **value >= BURNT).count();
        // A picture with much pure white is not burnt out, it is bright.
        let limit = if burnt * 2 > value.len() { f32::MAX } else { BURNT };
        let weight: Vec<f32> = value.iter().map(|value| if *value < limit { 1.0 } else { 0.0 }).collect();
        let count = weight.iter().sum::<f32>();
        let mean = value.iter().zip(&weight).map(|(v, w)| v * w).sum::<f32>() / count;
        let spread = value.iter().zip(&weight).map(|(v, w)| w * (v - mean) * (v - mean)).sum::<f32>() / count;
        if spread < 1.0 {
            return None;
        }
        let scale = spread.sqrt().recip();
        for value in &mut value {
            *value = ((*value - mean) * scale).clamp(-2.5, 2.5);
        }
        Some(Self { value, weight })
    }
}

/// The mean so far, prepared for alignment.
struct Template {
    value: Vec<f32>,
    weight: Vec<f32>,
    /// Change of brightness by each of the eight parameters.
    slope: Vec<[f32; 8]>,
}

impl Template {
    fn of(fusion: &Fusion) -> Self {
        let across = SIDE.div_ceil(STRIDE);
        let mut template = Self {
            value: Vec::with_capacity(across * across),
            weight: Vec::with_capacity(across * across),
            slope: Vec::with_capacity(across * across),
        };
        // Differences over two pixels, a third of a module: fine enough, and calm in noise.
        let mean = |x: usize, y: usize| fusion.mean(y.min(SIDE - 1) * SIDE + x.min(SIDE - 1));
        for row in (0..SIDE).step_by(STRIDE) {
            for column in (0..SIDE).step_by(STRIDE) {
                let (u, v) = (place(column) as f32, place(row) as f32);
                let span = SIDE as f32 / 4.0;
                let du = (mean(column + 2, row) - mean(column.saturating_sub(2), row)) * span;
                let dv = (mean(column, row + 2) - mean(column, row.saturating_sub(2))) * span;
                let along = u * du + v * dv;
                template.value.push(mean(column, row));
                template.weight.push(if fusion.weight[row * SIDE + column] > 0.0 { 1.0 } else { 0.0 });
                template.slope.push([u * du, v * du, du, u * dv, v * dv, dv, -u * along, -v * along]);
            }
        }
        template
    }

    /// The parameters by which this view is off, to first order.
    fn step(&self, view: &View) -> Option<[f64; 8]> {
        let mut normal = [[0.0_f32; 9]; 8];
        for (at, slope) in self.slope.iter().enumerate() {
            let weight = self.weight[at] * view.weight[at];
            let error = (view.value[at] - self.value[at]) * weight;
            for (row, line) in normal.iter_mut().enumerate() {
                let part = slope[row] * weight;
                for column in row..8 {
                    line[column] += part * slope[column];
                }
                line[8] += slope[row] * error;
            }
        }
        solve(&normal)
    }

    /// Correlation with the view.
    fn likeness(&self, view: &View) -> f32 {
        let mut sums = [0.0_f32; 3];
        for (at, value) in self.value.iter().enumerate() {
            let weight = self.weight[at] * view.weight[at];
            sums[0] += weight * value * view.value[at];
            sums[1] += weight * value * value;
            sums[2] += weight * view.value[at] * view.value[at];
        }
        sums[0] / (sums[1] * sums[2]).sqrt().max(f32::MIN_POSITIVE)
    }
}

/// Solves the symmetric system whose upper half and right side are given.
fn solve(upper: &[[f32; 9]; 8]) -> Option<[f64; 8]> {
    let mut m = [[0.0_f64; 9]; 8];
    for row in 0..8 {
        for column in 0..8 {
            m[row][column] = f64::from(upper[row.min(column)][row.max(column)]);
        }
        m[row][row] *= 1.0 + 1e-4;
        m[row][8] = f64::from(upper[row][8]);
    }
    for pivot in 0..8 {
        if m[pivot][pivot].abs() < 1e-9 {
            return None;
        }
        let head = m[pivot];
        for line in &mut m[pivot + 1..] {
            let factor = line[pivot] / head[pivot];
            for (cell, above) in line.iter_mut().zip(head) {
                *cell -= factor * above;
            }
        }
    }
    let mut solution = [0.0; 8];
    for row in (0..8).rev() {
        let known: f64 = (row + 1..8).map(|column| m[row][column] * solution[column]).sum();
        solution[row] = (m[row][8] - known) / m[row][row];
    }
    solution.iter().all(|part: &f64| part.is_finite()).then_some(solution)
}

/// A pixel's place in the code's square.
fn place(pixel: usize) -> f64 {
    (pixel as f64 + 0.5) / SIDE as f64 - 0.5
}

fn distance(a: (f64, f64), b: (f64, f64)) -> f64 {
    (a.0 - b.0).hypot(a.1 - b.1)
}

/// Brightness at a point between pixel centres.
fn between(frame: &LumaFrame, x: f32, y: f32) -> f32 {
    let x = (x - 0.5).clamp(0.0, frame.width as f32 - 1.001);
    let y = (y - 0.5).clamp(0.0, frame.height as f32 - 1.001);
    let (column, row) = (x as usize, y as usize);
    let (right, down) = (x - column as f32, y - row as f32);
    let at = row * frame.width + column;
    let step = |width: usize| usize::from(width > 1);
    let (next, below) = (step(frame.width), frame.width * step(frame.height));
    let pixel = |at: usize| f32::from(frame.pixels[at]);
    let top = pixel(at) + right * (pixel(at + next) - pixel(at));
    let bottom = pixel(at + below) + right * (pixel(at + below + next) - pixel(at + below));
    top + down * (bottom - top)
}

/// A mean over seven by seven pixels, a bit more than a module, one way after the other.
fn soften(picture: &[f32]) -> Vec<f32> {
    let pass = |source: &[f32], step: usize, other: usize| {
        let mut result = vec![0.0; source.len()];
        for line in 0..SIDE {
            let mut sum: f32 = (0..3).map(|at| source[line * other + at * step]).sum();
            let mut count = 3.0;
            for at in 0..SIDE {
                if at + 3 < SIDE {
                    sum += source[line * other + (at + 3) * step];
                    count += 1.0;
                }
                if at > 3 {
                    sum -= source[line * other + (at - 4) * step];
                    count -= 1.0;
                }
                result[line * other + at * step] = sum / count;
            }
        }
        result
    };
    pass(&pass(picture, 1, SIDE), SIDE, 1)
}
