//! How temporary files and directories are made.

use std::ffi::OsString;
use std::fs::Permissions;
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use tempfile::TempPath;

use super::named::NamedTempFile;
use super::tree::{TempDir, Tree};
use crate::fs::File;
use crate::fs::calls::on_path;

/// Where temporary files are made, and what they are called.
///
/// # Examples
///
/// ```
/// use cede::fs::temp::Builder;
///
/// let path = cede::run(|| {
///     let file = Builder::new().prefix("report-").suffix(".csv").named()?;
///     Ok::<_, std::io::Error>(file.path().to_owned())
/// })?;
/// let name = path.file_name().unwrap().to_str().unwrap();
/// assert!(name.starts_with("report-") && name.ends_with(".csv") && !path.exists());
/// # Ok::<_, std::io::Error>(())
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct Builder {
    prefix: OsString,
    suffix: OsString,
    random: usize,
    directory: Option<PathBuf>,
    permissions: Option<Permissions>,
}

impl Builder {
    /// Names of six random letters behind `.tmp`, in the directory for temporary files, for this user alone.
    #[allow(clippy::new_without_default, reason = "as std's builders")]
    pub fn new() -> Self {
        let (prefix, suffix) = (OsString::from(".tmp"), OsString::new());
        Builder { prefix, suffix, random: 6, directory: None, permissions: None }
    }

    /// What names begin with.
    pub fn prefix(mut self, prefix: impl Into<OsString>) -> Self {
        self.prefix = prefix.into();
        self
    }

    /// What names end with.
    pub fn suffix(mut self, suffix: impl Into<OsString>) -> Self {
        self.suffix = suffix.into();
        self
    }

    /// How many random letters there are in between.
    pub fn random_letters(mut self, count: usize) -> Self {
        self.random = count;
        self
    }

    /// The directory in which it is made.
    pub fn directory(mut self, path: impl Into<PathBuf>) -> Self {
        self.directory = Some(path.into());
        self
    }

    /// Other permissions than those that let this user alone in; the process's mask takes some away.
    pub fn permissions(mut self, permissions: Permissions) -> Self {
        self.permissions = Some(permissions);
        self
    }

    /// Has `make` make something at a path that nobody has.
    fn make<T: Send + 'static>(
        &self,
        operation: &'static str,
        make: impl FnMut(&Path) -> io::Result<T> + Send + 'static,
    ) -> io::Result<(T, TempPath)> {
        let options = self.clone();
        self.in_directory(operation, move |directory| options.make_in(directory, make))
    }

    fn in_directory<T: Send + 'static>(
        &self,
        operation: &'static str,
        f: impl FnOnce(&Path) -> io::Result<T> + Send + 'static,
    ) -> io::Result<T> {
        let directory = self.directory.clone().unwrap_or_else(std::env::temp_dir);
        on_path(operation, &directory, f)
    }

    /// On a thread.
    fn make_in<T>(
        &self,
        directory: &Path,
        mut make: impl FnMut(&Path) -> io::Result<T>,
    ) -> io::Result<(T, TempPath)> {
        let mut builder = tempfile::Builder::new();
        builder.prefix(&self.prefix).suffix(&self.suffix).rand_bytes(self.random);
        // The crate puts the path into its errors, and the number of the system's is lost in them.
        let mut code = None;
        let made =
            builder.make_in(directory, |path| make(path).inspect_err(|error| code = error.raw_os_error()));
        match (made, code) {
            (Ok(made), _) => Ok(made.into_parts()),
            (Err(_), Some(code)) => Err(io::Error::from_raw_os_error(code)),
            (Err(error), None) => Err(error),
        }
    }

    fn mode(&self, default: u32) -> u32 {
        self.permissions.as_ref().map_or(default, |permissions| permissions.mode() & 0o7777)
    }

    /// A file with a name.
    ///
    /// # Errors
    ///
    /// Those of the system; outside of a task.
    ///
    /// # Cancellation
    ///
    /// Unwinds when the task is cancelled meanwhile, and there is no file.
    pub fn named(&self) -> io::Result<NamedTempFile> {
        let mode = self.mode(0o600);
        let (file, path) = self.make("make a temporary file in", move |path| open_new(path, mode))?;
        let file = File::of(file, Some(&path), false);
        Ok(NamedTempFile::of(file, path))
    }

    /// A directory.
    ///
    /// # Errors, cancellation
    ///
    /// As [`named`](Self::named).
    pub fn dir(&self) -> io::Result<TempDir> {
        let mode = self.mode(0o700);
        let (tree, path) = self.make("make a temporary directory in", move |path| {
            std::fs::DirBuilder::new().mode(mode).create(path)?;
            Ok(Tree(path.to_owned()))
        })?;
        // It would remove a file.
        let _ = path.keep();
        Ok(TempDir::of(tree))
    }

    /// A file without a name, for which prefix and suffix mean nothing: [`temp_file`](super::temp_file).
    ///
    /// # Errors, cancellation
    ///
    /// As [`named`](Self::named).
    pub fn unnamed(&self) -> io::Result<File> {
        let options = self.clone();
        let file = self.in_directory("make a temporary file in", move |directory| {
            let mode = options.mode(0o600);
            #[cfg(any(target_os = "linux", target_os = "android"))]
            match open_nowhere(directory, mode) {
                // Not on every file system.
                Err(error) if matches!(error.raw_os_error(), Some(libc::EOPNOTSUPP | libc::EISDIR)) => {}
                opened => return opened,
            }
            let (file, path) = options.make_in(directory, |path| open_new(path, mode))?;
            path.close()?;
            Ok(file)
        })?;
        Ok(File::of(file, None, false))
    }
}

fn open_new(path: &Path, mode: u32) -> io::Result<std::fs::File> {
    std::fs::OpenOptions::new().read(true).write(true).create_new(true).mode(mode).open(path)
}

/// A file that has never had a name.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn open_nowhere(directory: &Path, mode: u32) -> io::Result<std::fs::File> {
    let flags = libc::O_TMPFILE | libc::O_EXCL;
    std::fs::OpenOptions::new().read(true).write(true).custom_flags(flags).mode(mode).open(directory)
}
