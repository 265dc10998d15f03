//! What the channels have in common: their errors, and waiting until nobody receives any more.
//!
//! An error of a sender gives back what was not sent. "Closed" is what a side finds when the other side has gone for good.

use std::fmt;
use std::pin::Pin;

use pin_project_lite::pin_project;
use thiserror::Error;

use crate::runtime::operation::{CancelWait, Operation, sealed};
use crate::runtime::wait_list::{List, Node, State as Wait};
use crate::runtime::waiter::Waiter;

/// Nobody receives any more. Gives back what was not sent.
#[derive(Clone, Copy, PartialEq, Eq, Error)]
#[error("nobody receives from the channel any more")]
pub struct SendError<T>(pub T);

/// Why something was not sent at once. Gives it back.
#[derive(Clone, Copy, PartialEq, Eq, Error)]
pub enum TrySendError<T> {
    /// There is no room, or others wait for what there is.
    #[error("the channel is full")]
    Full(T),
    /// Nobody receives any more.
    #[error("nobody receives from the channel any more")]
    Closed(T),
}

/// Why something was not sent in time. Gives it back.
#[derive(Clone, Copy, PartialEq, Eq, Error)]
pub enum SendTimeoutError<T> {
    /// The time was up, and there was no room.
    #[error("the time was up and the channel was full")]
    Timeout(T),
    /// Nobody receives any more.
    #[error("nobody receives from the channel any more")]
    Closed(T),
}

/// Nothing is left, and nothing will come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("nobody sends into the channel any more")]
pub struct RecvError;

/// Why there was nothing at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum TryRecvError {
    /// There is nothing, or others wait for what there is.
    #[error("the channel is empty")]
    Empty,
    /// Nothing is left, and nothing will come.
    #[error("nobody sends into the channel any more")]
    Closed,
}

/// Why there was nothing in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum RecvTimeoutError {
    /// The time was up, and there was nothing.
    #[error("the time was up and the channel was empty")]
    Timeout,
    /// Nothing is left, and nothing will come.
    #[error("nobody sends into the channel any more")]
    Closed,
}

impl<T> fmt::Debug for SendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SendError(..)")
    }
}

impl<T> fmt::Debug for TrySendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            TrySendError::Full(_) => "Full(..)",
            TrySendError::Closed(_) => "Closed(..)",
        })
    }
}

impl<T> fmt::Debug for SendTimeoutError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            SendTimeoutError::Timeout(_) => "Timeout(..)",
            SendTimeoutError::Closed(_) => "Closed(..)",
        })
    }
}

impl<T> TrySendError<T> {
    /// What was not sent.
    pub fn into_inner(self) -> T {
        match self {
            TrySendError::Full(value) | TrySendError::Closed(value) => value,
        }
    }
}

impl<T> SendTimeoutError<T> {
    /// What was not sent.
    pub fn into_inner(self) -> T {
        match self {
            SendTimeoutError::Timeout(value) | SendTimeoutError::Closed(value) => value,
        }
    }
}

impl<T> From<SendError<T>> for TrySendError<T> {
    fn from(SendError(value): SendError<T>) -> Self {
        TrySendError::Closed(value)
    }
}

impl<T> From<SendError<T>> for SendTimeoutError<T> {
    fn from(SendError(value): SendError<T>) -> Self {
        SendTimeoutError::Closed(value)
    }
}

impl From<RecvError> for TryRecvError {
    fn from(RecvError: RecvError) -> Self {
        TryRecvError::Closed
    }
}

impl From<RecvError> for RecvTimeoutError {
    fn from(RecvError: RecvError) -> Self {
        RecvTimeoutError::Closed
    }
}

/// A sender, as those see it who wait until nobody receives any more.
pub(super) trait Receivers {
    /// Calls `f` under the lock, with whether they are gone and the list of those who wait for that.
    fn look<R>(&self, f: impl FnOnce(bool, &List) -> R) -> R;

    /// The channel as an object: "channel(1/5) made at src/main.rs:3:7".
    fn describe_channel(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result;
}

pin_project! {
    /// The operation of waiting until nobody receives from a channel any more; from the `closing` of its sender, of type `S`.
    #[must_use = "it does nothing unless it is waited for"]
    pub struct Closing<'a, S> {
        sender: &'a S,
        #[pin]
        node: Node,
    }
}

impl<'a, S> Closing<'a, S> {
    pub(super) fn of(sender: &'a S) -> Self {
        Closing { sender, node: Node::default() }
    }
}

impl<S> fmt::Debug for Closing<'_, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Closing").finish_non_exhaustive()
    }
}

impl<S> sealed::Sealed for Closing<'_, S> {}

impl<S: Receivers> Operation for Closing<'_, S> {
    type Output = ();

    fn attempt(self: Pin<&mut Self>) -> Option<()> {
        // Who was woken saw the end of the receivers, though others may have come since.
        let done = self.sender.look(|gone, list| gone || list.state(&self.node) == Wait::Completed);
        done.then_some(())
    }

    fn register(self: Pin<&mut Self>, waiter: Waiter) {
        let this = self.project();
        let node = this.node.as_ref();
        this.sender.look(|gone, list| if gone { waiter.wake_later() } else { list.link(node, waiter) });
    }

    fn withdraw(self: Pin<&mut Self>) {
        self.sender.look(|_, list| {
            list.remove(&self.node);
        });
    }

    fn cancel(&self) -> CancelWait {
        self.sender.look(|_, list| list.cancel_wait(&self.node))
    }

    fn is_local(&self) -> bool {
        false
    }

    fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("waits for the receivers to leave ")?;
        self.sender.describe_channel(f)
    }
}
