//! Members: the record, search, notes, measurements, photos.
pub mod body;
pub mod contact;
pub mod fold;
pub mod form;
pub mod keys;
pub mod measurements;
pub mod notes;
pub mod number;
pub mod photo;
pub mod picture;
pub mod search;
pub mod service;
pub mod store;
pub mod timeline;
pub mod wire;
