//! The atomics, locks and threads of the machines that threads share: std's, or those of a model checker.
//!
//! Under `cfg(cede_loom)` the same names are loom's, and `.ci/loom` checks the models of these machines (the modules named
//! `models`): it runs them in every order that their threads can come in, within a bound, with every value that the memory model
//! lets a load see. What is modelled is the code itself. Whoever imports these from here instead of from std is part of a
//! model; whatever else the crate has is not, and goes on using std's.
//!
//! Some things are here that std does not have, since a model has to know of them: the fences of which one side costs
//! nothing (`fences`), and what it is to watch ([`OneAtATime`], [`Place`]).
//!
//! The switch is a `cfg` of its own, and not the usual `cfg(loom)`, which other crates react to.

mod fences;
#[cfg(cede_loom)]
mod modelled;

pub(crate) use fences::{fence_all_threads, fence_this_thread, fences_are_to_be_had};
#[cfg(cede_loom)]
pub(crate) use modelled::{
    AtomicBool, AtomicU8, AtomicU32, AtomicU64, AtomicUsize, Condvar, Entered, LocalKey, Mutex, MutexGuard,
    OnceLock, OneAtATime, RwLock, RwLockWriteGuard, deque, fence, hint, thread, thread_local,
};

use std::cell::UnsafeCell;

pub(crate) use std::sync::PoisonError;
pub(crate) use std::sync::atomic::Ordering;
#[cfg(not(cede_loom))]
pub(crate) use std::{
    hint,
    sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, AtomicUsize, fence},
    sync::{Condvar, Mutex, MutexGuard, OnceLock, RwLock, RwLockWriteGuard},
    thread, thread_local,
};

#[cfg(not(cede_loom))]
pub(crate) use crossbeam_deque as deque;

/// What one thread at a time may be inside of, by the word of some lock: a model sees where that does not hold, or where one does
/// not see what the one before has written. Otherwise it is nothing.
#[cfg(not(cede_loom))]
pub(crate) struct OneAtATime;

/// Inside.
#[cfg(not(cede_loom))]
pub(crate) struct Entered;

#[cfg(not(cede_loom))]
impl OneAtATime {
    pub(crate) const fn new() -> Self {
        OneAtATime
    }

    #[inline(always)]
    pub(crate) fn enter(&self) -> Entered {
        Entered
    }

    #[inline(always)]
    pub(crate) fn leave(&self, _entered: &mut Entered) {}

    #[inline(always)]
    fn look(&self) {}
}

/// An `UnsafeCell` whose uses a model sees: each that may come at the same time as another, or does not see what one before it has
/// done. It is used at once when it is asked for, before anything that other threads could see.
pub(crate) struct Place<T> {
    seen: OneAtATime,
    value: UnsafeCell<T>,
}

impl<T> Place<T> {
    pub(crate) const fn new(value: T) -> Self {
        Place { seen: OneAtATime::new(), value: UnsafeCell::new(value) }
    }

    /// For reading.
    #[inline(always)]
    pub(crate) fn to_read(&self) -> *const T {
        self.seen.look();
        self.value.get()
    }

    /// For all else.
    #[inline(always)]
    pub(crate) fn to_write(&self) -> *mut T {
        let mut entered = self.seen.enter();
        self.seen.leave(&mut entered);
        self.value.get()
    }

    pub(crate) fn get_mut(&mut self) -> &mut T {
        self.value.get_mut()
    }
}
