//! Who holds a thing: a task of some run, as reports name it.

use std::fmt;

use super::scheduler;
use super::task::TaskCore;

/// A task by its number, or no task. Never followed, only printed and compared; the task may have ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Holder {
    /// Tells the runs apart.
    run: u32,
    /// 0 for no task.
    task: u64,
}

impl Holder {
    pub(crate) const NOBODY: Self = Holder { run: 0, task: 0 };

    /// The task that runs; nobody in callbacks and outside of runs.
    #[inline(always)]
    pub(crate) fn current() -> Self {
        match scheduler::current().and_then(|scheduler| scheduler.current()) {
            // SAFETY: the current task is owned by the scheduler until it has ended.
            Some(task) => Holder::of(unsafe { task.as_ref() }),
            None => Holder::NOBODY,
        }
    }

    #[inline(always)]
    fn of(task: &TaskCore) -> Self {
        Holder { run: task.key.get().scheduler, task: task.id }
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.task == 0 {
            return f.write_str("no task");
        }
        write!(f, "task {}", self.task)?;
        let here = scheduler::current().is_some_and(|scheduler| scheduler.serial == self.run);
        f.write_str(if here { "" } else { " of another run" })
    }
}
