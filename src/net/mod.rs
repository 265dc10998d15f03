//! TCP in the shapes of [`std::net`], where every wait suspends the task and not the thread.

mod resolve;
mod tcp_connect;
mod tcp_listener;
mod tcp_stream;

pub use resolve::ToSocketAddrs;
pub use std::net::{
    AddrParseError, IpAddr, Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr, SocketAddrV4, SocketAddrV6,
};
pub use tcp_listener::{Incoming, TcpListener};
pub use tcp_stream::TcpStream;
