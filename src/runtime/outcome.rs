//! What has a result one day, without saying what it is: a task, a promise, a group of these.

use std::fmt;
use std::rc::Rc;

use super::callback::Callback;
use super::completion::Completion;
use super::task::{Failure, TaskCore};

/// The part without the type of the result.
pub trait Outcome {
    #[doc(hidden)]
    fn completion(&self) -> &Completion;

    /// Requests that it ends as cancelled. False when it has ended.
    #[doc(hidden)]
    fn cancel(&self) -> bool;

    /// Why there is no value, once it has ended, where there is none.
    #[doc(hidden)]
    fn failure(&self) -> Option<Failure>;

    /// Somebody looks at how it ended, or will.
    #[doc(hidden)]
    fn note_observed(&self);

    /// The task that it is, if it is one.
    #[doc(hidden)]
    fn task(&self) -> Option<&TaskCore> {
        None
    }

    /// What it is: "task 3 \"x\"".
    #[doc(hidden)]
    fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result;
}

/// Has a function called in the tick after the end; in the next one if it has ended.
pub(crate) fn call_at_end(outcome: &(impl Outcome + ?Sized), callback: &Rc<Callback>) {
    outcome.completion().call(Rc::clone(callback), || outcome.failure());
}

/// The part with the type.
pub trait OutcomeOf<T>: Outcome {
    /// How it ended: the value once, a failure each time. Nothing before it has ended, or when the value is gone.
    #[doc(hidden)]
    fn take(&self) -> Option<Result<T, Failure>>;

    /// Puts a value back that was taken.
    #[doc(hidden)]
    fn put(&self, value: T);
}
