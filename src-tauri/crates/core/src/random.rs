//! The only place that draws cryptographic randomness.

/// `N` bytes from the operating system's generator by way of a thread-local `ChaCha`.
#[expect(clippy::disallowed_methods, reason = "the one source of randomness")]
pub fn bytes<const N: usize>() -> [u8; N] {
    rand::random()
}
