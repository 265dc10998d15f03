//! Sending and receiving as operations.

use std::fmt;
use std::pin::Pin;

use pin_project_lite::pin_project;

use super::state::Place;
use super::{Receiver, RecvError, SendError, Sender, TryRecvError};
use crate::runtime::operation::{CancelWait, Operation, sealed};
use crate::runtime::wait_list::Node;
use crate::runtime::waiter::Waiter;

pin_project! {
    /// The operation of [`Receiver::recv`].
    pub struct Receiving<'a, T> {
        receiver: &'a Receiver<T>,
        #[pin]
        node: Node,
        // There is something to withdraw.
        registered: bool,
    }
}

impl<'a, T> Receiving<'a, T> {
    #[inline]
    pub(super) fn of(receiver: &'a Receiver<T>) -> Self {
        Receiving { receiver, node: Node::default(), registered: false }
    }
}

impl<T> fmt::Debug for Receiving<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiving").field("receiver", &self.receiver).finish_non_exhaustive()
    }
}

impl<T> sealed::Sealed for Receiving<'_, T> {}

impl<T> Operation for Receiving<'_, T> {
    type Output = Result<T, RecvError>;

    #[inline]
    fn attempt(self: Pin<&mut Self>) -> Option<Self::Output> {
        let this = self.project();
        let mut state = this.receiver.channel.state.lock();
        let output = match state.receive(Some(&this.node)) {
            Ok(item) => Ok(item),
            Err(TryRecvError::Closed) => Err(RecvError),
            Err(TryRecvError::Empty) => return None,
        };
        if *this.registered {
            // With the lock that is held anyway.
            state.withdraw_receiver(&this.node);
            *this.registered = false;
        }
        Some(output)
    }

    fn register(self: Pin<&mut Self>, waiter: Waiter) {
        let this = self.project();
        let state = this.receiver.channel.state.lock();
        if state.has_spare_item() || state.is_ended() {
            waiter.wake_later();
        } else {
            state.receivers.link(this.node.as_ref(), waiter);
        }
        *this.registered = true;
    }

    #[inline]
    fn withdraw(self: Pin<&mut Self>) {
        let this = self.project();
        if *this.registered {
            this.receiver.channel.state.lock().withdraw_receiver(&this.node);
            *this.registered = false;
        }
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

pin_project! {
    /// The operation of [`Sender::send`].
    pub struct Sending<'a, T> {
        sender: &'a Sender<T>,
        item: Option<T>,
        #[pin]
        node: Node,
        // There is something to withdraw.
        registered: bool,
    }
}

impl<'a, T> Sending<'a, T> {
    #[inline]
    pub(super) fn of(sender: &'a Sender<T>, item: T) -> Self {
        Sending { sender, item: Some(item), node: Node::default(), registered: false }
    }

    /// The item of an operation that was given up.
    pub(super) fn take_item(self: Pin<&mut Self>) -> Option<T> {
        self.project().item.take()
    }
}

impl<T> fmt::Debug for Sending<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sending").field("sender", &self.sender).finish_non_exhaustive()
    }
}

impl<T> sealed::Sealed for Sending<'_, T> {}

impl<T> Operation for Sending<'_, T> {
    type Output = Result<(), SendError<T>>;

    #[inline]
    fn attempt(self: Pin<&mut Self>) -> Option<Self::Output> {
        let this = self.project();
        let mut state = this.sender.channel.state.lock();
        let place = state.claim_place(Some(&this.node));
        if place == Place::Full {
            return None;
        }
        if *this.registered {
            // With the lock that is held anyway.
            state.withdraw_sender(&this.node);
            *this.registered = false;
        }
        let item = this.item.take()?;
        if place == Place::Closed {
            return Some(Err(SendError(item)));
        }
        state.put(item);
        Some(Ok(()))
    }

    fn register(self: Pin<&mut Self>, waiter: Waiter) {
        let this = self.project();
        let state = this.sender.channel.state.lock();
        if state.has_spare_place() || state.is_closed() {
            waiter.wake_later();
        } else {
            state.senders.link(this.node.as_ref(), waiter);
        }
        *this.registered = true;
    }

    #[inline]
    fn withdraw(self: Pin<&mut Self>) {
        let this = self.project();
        if *this.registered {
            this.sender.channel.state.lock().withdraw_sender(&this.node);
            *this.registered = false;
        }
    }

    fn cancel(&self) -> CancelWait {
        self.sender.channel.state.lock().senders.cancel_wait(&self.node)
    }

    fn is_local(&self) -> bool {
        false
    }

    fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("sends into ")?;
        self.sender.channel.describe(f)
    }
}
