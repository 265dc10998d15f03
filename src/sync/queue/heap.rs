//! A binary heap that loses nothing when a comparison panics: Python's heapq.
//!
//! std's heap loses the item that it is about to give when a comparison panics. This one only swaps, so that at any
//! comparison all items are in it; the order may be wrong after a panic. It compares what heapq compares, one after the other, and
//! so gives equal items in heapq's order.

/// The smallest item first.
#[derive(Debug)]
pub struct Heap<T> {
    /// None is greater than the two at twice its index, plus 1 and plus 2.
    items: Vec<T>,
}

impl<T> Default for Heap<T> {
    fn default() -> Self {
        Heap { items: Vec::new() }
    }
}

impl<T: Ord> Heap<T> {
    pub(super) fn len(&self) -> usize {
        self.items.len()
    }

    pub(super) fn push(&mut self, item: T) {
        self.items.push(item);
        self.rise(self.items.len() - 1);
    }

    /// Takes the smallest out. Where a comparison panics none is.
    pub(super) fn pop(&mut self) -> Option<T> {
        let last = self.items.len().checked_sub(1)?;
        self.items.swap(0, last);
        self.sink(last);
        self.items.pop()
    }

    /// Takes all out, in no order.
    pub(super) fn take(&mut self) -> Vec<T> {
        std::mem::take(&mut self.items)
    }

    /// Lets an item rise to where it belongs.
    fn rise(&mut self, mut at: usize) {
        while at > 0 {
            let parent = (at - 1) / 2;
            if self.items[at].cmp(&self.items[parent]).is_ge() {
                break;
            }
            self.items.swap(at, parent);
            at = parent;
        }
    }

    /// Lets the first item sink among the first so many: down to where nothing is beneath, along the smaller ones, and up from there.
    fn sink(&mut self, end: usize) {
        let mut at = 0;
        loop {
            let mut child = 2 * at + 1;
            if child >= end {
                break;
            }
            if child + 1 < end && self.items[child].cmp(&self.items[child + 1]).is_ge() {
                child += 1;
            }
            self.items.swap(at, child);
            at = child;
        }
        self.rise(at);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;
    use std::cmp::Ordering;
    use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

    thread_local!(static COMPARISONS_LEFT: Cell<u32> = const { Cell::new(u32::MAX) });

    /// Compared by the first number only; panics when there have been enough comparisons.
    #[derive(Debug, Clone, Copy)]
    struct Item(u32, u32);

    impl PartialEq for Item {
        fn eq(&self, other: &Self) -> bool {
            self.cmp(other).is_eq()
        }
    }

    impl Eq for Item {}

    impl PartialOrd for Item {
        fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
            Some(self.cmp(other))
        }
    }

    impl Ord for Item {
        fn cmp(&self, other: &Self) -> Ordering {
            match COMPARISONS_LEFT.get().checked_sub(1) {
                Some(left) => COMPARISONS_LEFT.set(left),
                None => resume_unwind(Box::new(())),
            }
            self.0.cmp(&other.0)
        }
    }

    fn numbers(count: u32) -> impl Iterator<Item = u32> {
        (0..count).map(|i| i.wrapping_mul(2_654_435_761) >> 24)
    }

    #[test]
    fn the_smallest_comes_out_first() {
        let mut heap = Heap::default();
        let mut expected: Vec<_> = numbers(200).collect();
        expected.iter().for_each(|&number| heap.push(number));
        expected.sort_unstable();
        let out: Vec<_> = std::iter::from_fn(|| heap.pop()).collect();
        assert_eq!(out, expected);
        assert_eq!(heap.len(), 0);
    }

    /// What `heapq` of CPython 3.13 gives for the same.
    #[test]
    fn equal_ones_come_out_in_the_order_of_heapq() {
        let mut heap = Heap::default();
        (0..12).for_each(|i| heap.push(Item(i % 3, i)));
        let out: Vec<_> = std::iter::from_fn(|| heap.pop()).map(|item| item.1).collect();
        assert_eq!(out, [0, 6, 3, 9, 4, 10, 1, 7, 2, 5, 8, 11]);
    }

    #[test]
    fn no_item_is_lost_or_doubled_at_whichever_comparison_it_panics() {
        for push in [false, true] {
            for enough in 0..8 {
                let mut heap = Heap::default();
                numbers(20).zip(0..).for_each(|(number, i)| heap.push(Item(number, i)));
                COMPARISONS_LEFT.set(enough);
                let run = || match push {
                    true => heap.push(Item(0, 20)),
                    false => assert!(heap.pop().is_some()),
                };
                let panicked = catch_unwind(AssertUnwindSafe(run)).is_err();
                COMPARISONS_LEFT.set(u32::MAX);
                let mut all: Vec<_> = heap.take().iter().map(|item| item.1).collect();
                all.sort_unstable();
                let number = if push { 21 } else { 20 - u32::from(!panicked) };
                assert!(all.windows(2).all(|pair| pair[0] != pair[1]));
                assert_eq!(all.len() as u32, number, "after {enough} comparisons");
            }
        }
    }
}
