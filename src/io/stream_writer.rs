//! A writer with a buffer and water marks: asyncio's `StreamWriter`, over anything that writes.
//!
//! ```text
//!   buffer  [ sent | held ]          held ≤ high      writes only append, nothing waits
//!                 start              held > high      a write sends, and waits, until held ≤ low
//!                                    drain            sends, and waits, until nothing is held
//! ```
//!
//! asyncio's transport sends in the background whatever was written, so that `drain` may come back while some of it is still
//! held. Nobody sends behind a task's back here: what is held goes when a write is over the high mark, in
//! `drain`, and when the writer is closed or dropped. So `drain` sends all of it: who drains and then waits for an answer has
//! asked the question. And since writes send by themselves above the high mark, a producer that never drains holds a bounded
//! buffer, where in asyncio it fills the memory.
//!
//! What is sent is taken off at once, so that a send which is cancelled or fails leaves exactly what was not sent.
//!
//! A large piece, which is as long as the low mark, is not gathered but sent, together with what is held: gathering is there to make one
//! call of many, and such a piece would be copied for a call that has to be made anyway. That is one call, as in asyncio: what the system
//! has not taken is held as always, up to the high mark, and then the stream is full, so that the next piece is gathered. Else two peers who
//! both write before they read would wait for each other below the mark.
//!
//! Rejected: a task in the background that sends (it would need streams that it owns, and `write` would have an error that belongs to an
//! earlier one); to let `drain` leave what is below the low mark (a question that is short would never be asked).

use std::fmt;
use std::io::{self, IoSlice, Write};
use std::net::Shutdown;
use std::thread;

use super::split::ShutDown;

/// asyncio's marks.
const HIGH: usize = 64 << 10;
const LOW: usize = HIGH / 4;

/// A piece that is shorter is copied, whatever the marks are.
const LARGE_MIN: usize = 16 << 10;

/// Gathers what is written, and sends it when it is told to, or when it is much: asyncio's `StreamWriter`, over any [`Write`].
///
/// It is [`Write`] itself, for all code that takes that, and [`drain`](Self::drain) is [`flush`](Write::flush). asyncio's
/// `write(data)`, which never waits, is [`write_nowait`](Self::write_nowait).
///
/// **Nothing is sent in the background.** asyncio sends what was written even if nobody drains; here the writer holds
/// it, up to the high-water mark of 64 KiB. So drain before waiting for an answer. Only a piece that is as long as the low-water mark
/// (and 16 KiB) is sent at once, as far as the stream takes it in one call.
///
/// Dropping a writer sends what it holds, and nobody hears of an error; where the thread is unwinding, as in a task that was cancelled, it
/// sends nothing. [`close`](Self::close) is the way to know.
///
/// # Cancellation
///
/// All verbs unwind when the task is cancelled while they wait. What [`write_nowait`](Self::write_nowait) and
/// [`write_all`](Write::write_all) were given is in the buffer then, as far as it was not sent: nothing is lost, and nothing is sent
/// twice when the next drain goes on. A [`write`](Write::write) has taken nothing.
///
/// # Errors
///
/// Those of the stream, from whatever sends. What was not sent stays in the buffer. After the end or the close of the writer,
/// [`NotConnected`](io::ErrorKind::NotConnected).
///
/// # Examples
///
/// ```
/// use cede::io::StreamWriter;
/// use std::io::Write;
///
/// let mut writer = StreamWriter::new(Vec::new());
/// writer.write_nowait(b"hello, ")?;
/// writeln!(writer, "world")?;
/// assert!(writer.get_ref().is_empty() && writer.write_buffer_size() == 13);
/// writer.drain()?;
/// assert_eq!(writer.get_ref(), b"hello, world\n");
/// # Ok::<_, std::io::Error>(())
/// ```
pub struct StreamWriter<W: Write> {
    /// Gone only while this is being taken apart.
    inner: Option<W>,
    buffer: Vec<u8>,
    /// Up to here the buffer has been sent.
    start: usize,
    high: usize,
    low: usize,
    state: State,
    /// It has not taken all that it was given last.
    is_full: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Open,
    /// An end was written, or is to be when the buffer is empty.
    Ended,
    /// It is being closed.
    Closing,
    Closed,
}

impl<W: Write> StreamWriter<W> {
    /// A writer with an empty buffer, and marks at 64 and 16 KiB.
    pub fn new(inner: W) -> Self {
        StreamWriter {
            inner: Some(inner),
            buffer: Vec::new(),
            start: 0,
            high: HIGH,
            low: LOW,
            state: State::Open,
            is_full: false,
        }
    }

    /// Sets the marks: how much is held at most without a wait, and down to what is sent above that. `(0, 0)` sends at once.
    ///
    /// # Panics
    ///
    /// Panics when `low` is over `high`.
    pub fn set_write_buffer_limits(&mut self, high: usize, low: usize) {
        assert!(low <= high, "cede: the low-water mark {low} is over the high-water mark {high}");
        (self.high, self.low) = (high, low);
    }

    /// The marks, the high one first.
    pub fn write_buffer_limits(&self) -> (usize, usize) {
        (self.high, self.low)
    }

    /// How many bytes it holds.
    pub fn write_buffer_size(&self) -> usize {
        self.held().len()
    }

    /// Whether it is closed, or was begun to be.
    pub fn is_closing(&self) -> bool {
        matches!(self.state, State::Closing | State::Closed)
    }

    /// The stream, for its addresses and options: asyncio's `get_extra_info` and `transport`.
    pub fn get_ref(&self) -> &W {
        self.inner.as_ref().expect("it is there until it is taken apart")
    }

    /// The stream. What is written to it comes before what is held here.
    pub fn get_mut(&mut self) -> &mut W {
        self.inner.as_mut().expect("it is there until it is taken apart")
    }

    /// The stream, and what was not sent.
    pub fn into_parts(mut self) -> (W, Vec<u8>) {
        let held = self.held().to_vec();
        self.buffer.clear();
        self.start = 0;
        (self.inner.take().expect("it is there until it is taken apart"), held)
    }

    /// Puts bytes into the buffer, and never waits or sends: asyncio's `write`. The buffer grows without bound, so drain
    /// now and then.
    ///
    /// # Errors
    ///
    /// Only after the end or the close of the writer.
    pub fn write_nowait(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.check()?;
        self.append(bytes);
        Ok(())
    }

    /// Puts several pieces into the buffer, and sends above the high-water mark: asyncio's `writelines` and a `drain` that only waits
    /// where it must.
    ///
    /// # Errors, cancellation
    ///
    /// As for all that sends; see [`StreamWriter`].
    pub fn writelines<T: AsRef<[u8]>>(&mut self, pieces: impl IntoIterator<Item = T>) -> io::Result<()> {
        for piece in pieces {
            self.write_nowait(piece.as_ref())?;
        }
        self.write_all(&[])
    }

    /// Sends all that is held, and waits until the system has taken it.
    ///
    /// # Errors, cancellation
    ///
    /// As for all that sends; see [`StreamWriter`]. Also after the close.
    ///
    /// # Examples
    ///
    /// ```
    /// use cede::net::{TcpListener, open_connection};
    /// use std::io::Read;
    ///
    /// cede::run(|| -> std::io::Result<()> {
    ///     let listener = TcpListener::bind("127.0.0.1:0")?;
    ///     let (_, mut writer) = open_connection(listener.local_addr()?)?;
    ///     writer.write_nowait(b"ping")?;
    ///     writer.drain()?;
    ///     let mut buffer = [0; 4];
    ///     listener.accept()?.0.read_exact(&mut buffer)?;
    ///     assert_eq!(&buffer, b"ping");
    ///     Ok(())
    /// })
    /// # .unwrap();
    /// ```
    pub fn drain(&mut self) -> io::Result<()> {
        if self.is_closing() {
            return Err(closed());
        }
        self.send_held()
    }

    /// Whether this would be more than may be held, so that who writes it waits.
    fn is_too_much(&self, length: usize) -> bool {
        self.held().len() + length > self.high
    }

    fn is_large(&self, length: usize) -> bool {
        length >= LARGE_MIN.max(self.low)
    }

    fn held(&self) -> &[u8] {
        &self.buffer[self.start..]
    }

    fn append(&mut self, bytes: &[u8]) {
        if self.start > self.buffer.len() / 2 {
            self.buffer.drain(..self.start);
            self.start = 0;
        }
        self.buffer.extend_from_slice(bytes);
    }

    fn check(&self) -> io::Result<()> {
        match self.state {
            State::Open => Ok(()),
            State::Ended => Err(io::Error::new(io::ErrorKind::NotConnected, "the end was written already")),
            State::Closing | State::Closed => Err(closed()),
        }
    }

    fn send_held(&mut self) -> io::Result<()> {
        while !self.held().is_empty() {
            self.send(&[])?;
        }
        self.get_mut().flush()
    }

    /// One write of what is held and then of `more`; gives how much of `more` has gone. There is something to send.
    fn send(&mut self, more: &[u8]) -> io::Result<usize> {
        let inner = self.inner.as_mut().expect("it is there until it is taken apart");
        let held = &self.buffer[self.start..];
        let sent = loop {
            let sent = match (held, more) {
                (held, []) => inner.write(held),
                ([], more) => inner.write(more),
                (held, more) => inner.write_vectored(&[IoSlice::new(held), IoSlice::new(more)]),
            };
            match sent {
                Ok(0) => {
                    return Err(io::Error::new(io::ErrorKind::WriteZero, "the stream takes nothing more"));
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                sent => break sent?,
            }
        };
        self.is_full = sent < held.len() + more.len();
        let of_held = sent.min(held.len());
        self.start += of_held;
        if self.start == self.buffer.len() {
            self.start = 0;
            self.buffer.clear();
            if self.buffer.capacity() > 2 * self.high.max(HIGH) {
                self.buffer = Vec::new();
            }
        }
        Ok(sent - of_held)
    }
}

impl<W: Write + ShutDown> StreamWriter<W> {
    /// Sends all that is held, and then the end: the peer reads all of it, and this side may go on reading. Nothing where the end
    /// was written before.
    ///
    /// # Errors, cancellation
    ///
    /// As for all that sends; see [`StreamWriter`]. When it failed or was cancelled, another call goes on with it.
    pub fn write_eof(&mut self) -> io::Result<()> {
        if self.is_closing() {
            return Err(closed());
        }
        let is_first = self.state == State::Open;
        self.state = State::Ended;
        if is_first || !self.held().is_empty() {
            self.send_held()?;
            self.get_ref().shut_down(Shutdown::Write)?;
        }
        Ok(())
    }

    /// Sends all that is held, and ends both directions: who reads from the stream sees an end. Nothing where that was done
    /// before.
    ///
    /// The descriptor is closed when the last owner of the stream drops it.
    ///
    /// # Errors
    ///
    /// Those of sending. The stream is closed nevertheless, and what was not sent is dropped.
    ///
    /// # Cancellation
    ///
    /// Unwinds when the task is cancelled while it sends. The writer takes nothing more, and [`wait_closed`](Self::wait_closed) goes
    /// on with it.
    pub fn close(&mut self) -> io::Result<()> {
        if self.state == State::Closed {
            return Ok(());
        }
        self.state = State::Closing;
        let sent = self.send_held();
        self.abort();
        sent
    }

    /// Waits until it is closed: does what is left of a [`close`](Self::close) that was cancelled, and closes what was not closed.
    ///
    /// # Errors, cancellation
    ///
    /// As [`close`](Self::close).
    pub fn wait_closed(&mut self) -> io::Result<()> {
        self.close()
    }

    /// Ends both directions at once, and drops what is held: asyncio's `transport.abort()`.
    pub fn abort(&mut self) {
        self.state = State::Closed;
        self.buffer = Vec::new();
        self.start = 0;
        // Where the connection is over already, there is nothing to end.
        let _ = self.get_ref().shut_down(Shutdown::Both);
    }
}

fn closed() -> io::Error {
    io::Error::new(io::ErrorKind::NotConnected, "the writer is closed")
}

/// What a `write_all` has not sent. It is put into the buffer when that ends, however it ends.
struct Unsent<'a, W: Write> {
    writer: &'a mut StreamWriter<W>,
    bytes: &'a [u8],
}

impl<W: Write> Drop for Unsent<'_, W> {
    fn drop(&mut self) {
        self.writer.append(self.bytes);
    }
}

impl<W: Write> Write for StreamWriter<W> {
    /// Takes bytes, and sends where that would be more than the high-water mark, or they are many. Where it fails or is
    /// cancelled, it has taken none.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.check()?;
        let is_large = self.is_large(bytes.len());
        if self.is_too_much(bytes.len()) {
            if bytes.len() > self.high || is_large {
                loop {
                    match self.send(bytes)? {
                        0 => {}
                        sent => return Ok(sent),
                    }
                }
            }
            while self.held().len() > self.low.min(self.high - bytes.len()) {
                self.send(&[])?;
            }
        } else if is_large && !self.is_full {
            let sent = self.send(bytes)?;
            if sent > 0 {
                return Ok(sent);
            }
        }
        self.append(bytes);
        Ok(bytes.len())
    }

    /// Takes all bytes, and sends where that would be more than the high-water mark, or they are many. Where sending fails or is
    /// cancelled, what was not sent is in the buffer.
    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.check()?;
        let mut unsent = Unsent { writer: self, bytes };
        let is_too_much = unsent.writer.is_too_much(bytes.len());
        if is_too_much || (unsent.writer.is_large(bytes.len()) && !unsent.writer.is_full) {
            loop {
                let sent = unsent.writer.send(unsent.bytes)?;
                unsent.bytes = &unsent.bytes[sent..];
                if !is_too_much || unsent.writer.held().len() + unsent.bytes.len() <= unsent.writer.low {
                    break;
                }
            }
        }
        Ok(())
    }

    /// [`drain`](StreamWriter::drain).
    fn flush(&mut self) -> io::Result<()> {
        self.drain()
    }
}

impl<W: Write> Drop for StreamWriter<W> {
    fn drop(&mut self) {
        if self.inner.is_some() && self.state != State::Closed && !thread::panicking() {
            // Nobody is left who could be told.
            let _ = self.send_held();
        }
    }
}

impl<W: Write + fmt::Debug> fmt::Debug for StreamWriter<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StreamWriter")
            .field("stream", &self.inner)
            .field("held", &self.held().len())
            .field("state", &self.state)
            .finish()
    }
}
