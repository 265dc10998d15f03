//! The handle of a task, and why a task gives no value.

use std::any::Any;
use std::error::Error;
use std::fmt;
use std::io;
use std::panic::Location;
use std::rc::Rc;

use super::awaitable::{Awaitable, Sealed};
use super::joining::{Joining, OwnedJoining};
use crate::runtime::outcome::OutcomeOf;
use crate::runtime::task::{Failure, TaskCore, TaskOf};

/// Why a task gave no value.
#[derive(Debug, Clone)]
pub struct JoinError {
    kind: Kind,
}

#[derive(Debug, Clone)]
enum Kind {
    Failure(Failure),
    Taken,
    Itself,
    Elsewhere,
}

impl JoinError {
    pub(super) fn from_failure(failure: Failure) -> Self {
        JoinError { kind: Kind::Failure(failure) }
    }

    /// What else ends with it that is told this error.
    pub(super) fn into_failure(self) -> Failure {
        match self.kind {
            Kind::Failure(Failure::Cancelled) => Failure::CancelledError,
            Kind::Failure(failure) => failure,
            Kind::Taken | Kind::Itself | Kind::Elsewhere => Failure::Error(Rc::new(self)),
        }
    }

    pub(super) fn taken() -> Self {
        JoinError { kind: Kind::Taken }
    }

    pub(super) fn itself() -> Self {
        JoinError { kind: Kind::Itself }
    }

    pub(super) fn elsewhere() -> Self {
        JoinError { kind: Kind::Elsewhere }
    }

    /// The error of something that was cancelled, to end a promise with.
    pub fn cancelled() -> Self {
        JoinError::from_failure(Failure::Cancelled)
    }

    /// Whether the task was cancelled.
    pub fn is_cancelled(&self) -> bool {
        matches!(&self.kind, Kind::Failure(failure) if failure.is_cancelled())
    }

    /// Whether the task panicked.
    pub fn is_panic(&self) -> bool {
        matches!(self.kind, Kind::Failure(Failure::Panicked(_)))
    }

    /// Whether the result was handed out before.
    pub fn is_already_taken(&self) -> bool {
        matches!(self.kind, Kind::Taken)
    }

    /// Whether it was the task itself that asked.
    pub fn is_await_self(&self) -> bool {
        matches!(self.kind, Kind::Itself)
    }

    /// The error that the task's closure gave.
    pub fn error(&self) -> Option<&(dyn Error + 'static)> {
        match &self.kind {
            Kind::Failure(failure) => failure.error(),
            _ => None,
        }
    }

    /// The payload of the task's panic, for [`std::panic::resume_unwind`]. Clones of this error share it: the first
    /// one gets it.
    pub fn into_panic(self) -> Option<Box<dyn Any + Send>> {
        match &self.kind {
            Kind::Failure(Failure::Panicked(panic)) => panic.payload.take(),
            _ => None,
        }
    }
}

impl fmt::Display for JoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            Kind::Failure(Failure::Cancelled | Failure::CancelledError) => {
                f.write_str("the task was cancelled")
            }
            Kind::Failure(Failure::Error(error)) => error.fmt(f),
            Kind::Failure(Failure::Crossed(error)) => error.fmt(f),
            Kind::Failure(Failure::Panicked(panic)) => write!(f, "the task panicked: {}", panic.message),
            Kind::Taken => f.write_str("the task's result was taken by an earlier join"),
            Kind::Itself => f.write_str("a task can't wait for its own end"),
            Kind::Elsewhere => {
                f.write_str("the task belongs to another run, which does not go on while this one waits")
            }
        }
    }
}

impl Error for JoinError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.error()?.source()
    }
}

impl From<JoinError> for io::Error {
    fn from(error: JoinError) -> Self {
        let inner = error.error().and_then(|inner| inner.downcast_ref::<io::Error>());
        let kind = inner.map_or(io::ErrorKind::Other, io::Error::kind);
        io::Error::new(kind, error.to_string())
    }
}

/// The handle of a task: waits for its end, cancels it. Dropping it lets the task go on by itself.
pub struct JoinHandle<T> {
    task: Rc<dyn TaskOf<T>>,
}

impl<T> fmt::Debug for JoinHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let core = self.core();
        f.debug_struct("JoinHandle")
            .field("id", &core.id)
            .field("name", &core.name())
            .field("finished", &core.is_done())
            .finish()
    }
}

impl<T> Sealed<T> for JoinHandle<T> {
    fn outcome_of(&self) -> &dyn OutcomeOf<T> {
        &*self.task
    }

    fn shared(&self) -> Rc<dyn OutcomeOf<T>>
    where
        Self: 'static,
    {
        self.record()
    }
}

impl<T> Awaitable for JoinHandle<T> {
    type Output = T;
}

impl<T> JoinHandle<T> {
    pub(super) fn new(task: Rc<dyn TaskOf<T>>) -> Self {
        JoinHandle { task }
    }

    pub(super) fn record(&self) -> Rc<dyn OutcomeOf<T>> {
        self.task.clone()
    }

    fn core(&self) -> &TaskCore {
        self.task.core()
    }

    /// Waits for the end of the task and takes its value.
    ///
    /// # Errors
    ///
    /// When the task failed, panicked or was cancelled; when the value was taken before; when it is the task itself
    /// that asks.
    ///
    /// # Cancellation
    ///
    /// A task that is cancelled while it joins has the joined task cancelled, as in asyncio, and goes on when that has
    /// ended.
    ///
    /// # Panics
    ///
    /// Panics where a task may not wait; see [`Operation::wait`](crate::Operation::wait).
    #[inline(always)]
    pub fn join(&self) -> Result<T, JoinError> {
        Awaitable::join(self)
    }

    /// The operation behind [`join`](JoinHandle::join), for `select!`.
    pub fn joining(&self) -> Joining<'_, T> {
        Awaitable::joining(self)
    }

    /// The operation of joining, for who has no more use for the handle.
    pub(crate) fn into_joining(self) -> OwnedJoining<T> {
        OwnedJoining::of(self.record())
    }

    /// Waits for the end of the task and gives a copy of its value, which stays for others.
    ///
    /// # Errors, cancellation, panics
    ///
    /// As for [`join`](JoinHandle::join). Goes on with a panic of `clone`, and the value stays.
    pub fn join_cloned(&self) -> Result<T, JoinError>
    where
        T: Clone,
    {
        Awaitable::join_cloned(self)
    }

    /// Requests the cancellation of the task: it unwinds from where it waits, at its next step.
    ///
    /// Gives false when it has ended already.
    pub fn cancel(&self) -> bool {
        Awaitable::cancel(self)
    }

    /// How many requests to cancel it there were, less those that were taken back.
    pub fn cancelling(&self) -> u32 {
        self.core().cancels.get()
    }

    /// Whether the task has ended.
    pub fn is_finished(&self) -> bool {
        self.core().is_done()
    }

    /// The number of the task, counted from 1 in each run.
    pub fn id(&self) -> u64 {
        self.core().id
    }

    /// The name of the task.
    pub fn name(&self) -> String {
        self.core().name().to_string()
    }

    /// Where it was spawned.
    pub fn spawned_at(&self) -> &'static Location<'static> {
        self.core().spawned_at
    }
}
