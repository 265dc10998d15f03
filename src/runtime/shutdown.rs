//! The end of tasks that don't end by themselves: a pass over those that are there, and what is done about those that go on.
//!
//! A pass is what asyncio does at the end of a run: each task is cancelled once, in the order in which they were made,
//! and then all of them are waited for. Tasks that begin meanwhile are left alone, so that a clean-up may use them.
//!
//! asyncio would wait for ever for one that goes on all the same. Here the tasks of a pass are cancelled again when
//! nothing can happen any more, or a large number of ticks has passed, and after a number of such rounds those that are
//! left are given up. In the later rounds all tasks of the run are cancelled, since one that began meanwhile may be
//! what the others wait for, and a wait that has handed its cancellation on in vain is ended: what it waits for may be
//! a task of another run.

use std::rc::Rc;

use super::scheduler::Scheduler;
use super::task::{AnyTask, State, TaskCore, TaskKey};

/// How often a task is cancelled before it is given up.
const ROUNDS: u32 = 16;

/// From this round on all tasks are.
const ROUND_FOR_ALL: u32 = 8;

/// After how many ticks those that are still there are cancelled again.
const TICKS_PER_ROUND: u32 = 100_000;

/// After how many ticks it is looked whether anything is gained by waiting: not for those that have swallowed half as
/// many cancellations.
const TICKS_PER_HOPELESS_ROUND: u32 = 256;

/// The tasks that are to end.
pub(super) struct Pass<'a> {
    scheduler: &'a Scheduler,
    /// By number, so that nothing of them is kept when they have ended.
    tasks: Vec<TaskKey>,
    /// All before this one have ended.
    next: usize,
}

impl<'a> Pass<'a> {
    /// A pass over these, which are in the order in which they were made.
    pub(super) fn of(scheduler: &'a Scheduler, tasks: &[TaskKey]) -> Self {
        Pass { scheduler, tasks: tasks.to_vec(), next: 0 }
    }

    /// Whether all of them have ended.
    fn is_over(&mut self) -> bool {
        while self.tasks.get(self.next).is_some_and(|task| self.scheduler.task(*task).is_none()) {
            self.next += 1;
        }
        self.next == self.tasks.len()
    }

    /// Those that have not ended.
    pub(super) fn left(&self) -> Vec<Rc<dyn AnyTask>> {
        self.each_left().collect()
    }

    fn each_left(&self) -> impl Iterator<Item = Rc<dyn AnyTask>> {
        self.tasks[self.next..].iter().filter_map(|task| self.scheduler.task(*task))
    }

    /// Ends them. `turn` lets the run go on for a tick, and gives false when nothing can happen any more. Gives false
    /// when some are left that can't be ended.
    pub(super) fn end(&mut self, mut turn: impl FnMut() -> bool) -> bool {
        for round in 1..=ROUNDS {
            let tasks = if round < ROUND_FOR_ALL { self.left() } else { self.scheduler.all_tasks() };
            self.scheduler.cancel_each(tasks.iter(), |task| {
                if round < ROUND_FOR_ALL {
                    self.scheduler.cancel(task);
                } else {
                    self.scheduler.cancel_firmly(task);
                }
            });
            drop(tasks);
            let mut ticks = 0;
            while !self.is_over() && turn() {
                ticks += 1;
                if self.is_round_over(ticks) {
                    break;
                }
            }
            if self.is_over() {
                return true;
            }
        }
        false
    }

    fn is_round_over(&self, ticks: u32) -> bool {
        ticks == TICKS_PER_ROUND || (ticks.is_multiple_of(TICKS_PER_HOPELESS_ROUND) && self.is_hopeless())
    }

    /// Whether only those go on that swallow whatever comes, and none of the others can.
    fn is_hopeless(&self) -> bool {
        let is_hopeless = |core: &TaskCore| core.swallowed.get() >= TICKS_PER_HOPELESS_ROUND / 2;
        if self.each_left().all(|task| is_hopeless(task.core())) {
            return true;
        }
        let is_stuck =
            |core: &TaskCore| matches!(core.state.get(), State::Parked | State::Left) || is_hopeless(core);
        !self.scheduler.expects_anything()
            && !self.scheduler.has_calls()
            && self.scheduler.all_tasks().iter().all(|task| is_stuck(task.core()))
    }
}
