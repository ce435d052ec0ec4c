//! The scanner as the desk uses it: one source at a time, its codes, its state and its newest picture.

mod debounce;
#[cfg(test)]
mod tests;
mod turn;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

pub use debounce::{Debounce, QUIET};
use turn::Turn;

use crate::camera::CameraState;
use crate::decode::Symbol;
use crate::source::{Frame, Hub, Source};

/// How patient the reader is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// Without a frame for this long a camera is frozen and is opened again; while it starts, three times as long.
    pub frozen_after: Duration,
    /// How long a code has to be out of sight before it counts again.
    pub quiet: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self { frozen_after: Duration::from_secs(5), quiet: QUIET }
    }
}

/// What a reader tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A code has come into view.
    Seen(Seen),
    /// The source is in another state than before.
    State(CameraState),
}

/// A code that has come into view.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// What it says.
    pub text: String,
    /// Where and what it is in the frame; a serial scanner does not tell.
    pub symbol: Option<Symbol>,
    /// When, since the source was chosen; in a film the place in it.
    pub at: Duration,
}

/// Longest time that ending a reader or changing its source may take.
const PATIENCE: Duration = Duration::from_millis(700);

/// Reads codes from one source after the other on threads of its own. Dropping it ends them.
pub struct Reader {
    desk: Arc<Desk>,
    thread: Option<JoinHandle<()>>,
}

/// What the reader and its thread share.
struct Desk {
    hub: Arc<Hub>,
    orders: Mutex<Orders>,
}

struct Orders {
    source: Source,
    /// The source was chosen and is not yet read.
    chosen: bool,
    paused: bool,
    stop: bool,
    state: CameraState,
    newest: Option<Arc<Frame>>,
}

impl Desk {
    fn lock(&self) -> MutexGuard<'_, Orders> {
        self.orders.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn order(&self, order: impl FnOnce(&mut Orders)) {
        order(&mut self.lock());
        self.hub.nudge();
    }
}

impl Reader {
    /// Starts to read. `tell` is called on the reader's thread; the next frame waits until it returns.
    pub fn start(source: Source, settings: Settings, tell: impl FnMut(Event) + Send + 'static) -> Self {
        let orders = Orders {
            source,
            chosen: true,
            paused: false,
            stop: false,
            state: CameraState::Starting,
            newest: None,
        };
        let desk = Arc::new(Desk { hub: Arc::default(), orders: Mutex::new(orders) });
        let thread = thread::Builder::new().name("reader".into()).spawn({
            let desk = desk.clone();
            move || read(&desk, settings, tell)
        });
        let thread = thread.inspect_err(|error| tracing::error!(%error, "no thread for the reader")).ok();
        Self { desk, thread }
    }

    /// Reads another source from now on, or the same one anew.
    pub fn choose(&self, source: Source) {
        self.desk.order(|orders| {
            orders.source = source;
            orders.chosen = true;
            orders.newest = None;
        });
    }

    /// The source that was chosen last.
    pub fn source(&self) -> Source {
        self.desk.lock().source.clone()
    }

    /// Shows pictures, but reads no codes until [`Reader::resume`]; a film stands still.
    pub fn pause(&self) {
        self.desk.order(|orders| orders.paused = true);
    }

    /// Reads again.
    pub fn resume(&self) {
        self.desk.order(|orders| orders.paused = false);
    }

    /// How the source is.
    pub fn state(&self) -> CameraState {
        self.desk.lock().state.clone()
    }

    /// The newest picture of the source, for a preview or a member's photo. Kept when the source ends, not when
    /// another one is chosen.
    pub fn newest_frame(&self) -> Option<Arc<Frame>> {
        self.desk.lock().newest.clone()
    }

    /// Ends within a second. Says whether all its threads have ended; one that hangs in a driver is left behind
    /// and ends when the driver lets it.
    pub fn stop(mut self) -> bool {
        self.end()
    }

    fn end(&mut self) -> bool {
        let Some(thread) = self.thread.take() else { return true };
        self.desk.order(|orders| orders.stop = true);
        self.desk.hub.close();
        // From within `tell` it cannot be waited for.
        if thread.thread().id() == thread::current().id() {
            return false;
        }
        let ended = wait(&thread, PATIENCE + Duration::from_millis(200), || {});
        if ended && thread.join().is_err() {
            tracing::error!("the reader's thread has failed");
        }
        ended
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.end();
    }
}

/// Waits for a thread to end; says whether it did.
fn wait(thread: &JoinHandle<()>, at_most: Duration, mut meanwhile: impl FnMut()) -> bool {
    let until = Instant::now() + at_most;
    while !thread.is_finished() {
        if Instant::now() >= until {
            return false;
        }
        meanwhile();
        thread::sleep(Duration::from_millis(5));
    }
    true
}

/// The reader's thread.
fn read(desk: &Desk, settings: Settings, mut tell: impl FnMut(Event)) {
    let mut turn: Option<Turn> = None;
    loop {
        let (chosen, paused) = {
            let mut orders = desk.lock();
            if orders.stop {
                break;
            }
            let chosen = std::mem::take(&mut orders.chosen).then(|| orders.source.clone());
            (chosen, orders.paused)
        };
        if let Some(source) = chosen {
            // The camera before has to be let go first: it may be the same one.
            if let Some(before) = turn.take() {
                before.end();
            }
            turn = Some(Turn::begin(&desk.hub, source, settings));
        }
        let Some(turn) = &mut turn else { break };
        let news = turn.step(paused);
        if let Some(frame) = news.frame {
            let mut orders = desk.lock();
            if !orders.chosen {
                orders.newest = Some(frame);
            }
        }
        let state = turn.state(paused);
        let changed = {
            let mut orders = desk.lock();
            let changed = orders.state != state && !orders.stop;
            orders.state = state.clone();
            changed
        };
        if changed {
            tell(Event::State(state));
        }
        for seen in news.seen {
            tell(Event::Seen(seen));
        }
    }
    if let Some(turn) = turn {
        turn.end();
    }
}
