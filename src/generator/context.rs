//! Context managers: what must be done around a block, and generators that say it, Python's `contextlib`.
//!
//! A [`ContextManager`] is Python's protocol with one change: an exit that is given an error answers with
//! `Ok` where it suppresses it and with `Err` where one goes on, the same or another. Python has three ways
//! to say this (true, false, raise), and `contextlib` needs half its lines to turn one into another.
//!
//! [`GeneratorContext`] holds the generator, of which there is exactly one run: set up to the yield in
//! `enter`, torn down behind it in `exit`. It keeps no state of its own; the generator's is enough.
//!
//! Rejected: a guard that exits when it is dropped. A destructor can neither give an error back nor see the
//! one that is under way, and that is what a context manager is for. Values that borrow from the manager: the
//! trait would need a lifetime in its associated type, with which it could no longer be made into an object.

use std::error::Error;
use std::fmt;
use std::panic::Location;

use super::error::{GeneratorError, SendError, StopIteration};
use super::leaving::Leaving;
use super::{Generator, Step, Yielder};

/// Something to be done before a block and after it, Python's `__enter__` and `__exit__`.
///
/// [`with`] and [`ExitStack`](crate::ExitStack) call the two methods in the right order, the second one
/// also where the block fails or panics.
///
/// # Examples
///
/// ```
/// use cede::{ContextManager, with};
/// use std::cell::Cell;
/// use std::error::Error;
///
/// /// Counts how deep we are.
/// struct Deeper<'a>(&'a Cell<u32>);
///
/// impl ContextManager for Deeper<'_> {
///     type Value = u32;
///     fn enter(&mut self) -> Result<u32, Box<dyn Error>> {
///         self.0.set(self.0.get() + 1);
///         Ok(self.0.get())
///     }
///     fn exit(&mut self, error: Option<Box<dyn Error>>) -> Result<(), Box<dyn Error>> {
///         self.0.set(self.0.get() - 1);
///         error.map_or(Ok(()), Err)
///     }
/// }
///
/// let depth = Cell::new(0);
/// let seen = with(Deeper(&depth), |outer| {
///     with(Deeper(&depth), |inner| Ok::<_, Box<dyn Error>>((outer, inner)))
/// });
/// assert_eq!(seen.unwrap(), Some(Some((1, 2))));
/// assert_eq!(depth.get(), 0);
/// ```
pub trait ContextManager {
    /// What `enter` gives to the block.
    type Value;

    /// Sets up what the block needs.
    ///
    /// # Errors
    ///
    /// Where that fails. The block does not run then, and neither does `exit`.
    fn enter(&mut self) -> Result<Self::Value, Box<dyn Error>>;

    /// Tears it down again. `error` is what the block failed with, if it did.
    ///
    /// Given an error, `Ok` suppresses it. A [`BlockPanicked`](crate::BlockPanicked) stands for a panic,
    /// which goes on whatever the answer is.
    ///
    /// # Errors
    ///
    /// What goes on from here: the error that was given, unless it is handled, or a new one.
    fn exit(&mut self, error: Option<Box<dyn Error>>) -> Result<(), Box<dyn Error>>;
}

impl<M: ContextManager + ?Sized> ContextManager for &mut M {
    type Value = M::Value;

    fn enter(&mut self) -> Result<Self::Value, Box<dyn Error>> {
        (**self).enter()
    }

    fn exit(&mut self, error: Option<Box<dyn Error>>) -> Result<(), Box<dyn Error>> {
        (**self).exit(error)
    }
}

impl<M: ContextManager + ?Sized> ContextManager for Box<M> {
    type Value = M::Value;

    fn enter(&mut self) -> Result<Self::Value, Box<dyn Error>> {
        (**self).enter()
    }

    fn exit(&mut self, error: Option<Box<dyn Error>>) -> Result<(), Box<dyn Error>> {
        (**self).exit(error)
    }
}

/// Runs a block inside a context manager, Python's `with` statement.
///
/// `Ok(Some(value))` is the block's own result. `Ok(None)` means that it failed and the manager suppressed
/// the error; the code after the `with` goes on, but there is no value.
///
/// The block's error type must be known. Where the block itself does not say it, write
/// `Ok::<_, MyError>(value)` or give the closure its return type.
///
/// # Errors
///
/// What `enter` fails with; the block does not run then. What `exit` lets go on: the block's error, or one of
/// its own.
///
/// # Panics
///
/// A panic of the block is caught, `exit` is run with a [`BlockPanicked`](crate::BlockPanicked), and the
/// panic goes on whatever the answer is. So does the silent unwind with which a generator is closed, or an
/// error is thrown into it, while it is suspended inside the block: use [`Yielder::try_yield`] there if the
/// manager is to see what was thrown. An error that `exit` has of its own meanwhile is given to the
/// [unraisable hook](crate::set_unraisable_hook). Panics of `enter` and `exit` pass through.
///
/// # Examples
///
/// ```
/// use cede::{contextmanager, suppress, with};
/// use std::cell::RefCell;
/// use std::num::ParseIntError;
/// use std::rc::Rc;
///
/// let page = Rc::new(RefCell::new(String::new()));
/// let out = Rc::clone(&page);
/// let tag = contextmanager(move |y| {
///     out.borrow_mut().push_str("<b>");
///     y.yield_(Rc::clone(&out));
///     out.borrow_mut().push_str("</b>");
/// });
/// let length = with(tag, |out| -> Result<_, ParseIntError> {
///     out.borrow_mut().push_str("bold");
///     Ok(out.borrow().len())
/// });
/// assert_eq!(length.unwrap(), Some(7));
/// assert_eq!(*page.borrow(), "<b>bold</b>");
///
/// let number = with(suppress::<ParseIntError>(), |()| "seven".parse::<u32>());
/// assert_eq!(number.unwrap(), None);
/// ```
#[track_caller]
pub fn with<M, T, E>(
    mut manager: M,
    block: impl FnOnce(M::Value) -> Result<T, E>,
) -> Result<Option<T>, Box<dyn Error>>
where
    M: ContextManager,
    E: Into<Box<dyn Error>>,
{
    let made_at = Location::caller();
    let value = manager.enter()?;
    let (value, leaving) = Leaving::block(|| block(value));
    // The closure owns the manager, so that this is dropped before an unwind goes on.
    let exit = move |error| manager.exit(error);
    leaving.through(made_at, exit).outcome()?;
    Ok(value)
}

/// A context manager whose body is a generator, made by [`contextmanager`] or [`try_contextmanager`].
///
/// It can be entered once: Python makes a new one for each `with` as well. When it is dropped between `enter`
/// and `exit` its generator is closed, so that the body cleans up.
pub struct GeneratorContext<V: 'static> {
    generator: Generator<V>,
}

/// Makes a context manager from a generator with one yield, Python's `@contextmanager`.
///
/// The body runs to its yield in `enter`; what it yields is the block's value. It goes on in `exit`:
/// - After a block that went well it must end. Another yield is [`GeneratorError::DidNotStop`], and the body
///   is closed.
/// - An error of the block is thrown at the yield. [`Yielder::yield_`] lets it pass, destructors running on
///   the way. [`Yielder::try_yield`] gives it to the body, which suppresses it by returning, and hands it on
///   by [`Thrown::rethrow`](crate::Thrown::rethrow).
///
/// An error that passes through comes out as the same box that went in. A [`StopIteration`] of the block, which
/// would leave other generators as [`GeneratorError::RaisedStopIteration`], passes as a `StopIteration` too; one
/// that the body raises in its place is taken for it.
///
/// # Errors
///
/// `enter` gives [`GeneratorError::DidNotYield`] where the body ends without a yield, or when the manager was
/// entered before.
///
/// # Panics
///
/// Panics when no stack can be had. A panic in the body passes through `enter` or `exit`.
///
/// # Examples
///
/// ```
/// use cede::{contextmanager, with};
/// use std::cell::RefCell;
/// use std::fmt;
/// use std::rc::Rc;
///
/// let log = Rc::new(RefCell::new(Vec::new()));
/// let transaction = |log: &Rc<RefCell<Vec<&'static str>>>| {
///     let log = Rc::clone(log);
///     contextmanager(move |y| {
///         log.borrow_mut().push("begin");
///         match y.try_yield(()) {
///             Ok(()) => log.borrow_mut().push("commit"),
///             Err(thrown) => {
///                 log.borrow_mut().push("roll back");
///                 thrown.rethrow()
///             }
///         }
///     })
/// };
/// assert_eq!(with(transaction(&log), |()| Ok::<_, fmt::Error>(1)).unwrap(), Some(1));
/// assert!(with(transaction(&log), |()| Err::<(), _>(fmt::Error)).unwrap_err().is::<fmt::Error>());
/// assert_eq!(*log.borrow(), ["begin", "commit", "begin", "roll back"]);
/// ```
#[track_caller]
pub fn contextmanager<V>(body: impl FnOnce(&Yielder<V>) + 'static) -> GeneratorContext<V> {
    GeneratorContext::of(Generator::new(body))
}

/// Like [`contextmanager`], with a body that may fail: its `Err` is what goes on, as if it were raised there.
///
/// With [`Thrown`](crate::Thrown) as the error type, `?` behind `try_yield` hands on the block's error.
///
/// # Errors
///
/// As for [`contextmanager`]; and the body's own error, from `enter` where it fails before its yield and from
/// `exit` where it fails behind it. There it takes the place of the block's error, if there is one: keep that
/// as the [`source`](Error::source) of the new one where it matters.
///
/// # Panics
///
/// As [`contextmanager`] does.
///
/// # Examples
///
/// ```
/// use cede::{try_contextmanager, with};
/// use std::error::Error;
/// use std::{fs, io};
///
/// let scratch = try_contextmanager(|y| -> Result<(), Box<dyn Error>> {
///     let dir = std::env::temp_dir().join(format!("cede-scratch-{}", std::process::id()));
///     fs::create_dir_all(&dir)?;
///     let outcome = y.try_yield(dir.clone());
///     fs::remove_dir_all(&dir)?;
///     Ok(outcome?)
/// });
/// let dir = with(scratch, |dir| -> io::Result<_> {
///     fs::write(dir.join("note"), "hello")?;
///     Ok(dir)
/// });
/// assert!(!dir.unwrap().unwrap().exists());
/// ```
#[track_caller]
pub fn try_contextmanager<V, E: Into<Box<dyn Error>>>(
    body: impl FnOnce(&Yielder<V>) -> Result<(), E> + 'static,
) -> GeneratorContext<V> {
    GeneratorContext::of(Generator::try_new(body))
}

impl<V> GeneratorContext<V> {
    /// The body has yielded once too often: closes it. What it raises meanwhile goes on instead, as in
    /// Python.
    fn did_not_stop(&self) -> Box<dyn Error> {
        match self.generator.close() {
            Ok(_) => GeneratorError::DidNotStop.into(),
            Err(error) => raised(error),
        }
    }
}

impl<V: 'static> GeneratorContext<V> {
    fn of(generator: Generator<V>) -> Self {
        // The block is nested in the body, so a scope or timeout of the body is meant for the block too.
        generator.record().core().coroutine.allow_in_extents();
        GeneratorContext { generator }
    }
}

impl<V> ContextManager for GeneratorContext<V> {
    type Value = V;

    fn enter(&mut self) -> Result<V, Box<dyn Error>> {
        match self.generator.start() {
            Ok(Step::Yielded(value)) => Ok(value),
            Ok(Step::Returned(())) | Err(GeneratorError::AlreadyStarted | GeneratorError::Finished) => {
                Err(GeneratorError::DidNotYield.into())
            }
            Err(error) => Err(raised(error)),
        }
    }

    fn exit(&mut self, error: Option<Box<dyn Error>>) -> Result<(), Box<dyn Error>> {
        let step = match error {
            None => match self.generator.advance() {
                Err(GeneratorError::Finished) => return Ok(()),
                step => step.map_err(raised),
            },
            Some(error) => {
                let was_stop = error.is::<StopIteration>();
                self.generator.throw(error).map_err(|error| match error {
                    SendError::Raised(error) if was_stop => without_pep_479(error),
                    SendError::Raised(error) => error,
                    // The body could not be resumed at all, so the block's error goes on.
                    SendError::JustStarted(thrown)
                    | SendError::AlreadyExecuting(thrown)
                    | SendError::Finished(thrown)
                    | SendError::ThreadExiting(thrown) => thrown.into(),
                })
            }
        };
        match step {
            Ok(Step::Returned(())) => Ok(()),
            Ok(Step::Yielded(_)) => Err(self.did_not_stop()),
            Err(error) => Err(error),
        }
    }
}

impl<V> fmt::Debug for GeneratorContext<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GeneratorContext")
            .field("state", &self.generator.state())
            .field("made_at", &format_args!("{}", self.generator.made_at()))
            .finish()
    }
}

/// The error that a generator's operation failed with, without the wrapper around what the body raised.
pub(super) fn raised(error: GeneratorError) -> Box<dyn Error> {
    match error {
        GeneratorError::Raised(error) => error,
        other => other.into(),
    }
}

/// Undoes PEP 479's conversion for a `StopIteration` of the block that has passed through the body.
fn without_pep_479(error: Box<dyn Error>) -> Box<dyn Error> {
    match error.downcast::<GeneratorError>() {
        Ok(error) => match *error {
            GeneratorError::RaisedStopIteration(stop) => stop.into(),
            other => raised(other),
        },
        Err(error) => error,
    }
}
