//! Queues between tasks: `asyncio.Queue`, `LifoQueue` and `PriorityQueue`, which are one type over an order.
//!
//! Waiters are woken, not handed the item: whoever runs first takes it, and one that was woken for nothing waits again, as
//! in asyncio. A waiter that was woken and then goes away without taking its turn passes the wake-up on, so
//! none is lost.

mod error;
mod exclusive;
mod heap;
mod operation;
mod order;

use std::fmt;
use std::panic::Location;
use std::pin::pin;

pub use error::{DoneTooOften, GetNowaitError, PutError, PutNowaitError, QueueShutDown};
pub use operation::{Getting, JoiningQueue, Putting};
use order::keep::{Items, Waited};
pub use order::{Fifo, Lifo, Order, Priority};

use crate::runtime::guarded::Guarded;
use crate::runtime::operation::Operation;
use crate::runtime::park;
use crate::runtime::wait_list::List;

/// A queue whose items come out in the order in which they went in: `asyncio.Queue`.
///
/// # Examples
///
/// ```
/// use cede::sync::Queue;
/// use std::rc::Rc;
///
/// cede::run(|| {
///     let queue = Rc::new(Queue::bounded(2));
///     let sink = Rc::clone(&queue);
///     let sum = cede::spawn(move || std::iter::from_fn(|| sink.get().ok()).sum::<i32>());
///     for i in 0..5 {
///         queue.put(i)?;
///     }
///     queue.shutdown(false);
///     assert_eq!(sum.join().unwrap(), 10);
///     Ok::<_, cede::sync::QueueShutDown>(())
/// }).unwrap();
/// ```
pub type Queue<T> = QueueBy<T, Fifo>;

/// A queue that gives the item first that came last: `asyncio.LifoQueue`.
///
/// # Examples
///
/// ```
/// use cede::sync::LifoQueue;
///
/// let queue = LifoQueue::unbounded();
/// [1, 3, 2].map(|item| queue.put_nowait(item).unwrap());
/// assert_eq!([(); 3].map(|()| queue.get_nowait().unwrap()), [2, 3, 1]);
/// ```
pub type LifoQueue<T> = QueueBy<T, Lifo>;

/// A queue that gives the smallest item first: `asyncio.PriorityQueue`. For the largest, put [`Reverse`](std::cmp::Reverse).
///
/// Of equal items neither the first nor the last comes first, but the one that does in Python. Items with a priority and something
/// that is not compared are tuples of the priority, a number that counts, and the rest in a type whose comparison says equal.
///
/// # Panics
///
/// A comparison must not wait, which is a panic as in [`no_switch`](crate::no_switch), and must not use the queue that it
/// is for, save to ask how many items there are: that is a panic too. Where a comparison panics, the panic goes on to whoever
/// puts or gets, and nothing is lost: an item that was being put is in the queue, one that was to be had still is. Their
/// order may be wrong from then on.
///
/// # Examples
///
/// ```
/// use cede::sync::PriorityQueue;
///
/// let queue = PriorityQueue::unbounded();
/// [(2, "wash"), (1, "eat"), (3, "sleep")].map(|item| queue.put_nowait(item).unwrap());
/// assert_eq!([(); 3].map(|()| queue.get_nowait().unwrap().1), ["eat", "wash", "sleep"]);
/// ```
pub type PriorityQueue<T> = QueueBy<T, Priority>;

/// What [`Queue`], [`LifoQueue`] and [`PriorityQueue`] are: items that tasks put in and get out, in some order.
pub struct QueueBy<T, O: Order<T>> {
    state: Guarded<State<O::Items>>,
    beside: O::Beside,
    capacity: Option<usize>,
    made_at: &'static Location<'static>,
}

struct State<I> {
    items: I,
    getters: List,
    putters: List,
    /// Items put and not yet done.
    unfinished: usize,
    /// How often there were none such.
    times_idle: u64,
    joiners: List,
    shut: bool,
}

impl<I> State<I> {
    /// All items have been dealt with.
    fn note_idle(&mut self) {
        self.times_idle += 1;
        self.joiners.complete_all();
    }
}

impl<T, O: Order<T>> Default for QueueBy<T, O> {
    #[track_caller]
    fn default() -> Self {
        QueueBy::unbounded()
    }
}

impl<T, O: Order<T>> QueueBy<T, O> {
    /// A queue that holds any number of items.
    #[track_caller]
    pub fn unbounded() -> Self {
        QueueBy::with_capacity_limit(None)
    }

    /// A queue that holds this many items; who puts more waits. 0 means no bound, as in Python.
    #[track_caller]
    pub fn bounded(capacity: usize) -> Self {
        QueueBy::with_capacity_limit((capacity > 0).then_some(capacity))
    }

    #[track_caller]
    fn with_capacity_limit(capacity: Option<usize>) -> Self {
        let state = State {
            items: O::Items::default(),
            getters: List::new(),
            putters: List::new(),
            unfinished: 0,
            times_idle: 0,
            joiners: List::new(),
            shut: false,
        };
        QueueBy {
            state: Guarded::new(state),
            beside: O::Beside::default(),
            capacity,
            made_at: Location::caller(),
        }
    }

    /// How many items there are: `qsize()`.
    pub fn len(&self) -> usize {
        self.state.lock().items.count()
    }

    /// Whether there is no item: `empty()`.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether there is no room: `full()`.
    pub fn is_full(&self) -> bool {
        self.is_full_at(self.len())
    }

    /// How many items it holds at most, or any number: `maxsize`.
    pub fn capacity(&self) -> Option<usize> {
        self.capacity
    }

    /// Puts an item in, and waits for room if there is none.
    ///
    /// # Errors
    ///
    /// Gives the item back when the queue is or was shut down.
    ///
    /// # Cancellation
    ///
    /// Unwinds when the task is cancelled meanwhile; the item is then dropped, not put.
    ///
    /// # Panics
    ///
    /// Panics where a task may not wait, if it has to; see [`Operation::wait`].
    #[inline(always)]
    pub fn put(&self, item: T) -> Result<(), PutError<T>> {
        match O::put(self, item, Waited(None)) {
            Ok(()) => Ok(()),
            Err(PutNowaitError::ShutDown(item)) => Err(PutError(item)),
            Err(PutNowaitError::Full(item)) => park::wait_attempted(pin!(self.putting(item))),
        }
    }

    /// The operation behind [`put`](QueueBy::put), for `select!`.
    pub fn putting(&self, item: T) -> Putting<'_, T, O> {
        Putting::of(self, item)
    }

    /// Puts an item in if there is room.
    ///
    /// # Errors
    ///
    /// Gives the item back if there is none (Python's QueueFull), or the queue was shut down.
    #[inline]
    pub fn put_nowait(&self, item: T) -> Result<(), PutNowaitError<T>> {
        O::put(self, item, Waited(None))
    }

    /// Takes the next item, and waits for one if there is none.
    ///
    /// # Errors
    ///
    /// When there is none and the queue is or was shut down.
    ///
    /// # Cancellation
    ///
    /// Unwinds when the task is cancelled meanwhile; no item is lost.
    ///
    /// # Panics
    ///
    /// Panics where a task may not wait, if it has to; see [`Operation::wait`].
    #[inline(always)]
    pub fn get(&self) -> Result<T, QueueShutDown> {
        match O::get(self, Waited(None)) {
            Ok(item) => Ok(item),
            Err(GetNowaitError::ShutDown) => Err(QueueShutDown),
            Err(GetNowaitError::Empty) => park::wait_attempted(pin!(self.getting())),
        }
    }

    /// The operation behind [`get`](QueueBy::get), for `select!`.
    pub fn getting(&self) -> Getting<'_, T, O> {
        Getting::of(self)
    }

    /// Takes the next item if there is one.
    ///
    /// # Errors
    ///
    /// If there is none: Python's QueueEmpty, or the queue was shut down.
    #[inline]
    pub fn get_nowait(&self) -> Result<T, GetNowaitError> {
        O::get(self, Waited(None))
    }

    /// Shuts the queue down: it takes no more items, and who waits is told. What is in it can still be taken, unless
    /// `immediate`: then it is dropped, and counts as done.
    pub fn shutdown(&self, immediate: bool) {
        // Without a lock, since it runs the destructors of the items, which may panic.
        drop(O::shut_down(self, immediate));
    }

    /// Says that an item which was taken has been dealt with, for [`join`](QueueBy::join).
    ///
    /// # Errors
    ///
    /// When it is called more often than items were put: Python's ValueError.
    pub fn task_done(&self) -> Result<(), DoneTooOften> {
        let mut state = self.state.lock();
        state.unfinished = state.unfinished.checked_sub(1).ok_or(DoneTooOften)?;
        if state.unfinished == 0 {
            state.note_idle();
        }
        Ok(())
    }

    /// Waits until all items that were put have been dealt with.
    ///
    /// # Cancellation, panics
    ///
    /// As for [`get`](QueueBy::get).
    pub fn join(&self) {
        self.joining().wait();
    }

    /// The operation behind [`join`](QueueBy::join), for `select!`.
    pub fn joining(&self) -> JoiningQueue<'_, T, O> {
        JoiningQueue::of(self)
    }

    fn describe(&self, verb: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (noun, len, place) = (O::NOUN, self.len(), self.made_at);
        match self.capacity {
            Some(capacity) => write!(f, "{verb} {noun}({len}/{capacity}) made at {place}"),
            None => write!(f, "{verb} {noun}({len}) made at {place}"),
        }
    }

    #[inline(always)]
    fn is_full_at(&self, len: usize) -> bool {
        self.capacity.is_some_and(|capacity| len >= capacity)
    }

    /// Gives the item to be put, or why it can't be.
    #[inline(always)]
    fn admit(&self, state: &State<O::Items>, item: T) -> Result<T, PutNowaitError<T>> {
        if state.shut {
            Err(PutNowaitError::ShutDown(item))
        } else if self.is_full_at(state.items.count()) {
            Err(PutNowaitError::Full(item))
        } else {
            Ok(item)
        }
    }
}

impl<T, O: Order<T>> fmt::Debug for QueueBy<T, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.state.lock();
        let (len, unfinished, shut_down) = (state.items.count(), state.unfinished, state.shut);
        let (getters, putters) = (state.getters.count_waiting(), state.putters.count_waiting());
        drop(state);
        f.debug_struct(O::NOUN)
            .field("len", &len)
            .field("capacity", &self.capacity)
            .field("unfinished", &unfinished)
            .field("getters", &getters)
            .field("putters", &putters)
            .field("shut_down", &shut_down)
            .finish()
    }
}
