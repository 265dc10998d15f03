//! Reads into memory that need not be cleared before.
//!
//! `Read` takes a slice, which is initialised, so a new vector has to be filled with zeros that are then overwritten: for 64 KiB that
//! is a tenth of a message's whole way over a socket of this machine. The system needs no zeros. (std has the like, unstable, in `read_buf`.)

use std::io::{self, Read};

use super::duplex::Duplex;
use super::shared::Shared;

/// How much room is cleared for one read: a stream that brings little at a time has none of it cleared again and again in vain.
const CLEARED_MAX: usize = 64 << 10;

/// A stream that can read into the room that a vector has: what [`StreamReader::of_stream`](super::StreamReader::of_stream) takes.
///
/// Who implements it for a stream of his own may leave the method as it is, which clears the room, 64 KiB of it at most, and reads into that.
pub trait ReadSpare: Read {
    /// Reads once, behind what the vector holds, into the room that it has already: as [`Read::read`], and so none is read where there is
    /// no room. The vector has grown by as many bytes as this gives; a [`StreamReader`](super::StreamReader) panics where it has not.
    ///
    /// # Errors
    ///
    /// Those of a read; the vector is as before then.
    ///
    /// # Panics
    ///
    /// Panics when [`Read::read`] says that it has read more than there was room for.
    ///
    /// # Cancellation
    ///
    /// As that of a read: the vector holds what it held.
    ///
    /// # Examples
    ///
    /// ```
    /// use cede::io::ReadSpare;
    /// use std::io::{self, Read, Write};
    ///
    /// cede::run(|| -> io::Result<()> {
    ///     let (mut ours, mut theirs) = cede::net::UnixStream::pair()?;
    ///     theirs.write_all(b"hello")?;
    ///     let mut bytes = Vec::with_capacity(3);
    ///     assert_eq!((&ours).read_spare(&mut bytes)?, 3);
    ///     assert_eq!((&ours).read_spare(&mut bytes)?, 0);
    ///     assert_eq!(bytes, b"hel");
    ///     Ok(())
    /// })
    /// # .unwrap();
    /// ```
    fn read_spare(&mut self, bytes: &mut Vec<u8>) -> io::Result<usize> {
        let length = bytes.len();
        let mut cleared = Cleared { length, bytes };
        let room = (cleared.bytes.capacity() - length).min(CLEARED_MAX);
        cleared.bytes.resize(length + room, 0);
        let read = self.read(&mut cleared.bytes[length..])?;
        assert!(read <= room, "cede: a stream has read more than there was room for");
        cleared.length += read;
        Ok(read)
    }
}

/// A vector whose room is cleared. However a read into it ends, it holds what was read.
struct Cleared<'a> {
    bytes: &'a mut Vec<u8>,
    /// Up to here it holds something.
    length: usize,
}

impl Drop for Cleared<'_> {
    fn drop(&mut self) {
        self.bytes.truncate(self.length);
    }
}

impl ReadSpare for &Duplex {}

impl<S> ReadSpare for Shared<S>
where
    for<'r> &'r S: ReadSpare,
{
    fn read_spare(&mut self, bytes: &mut Vec<u8>) -> io::Result<usize> {
        (&mut &**self).read_spare(bytes)
    }
}
