//! Waiting: a node on the waiter's own stack, in the list of what it waits for.
//!
//! ```text
//!   list ──▶ node ──▶ node ──▶ node        first come, first served
//!            on the   on the
//!            stack of stack of
//!            task 3   task 7
//! ```
//!
//! A node is linked by the task that waits, before it parks. Whoever completes the wait takes the node out, marks it
//! and wakes the task; the task takes out nodes that are still linked before its wait returns, however that
//! ends. So a list never holds a node whose frame is gone, and waiting allocates nothing. A node that is
//! dropped while it is linked takes itself out.
//!
//! All of it happens on one thread: lists and nodes are cells, and neither is `Send`.

use std::cell::Cell;
use std::marker::PhantomPinned;
use std::pin::Pin;
use std::ptr::NonNull;

use super::task::TaskKey;

/// One wait of one task. Pinned while it is linked.
#[derive(Debug, Default)]
pub(crate) struct Node {
    task: Cell<Option<TaskKey>>,
    list: Cell<Option<NonNull<List>>>,
    previous: Cell<Option<NonNull<Node>>>,
    next: Cell<Option<NonNull<Node>>>,
    completed: Cell<bool>,
    _pinned: PhantomPinned,
}

/// The waiters of one thing, first come first.
#[derive(Debug, Default)]
pub(crate) struct List {
    first: Cell<Option<NonNull<Node>>>,
    last: Cell<Option<NonNull<Node>>>,
}

impl Node {
    /// Whether somebody completed the wait.
    pub(crate) fn is_completed(&self) -> bool {
        self.completed.get()
    }

    /// Puts it at the end of the list, to wake `task`.
    pub(crate) fn link(self: Pin<&Self>, list: &List, task: TaskKey) {
        debug_assert!(self.list.get().is_none(), "a node is in one list at a time");
        self.completed.set(false);
        self.task.set(Some(task));
        self.list.set(Some(list.into()));
        self.previous.set(list.last.get());
        self.next.set(None);
        let me = NonNull::from(self.get_ref());
        match list.last.replace(Some(me)) {
            // SAFETY: linked nodes are alive.
            Some(last) => unsafe { last.as_ref() }.next.set(Some(me)),
            None => list.first.set(Some(me)),
        }
    }

    /// A wake-up that came was used.
    pub(crate) fn forget_completion(&self) {
        self.completed.set(false);
    }

    /// Takes it out of its list, and gives whether a wake-up came that was not used.
    pub(crate) fn leave(&self) -> bool {
        self.unlink();
        self.completed.take()
    }

    /// Takes it out of its list, if it is in one.
    pub(crate) fn unlink(&self) {
        let Some(list) = self.list.take() else { return };
        let (previous, next) = (self.previous.take(), self.next.take());
        // SAFETY: a list outlives its nodes or empties itself first; neighbours are linked and so alive.
        unsafe {
            let list = list.as_ref();
            match previous {
                Some(node) => node.as_ref().next.set(next),
                None => list.first.set(next),
            }
            match next {
                Some(node) => node.as_ref().previous.set(previous),
                None => list.last.set(previous),
            }
        }
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.unlink();
    }
}

impl List {
    /// A list without waiters.
    pub(crate) const fn new() -> Self {
        List { first: Cell::new(None), last: Cell::new(None) }
    }

    /// Whether nobody waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.first.get().is_none()
    }

    /// Completes the wait of the first node, and gives the task to wake.
    pub(crate) fn complete_first(&self) -> Option<TaskKey> {
        let first = self.first.get()?;
        // SAFETY: linked nodes are alive.
        let node = unsafe { first.as_ref() };
        node.unlink();
        node.completed.set(true);
        node.task.take()
    }
}

impl Drop for List {
    fn drop(&mut self) {
        while self.complete_first().is_some() {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::pin::pin;

    fn key(index: u32) -> TaskKey {
        TaskKey::for_test(index)
    }

    #[test]
    fn waiters_are_completed_in_the_order_in_which_they_came() {
        let list = List::new();
        let nodes: [_; 3] = std::array::from_fn(|_| Box::pin(Node::default()));
        for (i, node) in nodes.iter().enumerate() {
            node.as_ref().link(&list, key(i as u32));
        }
        assert!(!list.is_empty());
        assert_eq!(list.complete_first(), Some(key(0)));
        assert!(nodes[0].is_completed() && !nodes[1].is_completed());
        assert_eq!(list.complete_first(), Some(key(1)));
        assert_eq!(list.complete_first(), Some(key(2)));
        assert_eq!(list.complete_first(), None);
    }

    #[test]
    fn a_node_that_goes_takes_itself_out_wherever_it_stands() {
        for gone in 0..3 {
            let list = List::new();
            let mut nodes: Vec<_> = (0..3).map(|_| Some(Box::pin(Node::default()))).collect();
            for (i, node) in nodes.iter().enumerate() {
                node.as_ref().unwrap().as_ref().link(&list, key(i as u32));
            }
            nodes[gone] = None;
            let left: Vec<_> = std::iter::from_fn(|| list.complete_first()).collect();
            let expected: Vec<_> = (0..3).filter(|&i| i != gone as u32).map(key).collect();
            assert_eq!(left, expected);
        }
    }

    #[test]
    fn a_list_that_goes_leaves_its_nodes_completed() {
        let node = pin!(Node::default());
        {
            let list = List::new();
            node.as_ref().link(&list, key(1));
        }
        assert!(node.is_completed());
        node.unlink();
    }
}
