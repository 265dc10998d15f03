//! The waker of a task that waits for a future: cheap, and good for any thread, for as long as anybody keeps it.
//!
//! One word holds two bits and a count of owners: the wait, and each [`Waker`] that somebody has cloned.
//!
//! ```text
//!              begin_wait                 wake: tells the run
//!     (none) ─────────────▶ WAITING ─────────────────────────▶ WAITING | WOKEN
//!      │ ▲ ▲                   │                                 │
//!      │ │ └───── end_wait ────┘                                 │ end_wait
//!      │ │                                                       ▼
//!      ├─┼────────── wake: while it is polled, or late ───────▶ WOKEN
//!      │ └────────────────────── begin_poll ─────────────────────┘
//! ```
//!
//! - Only the first step to WOKEN that finds WAITING tells the run, so that there is one message for each wait, however often the
//!   waker is called. A call while the future is polled is not lost: `begin_wait` finds it. Each call writes the word, also
//!   where that changes nothing, since the next poll has to see what the caller did before.
//! - A record owns a reference to the inbox of its run, and names the task by its key, which is never used again. So it may be
//!   called when the task has ended, and the run, and its thread. It does not keep a run going: whoever holds one may never call
//!   it. But when the last that others hold goes while the task waits, the run is told to look: it may be at a deadlock. That is decided
//!   in the same step as the count, so nothing can come in between.
//! - A record that nobody else owns at the end of its wait is kept for the next wait of the thread.
//!
//! Rejected: an `Arc`, which does not tell of the last owner but one; the task's record in place of the inbox and a key, which other threads
//! would have to own.

use std::cell::Cell;
use std::fmt;
use std::mem::ManuallyDrop;
use std::process;
use std::ptr::NonNull;
use std::sync::Arc;
use std::task::{RawWaker, RawWakerVTable, Waker};

use crate::atomics::{AtomicUsize, Ordering};
use crate::runtime::inbox::Inbox;
use crate::runtime::scheduler::with_scheduler;
use crate::runtime::task::TaskKey;

const WAITING: usize = 1;
const WOKEN: usize = 2;
/// One owner.
const OWNER: usize = 4;

/// See the head of this file. Nothing but the word is changed while there are several owners.
struct Record {
    word: AtomicUsize,
    inbox: Arc<Inbox>,
    task: TaskKey,
}

impl Record {
    /// Makes the task ready if it waits.
    fn wake(&self) {
        let before = self.word.fetch_or(WOKEN, Ordering::AcqRel);
        if before & (WAITING | WOKEN) != WAITING {
            return;
        }
        let here = with_scheduler(|scheduler| {
            let is_here = scheduler.has(self.task);
            if is_here {
                scheduler.wake(self.task);
            }
            is_here
        });
        if here != Some(true) {
            self.inbox.wake(self.task);
        }
    }
}

/// One of the owners of a record.
struct Owner(NonNull<Record>);

impl Owner {
    fn record(&self) -> &Record {
        // SAFETY: it lives as long as it has owners.
        unsafe { self.0.as_ref() }
    }

    /// Whether there is no other.
    fn is_only(&self) -> bool {
        self.record().word.load(Ordering::Acquire) / OWNER == 1
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        let word = &self.record().word;
        let mut before = word.load(Ordering::Acquire);
        loop {
            // The other one is the wait, since that goes on.
            let is_last_waker = before / OWNER == 2 && before & (WAITING | WOKEN) == WAITING;
            let inbox = is_last_waker.then(|| Arc::clone(&self.record().inbox));
            match word.compare_exchange_weak(before, before - OWNER, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => {
                    if let Some(inbox) = inbox {
                        inbox.look_again();
                    } else if before / OWNER == 1 {
                        // SAFETY: it was made from a box, and this was the last owner.
                        drop(unsafe { Box::from_raw(self.0.as_ptr()) });
                    }
                    return;
                }
                Err(found) => before = found,
            }
        }
    }
}

// The pointer of a waker counts as an owner, but for that in `Wakeful`.
static VTABLE: RawWakerVTable = RawWakerVTable::new(clone, wake, wake_by_ref, drop_waker);

/// # Safety
///
/// The record has an owner meanwhile.
unsafe fn clone(pointer: *const ()) -> RawWaker {
    // SAFETY: the caller's promise.
    let record = unsafe { &*pointer.cast::<Record>() };
    if record.word.fetch_add(OWNER, Ordering::Relaxed) > usize::MAX / 2 {
        // Somebody leaks them in a loop. The count must not run over.
        process::abort();
    }
    RawWaker::new(pointer, &VTABLE)
}

/// # Safety
///
/// The pointer is that of a waker which is used up by this.
unsafe fn wake(pointer: *const ()) {
    // SAFETY: the caller's promise.
    unsafe {
        wake_by_ref(pointer);
        drop_waker(pointer);
    }
}

/// # Safety
///
/// The record has an owner meanwhile.
unsafe fn wake_by_ref(pointer: *const ()) {
    // SAFETY: the caller's promise.
    unsafe { &*pointer.cast::<Record>() }.wake();
}

/// # Safety
///
/// The pointer is that of a waker which is used up by this.
unsafe fn drop_waker(pointer: *const ()) {
    // SAFETY: the caller's promise; a waker's pointer is not null.
    drop(Owner(unsafe { NonNull::new_unchecked(pointer.cast_mut().cast()) }));
}

thread_local! {
    static SPARE: Cell<Option<Owner>> = const { Cell::new(None) };
}

/// The part of a record that the wait has.
pub(super) struct Wakeful {
    /// None only as this goes.
    owner: Option<Owner>,
    /// Not counted: never dropped.
    waker: ManuallyDrop<Waker>,
}

impl Wakeful {
    /// For a task of the run with this inbox.
    pub(super) fn new(inbox: &Arc<Inbox>, task: TaskKey) -> Self {
        let owner = match SPARE.try_with(Cell::take).ok().flatten() {
            Some(mut owner) => {
                // SAFETY: only records with one owner are kept, and here it is.
                let record = unsafe { owner.0.as_mut() };
                *record.word.get_mut() = OWNER;
                record.task = task;
                if !Arc::ptr_eq(&record.inbox, inbox) {
                    record.inbox = Arc::clone(inbox);
                }
                owner
            }
            None => {
                let inbox = Arc::clone(inbox);
                let record = Box::new(Record { word: AtomicUsize::new(OWNER), inbox, task });
                Owner(NonNull::from(Box::leak(record)))
            }
        };
        // SAFETY: the functions keep the contract of wakers: what they do is safe on any thread, and a clone owns the record
        // with the others. This one does not, and is neither dropped nor used longer than the owner beside it.
        let waker = unsafe { Waker::new(owner.0.as_ptr().cast(), &VTABLE) };
        Wakeful { owner: Some(owner), waker: ManuallyDrop::new(waker) }
    }

    fn record(&self) -> &Record {
        self.owner.as_ref().expect("it is there until this goes").record()
    }

    /// Whether it is of this task.
    pub(super) fn is_for(&self, task: TaskKey) -> bool {
        self.record().task == task
    }

    pub(super) fn waker(&self) -> &Waker {
        &self.waker
    }

    /// The future is about to be polled: calls from here on are for the next poll.
    pub(super) fn begin_poll(&self) {
        self.record().word.fetch_and(!(WAITING | WOKEN), Ordering::AcqRel);
    }

    /// Whether it was called since the last poll began.
    pub(super) fn is_woken(&self) -> bool {
        self.record().word.load(Ordering::Acquire) & WOKEN != 0
    }

    /// The task is about to be suspended: the next call tells the run. False where there was one already.
    #[must_use]
    pub(super) fn begin_wait(&self) -> bool {
        self.record().word.fetch_or(WAITING, Ordering::AcqRel) & WOKEN == 0
    }

    /// The task waits no longer.
    pub(super) fn end_wait(&self) {
        self.record().word.fetch_and(!WAITING, Ordering::AcqRel);
    }

    /// Whether anybody else has a waker, and so could call it.
    pub(super) fn is_shared(&self) -> bool {
        !self.owner.as_ref().expect("it is there until this goes").is_only()
    }
}

impl Drop for Wakeful {
    fn drop(&mut self) {
        // A model has threads of its own, each of which ends with it.
        if let Some(owner) = self.owner.take_if(|owner| owner.is_only() && !cfg!(cede_loom)) {
            // Where the thread is about to end it just goes.
            let _ = SPARE.try_with(|spare| spare.set(Some(owner)));
        }
    }
}

impl fmt::Debug for Wakeful {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = self.record().word.load(Ordering::Relaxed);
        f.debug_struct("Wakeful")
            .field("waiting", &(word & WAITING != 0))
            .field("woken", &(word & WOKEN != 0))
            .field("owners", &(word / OWNER))
            .finish_non_exhaustive()
    }
}

#[cfg(all(test, cede_loom))]
mod models;
