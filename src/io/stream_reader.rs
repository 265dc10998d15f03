//! A reader with a buffer: asyncio's `StreamReader`, over anything that reads.
//!
//! ```text
//!   storage  [ taken | buffered │ room ]        all of it is initialised, so that nothing here is unsafe
//!                     start      end
//! ```
//!
//! Every operation reads into `room` until the buffer holds what it wants, and only then takes it. So one that is cancelled, or
//! fails, has lost nothing: what it had read is in the buffer, and the next one begins with it.
//!
//! # What is not copied
//!
//! A message that is small is copied out, and the system is asked for more than it, so that it may bring the next ones. One that is
//! large would be copied for nothing:
//!
//! | wanted | it comes |
//! |---|---|
//! | all that the storage holds, and that fills most of it | as the storage; the next one is made when there is something to read |
//! | a large number of bytes that are not here yet | in a vector of its own, with a little room more: a read that doesn't fill it has emptied the stream, which saves the next one |
//! | bytes into a large buffer of the caller | straight into it |
//!
//! What is read into such a vector, and was not all there, becomes the storage (`gathering.rs`), and so is in the buffer again.
//!
//! How much room a read gets is earned: a stream that has filled its room gets twice as much the next time, up to a bound. What a peer
//! only claims to send makes nothing grow.
//!
//! asyncio's reader is fed by its transport while nobody reads, up to twice the limit. This one asks its stream when it
//! needs something, and the system's buffer holds the rest: so [`at_eof`](StreamReader::at_eof) knows only what a read has found.
//!
//! Rejected: to give a broken connection's error only once. The system forgets it as soon as it was told, and says "end" from then
//! on; a loop that passes over an error would take a torn connection for one that was closed in order.

mod gathering;
mod iterators;

use std::fmt;
use std::io::{self, BufRead, Read};

use gathering::Partial;
pub use iterators::{Chunks, StreamLines};

use super::failure::said_again;
use super::read_spare::ReadSpare;
use super::separators::{Separators, first_match};
use super::stream_error::{IncompleteReadError, LimitOverrunError, ReadExactlyError, ReadUntilError};

/// How long a line may be if nothing else was said; asyncio's.
const LIMIT: usize = 64 << 10;

/// How much room a buffer begins with; it doubles when it is full.
const ROOM_MIN: usize = 8 << 10;

/// How much room a stream can earn for its buffer by filling it, where no operation wants more.
const ROOM_EARNED_MAX: usize = 64 << 10;

/// A buffer that has grown beyond this is given back when it is empty.
const KEPT_MAX: usize = 128 << 10;

/// From here on a copy costs more than memory that is new.
const LARGE_MIN: usize = 16 << 10;

/// Reads lines, messages of known length, and texts up to a separator: asyncio's `StreamReader`, over any [`Read`].
///
/// It is [`Read`] and [`BufRead`] itself, for all code that takes those. The verbs with Python's names (`readline`, `readexactly`,
/// `readuntil`) do what they do there; `read(n)` is [`read_up_to`](Self::read_up_to), and `read()` is
/// [`read_to_eof`](Self::read_to_eof). A second reader at the same time, in asyncio an error when it waits, does not compile. `async for
/// line in reader` is `for line in &mut reader`, and gives an `io::Result<Vec<u8>>` each time.
///
/// # Limit
///
/// A line, or a text up to a separator, may have as many bytes as the limit says (64 KiB by itself), the separator not counted;
/// so a peer cannot make the buffer grow without bound. What asks for a number of bytes is not limited.
///
/// # Errors
///
/// Errors of the stream come when the buffer has not what is wanted, and leave the buffer alone. Those that say that
/// a connection is broken are given again by each later read; an end is an end for good.
///
/// # Cancellation
///
/// Unwinds when the task is cancelled while the stream waits. Nothing is lost: what has been read is in the buffer, and the next
/// read begins with it. This holds for all verbs here and for `read_exact`; those that std has for any [`BufRead`] keep what they
/// have in the vector or string that was given to them (`read_until`) or lose it (`read_line`, `lines`).
///
/// # Examples
///
/// ```
/// use cede::io::StreamReader;
/// use std::io::Read;
///
/// let mut reader = StreamReader::new(&b"GET / HTTP/1.0\r\n\r\n12345end"[..]);
/// assert_eq!(reader.readline()?, b"GET / HTTP/1.0\r\n");
/// assert_eq!(reader.readuntil("\r\n")?, b"\r\n");
/// assert_eq!(reader.readexactly(5)?, b"12345");
/// let mut rest = String::new();
/// reader.read_to_string(&mut rest)?;
/// assert!(rest == "end" && reader.at_eof());
/// # Ok::<_, std::io::Error>(())
/// ```
pub struct StreamReader<R> {
    inner: R,
    fill: Option<Fill<R>>,
    storage: Vec<u8>,
    start: usize,
    end: usize,
    /// How much room the storage gets when it is made.
    room: usize,
    /// How large a message that was gathered has been.
    gathered: usize,
    limit: usize,
    at_end: bool,
    broken: Option<io::Error>,
}

/// How a stream reads into the room that a vector has.
type Fill<R> = fn(&mut R, &mut Vec<u8>) -> io::Result<usize>;

/// Whether an error says that a connection is broken, and so stays.
fn is_broken(error: &io::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, NotConnected};
    matches!(error.kind(), ConnectionReset | ConnectionAborted | BrokenPipe | NotConnected)
}

/// A read, unless the stream has ended or is broken; notes that it has, or is.
fn once(
    broken: &mut Option<io::Error>,
    at_end: &mut bool,
    mut read: impl FnMut() -> io::Result<usize>,
) -> io::Result<usize> {
    if let Some(broken) = broken {
        return Err(said_again(broken));
    }
    if *at_end {
        return Ok(0);
    }
    loop {
        match read() {
            Ok(length) => {
                *at_end = length == 0;
                return Ok(length);
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => {
                *broken = is_broken(&error).then(|| said_again(&error));
                return Err(error);
            }
        }
    }
}

impl<R> StreamReader<R> {
    /// A reader with an empty buffer and a limit of 64 KiB.
    pub fn new(inner: R) -> Self {
        StreamReader::with_limit(inner, LIMIT)
    }

    /// A reader with another limit: the most bytes that a line may have, or a text up to a separator.
    ///
    /// # Panics
    ///
    /// Panics when it is 0.
    pub fn with_limit(inner: R, limit: usize) -> Self {
        let mut reader = StreamReader {
            inner,
            fill: None,
            storage: Vec::new(),
            start: 0,
            end: 0,
            room: ROOM_MIN,
            gathered: ROOM_MIN,
            limit,
            at_end: false,
            broken: None,
        };
        reader.set_limit(limit);
        reader
    }

    /// A reader of a stream that reads into new memory, which need not be cleared then: for large messages. `open_connection` and
    /// servers make these.
    pub fn of_stream(inner: R) -> Self
    where
        R: ReadSpare,
    {
        StreamReader { fill: Some(R::read_spare), ..StreamReader::new(inner) }
    }

    /// The limit.
    pub fn limit(&self) -> usize {
        self.limit
    }

    /// Sets the limit, from the next read on.
    ///
    /// # Panics
    ///
    /// Panics when it is 0.
    pub fn set_limit(&mut self, limit: usize) {
        assert!(limit > 0, "cede: the limit of a stream reader can't be 0");
        self.limit = limit;
    }

    /// What has been read from the stream and not been taken yet.
    pub fn buffer(&self) -> &[u8] {
        &self.storage[self.start..self.end]
    }

    /// Whether the stream has ended and all of it was taken. Only a read finds an end: where it is false, the next one may
    /// be the one that does.
    pub fn at_eof(&self) -> bool {
        self.at_end && self.buffer().is_empty()
    }

    /// The error that broke the connection, if one has: asyncio's `exception()`.
    pub fn error(&self) -> Option<io::Error> {
        self.broken.as_ref().map(said_again)
    }

    /// The stream, for its addresses and options: asyncio's `transport`.
    pub fn get_ref(&self) -> &R {
        &self.inner
    }

    /// The stream. What is read from it passes over what is in the buffer.
    pub fn get_mut(&mut self) -> &mut R {
        &mut self.inner
    }

    /// The stream, and what was read from it and not been taken.
    pub fn into_parts(mut self) -> (R, Vec<u8>) {
        let buffered = self.take(self.buffer().len());
        (self.inner, buffered)
    }

    /// The first so many bytes of the buffer, for the caller to keep.
    fn take(&mut self, length: usize) -> Vec<u8> {
        let is_whole = self.start == 0 && length == self.end;
        if is_whole && length >= LARGE_MIN && length >= self.storage.capacity() / 4 * 3 {
            return self.take_storage();
        }
        let taken = self.buffer()[..length].to_vec();
        self.pass(length);
        taken
    }

    /// The storage with what is in it, which begins at its start.
    fn take_storage(&mut self) -> Vec<u8> {
        debug_assert!(self.start == 0, "bytes that were taken are handed out again");
        let mut taken = std::mem::take(&mut self.storage);
        taken.truncate(self.end);
        self.end = 0;
        taken
    }

    /// All that is in the buffer, at the end of the stream, where nothing more is going to be read.
    fn take_rest(&mut self) -> Vec<u8> {
        if self.start > 0 || self.end < LARGE_MIN {
            return self.take(self.buffer().len());
        }
        let mut rest = self.take_storage();
        rest.shrink_to_fit();
        rest
    }

    /// The first so many bytes of the buffer have been taken.
    fn pass(&mut self, length: usize) {
        self.start += length;
        assert!(self.start <= self.end, "cede: more was consumed than is in the buffer");
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
            if self.storage.capacity() > KEPT_MAX {
                self.storage = Vec::new();
            }
        }
    }

    /// Sees to it that there is room in the storage.
    fn make_room(&mut self) {
        if self.end == 0 {
            self.grow(self.room);
        }
        if self.end < self.storage.len() {
            return;
        }
        if self.start >= self.storage.len().div_ceil(2) && self.start > 0 {
            self.storage.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
        } else {
            self.grow(self.storage.len() * 2);
        }
    }

    fn grow(&mut self, length: usize) {
        let length = length.max(ROOM_MIN);
        if length > self.storage.len() && self.end == 0 {
            // The system may have zeros at hand.
            self.storage = vec![0; length];
        } else if length > self.storage.len() {
            self.storage.resize(length, 0);
        }
    }

    /// Puts bytes that were read already before those in the buffer, which is empty.
    fn put_back(&mut self, bytes: &[u8]) {
        debug_assert!(self.start == self.end, "bytes are put back where others are in between");
        (self.start, self.end) = (0, 0);
        if bytes.is_empty() {
            return;
        }
        self.grow(bytes.len());
        self.storage[..bytes.len()].copy_from_slice(bytes);
        self.end = bytes.len();
    }
}

impl<R: Read> StreamReader<R> {
    /// One read of the stream, where there is no end yet.
    fn read_stream(
        inner: &mut R,
        broken: &mut Option<io::Error>,
        at_end: &mut bool,
        room: &mut [u8],
    ) -> io::Result<usize> {
        let length = once(broken, at_end, || inner.read(room))?;
        assert!(length <= room.len(), "cede: a stream has read more than there was room for");
        Ok(length)
    }

    /// Reads what the stream has into the buffer: once.
    fn pull(&mut self) -> io::Result<usize> {
        self.make_room();
        let room = &mut self.storage[self.end..];
        let length = Self::read_stream(&mut self.inner, &mut self.broken, &mut self.at_end, room)?;
        if length == room.len() {
            self.room = (self.storage.len() * 2).min(ROOM_EARNED_MAX);
        }
        self.end += length;
        Ok(length)
    }

    /// The next bytes, `most` at most, as soon as there are any; none at the end: `read(n)`.
    ///
    /// # Errors
    ///
    /// Those of the stream.
    ///
    /// # Examples
    ///
    /// ```
    /// use cede::io::StreamReader;
    ///
    /// let mut reader = StreamReader::new(&b"hello"[..]);
    /// assert_eq!(reader.read_up_to(4)?, b"hell");
    /// assert_eq!(reader.read_up_to(4)?, b"o");
    /// assert_eq!(reader.read_up_to(4)?, b"");
    /// # Ok::<_, std::io::Error>(())
    /// ```
    pub fn read_up_to(&mut self, most: usize) -> io::Result<Vec<u8>> {
        if most > 0 && self.buffer().is_empty() {
            self.grow(most.min(LIMIT));
            self.pull()?;
        }
        Ok(self.take(most.min(self.buffer().len())))
    }

    /// All that comes until the end: `read()`.
    ///
    /// # Errors
    ///
    /// Those of the stream. What was read before stays in the buffer.
    pub fn read_to_eof(&mut self) -> io::Result<Vec<u8>> {
        while self.pull()? > 0 {}
        Ok(self.take_rest())
    }

    /// So many bytes, no less.
    ///
    /// The buffer grows as they come, not before, so a length that a peer has claimed costs nothing by itself.
    ///
    /// # Errors
    ///
    /// [`Incomplete`](ReadExactlyError::Incomplete) with what there was when the stream ends before; those of the stream.
    ///
    /// # Examples
    ///
    /// ```
    /// use cede::io::{IncompleteReadError, ReadExactlyError, StreamReader};
    ///
    /// let mut reader = StreamReader::new(&b"hello"[..]);
    /// assert_eq!(reader.readexactly(3)?, b"hel");
    /// match reader.readexactly(3) {
    ///     Err(ReadExactlyError::Incomplete(IncompleteReadError { partial, expected: Some(3) })) => {
    ///         assert_eq!(partial, b"lo");
    ///     }
    ///     other => unreachable!("{other:?}"),
    /// }
    /// # Ok::<_, std::io::Error>(())
    /// ```
    pub fn readexactly(&mut self, length: usize) -> Result<Vec<u8>, ReadExactlyError> {
        if length >= LARGE_MIN && self.buffer().len() < length {
            return self.gather(length);
        }
        while self.buffer().len() < length {
            if self.pull()? == 0 {
                let partial = self.take_rest();
                return Err(IncompleteReadError { partial, expected: Some(length) }.into());
            }
        }
        Ok(self.take(length))
    }

    /// A line with its newline; what is left where the stream ends without one; nothing at the end.
    ///
    /// # Errors
    ///
    /// Those of the stream. [`InvalidData`](io::ErrorKind::InvalidData), with a [`LimitOverrunError`] inside, for a line that is longer
    /// than the limit: where its end is in the buffer the line is removed from it, else all that the buffer holds, and the next
    /// read begins somewhere in the line.
    ///
    /// # Examples
    ///
    /// ```
    /// use cede::io::StreamReader;
    /// use std::io::ErrorKind;
    ///
    /// let mut reader = StreamReader::with_limit(&b"one\nfour and five\ntwo"[..], 4);
    /// assert_eq!(reader.readline()?, b"one\n");
    /// assert_eq!(reader.readline().unwrap_err().kind(), ErrorKind::InvalidData);
    /// assert_eq!(reader.readline()?, b"two");
    /// assert_eq!(reader.readline()?, b"");
    /// # Ok::<_, std::io::Error>(())
    /// ```
    pub fn readline(&mut self) -> io::Result<Vec<u8>> {
        match self.until(&[b"\n"]) {
            Ok(line) => Ok(line),
            Err(ReadUntilError::Incomplete(end)) => Ok(end.partial),
            Err(ReadUntilError::LimitOverrun(error)) => {
                let passed = if error.found { error.consumed + 1 } else { self.buffer().len() };
                self.pass(passed);
                Err(error.into())
            }
            Err(ReadUntilError::Io(error)) => Err(error),
        }
    }

    /// What comes up to a separator, with it. Of several separators the one counts whose match ends first.
    ///
    /// # Errors
    ///
    /// [`Incomplete`](ReadUntilError::Incomplete) with what there was when the stream ends before, and the buffer is empty then.
    /// [`LimitOverrun`](ReadUntilError::LimitOverrun) when more bytes than the limit come before it: they stay in the buffer, and can
    /// be read by another verb. Those of the stream; [`InvalidInput`](io::ErrorKind::InvalidInput) without a separator, or for
    /// an empty one.
    ///
    /// # Examples
    ///
    /// ```
    /// use cede::io::{ReadUntilError, StreamReader};
    ///
    /// let mut reader = StreamReader::with_limit(&b"a;b,c and more, in short"[..], 8);
    /// assert_eq!(reader.readuntil([",", ";"])?, b"a;");
    /// assert_eq!(reader.readuntil([",", ";"])?, b"b,");
    /// let Err(ReadUntilError::LimitOverrun(error)) = reader.readuntil(b',') else { unreachable!() };
    /// assert_eq!((error.consumed, error.found), (10, true));
    /// assert_eq!(reader.readexactly(error.consumed)?, b"c and more");
    /// # Ok::<_, std::io::Error>(())
    /// ```
    pub fn readuntil(&mut self, separators: impl Separators) -> Result<Vec<u8>, ReadUntilError> {
        separators.with(|separators| self.until(separators))
    }

    fn until(&mut self, separators: &[&[u8]]) -> Result<Vec<u8>, ReadUntilError> {
        let lengths = || separators.iter().map(|separator| separator.len());
        let (Some(shortest @ 1..), Some(longest)) = (lengths().min(), lengths().max()) else {
            let message = "there is no separator to read up to, or an empty one";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, message).into());
        };
        // No match begins before this.
        let mut searched = 0;
        loop {
            let buffer = self.buffer();
            if buffer.len() >= searched + shortest {
                if let Some((start, end)) = first_match(buffer, searched, separators) {
                    if start > self.limit {
                        return Err(self.overrun(start, true).into());
                    }
                    return Ok(self.take(end));
                }
                // The end may be the beginning of a match.
                searched = (buffer.len() + 1).saturating_sub(longest);
                if searched > self.limit {
                    return Err(self.overrun(searched, false).into());
                }
            }
            if self.pull()? == 0 {
                let partial = self.take_rest();
                return Err(IncompleteReadError { partial, expected: None }.into());
            }
        }
    }

    fn overrun(&self, consumed: usize, found: bool) -> LimitOverrunError {
        LimitOverrunError { consumed, found, limit: self.limit }
    }

    /// The rest of the stream in pieces of `most` bytes at most, each as soon as it is there.
    ///
    /// # Panics
    ///
    /// Panics when `most` is 0.
    ///
    /// # Examples
    ///
    /// ```
    /// use cede::io::StreamReader;
    ///
    /// let mut reader = StreamReader::new(&b"hello"[..]);
    /// let chunks: Result<Vec<_>, _> = reader.chunks(2).collect();
    /// assert_eq!(chunks?, [&b"he"[..], b"ll", b"o"]);
    /// # Ok::<_, std::io::Error>(())
    /// ```
    pub fn chunks(&mut self, most: usize) -> Chunks<'_, R> {
        assert!(most > 0, "cede: pieces of 0 bytes never come to an end");
        Chunks { reader: self, most, over: false }
    }
}

impl<R: Read> Read for StreamReader<R> {
    fn read(&mut self, target: &mut [u8]) -> io::Result<usize> {
        if self.buffer().is_empty() {
            if target.len() >= self.storage.len().clamp(ROOM_MIN, LARGE_MIN) {
                return Self::read_stream(&mut self.inner, &mut self.broken, &mut self.at_end, target);
            }
            if !target.is_empty() {
                self.pull()?;
            }
        }
        let length = target.len().min(self.buffer().len());
        target[..length].copy_from_slice(&self.buffer()[..length]);
        self.pass(length);
        Ok(length)
    }

    /// Reads so many bytes, no less. Where that fails, or is cancelled, nothing is lost: what was read is in the buffer again.
    fn read_exact(&mut self, target: &mut [u8]) -> io::Result<()> {
        if self.buffer().len() >= target.len() {
            target.copy_from_slice(&self.buffer()[..target.len()]);
            self.pass(target.len());
            return Ok(());
        }
        let filled = self.read(target)?;
        let mut partial = Partial { reader: self, target, filled };
        while partial.filled < partial.target.len() {
            let room = &mut partial.target[partial.filled..];
            let length = partial.reader.read(room)?;
            if length == 0 {
                let message = "the stream ended before the buffer was filled";
                return Err(io::Error::new(io::ErrorKind::UnexpectedEof, message));
            }
            partial.filled += length;
        }
        Ok(())
    }
}

impl<R: Read> BufRead for StreamReader<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.buffer().is_empty() {
            self.pull()?;
        }
        Ok(self.buffer())
    }

    fn consume(&mut self, amount: usize) {
        self.pass(amount);
    }
}

impl<R: fmt::Debug> fmt::Debug for StreamReader<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StreamReader")
            .field("stream", &self.inner)
            .field("buffered", &self.buffer().len())
            .field("limit", &self.limit)
            .field("ended", &self.at_end)
            .field("error", &self.error())
            .finish()
    }
}
