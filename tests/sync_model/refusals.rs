//! Where nothing may wait, and what is said there; what is said where nothing can go on.

use std::cell::Cell;
use std::thread;

use cede::{Runner, no_switch, yield_now};

use super::trace::{panic_text, reported, run, silent_panic};

/// Calls `check` outside of a run, in a callback, inside `no_switch` and in a destructor during an unwind, with what a wait
/// says there.
pub(crate) fn everywhere(check: fn(&str)) {
    const NO_TASK: &str = "cede: only a task can wait: call this inside cede::run, not in a callback";
    check(NO_TASK);
    let ((), reports) = reported(|| {
        run(|| {
            no_switch(|| check("inside no_switch"));
            cede::call_soon(move || check(NO_TASK));
            yield_now();
            let checked = Cell::new(false);
            let text = panic_text(|| {
                let _checks = ChecksInDrop { check, checked: &checked };
                silent_panic("unwinding")
            });
            assert_eq!((&*text, checked.get()), ("unwinding", true));
        });
    });
    assert_eq!(reports, [""; 0]);
}

struct ChecksInDrop<'a> {
    check: fn(&str),
    checked: &'a Cell<bool>,
}

impl Drop for ChecksInDrop<'_> {
    fn drop(&mut self) {
        assert!(thread::panicking());
        (self.check)("a task can't wait while its thread is unwinding");
        self.checked.set(true);
    }
}

/// Asserts that `f` panics and says why.
pub(crate) fn assert_refused<T>(why: &str, f: impl FnOnce() -> T) {
    let text = panic_text(f);
    assert!(text.contains(why), "{text}");
}

/// The report of the deadlock that a run of `main` ends in.
pub(crate) fn deadlock<T>(main: impl FnOnce() -> T) -> String {
    match Runner::builder().by_itself(true).build().run(main) {
        Ok(_) => panic!("it came to an end"),
        Err(error) => error.to_string(),
    }
}
