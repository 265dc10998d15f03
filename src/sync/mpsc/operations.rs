//! Sending and receiving as operations.

use std::fmt;
use std::pin::Pin;

use pin_project_lite::pin_project;

use super::state::Place;
use super::{Receiver, RecvError, SendError, Sender, TryRecvError};
use crate::runtime::operation::{Begun, CancelWait, Operation, sealed};
use crate::runtime::wait_list::Node;
use crate::runtime::waiter::Waiter;

pin_project! {
    /// The operation of [`Receiver::recv`].
    #[must_use = "it does nothing unless it is waited for"]
    pub struct Receiving<'a, T> {
        receiver: &'a Receiver<T>,
        #[pin]
        node: Node,
    }
}

impl<'a, T> Receiving<'a, T> {
    #[inline]
    pub(super) fn of(receiver: &'a Receiver<T>) -> Self {
        Receiving { receiver, node: Node::default() }
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
        match self.receiver.channel.state.lock().receive(Some(&self.node)) {
            Ok(item) => Some(Ok(item)),
            Err(TryRecvError::Closed) => Some(Err(RecvError)),
            Err(TryRecvError::Empty) => None,
        }
    }

    #[inline]
    fn begin(self: Pin<&mut Self>, waiter: impl FnOnce() -> Option<Waiter>) -> Begun<Self::Output> {
        let this = self.project();
        let mut state = this.receiver.channel.state.lock();
        match state.receive(None) {
            Ok(item) => return Begun::Complete(Ok(item)),
            Err(TryRecvError::Closed) => return Begun::Complete(Err(RecvError)),
            Err(TryRecvError::Empty) => {}
        }
        let Some(waiter) = waiter() else { return Begun::Refused };
        state.receivers.link(this.node.as_ref(), waiter);
        Begun::Registered
    }

    fn register(self: Pin<&mut Self>, waiter: Waiter) {
        let this = self.project();
        let state = this.receiver.channel.state.lock();
        if state.has_spare_item() || state.is_ended() {
            waiter.wake_later();
        } else {
            state.receivers.link(this.node.as_ref(), waiter);
        }
    }

    #[inline(always)]
    fn withdraw(self: Pin<&mut Self>) {
        if !self.node.has_left() {
            self.receiver.channel.withdraw_receiver(&self.node);
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
    #[must_use = "it does nothing unless it is waited for"]
    pub struct Sending<'a, T> {
        sender: &'a Sender<T>,
        item: Option<T>,
        #[pin]
        node: Node,
    }
}

impl<'a, T> Sending<'a, T> {
    #[inline]
    pub(super) fn of(sender: &'a Sender<T>, item: T) -> Self {
        Sending { sender, item: Some(item), node: Node::default() }
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
        let item = this.item.take()?;
        if place == Place::Closed {
            return Some(Err(SendError(item)));
        }
        state.put(item);
        Some(Ok(()))
    }

    #[inline]
    fn begin(self: Pin<&mut Self>, waiter: impl FnOnce() -> Option<Waiter>) -> Begun<Self::Output> {
        let this = self.project();
        let mut state = this.sender.channel.state.lock();
        match state.claim_place(None) {
            Place::Free => {
                if let Some(item) = this.item.take() {
                    state.put(item);
                }
                return Begun::Complete(Ok(()));
            }
            Place::Closed => {
                return Begun::Complete(this.item.take().map_or(Ok(()), |item| Err(SendError(item))));
            }
            Place::Full => {}
        }
        let Some(waiter) = waiter() else { return Begun::Refused };
        state.senders.link(this.node.as_ref(), waiter);
        Begun::Registered
    }

    fn register(self: Pin<&mut Self>, waiter: Waiter) {
        let this = self.project();
        let state = this.sender.channel.state.lock();
        if state.has_spare_place() || state.is_closed() {
            waiter.wake_later();
        } else {
            state.senders.link(this.node.as_ref(), waiter);
        }
    }

    #[inline(always)]
    fn withdraw(self: Pin<&mut Self>) {
        if !self.node.has_left() {
            self.sender.channel.withdraw_sender(&self.node);
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
