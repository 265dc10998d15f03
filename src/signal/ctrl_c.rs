//! The next Ctrl-C.

use std::fmt;
use std::io;
use std::pin::Pin;

use pin_project_lite::pin_project;

use super::kind::SignalKind;
use super::stream::{Signal, Wait, signal};
use crate::runtime::operation::{CancelWait, Operation, sealed};
use crate::runtime::waiter::Waiter;

/// The operation of waiting for the next Ctrl-C (SIGINT), for `select!`; `ctrl_c().wait()?` just waits, and `ctrl_c().await?` does in any
/// executor.
///
/// It listens from when it is first waited for until it is dropped. Before and after that Ctrl-C does what it does otherwise, which in
/// [`run`](crate::run) is to cancel the main task. Who waits again and again, and wants to miss none in between, takes a stream: `signal(SignalKind::INT)`.
///
/// # Errors
///
/// It completes with the system's error when that does not give the signal.
///
/// # Examples
///
/// ```
/// use cede::Operation;
/// use cede::signal::{SignalKind, ctrl_c};
///
/// cede::run(|| -> std::io::Result<()> {
///     cede::spawn(|| SignalKind::INT.raise());
///     ctrl_c().wait()
/// })
/// # .unwrap();
/// ```
pub fn ctrl_c() -> CtrlC {
    CtrlC { signal: None, wait: Wait::default() }
}

pin_project! {
    /// The operation of [`ctrl_c`].
    #[must_use = "it does nothing unless it is waited for"]
    pub struct CtrlC {
        signal: Option<Signal>,
        #[pin]
        wait: Wait,
    }
}

impl fmt::Debug for CtrlC {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CtrlC").field("listens", &self.signal.is_some()).finish_non_exhaustive()
    }
}

impl sealed::Sealed for CtrlC {}

impl Operation for CtrlC {
    type Output = io::Result<()>;

    fn attempt(self: Pin<&mut Self>) -> Option<io::Result<()>> {
        let this = self.project();
        let signal = match this.signal {
            Some(signal) => signal,
            empty => match signal(SignalKind::INT) {
                Ok(signal) => empty.insert(signal),
                Err(error) => return Some(Err(error)),
            },
        };
        signal.mailbox().take().map(|_| Ok(()))
    }

    fn register(self: Pin<&mut Self>, waiter: Waiter) {
        let this = self.project();
        if let Some(signal) = this.signal {
            signal.mailbox().register(this.wait, waiter);
        }
    }

    fn withdraw(self: Pin<&mut Self>) {
        let this = self.project();
        if let Some(signal) = this.signal {
            signal.mailbox().withdraw(this.wait);
        }
    }

    fn cancel(&self) -> CancelWait {
        self.signal.as_ref().map_or(CancelWait::Unwind, |signal| signal.mailbox().cancel(&self.wait))
    }

    fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("waits for Ctrl-C")
    }
}
