//! A function over many items, on the threads of an executor, with the results in order: `Executor.map`.
//!
//! Items go to jobs in chunks. Without a limit all are submitted at once, as in Python; with one only so many jobs are ahead of
//! who iterates, and the items are taken as they are needed.

use std::any::Any;
use std::collections::VecDeque;
use std::fmt;
use std::iter::{Fuse, FusedIterator};
use std::panic::{self, AssertUnwindSafe, Location};
use std::sync::Arc;
use std::time::{Duration, Instant};
use std::vec;

use super::Executor;
use super::error::FutureError;
use super::future::Future;
use super::meeting::now;
use crate::runtime::deadline;

/// How [`map_with`](Executor::map_with) goes about its work.
#[derive(Debug, Clone, Default)]
pub struct MapOptions {
    chunk_size: Option<usize>,
    buffer_size: Option<usize>,
    timeout: Option<Duration>,
}

impl MapOptions {
    /// One item a job, all jobs at once, no timeout.
    pub fn new() -> Self {
        MapOptions::default()
    }

    /// How many items a job gets: `chunksize`. For many small items, a job for each of which would cost more than it does.
    ///
    /// # Panics
    ///
    /// Panics when it is 0.
    pub fn chunk_size(mut self, items: usize) -> Self {
        assert!(items > 0, "cede: a chunk of no items would never come to an end");
        self.chunk_size = Some(items);
        self
    }

    /// How many jobs there are at most whose results have not been asked for: `buffersize`. The items are taken as they are needed, so
    /// that there may be endlessly many.
    ///
    /// # Panics
    ///
    /// Panics when it is 0.
    pub fn buffer_size(mut self, jobs: usize) -> Self {
        assert!(jobs > 0, "cede: without a job there are no results");
        self.buffer_size = Some(jobs);
        self
    }

    /// How long it may take from the call of `map_with` until the last result is there.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }
}

/// What a job gives: the results of its items, up to one that panicked.
struct Chunk<R> {
    results: Vec<R>,
    panic: Option<Box<dyn Any + Send>>,
}

/// Jobs that have been submitted, in order. Cancelled when they are dropped, once somebody has begun to ask for results.
struct Submitted<R: Send + 'static> {
    jobs: VecDeque<Future<Chunk<R>>>,
    is_begun: bool,
}

impl<R: Send + 'static> Submitted<R> {
    fn cancel(&mut self) {
        // From behind, so that none begins meanwhile whose turn is later.
        while let Some(job) = self.jobs.pop_back() {
            job.cancel();
        }
    }
}

impl<R: Send + 'static> Drop for Submitted<R> {
    fn drop(&mut self) {
        if self.is_begun {
            self.cancel();
        }
    }
}

/// The results of [`Executor::map`], in the order of the items.
///
/// Each `next` waits for the next result: it suspends a task, and blocks a thread. After an error nothing follows, and what has not
/// begun is cancelled. It is cancelled, too, when the iterator is dropped before its end; but one that was never asked for a result leaves its
/// jobs alone, as Python's does.
pub struct Map<'a, E: ?Sized, I: Iterator, F, R: Send + 'static> {
    executor: &'a E,
    items: Fuse<I>,
    f: Arc<F>,
    options: MapOptions,
    until: Option<Instant>,
    submitted_at: &'static Location<'static>,
    submitted: Submitted<R>,
    /// Of the job whose results are being handed out.
    results: vec::IntoIter<R>,
    panic: Option<Box<dyn Any + Send>>,
    is_over: bool,
}

impl<E: ?Sized, I: Iterator, F, R: Send + 'static> fmt::Debug for Map<'_, E, I, F, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Map").field("ahead", &self.submitted.jobs.len()).finish_non_exhaustive()
    }
}

impl<'a, E, I, F, R> Map<'a, E, I, F, R>
where
    E: Executor + ?Sized,
    I: Iterator<Item: Send + 'static>,
    F: Fn(I::Item) -> R + Send + Sync + 'static,
    R: Send + 'static,
{
    pub(super) fn new(
        executor: &'a E,
        options: MapOptions,
        submitted_at: &'static Location<'static>,
        f: F,
        items: I,
    ) -> Self {
        let until = options.timeout.and_then(|timeout| deadline(now(), timeout));
        let mut map = Map {
            executor,
            items: items.fuse(),
            f: Arc::new(f),
            options,
            until,
            submitted_at,
            submitted: Submitted { jobs: VecDeque::new(), is_begun: false },
            results: Vec::new().into_iter(),
            panic: None,
            is_over: false,
        };
        map.submit();
        map
    }

    /// Submits as many jobs as there may be.
    fn submit(&mut self) {
        let ahead_max = self.options.buffer_size.unwrap_or(usize::MAX);
        while self.submitted.jobs.len() < ahead_max {
            let items: Vec<I::Item> =
                self.items.by_ref().take(self.options.chunk_size.unwrap_or(1)).collect();
            if items.is_empty() {
                break;
            }
            let f = Arc::clone(&self.f);
            let (job, future) = super::job::new(self.submitted_at, move || Ok(chunk(&*f, items)));
            self.submitted.jobs.push_back(future);
            self.executor.execute(job);
        }
    }

    /// Waits for the results of the next job. Gives false when there is none, or an error.
    fn next_chunk(&mut self) -> Result<bool, FutureError> {
        let Some(job) = self.submitted.jobs.front() else { return Ok(false) };
        let result = match self.until {
            Some(until) => job.result_timeout(until.saturating_duration_since(now())),
            None => job.result(),
        };
        let chunk = result?;
        self.submitted.jobs.pop_front();
        self.results = chunk.results.into_iter();
        self.panic = chunk.panic;
        self.submit();
        Ok(true)
    }

    fn fail(&mut self, error: FutureError) -> Option<Result<R, FutureError>> {
        self.is_over = true;
        self.submitted.cancel();
        Some(Err(error))
    }
}

impl<E, I, F, R> Iterator for Map<'_, E, I, F, R>
where
    E: Executor + ?Sized,
    I: Iterator<Item: Send + 'static>,
    F: Fn(I::Item) -> R + Send + Sync + 'static,
    R: Send + 'static,
{
    type Item = Result<R, FutureError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.submitted.is_begun = true;
        while !self.is_over {
            if let Some(result) = self.results.next() {
                return Some(Ok(result));
            }
            if let Some(payload) = self.panic.take() {
                return self.fail(FutureError::from_panic(payload));
            }
            match self.next_chunk() {
                Ok(true) => {}
                Ok(false) => self.is_over = true,
                Err(error) => return self.fail(error),
            }
        }
        None
    }
}

impl<E, I, F, R> FusedIterator for Map<'_, E, I, F, R>
where
    E: Executor + ?Sized,
    I: Iterator<Item: Send + 'static>,
    F: Fn(I::Item) -> R + Send + Sync + 'static,
    R: Send + 'static,
{
}

/// What a job does.
fn chunk<A, R>(f: &impl Fn(A) -> R, items: Vec<A>) -> Chunk<R> {
    let mut results = Vec::with_capacity(items.len());
    let called = panic::catch_unwind(AssertUnwindSafe(|| {
        items.into_iter().for_each(|item| results.push(f(item)));
    }));
    Chunk { results, panic: called.err() }
}
