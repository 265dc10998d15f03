//! The options that sockets of several kinds have, as methods: each kind takes those that it has.

use std::io;
use std::os::fd::AsFd;
use std::time::Duration;

use rustix::net::sockopt;

/// How a connection finds out that its peer has gone without a word. What is `None` is left to the system.
///
/// # Examples
///
/// ```
/// use cede::net::{KeepAlive, TcpListener, TcpStream};
/// use std::time::Duration;
///
/// cede::run(|| -> std::io::Result<()> {
///     let listener = TcpListener::bind("127.0.0.1:0")?;
///     let stream = TcpStream::connect(listener.local_addr()?)?;
///     stream.set_keepalive(Some(KeepAlive { idle: Some(Duration::from_secs(60)), ..KeepAlive::default() }))?;
///     assert_eq!(stream.keepalive()?.unwrap().idle, Some(Duration::from_secs(60)));
///     Ok(())
/// })
/// # .unwrap();
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct KeepAlive {
    /// How long the connection is silent before the first probe. Whole seconds, one at least.
    pub idle: Option<Duration>,
    /// How long to wait between probes. Whole seconds, one at least.
    pub interval: Option<Duration>,
    /// How many probes go unanswered before the connection is given up.
    pub count: Option<u32>,
}

pub(super) fn set_keepalive(socket: impl AsFd, value: Option<KeepAlive>) -> io::Result<()> {
    let socket = socket.as_fd();
    sockopt::set_socket_keepalive(socket, value.is_some())?;
    let Some(KeepAlive { idle, interval, count }) = value else { return Ok(()) };
    #[cfg(not(target_os = "openbsd"))]
    {
        if let Some(idle) = idle {
            sockopt::set_tcp_keepidle(socket, idle)?;
        }
        if let Some(interval) = interval {
            sockopt::set_tcp_keepintvl(socket, interval)?;
        }
        if let Some(count) = count {
            sockopt::set_tcp_keepcnt(socket, count)?;
        }
        Ok(())
    }
    #[cfg(target_os = "openbsd")]
    if idle.is_some() || interval.is_some() || count.is_some() {
        Err(io::ErrorKind::Unsupported.into())
    } else {
        Ok(())
    }
}

pub(super) fn keepalive(socket: impl AsFd) -> io::Result<Option<KeepAlive>> {
    let socket = socket.as_fd();
    if !sockopt::socket_keepalive(socket)? {
        return Ok(None);
    }
    #[cfg(not(target_os = "openbsd"))]
    return Ok(Some(KeepAlive {
        idle: Some(sockopt::tcp_keepidle(socket)?),
        interval: Some(sockopt::tcp_keepintvl(socket)?),
        count: Some(sockopt::tcp_keepcnt(socket)?),
    }));
    #[cfg(target_os = "openbsd")]
    Ok(Some(KeepAlive::default()))
}

/// Implements the options of a socket that is reached by `AsFd`.
macro_rules! socket_options {
    (buffers of $type:ty) => {
        impl $type {
            /// How many bytes the system holds that have come and were not read.
            ///
            /// # Errors
            ///
            /// Those of the system.
            pub fn recv_buffer_size(&self) -> ::std::io::Result<usize> {
                Ok(::rustix::net::sockopt::socket_recv_buffer_size(self)?)
            }

            /// Asks for so much room for what has come. The system may give another amount: Linux doubles it, and has an upper bound.
            ///
            /// # Errors
            ///
            /// Those of the system.
            pub fn set_recv_buffer_size(&self, bytes: usize) -> ::std::io::Result<()> {
                Ok(::rustix::net::sockopt::set_socket_recv_buffer_size(self, bytes)?)
            }

            /// How many bytes the system holds that were written and have not gone.
            ///
            /// # Errors
            ///
            /// Those of the system.
            pub fn send_buffer_size(&self) -> ::std::io::Result<usize> {
                Ok(::rustix::net::sockopt::socket_send_buffer_size(self)?)
            }

            /// Asks for so much room for what was written. The system may give another amount.
            ///
            /// # Errors
            ///
            /// Those of the system.
            pub fn set_send_buffer_size(&self, bytes: usize) -> ::std::io::Result<()> {
                Ok(::rustix::net::sockopt::set_socket_send_buffer_size(self, bytes)?)
            }
        }
    };
    (connection of $type:ty) => {
        impl $type {
            /// How long the system goes on sending after the socket was closed; see [`set_linger`](Self::set_linger).
            ///
            /// # Errors
            ///
            /// Those of the system.
            pub fn linger(&self) -> ::std::io::Result<Option<::std::time::Duration>> {
                Ok(::rustix::net::sockopt::socket_linger(self)?)
            }

            /// What closing does with what was not sent yet. `None`: the system goes on sending by itself. Zero: it
            /// is dropped, and the peer gets a reset. Any other time makes closing the last handle *block the thread* for so
            /// long at most, until it was sent.
            ///
            /// # Errors
            ///
            /// Those of the system.
            pub fn set_linger(&self, linger: Option<::std::time::Duration>) -> ::std::io::Result<()> {
                Ok(::rustix::net::sockopt::set_socket_linger(self, linger)?)
            }

            /// How the connection finds out that its peer has gone without a word; `None` if it does not.
            ///
            /// # Errors
            ///
            /// Those of the system.
            pub fn keepalive(&self) -> ::std::io::Result<Option<$crate::net::KeepAlive>> {
                $crate::net::options::keepalive(self)
            }

            /// Sets how the connection finds out that its peer has gone without a word.
            ///
            /// # Errors
            ///
            /// Those of the system, also for times that it does not take.
            pub fn set_keepalive(&self, keepalive: Option<$crate::net::KeepAlive>) -> ::std::io::Result<()> {
                $crate::net::options::set_keepalive(self, keepalive)
            }
        }
    };
}

pub(super) use socket_options;

/// How long a value is that the system takes as whole seconds, for checks of what it is given.
pub(super) fn refuse_zero(timeout: Duration) -> io::Result<()> {
    if timeout.is_zero() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "no connection can be made in no time"));
    }
    Ok(())
}
