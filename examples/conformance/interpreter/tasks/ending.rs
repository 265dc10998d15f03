//! Runs a program, and brings it to its end: deadlocks, the shutdown of the tasks that are left, the last lines of the trace.

use std::cell::Cell;
use std::rc::Rc;

use cede::{OnDeadlock, Runner};

use super::world::World;
use crate::interpreter::trace;

/// At this deadlock a program is given up.
const DEADLOCKS_MAX: u32 = 5;

/// Runs a program, and gives its trace.
pub(super) fn run(world: World) -> Vec<String> {
    trace::record(false);
    let world = Rc::new(world);
    let (stuck, deadlocks) = (Rc::clone(&world), Cell::new(0));
    let on_deadlock = move |_: &_| {
        deadlocks.set(deadlocks.get() + 1);
        stuck.on_deadlock(deadlocks.get())
    };
    let runner = Runner::builder().virtual_time(true).on_deadlock(on_deadlock).build();
    world.run_in(&runner);
    let trace = trace::finish();
    drop(runner);
    world.clear();
    trace
}

impl World {
    fn run_in(self: &Rc<Self>, runner: &Runner) {
        let result = runner.run(|| self.run_main());
        if self.is_over() {
            return;
        }
        let (time, outcome) = self.records.end_main(result);
        trace::put(format!("{time} - main {outcome}"));
        let left = self.records.begin_shutdown();
        if left > 0 {
            trace::put(format!("{time} - shutdown {left}"));
            runner.cancel_all().expect("no other run is under way on this thread");
        }
        self.finish();
    }

    /// Nothing can happen any more unless somebody is cancelled.
    fn on_deadlock(&self, count: u32) -> OnDeadlock {
        self.log("deadlock");
        if count == DEADLOCKS_MAX {
            self.log("abandoned");
            if !self.records.is_shutting_down() {
                self.log("main pending");
            }
            self.finish();
            return OnDeadlock::Stop;
        }
        self.records.cancel_those_awaited();
        OnDeadlock::Continue
    }

    /// Writes the last lines of the trace, unless it has them. What still runs is to end without a word.
    pub(super) fn finish(&self) {
        if self.is_over() {
            return;
        }
        let objects = self.names.objects.iter().zip(&self.objects);
        let objects = objects.map(|(name, object)| format!("object {name} {}", object.state()));
        for line in self.records.finals(self.main, &self.names.bodies).into_iter().chain(objects) {
            trace::put(line);
        }
        trace::put("end".to_owned());
        trace::end();
        self.end();
    }
}
