//! An operation on a descriptor that takes part in races: it is tried when the descriptor is ready, and has had no effect else.
//!
//! The blocking verbs are tried once more for each wake-up, and pass on what they leave by themselves. What is raced may go at any
//! time, so here the passing on is left to the readiness that it waits for: after a wake-up that is asked first, and the try that takes
//! something is the one that completes the operation.

use std::fmt;
use std::io;
use std::os::fd::AsFd;
use std::pin::{Pin, pin};

use pin_project_lite::pin_project;

use super::watched::Watched;
use crate::runtime::operation::{Operation, sealed};
use crate::runtime::reactor::{self, Direction, Readiness};
use crate::runtime::{Waiter, park};

pin_project! {
    /// Calls `f` when the descriptor is ready, until it gives anything but `WouldBlock`.
    pub(crate) struct Attempting<'a, T: AsFd, F> {
        watched: &'a Watched<T>,
        direction: Direction,
        f: F,
        // It is tried without asking whether it is ready: at first, and always where it can't wait.
        is_bold: bool,
        never_waits: bool,
        #[pin]
        readiness: Readiness<'a>,
    }
}

impl<'a, T: AsFd, F> Attempting<'a, T, F> {
    pub(crate) fn of<R>(watched: &'a Watched<T>, direction: Direction, verb: &'static str, f: F) -> Self
    where
        F: FnMut(&T) -> io::Result<R>,
    {
        let readiness = watched.ready_for(direction, verb);
        Attempting { watched, direction, f, is_bold: true, never_waits: false, readiness }
    }

    /// The same where `f` never waits if this holds: a read into an empty buffer, which is complete at once.
    pub(crate) fn at_once_if(self, never_waits: bool) -> Self {
        Attempting { never_waits, ..self }
    }
}

impl<T: AsFd, F> sealed::Sealed for Attempting<'_, T, F> {}

impl<T: AsFd, R, F: FnMut(&T) -> io::Result<R>> Operation for Attempting<'_, T, F> {
    type Output = io::Result<R>;

    fn attempt(self: Pin<&mut Self>) -> Option<io::Result<R>> {
        let this = self.project();
        let is_bold = std::mem::replace(this.is_bold, false);
        let is_ready = if *this.never_waits {
            Some(Ok(()))
        } else if is_bold {
            this.watched.may_be_ready(*this.direction)
        } else {
            this.readiness.attempt()
        };
        if let Err(error) = is_ready? {
            return Some(Err(error));
        }
        loop {
            match (this.f)(this.watched.get_ref()) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                result => return Some(result),
            }
        }
        // Somebody else was faster.
        this.watched.would_block(*this.direction).err().map(Err)
    }

    fn register(self: Pin<&mut Self>, waiter: Waiter) {
        self.project().readiness.register(waiter);
    }

    fn withdraw(self: Pin<&mut Self>) {
        self.project().readiness.withdraw();
    }

    fn wait(self) -> io::Result<R> {
        reactor::begin()?;
        park::wait(pin!(self))
    }

    fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.readiness.describe(f)
    }
}

impl<T: AsFd, F> fmt::Debug for Attempting<'_, T, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Attempting").field("readiness", &self.readiness).finish_non_exhaustive()
    }
}
