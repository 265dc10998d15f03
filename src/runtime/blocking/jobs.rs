//! What is under way for one run on other threads.
//!
//! Whatever it is holds a ticket until it is over. There are three kinds, since not all of it is waited for at the same time:
//! what borrows before the run comes back to its caller, what owns all that it uses when the run's scheduler goes, and what a task
//! merely waits for never.

use std::cell::OnceCell;
use std::sync::Arc;
use std::time::Duration;

use super::{IDLE_MAX, POOL, Pool, THREADS_MAX, lock, pool};
use crate::atomics::{AtomicUsize, Condvar, Mutex, Ordering};

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

#[derive(Debug)]
struct Counts {
    /// The process that has the threads: not a fork of it, in which nothing of this ever ends.
    process: u32,
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
            process: std::process::id(),
            tickets: Default::default(),
            looking: Mutex::default(),
            none_left: Condvar::default(),
        }
    }
}

impl Counts {
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
#[derive(Debug, Default)]
pub(crate) struct Jobs {
    counts: Arc<Counts>,
    /// The run's own threads, if it has any.
    own_threads: OnceCell<Arc<OwnThreads>>,
}

/// Held until it is over.
#[derive(Debug)]
pub(crate) struct Ticket {
    counts: Arc<Counts>,
    kind: Kind,
}

impl Jobs {
    /// The run gets threads of its own.
    pub(in crate::runtime) fn set_own_threads(&self, threads: Arc<OwnThreads>) {
        let is_first = self.own_threads.set(threads).is_ok();
        debug_assert!(is_first, "a run has one pool");
    }

    /// The threads for the calls of the run.
    pub(super) fn pool(&self) -> Arc<Pool> {
        Arc::clone(self.own_threads.get().map_or_else(|| &*POOL, |own| &own.pool))
    }

    pub(crate) fn ticket(&self, kind: Kind) -> Ticket {
        self.counts.tickets[kind as usize].fetch_add(1, Ordering::SeqCst);
        Ticket { counts: Arc::clone(&self.counts), kind }
    }

    /// Whether there is anything.
    pub(in crate::runtime) fn any(&self) -> bool {
        self.counts.any_of(&[Kind::Owning, Kind::Lending, Kind::Awaited])
    }

    /// How many there are.
    pub(in crate::runtime) fn count(&self) -> usize {
        self.counts.tickets.iter().map(|tickets| tickets.load(Ordering::SeqCst)).sum()
    }

    /// Whether this is a fork of the process, in which nothing of this ever ends.
    pub(in crate::runtime) fn are_forked(&self) -> bool {
        self.counts.process != std::process::id()
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
        if self.counts.any_of(kinds) && !self.are_forked() {
            let looking = lock(&self.counts.looking);
            drop(self.counts.none_left.wait_while(looking, |()| self.counts.any_of(kinds)));
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if self.counts.tickets[self.kind as usize].fetch_sub(1, Ordering::SeqCst) == 1 {
            let _looking = lock(&self.counts.looking);
            self.counts.none_left.notify_all();
        }
    }
}
