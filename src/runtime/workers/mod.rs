//! Workers: one run on several threads.
//!
//! ```text
//!              Handle::spawn, from anywhere              spawn_any
//!                        │                                  │
//!                        ▼                                  ▼
//!    Gate: ───────── injector ──────────┐              ┌─ deque ─┐
//!                                       ├─▶ worker 0 ◀─┘         │ stolen, as long as
//!                                       │   scheduler            │ it has not begun
//!                                       └─▶ worker 1 ◀───────────┘
//!                                           scheduler
//! ```
//!
//! Each worker has a scheduler as a run of one thread has: run queue, timers, reactor, stacks, inbox. A task that has begun
//! stays where it is. What moves is what has not begun, a closure that is `Send` ([`Fresh`](super::remote)); so a program
//! may hold an `Rc` or a thread-local on a task's stack on any number of workers. Whoever wakes a task of another worker puts its number
//! into that worker's inbox.
//!
//! | file | what it is |
//! |---|---|
//! | `gate` | the way in from outside, which outlives the runs |
//! | `crew` | what the workers of one run share: who sleeps, who is woken, the standstill, the end |
//! | `seat` | the place of one worker: its deque, where it searches, how long it waits awake |
//! | `worker` | the life of a worker |
//! | `settings` | the builder |
//!
//! # Why it is so
//!
//! **A runtime is a description, a run owns its threads.** They begin with `run` and have gone when it returns. So a runtime may be
//! shared, dropped by any thread, in a task or twice; nothing of it runs while no main function does; and what main has lent
//! is safe when `run` returns, since nobody is left who could use it. Rejected: threads that live with the value (tokio). Dropping
//! that inside of one of its own tasks has no good answer, and a task of a runtime that is not run is half alive.
//!
//! **The newest first, the oldest for thieves.** Tasks that spawn tasks go into depth then, and few stacks are alive at a time. A
//! queue that is first in, first out, would keep a whole generation of them. The oldest has its turn every now and then all the
//! same.
//!
//! **One at a time.** A worker takes a closure and runs its first step at once. Taking several into the run queue would be a
//! little cheaper, and would hide them from the others while a long step runs.
//!
//! **No slot for the task that was woken last.** Other runtimes run it next, on the worker that has woken it. Here it has its
//! worker, and the order in which tasks go on is that of one thread.

mod crew;
mod gate;
mod seat;
mod settings;
mod worker;

use std::fmt;
use std::panic::{self, AssertUnwindSafe, Location};
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use super::blocking::OwnThreads;
use super::handle::Handle;
use super::remote::{self, Fresh, RemoteJoinHandle};
use super::report::Deadlock;
use super::runner::{AbortOnUnwind, RunError, may_begin};
use super::scheduler::{Scheduler, with_scheduler};
use crate::atomics::deque::Worker as Deque;
use crate::coroutine::Extent;
use crew::Crew;
use settings::Settings;
use worker::Worker;

pub(super) use gate::Gate;
pub(super) use seat::Seat;
pub use settings::RuntimeBuilder;

/// A run on several threads: what [`Runner`](crate::Runner) is for one.
///
/// The thread that calls [`run`](Runtime::run) is worker 0 and runs the main task; the others are threads that live as long as that
/// run. What `cede::spawn` starts stays on its worker, and so does each task that has begun. What `cede::spawn_any` is given, and
/// [`Handle::spawn`] from any thread, is begun by the first worker that is free. Everything in `cede::sync` works between them.
///
/// # A standstill
///
/// Where no task of any worker is ready, no timer is set, no I/O is waited for, and nobody has said that he will wake one, the run has ended
/// in a deadlock, if no other thread can wake one: if the process has no others, or [`by_itself`](RuntimeBuilder::by_itself) says so. Else
/// the run waits for them, and says so after a second. The error has the tasks of all workers.
///
/// # fork
///
/// A forked process has only the thread that has called `fork`, and locks may be held there by threads that it does not have. `fork` is
/// for calling `exec` right after. A child that goes on in a task all the same gets its own worker's tasks only; its run
/// ends without the others', and without waiting for blocking calls, which go on in the parent alone; a main task that waits for one there is at
/// a deadlock. The two share the system's list
/// of what I/O is waited for: the child must not use or drop any of the parent's.
///
/// # Examples
///
/// ```
/// use cede::Runtime;
///
/// let runtime = Runtime::builder().workers(2).build()?;
/// let sum = runtime.run(|| {
///     let parts: Vec<_> = (0..10u64).map(|part| cede::spawn_any(move || (part * 100..(part + 1) * 100).sum::<u64>())).collect();
///     parts.iter().map(|part| part.join().unwrap()).sum::<u64>()
/// })?;
/// assert_eq!(sum, 499_500);
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
pub struct Runtime {
    gate: Arc<Gate>,
    settings: Settings,
}

impl Default for Runtime {
    fn default() -> Self {
        Runtime::new()
    }
}

impl Runtime {
    /// A runtime with one worker for each processor that the process may use.
    pub fn new() -> Self {
        Runtime::builder().build().expect("the default settings are valid")
    }

    /// Settings for one.
    pub fn builder() -> RuntimeBuilder {
        RuntimeBuilder::new()
    }

    /// How many workers it has.
    pub fn workers(&self) -> usize {
        self.settings.workers
    }

    /// A handle, by which any thread gives it work. What is handed over before the first run waits for that; after a run it is
    /// refused until the next begins. A thread that joins such a task blocks until somebody has run it.
    pub fn handle(&self) -> Handle {
        Handle::of_runtime(&self.gate)
    }

    /// Runs a function as the main task, on this thread, with the other workers beside it. When it has ended, the tasks that are left on
    /// all workers are cancelled, on each in the order in which they were made, and awaited: what
    /// [`cede::run`](crate::run) does on one thread. Closures that have not begun are cancelled too; what is handed over later is
    /// refused.
    ///
    /// The function may borrow what is around it. A runtime may run several, one after the other.
    ///
    /// # Errors
    ///
    /// Those of [`Runner::run`](crate::Runner::run), and [`RunError::Busy`] when a run of this runtime is under way, on another thread.
    ///
    /// # Panics
    ///
    /// Goes on with a panic of the main function, when all tasks have ended.
    #[track_caller]
    pub fn run<T>(&self, main: impl FnOnce() -> T) -> Result<T, RunError> {
        self.run_at(Location::caller(), main)
    }

    fn run_at<T>(
        &self,
        made_at: &'static Location<'static>,
        main: impl FnOnce() -> T,
    ) -> Result<T, RunError> {
        may_begin()?;
        let settings = &self.settings;
        let (crew, mut deques) = Crew::new(&self.gate, settings.workers, settings.may_spin);
        if !self.gate.open(&crew) {
            return Err(RunError::Busy);
        }
        let others = deques.split_off(1);
        let own_threads = settings.own_threads();
        let runner = settings.runner(Seat::new(Arc::clone(&crew), 0, deques.remove(0)), own_threads.clone());
        let started = Threads::start(&crew, others, settings, own_threads);
        let ran = match started.fault {
            None => {
                settings.tell_begin(0);
                // Caught first: the tasks that are left may have to wait to clean up, which they can't during an unwind.
                Ok(panic::catch_unwind(AssertUnwindSafe(|| runner.run_main(made_at, main))))
            }
            Some(fault) => Err(RunError::Io(fault)),
        };
        let entered = runner.enter().expect("this thread has just run the main task, or could have");
        let extent = Extent::open();
        let guard = AbortOnUnwind;
        let mut worker = Worker::new(&runner, &crew);
        worker.end_all();
        if !crew.is_forked() {
            crew.await_idleness();
        }
        worker.finish();
        crew.let_go();
        started.threads.join(&crew);
        drop(guard);
        drop(extent);
        drop(entered);
        self.gate.clear();
        if ran.is_ok() {
            settings.tell_end(0);
        }
        ran?.unwrap_or_else(|payload| panic::resume_unwind(payload))
    }
}

impl fmt::Debug for Runtime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Runtime").field("workers", &self.workers()).finish_non_exhaustive()
    }
}

impl Drop for Runtime {
    /// Refuses what was handed over and never run.
    fn drop(&mut self) {
        self.gate.close();
        self.gate.clear();
    }
}

/// The threads of the workers but the first.
struct Threads(Vec<JoinHandle<()>>);

struct Started {
    threads: Threads,
    /// Why some have not begun.
    fault: Option<std::io::Error>,
}

impl Threads {
    fn start(
        crew: &Arc<Crew>,
        deques: Vec<Deque<Fresh>>,
        settings: &Settings,
        own_threads: Option<Arc<OwnThreads>>,
    ) -> Started {
        let mut threads = Vec::new();
        for (i, deque) in deques.into_iter().enumerate() {
            let (theirs, own, worker) = (Arc::clone(crew), settings.clone(), i + 1);
            let threads_of_run = own_threads.clone();
            let builder = thread::Builder::new().name(settings.thread_name(worker));
            match builder.spawn(move || worker::work(theirs, worker, deque, &own, threads_of_run)) {
                Ok(thread) => threads.push(thread),
                Err(error) => {
                    crew.expect_no_more_than(threads.len() + 1);
                    return Started { threads: Threads(threads), fault: Some(error) };
                }
            }
        }
        Started { threads: Threads(threads), fault: None }
    }

    /// Waits until they have gone, with their locals.
    fn join(self, crew: &Crew) {
        if crew.is_forked() {
            // They are threads of another process.
            std::mem::forget(self.0);
            return;
        }
        for thread in self.0 {
            // One that panics has done so in the destructor of a local, and said so.
            if let Err(payload) = thread.join() {
                std::mem::forget(payload);
            }
        }
    }
}

/// The number of the worker that runs this, counted from 0; none outside of a [`Runtime`].
///
/// # Examples
///
/// ```
/// let runtime = cede::Runtime::builder().workers(2).build()?;
/// assert_eq!(runtime.run(cede::runtime::worker)?, Some(0));
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
pub fn worker() -> Option<usize> {
    with_scheduler(|scheduler| scheduler.seat().map(|seat| seat.worker)).flatten()
}

/// How many workers the run has that this is called in: 1 in a run of one thread, 0 outside of runs.
pub fn workers() -> usize {
    with_scheduler(|scheduler| scheduler.seat().map_or(1, Seat::workers)).unwrap_or(0)
}

/// Starts a task on each worker, with the number of the worker: a listener for each, say. In a run of one thread that is one task.
///
/// Each begins on its worker in any case, also if that is busy and others are not. They have a copy of the caller's context.
///
/// # Panics
///
/// Panics outside of a run.
///
/// # Examples
///
/// ```
/// let runtime = cede::Runtime::builder().workers(2).build()?;
/// let workers = runtime.run(|| {
///     let tasks = cede::runtime::spawn_on_each(|number| (number, cede::runtime::worker()));
///     tasks.iter().map(|task| task.join().unwrap()).collect::<Vec<_>>()
/// })?;
/// assert_eq!(workers, [(0, Some(0)), (1, Some(1))]);
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[track_caller]
pub fn spawn_on_each<T: Send + 'static>(
    f: impl Fn(usize) -> T + Send + Sync + 'static,
) -> Vec<RemoteJoinHandle<T>> {
    let spawned_at = Location::caller();
    let f = Arc::new(f);
    let spawned = with_scheduler(|scheduler| {
        let inboxes = match scheduler.seat() {
            Some(seat) => seat.crew.inboxes.clone(),
            None => vec![Arc::clone(&scheduler.outside.inbox)],
        };
        let spawn = |(number, inbox): (usize, &Arc<_>)| {
            let f = Arc::clone(&f);
            remote::send(inbox, scheduler.origin(spawned_at, false), move || Ok(f(number)))
        };
        inboxes.iter().enumerate().map(spawn).collect()
    });
    spawned.unwrap_or_else(|| {
        panic!("cede: tasks live inside a run: call this inside cede::run (at {spawned_at})")
    })
}

/// The tasks of all workers, when nothing can happen any more.
pub(super) fn deadlock(scheduler: &Scheduler) -> Deadlock {
    let mut deadlock = Deadlock::of(scheduler);
    let Some(seat) = scheduler.seat().filter(|seat| !seat.crew.is_forked()) else { return deadlock };
    let (tell, told) = std::sync::mpsc::channel();
    for inbox in &seat.crew.inboxes[1..] {
        let tell = tell.clone();
        let ask = move || {
            // Nobody listens any more when it took long.
            let _ = tell.send(with_scheduler(Deadlock::of));
        };
        drop(inbox.call(Box::new(ask)));
    }
    drop(tell);
    // They sleep, so they answer at once.
    while let Ok(answer) = told.recv_timeout(std::time::Duration::from_secs(1)) {
        deadlock.tasks.extend(answer.into_iter().flat_map(|other| other.tasks));
    }
    deadlock.tasks.sort_by_key(|task| task.id);
    deadlock
}
