//! Waiting for threads of which a run knows nothing.
//!
//! What tasks share with other threads, a queue or a lock, does not tell who may still use it. So a run that has nothing else to wait for
//! waits for those threads, as long as the process has any; else it is at a deadlock.
//!
//! ```text
//!                      ┌──────────── something comes ────────────┐
//!                      ▼                                         │
//!   a standstill ─▶ TRUSTS: waits a moment ── nothing comes ──▶ LOOKS whether there are threads ── none ──▶ deadlock
//!                                                                │          ▲
//!                                                                └─ some ───┘ waits, each time twice as long; says so once
//! ```
//!
//! To look at the threads of the process takes several system calls, and to find a task that waits for one of them may take a walk over
//! all tasks. Two runs that answer each other would pay that for each message. So a run that was woken from elsewhere trusts that there
//! is somebody, for a moment, before it looks again.
//!
//! It does look again: the threads may end without a word. The waits between two looks become longer and longer, so that a run
//! which waits for long costs next to nothing, and one that waits in vain learns so in no more than as much time again.

use std::io;
use std::time::{Duration, Instant};

use super::outside;
use super::report;
use super::scheduler::Scheduler;
use super::workers::{self, Seat};

/// How long a run waits at first for threads of which it knows nothing, before it says so.
const PATIENCE: Duration = Duration::from_secs(1);

/// How long it trusts that somebody is there who was a moment ago.
const TRUST: Duration = Duration::from_millis(10);

/// What became of a wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Waited {
    /// Something may have come.
    Heard,
    /// Nothing has, for a while.
    InVain,
    /// Nothing can.
    Nobody,
}

/// See the head of this file.
#[derive(Debug)]
pub(super) struct Elsewhere {
    patience: Duration,
    trusts: bool,
    said: bool,
}

impl Default for Elsewhere {
    fn default() -> Self {
        Elsewhere { patience: PATIENCE, trusts: false, said: false }
    }
}

impl Elsewhere {
    /// Nothing can happen any more in a run, save that a thread of which it knows nothing wakes a task: waits for that.
    pub(super) fn wait(&mut self, scheduler: &Scheduler) -> io::Result<Waited> {
        if self.trusts {
            if sleep(scheduler, TRUST)? {
                return Ok(Waited::Heard);
            }
            self.trusts = false;
        }
        if !may_wake(scheduler) {
            return Ok(Waited::Nobody);
        }
        if sleep(scheduler, self.patience)? {
            self.trusts = true;
            self.patience = PATIENCE;
            return Ok(Waited::Heard);
        }
        self.patience = self.patience.saturating_mul(2);
        if !self.said {
            self.said = true;
            report::waits_for_other_threads(&workers::deadlock(scheduler));
        }
        Ok(Waited::InVain)
    }

    /// The same while tasks are being ended, which waits as long each time: they are cancelled again after that.
    pub(super) fn wait_briefly(&mut self, scheduler: &Scheduler) -> io::Result<Waited> {
        self.patience = PATIENCE;
        self.wait(scheduler)
    }
}

/// Whether a thread of which the run knows nothing may wake a task.
fn may_wake(scheduler: &Scheduler) -> bool {
    (scheduler.waits_for_other_threads() || scheduler.outside.inbox.has_handles())
        && outside::has_other_threads(scheduler.seat().map_or(1, Seat::workers))
}

/// Sleeps so long, unless something comes. Gives whether anything did, here or, where there are other workers, to any of them.
fn sleep(scheduler: &Scheduler, time: Duration) -> io::Result<bool> {
    let workers = scheduler.seat().map(|seat| (seat, seat.stirred()));
    let begin = Instant::now();
    let heard = scheduler.wait_for_other_threads(time)?;
    let has_stirred = |(seat, stirred): (&Seat, u64)| !seat.is_still_since(stirred);
    // A sleep may end for no reason.
    Ok(heard || begin.elapsed() < time || workers.is_some_and(has_stirred))
}
