//! The settings of a runtime.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use super::Runtime;
use super::gate::Gate;
use super::seat::Seat;
use crate::runtime::blocking::{OwnThreads, ThreadSettings};
use crate::runtime::builder::{OnDeadlock, slow_step};
use crate::runtime::clock::Clock;
use crate::runtime::report::{self, Deadlock};
use crate::runtime::runner::Runner;
use crate::runtime::scheduler::Scheduler;

/// Called with the number of a worker.
type Hook = Arc<dyn Fn(usize) + Send + Sync>;

/// Called on the thread of worker 0.
type DeadlockHook = Arc<dyn Fn(&Deadlock) -> OnDeadlock + Send + Sync>;

/// What all workers of a runtime have in common.
#[derive(Clone)]
pub(super) struct Settings {
    pub(super) workers: usize,
    pub(super) may_spin: bool,
    virtual_time: bool,
    stack_size: Option<usize>,
    on_deadlock: Option<DeadlockHook>,
    by_itself: Option<bool>,
    interrupts: bool,
    debug: Option<bool>,
    slow_step: Option<Duration>,
    blocking: ThreadSettings,
    thread_name: Arc<str>,
    on_start: Option<Hook>,
    on_stop: Option<Hook>,
}

impl Settings {
    /// Threads for the blocking calls of one run, if it is to have its own.
    pub(super) fn own_threads(&self) -> Option<Arc<OwnThreads>> {
        self.blocking.own_threads()
    }

    /// The scheduler of a worker, and what belongs to that.
    pub(super) fn runner(&self, seat: Seat, own_threads: Option<Arc<OwnThreads>>) -> Runner {
        let clock = if self.virtual_time { Clock::virtual_from_now() } else { Clock::Real };
        let slow_step = slow_step(self.debug, self.slow_step);
        let scheduler = Scheduler::new(clock, self.stack_size, slow_step, Some(seat));
        if let Some(threads) = own_threads {
            scheduler.outside.jobs.set_own_threads(threads);
        }
        let by_itself = self.by_itself.unwrap_or(self.virtual_time);
        let on_deadlock = self.on_deadlock.clone().map(|hook| hook as _);
        Runner::of(scheduler, by_itself, self.interrupts, on_deadlock)
    }

    pub(super) fn thread_name(&self, worker: usize) -> String {
        format!("{}-{worker}", self.thread_name)
    }

    pub(super) fn tell_begin(&self, worker: usize) {
        if let Some(hook) = &self.on_start {
            report::calling("the hook for the start of a worker", || hook(worker));
        }
    }

    pub(super) fn tell_end(&self, worker: usize) {
        if let Some(hook) = &self.on_stop {
            report::calling("the hook for the end of a worker", || hook(worker));
        }
    }
}

/// Settings of a [`Runtime`]; from [`Runtime::builder`].
#[derive(Clone)]
#[must_use = "it makes nothing before it is told to build"]
pub struct RuntimeBuilder {
    settings: Settings,
}

impl fmt::Debug for RuntimeBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RuntimeBuilder").field("workers", &self.settings.workers).finish_non_exhaustive()
    }
}

/// How many processors this process may use.
fn processors() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}

impl RuntimeBuilder {
    pub(super) fn new() -> Self {
        RuntimeBuilder {
            settings: Settings {
                workers: processors(),
                may_spin: true,
                virtual_time: false,
                stack_size: None,
                on_deadlock: None,
                by_itself: None,
                interrupts: false,
                debug: None,
                slow_step: None,
                blocking: ThreadSettings::default(),
                thread_name: "cede-worker".into(),
                on_start: None,
                on_stop: None,
            },
        }
    }

    /// How many workers there are, the calling thread of [`run`](Runtime::run) included: by default one for each processor that the
    /// process may use.
    pub fn workers(mut self, count: usize) -> Self {
        self.settings.workers = count;
        self
    }

    /// The size of the tasks' stacks in bytes, guard included.
    pub fn stack_size(mut self, bytes: usize) -> Self {
        self.settings.stack_size = Some(bytes);
        self
    }

    /// As for a [`Runner`](crate::runtime::Builder::virtual_time). Only with one worker: with more, time would depend on which of
    /// them is the slowest.
    pub fn virtual_time(mut self, on: bool) -> Self {
        self.settings.virtual_time = on;
        self
    }

    /// Called when nothing can ever happen again on any worker, with the tasks of all of them; as for a
    /// [`Runner`](crate::runtime::Builder::on_deadlock). It is called on the thread that has called [`run`](Runtime::run), while all workers
    /// sleep. It may wake or cancel a task of any worker, or spawn one, and go on. It is asked at the end of the run too, before tasks that
    /// go on after a cancellation are cancelled again.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::Arc;
    /// use cede::{Runtime, runtime::OnDeadlock, spawn_any, sync::Event};
    ///
    /// let missing = Arc::new(Event::new());
    /// let late = Arc::clone(&missing);
    /// let runtime = Runtime::builder().workers(2).by_itself(true);
    /// let runtime = runtime.on_deadlock(move |deadlock| {
    ///     eprintln!("{deadlock}");
    ///     late.set();
    ///     OnDeadlock::Continue
    /// });
    /// runtime.build()?.run(|| spawn_any(move || missing.wait()).join().unwrap())?;
    /// # Ok::<_, Box<dyn std::error::Error>>(())
    /// ```
    pub fn on_deadlock(mut self, hook: impl Fn(&Deadlock) -> OnDeadlock + Send + Sync + 'static) -> Self {
        self.settings.on_deadlock = Some(Arc::new(hook));
        self
    }

    /// Whether no thread but the workers wakes tasks; as for a [`Runner`](crate::runtime::Builder::by_itself).
    pub fn by_itself(mut self, yes: bool) -> Self {
        self.settings.by_itself = Some(yes);
        self
    }

    /// Whether Ctrl-C cancels the main task; as for a [`Runner`](crate::runtime::Builder::interrupts).
    pub fn interrupts(mut self, on: bool) -> Self {
        self.settings.interrupts = on;
        self
    }

    /// Debug mode, on all workers; as for a [`Runner`](crate::runtime::Builder::debug).
    pub fn debug(mut self, on: bool) -> Self {
        self.settings.debug = Some(on);
        self
    }

    /// How long a step may take in debug mode before it is reported, in real time; by default 100 ms.
    pub fn slow_step(mut self, limit: Duration) -> Self {
        self.settings.slow_step = Some(limit);
        self
    }

    /// How many calls of [`unblock`](crate::unblock) a run has on threads at the same time, from all of its workers together; more
    /// wait for their turn. As for a [`Runner`](crate::runtime::Builder::max_blocking_threads): the run then has threads of its own, which
    /// have gone when it returns. By default runs share those of the process, 256 at most.
    ///
    /// # Examples
    ///
    /// ```
    /// use cede::{Runtime, task::par_map, unblock};
    ///
    /// let runtime = Runtime::builder().workers(2).max_blocking_threads(1).build()?;
    /// let threads = runtime.run(|| par_map(0..8, |_| unblock(|| std::thread::current().id())).unwrap())?;
    /// assert!(threads.iter().all(|thread| *thread == threads[0]));
    /// # Ok::<_, Box<dyn std::error::Error>>(())
    /// ```
    pub fn max_blocking_threads(mut self, threads: usize) -> Self {
        self.settings.blocking.threads_max = Some(threads);
        self
    }

    /// How long a thread for [`unblock`](crate::unblock) stays that has nothing to do. A run then has threads of its own. By default
    /// 10 s.
    pub fn thread_keep_alive(mut self, time: Duration) -> Self {
        self.settings.blocking.idle_max = Some(time);
        self
    }

    /// What the names of the workers' threads begin with; the number of the worker follows. By default `cede-worker`. The thread
    /// that calls [`run`](Runtime::run) keeps its own.
    pub fn thread_name(mut self, name: impl Into<String>) -> Self {
        self.settings.thread_name = name.into().into();
        self
    }

    /// Called on each worker's thread, with its number, before it runs anything. Not called in a task. A panic in it goes to the
    /// hook of [`set_task_hook`](crate::set_task_hook).
    pub fn on_worker_start(mut self, hook: impl Fn(usize) + Send + Sync + 'static) -> Self {
        self.settings.on_start = Some(Arc::new(hook));
        self
    }

    /// The same when it has run the last.
    pub fn on_worker_stop(mut self, hook: impl Fn(usize) + Send + Sync + 'static) -> Self {
        self.settings.on_stop = Some(Arc::new(hook));
        self
    }

    /// Makes the runtime. Its threads begin with a run.
    ///
    /// # Errors
    ///
    /// When there is to be no worker, or more than 65,535, for virtual time with several, and when there is to be no thread for blocking
    /// calls.
    pub fn build(self) -> io::Result<Runtime> {
        let mut settings = self.settings;
        let refuse = |why: &str| Err(io::Error::new(io::ErrorKind::InvalidInput, why));
        if settings.blocking.threads_max == Some(0) {
            return refuse("a runtime without threads for blocking calls could make none");
        }
        match settings.workers {
            0 => return refuse("a runtime needs a worker"),
            1 => {}
            65_536.. => return refuse("a runtime has at most 65,535 workers"),
            _ if settings.virtual_time => {
                return refuse("virtual time is for one worker: with several it would depend on the slowest");
            }
            _ => {}
        }
        settings.may_spin = settings.workers <= processors();
        Ok(Runtime { gate: Gate::new(), settings })
    }
}
