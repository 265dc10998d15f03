//! Timers in the order of their deadlines, and of their making where these are equal.
//!
//! ```text
//!   heap:  (deadline, sequence, index) ...   24 bytes for each timer
//!   slab:  generation, sequence, action      16 bytes for each timer, at `index`
//! ```
//!
//! A timer that is cancelled leaves the slab at once, and the heap when it comes up, or at once where it is the last there; one that is
//! due leaves the heap, and the slab when it is carried out, so that it can still be cancelled in between; when more than half of the
//! heap is such leftovers it is built
//! anew. So both operations cost the logarithm of the number of timers at most, and timeouts that hardly
//! ever fire do not pile up. (CPython's asyncio does the same; a timer wheel would be faster to cancel, but
//! rounds deadlines, and the order of those in one slot is lost.)
//!
//! An entry of the heap belongs to the timer in its place of the slab if both have the same sequence number. These number the timers in the order of
//! their making. Every 2 to the 32 timers they are dealt out anew, to those that are live.
//!
//! Rejected: nodes on the stacks of those who wait (no memory, but each is on a page of its own, and so each step through the heap
//! would miss every cache there is); a place in the slab that knows its place in the heap (nothing is left over, but each step writes to another
//! line); deadlines in nanoseconds, in one word (8 bytes less for each, but a deadline is an `Instant`, and to turn one into the other costs a sleep
//! a seventh more).

mod action;
mod heap;

use std::time::Instant;

pub(crate) use action::{Action, What};
use heap::{Entry, Heap};

/// Names a timer: a place in the slab and how often that was used before, in one word. Stays good for nothing once the timer has fired or was cancelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TimerKey(u64);

impl TimerKey {
    fn new(index: u32, generation: u32) -> Self {
        TimerKey(u64::from(generation) << 32 | u64::from(index))
    }

    fn index(self) -> u32 {
        self.0 as u32
    }

    fn generation(self) -> u32 {
        (self.0 >> 32) as u32
    }
}

/// A place in the slab.
#[derive(Debug)]
struct Place<A> {
    /// How often the place was used before.
    generation: u32,
    /// Of the timer, as long as it is in the heap; [`DUE`] from then on. Of a free place the number of
    /// the next one that is free.
    sequence: u32,
    /// What a live timer does.
    action: Option<A>,
}

/// No timer has this sequence number.
const DUE: u32 = u32::MAX;

/// The number of no place.
const NO_PLACE: u32 = u32::MAX;

/// The timers of one scheduler; `A` is what a timer does.
#[derive(Debug)]
pub(crate) struct Timers<A> {
    heap: Heap,
    slab: Vec<Place<A>>,
    /// The place that became free last.
    free: u32,
    next_sequence: u32,
    /// Of a new place in the slab: none that was there before had a later one.
    first_generation: u32,
    live: usize,
    /// Entries of the heap whose timers were cancelled.
    leftovers: usize,
}

/// Leftovers in the heap below this number are not worth building it anew.
const LEFTOVERS_MIN: usize = 64;

/// With no timer left, no more places than these are kept.
const IDLE_PLACES_MAX: usize = 4_096;

impl<A> Timers<A> {
    pub(crate) fn new() -> Self {
        Timers {
            heap: Heap::new(),
            slab: Vec::new(),
            free: NO_PLACE,
            next_sequence: 0,
            first_generation: 0,
            live: 0,
            leftovers: 0,
        }
    }

    /// How many timers are waiting.
    pub(crate) fn len(&self) -> usize {
        self.live
    }

    /// Sets a timer.
    pub(crate) fn insert(&mut self, deadline: Instant, action: A) -> TimerKey {
        if self.next_sequence == DUE {
            self.renumber();
        }
        let sequence = self.next_sequence;
        self.next_sequence += 1;
        let index = if self.free == NO_PLACE { self.new_place() } else { self.free };
        let place = &mut self.slab[index as usize];
        self.free = std::mem::replace(&mut place.sequence, sequence);
        place.action = Some(action);
        let generation = place.generation;
        self.heap.push(Entry { deadline, sequence, index });
        self.live += 1;
        TimerKey::new(index, generation)
    }

    fn new_place(&mut self) -> u32 {
        self.slab.push(Place { generation: self.first_generation, sequence: NO_PLACE, action: None });
        u32::try_from(self.slab.len() - 1).expect("fewer than 2^32 timers")
    }

    /// Takes a timer back, with what it would have done; `None` if it has fired or was cancelled before.
    pub(crate) fn cancel(&mut self, key: TimerKey) -> Option<A> {
        let (sequence, action) = self.take_live(key)?;
        if self.heap.last().is_some_and(|last| (last.sequence, last.index) == (sequence, key.index())) {
            self.heap.pop_last();
        } else if sequence != DUE && self.heap.len() > 0 {
            self.leftovers += 1;
            if self.leftovers > LEFTOVERS_MIN && self.leftovers > self.heap.len() / 2 {
                self.drop_leftovers();
            }
        }
        Some(action)
    }

    fn drop_leftovers(&mut self) {
        let slab = &self.slab;
        self.heap.retain(|entry| is_live(slab, entry));
        self.leftovers = 0;
    }

    /// The earliest deadline.
    #[inline]
    pub(crate) fn next_deadline(&mut self) -> Option<Instant> {
        while let Some(first) = self.heap.first() {
            if is_live(&self.slab, first) {
                return Some(first.deadline);
            }
            self.heap.pop();
            self.leftovers -= 1;
        }
        None
    }

    /// The next timer that is due. It waits to be taken, and can still be cancelled.
    #[inline]
    pub(crate) fn pop_due(&mut self, now: Instant) -> Option<TimerKey> {
        if self.next_deadline()? > now {
            return None;
        }
        let index = self.heap.pop()?.index;
        let place = &mut self.slab[index as usize];
        place.sequence = DUE;
        Some(TimerKey::new(index, place.generation))
    }

    /// What a timer that is due does, unless it was cancelled.
    pub(crate) fn take(&mut self, key: TimerKey) -> Option<A> {
        self.take_live(key).map(|(_, action)| action)
    }

    /// Whether the moment of a timer has not come, and it was not cancelled. One that is due and was not carried out yet is not ahead:
    /// who sets it anew each time that he is woken would never see it fire, if he is woken in each tick.
    pub(crate) fn is_ahead(&self, key: TimerKey) -> bool {
        let place = self.slab.get(key.index() as usize);
        place.is_some_and(|place| {
            place.generation == key.generation() && place.action.is_some() && place.sequence != DUE
        })
    }

    /// Takes a timer out of the slab: its sequence number and what it does.
    fn take_live(&mut self, key: TimerKey) -> Option<(u32, A)> {
        let place = self.slab.get_mut(key.index() as usize)?;
        if place.generation != key.generation() {
            return None;
        }
        let action = place.action.take()?;
        place.generation = place.generation.wrapping_add(1);
        let sequence = std::mem::replace(&mut place.sequence, self.free);
        self.free = key.index();
        self.live -= 1;
        if self.live == 0 && self.slab.len() > IDLE_PLACES_MAX {
            self.forget_places();
        }
        Some((sequence, action))
    }

    /// There were many timers, and there is none: gives their memory back. Keys of before stay good for nothing.
    #[cold]
    fn forget_places(&mut self) {
        let generations = self.slab.iter().map(|place| place.generation);
        self.first_generation = generations.max().unwrap_or(0).wrapping_add(1);
        self.slab = Vec::new();
        self.free = NO_PLACE;
        self.heap.clear();
        self.leftovers = 0;
    }

    /// Deals the sequence numbers out anew, in the same order.
    #[cold]
    fn renumber(&mut self) {
        self.drop_leftovers();
        let slab = &mut self.slab;
        let mut next = 0;
        self.heap.renumber(|entry| {
            entry.sequence = next;
            slab[entry.index as usize].sequence = next;
            next += 1;
        });
        self.next_sequence = next;
    }
}

#[inline]
fn is_live<A>(slab: &[Place<A>], entry: Entry) -> bool {
    let place = &slab[entry.index as usize];
    place.sequence == entry.sequence && place.action.is_some()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn drain(timers: &mut Timers<u32>, now: Instant) -> Vec<u32> {
        std::iter::from_fn(|| timers.pop_due(now).and_then(|key| timers.take(key))).collect()
    }

    #[test]
    fn timers_fire_by_deadline_and_then_by_age() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut timers = Timers::new();
        for (i, ms) in [5, 3, 5, 1, 3].into_iter().enumerate() {
            timers.insert(at(ms), i as u32);
        }
        assert_eq!(drain(&mut timers, at(0)), [0; 0]);
        assert_eq!(drain(&mut timers, at(3)), [3, 1, 4]);
        assert_eq!(timers.next_deadline(), Some(at(5)));
        assert_eq!(drain(&mut timers, at(9)), [0, 2]);
        assert_eq!(timers.next_deadline(), None);
    }

    #[test]
    fn a_cancelled_timer_does_not_fire_and_its_key_is_spent() {
        let now = Instant::now();
        let mut timers = Timers::new();
        let first = timers.insert(now, 1);
        assert_eq!(timers.cancel(first), Some(1));
        let second = timers.insert(now, 2);
        assert_eq!(first.index(), second.index(), "the place is used again");
        assert_eq!(timers.cancel(first), None);
        assert_eq!(drain(&mut timers, now), [2]);
        assert_eq!(timers.cancel(second), None);
        assert_eq!(timers.len(), 0);
    }

    #[test]
    fn a_timer_that_is_due_can_be_cancelled_until_it_is_taken() {
        let now = Instant::now();
        let mut timers = Timers::new();
        let key = timers.insert(now, 1);
        assert_eq!(timers.pop_due(now), Some(key));
        assert!(!timers.is_ahead(key), "it can be cancelled all the same");
        assert_eq!(timers.cancel(key), Some(1));
        assert_eq!(timers.take(key), None);
    }

    #[test]
    fn cancelled_timers_do_not_pile_up() {
        let now = Instant::now();
        let mut timers = Timers::new();
        for i in 0..100_000 {
            let key = timers.insert(now + Duration::from_secs(1000), i);
            timers.cancel(key);
        }
        assert!(timers.heap.len() <= LEFTOVERS_MIN + 1 && timers.slab.len() == 1);
    }

    #[test]
    fn cancelled_timers_that_lie_beneath_others_do_not_pile_up_either() {
        let now = Instant::now();
        let mut timers = Timers::new();
        for i in 0..100_000_u32 {
            let first = timers.insert(now + Duration::from_secs(2_000_000 - u64::from(i)), i);
            let second = timers.insert(now + Duration::from_secs(2_000_000), i);
            timers.cancel(first);
            timers.cancel(second);
        }
        assert!(timers.heap.len() <= LEFTOVERS_MIN + 2 && timers.slab.len() == 2);
        assert_eq!(timers.next_deadline(), None);
    }

    #[test]
    fn a_timer_is_40_bytes() {
        assert_eq!(size_of::<Place<Action>>() + size_of::<Entry>(), 40);
    }

    #[test]
    fn the_order_outlives_the_sequence_numbers() {
        let now = Instant::now();
        let mut timers = Timers::new();
        timers.next_sequence = DUE - 3;
        let later = now + Duration::from_secs(1);
        let keys: Vec<_> = [(later, 0), (now, 1), (now, 2)].map(|(at, i)| timers.insert(at, i)).into();
        timers.cancel(keys[1]);
        timers.next_sequence = DUE;
        let due = timers.insert(now, 3);
        timers.insert(later, 4);
        assert!(timers.next_sequence < 10);
        assert_eq!(timers.cancel(due), Some(3));
        assert_eq!(drain(&mut timers, now), [2]);
        assert_eq!(drain(&mut timers, later), [0, 4]);
    }

    #[test]
    fn many_timers_leave_no_memory_and_their_keys_stay_spent() {
        let now = Instant::now();
        let mut timers = Timers::new();
        let keys: Vec<_> = (0..2 * IDLE_PLACES_MAX as u32).map(|i| timers.insert(now, i)).collect();
        let (first, others) = keys.split_first().unwrap();
        assert!(others.iter().all(|&key| timers.cancel(key).is_some()));
        assert_eq!(timers.cancel(*first), Some(0));
        assert_eq!((timers.slab.capacity(), timers.heap.len()), (0, 0));
        let again = timers.insert(now, 7);
        assert_eq!(again.index(), first.index());
        assert!(keys.iter().all(|&key| !timers.is_ahead(key) && timers.cancel(key).is_none()));
        assert_eq!(drain(&mut timers, now), [7]);
    }
}
