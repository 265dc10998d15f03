//! The children of a group that may run on other workers.
//!
//! ```text
//!   worker 0                          worker 1
//!   GroupCore ──▶ Crowd ◀── Ticket ── child
//!     local children   └── the parent, while it waits
//! ```
//!
//! A group belongs to the thread of its parent; the crowd is the part of it that others may touch, under a lock. A child
//! that ends drops its [`Ticket`], after its closure and its value: the parent, which lends them what they borrow, comes back when
//! the last ticket has gone. The ticket keeps the crowd and nothing of the parent's stack.
//!
//! The first child that fails cancels the others of the crowd at once, from where it is, and sends word to the parent's thread, where the
//! local children and the parent are cancelled. The word goes before the child is counted as ended, so that it is heard before the
//! parent is woken for that. It names the group by a number: the group may be gone by then.
//!
//! No code of users runs or is dropped under the lock.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::panic::Location;
use std::pin::Pin;
use std::rc::{Rc, Weak};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::group::{GroupCore, SpawnError};
use crate::runtime::RemoteJoinHandle;
use crate::runtime::inbox::Inbox;
use crate::runtime::remote::{self, ChildFailure, Given, Ticket};
use crate::runtime::report;
use crate::runtime::scheduler::with_scheduler;
use crate::runtime::task::TaskKey;
use crate::runtime::wait_list::{List, Node};
use crate::runtime::waiter::Waiter;
use crate::runtime::waker_cell;

thread_local! {
    /// The groups of this thread that have a crowd, by number.
    static GROUPS: RefCell<HashMap<u64, Weak<GroupCore>>> = RefCell::new(HashMap::new());
}

/// See the head of this file.
#[derive(Debug)]
pub(super) struct Crowd {
    group: u64,
    /// Of the parent's run.
    home: Arc<Inbox>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    next: u64,
    /// By number, and so in the order in which they were made; the task, once it has begun.
    children: BTreeMap<u64, Option<TaskKey>>,
    errors: Vec<ChildFailure>,
    aborting: bool,
    /// Nobody is going to ask for errors.
    abandoned: bool,
    /// The parent, while it waits for the last.
    waiters: List,
}

/// The crowd of a group, which has none yet. In a run. `aborting`: the group takes no more tasks.
pub(super) fn of(group: &Rc<GroupCore>, aborting: bool) -> Arc<Crowd> {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let home = with_scheduler(|scheduler| Arc::clone(&scheduler.outside.inbox));
    let home = home.unwrap_or_else(|| panic!("cede: tasks live inside a run: call this inside cede::run"));
    // Where the thread's locals are gone, no group of it is told anything, and nothing runs there.
    let _ = GROUPS.try_with(|groups| groups.borrow_mut().insert(number, Rc::downgrade(group)));
    let state = State { aborting, ..State::default() };
    Arc::new(Crowd { group: number, home, state: Mutex::new(state) })
}

/// Its group is over, and is not to be told of failures any more.
pub(super) fn forget(crowd: &Crowd) {
    let _ = GROUPS.try_with(|groups| groups.borrow_mut().remove(&crowd.group));
}

/// A child of the crowd of a group has failed. On the group's thread.
fn tell_group(number: u64) {
    let group = GROUPS.try_with(|groups| groups.borrow().get(&number).and_then(Weak::upgrade));
    if let Ok(Some(group)) = group {
        group.child_failed();
    }
}

impl Crowd {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn has_children(&self) -> bool {
        !self.lock().children.is_empty()
    }

    pub(super) fn count(&self) -> usize {
        self.lock().children.len()
    }

    /// Adds a child, unless `refusal` says why the group takes none, or this is about to end. Such a child has ended at once, with an error.
    ///
    /// # Safety
    ///
    /// What the body and the value borrow stays until the group's exit is over, and the handle goes before that.
    pub(super) unsafe fn start<'a, T: Send + 'a>(
        self: &Arc<Self>,
        refusal: Option<SpawnError>,
        spawned_at: &'static Location<'static>,
        body: impl FnOnce() -> Given<T> + Send + 'a,
    ) -> RemoteJoinHandle<T> {
        let Some(origin) = with_scheduler(|scheduler| scheduler.origin(spawned_at, true)) else {
            panic!("cede: tasks live inside a run: call this inside cede::run (at {spawned_at})");
        };
        let entry = refusal.map_or_else(|| self.enter(), Err);
        let (ticket, refusal) = match entry {
            Ok(child) => (Some(Ticket::new(Arc::clone(self) as Arc<dyn remote::Crowd>, child)), None),
            Err(refusal) => (None, Some(refusal)),
        };
        // SAFETY: the caller's promise: the exit waits until the ticket has gone. One that is refused is dropped here.
        let (unbegun, handle) = unsafe { remote::make_borrowing(origin, ticket, body) };
        match refusal {
            Some(refusal) => unbegun.refuse(refusal),
            None => {
                with_scheduler(|scheduler| scheduler.take_unbegun(unbegun));
            }
        }
        handle
    }

    fn enter(&self) -> Result<u64, SpawnError> {
        let mut state = self.lock();
        if state.aborting {
            return Err(SpawnError::ShuttingDown);
        }
        let child = state.next;
        state.next += 1;
        state.children.insert(child, None);
        Ok(child)
    }

    /// Cancels all children, and takes no new ones. Those that have not begun do not.
    pub(super) fn abort(&self) {
        let doomed = self.lock().abort();
        for task in doomed {
            remote::cancel(task);
        }
    }

    /// Nobody waits for the children: their errors are reported.
    pub(super) fn abandon(&self) {
        let errors = {
            let mut state = self.lock();
            state.abandoned = true;
            std::mem::take(&mut state.errors)
        };
        for failure in errors {
            failure.report_lost("in a group that nobody joined");
        }
    }

    pub(super) fn take_errors(&self) -> Vec<ChildFailure> {
        std::mem::take(&mut self.lock().errors)
    }

    /// Has the parent woken when the last child has ended. Gives whether there is one.
    pub(super) fn link(&self, node: Pin<&Node>, waiter: Waiter) -> bool {
        let state = self.lock();
        state.waiters.link(node, waiter);
        !state.children.is_empty()
    }

    pub(super) fn unlink(&self, node: &Node) {
        self.lock().waiters.remove(node);
    }
}

impl State {
    /// Gives the tasks that are to be cancelled. Each is once.
    fn abort(&mut self) -> Vec<TaskKey> {
        if std::mem::replace(&mut self.aborting, true) {
            return Vec::new();
        }
        self.children.values().flatten().copied().collect()
    }
}

impl remote::Crowd for Crowd {
    fn child_begins(&self, child: u64, task: TaskKey) -> bool {
        let mut state = self.lock();
        state.children.insert(child, Some(task));
        state.aborting
    }

    fn child_ended(&self, child: u64, failure: Option<ChildFailure>) {
        if let Some(failure) = failure {
            let mut state = self.lock();
            if state.abandoned {
                drop(state);
                failure.report_unobserved();
            } else {
                state.errors.push(failure);
                let is_first = !state.aborting;
                // It still counts, and has nothing to cancel.
                state.children.insert(child, None);
                let doomed = state.abort();
                drop(state);
                for task in doomed {
                    remote::cancel(task);
                }
                if is_first {
                    let number = self.group;
                    // Where the run is over, so is the group.
                    drop(self.home.call(Box::new(move || tell_group(number))));
                }
            }
        }
        waker_cell::begin_deferring();
        let mut state = self.lock();
        state.children.remove(&child);
        if state.children.is_empty() {
            // Last: the parent may go on from here.
            state.waiters.pop_all();
        }
        drop(state);
        waker_cell::end_deferring();
    }
}

impl ChildFailure {
    fn report_unobserved(self) {
        report::unobserved_remote(&self.name, self.spawned_at, &self.error);
    }

    /// Tells the hook of one that nobody will be given. `why`: what became of the group.
    pub(super) fn report_lost(self, why: &str) {
        report::lost_remote(self.name, self.spawned_at, why, &self.error);
    }
}
