//! A function that the run is going to call: `asyncio.Handle`.
//!
//! It can be taken back until it is called, wherever it stands by then: in the list of what it waits for, among the timers or
//! in the run queue.

use std::cell::Cell;
use std::fmt;
use std::ptr;
use std::rc::{Rc, Weak};
use std::sync::Arc;

use super::completion::Completion;
use super::context::{self, Values};
use super::report;
use super::scheduler::Scheduler;
use super::task::Failure;
use super::timers::TimerKey;
use super::wait_list::{List, Node};

/// What is called.
enum Call {
    /// One of cede's own.
    Plain(Box<dyn FnOnce()>),
    /// The same. It is told why what it waited for has no value, where that is so.
    Told(Box<dyn FnOnce(Option<Failure>)>),
    /// What has an end too, in which it is told the same.
    Listener(Rc<dyn Listener>),
    /// One of users for the end of something, with its context.
    AtEnd(Box<dyn AtEnd>, Option<Arc<Values>>),
    /// One of users, with its context.
    Users(Box<dyn FnOnce()>, Option<Arc<Values>>),
}

/// A function of users that is told what has ended.
pub(crate) trait AtEnd {
    /// It has: keeps it. `failure` says why there is no value.
    fn note_end(&mut self, failure: Option<Failure>);

    fn call(self: Box<Self>);
}

/// What hears of the end of others, and has one itself, as a shield has. Chains of these may be long, each owned by a callback of the one
/// before.
pub(crate) trait Listener {
    /// Its own end.
    fn completion(&self) -> &Completion;

    /// One of those that it listens to has ended; `failure` says why that has no value.
    fn hear(&self, failure: Option<Failure>);
}

/// See the head of this file. Stays on its thread.
pub(crate) struct Callback {
    pub(super) node: Node,
    /// The list that it was put into.
    pub(super) list: Cell<*const List>,
    scheduler: Weak<Scheduler>,
    call: Cell<Option<Call>>,
    /// What a function that wants to know it is told.
    failure: Cell<Option<Failure>>,
    /// The timer that it was given to.
    timer: Cell<Option<TimerKey>>,
    cancelled: Cell<bool>,
}

impl Callback {
    pub(crate) fn new(scheduler: &Scheduler, call: Box<dyn FnOnce()>) -> Rc<Self> {
        Callback::with(scheduler, Call::Plain(call))
    }

    /// One of users. It is called in a copy of the context of who makes it.
    pub(crate) fn of_users(scheduler: &Scheduler, call: Box<dyn FnOnce()>) -> Rc<Self> {
        Callback::with(scheduler, Call::Users(call, context::copied()))
    }

    /// One of users that is told what has ended. It is called in a copy of the context of who makes it.
    pub(crate) fn ending(scheduler: &Scheduler, call: Box<dyn AtEnd>) -> Rc<Self> {
        Callback::with(scheduler, Call::AtEnd(call, context::copied()))
    }

    /// One that another thread has sent, which brings its context with it.
    pub(super) fn from_elsewhere(scheduler: &Scheduler, call: Box<dyn FnOnce()>) -> Rc<Self> {
        Callback::with(scheduler, Call::Users(call, None))
    }

    /// One for the end of something, which is told why that has no value.
    pub(crate) fn told(scheduler: &Scheduler, call: Box<dyn FnOnce(Option<Failure>)>) -> Rc<Self> {
        Callback::with(scheduler, Call::Told(call))
    }

    /// One for the end of something, which tells another that has one.
    pub(crate) fn telling(scheduler: &Scheduler, listener: Rc<dyn Listener>) -> Rc<Self> {
        Callback::with(scheduler, Call::Listener(listener))
    }

    fn with(scheduler: &Scheduler, call: Call) -> Rc<Self> {
        Rc::new(Callback {
            node: Node::default(),
            list: Cell::new(ptr::null()),
            scheduler: scheduler.downgrade(),
            call: Cell::new(Some(call)),
            failure: Cell::new(None),
            timer: Cell::new(None),
            cancelled: Cell::new(false),
        })
    }

    /// Puts it into the run queue of its run, for the next tick. Dropped where the run is gone.
    pub(super) fn queue(callback: Rc<Self>) {
        match callback.scheduler.upgrade() {
            Some(scheduler) => scheduler.call_soon(callback),
            // The end of what it waited for goes on, whatever the destructors of the function do.
            None => report::dropping("a callback of a run that is over", callback),
        }
    }

    /// It waits for a timer of its run.
    pub(super) fn note_timer(&self, timer: TimerKey) {
        self.timer.set(Some(timer));
    }

    /// Says how what it waits for ended.
    pub(super) fn tell(&self, failure: impl FnOnce() -> Option<Failure>) {
        let mut call = self.call.take();
        match &mut call {
            Some(Call::Told(_) | Call::Listener(_)) => self.failure.set(failure()),
            Some(Call::AtEnd(call, _)) => call.note_end(failure()),
            Some(Call::Plain(_) | Call::Users(..)) | None => {}
        }
        self.call.set(call);
    }

    /// Calls the function, unless that happened before or it was taken back.
    pub(super) fn call(&self) {
        match self.call.take() {
            Some(Call::Plain(call)) => call(),
            Some(Call::Told(call)) => call(self.failure.take()),
            Some(Call::Listener(listener)) => listener.hear(self.failure.take()),
            Some(Call::AtEnd(call, values)) => {
                context::within(values, || report::calling("callback", move || call.call()));
            }
            // A panic is told in the same context.
            Some(Call::Users(call, values)) => {
                context::within(values, || report::calling("callback", call));
            }
            None => {}
        }
    }

    /// Takes it back, and its timer. Drops the function, which is code of users.
    pub(crate) fn cancel(&self) {
        self.cancelled.set(true);
        if let Some(timer) = self.timer.take()
            && let Some(scheduler) = self.scheduler.upgrade()
        {
            scheduler.cancel_timer(timer);
        }
        drop(self.call.take());
    }

    /// Whether it was taken back.
    pub(crate) fn is_cancelled(&self) -> bool {
        self.cancelled.get()
    }
}

/// The callbacks of a listener that goes with the callback that has it are put into `left`.
fn release(call: Option<Call>, left: &mut Vec<Rc<Callback>>) {
    if let Some(Call::Listener(mut listener)) = call
        && Rc::get_mut(&mut listener).is_some()
    {
        listener.completion().release(left);
    }
}

impl Drop for Callback {
    /// Of a chain of listeners each is dropped here, and not beneath the one before.
    fn drop(&mut self) {
        let mut left = Vec::new();
        release(self.call.take(), &mut left);
        while let Some(mut callback) = left.pop() {
            if let Some(callback) = Rc::get_mut(&mut callback) {
                release(callback.call.take(), &mut left);
            }
        }
    }
}

impl fmt::Debug for Callback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Callback").field("cancelled", &self.cancelled.get()).finish_non_exhaustive()
    }
}
