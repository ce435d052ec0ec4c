//! What lies between the thread of a source and the thread that reads: one newest frame, never a queue.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::frame::Frame;
use crate::camera::CameraState;
use crate::camera::wake::Sleeper;

/// Items that wait at most; more is a source gone wild.
const MAX_ITEMS: usize = 64;

/// Shared by the reader and the source that it runs now.
#[derive(Default)]
pub(crate) struct Hub {
    inner: Mutex<Inner>,
    changed: Condvar,
}

#[derive(Default)]
struct Inner {
    /// Which source counts; what an abandoned one still delivers is dropped.
    turn: u64,
    closed: bool,
    /// What was delivered and not yet taken, in order: every state and text, and one frame at most.
    items: VecDeque<Item>,
    /// Whether the source is expected to deliver, and since when it has not.
    silent_since: Option<Instant>,
    /// The reader asks the source to give up what it waits for.
    kicked: bool,
    /// The reader has other things to do than to wait.
    nudged: bool,
}

/// What a source has delivered.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Item {
    Frame(Arc<Frame>),
    Text { text: String, at: Duration },
    State(CameraState),
}

impl Item {
    fn is_frame(&self) -> bool {
        matches!(self, Self::Frame(_))
    }
}

/// The source's end.
#[derive(Clone)]
pub(crate) struct Outlet {
    hub: Arc<Hub>,
    turn: u64,
    started: Instant,
    sleeper: Arc<Sleeper>,
}

impl Hub {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(&self, inner: MutexGuard<'a, Inner>, at_most: Duration) -> MutexGuard<'a, Inner> {
        self.changed.wait_timeout(inner, at_most).unwrap_or_else(PoisonError::into_inner).0
    }

    /// Ends the turn of the source before and begins that of a new one.
    pub(crate) fn begin(self: &Arc<Self>) -> Outlet {
        let turn = self.retire();
        Outlet { hub: self.clone(), turn, started: Instant::now(), sleeper: Arc::default() }
    }

    /// Ends the turn of the source before. Returns the number of the next one.
    pub(crate) fn retire(&self) -> u64 {
        let mut inner = self.lock();
        *inner = Inner { turn: inner.turn + 1, closed: inner.closed, ..Inner::default() };
        self.changed.notify_all();
        inner.turn
    }

    /// The next thing that was delivered, or `None` after `at_most` or a nudge. Without `frames`, a frame and what
    /// follows it stay where they are.
    pub(crate) fn next(&self, at_most: Duration, frames: bool) -> Option<Item> {
        let until = Instant::now() + at_most;
        let mut inner = self.lock();
        loop {
            if let Some(item) = inner.items.pop_front_if(|item| frames || !item.is_frame()) {
                drop(inner);
                self.changed.notify_all();
                return Some(item);
            }
            let now = Instant::now();
            if inner.closed || std::mem::take(&mut inner.nudged) || now >= until {
                return None;
            }
            inner = self.wait(inner, until - now);
        }
    }

    /// Ends a wait in [`Hub::next`].
    pub(crate) fn nudge(&self) {
        self.lock().nudged = true;
        self.changed.notify_all();
    }

    /// How long a source that should deliver has been silent.
    pub(crate) fn silence(&self) -> Duration {
        self.lock().silent_since.map_or(Duration::ZERO, |since| since.elapsed())
    }

    /// Asks the source to give up what it waits for, by flag and by signal.
    pub(crate) fn kick(&self, outlet: &Outlet) {
        self.lock().kicked = true;
        self.changed.notify_all();
        outlet.sleeper.wake();
    }

    /// No source counts any more.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_all();
    }
}

impl Outlet {
    /// Whether the source has to end.
    pub(crate) fn closed(&self) -> bool {
        let inner = self.hub.lock();
        inner.closed || inner.turn != self.turn
    }

    /// Whether the source has to let go of what it waits for: it has to end, or has been silent for too long.
    /// The latter is said once.
    pub(crate) fn interrupted(&self) -> bool {
        let mut inner = self.hub.lock();
        inner.closed || inner.turn != self.turn || std::mem::take(&mut inner.kicked)
    }

    /// Time since the source was chosen.
    pub(crate) fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    /// Hands over a live frame; one that nobody has taken yet is replaced.
    pub(crate) fn show(&self, frame: Frame) {
        let mut inner = self.hub.lock();
        if inner.turn == self.turn {
            inner.items.retain(|item| !item.is_frame());
            inner.items.push_back(Item::Frame(Arc::new(frame)));
            inner.silent_since = Some(Instant::now());
            self.hub.changed.notify_all();
        }
    }

    /// Hands over a frame of a file and waits until it is taken. Says whether to go on.
    pub(crate) fn hand_over(&self, frame: Frame) -> bool {
        self.show(frame);
        let mut inner = self.hub.lock();
        while !inner.closed && inner.turn == self.turn {
            if !inner.items.iter().any(Item::is_frame) {
                return true;
            }
            inner = self.hub.wait(inner, Duration::from_secs(1));
        }
        false
    }

    /// Hands over what a scanner decoded by itself.
    pub(crate) fn say(&self, text: String) {
        let mut inner = self.hub.lock();
        if inner.turn == self.turn && inner.items.len() < MAX_ITEMS {
            inner.items.push_back(Item::Text { text, at: self.started.elapsed() });
            self.hub.changed.notify_all();
        }
    }

    /// Reports how the source is. From `Starting` and `Reading` on it is expected to deliver.
    pub(crate) fn state(&self, state: CameraState) {
        let mut inner = self.hub.lock();
        if inner.turn != self.turn {
            return;
        }
        inner.silent_since = matches!(state, CameraState::Starting | CameraState::Reading).then(Instant::now);
        let state = Item::State(state);
        if inner.items.back() != Some(&state) && inner.items.len() < MAX_ITEMS {
            inner.items.push_back(state);
        }
        self.hub.changed.notify_all();
    }

    /// From now on silence is a fault (or no longer one), whatever was reported before.
    pub(crate) fn expect_frames(&self, expected: bool) {
        let mut inner = self.hub.lock();
        if inner.turn == self.turn {
            inner.silent_since = expected.then(Instant::now);
        }
    }

    /// Waits; less long when the source has to end.
    pub(crate) fn sleep(&self, time: Duration) {
        let until = Instant::now() + time;
        let mut inner = self.hub.lock();
        while !inner.closed && inner.turn == self.turn {
            let now = Instant::now();
            if now >= until {
                return;
            }
            inner = self.hub.wait(inner, until - now);
        }
    }

    /// Lets the reader wake this thread by a signal while the guard lives.
    pub(crate) fn wakeable(&self) -> impl Drop + use<> {
        self.sleeper.enter()
    }

    /// Ends a wait of the source's thread in the kernel, if it is in one.
    pub(crate) fn wake(&self) {
        self.sleeper.wake();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::testing::blank_frame;

    const SOON: Duration = Duration::from_secs(5);

    #[test]
    fn only_the_newest_live_frame_is_kept() {
        let hub = Arc::new(Hub::default());
        let outlet = hub.begin();
        for second in 1..=3 {
            outlet.show(blank_frame(Duration::from_secs(second)));
        }
        assert_eq!(hub.next(SOON, true), Some(Item::Frame(Arc::new(blank_frame(Duration::from_secs(3))))));
        assert_eq!(hub.next(Duration::ZERO, true), None);
    }

    #[test]
    fn every_frame_of_a_file_is_taken() {
        let hub = Arc::new(Hub::default());
        let outlet = hub.begin();
        let file = std::thread::spawn(move || {
            (0..20).all(|second| outlet.hand_over(blank_frame(Duration::from_secs(second))))
        });
        for second in 0..20 {
            let Some(Item::Frame(frame)) = hub.next(SOON, true) else { panic!("no frame {second}") };
            assert_eq!(frame.at, Duration::from_secs(second));
        }
        assert!(file.join().unwrap());
    }

    #[test]
    fn an_abandoned_source_is_not_heard() {
        let hub = Arc::new(Hub::default());
        let old = hub.begin();
        let new = hub.begin();
        assert!(old.closed() && old.interrupted() && !new.closed());
        old.show(blank_frame(Duration::ZERO));
        old.say("old".into());
        old.state(CameraState::Busy);
        assert!(!old.hand_over(blank_frame(Duration::ZERO)));
        new.say("new".into());
        assert!(matches!(hub.next(SOON, true), Some(Item::Text { text, .. }) if text == "new"));
        assert_eq!(hub.next(Duration::ZERO, true), None);
    }

    #[test]
    fn a_source_in_trouble_is_not_called_silent() {
        let hub = Arc::new(Hub::default());
        let outlet = hub.begin();
        outlet.state(CameraState::Reading);
        std::thread::sleep(Duration::from_millis(5));
        assert!(hub.silence() >= Duration::from_millis(5));
        outlet.state(CameraState::Busy);
        assert_eq!(hub.silence(), Duration::ZERO);
    }

    #[test]
    fn a_kick_is_noticed_once() {
        let hub = Arc::new(Hub::default());
        let outlet = hub.begin();
        assert!(!outlet.interrupted());
        hub.kick(&outlet);
        assert!(outlet.interrupted());
        assert!(!outlet.interrupted());
    }
}
