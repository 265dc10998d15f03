//! How a directory is made.

use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

use super::calls;

/// How a directory is made, in the shape of [`std::fs::DirBuilder`] and its extension for Unix.
///
/// # Examples
///
/// ```
/// use cede::fs::{self, DirBuilder};
///
/// cede::run(|| -> std::io::Result<()> {
///     let top = std::env::temp_dir().join(format!("cede-dir-{}", std::process::id()));
///     DirBuilder::new().recursive(true).mode(0o700).create(top.join("inner"))?;
///     assert!(fs::is_dir(top.join("inner")));
///     fs::remove_dir_all(top)
/// })
/// # .unwrap();
/// ```
#[derive(Debug)]
pub struct DirBuilder {
    recursive: bool,
    mode: u32,
}

impl DirBuilder {
    /// One directory, with all permissions that the process's mask leaves.
    #[must_use]
    #[allow(clippy::new_without_default, reason = "as std's")]
    pub fn new() -> Self {
        DirBuilder { recursive: false, mode: 0o777 }
    }

    /// Whether those above it are made too, and it is no error if it is there.
    pub fn recursive(&mut self, recursive: bool) -> &mut Self {
        self.recursive = recursive;
        self
    }

    /// The permissions, of which the process's mask takes some away.
    pub fn mode(&mut self, mode: u32) -> &mut Self {
        self.mode = mode;
        self
    }

    /// Makes the directory.
    ///
    /// # Errors
    ///
    /// Those of the system; outside of a task.
    ///
    /// # Cancellation
    ///
    /// Unwinds when the task is cancelled meanwhile; it may be carried out all the same.
    pub fn create(&self, path: impl AsRef<Path>) -> io::Result<()> {
        let (recursive, mode) = (self.recursive, self.mode);
        calls::on_path("create the directory", path.as_ref(), move |path| {
            std::fs::DirBuilder::new().recursive(recursive).mode(mode).create(path)
        })
    }
}
