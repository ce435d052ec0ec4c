//! Two contenders on the same input, in turns.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// CPU time of each side so far.
#[derive(Debug, Default)]
pub struct Turns {
    /// Ours.
    pub ours: Duration,
    /// The reference's.
    pub reference: Duration,
    rounds: u64,
}

impl Turns {
    /// Runs both once. Who begins alternates, so that neither always finds the frame in the cache.
    pub fn take<A, B>(&mut self, ours: impl FnOnce() -> A, reference: impl FnOnce() -> B) -> (A, B) {
        self.rounds += 1;
        if self.rounds.is_multiple_of(2) {
            let a = timed(&mut self.ours, ours);
            let b = timed(&mut self.reference, reference);
            (a, b)
        } else {
            let b = timed(&mut self.reference, reference);
            let a = timed(&mut self.ours, ours);
            (a, b)
        }
    }

    /// Milliseconds of CPU that one round cost on average, ours and the reference's.
    pub fn milliseconds(&self) -> (f64, f64) {
        let mean = |total: Duration| total.as_secs_f64() * 1000.0 / self.rounds.max(1) as f64;
        (mean(self.ours), mean(self.reference))
    }
}

fn timed<T>(total: &mut Duration, work: impl FnOnce() -> T) -> T {
    let before = thread_time();
    let result = work();
    *total += thread_time().saturating_sub(before);
    result
}

/// CPU time of this thread: waiting for a busy machine does not count.
fn thread_time() -> Duration {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    Duration::try_from(now).unwrap_or_default()
}
