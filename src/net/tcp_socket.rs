//! A TCP socket before it is a listener or a connection: where its options are set.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, IntoRawFd, OwnedFd, RawFd};
use std::time::Duration;

use rustix::net::{AddressFamily, SocketType, bind, getsockname, listen, sockopt};

use super::options::{refuse_zero, socket_options};
use super::tcp_connect::{connect_socket, new_socket, new_socket_of};
use super::tcp_listener::TcpListener;
use super::tcp_stream::TcpStream;
use crate::io::named;
use crate::runtime::reactor;

/// A TCP socket that neither listens nor is connected yet: for options that have to be set before.
///
/// [`TcpListener::bind`] is this with [`set_reuse_address`](Self::set_reuse_address) and std's backlog.
///
/// # Examples
///
/// Two sockets that share a port, and the connections that come there:
///
/// ```
/// use cede::net::TcpSocket;
///
/// let first = TcpSocket::new_v4()?;
/// first.set_reuse_port(true)?;
/// first.bind("127.0.0.1:0".parse().unwrap())?;
/// let address = first.local_addr()?;
/// let second = TcpSocket::new_v4()?;
/// second.set_reuse_port(true)?;
/// second.bind(address)?;
/// let listeners = [first.listen(1024)?, second.listen(1024)?];
/// assert_eq!(listeners[0].local_addr()?, listeners[1].local_addr()?);
/// # Ok::<_, std::io::Error>(())
/// ```
pub struct TcpSocket {
    socket: OwnedFd,
}

socket_options!(buffers of TcpSocket);
socket_options!(connection of TcpSocket);

impl TcpSocket {
    /// A socket for IPv4.
    ///
    /// # Errors
    ///
    /// When there is no descriptor left.
    pub fn new_v4() -> io::Result<Self> {
        Ok(TcpSocket { socket: new_socket_of(AddressFamily::INET, SocketType::STREAM)? })
    }

    /// A socket for IPv6.
    ///
    /// # Errors
    ///
    /// When there is no descriptor left, or the system has no IPv6.
    pub fn new_v6() -> io::Result<Self> {
        Ok(TcpSocket { socket: new_socket_of(AddressFamily::INET6, SocketType::STREAM)? })
    }

    /// A socket of the family that an address has.
    ///
    /// # Errors
    ///
    /// As [`new_v4`](Self::new_v4) and [`new_v6`](Self::new_v6).
    pub fn new_for(address: &SocketAddr) -> io::Result<Self> {
        Ok(TcpSocket { socket: new_socket(address)? })
    }

    /// Whether it may take an address on which connections of an earlier socket are still dying away.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn reuse_address(&self) -> io::Result<bool> {
        Ok(sockopt::socket_reuseaddr(self)?)
    }

    /// Sets whether it may take an address on which connections of an earlier socket are still dying away.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn set_reuse_address(&self, reuse: bool) -> io::Result<()> {
        Ok(sockopt::set_socket_reuseaddr(self, reuse)?)
    }

    /// Whether it shares its address with other sockets that say the same.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn reuse_port(&self) -> io::Result<bool> {
        Ok(sockopt::socket_reuseport(self)?)
    }

    /// Sets whether it shares its address with other sockets that say the same. Linux spreads connections over them.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn set_reuse_port(&self, reuse: bool) -> io::Result<()> {
        Ok(sockopt::set_socket_reuseport(self, reuse)?)
    }

    /// Whether a socket for IPv6 takes nothing of IPv4.
    ///
    /// # Errors
    ///
    /// Those of the system; for a socket of IPv4.
    pub fn only_v6(&self) -> io::Result<bool> {
        Ok(sockopt::ipv6_v6only(self)?)
    }

    /// Sets whether a socket for IPv6 takes nothing of IPv4. What it is without this differs between systems.
    ///
    /// # Errors
    ///
    /// Those of the system; for a socket of IPv4; once it is bound.
    pub fn set_only_v6(&self, only_v6: bool) -> io::Result<()> {
        Ok(sockopt::set_ipv6_v6only(self, only_v6)?)
    }

    /// Whether small writes are sent at once, and not gathered.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn nodelay(&self) -> io::Result<bool> {
        Ok(sockopt::tcp_nodelay(self)?)
    }

    /// Sets whether small writes are sent at once. The connections that a listener accepts have it too on Linux.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn set_nodelay(&self, nodelay: bool) -> io::Result<()> {
        Ok(sockopt::set_tcp_nodelay(self, nodelay)?)
    }

    /// How many hops packets may take.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn ttl(&self) -> io::Result<u32> {
        Ok(sockopt::ip_ttl(self)?)
    }

    /// Sets how many hops packets may take.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn set_ttl(&self, ttl: u32) -> io::Result<()> {
        Ok(sockopt::set_ip_ttl(self, ttl)?)
    }

    /// Gives it an address. Port 0 takes a free port.
    ///
    /// # Errors
    ///
    /// When the address can't be had, such as [`AddrInUse`](io::ErrorKind::AddrInUse).
    pub fn bind(&self, address: SocketAddr) -> io::Result<()> {
        bind(&self.socket, &address).map_err(|error| named(error.into(), "binds", address))
    }

    /// The address that it is bound to.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(getsockname(&self.socket)?.try_into()?)
    }

    /// Listens on its address. `backlog` connections may wait to be accepted, or as many as the system allows.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn listen(self, backlog: u32) -> io::Result<TcpListener> {
        let backlog = i32::try_from(backlog).unwrap_or(i32::MAX);
        if let Err(error) = listen(&self.socket, backlog) {
            let error = io::Error::from(error);
            return Err(match self.local_addr() {
                Ok(address) => named(error, "listens on", address),
                Err(_) => error,
            });
        }
        Ok(TcpListener::of_nonblocking(self.socket.into()))
    }

    /// Connects it.
    ///
    /// # Errors
    ///
    /// When the connection can't be made; outside of a task.
    ///
    /// # Cancellation
    ///
    /// Unwinds when the task is cancelled meanwhile; the socket is closed.
    pub fn connect(self, address: SocketAddr) -> io::Result<TcpStream> {
        reactor::begin()?;
        connect_socket(self.socket, address, None)
    }

    /// Connects it within a time.
    ///
    /// # Errors
    ///
    /// [`TimedOut`](io::ErrorKind::TimedOut) when the time is over, [`InvalidInput`](io::ErrorKind::InvalidInput) when it is
    /// zero; as [`connect`](Self::connect) else.
    ///
    /// # Cancellation
    ///
    /// As [`connect`](Self::connect).
    pub fn connect_timeout(self, address: SocketAddr, timeout: Duration) -> io::Result<TcpStream> {
        refuse_zero(timeout)?;
        reactor::begin()?;
        connect_socket(self.socket, address, Some(timeout))
    }
}

/// In non-blocking mode from now on.
impl TryFrom<OwnedFd> for TcpSocket {
    type Error = io::Error;

    fn try_from(socket: OwnedFd) -> io::Result<Self> {
        rustix::io::ioctl_fionbio(&socket, true)?;
        Ok(TcpSocket { socket })
    }
}

/// In non-blocking mode.
impl From<TcpSocket> for OwnedFd {
    fn from(socket: TcpSocket) -> Self {
        socket.socket
    }
}

impl AsFd for TcpSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl AsRawFd for TcpSocket {
    fn as_raw_fd(&self) -> RawFd {
        self.socket.as_raw_fd()
    }
}

/// In non-blocking mode.
impl IntoRawFd for TcpSocket {
    fn into_raw_fd(self) -> RawFd {
        self.socket.into_raw_fd()
    }
}

impl fmt::Debug for TcpSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TcpSocket")
            .field("addr", &self.local_addr().ok())
            .field("fd", &self.as_raw_fd())
            .finish()
    }
}
