//! How many operations a task may do in one step.
//!
//! An operation on a descriptor that is ready does not suspend its task, so a task whose descriptor is always ready would keep
//! the thread for itself: a peer that sends without end would stop all others. So operations are counted, and one
//! beyond the budget lets the others run before it begins.
//!
//! asyncio lets nobody run where nothing has to be waited for, and ports rely on that order; so the budget is far beyond what a task does
//! with one message, and there is a new one for each step. It costs a comparison and a count per operation, and
//! nothing where no I/O is done: a task runs at most once in a tick, so a step is known by its task and the tick.
//!
//! Rejected: a budget of time (reading the clock costs more than all this, and the order of a program would differ from run to
//! run); to give way after the operation (a cancellation that comes there would lose its result).

use std::cell::Cell;
use std::ptr::NonNull;

use super::super::task::TaskCore;

/// How many operations a step may do.
const OPERATIONS_MAX: u32 = 128;

/// What the step that is under way has left.
#[derive(Debug, Default)]
pub(crate) struct Budget {
    /// Whose step it is. Only compared.
    task: Cell<Option<NonNull<TaskCore>>>,
    left: Cell<u32>,
}

impl Budget {
    /// A tick begins: each step in it has a budget of its own.
    #[inline]
    pub(crate) fn renew(&self) {
        self.task.set(None);
    }

    /// Counts one operation of the task that runs. Gives false when it has none left.
    #[inline]
    pub(crate) fn spend(&self, task: NonNull<TaskCore>) -> bool {
        if self.task.get() != Some(task) {
            self.task.set(Some(task));
            self.left.set(OPERATIONS_MAX);
        }
        let left = self.left.get();
        self.left.set(left.saturating_sub(1));
        left > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(budget: &Budget, task: NonNull<TaskCore>) -> usize {
        std::iter::repeat_with(|| budget.spend(task)).take_while(|&spent| spent).count()
    }

    #[test]
    fn each_step_has_its_own_budget() {
        let budget = Budget::default();
        let [first, second] = [8, 16].map(|address| NonNull::without_provenance(address.try_into().unwrap()));
        assert_eq!(all(&budget, first), 128);
        assert!(!budget.spend(first));
        assert_eq!(all(&budget, second), 128, "another task, another step");
        assert_eq!(all(&budget, second), 0);
        budget.renew();
        assert_eq!(all(&budget, second), 128, "the next step of the same task");
    }
}
