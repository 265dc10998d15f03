//! Timeouts around any code: `asyncio.timeout`.
//!
//! A timeout that fires cancels the task, and turns the cancellation that comes out of the block into [`Elapsed`], but only
//! where it was the one that fired: it counts requests as asyncio does, so that timeouts nest and a
//! cancellation from outside stays one.

use std::cell::Cell;
use std::fmt;
use std::panic::{self, AssertUnwindSafe};
use std::rc::{Rc, Weak};
use std::time::{Duration, Instant};

use thiserror::Error;

use super::handle::TaskRef;
use crate::coroutine::Extent;
use crate::runtime::callback::Callback;
use crate::runtime::deadline;
use crate::runtime::park::CancelToken;
use crate::runtime::scheduler::{Scheduler, with_scheduler};
use crate::runtime::task::TaskKey;

/// The time was up before the block was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the time was up")]
pub struct Elapsed(());

impl Elapsed {
    pub(crate) const fn new() -> Self {
        Elapsed(())
    }
}

impl From<Elapsed> for std::io::Error {
    fn from(error: Elapsed) -> Self {
        std::io::Error::new(std::io::ErrorKind::TimedOut, error)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Active,
    Expiring,
    Expired,
    Finished,
}

impl State {
    fn text(self) -> &'static str {
        match self {
            State::Active => "is active",
            State::Expiring => "has fired and its block is being cancelled",
            State::Expired => "has fired",
            State::Finished => "is over, since its block was left",
        }
    }
}

struct Inner {
    task: TaskKey,
    state: Cell<State>,
    when: Cell<Option<Instant>>,
    /// Comes at the deadline.
    call: Cell<Option<Rc<Callback>>>,
    /// The run of the task.
    scheduler: Weak<Scheduler>,
}

/// The handle of a timeout; from [`timeout_with`]. May be cloned, and outlives its block.
#[derive(Clone)]
pub struct Timeout {
    inner: Rc<Inner>,
}

/// A timeout that has fired, or whose block was left, can't be moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the timeout {}, and can't be moved", .state.text())]
pub struct TimeoutOver {
    state: State,
}

impl TimeoutOver {
    /// Whether it has fired, and its block is being cancelled.
    pub fn is_expiring(&self) -> bool {
        self.state == State::Expiring
    }

    /// Whether it has fired, and its block has been left.
    pub fn is_expired(&self) -> bool {
        self.state == State::Expired
    }

    /// Whether its block was left before it could fire.
    pub fn is_finished(&self) -> bool {
        self.state == State::Finished
    }
}

impl fmt::Debug for Timeout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Timeout").field("when", &self.when()).field("expired", &self.expired()).finish()
    }
}

/// The time of the run.
fn now() -> Instant {
    with_scheduler(|scheduler| scheduler.clock.now()).unwrap_or_else(Instant::now)
}

impl Timeout {
    /// When it fires; `None`: never.
    pub fn when(&self) -> Option<Instant> {
        self.inner.when.get()
    }

    /// Whether it has fired.
    pub fn expired(&self) -> bool {
        matches!(self.inner.state.get(), State::Expiring | State::Expired)
    }

    /// Moves the deadline.
    ///
    /// # Errors
    ///
    /// When the timeout has fired or its block has been left.
    pub fn reschedule(&self, when: Option<Instant>) -> Result<(), TimeoutOver> {
        let state = self.inner.state.get();
        if state != State::Active {
            return Err(TimeoutOver { state });
        }
        self.inner.disarm();
        self.inner.when.set(when);
        if let Some(when) = when
            && let Some(scheduler) = self.inner.scheduler.upgrade()
        {
            let inner = Rc::clone(&self.inner);
            let call = Callback::new(&scheduler, Box::new(move || inner.fire()));
            if when <= scheduler.clock.now() {
                scheduler.call_soon(Rc::clone(&call));
            } else {
                scheduler.call_at(when, &call);
            }
            self.inner.call.set(Some(call));
        }
        Ok(())
    }
}

impl Inner {
    fn disarm(&self) {
        if let Some(call) = self.call.take() {
            call.cancel();
        }
    }

    fn fire(&self) {
        self.state.set(State::Expiring);
        with_scheduler(|scheduler| {
            scheduler.task(self.task).is_some_and(|task| scheduler.cancel(task.core()))
        });
    }
}

/// Runs `f`, and cancels it when it takes longer than this. [`Duration::MAX`] is for ever: it never fires.
///
/// The cancellation unwinds `f` from wherever it waits. A code path that must not pay for an unwind uses the timeouts
/// of single operations instead.
///
/// # Errors
///
/// [`Elapsed`] when the time was up and `f` was left by the cancellation. A value that `f` gives all the same is given.
///
/// # Cancellation
///
/// A cancellation from elsewhere goes through unchanged.
///
/// # Panics
///
/// Panics outside of a task. Goes on with panics of `f`.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// let runner = cede::Runner::builder().virtual_time(true).build();
/// runner.run(|| {
///     assert!(cede::timeout(Duration::from_secs(1), || cede::sleep(Duration::from_secs(2))).is_err());
///     assert_eq!(cede::timeout(Duration::from_secs(2), || "in time").unwrap(), "in time");
/// })?;
/// # Ok::<_, cede::RunError>(())
/// ```
pub fn timeout<T>(duration: Duration, f: impl FnOnce() -> T) -> Result<T, Elapsed> {
    timeout_with(deadline(now(), duration), |_| f())
}

/// The same, where there may be no limit.
pub(super) fn timeout_for<T>(limit: Option<Duration>, f: impl FnOnce() -> T) -> Result<T, Elapsed> {
    timeout_with(limit.and_then(|limit| deadline(now(), limit)), |_| f())
}

/// Runs `f`, and cancels it when it is not done at this moment of the run's time; see [`timeout`].
///
/// # Errors, cancellation, panics
///
/// As [`timeout`].
pub fn timeout_at<T>(when: Instant, f: impl FnOnce() -> T) -> Result<T, Elapsed> {
    timeout_with(Some(when), |_| f())
}

/// Like [`timeout_at`], with a handle that can move the deadline; `None` is no deadline yet.
///
/// # Errors, cancellation, panics
///
/// As [`timeout`].
pub fn timeout_with<T>(when: Option<Instant>, f: impl FnOnce(&Timeout) -> T) -> Result<T, Elapsed> {
    let Some(task) = TaskRef::current() else {
        panic!("cede: only a task can have a timeout: call this inside cede::run");
    };
    let requests_before = task.cancelling();
    let inner = Inner {
        task: task.key(),
        state: Cell::new(State::Active),
        when: Cell::new(None),
        call: Cell::new(None),
        scheduler: with_scheduler(Scheduler::downgrade).unwrap_or_default(),
    };
    let handle = Timeout { inner: Rc::new(inner) };
    handle.reschedule(when).expect("it is active");
    let extent = Extent::open();
    let result = panic::catch_unwind(AssertUnwindSafe(|| f(&handle)));
    drop(extent);
    handle.inner.disarm();
    let ours = if handle.inner.state.get() == State::Expiring {
        handle.inner.state.set(State::Expired);
        task.uncancel() <= requests_before
    } else {
        handle.inner.state.set(State::Finished);
        false
    };
    match result {
        Ok(value) => {
            if ours {
                // The block may have swallowed it, and it is taken back now: it must not come again.
                task.catch_cancellation();
            }
            Ok(value)
        }
        Err(payload) if ours && payload.is::<CancelToken>() && task.catch_cancellation() => {
            Err(Elapsed::new())
        }
        Err(payload) => panic::resume_unwind(payload),
    }
}
