//! A temporary file with a name.

use std::error::Error;
use std::fmt;
use std::io::{self, IoSlice, IoSliceMut, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

#[cfg(any(target_os = "linux", target_os = "android"))]
use rustix::{
    fs::{CWD, RenameFlags},
    io::Errno,
};
use tempfile::TempPath;

use super::{Builder, Cleaned};
use crate::fs::File;
use crate::fs::calls::{on_path, on_paths};

/// A file with a name that removes itself, open for reading and writing. See [the module](super).
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
    pub(super) fn of(file: File, path: TempPath) -> Self {
        NamedTempFile { file, path: Cleaned(Some(path)) }
    }

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
