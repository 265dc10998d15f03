//! Waiting for the next edge of a descriptor that is registered and known not to be ready: what reads and writes do.
//!
//! Nothing is asked here, neither the system nor the registrations: whoever waits has found the source before, and holds it
//! meanwhile. An echo does this once for each message, so it is kept apart from [`Readiness`](super::Readiness), which
//! has more to find out.

use std::cell::Cell;
use std::fmt;
use std::io;
use std::pin::Pin;

use pin_project_lite::pin_project;

use super::super::operation::{Operation, sealed};
use super::super::wait_list::{Node, State};
use super::super::waiter::Waiter;
use super::readiness::{Target, pass_on};
use super::registrations::lost;
use super::{Direction, Source};

pin_project! {
    /// The operation. When it is complete, whoever waited tries again, and then passes on what is left.
    pub(crate) struct NextEdge<'a> {
        target: Target<'a>,
        direction: Direction,
        source: &'a Source,
        // Its end was told to whoever waits, so nothing is to be passed on here.
        told: Cell<bool>,
        #[pin]
        node: Node,
    }
}

impl<'a> NextEdge<'a> {
    /// `source`: of the descriptor, which is not ready in this direction.
    #[inline]
    pub(crate) fn new(target: Target<'a>, direction: Direction, source: &'a Source) -> Self {
        NextEdge { target, direction, source, told: Cell::new(false), node: Node::default() }
    }
}

impl sealed::Sealed for NextEdge<'_> {}

impl Operation for NextEdge<'_> {
    type Output = io::Result<()>;

    #[inline]
    fn attempt(self: Pin<&mut Self>) -> Option<io::Result<()>> {
        if self.source.is_lost() {
            Some(Err(lost()))
        } else if self.source.is_ready(self.direction) {
            self.told.set(true);
            Some(Ok(()))
        } else {
            None
        }
    }

    #[inline]
    fn register(self: Pin<&mut Self>, waiter: Waiter) {
        let this = self.project();
        this.source.waiters(*this.direction).link(this.node.as_ref(), waiter);
        this.source.count_waiter();
        if this.source.is_lost() {
            waiter.wake_later();
        }
    }

    #[inline]
    fn withdraw(self: Pin<&mut Self>) {
        let this = self.project();
        let state = this.source.waiters(*this.direction).remove(&this.node);
        this.source.discount_waiter();
        if state == State::Completed && !this.told.get() {
            pass_on(this.target.descriptor, this.source, *this.direction);
        }
    }

    fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.target.describe(f)
    }
}
