//! Sleeping.

use std::fmt;
use std::pin::Pin;
use std::time::{Duration, Instant};

use crate::runtime::operation::{Operation, sealed};
use crate::runtime::scheduler::{Action, with_scheduler};
use crate::runtime::waiter::Waiter;
use crate::runtime::{TimerKey, deadline, yield_now};

/// The time of the run: under virtual time not the system's. Outside of a run it is the system's.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// let runner = cede::Runner::builder().virtual_time(true).build();
/// let slept = runner.run(|| {
///     let start = cede::time::now();
///     cede::sleep(Duration::from_secs(3600));
///     cede::time::now() - start
/// })?;
/// assert_eq!(slept, Duration::from_secs(3600));
/// # Ok::<_, cede::RunError>(())
/// ```
pub fn now() -> Instant {
    with_scheduler(|scheduler| scheduler.clock.now()).unwrap_or_else(Instant::now)
}

/// Waits for a while. [`Duration::ZERO`] lets the others run once; [`Duration::MAX`] is for ever.
///
/// What is for ever sets no timer: it ends by a cancellation only, also under virtual time, and a run in which all
/// tasks wait like that is at a deadlock. asyncio has no such value.
///
/// # Cancellation
///
/// Unwinds when the task is cancelled meanwhile.
///
/// # Panics
///
/// Panics where a task may not wait; see [`Operation::wait`].
///
/// # Examples
///
/// ```
/// cede::run(|| cede::sleep(std::time::Duration::from_millis(1)));
/// ```
pub fn sleep(duration: Duration) {
    if duration.is_zero() { yield_now() } else { after(duration).wait() }
}

/// Waits until a moment of the run's time.
///
/// # Cancellation, panics
///
/// As [`sleep`].
pub fn sleep_until(moment: Instant) {
    if moment <= now() { yield_now() } else { at(Some(moment)).wait() }
}

/// The operation of sleeping, for `select!`: is complete when this much time has passed from now, with
/// [`Duration::MAX`] never.
pub fn after(duration: Duration) -> After {
    at(deadline(now(), duration))
}

fn at(deadline: Option<Instant>) -> After {
    After { deadline, timer: None }
}

/// See [`after`].
#[derive(Debug)]
pub struct After {
    /// None is for ever.
    deadline: Option<Instant>,
    timer: Option<TimerKey>,
}

impl sealed::Sealed for After {}

impl Operation for After {
    type Output = ();

    fn attempt(self: Pin<&mut Self>) -> Option<()> {
        let due = match self.timer {
            // The timer says it, not the clock: timers that are due at once fire in their order.
            Some(timer) => !with_scheduler(|scheduler| scheduler.timer_is_pending(timer)).unwrap_or(false),
            None => self.deadline.is_some_and(|deadline| deadline <= now()),
        };
        due.then_some(())
    }

    fn register(mut self: Pin<&mut Self>, waiter: Waiter) {
        let Some(deadline) = self.deadline else { return };
        self.timer = with_scheduler(|scheduler| scheduler.set_timer(deadline, Action::wake(waiter)));
    }

    fn withdraw(mut self: Pin<&mut Self>) {
        if let Some(timer) = self.timer.take() {
            with_scheduler(|scheduler| scheduler.cancel_timer(timer));
        }
    }

    fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.deadline {
            Some(deadline) => write!(f, "sleeps for {:?}", deadline.saturating_duration_since(now())),
            None => f.write_str("sleeps for ever"),
        }
    }
}
