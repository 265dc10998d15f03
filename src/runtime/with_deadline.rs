//! Waiting for an operation, but not for ever: how operations get their timeouts.
//!
//! The timer wakes the task as what it waits for does, so a timeout unwinds nothing and spawns nothing. What is there when the
//! task runs again is never called late: the operation is tried first, and only then is the timer looked at.

use std::fmt;
use std::pin::{Pin, pin};
use std::time::{Duration, Instant};

use super::clock::deadline;
use super::operation::{CancelWait, Operation, sealed};
use super::park;
use super::scheduler::{Action, with_scheduler};
use super::timers::TimerKey;
use super::waiter::Waiter;

/// Waits for an operation, for as long as this at most, counted from now. `None` when the time was over first: the operation
/// has then had no effect. With no time at all it is tried, and nothing waits.
///
/// # Panics
///
/// Panics where a task may not wait, if it has to; see [`Operation::wait`].
pub(crate) fn wait_within<O: Operation>(mut operation: Pin<&mut O>, limit: Duration) -> Option<O::Output> {
    if let Some(output) = operation.as_mut().attempt() {
        return Some(output);
    }
    if limit.is_zero() {
        return None;
    }
    let now = with_scheduler(|scheduler| scheduler.clock.now()).unwrap_or_else(Instant::now);
    park::wait_attempted(pin!(WithDeadline { operation, deadline: deadline(now, limit), timer: None }))
}

/// Waits for an operation that was attempted a moment ago, until a moment if there is one. `None` when that came first.
#[inline]
pub(crate) fn wait_until<O: Operation>(
    operation: Pin<&mut O>,
    deadline: Option<Instant>,
) -> Option<O::Output> {
    match deadline {
        None => Some(park::wait_attempted(operation)),
        deadline => park::wait_attempted(pin!(WithDeadline { operation, deadline, timer: None })),
    }
}

/// An operation that gives up when a moment has come.
struct WithDeadline<'a, O> {
    operation: Pin<&'a mut O>,
    /// None for what is for ever.
    deadline: Option<Instant>,
    /// As long as it is registered.
    timer: Option<TimerKey>,
}

impl<O: Operation> sealed::Sealed for WithDeadline<'_, O> {}

impl<O: Operation> Operation for WithDeadline<'_, O> {
    /// `None` when the time was over first.
    type Output = Option<O::Output>;

    fn attempt(mut self: Pin<&mut Self>) -> Option<Self::Output> {
        if let Some(output) = self.operation.as_mut().attempt() {
            return Some(Some(output));
        }
        let timer = self.timer?;
        let is_over = with_scheduler(|scheduler| !scheduler.timer_is_pending(timer)).unwrap_or(false);
        is_over.then_some(None)
    }

    fn register(mut self: Pin<&mut Self>, waiter: Waiter) {
        if let Some(deadline) = self.deadline {
            self.timer = with_scheduler(|scheduler| scheduler.set_timer(deadline, Action::wake(waiter)));
        }
        self.operation.as_mut().register(waiter);
    }

    fn withdraw(mut self: Pin<&mut Self>) {
        if let Some(timer) = self.timer.take() {
            with_scheduler(|scheduler| scheduler.cancel_timer(timer));
        }
        self.operation.as_mut().withdraw();
    }

    fn cancel(&self) -> CancelWait {
        self.operation.cancel()
    }

    fn is_local(&self) -> bool {
        self.operation.is_local()
    }

    fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.operation.describe(f)
    }
}
