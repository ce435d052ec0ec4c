//! Members: the record, search, notes, measurements, photos.
pub mod wire;
