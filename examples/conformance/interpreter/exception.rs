//! Exceptions of the language, and how they become Rust errors and back.
//!
//! An exception that leaves a body or is thrown becomes a `Box<dyn Error>`. Two classes have errors of their own in
//! cede, which acts on them: `StopIteration` (the conversion of PEP 479) and `GeneratorExit` (close). All other
//! classes travel as [`Raised`], which cede only passes on. The errors that cede itself gives are exceptions that
//! Python's runtime raises; [`Exception::from_error`] knows which.

use std::borrow::Cow;
use std::cell::RefCell;
use std::error::Error;
use std::fmt;
use std::rc::Rc;

use cede::{Cancelled, GeneratorError, GeneratorExit, SendError, StopIteration, Thrown};

use super::value::Value;

/// An exception class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    BaseException,
    GeneratorExit,
    CancelledError,
    BaseExceptionGroup,
    ExceptionGroup,
    Exception,
    ValueError,
    LookupError,
    KeyError,
    RuntimeError,
    BrokenBarrierError,
    TypeError,
    AttributeError,
    StopIteration,
    TimeoutError,
    InvalidStateError,
    QueueEmpty,
    QueueFull,
    QueueShutDown,
}

impl Class {
    const ALL: [Self; 19] = [
        Self::BaseException,
        Self::GeneratorExit,
        Self::CancelledError,
        Self::BaseExceptionGroup,
        Self::ExceptionGroup,
        Self::Exception,
        Self::ValueError,
        Self::LookupError,
        Self::KeyError,
        Self::RuntimeError,
        Self::BrokenBarrierError,
        Self::TypeError,
        Self::AttributeError,
        Self::StopIteration,
        Self::TimeoutError,
        Self::InvalidStateError,
        Self::QueueEmpty,
        Self::QueueFull,
        Self::QueueShutDown,
    ];

    /// The class of this name. Names in Rust are those of the language, so `Debug` writes them.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|class| format!("{class:?}") == name)
    }

    /// Whether an `except` clause for `other` catches this class.
    pub(crate) fn is_below(self, other: Self) -> bool {
        let mut parents = self.parents().iter();
        self == other || parents.any(|parent| parent.is_below(other))
    }

    fn parents(self) -> &'static [Self] {
        match self {
            Self::BaseException => &[],
            Self::GeneratorExit | Self::CancelledError | Self::BaseExceptionGroup | Self::Exception => {
                &[Self::BaseException]
            }
            Self::ExceptionGroup => &[Self::BaseExceptionGroup, Self::Exception],
            Self::KeyError => &[Self::LookupError],
            Self::BrokenBarrierError => &[Self::RuntimeError],
            _ => &[Self::Exception],
        }
    }

    fn carries_payload(self) -> bool {
        !matches!(
            self,
            Self::GeneratorExit
                | Self::CancelledError
                | Self::InvalidStateError
                | Self::QueueEmpty
                | Self::QueueFull
                | Self::QueueShutDown
                | Self::BrokenBarrierError
        )
    }
}

/// What an exception carries.
#[derive(Clone, Debug)]
enum Payload {
    Nothing,
    Integer(i64),
    /// The fixed word of an exception that the runtime raised.
    Reason(Cow<'static, str>),
    /// The members of a group.
    Members(Vec<Exception>),
    /// The cancellation of a task that was caught; it is gone when it has been let go on.
    Caught(Rc<RefCell<Option<Cancelled>>>),
}

/// An exception of the language.
///
/// It is no `Error` itself, so that its conversion into `Box<dyn Error>` can give cede's own errors for the classes
/// that cede knows.
#[derive(Clone, Debug)]
pub(crate) struct Exception {
    class: Class,
    payload: Payload,
}

impl Exception {
    pub(crate) fn new(class: Class, payload: Value) -> Self {
        let payload = payload.filter(|_| class.carries_payload());
        Self { class, payload: payload.map_or(Payload::Nothing, Payload::Integer) }
    }

    /// An exception that the runtime raises, with the fixed word that says why.
    pub(crate) fn with_reason(class: Class, reason: impl Into<Cow<'static, str>>) -> Self {
        Self { class, payload: Payload::Reason(reason.into()) }
    }

    /// A group: an ExceptionGroup when all its members are Exceptions.
    pub(crate) fn group(members: Vec<Self>) -> Self {
        let plain = members.iter().all(|member| member.class.is_below(Class::Exception));
        let class = if plain { Class::ExceptionGroup } else { Class::BaseExceptionGroup };
        Self { class, payload: Payload::Members(members) }
    }

    /// A cancellation of the task that runs.
    pub(crate) fn caught(cancelled: Cancelled) -> Self {
        Self {
            class: Class::CancelledError,
            payload: Payload::Caught(Rc::new(RefCell::new(Some(cancelled)))),
        }
    }

    /// What no program can bring about. No trace has such a line, so it shows as a difference.
    pub(crate) fn fault(what: impl fmt::Display) -> Self {
        Self::with_reason(Class::RuntimeError, format!("?{what}"))
    }

    pub(crate) fn class(&self) -> Class {
        self.class
    }

    /// Lets a CancelledError go on as what it is in cede: the cancellation that was caught, or one that the program raises
    /// itself.
    pub(crate) fn unwind(self) -> ! {
        let caught = match &self.payload {
            Payload::Caught(cancelled) => cancelled.take(),
            _ => None,
        };
        match caught {
            Some(cancelled) => cancelled.resume(),
            None => Cancelled::raise(),
        }
    }

    /// What `except` binds: the integer, the number of a group's members, else null.
    pub(crate) fn payload(&self) -> Value {
        match &self.payload {
            Payload::Integer(number) => Some(*number),
            Payload::Members(members) => Some(members.len() as i64),
            Payload::Nothing | Payload::Reason(_) | Payload::Caught(_) => None,
        }
    }

    /// The exception that Python raises where cede gives `error`.
    ///
    /// An error without a counterpart is a [`fault`](Exception::fault).
    pub(crate) fn from_error(error: &(dyn Error + 'static)) -> Self {
        if let Some(Raised(exception)) = error.downcast_ref() {
            return exception.clone();
        }
        if let Some(stop) = error.downcast_ref() {
            return Self::from_stop(stop);
        }
        if error.is::<GeneratorExit>() {
            return Self::new(Class::GeneratorExit, None);
        }
        match error.downcast_ref() {
            Some(GeneratorError::Raised(inner)) => Self::from_error(&**inner),
            Some(GeneratorError::Finished) => Self::new(Class::StopIteration, None),
            Some(GeneratorError::AlreadyExecuting) => {
                Self::with_reason(Class::ValueError, "already-executing")
            }
            Some(GeneratorError::JustStarted) => Self::with_reason(Class::TypeError, "just-started"),
            Some(GeneratorError::IgnoredExit) => Self::with_reason(Class::RuntimeError, "ignored-exit"),
            Some(GeneratorError::RaisedStopIteration(_)) => {
                Self::with_reason(Class::RuntimeError, "raised-stop")
            }
            Some(GeneratorError::NoSend) => Self::with_reason(Class::AttributeError, "no-send"),
            _ => Self::fault(error),
        }
    }

    /// A StopIteration with the payload that it carries in cede.
    pub(crate) fn from_stop(stop: &StopIteration) -> Self {
        Self::new(Class::StopIteration, stop.value().copied())
    }
}

impl From<GeneratorError> for Exception {
    fn from(error: GeneratorError) -> Self {
        Self::from_error(&error)
    }
}

impl<T> From<SendError<T>> for Exception {
    fn from(error: SendError<T>) -> Self {
        GeneratorError::from(error).into()
    }
}

impl From<Thrown> for Exception {
    fn from(thrown: Thrown) -> Self {
        match thrown {
            Thrown::Exit => Self::new(Class::GeneratorExit, None),
            Thrown::Error(error) => Self::from_error(&*error),
        }
    }
}

impl From<Exception> for Box<dyn Error> {
    fn from(exception: Exception) -> Self {
        match exception.class {
            Class::StopIteration => {
                Self::from(exception.payload().map_or_else(StopIteration::new, StopIteration::with_value))
            }
            Class::GeneratorExit => Self::from(GeneratorExit),
            _ => Self::from(Raised(exception)),
        }
    }
}

impl fmt::Display for Exception {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.class)?;
        match &self.payload {
            Payload::Nothing | Payload::Caught(_) => f.write_str("()"),
            Payload::Integer(number) => write!(f, "({number})"),
            Payload::Reason(reason) => write!(f, "({reason})"),
            Payload::Members(members) => {
                let members: Vec<String> = members.iter().map(Self::to_string).collect();
                write!(f, "[{}]", members.join(","))
            }
        }
    }
}

/// An exception on its way through cede.
#[derive(Debug)]
struct Raised(Exception);

impl fmt::Display for Raised {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Error for Raised {}
