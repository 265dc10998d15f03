//! The exceptions that Python raises where cede's tasks and objects give errors.

use cede::sync::{
    BrokenBarrier, DoneTooOften, GetNowaitError, NotAcquired, PutError, PutNowaitError, QueueShutDown,
    ReleasedTooOften,
};
use cede::time::TimeoutOver;
use cede::{Elapsed, GroupError, JoinError, SpawnError};

use crate::interpreter::exception::{Class, Exception};

impl From<JoinError> for Exception {
    fn from(error: JoinError) -> Self {
        if error.is_cancelled() {
            return Self::new(Class::CancelledError, None);
        }
        if error.is_await_self() {
            return Self::with_reason(Class::RuntimeError, "await-self");
        }
        match error.error() {
            Some(inner) => Self::from_error(inner),
            None => Self::fault(error),
        }
    }
}

impl From<GroupError> for Exception {
    fn from(error: GroupError) -> Self {
        Self::group(error.iter().cloned().map(Self::from).collect())
    }
}

impl From<Elapsed> for Exception {
    fn from(_: Elapsed) -> Self {
        Self::new(Class::TimeoutError, None)
    }
}

impl From<TimeoutOver> for Exception {
    fn from(error: TimeoutOver) -> Self {
        let state = match () {
            () if error.is_expiring() => "timeout-expiring",
            () if error.is_expired() => "timeout-expired",
            () => "timeout-finished",
        };
        Self::with_reason(Class::RuntimeError, state)
    }
}

impl From<SpawnError> for Exception {
    fn from(error: SpawnError) -> Self {
        let reason = match error {
            SpawnError::Finished => "group-finished",
            SpawnError::ShuttingDown => "group-shutting-down",
        };
        Self::with_reason(Class::RuntimeError, reason)
    }
}

impl From<NotAcquired> for Exception {
    fn from(_: NotAcquired) -> Self {
        Self::with_reason(Class::RuntimeError, "not-acquired")
    }
}

impl From<ReleasedTooOften> for Exception {
    fn from(_: ReleasedTooOften) -> Self {
        Self::with_reason(Class::ValueError, "released-too-often")
    }
}

impl From<BrokenBarrier> for Exception {
    fn from(_: BrokenBarrier) -> Self {
        Self::new(Class::BrokenBarrierError, None)
    }
}

impl From<DoneTooOften> for Exception {
    fn from(_: DoneTooOften) -> Self {
        Self::with_reason(Class::ValueError, "done-too-often")
    }
}

impl From<QueueShutDown> for Exception {
    fn from(_: QueueShutDown) -> Self {
        Self::new(Class::QueueShutDown, None)
    }
}

impl<T> From<PutError<T>> for Exception {
    fn from(error: PutError<T>) -> Self {
        QueueShutDown::from(error).into()
    }
}

impl<T> From<PutNowaitError<T>> for Exception {
    fn from(error: PutNowaitError<T>) -> Self {
        match error {
            PutNowaitError::Full(_) => Self::new(Class::QueueFull, None),
            PutNowaitError::ShutDown(_) => QueueShutDown.into(),
        }
    }
}

impl From<GetNowaitError> for Exception {
    fn from(error: GetNowaitError) -> Self {
        match error {
            GetNowaitError::Empty => Self::new(Class::QueueEmpty, None),
            GetNowaitError::ShutDown => QueueShutDown.into(),
        }
    }
}
