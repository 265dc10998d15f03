//! The typed whole of a generator in its slot, and every operation on it.
//!
//! ```text
//!   Whole   { record, body }                       body: read out when it begins
//!   Record  { yielder, returned }                  what handles point to
//!   Yielder { core, sent, yielded }                what bodies point to
//!   Core    { coroutine, state, ... }              what the untyped code sees
//! ```
//!
//! Each is `repr(C)` and begins with the next, so that one address serves for all of them.

use std::cell::{Cell, UnsafeCell};
use std::error::Error;
use std::fmt;
use std::mem::{MaybeUninit, size_of};
use std::panic::{self, AssertUnwindSafe};
use std::ptr::NonNull;
use std::rc::Rc;

use super::DelegateInfo;
use super::core::{Core, Parcel, State, Vtable};
use super::delegation::{End, Turn};
use super::error::{GeneratorError, SendError, Thrown};
use super::yielder::Yielder;
use crate::coroutine::{self, Command, Coroutine, Kind};
use crate::stack::{Label, StackError};

/// What a resumption gave.
///
/// # Examples
///
/// ```
/// use cede::{Generator, Step, Yielder};
///
/// let g = Generator::new(|y: &Yielder<i32>| {
///     y.yield_(1);
///     "done"
/// });
/// assert_eq!(g.advance().unwrap(), Step::Yielded(1));
/// assert_eq!(g.advance().unwrap(), Step::Returned("done"));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Step<Y, R> {
    /// The generator yielded this and can be resumed.
    Yielded(Y),
    /// The body returned this: the value of Python's `StopIteration`.
    Returned(R),
}

impl<Y, R> Step<Y, R> {
    /// The value, if it was yielded.
    pub fn yielded(self) -> Option<Y> {
        match self {
            Step::Yielded(value) => Some(value),
            Step::Returned(_) => None,
        }
    }

    /// The value, if it was returned.
    pub fn returned(self) -> Option<R> {
        match self {
            Step::Yielded(_) => None,
            Step::Returned(value) => Some(value),
        }
    }
}

/// Where a generator stands, as `inspect.getgeneratorstate` has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum GeneratorState {
    /// Waiting to begin.
    Created,
    /// Running, or waiting for what it delegates to or resumed.
    Running,
    /// Waiting at a yield.
    Suspended,
    /// Finished, by whatever way.
    Closed,
}

/// A generator, with the types that its handles know.
#[repr(C)]
pub struct Record<Y, S, R> {
    yielder: Yielder<Y, S>,
    returned: Cell<Option<R>>,
}

#[repr(C)]
struct Whole<Y, S, R, B> {
    record: Record<Y, S, R>,
    body: UnsafeCell<MaybeUninit<B>>,
}

/// Bodies up to this size live in the header, next to the stack; larger ones in a box.
const LARGEST_INLINE_BODY: usize = 1024;

/// Makes a generator that has not begun.
///
/// # Safety
///
/// What `B`, `Y`, `S` and `R` borrow outlives the record and its stack, a leaked one's included.
pub(super) unsafe fn make<Y, S, R, B>(
    size: Option<usize>,
    label: Label,
    body: B,
) -> Result<NonNull<Record<Y, S, R>>, StackError>
where
    B: FnOnce(&Yielder<Y, S>) -> Result<R, Thrown>,
{
    if size_of::<B>() > LARGEST_INLINE_BODY {
        // SAFETY: the caller's promise.
        unsafe { make_with(size, label, Box::new(body)) }
    } else {
        // SAFETY: the caller's promise.
        unsafe { make_with(size, label, body) }
    }
}

/// # Safety
///
/// As for `make`.
unsafe fn make_with<Y, S, R, B>(
    size: Option<usize>,
    label: Label,
    body: B,
) -> Result<NonNull<Record<Y, S, R>>, StackError>
where
    B: FnOnce(&Yielder<Y, S>) -> Result<R, Thrown>,
{
    let header = move |coroutine: Coroutine| Whole::<Y, S, R, B> {
        record: Record {
            yielder: Yielder::new(Core::new(coroutine, Whole::<Y, S, R, B>::VTABLE)),
            returned: Cell::new(None),
        },
        body: UnsafeCell::new(MaybeUninit::new(body)),
    };
    // SAFETY: `Whole` begins with a `Coroutine`; `run` catches all unwinds; the caller vouches for borrows.
    let whole = unsafe { coroutine::build(size, label, Kind::Generator, header, |whole| Whole::run(whole)) }?;
    Ok(whole.cast())
}

impl<Y, S, R, B> Whole<Y, S, R, B> {
    const VTABLE: &'static Vtable = &Vtable {
        drop_body: Self::drop_body,
        drop_yielded: Self::drop_yielded,
        drop_returned: Self::drop_returned,
    };

    /// # Safety
    ///
    /// `core` is the first field of a `Self` that has not begun and never will.
    unsafe fn drop_body(core: NonNull<Core>) {
        // SAFETY: the body is still there, and nobody else refers to it.
        unsafe { (*core.cast::<Self>().as_ref().body.get()).assume_init_drop() }
    }

    /// # Safety
    ///
    /// `core` is the first field of a `Self` that has just yielded.
    unsafe fn drop_yielded(core: NonNull<Core>) {
        // SAFETY: the caller's promise.
        drop(unsafe { core.cast::<Self>().as_ref().record.yielder.take_yielded() })
    }

    /// # Safety
    ///
    /// `core` is the first field of a `Self`.
    unsafe fn drop_returned(core: NonNull<Core>) {
        // SAFETY: the caller's promise.
        drop(unsafe { core.cast::<Self>().as_ref() }.record.returned.take())
    }

    /// The root of the generator's stack: runs the body and notes how it ended.
    ///
    /// # Safety
    ///
    /// `whole` is a generator that has just been resumed for the first time.
    #[inline(always)]
    unsafe fn run(whole: NonNull<Self>)
    where
        B: FnOnce(&Yielder<Y, S>) -> Result<R, Thrown>,
    {
        // SAFETY: the header outlives its coroutine, and has only cells.
        let whole = unsafe { whole.as_ref() };
        // SAFETY: the body has not begun, and from here on nobody takes the one in the header for a live one,
        // since the state is no longer `CREATED`.
        let body = unsafe { (*whole.body.get()).assume_init_read() };
        let record = &whole.record;
        let core = record.yielder.core();
        match panic::catch_unwind(AssertUnwindSafe(|| body(&record.yielder))) {
            Ok(Ok(value)) => {
                record.returned.set(Some(value));
                core.end();
            }
            Ok(Err(thrown)) => core.end_with(Parcel::Thrown(super::core::leaving_body(thrown))),
            Err(payload) => core.end_by_unwind(payload),
        }
    }
}

impl<Y, S, R> Record<Y, S, R> {
    pub(super) fn yielder(&self) -> &Yielder<Y, S> {
        &self.yielder
    }

    #[inline(always)]
    pub(super) fn core(&self) -> &Core {
        self.yielder.core()
    }

    /// Resumes a generator that is `CREATED` or `SUSPENDED`, with what it needs already in place.
    #[inline(always)]
    fn run_on(&self) -> Turn {
        let core = self.core();
        core.state.set(State::RUNNING);
        // SAFETY: it is resumable, and callers have checked that the thread is not exiting.
        let event = unsafe { core.coroutine.resume(Command::Go) };
        core.follow_first(core, event)
    }

    /// As `run_on`, for a generator that delegates and knows the end of its chain.
    #[inline(always)]
    fn run_through(&self, leaf: NonNull<Core>) -> Turn {
        // SAFETY: the path that leads to it is right, so it is alive.
        let leaf = unsafe { leaf.as_ref() };
        leaf.state.set(State::RUNNING_VIA);
        // SAFETY: it is suspended, and callers have checked that the thread is not exiting.
        let event = unsafe { leaf.coroutine.resume(Command::Go) };
        self.core().follow_first(leaf, event)
    }

    /// # Safety
    ///
    /// `leaf` is the end of this generator's chain and has just yielded.
    #[inline(always)]
    unsafe fn take_yielded(&self, leaf: NonNull<Core>) -> Y {
        // SAFETY: the caller's promise; generators of a chain have the same `Y` and `S`.
        unsafe { leaf.cast::<Yielder<Y, S>>().as_ref().take_yielded() }
    }

    #[inline(always)]
    fn step(&self, turn: Turn) -> Result<Step<Y, R>, Box<dyn Error>> {
        match turn {
            // SAFETY: it has just yielded.
            Turn::Yielded(leaf) => Ok(Step::Yielded(unsafe { self.take_yielded(leaf) })),
            Turn::Ended => self.take_result().map(Step::Returned).map_err(Into::into),
        }
    }

    /// How the body ended, once. Goes on with its panic if it was one.
    #[inline]
    pub(super) fn take_result(&self) -> Result<R, Thrown> {
        match self.returned.take() {
            Some(value) => Ok(value),
            None => Err(self.take_failure()),
        }
    }

    #[cold]
    fn take_failure(&self) -> Thrown {
        match self.core().parcel.take() {
            Some(Parcel::Thrown(thrown)) => thrown,
            Some(Parcel::Panic(payload)) => panic::resume_unwind(payload),
            None => super::delegation::closed_delegate(),
        }
    }

    pub(super) fn start(&self) -> Result<Step<Y, R>, GeneratorError> {
        match self.core().state.get() {
            State::CREATED if coroutine::thread_is_exiting() => Err(GeneratorError::ThreadExiting),
            State::CREATED => self.step(self.run_on()).map_err(GeneratorError::Raised),
            State::CLOSED => Err(GeneratorError::Finished),
            _ if self.core().is_executing() => Err(GeneratorError::AlreadyExecuting),
            _ => Err(GeneratorError::AlreadyStarted),
        }
    }

    #[inline]
    pub(super) fn advance(&self) -> Result<Step<Y, R>, GeneratorError>
    where
        S: Default,
    {
        if self.core().state.get() == State::CREATED {
            return self.start();
        }
        self.send(S::default()).map_err(GeneratorError::from)
    }

    #[inline]
    pub(super) fn send(&self, value: S) -> Result<Step<Y, R>, SendError<S>> {
        if self.core().state.get() == State::SUSPENDED && !coroutine::thread_is_exiting() {
            // SAFETY: it is suspended at its own yield, and resumed at once.
            unsafe { self.yielder.put_sent(value) };
            return self.step(self.run_on()).map_err(SendError::Raised);
        }
        self.send_down(value)
    }

    /// `send` where the generator is not suspended at a yield of its own.
    #[inline(never)]
    fn send_down(&self, value: S) -> Result<Step<Y, R>, SendError<S>> {
        let core = self.core();
        if let Some(leaf) = core.known_leaf()
            && !coroutine::thread_is_exiting()
        {
            // SAFETY: generators of a chain have the same types; the leaf is suspended, and resumed at once.
            unsafe { leaf.cast::<Yielder<Y, S>>().as_ref().put_sent(value) };
            return self.step(self.run_through(leaf)).map_err(SendError::Raised);
        }
        match core.state.get() {
            State::CLOSED => return Err(SendError::Finished(value)),
            state if state.is_running() => return Err(SendError::AlreadyExecuting(value)),
            _ if coroutine::thread_is_exiting() => return Err(SendError::ThreadExiting(value)),
            State::CREATED => return Err(SendError::JustStarted(value)),
            _ => {}
        }
        let end = match core.locate() {
            Err(_executing) => return Err(SendError::AlreadyExecuting(value)),
            Ok(end) => end,
        };
        let mut value = Some(value);
        if let End::Leaf(leaf) = &end {
            let value = value.take().expect("just put there");
            // SAFETY: generators of a chain have the same types; the leaf is suspended, and resumed at once.
            unsafe { leaf.cast::<Yielder<Y, S>>().as_ref().put_sent(value) };
        }
        let step = self.step(core.resume_end(end)).map_err(SendError::Raised);
        // Where the end is closed or busy the value is lost, as one is that is sent to a finished generator in
        // Python. Not before: its destructor is user code, which may end what `end` names.
        drop(value);
        step
    }

    pub(super) fn throw(&self, thrown: Thrown) -> Result<Step<Y, R>, SendError<Thrown>> {
        let core = self.core();
        match core.state.get() {
            State::CLOSED => return Err(SendError::Raised(thrown.into())),
            state if state.is_running() => return Err(SendError::AlreadyExecuting(thrown)),
            State::CREATED => {
                self.close_created();
                return Err(SendError::Raised(thrown.into()));
            }
            _ if coroutine::thread_is_exiting() => return Err(SendError::ThreadExiting(thrown)),
            _ => {}
        }
        match core.throw(thrown) {
            Ok(turn) => self.step(turn).map_err(SendError::Raised),
            Err((_executing, thrown)) => Err(SendError::AlreadyExecuting(thrown)),
        }
    }

    pub(super) fn close(&self) -> Result<Option<R>, GeneratorError> {
        let core = self.core();
        match core.state.get() {
            State::CLOSED => return Ok(None),
            State::CREATED => {
                self.close_created();
                return Ok(None);
            }
            state if state.is_running() => return Err(GeneratorError::AlreadyExecuting),
            _ if coroutine::thread_is_exiting() => return Err(GeneratorError::ThreadExiting),
            _ => {}
        }
        let turn = core.close().map_err(|_executing| GeneratorError::AlreadyExecuting)?;
        match self.step(turn) {
            Ok(Step::Yielded(_ignored)) => Err(GeneratorError::IgnoredExit),
            Ok(Step::Returned(value)) => Ok(Some(value)),
            Err(error) => match Thrown::from(error) {
                Thrown::Exit => Ok(None),
                Thrown::Error(error) => Err(GeneratorError::Raised(error)),
            },
        }
    }

    /// Ends a generator that has not begun: only what its body holds is dropped.
    fn close_created(&self) {
        let core = self.core();
        core.state.set(State::CLOSED);
        if let Err(payload) = core.discard(core.vtable.drop_body) {
            panic::resume_unwind(payload);
        }
    }

    pub(super) fn state(&self) -> GeneratorState {
        self.core().public_state()
    }

    pub(super) fn delegate_info(&self) -> Option<DelegateInfo> {
        self.core().delegate_info()
    }

    pub(super) fn debug(&self, name: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let label = self.core().coroutine.label();
        f.debug_struct(name)
            .field("name", &label.name)
            .field("state", &self.state())
            .field("made_at", &format_args!("{}", label.made_at))
            .finish()
    }
}

/// Ends a generator whose last handle is going, and gives its slot back. Gives whether that was possible; a
/// generator that could not be ended is leaked.
///
/// # Safety
///
/// The caller owns the record, and nobody uses it afterwards.
#[inline]
pub(super) unsafe fn release<Y, S, R>(record: NonNull<Record<Y, S, R>>) -> bool {
    // SAFETY: alive until it is disposed of below.
    let core = unsafe { record.as_ref() }.core();
    if core.state.get() != State::CLOSED && !core.abandon() {
        return false;
    }
    // SAFETY: the body has ended or has never begun, and the caller owns the record. What `Whole` adds to a
    // `Record` has been moved or dropped by then.
    unsafe { Coroutine::dispose(record) };
    true
}

/// Why the short way to the next value led nowhere.
#[derive(Clone, Copy)]
pub(super) enum NoValue {
    /// The generator has just ended.
    Ended,
    /// It is not suspended at a yield of its own.
    NotHere,
}

impl<Y, R> Record<Y, (), R> {
    /// The next value, or where to go for what there is instead: `next_instead`.
    ///
    /// Inlined, and without the errors, which would have to be made and looked at in memory for each value: together that
    /// is more than the switch costs.
    #[inline(always)]
    pub(super) fn next(&self) -> Result<Y, NoValue> {
        if !self.core().state.get().is_resumable() || coroutine::thread_is_exiting() {
            return Err(NoValue::NotHere);
        }
        match self.run_on() {
            // SAFETY: it has just yielded.
            Turn::Yielded(leaf) => Ok(unsafe { self.take_yielded(leaf) }),
            Turn::Ended => Err(NoValue::Ended),
        }
    }

    /// What there is where `next` has no value: one of a delegate's, the body's error, or the end.
    #[inline(never)]
    pub(super) fn next_instead(&self, no_value: NoValue) -> Option<Result<Y, GeneratorError>> {
        match no_value {
            NoValue::Ended => self.next_ended(),
            NoValue::NotHere => self.next_down(),
        }
    }

    #[inline]
    fn next_ended(&self) -> Option<Result<Y, GeneratorError>> {
        match self.take_result() {
            Ok(_returned) => None,
            Err(thrown) => Some(Err(GeneratorError::Raised(thrown.into()))),
        }
    }

    /// `next` where the generator is not suspended at a yield of its own.
    #[inline]
    fn next_down(&self) -> Option<Result<Y, GeneratorError>> {
        if let Some(leaf) = self.core().known_leaf()
            && !coroutine::thread_is_exiting()
        {
            return match self.run_through(leaf) {
                // SAFETY: it has just yielded.
                Turn::Yielded(leaf) => Some(Ok(unsafe { self.take_yielded(leaf) })),
                Turn::Ended => self.next_ended(),
            };
        }
        match self.advance() {
            Ok(Step::Yielded(value)) => Some(Ok(value)),
            Ok(Step::Returned(_)) | Err(GeneratorError::Finished) => None,
            Err(error) => Some(Err(error)),
        }
    }
}

impl<Y, S, R> fmt::Debug for Record<Y, S, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.debug("Record", f)
    }
}

/// What can be delegated to: generators, owned, borrowed or shared. Sealed.
pub trait Delegate<Y, S>: sealed::Sealed {
    /// What it returns at its end.
    type Return;

    #[doc(hidden)]
    fn record(&self) -> &Record<Y, S, Self::Return>;
}

pub(super) mod sealed {
    /// Only cede's own types are delegates.
    pub trait Sealed {}
}

impl<T: sealed::Sealed + ?Sized> sealed::Sealed for &T {}
impl<T: sealed::Sealed + ?Sized> sealed::Sealed for Rc<T> {}
impl<T: sealed::Sealed + ?Sized> sealed::Sealed for Box<T> {}

impl<Y, S, T: Delegate<Y, S> + ?Sized> Delegate<Y, S> for &T {
    type Return = T::Return;

    fn record(&self) -> &Record<Y, S, T::Return> {
        (**self).record()
    }
}

impl<Y, S, T: Delegate<Y, S> + ?Sized> Delegate<Y, S> for Rc<T> {
    type Return = T::Return;

    fn record(&self) -> &Record<Y, S, T::Return> {
        (**self).record()
    }
}

impl<Y, S, T: Delegate<Y, S> + ?Sized> Delegate<Y, S> for Box<T> {
    type Return = T::Return;

    fn record(&self) -> &Record<Y, S, T::Return> {
        (**self).record()
    }
}
