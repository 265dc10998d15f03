//! An operation as a future, for any executor.
//!
//! ```text
//!   AsFuture ─┬─ operation ── node ──▶ in the list of what is waited for
//!             └─ cell: the waker of the last poll ◀── the node, while it is there
//! ```
//!
//! It does what a task does that waits: attempts, registers, attempts again when it was woken, withdraws. What a suspended task's stack is
//! for a task's wait is here the pinned future: node and cell stay where they are until the wait is withdrawn, at the end or
//! as the future is dropped. A future that is leaked leaves its node in the list, in memory that is leaked as well.
//!
//! A poll for no reason leaves the node in its place and tries nothing, so that the wait keeps its turn and takes nobody else's.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

use super::independent::Independent;
use crate::runtime::guarded;
use crate::runtime::waker_cell::{WakerCell, wake_due};

pin_project! {
    /// An operation that is awaited; from [`as_future`], or by `.await` on the operation.
    ///
    /// # Cancellation
    ///
    /// A future that is dropped has had no effect, like an operation that has lost a race: a message that had come is the
    /// next one's. One that is leaked (`mem::forget`) keeps its turn for ever.
    ///
    /// # Panics
    ///
    /// Panics when it is polled again after it was ready.
    #[must_use = "futures do nothing unless they are polled"]
    pub struct AsFuture<O: Independent> {
        #[pin]
        operation: O,
        #[pin]
        cell: WakerCell,
        // The operation has to be withdrawn.
        registered: bool,
        done: bool,
    }

    impl<O: Independent> PinnedDrop for AsFuture<O> {
        fn drop(this: Pin<&mut Self>) {
            this.withdraw();
        }
    }
}

/// Turns an operation into a future for any executor: a function for what `.await` does with an operation.
///
/// # Examples
///
/// ```
/// use cede::{future::as_future, sync::Queue};
///
/// let queue = Queue::unbounded();
/// queue.put_nowait("at once").unwrap();
/// assert_eq!(smol::block_on(as_future(queue.getting())), Ok("at once"));
/// ```
pub fn as_future<O: Independent>(operation: O) -> AsFuture<O> {
    AsFuture { operation, cell: WakerCell::default(), registered: false, done: false }
}

impl<O: Independent> AsFuture<O> {
    fn register(self: Pin<&mut Self>) {
        let this = self.project();
        // Before: it is to be withdrawn also where this panics.
        *this.registered = true;
        let waiter = this.cell.as_ref().waiter();
        guarded::visit(|| this.operation.register(waiter));
        // What has come in between is not told to any lock.
        wake_due();
    }

    fn withdraw(self: Pin<&mut Self>) {
        let this = self.project();
        if std::mem::take(this.registered) {
            this.operation.withdraw();
        }
    }
}

impl<O: Independent> Future for AsFuture<O> {
    type Output = O::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<O::Output> {
        assert!(!self.done, "cede: a future was polled after it was ready");
        let this = self.as_mut().project();
        // Whom to call first, then whether somebody has: nothing can come unheard in between.
        this.cell.keep(context.waker());
        if !this.cell.take_rung() && *this.registered {
            return Poll::Pending;
        }
        if let Some(output) = this.operation.attempt() {
            *this.done = true;
            self.withdraw();
            return Poll::Ready(output);
        }
        // Where it was woken somebody else was faster.
        self.as_mut().withdraw();
        self.register();
        Poll::Pending
    }
}

impl<O: Independent> fmt::Debug for AsFuture<O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AsFuture").field("registered", &self.registered).finish_non_exhaustive()
    }
}

#[cfg(all(test, cede_loom))]
mod models;
