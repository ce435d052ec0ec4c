//! One code held before a lens is one sighting.

use std::collections::HashMap;
use std::time::Duration;

/// How long a code has to be out of sight before it counts again.
pub const QUIET: Duration = Duration::from_secs(3);

/// Lets a code through once, and again only when it has been out of sight for a while. Knows no clock: the time
/// comes with each sighting.
#[derive(Debug)]
pub struct Debounce {
    quiet: Duration,
    last_seen: HashMap<String, Duration>,
}

impl Debounce {
    /// A debounce that has seen nothing. `quiet` is usually [`QUIET`].
    pub fn new(quiet: Duration) -> Self {
        Self { quiet, last_seen: HashMap::new() }
    }

    /// The code is in view at this time; says whether it counts. Times never go back.
    pub fn counts(&mut self, code: &str, now: Duration) -> bool {
        let quiet = self.quiet;
        let in_view = |last: Duration| now.saturating_sub(last) < quiet;
        let counts = !self.last_seen.get(code).is_some_and(|last| in_view(*last));
        self.last_seen.retain(|_, last| in_view(*last));
        self.last_seen.insert(code.to_owned(), now);
        counts
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const fn ms(time: u64) -> Duration {
        Duration::from_millis(time)
    }

    #[test]
    fn a_code_counts_once_until_it_was_out_of_sight_for_three_seconds() {
        for (what, sightings) in [
            ("shown once", &[("a", 0, true)][..]),
            ("held", &[("a", 0, true), ("a", 33, false), ("a", 2900, false), ("a", 5800, false)]),
            ("back too early", &[("a", 0, true), ("a", 2999, false)]),
            ("back in time", &[("a", 0, true), ("a", 3000, true)]),
            (
                "the last sight matters",
                &[("a", 0, true), ("a", 2000, false), ("a", 4999, false), ("a", 7999, true)],
            ),
            ("two cards by turns", &[("a", 0, true), ("b", 10, true), ("a", 20, false), ("b", 30, false)]),
            (
                "another one in between",
                &[("a", 0, true), ("b", 2000, true), ("a", 3100, true), ("b", 3200, false)],
            ),
        ] {
            let mut debounce = Debounce::new(QUIET);
            for (code, time, counts) in sightings {
                assert_eq!(debounce.counts(code, ms(*time)), *counts, "{what}: {code} at {time} ms");
            }
        }
    }

    #[test]
    fn codes_out_of_sight_are_forgotten() {
        let mut debounce = Debounce::new(QUIET);
        for time in 0..10_000 {
            debounce.counts(&format!("code {time}"), ms(time * 100));
        }
        assert!(debounce.last_seen.len() <= 31);
    }

    proptest! {
        #[test]
        fn a_sighting_counts_if_and_only_if_none_came_shortly_before(
            steps in proptest::collection::vec((0u64..2000, 0u8..4), 0..200)
        ) {
            let mut debounce = Debounce::new(QUIET);
            let mut history: Vec<(String, Duration)> = Vec::new();
            let mut now = Duration::ZERO;
            for (step, code) in steps {
                now += ms(step);
                let code = code.to_string();
                let before = history.iter().any(|(other, then)| *other == code && now < *then + QUIET);
                prop_assert_eq!(debounce.counts(&code, now), !before);
                history.push((code, now));
            }
        }
    }
}
