//! Work that has not begun: how it becomes a task here, and what a worker does when it has none.

use std::io;
use std::panic::Location;
use std::ptr::NonNull;
use std::sync::Arc;
use std::time::Duration;

use super::{Entry, Scheduler};
use crate::atomics::thread;
use crate::runtime::callback::Callback;
use crate::runtime::clock::Clock;
use crate::runtime::context::Values;
use crate::runtime::inbox::Inbox;
use crate::runtime::remote::{Fresh, FreshCall, Origin, Unbegun};
use crate::runtime::report;
use crate::runtime::task::TaskCore;
use crate::runtime::waker_cell;
use crate::runtime::workers::Seat;

/// How many closures begin in one tick: enough that a tick costs nothing beside them, few enough that tasks which are woken
/// meanwhile don't wait long.
const BEGUN_PER_TICK: usize = 16;

/// A worker begins one more for so many entries of its run queue.
const ENTRIES_PER_BEGUN: usize = 4;

impl Scheduler {
    /// Its place among the workers of a runtime, if it is one.
    pub(in crate::runtime) fn seat(&self) -> Option<&Seat> {
        self.seat.as_ref()
    }

    /// The number of the runtime that it is a worker of; 0 for none.
    pub(in crate::runtime) fn runtime(&self) -> u32 {
        self.seat.as_ref().map_or(0, Seat::runtime)
    }

    /// The origin of a task that is spawned here for whichever worker takes it.
    pub(crate) fn origin(&self, spawned_at: &'static Location<'static>, observed: bool) -> Origin {
        let home = self.seat.is_none().then(|| thread::current().id());
        Origin { home, runtime: self.runtime(), spawned_at, observed }
    }

    /// Takes a closure that may begin on any worker: the others may have it until it begins here.
    pub(crate) fn take_unbegun(&self, unbegun: Unbegun) {
        match &self.seat {
            Some(seat) => seat.push(Fresh::Task(unbegun)),
            None => self.adopt_unbegun(unbegun),
        }
    }

    /// Makes a closure a task of this thread, whose first step comes in the next tick.
    pub(in crate::runtime) fn adopt_unbegun(&self, unbegun: Unbegun) {
        let core = unbegun.begin(self, |task| self.take_in(task));
        self.ready.push(Entry::Step(core));
    }

    /// The same for all kinds of work.
    pub(in crate::runtime) fn adopt_fresh(&self, fresh: Fresh) {
        match fresh {
            Fresh::Task(unbegun) => self.adopt_unbegun(unbegun),
            Fresh::Call(FreshCall(call)) => self.call_soon(Callback::from_elsewhere(self, call)),
        }
    }

    /// As [`record`](Scheduler::record), with a context that was copied elsewhere.
    pub(in crate::runtime) fn record_within(
        &self,
        name: Option<&str>,
        spawned_at: &'static Location<'static>,
        values: Option<Arc<Values>>,
    ) -> TaskCore {
        let core = self.record(name, spawned_at);
        let of_this_thread = core.context.replace(values);
        drop(of_this_thread);
        core
    }

    /// Begins some of the work that has not begun: each takes its first step here, after all that was ready. `entries`: how many that
    /// were. What is not begun stays where the others find it.
    pub(super) fn run_fresh(&self, seat: &Seat, entries: usize) {
        for _ in 0..BEGUN_PER_TICK.max(entries / ENTRIES_PER_BEGUN) {
            match seat.next() {
                Some(Fresh::Task(unbegun)) => {
                    let core = unbegun.begin(self, |task| self.take_in(task));
                    self.first_step(core);
                }
                Some(Fresh::Call(FreshCall(call))) => self.call(Callback::from_elsewhere(self, call)),
                None => return,
            }
        }
    }

    fn first_step(&self, core: NonNull<TaskCore>) {
        if self.slow_step.is_some() {
            // In its turn, where its time is taken.
            self.ready.push(Entry::Step(core));
            return;
        }
        // SAFETY: the slab owns the task, which has not begun.
        if let Some(ended) = self.step(unsafe { core.as_ref() }) {
            report::dropping("the destructor of a task's result", ended);
        }
    }

    /// Nothing is ready here: takes what has come from outside, and waits for it where there is nothing to begin either. Gives false
    /// when nothing can come.
    pub(super) fn hear_outside_as_worker(&self, seat: &Seat) -> io::Result<bool> {
        let comes = if !seat.has_own() {
            self.ready.give_back();
            self.rest(seat)
        } else if self.outside.is_due(BEGUN_PER_TICK) {
            self.outside.look(&mut |message| self.hear(message)).map(|()| true)
        } else {
            return Ok(true);
        };
        waker_cell::wake_due();
        self.share(seat);
        comes
    }

    /// Sees to it that somebody else comes for what it has found, where something has its turn here before that, and may take long.
    fn share(&self, seat: &Seat) {
        if seat.has_own() && (self.is_ready() || self.has_due_timers()) {
            seat.share();
        }
    }

    /// Nothing is ready here: looks for work elsewhere, then sleeps until anything comes. Gives false, on the first worker alone, when
    /// nothing can happen any more on any of them. May come back for no reason.
    pub(super) fn rest(&self, seat: &Seat) -> io::Result<bool> {
        if let Some(fault) = seat.fault() {
            return Err(fault);
        }
        let inbox = &self.outside.inbox;
        if seat.search(inbox, false) {
            self.outside.look(&mut |message| self.hear(message))?;
            return Ok(true);
        }
        seat.asleep(inbox, || self.sleep(seat))
    }

    fn sleep(&self, seat: &Seat) -> io::Result<bool> {
        let deadline = self.timers.borrow_mut().next_deadline();
        if let Clock::Virtual(_) = self.clock {
            // Of a runtime with one worker.
            return self.outside.wait(deadline, &self.clock, &mut |message| self.hear(message));
        }
        let timeout = deadline.map(|deadline| self.clock.wait_until(deadline));
        let mut heard = false;
        let mut hear = |message| {
            heard = true;
            self.hear(message);
        };
        if timeout.is_some() || self.outside.can_speak() {
            self.outside.rest(timeout, true, &mut hear)?;
        } else {
            let hope = seat.lose_hope();
            if seat.is_first() && seat.is_at_a_standstill() {
                // What the others have poked it for is this.
                self.outside.inbox.drain(&mut hear);
                return Ok(heard);
            }
            let waited = self.outside.await_anything(None, false);
            // Before a message is taken out: whoever finds none left must find that this worker has come back.
            drop(hope);
            waited?;
            self.outside.inbox.drain(&mut hear);
        }
        if heard {
            seat.note_woken();
        }
        Ok(true)
    }

    /// Nothing can happen any more, and the other workers, if there are any, were asked for their tasks: waits until they sleep again. Gives
    /// false when something has happened here after all. By worker 0.
    pub(in crate::runtime) fn is_settled(&self) -> io::Result<bool> {
        let Some(seat) = &self.seat else { return Ok(true) };
        while self.rest(seat)? {
            waker_cell::wake_due();
            self.share(seat);
            if self.is_ready() || seat.has_own() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Takes what has come from outside, so that it is seen whether anything is ready. Does not wait.
    pub(in crate::runtime) fn listen(&self) -> io::Result<()> {
        self.outside.look(&mut |message| self.hear(message))?;
        waker_cell::wake_due();
        Ok(())
    }

    /// Sleeps like a worker that waits for threads of which the runtime knows nothing. Gives whether anything came.
    pub(super) fn doze(&self, seat: &Seat, time: Duration) -> io::Result<bool> {
        let mut heard = false;
        seat.asleep(&self.outside.inbox, || {
            self.outside.rest(Some(time), false, &mut |message| {
                heard = true;
                self.hear(message);
            })
        })?;
        self.share(seat);
        Ok(heard || seat.has_own())
    }
}

/// Has the inbox of a worker known before the worker is.
pub(super) fn inbox_of(seat: Option<&Seat>) -> Arc<Inbox> {
    seat.map_or_else(Inbox::new, Seat::inbox)
}

/// The numbers of the tasks of a worker: the first, and from one to the next, so that none is used twice in a runtime.
pub(super) fn numbers(seat: Option<&Seat>) -> (u64, u64) {
    seat.map_or((1, 1), Seat::numbers)
}
