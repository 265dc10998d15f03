//! Work that blocks its thread, on threads that are there for it.
//!
//! The threads belong to the process, or to the run where it has settings of its own. A job gets one that is idle, or a new one up to a
//! bound, and waits for its turn beyond that; a thread that was idle for a while goes ([`Pool`]). The bound is wide, since such
//! jobs wait more than they compute.
//!
//! ```text
//!               a thread takes it           it returns or panics          the task takes it
//!   QUEUED ──────────────────────▶ RUNNING ─────────────────────▶ DONE ──────────────────▶ OVER
//!      │                              │                                                     ▲
//!      │ the task is cancelled:       │ the task is cancelled: the thread                   │
//!      └─ it drops the job ─────────┐ └─ drops what comes out ────────────────────────────┐ │
//!                                   └─────────────────────────────────────────────────────┴─┘
//! ```
//!
//! A job is `'static`: one whose task is cancelled goes on with nobody waiting, as it does in asyncio. A run waits at its end
//! until its jobs are over (`Jobs`).
//!
//! Jobs and results never run or drop under a lock.

mod jobs;
mod scoped;

use std::fmt;
use std::io;
use std::panic::{self, AssertUnwindSafe};
use std::pin::{Pin, pin};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use super::context;
use super::inbox::Sender;
use super::operation::{Operation, sealed};
use super::park;
use super::pool::{Busy, Pool, Refusal, Settings, Work};
use super::reactor;
use super::scheduler::with_scheduler;
use super::task::TaskKey;
use super::waiter::Waiter;
use crate::atomics::{Mutex, MutexGuard, PoisonError, thread};

/// How many threads there are at most.
const THREADS_MAX: usize = 256;

/// How long a thread stays that has nothing to do.
const IDLE_MAX: Duration = Duration::from_secs(10);

pub(crate) use jobs::{Jobs, Kind, Ticket};
pub(super) use jobs::{OwnThreads, ThreadSettings};
pub use scoped::unblock_scoped;

static POOL: LazyLock<Arc<Pool>> = LazyLock::new(|| pool(THREADS_MAX, IDLE_MAX));

/// A pool for such work.
fn pool(threads_max: usize, idle_max: Duration) -> Arc<Pool> {
    Pool::new(Settings {
        threads_max,
        idle_max: Some(idle_max),
        own_queues: false,
        promises: true,
        name: "cede-blocking".to_owned(),
        stack_size: None,
        set_up: None,
    })
}

/// Runs a function on a thread where it may block, and suspends the task meanwhile: `asyncio.to_thread`. There it has a copy of
/// the task's context.
///
/// # Cancellation
///
/// Unwinds when the task is cancelled meanwhile. A function that has not begun is dropped; one that has goes on, and what it gives is
/// dropped on its thread. The end of the run waits for it.
///
/// # Panics
///
/// Goes on with a panic of the function. Panics where a task may not wait; see [`Operation::wait`]; and when no thread can be
/// had.
///
/// # Examples
///
/// ```
/// let lines = cede::run(|| cede::runtime::unblock(|| std::fs::read_to_string("Cargo.toml").map(|text| text.lines().count())));
/// assert!(lines.is_ok_and(|lines| lines > 0));
/// ```
pub fn unblock<T: Send + 'static>(f: impl FnOnce() -> T + Send + 'static) -> T {
    match try_unblock(context::carry(f)) {
        Ok(value) => value,
        Err(error) => panic!("cede: {error}"),
    }
}

/// Has a thread of the process do a piece of work for which nobody may be there else.
pub(crate) fn lend_a_thread(work: Arc<dyn Work>) {
    if let Err((work, reason)) = POOL.submit(work) {
        work.refuse(&reason);
    }
}

/// As [`unblock`], with an error in place of its own panics.
pub(crate) fn try_unblock<T: Send + 'static>(f: impl FnOnce() -> T + Send + 'static) -> io::Result<T> {
    let (sender, ticket, pool) = outlets(Kind::Owning)?;
    match park::wait(pin!(Unblocking::begin(&pool, f, sender, ticket)))? {
        Ok(value) => Ok(value),
        Err(payload) => panic::resume_unwind(payload),
    }
}

/// Has a thread do a call that can't be told not to wait, for a stream or a file. Where a task may not wait, as in a destructor while its
/// thread unwinds, the call is done here.
///
/// # Errors
///
/// Those of the call; outside of a task; when no thread can be had.
pub(crate) fn call<T: Send + 'static>(f: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
    match park::refusal() {
        None => try_unblock(f)?,
        Some(refusal @ park::Refusal::NoTask) => Err(reactor::refused(refusal)),
        Some(_) => f(),
    }
}

/// What a job of the current task needs, which may wait.
fn outlets(kind: Kind) -> io::Result<(Sender, Ticket, Arc<Pool>)> {
    if let Some(refusal) = park::refusal() {
        return Err(io::Error::other(refusal.to_string()));
    }
    with_scheduler(|scheduler| {
        let outside = &scheduler.outside;
        (outside.inbox.sender(), outside.jobs.ticket(kind), outside.jobs.pool())
    })
    .ok_or_else(|| io::Error::other(park::Refusal::NoTask.to_string()))
}

/// What a task is told whose job is refused.
fn error_of(reason: &Refusal) -> io::Error {
    match reason {
        Refusal::NoThread(error) => {
            io::Error::new(error.kind(), format!("no thread can be had for a blocking call: {error}"))
        }
        _ => io::Error::other("the threads for blocking calls have been ended"),
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// See the drawing above.
enum Stage<F, T> {
    Queued(F, Sender, Ticket),
    Running,
    Done(Outcome<T>),
    Over,
}

/// An error when no thread could be had.
type Outcome<T> = io::Result<thread::Result<T>>;

struct Job<F, T> {
    stage: Mutex<Stage<F, T>>,
    /// Whom to wake when it is done. Locked after `stage`, if both are.
    waiter: Mutex<Option<TaskKey>>,
}

impl<F: FnOnce() -> T + Send, T: Send> Work for Job<F, T> {
    fn run(self: Arc<Self>, busy: &Busy<'_>) {
        let stage = std::mem::replace(&mut *lock(&self.stage), Stage::Running);
        let Stage::Queued(f, sender, ticket) = stage else {
            *lock(&self.stage) = Stage::Over;
            return;
        };
        let result = panic::catch_unwind(AssertUnwindSafe(f));
        let unwanted = self.finish(Ok(result), &sender, busy);
        // Nobody is there for a panic of its destructor, which the panic hook has told of.
        let dropped = panic::catch_unwind(AssertUnwindSafe(|| drop(unwanted)));
        if let Err(payload) = dropped {
            std::mem::forget(payload);
        }
        // Last: the run must not end before.
        drop(sender);
        drop(ticket);
    }

    fn refuse(self: Arc<Self>, reason: &Refusal) {
        let stage = std::mem::replace(&mut *lock(&self.stage), Stage::Running);
        if let Stage::Queued(f, sender, ticket) = stage {
            self.finish(Err(error_of(reason)), &sender, &Busy::nowhere());
            drop((f, sender, ticket));
        } else {
            *lock(&self.stage) = Stage::Over;
        }
    }
}

impl<F, T> Job<F, T> {
    /// It is done: wakes who waits for it. Gives the outcome back when nobody does any more.
    fn finish(&self, outcome: Outcome<T>, sender: &Sender, busy: &Busy<'_>) -> Option<Outcome<T>> {
        let mut stage = lock(&self.stage);
        let unwanted = match *stage {
            Stage::Running => {
                *stage = Stage::Done(outcome);
                busy.release();
                None
            }
            _ => Some(outcome),
        };
        let waiter = lock(&self.waiter).take();
        drop(stage);
        if let Some(task) = waiter {
            sender.wake(task);
        }
        unwanted
    }
}

/// Waits for a job.
struct Unblocking<F, T> {
    job: Arc<Job<F, T>>,
}

impl<T: Send + 'static, F: FnOnce() -> T + Send + 'static> Unblocking<F, T> {
    /// Gives a job to a pool.
    fn begin(pool: &Arc<Pool>, f: F, sender: Sender, ticket: Ticket) -> Self {
        let stage = Mutex::new(Stage::Queued(f, sender, ticket));
        let job = Arc::new(Job { stage, waiter: Mutex::new(None) });
        if let Err((work, reason)) = pool.submit(Arc::clone(&job) as Arc<dyn Work>) {
            work.refuse(&reason);
        }
        Unblocking { job }
    }
}

impl<F, T> sealed::Sealed for Unblocking<F, T> {}

impl<F, T> Operation for Unblocking<F, T> {
    type Output = Outcome<T>;

    fn attempt(self: Pin<&mut Self>) -> Option<Self::Output> {
        let mut stage = lock(&self.job.stage);
        match std::mem::replace(&mut *stage, Stage::Over) {
            Stage::Done(result) => Some(result),
            other => {
                *stage = other;
                None
            }
        }
    }

    fn register(self: Pin<&mut Self>, waiter: Waiter) {
        let stage = lock(&self.job.stage);
        if let Stage::Done(_) = *stage {
            drop(stage);
            waiter.wake_later();
        } else {
            *lock(&self.job.waiter) = Some(waiter.key());
        }
    }

    fn withdraw(self: Pin<&mut Self>) {
        *lock(&self.job.waiter) = None;
    }

    fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("waits for a blocking call")
    }
}

impl<F, T> Drop for Unblocking<F, T> {
    fn drop(&mut self) {
        let stage = std::mem::replace(&mut *lock(&self.job.stage), Stage::Over);
        // The job, or what came out of it: of users, and so dropped without the lock.
        drop(stage);
    }
}

#[cfg(all(test, cede_loom))]
mod models;
#[cfg(all(test, not(cede_loom)))]
mod tests;
