//! One watched descriptor, as one reactor sees it: who waits for it, and what is known of its readiness.
//!
//! Readiness is reported at its edges only, so it is remembered here. A side is `ready` from an edge until
//! an operation found that it would block; then nothing but the next edge makes it ready again. An operation that
//! finds its side not ready waits without asking the system.
//!
//! All of it happens on the reactor's thread, and edges are noted only while that thread is inside of
//! [`Reactor::wait`](super::Reactor::wait). So no edge can fall between "it would block" and the wait.
//!
//! An edge wakes one waiter in each direction, the first. When that one is through, it asks whether something is left
//! and wakes the next if so. Waking all would be simpler and unfair: the first to run would take what there is, wait again
//! ahead of the losers, and win again.
//!
//! # When a read that was not filled is believed
//!
//! A read of a stream that gave less than was asked for has emptied it, and the next read would only say
//! so. Believing that saves a system call for each message, and it is right only when everything that may follow
//! without a further edge is known of: the end of the stream and an error (RDHUP, HUP, ERR in the event that
//! brought the data), and urgent data, at whose mark reads stop early (PRI). Once one of these was seen,
//! reads are tried always. The portable backend cannot see the end of a stream, and never believes.

use std::cell::Cell;
use std::rc::Rc;

use super::super::wait_list::List;

/// What an operation needs a descriptor to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Direction {
    Read,
    Write,
}

/// What one event says of a descriptor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Edge {
    pub(crate) readable: bool,
    pub(crate) writable: bool,
    /// More may follow what is read now without a further edge: see above.
    pub(crate) irregular: bool,
}

/// One direction of a source.
#[derive(Debug, Default)]
struct Side {
    waiters: List,
    ready: Cell<bool>,
}

/// One registration of one descriptor. Does not move, since its lists are pointed to.
#[derive(Debug)]
pub(crate) struct Source {
    read: Side,
    write: Side,
    /// A read that was not filled has emptied the stream.
    short_reads_empty: Cell<bool>,
    /// The descriptor was closed underneath, and its number has been registered again.
    lost: Cell<bool>,
    /// How many operations wait for sources of this reactor.
    waiting: Rc<Cell<usize>>,
}

impl Source {
    pub(super) fn new(waiting: Rc<Cell<usize>>, sees_ends: bool) -> Rc<Self> {
        let (read, write) = (Side::default(), Side::default());
        let (short_reads_empty, lost) = (Cell::new(sees_ends), Cell::new(false));
        Rc::new(Source { read, write, short_reads_empty, lost, waiting })
    }

    fn side(&self, direction: Direction) -> &Side {
        match direction {
            Direction::Read => &self.read,
            Direction::Write => &self.write,
        }
    }

    /// Whether an operation in this direction is worth trying.
    pub(crate) fn is_ready(&self, direction: Direction) -> bool {
        self.side(direction).ready.get()
    }

    /// An operation in this direction found that it would block.
    pub(crate) fn would_block(&self, direction: Direction) {
        self.side(direction).ready.set(false);
    }

    /// A read of a stream gave less than was asked for, but something.
    pub(crate) fn read_was_short(&self) {
        if self.short_reads_empty.get() {
            self.read.ready.set(false);
        }
    }

    /// The descriptor was closed underneath.
    pub(super) fn lose(&self) {
        self.lost.set(true);
    }

    /// Whether the descriptor was closed underneath, and this stands for nothing any more.
    pub(super) fn is_lost(&self) -> bool {
        self.lost.get()
    }

    /// The list of those who wait in this direction. Each of them is also counted.
    pub(crate) fn waiters(&self, direction: Direction) -> &List {
        &self.side(direction).waiters
    }

    /// Counts an operation that begins to wait.
    pub(crate) fn count_waiter(&self) {
        self.waiting.set(self.waiting.get() + 1);
    }

    /// Counts off an operation that no longer waits.
    pub(crate) fn discount_waiter(&self) {
        self.waiting.set(self.waiting.get() - 1);
    }

    /// Notes an edge, and wakes who came first in each direction. Whoever is woken wakes the next when something is left for
    /// that one, or when it goes without having tried: see [`pass_on`](super::pass_on).
    pub(super) fn note(&self, edge: Edge) {
        if edge.irregular {
            self.short_reads_empty.set(false);
        }
        for (side, is_ready) in [(&self.read, edge.readable), (&self.write, edge.writable)] {
            if is_ready {
                side.ready.set(true);
                side.waiters.pop_first();
            }
        }
    }
}
