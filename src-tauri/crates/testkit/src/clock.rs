//! A clock that stands still until the test moves it.
use chrono::{DateTime, TimeDelta, Utc};
use gatehouse_core::clock::Clock;
use std::sync::{Arc, Mutex, PoisonError};

/// Cheap to clone; clones share the time.
#[derive(Clone, Debug)]
pub struct FakeClock(Arc<Mutex<DateTime<Utc>>>);

impl FakeClock {
    /// Stands at `at`, an instant as RFC 3339.
    ///
    /// # Panics
    /// When the text is no instant.
    pub fn at(at: &str) -> Self {
        Self(Arc::new(Mutex::new(instant(at))))
    }

    /// Moves to `at`, an instant as RFC 3339.
    ///
    /// # Panics
    /// When the text is no instant.
    pub fn set(&self, at: &str) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = instant(at);
    }

    pub fn advance(&self, by: TimeDelta) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) += by;
    }
}

impl Clock for FakeClock {
    fn now(&self) -> DateTime<Utc> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn instant(text: &str) -> DateTime<Utc> {
    text.parse().unwrap_or_else(|error| panic!("{text} is no instant: {error}"))
}
