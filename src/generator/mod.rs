//! Generators: Python's protocol on switchable stacks.
//!
//! A generator is a closure on a stack of its own that hands values to whoever resumes it. It is an
//! [`Iterator`] where nothing is sent to it, and it has all of Python's operations:
//!
//! | Python | cede |
//! |---|---|
//! | `yield v` | [`Yielder::yield_`] |
//! | `try: x = yield v` | [`Yielder::try_yield`] |
//! | `yield from g` | [`Yielder::yield_from`], [`Yielder::yield_from_iter`] |
//! | `next(g)` | [`Iterator::next`], [`Generator::advance`] |
//! | `g.send(v)`, `g.throw(e)`, `g.close()` | [`Generator::send`], [`Generator::throw`], [`Generator::close`] |
//! | `raise e` in a body | an `Err` from the body of [`Generator::try_new`], or [`Thrown::rethrow`] |
//!
//! Generators need no runtime and work on any thread. One that has begun stays on its thread.
//!
//! Files: `core` has the untyped state machine, `delegation` what happens in `yield from`, `record` the
//! types around it and the operations, `yielder` the body's side; the rest are handles and what is
//! built from generators.

mod builder;
mod context;
mod core;
mod delegation;
mod error;
mod exit_stack;
mod iter;
mod leaving;
mod managers;
mod record;
mod scoped;
pub(crate) mod unraisable;
mod yielder;

use std::error::Error;
use std::fmt;
use std::marker::PhantomData;
use std::panic::Location;
use std::ptr::NonNull;

pub use builder::Builder;
pub use context::{ContextManager, GeneratorContext, contextmanager, try_contextmanager, with};
pub use error::{GeneratorError, GeneratorExit, SendError, StopIteration, Thrown};
pub use exit_stack::ExitStack;
pub use iter::Fallible;
pub use leaving::BlockPanicked;
pub use managers::{AlreadyEntered, Close, Closing, NullContext, Suppress, closing, nullcontext, suppress};
pub use record::{Delegate, GeneratorState, Step};
pub use scoped::{Scoped, scoped, try_scoped};
pub use unraisable::{Unraisable, set_unraisable_hook, take_unraisable_hook};
pub use yielder::Yielder;

use crate::stack::StackError;
use record::Record;

/// A function that can stop at any depth and hand out a value: `Y` goes out, `S` comes in, `R` is returned.
///
/// All operations take `&self`, so that a generator can be shared (in an `Rc`) and one that is reached twice
/// answers "already executing", as Python's does.
///
/// # Dropping
///
/// Dropping a suspended generator closes it: its body is told to end, and its destructors run. What goes
/// wrong meanwhile, a panic included, goes to the hook of [`set_unraisable_hook`]. A body that yields instead
/// is reported, and its stack unwound by force; one that catches even that again and again is reported and
/// its stack leaked. While the thread's locals are being destroyed suspended generators are leaked too, since
/// their stacks may refer to locals that are gone.
///
/// A generator that has not begun drops what its body holds, as any value does: a chain of thousands of unstarted
/// generators, each owned by the body of the next, is dropped by recursion.
///
/// # Examples
///
/// ```
/// use cede::Generator;
///
/// let fib = Generator::new(|y| {
///     let (mut a, mut b) = (0u64, 1);
///     loop {
///         y.yield_(a);
///         (a, b) = (b, a + b);
///     }
/// });
/// assert_eq!(fib.take(6).collect::<Vec<_>>(), [0, 1, 1, 2, 3, 5]);
/// ```
///
/// A generator never leaves its thread, since what its stack holds may not:
///
/// ```compile_fail
/// let g = cede::Generator::new(|y: &cede::Yielder<i32>| y.yield_(1));
/// std::thread::spawn(move || g.count());
/// ```
pub struct Generator<Y, S = (), R = ()> {
    record: NonNull<Record<Y, S, R>>,
    /// Invariant in all three, neither `Send` nor `Sync`.
    marker: PhantomData<*mut (Y, S, R)>,
}

/// What a generator delegates to at the moment, for the curious: Python's `gi_yieldfrom`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DelegateInfo {
    /// Its name, if it was given one.
    pub name: Option<String>,
    /// Where it was made.
    pub made_at: &'static Location<'static>,
    /// Where it stands.
    pub state: GeneratorState,
}

impl Generator<(), (), ()> {
    /// A builder, for a name, another stack size, or an error instead of a panic when there is no memory.
    pub fn builder() -> Builder {
        Builder::new()
    }
}

impl<Y: 'static, S: 'static, R: 'static> Generator<Y, S, R> {
    /// A generator with this body, which does not begin until it is asked for a value.
    ///
    /// Its stack comes from this thread's pool.
    ///
    /// # Panics
    ///
    /// Panics when no memory for a stack can be had. [`Generator::builder`] gives an error instead.
    #[track_caller]
    pub fn new(body: impl FnOnce(&Yielder<Y, S>) -> R + 'static) -> Self {
        expect_stack(Builder::new().build(body))
    }

    /// A generator whose body may fail: an `Err` is what Python would raise.
    ///
    /// The error reaches whoever resumes the generator then, or the unraisable hook when it comes out while the
    /// generator is dropped.
    ///
    /// # Panics
    ///
    /// As [`new`](Generator::new).
    ///
    /// # Examples
    ///
    /// ```
    /// use cede::{Generator, Yielder};
    ///
    /// let numbers = Generator::try_new(|y: &Yielder<i32>| {
    ///     for word in ["1", "2", "x"] {
    ///         y.yield_(word.parse()?);
    ///     }
    ///     Ok::<_, std::num::ParseIntError>(())
    /// });
    /// let results: Vec<_> = numbers.fallible().collect();
    /// assert_eq!(results.len(), 3);
    /// assert!(results[2].is_err());
    /// ```
    #[track_caller]
    pub fn try_new<E>(body: impl FnOnce(&Yielder<Y, S>) -> Result<R, E> + 'static) -> Self
    where
        E: Into<Box<dyn Error>>,
    {
        expect_stack(Builder::new().try_build(body))
    }
}

impl<Y, S, R> Generator<Y, S, R> {
    /// # Safety
    ///
    /// The record was made on this thread, and no other handle owns it.
    unsafe fn from_record(record: NonNull<Record<Y, S, R>>) -> Self {
        Generator { record, marker: PhantomData }
    }

    #[inline(always)]
    fn record(&self) -> &Record<Y, S, R> {
        // SAFETY: the record lives until this handle is dropped, and has only cells.
        unsafe { self.record.as_ref() }
    }

    /// Runs a generator that was just made to its first yield.
    ///
    /// # Errors
    ///
    /// [`AlreadyStarted`](GeneratorError::AlreadyStarted) or another misuse, or
    /// [`Raised`](GeneratorError::Raised) with what the body raised.
    ///
    /// # Panics
    ///
    /// Goes on with a panic of the body. So do all other operations that run it.
    pub fn start(&self) -> Result<Step<Y, R>, GeneratorError> {
        self.record().start()
    }

    /// The next step, Python's `next(g)`: starts the generator, or sends it `S::default()`.
    ///
    /// # Errors
    ///
    /// [`Finished`](GeneratorError::Finished) after the end or another misuse, or
    /// [`Raised`](GeneratorError::Raised) with what the body raised.
    #[inline]
    pub fn advance(&self) -> Result<Step<Y, R>, GeneratorError>
    where
        S: Default,
    {
        self.record().advance()
    }

    /// Resumes the body with a value, which its `yield_` returns.
    ///
    /// # Errors
    ///
    /// What the body raised, or a misuse, which gives the value back: the generator has not begun, has
    /// finished, or is running.
    #[inline]
    pub fn send(&self, value: S) -> Result<Step<Y, R>, SendError<S>> {
        self.record().send(value)
    }

    /// Raises an error at the yield where the body waits.
    ///
    /// In a generator that has not begun or has finished nothing runs: the error comes straight back as
    /// [`Raised`](SendError::Raised), and the generator is finished. [`GeneratorExit`] may be thrown; unlike after
    /// [`close`](Generator::close) the body may yield then.
    ///
    /// # Errors
    ///
    /// What the body raised, often the same error, or a misuse, which gives the error back.
    pub fn throw(&self, error: impl Into<Box<dyn Error>>) -> Result<Step<Y, R>, SendError<Thrown>> {
        self.record().throw(Thrown::from(error.into()))
    }

    /// Asks the body to end: raises [`GeneratorExit`] at the yield where it waits.
    ///
    /// Gives the value if the body returned one then; `None` if it was unwound, had not begun or had finished.
    ///
    /// # Errors
    ///
    /// [`IgnoredExit`](GeneratorError::IgnoredExit) when the body yields instead: it stays suspended there.
    /// [`AlreadyExecuting`](GeneratorError::AlreadyExecuting), or [`Raised`](GeneratorError::Raised) with
    /// another error that the body raised.
    pub fn close(&self) -> Result<Option<R>, GeneratorError> {
        self.record().close()
    }

    /// Where the generator stands.
    pub fn state(&self) -> GeneratorState {
        self.record().state()
    }

    /// The name that it was given by its builder.
    pub fn name(&self) -> Option<&str> {
        self.record().core().coroutine.label().name.as_deref()
    }

    /// Where it was made.
    pub fn made_at(&self) -> &'static Location<'static> {
        self.record().core().coroutine.label().made_at
    }

    /// The generator that this one delegates to at the moment.
    pub fn delegate(&self) -> Option<DelegateInfo> {
        self.record().delegate_info()
    }

    /// How many bytes of the stack have been used at most, rounded up to pages.
    ///
    /// An upper bound: stacks come from a pool, and what an earlier generator touched counts too.
    pub fn stack_high_water(&self) -> usize {
        self.record().core().coroutine.touched()
    }

    /// The iterator of results, for bodies that may fail: a value each, and the error at the end if there is
    /// one.
    pub fn fallible(self) -> Fallible<Self> {
        Fallible::new(self)
    }
}

impl<Y, S, R> Drop for Generator<Y, S, R> {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: this handle owns the record, and is going.
        unsafe { record::release(self.record) };
    }
}

impl<Y, S, R> fmt::Debug for Generator<Y, S, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.record().debug("Generator", f)
    }
}

impl<Y, S, R> record::sealed::Sealed for Generator<Y, S, R> {}

impl<Y, S, R> Delegate<Y, S> for Generator<Y, S, R> {
    type Return = R;

    fn record(&self) -> &Record<Y, S, R> {
        Generator::record(self)
    }
}

#[track_caller]
fn expect_stack<T>(made: Result<T, StackError>) -> T {
    match made {
        Ok(generator) => generator,
        Err(error) => panic!("cede: no stack for a generator: {error}"),
    }
}
