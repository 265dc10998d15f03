//! Requests to cancel: of one task, and of many one after the other.
//!
//! A request is counted, and goes to what the task waits for if that can be cancelled itself, from there on and on; so asyncio does it. Who
//! cancels all tasks of a chain of joins in this way walks along the chain once for each: the end of a run with a chain of 16,000
//! took 44 seconds in a debug build, four times as long as with 8,000. No task runs while many are cancelled, so a second request finds each
//! as the first has left it,
//! and would do no more than count. That is why it ends there, and of a chain those behind are counted less often than in asyncio.

use std::collections::HashSet;
use std::rc::Rc;

use super::Scheduler;
use crate::runtime::operation::CancelWait;
use crate::runtime::signals::Signals;
use crate::runtime::task::{AnyTask, State, TaskCore};

impl Scheduler {
    /// Requests the cancellation of a task of this scheduler. Gives whether it was not too late.
    pub(crate) fn cancel(&self, core: &TaskCore) -> bool {
        if core.is_done() {
            return false;
        }
        core.cancels.set(core.cancels.get() + 1);
        let is_one_of_many = self.cancelled.borrow().is_some();
        if !is_one_of_many {
            self.deliver_request(core);
        } else if !self.is_cancelled_already(core) {
            self.deliver_request(core);
            // Not before: where tasks join each other in a ring it has to come round.
            self.cancelled.borrow_mut().as_mut().map(|all| all.insert(core.key.get()));
        }
        true
    }

    /// Requests the cancellation of many tasks, one after the other, by `request`.
    pub(crate) fn cancel_each<'a>(
        &self,
        tasks: impl Iterator<Item = &'a Rc<dyn AnyTask>>,
        request: impl Fn(&TaskCore),
    ) {
        let is_outermost = self.cancelled.borrow().is_none();
        if is_outermost {
            self.cancelled.replace(Some(HashSet::new()));
        }
        tasks.for_each(|task| request(task.core()));
        if is_outermost {
            self.cancelled.replace(None);
        }
    }

    fn is_cancelled_already(&self, core: &TaskCore) -> bool {
        self.cancelled.borrow().as_ref().is_some_and(|all| all.contains(&core.key.get()))
    }

    fn deliver_request(&self, core: &TaskCore) {
        let waits = core.state.get() == State::Parked && !core.signals.has(Signals::MASKED);
        match core.waiting().filter(|_| waits).map(|waiting| waiting.cancel()) {
            Some(CancelWait::Unwind) => {
                core.signals.set(Signals::CANCEL_ORDERED);
                self.wake_task(core);
            }
            Some(CancelWait::HandedOn | CancelWait::Ended) => {}
            Some(CancelWait::TooLate) | None => core.signals.set(Signals::MUST_CANCEL),
        }
    }

    /// The same, for one that has handed its cancellation on in vain: its own wait ends.
    pub(in crate::runtime) fn cancel_firmly(&self, core: &TaskCore) {
        self.cancel(core);
        let waits = core.state.get() == State::Parked && !core.signals.has(Signals::MASKED);
        // One that is going to be woken by another thread is cancelled then.
        if waits && !core.signals.has(Signals::MUST_CANCEL) {
            core.signals.set(Signals::CANCEL_ORDERED);
            self.wake_task(core);
        }
    }
}
