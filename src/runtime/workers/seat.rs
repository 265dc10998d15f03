//! The place of one worker: its deque, how it searches, and when it waits a moment instead of going to sleep.
//!
//! A worker takes its newest closure first, which is likely in its cache, and keeps few tasks alive where tasks spawn tasks; thieves take
//! the oldest. So that the oldest of a busy worker has its turn though nobody steals, every now and then the worker itself takes it.
//!
//! It takes one closure at a time and runs the task's first step at once: what lies in the deque can be stolen until the
//! moment when it begins, so that a long step does not hold up the closures behind it while others are idle.
//!
//! Waking a thread that sleeps costs microseconds. Where two workers answer each other, each would sleep and be woken for each message. So
//! a worker that was woken a few times soon after it went to sleep waits awake for that long the next time, and stops doing so
//! when nothing came. A worker that is woken seldom never does: an idle runtime uses no processor time.
//!
//! It waits for a message alone at first, for as long as an answer takes that is under way: it touches nothing then that others write but
//! its inbox, and counts as one that works. Only after that it becomes a searcher. To begin and to end a search are two writes to a line
//! that all workers share, and the second would come between the answer and who waits for it. One that has answers all the time searches every now and then all
//! the same: what lies in the deque of a worker that is in a long step would wait for a thief as long as they come.

use std::cell::Cell;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::crew::Crew;
use super::gate::{Gate, steal_until_settled};
use crate::atomics::deque::{Steal, Worker};
use crate::atomics::hint;
use crate::runtime::inbox::Inbox;
use crate::runtime::remote::Fresh;

/// Every so often the oldest closure is taken, and the injector looked at, first.
const TURNS_PER_FAIR_ONE: u32 = 64;

/// How long a worker waits awake at most: longer than it takes to wake another one, which then answers.
const SPIN: Duration = Duration::from_micros(20);

/// How often it looks for a message before it searches: some microseconds.
const GLANCES: u32 = 64;

/// After how many answers in a row it searches first.
const ANSWERS_MAX: u32 = 64;

/// A sleep that was ended so soon by another worker would better have been a wait.
const SOON: Duration = Duration::from_micros(60);

/// How many such sleeps make a worker wait awake. Each wait in vain doubles that, and each that was not halves it: where other
/// processes have the processor, the answer does not come in time, and waiting for it only takes more of their time.
const PRICE_MIN: u8 = 2;
const PRICE_MAX: u8 = 64;

/// See the head of this file. Of the worker's thread.
pub(in crate::runtime) struct Seat {
    pub(in crate::runtime) crew: Arc<Crew>,
    pub(super) worker: usize,
    deque: Worker<Fresh>,
    turns: Cell<u32>,
    /// Where it looks first the next time.
    victim: Cell<usize>,
    /// How many sleeps were ended soon since it last waited in vain, and how many it takes to wait.
    credit: Cell<u8>,
    price: Cell<u8>,
    /// How many answers it has had since it last searched.
    answers: Cell<u32>,
    /// When its sleep began, if that is of interest.
    asleep_since: Cell<Option<Instant>>,
    /// How many closures it has begun.
    begun: Cell<u64>,
}

impl Seat {
    pub(super) fn new(crew: Arc<Crew>, worker: usize, deque: Worker<Fresh>) -> Self {
        Seat {
            crew,
            worker,
            deque,
            turns: Cell::new(0),
            victim: Cell::new(worker + 1),
            credit: Cell::new(0),
            price: Cell::new(PRICE_MIN),
            answers: Cell::new(0),
            asleep_since: Cell::new(None),
            begun: Cell::new(0),
        }
    }

    /// The number of the runtime.
    pub(in crate::runtime) fn runtime(&self) -> u32 {
        self.crew.gate.number
    }

    /// Puts work where this worker finds it, and the others.
    pub(in crate::runtime) fn push(&self, fresh: Fresh) {
        self.deque.push(fresh);
        self.crew.work_came();
    }

    /// What lies in its own deque is for who is free.
    pub(in crate::runtime) fn share(&self) {
        self.crew.work_came();
    }

    /// Whether there is work in its own deque.
    pub(in crate::runtime) fn has_own(&self) -> bool {
        !self.deque.is_empty()
    }

    /// The next closure, of its own or from outside.
    pub(in crate::runtime) fn next(&self) -> Option<Fresh> {
        self.turns.set(self.turns.get().wrapping_add(1));
        let fresh = if self.turns.get().is_multiple_of(TURNS_PER_FAIR_ONE) {
            let oldest = || steal_until_settled(|| self.crew.stealers[self.worker].steal());
            self.take_from_outside().or_else(oldest)
        } else {
            self.deque.pop().or_else(|| self.take_from_outside())
        };
        if fresh.is_some() {
            self.note_begun();
        }
        fresh
    }

    /// Notes that a task was begun.
    pub(in crate::runtime) fn note_begun(&self) {
        self.begun.set(self.begun.get() + 1);
    }

    /// How many it has begun.
    pub(super) fn begun(&self) -> u64 {
        self.begun.get()
    }

    fn take_from_outside(&self) -> Option<Fresh> {
        let injector = &self.crew.gate.injector;
        if injector.is_empty() {
            return None;
        }
        steal_until_settled(|| injector.steal_batch_and_pop(&self.deque))
    }

    /// Moves some of the others' work, or of what came from outside, into its own deque. Gives whether there was any.
    fn steal(&self) -> bool {
        let injector = &self.crew.gate.injector;
        if steal_until_settled(|| injector.steal_batch(&self.deque)).is_some() {
            return true;
        }
        let stealers = &self.crew.stealers;
        for i in 0..stealers.len() {
            let victim = (self.victim.get() + i) % stealers.len();
            if victim == self.worker {
                continue;
            }
            // One that is in somebody else's hands is passed by: who has it looks for more.
            if let Steal::Success(()) = stealers[victim].steal_batch(&self.deque) {
                self.victim.set(victim);
                return true;
            }
        }
        false
    }

    /// Looks everywhere, and for a moment waits for something to come, where that has paid off. Gives whether there is work in its deque or
    /// a message. `is_searching`: it counts as searching already.
    pub(in crate::runtime) fn search(&self, inbox: &Inbox, is_searching: bool) -> bool {
        if !is_searching && self.expect_answer(inbox) {
            self.answers.set(self.answers.get() + 1);
            return true;
        }
        self.answers.set(0);
        if is_searching || self.crew.begin_search() {
            let found = self.steal() || self.spin(inbox, true);
            self.crew.end_search(self.worker, self.deque.len());
            found
        } else {
            // Others look for work. The one who is about to answer may be among them, and ends its search only now.
            self.spin(inbox, false)
        }
    }

    /// Waits awake for the answer to what this worker has just done, where such answers came soon before. Gives whether it has come.
    fn expect_answer(&self, inbox: &Inbox) -> bool {
        if self.credit.get() < self.price.get() || self.answers.get() == ANSWERS_MAX {
            return false;
        }
        for _ in 0..GLANCES {
            if inbox.has_messages() {
                self.cheapen();
                return true;
            }
            hint::spin_loop();
        }
        false
    }

    /// A wait was not in vain.
    fn cheapen(&self) {
        self.price.set((self.price.get() / 2).max(PRICE_MIN));
    }

    /// Waits awake, for messages and, if it is one of those who search, for work. Gives whether there is either.
    fn spin(&self, inbox: &Inbox, searches: bool) -> bool {
        if self.credit.get() < self.price.get() {
            return false;
        }
        let begin = Instant::now();
        while begin.elapsed() < SPIN {
            for _ in 0..16 {
                if inbox.has_messages() {
                    self.cheapen();
                    return true;
                }
                hint::spin_loop();
            }
            if searches && self.crew.has_fresh() && self.steal() {
                self.cheapen();
                return true;
            }
        }
        self.price.set((self.price.get() * 2).min(PRICE_MAX));
        self.credit.set(0);
        false
    }

    /// Sleeps by `sleep`, as one that a push may wake. Comes back at once when there is work after all.
    pub(in crate::runtime) fn asleep(
        &self,
        inbox: &Inbox,
        sleep: impl FnOnce() -> io::Result<bool>,
    ) -> io::Result<bool> {
        self.crew.register(self.worker);
        let slept = if self.crew.has_fresh() {
            Ok(true)
        } else {
            self.asleep_since.set(self.crew.may_spin.then(Instant::now));
            sleep()
        };
        if self.crew.unregister(self.worker) {
            self.note_woken();
            self.search(inbox, true);
        }
        slept
    }

    /// It sleeps, as long as this lives, with nothing of its own to wait for.
    pub(in crate::runtime) fn lose_hope(&self) -> Hopeless<'_> {
        self.crew.lose_hope(self.worker);
        Hopeless(&self.crew)
    }

    /// Whether there are no other workers.
    pub(in crate::runtime) fn is_alone(&self) -> bool {
        self.crew.size() == 1
    }

    /// How many workers there are.
    pub(in crate::runtime) fn workers(&self) -> usize {
        self.crew.size()
    }

    /// The way into the runtime.
    pub(in crate::runtime) fn gate(&self) -> &Arc<Gate> {
        &self.crew.gate
    }

    /// Whether it is worker 0, which runs the main task.
    pub(in crate::runtime) fn is_first(&self) -> bool {
        self.worker == 0
    }

    /// Whether nothing can happen any more on any worker; see [`Crew::is_at_a_standstill`].
    pub(in crate::runtime) fn is_at_a_standstill(&self) -> bool {
        self.crew.is_at_a_standstill()
    }

    /// See [`Crew::stirred`].
    pub(in crate::runtime) fn stirred(&self) -> u64 {
        self.crew.stirred()
    }

    /// See [`Crew::is_still_since`].
    pub(in crate::runtime) fn is_still_since(&self, stirred: u64) -> bool {
        self.crew.is_still_since(stirred)
    }

    /// What the run is to end with, for worker 0.
    pub(in crate::runtime) fn fault(&self) -> Option<io::Error> {
        if self.is_first() { self.crew.take_fault() } else { None }
    }

    /// Its inbox.
    pub(in crate::runtime) fn inbox(&self) -> Arc<Inbox> {
        Arc::clone(&self.crew.inboxes[self.worker])
    }

    /// The number of its first task, and from one to the next.
    pub(in crate::runtime) fn numbers(&self) -> (u64, u64) {
        (self.worker as u64 + 1, self.crew.size() as u64)
    }

    /// Another worker has ended its sleep.
    pub(in crate::runtime) fn note_woken(&self) {
        if self.asleep_since.take().is_some_and(|begin| begin.elapsed() < SOON) {
            self.credit.set((self.credit.get() + 1).min(PRICE_MAX));
        }
    }

    /// All that can be had at this moment.
    pub(super) fn take_all(&self) -> Vec<Fresh> {
        let mut all = Vec::new();
        while let Some(fresh) = self.deque.pop() {
            all.push(fresh);
        }
        // The oldest of each first.
        all.reverse();
        all.extend(std::iter::from_fn(|| steal_until_settled(|| self.crew.gate.injector.steal())));
        for (worker, stealer) in self.crew.stealers.iter().enumerate() {
            if worker != self.worker {
                all.extend(std::iter::from_fn(|| steal_until_settled(|| stealer.steal())));
            }
        }
        all
    }

    /// Drops what is left in its own deque: nobody begins it.
    pub(super) fn clear(&self) {
        while let Some(fresh) = self.deque.pop() {
            fresh.refuse();
        }
    }
}

/// A worker that sleeps without hope. It has some again when this is dropped.
pub(in crate::runtime) struct Hopeless<'a>(&'a Crew);

impl Drop for Hopeless<'_> {
    fn drop(&mut self) {
        self.0.regain_hope();
    }
}

impl std::fmt::Debug for Seat {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Seat").field("worker", &self.worker).finish_non_exhaustive()
    }
}

#[cfg(all(test, not(cede_loom)))]
mod tests {
    use super::*;
    use crate::runtime::remote::FreshCall;
    use crate::runtime::task::TaskKey;

    #[test]
    fn a_worker_that_has_answers_all_the_time_takes_from_one_that_is_in_a_long_step() {
        let (crew, deques) = Crew::new(&Gate::new(), 2, true);
        let seat_of = |(worker, deque)| Seat::new(Arc::clone(&crew), worker, deque);
        let seats: Vec<_> = deques.into_iter().enumerate().map(seat_of).collect();
        seats[0].push(Fresh::Call(FreshCall(Box::new(|| ()))));
        let inbox = seats[1].inbox();
        seats[1].credit.set(PRICE_MIN);
        let answers = (0..=ANSWERS_MAX).take_while(|_| {
            inbox.wake(TaskKey::for_test(1));
            assert!(seats[1].search(&inbox, false));
            inbox.drain(&mut |_| ());
            !seats[1].has_own()
        });
        assert_eq!(answers.count(), ANSWERS_MAX as usize);
    }
}
