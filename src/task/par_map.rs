//! A function over many things, on all workers.

use std::error::Error;

use super::group_error::GroupError;
use super::scope::scope;
use crate::runtime::workers;

/// How many chunks there are for each worker: enough that one which has got the slow ones is helped by the others.
const CHUNKS_PER_WORKER: usize = 8;

/// The most things in a chunk, so that a worker is not away from its other tasks for ever.
const CHUNK_MAX: usize = 1024;

/// Calls a function with each of these things, on all workers of the [`Runtime`](crate::Runtime), and gives what it gives, in the order of the
/// things. Comes back when all calls have.
///
/// It is a [`scope`] whose children each have a chunk of the things, so that the function and the things may borrow. They are as
/// many as it takes to keep all workers busy, whatever the number of things. Calls of one chunk come one after the other, and may wait.
///
/// # Errors
///
/// When a call panics. The others are cancelled.
///
/// # Cancellation
///
/// A task that is cancelled meanwhile cancels the calls, waits for them, and unwinds.
///
/// # Panics
///
/// Panics where a task may not wait; see [`Operation::wait`](crate::Operation::wait).
///
/// # Examples
///
/// ```
/// let words = ["one", "three", "twelve"];
/// let runtime = cede::Runtime::builder().workers(2).build()?;
/// let lengths = runtime.run(|| cede::task::par_map(&words, |word| word.len()))??;
/// assert_eq!(lengths, [3, 5, 6]);
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
pub fn par_map<T: Send, R: Send>(
    things: impl IntoIterator<Item = T>,
    f: impl Fn(T) -> R + Sync,
) -> Result<Vec<R>, GroupError> {
    try_par_map(things, |thing| Ok::<_, std::convert::Infallible>(f(thing)))
}

/// Like [`par_map`], with a function that may fail.
///
/// # Errors
///
/// The first error of a call, and those that came before the other calls could be cancelled.
///
/// # Cancellation, panics
///
/// As [`par_map`].
pub fn try_par_map<T: Send, R: Send, E: Into<Box<dyn Error + Send + Sync>>>(
    things: impl IntoIterator<Item = T>,
    f: impl Fn(T) -> Result<R, E> + Sync,
) -> Result<Vec<R>, GroupError> {
    let things: Vec<T> = things.into_iter().collect();
    let count = things.len();
    let size = count.div_ceil(workers() * CHUNKS_PER_WORKER + 1).clamp(1, CHUNK_MAX);
    let mut things = things.into_iter();
    let f = &f;
    let parts = scope(|s| {
        let mut chunks = Vec::with_capacity(count.div_ceil(size));
        while things.len() > 0 {
            let chunk: Vec<T> = things.by_ref().take(size).collect();
            chunks.push(s.try_spawn_any(move || {
                chunk
                    .into_iter()
                    .map(|thing| f(thing).map_err(Into::into))
                    .collect::<Result<Vec<R>, Failed>>()
            }));
        }
        // One that has failed ends the scope.
        chunks.iter().map_while(|chunk| chunk.join().ok()).collect::<Vec<_>>()
    })?;
    Ok(parts.into_iter().flatten().collect())
}

type Failed = Box<dyn Error + Send + Sync>;
