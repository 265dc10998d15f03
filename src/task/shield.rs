//! Waiting for something without cancelling it: `asyncio.shield`.
//!
//! The shield is a result of its own, which ends as the inner one does, one tick later, or is cancelled by itself. The value stays in
//! the inner one. Where that has ended before, it is the inner one that is waited for.

use std::cell::RefCell;
use std::fmt;
use std::panic::Location;
use std::rc::Rc;

use super::awaitable::{Awaitable, Sealed};
use super::join::JoinError;
use super::latch::told;
use super::member::Member;
use crate::runtime::callback::Callback;
use crate::runtime::completion::Completion;
use crate::runtime::outcome::{Outcome, OutcomeOf, call_at_end};
use crate::runtime::task::Failure;

/// Protects a result from the cancellation of those who wait for it: `asyncio.shield`.
///
/// A task that is cancelled while it joins the shield ends its wait; what is shielded goes on. A closure becomes a task.
///
/// Where Python warns that the inner task may be collected meanwhile, here the run owns it.
///
/// # Panics
///
/// Panics outside of a run, unless the inner one has ended.
///
/// # Examples
///
/// ```
/// use cede::task::shield;
/// use std::time::Duration;
///
/// let runner = cede::Runner::builder().virtual_time(true).build();
/// runner.run(|| {
///     let saving = cede::spawn(|| cede::sleep(Duration::from_secs(3)));
///     let shielded = cede::timeout(Duration::from_secs(1), || shield(&saving).join());
///     assert!(shielded.is_err());
///     assert!(saving.join().is_ok());
/// })?;
/// # Ok::<_, cede::RunError>(())
/// ```
#[track_caller]
pub fn shield<M: Member>(member: M) -> Shield<M::Value> {
    let inner = member.into_outcome(Location::caller());
    let outer = (!inner.completion().is_done()).then(|| {
        let outer = Rc::new(Outer::default());
        let ends = Rc::clone(&outer);
        let callback = told("shield", move |failure| {
            ends.end(failure);
        });
        call_at_end(&*inner, &callback);
        (outer, callback)
    });
    Shield { record: Rc::new(Record { inner, outer }) }
}

/// What [`shield`] gives: ends as what is shielded does, and may be cancelled by itself.
pub struct Shield<T> {
    record: Rc<Record<T>>,
}

struct Record<T> {
    inner: Rc<dyn OutcomeOf<T>>,
    /// None where the inner one had ended at the beginning. The callback waits for the end of the inner one.
    outer: Option<(Rc<Outer>, Rc<Callback>)>,
}

/// Knows nothing of the inner one, whose callback shares it.
#[derive(Default)]
struct Outer {
    completion: Completion,
    failure: RefCell<Option<Failure>>,
}

impl Outer {
    /// Gives false when it has ended before.
    fn end(&self, failure: Option<Failure>) -> bool {
        let pending = !self.completion.is_done();
        if pending {
            self.failure.replace(failure);
            self.completion.complete(|| self.failure.borrow().clone());
        }
        pending
    }
}

impl<T> Shield<T> {
    /// Waits for the end of what is shielded, and takes its value.
    ///
    /// # Errors
    ///
    /// As those of [`Awaitable::join`]; also when the shield was cancelled.
    ///
    /// # Cancellation
    ///
    /// Unwinds when the task is cancelled meanwhile. The shield is cancelled then, and what is shielded is not.
    ///
    /// # Panics
    ///
    /// Panics where a task may not wait, if it has to; see [`Operation::wait`](crate::Operation::wait).
    pub fn join(&self) -> Result<T, JoinError> {
        Awaitable::join(self)
    }
}

impl<T: 'static> Shield<T> {
    pub(super) fn record(&self) -> Rc<dyn OutcomeOf<T>> {
        self.record.clone()
    }
}

impl<T> fmt::Debug for Shield<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shield").field("finished", &self.is_finished()).finish_non_exhaustive()
    }
}

impl<T> Outcome for Record<T> {
    fn completion(&self) -> &Completion {
        match &self.outer {
            Some((outer, _)) => &outer.completion,
            None => self.inner.completion(),
        }
    }

    fn cancel(&self) -> bool {
        let Some((outer, callback)) = &self.outer else { return false };
        let cancelled = outer.end(Some(Failure::Cancelled));
        if cancelled {
            self.inner.completion().forget(callback);
        }
        cancelled
    }

    fn failure(&self) -> Option<Failure> {
        match &self.outer {
            Some((outer, _)) => outer.failure.borrow().clone(),
            None => self.inner.failure(),
        }
    }

    fn note_observed(&self) {
        // What goes on after the shield was cancelled is not seen through it.
        if self.inner.completion().is_done() {
            self.inner.note_observed();
        }
    }

    fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a shield of ")?;
        self.inner.describe(f)
    }
}

impl<T> OutcomeOf<T> for Record<T> {
    fn take(&self) -> Option<Result<T, Failure>> {
        if !self.completion().is_done() {
            return None;
        }
        match self.failure() {
            Some(failure) => Some(Err(failure)),
            None => self.inner.take(),
        }
    }

    fn put(&self, value: T) {
        self.inner.put(value);
    }
}

impl<T> Drop for Record<T> {
    fn drop(&mut self) {
        // Else something that goes on for long would collect what is left of all its shields.
        if let Some((outer, callback)) = &self.outer
            && !outer.completion.is_done()
            && outer.completion.is_unheeded()
        {
            self.inner.completion().forget(callback);
        }
    }
}

impl<T> Sealed<T> for Shield<T> {
    fn outcome_of(&self) -> &dyn OutcomeOf<T> {
        &*self.record
    }
}

impl<T> Awaitable for Shield<T> {
    type Output = T;
}
