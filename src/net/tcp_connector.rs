//! Connecting with a say in how: which addresses, in what order, from where, for how long.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use rustix::net::{bind, sockopt};

use super::eyeballs::{ATTEMPT_DELAY, connect_first, interleave};
use super::options::refuse_zero;
use super::resolve::ToSocketAddrs;
use super::tcp_connect::{connect_socket, new_socket};
use super::tcp_stream::TcpStream;
use crate::io::named;
use crate::runtime::reactor;
use crate::time;

/// How to connect where there are several addresses: asyncio's `happy_eyeballs_delay`, `interleave` and `local_addr`.
///
/// [`TcpStream::connect`] is this with its defaults.
///
/// # Examples
///
/// ```
/// use cede::net::{TcpConnector, TcpListener};
/// use std::time::Duration;
///
/// cede::run(|| -> std::io::Result<()> {
///     let listener = TcpListener::bind("127.0.0.1:0")?;
///     let port = listener.local_addr()?.port();
///     let connector = TcpConnector::new().timeout(Duration::from_secs(5));
///     let stream = connector.connect(("localhost", port))?;
///     assert_eq!(stream.peer_addr()?, listener.local_addr()?);
///     Ok(())
/// })
/// # .unwrap();
/// ```
#[derive(Debug, Clone)]
pub struct TcpConnector {
    attempt_delay: Option<Duration>,
    interleaves: bool,
    timeout: Option<Duration>,
    local: Vec<SocketAddr>,
}

impl Default for TcpConnector {
    fn default() -> Self {
        TcpConnector {
            attempt_delay: Some(ATTEMPT_DELAY),
            interleaves: true,
            timeout: None,
            local: Vec::new(),
        }
    }
}

impl TcpConnector {
    /// Happy eyeballs with a delay of 250 ms, families that take turns, and no timeout.
    pub fn new() -> Self {
        TcpConnector::default()
    }

    /// How long an attempt may be silent before the next address is tried beside it. `None`: an address is tried only when the
    /// one before it has failed.
    pub fn attempt_delay(mut self, delay: impl Into<Option<Duration>>) -> Self {
        self.attempt_delay = delay.into();
        self
    }

    /// Whether addresses of IPv6 and IPv4 take turns; else they are tried in the order in which they come.
    pub fn interleave(mut self, interleaves: bool) -> Self {
        self.interleaves = interleaves;
        self
    }

    /// How long all of it may take, the look-up of a name included; `None` for as long as it takes.
    pub fn timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.timeout = timeout.into();
        self
    }

    /// The address on this side; port 0 for any. May be called once for each family; addresses of a family for which it
    /// was not called are then not tried.
    pub fn local_addr(mut self, address: SocketAddr) -> Self {
        self.local.retain(|other| other.is_ipv4() != address.is_ipv4());
        self.local.push(address);
        self
    }

    /// Opens a connection to the first of the addresses that accepts it.
    ///
    /// # Errors
    ///
    /// When none of the addresses accepts it: the error tells of all, and has the kind of the last.
    /// [`TimedOut`](io::ErrorKind::TimedOut) when the time is over; [`InvalidInput`](io::ErrorKind::InvalidInput) when that is
    /// zero, or there is no address to try; outside of a task.
    ///
    /// # Cancellation
    ///
    /// Unwinds when the task is cancelled meanwhile; all sockets are closed.
    pub fn connect(&self, addresses: impl ToSocketAddrs) -> io::Result<TcpStream> {
        reactor::begin()?;
        let Some(timeout) = self.timeout else { return self.connect_any(self.look_up(addresses)?) };
        refuse_zero(timeout)?;
        let mut found = Vec::new();
        let connected = time::timeout(timeout, || {
            found = self.look_up(addresses)?;
            self.connect_any(found.clone())
        });
        connected.unwrap_or_else(|_| {
            let message = match &found[..] {
                [] => "the look-up of the name timed out".into(),
                [address] => format!("can't connect to {address}: timed out"),
                all => format!("can't connect to any of {all:?}: timed out"),
            };
            Err(io::Error::new(io::ErrorKind::TimedOut, message))
        })
    }

    fn look_up(&self, addresses: impl ToSocketAddrs) -> io::Result<Vec<SocketAddr>> {
        Ok(addresses.to_socket_addrs()?.collect())
    }

    fn connect_any(&self, mut addresses: Vec<SocketAddr>) -> io::Result<TcpStream> {
        if !self.local.is_empty() {
            addresses.retain(|address| self.local_for(address).is_some());
        }
        if self.interleaves {
            addresses = interleave(addresses);
        }
        connect_first(&addresses, self.attempt_delay, &|address| self.connect_to(address))
    }

    fn local_for(&self, address: &SocketAddr) -> Option<&SocketAddr> {
        self.local.iter().find(|local| local.is_ipv4() == address.is_ipv4())
    }

    fn connect_to(&self, address: SocketAddr) -> io::Result<TcpStream> {
        reactor::begin()?;
        let socket = new_socket(&address).map_err(|error| named(error, "connects to", address))?;
        if let Some(local) = self.local_for(&address) {
            sockopt::set_socket_reuseaddr(&socket, true)?;
            bind(&socket, local).map_err(|error| named(error.into(), "binds", local))?;
        }
        connect_socket(socket, address, None)
    }
}
