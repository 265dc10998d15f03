//! Waiting for the end of a task.

use std::any::Any;
use std::cell::Cell;
use std::error::Error;
use std::fmt;
use std::io;
use std::panic::Location;
use std::pin::Pin;
use std::rc::Rc;

use crate::coroutine;
use crate::runtime::operation::{Operation, sealed};
use crate::runtime::park;
use crate::runtime::scheduler::{Scheduler, with_scheduler};
use crate::runtime::task::{AnyTask, Failure, TaskKey, TaskOf};
use crate::runtime::wait_list::Node;

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
}

impl JoinError {
    pub(super) fn from_failure(failure: Failure) -> Self {
        JoinError { kind: Kind::Failure(failure) }
    }

    /// Whether the task was cancelled.
    pub fn is_cancelled(&self) -> bool {
        matches!(self.kind, Kind::Failure(Failure::Cancelled))
    }

    /// Whether the task panicked.
    pub fn is_panic(&self) -> bool {
        matches!(self.kind, Kind::Failure(Failure::Panicked(_)))
    }

    /// Whether the result was handed out before.
    pub fn is_already_taken(&self) -> bool {
        matches!(self.kind, Kind::Taken)
    }

    /// The error that the task's closure gave.
    pub fn error(&self) -> Option<&(dyn Error + 'static)> {
        match &self.kind {
            Kind::Failure(Failure::Error(error)) => Some(&**error),
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
            Kind::Failure(Failure::Cancelled) => f.write_str("the task was cancelled"),
            Kind::Failure(Failure::Error(error)) => error.fmt(f),
            Kind::Failure(Failure::Panicked(panic)) => write!(f, "the task panicked: {}", panic.message),
            Kind::Taken => f.write_str("the task's result was taken by an earlier join"),
            Kind::Itself => f.write_str("a task can't wait for its own end"),
        }
    }
}

impl Error for JoinError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match &self.kind {
            Kind::Failure(Failure::Error(error)) => error.source(),
            _ => None,
        }
    }
}

impl From<JoinError> for io::Error {
    fn from(error: JoinError) -> Self {
        let kind = match &error.kind {
            Kind::Failure(Failure::Error(inner)) => match inner.downcast_ref::<io::Error>() {
                Some(io) => io.kind(),
                None => io::ErrorKind::Other,
            },
            _ => io::ErrorKind::Other,
        };
        io::Error::new(kind, error.to_string())
    }
}

/// The handle of a task: waits for its end, cancels it. Dropping it lets the task go on by itself.
pub struct JoinHandle<T> {
    task: Rc<dyn TaskOf<T>>,
}

impl<T> fmt::Debug for JoinHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let core = self.task.core();
        f.debug_struct("JoinHandle")
            .field("id", &core.id)
            .field("name", &core.name())
            .field("finished", &core.is_done())
            .finish()
    }
}

impl<T> JoinHandle<T> {
    pub(super) fn new(task: Rc<dyn TaskOf<T>>) -> Self {
        JoinHandle { task }
    }

    pub(super) fn any(&self) -> &dyn AnyTask {
        &*self.task
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
    /// Panics where a task may not wait; see [`Operation::wait`].
    pub fn join(&self) -> Result<T, JoinError> {
        self.joining().wait()
    }

    /// The operation behind [`join`](JoinHandle::join), for `select!`.
    pub fn joining(&self) -> Joining<'_, T> {
        Joining { task: &*self.task, ended: Ended::of(self.any()) }
    }

    /// Waits for the end of the task and gives a copy of its value, which stays for others.
    ///
    /// # Errors, cancellation, panics
    ///
    /// As for [`join`](JoinHandle::join).
    pub fn join_cloned(&self) -> Result<T, JoinError>
    where
        T: Clone,
    {
        if is_current(self.any()) {
            return Err(JoinError { kind: Kind::Itself });
        }
        Ended::of(self.any()).wait();
        self.task.core().observed.set(true);
        match self.task.take() {
            Some(Ok(value)) => {
                let copy = value.clone();
                self.task.put(value);
                Ok(copy)
            }
            Some(Err(failure)) => Err(JoinError::from_failure(failure)),
            None => Err(JoinError { kind: Kind::Taken }),
        }
    }

    /// Requests the cancellation of the task: it unwinds from where it waits, at its next step.
    ///
    /// Gives false when it has ended already, and where its runner is not running.
    pub fn cancel(&self) -> bool {
        let task = self.any();
        if task.core().is_done() {
            return false;
        }
        with_scheduler(|scheduler| scheduler.cancel(task.core())).unwrap_or(false)
    }

    /// Whether the task has ended.
    pub fn is_finished(&self) -> bool {
        self.task.core().is_done()
    }

    /// The number of the task, counted from 1 in each run.
    pub fn id(&self) -> u64 {
        self.task.core().id
    }

    /// The name of the task.
    pub fn name(&self) -> String {
        self.task.core().name().to_string()
    }

    /// Where it was spawned.
    pub fn spawned_at(&self) -> &'static Location<'static> {
        self.task.core().spawned_at
    }
}

fn is_current(task: &dyn AnyTask) -> bool {
    let current = with_scheduler(Scheduler::current).flatten();
    current.is_some_and(|current| std::ptr::eq(current.as_ptr(), task.core()))
}

/// Waiting for the end of a task, whatever that is.
pub(super) struct Ended<'a> {
    task: &'a dyn AnyTask,
    node: Node,
    /// A cancellation of the one that waits was handed on to the task.
    handed_on: Cell<bool>,
    /// That is being done.
    handing_on: Cell<bool>,
}

impl<'a> Ended<'a> {
    pub(super) fn of(task: &'a dyn AnyTask) -> Self {
        Ended { task, node: Node::default(), handed_on: Cell::new(false), handing_on: Cell::new(false) }
    }

    fn node(self: Pin<&mut Self>) -> Pin<&Node> {
        // SAFETY: a projection to a field that is pinned with the whole.
        unsafe { self.into_ref().map_unchecked(|ended| &ended.node) }
    }
}

impl sealed::Sealed for Ended<'_> {}

impl Operation for Ended<'_> {
    type Output = ();

    fn attempt(self: Pin<&mut Self>) -> Option<()> {
        let core = self.task.core();
        if !core.is_done() {
            return None;
        }
        if self.handed_on.get() && core.was_cancelled.get() {
            park::raise_cancellation();
        }
        Some(())
    }

    fn register(self: Pin<&mut Self>, waiter: TaskKey) {
        let joiners = &self.task.core().joiners as *const _;
        // SAFETY: the task, and so its list, is borrowed by this operation.
        self.node().link(unsafe { &*joiners }, waiter);
    }

    fn withdraw(self: Pin<&mut Self>) {
        self.node().unlink();
    }

    fn cancel(&self) -> bool {
        if self.handing_on.replace(true) {
            // Tasks that join each other in a ring: it has come round, and this wait is the one that ends.
            return false;
        }
        // One level of calls for each task in a chain of joins, which may be long.
        let cancel = || with_scheduler(|scheduler| scheduler.cancel(self.task.core()));
        let handed_on = coroutine::grow(cancel).unwrap_or(false);
        self.handing_on.set(false);
        self.handed_on.set(handed_on);
        handed_on
    }

    fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let core = self.task.core();
        write!(f, "joins task {} {:?}", core.id, &*core.name())
    }
}

/// The operation of [`JoinHandle::join`].
pub struct Joining<'a, T> {
    task: &'a dyn TaskOf<T>,
    ended: Ended<'a>,
}

impl<T> fmt::Debug for Joining<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Joining").field("id", &self.task.core().id).finish()
    }
}

impl<'a, T> Joining<'a, T> {
    fn ended(self: Pin<&mut Self>) -> Pin<&mut Ended<'a>> {
        // SAFETY: a projection to a field that is pinned with the whole.
        unsafe { self.map_unchecked_mut(|joining| &mut joining.ended) }
    }
}

impl<T> sealed::Sealed for Joining<'_, T> {}

impl<T> Operation for Joining<'_, T> {
    type Output = Result<T, JoinError>;

    fn attempt(mut self: Pin<&mut Self>) -> Option<Self::Output> {
        if is_current(self.ended.task) {
            return Some(Err(JoinError { kind: Kind::Itself }));
        }
        self.as_mut().ended().attempt()?;
        self.task.core().observed.set(true);
        Some(match self.task.take() {
            Some(Ok(value)) => Ok(value),
            Some(Err(failure)) => Err(JoinError::from_failure(failure)),
            None => Err(JoinError { kind: Kind::Taken }),
        })
    }

    fn register(self: Pin<&mut Self>, waiter: TaskKey) {
        self.ended().register(waiter);
    }

    fn withdraw(self: Pin<&mut Self>) {
        self.ended().withdraw();
    }

    fn cancel(&self) -> bool {
        self.ended.cancel()
    }

    fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.ended.describe(f)
    }
}
