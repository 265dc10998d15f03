//! Ready-made context managers: [`closing`], [`suppress`] and [`nullcontext`], as in Python's `contextlib`.
//!
//! Each is a small type of its own and can be named in a field or a signature. `redirect_stdout` and
//! `chdir` are not ported: both change the whole process, under the feet of other threads.

use std::error::Error;
use std::fmt;
use std::marker::PhantomData;
use std::panic::Location;
use std::rc::Rc;

use super::context::{ContextManager, raised};
use super::{Generator, Scoped, unraisable};

/// Things that [`closing`] can close.
///
/// # Examples
///
/// ```
/// use cede::{Close, closing, with};
/// use std::cell::Cell;
/// use std::error::Error;
///
/// #[derive(Default)]
/// struct Door(Cell<bool>);
///
/// impl Close for Door {
///     fn close(&self) -> Result<(), Box<dyn Error>> {
///         self.0.set(true);
///         Ok(())
///     }
/// }
///
/// let door = Door::default();
/// let open = with(closing(&door), |door| Ok::<_, Box<dyn Error>>(!door.0.get()));
/// assert_eq!(open.unwrap(), Some(true));
/// assert!(door.0.get());
/// ```
pub trait Close {
    /// Closes it. A second time nothing happens.
    ///
    /// # Errors
    ///
    /// Where that fails.
    fn close(&self) -> Result<(), Box<dyn Error>>;
}

impl<C: Close + ?Sized> Close for &C {
    fn close(&self) -> Result<(), Box<dyn Error>> {
        (**self).close()
    }
}

impl<Y: 'static, S: 'static, R: 'static> Close for Generator<Y, S, R> {
    fn close(&self) -> Result<(), Box<dyn Error>> {
        Generator::close(self).map(drop).map_err(raised)
    }
}

impl<Y, S, R> Close for Scoped<'_, Y, S, R> {
    fn close(&self) -> Result<(), Box<dyn Error>> {
        Scoped::close(self).map(drop).map_err(raised)
    }
}

/// A context manager that closes a thing when the block ends, made by [`closing`].
pub struct Closing<C> {
    thing: Rc<C>,
    made_at: &'static Location<'static>,
}

/// Closes a thing when the block ends, however it ends. The block gets it as an [`Rc`].
///
/// For a generator this ends the body at the end of the block and not where its last handle happens to be
/// dropped, and an error in its clean-up is given back instead of going to the unraisable hook. Borrow it,
/// `closing(&generator)`, to keep it afterwards.
///
/// # Errors
///
/// An error of `close` goes on, in the place of the block's if there is one. Python keeps that as the context
/// of the new one; here it is given to the [unraisable hook](crate::set_unraisable_hook), so that it is not
/// lost.
///
/// # Examples
///
/// ```
/// use cede::{Generator, GeneratorState, closing, with};
/// use std::fmt;
///
/// let numbers = Generator::new(|y| (0..9).for_each(|n| y.yield_(n)));
/// let first = with(closing(&numbers), |numbers| Ok::<_, fmt::Error>(numbers.take(3).collect::<Vec<i32>>()));
/// assert_eq!(first.unwrap(), Some(vec![0, 1, 2]));
/// assert_eq!(numbers.state(), GeneratorState::Closed);
/// ```
#[track_caller]
pub fn closing<C: Close>(thing: C) -> Closing<C> {
    Closing { thing: Rc::new(thing), made_at: Location::caller() }
}

impl<C: Close> ContextManager for Closing<C> {
    type Value = Rc<C>;

    fn enter(&mut self) -> Result<Rc<C>, Box<dyn Error>> {
        Ok(Rc::clone(&self.thing))
    }

    fn exit(&mut self, error: Option<Box<dyn Error>>) -> Result<(), Box<dyn Error>> {
        match (self.thing.close(), error) {
            (Ok(()), error) => error.map_or(Ok(()), Err),
            (Err(new), error) => {
                if let Some(replaced) = error {
                    unraisable::report(replaced, None, self.made_at);
                }
                Err(new)
            }
        }
    }
}

impl<C> fmt::Debug for Closing<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Closing").finish_non_exhaustive()
    }
}

/// A context manager that suppresses errors of one type, made by [`suppress`].
#[derive(Debug)]
pub struct Suppress<E> {
    error: PhantomData<fn() -> E>,
}

/// Suppresses errors of type `E`: the block ends there, and what follows the `with` goes on.
///
/// It may be entered any number of times, also inside itself. Python's takes several types; here one is
/// nested in the other, or both are entered into an [`ExitStack`](crate::ExitStack).
///
/// # Examples
///
/// ```
/// use cede::{suppress, with};
/// use std::num::ParseIntError;
///
/// let parse = |text: &str| with(suppress::<ParseIntError>(), |()| text.parse::<i32>());
/// assert_eq!(parse("12").unwrap(), Some(12));
/// assert_eq!(parse("twelve").unwrap(), None);
/// ```
pub fn suppress<E: Error + 'static>() -> Suppress<E> {
    Suppress { error: PhantomData }
}

impl<E: Error + 'static> ContextManager for Suppress<E> {
    type Value = ();

    fn enter(&mut self) -> Result<(), Box<dyn Error>> {
        Ok(())
    }

    fn exit(&mut self, error: Option<Box<dyn Error>>) -> Result<(), Box<dyn Error>> {
        match error {
            Some(error) if !error.is::<E>() => Err(error),
            _ => Ok(()),
        }
    }
}

/// A context manager that does nothing, made by [`nullcontext`].
#[derive(Debug)]
pub struct NullContext<V> {
    value: Option<V>,
}

/// Gives the block a value and does nothing afterwards, for a place where a context manager is optional.
///
/// # Errors
///
/// The value moves into the block, so entering a second time is an [`AlreadyEntered`].
///
/// # Examples
///
/// ```
/// use cede::{ContextManager, contextmanager, nullcontext, with};
/// use std::fmt;
///
/// let manager = |wanted: bool| -> Box<dyn ContextManager<Value = &'static str>> {
///     match wanted {
///         true => Box::new(contextmanager(|y| y.yield_("a lock"))),
///         false => Box::new(nullcontext("no lock")),
///     }
/// };
/// assert_eq!(with(manager(true), Ok::<_, fmt::Error>).unwrap(), Some("a lock"));
/// assert_eq!(with(manager(false), Ok::<_, fmt::Error>).unwrap(), Some("no lock"));
/// ```
pub fn nullcontext<V>(value: V) -> NullContext<V> {
    NullContext { value: Some(value) }
}

impl<V> ContextManager for NullContext<V> {
    type Value = V;

    fn enter(&mut self) -> Result<V, Box<dyn Error>> {
        self.value.take().ok_or_else(|| AlreadyEntered.into())
    }

    fn exit(&mut self, error: Option<Box<dyn Error>>) -> Result<(), Box<dyn Error>> {
        error.map_or(Ok(()), Err)
    }
}

/// The error of a [`nullcontext`] that is entered a second time, when its value is gone.
///
/// # Examples
///
/// ```
/// use cede::{AlreadyEntered, ContextManager, nullcontext};
///
/// let mut context = nullcontext(5);
/// assert_eq!(context.enter().unwrap(), 5);
/// assert!(context.enter().unwrap_err().is::<AlreadyEntered>());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct AlreadyEntered;

impl fmt::Display for AlreadyEntered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("context manager was entered before; make a new one for each block")
    }
}

impl Error for AlreadyEntered {}
