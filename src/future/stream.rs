//! Streams with the traits of futures-io, for libraries that are written against those.
//!
//! A poll tries the operation, and where it would block it leaves a node with a waker among those who wait for the descriptor, as a
//! task that waits would. It never suspends the task that polls. The edge that makes the descriptor ready wakes the waker in the same
//! tick; the next poll takes the node out, tries, and puts it back if need be.
//!
//! One node for each direction, since reading and writing may be polled by different tasks (`split` of futures-util).

use std::cell::Cell;
use std::fmt;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use futures_io::{AsyncRead, AsyncWrite};
use pin_project_lite::pin_project;

use crate::io::Nonblocking;
use crate::runtime::reactor::{self, Direction, Source};
use crate::runtime::scheduler::with_scheduler;
use crate::runtime::wait_list::{Node, State};
use crate::runtime::waker_cell::WakerCell;

/// A stream with futures-io's [`AsyncRead`] and [`AsyncWrite`], for libraries that want these. With the feature `futures-io`.
///
/// It is polled by futures that tasks of this thread drive ([`Wait`](super::Wait)); elsewhere it gives an error. It never
/// suspends a task inside of a poll. A future that does a hundred operations in a row without waiting gives way once. Timeouts of
/// the stream don't count here: put one around the future.
///
/// tokio's traits are had from these by `compat()` of tokio-util.
///
/// Closing it (`poll_close`) shuts down the writing side of a TCP connection.
///
/// # Examples
///
/// ```
/// use cede::{future::{AsyncStream, Wait}, net::{TcpListener, TcpStream}};
/// use futures_util::io::{AsyncReadExt, AsyncWriteExt};
///
/// cede::run(|| -> std::io::Result<()> {
///     let listener = TcpListener::bind("127.0.0.1:0")?;
///     let address = listener.local_addr()?;
///     cede::spawn(move || -> std::io::Result<()> {
///         let mut stream = AsyncStream::new(listener.accept()?.0);
///         stream.write_all(b"hello").wait()
///     });
///     let mut stream = AsyncStream::new(TcpStream::connect(address)?);
///     let mut text = String::new();
///     stream.read_to_string(&mut text).wait()?;
///     assert_eq!(text, "hello");
///     Ok(())
/// })?;
/// # Ok::<_, std::io::Error>(())
/// ```
pub struct AsyncStream<S: Nonblocking> {
    /// Gone only while this is being taken apart.
    stream: Option<S>,
    reading: Pin<Box<Interest>>,
    writing: Pin<Box<Interest>>,
}

/// The stream lies in here like in any struct; only the interests are pinned.
impl<S: Nonblocking> Unpin for AsyncStream<S> {}

pin_project! {
    // A waker that waits for one direction.
    struct Interest {
        direction: Direction,
        #[pin]
        node: Node,
        #[pin]
        cell: WakerCell,
        // As long as it waits, or was woken and nobody has polled since.
        source: Cell<Option<Rc<Source>>>,
    }
}

impl Interest {
    fn new(direction: Direction) -> Pin<Box<Self>> {
        let (node, cell) = (Node::default(), WakerCell::default());
        Box::pin(Interest { direction, node, cell, source: Cell::new(None) })
    }

    fn begin(self: Pin<&Self>, source: Rc<Source>, context: &Context<'_>) {
        let this = self.project_ref();
        this.cell.keep(context.waker());
        source.waiters(*this.direction).link(this.node, this.cell.waiter());
        source.count_waiter();
        this.source.set(Some(source));
    }

    /// Waits no longer. Gives what it was woken for, if it was.
    fn end(&self) -> Option<Rc<Source>> {
        let source = self.source.take()?;
        let state = source.waiters(self.direction).remove(&self.node);
        source.discount_waiter();
        (state == State::Completed).then_some(source)
    }
}

impl<S: Nonblocking> AsyncStream<S> {
    /// Wraps a stream.
    pub fn new(stream: S) -> Self {
        let (reading, writing) = (Interest::new(Direction::Read), Interest::new(Direction::Write));
        AsyncStream { stream: Some(stream), reading, writing }
    }

    /// The stream.
    pub fn get_ref(&self) -> &S {
        self.stream.as_ref().expect("it is there until it is taken apart")
    }

    /// The stream, for good.
    pub fn into_inner(mut self) -> S {
        self.leave();
        self.stream.take().expect("it is there until it is taken apart")
    }

    fn interest(&self, direction: Direction) -> Pin<&Interest> {
        match direction {
            Direction::Read => self.reading.as_ref(),
            Direction::Write => self.writing.as_ref(),
        }
    }

    /// Waits for nothing any more, and lets others have what it was woken for.
    fn leave(&mut self) {
        let Some(stream) = &self.stream else { return };
        for interest in [&self.reading, &self.writing] {
            if let Some(source) = interest.end() {
                let target = stream.watched().target("polls");
                reactor::pass_on(target.descriptor, &source, interest.direction);
            }
        }
    }

    fn poll<R>(
        &self,
        context: &Context<'_>,
        direction: Direction,
        f: impl FnMut() -> io::Result<R>,
        emptied: impl Fn(&R) -> bool,
    ) -> Poll<io::Result<R>> {
        let interest = self.interest(direction);
        // What it was woken for is tried now, and then passed on if something is left.
        let _tried = interest.end();
        if !reactor::in_task(|scheduler| {
            let task = scheduler.current().expect("a task runs");
            Ok(scheduler.outside.budget.spend(task))
        })? {
            with_scheduler(|scheduler| scheduler.outside.look_soon());
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        let watched = self.get_ref().watched();
        if let Some(result) = watched.try_operate(direction, f, emptied)? {
            return Poll::Ready(Ok(result));
        }
        let target = watched.target("polls");
        let source = reactor::in_task(|scheduler| {
            target.registrations.find_or_add(scheduler.outside.reactor()?, target.descriptor)
        })?;
        interest.begin(source, context);
        Poll::Pending
    }
}

impl<S: Nonblocking> Drop for AsyncStream<S> {
    fn drop(&mut self) {
        self.leave();
    }
}

impl<S: Nonblocking> AsyncRead for AsyncStream<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        if buffer.is_empty() {
            return Poll::Ready(Ok(0));
        }
        let length = buffer.len();
        let read = || self.get_ref().try_read(buffer);
        let emptied = |&read: &usize| S::SHORT_READS_EMPTY && 0 < read && read < length;
        self.poll(context, Direction::Read, read, emptied)
    }
}

impl<S: Nonblocking> AsyncWrite for AsyncStream<S> {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &[u8]) -> Poll<io::Result<usize>> {
        if buffer.is_empty() {
            return Poll::Ready(Ok(0));
        }
        self.poll(context, Direction::Write, || self.get_ref().try_write(buffer), |_| false)
    }

    /// Does nothing: nothing is kept back here.
    fn poll_flush(self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(self.get_ref().end_writing())
    }
}

impl<S: Nonblocking + fmt::Debug> fmt::Debug for AsyncStream<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("AsyncStream").field(self.get_ref()).finish()
    }
}
