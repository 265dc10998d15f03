//! Runs that are woken from elsewhere: by threads that they know nothing of, and by another run of their thread.

use std::sync::{Arc, Mutex, mpsc};
use std::thread;

use cede::sync::Queue;
use cede::{RunError, Runner, set_task_hook, spawn, take_task_hook, yield_now};

#[test]
fn a_run_that_waits_for_a_queue_is_woken_by_a_thread_without_a_handle() {
    let queue = Arc::new(Queue::unbounded());
    let (asked, ask) = mpsc::channel();
    let theirs = Arc::clone(&queue);
    let thread = thread::spawn(move || {
        for item in 0..1000 {
            ask.recv().unwrap();
            theirs.put_nowait(item).unwrap();
        }
    });
    cede::run(|| {
        for item in 0..1000 {
            asked.send(()).unwrap();
            assert_eq!(queue.get(), Ok(item));
        }
    });
    thread.join().unwrap();
}

#[test]
fn two_runs_on_two_threads_hand_items_to_each_other() {
    let (there, back) = (Arc::new(Queue::bounded(1)), Arc::new(Queue::bounded(1)));
    let (theirs, answers) = (Arc::clone(&there), Arc::clone(&back));
    let thread = thread::spawn(move || {
        cede::run(|| {
            while let Ok(item) = theirs.get() {
                answers.put(item + 1).unwrap();
            }
        });
    });
    cede::run(|| {
        for item in 0..2000 {
            there.put(item).unwrap();
            assert_eq!(back.get(), Ok(item + 1));
        }
        there.shutdown(false);
    });
    thread.join().unwrap();
}

#[test]
fn a_run_that_only_threads_can_wake_says_so_after_a_while() {
    let queue = Arc::new(Queue::unbounded());
    let (said, reports) = mpsc::channel();
    let said = Mutex::new(said);
    set_task_hook(move |report| said.lock().unwrap().send(report.to_string()).unwrap());
    let theirs = Arc::clone(&queue);
    let thread = thread::spawn(move || {
        let report = reports.recv().unwrap();
        theirs.put_nowait(7).unwrap();
        report
    });
    assert_eq!(cede::run(|| queue.get()), Ok(7));
    drop(take_task_hook());
    let report = thread.join().unwrap();
    assert!(report.starts_with("a run: waits for other threads"), "{report}");
    assert!(
        report.contains("task 1 \"Task-1\"  gets from Queue(0) made at tests/runtime_elsewhere.rs"),
        "{report}"
    );
}

#[test]
fn a_run_that_is_by_itself_is_at_a_deadlock_at_once() {
    let runner = Runner::builder().by_itself(true).build();
    let error = runner.run(|| Queue::<()>::unbounded().get()).unwrap_err();
    assert!(matches!(error, RunError::Deadlock(_)), "{error}");
}

#[test]
fn a_task_of_another_run_of_the_thread_is_woken_in_its_own_run() {
    let (first, second) = (Runner::new(), Runner::new());
    let queue = Arc::new(Queue::unbounded());
    let theirs = Arc::clone(&queue);
    let waiting = first
        .run(|| {
            let waiting = spawn(move || theirs.get());
            yield_now();
            waiting
        })
        .unwrap();
    second.run(|| queue.put(5).unwrap()).unwrap();
    assert!(!waiting.is_finished());
    assert_eq!(first.run(|| waiting.join().unwrap()).unwrap(), Ok(5));
}
