//! State that several threads wait for to change: a thread that does blocks, and a task is suspended.
//!
//! Whoever waits looks at the state under the lock, and takes what it waits for out of it; who changes the state wakes all. A task waits
//! by a node as everywhere ([`wait_list`](crate::runtime::wait_list)), a thread by a condition variable.
//!
//! No code of users runs or is dropped under the lock: what looks and what changes are this layer's own.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::panic::Location;
use std::pin::{Pin, pin};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use pin_project_lite::pin_project;

use crate::runtime::blocking::{Kind, Ticket};
use crate::runtime::operation::{CancelWait, Operation, sealed};
use crate::runtime::scheduler::with_scheduler;
use crate::runtime::wait_list::{List, Node};
use crate::runtime::waiter::Waiter;
use crate::runtime::with_deadline::wait_within;
use crate::runtime::{deadline, park, waker_cell};

/// See the head of this file.
pub(super) struct Meeting<S> {
    inner: Mutex<Inner<S>>,
    changed: Condvar,
}

struct Inner<S> {
    state: S,
    waiters: List,
    /// How many threads wait.
    blocked: usize,
    /// How often the state has changed.
    changes: u64,
}

/// The lock is held.
pub(super) struct Held<'a, S> {
    inner: MutexGuard<'a, Inner<S>>,
    changed: &'a Condvar,
}

impl<S> Meeting<S> {
    pub(super) fn new(state: S) -> Self {
        let inner = Inner { state, waiters: List::new(), blocked: 0, changes: 0 };
        Meeting { inner: Mutex::new(inner), changed: Condvar::new() }
    }

    pub(super) fn lock(&self) -> Held<'_, S> {
        let inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        Held { inner, changed: &self.changed }
    }

    /// The state, for its only owner.
    pub(super) fn get_mut(&mut self) -> &mut S {
        &mut self.inner.get_mut().unwrap_or_else(PoisonError::into_inner).state
    }

    /// Waits until `look` finds what it looks for: blocks a thread, and suspends a task. `None` when the time is up first, by the
    /// clock of the run if this is called in one.
    ///
    /// # Panics
    ///
    /// Panics where a task may not wait, if it has to.
    pub(super) fn wait<R>(
        &self,
        limit: Option<Duration>,
        what: What,
        look: impl FnMut(&mut S) -> Option<R>,
    ) -> Option<R> {
        if !is_in_run() {
            return self.block(limit, look);
        }
        let until = pin!(Until::new(self, what, look));
        match limit {
            Some(limit) => wait_within(until, limit),
            None => Some(park::wait(until)),
        }
    }

    fn block<R>(&self, limit: Option<Duration>, mut look: impl FnMut(&mut S) -> Option<R>) -> Option<R> {
        let until = limit.and_then(|limit| deadline(Instant::now(), limit));
        let mut inner = self.lock().inner;
        loop {
            if let Some(found) = look(&mut inner.state) {
                return Some(found);
            }
            let left = until.map(|until| until.saturating_duration_since(Instant::now()));
            if left == Some(Duration::ZERO) {
                return None;
            }
            inner.blocked += 1;
            inner = match left {
                Some(left) => {
                    self.changed.wait_timeout(inner, left).unwrap_or_else(PoisonError::into_inner).0
                }
                None => self.changed.wait(inner).unwrap_or_else(PoisonError::into_inner),
            };
            inner.blocked -= 1;
        }
    }
}

impl<S> Held<'_, S> {
    /// The state has changed: all look again.
    pub(super) fn wake_all(mut self) {
        self.inner.changes += 1;
        self.inner.waiters.pop_all();
        let blocked = self.inner.blocked;
        drop(self.inner);
        if blocked > 0 {
            self.changed.notify_all();
        }
        // Those of futures that are awaited elsewhere: code of users, and so without the lock.
        waker_cell::wake_due();
    }
}

impl<S> Deref for Held<'_, S> {
    type Target = S;

    fn deref(&self) -> &S {
        &self.inner.state
    }
}

impl<S> DerefMut for Held<'_, S> {
    fn deref_mut(&mut self) -> &mut S {
        &mut self.inner.state
    }
}

/// Whether this is called by a run: by a task, or by a callback, which may not wait.
pub(super) fn is_in_run() -> bool {
    with_scheduler(|_| ()).is_some()
}

/// The time by the clock of the run, or the system's where there is none.
pub(super) fn now() -> Instant {
    with_scheduler(|scheduler| scheduler.clock.now()).unwrap_or_else(Instant::now)
}

/// What is waited for, in words.
#[derive(Debug, Clone, Copy)]
pub(super) struct What {
    /// As a verb with an object.
    pub(super) text: &'static str,
    /// Where that was made.
    pub(super) place: Option<&'static Location<'static>>,
    /// Whether threads are at work on it, so that the wait ends by itself.
    pub(super) is_promised: bool,
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text)?;
        self.place.map_or(Ok(()), |place| write!(f, " at {place}"))
    }
}

pin_project! {
    /// The operation of [`Meeting::wait`], with a reference to the meeting, of whatever kind.
    pub(super) struct Until<M, F> {
        meeting: M,
        what: What,
        look: F,
        // How often the state had changed when it was looked at.
        seen: u64,
        #[pin]
        node: Node,
        // While it waits for what ends by itself: that is no deadlock, and virtual time stands still.
        promise: Option<Ticket>,
    }
}

impl<M, F> Until<M, F> {
    pub(super) fn new(meeting: M, what: What, look: F) -> Self {
        Until { meeting, what, look, seen: 0, node: Node::default(), promise: None }
    }
}

impl<M, F> sealed::Sealed for Until<M, F> {}

impl<S, R, M, F> Operation for Until<M, F>
where
    M: Deref<Target = Meeting<S>>,
    F: FnMut(&mut S) -> Option<R>,
{
    type Output = R;

    fn attempt(self: Pin<&mut Self>) -> Option<R> {
        let this = self.project();
        let mut held = this.meeting.lock();
        *this.seen = held.inner.changes;
        (this.look)(&mut held)
    }

    fn register(self: Pin<&mut Self>, waiter: Waiter) {
        let this = self.project();
        if this.what.is_promised {
            *this.promise = with_scheduler(|scheduler| scheduler.outside.jobs.ticket(Kind::Awaited));
        }
        let held = this.meeting.lock();
        if held.inner.changes == *this.seen {
            held.inner.waiters.link(this.node.as_ref(), waiter);
        } else {
            waiter.wake_later();
        }
    }

    fn withdraw(self: Pin<&mut Self>) {
        let this = self.project();
        this.meeting.lock().inner.waiters.remove(&this.node);
        *this.promise = None;
    }

    fn cancel(&self) -> CancelWait {
        self.meeting.lock().inner.waiters.cancel_wait(&self.node)
    }

    fn is_local(&self) -> bool {
        false
    }

    fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.what, f)
    }
}
