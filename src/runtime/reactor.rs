//! The reactor: tells the tasks of one thread when descriptors become ready.
//!
//! ```text
//!   Registrations ──key──▶ slots[index] ──▶ Source ──▶ waiters that read, waiters that write
//!   (with the descriptor)  generation       (readiness)
//!          ▲                    ▲
//!          │ weakly             │ key, edge
//!          └──── Backend ───────┘        the only part that other threads touch
//! ```
//!
//! - A descriptor is registered once, for both directions, when an operation on it first would block, and reported at its
//!   edges from then on: nothing is ever armed again. It is deleted before it is closed, since a duplicate of it that lives
//!   elsewhere would keep the registration.
//! - A key is the number of a slot and how often that slot was used before, so an event of a descriptor that has gone, which
//!   may still be in the batch at hand, finds nothing, even when the number of the descriptor or the slot is used again.
//! - Any number of operations may wait in each direction.
//! - A task whose descriptors are always ready lets the others run every now and then: see `reactor/budget.rs`.
//! - [`Reactor::wait`] is the only thing here that blocks. No code of users runs in it.
//!
//! Rejected: to wait by `Poller::wait` on Linux (five system calls, see `reactor/epoll.rs`); interest that fires once (15% of
//! an echo goes into arming it again); a source that belongs to the descriptor and not to the reactor (it would need
//! locks around its waiters, and a stream could be used in one run only).

mod backend;
mod budget;
#[cfg(target_os = "linux")]
mod epoll;
mod portable;
mod readiness;
mod registrations;
mod source;
#[cfg(test)]
mod tests;

use std::cell::{Cell, RefCell};
use std::fmt;
use std::io;
use std::os::fd::BorrowedFd;
use std::rc::Rc;
use std::sync::{Arc, Weak};
use std::time::Duration;

use super::task::TaskKey;
use backend::{Backend, Room};
pub(crate) use budget::Budget;
pub use readiness::Readiness;
pub(crate) use readiness::{Object, Target, begin, deadline_after, in_task, pass_on, refused};
pub(crate) use registrations::Registrations;
pub(crate) use source::{Direction, Source};

/// Half of a key is the number of the slot.
const INDEX_BITS: u32 = usize::BITS / 2;
const INDEX_MASK: u64 = (1 << INDEX_BITS) - 1;
/// Generations start again before a key could look like one of the backend's own.
const GENERATION_MAX: u64 = INDEX_MASK - 1;

#[derive(Debug, Default)]
struct Slot {
    generation: u64,
    source: Option<Rc<Source>>,
}

/// Where the threads of others say that the thread of this reactor is needed.
#[derive(Debug, Clone)]
pub(crate) struct Notifier(Arc<Backend>);

impl Notifier {
    /// Ends the wait that is going on, or the next one.
    pub(crate) fn notify(&self) {
        // It fails when the event counter is full, and then the wait ends anyway.
        let _ = self.0.notify();
    }
}

/// The descriptors that tasks of this thread wait for.
pub(crate) struct Reactor {
    backend: Arc<Backend>,
    room: RefCell<Room>,
    slots: RefCell<Vec<Slot>>,
    free: RefCell<Vec<usize>>,
    waiting: Rc<Cell<usize>>,
}

impl Reactor {
    /// A reactor on the best that the system has; on what all systems have if `portable`, or if the variable
    /// `CEDE_REACTOR` says so.
    pub(crate) fn new(portable: bool) -> io::Result<Self> {
        let portable = portable || std::env::var_os("CEDE_REACTOR").is_some_and(|kind| kind == "portable");
        let backend = Arc::new(Backend::new(portable)?);
        let room = RefCell::new(backend.room());
        let (slots, free) = (RefCell::default(), RefCell::default());
        Ok(Reactor { backend, room, slots, free, waiting: Rc::default() })
    }

    /// What ends a wait from other threads.
    pub(crate) fn notifier(&self) -> Notifier {
        Notifier(Arc::clone(&self.backend))
    }

    /// Whether any operation waits.
    pub(crate) fn has_waiters(&self) -> bool {
        self.waiting.get() > 0
    }

    /// Waits until a descriptor becomes ready, somebody notifies or the time is over; only looks with a time of zero,
    /// and waits without end without one. May return early for no reason, as when a signal came.
    pub(crate) fn wait(&self, timeout: Option<Duration>, wake: &mut dyn FnMut(TaskKey)) -> io::Result<()> {
        self.forget_deleted();
        let mut room = self.room.borrow_mut();
        match self.backend.wait(&mut room, timeout) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(()),
            result => result?,
        }
        let slots = self.slots.borrow();
        room.for_each(|key, edge| {
            if let Some(source) = find(&slots, key) {
                source.note(edge, wake);
            }
        });
        Ok(())
    }

    /// Registers a descriptor.
    fn add(&self, descriptor: BorrowedFd<'_>) -> io::Result<(u64, Rc<Source>)> {
        self.forget_deleted();
        let source = Source::new(Rc::clone(&self.waiting), self.backend.sees_ends());
        let key = self.insert(Rc::clone(&source))?;
        if let Err(error) = self.backend.add(descriptor, key) {
            self.forget(key);
            return Err(error);
        }
        Ok((key, source))
    }

    fn insert(&self, source: Rc<Source>) -> io::Result<u64> {
        let mut slots = self.slots.borrow_mut();
        let index = match self.free.borrow_mut().pop() {
            Some(index) => index,
            None if slots.len() as u64 > INDEX_MASK => return Err(io::ErrorKind::OutOfMemory.into()),
            None => {
                slots.push(Slot::default());
                slots.len() - 1
            }
        };
        let slot = &mut slots[index];
        slot.source = Some(source);
        Ok(slot.generation << INDEX_BITS | index as u64)
    }

    fn forget_deleted(&self) {
        for key in self.backend.take_deleted() {
            self.forget(key);
        }
    }

    fn forget(&self, key: u64) {
        let index = (key & INDEX_MASK) as usize;
        let slot = &mut self.slots.borrow_mut()[index];
        debug_assert_eq!(slot.generation, key >> INDEX_BITS, "a key is forgotten once");
        slot.generation = if slot.generation >= GENERATION_MAX { 0 } else { slot.generation + 1 };
        slot.source = None;
        self.free.borrow_mut().push(index);
    }

    fn source(&self, key: u64) -> Option<Rc<Source>> {
        find(&self.slots.borrow(), key).map(Rc::clone)
    }

    fn address(&self) -> *const Backend {
        Arc::as_ptr(&self.backend)
    }

    fn downgrade(&self) -> Weak<Backend> {
        Arc::downgrade(&self.backend)
    }
}

fn find(slots: &[Slot], key: u64) -> Option<&Rc<Source>> {
    let slot = slots.get((key & INDEX_MASK) as usize)?;
    slot.source.as_ref().filter(|_| slot.generation == key >> INDEX_BITS)
}

impl fmt::Debug for Reactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sources = self.slots.borrow().len() - self.free.borrow().len();
        let waiting = self.waiting.get();
        f.debug_struct("Reactor")
            .field("sources", &sources)
            .field("waiting", &waiting)
            .finish_non_exhaustive()
    }
}
