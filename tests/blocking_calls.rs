//! Blocking calls of tasks, on the threads that are there for them.

use std::panic::{self, AssertUnwindSafe};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use cede::Runner;
use cede::unblock;

#[test]
fn a_blocking_call_gives_its_value_from_another_thread() {
    let here = thread::current().id();
    let (sum, there) = cede::run(|| unblock(|| ((1..=10).sum::<u32>(), thread::current().id())));
    assert_eq!(sum, 55);
    assert_ne!(here, there);
}

#[test]
fn other_tasks_run_while_one_waits_for_a_blocking_call() {
    cede::run(|| {
        let (release, released) = mpsc::channel();
        let blocked = cede::spawn(move || unblock(move || released.recv().unwrap()));
        let other = cede::spawn(move || (0..10).for_each(|_| cede::yield_now()));
        other.join().unwrap();
        release.send("released").unwrap();
        assert_eq!(blocked.join().unwrap(), "released");
    });
}

#[test]
fn a_panic_of_a_blocking_call_goes_on_in_the_task() {
    cede::run(|| {
        let payload = panic::catch_unwind(|| unblock(|| panic::resume_unwind(Box::new(7_u32)))).unwrap_err();
        assert_eq!(payload.downcast_ref::<u32>(), Some(&7));
    });
}

#[test]
fn many_calls_beyond_the_number_of_threads_all_come_to_their_end() {
    let calls = Arc::new(AtomicU32::new(0));
    cede::run(|| {
        let tasks: Vec<_> = (0..2000)
            .map(|i| {
                let calls = Arc::clone(&calls);
                cede::spawn(move || {
                    unblock(move || {
                        calls.fetch_add(1, Ordering::Relaxed);
                        i
                    })
                })
            })
            .collect();
        for (i, task) in tasks.iter().enumerate() {
            assert_eq!(task.join().unwrap(), i);
        }
    });
    assert_eq!(calls.load(Ordering::Relaxed), 2000);
}

#[test]
fn a_cancelled_task_leaves_its_call_alone_and_the_run_waits_for_that() {
    let done = Arc::new(AtomicBool::new(false));
    let is_done = Arc::clone(&done);
    let (begin, begun) = mpsc::channel();
    let (release, released) = mpsc::channel::<()>();
    let releaser = cede::run(move || {
        let task = cede::spawn(move || {
            unblock(move || {
                begin.send(()).unwrap();
                released.recv().unwrap();
                is_done.store(true, Ordering::SeqCst);
            })
        });
        unblock(move || begun.recv().unwrap());
        task.cancel();
        assert!(task.join().unwrap_err().is_cancelled());
        thread::spawn(move || release.send(()).unwrap())
    });
    assert!(done.load(Ordering::SeqCst), "the run has waited for the call");
    releaser.join().unwrap();
}

#[test]
fn a_blocking_call_needs_a_task() {
    let payload = panic::catch_unwind(|| unblock(|| ())).unwrap_err();
    assert!(payload.downcast_ref::<String>().unwrap().contains("cede::run"));
    cede::run(|| {
        let refused = panic::catch_unwind(AssertUnwindSafe(|| cede::no_switch(|| unblock(|| ()))));
        assert!(refused.unwrap_err().downcast_ref::<String>().unwrap().contains("no_switch"));
    });
}

#[test]
fn virtual_time_stands_still_while_a_call_is_under_way() {
    let runner = Runner::builder().virtual_time(true).build();
    let in_time = runner.run(|| {
        let (begin, begun) = mpsc::channel();
        let slow = move || {
            begin.send(()).unwrap();
            thread::yield_now();
            1
        };
        let called = cede::timeout(Duration::from_secs(1), || unblock(slow));
        begun.recv().unwrap();
        called
    });
    assert_eq!(in_time.unwrap().unwrap(), 1);
}

#[test]
fn a_run_that_waits_for_nothing_but_a_blocking_call_is_not_at_a_deadlock() {
    let (release, released) = mpsc::channel::<()>();
    let waker = cede::run(|| {
        let thread = thread::spawn(move || release.send(()).unwrap());
        unblock(move || released.recv().unwrap());
        thread
    });
    waker.join().unwrap();
}

#[test]
fn a_deadlock_after_blocking_calls_is_still_found() {
    let error = Runner::builder().by_itself(true).build().run(|| {
        unblock(|| ());
        cede::sync::Queue::<()>::unbounded().get()
    });
    assert!(matches!(error, Err(cede::RunError::Deadlock(_))), "{error:?}");
}
