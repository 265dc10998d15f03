//! A descriptor whose operations suspend the task where they would block.
//!
//! An operation is tried first. When it would block, the descriptor is registered with the reactor of the run, if it is not yet, and
//! the task waits for an edge. An operation on a descriptor of which the reactor knows that it is not ready
//! is not tried: see `runtime/reactor/source.rs`.
//!
//! # A descriptor that is closed underneath
//!
//! No safe code can close the descriptor of something that is watched, but code that handles raw numbers can: a second owner, or a
//! C library that closes what it had lent. The system then drops the registration with the last duplicate, and tells nobody. So:
//!
//! - An operation that waits already goes on waiting, and so does one that comes later and need not be tried since the
//!   descriptor was known not to be ready. Their timeouts and cancellation end them: an operation that has timed out is
//!   tried once more, and gives the system's error, EBADF. Others give that at once.
//! - When the number is watched again in the same run, the old one is known to be lost. Whoever waits for it gets EBADF at once, and so
//!   does everything later; what is ready under that number is for the new one alone, which the old one doesn't take out of the reactor
//!   when it goes.
//! - A number that somebody uses without watching it is not recognised: an operation is tried on whatever has it.
//!
//! To find a closed descriptor before waiting would cost a system call for each wait, and to find it while waiting a clock that
//! ticks.

use std::fmt;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

use super::attempting::Attempting;
use crate::runtime::operation::Operation;
use crate::runtime::park;
use crate::runtime::reactor::{self, Direction, NextEdge, Object, Readiness, Registrations, Source, Target};
use crate::runtime::scheduler::Scheduler;
use crate::runtime::with_deadline::wait_until;

/// Any descriptor that can be waited for: a socket, a pipe, a terminal, an event counter.
///
/// The descriptor is in non-blocking mode as long as it is watched, and stays in it afterwards. Its duplicates share that mode: one
/// that is set to blocking makes the operations here block the thread. (Those of sockets don't.) Regular files are always ready, and
/// their operations block the thread for as long as the disk takes; they can't be waited for. `get_ref` gives the thing itself, for
/// what does not block.
///
/// The descriptor must stay open as long as it is watched. Where it is closed nevertheless, by somebody who has its number,
/// the system tells nobody, and who waits for it goes on waiting until a timeout, a cancellation, or until the number is
/// watched again; the error then is that of a bad descriptor.
///
/// It may be used in a later run, and by several threads, each in its own run.
///
/// An operation on a descriptor that is ready does not wait, and nobody else runs meanwhile. But a task that does more than
/// a hundred in a row lets the others run once, before the next one begins.
///
/// # Examples
///
/// ```
/// use cede::io::Watched;
/// use std::io::{Read, Write};
/// use std::os::unix::net::UnixStream;
///
/// let text = cede::run(|| -> std::io::Result<String> {
///     let (ours, theirs) = UnixStream::pair()?;
///     let (ours, theirs) = (Watched::new(ours)?, Watched::new(theirs)?);
///     cede::spawn(move || theirs.write_with(|mut stream| stream.write(b"hello")));
///     let mut buffer = [0; 16];
///     let length = ours.read_with(|mut stream| stream.read(&mut buffer))?;
///     Ok(String::from_utf8_lossy(&buffer[..length]).into_owned())
/// })?;
/// assert_eq!(text, "hello");
/// # Ok::<_, std::io::Error>(())
/// ```
pub struct Watched<T: AsFd> {
    /// Gone only while this is being taken apart.
    io: Option<T>,
    registrations: Registrations,
    object: Object,
}

/// One operation, as [`Watched::operate`] needs to know it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Action {
    pub(crate) direction: Direction,
    /// For reports.
    pub(crate) verb: &'static str,
    /// How long it may wait.
    pub(crate) timeout: Option<Duration>,
}

impl<T: AsFd> Watched<T> {
    /// Watches a descriptor, and puts it into non-blocking mode.
    ///
    /// # Errors
    ///
    /// When the mode can't be set.
    pub fn new(io: T) -> io::Result<Self> {
        rustix::io::ioctl_fionbio(&io, true)?;
        Ok(Watched::of_nonblocking(io, |descriptor, f| write!(f, "descriptor {}", descriptor.as_raw_fd())))
    }

    /// Watches a descriptor that is in non-blocking mode.
    pub(crate) fn of_nonblocking(io: T, object: Object) -> Self {
        Watched { io: Some(io), registrations: Registrations::default(), object }
    }

    /// The thing that has the descriptor.
    pub fn get_ref(&self) -> &T {
        self.io.as_ref().expect("it is there until it is taken apart")
    }

    /// Ends the watching, and gives the thing back. Its descriptor stays in non-blocking mode.
    pub fn into_inner(mut self) -> T {
        self.remove();
        self.io.take().expect("it is there until it is taken apart")
    }

    fn remove(&mut self) {
        if let Some(io) = &self.io {
            self.registrations.remove(io.as_fd());
        }
    }

    /// The operation of waiting until there is something to read, or an end or an error to be told of: for `select!`.
    pub fn readable(&self) -> Readiness<'_> {
        self.ready_for(Direction::Read, "waits to read from")
    }

    /// The operation of waiting until something can be written, or an error can be told of: for `select!`.
    pub fn writable(&self) -> Readiness<'_> {
        self.ready_for(Direction::Write, "waits to write to")
    }

    /// Calls `f` until it gives anything but [`WouldBlock`](io::ErrorKind::WouldBlock), and waits in between until the
    /// descriptor is readable. An [`Interrupted`](io::ErrorKind::Interrupted) calls `f` again at once.
    ///
    /// # Errors
    ///
    /// Those of `f`; when the descriptor can't be waited for; outside of a task, and where a task may not wait.
    ///
    /// # Cancellation
    ///
    /// Unwinds when the task is cancelled while it waits or lets the others run; what `f` has done before stays done.
    pub fn read_with<R>(&self, mut f: impl FnMut(&T) -> io::Result<R>) -> io::Result<R> {
        let action = Action { direction: Direction::Read, verb: "reads from", timeout: None };
        self.operate(action, || f(self.get_ref()), |_| false)
    }

    /// As [`read_with`](Self::read_with), for writing.
    ///
    /// # Errors, cancellation
    ///
    /// As [`read_with`](Self::read_with).
    pub fn write_with<R>(&self, mut f: impl FnMut(&T) -> io::Result<R>) -> io::Result<R> {
        let action = Action { direction: Direction::Write, verb: "writes to", timeout: None };
        self.operate(action, || f(self.get_ref()), |_| false)
    }

    /// As [`read_with`](Self::read_with), but it waits for so long at most.
    ///
    /// # Errors
    ///
    /// [`TimedOut`](io::ErrorKind::TimedOut) when the time is over, and `f` has then given nothing; as
    /// [`read_with`](Self::read_with) else.
    ///
    /// # Cancellation
    ///
    /// As [`read_with`](Self::read_with).
    pub fn read_with_timeout<R>(
        &self,
        timeout: Duration,
        mut f: impl FnMut(&T) -> io::Result<R>,
    ) -> io::Result<R> {
        let action = Action { direction: Direction::Read, verb: "reads from", timeout: Some(timeout) };
        self.operate(action, || f(self.get_ref()), |_| false)
    }

    /// As [`write_with`](Self::write_with), but it waits for so long at most.
    ///
    /// # Errors, cancellation
    ///
    /// As [`read_with_timeout`](Self::read_with_timeout).
    pub fn write_with_timeout<R>(
        &self,
        timeout: Duration,
        mut f: impl FnMut(&T) -> io::Result<R>,
    ) -> io::Result<R> {
        let action = Action { direction: Direction::Write, verb: "writes to", timeout: Some(timeout) };
        self.operate(action, || f(self.get_ref()), |_| false)
    }

    /// The operation behind [`read_with`](Self::read_with), for `select!`: `f` is called at first, and whenever the
    /// descriptor has become readable, until it gives anything but [`WouldBlock`](io::ErrorKind::WouldBlock). Where the operation
    /// loses its race, `f` has given nothing else.
    ///
    /// # Examples
    ///
    /// ```
    /// use cede::{io::Watched, time::after};
    /// use std::io::Read;
    /// use std::os::unix::net::UnixStream;
    /// use std::time::Duration;
    ///
    /// cede::run(|| -> std::io::Result<()> {
    ///     let (ours, _theirs) = UnixStream::pair()?;
    ///     let ours = Watched::new(ours)?;
    ///     let mut buffer = [0; 16];
    ///     cede::select! {
    ///         length = ours.reading_with(|mut stream| stream.read(&mut buffer)) => unreachable!("{length:?}"),
    ///         _ = after(Duration::from_millis(1)) => Ok(()),
    ///     }
    /// })
    /// # .unwrap();
    /// ```
    pub fn reading_with<R>(
        &self,
        f: impl FnMut(&T) -> io::Result<R>,
    ) -> impl Operation<Output = io::Result<R>> {
        Attempting::of(self, Direction::Read, "waits to read from", f)
    }

    /// As [`reading_with`](Self::reading_with), for writing.
    pub fn writing_with<R>(
        &self,
        f: impl FnMut(&T) -> io::Result<R>,
    ) -> impl Operation<Output = io::Result<R>> {
        Attempting::of(self, Direction::Write, "waits to write to", f)
    }

    /// What the descriptor is, as reports say it.
    pub(crate) fn object(&self) -> impl fmt::Display {
        Described { descriptor: self.as_fd(), object: self.object }
    }

    /// The operation of waiting until it is ready, with a verb of its own for reports.
    pub(crate) fn ready_for(&self, direction: Direction, verb: &'static str) -> Readiness<'_> {
        Readiness::of(self.target(verb), direction)
    }

    /// Whether an operation may succeed, for all that is known; `None` when it can't.
    pub(super) fn may_be_ready(&self, direction: Direction) -> Option<io::Result<()>> {
        match reactor::in_task(|scheduler| self.registrations.find(scheduler.outside.reactor()?)) {
            Ok(Some(source)) if !source.is_ready(direction) => None,
            Ok(_) => Some(Ok(())),
            Err(error) => Some(Err(error)),
        }
    }

    /// An operation found that it would block: only an edge makes the descriptor ready again.
    pub(super) fn would_block(&self, direction: Direction) -> io::Result<()> {
        let source = reactor::in_task(|scheduler| self.registrations.find(scheduler.outside.reactor()?))?;
        if let Some(source) = source {
            source.would_block(direction);
        }
        Ok(())
    }

    pub(crate) fn target(&self, verb: &'static str) -> Target<'_> {
        let (registrations, object) = (&self.registrations, self.object);
        Target { descriptor: self.as_fd(), registrations, object, verb }
    }

    /// Tries an operation, unless it is known that it would block. `None` where it would.
    #[cfg(feature = "futures-io")]
    pub(crate) fn try_operate<R>(
        &self,
        direction: Direction,
        mut f: impl FnMut() -> io::Result<R>,
        emptied: impl Fn(&R) -> bool,
    ) -> io::Result<Option<R>> {
        let source = reactor::in_task(|scheduler| self.registrations.find(scheduler.outside.reactor()?))?;
        if source.as_ref().is_some_and(|source| !source.is_ready(direction)) {
            return Ok(None);
        }
        let turn = Turn { descriptor: self.as_fd(), source: source.as_deref(), direction };
        let result = loop {
            match f() {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => break result,
            }
        };
        match (result, turn.source) {
            (Ok(result), source) => {
                if let Some(source) = source
                    && emptied(&result)
                {
                    source.read_was_short();
                }
                Ok(Some(result))
            }
            (Err(error), source) if error.kind() == io::ErrorKind::WouldBlock => {
                source.inspect(|source| source.would_block(direction));
                Ok(None)
            }
            (Err(error), _) => Err(error),
        }
    }

    /// Carries out an operation. `emptied` says that its result shows that nothing is left to read.
    pub(crate) fn operate<R>(
        &self,
        action: Action,
        mut f: impl FnMut() -> io::Result<R>,
        emptied: impl Fn(&R) -> bool,
    ) -> io::Result<R> {
        let Action { direction, verb, timeout } = action;
        let mut source = reactor::begin_with(|scheduler| self.find(scheduler))?;
        let mut deadline = None;
        // Why it is tried a last time.
        let mut last = None;
        loop {
            let tries = last.is_some() || self.is_worth_trying(source.as_deref(), direction);
            if tries {
                let turn = Turn { descriptor: self.as_fd(), source: source.as_deref(), direction };
                match f() {
                    Ok(result) => {
                        self.note_what_is_left(turn.source, direction, emptied(&result));
                        return Ok(result);
                    }
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                    Err(error) if error.kind() != io::ErrorKind::WouldBlock => return Err(error),
                    Err(_) => {}
                }
                if let Some(source) = turn.source {
                    source.would_block(direction);
                }
            }
            if let Some(error) = last {
                return Err(error);
            }
            if let Some(refusal) = park::refusal() {
                // What need not wait is not refused.
                let error = reactor::refused(refusal);
                if tries {
                    return Err(error);
                }
                last = Some(error);
                continue;
            }
            deadline = deadline.or_else(|| timeout.and_then(reactor::deadline_after));
            let source = match &source {
                Some(source) => source,
                None => source.insert(self.register()?),
            };
            let edge = pin!(NextEdge::new(self.target(verb), direction, source));
            match wait_until(edge, deadline) {
                Some(edge) => edge?,
                // What is there is never called late: it is tried once more.
                None => last = Some(io::ErrorKind::TimedOut.into()),
            }
        }
    }

    #[cold]
    fn register(&self) -> io::Result<Rc<Source>> {
        reactor::in_task(|scheduler| {
            self.registrations.find_or_add(scheduler.outside.reactor()?, self.as_fd())
        })
    }

    /// The source in the reactor of the run, if it is registered there.
    #[inline]
    fn find(&self, scheduler: &Scheduler) -> io::Result<Option<Rc<Source>>> {
        self.registrations.find(scheduler.outside.reactor()?)
    }

    /// Whether an operation may succeed, for all that is known.
    #[inline]
    fn is_worth_trying(&self, source: Option<&Source>, direction: Direction) -> bool {
        match source {
            Some(source) => source.is_ready(direction),
            None => direction == Direction::Write || !self.registrations.is_emptied(),
        }
    }

    /// An operation has succeeded. `emptied`: nothing is left to read.
    #[inline]
    fn note_what_is_left(&self, source: Option<&Source>, direction: Direction, emptied: bool) {
        match source {
            Some(source) if emptied => source.read_was_short(),
            None if direction == Direction::Read => self.registrations.note_emptied(emptied),
            _ => {}
        }
    }
}

/// A descriptor, as reports say what it is.
struct Described<'a> {
    descriptor: BorrowedFd<'a>,
    object: Object,
}

impl fmt::Display for Described<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (self.object)(self.descriptor, f)
    }
}

/// One try of an operation. However it ends, those who wait for the same learn what is left.
struct Turn<'a> {
    descriptor: BorrowedFd<'a>,
    source: Option<&'a Source>,
    direction: Direction,
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        if let Some(source) = self.source {
            reactor::pass_on(self.descriptor, source, self.direction);
        }
    }
}

impl<T: AsFd> Drop for Watched<T> {
    fn drop(&mut self) {
        self.remove();
    }
}

impl<T: AsFd> AsFd for Watched<T> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.get_ref().as_fd()
    }
}

impl<T: AsFd> AsRawFd for Watched<T> {
    fn as_raw_fd(&self) -> RawFd {
        self.as_fd().as_raw_fd()
    }
}

impl<T: AsFd + fmt::Debug> fmt::Debug for Watched<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Watched").field(self.get_ref()).finish()
    }
}
