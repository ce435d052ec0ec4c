//! Why a source gives nothing.

use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::decode::PictureError;

/// Why a source gives nothing, in a sentence that says what to look at.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SourceError {
    /// The path leads nowhere.
    #[error("there is no file or folder {}", .0.display())]
    Missing(PathBuf),
    /// The path leads to a device, a pipe or a socket.
    #[error("{} is neither a file nor a folder", .0.display())]
    NoFile(PathBuf),
    /// The folder is there, but has nothing to look at.
    #[error("the folder {} holds no pictures (png, jpg, gif or webp)", .0.display())]
    NoPictures(PathBuf),
    /// The file or folder cannot be read.
    #[error("{} cannot be read: {why}", file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// What the system says.
        why: String,
    },
    /// The file is no picture that we take.
    #[error("{} is not a usable picture: {why}", file.display())]
    Picture {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        why: PictureError,
    },
    /// The film holds no frame that can be read.
    #[error("{} is not a usable film: {why}", file.display())]
    Film {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// The camera over HTTP does not deliver.
    #[error("{url} delivers no picture: {why}")]
    Http {
        /// Its address.
        url: String,
        /// What went wrong.
        why: String,
    },
    /// The webcam does not deliver.
    #[error("the camera delivers no picture: {0}")]
    Camera(String),
    /// What the source holds or sends made a library panic.
    #[error("what {0} gives cannot be made sense of")]
    Broken(String),
    /// The serial scanner does not answer.
    #[error("the scanner at {port} cannot be used: {why}")]
    Serial {
        /// The device.
        port: String,
        /// What the system says.
        why: String,
    },
}

impl SourceError {
    /// The error for a file that could not be opened or read.
    pub(crate) fn file(file: &Path, error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::NotFound => Self::Missing(file.into()),
            _ => Self::Unreadable { file: file.into(), why: error.to_string() },
        }
    }

    pub(crate) fn film(file: &Path, why: impl Into<String>) -> Self {
        Self::Film { file: file.into(), why: why.into() }
    }
}
