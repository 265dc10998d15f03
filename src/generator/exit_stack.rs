//! `ExitStack`: any number of context managers and clean-up functions as one, Python's
//! `contextlib.ExitStack`.
//!
//! It is defined as the nesting of as many `with` blocks, the first one pushed outermost, and shares their
//! rules with [`with`](crate::with) (`leaving.rs`). A loop pops the exits one by one, so that ten thousand of
//! them need no more stack than one, and each is off the stack before it runs: whatever happens in it, it
//! does not run again.
//!
//! The one thing that Python does not have is the destructor. Python drops a stack that was never closed
//! together with its exits, and none of them runs; in Rust that would be a surprise, so `Drop` runs them.

use std::error::Error;
use std::fmt;
use std::panic::{self, Location};
use std::thread;

use super::context::ContextManager;
use super::leaving::{BlockPanicked, Leaving, discard};
use super::unraisable;

type Exit<'a> = Box<dyn FnOnce(Option<Box<dyn Error>>) -> Result<(), Box<dyn Error>> + 'a>;

/// Clean-up that is collected while the program runs, and done in reverse order at the end.
///
/// Use it where the number of context managers is not known when the program is written, where some are
/// optional, or where what was set up is to survive if all went well ([`pop_all`](ExitStack::pop_all)).
///
/// The exits run last in, first out. Each one is given the error that is under way at that point, and may
/// suppress or replace it, so that the next one sees none, or the new one. One that fails or panics does not
/// keep the others from running; after a panic they see a [`BlockPanicked`], none can suppress it, and it
/// goes on when all of them have run. Errors and panics that come second to it go to the
/// [unraisable hook](crate::set_unraisable_hook).
///
/// What is left when the stack is dropped runs then, and errors go to the unraisable hook. A stack that is
/// dropped by an unwind gives its exits a [`BlockPanicked`], so that they roll back. Exits may borrow what
/// outlives the stack.
///
/// # Examples
///
/// ```
/// use cede::{ExitStack, contextmanager};
/// use std::cell::RefCell;
/// use std::error::Error;
/// use std::rc::Rc;
///
/// let log = Rc::new(RefCell::new(Vec::new()));
/// let open = |name: &'static str| {
///     let log = Rc::clone(&log);
///     contextmanager(move |y| {
///         y.yield_(name.len());
///         log.borrow_mut().push(name);
///     })
/// };
/// let sizes = ExitStack::new().run(|stack| {
///     let sizes = ["a", "bc", "def"].map(|name| stack.enter(open(name)));
///     sizes.into_iter().collect::<Result<Vec<_>, Box<dyn Error>>>()
/// });
/// assert_eq!(sizes.unwrap(), Some(vec![1, 2, 3]));
/// assert_eq!(*log.borrow(), ["def", "bc", "a"]);
/// ```
pub struct ExitStack<'a> {
    exits: Vec<Exit<'a>>,
    made_at: &'static Location<'static>,
    /// Whether the thread was unwinding already when the stack was made: its end then says nothing about it.
    made_in_unwind: bool,
}

impl<'a> ExitStack<'a> {
    /// An empty stack.
    #[track_caller]
    pub fn new() -> Self {
        ExitStack { exits: Vec::new(), made_at: Location::caller(), made_in_unwind: thread::panicking() }
    }

    /// Enters a context manager and gives its value. It is exited when its turn comes.
    ///
    /// # Errors
    ///
    /// What the manager's `enter` fails with. The stack is as it was before.
    ///
    /// # Examples
    ///
    /// ```
    /// use cede::{ExitStack, nullcontext};
    ///
    /// let mut stack = ExitStack::new();
    /// assert_eq!(stack.enter(nullcontext(5)).unwrap(), 5);
    /// assert_eq!(stack.len(), 1);
    /// ```
    pub fn enter<M: ContextManager + 'a>(&mut self, mut manager: M) -> Result<M::Value, Box<dyn Error>> {
        let value = manager.enter()?;
        self.push(move |error| manager.exit(error));
        Ok(value)
    }

    /// Adds a function with the meaning of [`ContextManager::exit`]: given an error, `Ok` suppresses it, and
    /// `Err` is what goes on.
    ///
    /// # Examples
    ///
    /// ```
    /// use cede::ExitStack;
    ///
    /// let result = ExitStack::new().run(|stack| {
    ///     stack.push(|error| error.map_or(Ok(()), |error| Err(format!("could not save: {error}").into())));
    ///     Err::<(), _>("the disk is full")
    /// });
    /// assert_eq!(result.unwrap_err().to_string(), "could not save: the disk is full");
    /// ```
    pub fn push(&mut self, exit: impl FnOnce(Option<Box<dyn Error>>) -> Result<(), Box<dyn Error>> + 'a) {
        self.exits.push(Box::new(exit));
    }

    /// Adds a function that knows nothing of errors and lets them pass.
    ///
    /// # Examples
    ///
    /// ```
    /// use cede::ExitStack;
    /// use std::cell::Cell;
    ///
    /// let lights = Cell::new(true);
    /// let mut stack = ExitStack::new();
    /// stack.callback(|| lights.set(false));
    /// stack.close().unwrap();
    /// assert!(!lights.get());
    /// ```
    pub fn callback(&mut self, callback: impl FnOnce() + 'a) {
        self.push(move |error| {
            callback();
            error.map_or(Ok(()), Err)
        });
    }

    /// Moves all exits to a new stack; nothing runs.
    ///
    /// The last step of a set-up that went well: what was collected for the case of a failure is kept by
    /// whoever takes the new stack.
    ///
    /// # Examples
    ///
    /// ```
    /// use cede::ExitStack;
    /// use std::cell::Cell;
    /// use std::fmt;
    ///
    /// let open = Cell::new(0);
    /// let kept = ExitStack::new().run(|stack| {
    ///     for _ in 0..3 {
    ///         open.set(open.get() + 1);
    ///         stack.callback(|| open.set(open.get() - 1));
    ///     }
    ///     Ok::<_, fmt::Error>(stack.pop_all())
    /// });
    /// assert_eq!(open.get(), 3);
    /// kept.unwrap().unwrap().close().unwrap();
    /// assert_eq!(open.get(), 0);
    /// ```
    #[must_use = "dropping the new stack runs its exits"]
    pub fn pop_all(&mut self) -> ExitStack<'a> {
        ExitStack { exits: std::mem::take(&mut self.exits), ..*self }
    }

    /// Runs the exits now, as at the end of a block that went well. The stack is empty afterwards and may be
    /// used again.
    ///
    /// # Errors
    ///
    /// The error that is left after the last of them.
    ///
    /// # Panics
    ///
    /// A panic of one of them goes on when all have run.
    ///
    /// # Examples
    ///
    /// ```
    /// use cede::ExitStack;
    ///
    /// let mut stack = ExitStack::new();
    /// stack.push(|_| Err("the disk is full".into()));
    /// stack.callback(|| println!("runs all the same"));
    /// assert_eq!(stack.close().unwrap_err().to_string(), "the disk is full");
    /// assert!(stack.close().is_ok());
    /// ```
    pub fn close(&mut self) -> Result<(), Box<dyn Error>> {
        self.leave(Leaving::Normally).outcome()
    }

    /// Runs a block and then the exits, Python's `with ExitStack() as stack`.
    ///
    /// `Ok(None)` means that the block failed and an exit suppressed the error.
    ///
    /// # Errors
    ///
    /// The error that is left after the last exit: the block's own, or the one that took its place.
    ///
    /// # Panics
    ///
    /// A panic of the block, or of an exit, goes on when all exits have run.
    ///
    /// # Examples
    ///
    /// ```
    /// use cede::{ExitStack, suppress};
    /// use std::fmt;
    ///
    /// let result = ExitStack::new().run(|stack| {
    ///     stack.enter(suppress::<fmt::Error>())?;
    ///     Err::<(), Box<dyn std::error::Error>>(fmt::Error.into())
    /// });
    /// assert_eq!(result.unwrap(), None);
    /// ```
    pub fn run<T, E: Into<Box<dyn Error>>>(
        &mut self,
        block: impl FnOnce(&mut Self) -> Result<T, E>,
    ) -> Result<Option<T>, Box<dyn Error>> {
        let (value, leaving) = Leaving::block(|| block(self));
        self.leave(leaving).outcome()?;
        Ok(value)
    }

    /// The number of exits on the stack.
    pub fn len(&self) -> usize {
        self.exits.len()
    }

    /// Whether there is nothing to run.
    pub fn is_empty(&self) -> bool {
        self.exits.is_empty()
    }

    fn leave(&mut self, mut leaving: Leaving) -> Leaving {
        while let Some(exit) = self.exits.pop() {
            leaving = leaving.through(self.made_at, exit);
        }
        leaving
    }
}

/// To enter a stack into another one, or to give it to [`with`](crate::with). Its value is `()`, since the
/// stack itself stays where it is.
impl ContextManager for ExitStack<'_> {
    type Value = ();

    fn enter(&mut self) -> Result<(), Box<dyn Error>> {
        Ok(())
    }

    fn exit(&mut self, error: Option<Box<dyn Error>>) -> Result<(), Box<dyn Error>> {
        let leaving = match error {
            None => Leaving::Normally,
            Some(error) => match error.downcast::<BlockPanicked>() {
                Ok(panicked) => {
                    // Whoever runs this has the payload. None of the exits may suppress it here either.
                    drop(self.leave(Leaving::Unwinding(panicked.stand_in())));
                    return Err(panicked);
                }
                Err(error) => Leaving::Raised(error),
            },
        };
        self.leave(leaving).outcome()
    }
}

/// Runs what is left. A panic of an exit goes on when all have run, unless the thread is unwinding already:
/// then it goes to the unraisable hook.
impl Drop for ExitStack<'_> {
    fn drop(&mut self) {
        if self.exits.is_empty() {
            return;
        }
        let unwinding = thread::panicking();
        if unwinding && !self.made_in_unwind {
            // The payload is out of reach here, and whoever started the unwind has it. What stands for it is
            // never raised, and all else that comes up is reported on the way.
            drop(self.leave(Leaving::Unwinding(Box::new(()))));
            return;
        }
        match self.leave(Leaving::Normally) {
            Leaving::Normally => {}
            Leaving::Raised(error) => unraisable::report(error, None, self.made_at),
            Leaving::Unwinding(payload) if unwinding => {
                unraisable::report(BlockPanicked::new(&*payload).into(), None, self.made_at);
                discard(payload);
            }
            Leaving::Unwinding(payload) => panic::resume_unwind(payload),
        }
    }
}

impl Default for ExitStack<'_> {
    #[track_caller]
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for ExitStack<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExitStack")
            .field("exits", &self.exits.len())
            .field("made_at", &format_args!("{}", self.made_at))
            .finish()
    }
}
