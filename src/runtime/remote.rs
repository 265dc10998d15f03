//! Tasks that other threads have started, and their handles there.
//!
//! ```text
//!   another thread                                   the thread of the run
//!   Handle::spawn ──▶ Unstarted ──── inbox ────────▶ RemoteTask, in the slab as any other
//!   RemoteJoinHandle ─────────────▶ Shared ◀──────── its result, when its record goes
//! ```
//!
//! The task is an ordinary one: all that differs is where its result goes. That is told when its record is dropped,
//! which is when it has ended, in whatever way; when it never begins, by the closure that was to begin it; when it is
//! given up, by whoever does that. So whoever waits is always told.
//!
//! Results, closures and errors are never dropped under the lock.

mod error;
#[cfg(all(test, cede_loom))]
mod models;

use std::cell::{Cell, RefCell};
use std::error::Error;
use std::fmt;
use std::ops::Deref;
use std::panic::Location;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use pin_project_lite::pin_project;

use super::clock;
use super::completion::Completion;
use super::context;
use super::inbox::{Inbox, Sender};
use super::operation::{CancelWait, Operation, sealed};
use super::outcome::Outcome;
use super::report;
use super::scheduler::{Scheduler, with_scheduler};
use super::task::{AnyTask, Failure, TaskCore, TaskKey};
use super::wait_list::{List, Node};
use super::waiter::Waiter;
use super::waker_cell;
use super::with_deadline::wait_within;
use crate::atomics::thread::{self, ThreadId};
use crate::atomics::{Condvar, Mutex, MutexGuard, PoisonError};
pub use error::RemoteJoinError;

/// How a task ended.
type Joined<T> = Result<T, RemoteJoinError>;

/// What a closure gives that another thread has sent.
type Given<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// Where a task is to run, and where it was spawned.
pub(super) struct Origin {
    pub(super) inbox: Arc<Inbox>,
    /// The thread of the run.
    pub(super) home: ThreadId,
    pub(super) spawned_at: &'static Location<'static>,
}

/// What the task and its handle share.
struct Shared<T> {
    origin: Origin,
    state: Mutex<State<T>>,
    /// For threads that wait. Tasks are in the list of waiters.
    ended: Condvar,
}

struct State<T> {
    stage: Stage<T>,
    waiters: List,
    /// Its name for reports, when it has failed.
    name: String,
    /// Somebody was told of how it ended.
    observed: bool,
}

enum Stage<T> {
    /// On its way, with requests to cancel it.
    Sent {
        cancels: u32,
    },
    Begun(TaskKey),
    Ended(Joined<T>),
    Taken,
}

/// Hands a task to a run.
pub(super) fn spawn<T: Send + 'static>(
    origin: Origin,
    body: impl FnOnce() -> Given<T> + Send + 'static,
) -> RemoteJoinHandle<T> {
    let shared = Shared::new(origin);
    let unstarted = Unstarted { body, link: Link(Some(Arc::clone(&shared))) };
    // What comes back is dropped, and tells that the run has ended.
    drop(shared.origin.inbox.call(Box::new(context::carry(move || unstarted.start()))));
    RemoteJoinHandle { shared }
}

impl<T> Shared<T> {
    fn new(origin: Origin) -> Arc<Self> {
        let stage = Stage::Sent { cancels: 0 };
        let state = State { stage, waiters: List::new(), name: String::new(), observed: false };
        Arc::new(Shared { origin, state: Mutex::new(state), ended: Condvar::new() })
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The task is in the run now. Gives how often it is to be cancelled at once.
    fn begin(&self, task: TaskKey) -> u32 {
        match std::mem::replace(&mut self.lock().stage, Stage::Begun(task)) {
            Stage::Sent { cancels } => cancels,
            _ => unreachable!("it begins once"),
        }
    }

    /// It has ended, or is not going to begin: tells who waits. Nothing changes when it was told before.
    fn end(&self, result: Joined<T>, name: String) {
        let mut state = self.lock();
        if matches!(state.stage, Stage::Ended(_) | Stage::Taken) {
            drop(state);
            drop(result);
            return;
        }
        state.stage = Stage::Ended(result);
        state.name = name;
        state.waiters.pop_all();
        drop(state);
        self.ended.notify_all();
        waker_cell::wake_due();
    }

    fn is_home(&self, scheduler: &Scheduler) -> bool {
        Arc::ptr_eq(&self.origin.inbox, &scheduler.outside.inbox)
    }

    /// Requests the cancellation of the task. Gives false when it has ended.
    fn cancel(&self) -> bool {
        let task = match &mut self.lock().stage {
            Stage::Sent { cancels } => {
                *cancels += 1;
                return true;
            }
            Stage::Begun(task) => *task,
            Stage::Ended(_) | Stage::Taken => return false,
        };
        let cancel = move |scheduler: &Scheduler| {
            scheduler.task(task).is_some_and(|task| scheduler.cancel(task.core()))
        };
        if let Some(done) =
            with_scheduler(|scheduler| self.is_home(scheduler).then(|| cancel(scheduler))).flatten()
        {
            return done;
        }
        let call = move || {
            with_scheduler(cancel);
        };
        self.origin.inbox.call(Box::new(call)).is_ok()
    }
}

impl<T> State<T> {
    fn is_over(&self) -> bool {
        matches!(self.stage, Stage::Ended(_) | Stage::Taken)
    }

    /// How it ended: the value once, a failure each time. Nothing before it has ended.
    fn take(&mut self) -> Option<Joined<T>> {
        if !self.is_over() {
            return None;
        }
        self.observed = true;
        Some(match std::mem::replace(&mut self.stage, Stage::Taken) {
            Stage::Ended(Err(error)) => {
                self.stage = Stage::Ended(Err(error.clone()));
                Err(error)
            }
            Stage::Ended(Ok(value)) => Ok(value),
            _ => Err(RemoteJoinError::taken()),
        })
    }
}

impl<T> Drop for Shared<T> {
    fn drop(&mut self) {
        let state = self.state.get_mut().unwrap_or_else(PoisonError::into_inner);
        if !state.observed
            && let Stage::Ended(Err(error)) = &state.stage
            && error.is_failure()
        {
            report::unobserved_remote(&state.name, self.origin.spawned_at, error);
        }
    }
}

/// A closure on its way to its run.
struct Unstarted<T, F> {
    body: F,
    /// Dropped after the closure, also where the destructor of that panics.
    link: Link<T>,
}

/// Tells that the run has ended, if it is dropped before the task begins.
struct Link<T>(Option<Arc<Shared<T>>>);

impl<T: 'static, F: FnOnce() -> Given<T> + 'static> Unstarted<T, F> {
    /// Makes it a task. In a callback of its run.
    fn start(self) {
        let Unstarted { body, mut link } = self;
        with_scheduler(|scheduler| {
            let Some(shared) = link.0.take() else { return };
            let core = scheduler.record(None, shared.origin.spawned_at);
            let (body, result) = (Cell::new(Some(body)), RefCell::new(None));
            let task = Rc::new(RemoteTask { core, shared: Arc::clone(&shared), body, result });
            scheduler.adopt(Rc::clone(&task) as Rc<dyn AnyTask>);
            for _ in 0..shared.begin(task.core.key.get()) {
                scheduler.cancel(&task.core);
            }
        });
    }
}

impl<T> Drop for Link<T> {
    fn drop(&mut self) {
        if let Some(shared) = self.0.take() {
            shared.end(Err(RemoteJoinError::run_ended()), String::new());
        }
    }
}

/// A task whose result goes to another thread. Like a [`Task`](super::task::Task) in all else.
struct RemoteTask<T, F> {
    core: TaskCore,
    shared: Arc<Shared<T>>,
    body: Cell<Option<F>>,
    result: RefCell<Option<Joined<T>>>,
}

impl<T, F: FnOnce() -> Given<T>> AnyTask for RemoteTask<T, F> {
    fn core(&self) -> &TaskCore {
        &self.core
    }

    fn run(&self) -> bool {
        let Some(body) = self.body.take() else { return false };
        let result = body().map_err(RemoteJoinError::from_error);
        let succeeded = result.is_ok();
        self.result.replace(Some(result));
        succeeded
    }

    fn discard(&self) {
        drop(self.body.take());
    }

    fn fail(&self, failure: Failure) {
        let old = self.result.replace(Some(Err(RemoteJoinError::from_failure(failure))));
        drop(old);
    }

    fn give_up(&self) {
        self.shared.end(Err(RemoteJoinError::run_ended()), String::new());
    }
}

impl<T, F: FnOnce() -> Given<T>> Outcome for RemoteTask<T, F> {
    fn completion(&self) -> &Completion {
        &self.core.completion
    }

    fn cancel(&self) -> bool {
        self.core.scheduler().is_some_and(|scheduler| scheduler.cancel(&self.core))
    }

    fn failure(&self) -> Option<Failure> {
        let result = self.result.borrow();
        let error = result.as_ref()?.as_ref().err()?;
        Some(if error.is_cancelled() { Failure::Cancelled } else { Failure::Error(Rc::new(error.clone())) })
    }

    fn note_observed(&self) {}

    fn task(&self) -> Option<&TaskCore> {
        Some(&self.core)
    }

    fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "task {} {:?}", self.core.id, &*self.core.name())
    }
}

impl<T, F> Drop for RemoteTask<T, F> {
    fn drop(&mut self) {
        let result = self.result.take().unwrap_or_else(|| Err(RemoteJoinError::run_ended()));
        let name = match &result {
            Err(error) if error.is_failure() => format!("task {} {:?}", self.core.id, &*self.core.name()),
            _ => String::new(),
        };
        self.shared.end(result, name);
    }
}

/// The handle of a task that was started by a [`Handle`](super::Handle), for any thread: `concurrent.futures.Future` as
/// `run_coroutine_threadsafe` makes it. Dropping it lets the task go on by itself.
pub struct RemoteJoinHandle<T> {
    shared: Arc<Shared<T>>,
}

impl<T> RemoteJoinHandle<T> {
    /// Waits for the end of the task and takes its value: blocks a thread, and suspends a task, of whichever run.
    ///
    /// # Errors
    ///
    /// When the task failed, panicked or was cancelled; when the run has ended without it; when the value was taken
    /// before; when it is the task itself that asks.
    ///
    /// # Cancellation
    ///
    /// A task that is cancelled while it waits has this one cancelled as well, and unwinds at once, as in asyncio.
    ///
    /// # Panics
    ///
    /// Panics where a task may not wait, inside of a run; see [`Operation::wait`]. Outside, on the thread of the run to
    /// which the task was handed, which would wait for itself.
    pub fn join(&self) -> Result<T, RemoteJoinError> {
        if is_in_run() {
            return self.joining().wait();
        }
        self.block(None).expect("it waits until the task has ended")
    }

    /// As [`join`](RemoteJoinHandle::join), for no longer than this, by the clock of the run if this is called in one.
    /// Gives `None` when the time is up. The task goes on.
    ///
    /// # Errors, cancellation, panics
    ///
    /// As for [`join`](RemoteJoinHandle::join).
    pub fn join_timeout(&self, timeout: Duration) -> Option<Result<T, RemoteJoinError>> {
        if is_in_run() {
            return wait_within(pin!(self.joining()), timeout);
        }
        self.block(clock::deadline(Instant::now(), timeout))
    }

    /// The operation behind [`join`](RemoteJoinHandle::join), for `select!`.
    pub fn joining(&self) -> RemoteJoining<'_, T> {
        RemoteJoining { task: Of::Borrowed(&self.shared), node: Node::default(), promise: None }
    }

    /// The same for who has no more use for the handle.
    pub(crate) fn into_joining(self) -> RemoteJoining<'static, T> {
        RemoteJoining { task: Of::Owned(self.shared), node: Node::default(), promise: None }
    }

    /// Blocks the thread.
    fn block(&self, deadline: Option<Instant>) -> Option<Joined<T>> {
        let mut state = self.shared.lock();
        if !state.is_over() && thread::current().id() == self.shared.origin.home {
            drop(state);
            panic!(
                "cede: this thread would wait for itself: the task is for a run of it, and none is under way"
            );
        }
        loop {
            if let Some(result) = state.take() {
                return Some(result);
            }
            let ended = &self.shared.ended;
            state = match deadline.map(|deadline| deadline.saturating_duration_since(Instant::now())) {
                Some(Duration::ZERO) => return None,
                Some(time) => ended.wait_timeout(state, time).unwrap_or_else(PoisonError::into_inner).0,
                None => ended.wait(state).unwrap_or_else(PoisonError::into_inner),
            };
        }
    }

    /// Requests the cancellation of the task, from any thread: one that has not begun does not, one that waits unwinds.
    /// What the task makes of it is what [`join`](RemoteJoinHandle::join) gives; Python's future counts as cancelled at
    /// once.
    ///
    /// Gives false when the task has ended already.
    pub fn cancel(&self) -> bool {
        self.shared.cancel()
    }

    /// Whether the task has ended.
    pub fn is_finished(&self) -> bool {
        self.shared.lock().is_over()
    }

    /// Where it was spawned.
    pub fn spawned_at(&self) -> &'static Location<'static> {
        self.shared.origin.spawned_at
    }
}

/// Whether this is called by a run: by a task or by a callback, which may not wait.
fn is_in_run() -> bool {
    with_scheduler(|_| ()).is_some()
}

impl<T> fmt::Debug for RemoteJoinHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RemoteJoinHandle")
            .field("spawned_at", &format_args!("{}", self.spawned_at()))
            .field("finished", &self.is_finished())
            .finish()
    }
}

/// The task that is joined.
enum Of<'a, T> {
    Borrowed(&'a Shared<T>),
    Owned(Arc<Shared<T>>),
}

impl<T> Deref for Of<'_, T> {
    type Target = Shared<T>;

    fn deref(&self) -> &Shared<T> {
        match self {
            Of::Borrowed(shared) => shared,
            Of::Owned(shared) => shared,
        }
    }
}

pin_project! {
    /// The operation of [`RemoteJoinHandle::join`].
    pub struct RemoteJoining<'a, T> {
        task: Of<'a, T>,
        #[pin]
        node: Node,
        // While it waits for a run of another thread, which is going to end the wait: that is no deadlock.
        promise: Option<Sender>,
    }
}

impl<T> fmt::Debug for RemoteJoining<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RemoteJoining").finish_non_exhaustive()
    }
}

impl<T> RemoteJoining<'_, T> {
    /// Whether it is the task that runs.
    fn is_of_current(&self, state: &State<T>) -> bool {
        let Stage::Begun(task) = state.stage else { return false };
        with_scheduler(Scheduler::current_key).flatten() == Some(task)
    }
}

impl<T> sealed::Sealed for RemoteJoining<'_, T> {}

impl<T> Operation for RemoteJoining<'_, T> {
    type Output = Result<T, RemoteJoinError>;

    fn attempt(self: Pin<&mut Self>) -> Option<Self::Output> {
        let mut state = self.task.lock();
        if self.is_of_current(&state) {
            return Some(Err(RemoteJoinError::itself()));
        }
        state.take()
    }

    fn register(self: Pin<&mut Self>, waiter: Waiter) {
        let this = self.project();
        let is_elsewhere = this.task.origin.home != thread::current().id();
        *this.promise =
            with_scheduler(|scheduler| is_elsewhere.then(|| scheduler.outside.inbox.sender())).flatten();
        let state = this.task.lock();
        if state.is_over() {
            waiter.wake_later();
        } else {
            state.waiters.link(this.node.as_ref(), waiter);
        }
    }

    fn withdraw(self: Pin<&mut Self>) {
        let this = self.project();
        this.task.lock().waiters.remove(&this.node);
        *this.promise = None;
    }

    fn cancel(&self) -> CancelWait {
        let answer = self.task.lock().waiters.cancel_wait(&self.node);
        if answer == CancelWait::Unwind {
            self.task.cancel();
        }
        answer
    }

    fn is_local(&self) -> bool {
        self.promise.is_none()
    }

    fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "joins a task that was handed to a run at {}", self.task.origin.spawned_at)
    }
}
