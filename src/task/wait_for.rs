//! A wait with a limit: `asyncio.wait_for`.

use std::fmt;
use std::panic::Location;
use std::rc::Rc;
use std::time::Duration;

use super::awaitable::{Awaitable, Sealed, join};
use super::gather::{Gather, GatherResults};
use super::join::{JoinError, JoinHandle};
use super::latch::{Forget, Latch, told};
use super::member::End;
use super::members::Gathered;
use super::promise::Promise;
use super::scope::ScopedJoinHandle;
use super::shield::Shield;
use super::spawn::start;
use super::timeout::{Elapsed, timeout_for};
use crate::runtime::outcome::{Outcome, OutcomeOf, call_at_end};
use crate::runtime::park;

/// Waits for a handle, or runs a closure, and cancels it when it takes longer than this; `None` is no limit:
/// `asyncio.wait_for`.
///
/// A closure runs inside of this task, under a [`timeout`](super::timeout::timeout), and gives its value. Of a handle it gives what a
/// [`join`](Awaitable::join) gives; [`shield`](super::shield()) keeps what is behind it from being cancelled. Where no time is left
/// a closure is not run at all, and a handle that has not ended is cancelled and awaited.
///
/// # Errors
///
/// [`Elapsed`] when the time was up and the closure, or what the handle stands for, has ended by the cancellation. What gives a
/// value all the same has it given.
///
/// # Cancellation
///
/// Unwinds when the task is cancelled meanwhile, and cancels what it waits for.
///
/// # Panics
///
/// Panics where a task may not wait; see [`Operation::wait`](crate::Operation::wait). Goes on with panics of the closure.
///
/// # Examples
///
/// ```
/// use cede::task::{shield, wait_for};
/// use std::time::Duration;
///
/// let runner = cede::Runner::builder().virtual_time(true).build();
/// runner.run(|| {
///     let second = Some(Duration::from_secs(1));
///     let slow = || cede::sleep(Duration::from_secs(9));
///     assert_eq!(wait_for(second, || "at once").unwrap(), "at once");
///     assert!(wait_for(second, slow).is_err());
///     let task = cede::spawn(slow);
///     assert!(wait_for(second, shield(&task)).is_err());
///     assert!(wait_for(None, &task).unwrap().is_ok());
/// })?;
/// # Ok::<_, cede::RunError>(())
/// ```
#[track_caller]
pub fn wait_for<M: WaitFor>(limit: Option<Duration>, member: M) -> Result<M::Waited, Elapsed> {
    if let Some(refusal) = park::refusal() {
        panic!("cede: {refusal}");
    }
    member.within(limit, Location::caller())
}

/// What [`wait_for`] takes: a handle, by value or by reference, or a closure. Sealed.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is nothing to wait for",
    label = "neither a handle nor a closure without arguments"
)]
pub trait WaitFor {
    /// What it gives: the value of a closure; for a handle what its `join` gives.
    type Waited;

    #[doc(hidden)]
    fn within(
        self,
        limit: Option<Duration>,
        called_at: &'static Location<'static>,
    ) -> Result<Self::Waited, Elapsed>;
}

impl<T, F: FnOnce() -> T> WaitFor for F {
    type Waited = T;

    fn within(self, limit: Option<Duration>, called_at: &'static Location<'static>) -> Result<T, Elapsed> {
        if limit != Some(Duration::ZERO) {
            return timeout_for(limit, self);
        }
        drop(self);
        // asyncio makes a task of it, which is cancelled before its first step. One that is empty does as well.
        cancel_and_wait(&*start(None, called_at, || Ok(())));
        Err(Elapsed::new())
    }
}

macro_rules! handles {
    ($([$($parameter:tt)*] $Handle:ty;)+) => {$(
        impl<$($parameter)*> WaitFor for $Handle {
            type Waited = Result<<$Handle as Awaitable>::Output, JoinError>;

            fn within(
                self,
                limit: Option<Duration>,
                called_at: &'static Location<'static>,
            ) -> Result<Self::Waited, Elapsed> {
                <&$Handle>::within(&self, limit, called_at)
            }
        }

        impl<$($parameter)*> WaitFor for &$Handle {
            type Waited = Result<<$Handle as Awaitable>::Output, JoinError>;

            fn within(
                self,
                limit: Option<Duration>,
                _: &'static Location<'static>,
            ) -> Result<Self::Waited, Elapsed> {
                join_within(self.outcome_of(), limit)
            }
        }
    )+};
}

handles! {
    [T] JoinHandle<T>;
    ['scope, T] ScopedJoinHandle<'scope, T>;
    [T] Promise<T>;
    [V: Gathered] Gather<V>;
    [V: Gathered] GatherResults<V>;
    [T] Shield<T>;
    [] End;
}

fn join_within<T>(
    outcome: &dyn OutcomeOf<T>,
    limit: Option<Duration>,
) -> Result<Result<T, JoinError>, Elapsed> {
    if limit != Some(Duration::ZERO) {
        return timeout_for(limit, || join(outcome));
    }
    if outcome.completion().is_done() {
        return Ok(join(outcome));
    }
    cancel_and_wait(outcome);
    match join(outcome) {
        Err(error) if error.is_cancelled() => Err(Elapsed::new()),
        result => Ok(result),
    }
}

fn cancel_and_wait(outcome: &(impl Outcome + ?Sized)) {
    let latch = Rc::new(Latch::default());
    let opened = Rc::clone(&latch);
    let callback = told("wait_for", move |_| opened.open());
    call_at_end(outcome, &callback);
    let _forget = Forget { completion: outcome.completion(), callback };
    outcome.cancel();
    latch.wait(&|f: &mut fmt::Formatter<'_>| {
        f.write_str("the end of ")?;
        outcome.describe(0, f)?;
        f.write_str(", which it has cancelled")
    });
}
