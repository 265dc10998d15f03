//! A value that is made when it is first looked at.

use std::fmt;
use std::ops::Deref;

use super::once_cell::OnceCell;

/// A value that a function makes when it is first looked at, in the shape of [`std::sync::LazyLock`]. The function may wait; whoever
/// looks meanwhile waits until it is done.
///
/// Where the function panics, or the task that runs it is cancelled, the next who looks calls it again: nothing is poisoned. So it
/// is an `Fn`, where std has an `FnOnce`.
///
/// # Cancellation, panics
///
/// Looking at it is as [`OnceCell::get_or_init`].
///
/// # Examples
///
/// ```
/// use cede::sync::Lazy;
/// use std::time::Duration;
///
/// static WORDS: Lazy<Vec<&str>> = Lazy::new(|| {
///     cede::sleep(Duration::from_millis(1));
///     vec!["to", "cede"]
/// });
///
/// cede::run(|| assert_eq!(WORDS.len(), 2));
/// assert_eq!(WORDS[1], "cede");
/// ```
pub struct Lazy<T, F = fn() -> T> {
    cell: OnceCell<T>,
    make: F,
}

impl<T, F> Lazy<T, F> {
    /// A value that `make` makes.
    #[track_caller]
    pub const fn new(make: F) -> Self {
        Lazy { cell: OnceCell::new(), make }
    }

    /// The value, if it was made.
    pub fn get(this: &Self) -> Option<&T> {
        this.cell.get()
    }
}

impl<T, F: Fn() -> T> Lazy<T, F> {
    /// The value, which is made if it was not.
    ///
    /// # Cancellation, panics
    ///
    /// As [`OnceCell::get_or_init`].
    #[inline]
    pub fn force(this: &Self) -> &T {
        this.cell.get_or_init(&this.make)
    }
}

impl<T, F: Fn() -> T> Deref for Lazy<T, F> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        Lazy::force(self)
    }
}

impl<T: fmt::Debug, F> fmt::Debug for Lazy<T, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut tuple = f.debug_tuple("Lazy");
        match Lazy::get(self) {
            Some(value) => tuple.field(value),
            None => tuple.field(&format_args!("<no value>")),
        };
        tuple.finish()
    }
}
