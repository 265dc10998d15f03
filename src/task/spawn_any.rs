//! Tasks that any worker may begin.

use std::error::Error;
use std::panic::Location;

use crate::runtime::RemoteJoinHandle;
use crate::runtime::remote::{self, Given};
use crate::runtime::scheduler::with_scheduler;

/// Starts a task that any worker of the [`Runtime`](crate::Runtime) may begin: the first that has nothing else to do. From then on it stays
/// there. In a run of one thread it is a task of that, which begins in the next tick.
///
/// What crosses threads is the closure, its value, and a copy of the caller's context; so they are `Send`, while what the
/// task has on its stack need not be. Closures that are spawned on one worker begin in no particular order. The handle may be joined by
/// any thread; dropping it lets the task go on.
///
/// When the run ends first, the closure is dropped, and joining the handle says that the task was cancelled.
///
/// # Panics
///
/// Panics outside of a run.
///
/// # Examples
///
/// ```
/// let runtime = cede::Runtime::builder().workers(2).build()?;
/// let squares = runtime.run(|| {
///     let tasks: Vec<_> = (0..4).map(|n| cede::spawn_any(move || n * n)).collect();
///     tasks.iter().map(|task| task.join().unwrap()).collect::<Vec<i32>>()
/// })?;
/// assert_eq!(squares, [0, 1, 4, 9]);
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[track_caller]
pub fn spawn_any<T: Send + 'static>(f: impl FnOnce() -> T + Send + 'static) -> RemoteJoinHandle<T> {
    start(Location::caller(), move || Ok(f()))
}

/// Starts a task that may fail, and that any worker may begin; see [`spawn_any`]. Its error is what
/// [`join`](RemoteJoinHandle::join) gives, and is reported when nobody asks.
///
/// # Panics
///
/// Panics outside of a run.
///
/// # Examples
///
/// ```
/// cede::run(|| {
///     let task = cede::try_spawn_any(|| "x".parse::<u32>());
///     assert!(task.join().unwrap_err().error().is_some());
/// });
/// ```
#[track_caller]
pub fn try_spawn_any<T, E>(f: impl FnOnce() -> Result<T, E> + Send + 'static) -> RemoteJoinHandle<T>
where
    T: Send + 'static,
    E: Into<Box<dyn Error + Send + Sync>> + 'static,
{
    start(Location::caller(), move || f().map_err(Into::into))
}

fn start<T: Send + 'static>(
    spawned_at: &'static Location<'static>,
    body: impl FnOnce() -> Given<T> + Send + 'static,
) -> RemoteJoinHandle<T> {
    let spawned = with_scheduler(|scheduler| {
        let (unbegun, handle) = remote::make(scheduler.origin(spawned_at, false), None, body);
        scheduler.take_unbegun(unbegun);
        handle
    });
    spawned.unwrap_or_else(|| {
        panic!("cede: tasks live inside a run: call this inside cede::run (at {spawned_at})")
    })
}
