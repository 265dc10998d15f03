//! Unix sockets in the shapes of [`std::os::unix::net`]: streams, listeners, datagrams, with the credentials of the peer and with
//! descriptors that are passed along.
//!
//! Addresses are std's: paths, names in Linux's abstract namespace (`std::os::linux::net::SocketAddrExt`), and those without a name.
//! A path stays in the file system when its socket is gone, and has to be removed before it can be bound again.

mod address;
mod credentials;
mod datagram;
mod descriptors;
mod listener;
mod server;
mod stream;

pub use credentials::PeerCredentials;
pub use datagram::UnixDatagram;
pub use descriptors::{DESCRIPTORS_MAX, ReceivedWithDescriptors};
pub use listener::{Incoming, UnixListener};
pub use server::{UnixReader, UnixWriter, open_unix_connection, start_unix_server};
pub use std::os::unix::net::SocketAddr;
pub use stream::UnixStream;
