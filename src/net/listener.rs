//! What a [`Server`](super::Server) needs to know of a listener.

use std::fmt;
use std::io::{self, Write};
use std::net::{Shutdown, SocketAddr};

use super::tcp_listener::TcpListener;
use super::tcp_stream::TcpStream;
use crate::io::{ReadSpare, Shared, ShutDown};

/// A socket that accepts connections. Sealed.
pub trait Listener: sealed::Sealed + 'static {
    /// Its connections, in several hands.
    type Stream: ReadSpare + Write + ShutDown + Clone + 'static;
    /// Where it listens.
    type Addr: fmt::Debug;

    /// Waits for the next connection.
    #[doc(hidden)]
    fn accept_shared(&self) -> io::Result<Accepted<Self::Stream>>;

    /// Where it listens.
    ///
    /// # Errors
    ///
    /// Those of the system.
    fn address(&self) -> io::Result<Self::Addr>;
}

pub(super) mod sealed {
    pub trait Sealed {}
}

/// A connection that was accepted.
#[doc(hidden)]
#[expect(missing_debug_implementations, reason = "it is no part of the interface")]
pub struct Accepted<S> {
    pub(super) stream: S,
    /// Who is connected, for reports.
    pub(super) peer: String,
    pub(super) shut_down: Ending,
}

/// Ends directions of a connection, without keeping it open.
pub(super) type Ending = Box<dyn Fn(Shutdown)>;

impl<S: ShutDown + 'static> Accepted<Shared<S>> {
    pub(super) fn new(stream: Shared<S>, peer: String) -> Self {
        let weak = stream.downgrade();
        let shut_down = Box::new(move |how| {
            if let Some(stream) = weak.upgrade() {
                // Where the connection is over already, there is nothing to end.
                let _ = stream.shut_down(how);
            }
        });
        Accepted { stream, peer, shut_down }
    }
}

impl sealed::Sealed for TcpListener {}

impl Listener for TcpListener {
    type Stream = Shared<TcpStream>;
    type Addr = SocketAddr;

    fn accept_shared(&self) -> io::Result<Accepted<Shared<TcpStream>>> {
        let (stream, peer) = self.accept()?;
        // As asyncio does: what is drained goes at once.
        stream.set_nodelay(true)?;
        Ok(Accepted::new(Shared::new(stream), peer.to_string()))
    }

    fn address(&self) -> io::Result<SocketAddr> {
        self.local_addr()
    }
}
