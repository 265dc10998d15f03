//! The way into a run from other threads: `call_soon_threadsafe` and `run_coroutine_threadsafe`.
//!
//! What is handed over goes through the inbox of the run and is called there, in the next tick. Only what is `Send`
//! crosses: the closure one way, its result the other. A closure that the run has no use for any more is dropped where
//! it is: on the thread that brings it when the run has ended, on that of the run when it ends meanwhile.

use std::error::Error;
use std::fmt;
use std::panic::Location;
use std::sync::Arc;

use thiserror::Error;

use super::context;
use super::inbox::Inbox;
use super::remote::{self, Origin, RemoteJoinHandle};
use super::scheduler::{Scheduler, with_scheduler};
use crate::atomics::thread::{self, ThreadId};

/// The run has ended, and takes nothing in any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the run has ended")]
pub struct RunEnded(pub(super) ());

/// A handle of a run, by which any thread gives it tasks and callbacks.
///
/// It keeps neither the run alive nor its thread awake. To a run that has nothing left to do it is like a queue or a
/// lock that is shared with other threads: where the process has any, the run waits for them, and says after a second
/// that it does; see [`Builder::by_itself`](super::Builder::by_itself). So a run whose tasks are at a deadlock says so
/// in any case, and one that a handle is going to wake is not ended by it. Between two runs of a
/// [`Runner`](crate::Runner) what is handed over waits for the next.
///
/// # Examples
///
/// ```
/// use cede::{Handle, sync::Queue};
/// use std::{sync::Arc, thread};
///
/// cede::run(|| {
///     let run = Handle::current();
///     let stop = Arc::new(Queue::unbounded());
///     let put = stop.clone();
///     let thread = thread::spawn(move || {
///         let doubled = run.spawn(|| {
///             cede::sleep(std::time::Duration::from_millis(1));
///             2 * 21
///         });
///         put.put_nowait(doubled.join().unwrap()).unwrap();
///     });
///     assert_eq!(stop.get(), Ok(42));
///     thread.join().unwrap();
/// });
/// ```
pub struct Handle {
    inbox: Arc<Inbox>,
    home: ThreadId,
}

impl Handle {
    /// Of a scheduler of this thread.
    pub(super) fn new(scheduler: &Scheduler) -> Self {
        let inbox = Arc::clone(&scheduler.outside.inbox);
        inbox.add_handle();
        Handle { inbox, home: thread::current().id() }
    }

    /// The handle of the run that this is called in: `asyncio.get_running_loop`.
    ///
    /// # Panics
    ///
    /// Panics outside of a run; [`try_current`](Handle::try_current) does not.
    #[track_caller]
    pub fn current() -> Self {
        Handle::try_current()
            .expect("cede: there is no run on this thread: call Handle::current inside cede::run")
    }

    /// The handle of the run that this is called in, if it is called in one.
    pub fn try_current() -> Option<Self> {
        with_scheduler(Handle::new)
    }

    /// Starts a task in the run, on any thread: `asyncio.run_coroutine_threadsafe`.
    ///
    /// The closure crosses to the run's thread before it begins, with a copy of the caller's context, and the result
    /// comes back. A panic of the closure comes back too, as an error of [`join`](RemoteJoinHandle::join). When the run
    /// has ended the closure is dropped, and `join` says so.
    ///
    /// # Examples
    ///
    /// ```
    /// let runner = cede::Runner::new();
    /// let run = runner.handle();
    /// let thread = std::thread::spawn(move || run.spawn(|| cede::current().unwrap().name()).join());
    /// runner.run(|| while !thread.is_finished() { cede::sleep(std::time::Duration::from_millis(1)) })?;
    /// assert_eq!(thread.join().unwrap()?, "Task-2");
    /// # Ok::<_, Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn spawn<T: Send + 'static>(&self, f: impl FnOnce() -> T + Send + 'static) -> RemoteJoinHandle<T> {
        remote::spawn(self.origin(Location::caller()), move || Ok(f()))
    }

    /// Starts a task that may fail; see [`spawn`](Handle::spawn) and `cede::try_spawn`. Its error crosses threads, so
    /// it has to be `Send` and `Sync`.
    #[track_caller]
    pub fn try_spawn<T, E>(&self, f: impl FnOnce() -> Result<T, E> + Send + 'static) -> RemoteJoinHandle<T>
    where
        T: Send + 'static,
        E: Into<Box<dyn Error + Send + Sync>> + 'static,
    {
        remote::spawn(self.origin(Location::caller()), move || f().map_err(Into::into))
    }

    /// Has the run call a function in its next tick, on any thread: `loop.call_soon_threadsafe`. It is no task: it
    /// can't wait. It runs in a copy of the caller's context. A panic in it goes to the hook of
    /// [`set_task_hook`](crate::set_task_hook).
    ///
    /// # Errors
    ///
    /// When the run has ended. The function is dropped.
    pub fn call_soon(&self, f: impl FnOnce() + Send + 'static) -> Result<(), RunEnded> {
        self.inbox.call(Box::new(context::carry(f))).map_err(|_dropped| RunEnded(()))
    }

    fn origin(&self, spawned_at: &'static Location<'static>) -> Origin {
        Origin { inbox: Arc::clone(&self.inbox), home: self.home, spawned_at }
    }
}

impl Clone for Handle {
    fn clone(&self) -> Self {
        self.inbox.add_handle();
        Handle { inbox: Arc::clone(&self.inbox), home: self.home }
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.inbox.remove_handle();
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle").field("home", &self.home).finish_non_exhaustive()
    }
}
