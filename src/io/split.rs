//! The two halves of a stream: what only reads, and what only writes.
//!
//! Streams here read and write by reference, so that two tasks may use one at the same time without any of this. Halves are
//! for code that wants to own its direction: a writer whose end is the end of the stream for the peer, a function that must
//! not read.
//!
//! Halves read and write by value only. Implementations for references to them would send the compiler in circles wherever it looks
//! for "any `S` whose references read": a reference to a half is one if a reference to what is inside is one.

use std::error::Error;
use std::fmt;
use std::io::{self, BufRead, IoSlice, IoSliceMut, Read, Write};
use std::net::Shutdown;
use std::sync::Arc;

use super::read_spare::ReadSpare;

/// What can be shut down in one direction: sockets, the ends of a [`duplex`](super::duplex()), and the halves that write.
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
///
/// let (ours, theirs) = cede::io::duplex(16);
/// say(&ours, "bye")?;
/// assert_eq!(io::read_to_string(&theirs)?, "bye");
/// # Ok::<_, io::Error>(())
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

/// The half of a stream that reads. It borrows the stream; see `split`.
#[derive(Debug)]
pub struct ReadHalf<'a, S>(pub(crate) &'a S);

/// The half of a stream that writes. It borrows the stream; see `split`.
#[derive(Debug)]
pub struct WriteHalf<'a, S>(pub(crate) &'a S);

/// The half of a stream that reads, on its own; see `into_split`. Dropping it shuts nothing down.
#[derive(Debug)]
pub struct OwnedReadHalf<S> {
    stream: Arc<S>,
}

/// The half of a stream that writes, on its own; see `into_split`. Dropping it shuts writing down, so that the peer sees
/// an end; [`forget`](Self::forget) leaves it open.
#[derive(Debug)]
pub struct OwnedWriteHalf<S: ShutDown> {
    stream: Option<Arc<S>>,
}

/// Two halves that are not of one stream, given back; from [`OwnedReadHalf::reunite`].
pub struct ReuniteError<S: ShutDown>(pub OwnedReadHalf<S>, pub OwnedWriteHalf<S>);

impl<S: ShutDown> fmt::Debug for ReuniteError<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ReuniteError(..)")
    }
}

impl<S: ShutDown> fmt::Display for ReuniteError<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the two halves are of different streams")
    }
}

impl<S: ShutDown> Error for ReuniteError<S> {}

/// The two owned halves of a stream.
pub(crate) fn into_split<S: ShutDown>(stream: S) -> (OwnedReadHalf<S>, OwnedWriteHalf<S>) {
    let stream = Arc::new(stream);
    (OwnedReadHalf { stream: Arc::clone(&stream) }, OwnedWriteHalf { stream: Some(stream) })
}

impl<S: ShutDown> OwnedReadHalf<S> {
    /// The stream again.
    ///
    /// # Errors
    ///
    /// When the halves are of different streams, which are given back.
    pub fn reunite(self, mut other: OwnedWriteHalf<S>) -> Result<S, ReuniteError<S>> {
        if !std::ptr::eq(&*self.stream, other.stream()) {
            return Err(ReuniteError(self, other));
        }
        drop(self.stream);
        let stream = other.stream.take().expect("it is there until it goes");
        Ok(Arc::into_inner(stream).expect("a stream has two halves"))
    }
}

impl<S: ShutDown> OwnedWriteHalf<S> {
    fn stream(&self) -> &S {
        self.stream.as_ref().expect("it is there until it goes")
    }

    /// Lets go of this half without shutting anything down.
    pub fn forget(mut self) {
        self.stream = None;
    }
}

impl<S: ShutDown> Drop for OwnedWriteHalf<S> {
    fn drop(&mut self) {
        if let Some(stream) = &self.stream {
            // Where the connection is over already, the peer knows.
            let _ = stream.shut_down(Shutdown::Write);
        }
    }
}

/// Only its own direction: shutting down both ends its writing, and reading goes on.
impl<S: ShutDown> ShutDown for WriteHalf<'_, S> {
    fn shut_down(&self, how: Shutdown) -> io::Result<()> {
        shut_down_writing(self.0, how)
    }
}

/// Only its own direction: shutting down both ends its writing, and reading goes on.
impl<S: ShutDown> ShutDown for OwnedWriteHalf<S> {
    fn shut_down(&self, how: Shutdown) -> io::Result<()> {
        shut_down_writing(self.stream(), how)
    }
}

fn shut_down_writing(stream: &impl ShutDown, how: Shutdown) -> io::Result<()> {
    match how {
        Shutdown::Read => Ok(()),
        Shutdown::Write | Shutdown::Both => stream.shut_down(Shutdown::Write),
    }
}

/// The stream itself, for its addresses and options.
impl<S> AsRef<S> for ReadHalf<'_, S> {
    fn as_ref(&self) -> &S {
        self.0
    }
}

/// The stream itself, for its addresses and options.
impl<S> AsRef<S> for WriteHalf<'_, S> {
    fn as_ref(&self) -> &S {
        self.0
    }
}

/// The stream itself, for its addresses and options.
impl<S> AsRef<S> for OwnedReadHalf<S> {
    fn as_ref(&self) -> &S {
        &self.stream
    }
}

/// The stream itself, for its addresses and options.
impl<S: ShutDown> AsRef<S> for OwnedWriteHalf<S> {
    fn as_ref(&self) -> &S {
        self.stream()
    }
}

macro_rules! reads {
    ([$($generics:tt)*] $type:ty) => {
        impl<$($generics)*> Read for $type
        where
            for<'r> &'r S: Read,
        {
            fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
                (&mut AsRef::<S>::as_ref(self)).read(buffer)
            }

            fn read_vectored(&mut self, buffers: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
                (&mut AsRef::<S>::as_ref(self)).read_vectored(buffers)
            }
        }

        impl<$($generics)*> ReadSpare for $type
        where
            for<'r> &'r S: ReadSpare,
        {
            fn read_spare(&mut self, bytes: &mut Vec<u8>) -> io::Result<usize> {
                (&mut AsRef::<S>::as_ref(self)).read_spare(bytes)
            }
        }
    };
}

macro_rules! writes {
    ([$($generics:tt)*] $type:ty) => {
        impl<$($generics)*> Write for $type
        where
            for<'r> &'r S: Write,
        {
            fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
                (&mut AsRef::<S>::as_ref(self)).write(buffer)
            }

            fn write_vectored(&mut self, buffers: &[IoSlice<'_>]) -> io::Result<usize> {
                (&mut AsRef::<S>::as_ref(self)).write_vectored(buffers)
            }

            fn flush(&mut self) -> io::Result<()> {
                (&mut AsRef::<S>::as_ref(self)).flush()
            }
        }
    };
}

reads!(['a, S] ReadHalf<'a, S>);
reads!([S] OwnedReadHalf<S>);
writes!(['a, S] WriteHalf<'a, S>);
writes!([S: ShutDown] OwnedWriteHalf<S>);

/// Both directions of two things that are one each: any reader and any writer, as one stream.
///
/// # Examples
///
/// ```
/// use cede::io::Joined;
/// use std::io::{Read, Write};
///
/// let mut stream = Joined::new(&b"in"[..], Vec::new());
/// let mut text = String::new();
/// stream.read_to_string(&mut text)?;
/// stream.write_all(b"out")?;
/// assert_eq!((text.as_str(), stream.into_parts().1), ("in", b"out".to_vec()));
/// # Ok::<_, std::io::Error>(())
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct Joined<R, W> {
    reader: R,
    writer: W,
}

impl<R, W> Joined<R, W> {
    /// Reads from the one and writes to the other.
    pub fn new(reader: R, writer: W) -> Self {
        Joined { reader, writer }
    }

    /// The reader and the writer.
    pub fn into_parts(self) -> (R, W) {
        (self.reader, self.writer)
    }
}

impl<R: Read, W> Read for Joined<R, W> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.reader.read(buffer)
    }

    fn read_vectored(&mut self, buffers: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        self.reader.read_vectored(buffers)
    }
}

impl<R: BufRead, W> BufRead for Joined<R, W> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.reader.fill_buf()
    }

    fn consume(&mut self, amount: usize) {
        self.reader.consume(amount);
    }
}

impl<R, W: Write> Write for Joined<R, W> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.writer.write(buffer)
    }

    fn write_vectored(&mut self, buffers: &[IoSlice<'_>]) -> io::Result<usize> {
        self.writer.write_vectored(buffers)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}
