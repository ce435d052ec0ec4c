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

use crate::camera;

/// Runs a source until it ends or its outlet is closed. A live source recovers by itself and returns only when told.
pub(crate) fn run(source: &Source, outlet: &Outlet) {
    match source {
        Source::Camera(index) => camera::run(*index, outlet),
        Source::Http(url) => http::run(url, outlet),
        Source::Serial { port, baud } => serial::run(port, *baud, outlet),
        Source::Path(path) => path::run(path, outlet),
    }
}
