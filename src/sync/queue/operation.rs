//! The operations of queues.

use std::fmt;
use std::pin::Pin;

use pin_project_lite::pin_project;

use super::order::keep::{Items, Waited};
use super::{GetNowaitError, Order, PutError, PutNowaitError, QueueBy, QueueShutDown};
use crate::runtime::operation::{CancelWait, Operation, sealed};
use crate::runtime::wait_list::{Node, State as Wait};
use crate::runtime::waiter::Waiter;

pin_project! {
    /// The operation of [`Queue::get`](super::Queue::get).
    #[must_use = "it does nothing unless it is waited for"]
    pub struct Getting<'a, T, O: Order<T>> {
        queue: &'a QueueBy<T, O>,
        #[pin]
        node: Node,
    }
}

impl<'a, T, O: Order<T>> Getting<'a, T, O> {
    #[inline(always)]
    pub(super) fn of(queue: &'a QueueBy<T, O>) -> Self {
        Getting { queue, node: Node::default() }
    }
}

impl<T, O: Order<T>> sealed::Sealed for Getting<'_, T, O> {}

impl<T, O: Order<T>> Operation for Getting<'_, T, O> {
    type Output = Result<T, QueueShutDown>;

    #[inline]
    fn attempt(self: Pin<&mut Self>) -> Option<Self::Output> {
        match O::get(self.queue, Waited(Some(&self.node))) {
            Ok(item) => Some(Ok(item)),
            Err(GetNowaitError::ShutDown) => Some(Err(QueueShutDown)),
            Err(GetNowaitError::Empty) => None,
        }
    }

    fn register(self: Pin<&mut Self>, waiter: Waiter) {
        let this = self.project();
        let state = this.queue.state.lock();
        if state.shut || state.items.count() > 0 {
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
        if state.getters.remove(&self.node) == Wait::Completed && state.items.count() > 0 {
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

impl<T, O: Order<T>> fmt::Debug for Getting<'_, T, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Getting").field("queue", &self.queue).finish_non_exhaustive()
    }
}

pin_project! {
    /// The operation of [`Queue::put`](super::Queue::put).
    #[must_use = "it does nothing unless it is waited for"]
    pub struct Putting<'a, T, O: Order<T>> {
        queue: &'a QueueBy<T, O>,
        item: Option<T>,
        #[pin]
        node: Node,
    }
}

impl<'a, T, O: Order<T>> Putting<'a, T, O> {
    #[inline(always)]
    pub(super) fn of(queue: &'a QueueBy<T, O>, item: T) -> Self {
        Putting { queue, item: Some(item), node: Node::default() }
    }
}

impl<T, O: Order<T>> sealed::Sealed for Putting<'_, T, O> {}

impl<T, O: Order<T>> Operation for Putting<'_, T, O> {
    type Output = Result<(), PutError<T>>;

    #[inline]
    fn attempt(self: Pin<&mut Self>) -> Option<Self::Output> {
        let this = self.project();
        match O::put(this.queue, this.item.take()?, Waited(Some(&this.node))) {
            Ok(()) => Some(Ok(())),
            Err(PutNowaitError::ShutDown(item)) => Some(Err(PutError(item))),
            Err(PutNowaitError::Full(item)) => {
                *this.item = Some(item);
                None
            }
        }
    }

    fn register(self: Pin<&mut Self>, waiter: Waiter) {
        let this = self.project();
        let state = this.queue.state.lock();
        if state.shut || !this.queue.is_full_at(state.items.count()) {
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
        let woken = state.putters.remove(&self.node) == Wait::Completed;
        if woken && !self.queue.is_full_at(state.items.count()) {
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

impl<T, O: Order<T>> fmt::Debug for Putting<'_, T, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Putting").field("queue", &self.queue).finish_non_exhaustive()
    }
}

pin_project! {
    /// The operation of [`Queue::join`](super::Queue::join).
    #[must_use = "it does nothing unless it is waited for"]
    pub struct JoiningQueue<'a, T, O: Order<T>> {
        queue: &'a QueueBy<T, O>,
        // How often all items had been dealt with when this wait began.
        seen: Option<u64>,
        #[pin]
        node: Node,
    }
}

impl<'a, T, O: Order<T>> JoiningQueue<'a, T, O> {
    pub(super) fn of(queue: &'a QueueBy<T, O>) -> Self {
        JoiningQueue { queue, seen: None, node: Node::default() }
    }
}

impl<T, O: Order<T>> sealed::Sealed for JoiningQueue<'_, T, O> {}

impl<T, O: Order<T>> Operation for JoiningQueue<'_, T, O> {
    type Output = ();

    fn attempt(self: Pin<&mut Self>) -> Option<()> {
        let this = self.project();
        let state = this.queue.state.lock();
        let seen = *this.seen.get_or_insert(state.times_idle);
        (state.unfinished == 0 || state.times_idle != seen).then_some(())
    }

    fn register(self: Pin<&mut Self>, waiter: Waiter) {
        let this = self.project();
        let state = this.queue.state.lock();
        if state.unfinished == 0 || this.seen.is_some_and(|seen| state.times_idle != seen) {
            waiter.wake_later();
        } else {
            state.joiners.link(this.node.as_ref(), waiter);
        }
    }

    fn withdraw(self: Pin<&mut Self>) {
        self.queue.state.lock().joiners.remove(&self.node);
    }

    fn cancel(&self) -> CancelWait {
        self.queue.state.lock().joiners.cancel_wait(&self.node)
    }

    fn is_local(&self) -> bool {
        false
    }

    fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.queue.describe("waits for the items of", f)
    }
}

impl<T, O: Order<T>> fmt::Debug for JoiningQueue<'_, T, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoiningQueue").field("queue", &self.queue).finish_non_exhaustive()
    }
}
