//! One source, from the moment it is chosen until another one is.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::debounce::Debounce;
use super::{PATIENCE, Seen, Settings, wait};
use crate::camera::CameraState;
use crate::camera::light::{self, Hint};
use crate::decode::Cascade;
use crate::source::{self, Frame, Hub, Item, Outlet, Source, SourceError};

/// Longest time between two looks at the watchdog and at new orders.
const TICK: Duration = Duration::from_millis(100);
/// How often a frozen camera is woken.
const KICK: Duration = Duration::from_millis(500);
/// How many frames without a code go by between two looks at exposure and sharpness.
const LOOK: u32 = 5;

pub(super) struct Turn {
    hub: Arc<Hub>,
    outlet: Outlet,
    thread: Option<JoinHandle<()>>,
    live: bool,
    settings: Settings,
    cascade: Cascade,
    debounce: Debounce,
    /// What the source says of itself.
    said: CameraState,
    hint: Hint,
    light: light::Light,
    blank: u32,
    kicked: Option<Instant>,
}

/// What one step has brought.
#[derive(Default)]
pub(super) struct News {
    pub(super) frame: Option<Arc<Frame>>,
    pub(super) seen: Vec<Seen>,
}

impl Turn {
    pub(super) fn begin(hub: &Arc<Hub>, source: Source, settings: Settings) -> Self {
        let outlet = hub.begin();
        let live = source.is_live();
        let thread = thread::Builder::new().name("source".into()).spawn({
            let outlet = outlet.clone();
            move || source::run(&source, &outlet)
        });
        let said = match &thread {
            Ok(_) => CameraState::Starting,
            Err(error) => CameraState::Failed { problem: SourceError::Camera(error.to_string()) },
        };
        Self {
            hub: hub.clone(),
            outlet,
            thread: thread.ok(),
            live,
            settings,
            cascade: Cascade::new(),
            debounce: Debounce::new(settings.quiet),
            said,
            hint: Hint::default(),
            light: light::Light::Good,
            blank: 0,
            kicked: None,
        }
    }

    /// Waits for the next thing from the source, at most a [`TICK`], and looks whether it is still alive.
    pub(super) fn step(&mut self, paused: bool) -> News {
        // A film stands still while it is paused; a camera goes on, so that the preview does.
        let item = self.hub.next(TICK, self.live || !paused);
        self.watch();
        match item {
            Some(Item::State(state)) => {
                self.said = state;
                News::default()
            }
            Some(Item::Text { text, at }) => {
                let counts = !paused && self.debounce.counts(&text, at);
                News {
                    seen: counts.then_some(Seen { text, symbol: None, at }).into_iter().collect(),
                    frame: None,
                }
            }
            Some(Item::Frame(frame)) => {
                self.kicked = None;
                let seen = if paused { Vec::new() } else { self.read(&frame) };
                News { frame: Some(frame), seen }
            }
            None => News::default(),
        }
    }

    /// How the source is, with what can be seen of its pictures.
    pub(super) fn state(&self, paused: bool) -> CameraState {
        match &self.said {
            CameraState::Reading if paused => CameraState::Paused,
            CameraState::Reading => self.light.into(),
            other => other.clone(),
        }
    }

    /// Ends the source. One that does not react in time is left behind.
    pub(super) fn end(mut self) {
        self.hub.retire();
        let Some(thread) = self.thread.take() else { return };
        if !wait(&thread, PATIENCE, || self.outlet.wake()) {
            tracing::warn!("a camera's driver does not let go; its thread is left behind");
        } else if thread.join().is_err() {
            tracing::error!("a source's thread has failed");
        }
    }

    fn watch(&mut self) {
        if self.thread.as_ref().is_some_and(JoinHandle::is_finished) && self.live && self.said.delivers() {
            self.said = CameraState::Failed { problem: SourceError::Camera("its thread has ended".into()) };
        }
        let patience = match self.said {
            CameraState::Reading => self.settings.frozen_after,
            // Opening a camera takes a while.
            _ => self.settings.frozen_after * 3,
        };
        if self.hub.silence() < patience {
            return;
        }
        self.said = CameraState::Frozen;
        if self.kicked.is_none_or(|last| last.elapsed() >= KICK) {
            self.kicked = Some(Instant::now());
            self.hub.kick(&self.outlet);
        }
    }

    fn read(&mut self, frame: &Frame) -> Vec<Seen> {
        let cascade = &mut self.cascade;
        let look = || if frame.still { cascade.read_picture(&frame.luma) } else { cascade.read(&frame.luma) };
        let symbols = catch_unwind(AssertUnwindSafe(look)).unwrap_or_else(|_| {
            // The desk goes on with the next frame; the panic itself was reported where it happened.
            self.cascade = Cascade::new();
            Vec::new()
        });
        if symbols.is_empty() {
            self.blank += 1;
            if self.blank.is_multiple_of(LOOK) && self.live {
                self.light = self.hint.update(light::assess(&frame.luma));
            }
        } else {
            self.hint.clear();
            self.light = light::Light::Good;
        }
        let mut seen = Vec::new();
        for symbol in symbols {
            if self.debounce.counts(&symbol.text, frame.at) {
                seen.push(Seen { text: symbol.text.clone(), symbol: Some(symbol), at: frame.at });
            }
        }
        seen
    }
}
