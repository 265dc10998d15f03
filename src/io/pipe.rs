//! Pipes: anonymous ones, and the named ones of the file system.
//!
//! Each end of a pipe has a mode of its own, so that one which is given to a child process does not notice that the other one is
//! non-blocking here. But an end that is handed on itself has to be put back: the conversions to std's types do so.
//!
//! # Named pipes
//!
//! std opens a named pipe by a call that blocks until there is somebody at the other end. Here nothing may block, and what does not
//! block differs by direction: opening for reading succeeds at once, and a first read then waits for a writer; opening for writing fails as
//! long as there is no reader, and the system tells nobody when one comes. So that is tried again after a while, which grows.
//!
//! Rejected: to open on a thread for blocking work (it could not be cancelled, and the end of the run would wait for somebody who never
//! comes); to open for writing and reading at the same time (Linux allows it, and then nobody hears that the reader has gone).

use std::fmt;
use std::fs::File;
use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, IntoRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::{ChildStderr, ChildStdin, ChildStdout, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{FileType, Mode, OFlags, fstat, open};
use rustix::io::{Errno, ioctl_fionbio};

use super::timeouts::Timeouts;
use super::watched::{Action, Watched};
use super::{Attempting, Pauses, Readiness, by_value, named};
use crate::runtime::operation::Operation;
use crate::runtime::park;
use crate::runtime::reactor::{self, Direction};

/// How many buffers one vectored call takes.
const BUFFERS_MAX: usize = 1024;

/// What is done, for reports and errors.
const READS: &str = "reads from";
const WRITES: &str = "writes to";

/// The end of a pipe that is read, in the shape of [`std::io::PipeReader`]: reading suspends the task, not the thread. asyncio's
/// `connect_read_pipe`.
///
/// It is in non-blocking mode as long as it is here. A duplicate that is set to blocking makes reads here block the thread.
///
/// # Cancellation
///
/// A task that is cancelled while it waits in a read unwinds, and nothing was read by that call.
pub struct PipeReader {
    pipe: Watched<OwnedFd>,
    timeouts: Timeouts,
    /// What errors call it, where that is known.
    name: Option<Arc<str>>,
    /// Nobody has been seen at the other end, and so an end of the stream is none.
    awaits_writer: AtomicBool,
}

/// The end of a pipe that is written, in the shape of [`std::io::PipeWriter`]: writing suspends the task, not the thread, while the
/// pipe is full. asyncio's `connect_write_pipe`.
///
/// It is in non-blocking mode as long as it is here. A duplicate that is set to blocking makes writes here block the thread.
///
/// # Cancellation
///
/// A task that is cancelled while it waits in a write unwinds, and nothing was written by that call.
pub struct PipeWriter {
    pipe: Watched<OwnedFd>,
    timeouts: Timeouts,
    /// What errors call it, where that is known.
    name: Option<Arc<str>>,
}

/// A pipe: what is written to the one end is read from the other.
///
/// # Errors
///
/// When there is no descriptor left.
///
/// # Examples
///
/// ```
/// use std::io::{self, Read, Write};
/// use std::process::Command;
///
/// cede::run(|| -> io::Result<()> {
///     let (mut reader, writer) = cede::io::pipe()?;
///     // The child writes in blocking mode, as it expects.
///     let mut child = Command::new("echo").arg("hello").stdout(writer).spawn()?;
///     let mut text = String::new();
///     reader.read_to_string(&mut text)?;
///     assert_eq!(text, "hello\n");
///     child.wait().map(drop)
/// })
/// # .unwrap();
/// ```
pub fn pipe() -> io::Result<(PipeReader, PipeWriter)> {
    let (reader, writer) = io::pipe()?;
    Ok((reader.try_into()?, writer.try_into()?))
}

/// Makes a named pipe in the file system, with permissions as [`PermissionsExt`](std::os::unix::fs::PermissionsExt) has
/// them, such as `0o600`; the process's mask takes some away.
///
/// # Errors
///
/// When there is something at the path; when nothing can be made there.
#[cfg(not(target_vendor = "apple"))]
pub fn make_fifo(path: impl AsRef<Path>, mode: u32) -> io::Result<()> {
    let path = path.as_ref();
    let made = rustix::fs::mkfifoat(rustix::fs::CWD, checked(path)?, Mode::from_raw_mode(mode as _));
    made.map_err(|error| named(error.into(), "makes a pipe at", format_args!("{path:?}")))
}

/// A path that can be given to the system.
fn checked(path: &Path) -> io::Result<&Path> {
    if path.as_os_str().as_bytes().contains(&0) {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            format!("the path {path:?} has a NUL inside"),
        ));
    }
    Ok(path)
}

/// Opens a named pipe; `None` where there is nobody to read it.
fn open_fifo(path: &Path, flags: OFlags) -> io::Result<Option<OwnedFd>> {
    let flags = flags | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOCTTY;
    let opened = match rustix::io::retry_on_intr(|| open(path, flags, Mode::empty())) {
        Err(Errno::NXIO) => return Ok(None),
        opened => opened?,
    };
    if FileType::from_raw_mode(fstat(&opened)?.st_mode) != FileType::Fifo {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, format!("{path:?} is no pipe")));
    }
    Ok(Some(opened))
}

/// Puts a descriptor into non-blocking mode that can be waited for.
fn adopt(descriptor: OwnedFd) -> io::Result<Watched<OwnedFd>> {
    match FileType::from_raw_mode(fstat(&descriptor)?.st_mode) {
        kind @ (FileType::RegularFile | FileType::Directory | FileType::BlockDevice) => {
            let kind = if kind == FileType::Directory { "a directory" } else { "a file" };
            let message = format!("descriptor {} is {kind} and no pipe", descriptor.as_raw_fd());
            Err(io::Error::new(io::ErrorKind::InvalidInput, message))
        }
        _ => Watched::new(descriptor),
    }
}

/// Asks the system whether a read would wait, for a writer or for data: then the answer is `WouldBlock`.
fn would_wait(pipe: &OwnedFd) -> io::Result<()> {
    let mut entry = [PollFd::new(pipe, PollFlags::IN)];
    rustix::io::retry_on_intr(|| poll(&mut entry, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })))?;
    if entry[0].revents().is_empty() { Err(io::ErrorKind::WouldBlock.into()) } else { Ok(()) }
}

/// What errors call a pipe at a path.
fn name_of(path: &Path) -> Option<Arc<str>> {
    Some(format!("the pipe {path:?}").into())
}

/// What errors call a pipe.
fn called(name: Option<&str>) -> &str {
    name.unwrap_or("a pipe")
}

impl PipeReader {
    fn of(pipe: Watched<OwnedFd>) -> Self {
        PipeReader { pipe, timeouts: Timeouts::default(), name: None, awaits_writer: AtomicBool::new(false) }
    }

    /// Errors call it so from now on.
    pub(crate) fn with_name(self, name: String) -> Self {
        PipeReader { name: Some(name.into()), ..self }
    }

    /// Opens a named pipe for reading. It does not wait: the first read does, until there is a writer. Once all writers have
    /// gone, reads give an end.
    ///
    /// # Errors
    ///
    /// When there is no pipe at the path, or something else; [`InvalidInput`](io::ErrorKind::InvalidInput) for a path with a NUL.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[cfg(target_os = "linux")] {
    /// use cede::io::{PipeReader, PipeWriter, make_fifo};
    /// use std::io::{self, Write};
    ///
    /// let path = std::env::temp_dir().join(format!("cede-doc-{}.fifo", std::process::id()));
    /// cede::run(|| -> io::Result<()> {
    ///     make_fifo(&path, 0o600)?;
    ///     let reader = PipeReader::open(&path)?;
    ///     let ours = path.clone();
    ///     cede::try_spawn(move || PipeWriter::open(ours)?.write_all(b"hello"));
    ///     assert_eq!(io::read_to_string(&reader)?, "hello");
    ///     std::fs::remove_file(&path)
    /// })
    /// # .unwrap();
    /// # }
    /// ```
    pub fn open(path: impl AsRef<Path>) -> io::Result<Self> {
        let path = path.as_ref();
        let opened = open_fifo(checked(path)?, OFlags::RDONLY);
        let opened = opened.map_err(|error| named(error, "opens", format_args!("{path:?}")))?;
        let pipe = Watched::new(opened.ok_or(io::ErrorKind::NotFound)?)?;
        Ok(PipeReader { name: name_of(path), awaits_writer: AtomicBool::new(true), ..PipeReader::of(pipe) })
    }

    /// Another handle of the same end, that shares its timeouts.
    ///
    /// # Errors
    ///
    /// When there is no descriptor left.
    pub fn try_clone(&self) -> io::Result<Self> {
        let pipe = Watched::new(self.pipe.get_ref().try_clone()?)?;
        let awaits_writer = AtomicBool::new(self.awaits_writer.load(Ordering::Relaxed));
        Ok(PipeReader { pipe, timeouts: self.timeouts.clone(), name: self.name.clone(), awaits_writer })
    }

    /// How long a read may wait; `None` for as long as it takes. One that takes longer gives
    /// [`TimedOut`](io::ErrorKind::TimedOut), and nothing was read.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) for a time of zero.
    pub fn set_read_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
        self.timeouts.set_read(timeout)
    }

    /// The operation of a read, for `select!`. Where it loses, nothing was read.
    ///
    /// # Examples
    ///
    /// ```
    /// use cede::{io::pipe, time::after};
    /// use std::time::Duration;
    ///
    /// cede::run(|| -> std::io::Result<()> {
    ///     let (stream, _writer) = pipe()?;
    ///     let mut buffer = [0; 16];
    ///     cede::select! {
    ///         read = stream.reading(&mut buffer) => unreachable!("{read:?}"),
    ///         _ = after(Duration::from_millis(1)) => Ok(()),
    ///     }
    /// })
    /// # .unwrap();
    /// ```
    pub fn reading(&self, buffer: &mut [u8]) -> impl Operation<Output = io::Result<usize>> {
        let is_empty = buffer.is_empty();
        Attempting::of(&self.pipe, Direction::Read, READS, move |pipe| {
            if is_empty {
                return Ok(0);
            }
            if self.awaits_writer.load(Ordering::Relaxed) {
                would_wait(pipe)?;
                self.awaits_writer.store(false, Ordering::Relaxed);
            }
            let read = rustix::io::read(pipe, &mut *buffer);
            read.map_err(|error| match error {
                Errno::AGAIN => error.into(),
                error => named(error.into(), READS, called(self.name.as_deref())),
            })
        })
        .at_once_if(is_empty)
    }

    /// The operation of waiting until a read would not wait: for `select!`.
    pub fn readable(&self) -> Readiness<'_> {
        self.pipe.readable()
    }

    fn read_with<R>(&self, f: impl FnMut() -> io::Result<R>) -> io::Result<R> {
        let action = Action { direction: Direction::Read, verb: READS, timeout: self.timeouts.read() };
        let read = self.await_writer().and_then(|()| self.pipe.operate(action, f, |_| false));
        read.map_err(|error| named(error, READS, called(self.name.as_deref())))
    }

    /// Where nobody was at the other end yet, waits for somebody: until then there would seem to be an end.
    fn await_writer(&self) -> io::Result<()> {
        if !self.awaits_writer.load(Ordering::Relaxed) {
            return Ok(());
        }
        match self.timeouts.read() {
            None => self.readable().wait()?,
            Some(timeout) => {
                reactor::begin()?;
                if let Some(refusal) = park::refusal() {
                    return Err(reactor::refused(refusal));
                }
                let waited =
                    crate::runtime::with_deadline::wait_within(std::pin::pin!(self.readable()), timeout);
                waited.unwrap_or_else(|| Err(io::ErrorKind::TimedOut.into()))?;
            }
        }
        self.awaits_writer.store(false, Ordering::Relaxed);
        Ok(())
    }
}

impl PipeWriter {
    fn of(pipe: Watched<OwnedFd>) -> Self {
        PipeWriter { pipe, timeouts: Timeouts::default(), name: None }
    }

    /// Errors call it so from now on.
    pub(crate) fn with_name(self, name: String) -> Self {
        PipeWriter { name: Some(name.into()), ..self }
    }

    /// Opens a named pipe for writing, and waits until somebody has opened it for reading.
    ///
    /// # Errors
    ///
    /// When there is no pipe at the path, or something else; [`InvalidInput`](io::ErrorKind::InvalidInput) for a path with a NUL;
    /// outside of a task, where nobody reads.
    ///
    /// # Cancellation
    ///
    /// Unwinds when the task is cancelled meanwhile.
    pub fn open(path: impl AsRef<Path>) -> io::Result<Self> {
        let path = checked(path.as_ref())?;
        let mut pauses = Pauses::within(None);
        loop {
            let opened = open_fifo(path, OFlags::WRONLY);
            if let Some(pipe) = opened.map_err(|error| named(error, "opens", format_args!("{path:?}")))? {
                return Ok(PipeWriter { name: name_of(path), ..PipeWriter::of(Watched::new(pipe)?) });
            }
            pauses.pause()?;
        }
    }

    /// Another handle of the same end, that shares its timeouts. Readers see an end when all handles have gone.
    ///
    /// # Errors
    ///
    /// When there is no descriptor left.
    pub fn try_clone(&self) -> io::Result<Self> {
        let pipe = Watched::new(self.pipe.get_ref().try_clone()?)?;
        Ok(PipeWriter { pipe, timeouts: self.timeouts.clone(), name: self.name.clone() })
    }

    /// How long a write may wait for room; `None` for as long as it takes. One that takes longer gives
    /// [`TimedOut`](io::ErrorKind::TimedOut), and nothing was written.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) for a time of zero.
    pub fn set_write_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
        self.timeouts.set_write(timeout)
    }

    /// The operation of a write, for `select!`: it gives how many bytes the pipe took. Where it loses, nothing was written.
    ///
    /// # Examples
    ///
    /// ```
    /// use cede::{io::pipe, time::after};
    /// use std::time::Duration;
    ///
    /// cede::run(|| -> std::io::Result<()> {
    ///     let (_reader, stream) = pipe()?;
    ///     cede::select! {
    ///         written = stream.writing(b"hello") => assert_eq!(written?, 5),
    ///         _ = after(Duration::from_secs(1)) => unreachable!("there is room"),
    ///     }
    ///     Ok(())
    /// })
    /// # .unwrap();
    /// ```
    pub fn writing(&self, buffer: &[u8]) -> impl Operation<Output = io::Result<usize>> {
        let is_empty = buffer.is_empty();
        Attempting::of(&self.pipe, Direction::Write, WRITES, move |pipe| {
            if is_empty {
                return Ok(0);
            }
            rustix::io::write(pipe, buffer).map_err(|error| match error {
                Errno::AGAIN => error.into(),
                error => named(error.into(), WRITES, called(self.name.as_deref())),
            })
        })
        .at_once_if(is_empty)
    }

    /// The operation of waiting until a write would not wait, or there is nobody to read: for `select!`.
    pub fn writable(&self) -> Readiness<'_> {
        self.pipe.writable()
    }

    fn write_with<R>(&self, f: impl FnMut() -> io::Result<R>) -> io::Result<R> {
        let action = Action { direction: Direction::Write, verb: WRITES, timeout: self.timeouts.write() };
        let written = self.pipe.operate(action, f, |_| false);
        written.map_err(|error| named(error, WRITES, called(self.name.as_deref())))
    }
}

impl Read for &PipeReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        self.read_with(|| Ok(rustix::io::read(self.pipe.get_ref(), &mut *buffer)?))
    }

    fn read_vectored(&mut self, buffers: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        let count = buffers.len().min(BUFFERS_MAX);
        let buffers = &mut buffers[..count];
        if buffers.iter().all(|buffer| buffer.is_empty()) {
            return Ok(0);
        }
        self.read_with(|| Ok(rustix::io::readv(self.pipe.get_ref(), buffers)?))
    }
}

impl Write for &PipeWriter {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        self.write_with(|| Ok(rustix::io::write(self.pipe.get_ref(), buffer)?))
    }

    fn write_vectored(&mut self, buffers: &[IoSlice<'_>]) -> io::Result<usize> {
        let buffers = &buffers[..buffers.len().min(BUFFERS_MAX)];
        if buffers.iter().all(|buffer| buffer.is_empty()) {
            return Ok(0);
        }
        self.write_with(|| Ok(rustix::io::writev(self.pipe.get_ref(), buffers)?))
    }

    /// Does nothing: nothing is kept back here.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

by_value!(PipeReader: Read);
by_value!(PipeWriter: Write);

macro_rules! conversions {
    ($type:ident from $($other:ty),*) => {
        $(
            /// In non-blocking mode from now on, whatever mode it was in.
            impl TryFrom<$other> for $type {
                type Error = io::Error;

                fn try_from(other: $other) -> io::Result<Self> {
                    $type::try_from(OwnedFd::from(other))
                }
            }
        )*

        /// In non-blocking mode from now on, whatever mode it was in. Files and directories can't be waited for, and are refused.
        impl TryFrom<OwnedFd> for $type {
            type Error = io::Error;

            fn try_from(descriptor: OwnedFd) -> io::Result<Self> {
                adopt(descriptor).map($type::of)
            }
        }

        /// In non-blocking mode.
        impl From<$type> for OwnedFd {
            fn from(end: $type) -> Self {
                end.pipe.into_inner()
            }
        }

        /// In blocking mode, as std's are.
        impl TryFrom<$type> for std::io::$type {
            type Error = io::Error;

            fn try_from(end: $type) -> io::Result<Self> {
                let descriptor = end.pipe.into_inner();
                ioctl_fionbio(&descriptor, false)?;
                Ok(descriptor.into())
            }
        }

        /// In blocking mode, which programs expect.
        impl From<$type> for Stdio {
            fn from(end: $type) -> Self {
                let descriptor = end.pipe.into_inner();
                // A pipe that is open takes any mode.
                let _ = ioctl_fionbio(&descriptor, false);
                descriptor.into()
            }
        }

        impl AsFd for $type {
            fn as_fd(&self) -> BorrowedFd<'_> {
                self.pipe.as_fd()
            }
        }

        impl AsRawFd for $type {
            fn as_raw_fd(&self) -> RawFd {
                self.pipe.as_raw_fd()
            }
        }

        /// In non-blocking mode.
        impl IntoRawFd for $type {
            fn into_raw_fd(self) -> RawFd {
                OwnedFd::from(self).into_raw_fd()
            }
        }

        impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($type)).field("fd", &self.as_raw_fd()).finish()
            }
        }
    };
}

conversions!(PipeReader from std::io::PipeReader, ChildStdout, ChildStderr, File);
conversions!(PipeWriter from std::io::PipeWriter, ChildStdin, File);
