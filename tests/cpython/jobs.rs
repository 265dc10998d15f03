//! Futures in any state, for the tests of executors.

#![allow(dead_code, reason = "each file of tests uses a part")]

use std::sync::{Mutex, mpsc};

use cede::executor::{Executor, Future, Job, ThreadPoolExecutor};

/// An executor whose jobs are done by hand, to have futures in any state.
#[derive(Default)]
pub(crate) struct ByHand(Mutex<Vec<Job>>);

impl Executor for ByHand {
    fn execute(&self, job: Job) {
        self.0.lock().unwrap().push(job);
    }
}

impl ByHand {
    /// A future whose job has not begun, and the job.
    pub(crate) fn pending<T: Send + 'static>(f: impl FnOnce() -> T + Send + 'static) -> (Future<T>, Job) {
        let executor = ByHand::default();
        let future = executor.submit(f);
        let job = executor.0.lock().unwrap().remove(0);
        (future, job)
    }
}

pub(crate) fn successful() -> Future<u32> {
    let (future, job) = ByHand::pending(|| 42);
    job.run();
    future
}

pub(crate) fn cancelled() -> Future<u32> {
    let (future, _job) = ByHand::pending(|| 42);
    assert!(future.cancel());
    future
}

pub(crate) fn failed() -> Future<u32> {
    let executor = ByHand::default();
    let future = executor.try_submit(|| "x".parse::<u32>());
    let job = executor.0.lock().unwrap().remove(0);
    job.run();
    future
}

/// A future whose job runs until the gate is dropped.
pub(crate) fn running(pool: &ThreadPoolExecutor) -> (Future<u32>, mpsc::Sender<()>) {
    let (open, gate) = mpsc::channel::<()>();
    let (begin, begun) = mpsc::channel();
    let future = pool.submit(move || {
        begin.send(()).unwrap();
        gate.recv().unwrap_err();
        7
    });
    begun.recv().unwrap();
    (future, open)
}

pub(crate) fn pool() -> ThreadPoolExecutor {
    ThreadPoolExecutor::new(5)
}
