//! A timer that calls a function, and is taken back when it is dropped.

use std::cell::Cell;
use std::fmt;
use std::rc::Rc;
use std::time::Duration;

use super::latch::in_run;
use crate::runtime::callback::Callback;
use crate::runtime::deadline;

/// At most one call that is to come.
#[derive(Default)]
pub(super) struct Alarm {
    call: Cell<Option<Rc<Callback>>>,
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
        self.cancel();
        self.call.set(in_run("a timer", |scheduler| {
            let when = deadline(scheduler.clock.now(), after)?;
            Some(scheduler.call_at(when, Box::new(call)))
        }));
    }

    /// Takes the call back. Nothing happens where it was called.
    pub(super) fn cancel(&self) {
        if let Some(call) = self.call.take() {
            call.cancel();
        }
    }
}

impl Drop for Alarm {
    fn drop(&mut self) {
        self.cancel();
    }
}
