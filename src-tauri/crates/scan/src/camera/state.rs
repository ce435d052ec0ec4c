//! How a source is, for the screen.

use std::fmt;

use crate::source::SourceError;

/// How the scanner's source is. Everything but `Ended` (and a `Failed` file) passes by itself once its cause is gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CameraState {
    /// It is being opened.
    Starting,
    /// Frames come and are looked at.
    Reading,
    /// There is no camera of that number.
    NoCamera,
    /// Another program uses it.
    Busy,
    /// It was there and is gone.
    Unplugged,
    /// It is there, but delivers no frames.
    Frozen,
    /// Frames come, too dark to read.
    TooDark,
    /// Frames come, too bright to read.
    TooBright,
    /// Frames come, without a sharp edge in them.
    Blurred,
    /// The system does not let us use it.
    Denied,
    /// The file is over.
    Ended,
    /// Frames come and are shown, but not read.
    Paused,
    /// Something else is wrong.
    Failed {
        /// What it is.
        problem: SourceError,
    },
}

impl CameraState {
    /// Whether frames come, whatever they look like.
    pub fn delivers(&self) -> bool {
        matches!(self, Self::Reading | Self::TooDark | Self::TooBright | Self::Blurred | Self::Paused)
    }

    /// A name for message catalogues and logs, which never changes.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Reading => "reading",
            Self::NoCamera => "no_camera",
            Self::Busy => "busy",
            Self::Unplugged => "unplugged",
            Self::Frozen => "frozen",
            Self::TooDark => "too_dark",
            Self::TooBright => "too_bright",
            Self::Blurred => "blurred",
            Self::Denied => "denied",
            Self::Ended => "ended",
            Self::Paused => "paused",
            Self::Failed { .. } => "failed",
        }
    }
}

impl fmt::Display for CameraState {
    /// A plain sentence: what is, and what helps.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sentence = match self {
            Self::Starting => "The camera is being started.",
            Self::Reading => "The camera is reading.",
            Self::NoCamera => "No such camera is plugged in. Plug it in or choose another one.",
            Self::Busy => "Another program uses the camera. Close that program; the camera is tried again.",
            Self::Unplugged => "The camera was unplugged. Plug it in again; reading goes on by itself.",
            Self::Frozen => {
                "The camera delivers no pictures. It is restarted; if that does not help, plug it in again."
            }
            Self::TooDark => {
                "The picture is too dark. Turn on a light, or check that nothing covers the lens."
            }
            Self::TooBright => "The picture is too bright. Turn the camera away from the light.",
            Self::Blurred => {
                "The picture is blurred. Clean the lens, or hold the code a little further away."
            }
            Self::Denied => {
                "The system does not allow the use of the camera. Allow it in the system's settings."
            }
            Self::Ended => "The file is over.",
            Self::Paused => "Reading is paused.",
            Self::Failed { problem } => return write!(f, "Reading is not possible: {problem}."),
        };
        f.write_str(sentence)
    }
}
