//! Waiting for whichever of several jobs ends next.
//!
//! Each of them is told of the gathering, with a number, and leaves that number when it ends; at once, where it has ended
//! already. Who waits takes the numbers out, in the order in which they came.

use std::collections::{HashSet, VecDeque};
use std::ptr;
use std::sync::Arc;
use std::time::Duration;

use super::future::{AsFuture, Future};
use super::meeting::{Meeting, What};

/// See the head of this file.
pub(super) struct Gathering {
    come: Meeting<VecDeque<usize>>,
}

impl Gathering {
    /// One of them has ended.
    pub(super) fn one_has_come(&self, number: usize) {
        let mut come = self.come.lock();
        come.push_back(number);
        come.wake_all();
    }
}

/// Handles that are waited for by whoever has this.
pub(super) struct Gathered<H: AsFuture> {
    gathering: Arc<Gathering>,
    /// By number, until they are taken out.
    handles: Vec<Option<H>>,
    /// How many have not been taken out.
    left: usize,
    /// Whether threads are at work on all of them.
    is_promised: bool,
}

impl<H: AsFuture> Gathered<H> {
    /// A job that is in it twice counts once.
    pub(super) fn new(handles: impl IntoIterator<Item = H>) -> Self {
        let mut seen = HashSet::new();
        let handles = handles.into_iter();
        let handles: Vec<Option<H>> =
            handles.filter(|handle| seen.insert(address(handle.as_future()))).map(Some).collect();
        let gathering = Arc::new(Gathering { come: Meeting::new(VecDeque::new()) });
        let is_promised = handles.iter().flatten().all(|handle| handle.as_future().shared.pool().is_some());
        let left = handles.len();
        for (number, handle) in handles.iter().enumerate() {
            if let Some(handle) = handle {
                handle.as_future().shared.watch(&gathering, number);
            }
        }
        Gathered { gathering, handles, left, is_promised }
    }

    /// How many have not been taken out.
    pub(super) fn left(&self) -> usize {
        self.left
    }

    /// Takes out the one that ended next; waits for it. `None` when the time is up first. There has to be one.
    pub(super) fn next(&mut self, limit: Option<Duration>) -> Option<H> {
        let next = self.gathering.come.lock().pop_front();
        let number = match next {
            Some(number) => number,
            None => self.wait(limit)?,
        };
        self.left -= 1;
        self.handles[number].take()
    }

    fn wait(&self, limit: Option<Duration>) -> Option<usize> {
        if limit.is_none() {
            self.handles.iter().flatten().any(|handle| handle.as_future().help());
        }
        let text = "waits for the next of several jobs";
        let what = What { text, place: None, is_promised: self.is_promised };
        self.gathering.come.wait(limit, what, VecDeque::pop_front)
    }
}

fn address<T>(future: &Future<T>) -> *const () {
    ptr::from_ref(&*future.shared).cast()
}

impl<H: AsFuture> Drop for Gathered<H> {
    fn drop(&mut self) {
        for handle in self.handles.iter().flatten() {
            handle.as_future().shared.unwatch(&self.gathering);
        }
    }
}
