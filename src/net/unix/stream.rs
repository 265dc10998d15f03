//! A connection between processes of one machine.

use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::net::Shutdown;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use rustix::net::SocketType;

use super::address;
use super::credentials::{self, PeerCredentials};
use super::descriptors::{self, ReceivedWithDescriptors};
use crate::io::{
    self as streams, Action, Attempting, OwnedReadHalf, OwnedWriteHalf, ReadHalf, ReadSpare, Readiness,
    ShutDown, Timeouts, Watched, WriteHalf, by_value, named,
};
use crate::net::conversions::conversions;
use crate::net::options::{refuse_zero, socket_options};
use crate::net::send_file;
use crate::net::transfer::{self, ShortRead};
use crate::runtime::operation::Operation;
use crate::runtime::reactor::Direction;

/// A connection between processes of one machine, in the shape of [`std::os::unix::net::UnixStream`]: operations suspend the task, not
/// the thread. asyncio's `open_unix_connection`.
///
/// It reads and writes by value and by reference, so several tasks may use one at the same time. It can move to another
/// thread, and be used in a later run. Outside of tasks reading and writing give an error.
///
/// # Cancellation
///
/// A task that is cancelled while it waits in a read or a write unwinds, and nothing was read or written by that call. `read_exact` and
/// `write_all` are several calls: those that were complete have had their effect.
///
/// # Examples
///
/// ```
/// use cede::net::UnixStream;
/// use std::io::{Read, Write};
///
/// cede::run(|| -> std::io::Result<()> {
///     let (mut ours, mut theirs) = UnixStream::pair()?;
///     ours.write_all(b"hello")?;
///     let mut buffer = [0; 5];
///     theirs.read_exact(&mut buffer)?;
///     assert_eq!(&buffer, b"hello");
///     Ok(())
/// })
/// # .unwrap();
/// ```
pub struct UnixStream {
    socket: Watched<std::os::unix::net::UnixStream>,
    timeouts: Timeouts,
}

/// What is done, for reports and errors.
const READS: &str = "reads from";
const WRITES: &str = "writes to";

socket_options!(buffers of UnixStream);
conversions!(UnixStream, std::os::unix::net::UnixStream);

impl UnixStream {
    /// Connects to the listener at a path. Where its queue is full, that is tried again until there is room.
    ///
    /// # Errors
    ///
    /// When there is no listener; [`InvalidInput`](io::ErrorKind::InvalidInput) for a path that is too long or has a NUL inside;
    /// outside of a task.
    ///
    /// # Cancellation
    ///
    /// Unwinds when the task is cancelled meanwhile; the socket is closed.
    pub fn connect(path: impl AsRef<Path>) -> io::Result<Self> {
        Self::connect_addr(&address::of_path(path.as_ref())?)
    }

    /// Connects to the listener at an address: a path, or a name in Linux's abstract namespace.
    ///
    /// # Errors, cancellation
    ///
    /// As [`connect`](Self::connect).
    pub fn connect_addr(address: &SocketAddr) -> io::Result<Self> {
        let socket = address::connect_to(SocketType::STREAM, address, None)?;
        Ok(Self::of_nonblocking(socket.into(), Timeouts::default()))
    }

    /// Connects to the listener at an address within a time.
    ///
    /// # Errors
    ///
    /// [`TimedOut`](io::ErrorKind::TimedOut) when the time is over, [`InvalidInput`](io::ErrorKind::InvalidInput) when it is
    /// zero; as [`connect`](Self::connect) else.
    ///
    /// # Cancellation
    ///
    /// As [`connect`](Self::connect).
    pub fn connect_timeout(address: &SocketAddr, timeout: Duration) -> io::Result<Self> {
        refuse_zero(timeout)?;
        let socket = address::connect_to(SocketType::STREAM, address, Some(timeout))?;
        Ok(Self::of_nonblocking(socket.into(), Timeouts::default()))
    }

    /// Two ends of a connection without a name: `socketpair`.
    ///
    /// # Errors
    ///
    /// When there is no descriptor left.
    pub fn pair() -> io::Result<(Self, Self)> {
        let (ours, theirs) = std::os::unix::net::UnixStream::pair()?;
        Ok((ours.try_into()?, theirs.try_into()?))
    }

    pub(super) fn of_nonblocking(socket: std::os::unix::net::UnixStream, timeouts: Timeouts) -> Self {
        UnixStream { socket: Watched::of_nonblocking(socket, address::spell_peer), timeouts }
    }

    fn std(&self) -> &std::os::unix::net::UnixStream {
        self.socket.get_ref()
    }

    /// The address of the peer.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.std().peer_addr()
    }

    /// The address on this side.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.std().local_addr()
    }

    /// The process that connected, or that listened when this side connected.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn peer_cred(&self) -> io::Result<PeerCredentials> {
        credentials::of_peer(self)
    }

    /// Shuts down reading, writing or both, for all clones. Tasks that wait for it go on: reads give an end, writes an error.
    ///
    /// # Errors
    ///
    /// When the connection is over.
    pub fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        self.std().shutdown(how)
    }

    /// Another handle of the same connection, that shares its timeouts.
    ///
    /// # Errors
    ///
    /// When there is no descriptor left.
    pub fn try_clone(&self) -> io::Result<Self> {
        let socket = self.std().try_clone().map_err(|error| self.name(error, "clones"))?;
        Ok(UnixStream::of_nonblocking(socket, self.timeouts.clone()))
    }

    /// Reads without taking: what the next read will begin with.
    ///
    /// # Errors, cancellation
    ///
    /// As a read.
    pub fn peek(&self, buffer: &mut [u8]) -> io::Result<usize> {
        transfer::peek(&self.socket, self.read_action(), buffer).map_err(|error| self.name(error, "peeks at"))
    }

    /// Sends bytes, and descriptors with the first of them; the peer gets duplicates. Gives how many of the bytes were sent, as
    /// a write does; the descriptors went with them. Python's `socket.send_fds`.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) for no bytes at all, since nothing would be sent, and for more than
    /// [`DESCRIPTORS_MAX`](super::DESCRIPTORS_MAX) descriptors; as a write else.
    ///
    /// # Cancellation
    ///
    /// Unwinds when the task is cancelled meanwhile; nothing was sent.
    ///
    /// # Examples
    ///
    /// ```
    /// use cede::net::UnixStream;
    /// use std::{fs::File, io, os::fd::AsFd};
    ///
    /// cede::run(|| -> io::Result<()> {
    ///     let (ours, theirs) = UnixStream::pair()?;
    ///     ours.send_with_descriptors(b"look", &[File::open("Cargo.toml")?.as_fd()])?;
    ///     let mut buffer = [0; 16];
    ///     let mut received = theirs.recv_with_descriptors(&mut buffer)?;
    ///     assert_eq!(received.length, 4);
    ///     let file = File::from(received.descriptors.remove(0));
    ///     assert!(io::read_to_string(file)?.contains("cede"));
    ///     Ok(())
    /// })
    /// # .unwrap();
    /// ```
    pub fn send_with_descriptors(&self, data: &[u8], descriptors: &[BorrowedFd<'_>]) -> io::Result<usize> {
        if data.is_empty() {
            let message = "descriptors go with bytes, and there are none";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
        }
        let send = || descriptors::send(self.std(), data, descriptors, None);
        self.socket.operate(self.write_action(), send, |_| false).map_err(|error| self.name(error, WRITES))
    }

    /// Reads bytes, and takes the descriptors that came with them. A plain read closes those. Python's `socket.recv_fds`.
    ///
    /// # Errors, cancellation
    ///
    /// As a read.
    pub fn recv_with_descriptors(&self, buffer: &mut [u8]) -> io::Result<ReceivedWithDescriptors> {
        let receive = || Ok(descriptors::receive(self.std(), buffer)?.0);
        self.socket.operate(self.read_action(), receive, |_| false).map_err(|error| self.name(error, READS))
    }

    /// Sends a file, or a part of it: see [`TcpStream::send_file`](crate::net::TcpStream::send_file).
    ///
    /// # Errors, cancellation
    ///
    /// As there.
    pub fn send_file(&self, file: impl AsFd, offset: &mut u64, count: Option<u64>) -> io::Result<u64> {
        let count = count.unwrap_or(u64::MAX);
        send_file::send_file(&self.socket, self.write_action(), file.as_fd(), offset, count)
            .map_err(|error| self.name(error, "sends a file to"))
    }

    /// The error that is pending on the socket, and clears it.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn take_error(&self) -> io::Result<Option<io::Error>> {
        self.std().take_error()
    }

    /// The operation of a read, for `select!`. Where it loses, nothing was read.
    ///
    /// # Examples
    ///
    /// ```
    /// use cede::{net::UnixStream, time::after};
    /// use std::time::Duration;
    ///
    /// cede::run(|| -> std::io::Result<()> {
    ///     let (stream, _peer) = UnixStream::pair()?;
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
        Attempting::of(&self.socket, Direction::Read, READS, move |socket| {
            if is_empty {
                return Ok(0);
            }
            let read = rustix::net::recv(socket, &mut *buffer, transfer::RECEIVE);
            read.map(|(_, length)| length).map_err(|error| self.name(error.into(), READS))
        })
        .at_once_if(is_empty)
    }

    /// The operation of waiting until a read would not wait: for `select!`.
    pub fn readable(&self) -> Readiness<'_> {
        self.socket.readable()
    }

    /// The operation of waiting until a write would not wait: for `select!`.
    pub fn writable(&self) -> Readiness<'_> {
        self.socket.writable()
    }

    /// The halves that read and write, which borrow the stream. (`&UnixStream` reads and writes too.)
    pub fn split(&self) -> (ReadHalf<'_, Self>, WriteHalf<'_, Self>) {
        (ReadHalf(self), WriteHalf(self))
    }

    /// The halves that read and write, each on its own. Dropping the one that writes shuts writing down;
    /// [`reunite`](OwnedReadHalf::reunite) makes them the stream again.
    pub fn into_split(self) -> (OwnedReadHalf<Self>, OwnedWriteHalf<Self>) {
        streams::into_split(self)
    }

    #[cold]
    fn name(&self, error: io::Error, verb: &str) -> io::Error {
        // What would block is tried again, and nobody reads its text.
        if error.kind() == io::ErrorKind::WouldBlock {
            error
        } else {
            named(error, verb, self.socket.object())
        }
    }

    fn read_action(&self) -> Action {
        Action { direction: Direction::Read, verb: READS, timeout: self.timeouts.read() }
    }

    fn write_action(&self) -> Action {
        Action { direction: Direction::Write, verb: WRITES, timeout: self.timeouts.write() }
    }
}

impl ShutDown for UnixStream {
    fn shut_down(&self, how: Shutdown) -> io::Result<()> {
        self.shutdown(how)
    }
}

impl Read for &UnixStream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        transfer::receive(&self.socket, self.read_action(), buffer, ShortRead::SaysNothing)
            .map_err(|error| self.name(error, READS))
    }

    fn read_vectored(&mut self, buffers: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        transfer::receive_vectored(&self.socket, self.read_action(), buffers, ShortRead::SaysNothing)
            .map_err(|error| self.name(error, READS))
    }
}

impl ReadSpare for &UnixStream {
    fn read_spare(&mut self, bytes: &mut Vec<u8>) -> io::Result<usize> {
        transfer::receive_spare(&self.socket, self.read_action(), bytes, ShortRead::SaysNothing)
            .map_err(|error| self.name(error, READS))
    }
}

impl Write for &UnixStream {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        transfer::send(&self.socket, self.write_action(), buffer).map_err(|error| self.name(error, WRITES))
    }

    fn write_vectored(&mut self, buffers: &[IoSlice<'_>]) -> io::Result<usize> {
        transfer::send_vectored(&self.socket, self.write_action(), buffers)
            .map_err(|error| self.name(error, WRITES))
    }

    /// Does nothing: nothing is kept back here.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

by_value!(UnixStream: ReadSpare, Write);

#[cfg(feature = "futures-io")]
impl crate::io::nonblocking::sealed::Sealed for UnixStream {}

#[cfg(feature = "futures-io")]
impl crate::io::Nonblocking for UnixStream {
    type Object = std::os::unix::net::UnixStream;
    const SHORT_READS_EMPTY: bool = false;

    fn watched(&self) -> &Watched<std::os::unix::net::UnixStream> {
        &self.socket
    }

    fn try_read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        Ok(rustix::net::recv(self.std(), buffer, transfer::RECEIVE)?.0)
    }

    fn try_write(&self, buffer: &[u8]) -> io::Result<usize> {
        Ok(rustix::net::send(self.std(), buffer, transfer::SEND)?)
    }

    fn end_writing(&self) -> io::Result<()> {
        self.shutdown(Shutdown::Write)
    }
}
