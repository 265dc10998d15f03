//! What can be waited for.

use std::fmt;
use std::pin::{Pin, pin};

use super::park;
use super::waiter::Waiter;

/// Something that a task can wait for: a message, a lock, a readable stream, the end of another task.
///
/// Each blocking verb of cede is an operation that is waited for at once; the operation itself is what
/// `select!` and `race` take, which wait for several without spawning anything. An operation
/// that was not waited for, or that lost a race, has had no effect. Sealed: cede's own types are the only ones.
///
/// # Examples
///
/// ```
/// use cede::{Operation, time::after};
/// use std::time::Duration;
///
/// cede::run(|| after(Duration::from_millis(1)).wait());
/// ```
pub trait Operation: sealed::Sealed {
    /// What it gives.
    type Output;

    /// Completes now if it can.
    #[doc(hidden)]
    fn attempt(self: Pin<&mut Self>) -> Option<Self::Output>;

    /// Arranges that the task is woken when `attempt` may succeed. Called again after each wake-up that
    /// came to nothing. Where something has come since `attempt`, wakes the task all the same.
    #[doc(hidden)]
    fn register(self: Pin<&mut Self>, waiter: Waiter);

    /// Both, in a row: registers where it can't complete, unless `waiter` gives nobody who may wait. An operation that takes a lock for
    /// each does them under one. `waiter` only looks at the task, and may be called under a lock.
    #[doc(hidden)]
    #[inline(always)]
    fn begin(mut self: Pin<&mut Self>, waiter: impl FnOnce() -> Option<Waiter>) -> Begun<Self::Output>
    where
        Self: Sized,
    {
        if let Some(output) = self.as_mut().attempt() {
            return Begun::Complete(output);
        }
        let Some(waiter) = waiter() else { return Begun::Refused };
        park::register(self, waiter);
        Begun::Registered
    }

    /// Takes back what `register` has arranged, and hands a wake-up that came meanwhile and was not used on to the
    /// next who waits. Called after each `register`, also where that or `attempt` was left by an unwind.
    #[doc(hidden)]
    fn withdraw(self: Pin<&mut Self>);

    /// The task that waits is being cancelled. On its thread.
    #[doc(hidden)]
    fn cancel(&self) -> CancelWait {
        CancelWait::Unwind
    }

    /// Whether only this thread, its timers and its I/O can end the wait. What other threads can end is no deadlock.
    #[doc(hidden)]
    fn is_local(&self) -> bool {
        true
    }

    /// What the task does, as a verb with an object: for reports.
    #[doc(hidden)]
    fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result;

    /// Waits until it is complete.
    ///
    /// # Cancellation
    ///
    /// Unwinds when the task is cancelled meanwhile; the operation has then had no effect.
    ///
    /// # Panics
    ///
    /// Panics where a task may not wait: outside of a run, inside `no_switch`, and while the
    /// thread is unwinding.
    #[inline(always)]
    fn wait(self) -> Self::Output
    where
        Self: Sized,
    {
        park::wait(pin!(self))
    }
}

/// How an operation began.
#[doc(hidden)]
#[derive(Debug)]
#[must_use]
pub enum Begun<T> {
    /// It did not have to wait.
    Complete(T),
    /// It is to be waited for, and withdrawn.
    Registered,
    /// It would have to wait, and nobody may.
    Refused,
}

/// What becomes of a wait whose task is being cancelled.
#[doc(hidden)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum CancelWait {
    /// It ends by an unwind.
    Unwind,
    /// What it waits for was cancelled instead, as a task that is joined is. The wait then ends by itself.
    HandedOn,
    /// What it waits for was cancelled, and has ended with that: the task has been woken if it was asleep.
    Ended,
    /// It was completed already, and a wake-up is on its way.
    TooLate,
}

pub(crate) mod sealed {
    /// Only cede's own types are operations.
    pub trait Sealed {}
}

/// The part of an operation that the scheduler needs while a task waits for it: no output.
pub(crate) trait Waiting {
    fn cancel(&self) -> CancelWait;
    fn is_local(&self) -> bool;
    fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result;
}

impl<O: Operation> Waiting for O {
    fn cancel(&self) -> CancelWait {
        Operation::cancel(self)
    }

    fn is_local(&self) -> bool {
        Operation::is_local(self)
    }

    fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Operation::describe(self, f)
    }
}
