//! Streams as those see them who may not be suspended: what is done with one is tried, and it is known when to try again.
//!
//! For futures that are polled; tasks read and write the streams themselves.

use std::io::{self, Read, Write};
use std::os::fd::AsFd;

use super::Watched;

/// A stream of bytes that never waits when it is tried. Sealed: the streams of this crate, and whatever std can read and write that is
/// [`Watched`].
pub trait Nonblocking: sealed::Sealed {
    /// What has the descriptor.
    #[doc(hidden)]
    type Object: AsFd;

    /// Whether a read that was not filled has emptied it, where the reactor can tell.
    #[doc(hidden)]
    const SHORT_READS_EMPTY: bool;

    #[doc(hidden)]
    fn watched(&self) -> &Watched<Self::Object>;

    /// Gives [`WouldBlock`](io::ErrorKind::WouldBlock) where nothing is there.
    #[doc(hidden)]
    fn try_read(&self, buffer: &mut [u8]) -> io::Result<usize>;

    /// Gives [`WouldBlock`](io::ErrorKind::WouldBlock) where there is no room.
    #[doc(hidden)]
    fn try_write(&self, buffer: &[u8]) -> io::Result<usize>;

    /// Tells the other side that nothing more will come.
    #[doc(hidden)]
    fn end_writing(&self) -> io::Result<()>;
}

pub(crate) mod sealed {
    /// Only cede's own types are such streams.
    pub trait Sealed {}
}

impl<T: AsFd> sealed::Sealed for Watched<T> where for<'a> &'a T: Read + Write {}

/// Its writing ends when it is dropped: what it is, and so how else it could be told, is not known here.
impl<T: AsFd> Nonblocking for Watched<T>
where
    for<'a> &'a T: Read + Write,
{
    type Object = T;
    const SHORT_READS_EMPTY: bool = false;

    fn watched(&self) -> &Watched<T> {
        self
    }

    fn try_read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.get_ref().read(buffer)
    }

    fn try_write(&self, buffer: &[u8]) -> io::Result<usize> {
        self.get_ref().write(buffer)
    }

    fn end_writing(&self) -> io::Result<()> {
        self.get_ref().flush()
    }
}
