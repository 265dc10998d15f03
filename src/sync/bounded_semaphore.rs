//! A semaphore that notices when a permit is released that nobody had: `asyncio.BoundedSemaphore`.

use std::fmt;
use std::panic::Location;

use thiserror::Error;

use super::semaphore::{AcquiringPermit, Permit, Permits};

/// More permits were released than acquired.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the semaphore was released more often than it was acquired")]
pub struct ReleasedTooOften;

/// A [`Semaphore`](super::Semaphore) that never has more permits than at first: `asyncio.BoundedSemaphore`.
///
/// # Examples
///
/// ```
/// use cede::sync::{BoundedSemaphore, ReleasedTooOften};
///
/// let tokens = BoundedSemaphore::new(1);
/// tokens.try_acquire().expect("one is free").forget();
/// assert!(tokens.try_acquire().is_none());
/// assert_eq!(tokens.release(), Ok(()));
/// assert_eq!(tokens.release(), Err(ReleasedTooOften));
/// ```
pub struct BoundedSemaphore {
    permits: Permits,
}

impl BoundedSemaphore {
    /// A semaphore with this many permits, now and at most.
    #[track_caller]
    pub const fn new(permits: usize) -> Self {
        BoundedSemaphore { permits: Permits::new(permits, true, Location::caller()) }
    }

    /// Takes a permit, and waits for one if there is none or others wait already.
    ///
    /// # Cancellation, panics
    ///
    /// As for [`Semaphore::acquire`](super::Semaphore::acquire).
    #[inline]
    pub fn acquire(&self) -> Permit<'_> {
        self.permits.acquire()
    }

    /// The operation behind [`acquire`](BoundedSemaphore::acquire), for `select!`.
    pub fn acquiring(&self) -> AcquiringPermit<'_> {
        self.permits.acquiring()
    }

    /// Takes a permit if there is one and nobody waits.
    #[inline]
    pub fn try_acquire(&self) -> Option<Permit<'_>> {
        self.permits.try_acquire()
    }

    /// Gives a permit back that was [forgotten](Permit::forget). The first who waits gets it.
    ///
    /// A permit that is dropped when all are back already adds none.
    ///
    /// # Errors
    ///
    /// When all are back already: Python's ValueError.
    #[inline]
    pub fn release(&self) -> Result<(), ReleasedTooOften> {
        self.permits.release()
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

impl fmt::Debug for BoundedSemaphore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.permits.fmt(f)
    }
}
