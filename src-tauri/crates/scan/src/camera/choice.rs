//! Which of a camera's formats is read.

use std::cmp::Reverse;

/// What the scanner asks for: 720p is where a card is read at 90 cm; more pixels cost time and gain little.
const WANTED: (u32, u32) = (1280, 720);
/// Frames a second below which a card moves too far between two looks.
const SMOOTH: u32 = 15;

/// One format that a camera offers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Offer {
    pub(super) width: u32,
    pub(super) height: u32,
    /// Frames a second, rounded down; 0 if the camera does not say.
    pub(super) fps: u32,
    pub(super) cost: Cost,
}

/// What it costs to get grey from a format, cheapest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Cost {
    /// Luma lies there (GREY, NV12) or is every second byte (YUYV).
    Free,
    /// It is computed.
    Rgb,
    /// It has to be decompressed.
    Jpeg,
}

/// The place of the best offer: smooth motion first, then the wanted size, then 30 frames a second, then what is
/// cheapest to read. `None` if there is nothing to choose from.
pub(super) fn best(offers: &[Offer]) -> Option<usize> {
    let key = |offer: &Offer| {
        let smooth = offer.fps >= SMOOTH || offer.fps == 0;
        let size = offer.width.abs_diff(WANTED.0) + offer.height.abs_diff(WANTED.1);
        (Reverse(smooth), size, offer.fps.min(30).abs_diff(30), offer.cost, offer.fps)
    };
    (0..offers.len()).min_by_key(|&place| key(&offers[place]))
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn offer(width: u32, height: u32, fps: u32, cost: Cost) -> Offer {
        Offer { width, height, fps, cost }
    }

    #[test]
    fn the_best_offer_is_smooth_then_720p_then_cheap() {
        use Cost::{Free, Jpeg, Rgb};
        let usual = [
            offer(640, 480, 30, Free),
            offer(1280, 720, 10, Free),
            offer(640, 480, 30, Jpeg),
            offer(1280, 720, 30, Jpeg),
            offer(1920, 1080, 30, Jpeg),
        ];
        for (offers, wanted) in [
            // Uncompressed 720p over USB 2 is too slow.
            (&usual[..], Some(3)),
            (&usual[..2], Some(0)),
            (&usual[..1], Some(0)),
            (&[offer(1280, 720, 30, Jpeg), offer(1280, 720, 30, Free)], Some(1)),
            (&[offer(1280, 720, 30, Jpeg), offer(1280, 720, 30, Rgb)], Some(1)),
            (&[offer(1280, 720, 60, Free), offer(1280, 720, 30, Free)], Some(1)),
            (&[offer(640, 480, 5, Free), offer(1920, 1080, 10, Free)], Some(0)),
            (&[offer(640, 480, 0, Free), offer(1280, 720, 0, Jpeg)], Some(1)),
            (&[], None),
        ] {
            assert_eq!(best(offers), wanted, "{offers:?}");
        }
    }
}
