//! A wait inside of this layer that some callback ends: what asyncio makes a future for that nobody else sees.

use std::cell::Cell;
use std::fmt;
use std::rc::Rc;

use super::joining::Ended;
use crate::runtime::callback::Callback;
use crate::runtime::completion::Completion;
use crate::runtime::operation::Operation;
use crate::runtime::outcome::Outcome;
use crate::runtime::scheduler::{Scheduler, with_scheduler};
use crate::runtime::task::Failure;

/// Opens once. A task that is cancelled while it waits for that cancels it, as it would a future.
#[derive(Debug, Default)]
pub(super) struct Latch {
    completion: Completion,
    cancelled: Cell<bool>,
}

impl Latch {
    /// Lets the one that waits go on. Nothing where that has happened, or the wait was cancelled.
    pub(super) fn open(&self) {
        if !self.completion.is_done() {
            self.completion.complete(|| None);
        }
    }

    /// Waits until it is open. `what` says in reports for what, and has been done to the world when this begins.
    pub(super) fn wait(&self, what: &dyn Fn(&mut fmt::Formatter<'_>) -> fmt::Result) {
        Ended::doing("waits for", &Described { latch: self, what }).wait();
    }
}

struct Described<'a> {
    latch: &'a Latch,
    what: &'a dyn Fn(&mut fmt::Formatter<'_>) -> fmt::Result,
}

impl Outcome for Described<'_> {
    fn completion(&self) -> &Completion {
        &self.latch.completion
    }

    fn cancel(&self) -> bool {
        let pending = !self.latch.completion.is_done();
        if pending {
            self.latch.cancelled.set(true);
            self.latch.completion.complete(|| None);
        }
        pending
    }

    fn failure(&self) -> Option<Failure> {
        self.latch.cancelled.get().then_some(Failure::Cancelled)
    }

    fn note_observed(&self) {}

    fn describe(&self, _level: usize, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (self.what)(f)
    }
}

/// Calls `f` with the run that this thread is in. `what` needs it.
///
/// # Panics
///
/// Panics outside of a run.
pub(super) fn in_run<R>(what: &str, f: impl FnOnce(&Scheduler) -> R) -> R {
    with_scheduler(f).unwrap_or_else(|| panic!("cede: {what} works inside a run: call it inside cede::run"))
}

/// A function for the end of something. `what` needs it.
///
/// # Panics
///
/// Panics outside of a run.
pub(super) fn told(what: &str, call: impl FnOnce(Option<Failure>) + 'static) -> Rc<Callback> {
    in_run(what, |scheduler| Callback::told(scheduler, Box::new(call)))
}

/// Takes a callback back when it is dropped, wherever that is by then.
pub(super) struct Forget<'a> {
    pub(super) completion: &'a Completion,
    pub(super) callback: Rc<Callback>,
}

impl Drop for Forget<'_> {
    fn drop(&mut self) {
        self.completion.forget(&self.callback);
    }
}

/// Writes the names of those that have not ended: the first few, and how many more there are. `level`: see [`Outcome::describe`].
pub(super) fn name_pending<'a>(
    outcomes: impl Iterator<Item = &'a dyn Outcome>,
    level: usize,
    f: &mut fmt::Formatter<'_>,
) -> fmt::Result {
    const NAMED_MAX: usize = 8;
    let mut pending = outcomes.filter(|outcome| !outcome.completion().is_done());
    for (i, outcome) in pending.by_ref().take(NAMED_MAX).enumerate() {
        f.write_str(if i == 0 { "" } else { ", " })?;
        outcome.describe(level, f)?;
    }
    match pending.count() {
        0 => Ok(()),
        more => write!(f, " and {more} more"),
    }
}
