//! A lock for a few words of state, that costs next to nothing as long as one thread uses it.
//!
//! What tasks share is mostly used by the tasks of one thread, and yet every type in `sync` may be used by
//! several. An atomic read-modify-write costs several times what a queue of one thread would: 8 ns on the machine where this
//! was measured, and a lock needs one to be taken at least. So the lock belongs to the first thread that takes it. The owner takes it
//! with plain loads and stores; the first other thread that comes ends that, once and for all:
//!
//! ```text
//!             first use: by thread T              thread U comes
//!   UNOWNED ───────────────────────▶ owner = T ──────────────────▶ SHARED
//!                                    T: busy = 1                   all: the mutex
//!                                    T: is owner still T?
//!                                    T: ..., busy = 0
//! ```
//!
//! The owner writes `busy`, then reads `owner`; who ends the ownership writes `owner`, then reads `busy`. Between its write and its read
//! each needs a full fence, or both could miss the other. The owner must not pay for one: the other thread has the
//! kernel put a fence into all threads of the process at that moment (`membarrier`). After it either the owner has seen
//! SHARED and takes the mutex, or `busy` tells that it is inside, and the other waits until it has come out.
//!
//! Where the system has no such call, the lock is SHARED from the beginning. So is it from the moment a visitor comes: a future that may
//! be polled anywhere, and whose waker is called when the lock is free again ([`WakerCell`](super::waker_cell::WakerCell)).
//!
//! Nothing of users runs or is dropped under it, nothing waits under it, and it is not entered twice by one thread.
//!
//! Source: Dice, Moir, Scherer, "Quickly Reacquirable Locks" (2003), and Dice, Huang, Yang, "Asymmetric Dekker
//! Synchronization" (2001). Rejected: a lock word of its own for each type (two atomic read-modify-writes for each pair of
//! operations, three times the cost of all else that a queue does); types for one thread beside types for several (two of everything).

use std::cell::{Cell, UnsafeCell};
use std::fmt;
use std::mem::ManuallyDrop;
use std::ops::{Deref, DerefMut};

use crate::atomics::{AtomicBool, AtomicU64, Entered, Mutex, MutexGuard, OneAtATime, Ordering, PoisonError};
use crate::atomics::{
    fence_all_threads, fence_this_thread, fences_are_to_be_had, hint, thread, thread_local,
};

use super::waker_cell;

/// Nobody has used it.
const UNOWNED: u64 = u64::MAX;
/// Several threads may use it.
const SHARED: u64 = u64::MAX - 1;
/// The number of a thread as long as it visits: it owns nothing then.
const VISITOR: u64 = u64::MAX - 2;

thread_local! {
    /// The number of the thread; 0 before it has one.
    static THREAD: Cell<u64> = const { Cell::new(0) };
}

/// See the head of this file. The words of the lock lie beside the first of the value, in one cache line if it comes to that.
#[repr(C)]
pub(crate) struct Guarded<T> {
    owner: AtomicU64,
    /// Held by whoever is inside once it is SHARED, and by who changes `owner`.
    mutex: Mutex<()>,
    /// The owner is inside. Only the owner writes it.
    busy: AtomicBool,
    inside: OneAtATime,
    value: UnsafeCell<T>,
}

// SAFETY: the value is reached through a `Guard` only, of which there is one at a time (see the head of this file); so it is
// handed from thread to thread, which `T: Send` allows.
unsafe impl<T: Send> Sync for Guarded<T> {}

/// Access to the value. Of one thread.
pub(crate) struct Guard<'a, T> {
    guarded: &'a Guarded<T>,
    /// The mutex where it is shared; else the owner is inside. Dropped by hand, so that the owner's way out is one store.
    mutex: ManuallyDrop<Option<MutexGuard<'a, ()>>>,
    inside: Entered,
}

impl<T> Guarded<T> {
    pub(crate) const fn new(value: T) -> Self {
        Guarded {
            owner: AtomicU64::new(UNOWNED),
            mutex: Mutex::new(()),
            busy: AtomicBool::new(false),
            inside: OneAtATime::new(),
            value: UnsafeCell::new(value),
        }
    }

    /// Takes the lock.
    #[inline(always)]
    pub(crate) fn lock(&self) -> Guard<'_, T> {
        let me = THREAD.get();
        if self.owner.load(Ordering::Relaxed) == me {
            debug_assert!(!self.busy.load(Ordering::Relaxed), "the lock is not entered twice");
            self.busy.store(true, Ordering::Relaxed);
            fence_this_thread();
            if self.owner.load(Ordering::Relaxed) == me {
                return self.enter(None);
            }
            self.busy.store(false, Ordering::Release);
        }
        self.lock_slowly()
    }

    /// The lock is this thread's.
    #[inline(always)]
    fn enter<'a>(&'a self, mutex: Option<MutexGuard<'a, ()>>) -> Guard<'a, T> {
        Guard { guarded: self, mutex: ManuallyDrop::new(mutex), inside: self.inside.enter() }
    }

    #[cold]
    #[inline(never)]
    fn lock_slowly(&self) -> Guard<'_, T> {
        let mutex = self.mutex.lock().unwrap_or_else(PoisonError::into_inner);
        match self.owner.load(Ordering::Relaxed) {
            SHARED => return Guard::shared(self, mutex),
            UNOWNED if THREAD.get() != VISITOR && fences_are_to_be_had() => {
                // Before the ownership is published, so that whoever ends it finds the owner inside.
                self.busy.store(true, Ordering::Relaxed);
                self.owner.store(this_thread(), Ordering::Release);
                return self.enter(None);
            }
            _ => {}
        }
        let had_owner = self.owner.swap(SHARED, Ordering::SeqCst) != UNOWNED;
        if had_owner {
            fence_all_threads();
            let mut turns = 0;
            while self.busy.load(Ordering::Acquire) {
                // A few instructions long, unless the owner has lost its processor inside.
                if turns < 100 {
                    hint::spin_loop()
                } else {
                    thread::yield_now()
                }
                turns += 1;
            }
        }
        Guard::shared(self, mutex)
    }
}

impl<'a, T> Guard<'a, T> {
    /// While it is held, who is woken on another thread is not notified: he would find the lock taken.
    fn shared(guarded: &'a Guarded<T>, mutex: MutexGuard<'a, ()>) -> Self {
        waker_cell::begin_deferring();
        guarded.enter(Some(mutex))
    }
}

/// Out of line, so that what the owner does is inlined. There is a mutex.
#[cold]
#[inline(never)]
fn unlock_shared(mutex: Option<MutexGuard<'_, ()>>) {
    drop(mutex);
    waker_cell::end_deferring();
}

impl<T> Drop for Guard<'_, T> {
    #[inline(always)]
    fn drop(&mut self) {
        self.guarded.inside.leave(&mut self.inside);
        if self.mutex.is_none() {
            self.guarded.busy.store(false, Ordering::Release);
        } else {
            // SAFETY: once, as the guard goes.
            unlock_shared(unsafe { ManuallyDrop::take(&mut self.mutex) });
        }
    }
}

impl<T> Deref for Guard<'_, T> {
    type Target = T;

    #[inline(always)]
    fn deref(&self) -> &T {
        // SAFETY: there is one guard at a time.
        unsafe { &*self.guarded.value.get() }
    }
}

impl<T> DerefMut for Guard<'_, T> {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: as above, and this borrows the guard mutably.
        unsafe { &mut *self.guarded.value.get() }
    }
}

impl<T> fmt::Debug for Guarded<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Guarded(..)")
    }
}

/// Calls `f`, in which each lock that is taken becomes a shared one.
pub(crate) fn visit<R>(f: impl FnOnce() -> R) -> R {
    struct Restore(u64);
    impl Drop for Restore {
        fn drop(&mut self) {
            THREAD.set(self.0);
        }
    }
    let _restore = Restore(THREAD.replace(VISITOR));
    f()
}

/// The number of this thread, which no other ever has.
#[cold]
pub(crate) fn this_thread() -> u64 {
    // It orders nothing, and so is no part of the models.
    static NEXT: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(1);
    THREAD.with(|thread| {
        if thread.get() == 0 {
            thread.set(NEXT.fetch_add(1, Ordering::Relaxed));
        }
        thread.get()
    })
}

#[cfg(all(test, cede_loom))]
mod models;

#[cfg(all(test, not(cede_loom)))]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::Barrier;

    #[test]
    fn the_first_thread_owns_it_until_another_comes() {
        let guarded = Arc::new(Guarded::new(0));
        *guarded.lock() += 1;
        assert_eq!(guarded.owner.load(Ordering::SeqCst), this_thread());
        let theirs = Arc::clone(&guarded);
        thread::spawn(move || *theirs.lock() += 1).join().unwrap();
        assert_eq!(guarded.owner.load(Ordering::SeqCst), SHARED);
        assert_eq!(*guarded.lock(), 2);
    }

    #[test]
    fn a_second_thread_waits_until_the_owner_has_come_out() {
        let guarded = Arc::new(Guarded::new(1));
        let inside = guarded.lock();
        let theirs = Arc::clone(&guarded);
        let thread = thread::spawn(move || *theirs.lock());
        while guarded.owner.load(Ordering::SeqCst) != SHARED {
            thread::yield_now();
        }
        let mut inside = inside;
        *inside = 2;
        drop(inside);
        assert_eq!(thread.join().unwrap(), 2);
    }

    #[test]
    fn nothing_is_lost_while_the_ownership_ends() {
        for _ in 0..2000 {
            let guarded = Arc::new(Guarded::new(0));
            let start = Arc::new(Barrier::new(2));
            let counts = [0, 1].map(|late| {
                let (guarded, start) = (Arc::clone(&guarded), Arc::clone(&start));
                thread::spawn(move || {
                    if late == 0 {
                        *guarded.lock() += 1;
                    }
                    start.wait();
                    for _ in 0..200 {
                        *guarded.lock() += 1;
                    }
                })
            });
            counts.into_iter().for_each(|thread| thread.join().unwrap());
            assert_eq!(*guarded.lock(), 401);
        }
    }
}
