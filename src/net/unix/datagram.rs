//! Datagrams between processes of one machine.

use std::io;
use std::net::Shutdown;
use std::os::fd::BorrowedFd;
use std::os::unix::net::SocketAddr;
use std::path::Path;

use rustix::io::Errno;
use rustix::net::{RecvFlags, connect, recv, recvfrom, send, sendto};

use super::address::{self, Spelled, for_users};
use super::descriptors::{self, ReceivedWithDescriptors};
use crate::io::{Action, Attempting, Pauses, Readiness, Timeouts, Watched, named};
use crate::net::conversions::conversions;
use crate::net::options::socket_options;
use crate::net::transfer::{RECEIVE, SEND};
use crate::runtime::operation::Operation;
use crate::runtime::reactor::Direction;

/// A Unix socket for datagrams, in the shape of [`std::os::unix::net::UnixDatagram`]: operations suspend the task, not the thread.
///
/// Unlike those of UDP, its datagrams are not lost: who sends waits while the receiver's queue is full. (The system says when there is
/// room only to a socket that is [connected](Self::connect). Others try again after 1 ms, and then less and less often.)
///
/// # Cancellation
///
/// A task that is cancelled while it waits unwinds; no datagram was taken, and none was sent.
///
/// # Examples
///
/// ```
/// use cede::net::UnixDatagram;
///
/// cede::run(|| -> std::io::Result<()> {
///     let (ours, theirs) = UnixDatagram::pair()?;
///     ours.send(b"hello")?;
///     let mut buffer = [0; 16];
///     assert_eq!(theirs.recv(&mut buffer)?, 5);
///     Ok(())
/// })
/// # .unwrap();
/// ```
pub struct UnixDatagram {
    socket: Watched<std::os::unix::net::UnixDatagram>,
    timeouts: Timeouts,
}

/// What is done, for reports and errors.
const RECEIVES: &str = "receives on";
const SENDS: &str = "sends from";

socket_options!(buffers of UnixDatagram);
conversions!(UnixDatagram, std::os::unix::net::UnixDatagram);

impl UnixDatagram {
    /// A socket at a path, where there must be nothing yet.
    ///
    /// # Errors
    ///
    /// [`AddrInUse`](io::ErrorKind::AddrInUse) when there is something at the path; [`InvalidInput`](io::ErrorKind::InvalidInput) for a
    /// path that is too long or has a NUL inside; those of the system.
    pub fn bind(path: impl AsRef<Path>) -> io::Result<Self> {
        Self::bind_addr(&address::of_path(path.as_ref())?)
    }

    /// A socket at an address: a path, or a name in Linux's abstract namespace.
    ///
    /// # Errors
    ///
    /// As [`bind`](Self::bind).
    pub fn bind_addr(address: &SocketAddr) -> io::Result<Self> {
        let socket = std::os::unix::net::UnixDatagram::bind_addr(address);
        socket.map_err(|error| named(error, "binds", Spelled(address)))?.try_into()
    }

    /// A socket without a name, which can send, and be answered only when it is connected.
    ///
    /// # Errors
    ///
    /// When there is no descriptor left.
    pub fn unbound() -> io::Result<Self> {
        std::os::unix::net::UnixDatagram::unbound()?.try_into()
    }

    /// Two sockets that are connected to each other.
    ///
    /// # Errors
    ///
    /// When there is no descriptor left.
    pub fn pair() -> io::Result<(Self, Self)> {
        let (ours, theirs) = std::os::unix::net::UnixDatagram::pair()?;
        Ok((ours.try_into()?, theirs.try_into()?))
    }

    fn of_nonblocking(socket: std::os::unix::net::UnixDatagram, timeouts: Timeouts) -> Self {
        UnixDatagram { socket: Watched::of_nonblocking(socket, address::spell_own), timeouts }
    }

    fn std(&self) -> &std::os::unix::net::UnixDatagram {
        self.socket.get_ref()
    }

    /// Fixes the peer: [`send`](Self::send) goes there, and only what comes from there is received.
    ///
    /// # Errors
    ///
    /// When there is no socket at the path.
    pub fn connect(&self, path: impl AsRef<Path>) -> io::Result<()> {
        self.connect_addr(&address::of_path(path.as_ref())?)
    }

    /// As [`connect`](Self::connect), to an address.
    ///
    /// # Errors
    ///
    /// As [`connect`](Self::connect).
    pub fn connect_addr(&self, address: &SocketAddr) -> io::Result<()> {
        address::with_target(address, |target| Ok(connect(self.std(), target)?))
            .map_err(|error| named(error, "connects to", Spelled(address)))
    }

    /// Receives a datagram, and gives its length and where it came from.
    ///
    /// # Errors
    ///
    /// [`TimedOut`](io::ErrorKind::TimedOut) after the [read timeout](Self::set_read_timeout); those of the system; outside of a task.
    ///
    /// # Cancellation
    ///
    /// Unwinds when the task is cancelled meanwhile; no datagram was taken.
    pub fn recv_from(&self, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.receive(|| receive_from(self.std(), buffer, RECEIVE))
    }

    /// As [`recv_from`](Self::recv_from), but the datagram stays.
    ///
    /// # Errors, cancellation
    ///
    /// As [`recv_from`](Self::recv_from).
    pub fn peek_from(&self, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.receive(|| receive_from(self.std(), buffer, RECEIVE | RecvFlags::PEEK))
    }

    /// Receives a datagram, and gives its length.
    ///
    /// # Errors, cancellation
    ///
    /// As [`recv_from`](Self::recv_from).
    pub fn recv(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.receive(|| Ok(recv(self.std(), &mut *buffer, RECEIVE)?.0))
    }

    /// As [`recv`](Self::recv), but the datagram stays.
    ///
    /// # Errors, cancellation
    ///
    /// As [`recv_from`](Self::recv_from).
    pub fn peek(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.receive(|| Ok(recv(self.std(), &mut *buffer, RECEIVE | RecvFlags::PEEK)?.0))
    }

    /// Receives a datagram with the descriptors that came with it, and where it came from. Plain receiving closes those.
    ///
    /// # Errors, cancellation
    ///
    /// As [`recv_from`](Self::recv_from).
    pub fn recv_with_descriptors(
        &self,
        buffer: &mut [u8],
    ) -> io::Result<(ReceivedWithDescriptors, SocketAddr)> {
        self.receive(|| {
            let (received, peer) = descriptors::receive(self.std(), buffer)?;
            Ok((received, for_users(peer)))
        })
    }

    /// The operation behind [`recv_from`](Self::recv_from), for `select!`. Where it loses, no datagram was taken.
    pub fn receiving_from(
        &self,
        buffer: &mut [u8],
    ) -> impl Operation<Output = io::Result<(usize, SocketAddr)>> {
        Attempting::of(&self.socket, Direction::Read, RECEIVES, move |socket| {
            receive_from(socket, buffer, RECEIVE).map_err(|error| self.name(error, RECEIVES))
        })
    }

    fn receive<R>(&self, f: impl FnMut() -> io::Result<R>) -> io::Result<R> {
        let action = Action { direction: Direction::Read, verb: RECEIVES, timeout: self.timeouts.read() };
        self.socket.operate(action, f, |_| false).map_err(|error| self.name(error, RECEIVES))
    }

    /// Sends a datagram to the socket at a path.
    ///
    /// # Errors
    ///
    /// [`TimedOut`](io::ErrorKind::TimedOut) after the [write timeout](Self::set_write_timeout); when there is no socket at the path; when
    /// the datagram is too long; outside of a task.
    ///
    /// # Cancellation
    ///
    /// Unwinds when the task is cancelled meanwhile; nothing was sent.
    pub fn send_to(&self, data: &[u8], path: impl AsRef<Path>) -> io::Result<usize> {
        self.send_to_addr(data, &address::of_path(path.as_ref())?)
    }

    /// Sends a datagram to the socket at an address.
    ///
    /// # Errors, cancellation
    ///
    /// As [`send_to`](Self::send_to).
    pub fn send_to_addr(&self, data: &[u8], address: &SocketAddr) -> io::Result<usize> {
        let verb = "sends to";
        let mut pauses = Pauses::within(self.timeouts.write());
        address::with_target(address, |target| {
            loop {
                let sent = self.send_with(verb, || match sendto(self.std(), data, SEND, target) {
                    // Of the receiver or of the system: who knows.
                    Err(Errno::AGAIN) => Ok(None),
                    sent => Ok(Some(sent?)),
                });
                match sent? {
                    Some(sent) => return Ok(sent),
                    None => pauses.pause()?,
                }
            }
        })
        .map_err(|error| named(error, verb, Spelled(address)))
    }

    /// Sends a datagram to the peer that the socket is [connected](Self::connect) to.
    ///
    /// # Errors, cancellation
    ///
    /// As [`send_to`](Self::send_to).
    pub fn send(&self, data: &[u8]) -> io::Result<usize> {
        self.send_with(SENDS, || Ok(send(self.std(), data, SEND)?)).map_err(|error| self.name(error, SENDS))
    }

    /// Sends a datagram with descriptors, of which the peer gets duplicates: to the peer that the socket is
    /// [connected](Self::connect) to.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) for more than [`DESCRIPTORS_MAX`](super::DESCRIPTORS_MAX) descriptors; as
    /// [`send_to`](Self::send_to) else.
    ///
    /// # Cancellation
    ///
    /// As [`send_to`](Self::send_to).
    pub fn send_with_descriptors(&self, data: &[u8], descriptors: &[BorrowedFd<'_>]) -> io::Result<usize> {
        self.send_with(SENDS, || descriptors::send(self.std(), data, descriptors, None))
            .map_err(|error| self.name(error, SENDS))
    }

    fn send_with<R>(&self, verb: &'static str, f: impl FnMut() -> io::Result<R>) -> io::Result<R> {
        let action = Action { direction: Direction::Write, verb, timeout: self.timeouts.write() };
        self.socket.operate(action, f, |_| false)
    }

    #[cold]
    fn name(&self, error: io::Error, verb: &str) -> io::Error {
        if error.kind() == io::ErrorKind::WouldBlock {
            error
        } else {
            named(error, verb, self.socket.object())
        }
    }

    /// The address of the peer.
    ///
    /// # Errors
    ///
    /// When it is not [connected](Self::connect).
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

    /// Shuts down receiving, sending or both, for all clones.
    ///
    /// # Errors
    ///
    /// When it is not connected.
    pub fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        self.std().shutdown(how)
    }

    /// Another handle of the same socket, that shares its timeouts. A datagram is given to one of them.
    ///
    /// # Errors
    ///
    /// When there is no descriptor left.
    pub fn try_clone(&self) -> io::Result<Self> {
        let socket = self.std().try_clone().map_err(|error| self.name(error, "clones"))?;
        Ok(UnixDatagram::of_nonblocking(socket, self.timeouts.clone()))
    }

    /// The error that is pending on the socket, and clears it.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn take_error(&self) -> io::Result<Option<io::Error>> {
        self.std().take_error()
    }

    /// The operation of waiting until there is a datagram: for `select!`.
    pub fn readable(&self) -> Readiness<'_> {
        self.socket.readable()
    }

    /// The operation of waiting until there is room to send: for `select!`.
    pub fn writable(&self) -> Readiness<'_> {
        self.socket.writable()
    }
}

fn receive_from(
    socket: &std::os::unix::net::UnixDatagram,
    buffer: &mut [u8],
    flags: RecvFlags,
) -> io::Result<(usize, SocketAddr)> {
    let (_, length, peer) = recvfrom(socket, buffer, flags)?;
    Ok((length, for_users(peer)))
}
