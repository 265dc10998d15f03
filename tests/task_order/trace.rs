//! What the tests of tasks share: runs under virtual time, traces with the number of the tick, and what hooks are told.
//!
//! The number of the tick comes from a task that is the first in each tick and counts. Time stands still as long as it
//! runs, so what needs time to pass runs without it.

#![allow(dead_code, reason = "each file of tests uses a part")]

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::panic::{self, AssertUnwindSafe};
use std::time::Duration;

use cede::Runner;

thread_local! {
    static TICK: Cell<u64> = const { Cell::new(0) };
    static TRACE: RefCell<Vec<(u64, String)>> = const { RefCell::new(Vec::new()) };
    static REPORTED: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

pub(crate) const SECOND: Duration = Duration::from_secs(1);

/// Runs a main task under virtual time, and ends what it leaves behind.
pub(crate) fn run<T>(main: impl FnOnce() -> T) -> T {
    let runner = Runner::builder().virtual_time(true).build();
    let value = runner.run(main).unwrap();
    runner.close().unwrap();
    value
}

/// The same, with ticks counted.
pub(crate) fn ticking<T>(main: impl FnOnce() -> T) -> T {
    TICK.set(0);
    TRACE.take();
    run(|| {
        cede::spawn(|| {
            loop {
                TICK.set(TICK.get() + 1);
                cede::yield_now();
            }
        });
        cede::yield_now();
        main()
    })
}

pub(crate) fn tick() -> u64 {
    TICK.get()
}

/// How many ticks pass until `f` returns.
pub(crate) fn ticks(f: impl FnOnce()) -> u64 {
    let before = tick();
    f();
    tick() - before
}

/// Writes a line of the trace.
pub(crate) fn log(text: impl Into<String>) {
    let line = (tick(), text.into());
    TRACE.with_borrow_mut(|trace| trace.push(line));
}

/// The trace so far, without ticks.
pub(crate) fn logged() -> Vec<String> {
    TRACE.take().into_iter().map(|(_, text)| text).collect()
}

/// The trace so far, with ticks counted from the given one.
pub(crate) fn logged_since(tick: u64) -> Vec<(u64, String)> {
    TRACE.take().into_iter().map(|(at, text)| (at - tick, text)).collect()
}

/// What this thread reports to the hook for tasks while `f` runs. The hook is the whole process's, so every test of this process
/// that sets it sets this one.
pub(crate) fn reported<T>(f: impl FnOnce() -> T) -> (T, Vec<String>) {
    cede::set_task_hook(|report| {
        REPORTED.with_borrow_mut(|all| all.push(format!("{}: {}", report.name(), report.message())));
    });
    REPORTED.take();
    let value = f();
    (value, REPORTED.take())
}

/// A panic without a report on stderr.
pub(crate) fn silent_panic(text: &str) -> ! {
    panic::resume_unwind(Box::new(text.to_owned()))
}

pub(crate) fn text_of(payload: Box<dyn Any + Send>) -> String {
    match payload.downcast::<String>() {
        Ok(text) => *text,
        Err(payload) => (*payload.downcast::<&str>().expect("a text")).to_owned(),
    }
}

/// The text with which `f` panics.
pub(crate) fn panic_text<T>(f: impl FnOnce() -> T) -> String {
    let Err(payload) = panic::catch_unwind(AssertUnwindSafe(f)) else { panic!("no panic") };
    text_of(payload)
}

/// Logs that it is dropped.
pub(crate) struct Logs(pub(crate) &'static str);

impl Drop for Logs {
    fn drop(&mut self) {
        log(self.0);
    }
}
