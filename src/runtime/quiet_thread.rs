//! Threads of cede's own, outside of its pools, that wake nobody who was not promised it.
//!
//! Such a thread is no reason for a run that is at a standstill to wait: see `outside::has_other_threads`. It counts from when it runs until
//! right before its end, so that never more of them are counted than there are. For those moments it passes for somebody's, and
//! a run that looks just then waits a second, and looks again.

use std::sync::atomic::{AtomicUsize, Ordering};

static THREADS: AtomicUsize = AtomicUsize::new(0);

/// The thread that has this is quiet.
#[derive(Debug)]
pub(crate) struct QuietThread(());

impl QuietThread {
    /// Of the thread that calls this, until its end.
    pub(crate) fn begin() -> Self {
        THREADS.fetch_add(1, Ordering::SeqCst);
        QuietThread(())
    }
}

impl Drop for QuietThread {
    fn drop(&mut self) {
        THREADS.fetch_sub(1, Ordering::SeqCst);
    }
}

/// How many there are.
pub(super) fn quiet_threads() -> usize {
    THREADS.load(Ordering::SeqCst)
}
