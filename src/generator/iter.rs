//! Generators as iterators.

use std::error::Error;
use std::fmt;
use std::iter::FusedIterator;

use super::error::GeneratorError;
use super::record::Record;
use super::{Generator, Scoped};

/// The iterator of results of a generator whose body may fail; from [`Generator::fallible`].
///
/// Gives `Ok` for each value, then, if the body raised, `Err` once.
///
/// # Examples
///
/// ```
/// use cede::{Generator, Yielder};
/// use std::{fs, io, path::{Path, PathBuf}};
///
/// fn walk(dir: &Path, y: &Yielder<PathBuf>) -> io::Result<()> {
///     for entry in fs::read_dir(dir)? {
///         let path = entry?.path();
///         if path.is_dir() { walk(&path, y)?; } else { y.yield_(path); }
///     }
///     Ok(())
/// }
/// for path in Generator::try_new(|y| walk(Path::new("src"), y)).fallible() {
///     println!("{}", path?.display());
/// }
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
pub struct Fallible<G> {
    generator: G,
}

impl<G> Fallible<G> {
    pub(super) fn new(generator: G) -> Self {
        Fallible { generator }
    }
}

impl<G: fmt::Debug> fmt::Debug for Fallible<G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Fallible").field(&self.generator).finish()
    }
}

#[inline]
fn next_result<Y, R>(record: &Record<Y, (), R>) -> Option<Result<Y, Box<dyn Error>>> {
    match record.next() {
        Ok(value) => Some(Ok(value)),
        Err(no_value) => record.next_instead(no_value).map(|result| {
            result.map_err(|error| match error {
                GeneratorError::Raised(error) => error,
                misuse => Box::new(misuse),
            })
        }),
    }
}

#[inline(always)]
fn next_value<Y, R>(record: &Record<Y, (), R>) -> Option<Y> {
    match record.next() {
        Ok(value) => Some(value),
        Err(no_value) => match record.next_instead(no_value) {
            Some(Ok(value)) => Some(value),
            None => None,
            Some(Err(error)) => panic_with(error),
        },
    }
}

#[cold]
fn panic_with(error: GeneratorError) -> ! {
    panic!("cede: a generator raised while it was iterated: {error}; fallible() gives results instead")
}

impl<Y, R> Iterator for Fallible<Generator<Y, (), R>> {
    type Item = Result<Y, Box<dyn Error>>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        next_result(self.generator.record())
    }
}

impl<Y, R> Iterator for Fallible<Scoped<'_, Y, (), R>> {
    type Item = Result<Y, Box<dyn Error>>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        next_result(self.generator.record())
    }
}

/// Where nothing is sent, a generator is an iterator. Its return value is dropped.
///
/// # Panics
///
/// `next` panics with what the body raised ([`Generator::fallible`] gives results instead), and on misuse:
/// when the generator is already executing, or the thread's locals are being destroyed.
impl<Y, R> Iterator for Generator<Y, (), R> {
    type Item = Y;

    #[inline]
    fn next(&mut self) -> Option<Y> {
        next_value(self.record())
    }
}

/// Iterates without consuming the generator: `for v in &g`, after which `g` can go on.
impl<Y, R> Iterator for &Generator<Y, (), R> {
    type Item = Y;

    #[inline]
    fn next(&mut self) -> Option<Y> {
        next_value(self.record())
    }
}

/// As for [`Generator`].
impl<Y, R> Iterator for Scoped<'_, Y, (), R> {
    type Item = Y;

    #[inline]
    fn next(&mut self) -> Option<Y> {
        next_value(self.record())
    }
}

impl<Y, R> FusedIterator for Generator<Y, (), R> {}
impl<Y, R> FusedIterator for &Generator<Y, (), R> {}
impl<Y, R> FusedIterator for Scoped<'_, Y, (), R> {}
