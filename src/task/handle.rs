//! Knowing tasks: the current one, and all that there are.

use std::fmt;
use std::panic::Location;
use std::rc::{Rc, Weak};

use crate::runtime::scheduler::{Scheduler, with_scheduler};
use crate::runtime::signals::Signals;
use crate::runtime::task::{AnyTask, Identity, TaskCore, TaskKey};

/// A task that may have ended. Does not keep its record, which may borrow from a scope.
#[derive(Clone)]
pub(super) struct TaskRef {
    task: Weak<dyn AnyTask>,
    key: TaskKey,
}

impl TaskRef {
    /// The task that is running.
    pub(super) fn current() -> Option<Self> {
        with_scheduler(|scheduler| {
            let key = scheduler.current_key()?;
            scheduler.task(key).map(|task| TaskRef::of(&task))
        })?
    }

    fn of(task: &Rc<dyn AnyTask>) -> Self {
        TaskRef { task: Rc::downgrade(task), key: task.core().key.get() }
    }

    pub(super) fn key(&self) -> TaskKey {
        self.key
    }

    /// What `f` makes of its record, if that is there. No code of users runs in `f`.
    fn look<R>(&self, f: impl FnOnce(&dyn AnyTask) -> R) -> Option<R> {
        self.task.upgrade().map(|task| f(&*task))
    }

    /// A cancellation of this task was caught, if it was one that is being raised.
    pub(super) fn catch_cancellation(&self) -> bool {
        self.look(|task| task.core().signals.take(Signals::UNWINDING)).unwrap_or(false)
    }

    pub(super) fn cancelling(&self) -> u32 {
        self.look(|task| task.core().cancels.get()).unwrap_or(0)
    }

    pub(super) fn uncancel(&self) -> u32 {
        self.look(|task| task.core().uncancel()).unwrap_or(0)
    }
}

/// A task, as it is known from elsewhere; from [`current`] and [`all_tasks`]. Names it, cancels it, counts requests to cancel.
///
/// It keeps neither the task nor its value.
#[derive(Clone)]
pub struct TaskHandle {
    task: TaskRef,
    /// Outlives the task.
    identity: Rc<Identity>,
    id: u64,
    spawned_at: &'static Location<'static>,
}

/// The task that is running, or `None` outside of any. Python's `current_task()`.
///
/// # Examples
///
/// ```
/// cede::run(|| assert_eq!(cede::current().unwrap().name(), "Task-1"));
/// assert!(cede::current().is_none());
/// ```
pub fn current() -> Option<TaskHandle> {
    with_scheduler(|scheduler| {
        let key = scheduler.current_key()?;
        scheduler.task(key).map(|task| TaskHandle::of(&task))
    })?
}

/// The tasks of this run that have not ended, in the order in which they were made. Python's `all_tasks()`.
///
/// There are none outside of a run.
///
/// # Examples
///
/// ```
/// cede::run(|| {
///     let task = cede::task::Builder::new().name("sleeper").spawn(|| cede::sleep(std::time::Duration::MAX));
///     let names: Vec<String> = cede::task::all_tasks().iter().map(|task| task.name()).collect();
///     assert_eq!(names, ["Task-1", "sleeper"]);
///     task.cancel();
/// });
/// ```
pub fn all_tasks() -> Vec<TaskHandle> {
    let tasks = with_scheduler(Scheduler::all_tasks).unwrap_or_default();
    tasks.iter().map(TaskHandle::of).collect()
}

impl TaskHandle {
    fn of(task: &Rc<dyn AnyTask>) -> Self {
        let core = task.core();
        TaskHandle {
            task: TaskRef::of(task),
            identity: Rc::clone(core.identity()),
            id: core.id,
            spawned_at: core.spawned_at,
        }
    }

    /// Its number, counted from 1 in each run.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// Its name, also when it has ended.
    pub fn name(&self) -> String {
        self.identity.name().map_or_else(|| TaskCore::default_name(self.id), |name| name.to_string())
    }

    /// Gives it another name.
    pub fn set_name(&self, name: &str) {
        self.identity.set_name(name);
    }

    /// Where it was spawned.
    pub fn spawned_at(&self) -> &'static Location<'static> {
        self.spawned_at
    }

    /// Requests its cancellation; see [`JoinHandle::cancel`](super::JoinHandle::cancel).
    pub fn cancel(&self) -> bool {
        self.task.look(|task| task.cancel()).unwrap_or(false)
    }

    /// How many requests to cancel it there were, less those that were taken back.
    pub fn cancelling(&self) -> u32 {
        self.task.cancelling()
    }

    /// Takes one request to cancel back, and gives how many are left. At 0 one that was not delivered yet is forgotten.
    pub fn uncancel(&self) -> u32 {
        self.task.uncancel()
    }

    /// Whether it has ended.
    pub fn is_finished(&self) -> bool {
        self.task.look(|task| task.core().is_done()).unwrap_or(true)
    }

    /// What it waits for, as a verb with an object, as a report of a deadlock has it. Nothing where it does not wait.
    ///
    /// # Examples
    ///
    /// ```
    /// cede::run(|| {
    ///     let task = cede::spawn(|| cede::spawn(|| ()).join());
    ///     cede::yield_now();
    ///     assert_eq!(cede::task::all_tasks()[1].waits_for().unwrap(), "joins task 3 \"Task-3\"");
    /// });
    /// ```
    pub fn waits_for(&self) -> Option<String> {
        self.task.look(|task| task.core().is_parked().then(|| task.core().waiting_for()))??
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
