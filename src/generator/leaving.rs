//! How a block is left, and what its exits make of that.
//!
//! `with` and `ExitStack` both run exits after a block, and an exit stack is defined as the nesting of as
//! many `with` blocks. So the rules stand here once:
//!
//! ```text
//!                exit: Ok                    exit: Err(e)         exit panics
//!   Normally     Normally                    Raised(e)            Unwinding
//!   Raised       Normally (suppressed)       Raised(e)            Unwinding
//!   Unwinding    Unwinding                   Unwinding, e is      Unwinding (the first one),
//!                                            reported             the second is reported
//! ```
//!
//! An unwind is caught before the exits run and raised again after the last of them. They therefore run while
//! the thread is not unwinding: a generator in them may yield, a lock that they hold is not poisoned, and a
//! panic in one does not abort the process. The payload itself is not looked into beyond its message, and
//! goes on as the same box.
//!
//! Rejected: letting an exit suppress an unwind. A panic is no error in Rust, and a silent unwind belongs to
//! whoever resumed the generator or ended it; neither is the block's to swallow.

use std::any::Any;
use std::error::Error;
use std::fmt;
use std::panic::{self, AssertUnwindSafe, Location};

use super::unraisable;

/// The error that a context manager's exit sees when its block was left by a panic or another unwind.
///
/// The exit cannot suppress it: whatever it answers, the unwind goes on afterwards. In the body of a
/// [`contextmanager`](crate::contextmanager) it arrives at the yield as `Thrown::Error`, so that a
/// transaction rolls back after a panic as it does after an error.
///
/// # Examples
///
/// ```
/// use cede::{BlockPanicked, Thrown, contextmanager, with};
/// use std::panic::{AssertUnwindSafe, catch_unwind};
///
/// let manager = contextmanager(|y| match y.try_yield(()) {
///     Err(thrown) if thrown.is::<BlockPanicked>() => assert!(thrown.to_string().contains("out of paper")),
///     other => panic!("{other:?}"),
/// });
/// let result = catch_unwind(AssertUnwindSafe(|| {
///     with(manager, |()| -> Result<(), Thrown> { panic!("out of paper") })
/// }));
/// assert_eq!(*result.unwrap_err().downcast::<&str>().unwrap(), "out of paper");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlockPanicked {
    message: Option<String>,
}

impl BlockPanicked {
    pub(super) fn new(payload: &(dyn Any + Send)) -> Self {
        let message = match payload.downcast_ref::<&str>() {
            Some(text) => Some((*text).to_owned()),
            None => payload.downcast_ref::<String>().cloned(),
        };
        BlockPanicked { message }
    }

    /// Stands for the payload where that is out of reach. It is never raised.
    pub(super) fn stand_in(&self) -> Box<dyn Any + Send> {
        match &self.message {
            Some(message) => Box::new(message.clone()),
            None => Box::new(()),
        }
    }

    /// The message of the panic. `None` where it has none: a payload that is no text, or an unwind that is no
    /// panic, such as that of a generator that is closed while it is suspended in the block.
    pub fn message(&self) -> Option<&str> {
        self.message.as_deref()
    }
}

impl fmt::Display for BlockPanicked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.message {
            Some(message) => write!(f, "the block of a context manager panicked: {message}"),
            None => f.write_str("the block of a context manager was left by an unwind"),
        }
    }
}

impl Error for BlockPanicked {}

/// How a block is being left. A state of the table above.
pub(super) enum Leaving {
    Normally,
    Raised(Box<dyn Error>),
    Unwinding(Box<dyn Any + Send>),
}

impl Leaving {
    /// Runs a block. The value is there exactly when it is left `Normally`.
    pub(super) fn block<T, E: Into<Box<dyn Error>>>(
        block: impl FnOnce() -> Result<T, E>,
    ) -> (Option<T>, Leaving) {
        // The conversion of the error is user code as well, so it counts as part of the block.
        match panic::catch_unwind(AssertUnwindSafe(|| block().map_err(Into::into))) {
            Ok(Ok(value)) => (Some(value), Leaving::Normally),
            Ok(Err(error)) => (None, Leaving::Raised(error)),
            Err(payload) => (None, Leaving::Unwinding(payload)),
        }
    }

    /// Runs one exit, which is dropped inside this call together with all that it owns. `made_at` is told to
    /// the unraisable hook.
    #[must_use]
    pub(super) fn through(
        self,
        made_at: &'static Location<'static>,
        exit: impl FnOnce(Option<Box<dyn Error>>) -> Result<(), Box<dyn Error>>,
    ) -> Leaving {
        let (error, unwind) = match self {
            Leaving::Normally => (None, None),
            Leaving::Raised(error) => (Some(error), None),
            Leaving::Unwinding(payload) => (Some(BlockPanicked::new(&*payload).into()), Some(payload)),
        };
        let answer = panic::catch_unwind(AssertUnwindSafe(|| exit(error)));
        match (answer, unwind) {
            (Ok(Ok(())), None) => Leaving::Normally,
            (Ok(Err(error)), None) => Leaving::Raised(error),
            (Err(payload), None) => Leaving::Unwinding(payload),
            (Ok(answer), Some(first)) => {
                if let Err(error) = answer
                    && !error.is::<BlockPanicked>()
                {
                    unraisable::report(error, None, made_at);
                }
                Leaving::Unwinding(first)
            }
            (Err(second), Some(first)) => {
                unraisable::report(BlockPanicked::new(&*second).into(), None, made_at);
                discard(second);
                Leaving::Unwinding(first)
            }
        }
    }

    /// What whoever waits for the block gets after the last exit.
    ///
    /// # Errors
    ///
    /// The error under way. An unwind goes on from here.
    pub(super) fn outcome(self) -> Result<(), Box<dyn Error>> {
        match self {
            Leaving::Normally => Ok(()),
            Leaving::Raised(error) => Err(error),
            Leaving::Unwinding(payload) => panic::resume_unwind(payload),
        }
    }
}

/// Drops a payload whose destructor may panic where there is nobody left to tell.
pub(super) fn discard(payload: Box<dyn Any + Send>) {
    if let Err(second) = panic::catch_unwind(AssertUnwindSafe(|| drop(payload))) {
        std::mem::forget(second);
    }
}
