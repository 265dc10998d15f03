//! The one door to suspension: everything that a task waits for goes through [`wait`] or [`yield_now`].
//!
//! Before a task may suspend itself four things are checked, each with an error that says what to do: that there is a
//! task, that no `no_switch` is open, that the thread is not unwinding, and that this is its stack.
//!
//! A task may suspend itself while generators run on top of its stack; they stay where they are, and count as
//! running meanwhile.

use std::fmt;
use std::mem;
use std::panic;
use std::pin::Pin;
use std::ptr::NonNull;
use std::thread;

use super::operation::{Begun, CancelWait, Operation, Waiting};
use super::scheduler::{Scheduler, with_scheduler};
use super::signals::Signals;
use super::task::{State, TaskCore, TaskKey};
use super::waiter::Waiter;
use crate::coroutine::Event;
use crate::coroutine::stack_pointer;

/// The payload of the unwind that a cancellation is.
#[derive(Debug)]
pub(crate) struct CancelToken {
    /// Not its number, which counts in each run.
    task: TaskKey,
}

impl CancelToken {
    pub(crate) fn is_for(&self, core: &TaskCore) -> bool {
        self.task == core.key.get()
    }
}

/// Why a task can't suspend itself here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    NoTask,
    NoSwitch,
    Unwinding,
    ForeignStack,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Refusal::NoTask => "only a task can wait: call this inside cede::run, not in a callback",
            Refusal::ForeignStack => {
                "a task can wait only on its own stack and in generators that it resumed, and something else has switched \
                 stacks here"
            }
            Refusal::NoSwitch => "a task wanted to wait inside no_switch, which promises that it does not",
            Refusal::Unwinding => {
                "a task can't wait while its thread is unwinding: do clean-up that waits in cede::finally or a scope, \
                 not in a destructor"
            }
        })
    }
}

/// What a suspension ended with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub(crate) enum Wake {
    Normal,
    Cancelled,
}

/// Whether the current task may suspend itself.
pub(crate) fn refusal() -> Option<Refusal> {
    let current = with_scheduler(Scheduler::current).flatten();
    let Some(current) = current else { return Some(Refusal::NoTask) };
    // SAFETY: the current task is owned by the scheduler until it has ended.
    let core = unsafe { current.as_ref() };
    if core.signals.has(Signals::NO_SWITCH) {
        Some(Refusal::NoSwitch)
    } else if thread::panicking() {
        Some(Refusal::Unwinding)
    } else if !carries_this_code(core) {
        Some(Refusal::ForeignStack)
    } else {
        None
    }
}

/// Waits for an operation.
#[inline(always)]
pub(crate) fn wait<O: Operation>(mut operation: Pin<&mut O>) -> O::Output {
    let mut current = None;
    let begun = operation.as_mut().begin(|| {
        current = current_if_free();
        current.map(Waiter::new)
    });
    match (begun, current) {
        (Begun::Complete(output), _) => output,
        (Begun::Registered, Some(core)) => {
            match wait_registered(core, operation.as_mut(), |operation| operation.attempt()) {
                (Wake::Cancelled, _) => raise_cancellation(),
                (Wake::Normal, Some(output)) => output,
                (Wake::Normal, None) => wait_attempted(operation),
            }
        }
        _ => refuse(),
    }
}

/// Waits for an operation that was attempted a moment ago, perhaps by other means. What has come since is noticed when it registers.
#[inline(always)]
pub(crate) fn wait_attempted<O: Operation>(mut operation: Pin<&mut O>) -> O::Output {
    loop {
        let (wake, output) = wait_once(operation.as_mut(), |operation| operation.attempt());
        match (wake, output) {
            (Wake::Cancelled, _) => raise_cancellation(),
            (Wake::Normal, Some(output)) => return output,
            (Wake::Normal, None) => {}
        }
    }
}

/// Registers, parks, and withdraws. What `attempt` gives after a normal wake-up comes with it.
#[inline(always)]
pub(crate) fn wait_once<O: Operation, T>(
    mut operation: Pin<&mut O>,
    attempt: impl FnOnce(Pin<&mut O>) -> Option<T>,
) -> (Wake, Option<T>) {
    let core = current_or_refuse();
    register(operation.as_mut(), Waiter::new(core));
    wait_registered(core, operation, attempt)
}

/// As [`wait_once`], but a wake-up that has come to nothing ends it only where it has cost the operation its place: one for an
/// earlier wait, which another thread has sent, may come late. `has_place`: whether it is still registered for the wake-up to come.
pub(crate) fn wait_in_place<O: Operation, T>(
    mut operation: Pin<&mut O>,
    mut attempt: impl FnMut(Pin<&mut O>) -> Option<T>,
    has_place: impl Fn(&O) -> bool,
) -> (Wake, Option<T>) {
    let core = current_or_refuse();
    register(operation.as_mut(), Waiter::new(core));
    let mut registered = Registered { operation };
    loop {
        if park(core, &*registered.operation) == Wake::Cancelled {
            registered.withdraw();
            return (Wake::Cancelled, None);
        }
        let output = attempt(registered.operation.as_mut());
        if output.is_some() || !has_place(&registered.operation) {
            registered.withdraw();
            return (Wake::Normal, output);
        }
    }
}

/// As [`wait`], for what a task must not leave while it `is_under_way`: whatever wakes it, it waits on, and a cancellation is kept.
pub(super) fn wait_to_the_end<O: Operation>(
    mut operation: Pin<&mut O>,
    is_under_way: impl Fn(&O) -> bool,
) -> O::Output {
    let core = current_or_refuse();
    register(operation.as_mut(), Waiter::new(core));
    let mut registered = Registered { operation };
    loop {
        match park(core, &*registered.operation) {
            Wake::Normal => {
                if let Some(output) = registered.operation.as_mut().attempt() {
                    registered.withdraw();
                    return output;
                }
            }
            // It was woken for an earlier wait, by another thread, which was late.
            Wake::Cancelled if is_under_way(&registered.operation) => core.signals.set(Signals::MUST_CANCEL),
            Wake::Cancelled => {
                registered.withdraw();
                raise_cancellation();
            }
        }
    }
}

/// Registers, and withdraws where that is left by an unwind.
#[inline(always)]
pub(super) fn register<O: Operation>(operation: Pin<&mut O>, waiter: Waiter) {
    let mut registered = Registered { operation };
    registered.operation.as_mut().register(waiter);
    mem::forget(registered);
}

/// Parks, and withdraws.
#[inline(always)]
fn wait_registered<O: Operation, T>(
    core: &TaskCore,
    operation: Pin<&mut O>,
    attempt: impl FnOnce(Pin<&mut O>) -> Option<T>,
) -> (Wake, Option<T>) {
    let mut registered = Registered { operation };
    let wake = park(core, &*registered.operation);
    let output = match wake {
        Wake::Normal => attempt(registered.operation.as_mut()),
        Wake::Cancelled => None,
    };
    registered.withdraw();
    (wake, output)
}

/// An operation that is withdrawn however the wait for it is left.
struct Registered<'a, O: Operation> {
    operation: Pin<&'a mut O>,
}

impl<O: Operation> Registered<'_, O> {
    /// What dropping it does, but inlined for certain.
    #[inline(always)]
    fn withdraw(mut self) {
        self.operation.as_mut().withdraw();
        mem::forget(self);
    }
}

impl<O: Operation> Drop for Registered<'_, O> {
    fn drop(&mut self) {
        self.operation.as_mut().withdraw();
    }
}

/// Lets the others run: the task goes on in the next tick.
///
/// # Cancellation
///
/// Unwinds when the task was cancelled.
///
/// # Panics
///
/// Panics where a task may not wait; see [`Operation::wait`].
///
/// # Examples
///
/// ```
/// cede::run(|| {
///     let other = cede::spawn(|| print!("world"));
///     print!("hello ");
///     cede::yield_now();
///     other.join().unwrap();
/// });
/// ```
#[inline(always)]
pub fn yield_now() {
    let core = current_or_refuse();
    note_swallowed(core);
    // The scheduler puts it back into the run queue when it sees this.
    core.state.set(State::Ready);
    if suspend(core) == Wake::Cancelled {
        raise_cancellation();
    }
}

/// The record of the current task, which may suspend itself here.
///
/// # Panics
///
/// Panics, with what to do, where it may not.
#[inline(always)]
fn current_or_refuse<'a>() -> &'a TaskCore {
    match current_if_free() {
        Some(core) => core,
        None => refuse(),
    }
}

/// The task that runs, if it may suspend itself. Only looks.
#[inline(always)]
fn current_if_free<'a>() -> Option<&'a TaskCore> {
    let task = with_scheduler(Scheduler::current).flatten()?;
    // SAFETY: the current task is owned by the scheduler until it has ended, and this runs on its stack.
    let core = unsafe { &*task.as_ptr() };
    let is_free = !core.signals.has(Signals::NO_SWITCH) && !thread::panicking() && carries_this_code(core);
    is_free.then_some(core)
}

/// Whether this code runs on the task's stack, perhaps with generators on top.
#[inline(always)]
fn carries_this_code(core: &TaskCore) -> bool {
    // SAFETY: the frame of a task that runs is alive.
    core.frame.get().is_some_and(|frame| unsafe { frame.as_ref() }.coroutine.carries_this_code())
}

#[cold]
fn refuse() -> ! {
    match refusal() {
        Some(refusal) => panic!("cede: {refusal}"),
        None => unreachable!("a refusal has a reason"),
    }
}

/// Suspends the current task until it is woken or cancelled. What it waits for has been arranged.
#[inline(always)]
fn park(core: &TaskCore, waiting: &dyn Waiting) -> Wake {
    note_swallowed(core);
    // SAFETY: only the lifetime changes. The pointer is cleared before the wait returns, and nobody follows it but
    // while this task is parked.
    let waiting: NonNull<dyn Waiting> = unsafe { std::mem::transmute(NonNull::from(waiting)) };
    core.waiting.set(Some(waiting));
    let state = if core.signals.is_quiet() { State::Parked } else { cancel_at_once(core) };
    core.state.set(state);
    let wake = suspend(core);
    core.waiting.set(None);
    wake
}

/// A cancellation that was requested before is delivered to the wait that begins: gives how the task goes to sleep.
#[cold]
fn cancel_at_once(core: &TaskCore) -> State {
    if !core.signals.has(Signals::MUST_CANCEL) || core.signals.has(Signals::MASKED) {
        return State::Parked;
    }
    core.signals.clear(Signals::MUST_CANCEL);
    // While it still counts as running: where tasks join each other in a ring, this request comes round.
    match core.waiting().map(Waiting::cancel) {
        Some(CancelWait::HandedOn) if !core.signals.take(Signals::MUST_CANCEL) => State::Parked,
        // Nobody has woken it, since it does not sleep yet.
        Some(CancelWait::Ended) => State::Ready,
        Some(CancelWait::TooLate) => {
            // It has been woken, or is going to be by another thread.
            core.signals.set(Signals::MUST_CANCEL);
            State::Parked
        }
        _ => {
            core.signals.set(Signals::CANCEL_ORDERED);
            State::Ready
        }
    }
}

/// Switches to the scheduler. Back again, says whether a cancellation is to be raised.
#[inline(always)]
fn suspend(core: &TaskCore) -> Wake {
    let frame = core.frame.get().expect("a task that runs has a stack");
    core.resting.set(stack_pointer() as *const u8);
    // SAFETY: the task runs on this thread, beneath this call, perhaps with generators on top, which are left as they are;
    // nothing unwinds (`refusal`).
    unsafe {
        frame.as_ref().coroutine.suspend(Event::Suspended);
    }
    if core.signals.is_quiet() { Wake::Normal } else { wake_up(core) }
}

/// Says whether a cancellation is to be raised.
#[cold]
fn wake_up(core: &TaskCore) -> Wake {
    if core.signals.has(Signals::MASKED) {
        if core.signals.take(Signals::CANCEL_ORDERED) {
            core.signals.set(Signals::MUST_CANCEL);
        }
        return Wake::Normal;
    }
    if core.signals.take(Signals::MUST_CANCEL | Signals::CANCEL_ORDERED) {
        Wake::Cancelled
    } else {
        Wake::Normal
    }
}

/// Somebody has caught a cancellation without naming it, and the task goes on as if nothing had been. It gets
/// it again at this suspension.
#[inline(always)]
fn note_swallowed(core: &TaskCore) {
    if !core.signals.is_quiet() && core.signals.take(Signals::UNWINDING) {
        core.swallowed.set(core.swallowed.get() + 1);
        core.signals.set(Signals::MUST_CANCEL);
    }
}

/// Unwinds the current task.
pub(crate) fn raise_cancellation() -> ! {
    let task = with_scheduler(Scheduler::current).flatten().expect("only a task is cancelled");
    // SAFETY: the current task is owned by the scheduler until it has ended, and this runs on its stack.
    let core = unsafe { task.as_ref() };
    core.signals.set(Signals::UNWINDING);
    panic::resume_unwind(Box::new(CancelToken { task: core.key.get() }))
}
