//! What groups of results are made of: handles, by value or by reference, and closures.
//!
//! A member is turned into its record, which the group shares with the handles. The types of all values are in the type of the
//! group, so that the group does not outlive what they borrow. Of a task in a scope no more than its value is left when the
//! scope ends; its closure, which may borrow more, is gone by then. So such tasks may be members too.

use std::fmt;
use std::panic::Location;
use std::rc::Rc;

use super::awaitable::{Awaitable, Later, Sealed};
use super::gather::{Gather, GatherResults};
use super::join::JoinHandle;
use super::members::Gathered;
use super::promise::Promise;
use super::scope::ScopedJoinHandle;
use super::shield::Shield;
use super::spawn::start;
use crate::runtime::completion::Completion;
use crate::runtime::outcome::{Outcome, OutcomeOf, Released, note_parts_observed, release};
use crate::runtime::task::{Failure, TaskCore};

/// What [`gather`](super::gather()) and [`shield`](super::shield()) take: a handle, by value or by reference, or a closure, which
/// becomes a task. Sealed.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no result to wait for",
    label = "neither a handle nor a closure without arguments"
)]
pub trait Member {
    /// What it gives.
    type Value;

    /// Its record. A closure is started.
    #[doc(hidden)]
    fn into_outcome(self, spawned_at: &'static Location<'static>) -> Rc<dyn OutcomeOf<Self::Value>>;
}

impl<T: 'static, F: FnOnce() -> T + 'static> Member for F {
    type Value = T;

    fn into_outcome(self, spawned_at: &'static Location<'static>) -> Rc<dyn OutcomeOf<T>> {
        start(None, spawned_at, move || Ok(self()))
    }
}

impl<T> Member for &JoinHandle<T> {
    type Value = T;

    fn into_outcome(self, _: &'static Location<'static>) -> Rc<dyn OutcomeOf<T>> {
        self.record()
    }
}

impl<T> Member for JoinHandle<T> {
    type Value = T;

    fn into_outcome(self, _: &'static Location<'static>) -> Rc<dyn OutcomeOf<T>> {
        self.record()
    }
}

impl<T> Member for &ScopedJoinHandle<'_, T> {
    type Value = T;

    fn into_outcome(self, _: &'static Location<'static>) -> Rc<dyn OutcomeOf<T>> {
        self.record()
    }
}

impl<T> Member for ScopedJoinHandle<'_, T> {
    type Value = T;

    fn into_outcome(self, _: &'static Location<'static>) -> Rc<dyn OutcomeOf<T>> {
        self.record()
    }
}

/// Handles of what is no task, and so may be made anywhere: for what is in them `'static` is asked.
macro_rules! members {
    ($([$($parameter:ident: $bound:path)?] $Handle:ty => $Value:ty;)+) => {$(
        impl<$($parameter: $bound + 'static)?> Member for &$Handle {
            type Value = $Value;

            fn into_outcome(self, _: &'static Location<'static>) -> Rc<dyn OutcomeOf<$Value>> {
                self.record()
            }
        }

        impl<$($parameter: $bound + 'static)?> Member for $Handle {
            type Value = $Value;

            fn into_outcome(self, _: &'static Location<'static>) -> Rc<dyn OutcomeOf<$Value>> {
                self.record()
            }
        }
    )+};
}

members! {
    [T: Sized] Promise<T> => T;
    [V: Gathered] Gather<V> => V;
    [V: Gathered] GatherResults<V> => V::Results;
    [T: Sized] Shield<T> => T;
    [] End => ();
}

/// A handle that knows the end of something and not its value, so that tasks, promises and gathers of different types can be
/// waited for together. Clones share it.
///
/// It gives `()` where there is a value, which stays where it is, and the error where there is none.
///
/// # Examples
///
/// ```
/// use cede::task::{Awaitable, Promise, ReturnWhen, wait};
///
/// cede::run(|| {
///     let number = cede::spawn(|| 1);
///     let word = Promise::<&str>::new();
///     let waited = wait([number.end(), word.end()], ReturnWhen::FirstCompleted, None);
///     assert_eq!((waited.done.len(), waited.pending.len()), (1, 1));
///     assert_eq!(number.join().unwrap(), 1);
/// });
/// ```
#[derive(Clone)]
pub struct End {
    record: Rc<EndRecord>,
}

/// Of what it is the end; taken out when it goes.
struct EndRecord(Option<Rc<dyn Outcome>>);

impl EndRecord {
    fn whole(&self) -> &dyn Outcome {
        &**self.0.as_ref().expect("it is given away at the end only")
    }
}

impl Drop for EndRecord {
    fn drop(&mut self) {
        if let Some(whole) = self.0.take() {
            release(whole);
        }
    }
}

impl End {
    pub(super) fn of(outcome: Rc<dyn Outcome>) -> Self {
        End { record: Rc::new(EndRecord(Some(outcome))) }
    }

    fn record(&self) -> Rc<dyn OutcomeOf<()>> {
        self.record.clone()
    }
}

impl fmt::Debug for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("End").field("finished", &self.is_finished()).finish_non_exhaustive()
    }
}

impl Outcome for EndRecord {
    fn completion(&self) -> &Completion {
        self.whole().completion()
    }

    fn cancel(&self) -> bool {
        self.whole().cancel()
    }

    fn failure(&self) -> Option<Failure> {
        self.whole().failure()
    }

    fn note_observed(&self) {
        note_parts_observed(self);
    }

    fn for_each_part<'a>(&'a self, f: &mut dyn FnMut(&'a dyn Outcome)) {
        f(self.whole());
    }

    fn release(&mut self, parts: &mut Released) {
        if let Some(whole) = self.0.take() {
            parts.push(whole);
        }
    }

    fn task(&self) -> Option<&TaskCore> {
        self.whole().task()
    }

    fn describe(&self, level: usize, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.whole().describe(level, f)
    }
}

impl OutcomeOf<()> for EndRecord {
    fn take(&self) -> Option<Result<(), Failure>> {
        self.whole().completion().is_done().then(|| self.whole().failure().map_or(Ok(()), Err))
    }

    fn put(&self, (): ()) {}
}

impl Sealed<()> for End {
    fn outcome_of(&self) -> &dyn OutcomeOf<()> {
        &*self.record
    }

    fn shared(&self) -> Rc<dyn OutcomeOf<()>>
    where
        Self: 'static,
    {
        self.record.clone()
    }

    /// The end of something is that, whatever handle it is seen through.
    fn shared_later(&self) -> Later<()> {
        let whole = self.record.0.as_ref().expect("it is given away at the end only");
        Later::SeenAs(|whole| Rc::new(EndRecord(Some(whole))), Rc::downgrade(whole))
    }
}

impl Awaitable for End {
    type Output = ();
}

macro_rules! ends {
    ($([$($parameter:ident: $bound:path)?] $Handle:ty;)+) => {$(
        impl<$($parameter: $bound + 'static)?> $Handle {
            /// A handle of its end alone, which knows nothing of the type of its value.
            pub fn end(&self) -> End {
                End::of(self.record())
            }
        }
    )+};
}

ends! {
    [T: Sized] JoinHandle<T>;
    [T: Sized] Promise<T>;
    [V: Gathered] Gather<V>;
    [V: Gathered] GatherResults<V>;
    [T: Sized] Shield<T>;
}
