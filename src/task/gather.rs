//! Several results as one: `asyncio.gather`.
//!
//! ```text
//!   handle ──▶ Record ──▶ children, which keep their values
//!                │
//!                ▼
//!             Progress ◀── callback in the list of each child
//! ```
//!
//! The callbacks know the progress alone, so that nothing goes round in a circle: a gather whose handle is gone lets go of its
//! children. Values stay in the children until the gather is joined, which takes them out of all, or leaves all.

use std::cell::{Cell, RefCell};
use std::collections::HashSet;
use std::fmt;
use std::panic::Location;
use std::ptr;
use std::rc::Rc;

use super::awaitable::{Awaitable, Sealed};
use super::join::JoinError;
use super::latch::{in_run, name_pending};
use super::members::{Gathered, Members};
use crate::coroutine;
use crate::runtime::callback::{Callback, Listener};
use crate::runtime::completion::Completion;
use crate::runtime::outcome::{LEVELS_MAX, Outcome, OutcomeOf, Released, call_at_end, note_parts_observed};
use crate::runtime::task::Failure;

/// Makes one result of several: `asyncio.gather`.
///
/// The members are handles, by value or by reference, or closures, which become tasks at once: in a `Vec`, an array or anything else that can be
/// iterated over, or in a tuple of up to eight, where they may be of different types. [`join`](Gather::join) gives the
/// values in the order of the members, as a `Vec` or a tuple. The first error ends the gather, and the other members go
/// on. Cancelling the gather, or a task that joins it, cancels all members.
///
/// Each value is moved out of its member when the gather is joined. So a member that was joined by somebody else meanwhile, or that is
/// in the gather twice, makes the join say [`is_already_taken`](JoinError::is_already_taken), and the other values stay where they are.
/// Values may be looked at one by one afterwards, where one of [`End`](super::End)s was gathered.
///
/// Where the tasks belong together and one's failure ought to end the others, [`scope`](crate::scope) is the better choice.
///
/// # Panics
///
/// Panics outside of a run, unless all members have ended.
///
/// # Examples
///
/// ```
/// use cede::task::gather;
///
/// cede::run(|| {
///     let (word, number) = gather((|| "word", || 1)).join()?;
///     assert_eq!((word, number), ("word", 1));
///     let squares = gather((1..4).map(|n| move || n * n)).join()?;
///     assert_eq!(squares, [1, 4, 9]);
///     Ok::<_, cede::JoinError>(())
/// }).unwrap();
/// ```
#[track_caller]
pub fn gather<K, M: Members<K>>(members: M) -> Gather<M::Values> {
    let made_at = Location::caller();
    Gather { record: Rc::new(Record::new(members.into_children(made_at), false, made_at)) }
}

/// Makes one result of several, of which each may be an error: `asyncio.gather` with `return_exceptions=True`.
///
/// Like [`gather`], but it ends when all members have, and the errors of members are part of its value: `Vec<Result<T, JoinError>>`, or a
/// tuple of results. A value that somebody else has taken is an error in its place.
///
/// # Panics
///
/// As [`gather`].
///
/// # Examples
///
/// ```
/// use cede::task::gather_results;
///
/// cede::run(|| {
///     let tasks = ["1", "x"].map(|text| cede::try_spawn(|| text.parse::<u32>()));
///     let results = gather_results(tasks).join().unwrap();
///     assert_eq!(*results[0].as_ref().unwrap(), 1);
///     assert!(results[1].is_err());
/// });
/// ```
#[track_caller]
pub fn gather_results<K, M: Members<K>>(members: M) -> GatherResults<M::Values> {
    let made_at = Location::caller();
    GatherResults {
        record: Rc::new(ResultsRecord(Record::new(members.into_children(made_at), true, made_at))),
    }
}

/// What [`gather`] gives: a result that is there when those of all members are. `V` is a `Vec` or a tuple of their values.
pub struct Gather<V: Gathered> {
    record: Rc<Record<V>>,
}

/// What [`gather_results`] gives. `V` is a `Vec` or a tuple of the members' values; its own is one of results.
pub struct GatherResults<V: Gathered> {
    record: Rc<ResultsRecord<V>>,
}

struct Record<V: Gathered> {
    progress: Rc<Progress>,
    children: V::Children,
    /// One for each child that had not ended, in their order, to take it back.
    callbacks: Vec<Option<Rc<Callback>>>,
    /// The values were moved out.
    taken: Cell<bool>,
    made_at: &'static Location<'static>,
}

struct ResultsRecord<V: Gathered>(Record<V>);

/// How far the children are.
struct Progress {
    completion: Completion,
    /// Set at the end.
    failure: RefCell<Option<Failure>>,
    /// How many different children have not been counted.
    left: Cell<usize>,
    /// The children were cancelled on behalf of the whole.
    requested: Cell<bool>,
    /// Errors of children are part of the result.
    keeps_errors: bool,
}

impl Listener for Progress {
    fn completion(&self) -> &Completion {
        &self.completion
    }

    fn hear(&self, failure: Option<Failure>) {
        self.left.set(self.left.get() - 1);
        if self.completion.is_done() {
            return;
        }
        match failure {
            // The whole was not cancelled itself.
            Some(failure) if failure.is_cancelled() && !self.keeps_errors => {
                self.end(Some(Failure::CancelledError));
            }
            Some(failure) if !self.keeps_errors => self.end(Some(failure)),
            _ if self.left.get() == 0 => {
                self.end(self.requested.get().then_some(Failure::CancelledError));
            }
            _ => {}
        }
    }
}

impl Progress {
    fn end(&self, failure: Option<Failure>) {
        self.failure.replace(failure);
        self.completion.complete(|| self.failure.borrow().clone());
    }
}

impl<V: Gathered> Record<V> {
    fn new(children: V::Children, keeps_errors: bool, made_at: &'static Location<'static>) -> Self {
        let mut seen = HashSet::new();
        let mut outcomes = Vec::new();
        V::for_each(&children, &mut |child| {
            // One that is a member twice is counted once.
            let is_new = seen.insert(ptr::from_ref(child.completion()));
            outcomes.push(is_new.then_some(child));
        });
        let progress = Rc::new(Progress {
            completion: Completion::new(),
            failure: RefCell::new(None),
            left: Cell::new(seen.len()),
            requested: Cell::new(false),
            keeps_errors,
        });
        let watch = |child: &dyn Outcome| {
            let callback = in_run("gather", |scheduler| Callback::telling(scheduler, progress.clone()));
            call_at_end(child, &callback);
            callback
        };
        let pending = |child: &&dyn Outcome| !child.completion().is_done();
        let callbacks = outcomes.iter().map(|child| child.filter(pending).map(watch)).collect();
        let done = outcomes.into_iter().flatten().filter(|child| child.completion().is_done());
        done.for_each(|child| progress.hear(child.failure()));
        if seen.is_empty() {
            progress.end(None);
        }
        Record { progress, children, callbacks, taken: Cell::new(false), made_at }
    }

    /// Why there is no value, or that it is in the children. Nothing where it has not ended, or the values are gone.
    fn ended(&self) -> Option<Result<(), Failure>> {
        if !self.progress.completion.is_done() {
            return None;
        }
        match &*self.progress.failure.borrow() {
            Some(failure) => Some(Err(failure.clone())),
            None => (!self.taken.get()).then_some(Ok(())),
        }
    }

    fn describe_as(&self, what: &str, level: usize, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{what} made at {}", self.made_at)?;
        if level == LEVELS_MAX {
            return Ok(());
        }
        f.write_str(" of ")?;
        let mut children = Vec::new();
        V::for_each(&self.children, &mut |child| children.push(child));
        name_pending(children.into_iter(), level + 1, f)
    }

    /// Nobody has it any more: the children don't tell it of their ends, unless there is somebody who is to hear of its own.
    fn leave(&self) {
        if self.progress.completion.is_done() || !self.progress.completion.is_unheeded() {
            return;
        }
        let mut callbacks = self.callbacks.iter();
        V::for_each(&self.children, &mut |child| {
            if let Some(Some(callback)) = callbacks.next() {
                child.completion().forget(callback);
            }
        });
    }

    fn release(&mut self, parts: &mut Released) {
        self.leave();
        self.callbacks.clear();
        parts.in_order(|parts| V::release(&mut self.children, parts));
    }
}

impl<V: Gathered> Drop for Record<V> {
    fn drop(&mut self) {
        // Unless it was released.
        if !self.callbacks.is_empty() {
            self.leave();
        }
    }
}

impl<V: Gathered> Outcome for Record<V> {
    fn completion(&self) -> &Completion {
        &self.progress.completion
    }

    fn cancel(&self) -> bool {
        if self.progress.completion.is_done() {
            return false;
        }
        let mut any = false;
        // A gather may be a child of another, over many levels.
        coroutine::grow(|| V::for_each(&self.children, &mut |child| any |= child.cancel()));
        if any {
            self.progress.requested.set(true);
        }
        any
    }

    fn failure(&self) -> Option<Failure> {
        self.progress.failure.borrow().clone()
    }

    fn note_observed(&self) {
        note_parts_observed(self);
    }

    fn for_each_part<'a>(&'a self, f: &mut dyn FnMut(&'a dyn Outcome)) {
        V::for_each(&self.children, f);
    }

    fn release(&mut self, parts: &mut Released) {
        Record::release(self, parts);
    }

    fn describe(&self, level: usize, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.describe_as("a gather", level, f)
    }
}

impl<V: Gathered> OutcomeOf<V> for Record<V> {
    fn take(&self) -> Option<Result<V, Failure>> {
        match self.ended()? {
            Ok(()) => {
                let values = V::take(&self.children)?;
                self.taken.set(true);
                Some(Ok(values))
            }
            Err(failure) => Some(Err(failure)),
        }
    }

    fn put(&self, values: V) {
        self.taken.set(false);
        V::put(&self.children, values);
    }
}

impl<V: Gathered> Outcome for ResultsRecord<V> {
    fn completion(&self) -> &Completion {
        self.0.completion()
    }

    fn cancel(&self) -> bool {
        self.0.cancel()
    }

    fn failure(&self) -> Option<Failure> {
        self.0.failure()
    }

    fn note_observed(&self) {
        self.0.note_observed();
    }

    fn for_each_part<'a>(&'a self, f: &mut dyn FnMut(&'a dyn Outcome)) {
        self.0.for_each_part(f);
    }

    fn release(&mut self, parts: &mut Released) {
        Record::release(&mut self.0, parts);
    }

    fn describe(&self, level: usize, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.describe_as("a gather of results", level, f)
    }
}

impl<V: Gathered> OutcomeOf<V::Results> for ResultsRecord<V> {
    fn take(&self) -> Option<Result<V::Results, Failure>> {
        match self.0.ended()? {
            Ok(()) => {
                self.0.taken.set(true);
                Some(Ok(V::take_results(&self.0.children)))
            }
            Err(failure) => Some(Err(failure)),
        }
    }

    fn put(&self, results: V::Results) {
        self.0.taken.set(false);
        V::put_results(&self.0.children, results);
    }
}

macro_rules! handles {
    ($($Handle:ident gives $Value:ty, has $Record:ident;)+) => {$(
        impl<V: Gathered> $Handle<V> {
            /// Waits for the end of all members, or for the first error of one that ends the whole, and takes the values.
            ///
            /// # Errors
            ///
            /// The first error of a member, where it does not count as a value; a cancellation, when a member or the whole was
            /// cancelled; when the values were taken before.
            ///
            /// # Cancellation
            ///
            /// A task that is cancelled meanwhile has all members cancelled, and unwinds when they have ended, whatever
            /// they gave.
            ///
            /// # Panics
            ///
            /// Panics where a task may not wait, if it has to; see [`Operation::wait`](crate::Operation::wait).
            pub fn join(&self) -> Result<$Value, JoinError> {
                Awaitable::join(self)
            }
        }

        impl<V: Gathered + 'static> $Handle<V> {
            pub(super) fn record(&self) -> Rc<dyn OutcomeOf<$Value>> {
                self.record.clone()
            }
        }

        impl<V: Gathered> Sealed<$Value> for $Handle<V> {
            fn outcome_of(&self) -> &dyn OutcomeOf<$Value> {
                &*self.record
            }

            fn shared(&self) -> Rc<dyn OutcomeOf<$Value>>
            where
                Self: 'static,
            {
                self.record.clone()
            }
        }

        impl<V: Gathered> Awaitable for $Handle<V> {
            type Output = $Value;
        }

        impl<V: Gathered> fmt::Debug for $Handle<V> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($Handle)).field("finished", &self.is_finished()).finish_non_exhaustive()
            }
        }
    )+};
}

handles! {
    Gather gives V, has Record;
    GatherResults gives V::Results, has ResultsRecord;
}
