//! Trying again after a while, for the few things of which the system does not say when they can be had: a place in the queue of a Unix
//! listener, room with a receiver that a socket is not connected to, somebody who reads a named pipe.
//!
//! The pauses grow, so that a short wait is found out soon and a long one costs next to nothing.

use std::io;
use std::time::{Duration, Instant};

use crate::runtime::{park, reactor};
use crate::time::{now, sleep};

const PAUSE_MIN: Duration = Duration::from_millis(1);
const PAUSE_MAX: Duration = Duration::from_millis(50);

/// The pauses of one call, which has a time limit or none.
#[derive(Debug)]
pub(crate) struct Pauses {
    next: Duration,
    timeout: Option<Duration>,
    /// Once the first pause has begun.
    deadline: Option<Instant>,
}

impl Pauses {
    pub(crate) fn within(timeout: Option<Duration>) -> Self {
        Pauses { next: PAUSE_MIN, timeout, deadline: None }
    }

    /// Waits a while.
    ///
    /// # Errors
    ///
    /// `TimedOut` when the time is over; where the task may not wait.
    pub(crate) fn pause(&mut self) -> io::Result<()> {
        if let Some(refusal) = park::refusal() {
            return Err(reactor::refused(refusal));
        }
        self.deadline = self.deadline.or_else(|| self.timeout.and_then(reactor::deadline_after));
        let left = self.deadline.map(|deadline| deadline.saturating_duration_since(now()));
        if left == Some(Duration::ZERO) {
            return Err(io::ErrorKind::TimedOut.into());
        }
        sleep(left.map_or(self.next, |left| self.next.min(left)));
        self.next = (self.next * 2).min(PAUSE_MAX);
        Ok(())
    }
}
