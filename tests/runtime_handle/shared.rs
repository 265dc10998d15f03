//! What the tests of handles share: runs for threads, and values that say where they are dropped.

#![allow(dead_code, reason = "each file of tests uses a part")]

use std::panic::resume_unwind;
use std::sync::{Arc, mpsc};
use std::thread::{self, ThreadId};

use cede::Handle;
use cede::sync::Queue;

use super::trace::reported;

pub(crate) fn forever() {
    Queue::<()>::unbounded().get().unwrap();
}

/// Runs `f` on another thread with a handle of a run, which goes on until `f` has returned.
pub(crate) fn with_run<T: Send + 'static>(f: impl FnOnce(Handle) -> T + Send + 'static) -> T {
    cede::run(|| {
        let (run, stop) = (Handle::current(), Arc::new(Queue::unbounded()));
        let stopped = Arc::clone(&stop);
        let thread = thread::spawn(move || {
            let value = f(run);
            stop.put_nowait(()).unwrap();
            value
        });
        stopped.get().unwrap();
        match thread.join() {
            Ok(value) => value,
            Err(payload) => resume_unwind(payload),
        }
    })
}

/// What is reported of tasks and callbacks while `f` runs, and not that a run waits, as one does on a machine that is busy enough.
pub(crate) fn reported_of_tasks<T>(f: impl FnOnce() -> T) -> (T, Vec<String>) {
    let (value, mut reports) = reported(f);
    reports.retain(|report| !report.starts_with("a run: "));
    (value, reports)
}

/// Says on which thread it is dropped.
pub(crate) struct Tells(mpsc::Sender<ThreadId>);

impl Drop for Tells {
    fn drop(&mut self) {
        self.0.send(thread::current().id()).unwrap();
    }
}

pub(crate) fn tells() -> (Tells, mpsc::Receiver<ThreadId>) {
    let (tell, told) = mpsc::channel();
    (Tells(tell), told)
}
