//! Making tasks.

use std::error::Error;
use std::panic::Location;
use std::rc::Rc;

use super::builder::Builder;
use super::join::{JoinError, JoinHandle};
use crate::runtime::scheduler::with_scheduler;
use crate::runtime::task::{AnyTask, Failure, State, Task, TaskOf};

/// Starts a task on this thread, beside the one that calls. It begins in the next tick.
///
/// It may hold what is not `Send`, since it never leaves the thread. Dropping the handle lets it go on.
///
/// # Panics
///
/// Panics outside of a run.
///
/// # Examples
///
/// ```
/// cede::run(|| {
///     let task = cede::spawn(|| 6 * 7);
///     assert_eq!(task.join().unwrap(), 42);
/// });
/// ```
#[track_caller]
pub fn spawn<T: 'static>(f: impl FnOnce() -> T + 'static) -> JoinHandle<T> {
    JoinHandle::new(start(None, Location::caller(), move || Ok(f())))
}

/// Starts a task that may fail. Its error is what [`JoinHandle::join`] gives, and is reported when nobody asks.
///
/// A [`JoinError`] is handed on as it is: a task that ends by `?` with the cancellation of another that it has joined counts as
/// cancelled too, as in asyncio, and one that ends with the panic of another as one that has panicked.
///
/// # Panics
///
/// Panics outside of a run.
///
/// # Examples
///
/// ```
/// cede::run(|| {
///     let task = cede::try_spawn(|| "x".parse::<u32>());
///     assert!(task.join().unwrap_err().error().is_some());
/// });
/// ```
#[track_caller]
pub fn try_spawn<T, E>(f: impl FnOnce() -> Result<T, E> + 'static) -> JoinHandle<T>
where
    T: 'static,
    E: Into<Box<dyn Error>> + 'static,
{
    JoinHandle::new(start(None, Location::caller(), move || f().map_err(failed)))
}

/// What a task ends with whose closure gave this error. One of a join is handed on as it is: Python's `await` raises it.
pub(super) fn failed(error: impl Into<Box<dyn Error>>) -> Failure {
    match error.into().downcast::<JoinError>() {
        Ok(error) if error.is_cancelled() => Failure::Cancelled,
        Ok(error) => error.into_failure(),
        Err(error) => Failure::Error(error.into()),
    }
}

/// Makes a task, with the usual settings if there are none.
pub(super) fn start<T: 'static>(
    settings: Option<&Builder>,
    spawned_at: &'static Location<'static>,
    body: impl FnOnce() -> Result<T, Failure> + 'static,
) -> Rc<dyn TaskOf<T>> {
    // SAFETY: everything is `'static`.
    unsafe { start_with(settings, spawned_at, body, None) }
}

/// The same. One that is refused has ended already, for that reason.
///
/// # Safety
///
/// The task ends before what its body and value borrow goes.
pub(super) unsafe fn start_with<'a, T: 'a>(
    settings: Option<&Builder>,
    spawned_at: &'static Location<'static>,
    body: impl FnOnce() -> Result<T, Failure> + 'a,
    refused: Option<Failure>,
) -> Rc<dyn TaskOf<T> + 'a> {
    with_scheduler(|scheduler| {
        let mut core = scheduler.record(settings.and_then(|settings| settings.name.as_deref()), spawned_at);
        core.stack_size = settings.and_then(|settings| settings.stack_size);
        let task = Rc::new(Task::new(core, body));
        if let Some(failure) = refused {
            task.discard();
            task.fail(failure);
            task.core().state.set(State::Done);
            task.core().completion.complete(|| None);
            return task as Rc<dyn TaskOf<T> + 'a>;
        }
        let any: Rc<dyn AnyTask + 'a> = task.clone();
        // SAFETY: only the lifetime changes; the caller sees to it that the task ends in time.
        scheduler.adopt(unsafe { std::mem::transmute::<Rc<dyn AnyTask + 'a>, Rc<dyn AnyTask>>(any) });
        task as Rc<dyn TaskOf<T> + 'a>
    })
    .unwrap_or_else(|| panic!("cede: tasks live inside a run: call this inside cede::run (at {spawned_at})"))
}
