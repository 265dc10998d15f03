//! Work that blocks its thread, on threads that are there for it.
//!
//! The threads belong to the process. A job gets one that is idle, or a new one up to a bound, and waits for its turn beyond
//! that; a thread that was idle for a while goes. The bound is wide, since such jobs wait more than they compute.
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

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::panic::{self, AssertUnwindSafe};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use super::context;
use super::inbox::Sender;
use super::operation::{Operation, sealed};
use super::park;
use super::scheduler::with_scheduler;
use super::task::TaskKey;
use super::waiter::Waiter;
use crate::atomics::{Condvar, Mutex, MutexGuard, PoisonError, thread};

/// How many threads there are at most.
const THREADS_MAX: usize = 256;

/// How long a thread stays that has nothing to do.
const IDLE: Duration = Duration::from_secs(10);

static POOL: Pool = Pool::new(THREADS_MAX, IDLE);

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

/// How many threads there are for such work.
pub(super) fn thread_count() -> usize {
    lock(&POOL.state).threads
}

/// As [`unblock`], with an error in place of its own panics.
pub(crate) fn try_unblock<T: Send + 'static>(f: impl FnOnce() -> T + Send + 'static) -> io::Result<T> {
    if let Some(refusal) = park::refusal() {
        return Err(io::Error::other(refusal.to_string()));
    }
    let (sender, ticket) = with_scheduler(|scheduler| {
        let outside = &scheduler.outside;
        (outside.inbox.sender(), outside.jobs.ticket())
    })
    .ok_or_else(|| io::Error::other(park::Refusal::NoTask.to_string()))?;
    match park::wait(pin!(Unblocking::begin(&POOL, f, sender, ticket)))? {
        Ok(value) => Ok(value),
        Err(payload) => panic::resume_unwind(payload),
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

/// A job without its types.
trait Work: Send + Sync {
    fn run(&self);

    /// There is no thread for it.
    fn refuse(&self, error: io::Error);
}

impl<F: FnOnce() -> T + Send, T: Send> Work for Job<F, T> {
    fn run(&self) {
        let stage = std::mem::replace(&mut *lock(&self.stage), Stage::Running);
        let Stage::Queued(f, sender, ticket) = stage else {
            *lock(&self.stage) = Stage::Over;
            return;
        };
        let result = panic::catch_unwind(AssertUnwindSafe(f));
        let unwanted = self.finish(Ok(result), &sender);
        // Nobody is there for a panic of its destructor, which the panic hook has told of.
        let dropped = panic::catch_unwind(AssertUnwindSafe(|| drop(unwanted)));
        if let Err(payload) = dropped {
            std::mem::forget(payload);
        }
        // Last: the run must not end before.
        drop(sender);
        drop(ticket);
    }

    fn refuse(&self, error: io::Error) {
        let stage = std::mem::replace(&mut *lock(&self.stage), Stage::Running);
        if let Stage::Queued(f, sender, ticket) = stage {
            self.finish(Err(error), &sender);
            drop((f, sender, ticket));
        }
    }
}

impl<F, T> Job<F, T> {
    /// It is done: wakes who waits for it. Gives the outcome back when nobody does any more.
    fn finish(&self, outcome: Outcome<T>, sender: &Sender) -> Option<Outcome<T>> {
        let mut stage = lock(&self.stage);
        let unwanted = match *stage {
            Stage::Running => {
                *stage = Stage::Done(outcome);
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
    fn begin(pool: &'static Pool, f: F, sender: Sender, ticket: Ticket) -> Self {
        let stage = Mutex::new(Stage::Queued(f, sender, ticket));
        let job = Arc::new(Job { stage, waiter: Mutex::new(None) });
        pool.submit(Arc::clone(&job) as Arc<dyn Work>);
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

struct State {
    queue: VecDeque<Arc<dyn Work>>,
    threads: usize,
    idle: usize,
}

/// Threads that carry out jobs.
struct Pool {
    state: Mutex<State>,
    work_came: Condvar,
    threads_max: usize,
    idle: Duration,
}

impl Pool {
    const fn new(threads_max: usize, idle: Duration) -> Self {
        let state = Mutex::new(State { queue: VecDeque::new(), threads: 0, idle: 0 });
        Pool { state, work_came: Condvar::new(), threads_max, idle }
    }

    /// Takes a job in. Refuses it only when there is no thread and none can be made.
    fn submit(&'static self, job: Arc<dyn Work>) {
        let mut state = lock(&self.state);
        state.queue.push_back(job);
        if state.idle >= state.queue.len() {
            self.work_came.notify_one();
            return;
        }
        if state.threads == self.threads_max {
            return;
        }
        state.threads += 1;
        drop(state);
        let thread = thread::Builder::new().name("cede-blocking".into()).spawn(|| self.work());
        let Err(error) = thread else { return };
        let mut state = lock(&self.state);
        state.threads -= 1;
        if state.threads > 0 {
            // One of the others will come to it.
            return;
        }
        let refused = std::mem::take(&mut state.queue);
        drop(state);
        for job in refused {
            let message = format!("no thread can be had for a blocking call: {error}");
            job.refuse(io::Error::new(error.kind(), message));
        }
    }

    /// The life of a thread.
    fn work(&self) {
        let mut state = lock(&self.state);
        loop {
            if let Some(job) = state.queue.pop_front() {
                drop(state);
                job.run();
                drop(job);
                state = lock(&self.state);
                continue;
            }
            state.idle += 1;
            let (guard, waited) =
                self.work_came.wait_timeout(state, self.idle).unwrap_or_else(PoisonError::into_inner);
            state = guard;
            state.idle -= 1;
            if waited.timed_out() && state.queue.is_empty() {
                state.threads -= 1;
                return;
            }
        }
    }
}

#[derive(Debug, Default)]
struct Count {
    under_way: Mutex<usize>,
    none_left: Condvar,
}

/// The jobs of one run that are under way.
#[derive(Debug, Default)]
pub(crate) struct Jobs {
    count: Arc<Count>,
}

/// Held by a job until it is over.
#[derive(Debug)]
struct Ticket {
    count: Arc<Count>,
}

impl Jobs {
    fn ticket(&self) -> Ticket {
        *lock(&self.count.under_way) += 1;
        Ticket { count: Arc::clone(&self.count) }
    }

    /// Whether there are any.
    pub(crate) fn any(&self) -> bool {
        *lock(&self.count.under_way) > 0
    }

    /// Waits until all are over.
    pub(crate) fn drain(&self) {
        let under_way = lock(&self.count.under_way);
        drop(self.count.none_left.wait_while(under_way, |count| *count > 0));
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let mut under_way = lock(&self.count.under_way);
        *under_way -= 1;
        if *under_way == 0 {
            self.count.none_left.notify_all();
        }
    }
}

#[cfg(all(test, cede_loom))]
mod models;
#[cfg(all(test, not(cede_loom)))]
mod tests;
