//! TCP in the shapes of [`std::net`], where every wait suspends the task and not the thread.

mod listener;
mod open_connection;
mod resolve;
mod server;
mod tcp_connect;
mod tcp_listener;
mod tcp_stream;

pub use listener::Listener;
pub use open_connection::{TcpReader, TcpWriter, open_connection};
pub use resolve::ToSocketAddrs;
pub use server::{Server, ServerBuilder, start_server};
pub use std::net::{
    AddrParseError, IpAddr, Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr, SocketAddrV4, SocketAddrV6,
};
pub use tcp_listener::{Incoming, TcpListener};
pub use tcp_stream::TcpStream;
