//! Calls with paths, each on a thread as one job.
//!
//! A job owns its paths. Its errors get their names here, and not in the job, since there is the path that the user has given.

use std::fmt;
use std::io;
use std::path::Path;

use crate::io::named;
use crate::runtime::blocking;
#[cfg(feature = "tempfile")]
use crate::runtime::park;
#[cfg(feature = "tempfile")]
use crate::task::no_cancel;

/// A call with one path. `operation` is what is done, as errors have it: "open".
pub(super) fn on_path<T: Send + 'static>(
    operation: &str,
    path: &Path,
    f: impl FnOnce(&Path) -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    let owned = path.to_owned();
    blocking::call(move || f(&owned)).map_err(|error| named(error, operation, Quoted(path)))
}

/// A call with two.
pub(super) fn on_paths<T: Send + 'static>(
    operation: &str,
    from: &Path,
    to: &Path,
    f: impl FnOnce(&Path, &Path) -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    let (from_owned, to_owned) = (from.to_owned(), to.to_owned());
    blocking::call(move || f(&from_owned, &to_owned))
        .map_err(|error| named(error, operation, format_args!("{} to {}", Quoted(from), Quoted(to))))
}

/// Drops something whose destructor takes time: on a thread, for which the task waits, if it may.
#[cfg(feature = "tempfile")]
pub(super) fn drop_on_a_thread<T: Send + 'static>(thing: T) {
    if park::refusal().is_none() {
        // Where there is no thread the job is dropped here, and the thing with it.
        let _ = no_cancel(|| blocking::try_unblock(move || drop(thing)));
    }
}

/// A path as errors have it.
pub(super) struct Quoted<'a>(pub(super) &'a Path);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}
