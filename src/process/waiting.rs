//! The operation of waiting for the end of a child.
//!
//! Whether it has ended is asked of the system each time: that is what takes the status. The descriptor, or the thread, only says when it
//! is worth asking again.

use std::fmt;
use std::io;
use std::pin::{Pin, pin};
use std::process::ExitStatus;

use pin_project_lite::pin_project;

use super::child::Child;
use crate::runtime::inbox::Sender;
use crate::runtime::operation::{CancelWait, Operation, sealed};
use crate::runtime::reactor::{self, Readiness};
use crate::runtime::scheduler::with_scheduler;
use crate::runtime::{Waiter, park};
use crate::sync::WaitingForEvent;

pin_project! {
    // What says when to look.
    #[project = SignProjection]
    enum Sign<'a> {
        Descriptor { #[pin] readiness: Readiness<'a> },
        Thread { #[pin] ended: WaitingForEvent<'a>, promise: Option<Sender> },
    }
}

pin_project! {
    // See the head of this file.
    pub(super) struct Waiting<'a> {
        child: &'a Child,
        error: Option<io::Error>,
        was_registered: bool,
        #[pin]
        sign: Sign<'a>,
    }
}

impl<'a> Waiting<'a> {
    pub(super) fn new(child: &'a Child) -> Self {
        let sign = match child.pidfd() {
            Some(pidfd) => Sign::Descriptor { readiness: pidfd.readable() },
            None => Sign::Thread { ended: child.life().ended.waiting(), promise: None },
        };
        Waiting { child, error: None, was_registered: false, sign }
    }
}

impl sealed::Sealed for Waiting<'_> {}

impl Operation for Waiting<'_> {
    type Output = io::Result<ExitStatus>;

    fn attempt(self: Pin<&mut Self>) -> Option<io::Result<ExitStatus>> {
        let this = self.project();
        if let Some(error) = this.error.take() {
            return Some(Err(error));
        }
        if let Some(result) = this.child.life().look().transpose() {
            return Some(result);
        }
        match this.sign.project() {
            // The one thing to be had from it is why it could not be registered.
            SignProjection::Descriptor { readiness } if *this.was_registered => match readiness.attempt()? {
                Ok(()) => None,
                Err(error) => Some(Err(error)),
            },
            _ => None,
        }
    }

    fn register(self: Pin<&mut Self>, waiter: Waiter) {
        let this = self.project();
        *this.was_registered = true;
        match this.sign.project() {
            SignProjection::Descriptor { readiness } => readiness.register(waiter),
            SignProjection::Thread { ended, promise } => {
                if let Err(error) = this.child.life().watch_by_thread() {
                    // `attempt` gives it.
                    *this.error = Some(error);
                    return waiter.wake_later();
                }
                // The run is told that a thread will wake somebody, so that it is at no deadlock.
                *promise = with_scheduler(|scheduler| scheduler.outside.inbox.sender());
                ended.register(waiter);
            }
        }
    }

    fn withdraw(self: Pin<&mut Self>) {
        match self.project().sign.project() {
            SignProjection::Descriptor { readiness } => readiness.withdraw(),
            SignProjection::Thread { ended, promise } => {
                ended.withdraw();
                *promise = None;
            }
        }
    }

    fn cancel(&self) -> CancelWait {
        match &self.sign {
            Sign::Descriptor { readiness } => readiness.cancel(),
            Sign::Thread { ended, .. } => ended.cancel(),
        }
    }

    fn is_local(&self) -> bool {
        matches!(self.sign, Sign::Descriptor { .. })
    }

    fn wait(self) -> io::Result<ExitStatus> {
        let mut waiting = pin!(self);
        match waiting.as_mut().attempt() {
            Some(result) => result,
            None => {
                may_wait()?;
                park::wait_attempted(waiting)
            }
        }
    }

    fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "waits for {}", self.child.life())
    }
}

/// Whether the current task may wait; an error where not.
pub(super) fn may_wait() -> io::Result<()> {
    reactor::begin()?;
    park::refusal().map_or(Ok(()), |refusal| Err(reactor::refused(refusal)))
}
