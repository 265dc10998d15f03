//! Addresses of Unix sockets: std's for users, rustix's for the calls, and their text for errors.

use std::fmt;
use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};
#[cfg(any(target_os = "linux", target_os = "android"))]
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use rustix::io::Errno;
use rustix::net::{
    AddressFamily, SocketAddrAny, SocketAddrUnix, SocketType, connect, getpeername, getsockname,
};

use super::super::tcp_connect::new_socket_of;
use crate::io::{Pauses, named};
use crate::runtime::reactor;

/// The address that a path is.
pub(super) fn of_path(path: &Path) -> io::Result<SocketAddr> {
    if path.as_os_str().as_bytes().contains(&0) {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            format!("the path {path:?} has a NUL inside"),
        ));
    }
    SocketAddr::from_pathname(path).map_err(|error| {
        // Too long, which is all that is left.
        io::Error::new(error.kind(), format!("the path {path:?} can't be that of a socket: {error}"))
    })
}

fn for_calls(address: &SocketAddr) -> io::Result<SocketAddrUnix> {
    if let Some(path) = address.as_pathname() {
        return Ok(SocketAddrUnix::new(path)?);
    }
    #[cfg(any(target_os = "linux", target_os = "android"))]
    if let Some(name) = address.as_abstract_name() {
        return Ok(SocketAddrUnix::new_abstract_name(name)?);
    }
    Err(io::Error::new(io::ErrorKind::InvalidInput, "an address without a name can't be connected to"))
}

/// std's address for one that a call has given. Other kinds, and those that std does not know, have no name.
pub(super) fn for_users(address: Option<SocketAddrAny>) -> SocketAddr {
    let unnamed = || SocketAddr::from_pathname("").expect("the empty path is an address without a name");
    let Some(address) = address.and_then(|address| SocketAddrUnix::try_from(address).ok()) else {
        return unnamed();
    };
    if let Some(path) = address.path_bytes() {
        let path = path.strip_suffix(&[0]).unwrap_or(path);
        return SocketAddr::from_pathname(Path::new(std::ffi::OsStr::from_bytes(path)))
            .unwrap_or_else(|_| unnamed());
    }
    #[cfg(any(target_os = "linux", target_os = "android"))]
    if let Some(name) = address.abstract_name().filter(|name| !name.is_empty()) {
        return SocketAddr::from_abstract_name(name).unwrap_or_else(|_| unnamed());
    }
    unnamed()
}

/// An address in words.
pub(super) fn spell(address: &SocketAddr, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    if let Some(path) = address.as_pathname() {
        return write!(f, "{path:?}");
    }
    #[cfg(any(target_os = "linux", target_os = "android"))]
    if let Some(name) = address.as_abstract_name() {
        return write!(f, "@{}", name.escape_ascii());
    }
    f.write_str("a socket without a name")
}

/// An address as text.
pub(super) struct Spelled<'a>(pub(super) &'a SocketAddr);

impl fmt::Display for Spelled<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        spell(self.0, f)
    }
}

/// The own address of a descriptor in words.
pub(super) fn spell_own(descriptor: BorrowedFd<'_>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    spell(&for_users(getsockname(descriptor).ok()), f)
}

/// The address of the peer in words, or the own one where the peer has no name, as clients have none.
pub(super) fn spell_peer(descriptor: BorrowedFd<'_>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let peer = for_users(getpeername(descriptor).ok().flatten());
    if peer.is_unnamed() {
        let own = for_users(getsockname(descriptor).ok());
        if !own.is_unnamed() {
            f.write_str("a client of ")?;
            return spell(&own, f);
        }
    }
    spell(&peer, f)
}

/// A socket that is connected to an address, in non-blocking mode.
///
/// Linux does not say when a queue that was full has room again, so that is tried now and then.
pub(super) fn connect_to(
    kind: SocketType,
    address: &SocketAddr,
    timeout: Option<Duration>,
) -> io::Result<OwnedFd> {
    reactor::begin()?;
    connect_in_time(kind, address, timeout).map_err(|error| named(error, "connects to", Spelled(address)))
}

fn connect_in_time(kind: SocketType, address: &SocketAddr, timeout: Option<Duration>) -> io::Result<OwnedFd> {
    let target = for_calls(address)?;
    let socket = new_socket_of(AddressFamily::UNIX, kind)?;
    let mut pauses = Pauses::within(timeout);
    loop {
        match connect(&socket, &target) {
            Ok(()) | Err(Errno::ISCONN) => return Ok(socket),
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN) => pauses.pause()?,
            Err(error) => return Err(error.into()),
        }
    }
}

/// Connects a datagram socket, or sends with the address that it makes.
pub(super) fn with_target<R>(
    address: &SocketAddr,
    f: impl FnOnce(&SocketAddrUnix) -> io::Result<R>,
) -> io::Result<R> {
    f(&for_calls(address)?)
}
