//! Tasks that were started from another thread, or that any worker may take, and their handles.
//!
//! ```text
//!   another thread                                   the thread of the run
//!   Handle::spawn ──▶ Unbegun ────── inbox ────────▶ RemoteTask, in the slab as any other
//!   RemoteJoinHandle ─────────────▶ Shared ◀──────── its result, when its record goes
//! ```
//!
//! The task is an ordinary one: all that differs is where its result goes. That is told when its record is dropped,
//! which is when it has ended, in whatever way; when it never begins, by the closure that was to begin it; when it is
//! given up, by whoever does that. So whoever waits is always told.
//!
//! Results, closures and errors are never dropped under a lock.

mod error;
#[cfg(all(test, cede_loom))]
mod models;
mod shared;
mod work;

use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;
use std::panic::Location;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use pin_project_lite::pin_project;

use super::clock;
use super::inbox::{Inbox, Sender};
use super::operation::{CancelWait, Operation, sealed};
use super::scheduler::{Scheduler, with_scheduler};
use super::wait_list::Node;
use super::waiter::Waiter;
use super::with_deadline::wait_within;
use crate::atomics::thread;
use shared::Shared;
use work::Joint;

pub use error::RemoteJoinError;
pub(crate) use shared::{Origin, cancel};
pub(crate) use work::{ChildFailure, Crowd, Fresh, FreshCall, Given, Ticket, Unbegun};

/// A closure that is to become a task somewhere, and the handle of that.
pub(crate) fn make<T: Send + 'static>(
    origin: Origin,
    ticket: Option<Ticket>,
    body: impl FnOnce() -> Given<T> + Send + 'static,
) -> (Unbegun, RemoteJoinHandle<T>) {
    // SAFETY: everything is `'static`.
    unsafe { make_borrowing(origin, ticket, body) }
}

/// The same for a closure that may borrow, and whose value may.
///
/// # Safety
///
/// What both borrow stays until the ticket was dropped, and the handle goes before that.
pub(crate) unsafe fn make_borrowing<'a, T: Send + 'a>(
    origin: Origin,
    ticket: Option<Ticket>,
    body: impl FnOnce() -> Given<T> + Send + 'a,
) -> (Unbegun, RemoteJoinHandle<T>) {
    let (unbegun, joint) = work::make(origin, ticket, body);
    // SAFETY: the caller's promise.
    let unbegun = unsafe { unbegun.forget_lifetime() };
    // SAFETY: only the lifetime changes, and the caller sees to the handle.
    let joint = unsafe { std::mem::transmute::<Arc<dyn Joint<T> + 'a>, Arc<dyn Joint<T>>>(joint) };
    (unbegun, RemoteJoinHandle { joint, marker: PhantomData })
}

/// Hands a task to a run of one thread: it is taken in by a callback there, in the next tick. Where the run has ended it is dropped,
/// which tells so.
pub(super) fn send<T: Send + 'static>(
    inbox: &Inbox,
    origin: Origin,
    body: impl FnOnce() -> Given<T> + Send + 'static,
) -> RemoteJoinHandle<T> {
    let (unbegun, handle) = make(origin, None, body);
    send_to(inbox, unbegun);
    handle
}

/// The same for one that was made.
pub(super) fn send_to(inbox: &Inbox, unbegun: Unbegun) {
    let start = move || {
        with_scheduler(|scheduler| scheduler.adopt_unbegun(unbegun));
    };
    drop(inbox.call(Box::new(start)));
}

/// The handle of a task that was started by a [`Handle`](super::Handle), or that any worker may begin, for any thread: `concurrent.futures.Future` as
/// `run_coroutine_threadsafe` makes it. Dropping it lets the task go on by itself.
pub struct RemoteJoinHandle<T> {
    joint: Arc<dyn Joint<T>>,
    /// It may go wherever values of the task may, and be shared there.
    marker: PhantomData<Mutex<T>>,
}

impl<T> RemoteJoinHandle<T> {
    fn shared(&self) -> &Shared<T> {
        self.joint.shared()
    }

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
        RemoteJoining { task: Of::Borrowed(self.shared()), node: Node::default(), promise: None }
    }

    /// The same for who has no more use for the handle.
    pub(crate) fn into_joining(self) -> RemoteJoining<'static, T> {
        let task = Of::Owned(self.joint, PhantomData);
        RemoteJoining { task, node: Node::default(), promise: None }
    }

    /// Blocks the thread.
    fn block(&self, deadline: Option<Instant>) -> Option<Result<T, RemoteJoinError>> {
        let shared = self.shared();
        if !shared.is_over() && shared.origin.home == Some(thread::current().id()) {
            panic!(
                "cede: this thread would wait for itself: the task is for a run of it, and none is under way"
            );
        }
        shared.block(deadline)
    }

    /// Requests the cancellation of the task, from any thread: one that has not begun does not, one that waits unwinds.
    /// What the task makes of it is what [`join`](RemoteJoinHandle::join) gives; Python's future counts as cancelled at
    /// once.
    ///
    /// Gives false when the task has ended already.
    pub fn cancel(&self) -> bool {
        self.shared().cancel()
    }

    /// Whether the task has ended.
    pub fn is_finished(&self) -> bool {
        self.shared().is_over()
    }

    /// Where it was spawned.
    pub fn spawned_at(&self) -> &'static Location<'static> {
        self.shared().origin.spawned_at
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
    Owned(Arc<dyn Joint<T>>, PhantomData<Mutex<T>>),
}

impl<T> Deref for Of<'_, T> {
    type Target = Shared<T>;

    fn deref(&self) -> &Shared<T> {
        match self {
            Of::Borrowed(shared) => shared,
            Of::Owned(joint, _) => joint.shared(),
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
    fn is_of_current(&self) -> bool {
        let task = self.task.key();
        task.is_some() && with_scheduler(Scheduler::current_key).flatten() == task
    }
}

/// Whether the run that is going to end the task is another one, which goes on by itself. Workers of one runtime are not.
fn is_elsewhere(origin: &Origin, scheduler: &Scheduler) -> bool {
    match origin.home {
        Some(home) => home != thread::current().id(),
        None => origin.runtime != scheduler.runtime(),
    }
}

impl<T> sealed::Sealed for RemoteJoining<'_, T> {}

impl<T> Operation for RemoteJoining<'_, T> {
    type Output = Result<T, RemoteJoinError>;

    fn attempt(self: Pin<&mut Self>) -> Option<Self::Output> {
        if let Some(result) = self.task.take() {
            return Some(result);
        }
        self.is_of_current().then(|| Err(RemoteJoinError::itself()))
    }

    fn register(self: Pin<&mut Self>, waiter: Waiter) {
        let this = self.project();
        let shared: &Shared<T> = this.task;
        *this.promise = with_scheduler(|scheduler| {
            is_elsewhere(&shared.origin, scheduler).then(|| scheduler.outside.inbox.sender())
        })
        .flatten();
        let waiters = shared.waiters();
        // Who ends the task takes this lock when somebody has waited, and is not to wake a second time who knows already.
        if shared.note_waiter() {
            waiter.wake_later();
        } else {
            waiters.link(this.node.as_ref(), waiter);
        }
    }

    fn withdraw(self: Pin<&mut Self>) {
        let this = self.project();
        this.task.waiters().remove(&this.node);
        *this.promise = None;
    }

    fn cancel(&self) -> CancelWait {
        let answer = self.task.waiters().cancel_wait(&self.node);
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
