//! What a channel knows, and who comes next.
//!
//! Items and places are promised: who is woken finds the item, or the place, that it was woken for, since those who come later
//! leave it alone. So all are served in the order in which they came, and nobody is woken for nothing.
//!
//! ```text
//!   items     [ a | b | c ]       2 promised, to receivers that were woken; c is anybody's
//!   places    [ a | b | c |   ]   1 promised, to a sender that was woken; so the channel is full
//! ```
//!
//! Invariants, as long as both sides are there:
//! - `promised_items <= items.len()`, and equal where a receiver waits;
//! - `items.len() + promised_places <= capacity`, and equal where a sender waits.
//!
//! A promise is kept (`receive`, `claim_place`), or taken back when who was woken goes away, and is then made to the next.
//!
//! When one side is gone, promises of items end: nothing will come, so whoever asks takes what is there, and all who wait are told.
//! There are no promises of places then either, since whoever asks for one is told.

use std::collections::VecDeque;

use super::TryRecvError;
use crate::runtime::wait_list::{List, Node, State as Wait};

/// See the head of this file. What each message touches comes first and lies together: where the two sides are on two threads, each of
/// these cache lines goes from one processor to the other and back.
#[repr(C)]
pub(super) struct State<T> {
    items: VecDeque<T>,
    capacity: usize,
    /// Items that belong to receivers that were woken. None once the channel has ended.
    promised_items: usize,
    /// Places that belong to senders that were woken.
    promised_places: usize,
    /// The receiver is gone, or takes no more than what is there.
    closed: bool,
    /// How many senders there are, not counting those that wait.
    sender_count: usize,
    pub(super) receivers: List,
    pub(super) senders: List,
    pub(super) closing: List,
}

/// Whether there is a place for an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub(super) enum Place {
    /// There is, and it is to be filled at once.
    Free,
    Full,
    Closed,
}

impl<T> State<T> {
    pub(super) fn new(capacity: usize) -> Self {
        State {
            items: VecDeque::new(),
            capacity,
            promised_items: 0,
            promised_places: 0,
            closed: false,
            sender_count: 1,
            receivers: List::new(),
            senders: List::new(),
            closing: List::new(),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.items.len()
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed
    }

    /// Nothing will come any more.
    pub(super) fn is_ended(&self) -> bool {
        self.closed || self.sender_count == 0
    }

    /// Whether there is an item that was promised to nobody.
    pub(super) fn has_spare_item(&self) -> bool {
        self.items.len() > self.promised_items
    }

    /// Whether there is a place that was promised to nobody.
    pub(super) fn has_spare_place(&self) -> bool {
        self.items.len() + self.promised_places < self.capacity
    }

    /// Takes the oldest item, for the one that waits with this node, or for somebody who does not wait.
    #[inline]
    pub(super) fn receive(&mut self, node: Option<&Node>) -> Result<T, TryRecvError> {
        if let Some(node) = node
            && self.receivers.state(node) == Wait::Completed
        {
            self.receivers.use_up(node);
            // None is left to take back where the channel has ended since.
            self.promised_items = self.promised_items.saturating_sub(1);
        } else if !self.has_spare_item() {
            return Err(if self.is_ended() { TryRecvError::Closed } else { TryRecvError::Empty });
        }
        match self.items.pop_front() {
            Some(item) => {
                self.promise_place();
                Ok(item)
            }
            // It was woken by the end.
            None => Err(TryRecvError::Closed),
        }
    }

    /// A place for an item of the one that waits with this node, or of somebody who does not wait.
    #[inline]
    pub(super) fn claim_place(&mut self, node: Option<&Node>) -> Place {
        if self.closed {
            return Place::Closed;
        }
        if let Some(node) = node
            && self.senders.state(node) == Wait::Completed
        {
            self.senders.use_up(node);
            self.promised_places -= 1;
            return Place::Free;
        }
        if self.has_spare_place() { Place::Free } else { Place::Full }
    }

    /// Puts an item into the place that was claimed.
    #[inline]
    pub(super) fn put(&mut self, item: T) {
        self.items.push_back(item);
        self.promise_item();
    }

    /// A receiver that waited, or was woken, goes away without an item.
    pub(super) fn withdraw_receiver(&mut self, node: &Node) {
        if self.receivers.remove(node) == Wait::Completed && !self.is_ended() {
            self.promised_items -= 1;
            self.promise_item();
        }
    }

    /// A sender that waited, or was woken, goes away without having sent.
    pub(super) fn withdraw_sender(&mut self, node: &Node) {
        if self.senders.remove(node) == Wait::Completed && !self.closed {
            self.promised_places -= 1;
            self.promise_place();
        }
    }

    #[inline]
    fn promise_item(&mut self) {
        if self.receivers.pop_first() {
            self.promised_items += 1;
        }
    }

    #[inline]
    fn promise_place(&mut self) {
        if self.senders.pop_first() {
            self.promised_places += 1;
        }
    }

    pub(super) fn sender_count(&self) -> usize {
        self.sender_count
    }

    pub(super) fn add_sender(&mut self) {
        self.sender_count += 1;
    }

    /// A sender is dropped.
    pub(super) fn remove_sender(&mut self) {
        self.sender_count -= 1;
        if self.sender_count == 0 {
            self.promised_items = 0;
            self.receivers.pop_all();
        }
    }

    /// Nothing more is to come in. What is there stays.
    pub(super) fn close(&mut self) {
        self.closed = true;
        self.promised_items = 0;
        self.receivers.pop_all();
        self.senders.pop_all();
        self.closing.pop_all();
    }

    /// What is there, to be dropped without the lock. The receiver is gone.
    pub(super) fn take_items(&mut self) -> VecDeque<T> {
        std::mem::take(&mut self.items)
    }
}
