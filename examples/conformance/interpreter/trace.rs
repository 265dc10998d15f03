//! The trace of the program that is running on this thread.
//!
//! It is a thread-local because cede's hook for unraisable errors belongs to the whole process: the hook that
//! [`record`] installs writes to the trace of the thread on which the error came up, so programs may run on several
//! threads at once.

use std::cell::RefCell;
use std::sync::Once;

use super::exception::Exception;

thread_local! {
    static LINES: RefCell<Option<Vec<String>>> = const { RefCell::new(None) };
}

static HOOK: Once = Once::new();

/// Starts an empty trace on this thread.
pub(crate) fn record() {
    HOOK.call_once(|| {
        cede::set_unraisable_hook(|unraisable| {
            put(format!("unraisable {}", Exception::from_error(unraisable.error())))
        });
    });
    LINES.set(Some(Vec::new()));
}

/// Appends a line. After [`finish`] it is dropped.
pub(crate) fn put(line: String) {
    LINES.with_borrow_mut(|lines| {
        if let Some(lines) = lines {
            lines.push(line);
        }
    });
}

/// Ends the trace of this thread and returns it.
pub(crate) fn finish() -> Vec<String> {
    LINES.take().unwrap_or_default()
}
