//! Waiting for the first of several jobs, the first error, or all: `concurrent.futures.wait`.

use std::time::Duration;

use super::future::AsFuture;
use super::gathering::Gathered;
use super::meeting::now;
use crate::runtime::deadline;
use crate::task::{ReturnWhen, Waited};

/// Waits until the first, or the first error, or all have come, or the time is up: `concurrent.futures.wait`. Cancels nothing. Suspends a
/// task, and blocks a thread.
///
/// Takes futures by value or by reference, and gives them back. One that was cancelled counts as ended at once; in Python it
/// does when a thread comes across it. Where there is nothing to wait for it returns at once.
///
/// # Cancellation
///
/// Unwinds when the task is cancelled meanwhile. What it waits for is left alone.
///
/// # Panics
///
/// Panics where a task may not wait, inside of a run, if it has to; see [`Operation::wait`](crate::Operation::wait).
///
/// # Examples
///
/// ```
/// use cede::executor::{Executor, ReturnWhen, ThreadPoolExecutor, wait};
///
/// let pool = ThreadPoolExecutor::new(2);
/// let jobs = [3, 1, 2].map(|n| pool.submit(move || n * n));
/// let waited = wait(&jobs, ReturnWhen::AllCompleted, None);
/// assert_eq!((waited.done.len(), waited.pending.len()), (3, 0));
/// ```
pub fn wait<H: AsFuture>(
    futures: impl IntoIterator<Item = H>,
    when: ReturnWhen,
    timeout: Option<Duration>,
) -> Waited<H> {
    let futures: Vec<H> = futures.into_iter().collect();
    let until = timeout.map(|timeout| deadline(now(), timeout));
    let mut gathered = Gathered::new(&futures);
    let has_come = |future: &&H| match when {
        ReturnWhen::FirstCompleted => true,
        ReturnWhen::FirstException => has_failed(*future),
        ReturnWhen::AllCompleted => false,
    };
    while gathered.left() > 0 {
        // A moment beyond all measure never comes.
        let limit = until.flatten().map(|until| until.saturating_duration_since(now()));
        if gathered.next(limit).as_ref().is_none_or(has_come) {
            break;
        }
    }
    drop(gathered);
    let (done, pending) = futures.into_iter().partition(|future| future.as_future().is_finished());
    Waited { done, pending }
}

/// Whether it has ended with an error. A cancellation is none.
fn has_failed<H: AsFuture>(future: &H) -> bool {
    future.as_future().shared.meeting.lock().has_failed()
}
