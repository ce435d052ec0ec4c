//! Starts the desktop window.
fn main() {}
