//! Waiting for a future: how a task drives one.
//!
//! The future lies on the task's stack and is polled there, in the task's context. It may borrow from that stack and need not be `Send`.
//!
//! While it is polled the task must not be suspended, as if in [`no_switch`]. Others would run in the middle of a
//! poll, which no executor does and no future expects: what it has put into thread-locals for the time of the poll,
//! as tokio does with its budget and its runtime, would be theirs.
//!
//! A future that wakes itself while it is polled gives way: it is polled again in the next tick.

use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;

use pin_project_lite::pin_project;

use super::task_waker::Wakeful;
use crate::runtime::operation::{Operation, sealed};
use crate::runtime::park::{self, Wake};
use crate::runtime::scheduler::{Scheduler, with_scheduler};
use crate::runtime::waiter::Waiter;
use crate::runtime::with_deadline::wait_within;
use crate::runtime::yield_now;
use crate::task::no_switch;
use crate::time::Elapsed;

/// Waits for futures in tasks: gives each [`Future`] the methods of an [`Operation`].
///
/// It is for futures only, and not for all that can be turned into one, so that `wait` means one thing for each type: that of
/// an [`Operation`] for operations, this one for futures. What is [`IntoFuture`] goes into [`wait`](wait()).
///
/// # Examples
///
/// ```
/// use cede::future::Wait;
///
/// async fn length(text: &str) -> usize {
///     text.len()
/// }
/// cede::run(|| {
///     let text = String::from("borrowed");
///     assert_eq!(length(&text).wait(), 8);
/// });
/// ```
pub trait Wait: Future {
    /// Drives the future to its end, and gives its output. Suspends the task while the future is pending; the thread's other tasks
    /// run. Python's `await`.
    ///
    /// # Cancellation
    ///
    /// Unwinds when the task is cancelled meanwhile, which drops the future, as dropping cancels it elsewhere.
    ///
    /// # Panics
    ///
    /// Panics where a task may not wait, if the future is pending there, and outside of tasks; see [`Operation::wait`]. Goes on with a panic
    /// of the future. A future whose `poll` wants to suspend the task panics.
    #[track_caller]
    fn wait(self) -> Self::Output
    where
        Self: Sized,
    {
        drive(pin!(WaitingForFuture::new(self)))
    }

    /// The same, for no longer than this. The future is dropped when the time is up; `pin!(future).wait_timeout(limit)`, by
    /// `as_mut`, keeps it.
    ///
    /// With no time at all it is polled once.
    ///
    /// # Errors
    ///
    /// When the time was up first.
    ///
    /// # Cancellation, panics
    ///
    /// As [`wait`](Wait::wait).
    ///
    /// # Examples
    ///
    /// ```
    /// use cede::future::Wait;
    /// use std::{future, time::Duration};
    ///
    /// cede::run(|| {
    ///     let never = future::pending::<()>().wait_timeout(Duration::from_millis(1));
    ///     assert!(never.is_err());
    /// });
    /// ```
    #[track_caller]
    fn wait_timeout(self, limit: Duration) -> Result<Self::Output, Elapsed>
    where
        Self: Sized,
    {
        wait_within(pin!(WaitingForFuture::new(self)), limit).ok_or(Elapsed::new())
    }

    /// The operation of waiting for the future, for `select!`.
    ///
    /// A future that loses is dropped. One that is to go on is passed by reference.
    ///
    /// # Examples
    ///
    /// ```
    /// use cede::{future::Wait, time::after};
    /// use std::{future, pin::pin, time::Duration};
    ///
    /// cede::run(|| {
    ///     let mut slow = pin!(async { future::pending::<u32>().await });
    ///     for _ in 0..3 {
    ///         cede::select! {
    ///             _ = slow.as_mut().waiting() => unreachable!(),
    ///             _ = after(Duration::from_millis(1)) => println!("still at it"),
    ///         }
    ///     }
    /// });
    /// ```
    #[track_caller]
    fn waiting(self) -> WaitingForFuture<Self>
    where
        Self: Sized,
    {
        WaitingForFuture::new(self)
    }
}

impl<F: Future> Wait for F {}

/// Drives what can be turned into a future to its end: [`Wait::wait`] as a function.
///
/// # Cancellation, panics
///
/// As [`Wait::wait`].
///
/// # Examples
///
/// ```
/// let sum = cede::run(|| cede::future::wait(async { 1 + 2 }));
/// assert_eq!(sum, 3);
/// ```
#[track_caller]
pub fn wait<F: IntoFuture>(future: F) -> F::Output {
    future.into_future().wait()
}

pin_project! {
    /// The operation of waiting for a future; from [`Wait::waiting`].
    #[must_use = "it does nothing unless it is waited for"]
    pub struct WaitingForFuture<F> {
        #[pin]
        future: F,
        // From the first poll on. Goes after the future, whose wakers would keep its record from being used again.
        wakeful: Option<Wakeful>,
        made_at: &'static Location<'static>,
    }
}

impl<F: Future> WaitingForFuture<F> {
    #[track_caller]
    fn new(future: F) -> Self {
        WaitingForFuture { future, wakeful: None, made_at: Location::caller() }
    }

    /// Whether the future has asked to be polled again.
    fn is_woken(&self) -> bool {
        self.wakeful.as_ref().is_some_and(Wakeful::is_woken)
    }
}

/// The waker of the task that runs: the one that there is, if it is its.
fn wakeful_of_current(kept: Option<Wakeful>) -> Option<Wakeful> {
    with_scheduler(|scheduler: &Scheduler| {
        let task = scheduler.current_key()?;
        let kept = kept.filter(|kept| kept.is_for(task));
        Some(kept.unwrap_or_else(|| Wakeful::new(&scheduler.outside.inbox, task)))
    })
    .flatten()
}

/// As [`Operation::wait`], but a future that has woken itself waits for nothing: it gives way.
fn drive<F: Future>(mut waiting: Pin<&mut WaitingForFuture<F>>) -> F::Output {
    let mut output = waiting.as_mut().attempt();
    loop {
        if let Some(output) = output {
            return output;
        }
        if waiting.is_woken() {
            yield_now();
            output = waiting.as_mut().attempt();
            continue;
        }
        let (wake, woken_with) = park::wait_once(waiting.as_mut(), |waiting| waiting.attempt());
        if wake == Wake::Cancelled {
            park::raise_cancellation();
        }
        output = woken_with;
    }
}

impl<F: Future> sealed::Sealed for WaitingForFuture<F> {}

impl<F: Future> Operation for WaitingForFuture<F> {
    type Output = F::Output;

    fn attempt(self: Pin<&mut Self>) -> Option<F::Output> {
        let this = self.project();
        *this.wakeful = wakeful_of_current(this.wakeful.take());
        let Some(wakeful) = this.wakeful else { panic!("cede: {}", park::Refusal::NoTask) };
        wakeful.begin_poll();
        match no_switch(|| this.future.poll(&mut Context::from_waker(wakeful.waker()))) {
            Poll::Ready(output) => Some(output),
            Poll::Pending => None,
        }
    }

    fn register(self: Pin<&mut Self>, waiter: Waiter) {
        if let Some(wakeful) = self.project().wakeful
            && !wakeful.begin_wait()
        {
            waiter.wake_later();
        }
    }

    fn withdraw(self: Pin<&mut Self>) {
        if let Some(wakeful) = self.project().wakeful {
            wakeful.end_wait();
        }
    }

    /// Nobody who has no waker can wake it.
    fn is_local(&self) -> bool {
        !self.wakeful.as_ref().is_some_and(|wakeful| wakeful.is_shared())
    }

    fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "awaits {} at {}", std::any::type_name::<F>(), self.made_at)
    }

    fn wait(self) -> F::Output {
        drive(pin!(self))
    }
}

impl<F> fmt::Debug for WaitingForFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WaitingForFuture").field("made_at", &self.made_at).finish_non_exhaustive()
    }
}
