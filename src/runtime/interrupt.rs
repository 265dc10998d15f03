//! Ctrl-C: what SIGINT does while a run watches for it.
//!
//! ```text
//!              watch                        first SIGINT                      second SIGINT
//!   default ──────────▶ ours, for one time ──────────────▶ default again ──────────────────▶ the process ends
//!                            │                                  │
//!                            └──────────── the run ends ────────┴────▶ default
//! ```
//!
//! The handler marks the inbox of the run and ends its sleep, which takes atomics and one write to a descriptor: no
//! pipe, no thread of its own, and nothing to open for a run that does not sleep. That it works once is the kernel's
//! doing (`SA_RESETHAND`), so that the second signal ends the process also where the run is stuck.
//!
//! SIGINT belongs to whoever takes it over. While somebody listens to it (`process_signals`, which has the handler), it is for the listeners; when
//! the last of them goes, it is the run's again. With another handler installed ours does nothing, even if that one calls it, and nothing
//! is put back.

use std::io::{self, Write};
use std::process;
use std::sync::Arc;
#[cfg(not(any(target_os = "linux", target_os = "android")))]
use std::thread;

use super::inbox::Inbox;
use super::process_signals;

/// Has Ctrl-C interrupt a run as long as this lives.
#[derive(Debug)]
pub(super) struct Interrupts {
    inbox: Arc<Inbox>,
}

impl Interrupts {
    /// Watches for a run, unless another one is watched for or SIGINT would not end the process.
    pub(super) fn watch(inbox: &Arc<Inbox>) -> Option<Self> {
        process_signals::begin_interrupts(inbox).then(|| Interrupts { inbox: Arc::clone(inbox) })
    }
}

impl Drop for Interrupts {
    fn drop(&mut self) {
        process_signals::end_interrupts(&self.inbox);
        if self.inbox.take_interrupt() {
            // It came when there was nothing left to cancel: as if it had come a moment later. There is such a signal.
            let _ = process_signals::send_to_self(libc::SIGINT);
        }
    }
}

/// Whether this is the thread that the process began with.
pub(super) fn on_main_thread() -> bool {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    {
        rustix::thread::gettid() == rustix::process::getpid()
    }
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    {
        thread::current().name() == Some("main")
    }
}

/// Ends the process as an interrupt would have, for who started it to see.
pub(super) fn end_process() -> ! {
    process_signals::restore_default(libc::SIGINT);
    // What was printed is not to be lost. A second Ctrl-C ends this too.
    let _ = io::stdout().flush();
    process_signals::deliver_here(libc::SIGINT);
    // Only the first process of a system or a container survives that. Shells have this status for it.
    process::exit(128 + libc::SIGINT)
}
