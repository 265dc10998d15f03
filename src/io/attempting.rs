//! An operation on a descriptor that takes part in races: it is tried when the descriptor is ready, and has had no effect else.
//!
//! The blocking verbs try first and then wait, which is the fastest where there is something. Here the order is the other way
//! round: what is raced must be able to lose after any number of wake-ups, so readiness comes first, and the try that
//! takes something is the one that completes the operation.

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
        #[pin]
        readiness: Readiness<'a>,
    }
}

impl<'a, T: AsFd, F> Attempting<'a, T, F> {
    pub(crate) fn of<R>(watched: &'a Watched<T>, direction: Direction, verb: &'static str, f: F) -> Self
    where
        F: FnMut(&T) -> io::Result<R>,
    {
        Attempting { watched, direction, f, readiness: watched.ready_for(direction, verb) }
    }
}

impl<T: AsFd, F> sealed::Sealed for Attempting<'_, T, F> {}

impl<T: AsFd, R, F: FnMut(&T) -> io::Result<R>> Operation for Attempting<'_, T, F> {
    type Output = io::Result<R>;

    fn attempt(self: Pin<&mut Self>) -> Option<io::Result<R>> {
        let this = self.project();
        if let Err(error) = this.readiness.attempt()? {
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
