//! The core of condition variables: those who wait to be notified, with a lock released meanwhile.
//!
//! ```text
//!   waits: in the list, then releases the lock ──▶ notified, or cancelled ──▶ takes the lock again ──▶ goes on, or unwinds
//! ```
//!
//! The waiter is in the list before the lock is free, so that nobody can notify in between. It takes the lock again however its
//! wait has ended, and however often it is cancelled while it does. One that then unwinds may have been the one that a notification
//! was for, so it notifies another: one too many is allowed, since who waits has to look again anyway.
//!
//! Each waiter is woken by being notified, and once more by getting the lock, as in asyncio: there is no passing on to the list of
//! the lock.

use std::cell::Cell;
use std::fmt;
use std::pin::{Pin, pin};
use std::time::Duration;

use pin_project_lite::pin_project;

use super::lock::Lock;
use crate::runtime::guarded::Guarded;
use crate::runtime::operation::{CancelWait, Operation, sealed};
use crate::runtime::park::{self, Wake};
use crate::runtime::wait_list::{List, Node, State as Wait};
use crate::runtime::waiter::Waiter;
use crate::task::{First, race};
use crate::time::after;

/// The lock that a wait releases and takes again.
#[derive(Clone, Copy)]
pub(super) struct Held<'a> {
    pub(super) lock: &'a Lock,
    /// What it is a part of, for reports.
    pub(super) noun: &'static str,
}

/// See the head of this file.
pub(super) struct Notifications {
    waiters: Guarded<List>,
}

impl Notifications {
    pub(super) const fn new() -> Self {
        Notifications { waiters: Guarded::new(List::new()) }
    }

    /// Wakes the first so many who wait.
    pub(super) fn notify(&self, number: usize) {
        let waiters = self.waiters.lock();
        for _ in 0..number {
            if !waiters.complete_first() {
                break;
            }
        }
    }

    /// Wakes all who wait.
    pub(super) fn notify_all(&self) {
        self.waiters.lock().complete_all();
    }

    /// How many wait and were not notified yet.
    pub(super) fn count_waiting(&self) -> usize {
        self.waiters.lock().count_waiting()
    }

    /// Waits to be notified. The lock is locked, and is again when this returns or unwinds. It may return without reason.
    pub(super) fn wait(&self, held: Held<'_>, what: &dyn fmt::Display) {
        let was_notified = Cell::new(false);
        let notified = pin!(self.notified(held, what, &was_notified));
        let (wake, _) = park::wait_once(notified, |_| Some(()));
        self.go_on(wake, held);
    }

    /// The same, for no longer than this. Gives false when the time is over.
    pub(super) fn wait_timeout(&self, held: Held<'_>, what: &dyn fmt::Display, limit: Duration) -> bool {
        let was_notified = Cell::new(false);
        let either = pin!(race((self.notified(held, what, &was_notified), after(limit))));
        let (wake, first) = park::wait_once(either, |either| either.attempt());
        self.go_on(wake, held);
        // A notification that came beside the end of the time is not lost.
        !matches!(first, Some(First::B(()))) || was_notified.get()
    }

    fn notified<'a>(
        &'a self,
        held: Held<'a>,
        what: &'a dyn fmt::Display,
        was_notified: &'a Cell<bool>,
    ) -> Notified<'a> {
        Notified { of: self, releases: Some(held.lock), what, was_notified, node: Node::default() }
    }

    fn go_on(&self, wake: Wake, held: Held<'_>) {
        let cancelled = held.lock.acquire_whatever_comes(held.noun);
        if cancelled || wake == Wake::Cancelled {
            self.notify(1);
            park::raise_cancellation();
        }
    }
}

pin_project! {
    // Being notified. Only waited for once.
    struct Notified<'a> {
        of: &'a Notifications,
        // The lock, until it is released.
        releases: Option<&'a Lock>,
        what: &'a dyn fmt::Display,
        was_notified: &'a Cell<bool>,
        #[pin]
        node: Node,
    }
}

impl sealed::Sealed for Notified<'_> {}

impl Operation for Notified<'_> {
    type Output = ();

    fn attempt(self: Pin<&mut Self>) -> Option<()> {
        let waiters = self.of.waiters.lock();
        (waiters.state(&self.node) == Wait::Completed).then_some(())
    }

    fn register(self: Pin<&mut Self>, waiter: Waiter) {
        let this = self.project();
        this.of.waiters.lock().link(this.node.as_ref(), waiter);
        if let Some(lock) = this.releases.take() {
            // It is locked: that was asked before.
            let _ = lock.release();
        }
    }

    fn withdraw(self: Pin<&mut Self>) {
        let state = self.of.waiters.lock().remove(&self.node);
        self.was_notified.set(state == Wait::Completed);
    }

    fn cancel(&self) -> CancelWait {
        self.of.waiters.lock().cancel_wait(&self.node)
    }

    fn is_local(&self) -> bool {
        false
    }

    fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "waits for {}", self.what)
    }
}
