//! What is wrong with a camera, from the system's error numbers.

use thiserror::Error;

use super::state::CameraState;
use crate::source::SourceError;

/// Why a camera delivers no frame.
#[derive(Debug, Error, PartialEq, Eq)]
pub(super) enum Trouble {
    #[error("it is not there")]
    Gone,
    #[error("another program uses it")]
    Busy,
    #[error("its use is not allowed")]
    Denied,
    #[error("no frame came in time")]
    Frozen,
    #[error("a signal ended the wait")]
    Interrupted,
    #[error("{0}")]
    Damaged(String),
    #[error("{0}")]
    Other(String),
}

impl Trouble {
    /// What the screen shows, for a camera that has delivered before or not.
    pub(super) fn state(self, known: bool) -> CameraState {
        match self {
            Self::Gone if known => CameraState::Unplugged,
            Self::Gone => CameraState::NoCamera,
            Self::Busy => CameraState::Busy,
            Self::Denied => CameraState::Denied,
            Self::Frozen | Self::Interrupted => CameraState::Frozen,
            other @ (Self::Damaged(_) | Self::Other(_)) => {
                CameraState::Failed { problem: SourceError::from(other) }
            }
        }
    }

    /// From an errno of Linux: `ENOENT`, `ENXIO` and `ENODEV` (unplugged), `EBUSY`, `EPERM` and `EACCES`, `EINTR`.
    pub(super) fn from_errno(errno: Option<i32>, text: &str) -> Self {
        match errno {
            Some(2 | 6 | 19) => Self::Gone,
            Some(16) => Self::Busy,
            Some(1 | 13) => Self::Denied,
            Some(4) => Self::Interrupted,
            _ => Self::Other(text.into()),
        }
    }

    /// From a text that ends in `(os error N)`, for libraries that keep only that.
    pub(super) fn from_text(text: &str) -> Self {
        let number = text.rsplit_once("(os error ").and_then(|(_, rest)| rest.split_once(')'));
        // Only on Linux do the numbers mean what `from_errno` makes of them.
        let number = number.filter(|_| cfg!(target_os = "linux"));
        Self::from_errno(number.and_then(|(number, _)| number.parse().ok()), text)
    }

    /// This trouble; if it says nothing, the earlier one.
    #[cfg(target_os = "linux")]
    pub(super) fn or(self, earlier: String) -> Self {
        match self {
            Self::Other(why) => Self::Other(format!("{why}; {earlier}")),
            known => known,
        }
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn the_systems_error_numbers_become_what_a_person_can_mend() {
        for (text, known, state) in [
            (
                "Could not open device 0: V4L2 Error: No such file or directory (os error 2)",
                false,
                CameraState::NoCamera,
            ),
            ("Could not capture frame: No such device (os error 19)", true, CameraState::Unplugged),
            ("Could not open device stream: Device or resource busy (os error 16)", true, CameraState::Busy),
            (
                "Could not open device 0: V4L2 Error: Permission denied (os error 13)",
                false,
                CameraState::Denied,
            ),
            ("Could not capture frame: Interrupted system call (os error 4)", true, CameraState::Frozen),
        ] {
            assert_eq!(Trouble::from_text(text).state(known), state, "{text}");
        }
        let odd = Trouble::from_text("Could not get device property CameraFormat: Failed to Fufill");
        assert!(matches!(odd, Trouble::Other(_)));
        assert_eq!(odd.state(false).code(), "failed");
    }
}
