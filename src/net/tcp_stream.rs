//! A TCP connection.
//!
//! Reads and writes ask for no waiting by themselves (`MSG_DONTWAIT`), besides the mode of the socket: that is shared with
//! duplicates, and somebody who turns one of them into a stream of std must not make the scheduler block.

use std::fmt;
use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::net::{Shutdown, SocketAddr};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, IntoRawFd, OwnedFd, RawFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rustix::net::{
    RecvAncillaryBuffer, RecvFlags, SendAncillaryBuffer, SendFlags, getpeername, recv, recvmsg, send, sendmsg,
};

use super::resolve::{ToSocketAddrs, for_each_address};
use super::tcp_connect::connect_to;
use crate::io::{Action, Readiness, ShutDown, Watched};
use crate::runtime::reactor::Direction;

/// How many buffers one vectored call takes.
const BUFFERS_MAX: usize = 1024;

/// Reads that find nothing say so.
const RECEIVE: RecvFlags = RecvFlags::DONTWAIT;

/// Writes that find no room say so, and those to a peer that has gone give an error and no signal.
#[cfg(not(target_vendor = "apple"))]
const SEND: SendFlags = SendFlags::DONTWAIT.union(SendFlags::NOSIGNAL);
#[cfg(target_vendor = "apple")]
const SEND: SendFlags = SendFlags::DONTWAIT;

/// A TCP connection, in the shape of [`std::net::TcpStream`]: operations suspend the task, not the thread.
///
/// It reads and writes by value and by reference, so several tasks may use one at the same time. It can move to another
/// thread and be used in the run there, and in a later run. Outside of tasks reading and writing give an error.
///
/// The mode of the socket is non-blocking as long as it is here; there is no `set_nonblocking`. To read only what
/// is there already, race [`readable`](Self::readable).
///
/// Where there is something to read, or room to write, nothing is waited for and nobody else runs, as in asyncio. But a
/// task that does more than a hundred operations in a row without waiting lets the others run once: a peer that is always
/// faster does not stop them.
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
    timeouts: Arc<Timeouts>,
}

/// Nanoseconds; 0 for none.
#[derive(Debug, Default)]
struct Timeouts {
    read: AtomicU64,
    write: AtomicU64,
}

fn load(timeout: &AtomicU64) -> Option<Duration> {
    Some(timeout.load(Ordering::Relaxed)).filter(|&nanos| nanos > 0).map(Duration::from_nanos)
}

fn store(timeout: &AtomicU64, value: Option<Duration>) -> io::Result<()> {
    if value.is_some_and(|value| value.is_zero()) {
        let message = "a timeout of zero can't be set: use None for no timeout";
        return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
    }
    let nanos = value.map_or(0, |value| u64::try_from(value.as_nanos()).unwrap_or(u64::MAX));
    timeout.store(nanos, Ordering::Relaxed);
    Ok(())
}

impl TcpStream {
    /// Opens a connection to the first of the addresses that accepts it. A name is looked up while the task waits.
    ///
    /// # Errors
    ///
    /// That of the last address that was tried; outside of a task.
    ///
    /// # Cancellation
    ///
    /// Unwinds when the task is cancelled meanwhile; the socket is closed.
    pub fn connect(addresses: impl ToSocketAddrs) -> io::Result<Self> {
        for_each_address(addresses, |address| connect_to(address, None).map(Self::of_nonblocking))
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
        if timeout.is_zero() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "no connection can be made in no time"));
        }
        connect_to(*address, Some(timeout)).map(Self::of_nonblocking)
    }

    pub(super) fn of_nonblocking(socket: std::net::TcpStream) -> Self {
        TcpStream { socket: watch(socket), timeouts: Arc::default() }
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
        Ok(TcpStream { socket: watch(self.std().try_clone()?), timeouts: Arc::clone(&self.timeouts) })
    }

    /// How long a read may wait; `None` for as long as it takes. One that takes longer gives
    /// [`TimedOut`](io::ErrorKind::TimedOut), and nothing was read.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) for a time of zero.
    pub fn set_read_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
        store(&self.timeouts.read, timeout)
    }

    /// How long a write may wait; `None` for as long as it takes. One that takes longer gives
    /// [`TimedOut`](io::ErrorKind::TimedOut), and nothing was written.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) for a time of zero.
    pub fn set_write_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
        store(&self.timeouts.write, timeout)
    }

    /// How long a read may wait.
    ///
    /// # Errors
    ///
    /// None; a result as in std.
    pub fn read_timeout(&self) -> io::Result<Option<Duration>> {
        Ok(load(&self.timeouts.read))
    }

    /// How long a write may wait.
    ///
    /// # Errors
    ///
    /// None; a result as in std.
    pub fn write_timeout(&self) -> io::Result<Option<Duration>> {
        Ok(load(&self.timeouts.write))
    }

    /// Reads without taking: what the next read will begin with.
    ///
    /// # Errors, cancellation
    ///
    /// As a read.
    pub fn peek(&self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        let receive = || Ok(recv(self.std(), &mut *buffer, RECEIVE | RecvFlags::PEEK)?.0);
        self.socket.operate(self.reading("peeks at"), receive, |_| false)
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

    /// The operation of waiting until a read would not wait: for `select!`.
    pub fn readable(&self) -> Readiness<'_> {
        self.socket.readable()
    }

    /// The operation of waiting until a write would not wait: for `select!`.
    pub fn writable(&self) -> Readiness<'_> {
        self.socket.writable()
    }

    fn reading(&self, verb: &'static str) -> Action {
        Action { direction: Direction::Read, verb, timeout: load(&self.timeouts.read) }
    }

    fn writing(&self) -> Action {
        Action { direction: Direction::Write, verb: "writes to", timeout: load(&self.timeouts.write) }
    }
}

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
        if buffer.is_empty() {
            return Ok(0);
        }
        let length = buffer.len();
        let receive = || Ok(recv(self.std(), &mut *buffer, RECEIVE)?.0);
        // Fewer than there was room for: nothing is left. None at all is the end, which stays.
        self.socket.operate(self.reading("reads from"), receive, |&read| 0 < read && read < length)
    }

    fn read_vectored(&mut self, buffers: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        let count = buffers.len().min(BUFFERS_MAX);
        let buffers = &mut buffers[..count];
        let length: usize = buffers.iter().map(|buffer| buffer.len()).sum();
        if length == 0 {
            return Ok(0);
        }
        let receive =
            || Ok(recvmsg(self.std(), buffers, &mut RecvAncillaryBuffer::default(), RECEIVE)?.bytes);
        self.socket.operate(self.reading("reads from"), receive, |&read| 0 < read && read < length)
    }
}

impl Write for &TcpStream {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        self.socket.operate(self.writing(), || Ok(send(self.std(), buffer, SEND)?), |_| false)
    }

    fn write_vectored(&mut self, buffers: &[IoSlice<'_>]) -> io::Result<usize> {
        let buffers = &buffers[..buffers.len().min(BUFFERS_MAX)];
        if buffers.iter().all(|buffer| buffer.is_empty()) {
            return Ok(0);
        }
        let send = || Ok(sendmsg(self.std(), buffers, &mut SendAncillaryBuffer::default(), SEND)?);
        self.socket.operate(self.writing(), send, |_| false)
    }

    /// Does nothing: nothing is kept back here.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Read for TcpStream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        (&*self).read(buffer)
    }

    fn read_vectored(&mut self, buffers: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        (&*self).read_vectored(buffers)
    }
}

impl Write for TcpStream {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        (&*self).write(buffer)
    }

    fn write_vectored(&mut self, buffers: &[IoSlice<'_>]) -> io::Result<usize> {
        (&*self).write_vectored(buffers)
    }

    /// Does nothing: nothing is kept back here.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// In whatever mode it was; its timeouts are kept.
impl TryFrom<std::net::TcpStream> for TcpStream {
    type Error = io::Error;

    fn try_from(socket: std::net::TcpStream) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        let timeouts = Timeouts::default();
        store(&timeouts.read, socket.read_timeout()?)?;
        store(&timeouts.write, socket.write_timeout()?)?;
        Ok(TcpStream { socket: watch(socket), timeouts: Arc::new(timeouts) })
    }
}

/// In blocking mode, as std's are; its timeouts are kept.
impl TryFrom<TcpStream> for std::net::TcpStream {
    type Error = io::Error;

    fn try_from(stream: TcpStream) -> io::Result<Self> {
        let (read, write) = (load(&stream.timeouts.read), load(&stream.timeouts.write));
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
