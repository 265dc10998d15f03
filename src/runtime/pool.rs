//! Threads that carry out work, up to a number of them: what blocking calls and executors have in common.
//!
//! ```text
//!                     take              the work has been done
//!   submit ──▶ queue ──────▶ a thread ──────────────────────────▶ release
//!                │                 ▲
//!                └ a thread's own ─┘ others steal from it
//! ```
//!
//! What is handed in goes to a queue that all threads share; where threads have queues of their own, what the work on a
//! thread hands in goes to that thread's, from which the others steal. Either is first come, first served.
//!
//! # How many threads
//!
//! There are never fewer threads than there is work that is not done, up to the bound, and never more than there was at
//! a time. So one piece of work can't be stuck behind another as long as the bound allows for a thread, and work that comes
//! one after the other has one thread. Work counts as done shortly before anybody is told so ([`Busy::release`]): who is
//! told may hand in the next at once.
//!
//! # Sleeping
//!
//! A thread that finds nothing announces its sleep (`sleeping`), looks once more, and waits for a token. Whoever hands work in
//! looks for sleepers after that, and gives one of them a token, which takes it off the count: no two pieces of work count on the
//! same sleeper. All of it is sequentially consistent, so that either the sleeper sees the work or the other
//! sees the sleeper.
//!
//! One is woken at a time. As long as he looks for work (`searching`), nobody else is woken: when he has found some, and there is
//! more, he wakes the next one, or has a new thread made. He first says that he does not look any more and then looks whether there is more, and who
//! hands work in does so before he looks at that: again one of them sees the other. So a burst of short work costs a wake-up or two
//! and not one for each piece, which whoever hands it in would pay for; and work that blocks holds up none, since
//! nobody begins his before he has seen to the rest.
//!
//! # The end
//!
//! One word has the number of pieces of work that are not done and, in its lowest bit, whether the pool is closed: a piece is
//! either counted before that and done, or refused. The threads go when it is closed and nothing is left.
//!
//! No code of users runs or is dropped under a lock.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::io;
use std::rc::Rc;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Weak};
use std::time::Duration;

use super::report;
use crate::atomics::deque::{Injector, Steal, Stealer, Worker};
use crate::atomics::thread::{self, JoinHandle};
use crate::atomics::{
    AtomicBool, AtomicUsize, Condvar, Mutex, MutexGuard, Ordering, PoisonError, RwLock, RwLockWriteGuard,
    fence,
};

/// A piece of work.
pub(crate) trait Work: Send + Sync {
    /// Does it.
    fn run(self: Arc<Self>, busy: &Busy<'_>);

    /// It is not going to be done.
    fn refuse(self: Arc<Self>, reason: &Refusal);
}

/// Why a piece of work is not done.
#[derive(Debug, Clone)]
pub(crate) enum Refusal {
    /// The pool takes nothing in any more.
    Closed,
    /// What had not begun was given up.
    Cancelled,
    /// A thread could not be made ready for work.
    Broken(Arc<str>),
    /// There is no thread, and none can be had.
    NoThread(Arc<io::Error>),
}

/// Makes a thread ready for work, or says why it could not.
pub(crate) type SetUp = Box<dyn Fn() -> Result<(), String> + Send + Sync>;

/// What a pool is to be like.
pub(crate) struct Settings {
    pub(crate) threads_max: usize,
    /// How long a thread stays that has nothing to do; for ever where there is none.
    pub(crate) idle_max: Option<Duration>,
    /// Whether threads have queues of their own.
    pub(crate) own_queues: bool,
    /// Whether nobody is woken by the work who has not been promised that: then its threads are no reason to wait for a wake-up.
    pub(crate) promises: bool,
    /// Of the threads, with a number behind it.
    pub(crate) name: String,
    pub(crate) stack_size: Option<usize>,
    pub(crate) set_up: Option<SetUp>,
}

type Entry = Arc<dyn Work>;

/// The bit of the word that says that the pool is closed, and what counts as one piece of work in it.
const CLOSED: usize = 1;
const ONE: usize = 2;

/// After how many pieces of its own a thread looks into the queue of all first, so that nothing there waits for ever.
const TURNS_OF_ITS_OWN: u32 = 61;

/// See the head of this file.
pub(crate) struct Pool {
    serial: u64,
    settings: Settings,
    /// How much is not done, and whether it is closed.
    word: AtomicUsize,
    queue: Injector<Entry>,
    /// Of the threads' own queues, with the threads' numbers.
    stealers: RwLock<Vec<(usize, Stealer<Entry>)>>,
    /// How many threads there are. Written under the lock.
    threads: AtomicUsize,
    /// How many of them sleep and have no token. Written under the lock.
    sleeping: AtomicUsize,
    /// Whether a thread that was woken looks for work. Set by who wakes it, cleared by itself.
    searching: AtomicBool,
    /// Whether there is a `verdict`.
    has_verdict: AtomicBool,
    state: Mutex<State>,
    /// For sleepers: a token, or the end.
    wake: Condvar,
    /// For who waits until no thread is left.
    gone: Condvar,
}

#[derive(Default)]
struct State {
    tokens: usize,
    next_number: usize,
    /// Threads that have not come to their end. Falls behind `threads`, which does not count those that are leaving.
    alive: usize,
    handles: Vec<JoinHandle<()>>,
    /// What becomes of all that has not begun.
    verdict: Option<Refusal>,
}

/// What a thread of a pool knows of itself.
struct Own {
    pool: u64,
    queue: Option<Rc<Worker<Entry>>>,
}

thread_local!(static OWN: RefCell<Option<Own>> = const { RefCell::new(None) });

/// All pools, to count their threads.
static POOLS: std::sync::Mutex<Vec<Weak<Pool>>> = std::sync::Mutex::new(Vec::new());

fn pools() -> std::sync::MutexGuard<'static, Vec<Weak<Pool>>> {
    POOLS.lock().unwrap_or_else(PoisonError::into_inner)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How many threads of pools there are that won't wake anybody without having promised it.
pub(super) fn quiet_threads() -> usize {
    let mut known = pools();
    known.retain(|pool| pool.strong_count() > 0);
    let pools: Vec<Arc<Pool>> = known.iter().filter_map(Weak::upgrade).collect();
    // The last owner of one may be here by now.
    drop(known);
    pools.iter().map(|pool| pool.quiet_threads()).sum()
}

/// The pool of which this is a thread, by its number.
pub(crate) fn current() -> Option<u64> {
    OWN.try_with(|own| Some(own.borrow().as_ref()?.pool)).ok().flatten()
}

/// How a thread comes back that had nothing to do.
enum Sleep {
    /// By a token: it is the one that looks for work.
    Woken,
    /// There was work before it slept, or when it was about to go.
    None,
    /// It is to go, and is no longer counted.
    End,
}

/// A thread is busy with a piece of work as long as this is not released.
pub(crate) struct Busy<'a> {
    pool: Option<&'a Pool>,
    released: Cell<bool>,
}

impl Busy<'_> {
    /// Of a thread of no pool.
    pub(crate) fn nowhere() -> Self {
        Busy { pool: None, released: Cell::new(false) }
    }

    /// How much there is that no thread has begun.
    pub(crate) fn backlog(&self) -> usize {
        self.pool.map_or(0, Pool::backlog)
    }

    /// The work is done: nothing of users is going to run on this thread for it.
    pub(crate) fn release(&self) {
        if !self.released.replace(true)
            && let Some(pool) = self.pool
        {
            pool.count_off();
        }
    }
}

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        self.release();
    }
}

impl Pool {
    pub(crate) fn new(settings: Settings) -> Arc<Self> {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        assert!(settings.threads_max > 0, "a pool without threads would do nothing");
        let pool = Arc::new(Pool {
            serial: NEXT.fetch_add(1, Ordering::Relaxed),
            settings,
            word: AtomicUsize::new(0),
            queue: Injector::new(),
            stealers: RwLock::default(),
            threads: AtomicUsize::new(0),
            sleeping: AtomicUsize::new(0),
            searching: AtomicBool::new(false),
            has_verdict: AtomicBool::new(false),
            state: Mutex::default(),
            wake: Condvar::new(),
            gone: Condvar::new(),
        });
        pools().push(Arc::downgrade(&pool));
        pool
    }

    /// A number that no other pool has.
    pub(crate) fn serial(&self) -> u64 {
        self.serial
    }

    pub(crate) fn threads_max(&self) -> usize {
        self.settings.threads_max
    }

    /// How much there is in the queue of all, that no thread has begun.
    pub(crate) fn backlog(&self) -> usize {
        self.queue.len()
    }

    /// How many threads there are.
    pub(crate) fn threads(&self) -> usize {
        self.threads.load(Ordering::SeqCst)
    }

    fn quiet_threads(&self) -> usize {
        // Under the lock, since a thread counts before it is there.
        let _state = lock(&self.state);
        let unfinished = self.word.load(Ordering::SeqCst) / ONE;
        self.threads().saturating_sub(if self.settings.promises { 0 } else { unfinished })
    }

    /// Takes a piece of work in, or gives it back with the reason. Where no thread can be had at all, it is refused.
    pub(crate) fn submit(self: &Arc<Self>, work: Arc<dyn Work>) -> Result<(), (Arc<dyn Work>, Refusal)> {
        let before = self.word.fetch_add(ONE, Ordering::SeqCst);
        if before & CLOSED != 0 {
            self.count_off();
            return Err((work, lock(&self.state).verdict_after_close()));
        }
        self.push(work);
        fence(Ordering::SeqCst);
        self.call_for_a_thread(before / ONE + 1);
        Ok(())
    }

    /// There is work to take, and so much in all that is not done: sees to it that a thread comes to it.
    fn call_for_a_thread(self: &Arc<Self>, unfinished: usize) {
        if !self.searching.load(Ordering::SeqCst)
            && !self.wake_one()
            && unfinished > self.threads()
            && self.threads() < self.threads_max()
        {
            self.grow();
        }
    }

    fn push(&self, work: Entry) {
        let mut work = Some(work);
        let _ = OWN.try_with(|own| {
            let own = own.borrow();
            let own = own.as_ref().filter(|own| own.pool == self.serial);
            if let Some(queue) = own.and_then(|own| own.queue.as_ref()) {
                work.take().into_iter().for_each(|work| queue.push(work));
            }
        });
        work.into_iter().for_each(|work| self.queue.push(work));
    }

    /// Gives a sleeper a token, if there is one.
    fn wake_one(&self) -> bool {
        if self.sleeping.load(Ordering::SeqCst) == 0 {
            return false;
        }
        let mut state = lock(&self.state);
        if self.sleeping.load(Ordering::SeqCst) == 0 {
            return false;
        }
        self.sleeping.fetch_sub(1, Ordering::SeqCst);
        self.searching.store(true, Ordering::SeqCst);
        state.tokens += 1;
        drop(state);
        self.wake.notify_one();
        true
    }

    /// One more thread, if there is more work than threads.
    #[cold]
    fn grow(self: &Arc<Self>) {
        let mut state = lock(&self.state);
        let threads = self.threads();
        if threads >= self.threads_max() || self.word.load(Ordering::SeqCst) / ONE <= threads {
            return;
        }
        let number = state.next_number;
        let mut builder = thread::Builder::new().name(format!("{}_{number}", self.settings.name));
        if let Some(bytes) = self.settings.stack_size {
            builder = builder.stack_size(bytes);
        }
        self.threads.store(threads + 1, Ordering::SeqCst);
        let pool = Arc::clone(self);
        // Under the lock, so that whoever waits for the threads finds this one.
        match builder.spawn(move || pool.live(number)) {
            Ok(handle) => {
                state.next_number += 1;
                state.alive += 1;
                state.handles.push(handle);
            }
            Err(error) => {
                self.threads.store(threads, Ordering::SeqCst);
                drop(state);
                // Where there are others, one of them comes to it.
                if threads == 0 {
                    self.refuse_all(&Refusal::NoThread(Arc::new(error)));
                }
            }
        }
    }

    /// One piece of work is done, or is not to be.
    fn count_off(&self) {
        if self.word.fetch_sub(ONE, Ordering::SeqCst) == CLOSED | ONE {
            let _state = lock(&self.state);
            self.wake.notify_all();
        }
    }

    fn is_over(&self) -> bool {
        self.word.load(Ordering::SeqCst) == CLOSED
    }

    /// Takes nothing in any more. What was taken in is done, and then the threads go.
    pub(crate) fn close(&self) {
        self.word.fetch_or(CLOSED, Ordering::SeqCst);
        let _state = lock(&self.state);
        self.wake.notify_all();
    }

    /// The same, and gives up what has not begun.
    pub(crate) fn close_and_cancel(&self) {
        self.pass(Refusal::Cancelled);
    }

    /// From now on this is what all work is told that has not begun.
    fn pass(&self, verdict: Refusal) {
        self.close();
        let mut state = lock(&self.state);
        let verdict = state.verdict.get_or_insert(verdict).clone();
        drop(state);
        self.has_verdict.store(true, Ordering::SeqCst);
        self.refuse_all(&verdict);
    }

    fn refuse_all(&self, reason: &Refusal) {
        while let Some(work) = self.take_from_all().or_else(|| self.steal(usize::MAX)) {
            let busy = Busy { pool: Some(self), released: Cell::new(false) };
            report::calling("the end of work that is not going to be done", || work.refuse(reason));
            drop(busy);
        }
    }

    /// Waits until the threads are gone, for which it has to be closed. Not for work of the pool itself.
    pub(crate) fn join(&self) {
        let state = lock(&self.state);
        let waited = self.gone.wait_while(state, |state| state.alive > 0);
        let handles = std::mem::take(&mut waited.unwrap_or_else(PoisonError::into_inner).handles);
        let me = thread::current().id();
        // One may be this thread, which has come to its end too: its locals are being dropped.
        for handle in handles.into_iter().filter(|handle| handle.thread().id() != me) {
            // They catch what panics before their end.
            let _ = handle.join();
        }
    }

    /// The life of a thread.
    fn live(self: Arc<Self>, number: usize) {
        let set_up = self.settings.set_up.as_ref().map_or(Ok(()), |set_up| set_up());
        match set_up {
            Ok(()) => self.work(number),
            Err(why) => {
                let mut state = lock(&self.state);
                self.threads.fetch_sub(1, Ordering::SeqCst);
                state.verdict.get_or_insert(Refusal::Broken(why.into()));
                drop(state);
                self.pass(Refusal::Cancelled);
            }
        }
        let mut state = lock(&self.state);
        let me = thread::current().id();
        if !self.is_closed() {
            state.handles.retain(|handle| handle.thread().id() != me);
        }
        state.alive -= 1;
        if state.alive == 0 {
            self.gone.notify_all();
        }
    }

    fn is_closed(&self) -> bool {
        self.word.load(Ordering::SeqCst) & CLOSED != 0
    }

    fn work(self: &Arc<Self>, number: usize) {
        let queue = self.settings.own_queues.then(|| Rc::new(Worker::new_fifo()));
        if let Some(queue) = &queue {
            self.write_stealers().push((number, queue.stealer()));
        }
        OWN.set(Some(Own { pool: self.serial, queue: queue.clone() }));
        let (mut turn, mut was_woken) = (0, false);
        loop {
            let found = self.find(queue.as_deref(), number, &mut turn);
            if std::mem::take(&mut was_woken) {
                self.searching.store(false, Ordering::SeqCst);
                fence(Ordering::SeqCst);
                if found.is_some() && self.has_work() {
                    self.call_for_a_thread(self.word.load(Ordering::SeqCst) / ONE);
                }
            }
            match found {
                Some(work) => self.carry_out(work),
                None => match self.sleep() {
                    Sleep::Woken => was_woken = true,
                    Sleep::None => {}
                    Sleep::End => break,
                },
            }
        }
        // What the destructors of the thread's locals hand in goes to the others.
        OWN.set(None);
        self.write_stealers().retain(|(of, _)| *of != number);
    }

    fn write_stealers(&self) -> RwLockWriteGuard<'_, Vec<(usize, Stealer<Entry>)>> {
        self.stealers.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn carry_out(&self, work: Entry) {
        let busy = Busy { pool: Some(self), released: Cell::new(false) };
        let verdict = self.has_verdict.load(Ordering::SeqCst).then(|| lock(&self.state).verdict.clone());
        report::calling("the work of a thread", || match verdict.flatten() {
            None => work.run(&busy),
            Some(reason) => work.refuse(&reason),
        });
    }

    /// The next piece of work: the thread's own, one of the queue of all, or one of another thread.
    fn find(&self, own: Option<&Worker<Entry>>, number: usize, turn: &mut u32) -> Option<Entry> {
        let Some(own) = own else { return self.take_from_all() };
        *turn = (*turn + 1) % TURNS_OF_ITS_OWN;
        if *turn == 0
            && let Some(work) = self.take_from_all()
        {
            return Some(work);
        }
        own.pop().or_else(|| self.take_from_all()).or_else(|| self.steal(number))
    }

    fn take_from_all(&self) -> Option<Entry> {
        insist(|| self.queue.steal())
    }

    /// Takes a piece of work from the queue of a thread, beginning with the one after this.
    fn steal(&self, number: usize) -> Option<Entry> {
        let stealers = self.stealers.read().unwrap_or_else(PoisonError::into_inner);
        let begin = stealers.iter().position(|(of, _)| *of == number).unwrap_or(0);
        let (before, after) = stealers.split_at(begin);
        after.iter().chain(before).find_map(|(_, stealer)| insist(|| stealer.steal()))
    }

    fn has_work(&self) -> bool {
        let stealers = self.stealers.read().unwrap_or_else(PoisonError::into_inner);
        !self.queue.is_empty() || stealers.iter().any(|(_, stealer)| !stealer.is_empty())
    }

    /// Waits for work.
    fn sleep(&self) -> Sleep {
        let mut state = lock(&self.state);
        self.sleeping.fetch_add(1, Ordering::SeqCst);
        fence(Ordering::SeqCst);
        if self.has_work() {
            self.sleeping.fetch_sub(1, Ordering::SeqCst);
            return Sleep::None;
        }
        loop {
            if state.tokens > 0 {
                // Whoever gave it has taken this thread, or one that sleeps on in its place, off the count.
                state.tokens -= 1;
                return Sleep::Woken;
            }
            if self.is_over() {
                self.sleeping.fetch_sub(1, Ordering::SeqCst);
                self.threads.fetch_sub(1, Ordering::SeqCst);
                return Sleep::End;
            }
            let (guard, timed_out) = self.wait(state);
            state = guard;
            if timed_out && state.tokens == 0 && !self.is_over() {
                self.sleeping.fetch_sub(1, Ordering::SeqCst);
                self.threads.fetch_sub(1, Ordering::SeqCst);
                fence(Ordering::SeqCst);
                // Somebody may just have counted on this thread.
                let stays = self.has_work();
                self.threads.fetch_add(usize::from(stays), Ordering::SeqCst);
                return if stays { Sleep::None } else { Sleep::End };
            }
        }
    }

    fn wait<'a>(&self, state: MutexGuard<'a, State>) -> (MutexGuard<'a, State>, bool) {
        let Some(time) = self.settings.idle_max else {
            return (self.wake.wait(state).unwrap_or_else(PoisonError::into_inner), false);
        };
        let waited = self.wake.wait_timeout(state, time).unwrap_or_else(PoisonError::into_inner);
        (waited.0, waited.1.timed_out())
    }
}

impl State {
    /// What is said to who comes when the pool is closed.
    fn verdict_after_close(&self) -> Refusal {
        match &self.verdict {
            Some(Refusal::Cancelled) | None => Refusal::Closed,
            Some(verdict) => verdict.clone(),
        }
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool").field("threads", &self.threads()).finish_non_exhaustive()
    }
}

/// Steals until that gives something or there is nothing.
fn insist(mut steal: impl FnMut() -> Steal<Entry>) -> Option<Entry> {
    loop {
        match steal() {
            Steal::Success(work) => return Some(work),
            Steal::Empty => return None,
            Steal::Retry => {}
        }
    }
}

#[cfg(all(test, cede_loom))]
mod models;
#[cfg(all(test, not(cede_loom)))]
mod tests;
