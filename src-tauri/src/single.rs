//! One window per data folder: a second start brings the first window to the front. By our own lock and socket,
//! since the usual plugin needs a session bus, which a reception PC may not have.
use std::fs::{File, TryLockError};
use std::io;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;

/// Held by the first window for as long as it runs.
pub struct FirstWindow {
    _lock: File,
    listener: UnixListener,
}

/// Takes the place of the first window; none when there is one already, which has then been told to show itself.
pub fn claim(data_dir: &Path) -> io::Result<Option<FirstWindow>> {
    let lock = File::create(data_dir.join("window.lock"))?;
    let socket = data_dir.join("window.socket");
    match lock.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            UnixStream::connect(&socket)?;
            return Ok(None);
        }
        Err(TryLockError::Error(error)) => return Err(error),
    }
    // Left behind by a window that was killed.
    match std::fs::remove_file(&socket) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    Ok(Some(FirstWindow { _lock: lock, listener: UnixListener::bind(socket)? }))
}

impl FirstWindow {
    /// Calls `show` whenever somebody starts the app again.
    pub fn on_second_start(self, show: impl Fn() + Send + 'static) {
        let started = std::thread::Builder::new().name("second-start".into()).spawn(move || {
            // The whole of it moves in here: the lock has to live as long as the listener.
            let first = self;
            for _ in first.listener.incoming().flatten() {
                show();
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
        first.on_second_start(move || shown.send(()).unwrap());
        assert!(claim(folder.path()).unwrap().is_none());
        was_shown.recv().unwrap();
    }
}
