//! Waiting for the end of something that has a result.

use std::cell::Cell;
use std::fmt;
use std::pin::Pin;
use std::ptr;
use std::rc::Rc;

use pin_project_lite::pin_project;

use super::join::JoinError;
use crate::coroutine;
use crate::runtime::operation::{CancelWait, Operation, sealed};
use crate::runtime::outcome::{Outcome, OutcomeOf};
use crate::runtime::park;
use crate::runtime::scheduler::with_scheduler;
use crate::runtime::wait_list::Node;
use crate::runtime::waiter::Waiter;

/// Why the current task can't wait for this: it is the task itself, or one of a run that does not go on meanwhile.
pub(super) fn refusal(outcome: &(impl Outcome + ?Sized)) -> Option<JoinError> {
    let task = outcome.task()?;
    with_scheduler(|here| {
        if here.current().is_some_and(|current| ptr::eq(current.as_ptr(), task)) {
            return Some(JoinError::itself());
        }
        // None where it has ended.
        let there = task.scheduler()?;
        (!ptr::eq(there, here)).then(JoinError::elsewhere)
    })?
}

/// Puts a value back after `f` has looked at it, also where that panics.
pub(super) fn put_back<T, R>(outcome: &dyn OutcomeOf<T>, value: T, f: impl FnOnce(&T) -> R) -> R {
    struct Put<'a, T>(&'a dyn OutcomeOf<T>, Option<T>);
    impl<T> Drop for Put<'_, T> {
        fn drop(&mut self) {
            if let Some(value) = self.1.take() {
                self.0.put(value);
            }
        }
    }
    let put = Put(outcome, Some(value));
    f(put.1.as_ref().expect("it is put back at the end"))
}

pin_project! {
    /// Waiting for the end, whatever that is.
    pub(super) struct Ended<'a, O: ?Sized> {
        outcome: &'a O,
        // What the task does meanwhile, for reports.
        verb: &'static str,
        #[pin]
        node: Node,
        // A cancellation of the one that waits was handed on.
        handed_on: Cell<bool>,
        // That is being done.
        handing_on: Cell<bool>,
    }
}

impl<'a, O: Outcome + ?Sized> Ended<'a, O> {
    pub(super) fn of(outcome: &'a O) -> Self {
        Ended::doing("joins", outcome)
    }

    pub(super) fn doing(verb: &'static str, outcome: &'a O) -> Self {
        let (handed_on, handing_on) = (Cell::new(false), Cell::new(false));
        Ended { outcome, verb, node: Node::default(), handed_on, handing_on }
    }
}

impl<O: Outcome + ?Sized> sealed::Sealed for Ended<'_, O> {}

impl<O: Outcome + ?Sized> Operation for Ended<'_, O> {
    type Output = ();

    fn attempt(self: Pin<&mut Self>) -> Option<()> {
        if !self.outcome.completion().is_done() {
            return None;
        }
        if self.handed_on.get() && self.outcome.failure().is_some_and(|failure| failure.is_cancelled()) {
            park::raise_cancellation();
        }
        Some(())
    }

    fn register(self: Pin<&mut Self>, waiter: Waiter) {
        let this = self.project();
        this.outcome.completion().link(this.node.as_ref(), waiter);
    }

    fn withdraw(self: Pin<&mut Self>) {
        self.outcome.completion().unlink(&self.node);
    }

    fn cancel(&self) -> CancelWait {
        if self.handing_on.replace(true) {
            // Tasks that join each other in a ring: it has come round, and this wait is the one that ends.
            return CancelWait::Unwind;
        }
        // One level of calls for each task in a chain of joins, which may be long.
        let handed_on = coroutine::grow(|| self.outcome.cancel());
        self.handing_on.set(false);
        self.handed_on.set(handed_on);
        match handed_on {
            true if self.outcome.completion().is_done() => CancelWait::Ended,
            true => CancelWait::HandedOn,
            // It has ended, or is about to: a gather whose members have all ended.
            false => CancelWait::TooLate,
        }
    }

    fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ", self.verb)?;
        self.outcome.describe(0, f)
    }
}

pin_project! {
    /// The operation of [`Awaitable::join`](super::Awaitable::join).
    pub struct Joining<'a, T> {
        #[pin]
        ended: Ended<'a, dyn OutcomeOf<T> + 'a>,
    }
}

impl<T> fmt::Debug for Joining<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Joining").finish_non_exhaustive()
    }
}

impl<'a, T> Joining<'a, T> {
    pub(super) fn of(outcome: &'a dyn OutcomeOf<T>) -> Self {
        Joining { ended: Ended::of(outcome) }
    }
}

/// How it ended, which it has.
fn take<T>(outcome: &dyn OutcomeOf<T>) -> Result<T, JoinError> {
    outcome.note_observed();
    match outcome.take() {
        Some(Ok(value)) => Ok(value),
        Some(Err(failure)) => Err(JoinError::from_failure(failure)),
        None => Err(JoinError::taken()),
    }
}

impl<T> sealed::Sealed for Joining<'_, T> {}

impl<T> Operation for Joining<'_, T> {
    type Output = Result<T, JoinError>;

    fn attempt(self: Pin<&mut Self>) -> Option<Self::Output> {
        let outcome = self.ended.outcome;
        if let Some(error) = refusal(outcome) {
            return Some(Err(error));
        }
        self.project().ended.attempt()?;
        Some(take(outcome))
    }

    fn register(self: Pin<&mut Self>, waiter: Waiter) {
        self.project().ended.register(waiter);
    }

    fn withdraw(self: Pin<&mut Self>) {
        self.project().ended.withdraw();
    }

    fn cancel(&self) -> CancelWait {
        self.ended.cancel()
    }

    fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.ended.describe(f)
    }
}

pin_project! {
    /// The operation of joining a task whose handle nobody keeps: what a [`JoinHandle`](super::JoinHandle) is when it is
    /// awaited.
    pub struct OwnedJoining<T> {
        outcome: Rc<dyn OutcomeOf<T>>,
        #[pin]
        node: Node,
    }
}

impl<T> OwnedJoining<T> {
    pub(super) fn of(outcome: Rc<dyn OutcomeOf<T>>) -> Self {
        OwnedJoining { outcome, node: Node::default() }
    }
}

impl<T> fmt::Debug for OwnedJoining<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OwnedJoining").finish_non_exhaustive()
    }
}

impl<T> sealed::Sealed for OwnedJoining<T> {}

impl<T> Operation for OwnedJoining<T> {
    type Output = Result<T, JoinError>;

    fn attempt(self: Pin<&mut Self>) -> Option<Self::Output> {
        if let Some(error) = refusal(&*self.outcome) {
            return Some(Err(error));
        }
        self.outcome.completion().is_done().then(|| take(&*self.outcome))
    }

    fn register(self: Pin<&mut Self>, waiter: Waiter) {
        let this = self.project();
        this.outcome.completion().link(this.node.as_ref(), waiter);
    }

    fn withdraw(self: Pin<&mut Self>) {
        self.outcome.completion().unlink(&self.node);
    }

    fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("joins ")?;
        self.outcome.describe(0, f)
    }
}
