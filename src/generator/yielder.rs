//! What a body is given: the points of suspension.
//!
//! A `Yielder` is also the typed header of its generator, so that a yield finds everything with one pointer.

use std::cell::UnsafeCell;
use std::error::Error;
use std::fmt;
use std::mem::MaybeUninit;

use super::core::{Core, State};
use super::delegation::closed_delegate;
use super::error::{GeneratorError, StopIteration, Thrown};
use super::record::Delegate;
use crate::coroutine::{Command, Event};

/// The way out of a generator's body: hands values to whoever resumes it.
///
/// A body gets a reference to its own. It can be passed down to any function that the body calls, which
/// is how a generator yields from any depth, but it can neither leave the body nor go to another thread.
///
/// # Rules
///
/// Only the innermost generator that runs may yield. Through the `Yielder` of an outer one, from the body of a
/// generator that is resumed inside it, say, and from a destructor while the stack is being unwound, the
/// `try_` forms give an error, the others panic, and nothing has changed.
#[repr(C)]
pub struct Yielder<Y, S = ()> {
    core: Core,
    /// What was sent. Written by the resumer, read by the body when it wakes.
    sent: UnsafeCell<MaybeUninit<S>>,
    /// What was yielded. Written by the body, read by the resumer when the body is suspended.
    yielded: UnsafeCell<MaybeUninit<Y>>,
}

impl<Y, S> Yielder<Y, S> {
    pub(super) fn new(core: Core) -> Self {
        Yielder {
            core,
            sent: UnsafeCell::new(MaybeUninit::uninit()),
            yielded: UnsafeCell::new(MaybeUninit::uninit()),
        }
    }

    #[inline(always)]
    pub(super) fn core(&self) -> &Core {
        &self.core
    }

    /// # Safety
    ///
    /// The body is suspended and is resumed next, without a parcel.
    #[inline(always)]
    pub(super) unsafe fn put_sent(&self, value: S) {
        // SAFETY: nobody refers to the slot while the body is suspended.
        unsafe { (*self.sent.get()).write(value) };
    }

    /// # Safety
    ///
    /// The body has just yielded, and nobody has taken the value.
    #[inline(always)]
    pub(super) unsafe fn take_yielded(&self) -> Y {
        // SAFETY: it was written just before the body suspended itself.
        unsafe { (*self.yielded.get()).assume_init_read() }
    }

    /// Yields a value and gives what is sent for it; `next` and `advance` send `S::default()`.
    ///
    /// If instead an error is thrown in, or the generator is closed or dropped, this does not return: the stack
    /// is unwound silently to the caller of `throw` or `close`, and destructors run on the way, as they do in
    /// Python when nobody catches. Use [`try_yield`](Yielder::try_yield) to catch.
    ///
    /// # Panics
    ///
    /// Panics where a yield is not possible; see the rules at [`Yielder`].
    ///
    /// # Examples
    ///
    /// ```
    /// use cede::{Generator, Step, Yielder};
    ///
    /// let echo = Generator::new(|y: &Yielder<u32, u32>| {
    ///     let mut heard = 0;
    ///     loop {
    ///         heard = y.yield_(heard * 2);
    ///     }
    /// });
    /// echo.start().unwrap();
    /// assert!(matches!(echo.send(21), Ok(Step::<_, ()>::Yielded(42))));
    /// ```
    #[inline(always)]
    pub fn yield_(&self, value: Y) -> S {
        if !self.core.may_suspend() {
            self.refuse_by_panic();
        }
        // SAFETY: just checked.
        match unsafe { self.suspend_with(value) } {
            Ok(sent) => sent,
            Err(thrown) => self.core.raise(thrown),
        }
    }

    /// Yields a value; gives what is sent for it, or what is thrown in: Python's `try: x = yield v`.
    ///
    /// Costs the same as `yield_` when nothing is thrown. A body that returns when it is told to end is
    /// much cheaper to abandon than one that must be unwound.
    ///
    /// # Errors
    ///
    /// [`Thrown::Exit`] when the generator is closed or dropped: finish, and do not yield again.
    /// [`Thrown::Error`] with what was thrown in, or with a [`GeneratorError`] where a yield is not
    /// possible; see the rules at [`Yielder`].
    #[inline(always)]
    pub fn try_yield(&self, value: Y) -> Result<S, Thrown> {
        if !self.core.may_suspend() {
            return Err(self.refuse());
        }
        // SAFETY: just checked.
        unsafe { self.suspend_with(value) }
    }

    /// # Safety
    ///
    /// `may_suspend` has answered yes.
    #[inline(always)]
    unsafe fn suspend_with(&self, value: Y) -> Result<S, Thrown> {
        // SAFETY: the slot is ours while the body runs.
        unsafe { (*self.yielded.get()).write(value) };
        // SAFETY: this is the innermost coroutine and nothing unwinds: the caller has checked.
        if unsafe { self.core.coroutine.suspend(Event::Suspended) } == Command::Raise {
            return Err(self.core.take_thrown());
        }
        // SAFETY: resumed without a parcel, so the resumer has written a value before.
        Ok(unsafe { (*self.sent.get()).assume_init_read() })
    }

    #[cold]
    #[inline(never)]
    fn refuse(&self) -> Thrown {
        Thrown::Error(Box::new(self.core.refusal()))
    }

    #[cold]
    #[inline(never)]
    fn refuse_by_panic(&self) -> ! {
        panic!("cede: {}", self.core.refusal())
    }

    /// Yields all that another generator yields and gives the value that it returns: Python's `yield from`.
    ///
    /// While it lasts, what is sent and thrown goes to the inner generator, and `close` closes it first. Values
    /// cost the same at any depth of delegation. The inner generator may be given by value, by reference
    /// or in an `Rc`; it may be part-consumed.
    ///
    /// What the inner generator raises unwinds silently from here, as thrown errors do from `yield_`; an
    /// inner generator that had already finished raises [`StopIteration`], since it has no value to give.
    ///
    /// # Panics
    ///
    /// Goes on with a panic of the inner generator. Panics where a yield is not possible; see the rules at
    /// [`Yielder`].
    ///
    /// # Examples
    ///
    /// ```
    /// use cede::{Generator, Yielder};
    ///
    /// fn count(y: &Yielder<u32>, n: u32) -> u32 {
    ///     (0..n).for_each(|i| y.yield_(i));
    ///     n
    /// }
    /// let outer = Generator::new(|y: &Yielder<u32>| {
    ///     let n = y.yield_from(Generator::new(|y: &Yielder<u32>| count(y, 3)));
    ///     y.yield_(n * 100);
    /// });
    /// assert_eq!(outer.collect::<Vec<_>>(), [0, 1, 2, 300]);
    /// ```
    pub fn yield_from<D: Delegate<Y, S>>(&self, inner: D) -> D::Return
    where
        S: Default,
    {
        if !self.core.coroutine.is_free_to_suspend() {
            self.refuse_by_panic();
        }
        // SAFETY: just checked.
        match unsafe { self.delegate_to(inner) } {
            Ok(value) => value,
            Err(_) if self.core.coroutine.is_unwinding() => self.refuse_by_panic(),
            Err(thrown) => self.core.raise(thrown),
        }
    }

    /// Like [`yield_from`](Yielder::yield_from), but gives what the inner generator raises as an error.
    ///
    /// # Errors
    ///
    /// [`Thrown::Exit`] when this generator is closed or dropped, after the inner one was closed.
    /// [`Thrown::Error`] with what the inner generator raised; with [`StopIteration`] where it had finished
    /// before or was closed by others (with the payload, where one was thrown in); with
    /// [`GeneratorError::AlreadyExecuting`] where it is running; or where a yield is not possible (the rules
    /// at [`Yielder`]).
    ///
    /// # Panics
    ///
    /// Goes on with a panic of the inner generator.
    pub fn try_yield_from<D: Delegate<Y, S>>(&self, inner: D) -> Result<D::Return, Thrown>
    where
        S: Default,
    {
        if !self.core.coroutine.is_free_to_suspend() {
            return Err(self.refuse());
        }
        // SAFETY: just checked.
        unsafe { self.delegate_to(inner) }
    }

    /// # Safety
    ///
    /// `is_free_to_suspend` has answered yes.
    unsafe fn delegate_to<D: Delegate<Y, S>>(&self, inner: D) -> Result<D::Return, Thrown>
    where
        S: Default,
    {
        // Made first: it is user code, which may move or end what is looked at below. What is not needed is
        // dropped only after the suspension, for the same reason.
        let mut first = Some(S::default());
        let record = inner.record();
        let other = record.yielder().core();
        if other.state.get() == State::CLOSED {
            return Err(closed_delegate());
        }
        if other.is_executing() {
            return Err(Thrown::Error(Box::new(GeneratorError::AlreadyExecuting)));
        }
        if self.core.coroutine.is_unwinding() {
            return Err(self.refuse());
        }
        let end = other.end_of_chain();
        if end.state.get() == State::SUSPENDED {
            let first = first.take().expect("just made");
            // SAFETY: all generators of a chain have the same `Y` and `S`, so this core is the first field of a
            // `Yielder<Y, S>`. The resumer, to whom we suspend now, resumes it next.
            unsafe { (*(&raw const *end).cast::<Yielder<Y, S>>()).put_sent(first) };
        }
        self.core.delegate.set(Some(other.into()));
        // SAFETY: the caller has checked that it is free to suspend itself; nothing unwinds. `inner` stays in this
        // frame, so what `delegate` points to stays alive while it is set.
        let command = unsafe { self.core.coroutine.suspend(Event::Delegating) };
        self.core.delegate.set(None);
        if command == Command::Raise {
            return Err(self.core.take_thrown());
        }
        record.take_result()
    }

    /// Yields what an iterator gives: Python's `yield from` over anything that is not a generator.
    ///
    /// An iterator takes no values, so only `S::default()` may be sent meanwhile; other values raise
    /// [`GeneratorError::NoSend`] here. Gives the payload of a [`StopIteration`] that was thrown in and so ended
    /// the delegation; else an empty one.
    ///
    /// # Panics
    ///
    /// Panics where a yield is not possible; see the rules at [`Yielder`].
    ///
    /// # Examples
    ///
    /// ```
    /// use cede::{Generator, Yielder};
    ///
    /// let letters = Generator::new(|y: &Yielder<char>| {
    ///     y.yield_from_iter("ce".chars());
    ///     y.yield_from_iter("de".chars());
    /// });
    /// assert_eq!(letters.collect::<String>(), "cede");
    /// ```
    pub fn yield_from_iter<I: IntoIterator<Item = Y>>(&self, iter: I) -> StopIteration
    where
        S: Default + PartialEq,
    {
        let yield_one = |value| {
            if !self.core.may_suspend() {
                self.refuse_by_panic();
            }
            // SAFETY: just checked.
            unsafe { self.suspend_with(value) }
        };
        match delegate_to_iter(iter, yield_one) {
            Ok(stop) => stop,
            Err(thrown) => self.core.raise(thrown),
        }
    }

    /// Like [`yield_from_iter`](Yielder::yield_from_iter), but gives what is raised here as an error.
    ///
    /// # Errors
    ///
    /// What is thrown in, other than [`StopIteration`]; [`GeneratorError::NoSend`] where a value other than
    /// `S::default()` is sent; and where a yield is not possible (the rules at [`Yielder`]).
    pub fn try_yield_from_iter<I: IntoIterator<Item = Y>>(&self, iter: I) -> Result<StopIteration, Thrown>
    where
        S: Default + PartialEq,
    {
        delegate_to_iter(iter, |value| self.try_yield(value))
    }
}

#[inline]
fn delegate_to_iter<Y, S: Default + PartialEq>(
    iter: impl IntoIterator<Item = Y>,
    yield_one: impl Fn(Y) -> Result<S, Thrown>,
) -> Result<StopIteration, Thrown> {
    for value in iter {
        match yield_one(value) {
            Ok(sent) if sent == S::default() => {}
            Ok(_) => return Err(Thrown::Error(Box::new(GeneratorError::NoSend))),
            Err(thrown) => return thrown.downcast::<StopIteration>(),
        }
    }
    Ok(StopIteration::new())
}

impl<Y, S> fmt::Debug for Yielder<Y, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let label = self.core.coroutine.label();
        f.debug_struct("Yielder").field("name", &label.name).finish_non_exhaustive()
    }
}

/// What bodies that return a `Result` raise by returning an error.
pub(super) fn raised(error: impl Into<Box<dyn Error>>) -> Thrown {
    Thrown::from(error.into())
}
