//! One stream in several hands: what the reader and the writer of a connection hold.
//!
//! Streams here read and write by reference, so two tasks that borrow one need none of this. A reader and a writer that go their
//! own ways own it together.
//!
//! It reads and writes by value only. An implementation for references would send the compiler in circles wherever it looks
//! for "any `S` whose references read".

use std::fmt;
use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::net::Shutdown;
use std::ops::Deref;
use std::sync::{Arc, Weak};

use super::read_spare::ReadSpare;
use super::split::ShutDown;
use super::stream_reader::StreamReader;
use super::stream_writer::StreamWriter;

/// A stream that several own, each of whom reads and writes. It closes when the last one goes.
///
/// # Examples
///
/// ```
/// use cede::io::Shared;
/// use cede::net::{TcpListener, TcpStream};
/// use std::io::{self, Read, Write};
///
/// cede::run(|| -> io::Result<()> {
///     let listener = TcpListener::bind("127.0.0.1:0")?;
///     let mut ours = Shared::new(TcpStream::connect(listener.local_addr()?)?);
///     let (mut theirs, _) = listener.accept()?;
///     let mut writer = ours.clone();
///     cede::try_spawn(move || writer.write_all(b"hello"));
///     let mut buffer = [0; 5];
///     theirs.read_exact(&mut buffer)?;
///     theirs.write_all(&buffer)?;
///     ours.read_exact(&mut buffer)?;
///     assert_eq!(&buffer, b"hello");
///     Ok(())
/// })
/// # .unwrap();
/// ```
pub struct Shared<S>(Arc<S>);

impl<S> Shared<S> {
    /// The first owner of a stream.
    pub fn new(stream: S) -> Self {
        Shared(Arc::new(stream))
    }

    /// The stream itself, if nobody else owns it.
    ///
    /// # Errors
    ///
    /// Gives this back where somebody else does.
    pub fn into_inner(self) -> Result<S, Self> {
        Arc::try_unwrap(self.0).map_err(Shared)
    }

    /// The stream, without keeping it open.
    pub(crate) fn downgrade(&self) -> Weak<S> {
        Arc::downgrade(&self.0)
    }
}

/// The two directions of any stream, each with a buffer: what `open_connection` gives.
///
/// Where messages of 32 KiB and more come over a stream that can do [`ReadSpare`], [`StreamReader::of_stream`] takes some tenths less; that
/// is what `open_connection` and servers use.
///
/// # Examples
///
/// ```
/// use cede::io::streams;
/// use cede::net::{TcpListener, TcpStream};
///
/// cede::run(|| -> std::io::Result<()> {
///     let listener = TcpListener::bind("127.0.0.1:0")?;
///     let (mut reader, mut writer) = streams(TcpStream::connect(listener.local_addr()?)?);
///     let (mut reader2, mut writer2) = streams(listener.accept()?.0);
///     writer.write_nowait(b"hello\n")?;
///     writer.drain()?;
///     writer2.write_nowait(&reader2.readline()?)?;
///     writer2.close()?;
///     assert_eq!(reader.readline()?, b"hello\n");
///     Ok(())
/// })
/// # .unwrap();
/// ```
pub fn streams<S>(stream: S) -> (StreamReader<Shared<S>>, StreamWriter<Shared<S>>)
where
    for<'r> &'r S: Read + Write,
{
    let stream = Shared::new(stream);
    (StreamReader::new(stream.clone()), StreamWriter::new(stream))
}

/// The same of a socket, which reads large messages into memory that is not cleared.
pub(crate) fn socket_streams<S>(stream: S) -> (StreamReader<Shared<S>>, StreamWriter<Shared<S>>)
where
    for<'r> &'r S: ReadSpare + Write,
{
    let stream = Shared::new(stream);
    (StreamReader::of_stream(stream.clone()), StreamWriter::new(stream))
}

impl<S> Clone for Shared<S> {
    fn clone(&self) -> Self {
        Shared(Arc::clone(&self.0))
    }
}

impl<S> Deref for Shared<S> {
    type Target = S;

    fn deref(&self) -> &S {
        &self.0
    }
}

impl<S> Read for Shared<S>
where
    for<'r> &'r S: Read,
{
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        (&mut &*self.0).read(buffer)
    }

    fn read_vectored(&mut self, buffers: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        (&mut &*self.0).read_vectored(buffers)
    }
}

impl<S> Write for Shared<S>
where
    for<'r> &'r S: Write,
{
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        (&mut &*self.0).write(buffer)
    }

    fn write_vectored(&mut self, buffers: &[IoSlice<'_>]) -> io::Result<usize> {
        (&mut &*self.0).write_vectored(buffers)
    }

    fn flush(&mut self) -> io::Result<()> {
        (&mut &*self.0).flush()
    }
}

impl<S: ShutDown> ShutDown for Shared<S> {
    fn shut_down(&self, how: Shutdown) -> io::Result<()> {
        self.0.shut_down(how)
    }
}

impl<S: fmt::Debug> fmt::Debug for Shared<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Shared").field(&*self.0).finish()
    }
}
