//! Jobs as tasks of a run: `loop.run_in_executor` and `asyncio.wrap_future`.
//!
//! A task waits for the job, so that it can be joined, gathered, shielded and cancelled like any other.

use std::panic;

use super::Executor;
use super::error::FutureError;
use super::future::Future;
use crate::task::{Cancelled, JoinHandle, try_spawn};

/// Has an executor do a job, and gives a task that waits for it: `loop.run_in_executor(executor, f)`. For the default executor, spawn a task that
/// calls [`unblock`](crate::unblock).
///
/// The task gives the value of the job. It ends as the job does: with its panic, and as cancelled where that was. An error of the executor is the
/// task's error.
///
/// # Cancellation
///
/// When the task is cancelled, so is the job, if it has not begun. One that has goes on, and its value is dropped.
///
/// # Panics
///
/// Panics outside of a run.
///
/// # Examples
///
/// ```
/// use cede::executor::{ThreadPoolExecutor, run_in_executor};
/// use cede::task::gather;
///
/// cede::run(|| {
///     let pool = ThreadPoolExecutor::new(2);
///     let both = [6_u64, 7].map(|n| run_in_executor(&pool, move || n * n));
///     assert_eq!(gather(both).join().unwrap(), [36, 49]);
/// });
/// ```
#[track_caller]
pub fn run_in_executor<T, F>(executor: &(impl Executor + ?Sized), f: F) -> JoinHandle<T>
where
    T: Send + 'static,
    F: FnOnce() -> T + Send + 'static,
{
    wrap_future(executor.submit(f))
}

/// A task that waits for a job, and has its value, error or panic: `asyncio.wrap_future`.
///
/// # Cancellation, panics
///
/// As for [`run_in_executor`].
///
/// # Examples
///
/// ```
/// use cede::executor::{Executor, ThreadPoolExecutor, wrap_future};
///
/// cede::run(|| {
///     let pool = ThreadPoolExecutor::new(1);
///     let task = wrap_future(pool.try_submit(|| "12x".parse::<u32>()));
///     assert!(task.join().unwrap_err().to_string().contains("invalid digit"));
/// });
/// ```
#[track_caller]
pub fn wrap_future<T: Send + 'static>(future: Future<T>) -> JoinHandle<T> {
    let wrapped = Wrapped(future);
    try_spawn(move || wrapped.wait())
}

/// A job that is cancelled when nobody waits for it any more.
struct Wrapped<T: Send + 'static>(Future<T>);

impl<T: Send + 'static> Wrapped<T> {
    fn wait(self) -> Result<T, FutureError> {
        let error = match self.0.result() {
            Ok(value) => return Ok(value),
            Err(error) => error,
        };
        if error.is_cancelled() {
            Cancelled::raise();
        }
        match error.clone().into_panic() {
            Some(payload) => panic::resume_unwind(payload),
            None => Err(error),
        }
    }
}

impl<T: Send + 'static> Drop for Wrapped<T> {
    fn drop(&mut self) {
        self.0.cancel();
    }
}
