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
//! A task of a worker that is given up at the end of the run, and would go on for ever, is `LEFT` from `READY`, for good.
//!
//! A task that has not run has no stack, only its closure in the record. It gets a stack from the top of the
//! pool when it first runs, and gives it back when it ends.
//!
//! What happens at every switch looks at the first words of the record only; whatever is out of the ordinary is
//! a bit in `signals`, so that one comparison tells that there is nothing.
//!
//! Cancellation follows asyncio. A request is counted (`cancels`). A parked task has what it waits for cancelled if
//! that is a task or the like, else it is woken with the order to unwind; every other task gets
//! `must_cancel`, which is delivered at its next step.

use std::any::Any;
use std::cell::{Cell, OnceCell, RefCell};
use std::error::Error;
use std::fmt;
use std::mem::needs_drop;
use std::panic::Location;
use std::ptr::NonNull;
use std::rc::Rc;
use std::sync::Arc;

use super::completion::Completion;
use super::context::Slot;
use super::operation::Waiting;
use super::outcome::{Outcome, OutcomeOf};
use super::scheduler::Scheduler;
use super::signals::Signals;
use crate::coroutine::{self, Coroutine};

/// Names a task, for good: its scheduler, the number of a place there, and how often that was used before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct TaskKey {
    pub(super) scheduler: u32,
    pub(super) index: u32,
    pub(super) generation: u32,
}

impl TaskKey {
    /// No task.
    pub(super) const NONE: Self = TaskKey { scheduler: 0, index: 0, generation: 0 };

    #[cfg(test)]
    pub(crate) fn for_test(index: u32) -> Self {
        TaskKey { scheduler: 0, index, generation: 0 }
    }
}

/// Where a task stands; see the drawing above.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum State {
    /// Not begun; in the run queue.
    Fresh,
    /// In the run queue.
    Ready,
    /// On the processor.
    Running,
    /// Waiting for something that will wake it.
    Parked,
    /// Given up while it was ready: it has no more steps.
    Left,
    /// At its end.
    Done,
}

/// How a task ended when it gave no value. Shared by all who ask.
#[derive(Debug, Clone)]
pub enum Failure {
    /// It was cancelled.
    Cancelled,
    /// It was not cancelled, but ended with the error that a cancellation is: a gather whose child was cancelled does, and a
    /// promise that was told so.
    CancelledError,
    /// Its closure gave an error, or there was no memory for its stack.
    Error(Rc<dyn Error>),
    /// The same, of a task on another thread.
    Crossed(Arc<dyn Error + Send + Sync>),
    /// It panicked.
    Panicked(Rc<Panic>),
}

/// A panic that a task ended with.
pub struct Panic {
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
    /// Whether it is a cancellation, for who asks for the value.
    pub(crate) fn is_cancelled(&self) -> bool {
        matches!(self, Failure::Cancelled | Failure::CancelledError)
    }

    /// The error that it is, if it is one.
    pub(crate) fn error(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Failure::Error(error) => Some(&**error),
            Failure::Crossed(error) => Some(&**error),
            _ => None,
        }
    }

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

/// What is known of a task when its record is gone. Shared by its handles.
#[derive(Default)]
pub(crate) struct Identity {
    /// The name that it was given; without, it goes by its number.
    name: RefCell<Option<Rc<str>>>,
}

impl Identity {
    pub(super) fn named(name: &str) -> Rc<Self> {
        Rc::new(Identity { name: RefCell::new(Some(Rc::from(name))) })
    }

    pub(crate) fn name(&self) -> Option<Rc<str>> {
        self.name.borrow().clone()
    }

    pub(crate) fn set_name(&self, name: &str) {
        self.name.replace(Some(Rc::from(name)));
    }
}

/// What all tasks have in common. What a switch looks at comes first and lies together, and no byte is left unused but one, since there
/// may be a million of these. Not aligned to a cache line: allocations
/// of more than the usual alignment cost twice what all the rest of a short task does.
#[repr(C)]
pub struct TaskCore {
    pub(super) frame: Cell<Option<NonNull<TaskFrame>>>,
    pub(crate) state: Cell<State>,
    /// What is out of the ordinary.
    pub(crate) signals: Signals,
    /// Somebody has looked at how it ended, or will.
    pub(crate) observed: Cell<bool>,
    /// Requests to cancel, less those taken back.
    pub(crate) cancels: Cell<u32>,
    /// Where its stack ends while it is suspended, or close to that. For `prefetch` only, and never followed.
    pub(super) resting: Cell<*const u8>,
    /// The run that owns it. Never changes; other threads may read it.
    pub(super) scheduler: *const Scheduler,
    /// What it waits for, while it is parked.
    pub(super) waiting: Cell<Option<NonNull<dyn Waiting>>>,
    /// Set once, before it first runs; other threads may read it after that.
    pub(crate) key: Cell<TaskKey>,
    /// How many `no_cancel` are open.
    pub(crate) masked: Cell<u32>,
    /// Those who wait for its end.
    pub(crate) completion: Completion,
    /// Counted from 1 in each run.
    pub(crate) id: u64,
    /// What outlives it; made when somebody wants that.
    pub(super) identity: OnceCell<Rc<Identity>>,
    pub(crate) spawned_at: &'static Location<'static>,
    /// The values of its context variables.
    pub(crate) context: Slot,
    pub(crate) stack_size: StackSize,
    /// How many `no_switch` are open.
    pub(crate) unswitchable: Cell<u32>,
    /// How often a cancellation was swallowed by somebody who did not name it.
    pub(crate) swallowed: Cell<u32>,
}

/// The size of a task's stack in bytes, where it is not that of the run. In one word.
#[derive(Clone, Copy)]
pub(crate) struct StackSize(usize);

impl StackSize {
    /// As the run has it.
    pub(crate) const OF_RUN: Self = StackSize(usize::MAX);

    /// This many bytes. What no address space has room for stays that.
    pub(crate) fn bytes(size: usize) -> Self {
        StackSize(size.min(usize::MAX - 1))
    }

    pub(super) fn get(self) -> Option<usize> {
        (self.0 != usize::MAX).then_some(self.0)
    }
}

impl TaskCore {
    pub(crate) fn is_done(&self) -> bool {
        self.state.get() == State::Done
    }

    /// Its run, which is alive until the task has ended.
    pub(crate) fn scheduler(&self) -> Option<&Scheduler> {
        // SAFETY: a run that goes ends its tasks first, or leaks itself.
        if self.is_done() { None } else { Some(unsafe { &*self.scheduler }) }
    }

    /// Its name: the one that it was given, or asyncio's `Task-1`.
    pub(crate) fn name(&self) -> Rc<str> {
        self.given_name().unwrap_or_else(|| TaskCore::default_name(self.id).into())
    }

    /// The name that it was given.
    pub(crate) fn given_name(&self) -> Option<Rc<str>> {
        self.identity.get()?.name()
    }

    /// The name of a task without one.
    pub(crate) fn default_name(id: u64) -> String {
        format!("Task-{id}")
    }

    /// What outlives it.
    pub(crate) fn identity(&self) -> &Rc<Identity> {
        self.identity.get_or_init(Rc::default)
    }

    /// Whether it waits for something that has not come.
    pub(crate) fn is_parked(&self) -> bool {
        self.state.get() == State::Parked
    }

    /// Takes one request to cancel back, and gives how many are left. At 0 one that was not delivered yet is
    /// forgotten.
    pub(crate) fn uncancel(&self) -> u32 {
        let left = self.cancels.get().saturating_sub(1);
        if self.cancels.replace(left) > 0 && left == 0 {
            self.signals.clear(Signals::MUST_CANCEL);
        }
        left
    }

    /// What it waits for, for reports. Nothing of the task runs meanwhile.
    pub(crate) fn waiting_for(&self) -> Option<String> {
        struct Text<'a>(&'a dyn Waiting);
        impl fmt::Display for Text<'_> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.describe(f)
            }
        }
        self.waiting().map(|waiting| Text(waiting).to_string())
    }

    /// What it waits for.
    pub(super) fn waiting(&self) -> Option<&dyn Waiting> {
        // SAFETY: what a parked task waits for lies on its stack, and is taken out before the wait returns.
        self.waiting.get().map(|waiting| unsafe { &*waiting.as_ptr() })
    }
}

impl fmt::Debug for TaskCore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TaskCore")
            .field("id", &self.id)
            .field("state", &self.state.get())
            .finish_non_exhaustive()
    }
}

/// A task without its types.
pub(crate) trait AnyTask: Outcome {
    fn core(&self) -> &TaskCore;

    /// Runs the closure, and keeps what it gives: says whether that is a value. In the task's own context, once.
    fn run(&self) -> bool;

    /// Drops the closure of a task that is not to run. In the task's own context.
    fn discard(&self);

    /// Keeps the reason why there is no value.
    fn fail(&self, failure: Failure);

    /// It is left as it is for ever: tells those who wait for it on other threads.
    fn give_up(&self) {}
}

/// A task whose values have this type.
pub(crate) trait TaskOf<T>: AnyTask + OutcomeOf<T> {}

/// A task: one allocation for the record, and for the closure and then the result, which are never there together.
pub(crate) struct Task<T, F> {
    core: TaskCore,
    /// `Gone` while it is looked at, which calls nothing.
    stage: Cell<Stage<T, F>>,
}

enum Stage<T, F> {
    Fresh(F),
    /// The closure runs, or was dropped, or the value was taken.
    Gone,
    Ended(Result<T, Failure>),
}

impl<T, F> Task<T, F> {
    pub(crate) fn new(core: TaskCore, body: F) -> Self {
        Task { core, stage: Cell::new(Stage::Fresh(body)) }
    }
}

impl<T, F> Drop for Task<T, F> {
    fn drop(&mut self) {
        if !self.core.observed.get()
            && let Stage::Ended(Err(failure)) = self.stage.get_mut()
        {
            super::report::unobserved(&self.core, failure);
        }
        if needs_drop::<T>() {
            // It may own the handle of another task with such a value, and so on.
            let stage = self.stage.replace(Stage::Gone);
            coroutine::grow_to_drop(|| drop(stage));
        }
    }
}

impl<T, F: FnOnce() -> Result<T, Failure>> Task<T, F> {
    /// The closure, once.
    #[inline]
    fn body(&self) -> Option<F> {
        match self.stage.replace(Stage::Gone) {
            Stage::Fresh(body) => Some(body),
            other => {
                self.stage.set(other);
                None
            }
        }
    }

    /// A copy of the failure that it ended with.
    fn copy_failure(&self) -> Option<Failure> {
        let stage = self.stage.replace(Stage::Gone);
        let failure = match &stage {
            Stage::Ended(Err(failure)) => Some(failure.clone()),
            _ => None,
        };
        self.stage.set(stage);
        failure
    }
}

impl<T, F: FnOnce() -> Result<T, Failure>> AnyTask for Task<T, F> {
    fn core(&self) -> &TaskCore {
        &self.core
    }

    fn run(&self) -> bool {
        let Some(body) = self.body() else { return false };
        let result = body();
        let succeeded = result.is_ok();
        self.stage.set(Stage::Ended(result));
        succeeded
    }

    fn discard(&self) {
        drop(self.body());
    }

    fn fail(&self, failure: Failure) {
        let old = self.stage.replace(Stage::Ended(Err(failure)));
        drop(old);
    }
}

impl<T, F: FnOnce() -> Result<T, Failure>> Outcome for Task<T, F> {
    fn completion(&self) -> &Completion {
        &self.core.completion
    }

    fn cancel(&self) -> bool {
        self.core.scheduler().is_some_and(|scheduler| scheduler.cancel(&self.core))
    }

    fn failure(&self) -> Option<Failure> {
        if self.core.is_done() { self.copy_failure() } else { None }
    }

    fn note_observed(&self) {
        self.core.observed.set(true);
    }

    fn task(&self) -> Option<&TaskCore> {
        Some(&self.core)
    }

    fn describe(&self, _level: usize, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "task {} {:?}", self.core.id, &*self.core.name())
    }
}

impl<T, F: FnOnce() -> Result<T, Failure>> OutcomeOf<T> for Task<T, F> {
    fn take(&self) -> Option<Result<T, Failure>> {
        if !self.core.is_done() {
            return None;
        }
        match self.stage.replace(Stage::Gone) {
            Stage::Ended(Ok(value)) => Some(Ok(value)),
            other => {
                self.stage.set(other);
                self.copy_failure().map(Err)
            }
        }
    }

    fn put(&self, value: T) {
        self.stage.set(Stage::Ended(Ok(value)));
    }
}

impl<T, F: FnOnce() -> Result<T, Failure>> TaskOf<T> for Task<T, F> {}

/// Takes a value out, or copies a failure, which stays.
pub(crate) fn take_once<T>(result: &RefCell<Option<Result<T, Failure>>>) -> Option<Result<T, Failure>> {
    let mut result = result.borrow_mut();
    match &*result {
        Some(Err(failure)) => Some(Err(failure.clone())),
        _ => result.take(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A million tasks are a million of these, each in an allocation whose size is a multiple of 16.
    #[cfg(target_pointer_width = "64")]
    #[test]
    fn a_record_is_small_and_its_closure_and_result_share_their_place() {
        fn size<F: FnOnce() -> Result<(), Failure>>(_: F) -> usize {
            size_of::<Task<(), F>>()
        }
        assert_eq!(size_of::<TaskCore>(), 152);
        let one = Rc::new(());
        let with_one = size(move || {
            drop(one);
            Ok(())
        });
        let three = [Rc::new(()), Rc::new(()), Rc::new(())];
        let with_three = size(move || {
            drop(three);
            Ok(())
        });
        assert!(with_one <= 152 + 24 && with_three <= 152 + 32, "{with_one} and {with_three} bytes");
    }

    #[test]
    fn a_stack_size_is_kept_as_it_was_asked_for() {
        assert_eq!(StackSize::OF_RUN.get(), None);
        for size in [0, 1, 1 << 16, usize::MAX - 1] {
            assert_eq!(StackSize::bytes(size).get(), Some(size));
        }
        assert_eq!(StackSize::bytes(usize::MAX).get(), Some(usize::MAX - 1));
    }
}
