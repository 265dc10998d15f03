//! Sockets in the shapes of [`std::net`] and [`std::os::unix::net`], where every wait suspends the task and not the thread.

mod accepting;
mod conversions;
mod datagram_batch;
mod eyeballs;
mod listener;
mod open_connection;
mod options;
mod resolve;
mod send_file;
mod server;
mod tcp_connect;
mod tcp_connector;
mod tcp_listener;
mod tcp_socket;
mod tcp_stream;
mod transfer;
mod udp_options;
mod udp_socket;
pub mod unix;

pub use datagram_batch::{Datagram, DatagramBatch, Datagrams};
pub use listener::Listener;
pub use open_connection::{TcpReader, TcpWriter, open_connection};
pub use options::KeepAlive;
pub use resolve::ToSocketAddrs;
pub use server::{Server, ServerBuilder, start_server};
pub use std::net::{
    AddrParseError, IpAddr, Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr, SocketAddrV4, SocketAddrV6,
};
pub use tcp_connector::TcpConnector;
pub use tcp_listener::{Incoming, TcpListener};
pub use tcp_socket::TcpSocket;
pub use tcp_stream::TcpStream;
pub use udp_socket::UdpSocket;
pub use unix::{UnixDatagram, UnixListener, UnixStream, open_unix_connection, start_unix_server};
