//! A lock, and those who wait until somebody who has it says that something has changed: `asyncio.Condition`.

use std::fmt;
use std::panic::Location;
use std::sync::Arc;

use super::lock::{AcquiringLock, Lock, LockGuard, NotAcquired};
use super::notified::Notifications;

/// A lock on which tasks wait until they are notified by whoever has it: `asyncio.Condition`.
///
/// For a value that a lock guards, [`Mutex`](super::Mutex) and [`Condvar`](super::Condvar) are the better pair. As in Python it is
/// asked only whether the lock is held, not whether it is held by this task.
///
/// # Examples
///
/// ```
/// use cede::sync::{Condition, NotAcquired};
/// use std::cell::Cell;
///
/// let (condition, loaves) = (Condition::new(), Cell::new(0));
/// cede::run(|| {
///     cede::try_scope(|s| {
///         s.try_spawn(|| {
///             let _held = condition.acquire();
///             condition.wait_for(|| loaves.get() > 0)?;
///             loaves.set(loaves.get() - 1);
///             Ok::<_, NotAcquired>(())
///         });
///         let _held = condition.acquire();
///         loaves.set(1);
///         condition.notify_all()
///     })
/// }).unwrap();
/// assert_eq!(loaves.get(), 0);
/// ```
pub struct Condition {
    lock: Arc<Lock>,
    notifications: Notifications,
    made_at: &'static Location<'static>,
}

impl Default for Condition {
    #[track_caller]
    fn default() -> Self {
        Condition::new()
    }
}

impl Condition {
    /// A condition with a lock of its own.
    #[track_caller]
    pub fn new() -> Self {
        Condition::with_lock(Arc::new(Lock::new()))
    }

    /// A condition on a lock that others may use as well: `Condition(lock)`.
    #[track_caller]
    pub fn with_lock(lock: Arc<Lock>) -> Self {
        Condition { lock, notifications: Notifications::new(), made_at: Location::caller() }
    }

    /// Its lock.
    pub fn lock(&self) -> &Arc<Lock> {
        &self.lock
    }

    /// Takes the lock; see [`Lock::acquire`].
    #[inline]
    pub fn acquire(&self) -> LockGuard<'_> {
        self.lock.acquire()
    }

    /// The operation behind [`acquire`](Condition::acquire), for `select!`.
    pub fn acquiring(&self) -> AcquiringLock<'_> {
        self.lock.acquiring()
    }

    /// Takes the lock if nobody has it; see [`Lock::try_acquire`].
    #[inline]
    pub fn try_acquire(&self) -> Option<LockGuard<'_>> {
        self.lock.try_acquire()
    }

    /// Releases the lock by hand; see [`Lock::release`].
    ///
    /// # Errors
    ///
    /// When nobody has it.
    #[inline]
    pub fn release(&self) -> Result<(), NotAcquired> {
        self.lock.release()
    }

    /// Whether somebody has the lock: `locked()`.
    pub fn is_locked(&self) -> bool {
        self.lock.is_locked()
    }

    /// Releases the lock, waits to be notified, and takes the lock again.
    ///
    /// What is waited for may have changed again before it has the lock, so it has to be looked at; [`wait_for`](Condition::wait_for) does.
    ///
    /// # Errors
    ///
    /// When nobody has the lock.
    ///
    /// # Cancellation
    ///
    /// Unwinds when the task is cancelled meanwhile, though not before it has the lock again, and notifies another task in case
    /// that a notification was for this one.
    ///
    /// # Panics
    ///
    /// Panics where a task may not wait; see [`Operation::wait`](crate::Operation::wait). The lock is then still held.
    pub fn wait(&self) -> Result<(), NotAcquired> {
        if !self.is_locked() {
            return Err(NotAcquired);
        }
        self.notifications.wait_elsewhere(&self.lock, "Lock", &Place(self));
        Ok(())
    }

    /// Waits until something is true. It is asked with the lock held, before the first wait too.
    ///
    /// # Errors
    ///
    /// When it is not true and nobody has the lock.
    ///
    /// # Cancellation, panics
    ///
    /// As for [`wait`](Condition::wait). Goes on with a panic of the function.
    pub fn wait_for(&self, mut is_true: impl FnMut() -> bool) -> Result<(), NotAcquired> {
        while !is_true() {
            self.wait()?;
        }
        Ok(())
    }

    /// Wakes the first so many who wait. They go on when they have got the lock.
    ///
    /// # Errors
    ///
    /// When nobody has the lock.
    pub fn notify(&self, number: usize) -> Result<(), NotAcquired> {
        if !self.is_locked() {
            return Err(NotAcquired);
        }
        self.notifications.notify(number);
        Ok(())
    }

    /// Wakes all who wait. They go on, one after the other, when they have got the lock.
    ///
    /// # Errors
    ///
    /// When nobody has the lock.
    pub fn notify_all(&self) -> Result<(), NotAcquired> {
        if !self.is_locked() {
            return Err(NotAcquired);
        }
        self.notifications.notify_all();
        Ok(())
    }
}

impl fmt::Debug for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let waiting = self.notifications.count_waiting();
        f.debug_struct("Condition").field("locked", &self.is_locked()).field("waiting", &waiting).finish()
    }
}

/// What a report says of it.
struct Place<'a>(&'a Condition);

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Condition made at {}", self.0.made_at)
    }
}
