//! The run queue: a ring of entries of two words each.
//!
//! std's `VecDeque` in a `RefCell` would do; this one has no borrow to count and no bounds to check at a switch, and costs a third
//! of it. No code of users runs in it.

use std::cell::{Cell, UnsafeCell};
use std::mem::MaybeUninit;

/// Room in a new queue.
const CAPACITY_MIN: usize = 64;

/// Room that an empty queue keeps at most. To make more of it again costs some nanoseconds for each entry.
const IDLE_MAX: usize = 32 * 1024;

/// First in, first out. Of one thread.
pub(super) struct RunQueue<T> {
    /// A power of two long. The entries from `head` to `tail` are initialised.
    ring: UnsafeCell<Box<[MaybeUninit<T>]>>,
    /// Both only ever grow; their low bits are the places.
    head: Cell<usize>,
    tail: Cell<usize>,
}

impl<T> RunQueue<T> {
    pub(super) fn new() -> Self {
        let ring = UnsafeCell::new(Box::new_uninit_slice(CAPACITY_MIN));
        RunQueue { ring, head: Cell::new(0), tail: Cell::new(0) }
    }

    #[inline(always)]
    pub(super) fn len(&self) -> usize {
        self.tail.get().wrapping_sub(self.head.get())
    }

    #[inline(always)]
    pub(super) fn push(&self, entry: T) {
        // SAFETY: nobody else is in here: no code of others is called, and the queue stays on its thread.
        let ring = unsafe { &mut *self.ring.get() };
        if self.len() == ring.len() {
            self.grow(ring);
        }
        let tail = self.tail.get();
        let place = tail & (ring.len() - 1);
        // SAFETY: the place is less than the length, which is a power of two.
        unsafe { ring.get_unchecked_mut(place) }.write(entry);
        self.tail.set(tail.wrapping_add(1));
    }

    #[inline(always)]
    pub(super) fn pop(&self) -> Option<T> {
        if self.len() == 0 {
            return None;
        }
        let head = self.head.get();
        self.head.set(head.wrapping_add(1));
        // SAFETY: as in `push`; the entry is initialised, and read once.
        unsafe {
            let ring = &*self.ring.get();
            Some(ring.get_unchecked(head & (ring.len() - 1)).assume_init_read())
        }
    }

    /// The entry that comes up after `ahead` others.
    #[inline(always)]
    pub(super) fn peek(&self, ahead: usize) -> Option<&T> {
        if ahead >= self.len() {
            return None;
        }
        // SAFETY: as in `pop`; the entry stays where it is until it is popped, which needs the same thread.
        unsafe {
            let ring = &*self.ring.get();
            Some(ring.get_unchecked(self.head.get().wrapping_add(ahead) & (ring.len() - 1)).assume_init_ref())
        }
    }

    /// The run has nothing to do: gives back what a crowd has needed.
    #[inline]
    pub(super) fn give_back(&self) {
        // SAFETY: as in `push`.
        let ring = unsafe { &mut *self.ring.get() };
        if ring.len() > IDLE_MAX && self.len() == 0 {
            *ring = Box::new_uninit_slice(CAPACITY_MIN);
        }
    }

    #[cfg(test)]
    fn room(&self) -> usize {
        // SAFETY: as in `push`.
        unsafe { &*self.ring.get() }.len()
    }

    /// In place where the allocator can do that: a ring of a million entries that is freed for a larger one is not always given back.
    #[cold]
    fn grow(&self, ring: &mut Box<[MaybeUninit<T>]>) {
        let len = ring.len();
        let mut entries = std::mem::take(ring).into_vec();
        entries.reserve_exact(len);
        entries.resize_with(2 * len, MaybeUninit::uninit);
        // A full ring. What lies before the head goes on behind what was the end.
        let head = self.head.get() & (len - 1);
        let (old, new) = entries.split_at_mut(len);
        old[..head].swap_with_slice(&mut new[..head]);
        self.head.set(head);
        self.tail.set(head + len);
        *ring = entries.into_boxed_slice();
    }
}

impl<T> Drop for RunQueue<T> {
    fn drop(&mut self) {
        while self.pop().is_some() {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::rc::Rc;

    #[test]
    fn entries_come_out_in_order_also_when_the_ring_grows_in_the_middle() {
        let queue = RunQueue::new();
        let (mut next, mut expected) = (0, 0);
        for round in 1..200 {
            for _ in 0..round {
                queue.push(next);
                next += 1;
            }
            for _ in 0..round - round / 3 {
                assert_eq!(queue.pop(), Some(expected));
                expected += 1;
            }
            assert_eq!(queue.len(), next - expected);
        }
        assert!(std::iter::from_fn(|| queue.pop()).eq(expected..next));
        assert_eq!(queue.pop(), None);
    }

    #[test]
    fn what_a_crowd_has_needed_is_given_back_once_the_queue_is_empty() {
        let queue = RunQueue::new();
        for round in 0..2 {
            (0..IDLE_MAX + 1 + round).for_each(|n| queue.push(n));
            queue.give_back();
            assert_eq!(queue.room(), 2 * IDLE_MAX);
            assert!(std::iter::from_fn(|| queue.pop()).eq(0..IDLE_MAX + 1 + round));
            queue.give_back();
            assert_eq!(queue.room(), CAPACITY_MIN);
        }
    }

    #[test]
    fn what_is_left_is_dropped() {
        let alive = Rc::new(());
        let queue = RunQueue::new();
        (0..100).for_each(|_| queue.push(Rc::clone(&alive)));
        drop(queue.pop());
        drop(queue);
        assert_eq!(Rc::strong_count(&alive), 1);
    }
}
