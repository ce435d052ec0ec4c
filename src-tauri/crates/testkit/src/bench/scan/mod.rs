//! Scanning: how many codes are read and what that costs, beside zxing-cpp with all its options.
//!
//! Real photos come from the folder named by `PHOTOS` (they are not ours to publish); approach clips are made here.
//! Reference and cascade take turns on the same frame in the same thread, and CPU is that thread's time, so a busy
//! machine slows both alike.

#![expect(clippy::cast_precision_loss, reason = "counts, pixels and frames are far below 2^23")]

pub mod approach;
mod clips;
mod decoders;
mod labels;
mod photos;
mod turns;

use std::env;
use std::error::Error;

/// All figures of the area.
pub fn run() -> Result<(), Box<dyn Error>> {
    match env::var_os("PHOTOS") {
        Some(folder) => photos::run(folder.as_ref())?,
        None => eprintln!(
            "scan: PHOTOS is not set, so photos and photos-cpu are left out. PHOTOS=dir names a folder with \
             manifest.csv and its pictures."
        ),
    }
    clips::run()
}
