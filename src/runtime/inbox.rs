//! Wake-ups from other threads: the one door through which they reach the scheduler of a thread.
//!
//! # Algorithm
//!
//! What comes in goes into a queue under a lock. The scheduler drains it in each turn, and announces a sleep before it waits
//! for the OS:
//!
//! ```text
//!          begin_sleep                     push finds ASLEEP
//!   AWAKE ─────────────▶ ASLEEP ─────────────────────────────▶ NOTIFIED
//!     ▲ │                  │                                     ▲ │
//!     │ │  begin_doze      │           push finds DOZING, but    │ │
//!     │ └──────────────▶ DOZING ─── not for results while more ──┘ │
//!     │                    │                 are to come           │
//!     └────────────────────┴──────────── end_sleep ────────────────┘
//! ```
//!
//! Only who turns ASLEEP or DOZING into NOTIFIED notifies, so that there is at most one notification for each sleep, and none
//! while the scheduler is awake. Nothing is lost: whoever pushes does so before it looks at the state; the scheduler sets
//! ASLEEP before it looks at the queue a last time. All four are sequentially consistent, so one of the two sees the other.
//!
//! Who dozes has a deadline that is near (`dozing`), so what is held back till then is not held back for long.
//!
//! The notification is a system call, and a task is woken under the lock of what it has waited for. Who wakes one so claims the
//! notification there, and makes it when the lock is free ([`notify_soon`](super::waker_cell::notify_soon)): else whoever is woken would find
//! the lock taken, and sleep again.
//!
//! The sleep is a wait for the OS, which is notified through the reactor, or a nap, where there is none and nothing
//! needs one: then the thread is parked.
//!
//! A [`Sender`] is held by whatever is going to wake someone, or a [`Ticket`](super::blocking::Ticket). The run is not at a deadlock while one lives; when the
//! last goes, the scheduler is notified, so that it looks again. A [`Handle`](super::Handle) is counted too, but
//! promises nothing: it is like whatever else tasks share with other threads.
//!
//! What a signal handler can send are bits: that somebody has pressed Ctrl-C, and that signals were raised. It takes two writes and, to end a
//! sleep, one system call, and needs no place in the queue. `drain` looks at the bits after it has cleared `any`, and a handler writes `any`
//! after them, so that they are not lost either.
//!
//! No code of users runs or is dropped under the lock.

use std::collections::VecDeque;
use std::fmt;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Arc;
use std::time::Duration;

use super::blocking::Counts;
#[cfg(cede_loom)]
use super::models::Notifier;
#[cfg(not(cede_loom))]
use super::reactor::Notifier;
use super::report;
use super::task::TaskKey;
use crate::atomics::thread::{self, Thread};
use crate::atomics::{AtomicBool, AtomicU8, AtomicUsize, Mutex, MutexGuard, OnceLock, Ordering, PoisonError};

/// What another thread wants.
pub(crate) enum Message {
    /// Make a task ready.
    Wake(TaskKey),
    /// Call a function in the next tick.
    Call(Box<dyn FnOnce() + Send>),
    /// Somebody has pressed Ctrl-C.
    Interrupt,
    /// Signals were raised that somebody listens to.
    Signals,
}

/// Bits that signal handlers set: see [`Message`].
const INTERRUPT: u8 = 1;
const SIGNALS: u8 = 2;

#[derive(Default)]
struct Queue {
    messages: VecDeque<Message>,
    closed: bool,
}

const AWAKE: u8 = 0;
const ASLEEP: u8 = 1;
const DOZING: u8 = 2;
const NOTIFIED: u8 = 3;

/// See the head of this file.
#[derive(Default)]
pub(crate) struct Inbox {
    queue: Mutex<Queue>,
    /// Whether the queue holds anything, to look without the lock. Written under it.
    any: AtomicBool,
    state: AtomicU8,
    senders: AtomicUsize,
    /// What is under way on other threads.
    pub(super) tickets: Counts,
    handles: AtomicUsize,
    /// What came from signal handlers, and the scheduler has not heard of.
    raised: AtomicU8,
    /// How many have said that something may.
    raisers: AtomicUsize,
    /// Set before the first sleep that waits for the OS.
    notifier: OnceLock<Notifier>,
    /// The thread of the scheduler; set before the first nap.
    sleeper: OnceLock<Thread>,
}

impl Inbox {
    /// An inbox of a scheduler that is awake.
    pub(crate) fn new() -> Arc<Self> {
        Arc::default()
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A handle by which some other thread may wake somebody later.
    pub(crate) fn sender(self: &Arc<Self>) -> Sender {
        self.senders.fetch_add(1, Ordering::SeqCst);
        Sender { inbox: Arc::clone(self) }
    }

    /// Whether any sender or ticket is left that could wake somebody.
    pub(crate) fn has_senders(&self) -> bool {
        self.senders.load(Ordering::SeqCst) > 0 || self.tickets.any()
    }

    /// Counts one more handle.
    pub(super) fn add_handle(&self) {
        self.handles.fetch_add(1, Ordering::SeqCst);
    }

    /// A handle goes. The last one has the scheduler look again.
    pub(super) fn remove_handle(&self) {
        if self.handles.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.notify();
        }
    }

    /// Whether anybody has a handle.
    pub(super) fn has_handles(&self) -> bool {
        self.handles.load(Ordering::SeqCst) > 0
    }

    /// Tells the scheduler of an interrupt. May be called in a signal handler, as long as one is expected.
    pub(super) fn interrupt(&self) {
        self.raise(INTERRUPT);
    }

    /// Tells the scheduler that signals were raised. May be called in a signal handler, as long as one is expected.
    pub(super) fn signal(&self) {
        self.raise(SIGNALS);
    }

    /// All that this touches are atomics and the descriptor of the reactor.
    fn raise(&self, bit: u8) {
        self.raised.fetch_or(bit, Ordering::SeqCst);
        self.any.store(true, Ordering::SeqCst);
        self.notify();
    }

    /// An interrupt has come too late: it is kept for `take_interrupt`.
    pub(super) fn keep_interrupt(&self) {
        self.raised.fetch_or(INTERRUPT, Ordering::SeqCst);
    }

    /// Takes back an interrupt that the scheduler has not heard of. Gives whether there was one.
    pub(super) fn take_interrupt(&self) -> bool {
        self.raised.fetch_and(!INTERRUPT, Ordering::SeqCst) & INTERRUPT != 0
    }

    /// Signal handlers may tell it something from now on: sleeps must be such that they can end them.
    pub(super) fn expect_signals(&self) {
        self.raisers.fetch_add(1, Ordering::SeqCst);
    }

    /// Takes one [`expect_signals`](Inbox::expect_signals) back.
    pub(super) fn expect_no_signals(&self) {
        self.raisers.fetch_sub(1, Ordering::SeqCst);
    }

    /// Whether a sleep of this length has to be one that waits for the OS.
    pub(super) fn needs_reactor(&self, time: Option<Duration>) -> bool {
        let is_long = time.is_some_and(|time| !time.is_zero());
        self.has_senders() || (is_long && self.raisers.load(Ordering::Relaxed) > 0)
    }

    /// Makes a task ready. On any thread. Nothing happens when the task or its run has ended.
    pub(crate) fn wake(&self, task: TaskKey) {
        // Nothing of a wake-up needs care when it is too late.
        let _ = self.push(Message::Wake(task));
    }

    /// Has the scheduler call a function in its next tick. On any thread. Gives the function back when the run has ended.
    pub(crate) fn call(&self, call: Box<dyn FnOnce() + Send>) -> Result<(), Box<dyn FnOnce() + Send>> {
        match self.push(Message::Call(call)) {
            Err(Message::Call(call)) => Err(call),
            _ => Ok(()),
        }
    }

    fn push(&self, message: Message) -> Result<(), Message> {
        let mut queue = self.lock();
        if queue.closed {
            return Err(message);
        }
        queue.messages.push_back(message);
        self.any.store(true, Ordering::SeqCst);
        drop(queue);
        self.notify();
        Ok(())
    }

    /// Has the scheduler look at what is not in its inbox, and not sleep before it has.
    pub(super) fn poke(&self) {
        self.any.store(true, Ordering::SeqCst);
        self.notify();
    }

    /// Has the scheduler look whether anything can still happen: somebody has gone who might have woken a task.
    pub(crate) fn look_again(&self) {
        self.notify();
    }

    /// As [`wake`](Inbox::wake), without ending the sleep that is going on: gives whether that is left to the caller, who must
    /// [`ring`](Inbox::ring) soon.
    #[must_use]
    pub(super) fn wake_quietly(&self, task: TaskKey) -> bool {
        let mut queue = self.lock();
        if queue.closed {
            return false;
        }
        queue.messages.push_back(Message::Wake(task));
        self.any.store(true, Ordering::SeqCst);
        drop(queue);
        self.claim_notification()
    }

    /// As [`wake`](Inbox::wake), by a thread that has done what the task waits for. `more_comes` says, of a number of messages that the
    /// scheduler has not heard, whether that may wait until there are more of them. It is asked only of a scheduler that dozes.
    pub(super) fn wake_with_result(&self, task: TaskKey, more_comes: impl FnOnce(usize) -> bool) {
        let mut queue = self.lock();
        if queue.closed {
            return;
        }
        queue.messages.push_back(Message::Wake(task));
        let unheard = queue.messages.len();
        self.any.store(true, Ordering::SeqCst);
        drop(queue);
        if self.state.load(Ordering::SeqCst) != DOZING || !more_comes(unheard) {
            self.notify();
        }
    }

    /// Ends the sleep that is going on, if there is one.
    fn notify(&self) {
        if self.claim_notification() {
            self.ring();
        }
    }

    /// Whether the scheduler sleeps, and the caller is the one to end that.
    fn claim_notification(&self) -> bool {
        let state = self.state.load(Ordering::SeqCst);
        // One that has begun since it was looked at has begun after what the caller has to say, and so finds it.
        (state == ASLEEP || state == DOZING)
            && self.state.compare_exchange(state, NOTIFIED, Ordering::SeqCst, Ordering::SeqCst).is_ok()
    }

    /// Ends a sleep. It may have ended by itself meanwhile: then a later one may end early, which does no harm.
    pub(super) fn ring(&self) {
        // Its thread slept when this was claimed. Who has made a reactor since has been awake since.
        match (self.notifier.get(), self.sleeper.get()) {
            (Some(notifier), _) => notifier.notify(),
            (None, Some(sleeper)) => sleeper.unpark(),
            (None, None) => {}
        }
    }

    /// Waits for a message or the end of the time where there is no reactor. On the thread of the scheduler.
    pub(super) fn nap(&self, time: Duration) {
        debug_assert!(self.notifier.get().is_none(), "whoever ends the sleep would notify the reactor");
        self.sleeper.get_or_init(thread::current);
        if self.begin_sleep() {
            thread::park_timeout(time);
            self.end_sleep();
        }
    }

    /// Says how the scheduler is woken. Once, before the first sleep.
    pub(crate) fn set_notifier(&self, notifier: Notifier) {
        let is_first = self.notifier.set(notifier).is_ok();
        debug_assert!(is_first, "one reactor for one scheduler");
    }

    /// The scheduler is about to wait. Gives false, and it must not, when something has come in.
    #[must_use]
    pub(crate) fn begin_sleep(&self) -> bool {
        self.begin(ASLEEP)
    }

    /// The same, for a moment in which results may be held back.
    #[must_use]
    pub(super) fn begin_doze(&self) -> bool {
        self.begin(DOZING)
    }

    fn begin(&self, sleep: u8) -> bool {
        debug_assert!(
            self.notifier.get().is_some() || self.sleeper.get().is_some(),
            "somebody must be able to end the sleep"
        );
        self.state.store(sleep, Ordering::SeqCst);
        let may_sleep = !self.any.load(Ordering::SeqCst);
        if !may_sleep {
            self.end_sleep();
        }
        may_sleep
    }

    /// The scheduler has waited.
    pub(crate) fn end_sleep(&self) {
        self.state.store(AWAKE, Ordering::SeqCst);
    }

    /// Whether anything has come in.
    #[inline]
    pub(crate) fn has_messages(&self) -> bool {
        self.any.load(Ordering::Relaxed)
    }

    /// Takes out what has come in, in order.
    #[inline]
    pub(crate) fn drain(&self, f: &mut dyn FnMut(Message)) {
        if self.has_messages() {
            self.drain_all(f);
        }
    }

    #[cold]
    fn drain_all(&self, f: &mut dyn FnMut(Message)) {
        let mut queue = self.lock();
        let messages = std::mem::take(&mut queue.messages);
        self.any.store(false, Ordering::SeqCst);
        drop(queue);
        let raised = self.raised.swap(0, Ordering::SeqCst);
        if raised & INTERRUPT != 0 {
            f(Message::Interrupt);
        }
        if raised & SIGNALS != 0 {
            f(Message::Signals);
        }
        messages.into_iter().for_each(f);
    }

    /// The run has ended: nothing comes in any more, until it is opened again. Drops what was left, on this thread.
    pub(crate) fn close(&self) {
        let mut queue = self.lock();
        queue.closed = true;
        let messages = std::mem::take(&mut queue.messages);
        self.any.store(false, Ordering::SeqCst);
        drop(queue);
        for message in messages {
            // Of users, who may panic in it; the others are to be told all the same.
            if let Err(payload) = panic::catch_unwind(AssertUnwindSafe(|| drop(message))) {
                report::panicked("the destructor of a function that was sent to a run", payload);
            }
        }
    }

    /// Another run begins.
    pub(super) fn open(&self) {
        self.lock().closed = false;
    }
}

impl fmt::Debug for Inbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let senders = self.senders.load(Ordering::Relaxed);
        f.debug_struct("Inbox").field("senders", &senders).finish_non_exhaustive()
    }
}

/// Something outside that may wake somebody.
#[derive(Debug)]
pub(crate) struct Sender {
    inbox: Arc<Inbox>,
}

impl Sender {
    /// As [`Inbox::wake`].
    #[cfg(all(test, not(cede_loom)))]
    pub(crate) fn wake(&self, task: TaskKey) {
        self.inbox.wake(task);
    }

    /// As [`Inbox::call`].
    #[cfg(all(test, not(cede_loom)))]
    pub(crate) fn call(&self, call: Box<dyn FnOnce() + Send>) -> Result<(), Box<dyn FnOnce() + Send>> {
        self.inbox.call(call)
    }
}

impl Clone for Sender {
    fn clone(&self) -> Self {
        self.inbox.sender()
    }
}

impl Drop for Sender {
    fn drop(&mut self) {
        if self.inbox.senders.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.inbox.notify();
        }
    }
}

#[cfg(all(test, cede_loom))]
mod models;

#[cfg(all(test, not(cede_loom)))]
mod tests;
