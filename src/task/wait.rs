//! Waiting for the first of several results, the first error, or all: `asyncio.wait`.

use std::cell::Cell;
use std::collections::HashSet;
use std::fmt;
use std::ptr;
use std::rc::Rc;
use std::time::Duration;

use super::alarm::Alarm;
use super::awaitable::Awaitable;
use super::latch::{Latch, name_pending, told};
use crate::runtime::callback::Callback;
use crate::runtime::outcome::{Outcome, call_at_end};
use crate::runtime::park;
use crate::runtime::task::Failure;

/// When [`wait`] is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ReturnWhen {
    /// When the first has ended.
    FirstCompleted,
    /// When the first has ended with an error; else as the following. A cancellation is none.
    FirstException,
    /// When all have ended.
    #[default]
    AllCompleted,
}

/// What [`wait`] gives: what it was given, each in its order.
#[derive(Debug)]
#[non_exhaustive]
pub struct Waited<H> {
    /// Those that have ended.
    pub done: Vec<H>,
    /// Those that have not.
    pub pending: Vec<H>,
}

struct State {
    latch: Latch,
    when: ReturnWhen,
    /// How many have not ended.
    left: Cell<usize>,
    alarm: Alarm,
}

impl State {
    fn count(&self, failure: Option<&Failure>) {
        self.left.set(self.left.get() - 1);
        let failed = failure.is_some_and(|failure| !matches!(failure, Failure::Cancelled));
        let over = match self.when {
            ReturnWhen::FirstCompleted => true,
            ReturnWhen::FirstException => failed,
            ReturnWhen::AllCompleted => false,
        };
        if over || self.left.get() == 0 {
            self.alarm.cancel();
            self.latch.open();
        }
    }
}

/// Waits until the first, or the first error, or all have come, or the time is up: `asyncio.wait`. Cancels nothing.
///
/// Takes handles by value or by reference, and gives them back; those of different types by their [`End`](super::End)s. Also
/// where all have ended already it takes two ticks, as in asyncio. Where there is nothing to wait for it
/// returns at once, which is an error in Python.
///
/// # Cancellation
///
/// Unwinds when the task is cancelled meanwhile. What it waits for is left alone; handles that were given by value are dropped.
///
/// # Panics
///
/// Panics where a task may not wait; see [`Operation::wait`](crate::Operation::wait).
///
/// # Examples
///
/// ```
/// use cede::task::{ReturnWhen, wait};
/// use std::time::Duration;
///
/// let runner = cede::Runner::builder().virtual_time(true).build();
/// runner.run(|| {
///     let tasks = [3, 1, 2].map(|n| cede::spawn(move || cede::sleep(Duration::from_secs(n))));
///     let waited = wait(&tasks, ReturnWhen::FirstCompleted, None);
///     assert_eq!((waited.done.len(), waited.pending.len()), (1, 2));
///     let waited = wait(&tasks, ReturnWhen::AllCompleted, Some(Duration::from_millis(1500)));
///     assert_eq!(waited.pending.len(), 1);
/// })?;
/// # Ok::<_, cede::RunError>(())
/// ```
pub fn wait<H: Awaitable>(
    handles: impl IntoIterator<Item = H>,
    when: ReturnWhen,
    timeout: Option<Duration>,
) -> Waited<H> {
    let handles: Vec<H> = handles.into_iter().collect();
    if let Some(refusal) = park::refusal() {
        panic!("cede: {refusal}");
    }
    if !handles.is_empty() {
        wait_for_ends(&handles, when, timeout);
    }
    let (done, pending) = handles.into_iter().partition(|handle| handle.is_finished());
    Waited { done, pending }
}

/// The callbacks and the timer of a wait, which go when it is left.
struct Watch<'a> {
    state: Rc<State>,
    watched: Vec<(&'a dyn Outcome, Rc<Callback>)>,
}

impl Drop for Watch<'_> {
    fn drop(&mut self) {
        self.state.alarm.cancel();
        for (outcome, callback) in &self.watched {
            outcome.completion().forget(callback);
        }
    }
}

fn wait_for_ends<H: Awaitable>(handles: &[H], when: ReturnWhen, timeout: Option<Duration>) {
    let mut seen = HashSet::new();
    let outcomes = handles.iter().map(|handle| handle.outcome_of() as &dyn Outcome);
    let outcomes: Vec<_> =
        outcomes.filter(|outcome| seen.insert(ptr::from_ref(outcome.completion()))).collect();
    let state = Rc::new(State {
        latch: Latch::default(),
        when,
        left: Cell::new(outcomes.len()),
        alarm: Alarm::default(),
    });
    let mut watch = Watch { state: Rc::clone(&state), watched: Vec::new() };
    if let Some(timeout) = timeout {
        let rung = Rc::clone(&state);
        state.alarm.set(timeout, move || rung.latch.open());
    }
    for &outcome in &outcomes {
        let counted = Rc::clone(&state);
        let callback = told("wait", move |failure| counted.count(failure.as_ref()));
        call_at_end(outcome, &callback);
        watch.watched.push((outcome, callback));
    }
    state.latch.wait(&|f: &mut fmt::Formatter<'_>| {
        f.write_str(match when {
            ReturnWhen::FirstCompleted => "the first of ",
            ReturnWhen::FirstException => "the first error of ",
            ReturnWhen::AllCompleted => "all of ",
        })?;
        name_pending(outcomes.iter().copied(), 0, f)
    });
}
