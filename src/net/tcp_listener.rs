//! A TCP socket that accepts connections.
//!
//! See `accepting.rs` for what it does when no descriptor is left, or when the mode of the socket changes underneath.

use std::fmt;
use std::io;
use std::iter::FusedIterator;
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, IntoRawFd, OwnedFd, RawFd};
use std::time::Duration;

use rustix::net::getsockname;

use super::accepting::{Patience, accept_one};
use super::resolve::{ToSocketAddrs, for_each_address};
use super::tcp_stream::TcpStream;
use crate::io::{Action, Attempting, Readiness, Watched, named};
use crate::runtime::operation::Operation;
use crate::runtime::reactor::Direction;

/// A TCP socket that accepts connections, in the shape of [`std::net::TcpListener`]: `accept` suspends the task, not the thread.
///
/// Any number of tasks may accept from one. A loop of accepts lets the others run every now and then, however many
/// connections wait for it.
///
/// The mode of the socket is non-blocking as long as it is here, for its duplicates too: where one of them is turned into a
/// listener of std, and this one goes on accepting, that one gets [`WouldBlock`](io::ErrorKind::WouldBlock).
///
/// # Examples
///
/// ```
/// use cede::net::{TcpListener, TcpStream};
/// use std::io::{self, Write};
///
/// cede::run(|| -> io::Result<()> {
///     let listener = TcpListener::bind("127.0.0.1:0")?;
///     let mut client = TcpStream::connect(listener.local_addr()?)?;
///     for stream in listener.incoming().take(1) {
///         let stream = stream?;
///         let echo = cede::spawn(move || io::copy(&mut &stream, &mut &stream));
///         client.write_all(b"hello")?;
///         client.shutdown(std::net::Shutdown::Write)?;
///         assert_eq!(echo.join().unwrap()?, 5);
///     }
///     Ok(())
/// })?;
/// # Ok::<_, io::Error>(())
/// ```
pub struct TcpListener {
    socket: Watched<std::net::TcpListener>,
    patience: Patience,
}

impl TcpListener {
    /// Listens on the first of the addresses that can be had. Port 0 takes a free port.
    ///
    /// Only an address that is a name needs a task.
    ///
    /// # Errors
    ///
    /// That of the last address that was tried, such as [`AddrInUse`](io::ErrorKind::AddrInUse).
    pub fn bind(addresses: impl ToSocketAddrs) -> io::Result<Self> {
        for_each_address(addresses, |address| {
            let socket = std::net::TcpListener::bind(address);
            socket.map_err(|error| named(error, "binds", address))?.try_into()
        })
    }

    pub(super) fn of_nonblocking(socket: std::net::TcpListener) -> Self {
        let socket = Watched::of_nonblocking(socket, |descriptor, f| {
            let address = getsockname(descriptor).ok().and_then(|address| SocketAddr::try_from(address).ok());
            match address {
                Some(address) => write!(f, "{address}"),
                None => f.write_str("a socket that has gone"),
            }
        });
        TcpListener { socket, patience: Patience::default() }
    }

    fn std(&self) -> &std::net::TcpListener {
        self.socket.get_ref()
    }

    /// Waits for the next connection.
    ///
    /// Connections that are broken before they are accepted are passed over.
    ///
    /// # Errors
    ///
    /// When no descriptor is left, and none became free while it waited for a moment (5 ms to 1 s, growing): just try again; outside of a
    /// task.
    ///
    /// # Cancellation
    ///
    /// Unwinds when the task is cancelled meanwhile; no connection is lost.
    pub fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        self.accept_within(None)
    }

    /// As [`accept`](Self::accept), for so long at most.
    ///
    /// # Errors
    ///
    /// [`TimedOut`](io::ErrorKind::TimedOut) when no connection came in time; as [`accept`](Self::accept) else.
    ///
    /// # Cancellation
    ///
    /// As [`accept`](Self::accept).
    pub fn accept_timeout(&self, timeout: Duration) -> io::Result<(TcpStream, SocketAddr)> {
        self.accept_within(Some(timeout))
    }

    /// The operation behind [`accept`](Self::accept), for `select!`. Where it loses, no connection was taken. When no descriptor
    /// is left it gives the error at once.
    ///
    /// # Examples
    ///
    /// ```
    /// use cede::{net::TcpListener, time::after};
    /// use std::time::Duration;
    ///
    /// cede::run(|| -> std::io::Result<()> {
    ///     let listener = TcpListener::bind("127.0.0.1:0")?;
    ///     cede::select! {
    ///         accepted = listener.accepting() => unreachable!("{accepted:?}"),
    ///         _ = after(Duration::from_millis(1)) => Ok(()),
    ///     }
    /// })
    /// # .unwrap();
    /// ```
    pub fn accepting(&self) -> impl Operation<Output = io::Result<(TcpStream, SocketAddr)>> {
        Attempting::of(&self.socket, Direction::Read, "accepts on", |socket| {
            let accepted = accept_from(socket).map_err(|error| self.name(error))?;
            Ok(TcpListener::give(accepted))
        })
    }

    fn accept_within(&self, timeout: Option<Duration>) -> io::Result<(TcpStream, SocketAddr)> {
        self.patience.accept(|| self.accept_once(timeout)).map_err(|error| self.name(error))
    }

    fn accept_once(&self, timeout: Option<Duration>) -> io::Result<(TcpStream, SocketAddr)> {
        let action = Action { direction: Direction::Read, verb: "accepts on", timeout };
        self.socket.operate(action, || accept_from(self.std()), |_| false).map(TcpListener::give)
    }

    fn give((socket, address): (std::net::TcpStream, SocketAddr)) -> (TcpStream, SocketAddr) {
        (TcpStream::of_nonblocking(socket, Some(address)), address)
    }

    #[cold]
    fn name(&self, error: io::Error) -> io::Error {
        if error.kind() == io::ErrorKind::WouldBlock {
            error
        } else {
            named(error, "accepts on", self.socket.object())
        }
    }

    /// The connections, one after the other, without end: [`accept`](Self::accept) without the address.
    pub fn incoming(&self) -> Incoming<'_> {
        Incoming { listener: self }
    }

    /// The address on which it listens.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.std().local_addr()
    }

    /// Another handle of the same socket. A connection is given to one of them.
    ///
    /// # Errors
    ///
    /// When there is no descriptor left.
    pub fn try_clone(&self) -> io::Result<Self> {
        Ok(TcpListener::of_nonblocking(self.std().try_clone().map_err(|error| self.name(error))?))
    }

    /// How many hops the packets of its connections may take.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn ttl(&self) -> io::Result<u32> {
        self.std().ttl()
    }

    /// Sets how many hops the packets of its connections may take.
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

    /// The operation of waiting until there is a connection to accept: for `select!`.
    pub fn readable(&self) -> Readiness<'_> {
        self.socket.readable()
    }
}

/// Accepts a connection that is there already.
fn accept_from(socket: &std::net::TcpListener) -> io::Result<(std::net::TcpStream, SocketAddr)> {
    let (stream, address) = accept_one(socket)?;
    let stream = std::net::TcpStream::from(stream);
    let address = match address.and_then(|address| SocketAddr::try_from(address).ok()) {
        Some(address) => address,
        None => stream.peer_addr()?,
    };
    Ok((stream, address))
}

/// In whatever mode it was.
impl TryFrom<std::net::TcpListener> for TcpListener {
    type Error = io::Error;

    fn try_from(socket: std::net::TcpListener) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        Ok(TcpListener::of_nonblocking(socket))
    }
}

/// In blocking mode, as std's are. Clones that go on accepting here end that mode again.
impl TryFrom<TcpListener> for std::net::TcpListener {
    type Error = io::Error;

    fn try_from(listener: TcpListener) -> io::Result<Self> {
        let socket = listener.socket.into_inner();
        socket.set_nonblocking(false)?;
        Ok(socket)
    }
}

impl TryFrom<OwnedFd> for TcpListener {
    type Error = io::Error;

    fn try_from(descriptor: OwnedFd) -> io::Result<Self> {
        std::net::TcpListener::from(descriptor).try_into()
    }
}

/// In non-blocking mode.
impl From<TcpListener> for OwnedFd {
    fn from(listener: TcpListener) -> Self {
        listener.socket.into_inner().into()
    }
}

impl AsFd for TcpListener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl AsRawFd for TcpListener {
    fn as_raw_fd(&self) -> RawFd {
        self.socket.as_raw_fd()
    }
}

/// In non-blocking mode.
impl IntoRawFd for TcpListener {
    fn into_raw_fd(self) -> RawFd {
        OwnedFd::from(self).into_raw_fd()
    }
}

impl fmt::Debug for TcpListener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.std().fmt(f)
    }
}

/// The connections of a listener; from [`TcpListener::incoming`].
#[derive(Debug)]
pub struct Incoming<'a> {
    listener: &'a TcpListener,
}

impl Iterator for Incoming<'_> {
    type Item = io::Result<TcpStream>;

    fn next(&mut self) -> Option<io::Result<TcpStream>> {
        Some(self.listener.accept().map(|(stream, _)| stream))
    }
}

impl FusedIterator for Incoming<'_> {}
