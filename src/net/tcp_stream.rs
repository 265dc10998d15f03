//! A TCP connection.

use std::fmt;
use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::net::{Shutdown, SocketAddr};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, IntoRawFd, OwnedFd, RawFd};
use std::time::Duration;

use rustix::net::getpeername;

use super::options::{refuse_zero, socket_options};
use super::resolve::ToSocketAddrs;
use super::send_file;
use super::tcp_connect::connect_to;
use super::tcp_connector::TcpConnector;
use super::transfer::{self, ShortRead};
use crate::io::{
    self as streams, Action, Attempting, OwnedReadHalf, OwnedWriteHalf, ReadHalf, ReadSpare, Readiness,
    ShutDown, Timeouts, Watched, WriteHalf, by_value, named,
};
use crate::runtime::operation::Operation;
use crate::runtime::reactor::Direction;

/// A TCP connection, in the shape of [`std::net::TcpStream`]: operations suspend the task, not the thread.
///
/// It reads and writes by value and by reference, so several tasks may use one at the same time. It can move to another
/// thread and be used in the run there, and in a later run. Outside of tasks reading and writing give an error.
///
/// The mode of the socket is non-blocking as long as it is here; there is no `set_nonblocking`. To read only what
/// is there already, race [`readable`](Self::readable).
///
/// Where there is something to read, or room to write, nothing is waited for and nobody else runs, as in asyncio. But a read after
/// one that has emptied the connection waits its turn, whatever has come since, and a task that does more than a hundred
/// operations in a row without waiting lets the others run once: a peer that is always faster does not stop them.
///
/// # Cancellation
///
/// A task that is cancelled while it waits in a read or a write, or while that lets the others run, unwinds, and nothing was read or
/// written by that call. `read_exact` and `write_all` are several calls: those that were complete have had their effect.
///
/// # Examples
///
/// ```
/// use cede::net::{TcpListener, TcpStream};
/// use std::io::{Read, Write};
///
/// cede::run(|| -> std::io::Result<()> {
///     let listener = TcpListener::bind("127.0.0.1:0")?;
///     let address = listener.local_addr()?;
///     cede::spawn(move || -> std::io::Result<()> {
///         let (mut stream, _) = listener.accept()?;
///         stream.write_all(b"hello")
///     });
///     let mut text = String::new();
///     TcpStream::connect(address)?.read_to_string(&mut text)?;
///     assert_eq!(text, "hello");
///     Ok(())
/// })?;
/// # Ok::<_, std::io::Error>(())
/// ```
pub struct TcpStream {
    socket: Watched<std::net::TcpStream>,
    /// Of the socket, as in std: its clones share them.
    timeouts: Timeouts,
    /// For errors: when the connection is over, the system no longer says who it was.
    peer: Option<SocketAddr>,
}

socket_options!(buffers of TcpStream);
socket_options!(connection of TcpStream);

impl TcpStream {
    /// Opens a connection to the first of the addresses that accepts it. A name is looked up while the task waits. Where there are
    /// several addresses, they are tried as [`TcpConnector`] says: IPv6 and IPv4 take turns, and the next one is tried when the last
    /// one has failed, or has been silent for 250 ms.
    ///
    /// # Errors
    ///
    /// When none accepts it: the error tells of all, and has the kind of the last; outside of a task.
    ///
    /// # Cancellation
    ///
    /// Unwinds when the task is cancelled meanwhile; all sockets are closed.
    pub fn connect(addresses: impl ToSocketAddrs) -> io::Result<Self> {
        TcpConnector::new().connect(addresses)
    }

    /// Opens a connection within a time.
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
        connect_to(*address, Some(timeout))
    }

    pub(super) fn of_nonblocking(socket: std::net::TcpStream, peer: Option<SocketAddr>) -> Self {
        TcpStream { socket: watch(socket), timeouts: Timeouts::default(), peer }
    }

    fn std(&self) -> &std::net::TcpStream {
        self.socket.get_ref()
    }

    /// The address of the peer.
    ///
    /// # Errors
    ///
    /// When the connection is over.
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
        Ok(TcpStream { socket: watch(socket), timeouts: self.timeouts.clone(), peer: self.peer })
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

    /// How long a write may wait; `None` for as long as it takes. One that takes longer gives
    /// [`TimedOut`](io::ErrorKind::TimedOut), and nothing was written.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) for a time of zero.
    pub fn set_write_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
        self.timeouts.set_write(timeout)
    }

    /// How long a read may wait.
    ///
    /// # Errors
    ///
    /// None; a result as in std.
    pub fn read_timeout(&self) -> io::Result<Option<Duration>> {
        Ok(self.timeouts.read())
    }

    /// How long a write may wait.
    ///
    /// # Errors
    ///
    /// None; a result as in std.
    pub fn write_timeout(&self) -> io::Result<Option<Duration>> {
        Ok(self.timeouts.write())
    }

    /// Reads without taking: what the next read will begin with.
    ///
    /// # Errors, cancellation
    ///
    /// As a read.
    pub fn peek(&self, buffer: &mut [u8]) -> io::Result<usize> {
        transfer::peek(&self.socket, self.read_action("peeks at"), buffer)
            .map_err(|error| self.name(error, "peeks at"))
    }

    /// Whether small writes are sent at once, and not gathered.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn nodelay(&self) -> io::Result<bool> {
        self.std().nodelay()
    }

    /// Sets whether small writes are sent at once.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn set_nodelay(&self, nodelay: bool) -> io::Result<()> {
        self.std().set_nodelay(nodelay)
    }

    /// How many hops packets may take.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn ttl(&self) -> io::Result<u32> {
        self.std().ttl()
    }

    /// Sets how many hops packets may take.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn set_ttl(&self, ttl: u32) -> io::Result<()> {
        self.std().set_ttl(ttl)
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
    /// use cede::{net::{TcpListener, TcpStream}, time::after};
    /// use std::time::Duration;
    ///
    /// cede::run(|| -> std::io::Result<()> {
    ///     let listener = TcpListener::bind("127.0.0.1:0")?;
    ///     let stream = TcpStream::connect(listener.local_addr()?)?;
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

    /// The halves that read and write, which borrow the stream. (`&TcpStream` reads and writes too.)
    pub fn split(&self) -> (ReadHalf<'_, Self>, WriteHalf<'_, Self>) {
        (ReadHalf(self), WriteHalf(self))
    }

    /// The halves that read and write, each on its own. Dropping the one that writes shuts writing down;
    /// [`reunite`](OwnedReadHalf::reunite) makes them the stream again.
    ///
    /// # Examples
    ///
    /// ```
    /// use cede::net::{TcpListener, TcpStream};
    /// use std::io::{self, Read, Write};
    ///
    /// cede::run(|| -> io::Result<()> {
    ///     let listener = TcpListener::bind("127.0.0.1:0")?;
    ///     let (mut reader, mut writer) = TcpStream::connect(listener.local_addr()?)?.into_split();
    ///     let (echo, _) = listener.accept()?;
    ///     cede::spawn(move || io::copy(&mut &echo, &mut &echo));
    ///     cede::try_spawn(move || writer.write_all(b"all of it"));
    ///     assert_eq!(io::read_to_string(&mut reader)?, "all of it");
    ///     Ok(())
    /// })
    /// # .unwrap();
    /// ```
    pub fn into_split(self) -> (OwnedReadHalf<Self>, OwnedWriteHalf<Self>) {
        streams::into_split(self)
    }

    /// Sends a file, or a part of it, without reading it into this process where the system can do that: `sendfile`. Sends what
    /// lies from `offset` on, `count` bytes or up to the end of the file; `offset` moves along with what was sent. Gives how
    /// many bytes they were.
    ///
    /// Where the file is not in memory, the disk is waited for on this thread; the task waits for the peer.
    ///
    /// # Errors
    ///
    /// As a write, and a read of the file. `offset` tells how much was sent before.
    ///
    /// # Cancellation
    ///
    /// Unwinds when the task is cancelled meanwhile. `offset` tells how much was sent, and the call can be made again to go on.
    ///
    /// # Examples
    ///
    /// ```
    /// use cede::net::{Shutdown, TcpListener, TcpStream};
    /// use std::{fs::File, io};
    ///
    /// cede::run(|| -> io::Result<()> {
    ///     let listener = TcpListener::bind("127.0.0.1:0")?;
    ///     let client = TcpStream::connect(listener.local_addr()?)?;
    ///     let (server, _) = listener.accept()?;
    ///     server.send_file(&File::open("Cargo.toml")?, &mut 0, None)?;
    ///     server.shutdown(Shutdown::Write)?;
    ///     assert_eq!(io::read_to_string(&client)?, std::fs::read_to_string("Cargo.toml")?);
    ///     Ok(())
    /// })
    /// # .unwrap();
    /// ```
    pub fn send_file(&self, file: impl AsFd, offset: &mut u64, count: Option<u64>) -> io::Result<u64> {
        let count = count.unwrap_or(u64::MAX);
        send_file::send_file(&self.socket, self.write_action(), file.as_fd(), offset, count)
            .map_err(|error| self.name(error, "sends a file to"))
    }

    #[cold]
    fn name(&self, error: io::Error, verb: &str) -> io::Error {
        if error.kind() == io::ErrorKind::WouldBlock {
            // It is tried again, and nobody reads its text.
            return error;
        }
        match self.peer {
            Some(peer) => named(error, verb, peer),
            None => named(error, verb, self.socket.object()),
        }
    }

    fn read_action(&self, verb: &'static str) -> Action {
        Action { direction: Direction::Read, verb, timeout: self.timeouts.read() }
    }

    fn write_action(&self) -> Action {
        Action { direction: Direction::Write, verb: WRITES, timeout: self.timeouts.write() }
    }
}

/// What is done, for reports and errors.
const READS: &str = "reads from";
const WRITES: &str = "writes to";

impl ShutDown for TcpStream {
    fn shut_down(&self, how: Shutdown) -> io::Result<()> {
        self.shutdown(how)
    }
}

fn watch(socket: std::net::TcpStream) -> Watched<std::net::TcpStream> {
    Watched::of_nonblocking(socket, |descriptor, f| match getpeername(descriptor) {
        Ok(Some(address)) => match SocketAddr::try_from(address) {
            Ok(address) => write!(f, "{address}"),
            Err(_) => f.write_str("its peer"),
        },
        _ => f.write_str("a peer that has gone"),
    })
}

impl Read for &TcpStream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        transfer::receive(&self.socket, self.read_action(READS), buffer, ShortRead::HasEmptied)
            .map_err(|error| self.name(error, READS))
    }

    fn read_vectored(&mut self, buffers: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        transfer::receive_vectored(&self.socket, self.read_action(READS), buffers, ShortRead::HasEmptied)
            .map_err(|error| self.name(error, READS))
    }
}

impl ReadSpare for &TcpStream {
    fn read_spare(&mut self, bytes: &mut Vec<u8>) -> io::Result<usize> {
        transfer::receive_spare(&self.socket, self.read_action(READS), bytes, ShortRead::HasEmptied)
            .map_err(|error| self.name(error, READS))
    }
}

impl Write for &TcpStream {
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

by_value!(TcpStream: ReadSpare, Write);

#[cfg(feature = "futures-io")]
impl crate::io::nonblocking::sealed::Sealed for TcpStream {}

#[cfg(feature = "futures-io")]
impl crate::io::Nonblocking for TcpStream {
    type Object = std::net::TcpStream;
    const SHORT_READS_EMPTY: bool = true;

    fn watched(&self) -> &Watched<std::net::TcpStream> {
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

/// In whatever mode it was; its timeouts are kept.
impl TryFrom<std::net::TcpStream> for TcpStream {
    type Error = io::Error;

    fn try_from(socket: std::net::TcpStream) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        let timeouts = Timeouts::default();
        timeouts.set_read(socket.read_timeout()?)?;
        timeouts.set_write(socket.write_timeout()?)?;
        let peer = socket.peer_addr().ok();
        Ok(TcpStream { socket: watch(socket), timeouts, peer })
    }
}

/// In blocking mode, as std's are; its timeouts are kept.
impl TryFrom<TcpStream> for std::net::TcpStream {
    type Error = io::Error;

    fn try_from(stream: TcpStream) -> io::Result<Self> {
        let (read, write) = (stream.timeouts.read(), stream.timeouts.write());
        let socket = stream.socket.into_inner();
        socket.set_nonblocking(false)?;
        socket.set_read_timeout(read)?;
        socket.set_write_timeout(write)?;
        Ok(socket)
    }
}

impl TryFrom<OwnedFd> for TcpStream {
    type Error = io::Error;

    fn try_from(descriptor: OwnedFd) -> io::Result<Self> {
        std::net::TcpStream::from(descriptor).try_into()
    }
}

/// In non-blocking mode.
impl From<TcpStream> for OwnedFd {
    fn from(stream: TcpStream) -> Self {
        stream.socket.into_inner().into()
    }
}

impl AsFd for TcpStream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl AsRawFd for TcpStream {
    fn as_raw_fd(&self) -> RawFd {
        self.socket.as_raw_fd()
    }
}

/// In non-blocking mode.
impl IntoRawFd for TcpStream {
    fn into_raw_fd(self) -> RawFd {
        OwnedFd::from(self).into_raw_fd()
    }
}

impl fmt::Debug for TcpStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.std().fmt(f)
    }
}
