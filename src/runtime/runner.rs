//! Runs: from the first task to the last, `asyncio.run` and its parts.

use std::any::Any;
use std::cell::Cell;
use std::fmt;
use std::io;
use std::panic::{self, AssertUnwindSafe, Location};
use std::rc::Rc;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use thiserror::Error;

use super::clock::Clock;
use super::outcome::OutcomeOf;
use super::outside;
use super::report::{self, Deadlock};
use super::scheduler::Scheduler;
use super::task::{AnyTask, Failure, Task};
use crate::coroutine::{self, Extent};

/// Why a run gave no value.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RunError {
    /// Nothing could ever happen again.
    #[error(transparent)]
    Deadlock(Deadlock),
    /// The main task was cancelled.
    #[error("the main task was cancelled")]
    Cancelled,
    /// A run is under way on this thread.
    #[error("a run is under way on this thread: spawn a task in it, or use another thread")]
    Nested,
    /// The thread's locals are being destroyed.
    #[error("this thread is ending and its locals are being destroyed: nothing can be run on it any more")]
    ThreadExiting,
    /// The thread is unwinding.
    #[error("nothing can be run while the thread is unwinding: catch the panic first")]
    Unwinding,
    /// The main task got no stack.
    #[error("no stack for the main task: {0}")]
    NoStack(String),
    /// The system refused what waiting for I/O needs.
    #[error("waiting for I/O failed: {0}")]
    Io(#[from] io::Error),
}

/// What to do about a deadlock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnDeadlock {
    /// The hook has made something ready, by cancelling a task, say: go on.
    Continue,
    /// End the run with an error.
    Stop,
}

type DeadlockHook = Arc<dyn Fn(&Deadlock) -> OnDeadlock>;

/// Settings of a run; from [`Runner::builder`].
#[derive(Clone, Default)]
pub struct Builder {
    virtual_time: bool,
    stack_size: Option<usize>,
    on_deadlock: Option<DeadlockHook>,
    by_itself: Option<bool>,
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("virtual_time", &self.virtual_time)
            .field("stack_size", &self.stack_size)
            .finish_non_exhaustive()
    }
}

impl Builder {
    /// Whether time stands still while anything is ready, and jumps to the next deadline when nothing is. For tests.
    pub fn virtual_time(mut self, on: bool) -> Self {
        self.virtual_time = on;
        self
    }

    /// The size of the tasks' stacks in bytes, guard included.
    pub fn stack_size(mut self, bytes: usize) -> Self {
        self.stack_size = Some(bytes);
        self
    }

    /// Called when nothing can ever happen again. It may cancel tasks and go on. Not called in a task; a panic in it goes
    /// to the hook of [`set_task_hook`](crate::set_task_hook), and counts as [`OnDeadlock::Stop`].
    pub fn on_deadlock(mut self, hook: impl Fn(&Deadlock) -> OnDeadlock + 'static) -> Self {
        self.on_deadlock = Some(Arc::new(hook));
        self
    }

    /// Whether no other thread wakes tasks of this run, save by what has told it that it will, such as a blocking call. Then nothing ready,
    /// no timer and no I/O is a deadlock at once. If other threads may, by what is shared with them (a queue, a lock, an event), and the
    /// process has any, a run that has nothing else to wait for waits for them, and says after a second that it does.
    ///
    /// By default it is by itself under virtual time.
    pub fn by_itself(mut self, yes: bool) -> Self {
        self.by_itself = Some(yes);
        self
    }

    /// Makes the runner.
    pub fn build(self) -> Runner {
        let clock = if self.virtual_time { Clock::virtual_from_now() } else { Clock::Real };
        let scheduler = Scheduler::new(clock, self.stack_size);
        Runner {
            scheduler,
            on_deadlock: self.on_deadlock,
            by_itself: self.by_itself.unwrap_or(self.virtual_time),
            closed: Cell::new(false),
        }
    }
}

/// A scheduler that can run several main functions, one after the other: `asyncio.Runner`.
///
/// Tasks that are left when a main function ends go on in the next run, and are cancelled and awaited by
/// [`close`](Runner::close), also when the runner is dropped. Where it is dropped by an unwind, in which no task can wait,
/// or on a thread that is ending, they are left as they are and their stacks are leaked.
///
/// # Examples
///
/// ```
/// use cede::Runner;
///
/// let runner = Runner::new();
/// let sum = runner.run(|| (0..10).map(|i| cede::spawn(move || i).join().unwrap()).sum::<i32>())?;
/// assert_eq!(sum, 45);
/// runner.close()?;
/// # Ok::<_, cede::RunError>(())
/// ```
pub struct Runner {
    scheduler: Rc<Scheduler>,
    on_deadlock: Option<DeadlockHook>,
    by_itself: bool,
    closed: Cell<bool>,
}

impl fmt::Debug for Runner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Runner").field("tasks", &self.scheduler.live()).finish_non_exhaustive()
    }
}

impl Default for Runner {
    fn default() -> Self {
        Runner::new()
    }
}

/// How often the tasks that are left are cancelled before they are given up.
const SHUTDOWN_ROUNDS: u32 = 16;

/// How long a run that can be woken by threads alone of which it knows nothing waits before it says so.
const PATIENCE: Duration = Duration::from_secs(1);

/// After how many ticks those that are still there are cancelled again.
const TICKS_PER_ROUND: u32 = 100_000;

/// After how many ticks those that have swallowed this many cancellations are, since nothing is gained by waiting.
const TICKS_PER_HOPELESS_ROUND: u32 = 256;

fn is_round_over(ticks: u32, tasks: impl FnOnce() -> Vec<Rc<dyn AnyTask>>) -> bool {
    let hopeless = |task: &Rc<dyn AnyTask>| task.core().swallowed.get() >= TICKS_PER_HOPELESS_ROUND / 2;
    ticks == TICKS_PER_ROUND
        || (ticks.is_multiple_of(TICKS_PER_HOPELESS_ROUND) && tasks().iter().all(hopeless))
}

impl Runner {
    /// A runner with real time.
    pub fn new() -> Self {
        Builder::default().build()
    }

    /// Settings for one.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// Runs a function as the main task, until it has ended.
    ///
    /// It may borrow what is around it; the tasks that it spawns may not, except in a `scope`.
    ///
    /// # Errors
    ///
    /// When nothing can ever happen again, when the main task is cancelled, and where no run is possible.
    ///
    /// # Panics
    ///
    /// Goes on with a panic of the main function.
    #[track_caller]
    pub fn run<T>(&self, main: impl FnOnce() -> T) -> Result<T, RunError> {
        self.run_at(Location::caller(), main)
    }

    fn run_at<T>(
        &self,
        made_at: &'static Location<'static>,
        main: impl FnOnce() -> T,
    ) -> Result<T, RunError> {
        if coroutine::thread_is_exiting() {
            return Err(RunError::ThreadExiting);
        }
        if thread::panicking() {
            return Err(RunError::Unwinding);
        }
        let Some(_entered) = self.scheduler.enter() else { return Err(RunError::Nested) };
        // A generator that has called this must not yield from a destructor that the scheduler runs.
        let _extent = Extent::open();
        self.closed.set(false);
        let core = self.scheduler.record(None, made_at);
        core.observed.set(true);
        let task = Rc::new(Task::new(core, move || Ok::<T, Failure>(main())));
        // SAFETY: only the lifetime changes. `drive` comes back when the task has ended, or ends the process.
        let erased =
            unsafe { std::mem::transmute::<Rc<dyn AnyTask + '_>, Rc<dyn AnyTask + 'static>>(task.clone()) };
        self.scheduler.adopt(Rc::clone(&erased));
        let driven = self.drive(&erased);
        drop(erased);
        let result = task.take();
        match (driven, result) {
            (_, Some(Ok(value))) => Ok(value),
            (_, Some(Err(Failure::Panicked(panic)))) => {
                let text = || Box::new(panic.message.clone()) as Box<dyn Any + Send>;
                panic::resume_unwind(panic.payload.take().unwrap_or_else(text))
            }
            (Err(error), _) => Err(error),
            (Ok(()), Some(Err(Failure::Error(error)))) => Err(RunError::NoStack(error.to_string())),
            (Ok(()), _) => Err(RunError::Cancelled),
        }
    }

    /// Runs ticks until the main task has ended.
    fn drive(&self, main: &Rc<dyn AnyTask>) -> Result<(), RunError> {
        let _guard = AbortOnUnwind;
        let mut error = None;
        let (mut rounds, mut ticks) = (0, 0);
        let mut said = false;
        while !main.core().is_done() {
            let ticked = self.scheduler.tick();
            match ticked {
                Ok(true) if error.is_none() => continue,
                Ok(true) => {
                    ticks += 1;
                    if !is_round_over(ticks, || vec![Rc::clone(main)]) {
                        continue;
                    }
                }
                Ok(false) if error.is_none() && self.may_be_woken_from_elsewhere() => {
                    if let Err(io) = self.wait_for_other_threads(&mut said) {
                        error = Some(RunError::Io(io));
                    }
                    continue;
                }
                Ok(false) => {
                    let deadlock = Deadlock::of(&self.scheduler);
                    if error.is_none()
                        && let Some(hook) = &self.on_deadlock
                        && ask(hook, &deadlock) == OnDeadlock::Continue
                        && self.scheduler.is_ready()
                    {
                        continue;
                    }
                    error.get_or_insert(RunError::Deadlock(deadlock));
                }
                Err(io) => {
                    error.get_or_insert(RunError::Io(io));
                }
            }
            // The run is over. The main task, which may borrow, is unwound before this returns.
            rounds += 1;
            ticks = 0;
            if rounds > SHUTDOWN_ROUNDS {
                report::given_up(&**main);
                eprintln!(
                    "cede: the main task of a run can't be ended, and may have borrowed what is about to go: aborting"
                );
                std::process::abort();
            }
            for task in self.scheduler.all_tasks() {
                self.scheduler.cancel(task.core());
            }
        }
        error.map_or(Ok(()), Err)
    }

    /// Nothing can happen here any more, save that a thread which this run knows nothing of wakes a task.
    fn may_be_woken_from_elsewhere(&self) -> bool {
        !self.by_itself && self.scheduler.waits_for_other_threads() && outside::has_other_threads()
    }

    fn wait_for_other_threads(&self, said: &mut bool) -> io::Result<()> {
        let patience = (!*said).then_some(PATIENCE);
        if !self.scheduler.wait_for_other_threads(patience)? && !*said {
            *said = true;
            report::waits_for_other_threads(&Deadlock::of(&self.scheduler));
        }
        Ok(())
    }

    /// Ends the tasks that are left: cancels them in the order in which they were made, waits for them, and reports their
    /// errors.
    ///
    /// One that goes on after each of many cancellations is given up: its stack is leaked, and it is named in a report.
    ///
    /// # Errors
    ///
    /// When another run is under way on this thread, or it is ending or unwinding. The tasks are then left as they are.
    pub fn close(&self) -> Result<(), RunError> {
        if self.closed.get() || self.scheduler.live() == 0 {
            self.closed.set(true);
            return Ok(());
        }
        if coroutine::thread_is_exiting() {
            return Err(RunError::ThreadExiting);
        }
        if thread::panicking() {
            return Err(RunError::Unwinding);
        }
        let Some(_entered) = self.scheduler.enter() else { return Err(RunError::Nested) };
        let _extent = Extent::open();
        let _guard = AbortOnUnwind;
        self.closed.set(true);
        for _ in 0..SHUTDOWN_ROUNDS {
            for task in self.scheduler.all_tasks() {
                self.scheduler.cancel(task.core());
            }
            let mut ticks = 0;
            while self.scheduler.live() > 0 && self.scheduler.tick()? {
                ticks += 1;
                if is_round_over(ticks, || self.scheduler.all_tasks()) {
                    break;
                }
            }
            if self.scheduler.live() == 0 {
                return Ok(());
            }
        }
        for task in self.scheduler.all_tasks() {
            report::given_up(&*task);
        }
        // Their stacks refer to their records, and these to the scheduler.
        std::mem::forget(Rc::clone(&self.scheduler));
        Ok(())
    }
}

/// Asks what to do about a deadlock. The tasks are suspended meanwhile, so a panic stays here.
fn ask(hook: &DeadlockHook, deadlock: &Deadlock) -> OnDeadlock {
    panic::catch_unwind(AssertUnwindSafe(|| hook(deadlock))).unwrap_or_else(|payload| {
        report::panicked("the hook for deadlocks", payload);
        OnDeadlock::Stop
    })
}

/// Ends the process when the scheduler is left by an unwind: its tasks are suspended, may lend their stacks to each other, and
/// nobody would be there to end them in order.
struct AbortOnUnwind;

impl Drop for AbortOnUnwind {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("cede: a panic came out of the scheduler, which is a fault of cede: aborting");
            std::process::abort();
        }
    }
}

impl Drop for Runner {
    fn drop(&mut self) {
        if self.close().is_err() {
            // Tasks that can't be unwound here are left where they are, as their stacks are.
            std::mem::forget(Rc::clone(&self.scheduler));
        }
    }
}

/// Runs a function as the main task, with all that it spawns, on this thread: `asyncio.run`.
///
/// When it has ended, the tasks that are left are cancelled and awaited. See [`Runner`] for the parts.
///
/// # Panics
///
/// Panics, with what to do, on a deadlock, inside of another run, and where no run is possible; [`Runner::run`] gives
/// errors instead. Goes on with a panic of the function.
///
/// # Examples
///
/// ```
/// let lengths = cede::run(|| {
///     let one = cede::spawn(|| "one".len());
///     let three = cede::spawn(|| "three".len());
///     one.join().unwrap() + three.join().unwrap()
/// });
/// assert_eq!(lengths, 8);
/// ```
#[track_caller]
pub fn run<T>(main: impl FnOnce() -> T) -> T {
    let runner = Runner::new();
    let place = Location::caller();
    // A panic is caught first: the tasks that are left may have to wait to clean up, which they can't during an unwind.
    let result = panic::catch_unwind(AssertUnwindSafe(|| runner.run_at(place, main)));
    let closed = runner.close();
    match (result, closed) {
        (Err(payload), _) => panic::resume_unwind(payload),
        (Ok(Ok(value)), Ok(())) => value,
        (Ok(Err(error)), _) | (Ok(Ok(_)), Err(error)) => panic!("cede: {error}"),
    }
}
