//! Connecting: the socket is made in non-blocking mode, told to connect, and waited for until it says how that went.

use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType, connect, getpeername, socket_with, sockopt};

use crate::io::{Action, Watched};
use crate::runtime::reactor::{self, Direction};

/// A connected socket in non-blocking mode.
pub(super) fn connect_to(address: SocketAddr, timeout: Option<Duration>) -> io::Result<std::net::TcpStream> {
    reactor::begin()?;
    let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket: OwnedFd = socket_with(family, SocketType::STREAM, flags, None)?;
    match connect(&socket, &address) {
        Ok(()) => return Ok(socket.into()),
        // One that a signal interrupts goes on by itself, as the others do.
        Err(Errno::INPROGRESS | Errno::INTR) => {}
        Err(error) => return Err(error.into()),
    }
    let socket = Watched::of_nonblocking(socket, |_, f| f.write_str("its peer"));
    let action = Action { direction: Direction::Write, verb: "connects to", timeout };
    socket.operate(action, || outcome(socket.get_ref()), |()| false)?;
    Ok(socket.into_inner().into())
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
