//! Waiting for something without cancelling it: `asyncio.shield`.
//!
//! The shield is a result of its own, which ends as the inner one does, one tick later, or is cancelled by itself. The value stays in
//! the inner one, or, where that is a shield too, in what is behind all of them, which each knows: a value that is taken does not go
//! through a long chain of shields. Where the inner one has ended before, so has the shield.

use std::cell::RefCell;
use std::fmt;
use std::panic::Location;
use std::rc::Rc;

use super::awaitable::{Awaitable, Sealed};
use super::join::JoinError;
use super::latch::in_run;
use super::member::Member;
use crate::runtime::callback::{Callback, Listener};
use crate::runtime::completion::Completion;
use crate::runtime::outcome::{
    LEVELS_MAX, Outcome, OutcomeOf, Part, Released, call_at_end, note_parts_observed,
};
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
    let source = inner.shielded().unwrap_or_else(|| Rc::clone(&inner));
    let record = if inner.completion().is_done() {
        Record { source: Part::of(source), outer: Outer::ended(inner.failure()), watched: None }
    } else {
        let outer = Rc::new(Outer::default());
        let callback = in_run("shield", |scheduler| Callback::telling(scheduler, outer.clone()));
        call_at_end(&*inner, &callback);
        Record { source: Part::of(source), outer, watched: Some((Part::of(inner), callback)) }
    };
    Shield { record: Rc::new(record) }
}

/// What [`shield`] gives: ends as what is shielded does, and may be cancelled by itself.
pub struct Shield<T> {
    record: Rc<Record<T>>,
}

struct Record<T> {
    /// What has the value: no shield.
    source: Part<T>,
    outer: Rc<Outer>,
    /// The inner one, which may be a shield, and what waits for its end. None where it had ended at the beginning.
    watched: Option<(Part<T>, Rc<Callback>)>,
}

/// Knows nothing of the inner one, whose callback shares it.
#[derive(Default)]
struct Outer {
    completion: Completion,
    failure: RefCell<Option<Failure>>,
}

impl Outer {
    fn ended(failure: Option<Failure>) -> Rc<Self> {
        let outer = Outer::default();
        outer.end(failure);
        Rc::new(outer)
    }

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

impl Listener for Outer {
    fn completion(&self) -> &Completion {
        &self.completion
    }

    fn hear(&self, failure: Option<Failure>) {
        self.end(failure);
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

impl<T> Record<T> {
    /// Nobody has it any more, or it has ended: the inner one does not tell it of its end, unless there is somebody who is to hear of
    /// its own.
    fn leave(&self) {
        // Else something that goes on for long would collect what is left of all its shields.
        if let Some((inner, callback)) = &self.watched
            && !self.outer.completion.is_done()
            && self.outer.completion.is_unheeded()
        {
            inner.completion().forget(callback);
        }
    }
}

impl<T> Outcome for Record<T> {
    fn completion(&self) -> &Completion {
        &self.outer.completion
    }

    fn cancel(&self) -> bool {
        let Some((inner, callback)) = &self.watched else { return false };
        let cancelled = self.outer.end(Some(Failure::Cancelled));
        if cancelled {
            inner.completion().forget(callback);
        }
        cancelled
    }

    fn failure(&self) -> Option<Failure> {
        self.outer.failure.borrow().clone()
    }

    fn note_observed(&self) {
        note_parts_observed(self);
    }

    fn for_each_part<'a>(&'a self, f: &mut dyn FnMut(&'a dyn Outcome)) {
        // What goes on after the shield was cancelled is not seen through it.
        if self.source.completion().is_done() {
            f(&*self.source);
        }
    }

    fn release(&mut self, parts: &mut Released) {
        self.leave();
        self.source.release(parts);
        if let Some((mut inner, callback)) = self.watched.take() {
            inner.release(parts);
            drop(callback);
        }
    }

    fn describe(&self, level: usize, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if level == LEVELS_MAX {
            return f.write_str("a shield");
        }
        f.write_str("a shield of ")?;
        self.source.describe(level + 1, f)
    }
}

impl<T> OutcomeOf<T> for Record<T> {
    fn take(&self) -> Option<Result<T, Failure>> {
        if !self.completion().is_done() {
            return None;
        }
        match self.failure() {
            Some(failure) => Some(Err(failure)),
            None => self.source.take(),
        }
    }

    fn put(&self, value: T) {
        self.source.put(value);
    }

    fn shielded(&self) -> Option<Rc<dyn OutcomeOf<T>>> {
        Some(self.source.share())
    }
}

impl<T> Drop for Record<T> {
    fn drop(&mut self) {
        self.leave();
    }
}

impl<T> Sealed<T> for Shield<T> {
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

impl<T> Awaitable for Shield<T> {
    type Output = T;
}
