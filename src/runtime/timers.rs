//! Timers in the order of their deadlines, and of their making where these are equal.
//!
//! A heap of (deadline, sequence number), with what each does in a slab beside it. A timer that is cancelled leaves the
//! slab at once and the heap when it comes up; one that is due leaves the heap, and the slab when it is carried out,
//! so that it can still be cancelled in between; when more than half of the heap is such leftovers it is built
//! anew. So both operations cost the logarithm of the number of timers at most, and timeouts that hardly
//! ever fire do not pile up. (CPython's asyncio does the same; a timer wheel would be faster to cancel, but
//! rounds deadlines, and the order of those in one slot is lost.)

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Instant;

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
    live: Option<Live<A>>,
}

#[derive(Debug)]
struct Live<A> {
    sequence: u64,
    in_heap: bool,
    action: A,
}

/// The timers of one scheduler; `A` is what a timer does.
#[derive(Debug)]
pub(crate) struct Timers<A> {
    heap: BinaryHeap<Reverse<(Instant, u64, u32)>>,
    slab: Vec<Place<A>>,
    free: Vec<u32>,
    next_sequence: u64,
    live: usize,
    /// Entries of the heap whose timers were cancelled.
    leftovers: usize,
}

/// Leftovers in the heap below this number are not worth building it anew.
const LEFTOVERS_MIN: usize = 64;

impl<A> Timers<A> {
    pub(crate) fn new() -> Self {
        Timers {
            heap: BinaryHeap::new(),
            slab: Vec::new(),
            free: Vec::new(),
            next_sequence: 0,
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
        let sequence = self.next_sequence;
        self.next_sequence += 1;
        let live = Some(Live { sequence, in_heap: true, action });
        let index = self.free.pop().unwrap_or_else(|| {
            self.slab.push(Place { generation: 0, live: None });
            u32::try_from(self.slab.len() - 1).expect("fewer than 2^32 timers")
        });
        let place = &mut self.slab[index as usize];
        place.live = live;
        let generation = place.generation;
        self.heap.push(Reverse((deadline, sequence, index)));
        self.live += 1;
        TimerKey::new(index, generation)
    }

    /// Takes a timer back, with what it would have done; `None` if it has fired or was cancelled before.
    pub(crate) fn cancel(&mut self, key: TimerKey) -> Option<A> {
        let live = self.take_live(key)?;
        if live.in_heap {
            self.leftovers += 1;
            if self.leftovers > LEFTOVERS_MIN && self.leftovers > self.heap.len() / 2 {
                let slab = &self.slab;
                self.heap.retain(|&Reverse((_, sequence, index))| is_live(slab, index, sequence));
                self.leftovers = 0;
            }
        }
        Some(live.action)
    }

    /// The earliest deadline.
    pub(crate) fn next_deadline(&mut self) -> Option<Instant> {
        while let Some(&Reverse((deadline, sequence, index))) = self.heap.peek() {
            if is_live(&self.slab, index, sequence) {
                return Some(deadline);
            }
            self.heap.pop();
            self.leftovers -= 1;
        }
        None
    }

    /// The next timer that is due. It waits to be taken, and can still be cancelled.
    pub(crate) fn pop_due(&mut self, now: Instant) -> Option<TimerKey> {
        if self.next_deadline()? > now {
            return None;
        }
        let Reverse((_, _, index)) = self.heap.pop()?;
        let place = &mut self.slab[index as usize];
        place.live.as_mut()?.in_heap = false;
        Some(TimerKey::new(index, place.generation))
    }

    /// What a timer that is due does, unless it was cancelled.
    pub(crate) fn take(&mut self, key: TimerKey) -> Option<A> {
        self.take_live(key).map(|live| live.action)
    }

    /// Whether the timer has neither been carried out nor cancelled.
    fn is_pending(&self, key: TimerKey) -> bool {
        let place = self.slab.get(key.index() as usize);
        place.is_some_and(|place| place.generation == key.generation() && place.live.is_some())
    }

    /// Whether its moment has not come, and it was not cancelled. One that is due but was not carried out yet is not ahead: who
    /// sets it anew each time that he is woken would never see it fire, if he is woken in each tick.
    pub(crate) fn is_ahead(&self, key: TimerKey) -> bool {
        let place = self.slab.get(key.index() as usize);
        place.is_some_and(|place| {
            place.generation == key.generation() && place.live.as_ref().is_some_and(|live| live.in_heap)
        })
    }

    fn take_live(&mut self, key: TimerKey) -> Option<Live<A>> {
        if !self.is_pending(key) {
            return None;
        }
        self.free.push(key.index());
        self.live -= 1;
        let place = &mut self.slab[key.index() as usize];
        place.generation = place.generation.wrapping_add(1);
        place.live.take()
    }
}

fn is_live<A>(slab: &[Place<A>], index: u32, sequence: u64) -> bool {
    slab[index as usize].live.as_ref().is_some_and(|live| live.sequence == sequence)
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
        assert!(timers.is_pending(key) && !timers.is_ahead(key));
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
}
