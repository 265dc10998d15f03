//! The executor with threads: `ThreadPoolExecutor`.

use std::error::Error;
use std::fmt;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use super::Executor;
use super::job::{Job, serves};
use super::meeting::is_in_run;
use crate::generator::ContextManager;
use crate::runtime::pool::{self, Pool, SetUp, Settings};
use crate::runtime::report;
use crate::runtime::task::panic_message;
use crate::runtime::{blocking, park};
use crate::task::no_cancel;

/// An executor whose jobs run on threads, of which there are no more than it is told: `concurrent.futures.ThreadPoolExecutor`.
///
/// Threads are made as jobs come, and stay. Jobs are begun in the order in which they came; those that a job submits go to its own thread
/// first, from which the others steal.
///
/// # Dropping
///
/// Waits until all jobs have ended, as leaving Python's `with` does: [`shutdown(true, false)`](Executor::shutdown). Where that can't be,
/// the threads go on by themselves, and then go: in one of its own jobs, in a callback of a run, and where a task may not wait, as
/// during an unwind. To wait in those cases too, give a reference to [`with`](crate::with).
///
/// A process that ends, by the return of `main` or by `exit`, ends the threads with it, whatever they do. Python would wait.
///
/// # Examples
///
/// ```
/// use cede::executor::{Executor, ThreadPoolExecutor, as_completed};
///
/// // From a task, which is suspended:
/// let sum = cede::run(|| {
///     let pool = ThreadPoolExecutor::new(2);
///     let jobs = [1_u64, 2, 3].map(|n| pool.submit(move || n * n));
///     as_completed(jobs, None).map(|job| job.unwrap().result().unwrap()).sum::<u64>()
/// });
/// assert_eq!(sum, 14);
/// ```
pub struct ThreadPoolExecutor {
    pool: Arc<Pool>,
}

impl ThreadPoolExecutor {
    /// An executor with at most so many threads.
    ///
    /// # Panics
    ///
    /// Panics when there are to be none: Python's ValueError.
    pub fn new(max_workers: usize) -> Self {
        ThreadPoolExecutor::builder().max_workers(max_workers).build()
    }

    /// To make one with more settings.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// How many threads it may have.
    pub fn max_workers(&self) -> usize {
        self.pool.threads_max()
    }

    /// How many threads it has.
    pub fn threads(&self) -> usize {
        self.pool.threads()
    }

    fn end(&self, cancel_futures: bool) {
        if cancel_futures {
            self.pool.close_and_cancel();
        } else {
            self.pool.close();
        }
    }

    /// Whether this is called by one of its jobs, or a callback of one.
    fn is_own_thread(&self) -> bool {
        pool::current() == Some(self.pool.serial()) || serves(self.pool.serial())
    }
}

impl Default for ThreadPoolExecutor {
    /// With as many threads as Python gives it: four more than there are processors, and 32 at most.
    fn default() -> Self {
        ThreadPoolExecutor::builder().build()
    }
}

impl Executor for ThreadPoolExecutor {
    fn execute(&self, job: Job) {
        if let Some(work) = job.for_pool(self.pool.serial())
            && let Err((work, reason)) = self.pool.submit(work)
        {
            work.refuse(&reason);
        }
    }

    /// Takes no jobs any more, and waits, if it is told to, until those that it has have ended and its threads are gone. Suspends a
    /// task, and blocks a thread.
    ///
    /// # Cancellation
    ///
    /// Unwinds when the task is cancelled while it waits. The executor is shut down all the same.
    ///
    /// # Panics
    ///
    /// Panics, after it was shut down, when it is to wait in one of its own jobs, which would wait for itself; and where a task may
    /// not wait, inside of a run.
    fn shutdown(&self, wait: bool, cancel_futures: bool) {
        self.end(cancel_futures);
        if !wait {
            return;
        }
        if self.is_own_thread() {
            panic!("cede: a job can't wait for the end of its own executor, and so of itself");
        }
        if !is_in_run() {
            self.pool.join();
            return;
        }
        let pool = Arc::clone(&self.pool);
        if let Err(error) = blocking::try_unblock(move || pool.join()) {
            panic!("cede: {error}");
        }
    }
}

impl Drop for ThreadPoolExecutor {
    fn drop(&mut self) {
        self.end(false);
        if self.is_own_thread() {
            return;
        }
        if !is_in_run() {
            self.pool.join();
        } else if park::refusal().is_none() {
            let pool = Arc::clone(&self.pool);
            // A destructor is no place for a cancellation: the task hears of it when it waits next. Where there is no thread to wait, there
            // are none to wait for.
            let _ = no_cancel(|| blocking::try_unblock(move || pool.join()));
        }
    }
}

/// Python's `with`: leaving the block waits until all jobs have ended.
impl ContextManager for &ThreadPoolExecutor {
    type Value = Self;

    fn enter(&mut self) -> Result<Self, Box<dyn Error>> {
        Ok(self)
    }

    fn exit(&mut self, error: Option<Box<dyn Error>>) -> Result<(), Box<dyn Error>> {
        self.shutdown(true, false);
        error.map_or(Ok(()), Err)
    }
}

impl fmt::Debug for ThreadPoolExecutor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ThreadPoolExecutor")
            .field("max_workers", &self.max_workers())
            .field("threads", &self.threads())
            .finish()
    }
}

/// Settings of a [`ThreadPoolExecutor`].
#[derive(Default)]
pub struct Builder {
    max_workers: Option<usize>,
    thread_name_prefix: Option<String>,
    stack_size: Option<usize>,
    initializer: Option<SetUp>,
}

impl Builder {
    /// How many threads it may have. By default four more than there are processors, and 32 at most.
    ///
    /// # Panics
    ///
    /// Panics when there are to be none: Python's ValueError.
    pub fn max_workers(mut self, threads: usize) -> Self {
        assert!(threads > 0, "cede: max_workers must be greater than 0");
        self.max_workers = Some(threads);
        self
    }

    /// What the names of its threads begin with; behind it come an underscore and a number.
    pub fn thread_name_prefix(mut self, prefix: impl Into<String>) -> Self {
        self.thread_name_prefix = Some(prefix.into());
        self
    }

    /// The size of its threads' stacks in bytes.
    pub fn stack_size(mut self, bytes: usize) -> Self {
        self.stack_size = Some(bytes);
        self
    }

    /// A function that each thread calls before it does any jobs: `initializer`. Where it panics the executor is broken: what it has
    /// not begun and what comes later fails, with an error for which [`is_broken`](super::FutureError::is_broken) holds.
    pub fn initializer(self, f: impl Fn() + Send + Sync + 'static) -> Self {
        self.try_initializer(move || {
            f();
            Ok::<(), String>(())
        })
    }

    /// The same with one that may fail.
    pub fn try_initializer<E: fmt::Display>(
        mut self,
        f: impl Fn() -> Result<(), E> + Send + Sync + 'static,
    ) -> Self {
        let call = move || match f() {
            Ok(()) => Ok(()),
            Err(error) => Err(format!("an initializer failed: {error}")),
        };
        self.initializer = Some(Box::new(move || {
            panic::catch_unwind(AssertUnwindSafe(&call)).unwrap_or_else(|payload| {
                let why = format!("an initializer panicked: {}", panic_message(&*payload));
                report::dropping("the payload of a panic", payload);
                Err(why)
            })
        }));
        self
    }

    /// Makes the executor. Its threads come with its jobs.
    pub fn build(self) -> ThreadPoolExecutor {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let name = self
            .thread_name_prefix
            .unwrap_or_else(|| format!("ThreadPoolExecutor-{}", NEXT.fetch_add(1, Ordering::Relaxed)));
        let pool = Pool::new(Settings {
            threads_max: self.max_workers.unwrap_or_else(default_workers),
            idle_max: None,
            own_queues: true,
            promises: false,
            name,
            stack_size: self.stack_size,
            set_up: self.initializer,
        });
        ThreadPoolExecutor { pool }
    }
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("max_workers", &self.max_workers)
            .field("thread_name_prefix", &self.thread_name_prefix)
            .field("stack_size", &self.stack_size)
            .finish_non_exhaustive()
    }
}

fn default_workers() -> usize {
    (thread::available_parallelism().map_or(1, usize::from) + 4).min(32)
}
