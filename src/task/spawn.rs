//! Making tasks.

use std::error::Error;
use std::panic::Location;
use std::rc::Rc;
use std::sync::Arc;

use super::builder::Builder;
use super::join::{JoinError, JoinHandle};
use crate::runtime::context::Slot;
use crate::runtime::scheduler::with_scheduler;
use crate::runtime::task::{AnyTask, Failure, StackSize, State, Task, TaskOf};

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

/// Makes and starts a task, with the usual settings if there are none.
pub(super) fn start<T: 'static>(
    settings: Option<&Builder>,
    spawned_at: &'static Location<'static>,
    body: impl FnOnce() -> Result<T, Failure> + 'static,
) -> Rc<dyn TaskOf<T>> {
    let task = make(settings, spawned_at, body);
    // SAFETY: everything is `'static`.
    unsafe { launch(&task, settings) };
    task
}

/// Makes a task that is to be launched or refused at once.
pub(super) fn make<'a, T: 'a>(
    settings: Option<&Builder>,
    spawned_at: &'static Location<'static>,
    body: impl FnOnce() -> Result<T, Failure> + 'a,
) -> Rc<dyn TaskOf<T> + 'a> {
    let core = with_scheduler(|scheduler| {
        scheduler.record(settings.and_then(|settings| settings.name.as_deref()), spawned_at)
    });
    let Some(mut core) = core else {
        panic!("cede: tasks live inside a run: call this inside cede::run (at {spawned_at})");
    };
    if let Some(settings) = settings {
        core.stack_size = settings.stack_size.map_or(StackSize::OF_RUN, StackSize::bytes);
        if let Some(context) = &settings.context {
            core.context = Slot::new(Some(Arc::clone(context.values())));
        }
    }
    Rc::new(Task::new(core, body))
}

/// Hands a task that was just made to its run.
///
/// # Safety
///
/// The task ends before what its body and value borrow goes.
pub(super) unsafe fn launch<'a, T: 'a>(task: &Rc<dyn TaskOf<T> + 'a>, settings: Option<&Builder>) {
    let task: Rc<dyn AnyTask + 'a> = task.clone();
    // SAFETY: only the lifetime changes; the caller sees to it that the task ends in time.
    let task = unsafe { std::mem::transmute::<Rc<dyn AnyTask + 'a>, Rc<dyn AnyTask>>(task) };
    with_scheduler(|scheduler| match settings {
        Some(Builder { eager: true, .. }) => scheduler.adopt_eagerly(task),
        _ => scheduler.adopt(task),
    });
}

/// Ends a task that was just made and never begins, for this reason.
pub(super) fn refuse<T>(task: &(impl TaskOf<T> + ?Sized), reason: Failure) {
    task.discard();
    task.fail(reason);
    task.core().state.set(State::Done);
    task.core().completion.complete(|| None);
}
