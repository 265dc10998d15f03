//! The end of something that has a result: who waits for it, and what is called then, in the order in which they came.
//!
//! It comes once. Tasks are woken and functions are called in the tick after it, never on the spot.

use std::cell::Cell;
use std::pin::Pin;
use std::rc::Rc;

use super::callback::Callback;
use super::task::Failure;
use super::wait_list::{List, Node};
use super::waiter::Waiter;
use super::waker_cell;

/// See the head of this file. Of one thread.
#[derive(Debug, Default)]
pub struct Completion {
    done: Cell<bool>,
    waiters: List,
}

impl Completion {
    pub(crate) const fn new() -> Self {
        Completion { done: Cell::new(false), waiters: List::new() }
    }

    /// The end of what has ended.
    pub(crate) const fn completed() -> Self {
        Completion { done: Cell::new(true), waiters: List::new() }
    }

    #[inline]
    pub(crate) fn is_done(&self) -> bool {
        self.done.get()
    }

    /// It is done: wakes and calls all, in order. `failure` says why there is no value, to those who want to know.
    #[inline]
    pub(crate) fn complete(&self, failure: impl Fn() -> Option<Failure>) {
        self.done.set(true);
        if !self.waiters.is_empty() {
            self.waiters.pop_all_telling(&failure);
            waker_cell::wake_due();
        }
    }

    /// Whether nobody waits, and nothing is to be called.
    pub(crate) fn is_unheeded(&self) -> bool {
        self.waiters.is_empty()
    }

    /// Has a task woken. It is not done yet.
    pub(crate) fn link(&self, node: Pin<&Node>, waiter: Waiter) {
        self.waiters.link(node, waiter);
    }

    /// Takes back what `link` has arranged.
    pub(crate) fn unlink(&self, node: &Node) {
        self.waiters.remove(node);
    }

    /// Has a function called in the tick after it is done; in the next one if it is. `failure` says why there is no value.
    pub(crate) fn call(&self, callback: Rc<Callback>, failure: impl FnOnce() -> Option<Failure>) {
        if self.done.get() {
            callback.tell(failure);
            Callback::queue(callback);
        } else {
            self.waiters.link_callback(callback);
        }
    }

    /// Gives the functions away that would be called: it is about to be dropped, and nobody waits.
    pub(super) fn release(&self, left: &mut Vec<Rc<Callback>>) {
        self.waiters.release(left);
    }

    /// Takes a function back that is not in the run queue yet. Gives whether there was one.
    pub(crate) fn forget(&self, callback: &Rc<Callback>) -> bool {
        self.waiters.remove_callback(callback)
    }
}
