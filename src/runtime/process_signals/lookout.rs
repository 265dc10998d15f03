//! A thread that tells the listeners of signals where no run may do it: as long as futures wait for signals.
//!
//! Runs hear of signals as long as they are there, and whichever is first tells all. A future may be polled where there is no run, or in
//! one that goes before it does. So who waits by a future keeps a lookout: one for the process, which goes with the last who
//! keeps it.
//!
//! ```text
//!   the first future that waits ──▶ keep() ──▶ thread: hear ─▶ sleep ─▶ dispatch ─▶ sleep …
//!                                                                               │
//!   the last stream that was waited for so is dropped ──▶ `over`, and poked ────┘──▶ gone
//! ```
//!
//! It sleeps as a run does, in a reactor of its own, which a signal handler can wake. It hears of signals before [`keep`] comes back, so that who
//! looks for what has come after that misses nothing.
//!
//! Rejected: a thread for each wait (futures are polled, dropped and made anew all the time); one that stays for ever (a program would have it
//! for one Ctrl-C); to have runs alone tell futures (there may be none).

use std::fmt;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::thread;
use std::time::Duration;

use super::{Ear, dispatch};
use crate::runtime::inbox::Inbox;
use crate::runtime::outside::Outside;
use crate::runtime::quiet_thread::QuietThread;

/// It takes locks, calls wakers of users, and makes system calls.
const THREAD_STACK: usize = 256 << 10;

/// How long it sleeps where no descriptor is left that could end its sleep.
const BLIND_SLEEP: Duration = Duration::from_millis(20);

static LOOKOUT: Mutex<Weak<Lookout>> = Mutex::new(Weak::new());

/// See the head of this file.
pub(crate) struct Lookout {
    inbox: Arc<Inbox>,
    over: Arc<AtomicBool>,
}

/// Has signals told as long as what this gives lives.
///
/// # Errors
///
/// When no thread can be had.
pub(crate) fn keep() -> io::Result<Arc<Lookout>> {
    let mut lookout = LOOKOUT.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(kept) = lookout.upgrade() {
        return Ok(kept);
    }
    let inbox = Inbox::new();
    let over = Arc::new(AtomicBool::new(false));
    let (ear, ours, ends) = (Ear::open(&inbox), Arc::clone(&inbox), Arc::clone(&over));
    let builder = thread::Builder::new().name("cede-signals".to_owned()).stack_size(THREAD_STACK);
    builder.spawn(move || look_out(ear, ours, &ends))?;
    let kept = Arc::new(Lookout { inbox, over });
    *lookout = Arc::downgrade(&kept);
    Ok(kept)
}

fn look_out(_ear: Ear, inbox: Arc<Inbox>, over: &AtomicBool) {
    let _quiet = QuietThread::begin();
    let outside = Outside::new(false, inbox);
    while !over.load(Ordering::SeqCst) {
        dispatch();
        if outside.await_anything(None, false).is_err() {
            thread::park_timeout(BLIND_SLEEP);
        }
        outside.inbox.drain(&mut |_| {});
    }
}

impl Drop for Lookout {
    fn drop(&mut self) {
        self.over.store(true, Ordering::SeqCst);
        self.inbox.poke();
    }
}

impl fmt::Debug for Lookout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Lookout(..)")
    }
}
