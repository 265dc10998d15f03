//! Connections as asyncio's stream programs have them: a reader and a writer.

use std::io;

use super::resolve::ToSocketAddrs;
use super::tcp_stream::TcpStream;
use crate::io::{Shared, StreamReader, StreamWriter, socket_streams};

/// The reading side of a TCP connection; from [`open_connection`] and [`start_server`](super::start_server()).
pub type TcpReader = StreamReader<Shared<TcpStream>>;

/// The writing side of a TCP connection; from [`open_connection`] and [`start_server`](super::start_server()).
pub type TcpWriter = StreamWriter<Shared<TcpStream>>;

/// Opens a connection, and gives both its sides with a buffer each: `asyncio.open_connection`.
///
/// Small writes are sent at once when they are drained ([`set_nodelay`](TcpStream::set_nodelay)), as in asyncio. Its
/// `limit` is [`set_limit`](StreamReader::set_limit). For a socket that was made otherwise there is [`streams`](crate::io::streams).
///
/// # Errors
///
/// As [`TcpStream::connect`].
///
/// # Cancellation
///
/// Unwinds when the task is cancelled meanwhile; the socket is closed.
///
/// # Examples
///
/// ```
/// use cede::net::{open_connection, start_server};
///
/// cede::run(|| -> std::io::Result<()> {
///     let server = start_server("127.0.0.1:0", |mut reader, mut writer| {
///         writer.write_nowait(&reader.readline()?.to_ascii_uppercase())?;
///         writer.close()
///     })?;
///     let (mut reader, mut writer) = open_connection(server.local_addr()?)?;
///     writer.write_nowait(b"hello\n")?;
///     writer.drain()?;
///     assert_eq!(reader.readline()?, b"HELLO\n");
///     Ok(())
/// })
/// # .unwrap();
/// ```
pub fn open_connection(addresses: impl ToSocketAddrs) -> io::Result<(TcpReader, TcpWriter)> {
    let stream = TcpStream::connect(addresses)?;
    stream.set_nodelay(true)?;
    Ok(socket_streams(stream))
}
