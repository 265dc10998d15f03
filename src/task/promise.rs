//! A result that somebody else is going to give: `asyncio.Future`, as `create_future` makes it.
//!
//! The record is shared by all clones of the promise. Its value is in it until a `join` moves it out; a failure stays and is
//! copied. Nothing of users runs while it is borrowed.

use std::cell::{Cell, RefCell};
use std::error::Error;
use std::fmt;
use std::mem::needs_drop;
use std::panic::Location;
use std::rc::Rc;

use super::awaitable::{Awaitable, Sealed};
use super::join::JoinError;
use crate::coroutine;
use crate::runtime::completion::Completion;
use crate::runtime::outcome::{Outcome, OutcomeOf};
use crate::runtime::report;
use crate::runtime::task::{Failure, take_once};

/// The promise has its result already, or was cancelled. Gives back what was to be its result.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct InvalidState<T>(pub T);

impl<T> fmt::Debug for InvalidState<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("InvalidState(..)")
    }
}

impl<T> fmt::Display for InvalidState<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the promise has a result already, or was cancelled")
    }
}

impl<T> Error for InvalidState<T> {}

/// A result that somebody else is going to give: `asyncio.Future`. Clones share it.
///
/// Tasks wait for it by [`join`](Awaitable::join), as for another task, and see its result one tick after it was set.
/// Any code on the thread may set it, callbacks and code outside of the run included.
///
/// An error that is set, and that nobody has looked at when the last clone goes, is reported to the hook of
/// [`set_task_hook`](crate::set_task_hook).
///
/// # Cancellation
///
/// A task that is cancelled while it waits for a promise cancels the promise, as in asyncio: whoever else waits for it is told
/// so, and it can't be set any more. [`shield`](super::shield()) keeps it from that.
///
/// # Examples
///
/// ```
/// use cede::task::{Awaitable, Promise};
///
/// cede::run(|| {
///     let answer = Promise::new();
///     let teller = answer.clone();
///     cede::spawn(move || teller.set_result(42).unwrap());
///     assert_eq!(answer.join().unwrap(), 42);
/// });
/// ```
pub struct Promise<T> {
    record: Rc<Record<T>>,
}

/// See the head of this file.
struct Record<T> {
    completion: Completion,
    result: RefCell<Option<Result<T, Failure>>>,
    /// Somebody has looked at the result, or will.
    observed: Cell<bool>,
    made_at: &'static Location<'static>,
}

impl<T> Clone for Promise<T> {
    fn clone(&self) -> Self {
        Promise { record: Rc::clone(&self.record) }
    }
}

impl<T> fmt::Debug for Promise<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Promise")
            .field("finished", &self.record.completion.is_done())
            .field("made_at", &format_args!("{}", self.record.made_at))
            .finish()
    }
}

impl<T> Default for Promise<T> {
    #[track_caller]
    fn default() -> Self {
        Promise::new()
    }
}

impl<T> Promise<T> {
    /// A promise that nobody has kept yet.
    #[track_caller]
    pub fn new() -> Self {
        let record = Record {
            completion: Completion::new(),
            result: RefCell::new(None),
            observed: Cell::new(false),
            made_at: Location::caller(),
        };
        Promise { record: Rc::new(record) }
    }

    /// Waits for the result, and takes the value.
    ///
    /// # Errors, cancellation, panics
    ///
    /// As for [`Awaitable::join`].
    pub fn join(&self) -> Result<T, JoinError> {
        Awaitable::join(self)
    }

    /// Gives it its value, and wakes those who wait for that. Python's `set_result`.
    ///
    /// # Errors
    ///
    /// Gives the value back when it has a result already, or was cancelled.
    pub fn set_result(&self, value: T) -> Result<(), InvalidState<T>> {
        if self.record.completion.is_done() {
            return Err(InvalidState(value));
        }
        self.record.end(Ok(value));
        Ok(())
    }

    /// Ends it with an error, which each `join` gives. Python's `set_exception`.
    ///
    /// A [`JoinError`] that is set is what `join` gives, panics and cancellations included.
    ///
    /// # Errors
    ///
    /// Gives the error back when it has a result already, or was cancelled.
    pub fn set_error(&self, error: impl Into<Box<dyn Error>>) -> Result<(), InvalidState<Box<dyn Error>>> {
        // Code of users, which may set the promise in turn.
        let error = error.into();
        if self.record.completion.is_done() {
            return Err(InvalidState(error));
        }
        self.record.end(Err(match error.downcast::<JoinError>() {
            Ok(error) => error.into_failure(),
            Err(error) => Failure::Error(error.into()),
        }));
        Ok(())
    }
}

impl<T: 'static> Promise<T> {
    pub(super) fn record(&self) -> Rc<dyn OutcomeOf<T>> {
        self.record.clone()
    }
}

impl<T> Record<T> {
    /// It has not ended before.
    fn end(&self, result: Result<T, Failure>) {
        let nothing = self.result.replace(Some(result));
        debug_assert!(nothing.is_none(), "a promise is kept once");
        self.completion.complete(|| self.failure());
    }
}

impl<T> Outcome for Record<T> {
    fn completion(&self) -> &Completion {
        &self.completion
    }

    fn cancel(&self) -> bool {
        let pending = !self.completion.is_done();
        if pending {
            self.end(Err(Failure::Cancelled));
        }
        pending
    }

    fn failure(&self) -> Option<Failure> {
        self.result.borrow().as_ref()?.as_ref().err().cloned()
    }

    fn note_observed(&self) {
        self.observed.set(true);
    }

    fn describe(&self, _level: usize, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a promise made at {}", self.made_at)
    }
}

impl<T> OutcomeOf<T> for Record<T> {
    fn take(&self) -> Option<Result<T, Failure>> {
        take_once(&self.result)
    }

    fn put(&self, value: T) {
        self.result.replace(Some(Ok(value)));
    }
}

impl<T> Drop for Record<T> {
    fn drop(&mut self) {
        if !self.observed.get()
            && let Some(Err(failure)) = self.result.get_mut()
        {
            report::unobserved_outcome(format!("a promise made at {}", self.made_at), failure);
        }
        if needs_drop::<T>() {
            // As in a task: it may own another promise with such a value.
            let result = self.result.take();
            coroutine::grow_to_drop(|| drop(result));
        }
    }
}

impl<T> Sealed<T> for Promise<T> {
    fn outcome_of(&self) -> &dyn OutcomeOf<T> {
        &*self.record
    }

    fn shared(&self) -> Rc<dyn OutcomeOf<T>>
    where
        Self: 'static,
    {
        self.record.clone()
    }
}

impl<T> Awaitable for Promise<T> {
    type Output = T;
}
