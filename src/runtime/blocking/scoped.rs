//! Blocking calls that borrow from the task that makes them.
//!
//! What makes it sound is that the call of [`unblock_scoped`] is never left while a thread has the function or what comes out of it,
//! however it is left:
//!
//! ```text
//!             a thread takes it          it returns or panics         the task takes it
//!   QUEUED ─────────────────────▶ RUNNING ──────────────────▶ DONE ─────────────────────▶ OVER
//!      │                             │                                                     ▲
//!      │ cancelled                   └ cancelled: the task waits on, and unwinds when it is done
//!      └─────────▶ TAKEN BACK ── the task unwinds and drops it ────────────────────────────┘
//! ```
//!
//! The function has been called and dropped, and the result is in its place, before the stage is DONE; from then on the thread touches nothing that
//! is borrowed. A cancellation of a call that runs is kept until it is done, so that the run goes on meanwhile. What is left
//! by any other unwind, of which there should be none, blocks its thread until the function has returned.
//!
//! In a fork of the process no thread has the function: what it borrows there is a copy that nobody uses. So a cancellation
//! of a call that was under way ends it at once, and nothing waits for it.
//!
//! A task may also never come back from the call: its run has ended without it, or it is given up. Its stack stays, but what a
//! thread-local has lent it goes with the thread. So no run comes back to its caller while such a call is under way
//! (`Entered`), whatever becomes of the task.

use std::fmt;
use std::io;
use std::panic::{self, AssertUnwindSafe};
use std::pin::{Pin, pin};
use std::sync::Arc;

use super::{Kind, Ticket, error_of, lock, outlets};
use crate::atomics::{Condvar, Mutex, PoisonError, thread};
use crate::runtime::context;
use crate::runtime::inbox::Sender;
use crate::runtime::operation::{CancelWait, Operation, sealed};
use crate::runtime::park;
use crate::runtime::pool::{Busy, Pool, Refusal, Work};
use crate::runtime::task::TaskKey;
use crate::runtime::waiter::Waiter;

/// Runs a function, which may borrow, on a thread where it may block, and suspends the task meanwhile: [`unblock`](super::unblock)
/// for what does not own all that it uses.
///
/// # Cancellation
///
/// A function that has not begun is dropped, and the task unwinds. One that has is waited for, since it uses what the unwind
/// would drop; then the task unwinds, and what the function gave is dropped.
///
/// A run does not come back to its caller before all such functions of its tasks have ended, those of tasks that it leaves behind
/// included.
///
/// # Panics
///
/// As [`unblock`](super::unblock).
///
/// # Examples
///
/// ```
/// let text = String::from("one two three");
/// let mut longest = "";
/// cede::run(|| {
///     cede::runtime::unblock_scoped(|| longest = text.split(' ').max_by_key(|word| word.len()).unwrap());
/// });
/// assert_eq!(longest, "three");
/// ```
pub fn unblock_scoped<T: Send>(f: impl FnOnce() -> T + Send) -> T {
    match lend(context::carry(f)) {
        Ok(Ok(value)) => value,
        Ok(Err(payload)) => panic::resume_unwind(payload),
        Err(error) => panic!("cede: {error}"),
    }
}

fn lend<T: Send, F: FnOnce() -> T + Send>(f: F) -> Outcome<T> {
    let (sender, ticket, pool) = outlets(Kind::Lending)?;
    // SAFETY: it is dropped when the wait has ended, before this is left. A task that never comes back from it keeps its stack.
    park::wait(pin!(unsafe { Unblocking::begin(&pool, f, sender, ticket) }))
}

/// An error when no thread could be had.
type Outcome<T> = io::Result<thread::Result<T>>;

/// See the head of this file.
enum Stage<F, T> {
    Queued(F, Sender, Ticket),
    TakenBack(F),
    Running,
    Done(Outcome<T>),
    Over,
}

struct Job<F, T> {
    stage: Mutex<Stage<F, T>>,
    /// For a thread that has to block until it is.
    done: Condvar,
    /// Whom to wake. Locked after `stage`, if both are.
    waiter: Mutex<Option<TaskKey>>,
}

impl<F, T> Job<F, T> {
    /// Whoever gets something here has the function.
    fn begin(&self) -> Option<(F, Sender, Ticket)> {
        let mut stage = lock(&self.stage);
        match std::mem::replace(&mut *stage, Stage::Running) {
            Stage::Queued(f, sender, ticket) => Some((f, sender, ticket)),
            other => {
                *stage = other;
                None
            }
        }
    }

    /// The function and all that it borrows is gone but for this.
    fn finish(&self, outcome: Outcome<T>, sender: &Sender, busy: &Busy<'_>) {
        let mut stage = lock(&self.stage);
        *stage = Stage::Done(outcome);
        busy.release();
        let waiter = lock(&self.waiter).take();
        drop(stage);
        self.done.notify_all();
        if let Some(task) = waiter {
            sender.wake(task);
        }
    }
}

impl<F: FnOnce() -> T + Send, T: Send> Work for Job<F, T> {
    fn run(self: Arc<Self>, busy: &Busy<'_>) {
        let Some((f, sender, ticket)) = self.begin() else { return };
        self.finish(Ok(panic::catch_unwind(AssertUnwindSafe(f))), &sender, busy);
        // Last: the run must not end before.
        drop((sender, ticket));
    }

    fn refuse(self: Arc<Self>, reason: &Refusal) {
        let Some((f, sender, ticket)) = self.begin() else { return };
        // Whatever that does: the stage is told.
        let dropped = panic::catch_unwind(AssertUnwindSafe(|| drop(f)));
        let outcome = dropped.map_or_else(|payload| Ok(Err(payload)), |()| Err(error_of(reason)));
        self.finish(outcome, &sender, &Busy::nowhere());
        drop((sender, ticket));
    }
}

/// Waits for a job, and does not go before its end.
struct Unblocking<F, T> {
    job: Arc<Job<F, T>>,
    /// The one whose thread has the job.
    process: u32,
}

impl<F, T> Unblocking<F, T> {
    fn is_forked(&self) -> bool {
        self.process != std::process::id()
    }
}

impl<T: Send, F: FnOnce() -> T + Send> Unblocking<F, T> {
    /// Gives a job to a pool.
    ///
    /// # Safety
    ///
    /// What this gives is dropped before anything ends that the function or its result may borrow, or what they borrow never does.
    unsafe fn begin(pool: &Arc<Pool>, f: F, sender: Sender, ticket: Ticket) -> Self {
        let stage = Stage::Queued(f, sender, ticket);
        let job = Arc::new(Job { stage: Mutex::new(stage), done: Condvar::new(), waiter: Mutex::new(None) });
        // From here on its destructor sees to it that nothing is left behind.
        let unblocking = Unblocking { job: Arc::clone(&job), process: std::process::id() };
        let work: Arc<dyn Work + '_> = job;
        // SAFETY: only the lifetime changes. `unblocking` is not gone before the stage is OVER, and then nothing that is borrowed is left
        // in the job, nor touched by the thread that has it. The rest is the caller's promise.
        let work = unsafe { std::mem::transmute::<Arc<dyn Work + '_>, Arc<dyn Work + 'static>>(work) };
        if let Err((work, reason)) = pool.submit(work) {
            work.refuse(&reason);
        }
        unblocking
    }
}

impl<F, T> sealed::Sealed for Unblocking<F, T> {}

impl<F, T> Operation for Unblocking<F, T> {
    type Output = Outcome<T>;

    fn attempt(self: Pin<&mut Self>) -> Option<Self::Output> {
        let mut stage = lock(&self.job.stage);
        match std::mem::replace(&mut *stage, Stage::Over) {
            Stage::Done(outcome) => Some(outcome),
            other => {
                *stage = other;
                None
            }
        }
    }

    fn register(self: Pin<&mut Self>, waiter: Waiter) {
        let stage = lock(&self.job.stage);
        if let Stage::Done(_) = *stage {
            drop(stage);
            waiter.wake_later();
        } else {
            *lock(&self.job.waiter) = Some(waiter.key());
        }
    }

    fn withdraw(self: Pin<&mut Self>) {
        *lock(&self.job.waiter) = None;
    }

    fn cancel(&self) -> CancelWait {
        let mut stage = lock(&self.job.stage);
        match std::mem::replace(&mut *stage, Stage::Over) {
            // The sender and the ticket go: the call is not under way any more.
            Stage::Queued(f, _, _) | Stage::TakenBack(f) => {
                *stage = Stage::TakenBack(f);
                CancelWait::Unwind
            }
            Stage::Running if self.is_forked() => CancelWait::Unwind,
            other => {
                *stage = other;
                CancelWait::TooLate
            }
        }
    }

    fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("waits for a blocking call that borrows")
    }
}

impl<F, T> Drop for Unblocking<F, T> {
    fn drop(&mut self) {
        let stage = lock(&self.job.stage);
        let is_running = |stage: &mut Stage<F, T>| matches!(stage, Stage::Running) && !self.is_forked();
        let mut stage = self.job.done.wait_while(stage, is_running).unwrap_or_else(PoisonError::into_inner);
        let left = std::mem::replace(&mut *stage, Stage::Over);
        drop(stage);
        // The function, or what came out of it: of users, and so dropped without the lock.
        drop(left);
    }
}

#[cfg(all(test, cede_loom))]
mod models;
