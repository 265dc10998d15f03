//! The settings of a run.

use std::env;
use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use super::blocking::ThreadSettings;
use super::clock::Clock;
use super::report::Deadlock;
use super::runner::Runner;
use super::scheduler::Scheduler;

/// What to do about a deadlock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnDeadlock {
    /// The hook has made something ready, by cancelling a task, say: go on.
    Continue,
    /// End the run with an error.
    Stop,
}

pub(super) type DeadlockHook = Arc<dyn Fn(&Deadlock) -> OnDeadlock>;

/// How long a step may take in debug mode before it is reported: asyncio's `slow_callback_duration`.
const SLOW_STEP: Duration = Duration::from_millis(100);

/// Settings of a run; from [`Runner::builder`].
#[derive(Clone, Default)]
pub struct Builder {
    virtual_time: bool,
    stack_size: Option<usize>,
    on_deadlock: Option<DeadlockHook>,
    by_itself: Option<bool>,
    interrupts: bool,
    debug: Option<bool>,
    slow_step: Option<Duration>,
    blocking: ThreadSettings,
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("virtual_time", &self.virtual_time)
            .field("stack_size", &self.stack_size)
            .field("interrupts", &self.interrupts)
            .field("debug", &self.debug)
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
    ///
    /// It is asked in [`Runner::close`] too, before those that go on after a cancellation are cancelled again, which
    /// they are unless it has made something ready.
    pub fn on_deadlock(mut self, hook: impl Fn(&Deadlock) -> OnDeadlock + 'static) -> Self {
        self.on_deadlock = Some(Arc::new(hook));
        self
    }

    /// Whether no other thread wakes tasks of this run, save by what has told it that it will, such as a blocking call.
    /// Then nothing ready, no timer and no I/O is a deadlock at once. If other threads may, by what is shared with them
    /// (a queue, a lock, an event, a [`Handle`](super::Handle)), and the process has any, a run that has nothing else
    /// to wait for waits for them, says after a second that it does, and looks every now and then whether there still are any.
    ///
    /// By default it is by itself under virtual time.
    pub fn by_itself(mut self, yes: bool) -> Self {
        self.by_itself = Some(yes);
        self
    }

    /// Whether Ctrl-C (SIGINT) cancels the main task: then [`Runner::run`] gives
    /// [`RunError::Interrupted`](super::RunError::Interrupted) when that is what it ended with. A second one while the
    /// run goes on ends the process at once, as it would without this.
    ///
    /// It holds where SIGINT would end the process when a run begins, and where no other run has it, and is over with
    /// the main task: Ctrl-C during [`Runner::close`] ends the process. While somebody listens
    /// to SIGINT, by a stream of signals or a handler, it is for him, and it is the run's again when the last of them has gone. Whoever installs
    /// a handler of his own meanwhile, by other means, has the signal from then on.
    ///
    /// By default it is off; in [`cede::run`](super::run) on the main thread it is on. asyncio's is on for each runner
    /// of the main thread.
    pub fn interrupts(mut self, on: bool) -> Self {
        self.interrupts = on;
        self
    }

    /// Debug mode: steps of tasks and callbacks that take longer than [`slow_step`](Builder::slow_step), in which no
    /// other task can run, are reported to the hook of [`set_task_hook`](crate::set_task_hook).
    ///
    /// By default it is off, unless the variable `CEDE_DEBUG` of the environment is set, and not to `0`: as asyncio's
    /// with `PYTHONASYNCIODEBUG`. What else that checks holds here in any case: calls from the wrong thread don't
    /// compile, since all handles but [`Handle`](super::Handle) stay on theirs; reports say where a task was spawned; a
    /// task that is pending when its runner goes is reported.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::{sync::mpsc, time::{Duration, Instant}};
    ///
    /// let (tell, told) = mpsc::channel();
    /// let tell = std::sync::Mutex::new(tell);
    /// cede::set_task_hook(move |report| tell.lock().unwrap().send(report.message().to_owned()).unwrap());
    /// let runner = cede::Runner::builder().debug(true).slow_step(Duration::from_millis(5)).build();
    /// runner.run(|| {
    ///     let begin = Instant::now();
    ///     while begin.elapsed() < Duration::from_millis(6) {}
    /// })?;
    /// assert!(told.recv().unwrap().starts_with("ran for "));
    /// # cede::take_task_hook();
    /// # Ok::<_, cede::RunError>(())
    /// ```
    pub fn debug(mut self, on: bool) -> Self {
        self.debug = Some(on);
        self
    }

    /// How long a step may take in debug mode before it is reported, in real time; by default 100 ms.
    pub fn slow_step(mut self, limit: Duration) -> Self {
        self.slow_step = Some(limit);
        self
    }

    /// How many calls of [`unblock`](super::unblock) this run has on threads at the same time; more wait for their turn. The run then has
    /// threads of its own: asyncio's `set_default_executor`. By default it shares those of the process, 256 at most.
    ///
    /// # Panics
    ///
    /// Panics when it is 0.
    ///
    /// # Examples
    ///
    /// ```
    /// use cede::{runtime::unblock, task::gather};
    ///
    /// let runner = cede::Runner::builder().max_blocking_threads(1).build();
    /// let threads = runner.run(|| {
    ///     let call = || unblock(|| std::thread::current().id());
    ///     gather([call, call]).join().unwrap()
    /// })?;
    /// assert_eq!(threads[0], threads[1]);
    /// # Ok::<_, cede::RunError>(())
    /// ```
    pub fn max_blocking_threads(mut self, threads: usize) -> Self {
        assert!(threads > 0, "cede: a run without threads for blocking calls could make none");
        self.blocking.threads_max = Some(threads);
        self
    }

    /// How long a thread for [`unblock`](super::unblock) stays that has nothing to do. The run then has threads of its own. By
    /// default 10 s.
    pub fn thread_keep_alive(mut self, time: Duration) -> Self {
        self.blocking.idle_max = Some(time);
        self
    }

    /// Makes the runner.
    pub fn build(self) -> Runner {
        let clock = if self.virtual_time { Clock::virtual_from_now() } else { Clock::Real };
        let slow_step = slow_step(self.debug, self.slow_step);
        let scheduler = Scheduler::new(clock, self.stack_size, slow_step, None);
        if let Some(threads) = self.blocking.own_threads() {
            scheduler.outside.jobs.set_own_threads(threads);
        }
        let by_itself = self.by_itself.unwrap_or(self.virtual_time);
        Runner::of(scheduler, by_itself, self.interrupts, self.on_deadlock)
    }
}

/// How long a step may take, in debug mode.
pub(super) fn slow_step(debug: Option<bool>, limit: Option<Duration>) -> Option<Duration> {
    debug.unwrap_or_else(debug_by_default).then(|| limit.unwrap_or(SLOW_STEP))
}

/// What the environment says. Asked once, since runs may be short.
fn debug_by_default() -> bool {
    static SAYS: OnceLock<bool> = OnceLock::new();
    *SAYS.get_or_init(|| env::var_os("CEDE_DEBUG").is_some_and(|value| !value.is_empty() && value != "0"))
}
