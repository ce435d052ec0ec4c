//! The command line of Gatehouse.
fn main() {}
