//! Randomness that a seed repeats, on every machine and in every version.
use chrono::{DateTime, Utc};
use uuid::Uuid;

/// `SplitMix64` (S. Vigna, public domain). Good enough for made-up people, and for nothing secret.
#[derive(Clone, Debug)]
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// 0 to `below` - 1; 0 for 0.
    pub fn below(&mut self, below: u64) -> u64 {
        u64::try_from((u128::from(self.roll()) * u128::from(below)) >> 64).unwrap_or(0)
    }

    /// `from` to `to`, both included.
    pub fn between(&mut self, from: i64, to: i64) -> i64 {
        let span = u64::try_from(to - from + 1).unwrap_or(1);
        from + i64::try_from(self.below(span)).unwrap_or(0)
    }

    /// True so many times in a thousand.
    pub fn per_mille(&mut self, chance: u64) -> bool {
        self.below(1_000) < chance
    }

    /// An index below `len`; the first come up far more often than the last, as first names do.
    pub fn popular(&mut self, len: usize) -> usize {
        let (one, other) = (self.below(1 << 20), self.below(1 << 20));
        let len = u64::try_from(len).unwrap_or(0);
        // The product of two draws leans to the front.
        usize::try_from((one * other * len) >> 40).unwrap_or(0)
    }

    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        let at = self.below(u64::try_from(from.len()).unwrap_or(1));
        &from[usize::try_from(at).unwrap_or(0)]
    }

    pub fn bytes<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        for part in bytes.chunks_mut(8) {
            let random = self.roll().to_le_bytes();
            part.copy_from_slice(&random[..part.len()]);
        }
        bytes
    }

    /// An id as the product makes them, for something made at `at`.
    pub fn id(&mut self, at: DateTime<Utc>) -> Uuid {
        let millis = u64::try_from(at.timestamp_millis()).unwrap_or(0);
        uuid::Builder::from_unix_timestamp_millis(millis, &self.bytes()).into_uuid()
    }
}
