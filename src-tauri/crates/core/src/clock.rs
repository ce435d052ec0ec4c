//! The only place that reads the machine's clock.
use chrono::{DateTime, Utc};

/// Where services get the time from; tests pass a clock they can set.
pub trait Clock: Send + Sync + 'static {
    fn now(&self) -> DateTime<Utc>;
}

/// The machine's clock.
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one reader of the machine's clock")]
    fn now(&self) -> DateTime<Utc> {
        Utc::now()
    }
}
