//! A heap of timers: what is least comes first.
//!
//! Each entry has four beneath it, which lie together in memory. So among a million timers the way down is ten steps long, where
//! that of std's heap, which is binary, is twenty, and each step beyond the first few misses the caches once.
//!
//! The place of an entry in the heap is not known to its owner. So none is taken out of the middle, save that the one at the end of the
//! array can be had for nothing: that is where an entry is that has just been put in and is later than most.

use std::time::Instant;

/// How many entries lie beneath one.
const FAN: usize = 4;

/// Ordered by the deadline, then by the sequence number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Entry {
    pub(super) deadline: Instant,
    pub(super) sequence: u32,
    /// Whose it is.
    pub(super) index: u32,
}

impl Entry {
    /// The same as `<`, in fewer instructions: hardly ever are two deadlines equal.
    #[inline(always)]
    fn is_before(&self, other: &Entry) -> bool {
        if self.deadline == other.deadline {
            self.sequence < other.sequence
        } else {
            self.deadline < other.deadline
        }
    }
}

/// The place of the least of those that lie beneath one place, by their number; they are not empty.
#[inline(always)]
fn least(entries: &[Entry]) -> usize {
    if let [a, b, c, d] = entries {
        let low = usize::from(b.is_before(a));
        let high = 2 + usize::from(d.is_before(c));
        if entries[high].is_before(&entries[low]) { high } else { low }
    } else {
        let earlier = |least: usize, i: usize| if entries[i].is_before(&entries[least]) { i } else { least };
        (1..entries.len()).fold(0, earlier)
    }
}

/// See the head of this file. No entry is less than the one above it.
#[derive(Debug, Default)]
pub(super) struct Heap {
    entries: Vec<Entry>,
}

impl Heap {
    pub(super) const fn new() -> Self {
        Heap { entries: Vec::new() }
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// The least entry.
    #[inline]
    pub(super) fn first(&self) -> Option<Entry> {
        self.entries.first().copied()
    }

    /// The entry at the end of the array, which can be popped there.
    #[inline]
    pub(super) fn last(&self) -> Option<Entry> {
        self.entries.last().copied()
    }

    pub(super) fn pop_last(&mut self) {
        self.entries.pop();
    }

    pub(super) fn push(&mut self, entry: Entry) {
        self.entries.push(entry);
        self.rise(self.entries.len() - 1, 0, entry);
    }

    /// Takes the least entry out.
    pub(super) fn pop(&mut self) -> Option<Entry> {
        let last = self.entries.pop()?;
        let Some(first) = self.first() else { return Some(last) };
        self.sink(0, last);
        Some(first)
    }

    /// Keeps those of which `is_kept` says so.
    pub(super) fn retain(&mut self, mut is_kept: impl FnMut(Entry) -> bool) {
        self.entries.retain(|&entry| is_kept(entry));
        for place in (0..self.entries.len().div_ceil(FAN)).rev() {
            self.sink(place, self.entries[place]);
        }
    }

    /// Gives all entries in order to `number`, which may change them as long as that order stays.
    pub(super) fn renumber(&mut self, number: impl FnMut(&mut Entry)) {
        self.entries.sort_unstable();
        self.entries.iter_mut().for_each(number);
    }

    /// Forgets all, and gives the memory back.
    pub(super) fn clear(&mut self) {
        self.entries = Vec::new();
    }

    /// Puts an entry where there is a hole, or above that, but not above `top`.
    #[inline]
    fn rise(&mut self, mut hole: usize, top: usize, entry: Entry) {
        while hole > top {
            let above = (hole - 1) / FAN;
            if !entry.is_before(&self.entries[above]) {
                break;
            }
            self.entries[hole] = self.entries[above];
            hole = above;
        }
        self.entries[hole] = entry;
    }

    /// Puts an entry where there is a hole, or beneath that. What comes from the end of the array mostly belongs far down, so the
    /// hole goes all the way first.
    fn sink(&mut self, top: usize, entry: Entry) {
        let mut hole = top;
        loop {
            let first = hole * FAN + 1;
            let end = self.entries.len().min(first + FAN);
            if first >= end {
                break;
            }
            let least = first + least(&self.entries[first..end]);
            self.entries[hole] = self.entries[least];
            hole = least;
        }
        self.rise(hole, top, entry);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    /// Numbers in no order, the same each time.
    fn numbers(count: usize) -> impl Iterator<Item = u64> {
        let next = |state: &u64| Some(state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1));
        std::iter::successors(Some(1), next).map(|state| state >> 33).take(count)
    }

    /// Entries with these numbers, some of which have the same deadline.
    fn entries(count: usize) -> Vec<Entry> {
        let start = Instant::now();
        let deadline = |number| start + Duration::from_nanos(number % 100);
        let entry =
            |(sequence, number)| Entry { deadline: deadline(number), sequence, index: number as u32 % 7 };
        (0..).zip(numbers(count)).map(entry).collect()
    }

    #[test]
    fn entries_come_out_in_order_whatever_goes_in_between() {
        for count in [0, 1, 2, 3, 4, 5, 6, 20, 21, 22, 1_000] {
            let mut heap = Heap::new();
            let mut sorted = Vec::new();
            for (number, entry) in entries(count).into_iter().enumerate() {
                heap.push(entry);
                sorted.push(entry);
                if number % 3 == 2 {
                    sorted.sort_unstable();
                    assert_eq!(heap.pop(), Some(sorted.remove(0)));
                }
            }
            sorted.sort_unstable();
            assert!(std::iter::from_fn(|| heap.pop()).eq(sorted));
        }
    }

    #[test]
    fn what_is_left_after_others_were_taken_out_is_still_in_order() {
        let mut heap = Heap::new();
        entries(500).into_iter().for_each(|entry| heap.push(entry));
        heap.retain(|entry| entry.index != 3);
        let left = heap.len();
        let mut next = 0;
        heap.renumber(|entry| {
            entry.sequence = next;
            next += 1;
        });
        let out: Vec<_> = std::iter::from_fn(|| heap.pop()).collect();
        assert!(out.is_sorted() && out.iter().map(|entry| entry.sequence).eq(0..next));
        assert!(out.len() == left && left > 400 && left < 500 && out.iter().all(|entry| entry.index != 3));
    }

    #[test]
    fn the_entry_at_the_end_can_go_without_disturbing_the_others() {
        let mut heap = Heap::new();
        entries(200).into_iter().for_each(|entry| heap.push(entry));
        for _ in 0..50 {
            let (last, len) = (heap.last().unwrap(), heap.len());
            heap.pop_last();
            assert!(heap.len() == len - 1 && heap.first().unwrap() < last);
        }
        let out: Vec<_> = std::iter::from_fn(|| heap.pop()).collect();
        assert!(out.is_sorted() && out.len() == 150);
    }
}
