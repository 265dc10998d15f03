//! A value that is made once, when it is first wanted, by a function that may wait.
//!
//! ```text
//!            the first that wants it            the value is made
//!   FREE ────────────────────────────▶ TAKEN ─────────────────────▶ the value, for good
//!    ▲                                 │   ▲
//!    │ the function failed,            │   │ it runs
//!    │ and nobody waits                │   │
//!    └─────────────────────────────────┤   │
//!                                      ▼   │
//!                                    PROMISED, to the first that waits
//! ```
//!
//! The function runs without any lock. Where it is left by an error, a panic or a cancellation, the turn goes to the next who waits, in the
//! order in which they came: std's `OnceLock` would stay empty with everybody's thread blocked meanwhile, and a `LazyLock` would
//! be poisoned.
//!
//! The value itself lies in a `OnceLock`, which is only ever set under the lock of the turn, so that looking costs one load.

use std::fmt;
use std::panic::Location;
use std::pin::Pin;
use std::sync::OnceLock;

use pin_project_lite::pin_project;
use thiserror::Error;

use crate::runtime::guarded::{self, Guarded};
use crate::runtime::holder::Holder;
use crate::runtime::operation::{CancelWait, Operation, sealed};
use crate::runtime::wait_list::{List, Node, State as Wait};
use crate::runtime::waiter::Waiter;

/// Why a value was not set. Gives it back.
#[derive(Clone, Copy, PartialEq, Eq, Error)]
pub enum SetError<T> {
    /// There is one.
    #[error("the cell has a value")]
    AlreadySet(T),
    /// Somebody is making one.
    #[error("the value of the cell is being made")]
    Initializing(T),
}

impl<T> SetError<T> {
    /// What was not set.
    pub fn into_inner(self) -> T {
        match self {
            SetError::AlreadySet(value) | SetError::Initializing(value) => value,
        }
    }
}

impl<T> fmt::Debug for SetError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            SetError::AlreadySet(_) => "AlreadySet(..)",
            SetError::Initializing(_) => "Initializing(..)",
        })
    }
}

/// A value that is made once, in the shape of [`std::sync::OnceLock`]: whoever wants it while another task makes it waits, and makes
/// it in turn where that fails.
///
/// It may be a `static`, and be used by several threads. Looking at a value that is there never waits.
///
/// # Examples
///
/// ```
/// use cede::sync::OnceCell;
/// use std::time::Duration;
///
/// static SETTINGS: OnceCell<String> = OnceCell::new();
///
/// fn settings() -> &'static str {
///     SETTINGS.get_or_init(|| {
///         cede::sleep(Duration::from_millis(1));
///         "from far away".to_owned()
///     })
/// }
///
/// cede::run(|| {
///     let other = cede::spawn(|| settings().len());
///     assert_eq!(settings(), "from far away");
///     assert_eq!(other.join().unwrap(), 13);
/// });
/// ```
pub struct OnceCell<T> {
    value: OnceLock<T>,
    state: Guarded<State>,
    made_at: &'static Location<'static>,
}

/// See the drawing above.
struct State {
    turn: Turn,
    /// Those who want to make it.
    makers: List,
    /// Those who want to have it.
    watchers: List,
}

#[derive(Clone, Copy)]
enum Turn {
    Free,
    Taken(Maker),
    Promised,
}

/// Who makes the value.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Maker {
    task: Holder,
    /// The number of its thread, since there are functions that run in no task.
    thread: u64,
}

impl Maker {
    fn current() -> Self {
        Maker { task: Holder::current(), thread: guarded::this_thread() }
    }
}

impl State {
    /// The turn goes to the next who waits for it.
    fn pass_on(&mut self) {
        self.turn = if self.makers.pop_first() { Turn::Promised } else { Turn::Free };
    }
}

impl<T> OnceCell<T> {
    /// A cell without a value.
    #[track_caller]
    pub const fn new() -> Self {
        let state = State { turn: Turn::Free, makers: List::new(), watchers: List::new() };
        OnceCell { value: OnceLock::new(), state: Guarded::new(state), made_at: Location::caller() }
    }

    /// The value, if it is there.
    #[inline]
    pub fn get(&self) -> Option<&T> {
        self.value.get()
    }

    /// The value, if it is there.
    pub fn get_mut(&mut self) -> Option<&mut T> {
        self.value.get_mut()
    }

    /// Sets the value. Never waits.
    ///
    /// # Errors
    ///
    /// Gives it back when there is one, or somebody is making one.
    pub fn set(&self, value: T) -> Result<(), SetError<T>> {
        let mut state = self.state.lock();
        if self.value.get().is_some() {
            return Err(SetError::AlreadySet(value));
        }
        match state.turn {
            Turn::Free => {
                self.put(&mut state, value);
                Ok(())
            }
            Turn::Taken(_) | Turn::Promised => Err(SetError::Initializing(value)),
        }
    }

    /// The value, which `make` makes where there is none. It may wait, and others that want the value wait until it is done.
    ///
    /// # Cancellation
    ///
    /// Unwinds when the task is cancelled meanwhile. Where it was the one that makes the value, the next one does.
    ///
    /// # Panics
    ///
    /// Goes on with a panic of `make`; the next who wants the value makes it. Panics when `make` itself wants the value of this cell.
    /// Panics where a task may not wait, if it has to; see [`Operation::wait`].
    #[inline]
    pub fn get_or_init(&self, make: impl FnOnce() -> T) -> &T {
        if let Some(value) = self.get() {
            return value;
        }
        match self.initialise(|| Ok::<T, std::convert::Infallible>(make())) {
            Ok(value) => value,
            Err(never) => match never {},
        }
    }

    /// As [`get_or_init`](OnceCell::get_or_init), with a `make` that may fail.
    ///
    /// # Errors
    ///
    /// Those of `make`. The next who wants the value makes it.
    ///
    /// # Cancellation, panics
    ///
    /// As [`get_or_init`](OnceCell::get_or_init).
    ///
    /// # Examples
    ///
    /// ```
    /// let cell = cede::sync::OnceCell::new();
    /// assert!(cell.get_or_try_init(|| "x".parse::<i32>()).is_err());
    /// assert_eq!(cell.get_or_try_init(|| "7".parse::<i32>()), Ok(&7));
    /// assert_eq!(cell.get_or_try_init(|| "8".parse::<i32>()), Ok(&7));
    /// ```
    #[inline]
    pub fn get_or_try_init<E>(&self, make: impl FnOnce() -> Result<T, E>) -> Result<&T, E> {
        match self.get() {
            Some(value) => Ok(value),
            None => self.initialise(make),
        }
    }

    #[cold]
    fn initialise<E>(&self, make: impl FnOnce() -> Result<T, E>) -> Result<&T, E> {
        let Some(turn) = self.taking().wait() else { return Ok(self.made()) };
        let value = make()?;
        // The turn ends with the value.
        std::mem::forget(turn);
        self.put(&mut self.state.lock(), value);
        Ok(self.made())
    }

    /// The operation of getting the turn to make the value; nothing comes of it where the value is made meanwhile.
    pub(super) fn taking(&self) -> TakingTurn<'_, T> {
        TakingTurn { cell: self, node: Node::default() }
    }

    fn made(&self) -> &T {
        self.value.get().expect("it was made")
    }

    /// There is none yet, and whoever calls this has the turn, or nobody.
    fn put(&self, state: &mut State, value: T) {
        let Ok(()) = self.value.set(value) else { unreachable!("it is set by who has the turn") };
        state.turn = Turn::Free;
        state.makers.pop_all();
        state.watchers.pop_all();
    }

    /// The value, when somebody has set or made it.
    ///
    /// # Cancellation
    ///
    /// Unwinds when the task is cancelled meanwhile.
    ///
    /// # Panics
    ///
    /// Panics where a task may not wait, if it has to; see [`Operation::wait`].
    pub fn wait(&self) -> &T {
        self.waiting().wait()
    }

    /// The operation of [`wait`](OnceCell::wait), for `select!`.
    pub fn waiting(&self) -> WaitingForValue<'_, T> {
        WaitingForValue { cell: self, node: Node::default() }
    }

    /// The value, taken out. The cell is as new then.
    pub fn take(&mut self) -> Option<T> {
        self.value.take()
    }

    /// The value itself.
    pub fn into_inner(self) -> Option<T> {
        self.value.into_inner()
    }

    fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let turn = self.state.lock().turn;
        write!(f, "waits for the value of OnceCell made at {}", self.made_at)?;
        match turn {
            Turn::Taken(Maker { task: Holder::NOBODY, .. }) => {
                f.write_str(", which is made outside of tasks")
            }
            Turn::Taken(maker) => write!(f, ", which {} makes", maker.task),
            Turn::Free | Turn::Promised => Ok(()),
        }
    }
}

impl<T> Default for OnceCell<T> {
    #[track_caller]
    fn default() -> Self {
        OnceCell::new()
    }
}

/// A cell that has this value.
impl<T> From<T> for OnceCell<T> {
    #[track_caller]
    fn from(value: T) -> Self {
        let cell = OnceCell::new();
        let Ok(()) = cell.value.set(value) else { unreachable!("it is new") };
        cell
    }
}

impl<T: fmt::Debug> fmt::Debug for OnceCell<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut tuple = f.debug_tuple("OnceCell");
        match self.get() {
            Some(value) => tuple.field(value),
            None => tuple.field(&format_args!("<no value>")),
        };
        tuple.finish()
    }
}

/// The turn to make the value. Dropped by who has failed to.
pub(super) struct MakersTurn<'a>(&'a Guarded<State>);

impl Drop for MakersTurn<'_> {
    fn drop(&mut self) {
        self.0.lock().pass_on();
    }
}

pin_project! {
    // Waits until it is this one's turn to make the value, or until that is made.
    pub(super) struct TakingTurn<'a, T> {
        cell: &'a OnceCell<T>,
        #[pin]
        node: Node,
    }
}

impl<T> sealed::Sealed for TakingTurn<'_, T> {}

impl<'a, T> Operation for TakingTurn<'a, T> {
    /// `None` when the value is there.
    type Output = Option<MakersTurn<'a>>;

    fn attempt(self: Pin<&mut Self>) -> Option<Self::Output> {
        let cell = self.cell;
        let me = Maker::current();
        let mut state = cell.state.lock();
        if cell.value.get().is_some() {
            return Some(None);
        }
        match state.turn {
            Turn::Free => {}
            Turn::Promised if state.makers.state(&self.node) == Wait::Completed => {
                state.makers.use_up(&self.node);
            }
            Turn::Taken(maker) if maker == me => {
                drop(state);
                panic!(
                    "cede: the function that makes the value of the OnceCell made at {} wants that value itself",
                    cell.made_at
                );
            }
            Turn::Promised | Turn::Taken(_) => return None,
        }
        state.turn = Turn::Taken(me);
        Some(Some(MakersTurn(&cell.state)))
    }

    fn register(self: Pin<&mut Self>, waiter: Waiter) {
        let this = self.project();
        let state = this.cell.state.lock();
        if this.cell.value.get().is_some() || matches!(state.turn, Turn::Free) {
            waiter.wake_later();
        } else {
            state.makers.link(this.node.as_ref(), waiter);
        }
    }

    fn withdraw(self: Pin<&mut Self>) {
        let mut state = self.cell.state.lock();
        if state.makers.remove(&self.node) == Wait::Completed && matches!(state.turn, Turn::Promised) {
            state.pass_on();
        }
    }

    fn cancel(&self) -> CancelWait {
        self.cell.state.lock().makers.cancel_wait(&self.node)
    }

    fn is_local(&self) -> bool {
        false
    }

    fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.cell.describe(f)
    }
}

pin_project! {
    /// The operation of [`OnceCell::wait`].
    #[must_use = "it does nothing unless it is waited for"]
    #[derive(Debug)]
    pub struct WaitingForValue<'a, T> {
        cell: &'a OnceCell<T>,
        #[pin]
        node: Node,
    }
}

impl<T> sealed::Sealed for WaitingForValue<'_, T> {}

impl<'a, T> Operation for WaitingForValue<'a, T> {
    type Output = &'a T;

    fn attempt(self: Pin<&mut Self>) -> Option<&'a T> {
        self.cell.value.get()
    }

    fn register(self: Pin<&mut Self>, waiter: Waiter) {
        let this = self.project();
        let state = this.cell.state.lock();
        if this.cell.value.get().is_some() {
            waiter.wake_later();
        } else {
            state.watchers.link(this.node.as_ref(), waiter);
        }
    }

    fn withdraw(self: Pin<&mut Self>) {
        self.cell.state.lock().watchers.remove(&self.node);
    }

    fn cancel(&self) -> CancelWait {
        self.cell.state.lock().watchers.cancel_wait(&self.node)
    }

    fn is_local(&self) -> bool {
        false
    }

    fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.cell.describe(f)
    }
}
