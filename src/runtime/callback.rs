//! A function that the run is going to call: `asyncio.Handle`.
//!
//! It can be taken back until it is called, wherever it stands by then: in the list of what it waits for, among the timers or
//! in the run queue.

use std::cell::Cell;
use std::fmt;
use std::ptr;
use std::rc::{Rc, Weak};

use super::scheduler::Scheduler;
use super::wait_list::{List, Node};

/// See the head of this file. Stays on its thread.
pub(crate) struct Callback {
    pub(super) node: Node,
    /// The list that it was put into.
    pub(super) list: Cell<*const List>,
    scheduler: Weak<Scheduler>,
    call: Cell<Option<Box<dyn FnOnce()>>>,
    cancelled: Cell<bool>,
}

impl Callback {
    pub(crate) fn new(scheduler: &Scheduler, call: Box<dyn FnOnce()>) -> Rc<Self> {
        Rc::new(Callback {
            node: Node::default(),
            list: Cell::new(ptr::null()),
            scheduler: scheduler.downgrade(),
            call: Cell::new(Some(call)),
            cancelled: Cell::new(false),
        })
    }

    /// Puts it into the run queue of its run, for the next tick. Dropped where the run is gone.
    pub(super) fn queue(callback: Rc<Self>) {
        if let Some(scheduler) = callback.scheduler.upgrade() {
            scheduler.queue(callback);
        }
    }

    /// Takes the function out, to be called. Nothing is left where that happened before or it was taken back.
    pub(super) fn take(&self) -> Option<Box<dyn FnOnce()>> {
        self.call.take()
    }

    /// Takes it back. Gives the function, to be dropped where that may be done.
    pub(crate) fn cancel(&self) -> Option<Box<dyn FnOnce()>> {
        self.cancelled.set(true);
        self.call.take()
    }

    /// Whether it was taken back.
    pub(crate) fn is_cancelled(&self) -> bool {
        self.cancelled.get()
    }
}

impl fmt::Debug for Callback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Callback").field("cancelled", &self.cancelled.get()).finish_non_exhaustive()
    }
}
