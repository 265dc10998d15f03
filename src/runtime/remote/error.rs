//! Why a task that was started from another thread gave no value.

use std::any::Any;
use std::error::Error;
use std::fmt;
use std::io;
use std::sync::Arc;

use super::super::kept_panic::KeptPanic;
use super::super::task::Failure;

/// Why a task that has a [`RemoteJoinHandle`](super::RemoteJoinHandle) gave no value: a `JoinError` that crosses threads.
#[derive(Debug, Clone)]
pub struct RemoteJoinError {
    kind: Kind,
}

#[derive(Debug, Clone)]
enum Kind {
    Cancelled,
    Error(Arc<dyn Error + Send + Sync>),
    Panicked(Arc<KeptPanic>),
    RunEnded,
    Taken,
    Itself,
}

impl RemoteJoinError {
    pub(super) fn run_ended() -> Self {
        RemoteJoinError { kind: Kind::RunEnded }
    }

    pub(super) fn taken() -> Self {
        RemoteJoinError { kind: Kind::Taken }
    }

    pub(super) fn itself() -> Self {
        RemoteJoinError { kind: Kind::Itself }
    }

    /// The task's closure gave this error. One of a join is handed on as it is, as by `cede::try_spawn`.
    pub(super) fn from_error(error: Box<dyn Error + Send + Sync>) -> Self {
        match error.downcast::<RemoteJoinError>() {
            Ok(error) => *error,
            Err(error) => RemoteJoinError { kind: Kind::Error(error.into()) },
        }
    }

    /// The task ended like this. An error is one of the runtime, which stays on its thread: its text crosses.
    pub(super) fn from_failure(failure: Failure) -> Self {
        match failure {
            Failure::Cancelled | Failure::CancelledError => RemoteJoinError { kind: Kind::Cancelled },
            Failure::Error(error) => RemoteJoinError::from_error(error.to_string().into()),
            Failure::Crossed(error) => RemoteJoinError { kind: Kind::Error(error) },
            Failure::Panicked(panic) => {
                let payload = panic.payload.take().unwrap_or_else(|| Box::new(panic.message.clone()));
                RemoteJoinError { kind: Kind::Panicked(Arc::new(KeptPanic::new(payload))) }
            }
        }
    }

    /// The same as it is told in a run. A panic's payload goes with it.
    pub(crate) fn into_failure(self) -> Failure {
        match self.kind {
            Kind::Cancelled => Failure::Cancelled,
            Kind::Error(error) => Failure::Crossed(error),
            Kind::Panicked(panic) => {
                Failure::panicked(panic.take().unwrap_or_else(|| Box::new(panic.message().to_owned())))
            }
            kind => Failure::Crossed(Arc::new(RemoteJoinError { kind })),
        }
    }

    /// What it panicked with, if it did.
    pub(in super::super) fn panic_message(&self) -> Option<&str> {
        match &self.kind {
            Kind::Panicked(panic) => Some(panic.message()),
            _ => None,
        }
    }

    /// Whether somebody should hear of it.
    pub(super) fn is_failure(&self) -> bool {
        matches!(self.kind, Kind::Error(_) | Kind::Panicked(_))
    }

    /// Whether the task was cancelled.
    pub fn is_cancelled(&self) -> bool {
        matches!(self.kind, Kind::Cancelled)
    }

    /// Whether the task panicked.
    pub fn is_panic(&self) -> bool {
        matches!(self.kind, Kind::Panicked(_))
    }

    /// Whether the run ended before the task began, or without being able to end it.
    pub fn is_run_ended(&self) -> bool {
        matches!(self.kind, Kind::RunEnded)
    }

    /// Whether the result was handed out before.
    pub fn is_already_taken(&self) -> bool {
        matches!(self.kind, Kind::Taken)
    }

    /// Whether it was the task itself that asked.
    pub fn is_await_self(&self) -> bool {
        matches!(self.kind, Kind::Itself)
    }

    /// The error that the task's closure gave.
    pub fn error(&self) -> Option<&(dyn Error + Send + Sync + 'static)> {
        match &self.kind {
            Kind::Error(error) => Some(&**error),
            _ => None,
        }
    }

    /// The payload of the task's panic, for [`std::panic::resume_unwind`]. Clones of this error share it: the first
    /// one gets it.
    pub fn into_panic(self) -> Option<Box<dyn Any + Send>> {
        match &self.kind {
            Kind::Panicked(panic) => panic.take(),
            _ => None,
        }
    }
}

impl fmt::Display for RemoteJoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            Kind::Cancelled => f.write_str("the task was cancelled"),
            Kind::Error(error) => error.fmt(f),
            Kind::Panicked(panic) => write!(f, "the task panicked: {}", panic.message()),
            Kind::RunEnded => f.write_str("the run has ended without the task"),
            Kind::Taken => f.write_str("the task's result was taken by an earlier join"),
            Kind::Itself => f.write_str("a task can't wait for its own end"),
        }
    }
}

impl Error for RemoteJoinError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match &self.kind {
            Kind::Error(error) => error.source(),
            _ => None,
        }
    }
}

impl From<RemoteJoinError> for io::Error {
    fn from(error: RemoteJoinError) -> Self {
        let inner = error.error().and_then(|inner| inner.downcast_ref::<io::Error>());
        let kind = inner.map_or(io::ErrorKind::Other, io::Error::kind);
        io::Error::new(kind, error)
    }
}
