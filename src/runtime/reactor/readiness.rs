//! Waiting for the readiness of a descriptor.

use std::cell::Cell;
use std::fmt;
use std::io;
use std::os::fd::BorrowedFd;
use std::pin::Pin;
use std::rc::Rc;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::super::operation::{Operation, sealed};
use super::super::park;
use super::super::scheduler::{Action, Scheduler, with_scheduler};
use super::super::timers::TimerKey;
use super::super::wait_list::{Node, State};
use super::super::waiter::Waiter;
use super::super::{clock, reactor};
use reactor::{Direction, Registrations, Source};

/// A descriptor with its registrations, and what to say of it in reports.
#[derive(Clone, Copy)]
pub(crate) struct Target<'a> {
    pub(crate) descriptor: BorrowedFd<'a>,
    pub(crate) registrations: &'a Registrations,
    /// Writes what the descriptor is: "127.0.0.1:80".
    pub(crate) object: Object,
    /// What is done with it: "reads from".
    pub(crate) verb: &'static str,
}

/// Writes what a descriptor is.
pub(crate) type Object = fn(BorrowedFd<'_>, &mut fmt::Formatter<'_>) -> fmt::Result;

/// The operation of waiting until a descriptor is ready, from `readable()` and `writable()`: for `select!`.
///
/// It gives an error when the descriptor can't be waited for, and outside of a run. When it is complete, an
/// operation in its direction will not wait, unless somebody else is faster.
pub struct Readiness<'a> {
    target: Target<'a>,
    direction: Direction,
    /// Ask the system when no edge has said anything yet. Else only an edge counts.
    asks: bool,
    deadline: Option<Instant>,
    timer: Option<TimerKey>,
    source: Option<Rc<Source>>,
    error: Option<io::Error>,
    /// Its end was told to an operation, which is going to be tried and then passes the readiness on itself.
    told: Cell<bool>,
    node: Node,
}

impl<'a> Readiness<'a> {
    /// Whether the descriptor is ready now, or when it will be.
    pub(crate) fn of(target: Target<'a>, direction: Direction) -> Self {
        let (deadline, timer, source, error) = (None, None, None, None);
        let (told, node) = (Cell::new(false), Node::default());
        Readiness { target, direction, asks: true, deadline, timer, source, error, told, node }
    }

    /// When it is ready again, after an operation found that it would block.
    pub(crate) fn again(target: Target<'a>, direction: Direction, deadline: Option<Instant>) -> Self {
        Readiness { asks: false, deadline, ..Readiness::of(target, direction) }
    }

    fn node(self: Pin<&mut Self>) -> Pin<&Node> {
        // SAFETY: a projection to a field that is pinned with the whole.
        unsafe { self.into_ref().map_unchecked(|readiness| &readiness.node) }
    }

    fn fields(
        self: Pin<&mut Self>,
    ) -> (&mut Option<TimerKey>, &mut Option<Rc<Source>>, &mut Option<io::Error>) {
        // SAFETY: these fields are not pinned; the node, which is, is left alone.
        let this = unsafe { self.get_unchecked_mut() };
        (&mut this.timer, &mut this.source, &mut this.error)
    }

    /// Whether it is ready by what is known, or else by what the system says.
    fn is_ready(&self, scheduler: &Scheduler) -> io::Result<bool> {
        let known = match &self.source {
            Some(source) => Some(Rc::clone(source)),
            None => self.target.registrations.find(scheduler.outside.reactor()?),
        };
        let is_ready = known.as_ref().map(|source| source.is_ready(self.direction));
        if is_ready == Some(false) || !self.asks {
            return Ok(is_ready == Some(true));
        }
        let is_ready = ask(self.target.descriptor, self.direction)?;
        if !is_ready && let Some(source) = known {
            source.would_block(self.direction);
        }
        Ok(is_ready)
    }
}

/// Asks the system whether a descriptor is ready.
fn ask(descriptor: BorrowedFd<'_>, direction: Direction) -> io::Result<bool> {
    let flags = match direction {
        Direction::Read => PollFlags::IN,
        Direction::Write => PollFlags::OUT,
    };
    let mut entry = [PollFd::from_borrowed_fd(descriptor, flags)];
    rustix::io::retry_on_intr(|| poll(&mut entry, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })))?;
    let answer = entry[0].revents();
    if answer.contains(PollFlags::NVAL) {
        Err(rustix::io::Errno::BADF.into())
    } else {
        Ok(!answer.is_empty())
    }
}

/// The one who was woken for a source is through with it: wakes the next, if the descriptor is still ready. Asks the
/// system only when somebody waits.
pub(crate) fn pass_on(descriptor: BorrowedFd<'_>, source: &Source, direction: Direction) {
    if !source.is_ready(direction) || !source.waiters(direction).has_waiting() {
        return;
    }
    // Where asking fails the next one gets the error.
    if !ask(descriptor, direction).unwrap_or(true) {
        source.would_block(direction);
    } else {
        source.waiters(direction).pop_first();
    }
}

/// The error of an operation that can't wait here.
pub(crate) fn refused(refusal: park::Refusal) -> io::Error {
    io::Error::other(refusal.to_string())
}

/// Calls `f` with the scheduler if a task runs, and gives an error else.
pub(crate) fn in_task<R>(f: impl FnOnce(&Scheduler) -> io::Result<R>) -> io::Result<R> {
    with_scheduler(|scheduler| scheduler.current().is_some().then(|| f(scheduler)))
        .flatten()
        .unwrap_or_else(|| Err(refused(park::Refusal::NoTask)))
}

/// The moment that lies this far ahead, by the clock of the run; none for what is for ever.
pub(crate) fn deadline_after(after: Duration) -> Option<Instant> {
    with_scheduler(|scheduler| clock::deadline(scheduler.clock.now(), after)).flatten()
}

impl sealed::Sealed for Readiness<'_> {}

impl Operation for Readiness<'_> {
    type Output = io::Result<()>;

    fn attempt(mut self: Pin<&mut Self>) -> Option<io::Result<()>> {
        if let Some(error) = self.as_mut().fields().2.take() {
            return Some(Err(error));
        }
        let is_over = |scheduler: &Scheduler| match self.is_ready(scheduler) {
            Ok(false) => {
                let fired = self.timer.is_some_and(|timer| !scheduler.timer_is_pending(timer));
                if fired { Err(io::ErrorKind::TimedOut.into()) } else { Ok(false) }
            }
            other => other,
        };
        match in_task(is_over) {
            Ok(true) => {
                self.told.set(!self.asks);
                Some(Ok(()))
            }
            Ok(false) => None,
            Err(error) => Some(Err(error)),
        }
    }

    fn register(mut self: Pin<&mut Self>, waiter: Waiter) {
        let (target, direction, deadline) = (self.target, self.direction, self.deadline);
        let found = with_scheduler(|scheduler| {
            let (timer, ..) = self.as_mut().fields();
            *timer = deadline.map(|deadline| scheduler.set_timer(deadline, Action::Wake(waiter)));
            let source = scheduler
                .outside
                .reactor()
                .and_then(|reactor| target.registrations.find_or_add(reactor, target.descriptor));
            if source.is_err() {
                // `attempt` gives the error, in the next tick.
                waiter.wake_later();
            }
            source
        });
        match found {
            Some(Ok(source)) => {
                source.waiters(direction).link(self.as_mut().node().as_ref(), waiter);
                source.count_waiter();
                *self.fields().1 = Some(source);
            }
            Some(Err(error)) => *self.fields().2 = Some(error),
            None => {}
        }
    }

    fn withdraw(self: Pin<&mut Self>) {
        let state = self.source.as_ref().map(|source| source.waiters(self.direction).remove(&self.node));
        let unused = state == Some(State::Completed) && !self.told.get();
        let (descriptor, direction) = (self.target.descriptor, self.direction);
        let (timer, source, _) = self.fields();
        if let Some(timer) = timer.take() {
            with_scheduler(|scheduler| scheduler.cancel_timer(timer));
        }
        if let Some(source) = source.take() {
            source.discount_waiter();
            if unused {
                pass_on(descriptor, &source, direction);
            }
        }
    }

    fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ", self.target.verb)?;
        (self.target.object)(self.target.descriptor, f)
    }
}

impl fmt::Debug for Readiness<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Readiness")
            .field("descriptor", &self.target.descriptor)
            .field("direction", &self.direction)
            .finish_non_exhaustive()
    }
}
