//! A number of permits: `asyncio.Semaphore`, and the part that the bounded one has in common with it.
//!
//! A permit that is given to a waiter leaves the count when the waiter is woken, not when it runs: who has come first has it for
//! certain. A waiter that goes away all the same, cancelled or the loser of a race, puts it back and wakes the next.
//!
//! Who comes while somebody waits, or was woken and has not run yet, waits behind him, even where permits are left. So a waiter
//! that goes on wakes as many others as there are permits for.

use std::fmt;
use std::marker::PhantomData;
use std::panic::Location;
use std::pin::{Pin, pin};

use pin_project_lite::pin_project;

use super::bounded_semaphore::ReleasedTooOften;
use crate::runtime::guarded::Guarded;
use crate::runtime::operation::{CancelWait, Operation, sealed};
use crate::runtime::park;
use crate::runtime::wait_list::{List, Node, State as Wait};
use crate::runtime::waiter::Waiter;

/// A number of permits that tasks acquire and release: `asyncio.Semaphore`.
///
/// Tasks get them in the order in which they asked. It differs from Python in that [`acquire`](Semaphore::acquire) gives a
/// [`Permit`], so that `async with semaphore:` is `let _permit = semaphore.acquire();`, and in that there is no default
/// for the number.
///
/// # Examples
///
/// ```
/// use cede::sync::Semaphore;
/// use std::{cell::Cell, time::Duration};
///
/// let runner = cede::Runner::builder().virtual_time(true).build();
/// let (slots, running, most) = (Semaphore::new(2), Cell::new(0), Cell::new(0));
/// runner.run(|| {
///     cede::scope(|s| {
///         for _ in 0..5 {
///             s.spawn(|| {
///                 let _slot = slots.acquire();
///                 running.set(running.get() + 1);
///                 most.set(most.get().max(running.get()));
///                 cede::sleep(Duration::from_secs(1));
///                 running.set(running.get() - 1);
///             });
///         }
///     })
/// })??;
/// assert_eq!((most.get(), slots.available()), (2, 2));
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
pub struct Semaphore {
    permits: Permits,
}

/// What semaphores have in common.
pub(super) struct Permits {
    state: Guarded<State>,
    /// How many there were at first.
    initial: usize,
    /// There are never more than at first.
    bounded: bool,
    made_at: &'static Location<'static>,
}

struct State {
    /// Free, and not given to anybody who was woken.
    available: usize,
    waiters: List,
}

impl State {
    /// Whether who comes now has to wait.
    #[inline(always)]
    fn is_locked(&self) -> bool {
        self.available == 0 || !self.waiters.all_cancelled()
    }

    /// Gives a permit to the first who waits, if there are both.
    #[inline(always)]
    fn wake_next(&mut self) -> bool {
        let woken = self.available > 0 && self.waiters.complete_first();
        self.available -= usize::from(woken);
        woken
    }
}

impl Permits {
    pub(super) const fn new(number: usize, bounded: bool, made_at: &'static Location<'static>) -> Self {
        let state = State { available: number, waiters: List::new() };
        Permits { state: Guarded::new(state), initial: number, bounded, made_at }
    }

    #[inline]
    pub(super) fn acquire(&self) -> Permit<'_> {
        match self.try_acquire() {
            Some(permit) => permit,
            None => park::wait_attempted(pin!(self.acquiring())),
        }
    }

    pub(super) fn acquiring(&self) -> AcquiringPermit<'_> {
        AcquiringPermit { permits: self, node: Node::default() }
    }

    #[inline]
    pub(super) fn try_acquire(&self) -> Option<Permit<'_>> {
        let mut state = self.state.lock();
        if state.is_locked() {
            return None;
        }
        state.available -= 1;
        Some(Permit::of(self))
    }

    #[inline]
    pub(super) fn release(&self) -> Result<(), ReleasedTooOften> {
        let mut state = self.state.lock();
        if self.bounded && state.available >= self.initial {
            return Err(ReleasedTooOften);
        }
        state.available = state.available.saturating_add(1);
        state.wake_next();
        Ok(())
    }

    pub(super) fn is_locked(&self) -> bool {
        self.state.lock().is_locked()
    }

    pub(super) fn available(&self) -> usize {
        self.state.lock().available
    }

    fn noun(&self) -> &'static str {
        if self.bounded { "BoundedSemaphore" } else { "Semaphore" }
    }
}

impl fmt::Debug for Permits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (available, waiting) = {
            let state = self.state.lock();
            (state.available, state.waiters.count_waiting())
        };
        let mut text = f.debug_struct(self.noun());
        text.field("available", &available).field("waiting", &waiting).finish()
    }
}

impl Semaphore {
    /// A semaphore with this many permits.
    #[track_caller]
    pub const fn new(permits: usize) -> Self {
        Semaphore { permits: Permits::new(permits, false, Location::caller()) }
    }

    /// Takes a permit, and waits for one if there is none or others wait already.
    ///
    /// # Cancellation
    ///
    /// Unwinds when the task is cancelled meanwhile; no permit is lost, and one that had come is the next one's.
    ///
    /// # Panics
    ///
    /// Panics where a task may not wait, if it has to; see [`Operation::wait`].
    #[inline]
    pub fn acquire(&self) -> Permit<'_> {
        self.permits.acquire()
    }

    /// The operation behind [`acquire`](Semaphore::acquire), for `select!`.
    pub fn acquiring(&self) -> AcquiringPermit<'_> {
        self.permits.acquiring()
    }

    /// Takes a permit if there is one and nobody waits.
    #[inline]
    pub fn try_acquire(&self) -> Option<Permit<'_>> {
        self.permits.try_acquire()
    }

    /// Adds a permit, which need not have been acquired before. The first who waits gets it.
    ///
    /// For permits that were [forgotten](Permit::forget), and to raise the number of permits.
    #[inline]
    pub fn release(&self) {
        // Only a bounded one refuses.
        let _ = self.permits.release();
    }

    /// Whether who comes now has to wait: `locked()`.
    pub fn is_locked(&self) -> bool {
        self.permits.is_locked()
    }

    /// How many permits are free. Those that were given to tasks which have been woken and did not run yet are not.
    pub fn available(&self) -> usize {
        self.permits.available()
    }
}

impl fmt::Debug for Semaphore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.permits.fmt(f)
    }
}

/// A permit of a [`Semaphore`] or a [`BoundedSemaphore`](super::BoundedSemaphore). Releases it when it is dropped, also by an
/// unwind; that never waits.
#[must_use = "the permit is released when this is dropped"]
pub struct Permit<'a> {
    permits: &'a Permits,
    /// Like std's guards it stays on its thread.
    _local: PhantomData<std::sync::MutexGuard<'a, ()>>,
}

impl<'a> Permit<'a> {
    #[inline(always)]
    fn of(permits: &'a Permits) -> Self {
        Permit { permits, _local: PhantomData }
    }

    /// Keeps the permit out of the semaphore, until somebody releases one by hand.
    pub fn forget(self) {
        std::mem::forget(self);
    }
}

impl Drop for Permit<'_> {
    #[inline]
    fn drop(&mut self) {
        // A bounded semaphore to which too many were given by hand is full.
        let _ = self.permits.release();
    }
}

impl fmt::Debug for Permit<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permit").field("semaphore", &self.permits).finish()
    }
}

pin_project! {
    /// The operation of [`Semaphore::acquire`].
    #[derive(Debug)]
    #[must_use = "it does nothing unless it is waited for"]
    pub struct AcquiringPermit<'a> {
        permits: &'a Permits,
        #[pin]
        node: Node,
    }
}

impl sealed::Sealed for AcquiringPermit<'_> {}

impl<'a> Operation for AcquiringPermit<'a> {
    type Output = Permit<'a>;

    fn attempt(self: Pin<&mut Self>) -> Option<Permit<'a>> {
        let mut state = self.permits.state.lock();
        if state.waiters.state(&self.node) == Wait::Completed {
            state.waiters.use_up(&self.node);
        } else if state.is_locked() {
            return None;
        } else {
            state.available -= 1;
        }
        Some(Permit::of(self.permits))
    }

    fn register(self: Pin<&mut Self>, waiter: Waiter) {
        let this = self.project();
        let state = this.permits.state.lock();
        if state.is_locked() {
            state.waiters.link(this.node.as_ref(), waiter);
        } else {
            waiter.wake_later();
        }
    }

    fn withdraw(self: Pin<&mut Self>) {
        let mut state = self.permits.state.lock();
        if state.waiters.remove(&self.node) == Wait::Completed {
            state.available = state.available.saturating_add(1);
        }
        while state.wake_next() {}
    }

    fn cancel(&self) -> CancelWait {
        self.permits.state.lock().waiters.cancel_wait(&self.node)
    }

    fn is_local(&self) -> bool {
        false
    }

    fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (noun, available, initial) =
            (self.permits.noun(), self.permits.available(), self.permits.initial);
        write!(f, "acquires {noun}({available}/{initial}) made at {}", self.permits.made_at)
    }
}
