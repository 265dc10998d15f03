//! Functions that the run calls soon, or at a moment: `call_soon`, `call_later`, `call_at`.

use std::fmt;
use std::rc::Rc;
use std::time::{Duration, Instant};

use super::latch::in_run;
use crate::runtime::callback::Callback;
use crate::runtime::deadline;

/// Calls a function in the next tick. It is no task: it can't wait.
///
/// It may be taken back by the handle that this gives. A panic in it goes to the hook of
/// [`set_task_hook`](crate::set_task_hook).
///
/// # Panics
///
/// Panics outside of a run.
///
/// # Examples
///
/// ```
/// use std::{cell::Cell, rc::Rc};
///
/// cede::run(|| {
///     let called = Rc::new(Cell::new(false));
///     let flag = called.clone();
///     cede::call_soon(move || flag.set(true));
///     assert!(!called.get());
///     cede::yield_now();
///     assert!(called.get());
/// });
/// ```
pub fn call_soon(f: impl FnOnce() + 'static) -> CallHandle {
    in_run("call_soon", |scheduler| CallHandle { callback: scheduler.call_soon(Box::new(f)), when: None })
}

/// Calls a function after a while, which is not before the next tick: `loop.call_later`.
///
/// Like [`call_soon`] otherwise. [`Duration::MAX`] is for ever: it is never called.
///
/// # Panics
///
/// Panics outside of a run.
///
/// # Examples
///
/// ```
/// use cede::task::call_later;
/// use std::{cell::RefCell, rc::Rc, time::Duration};
///
/// let runner = cede::Runner::builder().virtual_time(true).build();
/// runner.run(|| {
///     let said = Rc::new(RefCell::new(Vec::new()));
///     for (seconds, word) in [(3, "three"), (1, "one"), (2, "two")] {
///         let said = said.clone();
///         let call = call_later(Duration::from_secs(seconds), move || said.borrow_mut().push(word));
///         if word == "two" {
///             call.cancel();
///         }
///     }
///     cede::sleep(Duration::from_secs(4));
///     assert_eq!(*said.borrow(), ["one", "three"]);
/// })?;
/// # Ok::<_, cede::RunError>(())
/// ```
pub fn call_later(after: Duration, f: impl FnOnce() + 'static) -> CallHandle {
    in_run("call_later", |scheduler| match deadline(scheduler.clock.now(), after) {
        Some(when) => CallHandle { callback: scheduler.call_at(when, Box::new(f)), when: Some(when) },
        None => CallHandle { callback: Callback::new(scheduler, Box::new(f)), when: None },
    })
}

/// Calls a function at a moment of the run's time, which is not before the next tick: `loop.call_at`. See [`call_later`].
///
/// # Panics
///
/// Panics outside of a run.
pub fn call_at(when: Instant, f: impl FnOnce() + 'static) -> CallHandle {
    in_run("call_at", |scheduler| CallHandle {
        callback: scheduler.call_at(when, Box::new(f)),
        when: Some(when),
    })
}

/// A call that is to come: `asyncio.Handle` and `TimerHandle`. Dropping it leaves the call alone.
pub struct CallHandle {
    callback: Rc<Callback>,
    when: Option<Instant>,
}

impl CallHandle {
    /// Takes the call back, and drops its function. Nothing happens where it was called already.
    pub fn cancel(&self) {
        self.callback.cancel();
    }

    /// Whether it was taken back.
    pub fn is_cancelled(&self) -> bool {
        self.callback.is_cancelled()
    }

    /// When the call is due, if it has a time.
    pub fn when(&self) -> Option<Instant> {
        self.when
    }
}

impl fmt::Debug for CallHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallHandle")
            .field("when", &self.when)
            .field("cancelled", &self.is_cancelled())
            .finish()
    }
}
