//! Where in a frame something code-like is: a place whose edges run every way.
//!
//! Print, shelves and stripes have edges in one direction; the modules of a code have them in two. The smaller
//! eigenvalue of the structure tensor (Harris and Stephens 1988) tells the two apart at any angle.

#![expect(clippy::cast_precision_loss, reason = "sums over a few pixels")]

use crate::frame::LumaFrame;

/// Pixels along the side of a block.
const BLOCK: usize = 8;
/// Of a block every fourth row is looked at.
const ROW_STEP: usize = 4;

/// A rectangle of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Region {
    pub(super) left: usize,
    pub(super) top: usize,
    pub(super) width: usize,
    pub(super) height: usize,
}

/// The most code-like places, best first, at most `limit`.
pub(super) fn code_like(frame: &LumaFrame, limit: usize) -> Vec<Region> {
    let (columns, rows) = (frame.width / BLOCK, frame.height / BLOCK);
    if columns < 4 || rows < 4 {
        return Vec::new();
    }
    let mut score = smooth(&scores(frame, columns, rows), columns, rows);
    let floor = median(&score);
    let mut found = Vec::new();
    while found.len() < limit {
        let Some((peak, top)) = score.iter().copied().enumerate().max_by(|a, b| a.1.total_cmp(&b.1)) else {
            break;
        };
        // Clearly above what noise or texture does all over the frame. Noise adds to edges as squares do, so where there
        // is much of it a code stands out less.
        if top < (2.0 + 1.6 * floor).min(floor.hypot(6.0)) {
            break;
        }
        let blocks = grow(&mut score, columns, rows, peak, floor + 0.45 * (top - floor));
        found.push(blocks.in_pixels(frame));
    }
    found
}

/// For each block the root of the smaller eigenvalue: grey values of edge in the direction that has less of it.
fn scores(frame: &LumaFrame, columns: usize, rows: usize) -> Vec<f32> {
    let mut score = Vec::with_capacity(columns * rows);
    // Where the frame ends with a block there is nothing to its right; that block keeps its zeros.
    let width = (frame.width - 1) / BLOCK * BLOCK;
    let mut products = Products::new(width);
    for row in 0..rows {
        products.clear();
        for y in (row * BLOCK..(row + 1) * BLOCK - 1).step_by(ROW_STEP) {
            let here = &frame.pixels[y * frame.width..][..frame.width];
            let below = &frame.pixels[(y + 1) * frame.width..][..frame.width];
            products.add(here, below);
        }
        let count = (BLOCK * BLOCK / ROW_STEP) as f32;
        score.extend(products.of_blocks().map(|sums| {
            let [falling, rising, both] = sums.map(|sum| sum as f32 / count);
            let apart = (falling - rising) / 2.0;
            let smaller = f32::midpoint(falling, rising) - (apart * apart + both * both).sqrt();
            smaller.max(0.0).sqrt()
        }));
        score.resize((row + 1) * columns, 0.0);
    }
    score
}

/// Products of the slopes along the two diagonals, less than a module apart even when modules are small: falling and
/// rising with themselves and with each other. Kept for each column of pixels and only then summed for each block, so
/// that the compiler can do eight columns at a time: this is most of what an empty frame costs.
struct Products {
    falling: Vec<i32>,
    rising: Vec<i32>,
    both: Vec<i32>,
}

impl Products {
    fn new(width: usize) -> Self {
        Self { falling: vec![0; width], rising: vec![0; width], both: vec![0; width] }
    }

    fn clear(&mut self) {
        self.falling.fill(0);
        self.rising.fill(0);
        self.both.fill(0);
    }

    fn add(&mut self, here: &[u8], below: &[u8]) {
        let width = self.falling.len();
        let (rising, both) = (&mut self.rising[..width], &mut self.both[..width]);
        let (here, here_right) = (&here[..width], &here[1..=width]);
        let (below, below_right) = (&below[..width], &below[1..=width]);
        for (at, sum) in self.falling.iter_mut().enumerate() {
            let fall = i32::from(i16::from(below_right[at]) - i16::from(here[at]));
            let rise = i32::from(i16::from(here_right[at]) - i16::from(below[at]));
            *sum += fall * fall;
            rising[at] += rise * rise;
            both[at] += fall * rise;
        }
    }

    fn of_blocks(&self) -> impl Iterator<Item = [i32; 3]> {
        let [falling, rising, both] =
            [&self.falling, &self.rising, &self.both].map(|products| products.as_chunks::<BLOCK>().0);
        let all = falling.iter().zip(rising).zip(both);
        all.map(|((falling, rising), both)| [falling, rising, both].map(|block| block.iter().sum()))
    }
}

/// The mean of each block and its eight neighbours. The rim stays at zero: codes that matter are not on it.
fn smooth(score: &[f32], columns: usize, rows: usize) -> Vec<f32> {
    let mut result = vec![0.0; score.len()];
    let mut sums = vec![0.0; columns];
    for row in 1..rows - 1 {
        let line = |row: usize| &score[row * columns..][..columns];
        let (above, here, below) = (line(row - 1), line(row), line(row + 1));
        for (column, sum) in sums.iter_mut().enumerate() {
            *sum = above[column] + here[column] + below[column];
        }
        let inner = &mut result[row * columns + 1..][..columns - 2];
        for (mean, sums) in inner.iter_mut().zip(sums.windows(3)) {
            *mean = (sums[0] + sums[1] + sums[2]) / 9.0;
        }
    }
    result
}

fn median(score: &[f32]) -> f32 {
    let mut sorted = score.to_vec();
    let middle = sorted.len() / 2;
    *sorted.select_nth_unstable_by(middle, f32::total_cmp).1
}

/// A rectangle of blocks, both ends included.
struct Blocks {
    left: usize,
    top: usize,
    right: usize,
    bottom: usize,
}

/// Takes the peak and everything at least as high that touches it out of the score.
fn grow(score: &mut [f32], columns: usize, rows: usize, peak: usize, level: f32) -> Blocks {
    let (x, y) = (peak % columns, peak / columns);
    let mut blocks = Blocks { left: x, top: y, right: x, bottom: y };
    let mut open = vec![peak];
    score[peak] = 0.0;
    while let Some(at) = open.pop() {
        let (x, y) = (at % columns, at / columns);
        blocks.left = blocks.left.min(x);
        blocks.right = blocks.right.max(x);
        blocks.top = blocks.top.min(y);
        blocks.bottom = blocks.bottom.max(y);
        for y in y.saturating_sub(1)..=(y + 1).min(rows - 1) {
            for x in x.saturating_sub(1)..=(x + 1).min(columns - 1) {
                let next = y * columns + x;
                if score[next] >= level {
                    score[next] = 0.0;
                    open.push(next);
                }
            }
        }
    }
    blocks
}

impl Blocks {
    /// With room for the quiet zone and for what blur carried outside.
    fn in_pixels(&self, frame: &LumaFrame) -> Region {
        let (wide, high) = ((self.right - self.left + 1) * BLOCK, (self.bottom - self.top + 1) * BLOCK);
        let room = BLOCK + wide.max(high) / 5;
        let (left, top) = ((self.left * BLOCK).saturating_sub(room), (self.top * BLOCK).saturating_sub(room));
        let right = (self.left * BLOCK + wide + room).min(frame.width);
        let bottom = (self.top * BLOCK + high + room).min(frame.height);
        Region { left, top, width: right - left, height: bottom - top }
    }
}
