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

mod spooled;

use std::error::Error;
use std::ffi::OsString;
use std::fmt;
use std::fs::Permissions;
use std::io::{self, IoSlice, IoSliceMut, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

#[cfg(any(target_os = "linux", target_os = "android"))]
use rustix::{
    fs::{CWD, RenameFlags},
    io::Errno,
};
use tempfile::TempPath;

pub use spooled::SpooledTempFile;

use super::File;
use super::calls::{drop_on_a_thread, on_path, on_paths};

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
        Ok(NamedTempFile { file, path: Cleaned(Some(path)) })
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
        Ok(TempDir(Cleaned(Some(tree))))
    }

    /// A file without a name, for which prefix and suffix mean nothing: [`temp_file`].
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

/// Gives a file another path, unless there is something.
fn rename_to_nothing(from: &Path, to: &Path) -> io::Result<()> {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    match rustix::fs::renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        // Not on every file system.
        Err(Errno::INVAL | Errno::NOSYS) => {}
        renamed => return Ok(renamed?),
    }
    std::fs::hard_link(from, to)?;
    std::fs::remove_file(from)
}

/// A directory that goes with this, and with all that is in it, unless the path is empty. On a thread.
#[derive(Debug)]
struct Tree(PathBuf);

impl Drop for Tree {
    fn drop(&mut self) {
        if !self.0.as_os_str().is_empty() {
            // Who wants to know of errors calls `close`.
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }
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

/// A file with a name that removes itself, open for reading and writing. See [the module](self).
///
/// # Examples
///
/// ```
/// use cede::fs::temp::NamedTempFile;
/// use std::io::Write;
///
/// cede::run(|| -> std::io::Result<()> {
///     let mut file = NamedTempFile::new()?;
///     file.write_all(b"hello")?;
///     file.flush()?;
///     assert_eq!(cede::fs::read(file.path())?, b"hello");
///     let path = file.path().to_owned();
///     file.close()?;
///     assert!(!cede::fs::exists(path)?);
///     Ok(())
/// })
/// # .unwrap();
/// ```
#[derive(Debug)]
pub struct NamedTempFile {
    // Dropped first, so that what is pending does not hold up others who look for it.
    file: File,
    path: Cleaned<TempPath>,
}

/// A temporary file that could not be given its path, and why.
#[derive(Debug)]
pub struct PersistError {
    /// What the system says.
    pub error: io::Error,
    /// The file, which is temporary still.
    pub file: NamedTempFile,
}

impl fmt::Display for PersistError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl Error for PersistError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.error)
    }
}

impl From<PersistError> for io::Error {
    fn from(error: PersistError) -> Self {
        error.error
    }
}

impl NamedTempFile {
    /// One in the directory for temporary files. [`Builder::named`] has more to choose.
    ///
    /// # Errors, cancellation
    ///
    /// As [`Builder::named`].
    pub fn new() -> io::Result<Self> {
        Builder::new().named()
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.path.get()
    }

    /// The file.
    pub fn as_file(&self) -> &File {
        &self.file
    }

    /// Gives it a path for good, in place of what is there, after what is pending has been written. All or nothing, but within one file
    /// system only: for a file that is to be replaced by a whole one, make this one in the same directory.
    ///
    /// # Errors
    ///
    /// Those of the system, with the file.
    ///
    /// # Cancellation
    ///
    /// Unwinds when the task is cancelled meanwhile; it may be carried out all the same, and else the file is removed.
    pub fn persist(self, to: impl AsRef<Path>) -> Result<File, PersistError> {
        self.persist_by(to.as_ref(), |from, to| std::fs::rename(from, to))
    }

    /// As [`persist`](Self::persist), where there is nothing at the path yet.
    ///
    /// # Errors, cancellation
    ///
    /// As [`persist`](Self::persist), and when there is something.
    pub fn persist_noclobber(self, to: impl AsRef<Path>) -> Result<File, PersistError> {
        self.persist_by(to.as_ref(), rename_to_nothing)
    }

    fn persist_by(
        mut self,
        to: &Path,
        rename: fn(&Path, &Path) -> io::Result<()>,
    ) -> Result<File, PersistError> {
        let renamed = self.file.flush().and_then(|()| on_paths("rename", self.path(), to, rename));
        if let Err(error) = renamed {
            return Err(PersistError { error, file: self });
        }
        self.file.was_renamed(to);
        Ok(self.keep().0)
    }

    /// Keeps it where it is.
    pub fn keep(self) -> (File, PathBuf) {
        let NamedTempFile { file, path } = self;
        let path = path.into_inner();
        let kept = path.to_path_buf();
        // It has nothing to do on Unix, and can't fail.
        let _ = path.keep();
        (file, kept)
    }

    /// Removes it, and tells of errors.
    ///
    /// # Errors
    ///
    /// Those of the system.
    ///
    /// # Cancellation
    ///
    /// Unwinds when the task is cancelled meanwhile, and it is removed all the same.
    pub fn close(self) -> io::Result<()> {
        let path = self.path.into_inner();
        let name = path.to_path_buf();
        on_path("remove", &name, move |_| {
            std::fs::remove_file(&path)?;
            // It is gone.
            let _ = path.keep();
            Ok(())
        })
    }
}

impl Read for NamedTempFile {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.file.read(buffer)
    }

    fn read_vectored(&mut self, buffers: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        self.file.read_vectored(buffers)
    }

    fn read_exact(&mut self, buffer: &mut [u8]) -> io::Result<()> {
        self.file.read_exact(buffer)
    }

    fn read_to_end(&mut self, bytes: &mut Vec<u8>) -> io::Result<usize> {
        self.file.read_to_end(bytes)
    }

    fn read_to_string(&mut self, text: &mut String) -> io::Result<usize> {
        self.file.read_to_string(text)
    }
}

impl Write for NamedTempFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn write_vectored(&mut self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        self.file.write_vectored(parts)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Seek for NamedTempFile {
    fn seek(&mut self, target: SeekFrom) -> io::Result<u64> {
        self.file.seek(target)
    }
}

/// A directory that removes itself with all that is in it. See [the module](self).
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
        on_path("remove the directory", &path, move |path| {
            tree.0 = PathBuf::new();
            std::fs::remove_dir_all(path)
        })
    }
}
