//! Ending one direction of a stream, or both.

use std::io;
use std::net::Shutdown;

/// What can be shut down in one direction: sockets, and the ends of a [`Shared`](super::Shared) one.
///
/// # Examples
///
/// ```
/// use cede::io::ShutDown;
/// use std::io::{self, Write};
/// use std::net::Shutdown;
///
/// fn say<S: ShutDown>(stream: &S, text: &str) -> io::Result<()>
/// where
///     for<'a> &'a S: Write,
/// {
///     (&mut &*stream).write_all(text.as_bytes())?;
///     stream.shut_down(Shutdown::Write)
/// }
/// # let _ = say::<cede::net::TcpStream>;
/// ```
pub trait ShutDown {
    /// Shuts down reading, writing or both.
    ///
    /// # Errors
    ///
    /// When the connection is over.
    fn shut_down(&self, how: Shutdown) -> io::Result<()>;
}

impl<S: ShutDown + ?Sized> ShutDown for &S {
    fn shut_down(&self, how: Shutdown) -> io::Result<()> {
        (**self).shut_down(how)
    }
}
