//! Temporary files and directories, which remove themselves: Python's `tempfile`, with the feature `tempfile`.
//!
//! Names and the ways of making them that nobody else can guess or get between are those of the crate `tempfile`; here its calls go to a thread, and
//! files are [`File`]s.
//!
//! | Python | here |
//! |---|---|
//! | `TemporaryFile()` | [`temp_file`] |
//! | `NamedTemporaryFile()` | [`NamedTempFile::new`]; with `delete=False` [`keep`](NamedTempFile::keep) |
//! | `SpooledTemporaryFile(max_size)` | [`SpooledTempFile::new`] |
//! | `TemporaryDirectory()` | [`TempDir::new`]; with `delete=False` [`keep`](TempDir::keep) |
//! | `dir=`, `prefix=`, `suffix=` | [`Builder`] |
//! | `gettempdir()` | [`std::env::temp_dir`] |
//!
//! # Dropping
//!
//! What is dropped is removed before the drop returns: on a thread, for which the task is suspended where it may wait, and else at once. Errors are
//! not told then; `close` tells them. What a process leaves behind that is killed stays, but for [`temp_file`], which has no name.
//!
//! # Errors, cancellation
//!
//! As everywhere in [`fs`](super). What a job has made for a task that has been cancelled is removed again.

mod builder;
mod named;
mod spooled;
mod tree;

use std::io;

pub use builder::Builder;
pub use named::{NamedTempFile, PersistError};
pub use spooled::SpooledTempFile;
pub use tree::TempDir;

use super::File;
use super::calls::drop_on_a_thread;

/// A file without a name in the directory for temporary files, open for reading and writing. The system removes it when it is closed, also when the
/// process is killed.
///
/// # Errors
///
/// Those of the system; outside of a task.
///
/// # Cancellation
///
/// Unwinds when the task is cancelled meanwhile.
///
/// # Examples
///
/// ```
/// use std::io::{Read, Seek, Write};
///
/// let text = cede::run(|| {
///     let mut file = cede::fs::temp::temp_file()?;
///     file.write_all(b"notes")?;
///     file.rewind()?;
///     std::io::read_to_string(file)
/// })?;
/// assert_eq!(text, "notes");
/// # Ok::<_, std::io::Error>(())
/// ```
pub fn temp_file() -> io::Result<File> {
    Builder::new().unnamed()
}

/// Something whose destructor takes time.
#[derive(Debug)]
struct Cleaned<T: Send + 'static>(Option<T>);

impl<T: Send + 'static> Cleaned<T> {
    fn get(&self) -> &T {
        self.0.as_ref().expect("it is there until it is dropped")
    }

    fn into_inner(mut self) -> T {
        self.0.take().expect("it is there until it is dropped")
    }
}

impl<T: Send + 'static> Drop for Cleaned<T> {
    fn drop(&mut self) {
        if let Some(thing) = self.0.take() {
            drop_on_a_thread(thing);
        }
    }
}
