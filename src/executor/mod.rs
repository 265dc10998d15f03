//! Jobs on threads of their own: `concurrent.futures`.
//!
//! A [`ThreadPoolExecutor`] has threads for work that computes, as many as it is told; [`submit`](Executor::submit) hands it a closure and
//! gives a [`Future`] for what comes out. All of it may be used from tasks, which are suspended while they wait, and from threads
//! without a run, which block. For calls that wait more than they compute there is [`unblock`](crate::unblock), whose threads
//! belong to the process.
//!
//! ```
//! use cede::executor::{Executor, ThreadPoolExecutor};
//!
//! let pool = ThreadPoolExecutor::new(4);
//! let lengths: Result<Vec<usize>, _> = pool.map(|word: &str| word.len(), ["one", "three", "eleven"]).collect();
//! assert_eq!(lengths?, [3, 5, 6]);
//! # Ok::<_, cede::executor::FutureError>(())
//! ```
//!
//! # What there is not
//!
//! `ProcessPoolExecutor` and `InterpreterPoolExecutor`. A closure is code and what it has captured: neither crosses into another
//! process, which has the same function at another address and none of the memory. Python sends the name of a function and
//! pickled arguments, and needs processes to compute on several cores at all; threads do that here. Where a process is wanted for
//! isolation, run a program ([`std::process::Command`] in `unblock`) and send it data.
//!
//! # How it is made
//!
//! `job` has the state of a job, `meeting` is where tasks and threads wait for it, `gathering` where they wait for several;
//! the threads are [`runtime::pool`](crate::runtime)'s, as those of blocking calls are.

mod as_completed;
mod error;
mod future;
mod gathering;
mod in_run;
mod job;
mod map;
mod meeting;
mod thread_pool;
mod wait;

use std::error::Error;
use std::panic::Location;
use std::rc::Rc;
use std::sync::Arc;

pub use crate::task::{ReturnWhen, Waited};
pub use as_completed::{AsCompleted, as_completed};
pub use error::{FutureError, TimeoutError};
pub use future::{AsFuture, Future, Resulting};
pub use in_run::{run_in_executor, wrap_future};
pub use job::Job;
pub use map::{Map, MapOptions};
pub use thread_pool::{Builder, ThreadPoolExecutor};
pub use wait::wait;

/// What does jobs: `concurrent.futures.Executor`. Also for those of one's own.
///
/// # Examples
///
/// One that does each job at once, for tests:
///
/// ```
/// use cede::executor::{Executor, Job};
///
/// struct AtOnce;
///
/// impl Executor for AtOnce {
///     fn execute(&self, job: Job) {
///         job.run();
///     }
/// }
///
/// assert_eq!(AtOnce.submit(|| 6 * 7).result()?, 42);
/// # Ok::<_, cede::executor::FutureError>(())
/// ```
pub trait Executor {
    /// Does a job, or sees to it that it is done. May be called from any thread that has the executor, and from its own jobs.
    fn execute(&self, job: Job);

    /// Takes no jobs any more: `shutdown(wait, cancel_futures=...)`. What it has is done, unless `cancel_futures`: then what has
    /// not begun is cancelled. With `wait` this returns when all of that has ended. It may be called more than once.
    ///
    /// Does nothing in an executor that does not say otherwise.
    fn shutdown(&self, wait: bool, cancel_futures: bool) {
        let _ = (wait, cancel_futures);
    }

    /// Hands in a job: `submit`. It runs with a copy of the caller's context.
    ///
    /// An executor that was shut down does not take it: the closure is dropped, and the future says so.
    #[track_caller]
    fn submit<T, F>(&self, f: F) -> Future<T>
    where
        T: Send + 'static,
        F: FnOnce() -> T + Send + 'static,
    {
        let (job, future) = job::new(Location::caller(), move || Ok(f()));
        self.execute(job);
        future
    }

    /// Hands in a job that may fail. Its error is what [`Future::result`] gives, and is reported where nobody asks.
    ///
    /// # Examples
    ///
    /// ```
    /// use cede::executor::{Executor, ThreadPoolExecutor};
    ///
    /// let pool = ThreadPoolExecutor::new(1);
    /// let error = pool.try_submit(|| "12x".parse::<u32>()).result().unwrap_err();
    /// assert!(error.error().unwrap().is::<std::num::ParseIntError>());
    /// ```
    #[track_caller]
    fn try_submit<T, E, F>(&self, f: F) -> Future<T>
    where
        T: Send + 'static,
        E: Into<Box<dyn Error + Send + Sync>>,
        F: FnOnce() -> Result<T, E> + Send + 'static,
    {
        let failed = |error: E| FutureError::from_error(error.into());
        let (job, future) = job::new(Location::caller(), move || f().map_err(failed));
        self.execute(job);
        future
    }

    /// Has a function called with each item, and gives the results in the order of the items: `map`. All jobs are submitted
    /// here and now.
    ///
    /// # Errors
    ///
    /// The iterator gives the first error and ends with it; see [`Map`].
    #[track_caller]
    fn map<I, F, R>(&self, f: F, items: I) -> Map<'_, Self, I::IntoIter, F, R>
    where
        I: IntoIterator<Item: Send + 'static>,
        F: Fn(I::Item) -> R + Send + Sync + 'static,
        R: Send + 'static,
    {
        Map::new(self, MapOptions::new(), Location::caller(), f, items.into_iter())
    }

    /// The same in chunks, only so far ahead, or only for so long: `map(chunksize=..., buffersize=..., timeout=...)`.
    ///
    /// # Examples
    ///
    /// ```
    /// use cede::executor::{Executor, MapOptions, ThreadPoolExecutor};
    ///
    /// let pool = ThreadPoolExecutor::new(2);
    /// let options = MapOptions::new().chunk_size(10).buffer_size(4);
    /// let squares = pool.map_with(options, |n: u64| n * n, 1..);
    /// let small: Result<Vec<u64>, _> = squares.take_while(|n| !matches!(n, Ok(100..))).collect();
    /// assert_eq!(small?, [1, 4, 9, 16, 25, 36, 49, 64, 81]);
    /// # Ok::<_, cede::executor::FutureError>(())
    /// ```
    #[track_caller]
    fn map_with<I, F, R>(&self, options: MapOptions, f: F, items: I) -> Map<'_, Self, I::IntoIter, F, R>
    where
        I: IntoIterator<Item: Send + 'static>,
        F: Fn(I::Item) -> R + Send + Sync + 'static,
        R: Send + 'static,
    {
        Map::new(self, options, Location::caller(), f, items.into_iter())
    }
}

macro_rules! forward {
    ($($Pointer:ty),*) => {
        $(
            impl<E: Executor + ?Sized> Executor for $Pointer {
                fn execute(&self, job: Job) {
                    (**self).execute(job);
                }

                fn shutdown(&self, wait: bool, cancel_futures: bool) {
                    (**self).shutdown(wait, cancel_futures);
                }
            }
        )*
    };
}

forward!(&E, Box<E>, Rc<E>, Arc<E>);
