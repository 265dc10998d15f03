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
//! ASLEEP or DOZING before it looks a last time whether anything is there. All four are sequentially consistent, so one of the two sees the other.
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
//!
//! # What a message costs
//!
//! Where two threads answer each other, a message costs what the cache lines cost that it moves from one processor to the other. So a
//! wake-up goes, where it is the only one, into a word beside the state (`single`), without the lock: that line is all that a scheduler
//! reads which waits for an answer awake. Who finds the word taken goes to the queue.
//!
//! What one thread sends comes in its order all the same. `any` is true while the queue holds something, and nobody who sees that uses the
//! word. `drain` empties the word, then, under the lock and before `any` becomes false, the word again and the queue: what is in the
//! word by then was put there before the sender could know of anything in the queue.

use std::collections::VecDeque;
use std::fmt;
use std::mem;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Arc;
use std::time::Duration;

use super::apart::Apart;
use super::blocking::Counts;
#[cfg(cede_loom)]
use super::models::Notifier;
#[cfg(not(cede_loom))]
use super::reactor::Notifier;
use super::report;
use super::task::TaskKey;
use crate::atomics::thread::{self, Thread};
use crate::atomics::{
    AtomicBool, AtomicU8, AtomicU32, AtomicU64, AtomicUsize, Mutex, MutexGuard, OnceLock, Ordering,
    PoisonError,
};

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
    /// Empty. What has held messages before, so that it need not grow again.
    spare: VecDeque<Message>,
    closed: bool,
}

/// What was taken out of a queue leaves room for at most so many messages behind.
const SPARE_MAX: usize = 1024;

/// What most messages touch, and nothing else: see the head of this file.
#[derive(Default)]
struct Front {
    /// A task that is to be made ready, as [`pack`] has it; 0 for none, or [`CLOSED`].
    single: AtomicU64,
    /// Whether the queue holds anything, to look without the lock. Written under it, but by signal handlers.
    any: AtomicBool,
    state: AtomicU8,
    /// What came from signal handlers, and the scheduler has not heard of.
    raised: AtomicU8,
}

/// Nothing comes in any more, so that whoever sends something goes to the queue, and is told.
const CLOSED: u64 = 1 << 32;

/// Whether a word stands for a task.
fn is_task(word: u64) -> bool {
    word as u32 != 0
}

/// A task in a word that is not 0, without its scheduler, which is that of the inbox.
fn pack(task: TaskKey) -> u64 {
    debug_assert!(task.index < u32::MAX, "there are fewer than 2^32 tasks");
    u64::from(task.generation) << 32 | (u64::from(task.index) + 1)
}

/// The task whose word this is, if it is one.
fn unpack(word: u64, scheduler: u32) -> Option<TaskKey> {
    let index = (word as u32).checked_sub(1)?;
    Some(TaskKey { scheduler, index, generation: (word >> 32) as u32 })
}

const AWAKE: u8 = 0;
const ASLEEP: u8 = 1;
const DOZING: u8 = 2;
const NOTIFIED: u8 = 3;

/// See the head of this file.
#[derive(Default)]
pub(crate) struct Inbox {
    front: Apart<Front>,
    queue: Apart<Mutex<Queue>>,
    senders: AtomicUsize,
    /// What is under way on other threads.
    pub(super) tickets: Counts,
    handles: AtomicUsize,
    /// How many have said that something may come from signal handlers.
    raisers: AtomicUsize,
    /// Whose inbox it is. Set before any of its tasks begins.
    scheduler: AtomicU32,
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

    /// The scheduler whose inbox this is, by its serial number.
    pub(super) fn belongs_to(&self, scheduler: u32) {
        self.scheduler.store(scheduler, Ordering::Relaxed);
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
        self.senders.load(Ordering::SeqCst) > 0 || self.tickets.may_end()
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
        self.front.raised.fetch_or(bit, Ordering::SeqCst);
        self.front.any.store(true, Ordering::SeqCst);
        self.notify();
    }

    /// An interrupt has come too late: it is kept for `take_interrupt`.
    pub(super) fn keep_interrupt(&self) {
        self.front.raised.fetch_or(INTERRUPT, Ordering::SeqCst);
    }

    /// Takes back an interrupt that the scheduler has not heard of. Gives whether there was one.
    pub(super) fn take_interrupt(&self) -> bool {
        self.front.raised.fetch_and(!INTERRUPT, Ordering::SeqCst) & INTERRUPT != 0
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
        if self.put_wake(task).is_some() {
            self.notify();
        }
    }

    /// Puts a wake-up where the scheduler finds it, and gives how many messages it has not heard, or one less. `None` where it is too
    /// late, of which nothing needs care.
    fn put_wake(&self, task: TaskKey) -> Option<usize> {
        debug_assert_eq!(task.scheduler, self.scheduler.load(Ordering::Relaxed), "a task has one inbox");
        let front = &self.front;
        // Looked at first: to try in vain would take the line from the others all the same.
        if !front.any.load(Ordering::SeqCst)
            && front.single.load(Ordering::Relaxed) == 0
            && front.single.compare_exchange(0, pack(task), Ordering::SeqCst, Ordering::Relaxed).is_ok()
        {
            return Some(1);
        }
        self.put(Message::Wake(task)).ok()
    }

    /// Has the scheduler call a function in its next tick. On any thread. Gives the function back when the run has ended.
    pub(crate) fn call(&self, call: Box<dyn FnOnce() + Send>) -> Result<(), Box<dyn FnOnce() + Send>> {
        match self.push(Message::Call(call)) {
            Err(Message::Call(call)) => Err(call),
            _ => Ok(()),
        }
    }

    fn push(&self, message: Message) -> Result<(), Message> {
        self.put(message)?;
        self.notify();
        Ok(())
    }

    /// Puts a message into the queue. Gives how many it holds.
    fn put(&self, message: Message) -> Result<usize, Message> {
        let mut queue = self.lock();
        if queue.closed {
            return Err(message);
        }
        queue.messages.push_back(message);
        self.front.any.store(true, Ordering::SeqCst);
        Ok(queue.messages.len())
    }

    /// Has the scheduler look at what is not in its inbox, and not sleep before it has.
    pub(super) fn poke(&self) {
        self.front.any.store(true, Ordering::SeqCst);
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
        self.put_wake(task).is_some() && self.claim_notification()
    }

    /// As [`wake`](Inbox::wake), by a thread that has done what the task waits for. `more_comes` says, of a number of messages that the
    /// scheduler has not heard, whether that may wait until there are more of them. It is asked only of a scheduler that dozes.
    pub(super) fn wake_with_result(&self, task: TaskKey, more_comes: impl FnOnce(usize) -> bool) {
        let Some(unheard) = self.put_wake(task) else { return };
        if self.front.state.load(Ordering::SeqCst) != DOZING || !more_comes(unheard) {
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
        let state = self.front.state.load(Ordering::SeqCst);
        // One that has begun since it was looked at has begun after what the caller has to say, and so finds it.
        (state == ASLEEP || state == DOZING)
            && self
                .front
                .0
                .state
                .compare_exchange(state, NOTIFIED, Ordering::SeqCst, Ordering::SeqCst)
                .is_ok()
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
        let front = &self.front;
        front.state.store(sleep, Ordering::SeqCst);
        let may_sleep = !front.any.load(Ordering::SeqCst) && !is_task(front.single.load(Ordering::SeqCst));
        if !may_sleep {
            self.end_sleep();
        }
        may_sleep
    }

    /// The scheduler has waited.
    pub(crate) fn end_sleep(&self) {
        self.front.state.store(AWAKE, Ordering::SeqCst);
    }

    /// Whether anything has come in.
    #[inline]
    pub(crate) fn has_messages(&self) -> bool {
        let front = &self.front;
        front.any.load(Ordering::Relaxed) | is_task(front.single.load(Ordering::Relaxed))
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
        let front = &self.front;
        if let Some(task) = self.take_single() {
            f(Message::Wake(task));
        }
        if !front.any.load(Ordering::SeqCst) {
            return;
        }
        let mut queue = self.lock();
        let single = self.take_single();
        let spare = mem::take(&mut queue.spare);
        let mut messages = mem::replace(&mut queue.messages, spare);
        front.any.store(false, Ordering::SeqCst);
        drop(queue);
        let raised = front.raised.swap(0, Ordering::SeqCst);
        if raised & INTERRUPT != 0 {
            f(Message::Interrupt);
        }
        if raised & SIGNALS != 0 {
            f(Message::Signals);
        }
        if let Some(task) = single {
            f(Message::Wake(task));
        }
        messages.drain(..).for_each(f);
        if messages.capacity() <= SPARE_MAX {
            self.lock().spare = messages;
        }
    }

    /// Takes the wake-up that is beside the queue.
    fn take_single(&self) -> Option<TaskKey> {
        let single = &self.front.single;
        if !is_task(single.load(Ordering::SeqCst)) {
            return None;
        }
        unpack(single.swap(0, Ordering::SeqCst), self.scheduler.load(Ordering::Relaxed))
    }

    /// The run has ended: nothing comes in any more, until it is opened again. Drops what was left, on this thread.
    pub(crate) fn close(&self) {
        let mut queue = self.lock();
        queue.closed = true;
        let messages = mem::take(&mut queue.messages);
        self.front.any.store(false, Ordering::SeqCst);
        self.front.single.store(CLOSED, Ordering::SeqCst);
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
        self.tickets.begin();
        let mut queue = self.lock();
        if mem::replace(&mut queue.closed, false) {
            self.front.single.store(0, Ordering::SeqCst);
        }
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
