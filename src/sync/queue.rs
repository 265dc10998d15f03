//! A first-in first-out queue between tasks of one thread: `asyncio.Queue`.
//!
//! Waiters are woken, not handed the item: whoever runs first takes it, and one that was woken for nothing waits again, as
//! in asyncio. A waiter that was woken and then goes away without taking its turn passes the wake-up on, so
//! none is lost.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::fmt;
use std::panic::Location;
use std::pin::Pin;

use thiserror::Error;

use crate::runtime::TaskKey;
use crate::runtime::operation::{Operation, sealed};
use crate::runtime::scheduler::with_scheduler;
use crate::runtime::wait_list::{List, Node};

/// The queue was shut down: it takes no more items, and has no more to give.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the queue was shut down")]
pub struct QueueShutDown;

/// Why there was no item at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum GetNowaitError {
    /// There is none.
    #[error("the queue is empty")]
    Empty,
    /// There will never be one.
    #[error("the queue was shut down")]
    ShutDown,
}

/// The queue was shut down; this item was not put.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PutError<T>(pub T);

/// Why an item was not put at once. Gives it back.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum PutNowaitError<T> {
    /// There is no room.
    Full(T),
    /// The queue was shut down.
    ShutDown(T),
}

impl<T> fmt::Debug for PutError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PutError(..)")
    }
}

impl<T> fmt::Display for PutError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        QueueShutDown.fmt(f)
    }
}

impl<T> std::error::Error for PutError<T> {}

impl<T> From<PutError<T>> for QueueShutDown {
    fn from(_: PutError<T>) -> Self {
        QueueShutDown
    }
}

impl<T> fmt::Debug for PutNowaitError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            PutNowaitError::Full(_) => "Full(..)",
            PutNowaitError::ShutDown(_) => "ShutDown(..)",
        })
    }
}

impl<T> fmt::Display for PutNowaitError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PutNowaitError::Full(_) => f.write_str("the queue is full"),
            PutNowaitError::ShutDown(_) => QueueShutDown.fmt(f),
        }
    }
}

impl<T> std::error::Error for PutNowaitError<T> {}

/// See the head of this file.
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
pub struct Queue<T> {
    items: RefCell<VecDeque<T>>,
    capacity: Option<usize>,
    getters: List,
    putters: List,
    /// Items put and not yet done.
    unfinished: Cell<usize>,
    idle_waiters: List,
    shut: Cell<bool>,
    made_at: &'static Location<'static>,
}

impl<T> fmt::Debug for Queue<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Queue").field("len", &self.len()).field("capacity", &self.capacity).finish()
    }
}

impl<T> Default for Queue<T> {
    #[track_caller]
    fn default() -> Self {
        Queue::unbounded()
    }
}

fn wake_first(list: &List) {
    if let Some(task) = list.complete_first() {
        with_scheduler(|scheduler| scheduler.wake(task));
    }
}

fn wake_all(list: &List) {
    while !list.is_empty() {
        wake_first(list);
    }
}

impl<T> Queue<T> {
    /// A queue that holds any number of items.
    #[track_caller]
    pub fn unbounded() -> Self {
        Queue::with_capacity_limit(None)
    }

    /// A queue that holds this many items; who puts more waits. 0 means no bound, as in Python.
    #[track_caller]
    pub fn bounded(capacity: usize) -> Self {
        Queue::with_capacity_limit((capacity > 0).then_some(capacity))
    }

    #[track_caller]
    fn with_capacity_limit(capacity: Option<usize>) -> Self {
        Queue {
            items: RefCell::new(VecDeque::new()),
            capacity,
            getters: List::new(),
            putters: List::new(),
            unfinished: Cell::new(0),
            idle_waiters: List::new(),
            shut: Cell::new(false),
            made_at: Location::caller(),
        }
    }

    /// How many items there are.
    pub fn len(&self) -> usize {
        self.items.borrow().len()
    }

    /// Whether there is no item.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether there is no room.
    pub fn is_full(&self) -> bool {
        self.capacity.is_some_and(|capacity| self.len() >= capacity)
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
    pub fn put(&self, item: T) -> Result<(), PutError<T>> {
        self.putting(item).wait()
    }

    /// The operation behind [`put`](Queue::put), for `select!`.
    pub fn putting(&self, item: T) -> Putting<'_, T> {
        Putting { queue: self, item: Some(item), node: Node::default() }
    }

    /// Puts an item in if there is room.
    ///
    /// # Errors
    ///
    /// Gives the item back if there is none, or the queue was shut down.
    pub fn put_nowait(&self, item: T) -> Result<(), PutNowaitError<T>> {
        if self.shut.get() {
            return Err(PutNowaitError::ShutDown(item));
        }
        if self.is_full() {
            return Err(PutNowaitError::Full(item));
        }
        self.items.borrow_mut().push_back(item);
        self.unfinished.set(self.unfinished.get() + 1);
        wake_first(&self.getters);
        Ok(())
    }

    /// Takes the oldest item, and waits for one if there is none.
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
    pub fn get(&self) -> Result<T, QueueShutDown> {
        self.getting().wait()
    }

    /// The operation behind [`get`](Queue::get), for `select!`.
    pub fn getting(&self) -> Getting<'_, T> {
        Getting { queue: self, node: Node::default() }
    }

    /// Takes the oldest item if there is one.
    ///
    /// # Errors
    ///
    /// If there is none.
    pub fn get_nowait(&self) -> Result<T, GetNowaitError> {
        let item = self.items.borrow_mut().pop_front();
        match item {
            Some(item) => {
                wake_first(&self.putters);
                Ok(item)
            }
            None if self.shut.get() => Err(GetNowaitError::ShutDown),
            None => Err(GetNowaitError::Empty),
        }
    }

    /// Shuts the queue down: it takes no more items, and who waits is told. What is in it can still be taken, unless
    /// `immediate`: then it is dropped, and counts as done.
    pub fn shutdown(&self, immediate: bool) {
        self.shut.set(true);
        let dropped = if immediate { self.items.take() } else { VecDeque::new() };
        if immediate {
            self.unfinished.set(self.unfinished.get().saturating_sub(dropped.len()));
            if self.unfinished.get() == 0 {
                wake_all(&self.idle_waiters);
            }
        }
        wake_all(&self.getters);
        wake_all(&self.putters);
        // Last, since it runs the destructors of the items, which may panic.
        drop(dropped);
    }

    /// Says that an item which was taken has been dealt with, for [`join`](Queue::join).
    ///
    /// # Panics
    ///
    /// Panics when called more often than items were put.
    pub fn task_done(&self) {
        let left = self.unfinished.get().checked_sub(1);
        self.unfinished.set(left.expect("cede: task_done() was called more often than items were put"));
        if self.unfinished.get() == 0 {
            wake_all(&self.idle_waiters);
        }
    }

    /// Waits until all items that were put have been dealt with.
    ///
    /// # Cancellation, panics
    ///
    /// As for [`get`](Queue::get).
    pub fn join(&self) {
        Idle { queue: self, node: Node::default() }.wait();
    }

    fn describe(&self, verb: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.capacity {
            Some(capacity) => write!(f, "{verb} Queue({}/{capacity}) made at {}", self.len(), self.made_at),
            None => write!(f, "{verb} Queue({}) made at {}", self.len(), self.made_at),
        }
    }
}

/// The operation of [`Queue::get`].
#[derive(Debug)]
pub struct Getting<'a, T> {
    queue: &'a Queue<T>,
    node: Node,
}

impl<T> sealed::Sealed for Getting<'_, T> {}

impl<T> Operation for Getting<'_, T> {
    type Output = Result<T, QueueShutDown>;

    fn attempt(self: Pin<&mut Self>) -> Option<Self::Output> {
        let output = match self.queue.get_nowait() {
            Ok(item) => Ok(item),
            Err(GetNowaitError::ShutDown) => Err(QueueShutDown),
            Err(GetNowaitError::Empty) => return None,
        };
        self.node.forget_completion();
        Some(output)
    }

    fn register(self: Pin<&mut Self>, task: TaskKey) {
        let this = self.into_ref();
        // SAFETY: a projection to a field that is pinned with the whole.
        unsafe { this.map_unchecked(|this| &this.node) }.link(&this.queue.getters, task);
    }

    fn withdraw(self: Pin<&mut Self>) {
        if self.node.leave() && !self.queue.is_empty() {
            wake_first(&self.queue.getters);
        }
    }

    fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.queue.describe("gets from", f)
    }
}

/// The operation of [`Queue::put`].
pub struct Putting<'a, T> {
    queue: &'a Queue<T>,
    item: Option<T>,
    node: Node,
}

impl<T> fmt::Debug for Putting<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Putting").field("queue", &self.queue).finish_non_exhaustive()
    }
}

impl<T> sealed::Sealed for Putting<'_, T> {}

impl<T> Operation for Putting<'_, T> {
    type Output = Result<(), PutError<T>>;

    fn attempt(self: Pin<&mut Self>) -> Option<Self::Output> {
        // SAFETY: the item is not pinned, only the node is.
        let this = unsafe { self.get_unchecked_mut() };
        let output = match this.queue.put_nowait(this.item.take()?) {
            Ok(()) => Ok(()),
            Err(PutNowaitError::ShutDown(item)) => Err(PutError(item)),
            Err(PutNowaitError::Full(item)) => {
                this.item = Some(item);
                return None;
            }
        };
        this.node.forget_completion();
        Some(output)
    }

    fn register(self: Pin<&mut Self>, task: TaskKey) {
        let this = self.into_ref();
        // SAFETY: a projection to a field that is pinned with the whole.
        unsafe { this.map_unchecked(|this| &this.node) }.link(&this.queue.putters, task);
    }

    fn withdraw(self: Pin<&mut Self>) {
        if self.node.leave() && !self.queue.is_full() {
            wake_first(&self.queue.putters);
        }
    }

    fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.queue.describe("puts into", f)
    }
}

/// The operation of [`Queue::join`].
struct Idle<'a, T> {
    queue: &'a Queue<T>,
    node: Node,
}

impl<T> sealed::Sealed for Idle<'_, T> {}

impl<T> Operation for Idle<'_, T> {
    type Output = ();

    fn attempt(self: Pin<&mut Self>) -> Option<()> {
        (self.queue.unfinished.get() == 0 || self.node.is_completed()).then_some(())
    }

    fn register(self: Pin<&mut Self>, task: TaskKey) {
        let this = self.into_ref();
        // SAFETY: a projection to a field that is pinned with the whole.
        unsafe { this.map_unchecked(|this| &this.node) }.link(&this.queue.idle_waiters, task);
    }

    fn withdraw(self: Pin<&mut Self>) {
        self.node.unlink();
    }

    fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.queue.describe("waits for the items of", f)
    }
}
