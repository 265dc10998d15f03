//! Where a scheduler hears from outside: from the OS, through the reactor, and from other threads, through the inbox.
//!
//! The reactor is made when somebody first needs it, so that a run without I/O and without threads opens no
//! descriptors. A scheduler that only waits for timers sleeps without it.
//!
//! Under virtual time nothing waits for a deadline. What has come from outside goes first; then blocking jobs that are
//! under way are waited for, since they end by themselves; only then does the clock jump. I/O that has not come yet does
//! not hold it up: a server that waits for connections would for ever.

use std::cell::{Cell, OnceCell};
use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::apart::Apart;
use super::blocking::Jobs;
use super::clock::Clock;
use super::dozing::Dozing;
use super::inbox::{Inbox, Message, Sender};
use super::process_signals::Ear;
use super::reactor::{Budget, Reactor};

/// After how many entries of the run queue the OS is asked for I/O though there is more to do.
const ENTRIES_PER_LOOK: usize = 64;

/// See the head of this file.
pub(crate) struct Outside {
    reactor: OnceCell<Reactor>,
    portable: bool,
    /// Apart, since other threads read it to wake a task, and all else changes in each tick.
    pub(crate) inbox: Apart<Arc<Inbox>>,
    pub(crate) jobs: Jobs,
    /// What the step that is under way may do without waiting.
    pub(crate) budget: Budget,
    entries_since_look: Cell<usize>,
    dozing: Dozing,
    /// Once somebody in this run waits for signals.
    ear: OnceCell<Ear>,
}

/// Takes what has come from outside.
type Hear<'a> = &'a mut dyn FnMut(Message);

impl Outside {
    /// `portable`: the reactor is to use what all systems have.
    pub(super) fn new(portable: bool, inbox: Arc<Inbox>) -> Self {
        let jobs = Jobs::new(Arc::clone(&inbox));
        Outside {
            reactor: OnceCell::new(),
            portable,
            inbox: Apart(inbox),
            jobs,
            budget: Budget::default(),
            entries_since_look: Cell::new(0),
            dozing: Dozing::default(),
            ear: OnceCell::new(),
        }
    }

    /// The reactor; makes it if need be.
    #[inline]
    pub(crate) fn reactor(&self) -> io::Result<&Reactor> {
        match self.reactor.get() {
            Some(reactor) => Ok(reactor),
            None => self.make_reactor(),
        }
    }

    #[cold]
    fn make_reactor(&self) -> io::Result<&Reactor> {
        let reactor = Reactor::new(self.portable)?;
        // In a model no run waits for the OS.
        #[cfg(not(cede_loom))]
        self.inbox.set_notifier(reactor.notifier());
        Ok(self.reactor.get_or_init(|| reactor))
    }

    /// A task of this run waits for signals as long as it holds what this gives.
    pub(crate) fn await_signals(&self) -> Sender {
        self.ear.get_or_init(|| Ear::open(&self.inbox));
        self.inbox.sender()
    }

    /// Whether anything outside could still wake somebody.
    pub(super) fn can_speak(&self) -> bool {
        self.inbox.has_senders() || self.reactor.get().is_some_and(Reactor::has_waiters)
    }

    /// The OS is asked before the next tick, however little is to do in it.
    pub(crate) fn look_soon(&self) {
        self.entries_since_look.set(ENTRIES_PER_LOOK);
    }

    /// A tick with so much to do begins: whether it is time to [`look`](Outside::look) first.
    #[inline(always)]
    pub(super) fn is_due(&self, entries: usize) -> bool {
        let since = self.entries_since_look.get() + entries;
        self.entries_since_look.set(since);
        since >= ENTRIES_PER_LOOK || self.inbox.has_messages()
    }

    /// Takes what other threads have sent and, every now and then, what the OS reports. Does not wait.
    pub(super) fn look(&self, hear: Hear<'_>) -> io::Result<()> {
        if self.entries_since_look.get() >= ENTRIES_PER_LOOK {
            self.entries_since_look.set(0);
            if let Some(reactor) = self.reactor.get() {
                reactor.wait(Some(Duration::ZERO))?;
            }
        }
        self.inbox.drain(hear);
        Ok(())
    }

    /// Nothing is ready: waits until something comes from outside or the deadline. Gives false, and does not wait, when there is no
    /// deadline and nothing can come. May return early for no reason.
    pub(super) fn wait(&self, deadline: Option<Instant>, clock: &Clock, hear: Hear<'_>) -> io::Result<bool> {
        self.entries_since_look.set(0);
        let Some(deadline) = deadline else { return self.sleep(None, hear) };
        if let Clock::Virtual(_) = clock {
            let mut heard = false;
            self.look_soon();
            self.look(&mut |message| {
                heard = true;
                hear(message);
            })?;
            if heard {
                return Ok(true);
            }
            // Where the last of them has gone meanwhile this does not wait.
            if self.jobs.any() && self.sleep(None, &mut *hear)? {
                return Ok(true);
            }
        }
        self.sleep(Some(clock.wait_until(deadline)), hear)
    }

    /// Waits until something comes from a thread that has not told that it would.
    pub(super) fn wait_for_threads(&self, time: Duration, hear: Hear<'_>) -> io::Result<()> {
        let reactor = self.reactor()?;
        if self.inbox.begin_sleep() {
            let result = reactor.wait(Some(time));
            self.inbox.end_sleep();
            result?;
        }
        self.inbox.drain(hear);
        Ok(())
    }

    /// Waits, as a worker does, until anything comes, whoever it is from, or the time is over, and takes it.
    pub(super) fn rest(&self, timeout: Option<Duration>, expects: bool, hear: Hear<'_>) -> io::Result<bool> {
        self.await_anything(timeout, expects)?;
        self.inbox.drain(hear);
        Ok(true)
    }

    /// The same, and leaves it where it is. `expects`: without a time, somebody has said that he will send something; then the last of
    /// those who have wakes it, too.
    pub(super) fn await_anything(&self, timeout: Option<Duration>, expects: bool) -> io::Result<()> {
        self.entries_since_look.set(0);
        let longest = timeout.unwrap_or(Duration::MAX);
        if self.reactor.get().is_none() && !self.inbox.needs_reactor(Some(longest)) {
            self.inbox.nap(longest);
        } else {
            self.wait_for_os(timeout, || timeout.is_some() || !expects || self.can_speak())?;
        }
        Ok(())
    }

    fn sleep(&self, timeout: Option<Duration>, hear: Hear<'_>) -> io::Result<bool> {
        if self.reactor.get().is_none() && !self.inbox.needs_reactor(timeout) {
            // A message may be left whose sender has gone.
            let mut heard = false;
            self.inbox.drain(&mut |message| {
                heard = true;
                hear(message);
            });
            if let Some(timeout) = timeout.filter(|timeout| !heard && !timeout.is_zero()) {
                self.inbox.nap(timeout);
                self.inbox.drain(hear);
            }
            return Ok(heard || timeout.is_some());
        }
        let may_sleep = self.wait_for_os(timeout, || timeout.is_some() || self.can_speak())?;
        if !may_sleep && !self.inbox.has_messages() {
            return Ok(false);
        }
        self.inbox.drain(hear);
        Ok(true)
    }

    /// Sleeps until the OS reports something, a thread has sent something or the time is over, or dozes. Gives false when `may_sleep` does,
    /// which is asked after the sleep was announced: the last sender may just have gone without a notification.
    fn wait_for_os(&self, timeout: Option<Duration>, may_sleep: impl Fn() -> bool) -> io::Result<bool> {
        let reactor = self.reactor()?;
        let longest = timeout.unwrap_or(Duration::MAX);
        let doze = self.dozing.begin(self.jobs.backlog()).filter(|doze| *doze < longest);
        let begun = if doze.is_some() { self.inbox.begin_doze() } else { self.inbox.begin_sleep() };
        if !begun {
            return Ok(true);
        }
        let may_sleep = may_sleep();
        let result = if may_sleep { reactor.wait(doze.or(timeout)) } else { Ok(()) };
        self.inbox.end_sleep();
        if doze.is_some() {
            self.dozing.end(self.inbox.has_messages());
        }
        result?;
        Ok(may_sleep)
    }
}

/// Whether the process has threads that are neither one of these workers nor such of cede's own as wake nobody. Yes where the system does
/// not tell.
pub(super) fn has_other_threads(workers: usize) -> bool {
    let own = workers + super::pool::quiet_threads() + super::quiet_thread::quiet_threads();
    let threads = std::fs::read_dir("/proc/self/task").map(Iterator::count);
    !threads.is_ok_and(|threads| threads <= own)
}

impl Drop for Outside {
    /// Waits for the blocking jobs of the run, and lets nothing in any more. Threads of its own go after that.
    fn drop(&mut self) {
        self.jobs.drain();
        self.inbox.close();
    }
}

impl fmt::Debug for Outside {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outside")
            .field("reactor", &self.reactor)
            .field("inbox", &self.inbox)
            .finish_non_exhaustive()
    }
}
