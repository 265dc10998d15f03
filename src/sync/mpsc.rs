//! A channel for items: several senders, one receiver. The shape of `std::sync::mpsc`; asyncio has queues only.
//!
//! A channel is bounded or not. Who sends into one that is full waits; who receives from an empty one waits; all are served in the
//! order in which they came. It ends by itself: when the last sender is dropped, the receiver gets what is left and then an error; when
//! the receiver is dropped, senders get their items back.
//!
//! Both sides may be used by the tasks of several threads at once, and without a run as long as nothing has to wait: an unbounded
//! channel takes items from any thread. A receiver that is shared by reference gives each item to one of those who receive.
//!
//! Neither waiting nor sending into a bounded channel allocates, once it has been as full as it gets.
//!
//! # Examples
//!
//! ```
//! use cede::sync::mpsc;
//!
//! let sum = cede::run(|| {
//!     let (tx, rx) = mpsc::bounded(2);
//!     for n in 1..=3 {
//!         let tx = tx.clone();
//!         cede::spawn(move || tx.send(n));
//!     }
//!     drop(tx);
//!     rx.iter().sum::<i32>()
//! });
//! assert_eq!(sum, 6);
//! ```

mod operations;
mod state;

use std::fmt;
use std::iter::FusedIterator;
use std::panic::Location;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use self::state::{Place, State};
use super::channel::Receivers;
pub use super::channel::{
    Closing, RecvError, RecvTimeoutError, SendError, SendTimeoutError, TryRecvError, TrySendError,
};
use crate::runtime::guarded::Guarded;
use crate::runtime::operation::Operation;
use crate::runtime::wait_list::{List, Node};
use crate::runtime::with_deadline::wait_within;
pub use operations::{Receiving, Sending};

/// The capacity of a channel without a bound.
const UNBOUNDED: usize = usize::MAX;

struct Channel<T> {
    state: Guarded<State<T>>,
    capacity: usize,
    made_at: &'static Location<'static>,
}

impl<T> Channel<T> {
    #[inline(never)]
    fn withdraw_receiver(&self, node: &Node) {
        self.state.lock().withdraw_receiver(node);
    }

    #[inline(never)]
    fn withdraw_sender(&self, node: &Node) {
        self.state.lock().withdraw_sender(node);
    }

    fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let len = self.state.lock().len();
        match self.capacity {
            UNBOUNDED => write!(f, "channel({len}) made at {}", self.made_at),
            capacity => write!(f, "channel({len}/{capacity}) made at {}", self.made_at),
        }
    }
}

impl<T> Receivers for Sender<T> {
    fn look<R>(&self, f: impl FnOnce(bool, &List) -> R) -> R {
        let state = self.channel.state.lock();
        f(state.is_closed(), &state.closing)
    }

    fn describe_channel(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.channel.describe(f)
    }
}

/// A channel that holds this many items; who sends more waits.
///
/// # Panics
///
/// Panics when it is zero: there is no channel that hands over without holding.
#[track_caller]
pub fn bounded<T>(capacity: usize) -> (Sender<T>, Receiver<T>) {
    assert!(capacity > 0, "cede: a channel holds one item at least: give it a bound of 1 or more");
    with_capacity(capacity)
}

/// A channel that holds any number of items. Sending never waits.
#[track_caller]
pub fn unbounded<T>() -> (Sender<T>, Receiver<T>) {
    with_capacity(UNBOUNDED)
}

#[track_caller]
fn with_capacity<T>(capacity: usize) -> (Sender<T>, Receiver<T>) {
    let state = Guarded::new(State::new(capacity));
    let channel = Arc::new(Channel { state, capacity, made_at: Location::caller() });
    (Sender { channel: Arc::clone(&channel) }, Receiver { channel })
}

/// The side that sends. Clones send into the same channel; when the last is dropped, it ends.
pub struct Sender<T> {
    channel: Arc<Channel<T>>,
}

impl<T> Sender<T> {
    /// Sends an item, and waits for room if there is none.
    ///
    /// # Errors
    ///
    /// Gives the item back when nobody receives any more.
    ///
    /// # Cancellation
    ///
    /// Unwinds when the task is cancelled meanwhile; the item is then dropped, not sent.
    ///
    /// # Panics
    ///
    /// Panics where a task may not wait, if it has to; see [`Operation::wait`].
    #[inline(always)]
    pub fn send(&self, item: T) -> Result<(), SendError<T>> {
        self.sending(item).wait()
    }

    /// The operation of [`send`](Sender::send), for `select!`. Where it loses, the item is dropped, not sent.
    #[inline]
    pub fn sending(&self, item: T) -> Sending<'_, T> {
        Sending::of(self, item)
    }

    /// Sends an item if there is room, and nobody waits for it who came before.
    ///
    /// # Errors
    ///
    /// Gives the item back if there is none, or nobody receives any more.
    #[inline]
    pub fn try_send(&self, item: T) -> Result<(), TrySendError<T>> {
        let mut state = self.channel.state.lock();
        match state.claim_place(None) {
            Place::Free => {
                state.put(item);
                Ok(())
            }
            Place::Full => Err(TrySendError::Full(item)),
            Place::Closed => Err(TrySendError::Closed(item)),
        }
    }

    /// Sends an item, and waits for room for so long at most. No time at all is as [`try_send`](Sender::try_send).
    ///
    /// # Errors
    ///
    /// Gives the item back when the time is up, or nobody receives any more.
    ///
    /// # Cancellation, panics
    ///
    /// As [`send`](Sender::send).
    ///
    /// # Examples
    ///
    /// ```
    /// use cede::sync::mpsc::{self, SendTimeoutError};
    /// use std::time::Duration;
    ///
    /// cede::run(|| {
    ///     let (tx, _rx) = mpsc::bounded(1);
    ///     tx.send('a').unwrap();
    ///     let late = tx.send_timeout('b', Duration::from_millis(1));
    ///     assert_eq!(late, Err(SendTimeoutError::Timeout('b')));
    /// });
    /// ```
    pub fn send_timeout(&self, item: T, timeout: Duration) -> Result<(), SendTimeoutError<T>> {
        let mut sending = pin!(self.sending(item));
        match wait_within(sending.as_mut(), timeout) {
            Some(sent) => Ok(sent?),
            None => Err(SendTimeoutError::Timeout(sending.take_item().expect("it was not sent"))),
        }
    }

    /// Whether nobody receives any more: sending is an error from now on.
    pub fn is_closed(&self) -> bool {
        self.channel.state.lock().is_closed()
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

    /// The operation of [`closed`](Sender::closed), for `select!`: stop the work for which there is nobody.
    pub fn closing(&self) -> Closing<'_, Self> {
        Closing::of(self)
    }

    /// How many items are in the channel.
    pub fn len(&self) -> usize {
        self.channel.state.lock().len()
    }

    /// Whether no item is in the channel.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many items it holds; `None` where there is no bound.
    pub fn capacity(&self) -> Option<usize> {
        Some(self.channel.capacity).filter(|&capacity| capacity != UNBOUNDED)
    }

    /// Whether the other sends into the same channel.
    pub fn same_channel(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.channel, &other.channel)
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        self.channel.state.lock().add_sender();
        Sender { channel: Arc::clone(&self.channel) }
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        self.channel.state.lock().remove_sender();
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender").field("len", &self.len()).field("capacity", &self.capacity()).finish()
    }
}

/// The side that receives: one, which may be shared by reference. When it is dropped, so is what is left, and senders get
/// errors.
///
/// It is an iterator by reference and by value, which waits for each item and ends with the channel.
pub struct Receiver<T> {
    channel: Arc<Channel<T>>,
}

impl<T> Receiver<T> {
    /// Takes the oldest item, and waits for one if there is none.
    ///
    /// # Errors
    ///
    /// When nothing is left and no sender is.
    ///
    /// # Cancellation
    ///
    /// Unwinds when the task is cancelled meanwhile; no item is then taken.
    ///
    /// # Panics
    ///
    /// Panics where a task may not wait, if it has to; see [`Operation::wait`].
    #[inline(always)]
    pub fn recv(&self) -> Result<T, RecvError> {
        self.receiving().wait()
    }

    /// The operation of [`recv`](Receiver::recv), for `select!`.
    #[inline]
    pub fn receiving(&self) -> Receiving<'_, T> {
        Receiving::of(self)
    }

    /// Takes the oldest item if there is one, and nobody was woken for it who came before.
    ///
    /// # Errors
    ///
    /// When there is none, and when none will come.
    #[inline]
    pub fn try_recv(&self) -> Result<T, TryRecvError> {
        self.channel.state.lock().receive(None)
    }

    /// Takes the oldest item, and waits for one for so long at most. No time at all is as [`try_recv`](Receiver::try_recv).
    ///
    /// # Errors
    ///
    /// When the time is up, and when none will come.
    ///
    /// # Cancellation, panics
    ///
    /// As [`recv`](Receiver::recv).
    pub fn recv_timeout(&self, timeout: Duration) -> Result<T, RecvTimeoutError> {
        match wait_within(pin!(self.receiving()), timeout) {
            Some(received) => Ok(received?),
            None => Err(RecvTimeoutError::Timeout),
        }
    }

    /// Lets nothing in any more: senders get errors, and what is there can still be received.
    ///
    /// # Examples
    ///
    /// ```
    /// let (tx, rx) = cede::sync::mpsc::unbounded();
    /// tx.try_send(1)?;
    /// rx.close();
    /// assert!(tx.try_send(2).is_err());
    /// assert_eq!((rx.try_recv(), rx.try_recv().is_err()), (Ok(1), true));
    /// # Ok::<_, cede::sync::mpsc::TrySendError<i32>>(())
    /// ```
    pub fn close(&self) {
        self.channel.state.lock().close();
    }

    /// Whether nothing will come in any more. Items may be left.
    pub fn is_closed(&self) -> bool {
        self.channel.state.lock().is_ended()
    }

    /// How many items are in the channel, those included that are for somebody who was woken.
    pub fn len(&self) -> usize {
        self.channel.state.lock().len()
    }

    /// Whether no item is in the channel.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many items it holds; `None` where there is no bound.
    pub fn capacity(&self) -> Option<usize> {
        Some(self.channel.capacity).filter(|&capacity| capacity != UNBOUNDED)
    }

    /// How many senders there are.
    pub fn sender_count(&self) -> usize {
        self.channel.state.lock().sender_count()
    }

    /// The items, as they come: ends when nothing is left and no sender is.
    ///
    /// # Cancellation, panics
    ///
    /// Its `next` is as [`recv`](Receiver::recv).
    pub fn iter(&self) -> Iter<'_, T> {
        Iter { receiver: self }
    }

    /// The items that are there: ends instead of waiting.
    pub fn try_iter(&self) -> TryIter<'_, T> {
        TryIter { receiver: self }
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        let mut state = self.channel.state.lock();
        state.close();
        let items = state.take_items();
        drop(state);
        // What drops here may use the channel.
        drop(items);
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver").field("len", &self.len()).field("capacity", &self.capacity()).finish()
    }
}

/// The items as they come; from [`Receiver::iter`].
#[derive(Debug)]
pub struct Iter<'a, T> {
    receiver: &'a Receiver<T>,
}

impl<T> Iterator for Iter<'_, T> {
    type Item = T;

    #[inline]
    fn next(&mut self) -> Option<T> {
        self.receiver.recv().ok()
    }
}

impl<T> FusedIterator for Iter<'_, T> {}

/// The items that are there; from [`Receiver::try_iter`].
#[derive(Debug)]
pub struct TryIter<'a, T> {
    receiver: &'a Receiver<T>,
}

impl<T> Iterator for TryIter<'_, T> {
    type Item = T;

    #[inline]
    fn next(&mut self) -> Option<T> {
        self.receiver.try_recv().ok()
    }
}

/// The items as they come, with the receiver; from its `into_iter`.
#[derive(Debug)]
pub struct IntoIter<T> {
    receiver: Receiver<T>,
}

impl<T> Iterator for IntoIter<T> {
    type Item = T;

    #[inline]
    fn next(&mut self) -> Option<T> {
        self.receiver.recv().ok()
    }
}

impl<T> FusedIterator for IntoIter<T> {}

impl<T> IntoIterator for Receiver<T> {
    type Item = T;
    type IntoIter = IntoIter<T>;

    fn into_iter(self) -> IntoIter<T> {
        IntoIter { receiver: self }
    }
}

impl<'a, T> IntoIterator for &'a Receiver<T> {
    type Item = T;
    type IntoIter = Iter<'a, T>;

    fn into_iter(self) -> Iter<'a, T> {
        self.iter()
    }
}
