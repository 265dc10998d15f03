//! A channel for one value: the answer to a question, the end of a job.
//!
//! Sending never waits, and needs no run. Whoever drops the sender without a value tells the receiver so; whoever drops the receiver
//! tells the sender. Both sides may be used from any thread. Between tasks of one run, asyncio's shape of this is
//! a future made by `create_future`.
//!
//! # Examples
//!
//! ```
//! use cede::sync::oneshot;
//!
//! cede::run(|| {
//!     let (tx, rx) = oneshot::channel();
//!     cede::spawn(move || tx.send(6 * 7));
//!     assert_eq!(rx.recv(), Ok(42));
//! });
//! ```

use std::fmt;
use std::panic::Location;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use pin_project_lite::pin_project;

use super::channel::Receivers;
pub use super::channel::{Closing, RecvError, RecvTimeoutError, SendError, TryRecvError};
use crate::runtime::guarded::Guarded;
use crate::runtime::operation::{CancelWait, Operation, sealed};
use crate::runtime::wait_list::{List, Node};
use crate::runtime::waiter::Waiter;
use crate::runtime::with_deadline::wait_within;

struct Channel<T> {
    state: Guarded<State<T>>,
    made_at: &'static Location<'static>,
}

struct State<T> {
    value: Option<T>,
    /// The sender is gone, having sent or not.
    ended: bool,
    /// The receiver is gone, or wants nothing any more.
    closed: bool,
    receivers: List,
    closing: List,
}

impl<T> State<T> {
    fn receive(&mut self) -> Result<T, TryRecvError> {
        match self.value.take() {
            Some(value) => Ok(value),
            None if self.is_over() => Err(TryRecvError::Closed),
            None => Err(TryRecvError::Empty),
        }
    }

    /// Nothing will come any more.
    fn is_over(&self) -> bool {
        self.ended || self.closed
    }

    /// Lets nothing in any more.
    fn close(&mut self) {
        self.closed = true;
        self.receivers.pop_all();
        self.closing.pop_all();
    }
}

impl<T> Channel<T> {
    fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "oneshot channel made at {}", self.made_at)
    }
}

impl<T> Receivers for Sender<T> {
    fn look<R>(&self, f: impl FnOnce(bool, &List) -> R) -> R {
        let state = self.channel.state.lock();
        f(state.closed, &state.closing)
    }

    fn describe_channel(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.channel.describe(f)
    }
}

/// A channel for one value.
#[track_caller]
pub fn channel<T>() -> (Sender<T>, Receiver<T>) {
    let (receivers, closing) = (List::new(), List::new());
    let state = Guarded::new(State { value: None, ended: false, closed: false, receivers, closing });
    let channel = Arc::new(Channel { state, made_at: Location::caller() });
    (Sender { channel: Arc::clone(&channel) }, Receiver { channel })
}

/// The side that sends, once.
pub struct Sender<T> {
    channel: Arc<Channel<T>>,
}

impl<T> Sender<T> {
    /// Sends the value. Never waits. What was sent to a receiver that is dropped before it takes it is dropped with it.
    ///
    /// # Errors
    ///
    /// Gives the value back when nobody receives any more.
    pub fn send(self, value: T) -> Result<(), SendError<T>> {
        let mut state = self.channel.state.lock();
        if state.closed {
            return Err(SendError(value));
        }
        state.value = Some(value);
        // The rest happens as the sender goes.
        Ok(())
    }

    /// Whether nobody receives any more: sending is an error from now on.
    pub fn is_closed(&self) -> bool {
        self.channel.state.lock().closed
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
    ///
    /// # Examples
    ///
    /// ```
    /// use cede::{sync::oneshot, time::after};
    /// use std::time::Duration;
    ///
    /// cede::run(|| {
    ///     let (tx, rx) = oneshot::channel();
    ///     let job = cede::spawn(move || {
    ///         cede::select! {
    ///             () = tx.closing() => "nobody wants it",
    ///             () = after(Duration::from_secs(60)) => tx.send("done").map_or("too late", |()| "sent"),
    ///         }
    ///     });
    ///     drop(rx);
    ///     assert_eq!(job.join().unwrap(), "nobody wants it");
    /// });
    /// ```
    pub fn closing(&self) -> Closing<'_, Self> {
        Closing::of(self)
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        let mut state = self.channel.state.lock();
        state.ended = true;
        state.receivers.pop_all();
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender").field("is_closed", &self.is_closed()).finish()
    }
}

/// The side that receives.
pub struct Receiver<T> {
    channel: Arc<Channel<T>>,
}

impl<T> Receiver<T> {
    /// Takes the value, and waits for it.
    ///
    /// # Errors
    ///
    /// When the sender was dropped without a value, and when it was taken before.
    ///
    /// # Cancellation
    ///
    /// Unwinds when the task is cancelled meanwhile; the value is then not taken.
    ///
    /// # Panics
    ///
    /// Panics where a task may not wait, if it has to; see [`Operation::wait`].
    pub fn recv(&self) -> Result<T, RecvError> {
        self.receiving().wait()
    }

    /// The operation of [`recv`](Receiver::recv), for `select!`.
    pub fn receiving(&self) -> Receiving<'_, T> {
        Receiving { receiver: self, node: Node::default() }
    }

    /// Takes the value if it is there.
    ///
    /// # Errors
    ///
    /// When it is not, and when it will not come.
    pub fn try_recv(&self) -> Result<T, TryRecvError> {
        self.channel.state.lock().receive()
    }

    /// Takes the value, and waits for it for so long at most. No time at all is as [`try_recv`](Receiver::try_recv).
    ///
    /// # Errors
    ///
    /// When the time is up, and as [`recv`](Receiver::recv).
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

    /// Lets nothing in any more: the sender gets an error. A value that is there can still be received.
    pub fn close(&self) {
        self.channel.state.lock().close();
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        let mut state = self.channel.state.lock();
        state.close();
        let value = state.value.take();
        drop(state);
        // What drops here may use the channel.
        drop(value);
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.channel.state.lock();
        let (has_value, is_over) = (state.value.is_some(), state.is_over());
        drop(state);
        f.debug_struct("Receiver").field("has_value", &has_value).field("is_over", &is_over).finish()
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

impl<T> Operation for Receiving<'_, T> {
    type Output = Result<T, RecvError>;

    #[inline]
    fn attempt(self: Pin<&mut Self>) -> Option<Self::Output> {
        match self.receiver.channel.state.lock().receive() {
            Ok(value) => Some(Ok(value)),
            Err(TryRecvError::Closed) => Some(Err(RecvError)),
            Err(TryRecvError::Empty) => None,
        }
    }

    fn register(self: Pin<&mut Self>, waiter: Waiter) {
        let this = self.project();
        let state = this.receiver.channel.state.lock();
        if state.value.is_some() || state.is_over() {
            waiter.wake_later();
        } else {
            state.receivers.link(this.node.as_ref(), waiter);
        }
    }

    fn withdraw(self: Pin<&mut Self>) {
        // There is nothing to hand on: all are woken when there is something, and it stays until somebody takes it.
        self.receiver.channel.state.lock().receivers.remove(&self.node);
    }

    fn cancel(&self) -> CancelWait {
        self.receiver.channel.state.lock().receivers.cancel_wait(&self.node)
    }

    fn is_local(&self) -> bool {
        false
    }

    fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("receives from ")?;
        self.receiver.channel.describe(f)
    }
}
