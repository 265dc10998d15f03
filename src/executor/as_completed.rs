//! Jobs in the order in which they end: `concurrent.futures.as_completed`.

use std::fmt;
use std::iter::FusedIterator;
use std::time::{Duration, Instant};

use super::error::TimeoutError;
use super::future::AsFuture;
use super::gathering::Gathered;
use super::meeting::now;
use crate::runtime::deadline;

/// Iterates over futures in the order in which their jobs end: `concurrent.futures.as_completed`. Those that have ended already
/// come first.
///
/// Takes futures by value or by reference, and gives them back. One that is in it twice comes once. Each `next` waits for the next
/// one: it suspends a task, and blocks a thread. Nothing is cancelled, neither when the time is up nor when the iterator is
/// dropped.
///
/// # Errors
///
/// One [`TimeoutError`], and nothing after it, when the time is up before all have come.
///
/// # Cancellation
///
/// `next` unwinds when the task is cancelled meanwhile; the iterator has lost nothing.
///
/// # Panics
///
/// `next` panics where a task may not wait, inside of a run, if it has to; see [`Operation::wait`](crate::Operation::wait).
///
/// # Examples
///
/// ```
/// use cede::executor::{Executor, ThreadPoolExecutor, as_completed};
///
/// let pool = ThreadPoolExecutor::new(2);
/// let jobs = [3, 1, 2].map(|n| pool.submit(move || n * n));
/// let mut squares = Vec::new();
/// for job in as_completed(jobs, None) {
///     squares.push(job?.result()?);
/// }
/// squares.sort();
/// assert_eq!(squares, [1, 4, 9]);
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
pub fn as_completed<H: AsFuture>(
    futures: impl IntoIterator<Item = H>,
    timeout: Option<Duration>,
) -> AsCompleted<H> {
    let until = timeout.and_then(|timeout| deadline(now(), timeout));
    let gathered = Gathered::new(futures);
    AsCompleted { total: gathered.left(), gathered, until, is_over: false }
}

/// What [`as_completed`] gives.
#[must_use = "it does nothing unless it is iterated over"]
pub struct AsCompleted<H: AsFuture> {
    gathered: Gathered<H>,
    total: usize,
    until: Option<Instant>,
    /// The time was up.
    is_over: bool,
}

impl<H: AsFuture> fmt::Debug for AsCompleted<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AsCompleted").field("left", &self.gathered.left()).finish_non_exhaustive()
    }
}

impl<H: AsFuture> Iterator for AsCompleted<H> {
    type Item = Result<H, TimeoutError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_over || self.gathered.left() == 0 {
            return None;
        }
        let limit = self.until.map(|until| until.saturating_duration_since(now()));
        let next = self.gathered.next(limit);
        self.is_over = next.is_none();
        Some(next.ok_or(TimeoutError { unfinished: self.gathered.left(), total: self.total }))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = if self.is_over { 0 } else { self.gathered.left() };
        (usize::from(left > 0), Some(left))
    }
}

impl<H: AsFuture> FusedIterator for AsCompleted<H> {}
