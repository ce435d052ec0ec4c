//! Webcams: which there are, opening one, and what can go wrong with it.
//!
//! One thread owns a camera. It never waits without being freed: the reader's watchdog wakes it by a signal when no
//! frame has come for too long or when it has to end.

mod choice;
pub mod light;
mod list;
mod native;
mod state;
mod trouble;
#[cfg(target_os = "linux")]
mod video4linux;
pub(crate) mod wake;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

pub use list::{CameraInfo, cameras};
pub use state::CameraState;

use crate::frame::LumaFrame;
use crate::source::{Colour, Frame, Outlet, SourceError};
use trouble::Trouble;

/// How long to wait before a camera is tried again.
const RETRY: Duration = Duration::from_secs(1);
/// Damaged frames in a row after which they are no accident.
const MAX_DAMAGED: u32 = 100;

/// A camera that delivers.
trait Stream {
    /// Waits for the next frame. [`Trouble::Damaged`] costs that frame only.
    fn next(&mut self) -> Result<(LumaFrame, Colour), Trouble>;
}

/// Reads the camera with this number until the outlet is closed; opens it again after every trouble.
pub(crate) fn run(index: u32, outlet: &Outlet) {
    outlet.state(CameraState::Starting);
    let mut place = Place { index, name: None };
    while !outlet.closed() {
        // A driver's library may panic on what a broken camera tells it; that is one more trouble to recover from.
        let trouble = catch_unwind(AssertUnwindSafe(|| watch(&mut place, outlet)))
            .unwrap_or_else(|_| Trouble::Other("its driver failed".into()));
        if !outlet.closed() {
            outlet.state(trouble.state(place.name.is_some()));
        }
        outlet.sleep(RETRY);
    }
}

/// Where a camera is found. Its number may change when it is plugged in again, its name does not.
struct Place {
    index: u32,
    /// Known once it has delivered.
    name: Option<String>,
}

impl Place {
    fn find(&self) -> u32 {
        let Some(name) = &self.name else { return self.index };
        let cameras = cameras();
        let same = |camera: &&CameraInfo| camera.name == *name;
        match cameras.iter().filter(same).find(|camera| camera.index == self.index) {
            Some(camera) => camera.index,
            None => cameras.iter().find(same).map_or(self.index, |camera| camera.index),
        }
    }
}

/// Opens the camera and passes on its frames until something is wrong.
fn watch(place: &mut Place, outlet: &Outlet) -> Trouble {
    let index = place.find();
    outlet.expect_frames(true);
    let _wakeable = outlet.wakeable();
    let mut stream = match open(index) {
        Ok(stream) => stream,
        Err(trouble) => return trouble,
    };
    let (mut shown, mut damaged) = (false, 0);
    loop {
        let next = stream.next();
        if outlet.interrupted() {
            return Trouble::Frozen;
        }
        match next {
            Ok((luma, colour)) => {
                if !shown {
                    shown = true;
                    place.index = index;
                    place.name =
                        cameras().into_iter().find(|camera| camera.index == index).map(|camera| camera.name);
                    outlet.state(CameraState::Reading);
                }
                damaged = 0;
                outlet.show(Frame { luma, at: outlet.elapsed(), still: false, colour });
            }
            // The signal came for someone who had meanwhile got a frame.
            Err(Trouble::Interrupted) => {}
            Err(Trouble::Damaged(error)) => {
                damaged += 1;
                tracing::debug!(%error, "a frame is skipped");
                if damaged > MAX_DAMAGED {
                    return Trouble::Other(format!("only damaged frames ({error})"));
                }
            }
            Err(trouble) => return trouble,
        }
    }
}

#[cfg(not(target_os = "linux"))]
fn open(index: u32) -> Result<Box<dyn Stream>, Trouble> {
    native::open(index)
}

/// nokhwa first; what it cannot open for reasons of its own (only 29.97 frames a second, GREY, an odd format left
/// behind by another program) is opened one layer below.
#[cfg(target_os = "linux")]
fn open(index: u32) -> Result<Box<dyn Stream>, Trouble> {
    let trouble = match catch_unwind(|| native::open(index)) {
        Ok(Ok(stream)) => return Ok(stream),
        Ok(Err(trouble)) => trouble,
        Err(_) => Trouble::Other("its driver failed".into()),
    };
    match trouble {
        Trouble::Other(why) => {
            tracing::debug!(why, "the camera is opened by v4l");
            video4linux::open(index).map_err(|error| error.or(why))
        }
        known => Err(known),
    }
}

impl From<Trouble> for SourceError {
    fn from(trouble: Trouble) -> Self {
        Self::Camera(trouble.to_string())
    }
}
