//! Why something was not put or not had, and how an item comes back.

use std::fmt;

use thiserror::Error;

/// The queue was shut down: it takes no more items, and has no more to give.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the queue was shut down")]
pub struct QueueShutDown;

/// `task_done` was called more often than items were put.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("task_done was called more often than items were put")]
pub struct DoneTooOften;

/// Why there was no item at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum GetNowaitError {
    /// There is none.
    #[error("the queue is empty")]
    Empty,
    /// There will never be one.
    #[error("the queue was shut down")]
    ShutDown,
}

/// The queue was shut down; this item was not put.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PutError<T>(pub T);

/// Why an item was not put at once. Gives it back.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum PutNowaitError<T> {
    /// There is no room.
    Full(T),
    /// The queue was shut down.
    ShutDown(T),
}

impl<T> fmt::Debug for PutError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PutError(..)")
    }
}

impl<T> fmt::Display for PutError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        QueueShutDown.fmt(f)
    }
}

impl<T> std::error::Error for PutError<T> {}

impl<T> From<PutError<T>> for QueueShutDown {
    fn from(_: PutError<T>) -> Self {
        QueueShutDown
    }
}

impl<T> fmt::Debug for PutNowaitError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            PutNowaitError::Full(_) => "Full(..)",
            PutNowaitError::ShutDown(_) => "ShutDown(..)",
        })
    }
}

impl<T> fmt::Display for PutNowaitError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PutNowaitError::Full(_) => f.write_str("the queue is full"),
            PutNowaitError::ShutDown(_) => QueueShutDown.fmt(f),
        }
    }
}

impl<T> std::error::Error for PutNowaitError<T> {}
