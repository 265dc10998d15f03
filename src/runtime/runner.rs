//! Runs: from the first task to the last, `asyncio.run` and its parts.

use std::any::Any;
use std::cell::Cell;
use std::fmt;
use std::io;
use std::panic::{self, AssertUnwindSafe, Location};
use std::rc::Rc;
use std::sync::Arc;
use std::thread;

use thiserror::Error;

use super::builder::{Builder, DeadlockHook, OnDeadlock};
use super::callback::Callback;
use super::context::Values;
use super::elsewhere::{Elsewhere, Waited};
use super::handle::Handle;
use super::interrupt::{self, Interrupts};
use super::outcome::OutcomeOf;
use super::report::{self, Deadlock};
use super::scheduler::{Entered, Scheduler, with_scheduler};
use super::shutdown::Pass;
use super::task::{AnyTask, Failure, Task, TaskKey};
use super::workers::{self, Seat};
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
    /// Ctrl-C was pressed, and the main task ended with the cancellation that this is; see
    /// [`Builder::interrupts`](super::Builder::interrupts).
    #[error("the run was interrupted")]
    Interrupted,
    /// A run is under way on this thread.
    #[error("a run is under way on this thread: spawn a task in it, or use another thread")]
    Nested,
    /// A run of this [`Runtime`](super::Runtime) is under way.
    #[error("a run of this runtime is under way on another thread: give it work by a handle")]
    Busy,
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

/// A scheduler that can run several main functions, one after the other: `asyncio.Runner`.
///
/// Tasks that are left when a main function ends go on in the next run, and are cancelled and awaited by
/// [`close`](Runner::close), also when the runner is dropped. Where it is dropped by an unwind, in which no task can wait,
/// or on a thread that is ending, they are left as they are: their stacks are leaked, and each is reported to the hook of
/// [`set_task_hook`](crate::set_task_hook).
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
    pub(super) scheduler: Rc<Scheduler>,
    pub(super) on_deadlock: Option<DeadlockHook>,
    pub(super) by_itself: bool,
    pub(super) interrupts: bool,
    /// Since it last ran.
    pub(super) closed: Cell<bool>,
    /// What the main functions have, one after the other; nothing before the first.
    pub(super) context: Cell<Option<Option<Arc<Values>>>>,
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

/// How many generations of tasks that begin while the tasks before them are ended get their turn in [`Runner::close`].
const PASSES: u32 = 64;

impl Runner {
    /// A runner with real time.
    pub fn new() -> Self {
        Builder::default().build()
    }

    /// Settings for one.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// The runner of a scheduler.
    pub(super) fn of(
        scheduler: Rc<Scheduler>,
        by_itself: bool,
        interrupts: bool,
        on_deadlock: Option<DeadlockHook>,
    ) -> Self {
        Runner {
            scheduler,
            on_deadlock,
            by_itself,
            interrupts,
            closed: Cell::new(false),
            context: Cell::new(None),
        }
    }

    /// A handle of this runner, by which other threads can give it work: for its next run where none is under way.
    pub fn handle(&self) -> Handle {
        Handle::new(&self.scheduler)
    }

    /// Runs a function as the main task, until it has ended, and the tick after that, as asyncio does: a task that was
    /// spawned last takes its first step.
    ///
    /// It may borrow what is around it; the tasks that it spawns may not, except in a `scope`. Its context variables
    /// begin with the values that the caller has the first time, and are kept from one run to the next.
    ///
    /// # Errors
    ///
    /// When nothing can ever happen again, when the main task is cancelled, also by Ctrl-C where that was asked for,
    /// and where no run is possible.
    ///
    /// # Panics
    ///
    /// Goes on with a panic of the main function.
    #[track_caller]
    pub fn run<T>(&self, main: impl FnOnce() -> T) -> Result<T, RunError> {
        let entered = self.enter()?;
        self.run_entered(&entered, Location::caller(), main)
    }

    /// The first part of a run whose tasks are ended right after this, however it is left, by the caller.
    pub(super) fn run_main<T>(
        &self,
        made_at: &'static Location<'static>,
        main: impl FnOnce() -> T,
    ) -> Result<T, RunError> {
        let entered = self.enter()?;
        entered.goes_on();
        self.run_entered(&entered, made_at, main)
    }

    fn run_entered<T>(
        &self,
        entered: &Entered<'_>,
        made_at: &'static Location<'static>,
        main: impl FnOnce() -> T,
    ) -> Result<T, RunError> {
        // A generator that has called this must not yield from a destructor that the scheduler runs.
        let _extent = Extent::open();
        self.closed.set(false);
        let inbox = &self.scheduler.outside.inbox;
        inbox.open();
        let core = self.scheduler.record(None, made_at);
        core.observed.set(true);
        core.context.replace(self.context.take().unwrap_or_else(|| entered.context()));
        let task = Rc::new(Task::new(core, move || Ok::<T, Failure>(main())));
        // SAFETY: only the lifetime changes. `drive` comes back when the task has ended, or ends the process.
        let erased =
            unsafe { std::mem::transmute::<Rc<dyn AnyTask + '_>, Rc<dyn AnyTask + 'static>>(task.clone()) };
        self.scheduler.adopt(Rc::clone(&erased));
        self.scheduler.begin_main(erased.core().key.get());
        let interrupts = if self.interrupts { Interrupts::watch(inbox) } else { None };
        let driven = self.drive(&erased);
        drop(interrupts);
        drop(erased);
        self.context.set(Some(task.core().context.replace(None)));
        let was_interrupted = self.scheduler.was_interrupted();
        let result = task.take();
        match (driven, result) {
            (_, Some(Ok(value))) => Ok(value),
            (_, Some(Err(Failure::Panicked(panic)))) => {
                let text = || Box::new(panic.message.clone()) as Box<dyn Any + Send>;
                panic::resume_unwind(panic.payload.take().unwrap_or_else(text))
            }
            (Err(error), _) => Err(error),
            (Ok(()), Some(Err(Failure::Error(error)))) => Err(RunError::NoStack(error.to_string())),
            // Where others wanted it to end as well it is theirs, as in asyncio.
            (Ok(()), _) if was_interrupted && task.core().uncancel() == 0 => Err(RunError::Interrupted),
            (Ok(()), _) => Err(RunError::Cancelled),
        }
    }

    /// Runs ticks until the main task has ended, and the tick after that.
    fn drive(&self, main: &Rc<dyn AnyTask>) -> Result<(), RunError> {
        let _guard = AbortOnUnwind;
        let mut elsewhere = Elsewhere::default();
        let core = main.core();
        let result = loop {
            if core.is_done() {
                break Ok(());
            }
            match self.scheduler.tick() {
                Ok(true) => {}
                Ok(false) => {
                    if let Err(error) = self.at_a_standstill(&mut elsewhere) {
                        break Err(error);
                    }
                }
                Err(io) => break Err(RunError::Io(io)),
            }
        };
        if !core.is_done() {
            self.end_main(main, &mut elsewhere);
        }
        self.breathe();
        result
    }

    /// The run is over, and the main task is not. It may borrow what goes when this returns, so this returns when it
    /// has ended.
    fn end_main(&self, main: &Rc<dyn AnyTask>, elsewhere: &mut Elsewhere) {
        let mut pass = Pass::of(&self.scheduler, &[main.core().key.get()]);
        if !pass.end(|| self.wind_down(elsewhere, false, || false)) {
            report::given_up(&**main);
            eprintln!(
                "cede: the main task of a run can't be ended, and may have borrowed what is about to go: aborting"
            );
            std::process::abort();
        }
    }

    /// One more tick, which does not wait. What goes wrong in it comes again in the next run, if there is one.
    pub(super) fn breathe(&self) {
        self.scheduler.call_soon(Callback::new(&self.scheduler, Box::new(|| {})));
        let _ = self.scheduler.tick_apart();
    }

    /// Nothing is ready, and nothing of this run is going to be: waits for other threads, asks the hook, or says that
    /// it is a deadlock.
    fn at_a_standstill(&self, elsewhere: &mut Elsewhere) -> Result<(), RunError> {
        if !self.by_itself && elsewhere.wait(&self.scheduler)? != Waited::Nobody {
            return Ok(());
        }
        if self.scheduler.outside.inbox.has_messages() {
            // Of a thread that has ended meanwhile.
            return Ok(());
        }
        self.confirm_deadlock()?.map_or(Ok(()), |deadlock| Err(RunError::Deadlock(deadlock)))
    }

    /// Nothing can happen any more: gives the deadlock, unless the hook makes something ready.
    fn confirm_deadlock(&self) -> io::Result<Option<Deadlock>> {
        let deadlock = workers::deadlock(&self.scheduler);
        let Some(hook) = &self.on_deadlock else { return Ok(Some(deadlock)) };
        // What the hook makes ready is told from what was so before.
        let goes_on = !self.scheduler.is_settled()? || self.ask(hook, &deadlock)?;
        Ok(if goes_on { None } else { Some(deadlock) })
    }

    /// A tick while tasks are being ended. Gives false when nothing can happen any more, after the hook was asked if it
    /// is to be, or when that depends on other threads and nothing has come for a while. `is_over`: whether that is so since
    /// nothing is left to be ended, which the caller then finds.
    pub(super) fn wind_down(
        &self,
        elsewhere: &mut Elsewhere,
        asks: bool,
        is_over: impl FnOnce() -> bool,
    ) -> bool {
        // Those that are cancelled may still be ended without what went wrong.
        let Ok(went_on) = self.scheduler.tick_apart() else { return false };
        if went_on || is_over() {
            return true;
        }
        if !self.by_itself {
            match elsewhere.wait_briefly(&self.scheduler) {
                Ok(Waited::Nobody) => {}
                waited => return waited.is_ok_and(|waited| waited == Waited::Heard),
            }
        }
        if self.scheduler.outside.inbox.has_messages() {
            return true;
        }
        asks && self.on_deadlock.is_some() && self.confirm_deadlock().is_ok_and(|stuck| stuck.is_none())
    }

    /// Asks the hook what to do about a deadlock. Gives whether something is ready now. The tasks are suspended
    /// meanwhile, so a panic stays here.
    fn ask(&self, hook: &DeadlockHook, deadlock: &Deadlock) -> io::Result<bool> {
        let workers = self.scheduler.seat().map(|seat| (seat, seat.stirred()));
        let answer = panic::catch_unwind(AssertUnwindSafe(|| hook(deadlock))).unwrap_or_else(|payload| {
            report::panicked("the hook for deadlocks", payload);
            OnDeadlock::Stop
        });
        self.scheduler.listen()?;
        let is_awake = |(seat, stirred): (&Seat, u64)| !seat.is_still_since(stirred);
        Ok(answer == OnDeadlock::Continue && (self.scheduler.is_ready() || workers.is_some_and(is_awake)))
    }

    /// Cancels the tasks that are left, in the order in which they were made, and waits for them. Those that begin meanwhile
    /// are not cancelled: they go on in the next run, as do those that have not ended after many cancellations.
    ///
    /// This is what asyncio does at the end of a run. [`close`](Runner::close) does it until no task is left.
    ///
    /// # Errors
    ///
    /// When another run is under way on this thread, or it is ending or unwinding. The tasks are then left as they are.
    ///
    /// # Examples
    ///
    /// ```
    /// use cede::Runner;
    /// use std::time::Duration;
    ///
    /// let runner = Runner::builder().virtual_time(true).build();
    /// let server = runner.run(|| cede::spawn(|| cede::sleep(Duration::MAX)))?;
    /// runner.cancel_all()?;
    /// assert!(server.is_finished());
    /// runner.run(|| println!("and on with an empty runner"))?;
    /// # Ok::<_, cede::RunError>(())
    /// ```
    pub fn cancel_all(&self) -> Result<(), RunError> {
        if self.scheduler.live() == 0 {
            return Ok(());
        }
        let _entered = self.enter()?;
        let _extent = Extent::open();
        let _guard = AbortOnUnwind;
        self.end_these(&self.scheduler.all_keys(), &mut Elsewhere::default());
        Ok(())
    }

    /// Ends the tasks that are left: cancels them in the order in which they were made, waits for them, and reports their
    /// errors. Those that begin meanwhile may help them, and are ended in the same way after them.
    ///
    /// A task that waits again is cancelled again when nothing else can happen. One that goes on after each of many
    /// cancellations is given up: its stack is leaked, and it is named in a report.
    ///
    /// From then on [handles](Handle) are told that the run has ended, until the next one begins. Signals that it has handlers for do what
    /// they did before.
    ///
    /// # Errors
    ///
    /// When another run is under way on this thread, or it is ending or unwinding. The tasks are then left as they are.
    pub fn close(&self) -> Result<(), RunError> {
        self.close_tasks()?;
        self.scheduler.signal_handlers.clear();
        Ok(())
    }

    fn close_tasks(&self) -> Result<(), RunError> {
        let inbox = &self.scheduler.outside.inbox;
        if self.closed.get() || (self.scheduler.live() == 0 && !inbox.has_messages()) {
            self.closed.set(true);
            inbox.close();
            return Ok(());
        }
        let _entered = self.enter()?;
        let _extent = Extent::open();
        let _guard = AbortOnUnwind;
        self.closed.set(true);
        self.scheduler.signal_handlers.keep_no_run_awake();
        let mut given_up = Vec::new();
        self.end_all(&mut given_up);
        inbox.close();
        // Those that other threads have handed over since, and those that the destructors of what it has dropped have spawned.
        self.end_all(&mut given_up);
        if self.scheduler.live() > 0 {
            self.leave(report::given_up);
        }
        Ok(())
    }

    /// Ends the tasks of this run, save those that were given up, and notes which it gives up.
    fn end_all(&self, given_up: &mut Vec<TaskKey>) {
        let mut elsewhere = Elsewhere::default();
        for _ in 0..PASSES {
            let mut tasks = self.scheduler.all_keys();
            tasks.retain(|task| !given_up.contains(task));
            if tasks.is_empty() {
                break;
            }
            given_up.extend(self.end_these(&tasks, &mut elsewhere));
        }
    }

    /// Ends these tasks, which are in the order in which they were made. Gives those that can't be ended.
    fn end_these(&self, tasks: &[TaskKey], elsewhere: &mut Elsewhere) -> Vec<TaskKey> {
        let mut pass = Pass::of(&self.scheduler, tasks);
        let ended = pass.end(|| self.wind_down(elsewhere, true, || false));
        let given_up = if ended { Vec::new() } else { pass.left() };
        let given_up = given_up.iter().map(|task| task.core().key.get()).collect();
        // The ticks that asyncio takes to learn that all have ended.
        self.breathe();
        self.breathe();
        given_up
    }

    /// Makes this the run of the thread, where that is possible.
    pub(super) fn enter(&self) -> Result<Entered<'_>, RunError> {
        may_begin()?;
        self.scheduler.enter().ok_or(RunError::Nested)
    }

    /// Leaves the tasks that have not ended where they are, and tells who can be told.
    pub(super) fn leave(&self, tell: fn(&dyn AnyTask)) {
        for task in self.scheduler.all_tasks() {
            tell(&*task);
            task.give_up();
        }
        // Their stacks refer to their records, and these to the scheduler.
        std::mem::forget(Rc::clone(&self.scheduler));
    }
}

/// Whether a run may begin on this thread.
pub(super) fn may_begin() -> Result<(), RunError> {
    if coroutine::thread_is_exiting() {
        return Err(RunError::ThreadExiting);
    }
    if thread::panicking() {
        return Err(RunError::Unwinding);
    }
    if with_scheduler(|_| ()).is_some() { Err(RunError::Nested) } else { Ok(()) }
}

/// Ends the process when the scheduler is left by an unwind: its tasks are suspended, may lend their stacks to each
/// other, and nobody would be there to end them in order.
pub(super) struct AbortOnUnwind;

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
            // Tasks that can't be unwound here.
            self.scheduler.outside.inbox.close();
            self.leave(report::left_behind);
            self.scheduler.signal_handlers.clear();
        }
    }
}

/// Runs a function as the main task, with all that it spawns, on this thread: `asyncio.run`.
///
/// When it has ended, the tasks that are left are cancelled and awaited. See [`Runner`] for the parts.
///
/// # Ctrl-C
///
/// On the main thread the first Ctrl-C cancels the main task, where SIGINT would end the process otherwise. A main task
/// that catches it (`catch_cancelled`) and returns has its value given. If the main task ends with it, the other tasks
/// are ended in order too, then the process ends by SIGINT after all, so that a shell learns of it: with
/// [`Runner::run`] that is an error instead. The second Ctrl-C ends the process at once, and so does one that comes
/// when the main task has ended. While somebody listens to the signal none of this holds. See [`Builder::interrupts`](super::Builder::interrupts) for the rest.
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
    let runner = Builder::default().interrupts(interrupt::on_main_thread()).build();
    let place = Location::caller();
    // A panic is caught first: the tasks that are left may have to wait to clean up, which they can't during an unwind.
    let result = panic::catch_unwind(AssertUnwindSafe(|| runner.run_main(place, main)));
    let closed = runner.close();
    match (result, closed) {
        (Err(payload), _) => panic::resume_unwind(payload),
        (Ok(Ok(value)), Ok(())) => value,
        (Ok(Err(RunError::Interrupted)), _) => {
            drop(runner);
            interrupt::end_process()
        }
        (Ok(Err(error)), _) | (Ok(Ok(_)), Err(error)) => panic!("cede: {error}"),
    }
}
