//! What the tests of futures share: runs under virtual time, a future that is opened by hand, and a waker that counts.

#![allow(dead_code, reason = "each file of tests uses a part")]

#[path = "../task_order/trace.rs"]
pub(crate) mod trace;

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};

pub(crate) const NO_TASK: &str = "cede: only a task can wait: call this inside cede::run, not in a callback";

pub(crate) const NO_SWITCH: &str =
    "cede: a task wanted to wait inside no_switch, which promises that it does not";

#[derive(Default)]
struct State {
    open: bool,
    polls: usize,
    waker: Option<Waker>,
}

/// A future that is ready when it was opened.
#[derive(Clone, Default)]
pub(crate) struct Gate(Arc<Mutex<State>>);

impl Gate {
    pub(crate) fn new() -> Self {
        Gate::default()
    }

    /// Opens it, and calls the waker that it has.
    pub(crate) fn open(&self) {
        let mut state = self.0.lock().unwrap();
        state.open = true;
        let waker = state.waker.take();
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Opens it, and tells nobody.
    pub(crate) fn open_silently(&self) {
        self.0.lock().unwrap().open = true;
    }

    /// The waker of the last poll; stays there.
    pub(crate) fn waker(&self) -> Waker {
        self.0.lock().unwrap().waker.clone().expect("it was polled")
    }

    /// The same, taken away.
    pub(crate) fn take_waker(&self) -> Waker {
        self.0.lock().unwrap().waker.take().expect("it was polled")
    }

    pub(crate) fn polls(&self) -> usize {
        self.0.lock().unwrap().polls
    }
}

impl Future for Gate {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let mut state = self.0.lock().unwrap();
        state.polls += 1;
        if state.open {
            return Poll::Ready(());
        }
        match &mut state.waker {
            Some(waker) => waker.clone_from(context.waker()),
            None => state.waker = Some(context.waker().clone()),
        }
        Poll::Pending
    }
}

/// A waker that counts its calls.
#[derive(Default)]
pub(crate) struct Count(AtomicUsize);

impl Count {
    pub(crate) fn new() -> Arc<Self> {
        Arc::default()
    }

    pub(crate) fn get(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }

    pub(crate) fn waker(self: &Arc<Self>) -> Waker {
        Arc::clone(self).into()
    }
}

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// A waker that calls a function.
pub(crate) struct Calls<F>(pub(crate) F);

impl<F: Fn() + Send + Sync + 'static> Wake for Calls<F> {
    fn wake(self: Arc<Self>) {
        (self.0)();
    }
}

/// Polls once.
pub(crate) fn poll<F: Future + Unpin>(future: &mut F, waker: &Waker) -> Poll<F::Output> {
    Pin::new(future).poll(&mut Context::from_waker(waker))
}
