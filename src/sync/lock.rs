//! A lock without data: `asyncio.Lock`.
//!
//! ```text
//!              acquire                        release, nobody waits
//!   FREE ──────────────────▶ LOCKED ──────────────────────────────────▶ FREE
//!                              ▲  │ release: wakes the first
//!             it runs: takes   │  ▼
//!                            PROMISED: not locked, but only the one at the head may take it
//! ```
//!
//! Whoever is woken stays at the head of the list until it runs, so that nobody else takes its turn. One who goes away instead,
//! cancelled or the loser of a race, wakes the next. Invariant: where the lock is not locked, the head of the list is on its way
//! (woken or cancelled), or there is none.

use std::fmt;
use std::marker::PhantomData;
use std::panic::Location;
use std::pin::{Pin, pin};

use pin_project_lite::pin_project;
use thiserror::Error;

use crate::runtime::guarded::Guarded;
use crate::runtime::holder::Holder;
use crate::runtime::operation::{CancelWait, Operation, sealed};
use crate::runtime::park::{self, Wake};
use crate::runtime::wait_list::{List, Node, State as Wait};
use crate::runtime::waiter::Waiter;

/// The lock is not acquired, by anybody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the lock is not acquired")]
pub struct NotAcquired;

/// A lock between tasks, which guards no data of its own: `asyncio.Lock`.
///
/// Tasks get it in the order in which they asked. It may be held while its task waits, and is not bound to who acquired it: any
/// task may release it. Where it guards a value, [`Mutex`](super::Mutex) is the better type.
///
/// It differs from Python in that [`acquire`](Lock::acquire) gives a guard, so that `async with lock:` is `let _held =
/// lock.acquire();`. [`LockGuard::forget`] with [`release`](Lock::release) is the pair of calls.
///
/// # Examples
///
/// ```
/// use cede::sync::Lock;
/// use std::cell::RefCell;
///
/// let (lock, log) = (Lock::new(), RefCell::new(Vec::new()));
/// cede::run(|| {
///     cede::scope(|s| {
///         for name in ["ann", "bob"] {
///             let (lock, log) = (&lock, &log);
///             s.spawn(move || {
///                 let _held = lock.acquire();
///                 log.borrow_mut().push(format!("{name} comes"));
///                 cede::yield_now();
///                 log.borrow_mut().push(format!("{name} goes"));
///             });
///         }
///     })
/// }).unwrap();
/// assert_eq!(log.into_inner(), ["ann comes", "ann goes", "bob comes", "bob goes"]);
/// ```
pub struct Lock {
    state: Guarded<State>,
    made_at: &'static Location<'static>,
}

struct State {
    locked: bool,
    /// Who acquired it, if it is locked.
    holder: Holder,
    waiters: List,
}

impl State {
    /// Whether somebody who has just come may take it: nobody holds it, and nobody has come before.
    #[inline(always)]
    fn is_free(&self) -> bool {
        !self.locked && self.waiters.all_cancelled()
    }

    #[inline(always)]
    fn take(&mut self) {
        debug_assert!(!self.locked);
        self.locked = true;
        self.holder = Holder::current();
    }

    /// Wakes the one at the head, unless it is on its way.
    #[inline(always)]
    fn wake_first(&self) {
        self.waiters.complete_head();
    }
}

impl Default for Lock {
    #[track_caller]
    fn default() -> Self {
        Lock::new()
    }
}

impl Lock {
    /// A lock that nobody holds.
    #[track_caller]
    pub const fn new() -> Self {
        let state = State { locked: false, holder: Holder::NOBODY, waiters: List::new() };
        Lock { state: Guarded::new(state), made_at: Location::caller() }
    }

    /// Takes the lock, and waits until it is this task's turn.
    ///
    /// # Cancellation
    ///
    /// Unwinds when the task is cancelled meanwhile; the lock is then not taken, and a turn that had come is the next one's.
    ///
    /// # Panics
    ///
    /// Panics where a task may not wait, if it has to; see [`Operation::wait`].
    #[inline]
    pub fn acquire(&self) -> LockGuard<'_> {
        match self.try_acquire() {
            Some(guard) => guard,
            None => pin!(self.acquiring()).wait_in_place(),
        }
    }

    /// The operation behind [`acquire`](Lock::acquire), for `select!`.
    pub fn acquiring(&self) -> AcquiringLock<'_> {
        self.acquiring_as("Lock")
    }

    /// The same, under the name of what the lock is a part of.
    pub(super) fn acquiring_as(&self, noun: &'static str) -> AcquiringLock<'_> {
        AcquiringLock { lock: self, noun, node: Node::default() }
    }

    /// Takes the lock if nobody holds it, and nobody waits for it.
    #[inline]
    pub fn try_acquire(&self) -> Option<LockGuard<'_>> {
        let mut state = self.state.lock();
        if !state.is_free() {
            return None;
        }
        state.take();
        Some(LockGuard::of(self))
    }

    /// Releases the lock by hand, whoever has acquired it. The first who waits is woken.
    ///
    /// For a lock whose guard was [forgotten](LockGuard::forget). While a guard lives it releases the lock once more when it is
    /// dropped, which takes it from whoever has it by then.
    ///
    /// # Errors
    ///
    /// When nobody holds it.
    #[inline]
    pub fn release(&self) -> Result<(), NotAcquired> {
        let mut state = self.state.lock();
        if !state.locked {
            return Err(NotAcquired);
        }
        state.locked = false;
        state.wake_first();
        Ok(())
    }

    /// Whether somebody holds it: `locked()`.
    pub fn is_locked(&self) -> bool {
        self.state.lock().locked
    }

    /// Takes the lock, however often the task is cancelled meanwhile, as `Condition.wait` does. Tells whether it was, which is
    /// still to be raised.
    pub(super) fn acquire_whatever_comes(&self, noun: &'static str) -> (LockGuard<'_>, bool) {
        let mut acquiring = pin!(self.acquiring_as(noun));
        let mut cancelled = false;
        loop {
            // Each time as if it had just come.
            if let Some(guard) = acquiring.as_mut().attempt() {
                return (guard, cancelled);
            }
            let (wake, guard) = acquiring.as_mut().wait_once_in_place();
            cancelled |= wake == Wake::Cancelled;
            if let Some(guard) = guard {
                return (guard, cancelled);
            }
        }
    }

    pub(super) fn made_at(&self) -> &'static Location<'static> {
        self.made_at
    }
}

impl fmt::Debug for Lock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (locked, waiting) = {
            let state = self.state.lock();
            (state.locked, state.waiters.count_waiting())
        };
        f.debug_struct("Lock").field("locked", &locked).field("waiting", &waiting).finish()
    }
}

/// A lock that is held. Releases it when it is dropped, also by an unwind; that never waits.
#[must_use = "the lock is released when this is dropped"]
pub struct LockGuard<'a> {
    lock: &'a Lock,
    /// Like std's guards it stays on its thread.
    _local: PhantomData<std::sync::MutexGuard<'a, ()>>,
}

impl<'a> LockGuard<'a> {
    #[inline(always)]
    fn of(lock: &'a Lock) -> Self {
        LockGuard { lock, _local: PhantomData }
    }

    /// Leaves the lock locked, to be released by [`Lock::release`].
    pub fn forget(self) {
        std::mem::forget(self);
    }
}

impl Drop for LockGuard<'_> {
    #[inline]
    fn drop(&mut self) {
        // Where somebody has released it by hand meanwhile there is nothing to do.
        let _ = self.lock.release();
    }
}

impl fmt::Debug for LockGuard<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LockGuard").field("lock", &self.lock).finish()
    }
}

pin_project! {
    /// The operation of [`Lock::acquire`].
    #[derive(Debug)]
    #[must_use = "it does nothing unless it is waited for"]
    pub struct AcquiringLock<'a> {
        lock: &'a Lock,
        noun: &'static str,
        #[pin]
        node: Node,
    }
}

impl<'a> AcquiringLock<'a> {
    /// Waits, and keeps its place whatever else wakes the task. It was attempted a moment ago.
    pub(super) fn wait_in_place(mut self: Pin<&mut Self>) -> LockGuard<'a> {
        loop {
            match self.as_mut().wait_once_in_place() {
                (Wake::Cancelled, _) => park::raise_cancellation(),
                (Wake::Normal, Some(guard)) => return guard,
                (Wake::Normal, None) => {}
            }
        }
    }

    fn wait_once_in_place(self: Pin<&mut Self>) -> (Wake, Option<LockGuard<'a>>) {
        park::wait_in_place(
            self,
            |acquiring| acquiring.attempt(),
            |acquiring| {
                // Not where the lock was free when it came, and somebody else has it now.
                acquiring.lock.state.lock().waiters.state(&acquiring.node) == Wait::Waiting
            },
        )
    }
}

impl sealed::Sealed for AcquiringLock<'_> {}

impl<'a> Operation for AcquiringLock<'a> {
    type Output = LockGuard<'a>;

    fn attempt(self: Pin<&mut Self>) -> Option<LockGuard<'a>> {
        let mut state = self.lock.state.lock();
        if state.waiters.state(&self.node) != Wait::Completed && !state.is_free() {
            return None;
        }
        state.take();
        state.waiters.use_up(&self.node);
        Some(LockGuard::of(self.lock))
    }

    fn register(self: Pin<&mut Self>, waiter: Waiter) {
        let this = self.project();
        let state = this.lock.state.lock();
        if state.is_free() {
            waiter.wake_later();
        } else {
            state.waiters.link(this.node.as_ref(), waiter);
        }
    }

    fn withdraw(self: Pin<&mut Self>) {
        let state = self.lock.state.lock();
        state.waiters.remove(&self.node);
        if !state.locked {
            state.wake_first();
        }
    }

    fn cancel(&self) -> CancelWait {
        self.lock.state.lock().waiters.cancel_wait(&self.node)
    }

    fn is_local(&self) -> bool {
        false
    }

    fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (locked, holder) = {
            let state = self.lock.state.lock();
            (state.locked, state.holder)
        };
        write!(f, "locks {}", self.noun)?;
        if locked {
            write!(f, " held by {holder}")?;
        }
        write!(f, " made at {}", self.lock.made_at)
    }
}
