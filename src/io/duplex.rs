//! A stream in memory with two ends: what a socket is, for tests, and between tasks.
//!
//! ```text
//!   Duplex ── writes ──▶ Pipe (bounded) ── reads ──▶ Duplex
//!          ◀── reads ─── Pipe (bounded) ◀── writes ──
//! ```
//!
//! Each direction is a bounded ring of bytes under one lock, with those who wait to read and those who wait to write. Waking is as in
//! the reactor: one waiter at a time, which passes on what it leaves. No system call is made, so it works under virtual
//! time, and a deadlock of its users is found.

use std::fmt;
use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::net::Shutdown;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use super::split::{self, OwnedReadHalf, OwnedWriteHalf, ReadHalf, ShutDown, WriteHalf};
use super::timeouts::Timeouts;
use crate::runtime::operation::Operation;
use crate::runtime::park;
use crate::runtime::reactor;
use crate::runtime::with_deadline::wait_within;
use crate::time::now;

mod pipe;

pub use pipe::Room;
use pipe::{Pipe, Reading, Use};

/// One end of a stream in memory, from [`duplex`]. Reads and writes by value and by reference, as sockets do, on one thread or on
/// several.
///
/// When an end goes, the other one reads what is left and then the end of the stream, and its writes give
/// [`BrokenPipe`](io::ErrorKind::BrokenPipe).
///
/// Outside of tasks it works as long as nothing has to be waited for.
///
/// # Cancellation
///
/// A task that is cancelled while it waits in a read or a write unwinds, and nothing was read or written by that call.
pub struct Duplex {
    incoming: Arc<Pipe>,
    outgoing: Arc<Pipe>,
    timeouts: Timeouts,
}

/// A stream in memory: its two ends. Each direction takes `capacity` bytes that were written and not read yet.
///
/// # Panics
///
/// Panics when `capacity` is zero: nothing could ever be written.
///
/// # Examples
///
/// ```
/// use std::io::{self, Read, Write};
///
/// let runner = cede::Runner::builder().virtual_time(true).build();
/// runner.run(|| -> io::Result<()> {
///     let (mut client, server) = cede::io::duplex(4);
///     cede::spawn(move || io::copy(&mut &server, &mut &server));
///     client.write_all(b"ping")?;
///     let mut answer = [0; 4];
///     client.read_exact(&mut answer)?;
///     assert_eq!(&answer, b"ping");
///     Ok(())
/// })??;
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
pub fn duplex(capacity: usize) -> (Duplex, Duplex) {
    assert!(capacity > 0, "cede: a duplex stream needs room for a byte at least");
    let (there, back) = (Arc::new(Pipe::new(capacity)), Arc::new(Pipe::new(capacity)));
    let ours =
        Duplex { incoming: Arc::clone(&back), outgoing: Arc::clone(&there), timeouts: Timeouts::default() };
    (ours, Duplex { incoming: there, outgoing: back, timeouts: Timeouts::default() })
}

impl Duplex {
    /// How long a read may wait; `None` for as long as it takes. One that takes longer gives
    /// [`TimedOut`](io::ErrorKind::TimedOut), and nothing was read.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) for a time of zero.
    pub fn set_read_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
        self.timeouts.set_read(timeout)
    }

    /// How long a write may wait; `None` for as long as it takes. One that takes longer gives
    /// [`TimedOut`](io::ErrorKind::TimedOut), and nothing was written.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) for a time of zero.
    pub fn set_write_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
        self.timeouts.set_write(timeout)
    }

    /// Shuts down reading, writing or both. After writing, the other end reads what is left and then an end; after reading, its
    /// writes give [`BrokenPipe`](io::ErrorKind::BrokenPipe), and what was not read is dropped.
    ///
    /// # Errors
    ///
    /// None; a result as sockets have it.
    pub fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        if how != Shutdown::Read {
            self.outgoing.end();
        }
        if how != Shutdown::Write {
            self.incoming.refuse();
        }
        Ok(())
    }

    /// Reads without taking: what the next read will begin with.
    ///
    /// # Errors, cancellation
    ///
    /// As a read.
    pub fn peek(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.read_from(&mut [IoSliceMut::new(buffer)], false)
    }

    /// The operation of a read, for `select!`. Where it loses, nothing was read.
    ///
    /// # Examples
    ///
    /// ```
    /// use cede::{io::duplex, time::after};
    /// use std::time::Duration;
    ///
    /// cede::run(|| -> std::io::Result<()> {
    ///     let (stream, _peer) = duplex(16);
    ///     let mut buffer = [0; 16];
    ///     cede::select! {
    ///         read = stream.reading(&mut buffer) => unreachable!("{read:?}"),
    ///         _ = after(Duration::from_millis(1)) => Ok(()),
    ///     }
    /// })
    /// # .unwrap();
    /// ```
    pub fn reading(&self, buffer: &mut [u8]) -> impl Operation<Output = io::Result<usize>> {
        Reading::of(&self.incoming, buffer)
    }

    /// The operation of waiting until a read would not wait: for `select!`.
    pub fn readable(&self) -> Room<'_> {
        self.incoming.room_to(Use::Read).told_of()
    }

    /// The operation of waiting until a write would not wait: for `select!`.
    pub fn writable(&self) -> Room<'_> {
        self.outgoing.room_to(Use::Write).told_of()
    }

    /// The halves that read and write, which borrow this end.
    pub fn split(&self) -> (ReadHalf<'_, Self>, WriteHalf<'_, Self>) {
        (ReadHalf(self), WriteHalf(self))
    }

    /// The halves that read and write, each on its own; see [`OwnedReadHalf::reunite`].
    pub fn into_split(self) -> (OwnedReadHalf<Self>, OwnedWriteHalf<Self>) {
        split::into_split(self)
    }

    fn read_from(&self, buffers: &mut [IoSliceMut<'_>], takes: bool) -> io::Result<usize> {
        if buffers.iter().all(|buffer| buffer.is_empty()) {
            return Ok(0);
        }
        let timeout = self.timeouts.read();
        wait_until(|| self.incoming.read(buffers, takes), || self.incoming.room_to(Use::Read), timeout)
    }

    fn write_from(&self, buffers: &[IoSlice<'_>]) -> io::Result<usize> {
        if buffers.iter().all(|buffer| buffer.is_empty()) {
            return Ok(0);
        }
        let timeout = self.timeouts.write();
        wait_until(|| self.outgoing.write(buffers), || self.outgoing.room_to(Use::Write), timeout)
    }
}

/// Tries `f` until it gives something, and waits for room in between.
fn wait_until<'a>(
    mut f: impl FnMut() -> Option<io::Result<usize>>,
    room: impl Fn() -> Room<'a>,
    timeout: Option<Duration>,
) -> io::Result<usize> {
    let mut deadline = None;
    loop {
        if let Some(result) = f() {
            return result;
        }
        if let Some(refusal) = park::refusal() {
            return Err(reactor::refused(refusal));
        }
        deadline = deadline.or_else(|| timeout.and_then(reactor::deadline_after));
        match deadline.map(|deadline| deadline.saturating_duration_since(now())) {
            None => park::wait(pin!(room())),
            Some(left) => wait_within(pin!(room()), left).ok_or(io::ErrorKind::TimedOut)?,
        }
    }
}

impl Drop for Duplex {
    fn drop(&mut self) {
        self.outgoing.end();
        self.incoming.refuse();
    }
}

impl ShutDown for Duplex {
    fn shut_down(&self, how: Shutdown) -> io::Result<()> {
        self.shutdown(how)
    }
}

impl Read for &Duplex {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.read_from(&mut [IoSliceMut::new(buffer)], true)
    }

    fn read_vectored(&mut self, buffers: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        self.read_from(buffers, true)
    }
}

impl Write for &Duplex {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.write_from(&[IoSlice::new(buffer)])
    }

    fn write_vectored(&mut self, buffers: &[IoSlice<'_>]) -> io::Result<usize> {
        self.write_from(buffers)
    }

    /// Does nothing: nothing is kept back here.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

super::by_value!(Duplex: ReadSpare, Write);

impl fmt::Debug for Duplex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Duplex")
            .field("incoming", &self.incoming.len())
            .field("outgoing", &self.outgoing.len())
            .finish_non_exhaustive()
    }
}
