//! Scanners that decode by themselves and send the text over a serial line.

use std::io::{ErrorKind, Read};
use std::time::Duration;

use super::error::SourceError;
use super::outlet::Outlet;
use crate::camera::CameraState;

/// A scanner that sends no line end is done when it has been quiet for this long.
const QUIET: Duration = Duration::from_millis(150);
/// How long to wait before the port is tried again.
const RETRY: Duration = Duration::from_secs(1);
/// Longest text that is kept, in bytes: the most that a QR code holds is 7,089 digits.
const MAX_TEXT: usize = 8 * 1024;

/// Reads a serial scanner; opens its port again when it was unplugged.
pub(super) fn run(port: &str, baud: u32, outlet: &Outlet) {
    outlet.state(CameraState::Starting);
    let mut seen = false;
    while !outlet.closed() {
        match serialport::new(port, baud).timeout(QUIET).open() {
            Ok(mut line) => {
                seen = true;
                outlet.state(CameraState::Reading);
                // Nobody scanning is not a fault.
                outlet.expect_frames(false);
                listen(&mut line, outlet);
                if !outlet.closed() {
                    outlet.state(CameraState::Unplugged);
                }
            }
            Err(error) => outlet.state(trouble(port, &error, seen)),
        }
        outlet.sleep(RETRY);
    }
}

fn trouble(port: &str, error: &serialport::Error, seen: bool) -> CameraState {
    use serialport::ErrorKind as Kind;
    match error.kind() {
        Kind::NoDevice | Kind::Io(ErrorKind::NotFound) if seen => CameraState::Unplugged,
        Kind::Io(ErrorKind::PermissionDenied) => CameraState::Denied,
        Kind::Io(ErrorKind::ResourceBusy) => CameraState::Busy,
        _ => {
            let why = match error.kind() {
                Kind::NoDevice | Kind::Io(ErrorKind::NotFound) => "there is no such device".into(),
                _ => error.to_string(),
            };
            CameraState::Failed { problem: SourceError::Serial { port: port.into(), why } }
        }
    }
}

/// Passes on text after text until the line breaks or the source is closed.
fn listen(line: &mut impl Read, outlet: &Outlet) {
    let mut lines = Lines::default();
    let mut chunk = [0; 512];
    while !outlet.closed() {
        match line.read(&mut chunk) {
            Ok(0) => return,
            Ok(read) => lines.push(&chunk[..read]).into_iter().for_each(|text| outlet.say(text)),
            Err(error) if matches!(error.kind(), ErrorKind::TimedOut | ErrorKind::WouldBlock) => {
                if let Some(text) = lines.flush() {
                    outlet.say(text);
                }
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => {
                tracing::info!(%error, "the serial scanner is gone");
                return;
            }
        }
    }
}

/// Bytes to texts: one ends at CR, LF, ETX or EOT, whatever the scanner is set to.
#[derive(Debug, Default)]
struct Lines {
    held: Vec<u8>,
    too_long: bool,
}

impl Lines {
    fn push(&mut self, bytes: &[u8]) -> Vec<String> {
        let mut texts = Vec::new();
        for &byte in bytes {
            match byte {
                b'\r' | b'\n' | 0x03 | 0x04 => texts.extend(self.flush()),
                _ if self.held.len() == MAX_TEXT => self.too_long = true,
                _ => self.held.push(byte),
            }
        }
        texts
    }

    /// What is held, without the control characters that scanners put around it; nothing if it was too long.
    fn flush(&mut self) -> Option<String> {
        let bytes = std::mem::take(&mut self.held);
        if std::mem::take(&mut self.too_long) {
            tracing::warn!(bytes = bytes.len(), "the serial scanner sent a text without end");
            return None;
        }
        let text: String =
            String::from_utf8_lossy(&bytes).chars().filter(|c| !c.is_control() || *c == '\u{1d}').collect();
        let text = text.trim();
        (!text.is_empty()).then(|| text.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_ends_as_the_scanner_is_set() {
        for (bytes, texts) in [
            (&b"GYM-123\r\n"[..], &["GYM-123"][..]),
            (b"GYM-123\r", &["GYM-123"]),
            (b"\x02GYM-123\x03", &["GYM-123"]),
            (b"one\ntwo\n\nthree\n", &["one", "two", "three"]),
            (b"not yet over", &[]),
            (b"\r\n \r\n", &[]),
            (b"a\x1db\r", &["a\u{1d}b"]),
            (b"caf\xe9\r", &["caf\u{fffd}"]),
        ] {
            assert_eq!(Lines::default().push(bytes), texts);
        }
    }

    #[test]
    fn a_text_without_end_is_dropped_and_the_next_one_read() {
        let mut lines = Lines::default();
        assert!(lines.push(&vec![b'x'; 100_000]).is_empty());
        assert_eq!(lines.held.len(), MAX_TEXT);
        assert_eq!(lines.push(b"\rGYM-123\r"), ["GYM-123"]);
    }

    #[test]
    fn silence_ends_a_text_too() {
        let mut lines = Lines::default();
        assert!(lines.push(b"GYM-").is_empty());
        assert!(lines.push(b"123").is_empty());
        assert_eq!(lines.flush().as_deref(), Some("GYM-123"));
        assert_eq!(lines.flush(), None);
    }
}
