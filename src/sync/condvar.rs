//! Waiting for a change of what a mutex guards: std's `Condvar`.

use std::fmt;
use std::panic::Location;
use std::time::Duration;

use super::mutex::MutexGuard;
use super::notified::{Ended, Notifications};
use crate::runtime::park;
use crate::time::now;

/// Whether a wait ended because its time was over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WaitTimeoutResult(bool);

impl WaitTimeoutResult {
    /// Whether the time was over before a notification came.
    pub fn timed_out(&self) -> bool {
        self.0
    }
}

/// Tasks wait here for a change of what a [`Mutex`](super::Mutex) guards, with the shape of [`std::sync::Condvar`].
///
/// It differs from [`Condition`](super::Condition), Python's, in that the lock belongs to the value and is given to each wait, and
/// in that it may be notified without the lock. Unlike std's it may be used with several mutexes.
///
/// # Examples
///
/// ```
/// use cede::sync::{Condvar, Mutex};
///
/// let (loaves, more) = (Mutex::new(0), Condvar::new());
/// cede::run(|| {
///     cede::scope(|s| {
///         s.spawn(|| {
///             let mut loaves = more.wait_while(loaves.lock(), |loaves| *loaves == 0);
///             *loaves -= 1;
///         });
///         *loaves.lock() += 2;
///         more.notify_one();
///     })
/// }).unwrap();
/// assert_eq!(loaves.into_inner(), 1);
/// ```
pub struct Condvar {
    notifications: Notifications,
    made_at: &'static Location<'static>,
}

impl Default for Condvar {
    #[track_caller]
    fn default() -> Self {
        Condvar::new()
    }
}

impl Condvar {
    /// One on which nobody waits.
    #[track_caller]
    pub const fn new() -> Self {
        Condvar { notifications: Notifications::new(), made_at: Location::caller() }
    }

    /// Releases the mutex, waits to be notified, and locks it again.
    ///
    /// What was so when it was notified may have changed before it has the mutex; [`wait_while`](Condvar::wait_while) looks again.
    ///
    /// # Cancellation
    ///
    /// Unwinds when the task is cancelled meanwhile, though not before it has locked the mutex again, which the unwind then releases.
    /// It notifies another task in case that a notification was for this one.
    ///
    /// # Panics
    ///
    /// Panics where a task may not wait; see [`Operation::wait`](crate::Operation::wait).
    pub fn wait<'a, T: ?Sized>(&self, guard: MutexGuard<'a, T>) -> MutexGuard<'a, T> {
        guard.while_released(|held| {
            let Ended { guard, cancelled, .. } = self.notifications.wait(held, &Place(self));
            if cancelled {
                park::raise_cancellation();
            }
            guard
        })
    }

    /// Waits as long as something is so. It is asked with the mutex locked, before the first wait too.
    ///
    /// # Cancellation, panics
    ///
    /// As for [`wait`](Condvar::wait). Goes on with a panic of the function.
    pub fn wait_while<'a, T: ?Sized>(
        &self,
        mut guard: MutexGuard<'a, T>,
        mut is_so: impl FnMut(&mut T) -> bool,
    ) -> MutexGuard<'a, T> {
        while is_so(&mut *guard) {
            guard = self.wait(guard);
        }
        guard
    }

    /// Releases the mutex, waits to be notified, though no longer than this, and locks it again, however long that takes.
    ///
    /// # Cancellation, panics
    ///
    /// As for [`wait`](Condvar::wait).
    ///
    /// # Examples
    ///
    /// ```
    /// use cede::sync::{Condvar, Mutex};
    /// use std::time::Duration;
    ///
    /// let runner = cede::Runner::builder().virtual_time(true).build();
    /// runner.run(|| {
    ///     let (value, changed) = (Mutex::new(1), Condvar::new());
    ///     let (value, result) = changed.wait_timeout(value.lock(), Duration::from_secs(60));
    ///     assert!(result.timed_out());
    ///     assert_eq!(*value, 1);
    /// })?;
    /// # Ok::<_, cede::RunError>(())
    /// ```
    pub fn wait_timeout<'a, T: ?Sized>(
        &self,
        guard: MutexGuard<'a, T>,
        limit: Duration,
    ) -> (MutexGuard<'a, T>, WaitTimeoutResult) {
        let mut result = WaitTimeoutResult(false);
        let guard = guard.while_released(|held| {
            let Ended { guard, cancelled, timed_out } =
                self.notifications.wait_timeout(held, &Place(self), limit);
            if cancelled {
                park::raise_cancellation();
            }
            result = WaitTimeoutResult(timed_out);
            guard
        });
        (guard, result)
    }

    /// Waits as long as something is so, though no longer than this on the whole. It is asked with the mutex locked, before the first wait
    /// and after the last one too: when it is not so, the wait has not timed out.
    ///
    /// # Cancellation, panics
    ///
    /// As for [`wait_while`](Condvar::wait_while).
    pub fn wait_timeout_while<'a, T: ?Sized>(
        &self,
        mut guard: MutexGuard<'a, T>,
        limit: Duration,
        mut is_so: impl FnMut(&mut T) -> bool,
    ) -> (MutexGuard<'a, T>, WaitTimeoutResult) {
        let begin = now();
        while is_so(&mut *guard) {
            // What is for ever stays that.
            let passed = if limit == Duration::MAX { Duration::ZERO } else { now() - begin };
            match limit.checked_sub(passed) {
                Some(left) if !left.is_zero() => guard = self.wait_timeout(guard, left).0,
                _ => return (guard, WaitTimeoutResult(true)),
            }
        }
        (guard, WaitTimeoutResult(false))
    }

    /// Wakes the first who waits.
    pub fn notify_one(&self) {
        self.notifications.notify(1);
    }

    /// Wakes all who wait. They go on, one after the other, when they have locked the mutex.
    pub fn notify_all(&self) {
        self.notifications.notify_all();
    }
}

impl fmt::Debug for Condvar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Condvar").field("waiting", &self.notifications.count_waiting()).finish()
    }
}

/// What a report says of it.
struct Place<'a>(&'a Condvar);

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Condvar made at {}", self.0.made_at)
    }
}
