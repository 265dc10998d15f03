//! What has a result one day: `asyncio.Future`, as what tasks, promises, gathers and shields have in common.

use std::fmt;
use std::rc::{Rc, Weak};

use super::join::JoinError;
use super::joining::{Ended, Joining, put_back, refusal};
use super::latch::in_run;
use crate::runtime::callback::{AtEnd, Callback};
use crate::runtime::completion::Completion;
use crate::runtime::operation::Operation;
use crate::runtime::outcome::{Outcome, OutcomeOf, call_at_end};
use crate::runtime::task::Failure;
use crate::runtime::yield_now;

/// The part of an [`Awaitable`] that is not for users.
pub trait Sealed<T> {
    #[doc(hidden)]
    fn outcome_of(&self) -> &dyn OutcomeOf<T>;

    /// One more owner of it.
    #[doc(hidden)]
    fn shared(&self) -> Rc<dyn OutcomeOf<T>>
    where
        Self: 'static;

    /// The same for later, who does not keep it until then.
    #[doc(hidden)]
    fn shared_later(&self) -> Later<T>
    where
        Self: 'static,
    {
        Later::Itself(Rc::downgrade(&self.shared()))
    }
}

/// What is owned when it has ended, and not before.
pub enum Later<T> {
    /// That of which a handle is left, or which the run owns.
    Itself(Weak<dyn OutcomeOf<T>>),
    /// The same, seen through a handle that makes this of it.
    SeenAs(fn(Rc<dyn Outcome>) -> Rc<dyn OutcomeOf<T>>, Weak<dyn Outcome>),
}

impl<T> Later<T> {
    fn get(&self) -> Option<Rc<dyn OutcomeOf<T>>> {
        match self {
            Later::Itself(outcome) => outcome.upgrade(),
            Later::SeenAs(make, outcome) => outcome.upgrade().map(make),
        }
    }
}

impl<T> fmt::Debug for Later<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Later")
    }
}

/// Something that has a result one day: a task, a promise, a group of them. Sealed.
///
/// The value is handed out once, by whichever `join` comes first; [`join_cloned`](Awaitable::join_cloned) gives copies. An
/// error is given to all.
///
/// # Examples
///
/// ```
/// use cede::task::Awaitable;
///
/// fn both<A: Awaitable<Output = u32>>(one: &A, other: &A) -> Result<u32, cede::JoinError> {
///     Ok(one.join()? + other.join()?)
/// }
/// cede::run(|| assert_eq!(both(&cede::spawn(|| 1), &cede::spawn(|| 2)).unwrap(), 3));
/// ```
pub trait Awaitable: Sealed<<Self as Awaitable>::Output> {
    /// What it gives.
    type Output;

    /// Waits for the end, and takes the value: `await`.
    ///
    /// # Errors
    ///
    /// When it failed, panicked or was cancelled; when the value was taken before; when a task asks for its own end, which it
    /// is told in the next tick, as in asyncio, or for that of a task of another run, which does not go on meanwhile.
    ///
    /// # Cancellation
    ///
    /// A task that is cancelled while it joins has what it joins cancelled, as in asyncio, and goes on when that has ended.
    ///
    /// # Panics
    ///
    /// Panics where a task may not wait, if it has to; see [`Operation::wait`].
    #[inline(always)]
    fn join(&self) -> Result<Self::Output, JoinError> {
        join(self.outcome_of())
    }

    /// The operation behind [`join`](Awaitable::join), for `select!`.
    fn joining(&self) -> Joining<'_, Self::Output> {
        Joining::of(self.outcome_of())
    }

    /// Waits for the end and gives a copy of the value, which stays for others.
    ///
    /// # Errors, cancellation, panics
    ///
    /// As for [`join`](Awaitable::join). Goes on with a panic of `clone`, and the value stays.
    fn join_cloned(&self) -> Result<Self::Output, JoinError>
    where
        Self::Output: Clone,
    {
        let outcome = self.outcome_of();
        refuse(outcome)?;
        Ended::of(outcome).wait();
        outcome.note_observed();
        match outcome.take() {
            Some(Ok(value)) => Ok(put_back(outcome, value, Clone::clone)),
            Some(Err(failure)) => Err(JoinError::from_failure(failure)),
            None => Err(JoinError::taken()),
        }
    }

    /// How it ended, without waiting and without taking the value: `None` when it has not. Python's `exception()`.
    ///
    /// Whoever asks has seen the error: it is not reported as one that nobody looked at.
    fn outcome(&self) -> Option<Result<(), JoinError>> {
        let outcome = self.outcome_of();
        if !outcome.completion().is_done() {
            return None;
        }
        outcome.note_observed();
        Some(outcome.failure().map_or(Ok(()), |failure| Err(JoinError::from_failure(failure))))
    }

    /// Requests that it ends as cancelled. Gives false when it has ended already; its error, if it has one, is then not reported
    /// as one that nobody looked at.
    fn cancel(&self) -> bool {
        let outcome = self.outcome_of();
        if outcome.completion().is_done() {
            outcome.note_observed();
        }
        outcome.cancel()
    }

    /// Whether it has ended. Python's `done()`.
    fn is_finished(&self) -> bool {
        self.outcome_of().completion().is_done()
    }

    /// Whether it was cancelled, and has ended. Python's `cancelled()`.
    ///
    /// A gather that ended because one of its members was cancelled was not cancelled itself: only the error of its `join` says so.
    fn is_cancelled(&self) -> bool {
        matches!(self.outcome_of().failure(), Some(Failure::Cancelled))
    }

    /// Has a function called in the tick after the end; in the next tick if it has ended. Python's `add_done_callback`.
    ///
    /// It is given what has ended, also where no handle is left of that: [`outcome`](Awaitable::outcome) says how, and
    /// [`join`](Awaitable::join) takes the value, if nobody did before. An error that it does not ask for is reported as one that nobody
    /// looked at. A gather or a shield whose handle was dropped has let go of its members, and so of its value.
    ///
    /// It runs in a copy of the context that the caller has now. It can't wait; a panic in it goes to the hook of [`set_task_hook`](crate::set_task_hook).
    /// Not for children of a scope, which may borrow what is gone by then.
    ///
    /// # Panics
    ///
    /// Panics outside of a run.
    ///
    /// # Examples
    ///
    /// ```
    /// use cede::task::Awaitable;
    ///
    /// cede::run(|| {
    ///     cede::spawn(|| 6 * 7).on_done(|task| assert_eq!(task.join().unwrap(), 42));
    ///     cede::try_spawn(|| "x".parse::<u32>()).on_done(|task| assert!(task.outcome().unwrap().is_err()));
    ///     cede::yield_now();
    ///     cede::yield_now();
    /// });
    /// ```
    #[track_caller]
    fn on_done(&self, f: impl FnOnce(&Done<Self::Output>) + 'static) -> DoneCallback
    where
        Self: Sized + 'static,
    {
        let ending = Ending { outcome: self.shared_later(), ended: None, f };
        let callback = in_run("on_done", |scheduler| Callback::ending(scheduler, Box::new(ending)));
        call_at_end(self.outcome_of(), &callback);
        DoneCallback(callback)
    }

    /// Takes a function back that was given to [`on_done`](Awaitable::on_done). Gives false when it was called before, or is going to
    /// be in this tick.
    fn remove_done_callback(&self, callback: &DoneCallback) -> bool {
        self.outcome_of().completion().forget(&callback.0)
    }
}

/// Waits for the end of something, and takes its value.
pub(super) fn join<T>(outcome: &dyn OutcomeOf<T>) -> Result<T, JoinError> {
    refuse(outcome)?;
    Joining::of(outcome).wait()
}

/// Refuses to wait for what the current task can't wait for. One that asks for its own end lets the others run before it is told.
fn refuse<T>(outcome: &dyn OutcomeOf<T>) -> Result<(), JoinError> {
    let Some(error) = refusal(outcome) else { return Ok(()) };
    if error.is_await_self() {
        yield_now();
    }
    Err(error)
}

/// What refers to something that has a result has that result too.
macro_rules! referring {
    ($($Handle:ty),+) => {$(
        impl<T, A: Sealed<T> + ?Sized> Sealed<T> for $Handle {
            fn outcome_of(&self) -> &dyn OutcomeOf<T> {
                (**self).outcome_of()
            }

            fn shared(&self) -> Rc<dyn OutcomeOf<T>>
            where
                Self: 'static,
            {
                (**self).shared()
            }

            fn shared_later(&self) -> Later<T>
            where
                Self: 'static,
            {
                (**self).shared_later()
            }
        }

        impl<A: Awaitable + ?Sized> Awaitable for $Handle {
            type Output = A::Output;
        }
    )+};
}

referring!(&A, Rc<A>);

/// Names a function that was given to [`Awaitable::on_done`], to take it back.
pub struct DoneCallback(Rc<Callback>);

impl fmt::Debug for DoneCallback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DoneCallback")
    }
}

/// What has ended, for a function that was given to [`Awaitable::on_done`]: the future that Python's callbacks get.
///
/// It has ended, so nothing of it waits.
pub struct Done<T> {
    outcome: Rc<dyn OutcomeOf<T>>,
}

impl<T> fmt::Debug for Done<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Done").finish_non_exhaustive()
    }
}

impl<T> Sealed<T> for Done<T> {
    fn outcome_of(&self) -> &dyn OutcomeOf<T> {
        &*self.outcome
    }

    fn shared(&self) -> Rc<dyn OutcomeOf<T>> {
        Rc::clone(&self.outcome)
    }
}

impl<T> Awaitable for Done<T> {
    type Output = T;
}

/// A function of users that waits for an end. It owns what it waits for from that moment on: before, the two would own each other.
struct Ending<T, F> {
    outcome: Later<T>,
    ended: Option<Rc<dyn OutcomeOf<T>>>,
    f: F,
}

impl<T: 'static, F: FnOnce(&Done<T>)> AtEnd for Ending<T, F> {
    fn note_end(&mut self, failure: Option<Failure>) {
        let is_gone =
            || Rc::new(Gone { completion: Completion::completed(), failure }) as Rc<dyn OutcomeOf<T>>;
        self.ended = Some(self.outcome.get().unwrap_or_else(is_gone));
    }

    fn call(self: Box<Self>) {
        if let Some(outcome) = self.ended {
            (self.f)(&Done { outcome });
        }
    }
}

/// What is left of the end of a gather or a shield that has no handle any more.
struct Gone {
    completion: Completion,
    failure: Option<Failure>,
}

impl Outcome for Gone {
    fn completion(&self) -> &Completion {
        &self.completion
    }

    fn cancel(&self) -> bool {
        false
    }

    fn failure(&self) -> Option<Failure> {
        self.failure.clone()
    }

    fn note_observed(&self) {}

    fn describe(&self, _level: usize, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("what has ended")
    }
}

impl<T> OutcomeOf<T> for Gone {
    fn take(&self) -> Option<Result<T, Failure>> {
        self.failure.clone().map(Err)
    }

    fn put(&self, _: T) {}
}
