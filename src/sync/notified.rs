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
//! A waiter keeps its place until it is notified, cancelled or its time is over: a wake-up that was for an earlier wait, and that another
//! thread has sent late, ends no wait. Where the end of the time and a notification meet, the waiter has got the notification if
//! that came before it was out of the list, and says so; else the next one gets it.
//!
//! Each waiter is woken by being notified, and once more by getting the lock, as in asyncio: there is no passing on to the list of
//! the lock.

use std::cell::Cell;
use std::fmt;
use std::pin::{Pin, pin};
use std::time::Duration;

use pin_project_lite::pin_project;

use super::lock::{Lock, LockGuard};
use crate::runtime::guarded::Guarded;
use crate::runtime::operation::{CancelWait, Operation, sealed};
use crate::runtime::park::{self, Wake};
use crate::runtime::wait_list::{List, Node, State as Wait};
use crate::runtime::waiter::Waiter;
use crate::task::{First, race};
use crate::time::after;

/// A lock that is held when a wait begins, which releases it and takes it again.
pub(super) struct Held<'a, R> {
    pub(super) lock: &'a Lock,
    /// What the lock is a part of, for reports.
    pub(super) noun: &'static str,
    pub(super) by: R,
}

/// What holds the lock. Where a wait is refused this is dropped, and the lock still held.
pub(super) trait Holds {
    fn release(self);
}

/// A guard that somebody keeps, or his word, which are good again when the wait has ended.
struct Elsewhere<'a>(&'a Lock);

impl Holds for Elsewhere<'_> {
    fn release(self) {
        // It is locked: that was asked before.
        let _ = self.0.release();
    }
}

/// A guard that the wait has taken over.
impl Holds for LockGuard<'_> {
    fn release(self) {
        drop(self);
    }
}

/// How a wait ended, with the lock.
pub(super) struct Ended<'a> {
    pub(super) guard: LockGuard<'a>,
    /// That is to be raised.
    pub(super) cancelled: bool,
    pub(super) timed_out: bool,
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

    /// Waits to be notified with a lock that somebody holds by other means, and does so again when this returns or unwinds.
    pub(super) fn wait_elsewhere(&self, lock: &Lock, noun: &'static str, what: &dyn fmt::Display) {
        let ended = self.wait(Held { lock, noun, by: Elsewhere(lock) }, what);
        ended.guard.forget();
        if ended.cancelled {
            park::raise_cancellation();
        }
    }

    /// Waits to be notified.
    pub(super) fn wait<'a>(&self, held: Held<'a, impl Holds>, what: &dyn fmt::Display) -> Ended<'a> {
        let Held { lock, noun, by } = held;
        let was_notified = Cell::new(false);
        let notified = pin!(self.notified(by, what, &was_notified));
        let (wake, _) = park::wait_in_place(notified, |notified| notified.attempt(), |_| true);
        self.take_again(lock, noun, wake)
    }

    /// The same, for no longer than this.
    pub(super) fn wait_timeout<'a>(
        &self,
        held: Held<'a, impl Holds>,
        what: &dyn fmt::Display,
        limit: Duration,
    ) -> Ended<'a> {
        let Held { lock, noun, by } = held;
        let was_notified = Cell::new(false);
        let either = pin!(race((self.notified(by, what, &was_notified), after(limit))));
        let (wake, first) = park::wait_in_place(either, |either| either.attempt(), |_| true);
        // A notification that came beside the end of the time is not lost.
        let timed_out = matches!(first, Some(First::B(()))) && !was_notified.get();
        Ended { timed_out, ..self.take_again(lock, noun, wake) }
    }

    fn notified<'a, H: Holds>(
        &'a self,
        by: H,
        what: &'a dyn fmt::Display,
        was_notified: &'a Cell<bool>,
    ) -> Notified<'a, H> {
        Notified { of: self, held_by: Some(by), what, was_notified, node: Node::default() }
    }

    fn take_again<'a>(&self, lock: &'a Lock, noun: &'static str, wake: Wake) -> Ended<'a> {
        let (guard, cancelled) = lock.acquire_whatever_comes(noun);
        let cancelled = cancelled || wake == Wake::Cancelled;
        if cancelled {
            self.notify(1);
        }
        Ended { guard, cancelled, timed_out: false }
    }
}

pin_project! {
    // Being notified. Only waited for once.
    struct Notified<'a, H> {
        of: &'a Notifications,
        // Until it is released.
        held_by: Option<H>,
        what: &'a dyn fmt::Display,
        was_notified: &'a Cell<bool>,
        #[pin]
        node: Node,
    }
}

impl<H> sealed::Sealed for Notified<'_, H> {}

impl<H: Holds> Operation for Notified<'_, H> {
    type Output = ();

    fn attempt(self: Pin<&mut Self>) -> Option<()> {
        let waiters = self.of.waiters.lock();
        (waiters.state(&self.node) == Wait::Completed).then_some(())
    }

    fn register(self: Pin<&mut Self>, waiter: Waiter) {
        let this = self.project();
        this.of.waiters.lock().link(this.node.as_ref(), waiter);
        if let Some(held) = this.held_by.take() {
            held.release();
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
