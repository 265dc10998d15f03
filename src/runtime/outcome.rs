//! What has a result one day, without saying what it is: a task, a promise, a group of these.
//!
//! Some are made of others ([`Part`]), over any number of levels: a shield of a shield, a gather of the ends of gathers. So nothing
//! that goes through all levels calls itself: parts are dropped one by one in a loop, into which each hands its own parts;
//! whoever looks at the end of the whole is noted in a loop; and descriptions end after some levels.

use std::collections::HashSet;
use std::fmt;
use std::ops::Deref;
use std::ptr;
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

    /// Calls `f` with those whose ends are seen through it.
    #[doc(hidden)]
    fn for_each_part<'a>(&'a self, _f: &mut dyn FnMut(&'a dyn Outcome)) {}

    /// Gives away what it is made of, since nobody has it any more: it is about to be dropped.
    #[doc(hidden)]
    fn release(&mut self, _parts: &mut Released) {}

    /// What it is: "task 3 \"x\"". `level`: how many others it is a part of in the same description.
    #[doc(hidden)]
    fn describe(&self, level: usize, f: &mut fmt::Formatter<'_>) -> fmt::Result;
}

/// Of so many levels a description names the parts.
pub(crate) const LEVELS_MAX: usize = 3;

/// Somebody looks at how the whole ended: notes that for each of its parts that has none itself.
pub(crate) fn note_parts_observed(whole: &dyn Outcome) {
    let mut left = Vec::new();
    // One may be a part of several, over many levels.
    let mut seen = HashSet::new();
    whole.for_each_part(&mut |part| left.push(part));
    while let Some(part) = left.pop() {
        let before = left.len();
        part.for_each_part(&mut |part| left.push(part));
        if left.len() == before {
            part.note_observed();
        } else if !seen.insert(ptr::from_ref(part).cast::<()>()) {
            left.truncate(before);
        }
    }
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

    /// What is behind it, if it is a shield: no shield itself.
    #[doc(hidden)]
    fn shielded(&self) -> Option<Rc<dyn OutcomeOf<T>>> {
        None
    }
}

/// A result that another one is made of.
pub struct Part<T>(Option<Rc<dyn OutcomeOf<T>>>);

impl<T> Part<T> {
    pub(crate) fn of(outcome: Rc<dyn OutcomeOf<T>>) -> Self {
        Part(Some(outcome))
    }

    /// Another owner of it.
    pub(crate) fn share(&self) -> Rc<dyn OutcomeOf<T>> {
        Rc::clone(self.0.as_ref().expect("it is given away at the end only"))
    }

    pub(crate) fn release(&mut self, parts: &mut Released) {
        if let Some(outcome) = self.0.take() {
            parts.push(outcome);
        }
    }
}

impl<T> Deref for Part<T> {
    type Target = dyn OutcomeOf<T>;

    fn deref(&self) -> &Self::Target {
        &**self.0.as_ref().expect("it is given away at the end only")
    }
}

impl<T> Drop for Part<T> {
    fn drop(&mut self) {
        if let Some(outcome) = self.0.take() {
            release(outcome);
        }
    }
}

impl<T> fmt::Debug for Part<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Part")
    }
}

/// Drops what something is made of, and what that is made of, as far as nobody else has it.
pub(crate) fn release(part: Rc<dyn Outcome>) {
    let mut parts = Released { left: Vec::new() };
    parts.drop_last(part);
}

/// Parts that are dropped one after the other, the last first, each as if its whole dropped it, but not beneath that.
pub struct Released {
    left: Vec<Rc<dyn Outcome>>,
}

impl Released {
    /// Puts a part in.
    pub(crate) fn push(&mut self, part: Rc<dyn Outcome>) {
        self.left.push(part);
    }

    /// Puts in what `f` does, to be dropped in that order.
    pub(crate) fn in_order(&mut self, f: impl FnOnce(&mut Self)) {
        let before = self.left.len();
        f(self);
        self.left[before..].reverse();
    }

    fn drop_last(&mut self, mut outcome: Rc<dyn Outcome>) {
        if let Some(outcome) = Rc::get_mut(&mut outcome) {
            outcome.release(self);
        }
    }
}

impl Drop for Released {
    fn drop(&mut self) {
        // Goes on where a destructor of users panics, while that unwinds.
        struct GoOn<'a>(&'a mut Released);
        impl Drop for GoOn<'_> {
            fn drop(&mut self) {
                while let Some(outcome) = self.0.left.pop() {
                    self.0.drop_last(outcome);
                }
            }
        }
        let released = GoOn(self);
        while let Some(outcome) = released.0.left.pop() {
            released.0.drop_last(outcome);
        }
    }
}

impl fmt::Debug for Released {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Released").field("left", &self.left.len()).finish()
    }
}
