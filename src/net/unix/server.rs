//! Unix sockets as asyncio's stream programs have them: a server with a handler, and a connection of a reader and a writer.

use std::error::Error;
use std::fs;
use std::io;
use std::os::unix::fs::FileTypeExt;
use std::os::unix::net::SocketAddr;
use std::path::Path;

use super::listener::UnixListener;
use super::stream::UnixStream;
use crate::io::{Shared, StreamReader, StreamWriter, socket_streams};
use crate::net::listener::{Accepted, Listener, sealed};
use crate::net::server::{Server, ServerBuilder};

/// The reading side of a Unix connection; from [`open_unix_connection`] and [`start_unix_server`].
pub type UnixReader = StreamReader<Shared<UnixStream>>;

/// The writing side of a Unix connection; from [`open_unix_connection`] and [`start_unix_server`].
pub type UnixWriter = StreamWriter<Shared<UnixStream>>;

impl sealed::Sealed for UnixListener {}

impl Listener for UnixListener {
    type Stream = Shared<UnixStream>;
    type Addr = SocketAddr;

    fn accept_shared(&self) -> io::Result<Accepted<Shared<UnixStream>>> {
        let (stream, peer) = self.accept()?;
        Ok(Accepted::new(Shared::new(stream), format!("{peer:?}")))
    }

    fn address(&self) -> io::Result<SocketAddr> {
        self.local_addr()
    }
}

/// Opens a connection to a path, and gives both its sides with a buffer each: `asyncio.open_unix_connection`.
///
/// # Errors
///
/// As [`UnixStream::connect`].
///
/// # Cancellation
///
/// Unwinds when the task is cancelled meanwhile; the socket is closed.
pub fn open_unix_connection(path: impl AsRef<Path>) -> io::Result<(UnixReader, UnixWriter)> {
    Ok(socket_streams(UnixStream::connect(path)?))
}

/// Listens on a path, and calls `handler` for each connection, in a task of its own: `asyncio.start_unix_server`. See
/// [`start_server`](crate::net::start_server()) for what becomes of handlers.
///
/// A socket that is at the path already is removed, as asyncio does. What asyncio has since 3.13 it does not do: the path stays when
/// the server is closed.
///
/// # Errors
///
/// As [`UnixListener::bind`].
///
/// # Panics
///
/// Panics outside of a run.
///
/// # Examples
///
/// ```
/// use cede::net::{open_unix_connection, start_unix_server};
///
/// let path = std::env::temp_dir().join(format!("cede-doc-server-{}.sock", std::process::id()));
/// cede::run(|| -> std::io::Result<()> {
///     let server = start_unix_server(&path, |mut reader, mut writer| {
///         writer.write_nowait(&reader.readline()?)?;
///         writer.close()
///     })?;
///     let (mut reader, mut writer) = open_unix_connection(&path)?;
///     writer.write_nowait(b"hello\n")?;
///     writer.drain()?;
///     assert_eq!(reader.readline()?, b"hello\n");
///     server.close();
///     server.wait_closed();
///     std::fs::remove_file(&path)
/// })
/// # .unwrap();
/// ```
pub fn start_unix_server<E: Into<Box<dyn Error>>>(
    path: impl AsRef<Path>,
    handler: impl Fn(UnixReader, UnixWriter) -> Result<(), E> + 'static,
) -> io::Result<Server<UnixListener>> {
    let path = path.as_ref();
    if fs::symlink_metadata(path).is_ok_and(|there| there.file_type().is_socket()) {
        fs::remove_file(path)?;
    }
    Ok(ServerBuilder::new().serve([UnixListener::bind(path)?], handler))
}
