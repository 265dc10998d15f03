//! The reactor: tells the tasks of one thread when descriptors become ready.
//!
//! ```text
//!   Registrations ──key──▶ slots[number] ──▶ Source ──▶ waiters that read, waiters that write
//!   (with the descriptor)  generation        (readiness)
//!          ▲                    ▲
//!          │ weakly             │ key, edge
//!          └──── Backend ───────┘         the only part that other threads touch
//! ```
//!
//! - A descriptor is registered once, for both directions, when an operation on it first would block, and reported at its
//!   edges from then on: nothing is ever armed again. It is deleted before it is closed, since a duplicate of it that lives
//!   elsewhere would keep the registration.
//! - A key is the number of the descriptor and how often that number was registered before, so an event of a descriptor that
//!   has gone, which may still be in the batch at hand, finds nothing, even when the number is used again.
//! - The system drops the registration of a descriptor that is closed underneath, and says nothing. That comes to light when the
//!   number is registered again: whoever waits for the old one gets an error then, and nothing that is done with it touches
//!   the new one.
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
mod next_edge;
mod portable;
mod readiness;
mod registrations;
mod source;
#[cfg(test)]
mod tests;

use std::cell::{Cell, RefCell};
use std::fmt;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use backend::{Backend, Room};
pub(crate) use budget::Budget;
pub(crate) use next_edge::NextEdge;
pub use readiness::Readiness;
use readiness::tell_lost;
pub(crate) use readiness::{Object, Target, begin, begin_with, deadline_after, in_task, pass_on, refused};
pub(crate) use registrations::Registrations;
pub(crate) use source::{Direction, Source};

/// So many bits of a key are the number of the descriptor, which is more than systems give out.
const NUMBER_BITS: u32 = if usize::BITS == 64 { 32 } else { 20 };
const NUMBER_MASK: u64 = (1 << NUMBER_BITS) - 1;
/// Generations start again before a key could look like one of the backend's own.
const GENERATION_MAX: u64 = (1 << (usize::BITS - NUMBER_BITS)) - 2;

/// What is known of the descriptor with one number.
#[derive(Debug, Default)]
struct Slot {
    /// Of the source, or of the last one.
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
    /// Tells it from all others that there are or were in this process. Not 0.
    number: u64,
    backend: Arc<Backend>,
    room: RefCell<Room>,
    /// By the numbers of the descriptors.
    slots: RefCell<Vec<Slot>>,
    waiting: Rc<Cell<usize>>,
}

impl Reactor {
    /// A reactor on the best that the system has; on what all systems have if `portable`, or if the variable
    /// `CEDE_REACTOR` says so.
    pub(crate) fn new(portable: bool) -> io::Result<Self> {
        static NEXT_NUMBER: AtomicU64 = AtomicU64::new(1);
        let portable = portable || std::env::var_os("CEDE_REACTOR").is_some_and(|kind| kind == "portable");
        let backend = Arc::new(Backend::new(portable)?);
        let room = RefCell::new(backend.room());
        let number = NEXT_NUMBER.fetch_add(1, Ordering::Relaxed);
        Ok(Reactor { number, backend, room, slots: RefCell::default(), waiting: Rc::default() })
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
    /// and waits without end without one. Wakes who waits for what became ready. May return early for no reason, as when a
    /// signal came.
    pub(crate) fn wait(&self, timeout: Option<Duration>) -> io::Result<()> {
        self.forget_deleted();
        let mut room = self.room.borrow_mut();
        match self.backend.wait(&mut room, timeout) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(()),
            result => result?,
        }
        let slots = self.slots.borrow();
        room.for_each(|key, edge| {
            if let Some(source) = find(&slots, key) {
                source.note(edge);
            }
        });
        Ok(())
    }

    /// Registers a descriptor.
    fn add(&self, descriptor: BorrowedFd<'_>) -> io::Result<(u64, Rc<Source>)> {
        self.forget_deleted();
        let number = descriptor.as_raw_fd() as usize;
        if number as u64 > NUMBER_MASK {
            return Err(io::ErrorKind::OutOfMemory.into());
        }
        let mut slots = self.slots.borrow_mut();
        if slots.len() <= number {
            slots.resize_with(number + 1, Slot::default);
        }
        let slot = &mut slots[number];
        let generation = if slot.generation >= GENERATION_MAX { 0 } else { slot.generation + 1 };
        let key = key_of(generation, number);
        self.backend.add(descriptor, key)?;
        let old_key = key_of(slot.generation, number);
        slot.generation = generation;
        let source = Source::new(Rc::clone(&self.waiting), self.backend.sees_ends());
        let old = slot.source.replace(Rc::clone(&source));
        drop(slots);
        if let Some(old) = old {
            // Else it would have been deleted before: the old descriptor was closed underneath.
            self.backend.note_lost(old_key);
            tell_lost(&old);
        }
        Ok((key, source))
    }

    fn forget_deleted(&self) {
        for key in self.backend.take_deleted() {
            let slot = &mut self.slots.borrow_mut()[(key & NUMBER_MASK) as usize];
            // Another thread may delete one that was closed underneath just when its number is registered again.
            if slot.generation == key >> NUMBER_BITS {
                slot.source = None;
            }
        }
    }

    #[inline]
    fn source(&self, key: u64) -> Option<Rc<Source>> {
        find(&self.slots.borrow(), key).map(Rc::clone)
    }

    /// How many descriptors are registered.
    fn sources(&self) -> usize {
        self.slots.borrow().iter().filter(|slot| slot.source.is_some()).count()
    }

    #[inline]
    fn number(&self) -> u64 {
        self.number
    }

    fn downgrade(&self) -> Weak<Backend> {
        Arc::downgrade(&self.backend)
    }
}

fn key_of(generation: u64, number: usize) -> u64 {
    generation << NUMBER_BITS | number as u64
}

#[inline]
fn find(slots: &[Slot], key: u64) -> Option<&Rc<Source>> {
    let slot = slots.get((key & NUMBER_MASK) as usize)?;
    slot.source.as_ref().filter(|_| slot.generation == key >> NUMBER_BITS)
}

impl fmt::Debug for Reactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reactor")
            .field("sources", &self.sources())
            .field("waiting", &self.waiting.get())
            .finish_non_exhaustive()
    }
}
