//! loom's types with the interface of std's.
//!
//! - std's can be made in constants, loom's only inside a model. So each is made when it is first used, and loom wants that to
//!   happen before all else that is done with it: models use what they share once before they start threads.
//! - loom takes sequentially consistent accesses for weaker ones. Here each has a full fence before it, so that two such
//!   accesses of one thread are in order with two of another, which is what the machines need them for. An access of this
//!   kind that follows a weaker one is ordered with that too, which it need not be.
//! - loom may put a store between a swap and what the swap has replaced. So a store that is sequentially consistent is a swap
//!   here. It goes on with what the store before it has released, as no store does.
//! - Time does not pass. A wait with a timeout ends by a notification, or when the model says that the time is over
//!   ([`Condvar::expire`]).
//! - Reference counts (`Arc`) are std's: they are not part of the models.

pub(crate) mod deque;

use std::cell::Cell;
use std::sync::OnceLock as Once;
use std::sync::atomic::Ordering;
use std::sync::{LockResult, PoisonError};
use std::time::Duration;
use std::{fmt, ops};

use loom::cell::{MutPtr, UnsafeCell};

pub(crate) use loom::{hint, sync::atomic::fence};

/// What std has and a model has no need of.
pub(crate) mod thread {
    pub(crate) use loom::thread::{Builder, JoinHandle, Thread, ThreadId, current, yield_now};
    pub(crate) use std::thread::Result;

    /// Without end, so that a wake-up that is lost is a deadlock.
    pub(crate) fn park_timeout(_time: std::time::Duration) {
        loom::thread::park();
    }
}

/// The model has failed, and all that is left is to tell of it: destructors run without loom, which would fail in them again.
fn is_over() -> bool {
    std::thread::panicking()
}

/// The full fence before an access that is sequentially consistent.
fn fence_before(ordering: Ordering) {
    if ordering == Ordering::SeqCst && !is_over() {
        loom::sync::atomic::fence(Ordering::SeqCst);
    }
}

/// A variable of each thread of the model, and not of the one real thread that runs them all.
pub(crate) struct LocalKey<T: 'static> {
    modelled: &'static loom::thread::LocalKey<T>,
    first: fn() -> T,
}

impl<T> LocalKey<T> {
    pub(crate) const fn new(modelled: &'static loom::thread::LocalKey<T>, first: fn() -> T) -> Self {
        LocalKey { modelled, first }
    }

    pub(crate) fn with<R>(&'static self, f: impl FnOnce(&T) -> R) -> R {
        if is_over() { f(&(self.first)()) } else { self.modelled.with(f) }
    }
}

impl<T> LocalKey<Cell<T>> {
    pub(crate) fn get(&'static self) -> T
    where
        T: Copy,
    {
        self.with(Cell::get)
    }

    pub(crate) fn set(&'static self, value: T) {
        self.with(|cell| cell.set(value));
    }

    pub(crate) fn replace(&'static self, value: T) -> T {
        self.with(|cell| cell.replace(value))
    }
}

macro_rules! thread_locals {
    ($($(#[$attribute:meta])* static $name:ident: $type:ty = const { $first:expr };)*) => {$(
        $(#[$attribute])*
        static $name: $crate::atomics::LocalKey<$type> = {
            loom::thread_local! { static MODELLED: $type = $first; }
            $crate::atomics::LocalKey::new(&MODELLED, || $first)
        };
    )*};
}

pub(crate) use thread_locals as thread_local;

macro_rules! atomics {
    ($($name:ident: $value:ty { $($more:tt)* })*) => {$(
        #[derive(Default)]
        pub(crate) struct $name {
            made: Once<loom::sync::atomic::$name>,
            first: $value,
        }

        impl $name {
            pub(crate) const fn new(first: $value) -> Self {
                $name { made: Once::new(), first }
            }

            fn reach<R>(&self, over: R, f: impl FnOnce(&loom::sync::atomic::$name) -> R) -> R {
                if is_over() {
                    return over;
                }
                f(self.made.get_or_init(|| loom::sync::atomic::$name::new(self.first)))
            }

            $($more)*
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(stringify!($name))
            }
        }
    )*};
}

macro_rules! accesses {
    ($value:ty) => {
        pub(crate) fn load(&self, ordering: Ordering) -> $value {
            fence_before(ordering);
            self.reach(self.first, |atomic| atomic.load(ordering))
        }

        pub(crate) fn store(&self, value: $value, ordering: Ordering) {
            fence_before(ordering);
            self.reach((), |atomic| match ordering {
                Ordering::SeqCst => {
                    atomic.swap(value, ordering);
                }
                _ => atomic.store(value, ordering),
            })
        }

        pub(crate) fn get_mut(&mut self) -> &mut $value {
            // Who owns all of it may owe that to a reference count, which loom does not know: a swap gives what was stored last all the
            // same.
            self.first = self.swap(self.first, Ordering::SeqCst);
            self.made = Once::new();
            &mut self.first
        }

        /// Without failures for no reason, after which a loop only comes back.
        pub(crate) fn compare_exchange_weak(
            &self,
            current: $value,
            new: $value,
            success: Ordering,
            failure: Ordering,
        ) -> Result<$value, $value> {
            self.compare_exchange(current, new, success, failure)
        }

        pub(crate) fn swap(&self, value: $value, ordering: Ordering) -> $value {
            fence_before(ordering);
            self.reach(self.first, |atomic| atomic.swap(value, ordering))
        }

        pub(crate) fn compare_exchange(
            &self,
            current: $value,
            new: $value,
            success: Ordering,
            failure: Ordering,
        ) -> Result<$value, $value> {
            fence_before(success);
            self.reach(Err(self.first), |atomic| atomic.compare_exchange(current, new, success, failure))
        }
    };
}

macro_rules! counting {
    ($value:ty) => {
        pub(crate) fn fetch_add(&self, value: $value, ordering: Ordering) -> $value {
            fence_before(ordering);
            self.reach(self.first, |atomic| atomic.fetch_add(value, ordering))
        }

        pub(crate) fn fetch_sub(&self, value: $value, ordering: Ordering) -> $value {
            fence_before(ordering);
            self.reach(self.first, |atomic| atomic.fetch_sub(value, ordering))
        }

        pub(crate) fn fetch_and(&self, value: $value, ordering: Ordering) -> $value {
            fence_before(ordering);
            self.reach(self.first, |atomic| atomic.fetch_and(value, ordering))
        }

        pub(crate) fn fetch_or(&self, value: $value, ordering: Ordering) -> $value {
            fence_before(ordering);
            self.reach(self.first, |atomic| atomic.fetch_or(value, ordering))
        }
    };
}

atomics! {
    AtomicBool: bool { accesses!(bool); }
    AtomicU8: u8 { accesses!(u8); counting!(u8); }
    AtomicU32: u32 { accesses!(u32); counting!(u32); }
    AtomicU64: u64 { accesses!(u64); counting!(u64); }
    AtomicUsize: usize { accesses!(usize); counting!(usize); }
}

/// The value is beside loom's mutex and not in it, which could not be made before the first lock.
#[derive(Default)]
pub(crate) struct Mutex<T> {
    made: Once<loom::sync::Mutex<()>>,
    value: std::cell::UnsafeCell<T>,
}

// SAFETY: the value is reached by who has loom's mutex, and by who owns all of it.
unsafe impl<T: Send> Sync for Mutex<T> {}

pub(crate) struct MutexGuard<'a, T> {
    /// Nothing while its owner waits for a condition, and when the model is over.
    held: Option<loom::sync::MutexGuard<'a, ()>>,
    mutex: &'a Mutex<T>,
}

impl<T> Mutex<T> {
    pub(crate) const fn new(value: T) -> Self {
        Mutex { made: Once::new(), value: std::cell::UnsafeCell::new(value) }
    }

    pub(crate) fn lock(&self) -> LockResult<MutexGuard<'_, T>> {
        let lock = || self.made.get_or_init(|| loom::sync::Mutex::new(())).lock();
        let held = (!is_over()).then(|| lock().unwrap_or_else(PoisonError::into_inner));
        Ok(MutexGuard { held, mutex: self })
    }

    pub(crate) fn get_mut(&mut self) -> LockResult<&mut T> {
        Ok(self.value.get_mut())
    }
}

impl<T> ops::Deref for MutexGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: the guard has loom's mutex.
        unsafe { &*self.mutex.value.get() }
    }
}

impl<T> ops::DerefMut for MutexGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: as above, and this borrows the guard mutably.
        unsafe { &mut *self.mutex.value.get() }
    }
}

impl<T> fmt::Debug for Mutex<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Mutex(..)")
    }
}

/// Readers keep each other out too.
#[derive(Default)]
pub(crate) struct RwLock<T>(Mutex<T>);

pub(crate) type RwLockWriteGuard<'a, T> = MutexGuard<'a, T>;

impl<T> RwLock<T> {
    pub(crate) const fn new(value: T) -> Self {
        RwLock(Mutex::new(value))
    }

    pub(crate) fn read(&self) -> LockResult<MutexGuard<'_, T>> {
        self.0.lock()
    }

    pub(crate) fn write(&self) -> LockResult<MutexGuard<'_, T>> {
        self.0.lock()
    }
}

#[derive(Default)]
pub(crate) struct Condvar {
    made: Once<loom::sync::Condvar>,
    /// The time of all who wait is over. Only looked at and changed under the mutex.
    expired: std::sync::atomic::AtomicBool,
}

pub(crate) struct WaitTimeoutResult(bool);

impl WaitTimeoutResult {
    pub(crate) fn timed_out(&self) -> bool {
        self.0
    }
}

impl Condvar {
    pub(crate) const fn new() -> Self {
        Condvar { made: Once::new(), expired: std::sync::atomic::AtomicBool::new(false) }
    }

    fn get(&self) -> &loom::sync::Condvar {
        self.made.get_or_init(loom::sync::Condvar::new)
    }

    pub(crate) fn wait<'a, T>(&self, mut guard: MutexGuard<'a, T>) -> LockResult<MutexGuard<'a, T>> {
        let held = guard.held.take().expect("a guard holds its mutex");
        guard.held = Some(self.get().wait(held).unwrap_or_else(PoisonError::into_inner));
        Ok(guard)
    }

    pub(crate) fn wait_while<'a, T>(
        &self,
        mut guard: MutexGuard<'a, T>,
        mut condition: impl FnMut(&mut T) -> bool,
    ) -> LockResult<MutexGuard<'a, T>> {
        while condition(&mut guard) {
            guard = self.wait(guard).unwrap_or_else(PoisonError::into_inner);
        }
        Ok(guard)
    }

    pub(crate) fn wait_timeout<'a, T>(
        &self,
        guard: MutexGuard<'a, T>,
        _time: Duration,
    ) -> LockResult<(MutexGuard<'a, T>, WaitTimeoutResult)> {
        let expired = || self.expired.load(Ordering::Relaxed);
        if expired() {
            return Ok((guard, WaitTimeoutResult(true)));
        }
        let guard = self.wait(guard).unwrap_or_else(PoisonError::into_inner);
        Ok((guard, WaitTimeoutResult(expired())))
    }

    pub(crate) fn notify_one(&self) {
        if !is_over() {
            self.get().notify_one();
        }
    }

    pub(crate) fn notify_all(&self) {
        if !is_over() {
            self.get().notify_all();
        }
    }

    /// The time of all who wait is over, and of all who come.
    #[cfg(test)]
    pub(crate) fn expire<T>(&self, _guard: &MutexGuard<'_, T>) {
        self.expired.store(true, Ordering::Relaxed);
        self.get().notify_all();
    }
}

impl fmt::Debug for Condvar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Condvar")
    }
}

/// A cell that is written once, by threads that may come at the same time.
pub(crate) struct OnceLock<T> {
    set: AtomicBool,
    writers: Mutex<()>,
    place: OneAtATime,
    value: Once<T>,
}

impl<T> Default for OnceLock<T> {
    fn default() -> Self {
        OnceLock {
            set: AtomicBool::default(),
            writers: Mutex::default(),
            place: OneAtATime::default(),
            value: Once::new(),
        }
    }
}

impl<T> OnceLock<T> {
    pub(crate) fn get(&self) -> Option<&T> {
        if !self.set.load(Ordering::Acquire) {
            return None;
        }
        self.place.look();
        self.value.get()
    }

    pub(crate) fn set(&self, value: T) -> Result<(), T> {
        let _writing = self.writers.lock();
        let mut inside = self.place.enter();
        let result = self.value.set(value);
        self.place.leave(&mut inside);
        if result.is_ok() {
            self.set.store(true, Ordering::Release);
        }
        result
    }

    pub(crate) fn get_or_init(&self, make: impl FnOnce() -> T) -> &T {
        if self.get().is_none() {
            // Somebody else's is as good.
            let _ = self.set(make());
        }
        self.get().expect("it was set")
    }
}

impl<T> fmt::Debug for OnceLock<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OnceLock")
    }
}

/// A cell that loom watches: it sees who enters, and that nobody enters who has not seen what the one before has done.
#[derive(Default)]
pub(crate) struct OneAtATime(Once<UnsafeCell<()>>);

// SAFETY: there is nothing in it but what loom notes, on the one real thread that a model has.
unsafe impl Sync for OneAtATime {}

/// Inside, until it leaves.
pub(crate) struct Entered(Option<MutPtr<()>>);

impl OneAtATime {
    pub(crate) const fn new() -> Self {
        OneAtATime(Once::new())
    }

    fn get(&self) -> &UnsafeCell<()> {
        self.0.get_or_init(|| UnsafeCell::new(()))
    }

    pub(crate) fn enter(&self) -> Entered {
        Entered((!is_over()).then(|| self.get().get_mut()))
    }

    pub(crate) fn leave(&self, entered: &mut Entered) {
        entered.0 = None;
        // What was done inside was done until now, and not when it was entered.
        drop(self.enter());
    }

    pub(super) fn look(&self) {
        if !is_over() {
            self.get().with(|_| ());
        }
    }
}
