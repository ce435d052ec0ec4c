//! Which decoder sees which frame.

use super::Symbol;
#[cfg(feature = "zxing")]
use super::zxing::Zxing;
use crate::frame::LumaFrame;

/// Reads the frames of one source, one after the other. Cheap to create; keeps what spans the frames of one approach,
/// so every source (and every thread) has its own.
pub struct Cascade {
    #[cfg(feature = "zxing")]
    lead: Zxing,
}

impl Cascade {
    /// A cascade that has seen nothing yet.
    pub fn new() -> Self {
        Self {
            #[cfg(feature = "zxing")]
            lead: Zxing::new(),
        }
    }

    /// The codes in the next frame of a video. Expensive attempts are spread over the frames that show nothing.
    pub fn read(&mut self, frame: &LumaFrame) -> Vec<Symbol> {
        self.read_picture(frame)
    }

    /// The codes in a still, for which there is no next frame: everything is tried at once.
    pub fn read_picture(&mut self, frame: &LumaFrame) -> Vec<Symbol> {
        if !frame.is_sound() {
            return Vec::new();
        }
        #[cfg(feature = "zxing")]
        return self.lead.read(frame);
        #[cfg(not(feature = "zxing"))]
        Vec::new()
    }
}

impl Default for Cascade {
    fn default() -> Self {
        Self::new()
    }
}
