//! A value that one task at a time may use: std's `Mutex`, over a [`Lock`].
//!
//! The value is reached through a guard only, and a guard is there only while the lock is held: it is made where the lock was taken,
//! and releases it as it goes. Nobody else can release it, since the lock is not shown.

use std::cell::UnsafeCell;
use std::fmt;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};
use std::pin::{Pin, pin};

use pin_project_lite::pin_project;

use super::lock::{AcquiringLock, Lock, LockGuard};
use super::notified::Held;
use crate::runtime::operation::{CancelWait, Operation, sealed};
use crate::runtime::waiter::Waiter;

/// What the lock of a mutex is called in reports.
const NOUN: &str = "Mutex";

/// A value that one task at a time may use, with the shape of [`std::sync::Mutex`].
///
/// Tasks get it in the order in which they asked, and may wait while they have it. It is not poisoned: where a holder panics or is
/// cancelled the value stays as that has left it.
///
/// # Examples
///
/// ```
/// use cede::sync::Mutex;
///
/// let total = Mutex::new(0);
/// cede::run(|| {
///     cede::scope(|s| {
///         for i in 1..=10 {
///             let total = &total;
///             s.spawn(move || {
///                 let mut total = total.lock();
///                 let before = *total;
///                 cede::yield_now();
///                 *total = before + i;
///             });
///         }
///     })
/// }).unwrap();
/// assert_eq!(total.into_inner(), 55);
/// ```
pub struct Mutex<T: ?Sized> {
    lock: Lock,
    value: UnsafeCell<T>,
}

// SAFETY: only who holds the lock reaches the value, one at a time, and the lock orders what they do; so the value is handed from
// thread to thread, which `T: Send` allows.
unsafe impl<T: ?Sized + Send> Sync for Mutex<T> {}

impl<T> Mutex<T> {
    /// A mutex around a value.
    #[track_caller]
    pub const fn new(value: T) -> Self {
        Mutex { lock: Lock::new(), value: UnsafeCell::new(value) }
    }

    /// The value itself.
    pub fn into_inner(self) -> T {
        self.value.into_inner()
    }
}

impl<T: ?Sized> Mutex<T> {
    /// Takes the lock, and waits until it is this task's turn. It is released when the guard is dropped.
    ///
    /// # Cancellation
    ///
    /// Unwinds when the task is cancelled meanwhile; the lock is then not taken, and a turn that had come is the next one's.
    ///
    /// # Panics
    ///
    /// Panics where a task may not wait, if it has to; see [`Operation::wait`]. A task that locks what it has locked already waits for
    /// ever, which is a deadlock as any other.
    #[inline]
    pub fn lock(&self) -> MutexGuard<'_, T> {
        match self.try_lock() {
            Some(guard) => guard,
            None => self.guard(pin!(self.lock.acquiring_as(NOUN)).wait_in_place()),
        }
    }

    /// The operation behind [`lock`](Mutex::lock), for `select!`.
    pub fn locking(&self) -> Locking<'_, T> {
        Locking { mutex: self, acquiring: self.lock.acquiring_as(NOUN) }
    }

    /// Takes the lock if nobody has it, and nobody waits for it.
    #[inline]
    pub fn try_lock(&self) -> Option<MutexGuard<'_, T>> {
        Some(self.guard(self.lock.try_acquire()?))
    }

    /// Whether somebody has it.
    pub fn is_locked(&self) -> bool {
        self.lock.is_locked()
    }

    /// The value, which nobody else can reach.
    pub fn get_mut(&mut self) -> &mut T {
        self.value.get_mut()
    }

    #[inline(always)]
    fn guard<'a>(&'a self, held: LockGuard<'a>) -> MutexGuard<'a, T> {
        MutexGuard { mutex: self, held, _value: PhantomData }
    }
}

impl<T: Default> Default for Mutex<T> {
    #[track_caller]
    fn default() -> Self {
        Mutex::new(T::default())
    }
}

impl<T> From<T> for Mutex<T> {
    #[track_caller]
    fn from(value: T) -> Self {
        Mutex::new(value)
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for Mutex<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = f.debug_struct("Mutex");
        match self.try_lock() {
            Some(guard) => text.field("value", &&*guard).finish(),
            None => text.field("value", &format_args!("<locked>")).finish(),
        }
    }
}

/// The value of a [`Mutex`], for the one who has locked it. Releases the lock when it is dropped, also by an unwind; that never
/// waits.
#[must_use = "the mutex is unlocked when this is dropped"]
pub struct MutexGuard<'a, T: ?Sized> {
    mutex: &'a Mutex<T>,
    held: LockGuard<'a>,
    /// Whoever may share this shares the value.
    _value: PhantomData<&'a mut T>,
}

impl<'a, T: ?Sized> MutexGuard<'a, T> {
    /// For a wait that releases the lock and takes it again: `f` is given the guard's lock, and gives it back held.
    pub(super) fn while_released(self, f: impl FnOnce(Held<'a, LockGuard<'a>>) -> LockGuard<'a>) -> Self {
        let MutexGuard { mutex, held, .. } = self;
        mutex.guard(f(Held { lock: &mutex.lock, noun: NOUN, by: held }))
    }
}

impl<T: ?Sized> Deref for MutexGuard<'_, T> {
    type Target = T;

    #[inline(always)]
    fn deref(&self) -> &T {
        // SAFETY: the lock is held as long as this is there, and nobody else reaches the value meanwhile.
        unsafe { &*self.mutex.value.get() }
    }
}

impl<T: ?Sized> DerefMut for MutexGuard<'_, T> {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: as above, and this borrows the one guard mutably.
        unsafe { &mut *self.mutex.value.get() }
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for MutexGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<T: ?Sized + fmt::Display> fmt::Display for MutexGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

pin_project! {
    /// The operation of [`Mutex::lock`].
    #[must_use = "it does nothing unless it is waited for"]
    pub struct Locking<'a, T: ?Sized> {
        mutex: &'a Mutex<T>,
        #[pin]
        acquiring: AcquiringLock<'a>,
    }
}

impl<T: ?Sized> sealed::Sealed for Locking<'_, T> {}

impl<'a, T: ?Sized> Operation for Locking<'a, T> {
    type Output = MutexGuard<'a, T>;

    #[inline]
    fn attempt(self: Pin<&mut Self>) -> Option<MutexGuard<'a, T>> {
        let this = self.project();
        Some(this.mutex.guard(this.acquiring.attempt()?))
    }

    #[inline]
    fn register(self: Pin<&mut Self>, waiter: Waiter) {
        self.project().acquiring.register(waiter);
    }

    #[inline]
    fn withdraw(self: Pin<&mut Self>) {
        self.project().acquiring.withdraw();
    }

    fn cancel(&self) -> CancelWait {
        self.acquiring.cancel()
    }

    fn is_local(&self) -> bool {
        self.acquiring.is_local()
    }

    fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.acquiring.describe(f)
    }
}

impl<T: ?Sized> fmt::Debug for Locking<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Locking").finish_non_exhaustive()
    }
}
