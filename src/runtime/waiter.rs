//! Whom to wake: a task that is suspended, named by its record, or whoever polls a future.
//!
//! ```text
//!   .......0  the record of a task
//!   .......1  the cell of a std Waker
//! ```
//!
//! One word, since each wait carries it: the lowest bit of the address tells which it is.

use std::ptr::{self, NonNull};

use super::scheduler::{self, Scheduler};
use super::task::{TaskCore, TaskKey};
use super::waker_cell::{self, WakerCell};

const _: () = assert!(align_of::<TaskCore>() > 1 && align_of::<WakerCell>() > 1);

/// The bit that tells a cell from a task.
const CELL: usize = 1;

/// Somebody who waits, or is about to. What is waited for keeps this in a node, for as long as the wait goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Waiter(NonNull<()>);

impl Waiter {
    pub(super) fn new(task: &TaskCore) -> Self {
        Waiter(NonNull::from(task).cast())
    }

    /// For a future that is being polled. The cell stays where it is until the wait has been withdrawn.
    pub(super) fn of_cell(cell: &WakerCell) -> Self {
        Waiter(NonNull::from(cell).cast().map_addr(|address| address | CELL))
    }

    /// Whether it is a future that waits, and no task.
    #[inline(always)]
    pub(crate) fn is_cell(self) -> bool {
        self.0.addr().get() & CELL != 0
    }

    /// The record of the task that waits.
    #[inline(always)]
    fn core<'a>(self) -> &'a TaskCore {
        assert!(!self.is_cell(), "only tasks wait for timers and blocking calls");
        // SAFETY: the task is suspended in a wait, or about to, so it has not ended, and its run owns it.
        unsafe { self.0.cast().as_ref() }
    }

    /// Makes the task ready: at once if its run is the one that this thread is in, else through its inbox. To be called while the
    /// task can't have left its wait, by whoever ends that wait.
    #[inline]
    pub(super) fn wake(self) {
        if self.is_cell() {
            return self.ring();
        }
        let task = self.core();
        match scheduler::current() {
            Some(scheduler) if ptr::eq(scheduler, task.scheduler) => scheduler.wake_task(task),
            _ => wake_elsewhere(task),
        }
    }

    /// Has a std waker called, when the lock that holds the list is free again.
    #[cold]
    fn ring(self) {
        let cell = self
            .0
            .map_addr(|address| (address.get() & !CELL).try_into().expect("a cell is not at address 0"));
        // SAFETY: the wait has not been withdrawn, so the cell is where it was.
        unsafe { cell.cast::<WakerCell>().as_ref() }.ring();
    }

    /// The task is going to be made ready, though not before the next tick.
    pub(crate) fn wake_later(self) {
        if self.is_cell() { self.ring() } else { wake_elsewhere(self.core()) }
    }

    /// The task by its number, for who may come when it has ended.
    pub(crate) fn key(self) -> TaskKey {
        self.core().key.get()
    }

    /// The task's record, for who knows that it waits.
    pub(super) fn task(self) -> NonNull<TaskCore> {
        NonNull::from(self.core())
    }
}

#[cold]
fn wake_elsewhere(task: &TaskCore) {
    // SAFETY: the scheduler of a task that has not ended is alive. Of it and of the task only what never changes is read.
    let scheduler: &Scheduler = unsafe { &*task.scheduler };
    let inbox = &scheduler.outside.inbox;
    if inbox.wake_quietly(task.key.get()) {
        waker_cell::notify_soon(inbox);
    }
}
