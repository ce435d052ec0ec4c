//! Frees a camera's thread from a wait that has no time limit.
//!
//! nokhwa waits for a frame in `poll` without a timeout. On Linux a signal ends that wait with `EINTR`, which `poll`
//! never resumes by itself. Elsewhere a thread that does not end is left behind.

use std::sync::{Mutex, PoisonError};

/// The thread that may have to be woken. It can only be woken while it lives: it says when it comes and goes.
#[derive(Default)]
pub(crate) struct Sleeper {
    thread: Mutex<Option<Handle>>,
}

#[cfg(target_os = "linux")]
type Handle = libc::pthread_t;
#[cfg(not(target_os = "linux"))]
type Handle = ();

impl Sleeper {
    /// The calling thread can be woken until the guard is dropped.
    pub(crate) fn enter(self: &std::sync::Arc<Self>) -> impl Drop + use<> {
        *self.thread.lock().unwrap_or_else(PoisonError::into_inner) = Some(signal::this_thread());
        Awake(self.clone())
    }

    /// Ends the thread's wait, if it is in one. A wait that begins a moment later is not ended: repeat until the
    /// thread has reacted.
    pub(crate) fn wake(&self) {
        // Held while the signal is sent, so that the thread cannot end in between.
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(thread) = *thread {
            signal::send(thread);
        }
    }
}

struct Awake(std::sync::Arc<Sleeper>);

impl Drop for Awake {
    fn drop(&mut self) {
        *self.0.thread.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

#[cfg(target_os = "linux")]
#[expect(unsafe_code, reason = "signals to a single thread exist only as calls into libc")]
mod signal {
    use std::sync::Once;

    /// `SIGURG`: ignored unless someone handles it, and used by nobody else here (a web view uses the user signals).
    const SIGNAL: libc::c_int = libc::SIGURG;

    extern "C" fn nothing(_: libc::c_int) {}

    pub(super) fn this_thread() -> libc::pthread_t {
        static HANDLER: Once = Once::new();
        // SAFETY: the structure is plain data for which zero is valid; the handler does nothing, so it is safe at
        // any moment. Other system calls go on (`SA_RESTART`); `poll` returns in any case.
        HANDLER.call_once(|| unsafe {
            let mut action: libc::sigaction = std::mem::zeroed();
            action.sa_sigaction = nothing as *const () as usize;
            action.sa_flags = libc::SA_RESTART;
            libc::sigemptyset(&raw mut action.sa_mask);
            libc::sigaction(SIGNAL, &raw const action, std::ptr::null_mut());
        });
        // SAFETY: has no preconditions.
        unsafe { libc::pthread_self() }
    }

    /// The thread must be alive; [`super::Sleeper`] sees to it.
    pub(super) fn send(thread: libc::pthread_t) {
        // SAFETY: the thread is alive, as it takes the lock that our caller holds before it ends.
        unsafe {
            libc::pthread_kill(thread, SIGNAL);
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod signal {
    pub(super) fn this_thread() {}
    pub(super) fn send((): ()) {}
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use std::os::fd::AsRawFd;
    use std::sync::{Arc, mpsc};
    use std::time::Duration;

    #[test]
    fn a_thread_that_waits_for_ever_is_woken() {
        let sleeper = Arc::new(Sleeper::default());
        let (tell, told) = mpsc::channel();
        let waiting = std::thread::spawn({
            let sleeper = sleeper.clone();
            move || {
                let _wakeable = sleeper.enter();
                let (ours, _theirs) = std::os::unix::net::UnixStream::pair().unwrap();
                let mut wait = libc::pollfd { fd: ours.as_raw_fd(), events: libc::POLLIN, revents: 0 };
                #[expect(unsafe_code, reason = "what nokhwa does inside")]
                // SAFETY: one valid pollfd.
                let answer = unsafe { libc::poll(&raw mut wait, 1, -1) };
                tell.send((answer, std::io::Error::last_os_error().raw_os_error())).unwrap();
            }
        });
        let answer = loop {
            sleeper.wake();
            if let Ok(answer) = told.recv_timeout(Duration::from_millis(10)) {
                break answer;
            }
        };
        assert_eq!(answer, (-1, Some(libc::EINTR)));
        waiting.join().unwrap();
        sleeper.wake();
    }
}
