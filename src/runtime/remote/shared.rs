//! What a task that crosses threads and its handle share: one word that says how it stands, and the result.
//!
//! ```text
//!          begin              publish             take
//!   SENT ─────────▶ BEGUN ─────────────▶ VALUE ──────────▶ TAKEN
//!     │                                  FAILED (each who asks gets a copy)
//!     └───────────── publish ──────────────▲
//! ```
//!
//! | field | who may touch it |
//! |---|---|
//! | the stage | the owner of the task makes it BEGUN, VALUE or FAILED; any thread turns VALUE into TAKEN |
//! | `cancels` in the word | any thread, while the stage is SENT |
//! | WAITED, OBSERVED | any thread sets them |
//! | `key` | the owner writes it before BEGUN; any thread reads it after |
//! | `ending` | the owner, before VALUE or FAILED; then who has turned VALUE into TAKEN, or any thread that reads a failure |
//! | `waiters` | under its lock |
//!
//! Who ends the task looks at the waiters only if WAITED is set: each change of the word is one atomic operation, so that either
//! it sees the mark, or who has set the mark sees that it has ended.
//!
//! The owner is one thread at a time ([`Owner`](super::work::Owner)). Results are never dropped under the lock.

use std::panic::Location;
use std::time::Instant;

use super::super::addresses;
use super::super::report;
use super::super::scheduler::{Scheduler, with_scheduler};
use super::super::task::TaskKey;
use super::super::wait_list::List;
use super::super::waker_cell;
use super::error::RemoteJoinError;
use crate::atomics::thread::ThreadId;
use crate::atomics::{AtomicU32, Condvar, Mutex, MutexGuard, Ordering, Place, PoisonError};

/// How a task ended.
pub(in super::super) type Joined<T> = Result<T, RemoteJoinError>;

/// Where a task comes from, and where it may run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Origin {
    /// The thread of the run that it is for; none where any worker may take it.
    pub(crate) home: Option<ThreadId>,
    /// The number of the runtime whose workers may take it; 0 where it is for one run.
    pub(crate) runtime: u32,
    pub(crate) spawned_at: &'static Location<'static>,
    /// Somebody is told of its failure in any case.
    pub(crate) observed: bool,
}

const SENT: u32 = 0;
const BEGUN: u32 = 1;
const VALUE: u32 = 2;
const FAILED: u32 = 3;
const TAKEN: u32 = 4;
const STAGE: u32 = 7;
/// Somebody waits, or did.
const WAITED: u32 = 8;
/// Somebody was told of how it ended.
const OBSERVED: u32 = 16;
/// One request to cancel it before it has begun.
const CANCEL: u32 = 1 << 8;
const CANCELS_MAX: u32 = u32::MAX - CANCEL;

/// See the head of this file.
pub(super) struct Shared<T> {
    word: AtomicU32,
    pub(super) origin: Origin,
    key: Place<TaskKey>,
    ending: Place<Ending<T>>,
    waiters: Mutex<List>,
    /// For threads that wait. Tasks are in the list of waiters.
    ended: Condvar,
}

struct Ending<T> {
    result: Option<Joined<T>>,
    /// The name of the task for reports, when it has failed.
    name: String,
}

// SAFETY: see the table at the head of this file. A value goes from the thread of the owner to that of who takes it, which needs
// `T: Send`; of a failure, which is `Sync`, there are shared references.
unsafe impl<T: Send> Send for Shared<T> {}
// SAFETY: as above.
unsafe impl<T: Send> Sync for Shared<T> {}

impl<T> Shared<T> {
    pub(super) fn new(origin: Origin) -> Self {
        Shared {
            word: AtomicU32::new(if origin.observed { SENT | OBSERVED } else { SENT }),
            origin,
            key: Place::new(TaskKey::NONE),
            ending: Place::new(Ending { result: None, name: String::new() }),
            waiters: Mutex::new(List::new()),
            ended: Condvar::new(),
        }
    }

    pub(super) fn waiters(&self) -> MutexGuard<'_, List> {
        self.waiters.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn stage(&self) -> u32 {
        self.word.load(Ordering::Acquire) & STAGE
    }

    /// Whether it has ended.
    pub(super) fn is_over(&self) -> bool {
        self.stage() >= VALUE
    }

    /// The task, once it has begun.
    pub(super) fn key(&self) -> Option<TaskKey> {
        // SAFETY: it is not written again after the stage that was read.
        (self.stage() != SENT).then(|| unsafe { *self.key.to_read() })
    }

    /// It is a task now. Gives how often it is to be cancelled at once.
    ///
    /// # Safety
    ///
    /// By the owner, once.
    pub(super) unsafe fn begin(&self, key: TaskKey) -> u32 {
        // SAFETY: nobody reads it before the stage changes.
        unsafe { *self.key.to_write() = key };
        let before = self.word.fetch_add(BEGUN - SENT, Ordering::AcqRel);
        debug_assert_eq!(before & STAGE, SENT, "it begins once");
        before / CANCEL
    }

    /// Keeps what it gives, or why it gives nothing, and gives back what was kept before.
    ///
    /// # Safety
    ///
    /// By the owner.
    pub(super) unsafe fn keep(&self, result: Joined<T>) -> Option<Joined<T>> {
        if self.is_over() {
            return Some(result);
        }
        // SAFETY: until it is over the owner alone has it, and nothing else runs meanwhile.
        unsafe { (*self.ending.to_write()).result.replace(result) }
    }

    /// Why it gives no value, as far as is known.
    ///
    /// # Safety
    ///
    /// By the owner.
    pub(super) unsafe fn failure(&self) -> Option<RemoteJoinError> {
        if self.stage() == VALUE || self.stage() == TAKEN {
            return None;
        }
        // SAFETY: as in `keep`; a failure that was published is only read.
        unsafe { (*self.ending.to_read()).result.as_ref()?.as_ref().err().cloned() }
    }

    /// It has ended, or is not going to begin, with what was kept: tells who waits. Nothing changes when it was told before.
    ///
    /// # Safety
    ///
    /// By the owner.
    pub(super) unsafe fn publish(&self, name: String) {
        let stage = self.stage();
        if stage >= VALUE {
            return;
        }
        // SAFETY: as in `keep`.
        let ending = unsafe { &mut *self.ending.to_write() };
        ending.name = name;
        let end = match ending.result.get_or_insert_with(|| Err(RemoteJoinError::run_ended())) {
            Ok(_) => VALUE,
            Err(_) => FAILED,
        };
        let before = self.word.fetch_add(end - stage, Ordering::AcqRel);
        if before & WAITED != 0 {
            waker_cell::begin_deferring();
            self.waiters().pop_all();
            waker_cell::end_deferring();
            self.ended.notify_all();
        }
    }

    /// Says that somebody waits, who is about to be in the list or to block. Gives whether it has ended. Under the lock of the waiters.
    pub(super) fn note_waiter(&self) -> bool {
        self.word.fetch_or(WAITED, Ordering::AcqRel) & STAGE >= VALUE
    }

    /// How it ended: the value once, a failure each time. Nothing before it has ended.
    pub(super) fn take(&self) -> Option<Joined<T>> {
        let mut word = self.word.load(Ordering::Acquire);
        loop {
            match word & STAGE {
                SENT | BEGUN => return None,
                TAKEN => return Some(Err(RemoteJoinError::taken())),
                FAILED => {
                    self.word.fetch_or(OBSERVED, Ordering::Relaxed);
                    // SAFETY: a failure is not changed any more.
                    let result = unsafe { &(*self.ending.to_read()).result };
                    let failure = result.as_ref().and_then(|result| result.as_ref().err());
                    return Some(Err(failure.expect("it has failed").clone()));
                }
                _ => {}
            }
            let taken = word - VALUE + TAKEN;
            match self.word.compare_exchange_weak(word, taken, Ordering::AcqRel, Ordering::Acquire) {
                // SAFETY: one thread alone makes it TAKEN, and nobody else touches the value then.
                Ok(_) => return unsafe { (*self.ending.to_write()).result.take() },
                Err(now) => word = now,
            }
        }
    }

    /// Blocks the thread until it has ended, or the moment has come.
    pub(super) fn block(&self, deadline: Option<Instant>) -> Option<Joined<T>> {
        if let Some(result) = self.take() {
            return Some(result);
        }
        let mut waiters = self.waiters();
        while !self.note_waiter() {
            let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            waiters = match left {
                Some(left) if left.is_zero() => return None,
                Some(left) => {
                    self.ended.wait_timeout(waiters, left).unwrap_or_else(PoisonError::into_inner).0
                }
                None => self.ended.wait(waiters).unwrap_or_else(PoisonError::into_inner),
            };
        }
        drop(waiters);
        self.take()
    }

    /// Requests the cancellation of the task. Gives false when it has ended.
    pub(super) fn cancel(&self) -> bool {
        let mut word = self.word.load(Ordering::Acquire);
        while word & STAGE == SENT && word < CANCELS_MAX {
            let requested = word + CANCEL;
            match self.word.compare_exchange_weak(word, requested, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => return true,
                Err(now) => word = now,
            }
        }
        match word & STAGE {
            SENT => true,
            BEGUN => self.key().is_some_and(cancel),
            _ => false,
        }
    }
}

/// Requests the cancellation of a task of any run, from any thread. Gives false when it has ended.
pub(crate) fn cancel(task: TaskKey) -> bool {
    let cancel =
        move |scheduler: &Scheduler| scheduler.task(task).is_some_and(|task| scheduler.cancel(task.core()));
    let is_here = |scheduler: &Scheduler| (scheduler.serial == task.scheduler).then(|| cancel(scheduler));
    if let Some(done) = with_scheduler(is_here).flatten() {
        return done;
    }
    let call = move || {
        with_scheduler(cancel);
    };
    addresses::inbox_of(task.scheduler).is_some_and(|inbox| inbox.call(Box::new(call)).is_ok())
}

impl<T> Drop for Shared<T> {
    fn drop(&mut self) {
        let word = *self.word.get_mut();
        let ending = self.ending.get_mut();
        if word & OBSERVED == 0
            && let Some(Err(error)) = &ending.result
            && error.is_failure()
        {
            report::unobserved_remote(&ending.name, self.origin.spawned_at, error);
        }
    }
}

#[cfg(all(test, cede_loom))]
impl<T> Shared<T> {
    /// Makes what of it is made at the first use.
    pub(super) fn touch(&self) {
        drop(self.waiters());
        self.ended.notify_all();
    }
}
