//! What the workers of one run share: where fresh work lies, who sleeps, and the orders at the end.
//!
//! # Who is woken
//!
//! ```text
//!               finds none               registers              a push takes it out
//!   WORKING ───────────────▶ SEARCHING ───────────▶ SLEEPING ───────────────────────▶ SEARCHING
//!      ▲                         │                     │
//!      └───── finds something ───┴──── a message, I/O, a timer
//! ```
//!
//! A push wakes one sleeper, and only when nobody searches: the last who searches wakes the next, if there is more when it stops than
//! what it is about to begin itself. Where something else has its turn before that, which came in meanwhile, it wakes the next for
//! that too ([`Seat::share`](super::seat::Seat::share)). A sleeper is woken through its inbox, so that it costs at most one notification,
//! and none when it is not asleep yet.
//!
//! No work is left while somebody sleeps: who pushes does so before it looks at `idle`, who goes to sleep registers in `idle` before it
//! looks at the queues a last time. A full fence lies between the two steps of each, so that one of them sees the other.
//!
//! # Standstill
//!
//! A worker that sleeps with nothing of its own to wait for, no timer, no I/O, nobody who has said that he will wake it, is
//! without hope. When all are, and nothing lies in any queue or inbox, nothing can happen any more but through threads that the
//! runtime does not know. Worker 0 looks for that: it reads the count and all inboxes between two equal readings of `stirred`, which
//! each worker raises when it stops being without hope, before it takes anything out of its inbox. So what it has read was true at one moment, and it stays true, since only a
//! worker that is awake changes it.
//!
//! # The end
//!
//! Worker 0 gives an order by raising `order`; each worker cancels what it has, waits until that has ended, and reports. Two
//! rounds of reports in which nobody had a task, and nobody has begun one in between, mean that there is none: a closure
//! that was on its way in the first would have begun by the second.
//!
//! A thread goes only when no worker runs a task any more, and no blocking call that borrows is under way for one, and its locals with it. A
//! task that is given up may have lent one of them to a child on another worker; its own stack is leaked, a thread-local can't be.

use std::io;
use std::sync::Arc;

use super::gate::Gate;
use crate::atomics::deque::{Stealer, Worker};
use crate::atomics::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering, fence};
use crate::atomics::{Condvar, Mutex, MutexGuard, PoisonError};
use crate::runtime::inbox::Inbox;
use crate::runtime::remote::Fresh;

/// The order to end the worker.
pub(super) const STOP: u32 = u32::MAX;

/// In `idle`: one worker that searches. The sleepers are counted above.
const SEARCHER: u32 = 1;
const SLEEPER: u32 = 1 << 16;

/// What a worker says when it has carried out an order.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Report {
    /// Tasks that have not ended, less those that can't be.
    pub(super) live: usize,
    /// How many it has begun so far.
    pub(super) begun: u64,
}

#[derive(Debug, Default)]
struct Reports {
    order: u32,
    all: Vec<Report>,
}

/// See the head of this file.
pub(in crate::runtime) struct Crew {
    pub(super) gate: Arc<Gate>,
    pub(super) inboxes: Vec<Arc<Inbox>>,
    pub(super) stealers: Vec<Stealer<Fresh>>,
    /// The process in which it runs: not that of a fork, which has none of the other threads.
    process: u32,
    /// Whether it pays to wait a moment for the other workers before going to sleep.
    pub(super) may_spin: bool,
    /// How many search, and how many are in `sleepers`.
    idle: AtomicU32,
    sleepers: Mutex<Vec<usize>>,
    hopeless: AtomicUsize,
    stirred: AtomicU64,
    /// Raised when nothing can happen any more while tasks are being ended.
    round: AtomicU32,
    order: AtomicU32,
    reports: Mutex<Reports>,
    /// How many workers there are in truth, where the system has refused some a thread.
    present: AtomicUsize,
    is_faulty: AtomicBool,
    fault: Mutex<Option<io::Error>>,
    /// How many of the others run nothing any more, and whether they may go.
    idle_for_good: Mutex<(usize, bool)>,
    departure: Condvar,
}

/// How many search.
fn searchers(idle: u32) -> u32 {
    idle % SLEEPER
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Crew {
    /// So many workers, and their deques.
    pub(super) fn new(gate: &Arc<Gate>, workers: usize, may_spin: bool) -> (Arc<Self>, Vec<Worker<Fresh>>) {
        let deques: Vec<_> = (0..workers).map(|_| Worker::new_lifo()).collect();
        let crew = Crew {
            gate: Arc::clone(gate),
            inboxes: (0..workers).map(|_| Inbox::new()).collect(),
            stealers: deques.iter().map(Worker::stealer).collect(),
            process: std::process::id(),
            may_spin: may_spin && workers > 1,
            idle: AtomicU32::new(0),
            sleepers: Mutex::new(Vec::with_capacity(workers)),
            hopeless: AtomicUsize::new(0),
            stirred: AtomicU64::new(0),
            round: AtomicU32::new(0),
            order: AtomicU32::new(0),
            reports: Mutex::default(),
            present: AtomicUsize::new(workers),
            is_faulty: AtomicBool::new(false),
            fault: Mutex::new(None),
            idle_for_good: Mutex::default(),
            departure: Condvar::new(),
        };
        (Arc::new(crew), deques)
    }

    pub(super) fn size(&self) -> usize {
        self.inboxes.len()
    }

    /// The system has refused the threads of the other workers.
    pub(super) fn expect_no_more_than(&self, workers: usize) {
        self.present.store(workers, Ordering::SeqCst);
    }

    fn present(&self) -> usize {
        self.present.load(Ordering::Relaxed)
    }

    /// Whether this is a fork of the process, in which the other workers have no threads.
    pub(super) fn is_forked(&self) -> bool {
        std::process::id() != self.process
    }

    /// Has a worker look at everything, also when it is about to sleep.
    pub(super) fn poke(&self, worker: usize) {
        self.inboxes[worker].poke();
    }

    fn poke_others(&self) {
        self.inboxes[1..].iter().for_each(|inbox| inbox.poke());
    }

    // Fresh work

    /// Whether there is any that can be had.
    pub(super) fn has_fresh(&self) -> bool {
        self.has_fresh_but_of(self.size())
    }

    /// The same, save what lies in the deque of one worker.
    fn has_fresh_but_of(&self, worker: usize) -> bool {
        let mut stealers = self.stealers.iter().enumerate();
        !self.gate.injector.is_empty() || stealers.any(|(of, stealer)| of != worker && !stealer.is_empty())
    }

    /// Work was pushed: sees to it that somebody comes for it.
    #[inline]
    pub(super) fn work_came(&self) {
        fence(Ordering::SeqCst);
        let idle = self.idle.load(Ordering::Relaxed);
        if idle >= SLEEPER && searchers(idle) == 0 {
            self.wake_one();
        }
    }

    #[cold]
    fn wake_one(&self) {
        let mut sleepers = lock(&self.sleepers);
        if searchers(self.idle.load(Ordering::Relaxed)) != 0 {
            return;
        }
        let Some(worker) = sleepers.pop() else { return };
        // It searches from now on.
        self.idle.fetch_sub(SLEEPER - SEARCHER, Ordering::SeqCst);
        drop(sleepers);
        self.poke(worker);
    }

    /// A worker wants to search. Gives false when enough of them do.
    pub(super) fn begin_search(&self) -> bool {
        if searchers(self.idle.load(Ordering::Relaxed)) as usize * 2 >= self.size() {
            return false;
        }
        self.idle.fetch_add(SEARCHER, Ordering::SeqCst);
        true
    }

    /// A worker searches no longer. The last one has another one look for what is there all the same: pushes have relied on it. `own`:
    /// how much lies in its own deque by now. It begins one of that itself, for which nobody else is woken.
    pub(super) fn end_search(&self, worker: usize, own: usize) {
        let before = self.idle.fetch_sub(SEARCHER, Ordering::SeqCst);
        fence(Ordering::SeqCst);
        if searchers(before) == SEARCHER && (own > 1 || self.has_fresh_but_of(worker)) {
            self.work_came();
        }
    }

    /// A worker is about to sleep: a push may wake it from now on.
    pub(super) fn register(&self, worker: usize) {
        let mut sleepers = lock(&self.sleepers);
        sleepers.push(worker);
        self.idle.fetch_add(SLEEPER, Ordering::SeqCst);
        drop(sleepers);
        fence(Ordering::SeqCst);
    }

    /// A worker is awake again. Gives true when a push has woken it: it counts as searching then.
    pub(super) fn unregister(&self, worker: usize) -> bool {
        let mut sleepers = lock(&self.sleepers);
        let Some(place) = sleepers.iter().position(|sleeper| *sleeper == worker) else { return true };
        sleepers.swap_remove(place);
        self.idle.fetch_sub(SLEEPER, Ordering::SeqCst);
        false
    }

    // Standstill

    /// A worker sleeps, with nothing of its own to wait for.
    pub(super) fn lose_hope(&self, worker: usize) {
        if self.hopeless.fetch_add(1, Ordering::SeqCst) + 1 >= self.present() && worker != 0 {
            self.poke(0);
        }
    }

    /// It is awake again.
    pub(super) fn regain_hope(&self) {
        self.stirred.fetch_add(1, Ordering::SeqCst);
        self.hopeless.fetch_sub(1, Ordering::SeqCst);
    }

    /// Whether nothing can happen any more. Worker 0 asks, which counts as without hope, has nothing to do, and is the one awake.
    pub(super) fn is_at_a_standstill(&self) -> bool {
        if self.is_forked() {
            return !self.has_fresh();
        }
        let stirred = self.stirred();
        self.hopeless.load(Ordering::SeqCst) == self.present() && self.is_still_since(stirred)
    }

    /// How often a worker has stopped being without hope.
    pub(super) fn stirred(&self) -> u64 {
        self.stirred.load(Ordering::SeqCst)
    }

    /// Whether no worker has stopped being without hope since `stirred` was read, nor is about to: nothing has come for any but worker 0.
    pub(super) fn is_still_since(&self, stirred: u64) -> bool {
        let is_still =
            !self.inboxes[1..self.present()].iter().any(|inbox| inbox.has_messages()) && !self.has_fresh();
        // What was read above was read before this.
        fence(Ordering::Acquire);
        is_still && self.stirred() == stirred
    }

    // Faults

    /// The system has refused a worker what it needs to wait. The run ends with the first such error.
    pub(super) fn report_fault(&self, error: io::Error) {
        let mut fault = lock(&self.fault);
        if fault.is_none() && !self.is_faulty.swap(true, Ordering::SeqCst) {
            *fault = Some(error);
            drop(fault);
            self.poke(0);
        }
    }

    /// What the run is to end with. Once.
    pub(super) fn take_fault(&self) -> Option<io::Error> {
        if self.is_faulty.load(Ordering::Relaxed) { lock(&self.fault).take() } else { None }
    }

    // The end

    /// The order that is in force.
    pub(super) fn order(&self) -> u32 {
        self.order.load(Ordering::Acquire)
    }

    /// Gives the next order to the other workers.
    pub(super) fn give_order(&self) {
        let mut reports = lock(&self.reports);
        let order = self.order.load(Ordering::Relaxed) + 1;
        *reports = Reports { order, all: Vec::new() };
        self.order.store(order, Ordering::Release);
        drop(reports);
        self.poke_others();
    }

    /// Ends the other workers.
    pub(super) fn stop(&self) {
        self.order.store(STOP, Ordering::Release);
        self.poke_others();
    }

    /// A worker that is not the first runs nothing any more: waits until that holds for all.
    pub(super) fn await_departure(&self) {
        let mut idle = lock(&self.idle_for_good);
        idle.0 += 1;
        self.departure.notify_all();
        drop(self.departure.wait_while(idle, |(_, may_go)| !*may_go));
    }

    /// Waits until the others run nothing any more. By worker 0.
    pub(super) fn await_idleness(&self) {
        let idle = lock(&self.idle_for_good);
        drop(self.departure.wait_while(idle, |(workers, _)| *workers + 1 < self.present()));
    }

    /// Worker 0 runs nothing any more either: the others go.
    pub(super) fn let_go(&self) {
        lock(&self.idle_for_good).1 = true;
        self.departure.notify_all();
    }

    /// A worker has carried an order out.
    pub(super) fn report(&self, order: u32, report: Report) {
        let mut reports = lock(&self.reports);
        if reports.order == order {
            reports.all.push(report);
        }
        drop(reports);
        self.poke(0);
    }

    /// What the others say, when all of them have.
    pub(super) fn reports(&self) -> Option<Report> {
        let reports = lock(&self.reports);
        let sum = |sum: Report, report: &Report| Report {
            live: sum.live + report.live,
            begun: sum.begun + report.begun,
        };
        (reports.all.len() + 1 >= self.present()).then(|| reports.all.iter().fold(Report::default(), sum))
    }

    /// How often nothing could happen any more while tasks were being ended.
    pub(super) fn round(&self) -> u32 {
        self.round.load(Ordering::Acquire)
    }

    /// It is so again: those that are left are cancelled once more.
    pub(super) fn next_round(&self) {
        self.round.fetch_add(1, Ordering::AcqRel);
        self.poke_others();
    }
}

#[cfg(all(test, cede_loom))]
mod models;

impl std::fmt::Debug for Crew {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Crew").field("workers", &self.size()).finish_non_exhaustive()
    }
}
