//! When the pages of free slots are given back: the policy alone, without the memory.
//!
//! A free slot is *dirty* while its pages are resident and *clean* when they were given back. Giving back
//! costs about 0.35 µs a slot in a batch, and using a clean slot costs about 1.6 µs for the page that is
//! touched again, against 40 ns for all of a short generator's life. So a program that takes the slots again should
//! find them dirty, and a program that does not should not pay for them. The pool cannot know which it is, so
//! it learns:
//!
//! - Up to `keep` dirty slots are held without question. It starts at 1,024, a few megabytes where stacks are
//!   shallow, or at 256 MiB worth of slots where they are large.
//! - With many slots in use, half as many may lie free and dirty. Above that mark, the colder half of them is
//!   given back. As more are released the mark falls with the number in use; a million slots that are freed
//!   at once end at `keep`, each given back once, in about thirty batches.
//! - **Each clean slot that has to be used raises `keep` by one**: it should not have been given back. A
//!   program that makes and drops ten thousand generators in turn pays for the pages once, and from the
//!   second round on finds them.
//! - **Slots that lie idle lower it.** The pool looks at the colder half of the dirty slots, after eight
//!   releases for each dirty slot and no sooner than after 16,384. When none of that half was used meanwhile,
//!   it is given back. So what a burst has taught is forgotten when the program goes on without bursts.
//! - A program that knows better says how many are held without question (`keep_at_least`). What it names is neither
//!   learned nor forgotten.
//!
//! Rejected: a fixed number of slots (wrong for somebody), clocks (they cost more than the pool does), and
//! MADV_FREE (it saves little, and hides from the user how much memory is in use).

/// The most bytes that lie in free slots without question, if all of them were dirty to the last page.
const KEEP_BYTES: usize = 256 << 20;

/// The most slots that are kept without question.
const KEEP_SLOTS: usize = 1_024;

/// How much larger than at first `keep` may become.
const LEARN_FACTOR: usize = 128;

/// The least number of releases between two looks for idle slots.
pub(super) const EPOCH_MIN: usize = 16_384;

/// Releases between two looks for each slot that is free and dirty.
const EPOCH_FACTOR: usize = 8;

/// How many free and dirty slots are kept.
#[derive(Debug)]
pub(super) struct Retention {
    keep_min: usize,
    keep: usize,
}

impl Retention {
    /// The policy for slots of `size` bytes.
    pub(super) fn new(size: usize) -> Self {
        let keep_min = (KEEP_BYTES / size).clamp(1, KEEP_SLOTS);
        Retention { keep_min, keep: keep_min }
    }

    /// From now on so many are held without question.
    pub(super) fn keep_at_least(&mut self, count: usize) {
        self.keep_min = count.max(1);
        self.keep = self.keep_min;
    }

    /// More dirty slots than this are too many, with `in_use` slots in use.
    pub(super) fn mark(&self, in_use: usize) -> usize {
        self.keep.max(in_use / 2)
    }

    /// How many of the dirty slots to give back at once, the coldest first; 0 while the mark is not passed.
    pub(super) fn excess(&self, dirty: usize, in_use: usize) -> usize {
        let mark = self.mark(in_use);
        if dirty > mark { dirty - mark.div_ceil(2) } else { 0 }
    }

    /// A clean slot had to be used: one more would have been worth keeping.
    pub(super) fn missed(&mut self) {
        self.keep = (self.keep + 1).min(self.keep_min.saturating_mul(LEARN_FACTOR));
    }

    /// Of `dirty` slots, the coldest `idle` ones were not used for an epoch: how many of these to give back.
    pub(super) fn forget(&mut self, dirty: usize, idle: usize) -> usize {
        let n = idle.min(dirty.saturating_sub(self.keep_min));
        if n > 0 {
            self.keep = self.keep.min(dirty - n);
        }
        n
    }

    /// How many of the coldest dirty slots to watch in the next epoch, and how many releases it lasts.
    pub(super) fn epoch(&self, dirty: usize) -> (usize, usize) {
        let watched = if dirty > self.keep_min { dirty / 2 } else { 0 };
        (watched, (dirty * EPOCH_FACTOR).max(EPOCH_MIN))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The pool's behaviour at releases and acquires, with numbers in place of slots.
    struct Model {
        retention: Retention,
        in_use: usize,
        dirty: usize,
        clean: usize,
        given_back: usize,
        batches: usize,
    }

    impl Model {
        fn new(size: usize) -> Self {
            let retention = Retention::new(size);
            Model { retention, in_use: 0, dirty: 0, clean: 0, given_back: 0, batches: 0 }
        }

        /// Returns how many slots were clean.
        fn acquire(&mut self, n: usize) -> usize {
            let before = self.clean;
            for _ in 0..n {
                self.in_use += 1;
                if self.dirty > 0 {
                    self.dirty -= 1;
                } else if self.clean > 0 {
                    self.clean -= 1;
                    self.retention.missed();
                }
            }
            before - self.clean
        }

        fn release(&mut self, n: usize) {
            for _ in 0..n {
                self.in_use -= 1;
                self.dirty += 1;
                let excess = self.retention.excess(self.dirty, self.in_use);
                self.dirty -= excess;
                self.clean += excess;
                self.given_back += excess;
                self.batches += usize::from(excess > 0);
            }
        }
    }

    #[test]
    fn a_million_slots_freed_at_once_are_given_back_in_few_batches() {
        let mut model = Model::new(64 << 10);
        model.acquire(1_000_000);
        model.release(1_000_000);
        assert!(model.dirty <= KEEP_SLOTS, "{} slots stay dirty", model.dirty);
        assert_eq!(model.given_back, model.clean);
        assert!(model.batches < 40, "{} batches", model.batches);
    }

    #[test]
    fn a_few_slots_in_turn_are_never_given_back() {
        let mut model = Model::new(256 << 10);
        for _ in 0..1_000 {
            model.acquire(1_000);
            model.release(1_000);
        }
        assert_eq!(model.batches, 0);
    }

    #[test]
    fn what_is_needed_in_every_round_is_kept_from_the_second_on() {
        let mut model = Model::new(256 << 10);
        model.acquire(10_000);
        model.release(10_000);
        assert!(model.acquire(10_000) > 8_000);
        model.release(10_000);
        assert_eq!(model.acquire(10_000), 0);
    }

    #[test]
    fn what_a_burst_has_taught_is_forgotten() {
        let mut model = Model::new(256 << 10);
        for _ in 0..2 {
            model.acquire(100_000);
            model.release(100_000);
        }
        assert!(model.dirty > 50_000);
        let mut epochs = 0;
        loop {
            let (watched, _) = model.retention.epoch(model.dirty);
            let idle = model.retention.forget(model.dirty, watched);
            if idle == 0 {
                break;
            }
            model.dirty -= idle;
            epochs += 1;
        }
        assert_eq!((model.dirty, model.retention.keep), (KEEP_SLOTS, KEEP_SLOTS));
        assert!(epochs < 10, "{epochs} epochs");
    }

    #[test]
    fn of_the_largest_slots_one_is_kept() {
        let mut model = Model::new(usize::MAX / 2 + 1);
        for _ in 0..10 {
            model.acquire(1);
            model.release(1);
        }
        assert_eq!((model.dirty, model.batches), (1, 0));
        model.acquire(2);
        model.release(2);
        assert_eq!(model.dirty, 1);
    }
}
