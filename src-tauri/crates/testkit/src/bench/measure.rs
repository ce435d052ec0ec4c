//! What benchmarks of the services share: times of one or several turns, the clock they run by, and their settings.
use chrono::{DateTime, TimeDelta, Utc};
use gatehouse_core::clock::Clock;
use std::error::Error;
use std::time::{Duration, Instant};

pub type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// What one or several turns took.
#[derive(Default)]
pub struct Turn {
    /// One per answer.
    pub latencies: Vec<Duration>,
    pub elapsed: Duration,
}

impl Turn {
    pub fn add(&mut self, other: Self) {
        self.latencies.extend(other.latencies);
        self.elapsed += other.elapsed;
    }

    pub fn count(&self) -> usize {
        self.latencies.len()
    }

    /// Answers per second.
    #[expect(clippy::cast_precision_loss, reason = "a count of seconds' worth of answers")]
    pub fn rate(&self) -> f64 {
        self.count() as f64 / self.elapsed.as_secs_f64()
    }

    /// In milliseconds; the nearest rank.
    pub fn percentile(&self, percent: usize) -> f64 {
        let mut sorted = self.latencies.clone();
        sorted.sort_unstable();
        let rank = (sorted.len() * percent).div_ceil(100).max(1) - 1;
        sorted.get(rank).map_or(0.0, |latency| latency.as_secs_f64() * 1000.0)
    }
}

/// Starts after everything that is stored and runs on with the machine.
#[derive(Clone)]
pub struct BenchClock {
    base: DateTime<Utc>,
    started: Instant,
}

impl BenchClock {
    pub fn from(base: DateTime<Utc>) -> Self {
        Self { base, started: Instant::now() }
    }
}

impl Clock for BenchClock {
    fn now(&self) -> DateTime<Utc> {
        self.base + TimeDelta::from_std(self.started.elapsed()).unwrap_or_default()
    }
}

/// A number from the environment.
pub fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

pub fn count(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}
