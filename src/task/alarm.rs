//! A timer that calls a function, and can be taken back from anywhere on its thread.

use std::cell::Cell;
use std::fmt;
use std::rc::Weak;
use std::time::{Duration, Instant};

use super::latch::in_run;
use crate::runtime::TimerKey;
use crate::runtime::callback::Callback;
use crate::runtime::scheduler::{Action, Scheduler};

/// At most one timer, of the run in which it was set.
#[derive(Default)]
pub(super) struct Alarm {
    set: Cell<Option<(Weak<Scheduler>, TimerKey)>>,
}

impl fmt::Debug for Alarm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Alarm")
    }
}

impl Alarm {
    /// Has a function called after a while. Where that is for ever no timer is set.
    ///
    /// # Panics
    ///
    /// Panics outside of a run.
    pub(super) fn set(&self, after: Duration, call: impl FnOnce() + 'static) {
        in_run("a timer", |scheduler| {
            if let Some(when) = scheduler.clock.now().checked_add(after) {
                self.set_at(scheduler, when, Box::new(call));
            }
        });
    }

    /// Has a function called at a moment, which is not before the next tick.
    pub(super) fn set_at(&self, scheduler: &Scheduler, when: Instant, call: Box<dyn FnOnce()>) {
        let timer = scheduler.set_timer(when, Action::Call(Callback::new(scheduler, call)));
        let old = self.set.replace(Some((scheduler.downgrade(), timer)));
        debug_assert!(old.is_none(), "one timer at a time");
    }

    /// Takes the timer back, and drops the function, which may be code of users. Nothing where it has been called.
    pub(super) fn cancel(&self) {
        if let Some((scheduler, timer)) = self.set.take()
            && let Some(scheduler) = scheduler.upgrade()
        {
            let action = scheduler.cancel_timer(timer);
            drop(action);
        }
    }
}

impl Drop for Alarm {
    fn drop(&mut self) {
        self.cancel();
    }
}
