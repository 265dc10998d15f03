//! Why a job gave no value.

use std::any::Any;
use std::error::Error;
use std::fmt;
use std::io;
use std::sync::Arc;

use thiserror::Error as ThisError;

use crate::runtime::kept_panic::KeptPanic;
use crate::runtime::pool::Refusal;

/// Why a [`Future`](super::Future) gave no value: Python's `CancelledError`, `TimeoutError`, `BrokenExecutor`, or what the job raised.
#[derive(Debug, Clone)]
pub struct FutureError {
    kind: Kind,
}

#[derive(Debug, Clone)]
enum Kind {
    Cancelled,
    TimedOut,
    Error(Arc<dyn Error + Send + Sync>),
    Panicked(Arc<KeptPanic>),
    ShutDown,
    Broken(Arc<str>),
    NoThread(Arc<io::Error>),
    Dropped,
    Taken,
    Itself,
}

impl FutureError {
    pub(super) fn cancelled() -> Self {
        FutureError { kind: Kind::Cancelled }
    }

    pub(super) fn timed_out() -> Self {
        FutureError { kind: Kind::TimedOut }
    }

    pub(super) fn dropped() -> Self {
        FutureError { kind: Kind::Dropped }
    }

    pub(super) fn taken() -> Self {
        FutureError { kind: Kind::Taken }
    }

    pub(super) fn itself() -> Self {
        FutureError { kind: Kind::Itself }
    }

    pub(super) fn refused(reason: &Refusal) -> Self {
        let kind = match reason {
            Refusal::Closed => Kind::ShutDown,
            Refusal::Cancelled => Kind::Cancelled,
            Refusal::Broken(why) => Kind::Broken(Arc::clone(why)),
            Refusal::NoThread(error) => Kind::NoThread(Arc::clone(error)),
        };
        FutureError { kind }
    }

    /// The job's closure gave this error. One of a future is handed on as it is, as Python raises it on.
    pub(super) fn from_error(error: Box<dyn Error + Send + Sync>) -> Self {
        match error.downcast::<FutureError>() {
            Ok(error) => *error,
            Err(error) => FutureError { kind: Kind::Error(error.into()) },
        }
    }

    pub(super) fn from_panic(payload: Box<dyn Any + Send>) -> Self {
        FutureError { kind: Kind::Panicked(Arc::new(KeptPanic::new(payload))) }
    }

    /// Whether somebody should hear of it.
    pub(super) fn is_failure(&self) -> bool {
        matches!(self.kind, Kind::Error(_) | Kind::Panicked(_))
    }

    /// Whether the job was cancelled before it began: `CancelledError`.
    pub fn is_cancelled(&self) -> bool {
        matches!(self.kind, Kind::Cancelled)
    }

    /// Whether the time was up first: `TimeoutError`. The job goes on.
    pub fn is_timeout(&self) -> bool {
        matches!(self.kind, Kind::TimedOut)
    }

    /// Whether the job panicked.
    pub fn is_panic(&self) -> bool {
        matches!(self.kind, Kind::Panicked(_))
    }

    /// Whether the executor was shut down before it was given the job: Python's `submit` raises `RuntimeError`.
    pub fn is_shut_down(&self) -> bool {
        matches!(self.kind, Kind::ShutDown)
    }

    /// Whether the executor can't do any jobs, since a thread could not be initialized or none can be had, or has dropped
    /// the job: `BrokenExecutor`.
    pub fn is_broken(&self) -> bool {
        matches!(self.kind, Kind::Broken(_) | Kind::NoThread(_) | Kind::Dropped)
    }

    /// Whether the value was handed out before.
    pub fn is_already_taken(&self) -> bool {
        matches!(self.kind, Kind::Taken)
    }

    /// Whether it was the job itself that asked, or one that it waits for on the same thread.
    pub fn is_await_self(&self) -> bool {
        matches!(self.kind, Kind::Itself)
    }

    /// The error that the job's closure gave; see [`try_submit`](super::Executor::try_submit).
    pub fn error(&self) -> Option<&(dyn Error + Send + Sync + 'static)> {
        match &self.kind {
            Kind::Error(error) => Some(&**error),
            _ => None,
        }
    }

    /// The payload of the job's panic, for [`std::panic::resume_unwind`]. Clones of this error share it: the first
    /// one gets it.
    pub fn into_panic(self) -> Option<Box<dyn Any + Send>> {
        match &self.kind {
            Kind::Panicked(panic) => panic.take(),
            _ => None,
        }
    }
}

impl fmt::Display for FutureError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            Kind::Cancelled => f.write_str("the job was cancelled"),
            Kind::TimedOut => f.write_str("the job has not ended in time"),
            Kind::Error(error) => error.fmt(f),
            Kind::Panicked(panic) => write!(f, "the job panicked: {}", panic.message()),
            Kind::ShutDown => f.write_str("the executor was shut down before it was given the job"),
            Kind::Broken(why) => write!(f, "the executor is broken: {why}"),
            Kind::NoThread(error) => write!(f, "no thread can be had for the job: {error}"),
            Kind::Dropped => f.write_str("the executor has dropped the job"),
            Kind::Taken => f.write_str("the job's value was taken before"),
            Kind::Itself => f.write_str("a job can't wait for its own end"),
        }
    }
}

impl Error for FutureError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match &self.kind {
            Kind::Error(error) => error.source(),
            _ => None,
        }
    }
}

impl From<FutureError> for io::Error {
    fn from(error: FutureError) -> Self {
        let inner = error.error().and_then(|inner| inner.downcast_ref::<io::Error>());
        let kind = match &error.kind {
            Kind::TimedOut => io::ErrorKind::TimedOut,
            Kind::NoThread(error) => error.kind(),
            _ => inner.map_or(io::ErrorKind::Other, io::Error::kind),
        };
        io::Error::new(kind, error)
    }
}

/// The time was up before all of several jobs had ended: the `TimeoutError` of [`as_completed`](super::as_completed()).
#[derive(Debug, Clone, Copy, PartialEq, Eq, ThisError)]
#[error("{unfinished} (of {total}) futures unfinished")]
pub struct TimeoutError {
    /// How many had not.
    pub unfinished: usize,
    /// How many there were.
    pub total: usize,
}
