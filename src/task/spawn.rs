//! Making tasks, and knowing oneself.

use std::error::Error;
use std::fmt;
use std::panic::Location;
use std::rc::{Rc, Weak};

use super::join::{JoinError, JoinHandle};
use crate::runtime::scheduler::with_scheduler;
use crate::runtime::signals::Signals;
use crate::runtime::task::{AnyTask, Failure, State, Task, TaskCore, TaskKey, TaskOf};

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
    spawn_at(None, Location::caller(), move || Ok(f()))
}

/// Starts a task with a name, for reports and [`current`].
///
/// # Panics
///
/// Panics outside of a run.
#[track_caller]
pub fn spawn_named<T: 'static>(name: &str, f: impl FnOnce() -> T + 'static) -> JoinHandle<T> {
    spawn_at(Some(name), Location::caller(), move || Ok(f()))
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
    spawn_at(None, Location::caller(), move || f().map_err(failed))
}

/// What a task ends with whose closure gave this error. One of a join is handed on as it is: Python's `await` raises it.
pub(super) fn failed(error: impl Into<Box<dyn Error>>) -> Failure {
    match error.into().downcast::<JoinError>() {
        Ok(error) if error.is_cancelled() => Failure::Cancelled,
        Ok(error) => error.into_failure(),
        Err(error) => Failure::Error(error.into()),
    }
}

fn spawn_at<T: 'static>(
    name: Option<&str>,
    spawned_at: &'static Location<'static>,
    body: impl FnOnce() -> Result<T, Failure> + 'static,
) -> JoinHandle<T> {
    JoinHandle::new(start(name, spawned_at, body))
}

/// Makes a task and puts it into the run queue.
pub(super) fn start<T: 'static>(
    name: Option<&str>,
    spawned_at: &'static Location<'static>,
    body: impl FnOnce() -> Result<T, Failure> + 'static,
) -> Rc<dyn TaskOf<T>> {
    // SAFETY: everything is `'static`.
    unsafe { start_with(name, spawned_at, body, None) }
}

/// Makes a task and puts it into the run queue. One that is refused has ended already, for that reason.
///
/// # Safety
///
/// The task ends before what its body and value borrow goes.
pub(super) unsafe fn start_with<'a, T: 'a>(
    name: Option<&str>,
    spawned_at: &'static Location<'static>,
    body: impl FnOnce() -> Result<T, Failure> + 'a,
    refused: Option<Failure>,
) -> Rc<dyn TaskOf<T> + 'a> {
    with_scheduler(|scheduler| {
        let task = Rc::new(Task::new(scheduler.record(name, spawned_at), body));
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

/// Calls a function in the next tick. It is no task: it can't wait.
///
/// A panic in it goes to the hook of [`set_task_hook`](crate::set_task_hook).
///
/// # Panics
///
/// Panics outside of a run.
///
/// # Examples
///
/// ```
/// use std::{cell::Cell, rc::Rc};
///
/// cede::run(|| {
///     let called = Rc::new(Cell::new(false));
///     let flag = called.clone();
///     cede::call_soon(move || flag.set(true));
///     assert!(!called.get());
///     cede::yield_now();
///     assert!(called.get());
/// });
/// ```
#[track_caller]
pub fn call_soon(f: impl FnOnce() + 'static) {
    if with_scheduler(|scheduler| drop(scheduler.call_soon(Box::new(f)))).is_none() {
        panic!("cede: call_soon works inside a run: call it inside cede::run");
    }
}

/// The task that runs; from [`current`]. Names it, cancels it, counts requests to cancel.
///
/// It does not keep the task's record, which may borrow from a scope: of a task that has ended it knows the number and the
/// place only.
#[derive(Clone)]
pub struct TaskHandle {
    task: Weak<dyn AnyTask>,
    key: TaskKey,
    id: u64,
    spawned_at: &'static Location<'static>,
}

/// The task that is running, or `None` outside of any.
pub fn current() -> Option<TaskHandle> {
    with_scheduler(|scheduler| {
        let current = scheduler.current()?;
        // SAFETY: the current task is owned by the scheduler until it has ended.
        let core = unsafe { current.as_ref() };
        let (key, id, spawned_at) = (core.key.get(), core.id, core.spawned_at);
        scheduler.task(key).map(|task| TaskHandle { task: Rc::downgrade(&task), key, id, spawned_at })
    })?
}

impl TaskHandle {
    pub(crate) fn key(&self) -> TaskKey {
        self.key
    }

    /// A cancellation of this task was caught, if it was one that is being raised.
    pub(crate) fn catch_cancellation(&self) -> bool {
        self.task.upgrade().is_some_and(|task| task.core().signals.take(Signals::UNWINDING))
    }

    /// Its number, counted from 1 in each run.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// Its name; empty when it has ended.
    pub fn name(&self) -> String {
        self.task.upgrade().map_or_else(String::new, |task| task.core().name().to_string())
    }

    /// Gives it another name.
    pub fn set_name(&self, name: &str) {
        if let Some(task) = self.task.upgrade() {
            task.core().given_name.replace(Some(Rc::from(name)));
        }
    }

    /// Where it was spawned.
    pub fn spawned_at(&self) -> &'static Location<'static> {
        self.spawned_at
    }

    /// Requests its cancellation; see [`JoinHandle::cancel`].
    pub fn cancel(&self) -> bool {
        self.task.upgrade().is_some_and(|task| task.cancel())
    }

    /// How many requests to cancel it there were, less those that were taken back.
    pub fn cancelling(&self) -> u32 {
        self.task.upgrade().map_or(0, |task| task.core().cancels.get())
    }

    /// Takes one request to cancel back, and gives how many are left. At 0 one that was not delivered yet is forgotten.
    pub fn uncancel(&self) -> u32 {
        self.task.upgrade().map_or(0, |task| task.core().uncancel())
    }
}

impl fmt::Debug for TaskHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TaskHandle").field("id", &self.id).field("name", &self.name()).finish()
    }
}

/// The core of the current task.
pub(super) fn current_core<R>(f: impl FnOnce(&TaskCore) -> R) -> Option<R> {
    with_scheduler(|scheduler| {
        let current = scheduler.current()?;
        // SAFETY: the current task is owned by the scheduler until it has ended, and this runs beneath it.
        Some(f(unsafe { &*current.as_ptr() }))
    })?
}
