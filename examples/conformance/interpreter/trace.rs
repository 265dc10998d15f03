//! The trace of the program that is running on this thread.
//!
//! It is a thread-local because cede's hooks for unraisable errors and for errors of tasks belong to the whole process: the
//! hooks that [`record`] installs write to the trace of the thread on which the error came up, so programs may run on
//! several threads at once.

use std::cell::RefCell;
use std::sync::Once;

use super::exception::Exception;

thread_local! {
    static TRACE: RefCell<Option<Trace>> = const { RefCell::new(None) };
}

static HOOKS: Once = Once::new();

struct Trace {
    lines: Vec<String>,
    /// Whether errors that nobody can be told of are in it.
    unraisable: bool,
    ended: bool,
}

/// Starts an empty trace on this thread. `unraisable` says whether it has the errors that nobody can be told of, too.
pub(crate) fn record(unraisable: bool) {
    HOOKS.call_once(|| {
        cede::set_unraisable_hook(|unraisable| {
            if TRACE.with_borrow(|trace| trace.as_ref().is_some_and(|trace| trace.unraisable)) {
                put(format!("unraisable {}", Exception::from_error(unraisable.error())));
            }
        });
        // Of errors of tasks that nobody asks for, Python's asyncio has a log, and a trace has nothing.
        cede::set_task_hook(|_| {});
    });
    TRACE.set(Some(Trace { lines: Vec::new(), unraisable, ended: false }));
}

/// Appends a line. After [`end`] it is dropped.
pub(crate) fn put(line: String) {
    TRACE.with_borrow_mut(|trace| {
        if let Some(trace) = trace
            && !trace.ended
        {
            trace.lines.push(line);
        }
    });
}

/// The trace has all its lines, though the program may still run.
pub(crate) fn end() {
    TRACE.with_borrow_mut(|trace| {
        if let Some(trace) = trace {
            trace.ended = true;
        }
    });
}

/// Ends the trace of this thread and returns it.
pub(crate) fn finish() -> Vec<String> {
    TRACE.take().map_or_else(Vec::new, |trace| trace.lines)
}
