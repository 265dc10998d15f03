//! A place where a number of tasks wait for each other: `asyncio.Barrier`.
//!
//! ```text
//!             the last one comes                   the last one goes
//!   FILLING ─────────────────────▶ DRAINING ──────────────────────────▶ FILLING
//!      │                                                                   ▲
//!      │ reset, while some wait             the last one goes              │
//!      ├────────────────────────▶ RESETTING ───────────────────────────────┘
//!      │ abort (at any time)
//!      └────────────────────────▶ BROKEN, until it is reset
//! ```
//!
//! As in asyncio it is a condition with a lock: who comes, goes, resets or aborts has the lock, and who waits for another phase is
//! notified of each. So who comes while it drains waits for its next round.

use std::fmt;

use thiserror::Error;

use super::lock::{Lock, LockGuard};
use super::notified::Notifications;
use crate::runtime::guarded::Guarded;
use crate::runtime::operation::Operation;

/// The barrier was aborted, or reset while this task waited.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the barrier is broken")]
pub struct BrokenBarrier;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Filling,
    Draining,
    Resetting,
    Broken,
}

/// A place where a number of tasks wait for each other, again and again: `asyncio.Barrier`.
///
/// # Examples
///
/// ```
/// use cede::sync::Barrier;
///
/// let barrier = Barrier::new(3);
/// let mut places = [9; 3];
/// cede::run(|| {
///     cede::scope(|s| {
///         for place in &mut places {
///             s.spawn(|| *place = barrier.wait().unwrap());
///         }
///     })
/// }).unwrap();
/// // The last one went on at once, and the first was the first to come.
/// assert_eq!(places, [0, 1, 2]);
/// ```
pub struct Barrier {
    lock: Lock,
    notifications: Notifications,
    state: Guarded<State>,
    parties: usize,
}

#[derive(Clone, Copy)]
struct State {
    phase: Phase,
    /// How many have come and not gone.
    count: usize,
}

impl Barrier {
    /// A barrier for this many tasks.
    ///
    /// # Panics
    ///
    /// Panics when the number is 0: Python's ValueError.
    #[track_caller]
    pub const fn new(parties: usize) -> Self {
        assert!(parties > 0, "a barrier is for one task at least");
        let state = Guarded::new(State { phase: Phase::Filling, count: 0 });
        Barrier { lock: Lock::new(), notifications: Notifications::new(), state, parties }
    }

    /// Waits until as many tasks have come as the barrier is for. Gives the number of those that had come before: each has another.
    ///
    /// Who comes while those of the last round are still going waits for that first.
    ///
    /// # Errors
    ///
    /// When the barrier is aborted, and when it is reset while this task waits.
    ///
    /// # Cancellation
    ///
    /// Unwinds when the task is cancelled meanwhile. The barrier then waits for another task instead. Where all had come already, the
    /// others go on all the same.
    ///
    /// # Panics
    ///
    /// Panics where a task may not wait, if it has to; see [`Operation::wait`].
    pub fn wait(&self) -> Result<usize, BrokenBarrier> {
        let _held = self.acquire();
        self.wait_while(|phase| matches!(phase, Phase::Draining | Phase::Resetting));
        let index = {
            let mut state = self.state.lock();
            if state.phase == Phase::Broken {
                return Err(BrokenBarrier);
            }
            let index = state.count;
            state.count += 1;
            if state.count == self.parties {
                state.phase = Phase::Draining;
            }
            index
        };
        // Goes before the lock does.
        let _inside = Inside(self);
        if index + 1 == self.parties {
            self.notifications.notify_all();
        } else {
            self.wait_while(|phase| phase == Phase::Filling);
            if matches!(self.phase(), Phase::Broken | Phase::Resetting) {
                return Err(BrokenBarrier);
            }
        }
        Ok(index)
    }

    /// Sends those who wait away with an error, and lets it fill anew. Mends a barrier that is broken.
    ///
    /// # Cancellation, panics
    ///
    /// As for [`wait`](Barrier::wait): it may have to wait for its turn. Cancelled meanwhile it has changed nothing.
    pub fn reset(&self) {
        let _held = self.acquire();
        let mut state = self.state.lock();
        state.phase = if state.count > 0 { Phase::Resetting } else { Phase::Filling };
        drop(state);
        self.notifications.notify_all();
    }

    /// Breaks it: who waits, and who comes before it is [reset](Barrier::reset), gets an error.
    ///
    /// # Cancellation, panics
    ///
    /// As for [`reset`](Barrier::reset).
    pub fn abort(&self) {
        let _held = self.acquire();
        self.state.lock().phase = Phase::Broken;
        self.notifications.notify_all();
    }

    /// For how many tasks it is.
    pub fn parties(&self) -> usize {
        self.parties
    }

    /// How many wait for others to come; 0 while it drains.
    pub fn n_waiting(&self) -> usize {
        let state = self.state.lock();
        if state.phase == Phase::Filling { state.count } else { 0 }
    }

    /// Whether it was aborted: `broken`.
    pub fn is_broken(&self) -> bool {
        self.phase() == Phase::Broken
    }

    fn phase(&self) -> Phase {
        self.state.lock().phase
    }

    fn acquire(&self) -> LockGuard<'_> {
        self.lock.acquiring_as("Barrier").wait()
    }

    fn wait_while(&self, is_so: impl Fn(Phase) -> bool) {
        while is_so(self.phase()) {
            self.notifications.wait_elsewhere(&self.lock, "Barrier", &Place(self));
        }
    }
}

/// A task that has come, and goes when this is dropped. It has the lock then.
struct Inside<'a>(&'a Barrier);

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        let mut state = self.0.state.lock();
        state.count -= 1;
        if state.count > 0 {
            return;
        }
        if matches!(state.phase, Phase::Resetting | Phase::Draining) {
            state.phase = Phase::Filling;
        }
        drop(state);
        self.0.notifications.notify_all();
    }
}

impl fmt::Debug for Barrier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let State { phase, count } = *self.state.lock();
        let mut text = f.debug_struct("Barrier");
        text.field("phase", &phase).field("inside", &count).field("parties", &self.parties).finish()
    }
}

/// What a report says of it.
struct Place<'a>(&'a Barrier);

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Barrier { lock, parties, .. } = self.0;
        write!(f, "Barrier({}/{parties}) made at {}", self.0.state.lock().count, lock.made_at())
    }
}
