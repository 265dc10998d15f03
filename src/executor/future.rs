//! The handle of a job: `concurrent.futures.Future`.

use std::fmt;
use std::ops::Deref;
use std::panic::Location;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use pin_project_lite::pin_project;

use super::error::FutureError;
use super::job::{Erased, Outcome, Stage, State, serves};
use super::meeting::{Meeting, Until, is_in_run};
use crate::runtime::operation::{CancelWait, Operation, sealed};
use crate::runtime::pool::{self, Busy, Refusal, Work};
use crate::runtime::waiter::Waiter;
use crate::runtime::{blocking, park};

/// What a job is going to give: `concurrent.futures.Future`, from [`submit`](super::Executor::submit).
///
/// It is not a [`std::future::Future`], but `.await` takes it, in any executor of those. Clones are handles of the same job. Dropping all of them lets the job go on by itself.
///
/// Waiting for it suspends a task, and blocks a thread that is in no run. The value is handed out once, to whoever asks
/// first; [`result_cloned`](Future::result_cloned) gives copies. An error is given to all who ask; where nobody has, it is reported to the hook
/// of [`set_task_hook`](crate::set_task_hook) when the last handle goes.
///
/// # Jobs that wait for jobs
///
/// In Python, jobs that wait for other jobs of the same pool can take all of its threads, and nothing goes on. Here a job that
/// waits, without a timeout, for one that has not begun runs it itself, on top of its own stack; where it waits inside of a
/// run, a thread for blocking calls does. What is left is what waits in a ring: a job that waits for itself is told so
/// ([`is_await_self`](FutureError::is_await_self)), two that wait for each other wait for ever.
pub struct Future<T> {
    pub(super) shared: Arc<Erased<T>>,
}

impl<T> Clone for Future<T> {
    fn clone(&self) -> Self {
        Future { shared: Arc::clone(&self.shared) }
    }
}

impl<T: Send + 'static> Future<T> {
    /// Waits for the end of the job, and takes its value: `result()`.
    ///
    /// # Errors
    ///
    /// When the job failed, panicked or was cancelled, or the executor could not do it; when the value was taken before; when it is
    /// the job itself that asks.
    ///
    /// # Cancellation
    ///
    /// Unwinds when the task is cancelled meanwhile. The job goes on, and its value can still be taken; with
    /// [`wrap_future`](super::wrap_future) it is cancelled as well.
    ///
    /// # Panics
    ///
    /// Panics where a task may not wait, inside of a run, if it has to; see [`Operation::wait`].
    ///
    /// # Examples
    ///
    /// ```
    /// use cede::executor::{Executor, ThreadPoolExecutor};
    ///
    /// let pool = ThreadPoolExecutor::new(2);
    /// let answer = pool.submit(|| 6 * 7);
    /// assert_eq!(answer.result()?, 42);
    /// assert!(answer.result().unwrap_err().is_already_taken());
    /// # Ok::<_, cede::executor::FutureError>(())
    /// ```
    pub fn result(&self) -> Result<T, FutureError> {
        self.find(None, State::take).expect("without a limit it waits until the job has ended")
    }

    /// As [`result`](Future::result), for no longer than this, by the clock of the run if this is called in one: `result(timeout)`.
    ///
    /// # Errors, cancellation, panics
    ///
    /// As for [`result`](Future::result); and an error for which [`is_timeout`](FutureError::is_timeout) holds when the time is up.
    /// The job goes on.
    pub fn result_timeout(&self, timeout: Duration) -> Result<T, FutureError> {
        self.find(Some(timeout), State::take).unwrap_or_else(|| Err(FutureError::timed_out()))
    }

    /// Waits for the end of the job, and gives a copy of its value, which stays for others.
    ///
    /// # Errors, cancellation, panics
    ///
    /// As for [`result`](Future::result). Goes on with a panic of `clone`, and the value stays.
    pub fn result_cloned(&self) -> Result<T, FutureError>
    where
        T: Clone,
    {
        let lent = self.find(None, State::lend).expect("without a limit it waits until the job has ended");
        let copied = Copied { shared: &self.shared, value: Some(lent?) };
        Ok(copied.value.clone().expect("it goes back when this is dropped"))
    }

    /// Waits for the end of the job, and gives its error, if there is one: `exception()`. The value stays.
    ///
    /// # Cancellation, panics
    ///
    /// As for [`result`](Future::result).
    pub fn exception(&self) -> Option<FutureError> {
        self.find(None, State::error).expect("without a limit it waits until the job has ended")
    }

    /// How the job ended, without waiting and without taking the value: `None` when it has not.
    pub fn outcome(&self) -> Option<Result<(), FutureError>> {
        let mut state = self.shared.meeting.lock();
        Some(State::error(&mut state)?.map_or(Ok(()), Err))
    }

    /// The operation behind [`result`](Future::result), for `select!` and `.await`.
    pub fn resulting(&self) -> Resulting<T> {
        let take: Take<T> = State::take;
        let meeting = MeetingOf(Arc::clone(&self.shared));
        Resulting { until: Until::new(meeting, self.shared.what(), take), future: self.clone() }
    }

    /// Cancels the job, if it has not begun: `cancel()`. One that has goes on. Callbacks run here and now.
    ///
    /// Gives false when it has begun or ended; true also when it was cancelled before, as in Python.
    pub fn cancel(&self) -> bool {
        Erased::end_pending(&self.shared, FutureError::cancelled()) || self.is_cancelled()
    }

    /// Whether the job was cancelled: `cancelled()`.
    pub fn is_cancelled(&self) -> bool {
        self.shared.meeting.lock().is_cancelled()
    }

    /// Whether the job runs: `running()`.
    pub fn is_running(&self) -> bool {
        matches!(self.shared.meeting.lock().stage, Stage::Running)
    }

    /// Whether the job has ended or was cancelled: `done()`.
    pub fn is_finished(&self) -> bool {
        self.shared.meeting.lock().is_over()
    }

    /// Has a function called when the job has ended or was cancelled: `add_done_callback`. It is called by whoever ends the job: on the
    /// thread of the executor, or in `cancel`; here and now where it has ended. Those of one future are called in the order in which they
    /// came.
    ///
    /// A panic of it goes to the hook of [`set_task_hook`](crate::set_task_hook), and the others are called all the same.
    ///
    /// # Examples
    ///
    /// ```
    /// use cede::executor::{Executor, ThreadPoolExecutor};
    /// use std::sync::mpsc;
    ///
    /// let (tell, told) = mpsc::channel();
    /// let pool = ThreadPoolExecutor::new(1);
    /// pool.submit(|| "done").add_done_callback(move |job| tell.send(job.result()).unwrap());
    /// assert_eq!(told.recv().unwrap()?, "done");
    /// # Ok::<_, cede::executor::FutureError>(())
    /// ```
    pub fn add_done_callback(&self, f: impl FnOnce(&Future<T>) + Send + 'static) {
        self.shared.call_at_end(Box::new(f));
    }

    /// Where it was submitted.
    pub fn submitted_at(&self) -> &'static Location<'static> {
        self.shared.submitted_at
    }

    /// Waits until `look` finds the end of the job. `None` when the time is up first.
    fn find<R: FromError>(
        &self,
        limit: Option<Duration>,
        mut look: impl FnMut(&mut State<T>) -> Option<R>,
    ) -> Option<R> {
        if let Some(found) = look(&mut self.shared.meeting.lock()) {
            return Some(found);
        }
        if self.shared.runs_here() {
            return Some(R::from_error(FutureError::itself()));
        }
        if limit.is_none() {
            self.help();
        }
        self.shared.meeting.wait(limit, self.shared.what(), look)
    }

    /// This thread is going to wait for the job. Where it is one of those that should do it, the job may have to wait for ever for a
    /// thread: then it is done here, or by a thread that is there for such things. Gives whether it has ended now.
    pub(super) fn help(&self) -> bool {
        let is_ours = self.shared.pool().is_some_and(|pool| pool::current() == Some(pool) || serves(pool));
        if is_ours && !is_in_run() {
            Arc::clone(&self.shared).run(&Busy::nowhere());
        } else if is_ours && park::refusal().is_none() && self.shared.meeting.lock().is_pending() {
            blocking::lend_a_thread(Arc::new(Lent { shared: Arc::clone(&self.shared) }));
        }
        self.is_finished()
    }
}

/// A job that a thread for blocking calls does.
struct Lent<T> {
    shared: Arc<Erased<T>>,
}

impl<T: Send + 'static> Work for Lent<T> {
    fn run(self: Arc<Self>, _busy: &Busy<'_>) {
        Arc::clone(&self.shared).run(&Busy::nowhere());
    }

    /// The executor has it still.
    fn refuse(self: Arc<Self>, _reason: &Refusal) {}
}

/// A value that waits may end with an error.
trait FromError {
    fn from_error(error: FutureError) -> Self;
}

impl<T> FromError for Outcome<T> {
    fn from_error(error: FutureError) -> Self {
        Err(error)
    }
}

impl FromError for Option<FutureError> {
    fn from_error(error: FutureError) -> Self {
        Some(error)
    }
}

impl<T> State<T> {
    /// Takes the value to copy it.
    fn lend(&mut self) -> Option<Outcome<T>> {
        let taken = self.take()?;
        if taken.is_ok() {
            self.stage = Stage::Lent;
        }
        Some(taken)
    }

    /// The error that it ended with, or none, when it has ended.
    fn error(&mut self) -> Option<Option<FutureError>> {
        if !self.is_over() {
            return None;
        }
        self.observed = true;
        Some(match &self.stage {
            Stage::Ended(Err(error)) => Some(error.clone()),
            _ => None,
        })
    }
}

/// A value that is being copied. Goes back when this is dropped.
struct Copied<'a, T> {
    shared: &'a Erased<T>,
    value: Option<T>,
}

impl<T> Drop for Copied<'_, T> {
    fn drop(&mut self) {
        if let Some(value) = self.value.take() {
            let mut state = self.shared.meeting.lock();
            state.stage = Stage::Ended(Ok(value));
            state.wake_all();
        }
    }
}

impl<T> fmt::Debug for Future<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.shared.meeting.lock();
        let stage = match &state.stage {
            Stage::Pending => "pending",
            Stage::Running => "running",
            Stage::Ended(Err(error)) if error.is_cancelled() => "cancelled",
            Stage::Ended(Err(_)) => "failed",
            Stage::Ended(Ok(_)) | Stage::Taken | Stage::Lent => "finished",
        };
        drop(state);
        f.debug_struct("Future")
            .field("state", &format_args!("{stage}"))
            .field("submitted_at", &format_args!("{}", self.shared.submitted_at))
            .finish()
    }
}

/// Where a job is waited for.
struct MeetingOf<T>(Arc<Erased<T>>);

impl<T> Deref for MeetingOf<T> {
    type Target = Meeting<State<T>>;

    fn deref(&self) -> &Meeting<State<T>> {
        &self.0.meeting
    }
}

/// What takes the value of a job.
type Take<T> = fn(&mut State<T>) -> Option<Outcome<T>>;

pin_project! {
    /// The operation of [`Future::result`].
    #[must_use = "it does nothing unless it is waited for"]
    pub struct Resulting<T> {
        future: Future<T>,
        #[pin]
        until: Until<MeetingOf<T>, Take<T>>,
    }
}

impl<T> fmt::Debug for Resulting<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Resulting").field("future", &self.future).finish()
    }
}

impl<T> sealed::Sealed for Resulting<T> {}

impl<T: Send + 'static> Operation for Resulting<T> {
    type Output = Result<T, FutureError>;

    fn attempt(self: Pin<&mut Self>) -> Option<Self::Output> {
        if self.future.shared.runs_here() {
            return Some(Err(FutureError::itself()));
        }
        self.project().until.attempt()
    }

    fn register(self: Pin<&mut Self>, waiter: Waiter) {
        self.future.help();
        self.project().until.register(waiter);
    }

    fn withdraw(self: Pin<&mut Self>) {
        self.project().until.withdraw();
    }

    fn cancel(&self) -> CancelWait {
        self.until.cancel()
    }

    fn is_local(&self) -> bool {
        self.until.is_local()
    }

    fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.until.describe(f)
    }
}

/// A future, or a reference to one: what [`wait`](super::wait()) and [`as_completed`](super::as_completed()) take and give back.
pub trait AsFuture {
    /// What its job gives.
    type Output: Send + 'static;

    /// The future.
    fn as_future(&self) -> &Future<Self::Output>;
}

impl<T: Send + 'static> AsFuture for Future<T> {
    type Output = T;

    fn as_future(&self) -> &Future<T> {
        self
    }
}

impl<F: AsFuture + ?Sized> AsFuture for &F {
    type Output = F::Output;

    fn as_future(&self) -> &Future<F::Output> {
        (**self).as_future()
    }
}
