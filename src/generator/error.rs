//! What goes wrong in a generator, and what is thrown into one.
//!
//! Python raises everything at the same place; here the types keep apart what the caller did
//! ([`GeneratorError`]'s and [`SendError`]'s own variants) from what came out of the body (`Raised`), and
//! what was handed in comes back on misuse.

use std::any::Any;
use std::error::Error;
use std::fmt;

use thiserror::Error;

use super::core;

/// What `close()` raises at the yield, Python's `GeneratorExit`.
///
/// In a body it arrives as [`Thrown::Exit`]. It may be thrown with [`Generator::throw`](crate::Generator::throw)
/// too, which, unlike `close`, lets the body go on and yield.
///
/// # Examples
///
/// ```
/// use cede::{Generator, GeneratorExit, Step, Yielder};
///
/// let g = Generator::new(|y: &Yielder<i32>| if y.try_yield(1).is_err() { y.yield_(2) });
/// g.advance().unwrap();
/// assert!(matches!(g.throw(GeneratorExit), Ok(Step::Yielded(2))));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Error)]
#[error("generator is asked to end")]
pub struct GeneratorExit;

/// The error that says "there are no more values", Python's `StopIteration`, for ports that raise it by hand.
///
/// An end is not an error in cede: `next` gives `None` and [`Step::Returned`](crate::Step::Returned) has
/// the value. Where one leaves a body all the same it becomes
/// [`GeneratorError::RaisedStopIteration`], as PEP 479 has it.
///
/// # Examples
///
/// ```
/// use cede::StopIteration;
///
/// assert_eq!(StopIteration::with_value(3).into_value::<i32>(), Some(3));
/// assert_eq!(StopIteration::new().into_value::<i32>(), None);
/// ```
#[derive(Default, Error)]
#[error("StopIteration")]
pub struct StopIteration {
    value: Option<Box<dyn Any>>,
}

impl StopIteration {
    /// One without a value.
    pub fn new() -> Self {
        StopIteration { value: None }
    }

    /// One that carries a value.
    pub fn with_value(value: impl Any) -> Self {
        StopIteration { value: Some(Box::new(value)) }
    }

    /// The value, if there is one of this type.
    pub fn value<T: Any>(&self) -> Option<&T> {
        self.value.as_ref()?.downcast_ref()
    }

    /// Takes the value out, if there is one of this type.
    pub fn into_value<T: Any>(self) -> Option<T> {
        self.value?.downcast().ok().map(|value| *value)
    }
}

impl fmt::Debug for StopIteration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StopIteration").field("has_value", &self.value.is_some()).finish()
    }
}

/// What arrives at a yield instead of a sent value.
///
/// Not an [`Error`] itself, so that `?` in a body that returns `Result<_, Box<dyn Error>>` hands on what
/// was thrown and not a wrapper around it.
///
/// # Examples
///
/// ```
/// use cede::{Generator, Thrown, Yielder};
///
/// let g = Generator::new(|y: &Yielder<&str>| match y.try_yield("working") {
///     Ok(()) => "resumed",
///     Err(Thrown::Exit) => "closed",
///     Err(Thrown::Error(_)) => "failed",
/// });
/// g.advance().unwrap();
/// assert_eq!(g.close().unwrap(), Some("closed"));
/// ```
#[derive(Debug)]
pub enum Thrown {
    /// The generator is being closed or dropped, or [`GeneratorExit`] was thrown: finish, and do not yield.
    Exit,
    /// An error that was thrown in.
    Error(Box<dyn Error>),
}

impl Thrown {
    /// Whether it is an error of type `E`.
    pub fn is<E: Error + 'static>(&self) -> bool {
        matches!(self, Thrown::Error(error) if error.is::<E>())
    }

    /// The error if it is an `E`, as an `except E` clause has it, else all of it back.
    ///
    /// # Errors
    ///
    /// Gives `self` back when it is something else.
    pub fn downcast<E: Error + 'static>(self) -> Result<E, Thrown> {
        match self {
            Thrown::Error(error) => error.downcast().map(|error| *error).map_err(Thrown::Error),
            Thrown::Exit => Err(Thrown::Exit),
        }
    }

    /// Lets it go on to whoever resumed the innermost generator, as an exception that nobody catches does.
    ///
    /// The stack is unwound silently (no panic hook), destructors run on the way, and the resumer gets it
    /// as `Raised`, or sees a normal end where it is the `Exit` of a `close`.
    ///
    /// # Panics
    ///
    /// Outside of any generator there is no resumer: this is then an ordinary panic.
    pub fn rethrow(self) -> ! {
        core::raise_in_innermost(self)
    }
}

impl fmt::Display for Thrown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Thrown::Exit => GeneratorExit.fmt(f),
            Thrown::Error(error) => error.fmt(f),
        }
    }
}

impl From<Box<dyn Error>> for Thrown {
    fn from(error: Box<dyn Error>) -> Self {
        match error.downcast::<GeneratorError>() {
            Ok(wrapper) => match *wrapper {
                GeneratorError::Raised(error) => error.into(),
                other => Thrown::Error(Box::new(other)),
            },
            Err(error) if error.is::<GeneratorExit>() => Thrown::Exit,
            Err(error) => Thrown::Error(error),
        }
    }
}

impl From<Thrown> for Box<dyn Error> {
    fn from(thrown: Thrown) -> Self {
        match thrown {
            Thrown::Exit => Box::new(GeneratorExit),
            Thrown::Error(error) => error,
        }
    }
}

/// Why an operation on a generator, or on the [`Yielder`](crate::Yielder) in its body, failed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum GeneratorError {
    /// A value was sent before the body could take one.
    #[error("can't send a value to a just-started generator; call start() or advance() first")]
    JustStarted,
    /// The generator is running: it was asked to resume or end itself, perhaps through others.
    #[error("generator already executing")]
    AlreadyExecuting,
    /// `start()` was called twice.
    #[error("generator was started before; use advance() or send()")]
    AlreadyStarted,
    /// There is nothing to resume any more.
    #[error("generator has finished")]
    Finished,
    /// The body yielded where it was asked to end.
    #[error("generator ignored GeneratorExit: its body yielded when it was asked to end")]
    IgnoredExit,
    /// A [`StopIteration`] left the body (PEP 479).
    #[error("generator raised StopIteration")]
    RaisedStopIteration(#[source] StopIteration),
    /// A value was sent to a generator that delegates to a plain iterator.
    #[error("a plain iterator takes no values: only S::default() may be sent while delegating to one")]
    NoSend,
    /// A yield through the `Yielder` of a generator that is not the innermost one running.
    #[error(
        "yield through the Yielder of a generator that is not the innermost one running here; \
         yield from this generator's own Yielder, or hand the values on with yield_from"
    )]
    NotInnermost,
    /// A yield in a destructor while the body's stack is being unwound.
    #[error("a generator can't yield while its stack is being unwound; yield before the destructor runs")]
    Unwinding,
    /// A yield inside a timeout, scope, `no_cancel` or `no_switch` that was opened inside the generator (PEP 789).
    #[error(
        "a generator can't yield inside a timeout, scope, no_cancel or no_switch of its own: it would act on the code that \
         goes on meanwhile; open it around the loop that takes the values"
    )]
    InExtent,
    /// The thread's locals are being destroyed; a suspended body may refer to some that are gone.
    #[error("this thread is ending and its locals are being destroyed: generators can't run any more")]
    ThreadExiting,
    /// The body of a context manager ended without a yield.
    #[error("generator didn't yield")]
    DidNotYield,
    /// The body of a context manager yielded twice.
    #[error("generator didn't stop")]
    DidNotStop,
    /// The body of a generator panicked where nobody could be given the panic; this is its message.
    #[error("generator panicked: {0}")]
    Panicked(String),
    /// The body caught every request to end, so its stack could not be unwound and is lost.
    #[error("generator caught every request to end: its stack is leaked, and its destructors never run")]
    Immortal,
    /// What the body raised.
    #[error(transparent)]
    Raised(Box<dyn Error>),
}

/// Why a value or an error could not be handed to a generator; what was not taken is given back.
///
/// `T` is what was sent: `S` for [`send`](crate::Generator::send), [`Thrown`] for
/// [`throw`](crate::Generator::throw).
#[non_exhaustive]
pub enum SendError<T> {
    /// The generator has not begun, so that no yield waits for a value. It stays usable.
    JustStarted(T),
    /// The generator is running. Nothing has changed.
    AlreadyExecuting(T),
    /// The generator has finished.
    Finished(T),
    /// The thread's locals are being destroyed: nothing can be resumed any more.
    ThreadExiting(T),
    /// What the body raised.
    Raised(Box<dyn Error>),
}

impl<T> From<SendError<T>> for GeneratorError {
    fn from(error: SendError<T>) -> Self {
        match error {
            SendError::JustStarted(_) => GeneratorError::JustStarted,
            SendError::AlreadyExecuting(_) => GeneratorError::AlreadyExecuting,
            SendError::Finished(_) => GeneratorError::Finished,
            SendError::ThreadExiting(_) => GeneratorError::ThreadExiting,
            SendError::Raised(error) => GeneratorError::Raised(error),
        }
    }
}

impl<T> fmt::Debug for SendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SendError::JustStarted(_) => f.write_str("JustStarted(..)"),
            SendError::AlreadyExecuting(_) => f.write_str("AlreadyExecuting(..)"),
            SendError::Finished(_) => f.write_str("Finished(..)"),
            SendError::ThreadExiting(_) => f.write_str("ThreadExiting(..)"),
            SendError::Raised(error) => f.debug_tuple("Raised").field(error).finish(),
        }
    }
}

impl<T> fmt::Display for SendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SendError::JustStarted(_) => GeneratorError::JustStarted.fmt(f),
            SendError::AlreadyExecuting(_) => GeneratorError::AlreadyExecuting.fmt(f),
            SendError::Finished(_) => GeneratorError::Finished.fmt(f),
            SendError::ThreadExiting(_) => GeneratorError::ThreadExiting.fmt(f),
            SendError::Raised(error) => error.fmt(f),
        }
    }
}

impl<T> Error for SendError<T> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            SendError::Raised(error) => error.source(),
            _ => None,
        }
    }
}
