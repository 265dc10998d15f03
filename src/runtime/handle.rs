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
use super::remote::{self, Fresh, FreshCall, Given, Origin, RemoteJoinHandle};
use super::scheduler::{Scheduler, with_scheduler};
use super::workers::{Gate, Seat};
use crate::atomics::thread::{self, ThreadId};

/// The run has ended, and takes nothing in any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the run has ended")]
pub struct RunEnded(pub(super) ());

/// A handle of a run, by which any thread gives it tasks and callbacks. Of a [`Runtime`](crate::Runtime), whichever worker is free takes
/// them.
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
    target: Target,
}

/// What a handle leads to.
#[derive(Clone)]
enum Target {
    /// A run of one thread.
    Run(Arc<Inbox>, ThreadId),
    /// The workers of a runtime: the first that is free takes it.
    Runtime(Arc<Gate>),
}

impl Handle {
    /// Of a scheduler of this thread, or of the runtime that it belongs to.
    pub(super) fn new(scheduler: &Scheduler) -> Self {
        if let Some(gate) = scheduler.seat().map(Seat::gate) {
            return Handle::of_runtime(gate);
        }
        let inbox = Arc::clone(&scheduler.outside.inbox);
        Handle::of(Target::Run(inbox, thread::current().id()))
    }

    /// Of a runtime.
    pub(super) fn of_runtime(gate: &Arc<Gate>) -> Self {
        Handle::of(Target::Runtime(Arc::clone(gate)))
    }

    fn of(target: Target) -> Self {
        // A runtime waits for other threads in any case, where there are any.
        if let Target::Run(inbox, _) = &target {
            inbox.add_handle();
        }
        Handle { target }
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
        self.start(Location::caller(), move || Ok(f()))
    }

    /// Starts a task that may fail; see [`spawn`](Handle::spawn) and `cede::try_spawn`. Its error crosses threads, so
    /// it has to be `Send` and `Sync`.
    #[track_caller]
    pub fn try_spawn<T, E>(&self, f: impl FnOnce() -> Result<T, E> + Send + 'static) -> RemoteJoinHandle<T>
    where
        T: Send + 'static,
        E: Into<Box<dyn Error + Send + Sync>> + 'static,
    {
        self.start(Location::caller(), move || f().map_err(Into::into))
    }

    /// Has the run call a function in its next tick, on any thread: `loop.call_soon_threadsafe`. It is no task: it
    /// can't wait. It runs in a copy of the caller's context. A panic in it goes to the hook of
    /// [`set_task_hook`](crate::set_task_hook).
    ///
    /// # Errors
    ///
    /// When the run has ended. The function is dropped.
    pub fn call_soon(&self, f: impl FnOnce() + Send + 'static) -> Result<(), RunEnded> {
        let call = Box::new(context::carry(f));
        let refused = match &self.target {
            Target::Run(inbox, _) => inbox.call(call).is_err(),
            Target::Runtime(gate) => gate.push(Fresh::Call(FreshCall(call))).is_err(),
        };
        if refused { Err(RunEnded(())) } else { Ok(()) }
    }

    fn start<T: Send + 'static>(
        &self,
        spawned_at: &'static Location<'static>,
        body: impl FnOnce() -> Given<T> + Send + 'static,
    ) -> RemoteJoinHandle<T> {
        match &self.target {
            Target::Run(inbox, home) => {
                let origin = Origin { home: Some(*home), runtime: 0, spawned_at, observed: false };
                remote::send(inbox, origin, body)
            }
            Target::Runtime(gate) => {
                let origin = Origin { home: None, runtime: gate.number(), spawned_at, observed: false };
                let (unbegun, handle) = remote::make(origin, None, body);
                // What comes back is dropped, and tells that the run has ended.
                drop(gate.push(Fresh::Task(unbegun)));
                handle
            }
        }
    }
}

impl Clone for Handle {
    fn clone(&self) -> Self {
        Handle::of(self.target.clone())
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        if let Target::Run(inbox, _) = &self.target {
            inbox.remove_handle();
        }
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.target {
            Target::Run(_, home) => f.debug_struct("Handle").field("home", home).finish_non_exhaustive(),
            Target::Runtime(gate) => f.debug_struct("Handle").field("runtime", gate).finish_non_exhaustive(),
        }
    }
}
