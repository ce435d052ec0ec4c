//! A USB webcam for tests.
fn main() {}
