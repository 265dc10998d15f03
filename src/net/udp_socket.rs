//! A UDP socket.
//!
//! As with streams, receiving and sending ask for no waiting by themselves, whatever mode duplicates have put the socket in.

use std::io;
use std::net::SocketAddr;
use std::os::fd::AsFd;

use rustix::net::{RecvFlags, getsockname, recv, recvfrom, send, sendto};

use super::conversions::conversions;
use super::datagram_batch::{self, DatagramBatch};
use super::options::socket_options;
use super::resolve::{ToSocketAddrs, for_each_address};
use super::transfer::{RECEIVE, SEND};
use crate::io::{Action, Attempting, Readiness, Timeouts, Watched, named};
use crate::runtime::operation::Operation;
use crate::runtime::reactor::Direction;

/// A UDP socket, in the shape of [`std::net::UdpSocket`]: operations suspend the task, not the thread. asyncio's
/// `create_datagram_endpoint`.
///
/// Every call takes or sends one datagram, or a batch of whole ones; one that is longer than the buffer is cut off, as in std. It can
/// be used by several tasks at the same time, move to another thread, and serve in a later run.
///
/// An error that came back for a datagram that was sent before, such as that nobody listens there, is given to the next call on a
/// connected socket (asyncio's `error_received`).
///
/// # Cancellation
///
/// A task that is cancelled while it waits unwinds; no datagram was taken, and none was sent.
///
/// # Examples
///
/// ```
/// use cede::net::UdpSocket;
///
/// cede::run(|| -> std::io::Result<()> {
///     let (ours, theirs) = (UdpSocket::bind("127.0.0.1:0")?, UdpSocket::bind("127.0.0.1:0")?);
///     let address = theirs.local_addr()?;
///     cede::spawn(move || {
///         let mut buffer = [0; 1500];
///         let (length, peer) = theirs.recv_from(&mut buffer)?;
///         theirs.send_to(&buffer[..length], peer)
///     });
///     ours.connect(address)?;
///     ours.send(b"hello")?;
///     let mut buffer = [0; 1500];
///     assert_eq!(ours.recv(&mut buffer)?, 5);
///     Ok(())
/// })
/// # .unwrap();
/// ```
pub struct UdpSocket {
    socket: Watched<std::net::UdpSocket>,
    timeouts: Timeouts,
}

socket_options!(buffers of UdpSocket);
conversions!(UdpSocket, std::net::UdpSocket);

/// What is done, for reports and errors.
const RECEIVES: &str = "receives on";
const SENDS: &str = "sends from";

impl UdpSocket {
    /// A socket on the first of the addresses that can be had. Port 0 takes a free port.
    ///
    /// Only an address that is a name needs a task.
    ///
    /// # Errors
    ///
    /// That of the last address that was tried, such as [`AddrInUse`](io::ErrorKind::AddrInUse).
    pub fn bind(addresses: impl ToSocketAddrs) -> io::Result<Self> {
        for_each_address(addresses, |address| {
            let socket = std::net::UdpSocket::bind(address);
            socket.map_err(|error| named(error, "binds", address))?.try_into()
        })
    }

    fn of_nonblocking(socket: std::net::UdpSocket, timeouts: Timeouts) -> Self {
        let socket = Watched::of_nonblocking(socket, |descriptor, f| {
            let address = getsockname(descriptor).ok().and_then(|address| SocketAddr::try_from(address).ok());
            match address {
                Some(address) => write!(f, "{address}"),
                None => f.write_str("a socket that has gone"),
            }
        });
        UdpSocket { socket, timeouts }
    }

    pub(super) fn std(&self) -> &std::net::UdpSocket {
        self.socket.get_ref()
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
        let receive = || receive_from(self.std(), buffer, RECEIVE);
        self.receive(receive)
    }

    /// As [`recv_from`](Self::recv_from), but the datagram stays.
    ///
    /// # Errors, cancellation
    ///
    /// As [`recv_from`](Self::recv_from).
    pub fn peek_from(&self, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        let receive = || receive_from(self.std(), buffer, RECEIVE | RecvFlags::PEEK);
        self.receive(receive)
    }

    /// Receives a datagram from the peer that the socket is [connected](Self::connect) to, and gives its length.
    ///
    /// # Errors, cancellation
    ///
    /// As [`recv_from`](Self::recv_from).
    pub fn recv(&self, buffer: &mut [u8]) -> io::Result<usize> {
        let receive = || Ok(recv(self.std(), &mut *buffer, RECEIVE)?.0);
        self.receive(receive)
    }

    /// As [`recv`](Self::recv), but the datagram stays.
    ///
    /// # Errors, cancellation
    ///
    /// As [`recv_from`](Self::recv_from).
    pub fn peek(&self, buffer: &mut [u8]) -> io::Result<usize> {
        let receive = || Ok(recv(self.std(), &mut *buffer, RECEIVE | RecvFlags::PEEK)?.0);
        self.receive(receive)
    }

    /// The operation behind [`recv_from`](Self::recv_from), for `select!`. Where it loses, no datagram was taken.
    ///
    /// # Examples
    ///
    /// ```
    /// use cede::{net::UdpSocket, time::after};
    /// use std::time::Duration;
    ///
    /// cede::run(|| -> std::io::Result<()> {
    ///     let socket = UdpSocket::bind("127.0.0.1:0")?;
    ///     let mut buffer = [0; 1500];
    ///     cede::select! {
    ///         received = socket.receiving_from(&mut buffer) => unreachable!("{received:?}"),
    ///         _ = after(Duration::from_millis(1)) => Ok(()),
    ///     }
    /// })
    /// # .unwrap();
    /// ```
    pub fn receiving_from(
        &self,
        buffer: &mut [u8],
    ) -> impl Operation<Output = io::Result<(usize, SocketAddr)>> {
        Attempting::of(&self.socket, Direction::Read, RECEIVES, move |socket| {
            receive_from(socket, buffer, RECEIVE).map_err(|error| self.name(error, RECEIVES))
        })
    }

    /// Receives as many datagrams as are there and the batch has room for, at least one, and gives how many they are: with one
    /// call of the system where it has that (`recvmmsg`). What was in the batch before is gone.
    ///
    /// # Errors, cancellation
    ///
    /// As [`recv_from`](Self::recv_from).
    ///
    /// # Examples
    ///
    /// ```
    /// use cede::net::{DatagramBatch, UdpSocket};
    ///
    /// cede::run(|| -> std::io::Result<()> {
    ///     let (ours, theirs) = (UdpSocket::bind("127.0.0.1:0")?, UdpSocket::bind("127.0.0.1:0")?);
    ///     let address = theirs.local_addr()?;
    ///     assert_eq!(ours.send_batch(&[("one", address), ("two", address), ("three", address)])?, 3);
    ///     let mut batch = DatagramBatch::new(8, 1500);
    ///     theirs.recv_batch(&mut batch)?;
    ///     let first = batch.iter().next().unwrap();
    ///     assert_eq!((first.data, first.peer), (&b"one"[..], ours.local_addr()?));
    ///     Ok(())
    /// })
    /// # .unwrap();
    /// ```
    pub fn recv_batch(&self, batch: &mut DatagramBatch) -> io::Result<usize> {
        let receive = || datagram_batch::receive(self.std().as_fd(), batch);
        self.receive(receive)
    }

    fn receive<R>(&self, f: impl FnMut() -> io::Result<R>) -> io::Result<R> {
        let action = Action { direction: Direction::Read, verb: RECEIVES, timeout: self.timeouts.read() };
        self.socket.operate(action, f, |_| false).map_err(|error| self.name(error, RECEIVES))
    }

    /// Sends a datagram to the first of the addresses; a name is looked up while the task waits.
    ///
    /// # Errors
    ///
    /// [`TimedOut`](io::ErrorKind::TimedOut) after the [write timeout](Self::set_write_timeout); when the datagram is too long; those of
    /// the system; outside of a task.
    ///
    /// # Cancellation
    ///
    /// Unwinds when the task is cancelled meanwhile; nothing was sent.
    pub fn send_to(&self, data: &[u8], addresses: impl ToSocketAddrs) -> io::Result<usize> {
        let Some(address) = addresses.to_socket_addrs()?.next() else {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "there is no address to send to"));
        };
        let action = self.sending("sends to");
        self.socket
            .operate(action, || Ok(sendto(self.std(), data, SEND, &address)?), |_| false)
            .map_err(|error| named(error, action.verb, address))
    }

    /// Sends a datagram to the peer that the socket is [connected](Self::connect) to.
    ///
    /// # Errors, cancellation
    ///
    /// As [`send_to`](Self::send_to).
    pub fn send(&self, data: &[u8]) -> io::Result<usize> {
        self.socket
            .operate(self.sending(SENDS), || Ok(send(self.std(), data, SEND)?), |_| false)
            .map_err(|error| self.name(error, SENDS))
    }

    /// Sends datagrams, each to its address, and gives how many were sent, at least one: all of them, unless the
    /// system's buffer is full or refuses one. With one call of the system where it has that (`sendmmsg`).
    ///
    /// # Errors
    ///
    /// When the first of them can't be sent; as [`send_to`](Self::send_to).
    ///
    /// # Cancellation
    ///
    /// Unwinds when the task is cancelled while it waits for room; nothing was sent.
    pub fn send_batch(&self, datagrams: &[(impl AsRef<[u8]>, SocketAddr)]) -> io::Result<usize> {
        if datagrams.is_empty() {
            return Ok(0);
        }
        let count = datagrams.len().min(datagram_batch::COUNT_MAX);
        let parts: Vec<_> = datagrams[..count].iter().map(|(data, peer)| (data.as_ref(), *peer)).collect();
        let send = || datagram_batch::send(self.std().as_fd(), &parts);
        self.socket
            .operate(self.sending(SENDS), send, |_| false)
            .map_err(|error| named(error, "sends to", parts[0].1))
    }

    fn sending(&self, verb: &'static str) -> Action {
        Action { direction: Direction::Write, verb, timeout: self.timeouts.write() }
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

    /// Fixes the peer: [`send`](Self::send) goes there, and only what comes from there is received. The last of several
    /// addresses that can be had; a name is looked up while the task waits.
    ///
    /// # Errors
    ///
    /// When there is no way there.
    pub fn connect(&self, addresses: impl ToSocketAddrs) -> io::Result<()> {
        for_each_address(addresses, |address| {
            self.std().connect(address).map_err(|error| named(error, "connects to", address))
        })
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

    /// Another handle of the same socket, that shares its timeouts. A datagram is given to one of them.
    ///
    /// # Errors
    ///
    /// When there is no descriptor left.
    pub fn try_clone(&self) -> io::Result<Self> {
        let socket = self.std().try_clone().map_err(|error| self.name(error, "clones"))?;
        Ok(UdpSocket::of_nonblocking(socket, self.timeouts.clone()))
    }

    /// The error that is pending on the socket, and clears it.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn take_error(&self) -> io::Result<Option<io::Error>> {
        self.std().take_error()
    }

    /// The operation of waiting until there is a datagram or an error: for `select!`.
    pub fn readable(&self) -> Readiness<'_> {
        self.socket.readable()
    }

    /// The operation of waiting until there is room to send: for `select!`.
    pub fn writable(&self) -> Readiness<'_> {
        self.socket.writable()
    }
}

fn receive_from(
    socket: &std::net::UdpSocket,
    buffer: &mut [u8],
    flags: RecvFlags,
) -> io::Result<(usize, SocketAddr)> {
    let (_, length, peer) = recvfrom(socket, buffer, flags)?;
    let peer = peer.and_then(|peer| SocketAddr::try_from(peer).ok());
    Ok((length, peer.ok_or_else(|| io::Error::other("a datagram came from an address of another kind"))?))
}
