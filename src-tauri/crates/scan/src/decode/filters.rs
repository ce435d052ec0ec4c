//! Pictures made easier to read: cut out, enlarged, sharpened, calmed.

use super::region::Region;
use crate::frame::LumaFrame;

/// The part of a frame inside the region.
pub(super) fn cut(frame: &LumaFrame, region: &Region) -> LumaFrame {
    let rows = frame.pixels.chunks_exact(frame.width).skip(region.top).take(region.height);
    let pixels = rows.flat_map(|row| row[region.left..region.left + region.width].iter().copied()).collect();
    LumaFrame { width: region.width, height: region.height, pixels }
}

/// Twice as many pixels both ways, each between its neighbours.
pub(super) fn doubled(frame: &LumaFrame) -> LumaFrame {
    let (width, height) = (frame.width, frame.height);
    let mut pixels = Vec::with_capacity(width * height * 4);
    let mut wide = vec![0_u16; width * 2];
    for y in 0..height * 2 {
        let row = |y: usize| &frame.pixels[y * width..][..width];
        // A new row lies a quarter of a row away from the nearer old one.
        let near = y / 2;
        let far = if y % 2 == 0 { near.saturating_sub(1) } else { (near + 1).min(height - 1) };
        let (near, far) = (row(near), row(far));
        let mixed = |x: usize| 3 * u16::from(near[x]) + u16::from(far[x]);
        for x in 0..width {
            let here = mixed(x);
            wide[2 * x] = 3 * here + mixed(x.saturating_sub(1));
            wide[2 * x + 1] = 3 * here + mixed((x + 1).min(width - 1));
        }
        pixels.extend(wide.iter().map(|sum| low_byte((sum + 8) / 16)));
    }
    LumaFrame { width: width * 2, height: height * 2, pixels }
}

/// Half as many pixels both ways, each the mean of four.
pub(super) fn halved(frame: &LumaFrame) -> LumaFrame {
    let (width, height) = (frame.width / 2, frame.height / 2);
    let mut pixels = Vec::with_capacity(width * height);
    for rows in frame.pixels.chunks_exact(frame.width * 2).take(height) {
        let (above, below) = rows.split_at(frame.width);
        pixels.extend(above.chunks_exact(2).zip(below.chunks_exact(2)).map(|(above, below)| {
            let sum: u16 = above.iter().chain(below).map(|pixel| u16::from(*pixel)).sum();
            low_byte((sum + 2) / 4)
        }));
    }
    LumaFrame { width, height, pixels }
}

/// Each pixel moved away from the mean of the `2 * reach + 1` squared pixels around it, `times` the difference, and
/// its contrast stretched to the full range.
pub(super) fn sharpened(frame: &LumaFrame, reach: usize, times: i32) -> LumaFrame {
    let soft = calmed(frame, reach);
    let (low, gain) = stretch(frame);
    let pixels = frame.pixels.iter().zip(&soft.pixels).map(|(pixel, soft)| {
        let (pixel, soft) = (i32::from(*pixel), i32::from(*soft));
        low_byte_of((pixel + times * (pixel - soft) - low) * gain / 64)
    });
    LumaFrame { pixels: pixels.collect(), ..*frame }
}

/// The contrast stretched to the full range: what looks even to the lead's eye is no edge to it.
pub(super) fn stretched(frame: &LumaFrame) -> LumaFrame {
    let (low, gain) = stretch(frame);
    let pixels = frame.pixels.iter().map(|pixel| low_byte_of((i32::from(*pixel) - low) * gain / 64));
    LumaFrame { pixels: pixels.collect(), ..*frame }
}

/// Greys between the darkest and the brightest.
pub(super) fn contrast(frame: &LumaFrame) -> i32 {
    let (low, high) = range(&frame.pixels);
    high - low
}

/// What to take off each pixel, and by how many sixty-fourths to multiply it then, to fill the full range.
fn stretch(frame: &LumaFrame) -> (i32, i32) {
    let (low, high) = range(&frame.pixels);
    (low, (255 * 64) / (high - low).max(8))
}

/// Each pixel the mean of the `2 * reach + 1` squared pixels around it: calmer where light is short.
pub(super) fn calmed(frame: &LumaFrame, reach: usize) -> LumaFrame {
    let (width, height) = (frame.width, frame.height);
    let mut sums = vec![0_u16; width];
    let mut pixels = Vec::with_capacity(width * height);
    let row = |y: usize| &frame.pixels[y * width..][..width];
    let inside = |y: isize| y.clamp(0, height.cast_signed() - 1).cast_unsigned();
    let reach_down = reach.cast_signed();
    for y in -reach_down..=reach_down {
        for (sum, pixel) in sums.iter_mut().zip(row(inside(y))) {
            *sum += u16::from(*pixel);
        }
    }
    let side = 2 * reach + 1;
    // Division by the number of pixels as a multiplication: exact enough at 8 bits.
    let share = u32::try_from((1 << 20) / (side * side)).unwrap_or(1);
    for y in 0..height.cast_signed() {
        let column = |x: isize| u32::from(sums[x.clamp(0, width.cast_signed() - 1).cast_unsigned()]);
        let mut sum: u32 = (-reach_down..=reach_down).map(column).sum();
        for x in 0..width.cast_signed() {
            pixels.push(low_byte(u16::try_from((sum * share) >> 20).unwrap_or(u16::MAX)));
            sum = sum + column(x + reach_down + 1) - column(x - reach_down);
        }
        let (leaving, coming) = (row(inside(y - reach_down)), row(inside(y + reach_down + 1)));
        for ((sum, leaving), coming) in sums.iter_mut().zip(leaving).zip(coming) {
            *sum = *sum + u16::from(*coming) - u16::from(*leaving);
        }
    }
    LumaFrame { width, height, pixels }
}

/// The darkest and the brightest grey, leaving out one pixel in fifty at each end.
fn range(pixels: &[u8]) -> (i32, i32) {
    let mut counts = [0_usize; 256];
    for pixel in pixels {
        counts[usize::from(*pixel)] += 1;
    }
    let spare = pixels.len() / 50;
    let low = first_beyond(spare, (0..256).zip(counts));
    let high = first_beyond(spare, (0..256).zip(counts).rev());
    (low, high)
}

/// The first grey with which more than `spare` pixels are counted.
fn first_beyond(spare: usize, counts: impl Iterator<Item = (i32, usize)>) -> i32 {
    let mut sum = 0;
    let mut beyond = counts.skip_while(|(_, count)| {
        sum += count;
        sum <= spare
    });
    beyond.next().map_or(0, |(grey, _)| grey)
}

fn low_byte(value: u16) -> u8 {
    u8::try_from(value).unwrap_or(u8::MAX)
}

fn low_byte_of(value: i32) -> u8 {
    u8::try_from(value.clamp(0, 255)).unwrap_or(u8::MAX)
}
