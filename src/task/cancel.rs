//! Cancellation from the inside: catching it by name, cleaning up, and stretches that it must not interrupt.

use std::fmt;
use std::panic::{self, AssertUnwindSafe};

use super::handle::current_core;
use crate::coroutine::Extent;
use crate::runtime::park::{self, CancelToken};
use crate::runtime::scheduler::with_scheduler;
use crate::runtime::signals::Signals;
use crate::runtime::task::{TaskCore, TaskKey};

/// A cancellation that was caught; from [`catch_cancelled`].
///
/// Whoever catches one answers for it: resume it when the clean-up is done, or go on and let the task not be
/// cancelled.
#[must_use = "resume it, or say why the task goes on"]
pub struct Cancelled {
    token: Box<CancelToken>,
}

impl Cancelled {
    /// Ends the current task as one that is cancelled ends, from here: Python's `raise CancelledError`.
    ///
    /// Nobody has requested it, so nothing is counted: [`cancelling`](super::TaskHandle::cancelling) stays what it is. It may
    /// be caught like any other, and goes through [`no_cancel`].
    ///
    /// # Panics
    ///
    /// Panics outside of a task.
    ///
    /// # Examples
    ///
    /// ```
    /// use cede::Cancelled;
    ///
    /// cede::run(|| {
    ///     let task = cede::spawn(|| -> u32 { Cancelled::raise() });
    ///     assert!(task.join().unwrap_err().is_cancelled());
    ///     assert_eq!(task.cancelling(), 0);
    /// });
    /// ```
    pub fn raise() -> ! {
        if current_core(|_| ()).is_none() {
            panic!("cede: only a task can be cancelled: call this inside cede::run, not in a callback");
        }
        park::raise_cancellation()
    }

    /// Lets the cancellation go on.
    pub fn resume(self) -> ! {
        let ours = current_core(|core| self.token.is_for(core)).unwrap_or(false);
        if ours {
            park::raise_cancellation();
        }
        panic::resume_unwind(self.token)
    }
}

impl fmt::Debug for Cancelled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Cancelled")
    }
}

impl fmt::Display for Cancelled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the task was cancelled")
    }
}

impl std::error::Error for Cancelled {}

/// Runs `f`, and catches a cancellation of this task that comes out of it: Python's `except CancelledError`.
///
/// # Errors
///
/// The cancellation, if `f` was left by one.
///
/// # Panics
///
/// Goes on with panics of `f`.
///
/// # Examples
///
/// ```
/// cede::run(|| {
///     let task = cede::spawn(|| match cede::catch_cancelled(|| cede::sleep(std::time::Duration::MAX)) {
///         Ok(()) => unreachable!(),
///         Err(_) => "caught",
///     });
///     cede::yield_now();
///     task.cancel();
///     assert_eq!(task.join().unwrap(), "caught");
/// });
/// ```
pub fn catch_cancelled<T>(f: impl FnOnce() -> T) -> Result<T, Cancelled> {
    let payload = match panic::catch_unwind(AssertUnwindSafe(f)) {
        Ok(value) => return Ok(value),
        Err(payload) => payload,
    };
    let token = match payload.downcast::<CancelToken>() {
        Ok(token) => token,
        Err(payload) => panic::resume_unwind(payload),
    };
    let ours = current_core(|core| {
        let ours = token.is_for(core);
        if ours {
            core.signals.clear(Signals::UNWINDING);
        }
        ours
    });
    if ours == Some(true) { Err(Cancelled { token }) } else { panic::resume_unwind(token) }
}

/// Runs `f`, then `cleanup`, however `f` is left: by return, by a panic or by a cancellation, which then goes on.
///
/// Unlike a destructor, `cleanup` may wait: the unwind has been caught before it runs. It can be cancelled in its turn; use
/// [`no_cancel`] inside it where it must not be.
///
/// # Panics
///
/// Goes on with panics of `f`, or of `cleanup` where that panics.
///
/// # Examples
///
/// ```
/// use std::{cell::Cell, time::Duration};
///
/// let closed = Cell::new(false);
/// cede::run(|| {
///     cede::finally(|| (), || {
///         cede::sleep(Duration::from_millis(1));
///         closed.set(true);
///     })
/// });
/// assert!(closed.get());
/// ```
pub fn finally<T>(f: impl FnOnce() -> T, cleanup: impl FnOnce()) -> T {
    let result = panic::catch_unwind(AssertUnwindSafe(f));
    let unwinding = current_core(|core| core.signals.take(Signals::UNWINDING)).unwrap_or(false);
    cleanup();
    if unwinding {
        // Also where `f` has swallowed it and gave a value: it is delivered again.
        current_core(|core| core.signals.set(Signals::UNWINDING));
    }
    result.unwrap_or_else(|payload| panic::resume_unwind(payload))
}

/// Runs `f`, in which this task is not cancelled: requests wait until it is over, and are delivered at the next suspension
/// after it.
///
/// For stretches that an unwind must not cross, such as callbacks from C.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// cede::run(|| {
///     let task = cede::spawn(|| {
///         let done = cede::no_cancel(|| { cede::sleep(Duration::from_millis(1)); "written" });
///         assert_eq!(done, "written");
///         cede::yield_now();
///         unreachable!();
///     });
///     cede::yield_now();
///     task.cancel();
///     assert!(task.join().unwrap_err().is_cancelled());
/// });
/// ```
pub fn no_cancel<T>(f: impl FnOnce() -> T) -> T {
    let _open = Open::new(|core| &core.masked, Signals::MASKED);
    f()
}

/// Runs `f`, in which this task must not wait: a wait is then a panic that says so.
///
/// For stretches that must not be interleaved with other tasks, such as those that hold a `RefCell` borrow or a std lock.
///
/// # Panics
///
/// Panics when `f` wants to wait.
///
/// # Examples
///
/// ```
/// cede::run(|| {
///     let sum = cede::no_switch(|| 1 + 2);
///     assert_eq!(sum, 3);
///     let waited = std::panic::catch_unwind(|| cede::no_switch(cede::yield_now));
///     assert!(waited.is_err());
/// });
/// ```
pub fn no_switch<T>(f: impl FnOnce() -> T) -> T {
    let _open = Open::new(|core| &core.unswitchable, Signals::NO_SWITCH);
    f()
}

/// Counts an extent of the current task up, and down again when it is dropped: in that task, also where a context manager
/// that was entered in it is left in another.
struct Open {
    _extent: Extent,
    counter: fn(&TaskCore) -> &std::cell::Cell<u32>,
    /// Is set as long as any is open.
    signal: u8,
    task: Option<TaskKey>,
}

impl Open {
    fn new(counter: fn(&TaskCore) -> &std::cell::Cell<u32>, signal: u8) -> Self {
        let task = current_core(|core| {
            let count = counter(core);
            count.set(count.get() + 1);
            core.signals.set(signal);
            core.key.get()
        });
        Open { _extent: Extent::open(), counter, signal, task }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        let Some(key) = self.task else { return };
        if let Some(task) = with_scheduler(|scheduler| scheduler.task(key)).flatten() {
            let count = (self.counter)(task.core());
            count.set(count.get().saturating_sub(1));
            if count.get() == 0 {
                task.core().signals.clear(self.signal);
            }
        }
    }
}
