//! One blocking call: the function on its way to a thread and what comes out on its way back, in one place, and one word that says
//! whose the place is.
//!
//! ```text
//!   BEGUN   a thread has come for the function       set by the thread
//!   DONE    the outcome is in its place              set by the thread
//!   LEFT    the task does not come for the outcome   set by the task, once
//!
//!   BEGUN  DONE  LEFT     in the place    whose it is
//!     -     -     -       the function    of whoever is the first to set BEGUN or LEFT
//!    any    -     first   the function    the task's: a thread that comes later goes again
//!    first  -     -       nothing yet     the thread's
//!    first  -     then    nothing yet     the thread's, which drops the outcome when it is there
//!     x     x     -       the outcome     the task's
//! ```
//!
//! Each side has one change of the word for each step, so a call that nobody leaves has two: BEGUN and DONE. Two bits more are
//! for who waits. AWAITED: the task is to be woken; it is set when the call is handed in, since its task waits then, and so costs
//! nothing. BLOCKED: a thread sleeps until DONE, which is where an unwind has left a call that borrows.
//!
//! The ticket lies beside the function, and goes where that goes. The thread gives it back last: the run must not end before.
//!
//! Rejected: a lock for the stage and one for the waiter, and a machine of its own for calls that borrow. It is not faster, as has been
//! measured, but there is one machine where there were two.

use std::io;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Arc;

use super::{Busy, Refusal, Ticket, Work, error_of, lock};
use crate::atomics::{AtomicU8, Condvar, Mutex, Ordering, Place, PoisonError, thread};
use crate::runtime::task::TaskKey;

const BEGUN: u8 = 1;
const DONE: u8 = 2;
const LEFT: u8 = 4;
const AWAITED: u8 = 8;
const BLOCKED: u8 = 16;

/// An error when no thread could be had.
pub(super) type Outcome<T> = io::Result<thread::Result<T>>;

/// What is in the place.
pub(super) enum Content<F, T> {
    /// The ticket is gone when the task has taken the function back.
    Function(F, Option<Ticket>),
    Outcome(Outcome<T>),
    Nothing,
}

/// See the head of this file.
pub(super) struct Job<F, T> {
    word: AtomicU8,
    /// By the table above.
    place: Place<Content<F, T>>,
    /// Whom to wake.
    task: TaskKey,
    /// For a thread that has to block until it is done.
    blocking: Mutex<()>,
    done: Condvar,
}

// SAFETY: the place is used by one thread at a time, by the table above, and what is in it is `Send`. `Job::begin`, `finish`, `take`,
// `take_back` and `leave` keep to that.
unsafe impl<F: Send, T: Send> Sync for Job<F, T> {}

impl<F, T> Job<F, T> {
    /// That is going to be handed in by a task that waits for it.
    pub(super) fn new(f: F, ticket: Ticket, task: TaskKey) -> Self {
        let word = AtomicU8::new(0);
        // Stored, so that in a model the word is there before another thread is.
        word.store(AWAITED, Ordering::Relaxed);
        Job {
            word,
            place: Place::new(Content::Function(f, Some(ticket))),
            task,
            blocking: Mutex::new(()),
            done: Condvar::new(),
        }
    }

    /// On the thread: the function, unless the task has it.
    fn begin(&self) -> Option<(F, Ticket)> {
        if self.word.fetch_or(BEGUN, Ordering::AcqRel) & LEFT != 0 {
            return None;
        }
        // SAFETY: BEGUN came first, so the place is this thread's.
        match std::mem::replace(unsafe { &mut *self.place.to_write() }, Content::Nothing) {
            Content::Function(f, Some(ticket)) => Some((f, ticket)),
            _ => unreachable!("a call begins once"),
        }
    }

    /// On the thread, last of all. The function, and all that it has borrowed, is gone but for this.
    fn end(&self, outcome: Outcome<T>, ticket: Ticket, busy: &Busy<'_>) {
        if let Some(unwanted) = self.finish(outcome, &ticket, busy) {
            // Nobody is there for a panic of its destructor, which the panic hook has told of.
            let dropped = panic::catch_unwind(AssertUnwindSafe(|| drop(unwanted)));
            if let Err(payload) = dropped {
                std::mem::forget(payload);
            }
        }
        // Last: the run must not end before.
        drop(ticket);
    }

    /// It is done: wakes who waits for it. Gives the outcome back when nobody does any more.
    fn finish(&self, outcome: Outcome<T>, ticket: &Ticket, busy: &Busy<'_>) -> Option<Outcome<T>> {
        // SAFETY: this thread has begun, and it is not DONE, so the place is this thread's. Nothing is in it.
        unsafe { *self.place.to_write() = Content::Outcome(outcome) };
        let before = self.word.fetch_or(DONE, Ordering::AcqRel);
        if before & LEFT != 0 {
            // SAFETY: LEFT came before DONE, so the place is still this thread's.
            return match std::mem::replace(unsafe { &mut *self.place.to_write() }, Content::Nothing) {
                Content::Outcome(outcome) => Some(outcome),
                _ => unreachable!("it was put there just now"),
            };
        }
        busy.release();
        if before & BLOCKED != 0 {
            // Who has looked at the word under the lock is asleep when it is free.
            drop(lock(&self.blocking));
            self.done.notify_all();
        }
        if before & AWAITED != 0 {
            ticket.wake(self.task, busy);
        }
        None
    }

    /// In the task: the outcome, if it is there and was not taken.
    pub(super) fn take(&self) -> Option<Outcome<T>> {
        if self.word.load(Ordering::Acquire) & (DONE | LEFT) != DONE {
            return None;
        }
        // SAFETY: it is DONE and not LEFT, so the place is the task's.
        match std::mem::replace(unsafe { &mut *self.place.to_write() }, Content::Nothing) {
            Content::Outcome(outcome) => Some(outcome),
            _ => None,
        }
    }

    /// In the task, which waits once more: gives false, and nobody is going to wake it, when it is done.
    #[must_use]
    pub(super) fn await_end(&self) -> bool {
        self.word.fetch_or(AWAITED, Ordering::AcqRel) & DONE == 0
    }

    /// In the task: it does not wait any more.
    pub(super) fn await_no_longer(&self) {
        // Mostly it waits no longer since it is done.
        if self.word.load(Ordering::Relaxed) & DONE == 0 {
            self.word.fetch_and(!AWAITED, Ordering::AcqRel);
        }
    }

    /// In the task: LEFT, if no thread has begun. Gives whether it is. The call is not under way any more then, and the function waits for
    /// [`leave`](Self::leave).
    pub(super) fn take_back(&self) -> bool {
        let mut word = self.word.load(Ordering::Acquire);
        while word & (BEGUN | LEFT) == 0 {
            match self.word.compare_exchange(word, word | LEFT, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => {
                    // SAFETY: LEFT came first, so the place is the task's.
                    if let Content::Function(_, ticket) = unsafe { &mut *self.place.to_write() } {
                        drop(ticket.take());
                    }
                    return true;
                }
                Err(now) => word = now,
            }
        }
        word & LEFT != 0
    }

    /// In the task: whether a thread has begun and is not done.
    pub(super) fn is_under_way(&self) -> bool {
        self.word.load(Ordering::Acquire) & (BEGUN | DONE | LEFT) == BEGUN
    }

    /// In the task, when it has not been taken back: blocks its thread until it is done.
    #[cold]
    pub(super) fn block_until_done(&self) {
        if self.word.fetch_or(BLOCKED, Ordering::AcqRel) & DONE == 0 {
            let guard = lock(&self.blocking);
            let is_under_way = |(): &mut ()| self.word.load(Ordering::Acquire) & DONE == 0;
            drop(self.done.wait_while(guard, is_under_way).unwrap_or_else(PoisonError::into_inner));
        }
    }

    /// In the task, once, as its last step: what is in the place, if it is the task's. It is of users, and to be dropped where nothing is locked.
    pub(super) fn leave(&self) -> Content<F, T> {
        let before = self.word.fetch_or(LEFT, Ordering::AcqRel);
        if before & (BEGUN | DONE | LEFT) == BEGUN {
            return Content::Nothing;
        }
        // SAFETY: it was LEFT before a thread had begun, or DONE before it was LEFT. So the place is the task's.
        std::mem::replace(unsafe { &mut *self.place.to_write() }, Content::Nothing)
    }
}

impl<F: FnOnce() -> T + Send, T: Send> Work for Job<F, T> {
    fn run(self: Arc<Self>, busy: &Busy<'_>) {
        if let Some((f, ticket)) = self.begin() {
            self.end(Ok(panic::catch_unwind(AssertUnwindSafe(f))), ticket, busy);
        }
    }

    fn refuse(self: Arc<Self>, reason: &Refusal) {
        if let Some((f, ticket)) = self.begin() {
            // Whatever that does: the task is told.
            let dropped = panic::catch_unwind(AssertUnwindSafe(|| drop(f)));
            let outcome = dropped.map_or_else(|payload| Ok(Err(payload)), |()| Err(error_of(reason)));
            self.end(outcome, ticket, &Busy::nowhere());
        }
    }
}
