//! A mutex that tells when its own thread comes a second time, where std's would block for ever.

use std::ops::{Deref, DerefMut};
use std::ptr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::runtime::waker_cell::HoldWakers;

thread_local! {
    /// Its address is a number that no other living thread has.
    static HERE: u8 = const { 0 };
}

/// See the head of this file. A panic inside does not poison it.
#[derive(Debug, Default)]
pub struct Exclusive<T> {
    value: Mutex<T>,
    /// The thread that is inside, or 0. A thread writes its own number and 0 only, and does so while it is inside: so a thread
    /// that finds its own number is inside.
    inside: AtomicUsize,
}

/// Access to the value.
pub(super) struct Inside<'a, T> {
    value: MutexGuard<'a, T>,
    inside: &'a AtomicUsize,
    /// Goes last: wakers of futures are code of users too.
    _hold: HoldWakers,
}

impl<T> Exclusive<T> {
    /// Waits for other threads until it is free. Nothing where this thread is inside already.
    pub(super) fn enter(&self) -> Option<Inside<'_, T>> {
        let here = HERE.with(|here| ptr::from_ref(here).addr());
        if self.inside.load(Ordering::Relaxed) == here {
            return None;
        }
        let value = self.value.lock().unwrap_or_else(PoisonError::into_inner);
        self.inside.store(here, Ordering::Relaxed);
        Some(Inside { value, inside: &self.inside, _hold: HoldWakers::new() })
    }
}

impl<T> Drop for Inside<'_, T> {
    fn drop(&mut self) {
        // Before the mutex is released.
        self.inside.store(0, Ordering::Relaxed);
    }
}

impl<T> Deref for Inside<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T> DerefMut for Inside<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.value
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
    use std::thread;

    #[test]
    fn a_thread_is_told_when_it_is_inside_already_and_others_wait() {
        let count = Exclusive::<u32>::default();
        thread::scope(|s| {
            for _ in 0..2 {
                s.spawn(|| {
                    for _ in 0..500 {
                        let mut inside = count.enter().unwrap();
                        assert!(count.enter().is_none());
                        *inside += 1;
                    }
                });
            }
        });
        assert_eq!(*count.enter().unwrap(), 1000);
    }

    #[test]
    fn one_who_panics_inside_has_left_it() {
        let count = Exclusive::<u32>::default();
        let panics = || {
            let _inside = count.enter();
            resume_unwind(Box::new(()))
        };
        assert!(catch_unwind(AssertUnwindSafe(panics)).is_err());
        assert!(count.enter().is_some());
    }
}
