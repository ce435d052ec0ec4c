//! Frames to codes: picture sources and the decoding cascade.
//!
//! A source hands over [`LumaFrame`]s, the newest first; a [`Cascade`] turns them into [`Symbol`]s. Nothing here
//! knows a database, a member or a pass: what a text means is the caller's.

pub mod camera;
pub mod decode;
pub mod frame;
pub mod reader;
pub mod source;

pub use camera::{CameraInfo, CameraState, cameras};
pub use decode::{Cascade, Format, PictureError, PictureLimits, Symbol, picture_from_bytes};
pub use frame::LumaFrame;
pub use reader::{Event, Reader, Seen, Settings};
pub use source::{Frame, Source, SourceError};
