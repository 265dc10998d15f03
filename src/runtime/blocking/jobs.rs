//! What is under way for one run on other threads.
//!
//! Whatever it is holds a ticket until it is over, and may wake a task of the run by it: a run that has one out is not at a deadlock. There are three kinds, since not all of it is waited for at the same time:
//! what borrows before the run comes back to its caller, what owns all that it uses when the run's scheduler goes, and what a task
//! merely waits for never.

use std::cell::OnceCell;
use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::time::Duration;

use super::{Busy, IDLE_MAX, POOL, Pool, THREADS_MAX, lock, pool};
use crate::atomics::{AtomicUsize, Condvar, Mutex, Ordering};
use crate::runtime::inbox::Inbox;
use crate::runtime::task::TaskKey;

/// Of what a ticket is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A call that owns all that it uses.
    Owning,
    /// A call that uses what its task lends it.
    Lending,
    /// Something that ends by itself, and that a task waits for.
    Awaited,
}

/// The tickets of a run. They lie in its inbox, so that who is done with a call comes to one place for all that he has to do.
#[derive(Debug)]
pub(in crate::runtime) struct Counts {
    /// The process that has the threads: not a fork of it, in which nothing of this ever ends. Only the run's thread looks
    /// at it, so it orders nothing, and is no part of the models.
    process: AtomicU32,
    /// By kind. Only the run's thread adds to them.
    tickets: [AtomicUsize; 3],
    /// Held by who looks at them and then waits, and by who takes the last of a kind away and then tells.
    looking: Mutex<()>,
    /// The last ticket of a kind has gone.
    none_left: Condvar,
}

impl Default for Counts {
    fn default() -> Self {
        Counts {
            process: AtomicU32::new(std::process::id()),
            tickets: Default::default(),
            looking: Mutex::default(),
            none_left: Condvar::default(),
        }
    }
}

impl Counts {
    /// Whether there is anything.
    pub(in crate::runtime) fn any(&self) -> bool {
        self.any_of(&[Kind::Owning, Kind::Lending, Kind::Awaited])
    }

    /// Whether anything may come of it.
    pub(in crate::runtime) fn may_end(&self) -> bool {
        self.any() && !self.are_of_a_fork()
    }

    /// Whether this is a fork of the process, in which nothing of this ever ends.
    fn are_of_a_fork(&self) -> bool {
        self.process.load(Ordering::Relaxed) != std::process::id()
    }

    /// A run begins, perhaps in a fork of the process that has made it.
    pub(in crate::runtime) fn begin(&self) {
        if !self.any() {
            self.process.store(std::process::id(), Ordering::Relaxed);
        }
    }

    fn any_of(&self, kinds: &[Kind]) -> bool {
        kinds.iter().any(|kind| self.tickets[*kind as usize].load(Ordering::SeqCst) > 0)
    }
}

/// What a run says of the threads for its calls. One that says nothing has those of the process.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::runtime) struct ThreadSettings {
    pub(in crate::runtime) threads_max: Option<usize>,
    pub(in crate::runtime) idle_max: Option<Duration>,
}

impl ThreadSettings {
    /// Threads of the run's own, if it is to have any.
    pub(in crate::runtime) fn own_threads(self) -> Option<Arc<OwnThreads>> {
        if self.threads_max.is_none() && self.idle_max.is_none() {
            return None;
        }
        let threads_max = self.threads_max.unwrap_or(THREADS_MAX);
        let pool = pool(threads_max, self.idle_max.unwrap_or(IDLE_MAX));
        Some(Arc::new(OwnThreads { pool, process: std::process::id() }))
    }
}

/// The threads of one run, on one worker or several. They go with the last of these, when no calls are left.
#[derive(Debug)]
pub(in crate::runtime) struct OwnThreads {
    pool: Arc<Pool>,
    process: u32,
}

impl Drop for OwnThreads {
    fn drop(&mut self) {
        // A fork of the process does not have them.
        if self.process == std::process::id() {
            self.pool.close();
            self.pool.join();
        }
    }
}

/// See the head of this file.
#[derive(Debug)]
pub(crate) struct Jobs {
    inbox: Arc<Inbox>,
    /// The run's own threads, if it has any.
    own_threads: OnceCell<Arc<OwnThreads>>,
}

/// Held until it is over.
#[derive(Debug)]
pub(crate) struct Ticket {
    inbox: Arc<Inbox>,
    kind: Kind,
}

impl Jobs {
    /// Of the run with this inbox.
    pub(in crate::runtime) fn new(inbox: Arc<Inbox>) -> Self {
        Jobs { inbox, own_threads: OnceCell::new() }
    }

    fn counts(&self) -> &Counts {
        &self.inbox.tickets
    }

    /// The run gets threads of its own.
    pub(in crate::runtime) fn set_own_threads(&self, threads: Arc<OwnThreads>) {
        let is_first = self.own_threads.set(threads).is_ok();
        debug_assert!(is_first, "a run has one pool");
    }

    /// The threads for the calls of the run.
    pub(super) fn pool(&self) -> &Arc<Pool> {
        self.own_threads.get().map_or_else(|| &*POOL, |own| &own.pool)
    }

    pub(crate) fn ticket(&self, kind: Kind) -> Ticket {
        self.counts().tickets[kind as usize].fetch_add(1, Ordering::SeqCst);
        Ticket { inbox: Arc::clone(&self.inbox), kind }
    }

    /// Whether there is anything.
    pub(in crate::runtime) fn any(&self) -> bool {
        self.counts().any()
    }

    /// How many calls wait for a thread, if this run has any.
    pub(in crate::runtime) fn backlog(&self) -> usize {
        if self.counts().any_of(&[Kind::Owning, Kind::Lending]) { self.pool().backlog() } else { 0 }
    }

    /// Waits until all calls are over.
    pub(in crate::runtime) fn drain(&self) {
        self.wait_for(&[Kind::Owning, Kind::Lending]);
    }

    /// Waits until nothing is lent to other threads.
    pub(in crate::runtime) fn drain_lending(&self) {
        self.wait_for(&[Kind::Lending]);
    }

    fn wait_for(&self, kinds: &[Kind]) {
        let counts = self.counts();
        if counts.any_of(kinds) && !counts.are_of_a_fork() {
            let looking = lock(&counts.looking);
            drop(counts.none_left.wait_while(looking, |()| counts.any_of(kinds)));
        }
    }
}

impl Ticket {
    /// Makes a task ready that waits for what is done now.
    pub(super) fn wake(&self, task: TaskKey, busy: &Busy<'_>) {
        self.inbox.wake_with_result(task, |unheard| busy.backlog() > unheard);
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let counts = &self.inbox.tickets;
        if counts.tickets[self.kind as usize].fetch_sub(1, Ordering::SeqCst) == 1 {
            self.inbox.look_again();
            let _looking = lock(&counts.looking);
            counts.none_left.notify_all();
        }
    }
}
