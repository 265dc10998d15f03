//! The record of one task: what the scheduler and the handles know of it.
//!
//! ```text
//!            spawn            first step               park
//!   (none) ────────▶ FRESH ─────────────▶ RUNNING ◀───────────▶ PARKED
//!                      │                   │   ▲                  │
//!                      │ cancelled         │   │ step             │ woken
//!                      │                   │   └──── READY ◀──────┘
//!                      ▼        the end    │          ▲ yield_now
//!                    DONE ◀────────────────┘──────────┘
//! ```
//!
//! A task that has not run has no stack, only its closure in the record. It gets a stack from the top of the
//! pool when it first runs, and gives it back when it ends.
//!
//! Cancellation follows asyncio. A request is counted (`cancels`). A parked task has what it waits for cancelled if
//! that is a task or the like, else it is woken with the order to unwind; every other task gets
//! `must_cancel`, which is delivered at its next step.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::error::Error;
use std::fmt;
use std::panic::Location;
use std::ptr::NonNull;
use std::rc::Rc;

use super::operation::Waiting;
use super::wait_list::List;
use crate::coroutine::Coroutine;

/// Names a task, for good: its scheduler, the number of a place there, and how often that was used before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TaskKey {
    pub(super) scheduler: u32,
    pub(super) index: u32,
    pub(super) generation: u32,
}

impl TaskKey {
    #[cfg(test)]
    pub(crate) fn for_test(index: u32) -> Self {
        TaskKey { scheduler: 0, index, generation: 0 }
    }
}

/// Where a task stands; see the drawing above.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// Not begun; in the run queue.
    Fresh,
    /// In the run queue.
    Ready,
    /// On the processor.
    Running,
    /// Waiting for something that will wake it.
    Parked,
    /// At its end.
    Done,
}

/// How a task ended when it gave no value. Shared by all who ask.
#[derive(Debug, Clone)]
pub(crate) enum Failure {
    /// It was cancelled.
    Cancelled,
    /// Its closure gave an error, or there was no memory for its stack.
    Error(Rc<dyn Error>),
    /// It panicked.
    Panicked(Rc<Panic>),
}

/// A panic that a task ended with.
pub(crate) struct Panic {
    pub(crate) message: String,
    /// For the first who wants it.
    pub(crate) payload: Cell<Option<Box<dyn Any + Send>>>,
}

impl fmt::Debug for Panic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.message.fmt(f)
    }
}

impl Failure {
    pub(crate) fn panicked(payload: Box<dyn Any + Send>) -> Self {
        let message = panic_message(&*payload).to_owned();
        Failure::Panicked(Rc::new(Panic { message, payload: Cell::new(Some(payload)) }))
    }
}

/// The text of a panic, where it has one.
pub(crate) fn panic_message(payload: &(dyn Any + Send)) -> &str {
    match payload.downcast_ref::<&str>() {
        Some(text) => text,
        None => payload.downcast_ref::<String>().map_or("a value that is no text", String::as_str),
    }
}

/// A frame at the top of a task's stack: the coroutine, and whose it is.
#[repr(C)]
pub(super) struct TaskFrame {
    pub(super) coroutine: Coroutine,
    pub(super) task: *const dyn AnyTask,
}

/// What all tasks have in common.
pub(crate) struct TaskCore {
    /// Counted from 1 in each run.
    pub(crate) id: u64,
    pub(crate) key: Cell<TaskKey>,
    /// The name that it was given; without, it goes by its number.
    pub(crate) given_name: RefCell<Option<Rc<str>>>,
    pub(crate) spawned_at: &'static Location<'static>,
    pub(crate) state: Cell<State>,
    pub(super) frame: Cell<Option<NonNull<TaskFrame>>>,
    /// What it waits for, while it is parked.
    pub(super) waiting: Cell<Option<NonNull<dyn Waiting>>>,
    /// The wait was ended by a cancellation, which the next step raises.
    pub(super) cancel_ordered: Cell<bool>,
    /// The next step delivers a cancellation.
    pub(crate) must_cancel: Cell<bool>,
    /// Requests to cancel, less those taken back.
    pub(crate) cancels: Cell<u32>,
    /// How many `no_cancel` are open.
    pub(crate) masked: Cell<u32>,
    /// How many `no_switch` are open.
    pub(crate) unswitchable: Cell<u32>,
    /// A cancellation was raised and has been caught by name by nobody yet.
    pub(crate) unwinding: Cell<bool>,
    /// How often a cancellation was swallowed by somebody who did not name it.
    pub(crate) swallowed: Cell<u32>,
    /// It ended as cancelled.
    pub(crate) was_cancelled: Cell<bool>,
    /// Somebody has looked at how it ended, or will.
    pub(crate) observed: Cell<bool>,
    /// Those who wait for its end.
    pub(crate) joiners: List,
    /// Called, through the run queue, when it has ended.
    pub(crate) callbacks: RefCell<Vec<Box<dyn FnOnce()>>>,
}

impl TaskCore {
    pub(crate) fn is_done(&self) -> bool {
        self.state.get() == State::Done
    }

    /// Its name: the one that it was given, or asyncio's `Task-1`.
    pub(crate) fn name(&self) -> Rc<str> {
        self.given_name.borrow().clone().unwrap_or_else(|| format!("Task-{}", self.id).into())
    }

    /// Takes one request to cancel back, and gives how many are left. At 0 one that was not delivered yet is
    /// forgotten.
    pub(crate) fn uncancel(&self) -> u32 {
        let left = self.cancels.get().saturating_sub(1);
        if self.cancels.replace(left) > 0 && left == 0 {
            self.must_cancel.set(false);
        }
        left
    }

    /// What it waits for, for reports. Nothing of the task runs meanwhile.
    pub(crate) fn waiting_for(&self) -> Option<String> {
        struct Text<'a>(&'a dyn Waiting);
        impl std::fmt::Display for Text<'_> {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.describe(f)
            }
        }
        // SAFETY: what a parked task waits for lies on its stack, and is taken out before the wait returns.
        self.waiting.get().map(|waiting| Text(unsafe { waiting.as_ref() }).to_string())
    }

    /// Cancels what the task waits for, where that can be cancelled itself.
    pub(super) fn cancel_waiting(&self) -> bool {
        // SAFETY: as above.
        self.waiting.get().is_some_and(|waiting| unsafe { waiting.as_ref() }.cancel())
    }
}

/// A task without its types.
pub(crate) trait AnyTask {
    fn core(&self) -> &TaskCore;

    /// Runs the closure, and keeps what it gives. In the task's own context, once.
    fn run(&self);

    /// Drops the closure of a task that is not to run. In the task's own context.
    fn discard(&self);

    /// Keeps the reason why there is no value.
    fn fail(&self, failure: Failure);

    /// The reason why there is no value, where there is one.
    fn failure(&self) -> Option<Failure>;
}

/// A task whose values have this type.
pub(crate) trait TaskOf<T>: AnyTask {
    /// How the task ended: its value once, a failure each time.
    fn take(&self) -> Option<Result<T, Failure>>;

    /// Puts a value back that was taken.
    fn put(&self, value: T);
}

/// A task: one allocation for the record, the closure and the result.
pub(crate) struct Task<T, F> {
    core: TaskCore,
    body: Cell<Option<F>>,
    result: RefCell<Option<Result<T, Failure>>>,
}

impl<T, F> Task<T, F> {
    pub(crate) fn new(core: TaskCore, body: F) -> Self {
        Task { core, body: Cell::new(Some(body)), result: RefCell::new(None) }
    }
}

impl<T, F> Drop for Task<T, F> {
    fn drop(&mut self) {
        if !self.core.observed.get()
            && let Some(Err(failure)) = self.result.get_mut()
        {
            super::report::unobserved(&self.core, failure);
        }
    }
}

impl<T, F: FnOnce() -> Result<T, Failure>> AnyTask for Task<T, F> {
    fn core(&self) -> &TaskCore {
        &self.core
    }

    fn run(&self) {
        if let Some(body) = self.body.take() {
            let result = body();
            self.result.replace(Some(result));
        }
    }

    fn discard(&self) {
        drop(self.body.take());
    }

    fn failure(&self) -> Option<Failure> {
        self.result.borrow().as_ref()?.as_ref().err().cloned()
    }

    fn fail(&self, failure: Failure) {
        self.core.was_cancelled.set(matches!(failure, Failure::Cancelled));
        let old = self.result.replace(Some(Err(failure)));
        drop(old);
    }
}

impl<T, F: FnOnce() -> Result<T, Failure>> TaskOf<T> for Task<T, F> {
    fn take(&self) -> Option<Result<T, Failure>> {
        let mut result = self.result.borrow_mut();
        match &*result {
            Some(Err(failure)) => Some(Err(failure.clone())),
            _ => result.take(),
        }
    }

    fn put(&self, value: T) {
        *self.result.borrow_mut() = Some(Ok(value));
    }
}
