//! A temporary directory.

use std::io;
use std::path::{Path, PathBuf};

use super::{Builder, Cleaned};
use crate::fs::calls::on_path;

/// A directory that removes itself with all that is in it. See [the module](super).
///
/// # Examples
///
/// ```
/// use cede::fs::{self, temp::TempDir};
///
/// cede::run(|| -> std::io::Result<()> {
///     let directory = TempDir::new()?;
///     fs::write(directory.path().join("notes"), "hello")?;
///     let path = directory.path().to_owned();
///     drop(directory);
///     assert!(!fs::exists(path)?);
///     Ok(())
/// })
/// # .unwrap();
/// ```
#[derive(Debug)]
pub struct TempDir(Cleaned<Tree>);

impl TempDir {
    pub(super) fn of(tree: Tree) -> Self {
        TempDir(Cleaned(Some(tree)))
    }

    /// One in the directory for temporary files. [`Builder::dir`] has more to choose.
    ///
    /// # Errors, cancellation
    ///
    /// As [`Builder::named`].
    pub fn new() -> io::Result<Self> {
        Builder::new().dir()
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0.get().0
    }

    /// Keeps it where it is.
    pub fn keep(self) -> PathBuf {
        std::mem::take(&mut self.0.into_inner().0)
    }

    /// Removes it with all that is in it, and tells of errors.
    ///
    /// # Errors
    ///
    /// Those of the system. What could be removed has been.
    ///
    /// # Cancellation
    ///
    /// Unwinds when the task is cancelled meanwhile, and it is removed all the same, as far as it can be.
    pub fn close(self) -> io::Result<()> {
        let mut tree = self.0.into_inner();
        let path = tree.0.clone();
        on_path("remove the directory", &path, move |_| std::fs::remove_dir_all(std::mem::take(&mut tree.0)))
    }
}

/// A directory that goes with this, and with all that is in it, unless the path is empty. On a thread.
#[derive(Debug)]
pub(super) struct Tree(pub(super) PathBuf);

impl Drop for Tree {
    fn drop(&mut self) {
        if !self.0.as_os_str().is_empty() {
            // Who wants to know of errors calls `close`.
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }
}
