//! A job: a closure on its way through an executor, and what its [`Future`] and its [`Job`] share.
//!
//! ```text
//!             begin               end                   take
//!   PENDING ─────────▶ RUNNING ─────────▶ ENDED(result) ─────▶ TAKEN
//!      │                                    │       ▲
//!      │ cancel                       lend  ▼       │ give back
//!      ├─────────▶ ENDED(cancelled)        LENT ────┘
//!      │ refuse
//!      └─────────▶ ENDED(why)
//! ```
//!
//! Whoever brings it from PENDING to another stage has the closure, runs or drops it, and tells all who wait: so it runs at most once,
//! and is told once. Errors stay in ENDED for all who ask, a value is taken out once. LENT is while somebody copies it.
//!
//! Closures, values, errors and callbacks never run or drop under the lock.

use std::cell::RefCell;
use std::fmt;
use std::panic::{self, AssertUnwindSafe, Location};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::error::FutureError;
use super::future::Future;
use super::gathering::Gathering;
use super::meeting::{Held, Meeting, What};
use crate::runtime::context::{self, Values};
use crate::runtime::park::CancelToken;
use crate::runtime::pool::{Busy, Refusal, Work};
use crate::runtime::report;

/// How a job ended.
pub(super) type Outcome<T> = Result<T, FutureError>;

/// Called with the future of a job that has ended.
pub(super) type Callback<T> = Box<dyn FnOnce(&Future<T>) + Send>;

/// See the drawing above.
pub(super) enum Stage<T> {
    Pending,
    Running,
    Ended(Outcome<T>),
    Taken,
    Lent,
}

/// What is under the lock.
pub(super) struct State<T> {
    pub(super) stage: Stage<T>,
    callbacks: Vec<Callback<T>>,
    /// Who waits for several, each with the number that this one has there.
    watchers: Vec<(Arc<Gathering>, usize)>,
    /// Somebody was told of how it ended.
    pub(super) observed: bool,
}

/// What a job and its future share. `B` is the closure.
pub(super) struct Shared<T, B: ?Sized> {
    pub(super) meeting: Meeting<State<T>>,
    /// The pool that it was given to; 0 for none.
    pool: AtomicU64,
    pub(super) submitted_at: &'static Location<'static>,
    body: B,
}

/// A closure that is called once.
pub(super) trait Body<T>: Send + Sync {
    /// `None` when it is gone.
    fn call(&self) -> Option<Outcome<T>>;

    fn discard(&self);
}

/// The closure, with the context in which it is called.
pub(super) struct Once<F>(Mutex<Option<(F, Option<Arc<Values>>)>>);

impl<F> Once<F> {
    fn take(&self) -> Option<(F, Option<Arc<Values>>)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl<T, F: FnOnce() -> Outcome<T> + Send> Body<T> for Once<F> {
    fn call(&self) -> Option<Outcome<T>> {
        let (f, values) = self.take()?;
        Some(context::lend(values, f))
    }

    fn discard(&self) {
        drop(self.take());
    }
}

/// Makes a job, and the future for what it gives.
pub(super) fn new<T, F>(submitted_at: &'static Location<'static>, f: F) -> (Job, Future<T>)
where
    T: Send + 'static,
    F: FnOnce() -> Outcome<T> + Send + 'static,
{
    let state = State { stage: Stage::Pending, callbacks: Vec::new(), watchers: Vec::new(), observed: false };
    let shared = Arc::new(Shared {
        meeting: Meeting::new(state),
        pool: AtomicU64::new(0),
        submitted_at,
        body: Once(Mutex::new(Some((f, context::copied())))),
    });
    (Job { work: Some(Arc::clone(&shared) as Arc<dyn Runnable>) }, Future { shared })
}

/// A job without its types.
pub(super) trait Runnable: Work {
    /// The pool that is going to do it.
    fn set_pool(&self, pool: u64);

    fn is_cancelled(&self) -> bool;

    fn submitted_at(&self) -> &'static Location<'static>;

    /// It was dropped on the way.
    fn lose(self: Arc<Self>);
}

/// A job that an [`Executor`](super::Executor) was given: what runs it is the executor's to choose.
///
/// A job that is dropped gives its future an error, for which [`FutureError::is_broken`] holds.
pub struct Job {
    work: Option<Arc<dyn Runnable>>,
}

impl Job {
    /// Runs it on this thread, here and now; nothing where it was cancelled. A panic of its closure goes to the future. Callbacks of
    /// the future run here too.
    pub fn run(mut self) {
        if let Some(work) = self.work.take() {
            work.run(&Busy::nowhere());
        }
    }

    /// Cancels it. Its future says so.
    pub fn cancel(mut self) {
        if let Some(work) = self.work.take() {
            work.refuse(&Refusal::Cancelled);
        }
    }

    /// Whether it was cancelled by its future, so that there is nothing to run.
    pub fn is_cancelled(&self) -> bool {
        self.work.as_ref().is_none_or(|work| work.is_cancelled())
    }

    /// As work for the pool of this number.
    pub(super) fn for_pool(mut self, pool: u64) -> Option<Arc<dyn Work>> {
        let work = self.work.take()?;
        work.set_pool(pool);
        Some(work)
    }
}

impl Drop for Job {
    fn drop(&mut self) {
        if let Some(work) = self.work.take() {
            work.lose();
        }
    }
}

impl fmt::Debug for Job {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = self.work.as_ref().map(|work| work.submitted_at().to_string());
        f.debug_struct("Job").field("submitted_at", &place).field("cancelled", &self.is_cancelled()).finish()
    }
}

thread_local! {
    /// The jobs that run on this thread, one on top of the other: their addresses and pools.
    static RUNNING: RefCell<Vec<(*const (), Option<u64>)>> = const { RefCell::new(Vec::new()) };
}

/// Whether a job of this pool runs on this thread, beneath this call.
pub(super) fn serves(pool: u64) -> bool {
    RUNNING.try_with(|running| running.borrow().iter().any(|(_, of)| *of == Some(pool))).unwrap_or(false)
}

/// A job runs on this thread as long as this lives.
struct OnThread;

impl OnThread {
    fn new(job: *const (), pool: Option<u64>) -> Self {
        // Where the locals of the thread are gone, nobody can be told.
        let _ = RUNNING.try_with(|running| running.borrow_mut().push((job, pool)));
        OnThread
    }
}

impl Drop for OnThread {
    fn drop(&mut self) {
        let _ = RUNNING.try_with(|running| running.borrow_mut().pop());
    }
}

impl<T> State<T> {
    pub(super) fn is_pending(&self) -> bool {
        matches!(self.stage, Stage::Pending)
    }

    pub(super) fn is_over(&self) -> bool {
        !matches!(self.stage, Stage::Pending | Stage::Running)
    }

    pub(super) fn is_cancelled(&self) -> bool {
        matches!(&self.stage, Stage::Ended(Err(error)) if error.is_cancelled())
    }

    /// Whether it has ended with an error. A cancellation is none.
    pub(super) fn has_failed(&self) -> bool {
        matches!(&self.stage, Stage::Ended(Err(error)) if !error.is_cancelled())
    }

    /// How it ended: the value once, an error each time. Nothing before it has ended, and while somebody copies the value.
    pub(super) fn take(&mut self) -> Option<Outcome<T>> {
        let taken = match std::mem::replace(&mut self.stage, Stage::Taken) {
            Stage::Ended(Err(error)) => {
                self.stage = Stage::Ended(Err(error.clone()));
                Err(error)
            }
            Stage::Ended(Ok(value)) => Ok(value),
            Stage::Taken => Err(FutureError::taken()),
            other => {
                self.stage = other;
                return None;
            }
        };
        self.observed = true;
        Some(taken)
    }
}

impl<T, F> Runnable for Shared<T, Once<F>>
where
    T: Send + 'static,
    F: FnOnce() -> Outcome<T> + Send + 'static,
{
    fn set_pool(&self, pool: u64) {
        self.pool.store(pool, Ordering::Relaxed);
    }

    fn is_cancelled(&self) -> bool {
        self.meeting.lock().is_cancelled()
    }

    fn submitted_at(&self) -> &'static Location<'static> {
        self.submitted_at
    }

    fn lose(self: Arc<Self>) {
        Erased::end_pending(&(self as Arc<Erased<T>>), FutureError::dropped());
    }
}

impl<T, F> Work for Shared<T, Once<F>>
where
    T: Send + 'static,
    F: FnOnce() -> Outcome<T> + Send + 'static,
{
    fn run(self: Arc<Self>, busy: &Busy<'_>) {
        Erased::run(self, busy);
    }

    fn refuse(self: Arc<Self>, reason: &Refusal) {
        Erased::end_pending(&(self as Arc<Erased<T>>), FutureError::refused(reason));
    }
}

/// What a future knows of its job.
pub(super) type Erased<T> = Shared<T, dyn Body<T>>;

impl<T> Erased<T> {
    fn address(&self) -> *const () {
        std::ptr::from_ref(self).cast()
    }

    /// Whether it runs on this thread, beneath this call.
    pub(super) fn runs_here(&self) -> bool {
        RUNNING
            .try_with(|running| running.borrow().iter().any(|(job, _)| *job == self.address()))
            .unwrap_or(false)
    }

    /// The pool that it was given to.
    pub(super) fn pool(&self) -> Option<u64> {
        Some(self.pool.load(Ordering::Relaxed)).filter(|pool| *pool != 0)
    }

    /// That it is waited for.
    pub(super) fn what(&self) -> What {
        let is_promised = self.pool().is_some();
        What { text: "waits for a job submitted", place: Some(self.submitted_at), is_promised }
    }

    /// Runs it, unless it has begun or ended.
    pub(super) fn run(self: Arc<Self>, busy: &Busy<'_>) {
        let mut state = self.meeting.lock();
        if !state.is_pending() {
            return;
        }
        state.stage = Stage::Running;
        drop(state);
        let called = {
            let _here = OnThread::new(self.address(), self.pool());
            panic::catch_unwind(AssertUnwindSafe(|| self.body.call()))
        };
        let (outcome, cancellation) = match called {
            Ok(outcome) => (outcome.unwrap_or_else(|| Err(FutureError::dropped())), None),
            // Of the task that an executor runs it in.
            Err(payload) if payload.is::<CancelToken>() => (Err(FutureError::cancelled()), Some(payload)),
            Err(payload) => (Err(FutureError::from_panic(payload)), None),
        };
        self.end(self.meeting.lock(), outcome, busy);
        if let Some(token) = cancellation {
            panic::resume_unwind(token);
        }
    }

    /// Ends it without running it, and drops the closure. Gives false when it has begun or ended.
    pub(super) fn end_pending(this: &Arc<Self>, error: FutureError) -> bool {
        let state = this.meeting.lock();
        if !state.is_pending() {
            return false;
        }
        this.end(state, Err(error), &Busy::nowhere());
        report::calling("the destructor of a job that was given up", || this.body.discard());
        true
    }

    /// Tells all that it has ended.
    fn end(self: &Arc<Self>, mut state: Held<'_, State<T>>, outcome: Outcome<T>, busy: &Busy<'_>) {
        state.stage = Stage::Ended(outcome);
        let callbacks = std::mem::take(&mut state.callbacks);
        let watchers = std::mem::take(&mut state.watchers);
        if callbacks.is_empty() && Arc::strong_count(self) > 1 {
            // Before anybody is told, who may hand in the next job at once.
            busy.release();
        }
        state.wake_all();
        for (gathering, number) in watchers {
            gathering.one_has_come(number);
        }
        if !callbacks.is_empty() {
            let future = Future { shared: Arc::clone(self) };
            callbacks.into_iter().for_each(|callback| call_back(callback, &future));
        }
    }

    /// Has a function called at the end; now, if it has ended.
    pub(super) fn call_at_end(self: &Arc<Self>, callback: Callback<T>) {
        let mut state = self.meeting.lock();
        if state.is_over() {
            drop(state);
            call_back(callback, &Future { shared: Arc::clone(self) });
        } else {
            state.callbacks.push(callback);
        }
    }

    /// Has the end told to who waits for several.
    pub(super) fn watch(&self, gathering: &Arc<Gathering>, number: usize) {
        let mut state = self.meeting.lock();
        if state.is_over() {
            drop(state);
            gathering.one_has_come(number);
        } else {
            state.watchers.push((Arc::clone(gathering), number));
        }
    }

    /// Takes that back.
    pub(super) fn unwatch(&self, gathering: &Arc<Gathering>) {
        let mut state = self.meeting.lock();
        let taken: Vec<_> =
            state.watchers.extract_if(.., |(other, _)| Arc::ptr_eq(other, gathering)).collect();
        drop(state);
        drop(taken);
    }
}

/// Calls a function of users, where a panic must not go on.
fn call_back<T>(callback: Callback<T>, future: &Future<T>) {
    report::calling("a callback of a job", || callback(future));
}

impl<T, B: ?Sized> Drop for Shared<T, B> {
    fn drop(&mut self) {
        let state = self.meeting.get_mut();
        if !state.observed
            && let Stage::Ended(Err(error)) = &state.stage
            && error.is_failure()
        {
            report::unobserved_job(self.submitted_at, error);
        }
    }
}
