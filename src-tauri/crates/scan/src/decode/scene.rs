//! Whether anything moves before the camera: most of a day nothing does.

use crate::frame::LumaFrame;

/// Pixels along the side of a cell.
const CELL: usize = 8;
/// Rows of a cell that are looked at.
const ROWS: [usize; 2] = [0, 4];
/// Of so many cells one has to change. A card at the far end of an arm covers twice as many.
const ONE_IN: usize = 256;

/// What the picture was like when it last changed.
#[derive(Default)]
pub(super) struct Scene {
    cells: Vec<u16>,
    width: usize,
    still: u32,
}

impl Scene {
    /// Takes the next frame; for how many frames in a row nothing has moved.
    pub(super) fn watch(&mut self, frame: &LumaFrame) -> u32 {
        let cells = cells(frame);
        if self.width == frame.width && self.cells.len() == cells.len() && !moved(&self.cells, &cells) {
            self.still = self.still.saturating_add(1);
        } else {
            *self = Self { cells, width: frame.width, still: 0 };
        }
        self.still
    }
}

/// The sum of the pixels of each cell that are looked at.
fn cells(frame: &LumaFrame) -> Vec<u16> {
    let across = frame.width / CELL;
    let mut cells = Vec::with_capacity(across * frame.height / CELL);
    for rows in frame.pixels.chunks_exact((frame.width * CELL).max(1)) {
        let [above, below] = ROWS.map(|row| rows[row * frame.width..][..frame.width].as_chunks::<CELL>().0);
        cells.extend(
            above
                .iter()
                .zip(below)
                .map(|(above, below)| above.iter().chain(below).map(|pixel| u16::from(*pixel)).sum::<u16>()),
        );
    }
    cells
}

/// Whether more cells have changed than noise changes. Noise is what most of them do.
fn moved(before: &[u16], now: &[u16]) -> bool {
    let changes = || before.iter().zip(now).map(|(before, now)| usize::from(before.abs_diff(*now)));
    let mean = changes().sum::<usize>() / before.len().max(1);
    // Five times the mean is four times the deviation; half a grey value besides, for a picture without noise.
    let limit = 5 * mean + CELL;
    changes().filter(|change| *change > limit).count() * ONE_IN > before.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A hall, with a card of this grey in it and this much noise.
    fn hall(card: u8, noise: u8, seed: u32) -> LumaFrame {
        let mut state = seed;
        let (width, height) = (640, 480);
        let pixels = (0..width * height).map(|at| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let (x, y) = (at % width, at / width);
            let grey = if (300..380).contains(&x) && (200..250).contains(&y) { card } else { 90 };
            grey + u8::try_from(state >> 24).unwrap() % (noise + 1)
        });
        LumaFrame { width, height, pixels: pixels.collect() }
    }

    #[test]
    fn noise_is_no_movement_and_a_card_is_also_in_little_light() {
        for noise in [0, 6, 20] {
            let mut scene = Scene::default();
            for seed in 0..40 {
                assert_eq!(scene.watch(&hall(90, noise, seed)), seed, "noise of {noise}");
            }
            assert_eq!(scene.watch(&hall(105, noise, 99)), 0, "a card in noise of {noise}");
            assert_eq!(scene.watch(&hall(105, noise, 98)), 1, "the card is held there");
        }
    }

    #[test]
    fn a_picture_of_another_size_and_one_without_cells_have_a_beginning() {
        let mut scene = Scene::default();
        assert_eq!(scene.watch(&hall(90, 0, 0)), 0);
        for (width, height) in [(480, 640), (4, 4)] {
            let frame = LumaFrame { width, height, pixels: vec![90; width * height] };
            assert_eq!(scene.watch(&frame), 0, "{width} x {height}");
            assert_eq!(scene.watch(&frame), 1, "{width} x {height}");
        }
    }
}
