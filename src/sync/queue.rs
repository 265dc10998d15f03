//! A first-in first-out queue between tasks: `asyncio.Queue`.
//!
//! Waiters are woken, not handed the item: whoever runs first takes it, and one that was woken for nothing waits again, as
//! in asyncio. A waiter that was woken and then goes away without taking its turn passes the wake-up on, so
//! none is lost.

use std::collections::VecDeque;
use std::fmt;
use std::panic::Location;
use std::pin::Pin;

use pin_project_lite::pin_project;
use thiserror::Error;

use crate::runtime::guarded::Guarded;
use crate::runtime::operation::{CancelWait, Operation, sealed};
use crate::runtime::wait_list::{List, Node, State as Wait};
use crate::runtime::waiter::Waiter;

/// The queue was shut down: it takes no more items, and has no more to give.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the queue was shut down")]
pub struct QueueShutDown;

/// `task_done` was called more often than items were put.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("task_done was called more often than items were put")]
pub struct DoneTooOften;

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
    state: Guarded<State<T>>,
    capacity: Option<usize>,
    made_at: &'static Location<'static>,
}

struct State<T> {
    items: VecDeque<T>,
    getters: List,
    putters: List,
    /// Items put and not yet done.
    unfinished: usize,
    idle_waiters: List,
    shut: bool,
}

impl<T> State<T> {
    #[inline]
    fn get(&mut self) -> Result<T, GetNowaitError> {
        match self.items.pop_front() {
            Some(item) => {
                self.putters.pop_first();
                Ok(item)
            }
            None if self.shut => Err(GetNowaitError::ShutDown),
            None => Err(GetNowaitError::Empty),
        }
    }
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
        let state = State {
            items: VecDeque::new(),
            getters: List::new(),
            putters: List::new(),
            unfinished: 0,
            idle_waiters: List::new(),
            shut: false,
        };
        Queue { state: Guarded::new(state), capacity, made_at: Location::caller() }
    }

    /// How many items there are.
    pub fn len(&self) -> usize {
        self.state.lock().items.len()
    }

    /// Whether there is no item.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether there is no room.
    pub fn is_full(&self) -> bool {
        self.is_full_at(self.len())
    }

    fn is_full_at(&self, len: usize) -> bool {
        self.capacity.is_some_and(|capacity| len >= capacity)
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
        self.put_into(&mut self.state.lock(), item)
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
    #[inline(always)]
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
        self.state.lock().get()
    }

    /// Shuts the queue down: it takes no more items, and who waits is told. What is in it can still be taken, unless
    /// `immediate`: then it is dropped, and counts as done.
    pub fn shutdown(&self, immediate: bool) {
        let mut state = self.state.lock();
        state.shut = true;
        let dropped = if immediate { std::mem::take(&mut state.items) } else { VecDeque::new() };
        if immediate {
            state.unfinished = state.unfinished.saturating_sub(dropped.len());
            if state.unfinished == 0 {
                state.idle_waiters.complete_all();
            }
        }
        state.getters.pop_all();
        state.putters.pop_all();
        // Last, and without the lock, since it runs the destructors of the items, which may panic.
        drop(state);
        drop(dropped);
    }

    /// Says that an item which was taken has been dealt with, for [`join`](Queue::join).
    ///
    /// # Errors
    ///
    /// When it is called more often than items were put.
    pub fn task_done(&self) -> Result<(), DoneTooOften> {
        let mut state = self.state.lock();
        state.unfinished = state.unfinished.checked_sub(1).ok_or(DoneTooOften)?;
        if state.unfinished == 0 {
            state.idle_waiters.complete_all();
        }
        Ok(())
    }

    /// Waits until all items that were put have been dealt with.
    ///
    /// # Cancellation, panics
    ///
    /// As for [`get`](Queue::get).
    pub fn join(&self) {
        Idle { queue: self, node: Node::default() }.wait();
    }

    #[inline]
    fn put_into(&self, state: &mut State<T>, item: T) -> Result<(), PutNowaitError<T>> {
        if state.shut {
            return Err(PutNowaitError::ShutDown(item));
        }
        if self.is_full_at(state.items.len()) {
            return Err(PutNowaitError::Full(item));
        }
        state.items.push_back(item);
        state.unfinished += 1;
        state.getters.pop_first();
        Ok(())
    }

    fn describe(&self, verb: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.capacity {
            Some(capacity) => write!(f, "{verb} Queue({}/{capacity}) made at {}", self.len(), self.made_at),
            None => write!(f, "{verb} Queue({}) made at {}", self.len(), self.made_at),
        }
    }
}

pin_project! {
    /// The operation of [`Queue::get`].
    #[derive(Debug)]
    pub struct Getting<'a, T> {
        queue: &'a Queue<T>,
        #[pin]
        node: Node,
    }
}

impl<T> sealed::Sealed for Getting<'_, T> {}

impl<T> Operation for Getting<'_, T> {
    type Output = Result<T, QueueShutDown>;

    fn attempt(self: Pin<&mut Self>) -> Option<Self::Output> {
        let mut state = self.queue.state.lock();
        let output = match state.get() {
            Ok(item) => Ok(item),
            Err(GetNowaitError::ShutDown) => Err(QueueShutDown),
            Err(GetNowaitError::Empty) => return None,
        };
        state.getters.use_up(&self.node);
        Some(output)
    }

    fn register(self: Pin<&mut Self>, waiter: Waiter) {
        let this = self.project();
        let state = this.queue.state.lock();
        if state.shut || !state.items.is_empty() {
            waiter.wake_later();
        } else {
            state.getters.link(this.node.as_ref(), waiter);
        }
    }

    #[inline]
    fn withdraw(self: Pin<&mut Self>) {
        if self.node.has_left() {
            return;
        }
        let state = self.queue.state.lock();
        if state.getters.remove(&self.node) == Wait::Completed && !state.items.is_empty() {
            state.getters.pop_first();
        }
    }

    fn cancel(&self) -> CancelWait {
        self.queue.state.lock().getters.cancel_wait(&self.node)
    }

    fn is_local(&self) -> bool {
        false
    }

    fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.queue.describe("gets from", f)
    }
}

pin_project! {
    /// The operation of [`Queue::put`].
    pub struct Putting<'a, T> {
        queue: &'a Queue<T>,
        item: Option<T>,
        #[pin]
        node: Node,
    }
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
        let this = self.project();
        let mut state = this.queue.state.lock();
        let output = match this.queue.put_into(&mut state, this.item.take()?) {
            Ok(()) => Ok(()),
            Err(PutNowaitError::ShutDown(item)) => Err(PutError(item)),
            Err(PutNowaitError::Full(item)) => {
                *this.item = Some(item);
                return None;
            }
        };
        state.putters.use_up(&this.node);
        Some(output)
    }

    fn register(self: Pin<&mut Self>, waiter: Waiter) {
        let this = self.project();
        let state = this.queue.state.lock();
        if state.shut || !this.queue.is_full_at(state.items.len()) {
            waiter.wake_later();
        } else {
            state.putters.link(this.node.as_ref(), waiter);
        }
    }

    #[inline]
    fn withdraw(self: Pin<&mut Self>) {
        if self.node.has_left() {
            return;
        }
        let state = self.queue.state.lock();
        if state.putters.remove(&self.node) == Wait::Completed && !self.queue.is_full_at(state.items.len()) {
            state.putters.pop_first();
        }
    }

    fn cancel(&self) -> CancelWait {
        self.queue.state.lock().putters.cancel_wait(&self.node)
    }

    fn is_local(&self) -> bool {
        false
    }

    fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.queue.describe("puts into", f)
    }
}

pin_project! {
    // The operation of `Queue::join`.
    struct Idle<'a, T> {
        queue: &'a Queue<T>,
        #[pin]
        node: Node,
    }
}

impl<T> sealed::Sealed for Idle<'_, T> {}

impl<T> Operation for Idle<'_, T> {
    type Output = ();

    fn attempt(self: Pin<&mut Self>) -> Option<()> {
        let state = self.queue.state.lock();
        (state.unfinished == 0 || state.idle_waiters.state(&self.node) == Wait::Completed).then_some(())
    }

    fn register(self: Pin<&mut Self>, waiter: Waiter) {
        let this = self.project();
        let state = this.queue.state.lock();
        if state.unfinished == 0 {
            waiter.wake_later();
        } else {
            state.idle_waiters.link(this.node.as_ref(), waiter);
        }
    }

    fn withdraw(self: Pin<&mut Self>) {
        self.queue.state.lock().idle_waiters.remove(&self.node);
    }

    fn cancel(&self) -> CancelWait {
        self.queue.state.lock().idle_waiters.cancel_wait(&self.node)
    }

    fn is_local(&self) -> bool {
        false
    }

    fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.queue.describe("waits for the items of", f)
    }
}
