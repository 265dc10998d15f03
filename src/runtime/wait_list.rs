//! Waiting: a node on the waiter's own stack, in the list of what it waits for.
//!
//! ```text
//!   list ──▶ node ──▶ node ──▶ node        first come, first served
//!            on the   on the
//!            stack of stack of
//!            task 3   task 7
//!
//!              link             complete
//!   IDLE ─────────────▶ WAITING ─────────▶ COMPLETED ──┐
//!    ▲                     │    cancel                 │ remove, by the waiter
//!    │                     └─────────────▶ CANCELLED ──┤
//!    └─────────────────────────────────────────────────┘
//! ```
//!
//! A node is linked by the task that waits, before it parks. Whoever completes the wait marks the node and wakes the task; where
//! the task itself is cancelled, the scheduler marks it. The task takes the node out before its wait returns, however that
//! ends. So a list never holds a node whose frame is gone, and waiting allocates nothing.
//!
//! A node that was completed or cancelled may stay in its place until the waiter takes it out, as asyncio's waiters do: a lock
//! must not pass by somebody who was woken for it and has not run yet. `complete_first` leaves it there,
//! `pop_first` does not. Either way each node is completed once, and finding the first that waits takes constant
//! time on the whole, since the list knows up to where all are done.
//!
//! # Threads
//!
//! Lists and nodes are plain cells. A list, and all nodes that are linked to it, is touched either by one thread alone, or only under the lock
//! that holds the list ([`Guarded`](super::guarded::Guarded)). That is why a node is reached through its list alone, and
//! why waking happens right there, before the lock is released: the waiter can't leave before it has the lock, so neither its
//! node nor its task goes meanwhile.
//!
//! A list may also hold callbacks ([`Callback`]), in the order in which they came; they own themselves while they are linked.

use std::cell::Cell;
use std::marker::PhantomPinned;
use std::pin::Pin;
use std::ptr::{self, NonNull};
use std::rc::Rc;

use super::callback::Callback;
use super::operation::CancelWait;
use super::task::Failure;
use super::waiter::Waiter;

/// How a wait stands; see the drawing above.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum State {
    #[default]
    Idle,
    Waiting,
    Completed,
    Cancelled,
}

/// Whom a node stands for.
#[derive(Debug, Clone, Copy, Default)]
enum Target {
    #[default]
    Nobody,
    Task(Waiter),
    /// Counts as one owner of the callback.
    Callback(NonNull<Callback>),
    /// A number that is noted.
    #[cfg(test)]
    Probe(u32),
}

/// One wait of one task. Pinned while it is linked.
#[derive(Debug, Default)]
pub(crate) struct Node {
    target: Cell<Target>,
    previous: Cell<Option<NonNull<Node>>>,
    next: Cell<Option<NonNull<Node>>>,
    state: Cell<State>,
    linked: Cell<bool>,
    /// Only the waiter touches it: it has seen, under the lock, that the node is out and that nothing is to be handed on.
    left: Cell<bool>,
    /// How much the waiter asks for, where those of one list ask for different amounts.
    asks_for: u32,
    _pinned: PhantomPinned,
}

/// The waiters of one thing, first come first.
#[derive(Debug, Default)]
pub(crate) struct List {
    first: Cell<Option<NonNull<Node>>>,
    last: Cell<Option<NonNull<Node>>>,
    /// All nodes before this one are completed or cancelled.
    cursor: Cell<Option<NonNull<Node>>>,
    /// How many are linked and not cancelled.
    live: Cell<usize>,
}

// SAFETY: a list that several threads can reach, and its nodes, are touched only under the lock that holds the list; see the
// head of this file. Those that hold callbacks, which stay on their thread, are in types that are not `Send`.
unsafe impl Send for List {}

// SAFETY: a node that is linked is touched under the lock of its list, or in a list of one thread, which is in types that are not
// `Send` for what else they have; one that is not linked is its owner's alone.
unsafe impl Send for Node {}

impl Drop for Node {
    fn drop(&mut self) {
        if self.linked.get() {
            // Other nodes and the list point to it. Nothing that is checked can lead here.
            eprintln!("cede: a wait was left without being withdrawn, which is a fault of cede: aborting");
            std::process::abort();
        }
    }
}

impl List {
    /// A list without waiters.
    pub(crate) const fn new() -> Self {
        List { first: Cell::new(None), last: Cell::new(None), cursor: Cell::new(None), live: Cell::new(0) }
    }

    /// Whether no node is linked.
    pub(crate) fn is_empty(&self) -> bool {
        self.first.get().is_none()
    }

    /// Whether every node that is linked was cancelled.
    pub(crate) fn all_cancelled(&self) -> bool {
        self.live.get() == 0
    }

    /// Whether somebody waits whose wait has not ended.
    pub(crate) fn has_waiting(&self) -> bool {
        self.first_waiting().is_some()
    }

    /// How much the first asks for that waits.
    pub(crate) fn first_asks_for(&self) -> Option<u32> {
        // SAFETY: linked nodes are alive.
        self.first_waiting().map(|node| unsafe { node.as_ref() }.asks_for)
    }

    /// How many wait whose wait has not ended.
    pub(crate) fn count_waiting(&self) -> usize {
        let mut count = 0;
        let mut at = self.cursor.get();
        while let Some(node) = at {
            // SAFETY: linked nodes are alive.
            let node = unsafe { node.as_ref() };
            count += usize::from(node.state.get() == State::Waiting);
            at = node.next.get();
        }
        count
    }

    /// Puts a node at the end, to wake a task.
    pub(crate) fn link(&self, node: Pin<&Node>, waiter: Waiter) {
        self.append(node.get_ref(), Target::Task(waiter));
    }

    /// Puts a callback at the end. The list owns it until it is taken out.
    pub(super) fn link_callback(&self, callback: Rc<Callback>) {
        callback.list.set(self);
        let raw = Rc::into_raw(callback);
        // SAFETY: it lives as long as the count does that the list holds from now on.
        let node = unsafe { &(*raw).node };
        self.append(node, Target::Callback(NonNull::new(raw.cast_mut()).expect("an `Rc` is not null")));
    }

    fn append(&self, node: &Node, target: Target) {
        debug_assert!(!node.linked.get(), "a node is in one list at a time");
        let me = NonNull::from(node);
        node.target.set(target);
        node.state.set(State::Waiting);
        node.linked.set(true);
        node.left.set(false);
        node.next.set(None);
        let last = self.last.replace(Some(me));
        node.previous.set(last);
        match last {
            // SAFETY: linked nodes are alive.
            Some(last) => unsafe { last.as_ref() }.next.set(Some(me)),
            None => self.first.set(Some(me)),
        }
        if self.cursor.get().is_none() {
            self.cursor.set(Some(me));
        }
        self.live.set(self.live.get() + 1);
    }

    /// How a wait stands.
    pub(crate) fn state(&self, node: &Node) -> State {
        node.state.get()
    }

    /// Takes a node out, if it is linked, and says how its wait stood.
    pub(crate) fn remove(&self, node: &Node) -> State {
        let state = node.state.replace(State::Idle);
        if node.linked.get() {
            if state != State::Cancelled {
                self.live.set(self.live.get() - 1);
            }
            self.unlink(node);
        }
        state
    }

    /// The task that waits is being cancelled. False where the wait has been completed already.
    pub(crate) fn cancel(&self, node: &Node) -> bool {
        if node.state.get() != State::Waiting {
            return false;
        }
        node.state.set(State::Cancelled);
        self.live.set(self.live.get() - 1);
        true
    }

    /// The same, as the answer of an operation.
    pub(crate) fn cancel_wait(&self, node: &Node) -> CancelWait {
        if self.cancel(node) { CancelWait::Unwind } else { CancelWait::TooLate }
    }

    /// What a wait was completed for was had: nothing is to be handed on when the node is removed.
    #[inline]
    pub(crate) fn use_up(&self, node: &Node) {
        if node.state.get() == State::Completed {
            node.state.set(State::Idle);
            node.left.set(!node.linked.get());
        }
    }

    /// Completes the wait of the first that waits, which stays in its place. False if nobody does.
    pub(crate) fn complete_first(&self) -> bool {
        let Some(first) = self.first_waiting() else { return false };
        // SAFETY: linked nodes are alive.
        let node = unsafe { first.as_ref() };
        node.state.set(State::Completed);
        self.cursor.set(node.next.get());
        node.wake();
        true
    }

    /// Completes the wait of the node at the head, unless that is completed or cancelled. False if it is, or there is none.
    pub(crate) fn complete_head(&self) -> bool {
        self.first.get().is_some() && self.first_waiting() == self.first.get() && self.complete_first()
    }

    /// Completes the wait of the first that waits, and takes it out. False if nobody does.
    #[inline(always)]
    pub(crate) fn pop_first(&self) -> bool {
        match self.first_waiting() {
            Some(first) => self.pop(first),
            None => false,
        }
    }

    #[inline(always)]
    fn pop(&self, first: NonNull<Node>) -> bool {
        // SAFETY: linked nodes are alive.
        let node = unsafe { first.as_ref() };
        node.state.set(State::Completed);
        self.live.set(self.live.get() - 1);
        self.unlink(node);
        node.wake();
        true
    }

    /// Completes all waits, and takes the nodes out.
    pub(crate) fn pop_all(&self) {
        while self.pop_first() {}
    }

    /// The same; callbacks are told why what they wait for has no value.
    pub(super) fn pop_all_telling(&self, failure: &dyn Fn() -> Option<Failure>) {
        while let Some(first) = self.first_waiting() {
            // SAFETY: linked nodes are alive.
            if let Target::Callback(callback) = unsafe { first.as_ref() }.target.get() {
                // SAFETY: the list owns it.
                unsafe { callback.as_ref() }.tell(failure);
            }
            self.pop_first();
        }
    }

    /// Completes all waits; the nodes stay in their places.
    pub(crate) fn complete_all(&self) {
        while self.complete_first() {}
    }

    /// Takes a callback out, if it is linked here. Gives whether it was.
    pub(super) fn remove_callback(&self, callback: &Rc<Callback>) -> bool {
        if !callback.node.linked.get() || !ptr::eq(callback.list.get(), self) {
            return false;
        }
        self.remove(&callback.node);
        callback.node.target.take();
        // SAFETY: the count that the list held; the caller has another.
        unsafe { Rc::decrement_strong_count(Rc::as_ptr(callback)) };
        true
    }

    #[inline]
    fn first_waiting(&self) -> Option<NonNull<Node>> {
        let mut at = self.cursor.get();
        while let Some(node) = at {
            // SAFETY: linked nodes are alive.
            let node = unsafe { node.as_ref() };
            if node.state.get() == State::Waiting {
                break;
            }
            at = node.next.get();
        }
        self.cursor.set(at);
        at
    }

    #[inline(always)]
    fn unlink(&self, node: &Node) {
        let (previous, next) = (node.previous.take(), node.next.take());
        node.linked.set(false);
        if self.cursor.get() == Some(node.into()) {
            self.cursor.set(next);
        }
        // SAFETY: neighbours are linked, and so alive.
        unsafe {
            match previous {
                Some(node) => node.as_ref().next.set(next),
                None => self.first.set(next),
            }
            match next {
                Some(node) => node.as_ref().previous.set(previous),
                None => self.last.set(previous),
            }
        }
    }
}

impl Node {
    /// Whether the waiter has nothing to withdraw: it has used what it was woken for, and is in no list. Without the lock.
    #[inline]
    pub(crate) fn has_left(&self) -> bool {
        self.left.get()
    }

    /// The node of a waiter that asks for this much.
    pub(crate) fn asking_for(amount: u32) -> Self {
        let mut node = Node::default();
        node.asks_for = amount;
        node
    }

    /// Wakes whom the node stands for; a callback was owned by the list until now.
    #[inline]
    fn wake(&self) {
        match self.target.take() {
            Target::Task(waiter) => waiter.wake(),
            // SAFETY: the count that the list held.
            Target::Callback(callback) => Callback::queue(unsafe { Rc::from_raw(callback.as_ptr()) }),
            Target::Nobody => {}
            #[cfg(test)]
            Target::Probe(number) => probe::NOTED.with_borrow_mut(|noted| noted.push(number)),
        }
    }
}

/// Waiters that are no tasks but numbers, for the tests of what has a list.
#[cfg(test)]
pub(crate) mod probe {
    use super::*;
    use std::cell::RefCell;

    thread_local!(pub(super) static NOTED: RefCell<Vec<u32>> = const { RefCell::new(Vec::new()) });

    /// A wait that goes on as long as this lives.
    pub(crate) struct Probe<'a> {
        list: &'a List,
        node: Pin<Box<Node>>,
    }

    impl<'a> Probe<'a> {
        pub(crate) fn link(list: &'a List, number: u32) -> Self {
            let node = Box::pin(Node::default());
            list.append(&node, Target::Probe(number));
            Probe { list, node }
        }
    }

    impl Drop for Probe<'_> {
        fn drop(&mut self) {
            self.list.remove(&self.node);
        }
    }

    /// The numbers of those that were woken since the last call.
    pub(crate) fn woken() -> Vec<u32> {
        NOTED.take()
    }
}

impl Drop for List {
    /// Nobody waits for what is going, since whoever waits borrows it; callbacks may be left, and are dropped.
    fn drop(&mut self) {
        // All are taken out before the first is dropped: what that runs may be anything.
        let mut callbacks = Vec::new();
        self.release(&mut callbacks);
    }
}

impl List {
    /// Takes all out, and gives the callbacks away. Of a list that is about to be dropped.
    pub(super) fn release(&self, callbacks: &mut Vec<Rc<Callback>>) {
        while let Some(first) = self.first.get() {
            // SAFETY: linked nodes are alive.
            let node = unsafe { first.as_ref() };
            self.unlink(node);
            node.state.set(State::Idle);
            if let Target::Callback(callback) = node.target.take() {
                // SAFETY: the count that the list held.
                callbacks.push(unsafe { Rc::from_raw(callback.as_ptr()) });
            }
        }
    }
}

#[cfg(test)]
mod tests;
