//! A Unix socket that accepts connections.

use std::io;
use std::iter::FusedIterator;
use std::os::unix::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use super::address::{self, Spelled, for_users};
use super::stream::UnixStream;
use crate::io::{Action, Attempting, Readiness, Timeouts, Watched, named};
use crate::net::accepting::{Patience, accept_one};
use crate::net::conversions::conversions;
use crate::runtime::operation::Operation;
use crate::runtime::reactor::Direction;

/// A Unix socket that accepts connections, in the shape of [`std::os::unix::net::UnixListener`]: `accept` suspends the task, not the
/// thread. asyncio's `start_unix_server`.
///
/// Its path stays in the file system when it is dropped, as in std.
///
/// # Examples
///
/// ```
/// use cede::net::{UnixListener, UnixStream};
/// use std::io::{self, Write};
///
/// let path = std::env::temp_dir().join(format!("cede-doc-{}.sock", std::process::id()));
/// cede::run(|| -> io::Result<()> {
///     let listener = UnixListener::bind(&path)?;
///     let mut client = UnixStream::connect(&path)?;
///     client.write_all(b"hello")?;
///     drop(client);
///     let (server, _) = listener.accept()?;
///     assert_eq!(io::read_to_string(&server)?, "hello");
///     std::fs::remove_file(&path)
/// })
/// # .unwrap();
/// ```
pub struct UnixListener {
    socket: Watched<std::os::unix::net::UnixListener>,
    patience: Patience,
}

/// What is done, for reports and errors.
const ACCEPTS: &str = "accepts on";

conversions!(descriptor of UnixListener, std::os::unix::net::UnixListener);

impl UnixListener {
    /// Listens on a path, where there must be nothing yet.
    ///
    /// # Errors
    ///
    /// [`AddrInUse`](io::ErrorKind::AddrInUse) when there is something at the path, also where its listener has gone;
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) for a path that is too long or has a NUL inside; those of the system.
    pub fn bind(path: impl AsRef<Path>) -> io::Result<Self> {
        Self::bind_addr(&address::of_path(path.as_ref())?)
    }

    /// Listens on an address: a path, or a name in Linux's abstract namespace.
    ///
    /// # Errors
    ///
    /// As [`bind`](Self::bind).
    pub fn bind_addr(address: &SocketAddr) -> io::Result<Self> {
        let socket = std::os::unix::net::UnixListener::bind_addr(address);
        socket.map_err(|error| named(error, "binds", Spelled(address)))?.try_into()
    }

    fn of_nonblocking(socket: std::os::unix::net::UnixListener) -> Self {
        let socket = Watched::of_nonblocking(socket, address::spell_own);
        UnixListener { socket, patience: Patience::default() }
    }

    fn std(&self) -> &std::os::unix::net::UnixListener {
        self.socket.get_ref()
    }

    /// Waits for the next connection. The address of a client is mostly without a name.
    ///
    /// # Errors
    ///
    /// When no descriptor is left, and none became free while it waited for a moment (5 ms to 1 s, growing): just try again; outside of a
    /// task.
    ///
    /// # Cancellation
    ///
    /// Unwinds when the task is cancelled meanwhile; no connection is lost.
    pub fn accept(&self) -> io::Result<(UnixStream, SocketAddr)> {
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
    pub fn accept_timeout(&self, timeout: Duration) -> io::Result<(UnixStream, SocketAddr)> {
        self.accept_within(Some(timeout))
    }

    /// The operation behind [`accept`](Self::accept), for `select!`. Where it loses, no connection was taken.
    pub fn accepting(&self) -> impl Operation<Output = io::Result<(UnixStream, SocketAddr)>> {
        Attempting::of(&self.socket, Direction::Read, ACCEPTS, |socket| {
            accept_from(socket).map_err(|error| self.name(error))
        })
    }

    fn accept_within(&self, timeout: Option<Duration>) -> io::Result<(UnixStream, SocketAddr)> {
        let action = Action { direction: Direction::Read, verb: ACCEPTS, timeout };
        let accept = || self.socket.operate(action, || accept_from(self.std()), |_| false);
        self.patience.accept(accept).map_err(|error| self.name(error))
    }

    #[cold]
    fn name(&self, error: io::Error) -> io::Error {
        if error.kind() == io::ErrorKind::WouldBlock {
            error
        } else {
            named(error, ACCEPTS, self.socket.object())
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
        Ok(UnixListener::of_nonblocking(self.std().try_clone().map_err(|error| self.name(error))?))
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
fn accept_from(socket: &std::os::unix::net::UnixListener) -> io::Result<(UnixStream, SocketAddr)> {
    let (stream, peer) = accept_one(socket)?;
    Ok((UnixStream::of_nonblocking(stream.into(), Timeouts::default()), for_users(peer)))
}

/// In whatever mode it was.
impl TryFrom<std::os::unix::net::UnixListener> for UnixListener {
    type Error = io::Error;

    fn try_from(socket: std::os::unix::net::UnixListener) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        Ok(UnixListener::of_nonblocking(socket))
    }
}

/// In blocking mode, as std's are. Clones that go on accepting here end that mode again.
impl TryFrom<UnixListener> for std::os::unix::net::UnixListener {
    type Error = io::Error;

    fn try_from(listener: UnixListener) -> io::Result<Self> {
        let socket = listener.socket.into_inner();
        socket.set_nonblocking(false)?;
        Ok(socket)
    }
}

/// The connections of a listener; from [`UnixListener::incoming`].
#[derive(Debug)]
pub struct Incoming<'a> {
    listener: &'a UnixListener,
}

impl Iterator for Incoming<'_> {
    type Item = io::Result<UnixStream>;

    fn next(&mut self) -> Option<io::Result<UnixStream>> {
        Some(self.listener.accept().map(|(stream, _)| stream))
    }
}

impl FusedIterator for Incoming<'_> {}
