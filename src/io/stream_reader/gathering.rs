//! A message that is read into a vector of its own, which is handed out without a copy.
//!
//! ```text
//!   bytes  [ of the buffer | read │ room ]      room: not initialised where the stream can read into such, else zeros
//!                                filled
//! ```
//!
//! Unless all is there in the end, `bytes` becomes the storage of the reader, so that nothing is lost. It begins with as much room as a message
//! before has had, and doubles, so that a length which a peer only claims costs nothing.

use std::io::{self, Read};

use super::{IncompleteReadError, ROOM_MIN, ReadExactlyError, StreamReader, once};

/// How much more room a vector has than the message that is gathered in it.
const MORE_ROOM: usize = 64;

/// How much a message may begin with that is gathered in a vector of its own, if one before it was as large.
const GATHERED_FIRST_MAX: usize = 1 << 20;

/// See the head of this file.
struct Gathering<'a, R> {
    reader: &'a mut StreamReader<R>,
    /// Taken out when all is there.
    bytes: Vec<u8>,
    filled: usize,
}

impl<R> Drop for Gathering<'_, R> {
    fn drop(&mut self) {
        if !self.bytes.is_empty() {
            self.reader.storage = std::mem::take(&mut self.bytes);
            // Who reads into it may have left less than was there.
            let end = self.filled.min(self.reader.storage.len());
            (self.reader.start, self.reader.end) = (0, end);
        }
    }
}

/// What a `read_exact` has read into the buffer of its caller, which goes back into that of the reader unless all was there.
pub(super) struct Partial<'a, R> {
    pub(super) reader: &'a mut StreamReader<R>,
    pub(super) target: &'a mut [u8],
    pub(super) filled: usize,
}

impl<R> Drop for Partial<'_, R> {
    fn drop(&mut self) {
        if self.filled < self.target.len() {
            self.reader.put_back(&self.target[..self.filled]);
        }
    }
}

impl<'a, R: Read> Gathering<'a, R> {
    /// With what is in the buffer, and room up to a length.
    fn begin(reader: &'a mut StreamReader<R>, length: usize) -> Self {
        let filled = reader.buffer().len();
        let mut bytes;
        if reader.fill.is_some() {
            bytes = Vec::with_capacity(length);
            bytes.extend_from_slice(reader.buffer());
        } else {
            bytes = vec![0; length];
            bytes[..filled].copy_from_slice(reader.buffer());
        }
        reader.pass(filled);
        Gathering { reader, bytes, filled }
    }

    /// One read. Makes room before if there is none, up to a length.
    fn read(&mut self, most: usize) -> io::Result<usize> {
        let Gathering { reader, bytes, filled } = self;
        let StreamReader { inner, broken, at_end, fill, .. } = &mut **reader;
        let more = most.min(*filled * 2);
        let read = match fill {
            Some(fill) => {
                if *filled == bytes.capacity() {
                    bytes.reserve_exact(more - *filled);
                }
                let read = once(broken, at_end, || fill(inner, bytes))?;
                let grown = bytes.len().checked_sub(*filled);
                assert!(grown == Some(read), "cede: a stream has read another number of bytes than it says");
                read
            }
            None => {
                if *filled == bytes.len() {
                    bytes.reserve_exact(more - *filled);
                    bytes.resize(more, 0);
                }
                StreamReader::read_stream(inner, broken, at_end, &mut bytes[*filled..])?
            }
        };
        *filled += read;
        Ok(read)
    }
}

impl<R: Read> StreamReader<R> {
    /// So many bytes, of which the buffer has only the first, in a vector of their own.
    pub(super) fn gather(&mut self, length: usize) -> Result<Vec<u8>, ReadExactlyError> {
        let whole = length.saturating_add(MORE_ROOM);
        let first = whole.min(self.gathered.max(self.buffer().len() + ROOM_MIN));
        let mut gathering = Gathering::begin(self, first);
        while gathering.filled < length {
            if gathering.read(whole)? == 0 {
                drop(gathering);
                let partial = self.take_rest();
                return Err(IncompleteReadError { partial, expected: Some(length) }.into());
            }
        }
        gathering.bytes.truncate(gathering.filled);
        let mut bytes = std::mem::take(&mut gathering.bytes);
        drop(gathering);
        self.gathered = self.gathered.max(whole.min(GATHERED_FIRST_MAX));
        // The beginning of what comes next.
        self.put_back(&bytes[length..]);
        bytes.truncate(length);
        Ok(bytes)
    }
}
