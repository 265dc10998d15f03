//! Settings of a generator before it is made.

use std::error::Error;
use std::panic::Location;

use super::Generator;
use super::error::Thrown;
use super::record;
use super::yielder::{Yielder, raised};
use crate::stack::{Label, StackError};

/// Makes generators with a name or a stack size; from [`Generator::builder`].
///
/// # Examples
///
/// ```
/// use cede::{Generator, Yielder};
///
/// # fn main() -> Result<(), cede::stack::StackError> {
/// let g = Generator::builder()
///     .name("evens")
///     .stack_size(64 << 10)
///     .build(|y: &Yielder<u32>| (0..).step_by(2).for_each(|n| y.yield_(n)))?;
/// assert_eq!(g.name(), Some("evens"));
/// assert_eq!(g.take(3).collect::<Vec<_>>(), [0, 2, 4]);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Default)]
pub struct Builder {
    name: Option<Box<str>>,
    stack_size: Option<usize>,
}

impl Builder {
    pub(super) fn new() -> Self {
        Builder::default()
    }

    /// A name, for reports and [`Generator::name`].
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into().into_boxed_str());
        self
    }

    /// The size of the stack in bytes, its guard included; rounded up to a power of two.
    ///
    /// Without it the stack has [`DEFAULT_SIZE`](crate::stack::DEFAULT_SIZE).
    pub fn stack_size(mut self, bytes: usize) -> Self {
        self.stack_size = Some(bytes);
        self
    }

    /// Makes the generator; see [`Generator::new`].
    ///
    /// # Errors
    ///
    /// When the size is 0 or too large, or no memory for a stack can be had.
    #[track_caller]
    pub fn build<Y: 'static, S: 'static, R: 'static>(
        self,
        body: impl FnOnce(&Yielder<Y, S>) -> R + 'static,
    ) -> Result<Generator<Y, S, R>, StackError> {
        self.make(move |y: &Yielder<Y, S>| Ok(body(y)))
    }

    /// Makes a generator whose body may fail; see [`Generator::try_new`].
    ///
    /// # Errors
    ///
    /// As [`build`](Builder::build).
    #[track_caller]
    pub fn try_build<Y: 'static, S: 'static, R: 'static, E: Into<Box<dyn Error>>>(
        self,
        body: impl FnOnce(&Yielder<Y, S>) -> Result<R, E> + 'static,
    ) -> Result<Generator<Y, S, R>, StackError> {
        self.make(move |y: &Yielder<Y, S>| body(y).map_err(raised))
    }

    #[inline]
    #[track_caller]
    fn make<Y: 'static, S: 'static, R: 'static>(
        self,
        body: impl FnOnce(&Yielder<Y, S>) -> Result<R, Thrown> + 'static,
    ) -> Result<Generator<Y, S, R>, StackError> {
        // SAFETY: everything is `'static`.
        unsafe { record::make(self.stack_size, self.label(), body).map(|made| Generator::from_record(made)) }
    }

    #[track_caller]
    fn label(self) -> Label {
        Label { kind: "generator", name: self.name, made_at: Location::caller(), owner: std::ptr::null() }
    }
}
