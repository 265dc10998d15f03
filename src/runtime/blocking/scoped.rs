//! Blocking calls that borrow from the task that makes them.
//!
//! What makes it sound is that the call of [`unblock_scoped`] is never left while a thread has the function or what comes out of it,
//! however it is left:
//!
//! ```text
//!   IDLE ── register ──▶ HANDED IN: the task waits ── the outcome is there, and is taken ──▶ over
//!                               │
//!                               ├── cancelled, and no thread has begun: the function is taken back, and dropped by the unwind
//!                               └── cancelled, and one has: the task waits on, and unwinds when it is done
//! ```
//!
//! The function has been called and dropped, and the result is in its place, before the job is DONE; from then on the thread touches nothing that
//! is borrowed. A cancellation of a call that runs is kept until it is done, whatever wakes the task, so that the run goes on meanwhile. What is left
//! by any other unwind, of which there should be none, blocks its thread until the function has returned.
//!
//! In a fork of the process no thread has the function: what it borrows there is a copy that nobody uses. So a cancellation
//! of a call that was under way ends it at once, and nothing waits for it.
//!
//! A task may also never come back from the call: its run has ended without it, or it is given up. Its stack stays, but what a
//! thread-local has lent it goes with the thread. So no run comes back to its caller while such a call is under way
//! (`Entered`), whatever becomes of the task.

use std::fmt;
use std::panic;
use std::pin::{Pin, pin};
use std::sync::Arc;

use super::job::Outcome;
use super::{Kind, Pool, Stage, Ticket, Work, hand_in, outlets};
use crate::runtime::context;
use crate::runtime::operation::{CancelWait, Operation, sealed};
use crate::runtime::park;
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
    let (ticket, pool) = outlets(Kind::Lending)?;
    // SAFETY: it is dropped when the wait has ended, before this is left. A task that never comes back from it keeps its stack.
    let call = unsafe { Unblocking::new(&pool, f, ticket) };
    park::wait_to_the_end(pin!(call), Unblocking::is_under_way)
}

/// Waits for a job, and does not go before its end.
struct Unblocking<'a, F, T> {
    pool: &'a Arc<Pool>,
    stage: Stage<F, T>,
    /// The one whose thread has the function.
    process: u32,
}

impl<'a, F, T> Unblocking<'a, F, T> {
    /// # Safety
    ///
    /// What this gives is dropped before anything ends that the function or its result may borrow, or what they borrow never does.
    unsafe fn new(pool: &'a Arc<Pool>, f: F, ticket: Ticket) -> Self {
        Unblocking { pool, stage: Stage::Idle(f, ticket), process: std::process::id() }
    }

    fn is_forked(&self) -> bool {
        self.process != std::process::id()
    }

    /// Whether a thread has the function.
    fn is_under_way(&self) -> bool {
        matches!(&self.stage, Stage::HandedIn(job) if job.is_under_way()) && !self.is_forked()
    }
}

// Nothing in it is pinned: the function moves to the job.
impl<F, T> Unpin for Unblocking<'_, F, T> {}

impl<F, T> sealed::Sealed for Unblocking<'_, F, T> {}

impl<T: Send, F: FnOnce() -> T + Send> Operation for Unblocking<'_, F, T> {
    type Output = Outcome<T>;

    fn attempt(self: Pin<&mut Self>) -> Option<Self::Output> {
        self.get_mut().stage.attempt()
    }

    fn register(self: Pin<&mut Self>, waiter: Waiter) {
        let Unblocking { pool, stage, .. } = self.get_mut();
        stage.register(waiter, |job| {
            let work: Arc<dyn Work + '_> = job;
            // SAFETY: only the lifetime changes. This is not gone before the job has been left, and then nothing that is borrowed is in
            // it, nor touched by the thread that has it. The rest is the promise of who has made this.
            let work = unsafe { std::mem::transmute::<Arc<dyn Work + '_>, Arc<dyn Work + 'static>>(work) };
            hand_in(pool, work);
        });
    }

    fn withdraw(self: Pin<&mut Self>) {
        self.stage.withdraw();
    }

    fn cancel(&self) -> CancelWait {
        match &self.stage {
            Stage::HandedIn(job) if !job.take_back() && !self.is_forked() => CancelWait::TooLate,
            _ => CancelWait::Unwind,
        }
    }

    fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("waits for a blocking call that borrows")
    }
}

impl<F, T> Drop for Unblocking<'_, F, T> {
    fn drop(&mut self) {
        if let Stage::HandedIn(job) = &self.stage {
            if !job.take_back() && !self.is_forked() {
                job.block_until_done();
            }
            drop(job.leave());
        }
    }
}

#[cfg(all(test, cede_loom))]
mod models;
