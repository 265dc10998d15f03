//! CPython 3.13's tests of what crosses threads (`RunCoroutineThreadsafeTests` in `test_tasks.py`, `wrap_future` in
//! `test_futures.py`), idea for idea. The name of the case stands above each test.
//!
//! | left out | why |
//! |---|---|
//! | `test_run_coroutine_threadsafe_task_factory_exception` | there are no factories of tasks |
//! | `test_wrap_future_future`, `test_wrap_future_cancel2`, `DuckTests.test_wrap_future`, `test_wrap_future_*_loop` | the handle of a task of another thread is not wrapped, since any run can wait for it; `cpython_executors.rs` has those of executors |

use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use cede::runtime::unblock;
use cede::sync::Queue;
use cede::{Handle, RemoteJoinError, RemoteJoinHandle, current, spawn, yield_now};

/// A run that any thread gives tasks, and in which another thread waits for one. What that gives, and whether tasks are left.
fn from_a_thread<T: Send + 'static>(target: impl FnOnce(Handle) -> T + Send + 'static) -> T {
    cede::run(|| {
        let handle = Handle::current();
        unblock(move || target(handle))
    })
}

/// Adds, after others had their turn.
fn add(a: u32, b: u32) -> u32 {
    yield_now();
    a + b
}

// test_run_coroutine_threadsafe
#[test]
fn a_thread_gives_a_run_a_task_and_waits_for_its_value() {
    assert_eq!(from_a_thread(|run| run.spawn(|| add(1, 2)).join().unwrap()), 3);
}

// test_run_coroutine_threadsafe_with_exception
#[test]
fn a_thread_is_given_the_error_of_its_task() {
    let error = from_a_thread(|run| {
        let task = run.try_spawn(|| {
            yield_now();
            Err::<u32, _>("Fail!")
        });
        task.join().unwrap_err()
    });
    assert_eq!(error.to_string(), "Fail!");
}

// test_run_coroutine_threadsafe_with_timeout
#[test]
fn a_thread_that_does_not_wait_long_enough_may_cancel_its_task() {
    let error: RemoteJoinError = from_a_thread(|run| {
        let task: RemoteJoinHandle<()> = run.spawn(|| Queue::<()>::unbounded().get().unwrap());
        assert!(task.join_timeout(Duration::ZERO).is_none());
        assert!(task.cancel());
        task.join().unwrap_err()
    });
    assert!(error.is_cancelled());
}

// test_run_coroutine_threadsafe_task_cancelled
#[test]
fn a_thread_is_told_that_its_task_was_cancelled() {
    let error = from_a_thread(|run| {
        let task = run.spawn(|| {
            current().unwrap().cancel();
            yield_now();
        });
        task.join().unwrap_err()
    });
    assert!(error.is_cancelled());
}

// test_wrap_future
#[test]
fn a_task_waits_for_the_work_of_another_thread() {
    let (text, id) = cede::run(|| unblock(|| ("oi", thread::current().id())));
    assert_eq!(text, "oi");
    assert_ne!(id, thread::current().id());
}

// test_wrap_future_cancel
#[test]
fn cancelling_the_wait_for_the_work_of_another_thread_cancels_that() {
    let (tell, told) = mpsc::channel();
    let stop = Arc::new(Queue::<()>::unbounded());
    let stopped = Arc::clone(&stop);
    let other = thread::spawn(move || {
        cede::run(|| {
            tell.send(Handle::current()).unwrap();
            stopped.get().unwrap();
        });
    });
    let elsewhere = told.recv().unwrap();
    cede::run(|| {
        let work = Arc::new(elsewhere.spawn(|| Queue::<()>::unbounded().get().unwrap()));
        let joined = Arc::clone(&work);
        let task = spawn(move || joined.join());
        yield_now();
        task.cancel();
        assert!(task.join().unwrap_err().is_cancelled());
        assert!(work.join().unwrap_err().is_cancelled());
    });
    stop.put_nowait(()).unwrap();
    other.join().unwrap();
}
