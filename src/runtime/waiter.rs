//! Whom to wake: a task that is suspended, named by its record.

use std::ptr::{self, NonNull};

use super::scheduler::{self, Scheduler};
use super::task::{TaskCore, TaskKey};

/// A task that waits, or is about to. What it waits for keeps this in a node, for as long as the task is suspended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Waiter(NonNull<TaskCore>);

impl Waiter {
    pub(super) fn new(task: &TaskCore) -> Self {
        Waiter(task.into())
    }

    /// Makes the task ready: at once if its run is the one that this thread is in, else through its inbox. To be called while the
    /// task can't have left its wait, by whoever ends that wait.
    #[inline]
    pub(super) fn wake(self) {
        // SAFETY: the task is suspended in a wait, so it has not ended, and its run owns it.
        let task = unsafe { self.0.as_ref() };
        match scheduler::current() {
            Some(scheduler) if ptr::eq(scheduler, task.scheduler) => scheduler.wake_task(task),
            _ => wake_elsewhere(task),
        }
    }

    /// The task is going to be made ready, though not before the next tick.
    pub(crate) fn wake_later(self) {
        // SAFETY: it is about to wait.
        wake_elsewhere(unsafe { self.0.as_ref() });
    }

    /// The task by its number, for who may come when it has ended.
    pub(super) fn key(self) -> TaskKey {
        // SAFETY: it is about to wait.
        unsafe { self.0.as_ref() }.key.get()
    }

    /// The task's record, for who knows that it waits.
    pub(super) fn task(self) -> NonNull<TaskCore> {
        self.0
    }
}

#[cold]
fn wake_elsewhere(task: &TaskCore) {
    // SAFETY: the scheduler of a task that has not ended is alive. Of it and of the task only what never changes is read.
    let scheduler: &Scheduler = unsafe { &*task.scheduler };
    scheduler.outside.inbox.wake(task.key.get());
}
