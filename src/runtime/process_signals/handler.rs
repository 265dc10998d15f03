//! What the kernel calls when a signal comes that somebody in this process wants.
//!
//! It may run at any moment on any thread, on a stack of its own (`SA_ONSTACK`), since a coroutine's may be small. It takes no lock and
//! allocates nothing: it reads what the board has published, sets bits, and ends sleeps, for which there is a write to a
//! descriptor.
//!
//! ```text
//!                          ┌─ somebody listens ───▶ RAISED gets its bit; where that is new, all runs that listen are told
//!   signal ──▶ INSIDE + 1 ─┤
//!                          └─ SIGINT, for a run ──▶ its inbox is told of the interrupt
//!              INSIDE - 1 ───▶ the function that was installed before, if there was one
//! ```
//!
//! # What it reads, and who lets that go
//!
//! The board publishes a [`Reach`], which never changes, by a pointer. The handler counts itself in `INSIDE` before it loads the pointer. Who
//! replaces it waits until nobody is inside before the old one goes; a handler that comes later sees the new one. So it is with
//! the run that SIGINT interrupts. The function that was installed before is called when this one has left, since it may do
//! what it likes, even never come back.
//!
//! # A flood
//!
//! Only who sets a bit that was clear tells the runs. Whoever dispatches clears the bits first and tells the listeners then, so that what
//! is raised meanwhile tells the runs again: after the last signal there is a dispatch.

use std::cell::Cell;
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicUsize, Ordering};
use std::thread;

use libc::c_int;

use super::action::{Action, Function};
use super::signal_set::{AtomicSignalSet, SignalSet};
use crate::runtime::inbox::Inbox;

/// Those that were raised since the last dispatch.
pub(super) static RAISED: AtomicSignalSet = AtomicSignalSet::new();

/// What the handler has to know. Null: nothing.
static REACH: AtomicPtr<Reach> = AtomicPtr::new(ptr::null_mut());

/// The inbox of the run that SIGINT interrupts where nobody listens to it.
static INTERRUPTED: AtomicPtr<Inbox> = AtomicPtr::new(ptr::null_mut());

/// That run was interrupted.
static WAS_INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// How many calls of the handler look at these.
static INSIDE: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    /// The signals whose earlier functions are being called. Plain memory of the thread, without initialisation or destructor.
    static PASSING_ON: Cell<SignalSet> = const { Cell::new(SignalSet::EMPTY) };
}

/// See the head of this file.
#[derive(Default)]
pub(super) struct Reach {
    /// What somebody listens to.
    pub(super) wanted: SignalSet,
    /// What the signals did before, where that was a function.
    pub(super) before: Vec<(c_int, Action)>,
    pub(super) runs: Vec<Arc<Inbox>>,
    pub(super) endings: Vec<(SignalSet, Arc<Ending>)>,
}

/// Has the second of some signals end the process.
#[derive(Debug, Default)]
pub(crate) struct Ending {
    first_came: AtomicBool,
}

impl Ending {
    /// One of its signals has come.
    fn note(&self, signal: c_int) {
        if self.first_came.swap(true, Ordering::SeqCst) {
            // SAFETY: may be called in a signal handler, which is why no buffers are written.
            unsafe { libc::_exit(128 + signal) }
        }
    }
}

/// Has the handler see this from now on. Only the board calls it, one call after the other.
pub(super) fn publish(reach: Reach) {
    let new = if reach.before.is_empty() && reach.wanted.is_empty() {
        ptr::null_mut()
    } else {
        Box::into_raw(Box::new(reach))
    };
    let old = REACH.swap(new, Ordering::SeqCst);
    wait_until_nobody_is_inside();
    if !old.is_null() {
        // SAFETY: it was made above, is published no more, and nobody looks at it any more.
        drop(unsafe { Box::from_raw(old) });
    }
}

/// SIGINT interrupts this run from now on, or none: then the one before may go.
pub(super) fn set_interrupted(run: Option<&Arc<Inbox>>) {
    WAS_INTERRUPTED.store(false, Ordering::SeqCst);
    INTERRUPTED.store(run.map_or(ptr::null_mut(), |run| Arc::as_ptr(run).cast_mut()), Ordering::SeqCst);
    wait_until_nobody_is_inside();
}

/// Whether the run was interrupted since it was set.
pub(super) fn was_interrupted() -> bool {
    WAS_INTERRUPTED.load(Ordering::SeqCst)
}

fn wait_until_nobody_is_inside() {
    while INSIDE.load(Ordering::SeqCst) > 0 {
        thread::yield_now();
    }
}

/// The number by which the system knows the handler.
pub(super) fn address() -> libc::sighandler_t {
    type Handler = extern "C" fn(c_int, *mut libc::siginfo_t, *mut libc::c_void);
    handle as Handler as *const () as libc::sighandler_t
}

/// Called by the kernel, or by a handler that has taken the place of this one.
extern "C" fn handle(signal: c_int, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
    if SignalSet::may_hold(signal) {
        let errno = errno::errno();
        if let Some(before) = note(signal) {
            pass_on(&before, signal, info, context);
        }
        errno::set_errno(errno);
    }
}

/// Notes that a signal has come. Gives what it did before, where that was a function.
fn note(signal: c_int) -> Option<Action> {
    INSIDE.fetch_add(1, Ordering::SeqCst);
    // SAFETY: what is published stays until nobody is inside any more.
    let reach = unsafe { REACH.load(Ordering::SeqCst).as_ref() };
    let before = reach.and_then(|reach| reach.before.iter().find(|(of, _)| *of == signal));
    let before = before.map(|(_, action)| *action);
    // A function that this one passes signals on to may itself pass them on to this one: then it has been noted.
    let is_new = before.is_none() || !PASSING_ON.get().has(signal);
    match reach.filter(|reach| reach.wanted.has(signal)) {
        Some(reach) if is_new => note_wanted(reach, signal),
        None if signal == libc::SIGINT => interrupt(),
        _ => {}
    }
    INSIDE.fetch_sub(1, Ordering::SeqCst);
    before.filter(|_| is_new)
}

fn note_wanted(reach: &Reach, signal: c_int) {
    for (_, ending) in reach.endings.iter().filter(|(signals, _)| signals.has(signal)) {
        ending.note(signal);
    }
    if RAISED.insert(signal) {
        reach.runs.iter().for_each(|run| run.signal());
    }
}

/// Interrupts the run that is to be.
fn interrupt() {
    // By the kernel's doing it is the default now, unless another handler was installed, which has called this one.
    if !Action::current(libc::SIGINT).is_ok_and(|action| action.is_default()) {
        return;
    }
    // SAFETY: it stays until nobody is inside any more.
    if let Some(run) = unsafe { INTERRUPTED.load(Ordering::SeqCst).as_ref() } {
        WAS_INTERRUPTED.store(true, Ordering::SeqCst);
        run.interrupt();
    }
}

fn pass_on(before: &Action, signal: c_int, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
    let outer = PASSING_ON.replace(PASSING_ON.get().with(SignalSet::of(signal)));
    match before.function() {
        // SAFETY: it was installed for this signal, and is called as the kernel would have called it.
        Some(Function::Informed(function)) => unsafe { function(signal, info, context) },
        // SAFETY: the same.
        Some(Function::Plain(function)) => unsafe { function(signal) },
        None => {}
    }
    PASSING_ON.set(outer);
}
