//! What is under way for one run on other threads.
//!
//! Whatever it is holds a ticket until it is over. There are three kinds, since not all of it is waited for at the same time:
//! what borrows before the run comes back to its caller, what owns all that it uses when the run's scheduler goes, and what a task
//! merely waits for never.

use std::cell::OnceCell;
use std::sync::Arc;
use std::time::Duration;

use super::{POOL, Pool, lock, pool};
use crate::atomics::{Condvar, Mutex};

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

#[derive(Debug, Default)]
struct Counts {
    /// By kind.
    tickets: Mutex<[usize; 3]>,
    /// The last ticket of a kind has gone.
    none_left: Condvar,
}

/// See the head of this file.
#[derive(Debug, Default)]
pub(crate) struct Jobs {
    counts: Arc<Counts>,
    /// The run's own threads, if it has any.
    pool: OnceCell<Arc<Pool>>,
}

/// Held until it is over.
#[derive(Debug)]
pub(crate) struct Ticket {
    counts: Arc<Counts>,
    kind: Kind,
}

impl Jobs {
    /// The run gets threads of its own.
    pub(in crate::runtime) fn set_pool(&self, threads_max: usize, idle_max: Duration) {
        let is_first = self.pool.set(pool(threads_max, idle_max)).is_ok();
        debug_assert!(is_first, "a run has one pool");
    }

    /// The threads for the calls of the run.
    pub(super) fn pool(&self) -> Arc<Pool> {
        Arc::clone(self.pool.get().unwrap_or_else(|| &*POOL))
    }

    pub(crate) fn ticket(&self, kind: Kind) -> Ticket {
        lock(&self.counts.tickets)[kind as usize] += 1;
        Ticket { counts: Arc::clone(&self.counts), kind }
    }

    /// Whether there is anything.
    pub(in crate::runtime) fn any(&self) -> bool {
        lock(&self.counts.tickets).iter().sum::<usize>() > 0
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
        let tickets = lock(&self.counts.tickets);
        let any = |tickets: &mut [usize; 3]| kinds.iter().any(|kind| tickets[*kind as usize] > 0);
        drop(self.counts.none_left.wait_while(tickets, any));
    }

    /// The run is over: its own threads go. No calls are left.
    pub(in crate::runtime) fn close(&self) {
        if let Some(pool) = self.pool.get() {
            pool.close();
            pool.join();
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let mut tickets = lock(&self.counts.tickets);
        let left = &mut tickets[self.kind as usize];
        *left -= 1;
        if *left == 0 {
            self.counts.none_left.notify_all();
        }
    }
}
