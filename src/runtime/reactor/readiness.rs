//! Waiting for the readiness of a descriptor.

use std::fmt;
use std::io;
use std::os::fd::BorrowedFd;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::time::{Duration, Instant};

use pin_project_lite::pin_project;
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::super::operation::{Operation, sealed};
use super::super::park;
use super::super::scheduler::{Scheduler, with_scheduler};
use super::super::wait_list::{Node, State};
use super::super::waiter::Waiter;
use super::super::waker_cell::wake_due;
use super::super::{clock, reactor};
use reactor::registrations::lost;
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

impl Target<'_> {
    /// Writes what is done with what.
    pub(super) fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ", self.verb)?;
        (self.object)(self.descriptor, f)
    }
}

/// Writes what a descriptor is.
pub(crate) type Object = fn(BorrowedFd<'_>, &mut fmt::Formatter<'_>) -> fmt::Result;

pin_project! {
    /// The operation of waiting until a descriptor is ready, from `readable()` and `writable()`: for `select!`.
    ///
    /// It gives an error when the descriptor can't be waited for, and outside of a run. When it is complete, an
    /// operation in its direction will not wait, unless somebody else is faster.
    pub struct Readiness<'a> {
        target: Target<'a>,
        direction: Direction,
        // Of the descriptor, once that is known.
        source: Option<Rc<Source>>,
        // The node is in the list of the source, and counted there.
        waits: bool,
        error: Option<io::Error>,
        #[pin]
        node: Node,
    }
}

impl<'a> Readiness<'a> {
    /// Whether the descriptor is ready now, or when it will be.
    pub(crate) fn of(target: Target<'a>, direction: Direction) -> Self {
        Readiness { target, direction, source: None, waits: false, error: None, node: Node::default() }
    }

    /// Whether it is ready by what is known, or else by what the system says.
    fn is_ready(&self, scheduler: &Scheduler) -> io::Result<bool> {
        let known = match &self.source {
            Some(source) => Some(Rc::clone(source)),
            None => self.target.registrations.find(scheduler.outside.reactor()?)?,
        };
        if known.as_ref().is_some_and(|source| source.is_lost()) {
            return Err(lost());
        }
        let is_ready = known.as_ref().map(|source| source.is_ready(self.direction));
        if is_ready == Some(false) {
            return Ok(false);
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
    if answer.contains(PollFlags::NVAL) { Err(lost()) } else { Ok(!answer.is_empty()) }
}

/// The one who was woken for a source is through with it: wakes the next, if the descriptor is still ready. Asks the
/// system only when somebody waits.
#[inline]
pub(crate) fn pass_on(descriptor: BorrowedFd<'_>, source: &Source, direction: Direction) {
    if source.is_ready(direction) && !source.waiters(direction).is_empty() {
        pass_on_to_others(descriptor, source, direction);
    }
}

#[cold]
fn pass_on_to_others(descriptor: BorrowedFd<'_>, source: &Source, direction: Direction) {
    if !source.waiters(direction).has_waiting() {
        return;
    }
    // Where asking fails the next one gets the error.
    if !ask(descriptor, direction).unwrap_or(true) {
        source.would_block(direction);
    } else {
        source.waiters(direction).pop_first();
        wake_due();
    }
}

/// The descriptor of a source was closed underneath: all who wait for it get an error.
pub(super) fn tell_lost(source: &Source) {
    source.lose();
    for direction in [Direction::Read, Direction::Write] {
        source.waiters(direction).pop_all();
    }
    wake_due();
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

/// An operation of the current task begins. Lets the others run first when the task has done many in a row without waiting,
/// and gives an error where there is no task.
///
/// # Cancellation
///
/// Unwinds when the task is cancelled while the others run; the operation has then not begun.
#[inline]
pub(crate) fn begin() -> io::Result<()> {
    begin_with(|_| Ok(()))
}

/// The same; gives what `f` does then.
#[inline]
pub(crate) fn begin_with<R>(mut f: impl FnMut(&Scheduler) -> io::Result<R>) -> io::Result<R> {
    let within = with_scheduler(|scheduler| {
        let may_begin = scheduler.outside.budget.spend(scheduler.current()?);
        Some(may_begin.then(|| f(scheduler)))
    });
    match within.flatten() {
        Some(Some(result)) => result,
        Some(None) => {
            give_way();
            in_task(f)
        }
        None => Err(refused(park::Refusal::NoTask)),
    }
}

/// Lets the others run, those who wait for I/O included. Where a task may not wait it just goes on.
#[cold]
fn give_way() {
    if park::refusal().is_none() {
        with_scheduler(|scheduler| scheduler.outside.look_soon());
        park::yield_now();
    }
}

/// The moment that lies this far ahead, by the clock of the run; none for what is for ever.
pub(crate) fn deadline_after(after: Duration) -> Option<Instant> {
    with_scheduler(|scheduler| clock::deadline(scheduler.clock.now(), after)).flatten()
}

impl sealed::Sealed for Readiness<'_> {}

impl Operation for Readiness<'_> {
    type Output = io::Result<()>;

    fn attempt(mut self: Pin<&mut Self>) -> Option<io::Result<()>> {
        if let Some(error) = self.as_mut().project().error.take() {
            return Some(Err(error));
        }
        match in_task(|scheduler| self.is_ready(scheduler)) {
            Ok(true) => Some(Ok(())),
            Ok(false) => None,
            Err(error) => Some(Err(error)),
        }
    }

    fn register(self: Pin<&mut Self>, waiter: Waiter) {
        let this = self.project();
        let (target, direction) = (*this.target, *this.direction);
        let found = with_scheduler(|scheduler| match this.source.take() {
            Some(source) if source.is_lost() => Err(lost()),
            Some(source) => Ok(source),
            None => {
                let reactor = scheduler.outside.reactor();
                reactor.and_then(|reactor| target.registrations.find_or_add(reactor, target.descriptor))
            }
        });
        match found {
            Some(Ok(source)) => {
                source.waiters(direction).link(this.node.as_ref(), waiter);
                source.count_waiter();
                *this.waits = true;
                *this.source = Some(source);
            }
            Some(Err(error)) => {
                // `attempt` gives it, in the next tick.
                waiter.wake_later();
                *this.error = Some(error);
            }
            None => {}
        }
    }

    fn withdraw(self: Pin<&mut Self>) {
        let this = self.project();
        if let Some(source) = this.source
            && std::mem::take(this.waits)
        {
            let state = source.waiters(*this.direction).remove(&this.node);
            source.discount_waiter();
            if state == State::Completed {
                pass_on(this.target.descriptor, source, *this.direction);
            }
        }
    }

    fn wait(self) -> io::Result<()> {
        begin()?;
        park::wait(pin!(self))
    }

    fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.target.describe(f)
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
