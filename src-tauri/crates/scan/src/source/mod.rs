//! Where frames come from: webcams, files, cameras over HTTP, serial scanners.
//!
//! Every source runs on a thread of its own and hands what it gets to an [`Outlet`]. None of them decodes, debounces
//! or knows who listens.

mod error;
mod frame;
mod http;
mod jpegs;
mod mjpeg;
mod outlet;
mod path;
pub(crate) mod pixels;
mod serial;
mod spec;
#[cfg(test)]
pub(crate) mod testing;
mod y4m;

pub use error::SourceError;
pub(crate) use frame::Colour;
pub use frame::{Frame, PHOTO_WIDTH, PREVIEW_WIDTH};
pub use jpegs::{JpegSplitter, MAX_PICTURE};
pub(crate) use outlet::{Hub, Item, Outlet};
pub use path::{Kind, each_frame, kind_of, pictures_in, read_picture_file};
pub use spec::{DEFAULT_BAUD, FORMS, Source, SpecError};

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use crate::camera::{self, CameraState};

/// How long to wait before a source that panicked is run again.
const RETRY: Duration = Duration::from_secs(1);

/// Runs a source until it ends or its outlet is closed. A live source recovers by itself and returns only when told.
pub(crate) fn run(source: &Source, outlet: &Outlet) {
    recovering(source, outlet, || match source {
        Source::Camera(index) => camera::run(*index, outlet),
        Source::Http(url) => http::run(url, outlet),
        Source::Serial { port, baud } => serial::run(port, *baud, outlet),
        Source::Path(path) => path::run(path, outlet),
    });
}

/// Libraries have panicked on what a broken camera sends. That too is said, and a live source begins anew.
fn recovering(source: &Source, outlet: &Outlet, mut run: impl FnMut()) {
    while catch_unwind(AssertUnwindSafe(&mut run)).is_err() {
        outlet.state(CameraState::Failed { problem: SourceError::Broken(source.to_string()) });
        if !source.is_live() {
            return;
        }
        outlet.sleep(RETRY);
        if outlet.closed() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    #[test]
    fn a_live_source_begins_anew_after_a_panic_and_a_file_does_not() {
        for (source, runs) in [("http://camera/", 2), ("film.y4m", 1)] {
            let hub = Arc::new(Hub::default());
            let mut run = 0;
            recovering(&source.parse().unwrap(), &hub.begin(), || {
                run += 1;
                assert!(run > 1, "as on a damaged picture");
            });
            assert_eq!(run, runs, "{source}");
            let Some(Item::State(state)) = hub.next(Duration::ZERO, true) else { panic!("nothing is said") };
            assert!(state.to_string().contains(source), "{state}");
        }
    }
}
