//! One window per data folder: a second start brings the first window to the front. By our own lock and socket,
//! since the usual plugin needs a session bus, which a reception PC may not have.
use std::fs::{File, TryLockError};
use std::io::{self, Read as _, Write as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// What a first window answers when it has shown itself; one that is closing answers nothing.
const SHOWN: &[u8] = b"shown";
/// How long a second start waits for a first window that is closing: longer than its database may take to stop.
const PATIENCE: Duration = Duration::from_secs(45);
const GLANCE: Duration = Duration::from_millis(50);

/// Held by the first window for as long as it runs.
pub struct FirstWindow {
    _lock: File,
    listener: UnixListener,
}

/// Takes the place of the first window; none when there is one already, which has then shown itself. One that is
/// closing is waited for.
pub fn claim(data_dir: &Path) -> io::Result<Option<FirstWindow>> {
    let lock = File::create(data_dir.join("window.lock"))?;
    let socket = data_dir.join("window.socket");
    let until = Instant::now() + PATIENCE;
    loop {
        match lock.try_lock() {
            Ok(()) => break,
            Err(TryLockError::WouldBlock) if has_shown_itself(&socket) => return Ok(None),
            Err(TryLockError::WouldBlock) if Instant::now() > until => {
                return Err(io::Error::other("another Gatehouse is closing and does not end"));
            }
            Err(TryLockError::WouldBlock) => sleep(GLANCE),
            Err(TryLockError::Error(error)) => return Err(error),
        }
    }
    // Left behind by a window that was killed.
    match std::fs::remove_file(&socket) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    Ok(Some(FirstWindow { _lock: lock, listener: UnixListener::bind(socket)? }))
}

fn has_shown_itself(socket: &Path) -> bool {
    let mut answer = Vec::new();
    let read = UnixStream::connect(socket).and_then(|mut stream| {
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.read_to_end(&mut answer)
    });
    read.is_ok() && answer == SHOWN
}

impl FirstWindow {
    /// Calls `show` whenever somebody starts the app again, until `closing` is set.
    pub fn on_second_start(self, closing: Arc<AtomicBool>, show: impl Fn() + Send + 'static) {
        let started = std::thread::Builder::new().name("second-start".into()).spawn(move || {
            // The whole of it moves in here: the lock has to live as long as the listener.
            let first = self;
            for mut second in first.listener.incoming().flatten() {
                if closing.load(Ordering::Relaxed) {
                    continue;
                }
                show();
                if let Err(error) = second.write_all(SHOWN) {
                    tracing::warn!(%error, "a second start was not told that the window is shown");
                }
            }
        });
        if let Err(error) = started {
            tracing::warn!(%error, "a second start will not find this window");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    #[test]
    fn a_second_start_shows_the_first_window_and_a_killed_one_leaves_nothing_in_the_way() {
        let folder = tempfile::tempdir().unwrap();
        // What a killed window leaves: a socket nobody listens on.
        drop(UnixListener::bind(folder.path().join("window.socket")).unwrap());
        let first = claim(folder.path()).unwrap().unwrap();
        let (shown, was_shown) = mpsc::channel();
        first.on_second_start(Arc::default(), move || shown.send(()).unwrap());
        assert!(claim(folder.path()).unwrap().is_none());
        was_shown.recv().unwrap();
    }

    #[test]
    fn a_start_while_the_window_is_closing_waits_and_takes_its_place() {
        let folder = tempfile::tempdir().unwrap();
        let closing = claim(folder.path()).unwrap().unwrap();
        let (path, (taken, was_taken)) = (folder.path().to_owned(), mpsc::channel());
        let second = std::thread::spawn(move || {
            let claimed = claim(&path).unwrap();
            taken.send(()).unwrap();
            claimed.is_some()
        });
        assert!(was_taken.recv_timeout(4 * GLANCE).is_err(), "taken while the first one holds it");
        drop(closing);
        assert!(second.join().unwrap());
    }
}
