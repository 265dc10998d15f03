//! A channel whose items go to every receiver.
//!
//! It keeps a bounded number of items. Sending never waits: where there is no room the oldest item goes, and a receiver that had not had it
//! yet is told how many it has missed, and goes on with the oldest that is kept. An item that all have received is not kept.
//!
//! ```text
//!            head            tail
//!   ... x x | d  e  f  g  h |         x: gone
//!         ▲      ▲           ▲
//!         │      │           └── C has had all
//!         │      └── B comes to e next
//!         └── A has lagged: it is told so, and comes to d next
//! ```
//!
//! Each item counts the receivers that have yet to come to it, so the last of them gets the item itself, and the others get
//! clones. They are made without any lock, maybe on several threads at once, so a channel goes to other threads only where its items
//! are `Sync` too.
//!
//! # Examples
//!
//! ```
//! use cede::sync::broadcast::{self, RecvError};
//!
//! cede::run(|| {
//!     let (tx, rx) = broadcast::channel(2);
//!     let other = tx.subscribe();
//!     let sum = cede::spawn(move || other.recv().unwrap() + other.recv().unwrap());
//!     (1..=2).for_each(|n| assert_eq!(tx.send(n), Ok(2)));
//!     assert_eq!(sum.join().unwrap(), 3);
//!     tx.send(3).unwrap();
//!     assert_eq!(rx.recv(), Err(RecvError::Lagged(1)));
//!     assert_eq!(rx.recv(), Ok(2));
//! });
//! ```

use std::collections::VecDeque;
use std::fmt;
use std::panic::Location;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use pin_project_lite::pin_project;
use thiserror::Error;

use super::channel::Receivers;
pub use super::channel::{Closing, SendError};
use crate::runtime::guarded::Guarded;
use crate::runtime::operation::{CancelWait, Operation, sealed};
use crate::runtime::wait_list::{List, Node};
use crate::runtime::waiter::Waiter;
use crate::runtime::with_deadline::wait_within;

/// This many items went before the receiver came to them. What it receives next is the oldest that is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("{0} items went before they were received")]
pub struct Lagged(pub u64);

/// Why there is no item.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum RecvError {
    /// Nothing is left, and nothing will come.
    #[error("nobody sends into the channel any more")]
    Closed,
    /// This many went before they were received; see [`Lagged`].
    #[error("{0} items went before they were received")]
    Lagged(u64),
}

/// Why there was no item at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum TryRecvError {
    /// There is none.
    #[error("the channel is empty")]
    Empty,
    /// Nothing is left, and nothing will come.
    #[error("nobody sends into the channel any more")]
    Closed,
    /// This many went before they were received; see [`Lagged`].
    #[error("{0} items went before they were received")]
    Lagged(u64),
}

/// Why there was no item in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum RecvTimeoutError {
    /// The time was up, and there was none.
    #[error("the time was up and the channel was empty")]
    Timeout,
    /// Nothing is left, and nothing will come.
    #[error("nobody sends into the channel any more")]
    Closed,
    /// This many went before they were received; see [`Lagged`].
    #[error("{0} items went before they were received")]
    Lagged(u64),
}

impl From<RecvError> for TryRecvError {
    fn from(error: RecvError) -> Self {
        match error {
            RecvError::Closed => TryRecvError::Closed,
            RecvError::Lagged(missed) => TryRecvError::Lagged(missed),
        }
    }
}

impl From<RecvError> for RecvTimeoutError {
    fn from(error: RecvError) -> Self {
        match error {
            RecvError::Closed => RecvTimeoutError::Closed,
            RecvError::Lagged(missed) => RecvTimeoutError::Lagged(missed),
        }
    }
}

struct Channel<T> {
    state: Guarded<State<T>>,
    capacity: usize,
    made_at: &'static Location<'static>,
}

struct Kept<T> {
    item: Arc<T>,
    /// How many receivers have yet to come to it. It goes with the last, so those of which there are 0 are gone.
    receivers: usize,
}

struct State<T> {
    /// Never more than the capacity.
    items: VecDeque<Kept<T>>,
    /// The number of the first of them, counted from the beginning of the channel.
    head: u64,
    senders: usize,
    receivers: usize,
    receiving: List,
    closing: List,
}

impl<T> State<T> {
    /// The number of the next item that is sent.
    fn tail(&self) -> u64 {
        self.head + self.items.len() as u64
    }

    /// The item for a receiver that comes to this number; nothing where there is none yet. Moves the receiver on.
    fn receive(&mut self, position: &AtomicU64) -> Option<Result<Arc<T>, RecvError>> {
        let at = position.load(Ordering::Relaxed);
        if at < self.head {
            position.store(self.head, Ordering::Relaxed);
            return Some(Err(RecvError::Lagged(self.head - at)));
        }
        let index = (at - self.head) as usize;
        let Some(kept) = self.items.get_mut(index) else {
            return (self.senders == 0).then_some(Err(RecvError::Closed));
        };
        position.store(at + 1, Ordering::Relaxed);
        kept.receivers -= 1;
        if kept.receivers > 0 {
            return Some(Ok(Arc::clone(&kept.item)));
        }
        // Whoever has yet to come to an earlier one has yet to come to this one, so this is the first.
        Some(Ok(self.pop().expect("it is there")))
    }

    /// Takes the oldest item out.
    fn pop(&mut self) -> Option<Arc<T>> {
        let kept = self.items.pop_front()?;
        self.head += 1;
        Some(kept.item)
    }

    fn add_receiver(&mut self) -> AtomicU64 {
        self.receivers += 1;
        AtomicU64::new(self.tail())
    }

    /// A receiver is dropped that would have come to this number next. Takes the items out that nobody comes to any more.
    fn remove_receiver(&mut self, position: u64) -> VecDeque<Kept<T>> {
        self.receivers -= 1;
        if self.receivers == 0 {
            self.closing.pop_all();
        }
        let from = position.saturating_sub(self.head) as usize;
        self.items.iter_mut().skip(from).for_each(|kept| kept.receivers -= 1);
        let unwanted = self.items.partition_point(|kept| kept.receivers == 0);
        self.head += unwanted as u64;
        if unwanted == 0 {
            return VecDeque::new();
        }
        let wanted = self.items.split_off(unwanted);
        std::mem::replace(&mut self.items, wanted)
    }
}

impl<T> Channel<T> {
    fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let len = self.state.lock().items.len();
        write!(f, "broadcast channel({len}/{}) made at {}", self.capacity, self.made_at)
    }

    fn subscribe(self: &Arc<Self>) -> Receiver<T> {
        let position = self.state.lock().add_receiver();
        Receiver { channel: Arc::clone(self), position }
    }
}

impl<T> Receivers for Sender<T> {
    fn look<R>(&self, f: impl FnOnce(bool, &List) -> R) -> R {
        let state = self.channel.state.lock();
        f(state.receivers == 0, &state.closing)
    }

    fn describe_channel(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.channel.describe(f)
    }
}

/// A channel that keeps this many items for those who have not received them.
///
/// # Panics
///
/// Panics when it is zero.
#[track_caller]
pub fn channel<T: Clone>(capacity: usize) -> (Sender<T>, Receiver<T>) {
    assert!(capacity > 0, "cede: a channel holds one item at least: give it a bound of 1 or more");
    let state = State {
        items: VecDeque::new(),
        head: 0,
        senders: 1,
        receivers: 0,
        receiving: List::new(),
        closing: List::new(),
    };
    let channel = Arc::new(Channel { state: Guarded::new(state), capacity, made_at: Location::caller() });
    let receiver = channel.subscribe();
    (Sender { channel }, receiver)
}

/// The side that sends. Clones send into the same channel; when the last is dropped, it ends.
pub struct Sender<T> {
    channel: Arc<Channel<T>>,
}

impl<T> Sender<T> {
    /// Sends an item to all who receive now, and gives their number. Never waits: where there is no room the oldest item
    /// goes.
    ///
    /// # Errors
    ///
    /// Gives the item back when nobody receives. Somebody may [`subscribe`](Sender::subscribe) later.
    pub fn send(&self, item: T) -> Result<usize, SendError<T>> {
        let item = Arc::new(item);
        let mut state = self.channel.state.lock();
        let receivers = state.receivers;
        if receivers == 0 {
            drop(state);
            return Err(SendError(Arc::into_inner(item).expect("nobody else has it")));
        }
        let oldest = if state.items.len() == self.channel.capacity { state.pop() } else { None };
        state.items.push_back(Kept { item, receivers });
        state.receiving.pop_all();
        drop(state);
        // What drops here may use the channel.
        drop(oldest);
        Ok(receivers)
    }

    /// Another receiver, of what is sent from now on.
    pub fn subscribe(&self) -> Receiver<T> {
        self.channel.subscribe()
    }

    /// How many receivers there are.
    pub fn receiver_count(&self) -> usize {
        self.channel.state.lock().receivers
    }

    /// How many items are kept for some receiver.
    pub fn len(&self) -> usize {
        self.channel.state.lock().items.len()
    }

    /// Whether no item is kept: all have received all.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Waits until nobody receives any more.
    ///
    /// # Cancellation
    ///
    /// Unwinds when the task is cancelled meanwhile.
    ///
    /// # Panics
    ///
    /// Panics where a task may not wait, if it has to; see [`Operation::wait`].
    pub fn closed(&self) {
        self.closing().wait()
    }

    /// The operation of [`closed`](Sender::closed), for `select!`.
    pub fn closing(&self) -> Closing<'_, Self> {
        Closing::of(self)
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        self.channel.state.lock().senders += 1;
        Sender { channel: Arc::clone(&self.channel) }
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        let mut state = self.channel.state.lock();
        state.senders -= 1;
        if state.senders == 0 {
            state.receiving.pop_all();
        }
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender")
            .field("len", &self.len())
            .field("receivers", &self.receiver_count())
            .finish_non_exhaustive()
    }
}

/// A side that receives. Each gets every item that is sent while it is there; from [`channel`] and [`Sender::subscribe`].
///
/// It may be shared by reference; each item then goes to one of those who receive.
pub struct Receiver<T> {
    channel: Arc<Channel<T>>,
    /// The number of the item that it comes to next. Touched only under the lock of the channel.
    position: AtomicU64,
}

impl<T: Clone> Receiver<T> {
    /// Receives the next item, and waits for it.
    ///
    /// # Errors
    ///
    /// When items went before they were received: how many. When nothing is left and no sender is.
    ///
    /// # Cancellation
    ///
    /// Unwinds when the task is cancelled meanwhile; the item is then not received.
    ///
    /// # Panics
    ///
    /// Goes on with a panic of the item's `clone`; the item then counts as received. Panics where a task may not wait, if it has
    /// to; see [`Operation::wait`].
    pub fn recv(&self) -> Result<T, RecvError> {
        self.receiving().wait()
    }

    /// The operation of [`recv`](Receiver::recv), for `select!`.
    pub fn receiving(&self) -> Receiving<'_, T> {
        Receiving { receiver: self, node: Node::default() }
    }

    /// Receives the next item if it is there.
    ///
    /// # Errors
    ///
    /// When it is not, and as [`recv`](Receiver::recv).
    pub fn try_recv(&self) -> Result<T, TryRecvError> {
        Ok(self.receive().ok_or(TryRecvError::Empty)??)
    }

    /// Receives the next item, and waits for it for so long at most. No time at all is as [`try_recv`](Receiver::try_recv).
    ///
    /// # Errors
    ///
    /// When the time is up, and as [`recv`](Receiver::recv).
    ///
    /// # Cancellation, panics
    ///
    /// As [`recv`](Receiver::recv).
    pub fn recv_timeout(&self, timeout: Duration) -> Result<T, RecvTimeoutError> {
        let received = wait_within(pin!(self.receiving()), timeout);
        Ok(received.ok_or(RecvTimeoutError::Timeout)??)
    }

    /// The items as they come, and how many were missed where some were: ends when nothing is left and no sender is.
    ///
    /// # Cancellation, panics
    ///
    /// Its `next` is as [`recv`](Receiver::recv).
    pub fn iter(&self) -> Iter<'_, T> {
        Iter { receiver: self }
    }

    fn receive(&self) -> Option<Result<T, RecvError>> {
        let received = self.channel.state.lock().receive(&self.position)?;
        // Without the lock: it is code of users that clones and drops.
        Some(received.map(|item| Arc::try_unwrap(item).unwrap_or_else(|shared| T::clone(&shared))))
    }
}

impl<T> Receiver<T> {
    /// Another receiver, of what is sent from now on.
    pub fn resubscribe(&self) -> Receiver<T> {
        self.channel.subscribe()
    }

    /// How many items it has yet to come to, those included that are gone.
    pub fn len(&self) -> usize {
        let state = self.channel.state.lock();
        (state.tail() - self.position.load(Ordering::Relaxed)) as usize
    }

    /// Whether it has come to all that was sent.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether nothing will be sent any more. Items may be left.
    pub fn is_closed(&self) -> bool {
        self.channel.state.lock().senders == 0
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        let unwanted = self.channel.state.lock().remove_receiver(*self.position.get_mut());
        // Without the lock: what drops here may use the channel.
        drop(unwanted);
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver").field("len", &self.len()).finish_non_exhaustive()
    }
}

/// The items as they come; from [`Receiver::iter`].
#[derive(Debug)]
pub struct Iter<'a, T> {
    receiver: &'a Receiver<T>,
}

impl<T: Clone> Iterator for Iter<'_, T> {
    type Item = Result<T, Lagged>;

    fn next(&mut self) -> Option<Self::Item> {
        match self.receiver.recv() {
            Ok(item) => Some(Ok(item)),
            Err(RecvError::Lagged(missed)) => Some(Err(Lagged(missed))),
            Err(RecvError::Closed) => None,
        }
    }
}

pin_project! {
    /// The operation of [`Receiver::recv`].
    #[must_use = "it does nothing unless it is waited for"]
    #[derive(Debug)]
    pub struct Receiving<'a, T> {
        receiver: &'a Receiver<T>,
        #[pin]
        node: Node,
    }
}

impl<T> sealed::Sealed for Receiving<'_, T> {}

impl<T: Clone> Operation for Receiving<'_, T> {
    type Output = Result<T, RecvError>;

    fn attempt(self: Pin<&mut Self>) -> Option<Self::Output> {
        self.receiver.receive()
    }

    fn register(self: Pin<&mut Self>, waiter: Waiter) {
        let this = self.project();
        let state = this.receiver.channel.state.lock();
        let position = this.receiver.position.load(Ordering::Relaxed);
        if position < state.tail() || state.senders == 0 {
            waiter.wake_later();
        } else {
            state.receiving.link(this.node.as_ref(), waiter);
        }
    }

    fn withdraw(self: Pin<&mut Self>) {
        // There is nothing to hand on: all are woken when there is something.
        self.receiver.channel.state.lock().receiving.remove(&self.node);
    }

    fn cancel(&self) -> CancelWait {
        self.receiver.channel.state.lock().receiving.cancel_wait(&self.node)
    }

    fn is_local(&self) -> bool {
        false
    }

    fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("receives from ")?;
        self.receiver.channel.describe(f)
    }
}
