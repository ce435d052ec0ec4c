//! Decoders that panic on what they see.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, PanicHookInfo, catch_unwind, set_hook, take_hook};
use std::sync::Once;

use super::Symbol;

type Hook = Box<dyn Fn(&PanicHookInfo<'_>) + Send + Sync>;

thread_local! {
    /// Whether this thread is in a decoder.
    static INSIDE: Cell<bool> = const { Cell::new(false) };
}

/// What the decoder returns, or nothing if it panics. Its only state is the picture made for this call.
pub(super) fn contained(read: impl FnOnce() -> Vec<Symbol>) -> Vec<Symbol> {
    static QUIET: Once = Once::new();
    QUIET.call_once(|| set_hook(quiet_inside(take_hook())));
    let outside = INSIDE.replace(true);
    let found = catch_unwind(AssertUnwindSafe(read));
    INSIDE.set(outside);
    found.unwrap_or_default()
}

/// The hook, but a decoder's panic only goes to the debug log: some pictures bring one with every frame, and the
/// desk's log would hold nothing else.
fn quiet_inside(hook: Hook) -> Hook {
    Box::new(move |panic| {
        if INSIDE.get() {
            tracing::debug!(%panic, "a decoder gave up");
        } else {
            hook(panic);
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::thread;

    #[test]
    fn a_decoders_panic_means_that_it_read_nothing_and_only_others_are_reported() {
        let here = thread::current().id();
        let reported = Arc::new(AtomicU32::new(0));
        let count = reported.clone();
        set_hook(quiet_inside(Box::new(move |_| {
            count.fetch_add(u32::from(thread::current().id() == here), Ordering::SeqCst);
        })));
        assert_eq!(contained(|| panic!("as on some real photos")), []);
        assert_eq!(reported.load(Ordering::SeqCst), 0);
        assert!(catch_unwind(|| panic!("as nowhere, we hope")).is_err());
        assert_eq!(reported.load(Ordering::SeqCst), 1);
        drop(take_hook());
    }
}
