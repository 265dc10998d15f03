//! What a task and its handle on another thread promise each other, in every order of the two. The task itself is left out: what
//! it does with its handle (`begin`, `end`) is done here by the thread of its run.

use loom::thread as threads;

use super::super::models::{Run, model};
use super::*;

/// A task that is to run here, as far as its handle knows.
fn task(run: &Run) -> (Arc<Shared<Arc<()>>>, RemoteJoinHandle<Arc<()>>) {
    let origin = Origin { inbox: run.inbox(), home: thread::current().id(), spawned_at: Location::caller() };
    let shared = Shared::new(origin);
    (Arc::clone(&shared), RemoteJoinHandle { shared })
}

/// Begins and ends it with a value, whose count it gives. Gives how often it was to be cancelled as it began, too.
fn run_task(run: &Run, shared: Arc<Shared<Arc<()>>>) -> (Arc<()>, u32) {
    let value = Arc::new(());
    let cancels = shared.begin(run.key());
    shared.end(Ok(Arc::clone(&value)), String::new());
    (value, cancels)
}

#[test]
fn a_thread_that_waits_gets_the_value_once() {
    model(|| {
        let run = Run::new();
        let (shared, handle) = task(&run);
        let joins = threads::spawn(move || {
            drop(handle.join().unwrap());
            assert!(handle.join().is_err());
        });
        let (value, _) = run_task(&run, shared);
        joins.join().unwrap();
        assert_eq!(Arc::strong_count(&value), 1);
    });
}

#[test]
fn a_task_of_another_run_that_waits_gets_the_value_once() {
    model(|| {
        let run = Run::new();
        let (shared, handle) = task(&run);
        let joins = threads::spawn(move || {
            let run = Run::new();
            drop(run.wait(pin!(handle.joining())).unwrap().unwrap());
        });
        let (value, _) = run_task(&run, shared);
        joins.join().unwrap();
        assert_eq!(Arc::strong_count(&value), 1);
    });
}

#[test]
fn of_two_who_wait_one_gets_the_value_and_both_are_told() {
    model(|| {
        let run = Run::new();
        let (shared, handle) = task(&run);
        let other = RemoteJoinHandle { shared: Arc::clone(&shared) };
        let blocks = threads::spawn(move || other.join().is_ok());
        let waits = threads::spawn(move || {
            let run = Run::new();
            run.wait(pin!(handle.joining())).unwrap().is_ok()
        });
        let (value, _) = run_task(&run, shared);
        let values = [blocks.join().unwrap(), waits.join().unwrap()];
        assert_ne!(values[0], values[1]);
        assert_eq!(Arc::strong_count(&value), 1);
    });
}

#[test]
fn a_value_that_nobody_takes_goes_with_the_last_who_could() {
    model(|| {
        let run = Run::new();
        let (shared, handle) = task(&run);
        let forgets = threads::spawn(move || {
            let _ = handle.is_finished();
            drop(handle);
        });
        let (value, _) = run_task(&run, shared);
        forgets.join().unwrap();
        assert_eq!(Arc::strong_count(&value), 1);
    });
}

#[test]
fn a_cancellation_reaches_a_task_that_has_not_ended_and_says_so() {
    model(|| {
        let run = Run::new();
        let (shared, handle) = task(&run);
        let cancels = threads::spawn(move || u32::from(handle.cancel()));
        let (_, at_begin) = run_task(&run, shared);
        let requests = cancels.join().unwrap();
        let mut calls = 0;
        run.inbox().drain(&mut |message| {
            assert!(matches!(message, super::super::inbox::Message::Call(_)));
            calls += 1;
        });
        assert_eq!(at_begin + calls, requests);
    });
}

#[test]
fn one_who_waits_and_is_cancelled_leaves_the_value_there() {
    model(|| {
        let run = Run::new();
        let (shared, handle) = task(&run);
        let (tell, told) = loom::sync::mpsc::channel();
        let waits = threads::spawn(move || {
            let run = Run::new();
            tell.send(run.inbox()).unwrap();
            let had = run.wait(pin!(handle.joining())).is_some();
            (handle, had)
        });
        let inbox = told.recv().unwrap();
        let cancels = threads::spawn(move || drop(inbox.call(Box::new(|| ()))));
        let (value, _) = run_task(&run, shared);
        let (handle, had) = waits.join().unwrap();
        cancels.join().unwrap();
        assert_eq!(Arc::strong_count(&value), if had { 1 } else { 2 });
        drop(handle);
        assert_eq!(Arc::strong_count(&value), 1);
    });
}
