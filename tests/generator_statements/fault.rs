//! What the tests of generators throw, and what they see of the unraisable hook.

use std::cell::RefCell;
use std::error::Error;
use std::fmt;

/// An error that tests know by its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fault(pub(crate) u32);

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "fault {}", self.0)
    }
}

impl Error for Fault {}

thread_local!(static REPORTED: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) });

/// What this thread reports to the unraisable hook while `f` runs. The hook is the whole process's, so every
/// test that sets it in this process sets this one.
pub(crate) fn reported<T>(f: impl FnOnce() -> T) -> (T, Vec<String>) {
    cede::set_unraisable_hook(|unraisable| {
        REPORTED.with_borrow_mut(|reported| reported.push(unraisable.error().to_string()));
    });
    REPORTED.take();
    let result = f();
    (result, REPORTED.take())
}

/// A panic without a report on stderr.
pub(crate) fn silent_panic(text: &str) -> ! {
    std::panic::resume_unwind(Box::new(text.to_owned()))
}

/// The text with which `f` panics.
pub(crate) fn panic_text<T>(f: impl FnOnce() -> T) -> String {
    let Err(payload) = std::panic::catch_unwind(std::panic::AssertUnwindSafe(f)) else { panic!("no panic") };
    match payload.downcast::<String>() {
        Ok(text) => *text,
        Err(payload) => (*payload.downcast::<&str>().expect("a text")).to_owned(),
    }
}
