//! A file that is open, with a buffer.
//!
//! `opened` is the descriptor, `buffers` what the file holds between its jobs, and here is how an operation gets at both: it takes the
//! turn, hands it to a job with the operation in it, and gets it back. `reading`, `writing`, `locking` have the operations.
//!
//! Rejected: writing in the background, with bytes under way while the task goes on (who reads the file next would have to guess
//! when it is there; what is pending here stays, and then all of it is written); no buffer at all (each line would be a hop);
//! implementing `BufRead` (its borrowed buffer can't be shared between the tasks that use one file).

mod buffers;
mod locking;
mod opened;
mod reading;
mod writing;

use std::fmt;
use std::fs::{FileTimes, Metadata, Permissions};
use std::io::{self, Seek, SeekFrom};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

pub use locking::TryLockError;
pub use reading::FileLines;

use super::open_options::OpenOptions;
use super::turns::{Turn, Turns};
use crate::io::named;
use crate::runtime::blocking;
use buffers::Buffers;
use opened::Opened;

/// An open file, in the shape of [`std::fs::File`]: operations suspend the task, not the thread.
///
/// It reads, writes and seeks by value and by reference, so several tasks may use one at the same time, on one thread or several; each
/// operation is by itself. Directories, named pipes, devices and what is in `/proc` can be opened too; for a named pipe
/// [`io::PipeReader`](crate::io::PipeReader) is better, whose open and read end at once when they are cancelled, whoever owns the pipe.
///
/// # What it has in its buffer
///
/// Reads come from a block that was read ahead: 64 KiB, up to 512 KiB where one block after the other is read, or as much as the caller
/// has room for, and no more than 2 MiB. What others write there meanwhile is not seen, as with a
/// [`BufReader`](std::io::BufReader); at the end of the file nothing is kept, so that a later read finds what was added.
///
/// **What is written stays in the buffer** until there is a block of it, until [`flush`](std::io::Write::flush),
/// [`sync_all`](Self::sync_all), [`close`](Self::close) or any other operation but a write, or until the file is dropped. Before that nobody
/// else sees it, and a process that is killed loses it. [`OpenOptions::unbuffered`] makes each write go to the system before it returns, as
/// std's do. The position is what std's would be, however reads and writes mix. What one `writeln!` writes stays together when several
/// tasks write.
///
/// # Errors of writes
///
/// What the system does not take, since the disk is full, stays in the buffer. The error goes to the operation that found it, and
/// the next one tries again. So no error is lost, but it may come from a later operation than the write whose bytes they were, and `close` is
/// the last to tell. Where a file is dropped instead, and the rest can't be written, nobody can be told: the error
/// goes to the hook of [`set_task_hook`](crate::set_task_hook).
///
/// # Dropping
///
/// Writes what is pending before it returns, and suspends the task for that where it may wait; else it blocks the thread. A file whose
/// operation was cancelled a moment ago is closed when that job is done.
///
/// # Cancellation
///
/// A task that is cancelled while it waits unwinds, and the file is where it was before the operation, or where that was to bring it: a
/// read that was cancelled has consumed nothing, since what its job has read is in the buffer. A `write` that was
/// cancelled has taken nothing over, and bytes that were taken over are written. `read_exact`, `read_to_end` and `read_until` too lose
/// nothing, but `read_exact` of more than 2 MiB, which is several reads. `write_all` is several writes. The other operations
/// may have been carried out, or will be.
///
/// # Examples
///
/// ```
/// use cede::fs::{File, OpenOptions};
/// use std::io::{self, Read, Seek, Write};
///
/// cede::run(|| -> io::Result<()> {
///     let path = std::env::temp_dir().join(format!("cede-file-{}", std::process::id()));
///     let mut file = OpenOptions::new().read(true).write(true).create(true).truncate(true).open(&path)?;
///     file.write_all(b"hello, world")?;
///     file.rewind()?;
///     let mut text = String::new();
///     file.read_to_string(&mut text)?;
///     assert_eq!(text, "hello, world");
///     file.close()?;
///     cede::fs::remove_file(&path)
/// })
/// # .unwrap();
/// ```
pub struct File {
    opened: Arc<Opened>,
    turns: Arc<Turns<Buffers>>,
}

/// What becomes of an error of a job whose task has gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Undelivered {
    /// It comes up again, or meant the task alone.
    Forgotten,
    /// The next operation gives it.
    Kept,
}

/// An operation and its turn, on their way back from a thread.
struct Done<R> {
    turn: Option<Turn<Buffers>>,
    result: Option<io::Result<R>>,
    undelivered: Undelivered,
}

impl<R> Drop for Done<R> {
    fn drop(&mut self) {
        if let (Some(turn), Some(Err(error)), Undelivered::Kept) =
            (&mut self.turn, self.result.take(), self.undelivered)
        {
            turn.defer(error);
        }
    }
}

impl File {
    pub(super) fn of(file: std::fs::File, path: Option<&Path>, unbuffered: bool) -> Self {
        let opened = Arc::new(Opened::new(file, path, unbuffered));
        let turns = Turns::new(Buffers::new(Arc::clone(&opened)));
        File { opened, turns }
    }

    /// It has another path now.
    #[cfg(feature = "tempfile")]
    pub(super) fn was_renamed(&self, path: &Path) {
        self.opened.was_renamed(path);
    }

    /// Opens a file for reading.
    ///
    /// # Errors
    ///
    /// Those of the system; outside of a task.
    ///
    /// # Cancellation
    ///
    /// Unwinds when the task is cancelled meanwhile; a file that was opened is closed. Opening a named pipe waits for somebody at its
    /// other end. When that is cancelled, this process is at the other end itself for a moment: others who wait in an open of the same pipe
    /// find it there, and then gone. A pipe that this process may only read, or only write to, it can't open so: there the end of the
    /// run waits for somebody else at the other end.
    pub fn open(path: impl AsRef<Path>) -> io::Result<File> {
        OpenOptions::new().read(true).open(path)
    }

    /// Opens a file for writing: made if there is none, and empty in any case.
    ///
    /// # Errors, cancellation
    ///
    /// As [`open`](Self::open).
    pub fn create(path: impl AsRef<Path>) -> io::Result<File> {
        OpenOptions::new().write(true).create(true).truncate(true).open(path)
    }

    /// Makes a file, and opens it for reading and writing: Python's mode `x`.
    ///
    /// # Errors, cancellation
    ///
    /// As [`open`](Self::open), and when there is something at the path.
    pub fn create_new(path: impl AsRef<Path>) -> io::Result<File> {
        OpenOptions::new().read(true).write(true).create_new(true).open(path)
    }

    /// Options for opening one: [`OpenOptions::new`].
    pub fn options() -> OpenOptions {
        OpenOptions::new()
    }

    /// A file of std. What was written to it by other handles is seen as ever.
    pub fn from_std(file: std::fs::File) -> File {
        File::of(file, None, false)
    }

    /// The file as std's, with nothing in a buffer, and its position where it was here. Where there are other handles of the same file, they share
    /// it.
    ///
    /// # Errors
    ///
    /// When what is pending can't be written; where somebody else has a handle, when there is no descriptor left. The file is
    /// dropped then.
    ///
    /// # Cancellation
    ///
    /// Unwinds when the task is cancelled meanwhile, and the file is closed.
    pub fn into_std(self) -> io::Result<std::fs::File> {
        self.operate("write to", |buffers| {
            buffers.write_out()?;
            buffers.settle()
        })?;
        let File { opened, turns } = self;
        drop(turns);
        match Arc::try_unwrap(opened) {
            Ok(opened) => Ok(opened.into_file()),
            Err(opened) => opened.file.try_clone().map_err(|error| named(error, "clone", opened)),
        }
    }

    /// Another handle of this file, with the same position and the same buffer.
    ///
    /// # Errors
    ///
    /// None so far: it is the same descriptor.
    pub fn try_clone(&self) -> io::Result<File> {
        Ok(self.handle())
    }

    fn handle(&self) -> File {
        File { opened: Arc::clone(&self.opened), turns: Arc::clone(&self.turns) }
    }

    /// Writes what is pending, and closes the file; with other handles of it, it stays open. What dropping it does, but errors
    /// are told.
    ///
    /// Data that must survive a power cut need [`sync_all`](Self::sync_all) before.
    ///
    /// # Errors
    ///
    /// When what is pending can't be written: it is lost then. An error of an earlier operation that was cancelled.
    ///
    /// # Cancellation
    ///
    /// Unwinds when the task is cancelled meanwhile. What is pending is written all the same.
    pub fn close(self) -> io::Result<()> {
        let mut turn = self.turns.take()?;
        let opened = self.opened.to_string();
        drop(self);
        let closed = blocking::call(move || {
            let result = turn.write_out();
            if result.is_err() {
                turn.was_told();
            }
            // What goes last is on this thread.
            drop(turn);
            result
        });
        closed.map_err(|error| named(error, "close", opened))
    }

    /// Writes what is pending, and waits until all of the file and what is known about it is on the disk.
    ///
    /// # Errors
    ///
    /// Those of the system. One that nobody was told of because the task had been cancelled comes from the next operation.
    ///
    /// # Cancellation
    ///
    /// Unwinds when the task is cancelled meanwhile; it may be carried out all the same.
    pub fn sync_all(&self) -> io::Result<()> {
        self.operate_keeping("sync", Undelivered::Kept, |buffers| {
            buffers.write_out()?;
            buffers.opened().file.sync_all()
        })
    }

    /// As [`sync_all`](Self::sync_all), without what is not needed to read the data again, such as times.
    ///
    /// # Errors, cancellation
    ///
    /// As [`sync_all`](Self::sync_all).
    pub fn sync_data(&self) -> io::Result<()> {
        self.operate_keeping("sync", Undelivered::Kept, |buffers| {
            buffers.write_out()?;
            buffers.opened().file.sync_data()
        })
    }

    /// Cuts the file off at a length, or lengthens it with zeros. The position stays. Python's `truncate`.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn set_len(&self, length: u64) -> io::Result<()> {
        self.operate("set the length of", move |buffers| {
            buffers.write_out()?;
            buffers.settle()?;
            buffers.opened().file.set_len(length)
        })
    }

    /// What is known about the file, what is pending included.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn metadata(&self) -> io::Result<Metadata> {
        self.beside("get the metadata of", |file| file.metadata())
    }

    /// Who may do what with it.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn set_permissions(&self, permissions: Permissions) -> io::Result<()> {
        self.beside("set the permissions of", move |file| file.set_permissions(permissions))
    }

    /// When it was used and changed. What is pending is written before, since that would change them again.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn set_times(&self, times: FileTimes) -> io::Result<()> {
        self.beside("set the times of", move |file| file.set_times(times))
    }

    /// When it was changed.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn set_modified(&self, time: SystemTime) -> io::Result<()> {
        self.set_times(FileTimes::new().set_modified(time))
    }

    /// One operation on a thread, alone. `operation` is for errors: "read from".
    fn operate<R: Send + 'static>(
        &self,
        operation: &'static str,
        f: impl FnOnce(&mut Buffers) -> io::Result<R> + Send + 'static,
    ) -> io::Result<R> {
        self.operate_keeping(operation, Undelivered::Forgotten, f)
    }

    fn operate_keeping<R: Send + 'static>(
        &self,
        operation: &'static str,
        undelivered: Undelivered,
        f: impl FnOnce(&mut Buffers) -> io::Result<R> + Send + 'static,
    ) -> io::Result<R> {
        self.hop(operation, self.turns.take()?, undelivered, f).map(|(_, result)| result)
    }

    /// The same with the turn that was taken, which comes back unless there is an error.
    fn hop<R: Send + 'static>(
        &self,
        operation: &'static str,
        turn: Turn<Buffers>,
        undelivered: Undelivered,
        f: impl FnOnce(&mut Buffers) -> io::Result<R> + Send + 'static,
    ) -> io::Result<(Turn<Buffers>, R)> {
        let done = blocking::call(move || {
            let mut done = Done { turn: Some(turn), result: None, undelivered };
            done.result = done
                .turn
                .as_mut()
                .map(|turn| f(turn).map_err(|error| named(error, operation, turn.opened())));
            Ok(done)
        });
        let mut done = done?;
        match (done.turn.take(), done.result.take()) {
            (Some(turn), Some(Ok(result))) => Ok((turn, result)),
            (Some(mut turn), Some(Err(error))) => {
                turn.was_told();
                Err(error)
            }
            _ => unreachable!("a job that comes back has a result"),
        }
    }

    /// An operation that has nothing to do with the position: beside others, but after what is pending.
    fn beside<R: Send + 'static>(
        &self,
        operation: &'static str,
        f: impl FnOnce(&std::fs::File) -> io::Result<R> + Send + 'static,
    ) -> io::Result<R> {
        if self.turns.if_idle(|buffers| buffers.is_clean()) != Some(true) {
            return self.operate(operation, |buffers| {
                buffers.write_out()?;
                f(&buffers.opened().file)
            });
        }
        let opened = Arc::clone(&self.opened);
        blocking::call(move || f(&opened.file)).map_err(|error| named(error, operation, &self.opened))
    }
}

impl Seek for &File {
    fn seek(&mut self, target: SeekFrom) -> io::Result<u64> {
        let mut turn = self.turns.take()?;
        if turn.is_clean() && !matches!(target, SeekFrom::End(_)) {
            // The system only notes it.
            return turn.seek(target).map_err(|error| named(error, "seek in", &self.opened));
        }
        let (_, position) =
            self.hop("seek in", turn, Undelivered::Forgotten, move |buffers| buffers.seek(target))?;
        Ok(position)
    }
}

impl Seek for File {
    fn seek(&mut self, target: SeekFrom) -> io::Result<u64> {
        (&*self).seek(target)
    }
}

impl From<std::fs::File> for File {
    fn from(file: std::fs::File) -> Self {
        File::from_std(file)
    }
}

impl From<OwnedFd> for File {
    fn from(descriptor: OwnedFd) -> Self {
        File::from_std(descriptor.into())
    }
}

/// What is in the buffer, read ahead or to be written, is not seen by who uses the descriptor; [`flush`](std::io::Write::flush) and a seek
/// empty it.
impl AsFd for File {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.opened.file.as_fd()
    }
}

impl AsRawFd for File {
    fn as_raw_fd(&self) -> RawFd {
        self.opened.file.as_raw_fd()
    }
}

impl fmt::Debug for File {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "File({}, fd {})", self.opened, self.as_raw_fd())
    }
}
