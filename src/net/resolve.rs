//! From names to addresses, without blocking the scheduler.
//!
//! std's `ToSocketAddrs` can't be used: it may ask the system's resolver, which blocks, and nothing tells beforehand whether it will.
//! So there is one of our own for the same types. What is an address already is converted at once, anywhere; a name
//! is looked up on a thread for blocking work while the task waits.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::vec;

use crate::runtime::blocking;

/// What has socket addresses: [`std::net::ToSocketAddrs`], but a look-up of a name suspends the task.
///
/// Sealed: it is there for addresses, for pairs of an IP address or a name and a port, and for strings such as
/// `"localhost:80"`.
///
/// # Examples
///
/// ```
/// use cede::net::ToSocketAddrs;
///
/// let addresses: Vec<_> = cede::run(|| "localhost:80".to_socket_addrs())?.collect();
/// assert!(addresses.iter().all(|address| address.port() == 80 && address.ip().is_loopback()));
/// # Ok::<_, std::io::Error>(())
/// ```
pub trait ToSocketAddrs: sealed::Sealed {
    /// The addresses, in the order in which they are to be tried.
    ///
    /// # Errors
    ///
    /// When a string is none of an address and a port, or a name can't be looked up; for names also outside of a task.
    ///
    /// # Cancellation
    ///
    /// Unwinds when the task is cancelled meanwhile. The look-up goes on with nobody waiting for it.
    fn to_socket_addrs(&self) -> io::Result<vec::IntoIter<SocketAddr>>;
}

mod sealed {
    pub trait Sealed {}
}

macro_rules! addresses {
    ($($type:ty),*) => {$(
        impl sealed::Sealed for $type {}

        impl ToSocketAddrs for $type {
            fn to_socket_addrs(&self) -> io::Result<vec::IntoIter<SocketAddr>> {
                std::net::ToSocketAddrs::to_socket_addrs(self).map(Vec::from_iter).map(Vec::into_iter)
            }
        }
    )*};
}

addresses!(SocketAddr, SocketAddrV4, SocketAddrV6, (IpAddr, u16), (Ipv4Addr, u16), (Ipv6Addr, u16));

impl sealed::Sealed for &[SocketAddr] {}

impl ToSocketAddrs for &[SocketAddr] {
    fn to_socket_addrs(&self) -> io::Result<vec::IntoIter<SocketAddr>> {
        Ok(Vec::from(*self).into_iter())
    }
}

impl sealed::Sealed for (&str, u16) {}

impl ToSocketAddrs for (&str, u16) {
    fn to_socket_addrs(&self) -> io::Result<vec::IntoIter<SocketAddr>> {
        let &(host, port) = self;
        if let Ok(ip) = host.parse::<IpAddr>() {
            return Ok(vec![SocketAddr::new(ip, port)].into_iter());
        }
        let host = host.to_owned();
        blocking::try_unblock(move || {
            std::net::ToSocketAddrs::to_socket_addrs(&(host.as_str(), port)).map(Vec::from_iter)
        })?
        .map(Vec::into_iter)
    }
}

impl sealed::Sealed for (String, u16) {}

impl ToSocketAddrs for (String, u16) {
    fn to_socket_addrs(&self) -> io::Result<vec::IntoIter<SocketAddr>> {
        (self.0.as_str(), self.1).to_socket_addrs()
    }
}

impl sealed::Sealed for str {}

impl ToSocketAddrs for str {
    fn to_socket_addrs(&self) -> io::Result<vec::IntoIter<SocketAddr>> {
        if let Ok(address) = self.parse::<SocketAddr>() {
            return Ok(vec![address].into_iter());
        }
        let split = self.rsplit_once(':').and_then(|(host, port)| Some((host, port.parse::<u16>().ok()?)));
        let Some(pair) = split else {
            let message = format!("invalid socket address: {self:?} is not of the form host:port");
            return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
        };
        pair.to_socket_addrs()
    }
}

impl sealed::Sealed for String {}

impl ToSocketAddrs for String {
    fn to_socket_addrs(&self) -> io::Result<vec::IntoIter<SocketAddr>> {
        self.as_str().to_socket_addrs()
    }
}

impl<T: ToSocketAddrs + ?Sized> sealed::Sealed for &T {}

impl<T: ToSocketAddrs + ?Sized> ToSocketAddrs for &T {
    fn to_socket_addrs(&self) -> io::Result<vec::IntoIter<SocketAddr>> {
        (**self).to_socket_addrs()
    }
}

/// Tries the addresses in order until one does. The error is that of the last.
pub(super) fn for_each_address<T>(
    addresses: impl ToSocketAddrs,
    mut f: impl FnMut(SocketAddr) -> io::Result<T>,
) -> io::Result<T> {
    let mut last = None;
    for address in addresses.to_socket_addrs()? {
        match f(address) {
            Ok(value) => return Ok(value),
            Err(error) => last = Some(error),
        }
    }
    Err(last.unwrap_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "there are no addresses to try")))
}
