//! Connecting: the socket is made in non-blocking mode, told to connect, and waited for until it says how that went.

use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType, connect, getpeername, socket_with, sockopt};

use super::tcp_stream::TcpStream;
use crate::io::{Action, Watched, named};
use crate::runtime::reactor::{self, Direction};

/// A connection to an address.
pub(super) fn connect_to(address: SocketAddr, timeout: Option<Duration>) -> io::Result<TcpStream> {
    reactor::begin()?;
    let socket = new_socket(&address).map_err(|error| named(error, "connects to", address))?;
    connect_socket(socket, address, timeout)
}

/// A socket of the family that an address has, in non-blocking mode.
pub(super) fn new_socket(address: &SocketAddr) -> io::Result<OwnedFd> {
    let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    new_socket_of(family, SocketType::STREAM)
}

/// A socket in non-blocking mode.
pub(super) fn new_socket_of(family: AddressFamily, kind: SocketType) -> io::Result<OwnedFd> {
    #[cfg(not(target_vendor = "apple"))]
    let socket = socket_with(family, kind, SocketFlags::CLOEXEC | SocketFlags::NONBLOCK, None)?;
    #[cfg(target_vendor = "apple")]
    let socket = {
        let socket = socket_with(family, kind, SocketFlags::empty(), None)?;
        rustix::io::fcntl_setfd(&socket, rustix::io::FdFlags::CLOEXEC)?;
        rustix::io::ioctl_fionbio(&socket, true)?;
        sockopt::set_socket_nosigpipe(&socket, true)?;
        socket
    };
    Ok(socket)
}

/// Connects a socket that is in non-blocking mode.
pub(super) fn connect_socket(
    socket: OwnedFd,
    address: SocketAddr,
    timeout: Option<Duration>,
) -> io::Result<TcpStream> {
    let connected = match connect(&socket, &address) {
        Ok(()) => Ok(socket),
        // One that a signal interrupts goes on by itself, as the others do.
        Err(Errno::INPROGRESS | Errno::INTR) => {
            let socket = Watched::of_nonblocking(socket, |_, f| f.write_str("its peer"));
            let action = Action { direction: Direction::Write, verb: "connects to", timeout };
            socket.operate(action, || outcome(socket.get_ref()), |()| false).map(|()| socket.into_inner())
        }
        Err(error) => Err(error.into()),
    };
    match connected {
        Ok(socket) => Ok(TcpStream::of_nonblocking(socket.into(), Some(address))),
        Err(error) => Err(named(error, "connects to", address)),
    }
}

/// How connecting went, or `WouldBlock` while it goes on.
fn outcome(socket: &OwnedFd) -> io::Result<()> {
    sockopt::socket_error(socket)??;
    match getpeername(socket) {
        Ok(_) => Ok(()),
        Err(Errno::NOTCONN) => Err(io::ErrorKind::WouldBlock.into()),
        Err(error) => Err(error.into()),
    }
}
