//! When a scheduler that waits for results of blocking calls lets several of them come together.
//!
//! While the threads have more calls before them than results have come of them, each result that wakes the scheduler costs its thread a
//! system call and a core two switches, for a task that mostly puts one more call behind the others. So the scheduler dozes then:
//!
//! ```text
//!   a result comes ──▶ as many calls wait for a thread as results for the scheduler, or fewer? ── yes ──▶ it is woken
//!                                                   │
//!                                                   no: the thread goes on to the next call
//! ```
//!
//! Half of what the threads have before them is done when it wakes, and the other half keeps them at work while it sees to that. Calls
//! that have begun don't count, since nobody knows how long they take. All else that comes, I/O, timers, messages, ends a doze
//! at once.
//!
//! A call that takes long must not hold back the results of those before it. So a doze is short, and after one in which nothing came there
//! is none for a while, each time twice as long: where calls take longer than a doze, there are next to none.
//!
//! Rejected: to spin, or to yield the thread, before the sleep (the one costs a core that the calls may need, the other up to a time slice
//! where the machine has other work); a bound by number alone (a call may block for ever, and nothing tells which one will).

use std::cell::Cell;
use std::time::Duration;

/// How long one takes at most. The timers of the system may add half of that, and those of systems that wait by milliseconds nearly one.
const LONGEST: Duration = Duration::from_micros(100);

/// How many calls have to wait for a thread.
const BACKLOG_MIN: usize = 4;

/// How many sleeps go without a doze at most, after dozes in vain.
const SKIPPED_MAX: u32 = 1024;

/// See the head of this file.
#[derive(Debug, Default)]
pub(super) struct Dozing {
    /// How many sleeps are still to go without.
    to_skip: Cell<u32>,
    /// How many went without after the last one in vain.
    skipped: Cell<u32>,
}

impl Dozing {
    /// A sleep begins, while so many calls wait for a thread: for how long it is to be a doze, if it is.
    pub(super) fn begin(&self, backlog: usize) -> Option<Duration> {
        if backlog < BACKLOG_MIN {
            return None;
        }
        let to_skip = self.to_skip.get();
        self.to_skip.set(to_skip.saturating_sub(1));
        (to_skip == 0).then_some(LONGEST)
    }

    /// A doze has ended, in which something came or not.
    pub(super) fn end(&self, heard: bool) {
        let skipped = if heard { 0 } else { (2 * self.skipped.get() + 1).min(SKIPPED_MAX) };
        self.skipped.set(skipped);
        self.to_skip.set(skipped);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many sleeps go by until the next doze.
    fn sleeps_before_a_doze(dozing: &Dozing) -> u32 {
        (0..).find(|_| dozing.begin(BACKLOG_MIN).is_some()).unwrap_or(u32::MAX)
    }

    #[test]
    fn nobody_dozes_while_few_calls_wait() {
        assert_eq!(Dozing::default().begin(BACKLOG_MIN - 1), None);
    }

    #[test]
    fn dozes_in_vain_become_rare_and_one_that_is_not_brings_them_back() {
        let dozing = Dozing::default();
        let mut between = Vec::new();
        for _ in 0..12 {
            between.push(sleeps_before_a_doze(&dozing));
            dozing.end(false);
        }
        assert_eq!(between[..4], [0, 1, 3, 7]);
        assert_eq!(between.last(), Some(&SKIPPED_MAX));
        assert_eq!(sleeps_before_a_doze(&dozing), SKIPPED_MAX);
        dozing.end(true);
        assert_eq!(sleeps_before_a_doze(&dozing), 0);
    }
}
