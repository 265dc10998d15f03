//! Work that blocks its thread, on threads that are there for it.
//!
//! The threads belong to the process, or to the run where it has settings of its own. A job gets one that is idle, or a new one up to a
//! bound, and waits for its turn beyond that; a thread that was idle for a while goes ([`Pool`]). The bound is wide, since such
//! jobs wait more than they compute.
//!
//! What passes between a job and its task is one allocation with one word ([`Job`]). The task hands it in when it waits:
//!
//! ```text
//!   IDLE ── register ──▶ HANDED IN: the task waits ── the outcome is there, and is taken ──▶ over
//!     │                         │
//!     └── dropped               └── dropped: the function, if no thread has begun, else the thread drops what comes out
//! ```
//!
//! A job is `'static`: one whose task is cancelled goes on with nobody waiting, as it does in asyncio. A run waits at its end
//! until its jobs are over (`Jobs`).
//!
//! Jobs and results never run or drop under a lock.

mod job;
mod jobs;
mod scoped;

use std::fmt;
use std::io;
use std::panic;
use std::pin::{Pin, pin};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use super::context;
use super::operation::{Operation, sealed};
use super::park;
use super::pool::{Busy, Pool, Refusal, Settings, Work};
use super::reactor;
use super::scheduler::with_scheduler;
use super::waiter::Waiter;
use crate::atomics::{Mutex, MutexGuard, PoisonError};

/// How many threads there are at most.
const THREADS_MAX: usize = 256;

/// How long a thread stays that has nothing to do.
const IDLE_MAX: Duration = Duration::from_secs(10);

use job::{Job, Outcome};
pub(super) use jobs::{Counts, OwnThreads, ThreadSettings};
pub(crate) use jobs::{Jobs, Kind, Ticket};
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
    hand_in(&POOL, work);
}

/// As [`unblock`], with an error in place of its own panics.
pub(crate) fn try_unblock<T: Send + 'static>(f: impl FnOnce() -> T + Send + 'static) -> io::Result<T> {
    let (ticket, pool) = outlets(Kind::Owning)?;
    match park::wait(pin!(Unblocking::new(&pool, f, ticket)))? {
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
fn outlets(kind: Kind) -> io::Result<(Ticket, Arc<Pool>)> {
    if let Some(refusal) = park::refusal() {
        return Err(io::Error::other(refusal.to_string()));
    }
    with_scheduler(|scheduler| {
        let jobs = &scheduler.outside.jobs;
        (jobs.ticket(kind), Arc::clone(jobs.pool()))
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
    Idle(F, Ticket),
    HandedIn(Arc<Job<F, T>>),
    Over,
}

/// The parts of the waits for jobs that all have in common.
impl<F, T> Stage<F, T> {
    fn attempt(&mut self) -> Option<Outcome<T>> {
        let Stage::HandedIn(job) = self else { return None };
        let outcome = job.take()?;
        *self = Stage::Over;
        Some(outcome)
    }

    /// `hand_in` is called after the stage has the job, whose destructor sees to the rest.
    fn register(&mut self, waiter: Waiter, hand_in: impl FnOnce(Arc<Job<F, T>>)) {
        match std::mem::replace(self, Stage::Over) {
            Stage::Idle(f, ticket) => {
                let job = Arc::new(Job::new(f, ticket, waiter.key()));
                *self = Stage::HandedIn(Arc::clone(&job));
                hand_in(job);
            }
            Stage::HandedIn(job) => {
                if !job.await_end() {
                    waiter.wake_later();
                }
                *self = Stage::HandedIn(job);
            }
            Stage::Over => {}
        }
    }

    fn withdraw(&self) {
        if let Stage::HandedIn(job) = self {
            job.await_no_longer();
        }
    }
}

/// Has a pool do a job, which is refused where it does not.
fn hand_in(pool: &Arc<Pool>, work: Arc<dyn Work>) {
    if let Err((work, reason)) = pool.submit(work) {
        work.refuse(&reason);
    }
}

/// Waits for a job.
struct Unblocking<'a, F, T> {
    pool: &'a Arc<Pool>,
    stage: Stage<F, T>,
}

impl<'a, F, T> Unblocking<'a, F, T> {
    fn new(pool: &'a Arc<Pool>, f: F, ticket: Ticket) -> Self {
        Unblocking { pool, stage: Stage::Idle(f, ticket) }
    }
}

// Nothing in it is pinned: the function moves to the job.
impl<F, T> Unpin for Unblocking<'_, F, T> {}

impl<F, T> sealed::Sealed for Unblocking<'_, F, T> {}

impl<T: Send + 'static, F: FnOnce() -> T + Send + 'static> Operation for Unblocking<'_, F, T> {
    type Output = Outcome<T>;

    fn attempt(self: Pin<&mut Self>) -> Option<Self::Output> {
        self.get_mut().stage.attempt()
    }

    fn register(self: Pin<&mut Self>, waiter: Waiter) {
        let Unblocking { pool, stage } = self.get_mut();
        stage.register(waiter, |job| hand_in(pool, job));
    }

    fn withdraw(self: Pin<&mut Self>) {
        self.stage.withdraw();
    }

    fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("waits for a blocking call")
    }
}

impl<F, T> Drop for Unblocking<'_, F, T> {
    fn drop(&mut self) {
        if let Stage::HandedIn(job) = &self.stage {
            drop(job.leave());
        }
    }
}

#[cfg(all(test, cede_loom))]
mod models;
#[cfg(all(test, not(cede_loom)))]
mod tests;
