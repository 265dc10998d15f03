//! A thing that jobs use one after the other, and that outlives a job whose task was cancelled.
//!
//! A job must own what it works on. So the thing goes into the job, and comes back with it, however the job ends:
//!
//! ```text
//!             take                     the job begins           it is done
//!   IDLE ──────────────▶ in a Turn ────────────────▶ on a thread ────────────▶ in a Turn, with the task again
//!    ▲                       │                           │                        │
//!    └── the Turn is dropped ┴── cancelled: the thread ──┴── drops it ◀───────────┘
//!                                drops it when it is done
//! ```
//!
//! Who wants it meanwhile waits for the turn, in order, also for that of a job that goes on alone. What needs no job,
//! because the buffer has it, looks at the idle thing where it lies.
//!
//! Invariant: who has the permit finds the thing idle, since a turn puts it back before it releases the permit.
//!
//! Rejected: a lock whose guard stays with the task (the job would borrow from it); waiting out each job before a task unwinds (a
//! read of a named pipe may take for ever).

use std::io;
use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::runtime::{park, reactor};
use crate::sync::Semaphore;

/// See the head of this file.
#[derive(Debug)]
pub(super) struct Turns<T> {
    /// Held for moments, and never while anything waits.
    idle: Mutex<Option<T>>,
    permit: Semaphore,
}

/// The thing, for one operation alone. Comes back when this is dropped, on whatever thread.
#[derive(Debug)]
pub(super) struct Turn<T> {
    /// Gone only while this is being dropped.
    thing: Option<T>,
    turns: Arc<Turns<T>>,
}

impl<T> Turns<T> {
    pub(super) fn new(thing: T) -> Arc<Self> {
        Arc::new(Turns { idle: Mutex::new(Some(thing)), permit: Semaphore::new(1) })
    }

    fn idle(&self) -> MutexGuard<'_, Option<T>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Calls `f` with the thing if no operation has it.
    pub(super) fn if_idle<R>(&self, f: impl FnOnce(&mut T) -> R) -> Option<R> {
        self.idle().as_mut().map(f)
    }

    /// Waits for the turn.
    ///
    /// # Errors
    ///
    /// Where somebody else has it, and this is nowhere where one may wait.
    pub(super) fn take(self: &Arc<Self>) -> io::Result<Turn<T>> {
        match self.permit.try_acquire() {
            Some(permit) => permit.forget(),
            None => match park::refusal() {
                Some(refusal) => return Err(reactor::refused(refusal)),
                None => self.permit.acquire().forget(),
            },
        }
        let thing = self.idle().take();
        debug_assert!(thing.is_some(), "who has the permit finds it idle");
        Ok(Turn { thing, turns: Arc::clone(self) })
    }
}

impl<T> Deref for Turn<T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.thing.as_ref().expect("it is there until it comes back")
    }
}

impl<T> DerefMut for Turn<T> {
    fn deref_mut(&mut self) -> &mut T {
        self.thing.as_mut().expect("it is there until it comes back")
    }
}

impl<T> Drop for Turn<T> {
    fn drop(&mut self) {
        *self.turns.idle() = self.thing.take();
        self.turns.permit.release();
    }
}
