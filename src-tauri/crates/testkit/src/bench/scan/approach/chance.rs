//! Randomness that never changes: the same seed makes the same clips in every release.

use gatehouse_core::demo::dice::Dice;

/// The generators of the `rand` crate may change their values between versions, and then figures of two years could
/// not be compared.
#[derive(Debug, Clone)]
pub struct Chance(Dice);

impl Chance {
    /// A sequence of its own for each seed.
    pub fn new(seed: u64) -> Self {
        Self(Dice::new(seed))
    }

    /// The next 64 bits.
    pub fn bits(&mut self) -> u64 {
        self.0.roll()
    }

    /// A number from `low` to `high`, evenly.
    pub fn between(&mut self, low: f32, high: f32) -> f32 {
        let part = u16::try_from(self.bits() >> 48).unwrap_or(u16::MAX);
        low + (high - low) * f32::from(part) / f32::from(u16::MAX)
    }

    /// A whole number below `limit`.
    pub fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.bits() % limit as u64).unwrap_or(0)
    }

    /// About normal with deviation 1: the sum of eight even parts.
    pub fn normal(&mut self) -> f32 {
        let sum: u16 = self.bits().to_le_bytes().map(u16::from).iter().sum();
        // Eight times 0..=255: mean 1020, deviation sqrt(8 * (256^2 - 1) / 12).
        (f32::from(sum) - 1020.0) / 209.02
    }
}
