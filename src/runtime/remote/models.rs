//! What a task that crosses threads and its handles promise each other, in every order of the two. The closure, the record of the task
//! and its owner's part are real; what is left out is the coroutine: it is run and let go here by the thread of its run.
//!
//! That a key, a closure, a result and a failure are touched as the table in `shared` has it is watched by `Place` in each of them.

use std::error::Error;

use loom::thread as threads;

use super::super::models::{Run, model};
use super::super::task::{AnyTask, TaskKey};
use super::*;
use crate::atomics::{AtomicBool, Ordering};

/// A value that is counted, with what holds it: the closure, the result, who has taken it.
type Value = Arc<()>;

/// A value whose end is a moment at which other threads may come.
struct Watched(Arc<AtomicBool>);

impl Drop for Watched {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Relaxed);
    }
}

/// A task for this thread, and what its closure gives.
fn task<T: Send + 'static>(given: Given<T>) -> (Unbegun, RemoteJoinHandle<T>) {
    let home = Some(thread::current().id());
    let origin = Origin { home, runtime: 0, spawned_at: Location::caller(), observed: false };
    let (unbegun, handle) = make(origin, None, move || given);
    // What is made at the first use is made here.
    assert!(!handle.is_finished());
    handle.shared().touch();
    (unbegun, handle)
}

/// One that succeeds, with its value.
fn succeeds() -> (Unbegun, RemoteJoinHandle<Value>, Value) {
    let value = Arc::new(());
    let (unbegun, handle) = task(Ok(Arc::clone(&value)));
    (unbegun, handle, value)
}

/// One that fails.
fn fails() -> (Unbegun, RemoteJoinHandle<Value>) {
    task(Err(Box::<dyn Error + Send + Sync>::from("it has failed")))
}

fn has_failed(joined: &Result<Value, RemoteJoinError>) -> bool {
    joined.as_ref().is_err_and(|error| error.to_string().contains("it has failed"))
}

/// The same task's handle once more.
fn copy(handle: &RemoteJoinHandle<Value>) -> RemoteJoinHandle<Value> {
    RemoteJoinHandle { joint: Arc::clone(&handle.joint), marker: PhantomData }
}

/// Makes it a task of the run, with a number under which the run is found.
fn begin(run: &Run, unbegun: Unbegun) -> std::rc::Rc<dyn AnyTask> {
    let key = TaskKey { scheduler: run.scheduler().serial, index: 1, generation: 0 };
    unbegun.begin(run.scheduler(), |task| {
        task.core().key.set(key);
        task
    })
}

/// All of its life. Gives how often it was to be cancelled as it began.
fn run_task(run: &Run, unbegun: Unbegun) -> u32 {
    let task = begin(run, unbegun);
    let cancels = task.core().cancels.get();
    task.run();
    drop(task);
    cancels
}

/// Waits in a run of its own.
fn wait(handle: &RemoteJoinHandle<Value>) -> Result<Value, RemoteJoinError> {
    Run::new().wait(pin!(handle.joining())).expect("nobody cancels it")
}

#[test]
fn a_thread_that_waits_gets_the_value_once() {
    model(|| {
        let run = Run::new();
        let (unbegun, handle, value) = succeeds();
        let joins = threads::spawn(move || {
            drop(handle.join().unwrap());
            assert!(handle.join().unwrap_err().is_already_taken());
        });
        run_task(&run, unbegun);
        joins.join().unwrap();
        assert_eq!(Arc::strong_count(&value), 1);
    });
}

#[test]
fn a_task_of_another_run_that_waits_gets_the_value_once() {
    model(|| {
        let run = Run::new();
        let (unbegun, handle, value) = succeeds();
        let joins = threads::spawn(move || drop(wait(&handle).unwrap()));
        run_task(&run, unbegun);
        joins.join().unwrap();
        assert_eq!(Arc::strong_count(&value), 1);
    });
}

#[test]
fn of_two_who_wait_one_gets_the_value_and_both_are_told() {
    model(|| {
        let run = Run::new();
        let (unbegun, handle, value) = succeeds();
        let other = copy(&handle);
        let blocks = threads::spawn(move || other.join().is_ok());
        let waits = threads::spawn(move || wait(&handle).is_ok());
        run_task(&run, unbegun);
        let values = [blocks.join().unwrap(), waits.join().unwrap()];
        assert_ne!(values[0], values[1]);
        assert_eq!(Arc::strong_count(&value), 1);
    });
}

#[test]
fn a_failure_is_told_to_all_who_wait_and_to_who_comes_later() {
    model(|| {
        let run = Run::new();
        let (unbegun, handle) = fails();
        let (first, later) = (copy(&handle), copy(&handle));
        let blocks = threads::spawn(move || has_failed(&first.join()));
        let waits = threads::spawn(move || has_failed(&wait(&handle)));
        run_task(&run, unbegun);
        assert!(blocks.join().unwrap() && waits.join().unwrap());
        assert!(has_failed(&wait(&later)));
    });
}

#[test]
fn a_value_that_nobody_takes_goes_with_the_last_who_could() {
    model(|| {
        let run = Run::new();
        let (unbegun, handle, value) = succeeds();
        let forgets = threads::spawn(move || {
            let _ = handle.is_finished();
            drop(handle);
        });
        run_task(&run, unbegun);
        forgets.join().unwrap();
        assert_eq!(Arc::strong_count(&value), 1);
    });
}

#[test]
fn who_sees_the_end_finds_the_value_there() {
    model(|| {
        let run = Run::new();
        let (unbegun, handle, value) = succeeds();
        let looks = threads::spawn(move || {
            let was_over = handle.is_finished();
            let taken = handle.shared().take();
            assert!(!was_over || taken.is_some());
            (handle, taken)
        });
        run_task(&run, unbegun);
        let (handle, taken) = looks.join().unwrap();
        let taken = taken.or_else(|| handle.shared().take()).unwrap().unwrap();
        drop(handle);
        assert_eq!(Arc::strong_count(&value), 2);
        drop(taken);
        assert_eq!(Arc::strong_count(&value), 1);
    });
}

#[test]
fn a_cancellation_reaches_a_task_that_has_not_ended_and_says_so() {
    model(|| {
        let run = Run::new();
        let (unbegun, handle, _value) = succeeds();
        let other = copy(&handle);
        let cancels = threads::spawn(move || {
            let requested = handle.cancel();
            assert!(requested || handle.is_finished());
            u32::from(requested)
        });
        let cancels_too = threads::spawn(move || u32::from(other.cancel()));
        let at_begin = run_task(&run, unbegun);
        let requests = cancels.join().unwrap() + cancels_too.join().unwrap();
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
        let (unbegun, handle, value) = succeeds();
        let (tell, told) = loom::sync::mpsc::channel();
        let waits = threads::spawn(move || {
            let run = Run::new();
            tell.send(run.inbox()).unwrap();
            let had = run.wait(pin!(handle.joining())).is_some();
            (handle, had)
        });
        let inbox = told.recv().unwrap();
        let cancels = threads::spawn(move || drop(inbox.call(Box::new(|| ()))));
        run_task(&run, unbegun);
        let (handle, had) = waits.join().unwrap();
        cancels.join().unwrap();
        assert_eq!(Arc::strong_count(&value), if had { 1 } else { 2 });
        drop(handle);
        assert_eq!(Arc::strong_count(&value), 1);
    });
}

#[test]
fn what_never_begins_is_dropped_before_who_waits_is_told() {
    model(|| {
        let is_there = Arc::new(AtomicBool::new(true));
        is_there.load(Ordering::Relaxed);
        let (unbegun, handle) = task(Ok(Watched(Arc::clone(&is_there))));
        let joins = threads::spawn(move || {
            assert!(handle.join().is_err_and(|error| error.is_run_ended()));
            assert!(!is_there.load(Ordering::Relaxed));
        });
        drop(unbegun);
        joins.join().unwrap();
    });
}

#[test]
fn a_task_that_is_given_up_says_so_though_its_record_goes_later() {
    model(|| {
        let run = Run::new();
        let (unbegun, handle, _value) = succeeds();
        let joins = threads::spawn(move || {
            assert!(wait(&handle).unwrap_err().is_run_ended());
            assert!(handle.join().unwrap_err().is_run_ended());
        });
        let task = begin(&run, unbegun);
        task.give_up();
        task.run();
        drop(task);
        joins.join().unwrap();
    });
}

#[test]
fn a_closure_may_begin_on_a_thread_that_gets_it_later() {
    model(|| {
        let (unbegun, handle, value) = succeeds();
        let deque = crate::atomics::deque::Injector::new();
        let deque = Arc::new(deque);
        let theirs = Arc::clone(&deque);
        let takes = threads::spawn(move || {
            let run = Run::new();
            let taken = theirs.steal().success();
            taken.map(|unbegun| run_task(&run, unbegun)).is_some()
        });
        let canceled = handle.cancel();
        deque.push(unbegun);
        assert!(canceled, "it can't have begun");
        if !takes.join().unwrap() {
            drop(deque.steal().success());
            assert!(handle.join().unwrap_err().is_run_ended());
        } else {
            drop(handle.shared().take().unwrap().unwrap());
        }
        drop(handle);
        assert_eq!(Arc::strong_count(&value), 1);
    });
}
