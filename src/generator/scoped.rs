//! Generators that borrow what is around them.
//!
//! A handle that owned such a generator could be forgotten, and its stack would keep references to locals
//! that are gone. So the owner is a frame of [`scoped`], which ends the generator before it returns,
//! however it is left, and users get a [`Scoped`]: a copy of a private pointer, which cannot outlive the
//! closure that it was given to (its lifetime is the closure's parameter) and owns nothing to swap.

use std::error::Error;
use std::fmt;
use std::marker::PhantomData;
use std::panic::Location;
use std::process;
use std::ptr::NonNull;

use super::DelegateInfo;
use super::error::{GeneratorError, SendError, Thrown};
use super::iter::Fallible;
use super::record::{self, Delegate, GeneratorState, Record, Step};
use super::yielder::{Yielder, raised};
use crate::stack::Label;

/// Runs `f` with a generator whose body may borrow what is around it.
///
/// When `f` is done, or unwinds, a generator that is still suspended is closed, before `scoped` returns; errors
/// and panics that come out of it then go to the unraisable hook.
///
/// # Panics
///
/// Panics when no memory for a stack can be had. Goes on with panics of `f`.
///
/// # Aborts
///
/// Ends the process, with a message, where the body catches every request to end: its stack holds
/// borrows that are about to end too.
///
/// # Examples
///
/// ```
/// use cede::scoped;
///
/// let words = vec!["to", "cede"];
/// scoped(|y| for w in &words { for c in w.chars() { y.yield_(c) } }, |chars| assert_eq!(chars.count(), 6));
/// ```
#[track_caller]
pub fn scoped<Y, S, R, T>(
    body: impl FnOnce(&Yielder<Y, S>) -> R,
    f: impl FnOnce(Scoped<'_, Y, S, R>) -> T,
) -> T {
    run(Location::caller(), move |y: &Yielder<Y, S>| Ok(body(y)), f)
}

/// Like [`scoped`], for a body that may fail: an `Err` is what Python would raise.
///
/// # Panics, aborts
///
/// As [`scoped`].
#[track_caller]
pub fn try_scoped<Y, S, R, E: Into<Box<dyn Error>>, T>(
    body: impl FnOnce(&Yielder<Y, S>) -> Result<R, E>,
    f: impl FnOnce(Scoped<'_, Y, S, R>) -> T,
) -> T {
    run(Location::caller(), move |y: &Yielder<Y, S>| body(y).map_err(raised), f)
}

fn run<Y, S, R, T>(
    made_at: &'static Location<'static>,
    body: impl FnOnce(&Yielder<Y, S>) -> Result<R, Thrown>,
    f: impl FnOnce(Scoped<'_, Y, S, R>) -> T,
) -> T {
    let label = Label { kind: "generator", name: None, made_at, owner: std::ptr::null() };
    // SAFETY: `owner` ends the generator before this frame goes, and does not let it go if it cannot.
    let record = match unsafe { record::make(None, label, body) } {
        Ok(record) => record,
        Err(error) => panic!("cede: no stack for a generator: {error}"),
    };
    let _owner = Owner { record };
    f(Scoped { record, marker: PhantomData })
}

/// Ends the generator when the scope is left, by return or by unwinding.
struct Owner<Y, S, R> {
    record: NonNull<Record<Y, S, R>>,
}

impl<Y, S, R> Drop for Owner<Y, S, R> {
    fn drop(&mut self) {
        // SAFETY: the scope owns the record, and handles do not outlive the scope.
        let ended = unsafe { record::release(self.record) };
        if !ended {
            eprintln!(
                "cede: a scoped generator can't be ended: {}. Its stack borrows locals that are about to go, \
                 so the process is aborted. Let the body return when its yields give Thrown::Exit.",
                GeneratorError::Immortal
            );
            process::abort();
        }
    }
}

/// A handle to a generator that borrows; from [`scoped`].
///
/// Has the operations of [`Generator`](crate::Generator). It is a copyable reference: dropping it does
/// nothing, the scope ends the generator.
pub struct Scoped<'scope, Y, S = (), R = ()> {
    record: NonNull<Record<Y, S, R>>,
    /// Invariant in all, neither `Send` nor `Sync`.
    marker: PhantomData<(&'scope mut &'scope (), *mut (Y, S, R))>,
}

impl<Y, S, R> Clone for Scoped<'_, Y, S, R> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<Y, S, R> Copy for Scoped<'_, Y, S, R> {}

impl<Y, S, R> Scoped<'_, Y, S, R> {
    #[inline(always)]
    pub(super) fn record(&self) -> &Record<Y, S, R> {
        // SAFETY: the record lives as long as the scope, which this handle cannot outlive.
        unsafe { self.record.as_ref() }
    }

    /// See [`Generator::start`](crate::Generator::start).
    ///
    /// # Errors
    ///
    /// As there.
    pub fn start(&self) -> Result<Step<Y, R>, GeneratorError> {
        self.record().start()
    }

    /// See [`Generator::advance`](crate::Generator::advance).
    ///
    /// # Errors
    ///
    /// As there.
    #[inline]
    pub fn advance(&self) -> Result<Step<Y, R>, GeneratorError>
    where
        S: Default,
    {
        self.record().advance()
    }

    /// See [`Generator::send`](crate::Generator::send).
    ///
    /// # Errors
    ///
    /// As there.
    #[inline]
    pub fn send(&self, value: S) -> Result<Step<Y, R>, SendError<S>> {
        self.record().send(value)
    }

    /// See [`Generator::throw`](crate::Generator::throw).
    ///
    /// # Errors
    ///
    /// As there.
    pub fn throw(&self, error: impl Into<Box<dyn Error>>) -> Result<Step<Y, R>, SendError<Thrown>> {
        self.record().throw(Thrown::from(error.into()))
    }

    /// See [`Generator::close`](crate::Generator::close).
    ///
    /// # Errors
    ///
    /// As there.
    pub fn close(&self) -> Result<Option<R>, GeneratorError> {
        self.record().close()
    }

    /// Where the generator stands.
    pub fn state(&self) -> GeneratorState {
        self.record().state()
    }

    /// Where the scope was entered.
    pub fn made_at(&self) -> &'static Location<'static> {
        self.record().core().coroutine.label().made_at
    }

    /// The generator that this one delegates to at the moment.
    pub fn delegate(&self) -> Option<DelegateInfo> {
        self.record().delegate_info()
    }

    /// How many bytes of the stack have been used at most; see
    /// [`Generator::stack_high_water`](crate::Generator::stack_high_water).
    pub fn stack_high_water(&self) -> usize {
        self.record().core().coroutine.touched()
    }

    /// The iterator of results; see [`Generator::fallible`](crate::Generator::fallible).
    pub fn fallible(self) -> Fallible<Self> {
        Fallible::new(self)
    }
}

impl<Y, S, R> fmt::Debug for Scoped<'_, Y, S, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.record().debug("Scoped", f)
    }
}

impl<Y, S, R> record::sealed::Sealed for Scoped<'_, Y, S, R> {}

impl<Y, S, R> Delegate<Y, S> for Scoped<'_, Y, S, R> {
    type Return = R;

    fn record(&self) -> &Record<Y, S, R> {
        Scoped::record(self)
    }
}
